/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

void smr_metrics_print(const struct smr_metrics *metrics, FILE *out)
{
	const char *comma = "{";

#define SMR_METRICS_PRINT(name, what)                                                                             \
	fprintf(out, "%s\"" #name "\": %llu", comma, atomic_load_explicit(&metrics->name, memory_order_relaxed)); \
	comma = ", ";
	SMR_METRICS(SMR_METRICS_PRINT)
#undef SMR_METRICS_PRINT
	fputc('}', out);
}
