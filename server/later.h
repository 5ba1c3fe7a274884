/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file later.h
 * When to come back: a queue of promises. Who has proved its address gets the next free slot, at the rate at which first contacts have been admitted
 * lately, so that those sent away come back as fast as they can be served and not all at once. Who has not proved it takes no slot: a flood
 * from forged addresses makes nobody wait longer.
 */
#ifndef SMR_SERVER_LATER_H
#define SMR_SERVER_LATER_H

#include "base/base.h"

struct smr_later {
	uint64_t min_us;
	uint64_t max_us;
	uint64_t next_us;  /* the next free slot, monotonic */
	uint64_t rate;	   /* admitted a second, smoothed */
	uint64_t count;	   /* admitted in this second */
	uint64_t count_us; /* when it began */
};

void smr_later_admitted(struct smr_later *later, uint64_t now_us);
/**
 * @param jitter  any 32 bits, the same ones for the same address: up to a quarter more, for an unproved address up to as much again.
 * @return seconds, at least 1.
 */
uint32_t smr_later_seconds(struct smr_later *later, uint64_t now_us, bool proved, uint32_t jitter);

#endif
