/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pace.h
 * How long the committer waits for more changes before it begins a transaction.
 *
 * Each transaction costs a sync of the disk and some processor time whatever is in it. While few changes come, one that comes is committed at
 * once. From a thousand a second on, transactions begin at least SMR_PACE_APART_US apart unless there is enough for one earlier: at 70 % of
 * what a core can do, half as many transactions leave the disk and the core the slack in which a stall of the disk is made good.
 *
 * Enough is as much as lately went together at most. Where a few devices each wait for their answer before they ask again, that is all of them,
 * and nobody waits for a change that cannot come. It is forgotten slowly, one change a window: where many devices come by chance, few
 * transactions reach it.
 *
 * Pure: the caller brings the time. Times are monotonic microseconds.
 */
#ifndef SMR_SERVER_PACE_H
#define SMR_SERVER_PACE_H

#include "base/base.h"

#define SMR_PACE_APART_US 4000u
#define SMR_PACE_ENOUGH 48u /* changes that never wait */
#define SMR_PACE_BUSY_PER_SECOND 1000u
#define SMR_PACE_WINDOW_US 200000u /* over which changes are counted */

/** All zero at first. */
struct smr_pace {
	uint64_t began_us; /* the last transaction */
	uint64_t window_us;
	uint64_t in_window; /* changes */
	size_t largest;	    /* changes of one transaction, less one for each window since */
	bool busy;	    /* by the last whole window */
};

/** So many changes do not wait. */
size_t smr_pace_enough(const struct smr_pace *pace);
/**
 * @param queued  changes that are ready now.
 * @return until when to wait for more; a time that has passed: begin.
 */
uint64_t smr_pace_until(const struct smr_pace *pace, size_t queued);
/** A transaction of @p changes begins. */
void smr_pace_note(struct smr_pace *pace, size_t changes, uint64_t now_us);

#endif
