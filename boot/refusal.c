/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/refusal.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	enum smr_boot_reason reason;
	const char *name;
	const char *advice;
} reasons[] = {{SMR_BOOT_STARTED, "STARTED", ""},
#define ROW(name, code, advice) {SMR_BOOT_##name, #name, advice},
	       SMR_BOOT_REASONS(ROW)
#undef ROW
};

static size_t row_of(enum smr_boot_reason reason)
{
	size_t row = 0;

	while (row + 1 < SMR_COUNT(reasons) && reasons[row].reason != reason)
		row++;
	return row;
}

const char *smr_boot_reason_name(enum smr_boot_reason reason)
{
	return reasons[row_of(reason)].name;
}

enum smr_err smr_boot_refuse(struct smr_boot_refusal *refusal, enum smr_boot_reason reason, enum smr_err err,
			     const char *format, ...)
{
	struct smr_problem *problem = &refusal->problem;
	va_list args;
	size_t used;

	va_start(args, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	used = strlen(problem->text);
	(void)snprintf(problem->text + used, sizeof(problem->text) - used, ": %s", reasons[row_of(reason)].advice);
	refusal->reason = reason;
	return err;
}
