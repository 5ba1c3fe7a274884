/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pending.h
 * The set of devices for which something is pending, in memory: a check-in that is not in it needs no store. Read by all workers,
 * replaced as a whole when the store's change sequence moves.
 */
#ifndef SMR_SERVER_PENDING_H
#define SMR_SERVER_PENDING_H

#include "store/store.h"

struct smr_pending;

/** An empty set. NULL: out of memory. */
struct smr_pending *smr_pending_new(void);
void smr_pending_free(struct smr_pending *pending);
/** Replace the content by what the store says. On error the old content stays. */
enum smr_err smr_pending_load(struct smr_pending *pending, struct smr_store *store) SMR_MUST_USE;
bool smr_pending_has(struct smr_pending *pending, const struct smr_eid *eid);
size_t smr_pending_count(struct smr_pending *pending);

#endif
