/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/impair.h"

#include <stdlib.h>

bool smr_impair_active(const struct smr_impair *impair)
{
	return impair->loss > 0 || impair->duplicate > 0 || impair->reorder > 0;
}

static uint64_t delay(struct smr_impair *impair)
{
	if (smr_dice_share(&impair->dice) >= impair->reorder)
		return 0;
	return SMR_IMPAIR_DELAY_MIN_US +
	       smr_dice_below(&impair->dice, SMR_IMPAIR_DELAY_MAX_US - SMR_IMPAIR_DELAY_MIN_US);
}

size_t smr_impair_fate(struct smr_impair *impair, struct smr_impair_copy copies[2])
{
	size_t count;

	if (smr_dice_share(&impair->dice) < impair->loss)
		return 0;
	count = smr_dice_share(&impair->dice) < impair->duplicate ? 2 : 1;
	for (size_t i = 0; i < count; i++)
		copies[i].delay_us = delay(impair);
	return count;
}

enum smr_err smr_impair_hold(struct smr_impair *impair, uint64_t due_us, bool up, unsigned source,
			     struct smr_bytes octets)
{
	struct smr_impair_datagram *held;
	enum smr_err err;

	if (octets.len > sizeof(held->octets))
		return SMR_E_NO_ROOM;
	held = malloc(sizeof(*held));
	if (held == NULL)
		return SMR_E_NO_MEMORY;
	held->up = up;
	held->source = source;
	held->len = (uint16_t)octets.len;
	if (octets.len > 0)
		memcpy(held->octets, octets.ptr, octets.len);
	err = smr_timers_put(&impair->held, due_us, held);
	if (err != SMR_OK)
		free(held);
	return err;
}

struct smr_impair_datagram *smr_impair_due(struct smr_impair *impair, uint64_t now_us)
{
	struct smr_timer timer;

	return smr_timers_take(&impair->held, now_us, &timer) ? timer.item : NULL;
}

void smr_impair_wipe(struct smr_impair *impair)
{
	struct smr_impair_datagram *held;

	while ((held = smr_impair_due(impair, UINT64_MAX)) != NULL)
		free(held);
	smr_timers_wipe(&impair->held);
}
