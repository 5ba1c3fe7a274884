/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

void smr_metrics_print(const struct smr_metrics *sets, size_t count, FILE *out)
{
	const char *comma = "{";
	unsigned long long sum;

#define SMR_METRICS_PRINT(name, what)                                             \
	sum = 0;                                                                  \
	for (size_t i = 0; i < count; i++)                                        \
		sum += atomic_load_explicit(&sets[i].name, memory_order_relaxed); \
	fprintf(out, "%s\"" #name "\": %llu", comma, sum);                        \
	comma = ", ";
	SMR_METRICS(SMR_METRICS_PRINT)
#undef SMR_METRICS_PRINT
	fputc('}', out);
}
