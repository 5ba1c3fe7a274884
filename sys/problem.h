/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file problem.h
 * The words that go with an error: what failed, where, and what to do about it, for the person at the terminal.
 *
 * Functions that take a `struct smr_problem *` fill it on every error; NULL means «the code is enough for me».
 * A text never contains a secret or a value read from a file of secrets.
 */
#ifndef SMR_PROBLEM_H
#define SMR_PROBLEM_H

#include "base/base.h"

#define SMR_PROBLEM_MAX 512u

struct smr_problem {
	char text[SMR_PROBLEM_MAX]; /* one line, no newline at the end */
};

/** Write the text (cut when too long) and return @p err, so that «return smr_problem(p, SMR_E_IO, "…", …)» reads well.
 */
enum smr_err smr_problem(struct smr_problem *problem, enum smr_err err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Put «context: » before the text that is there; returns @p err. */
enum smr_err smr_problem_prefix(struct smr_problem *problem, enum smr_err err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** The text, or that of @p err when none was written. Never NULL. */
const char *smr_problem_text(const struct smr_problem *problem, enum smr_err err);

/** Exit code of a program that ends with @p err: 0 done, 1 failed, 3 a rule of trust or a peer refused, 4 try later. */
int smr_exit_code(enum smr_err err);

#endif
