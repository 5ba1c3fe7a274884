/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file timers.h
 * What is due when: a heap of (time, item). An item that is not due any more is not taken out: whoever gets it looks whether it still has
 * that time.
 */
#ifndef SMR_FLEET_TIMERS_H
#define SMR_FLEET_TIMERS_H

#include "base/base.h"

struct smr_timer {
	uint64_t due_us;
	void *item;
};

struct smr_timers {
	struct smr_timer *heap;
	size_t count;
	size_t room;
};

/** SMR_E_NO_MEMORY. */
enum smr_err smr_timers_put(struct smr_timers *timers, uint64_t due_us, void *item) SMR_MUST_USE;
/** The earliest, if it is due at @p now_us. */
bool smr_timers_take(struct smr_timers *timers, uint64_t now_us, struct smr_timer *out);
/** When the earliest is due; UINT64_MAX: there is none. */
uint64_t smr_timers_next(const struct smr_timers *timers);
/** Releases the memory. A zeroed one is allowed, before and after. */
void smr_timers_wipe(struct smr_timers *timers);

#endif
