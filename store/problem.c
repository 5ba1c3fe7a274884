/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "store/local.h"

enum smr_err smr_store_say(struct smr_store *store, enum smr_err err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(store->problem.text, sizeof(store->problem.text), format, args);
	va_end(args);
	return err;
}

const char *smr_store_problem(const struct smr_store *store)
{
	return store->problem.text;
}
