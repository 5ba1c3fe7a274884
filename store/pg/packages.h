/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file packages.h
 * What the files about package keys share: the epochs of the store. All is told in packages.c.
 */
#ifndef SMR_STORE_PG_PACKAGES_H
#define SMR_STORE_PG_PACKAGES_H

#include "store/pg/local.h"
#include "store/ring.h"

#define SMR_PG_BUCKETS SMR_STORE_ROTATION_PARTS

/* ---- which epochs there are ---- */

struct smr_pg_epochs {
	size_t count;
	uint64_t oldest;
	uint64_t newest;
	uint64_t age_s; /* of the newest */
	uint32_t walk;	/* buckets that the walk under the newest has behind it: SMR_PG_BUCKETS when it has ended */
	uint8_t tag[SMR_RING_TAG_LEN];
};
enum smr_err smr_pg_epochs_read(struct smr_store *store, struct smr_pg_epochs *out) SMR_MUST_USE;
/** Can the handle's ring read what the store holds? The problem says what to do if not. */
enum smr_err smr_pg_epochs_check(struct smr_store *store, const struct smr_pg_epochs *epochs) SMR_MUST_USE;
/** One more; the ring has it. */
enum smr_err smr_pg_epochs_put(struct smr_store *store, uint64_t epoch) SMR_MUST_USE;
enum smr_err smr_pg_epochs_end_before(struct smr_store *store, uint64_t epoch) SMR_MUST_USE;
/** Read and check them, and forget the keys of before. */
enum smr_err smr_pg_epochs_follow(struct smr_store *store, struct smr_pg_epochs *epochs) SMR_MUST_USE;

#endif
