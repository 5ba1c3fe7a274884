/* SPDX-License-Identifier: Apache-2.0 */
#include "server/budget.h"

/* A bucket is the time at which it will be full: each token taken puts that off by the time it takes to earn one. */
bool smr_budget_take(struct smr_budget *budget, const struct smr_address *address, uint64_t now_us)
{
	const struct smr_address prefix = smr_address_prefix(address);
	uint64_t hash = smr_siphash(budget->key, smr_bytes_of((const uint8_t *)&prefix, sizeof(prefix)));
	uint64_t *full_us = &budget->entries[hash & (SMR_BUDGET_ENTRIES - 1)].full_us;
	uint64_t from = *full_us > now_us ? *full_us : now_us;
	uint64_t after = from + 1000000u / budget->rate;

	if (after - now_us > SMR_BUDGET_BURST_S * UINT64_C(1000000))
		return false;
	*full_us = after;
	return true;
}
