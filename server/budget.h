/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file budget.h
 * How much of something each address prefix may have: one token bucket per prefix, in a table of fixed size. Prefixes that fall on one
 * entry share it, which may only make them poorer; where they fall is a keyed hash, so nobody chooses his neighbours.
 */
#ifndef SMR_SERVER_BUDGET_H
#define SMR_SERVER_BUDGET_H

#include "server/address.h"
#include "server/siphash.h"

#define SMR_BUDGET_ENTRIES 4096u /* a power of two */
#define SMR_BUDGET_BURST_S 2u	 /* an idle prefix has saved the budget of so many seconds */

struct smr_budget {
	const uint8_t *key; /* SMR_SIPHASH_KEY_LEN; outlives it */
	uint64_t rate;	    /* a second */
	struct {
		uint64_t full_us; /* when the bucket is full again, monotonic microseconds; 0: it is */
	} entries[SMR_BUDGET_ENTRIES];
};

/** Take one token of the prefix of @p address. False: there is none left. */
bool smr_budget_take(struct smr_budget *budget, const struct smr_address *address, uint64_t now_us);

#endif
