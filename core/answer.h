/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file answer.h
 * What the plaintexts of M2 and C2 have in common: a map that is either {0: refusal} alone or holds a ticket and
 * optional members around it (docs/protocol.md, m2-plain and c2-plain). Only key 1 differs. Nothing outside core/
 * includes this.
 */
#ifndef SMR_ANSWER_H
#define SMR_ANSWER_H

#include "core/flight.h"

/** Members of all answers. Views; empty or number 0: absent. */
struct smr_answer {
	enum smr_refusal refusal;
	struct smr_bytes ticket;
	struct smr_beacon beacon;
	struct smr_bytes flight_key;
	struct smr_bytes spare_ticket;
};

/** Writes or reads the value of key 1. */
typedef void smr_put_own(struct smr_writer *w, const void *content);
typedef void smr_get_own(struct smr_reader *r, void *content);

/** @param own  NULL: no key 1. SMR_E_INVALID in the writer: neither refusal nor ticket, or a member too long. */
void smr_put_answer(struct smr_writer *w, const struct smr_answer *answer, smr_put_own *own, const void *content);

/** Fills @p answer and, if key 1 occurs, calls @p own once. The reader fails on anything that is not an answer. */
void smr_get_answer(struct smr_reader *r, struct smr_answer *answer, smr_get_own *own, void *content);

#endif
