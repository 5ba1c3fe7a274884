/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pace.h"

size_t smr_pace_enough(const struct smr_pace *pace)
{
	return pace->largest < SMR_PACE_ENOUGH ? pace->largest : SMR_PACE_ENOUGH;
}

uint64_t smr_pace_until(const struct smr_pace *pace, size_t queued)
{
	return pace->busy && queued < smr_pace_enough(pace) ? pace->began_us + SMR_PACE_APART_US : 0;
}

void smr_pace_note(struct smr_pace *pace, size_t changes, uint64_t now_us)
{
	uint64_t passed_us = now_us - pace->window_us;

	pace->began_us = now_us;
	pace->in_window += changes;
	if (changes > pace->largest)
		pace->largest = changes;
	if (passed_us < SMR_PACE_WINDOW_US)
		return;
	pace->busy = pace->in_window * 1000000u >= (uint64_t)SMR_PACE_BUSY_PER_SECOND * passed_us;
	pace->window_us = now_us;
	pace->in_window = 0;
	if (pace->largest > 0)
		pace->largest--;
}
