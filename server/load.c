/* SPDX-License-Identifier: Apache-2.0 */
#include "server/load.h"

void smr_load_note(struct smr_load *load, uint64_t now_us, uint64_t age_us)
{
	/* What had arrived before the last note shows that the queue was never empty since. */
	bool same_queue = load->since_us != 0 && age_us >= now_us - load->seen_us;

	if (age_us < load->target_us)
		load->since_us = 0;
	else if (!same_queue)
		load->since_us = now_us;
	load->seen_us = now_us;
	load->age_us = age_us;
	if (load->since_us != 0 && now_us - load->since_us >= load->target_us)
		load->until_us = now_us + load->hold_us;
}

bool smr_load_is(const struct smr_load *load)
{
	return load->seen_us < load->until_us;
}
