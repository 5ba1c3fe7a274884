/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file once.h
 * `--once`: one contact on demand, told in words or as one JSON object on standard output, with an exit code for
 * scripts.
 */
#ifndef SMR_M2ME_ONCE_H
#define SMR_M2ME_ONCE_H

#include "m2me/agent.h"

enum smr_once { SMR_ONCE_PROVISION, SMR_ONCE_FLIGHT, SMR_ONCE_CHECKIN };

/** SMR_E_MALFORMED: none of «provision», «flight», «check-in». */
enum smr_err smr_once_parse(const char *word, enum smr_once *out) SMR_MUST_USE;
/** @return the exit code: 0 done, 1 failed, 3 refused, 4 try again later. */
int smr_once_run(struct smr_agent *agent, enum smr_once what, bool json);
/** The exit code that a contact ends with. */
int smr_once_exit_code(const struct smr_contact *contact);

#endif
