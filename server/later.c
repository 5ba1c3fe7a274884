/* SPDX-License-Identifier: Apache-2.0 */
#include "server/later.h"

#define SECOND_US UINT64_C(1000000)
#define RATE_MIN 10u /* a second: what is assumed when nothing was admitted lately */

static void roll(struct smr_later *later, uint64_t now_us)
{
	uint64_t passed = now_us - later->count_us;

	if (passed < SECOND_US)
		return;
	later->rate = (later->rate + later->count * SECOND_US / passed) / 2;
	later->count = 0;
	later->count_us = now_us;
}

void smr_later_admitted(struct smr_later *later, uint64_t now_us)
{
	roll(later, now_us);
	later->count++;
}

uint32_t smr_later_seconds(struct smr_later *later, uint64_t now_us, bool proved, uint32_t jitter)
{
	uint64_t slot = later->next_us > now_us ? later->next_us : now_us;
	uint64_t wait = later->min_us + slot - now_us;

	roll(later, now_us);
	wait += (proved ? wait / 4 : wait) * (jitter >> 16) >> 16;
	if (proved && slot - now_us < later->max_us)
		later->next_us = slot + SECOND_US / (later->rate > RATE_MIN ? later->rate : RATE_MIN);
	if (wait > later->max_us)
		wait = later->max_us - (later->max_us / 4 * (jitter >> 16) >> 16); /* nor all at once at the end */
	return (uint32_t)((wait + SECOND_US - 1) / SECOND_US);
}
