/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file advice.h
 * What to do about an error of a TPM. A library of its own: it is said, too, by programs that have none and hear of it from a TRE.
 */
#ifndef SMR_TPM_ADVICE_H
#define SMR_TPM_ADVICE_H

#include "sys/problem.h"

/** One sentence without full stop, static; NULL: @p err is none of those that any call of tpm.h may return, nor that a TPM's owner or firmware
 * brings about. Errors that are no TPM's alone have words that are right elsewhere too. */
const char *smr_tpm_advice(enum smr_err err);

/** @p what did not go, why, and what to do where that is known, in one line. Returns @p err. */
enum smr_err smr_tpm_problem(struct smr_problem *problem, enum smr_err err, const char *what);

#endif
