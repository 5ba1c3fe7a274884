/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file load.h
 * How loaded a worker is: the age of what it takes out of its socket. All that keeps it from receiving shows there: processing, batches that
 * wait for their commit, a machine that is busy otherwise. A pause is no load: the queue has to stay old for as long as the age that counts. Once
 * loaded, a worker counts as loaded for a while longer: what is demanded then makes the queue short, and without the demand it would be long
 * again at once.
 */
#ifndef SMR_SERVER_LOAD_H
#define SMR_SERVER_LOAD_H

#include "base/base.h"

struct smr_load {
	uint64_t target_us; /* an older queue counts */
	uint64_t hold_us;   /* loaded for so long after the last time */
	uint64_t since_us;  /* it has been older since then; 0: it is not */
	uint64_t until_us;  /* loaded */
	uint64_t seen_us;   /* last note */
	uint64_t age_us;    /* by the last note */
};

/** A datagram was received that had waited for @p age_us. @param now_us  monotonic. */
void smr_load_note(struct smr_load *load, uint64_t now_us, uint64_t age_us);
/** Loaded, by the last note? */
bool smr_load_is(const struct smr_load *load);

#endif
