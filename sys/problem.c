/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/problem.h"

#include <stdarg.h>
#include <stdio.h>

enum smr_err smr_problem(struct smr_problem *problem, enum smr_err err, const char *format, ...)
{
	va_list args;

	if (problem == NULL)
		return err;
	va_start(args, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return err;
}

enum smr_err smr_problem_prefix(struct smr_problem *problem, enum smr_err err, const char *format, ...)
{
	struct smr_problem old;
	va_list args;
	size_t used;

	if (problem == NULL)
		return err;
	(void)snprintf(old.text, sizeof(old.text), "%s", smr_problem_text(problem, err));
	va_start(args, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	used = strlen(problem->text);
	(void)snprintf(problem->text + used, sizeof(problem->text) - used, ": %s", old.text);
	return err;
}

const char *smr_problem_text(const struct smr_problem *problem, enum smr_err err)
{
	return problem != NULL && problem->text[0] != '\0' ? problem->text : smr_err_text(err);
}

int smr_exit_code(enum smr_err err)
{
	if (err == SMR_OK)
		return 0;
	switch (smr_err_class(err)) {
	case SMR_CLASS_TRUST:
		return 3;
	case SMR_CLASS_LATER:
		return 4;
	default:
		return 1;
	}
}
