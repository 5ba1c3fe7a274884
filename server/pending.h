/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pending.h
 * The devices for which something is pending, in memory: a check-in of any other needs no store. One thread follows the store's
 * journal; all workers read, without a lock per request.
 *
 * A device takes 8 octets: a fingerprint of its EID under a key of this process. Two devices share one with a probability of 2^-61,
 * whoever chose their EIDs. With the slots that are kept free it is 11 to 15 for each device for which something is
 * pending, and twice that for the moment in which they are laid out anew.
 *
 * It fails closed: when the store could not be heard for longer than a bound, every device counts as one for which something is
 * pending, until it is heard again (docs/decisions/0015-pending-filter.md).
 */
#ifndef SMR_SERVER_PENDING_H
#define SMR_SERVER_PENDING_H

#include "store/store.h"

struct smr_pending;
struct smr_pending_table;

/** Empty and closed. @param stale_ms  the bound. NULL: out of memory, or no random octets. */
struct smr_pending *smr_pending_new(uint64_t stale_ms);
/** No view may be held any more. NULL is allowed. */
void smr_pending_free(struct smr_pending *pending);

/**
 * Catch up with the store. One thread only.
 *
 * @param position  of the store, just read; @param as_of_ms  smr_clock_ms() before that: until then nothing is missed.
 * @return errors of the store: what was known stays, and grows stale.
 */
enum smr_err smr_pending_follow(struct smr_pending *pending, struct smr_store *store,
				const struct smr_store_position *position, uint64_t as_of_ms) SMR_MUST_USE;

/** What a batch of requests is judged by. It sees later changes too, but it does not become stale: hold it for one batch. */
struct smr_pending_view {
	struct smr_pending_table *table;
	const uint64_t *key;
	bool closed;
};
struct smr_pending_view smr_pending_hold(struct smr_pending *pending);
void smr_pending_release(struct smr_pending_view *view);

/** Must this device's check-in see its row? True for all when the view is closed. */
bool smr_pending_has(const struct smr_pending_view *view, const struct smr_eid *eid);

/** Is it closed at present? For people. */
bool smr_pending_is_closed(struct smr_pending *pending);
/** Devices in it. */
size_t smr_pending_count(struct smr_pending *pending);
/** Octets that they take. */
size_t smr_pending_size(struct smr_pending *pending);

#endif
