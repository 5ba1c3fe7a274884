/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file packages.h
 * What the files about package keys share: the epochs of the store, and the way through its buckets. All is told in
 * packages.c.
 */
#ifndef SMR_STORE_PG_PACKAGES_H
#define SMR_STORE_PG_PACKAGES_H

#include "store/pg/local.h"
#include "store/ring.h"

/* ---- which epochs there are ---- */

struct smr_pg_epochs {
	size_t count;
	uint64_t oldest;
	uint64_t newest;
	uint64_t age_s; /* of the newest */
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

/* ---- the way through the buckets ---- */

#define SMR_PG_RANGES 64u /* of buckets, each looked through by one statement */
#define SMR_PG_RANGE_BUCKETS (4096u / SMR_PG_RANGES)
#define SMR_PG_PACKAGE_ROWS 256u /* of one transaction */

/* Buckets of one range in which something is left. */
struct smr_pg_left {
	uint32_t list[SMR_PG_RANGE_BUCKETS];
	size_t count;
};
/** @p epoch  there are packages of an earlier one in these. */
enum smr_err smr_pg_find_left(struct smr_store *store, uint64_t epoch, unsigned range,
			      struct smr_pg_left *left) SMR_MUST_USE;

struct smr_pg_again {
	struct smr_eid eid;
	uint8_t sealed[SMR_X_MAX + SMR_RING_OVERHEAD];
	size_t len;
};

struct smr_pg_bucket {
	uint32_t bucket;
	uint64_t epoch;	      /* the newest */
	struct smr_eid after; /* where the next transaction begins */
	struct smr_pg_again *rows;
	size_t count;
	size_t seen;   /* in this transaction */
	bool is_stuck; /* all that is left here cannot be read */
};
/** A statement over bucket, epoch and the EID to go on behind. */
struct smr_query smr_pg_bucket_query(struct smr_store *store, enum smr_sql which, const struct smr_pg_bucket *w);

#endif
