/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages, each X encrypted under the present epoch of the ring (store/ring.h), and how the epochs follow each other:
 *
 * 1. When an epoch is a day old (or somebody does not want to wait), and nothing is left to do for it, whoever notices first puts
 *    the next one into `package_key`, with the tag of its seed. From then on loads encrypt under that. They read which one it is
 *    while they hold the lock of writers, which this takes too.
 * 2. One walk goes through all packages in the order of bucket, epoch and EID, and encrypts anew what is of an earlier epoch
 *    (rotate.c). How far it has come stands in the row of the new epoch in `package_key`. Each step is one transaction over at
 *    most 256 packages: it locks that row, so all front ends carry the one walk on by turns, and whoever is killed leaves it
 *    where the last step ended. Rows that somebody holds are passed over, and it is noted that there were some.
 * 3. A walk that has come to the end and had to pass over something begins again; else it has ended: whoever sees that ends the
 *    epochs but for the last two. One is kept so that a store that has fallen back by some minutes, to a replica or a copy, can
 *    still be read.
 * 4. Each front end sees that, in the first two steps as well, and forgets what was before the oldest epoch that is left.
 *
 * So at any time a ring has to be able to go from the oldest epoch of `package_key` on. Epoch 0 is X in clear: packages of a
 * store of schema version 1, until the first walk has ended.
 */
#include "store/pg/packages.h"

/* ---- which epochs there are ---- */

enum smr_err smr_pg_epochs_read(struct smr_store *store, struct smr_pg_epochs *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_KEYS);

	*out = (struct smr_pg_epochs){0};
	while (smr_query_step(&q)) {
		out->newest = smr_column_int(&q, 0);
		out->oldest = out->count++ == 0 ? out->newest : out->oldest;
		smr_column_fixed(&q, 1, out->tag, sizeof(out->tag));
		out->age_s = smr_column_int(&q, 2);
		out->walk = (uint32_t)smr_column_int(&q, 3);
	}
	return smr_query_end(&q);
}

#define WHAT_TO_DO                                                                                                \
	"copy keys/package-*.key from a front end that works; if there is none, run «samara ro rotate packages " \
	"--lost»: "                                                                                              \
	"packages that wait are given up then, and have to be sealed anew"

/* Can this ring read what the store holds? */
enum smr_err smr_pg_epochs_check(struct smr_store *store, const struct smr_pg_epochs *epochs)
{
	struct smr_problem why = {{0}};
	uint8_t tag[SMR_RING_TAG_LEN];
	enum smr_err err;

	if (store->ring == NULL)
		return smr_store_say(store, SMR_E_INVALID, "package keys are needed for this");
	err = smr_package_ring_fit(store->ring, epochs->newest, epochs->tag, &why);
	if (err == SMR_OK) {
		err = smr_package_ring_tag(store->ring, epochs->oldest, tag);
		if (err == SMR_E_NOT_FOUND)
			(void)smr_problem(&why, err,
					  "the package key of epoch %llu was overwritten already: the data base is an "
					  "old copy",
					  (unsigned long long)epochs->oldest);
	}
	if (err != SMR_OK)
		(void)smr_store_say(store, err, "%s; " WHAT_TO_DO, smr_problem_text(&why, err));
	return err;
}

enum smr_err smr_pg_epochs_put(struct smr_store *store, uint64_t epoch)
{
	struct smr_query q;
	uint8_t tag[SMR_RING_TAG_LEN];
	enum smr_err err = smr_package_ring_tag(store->ring, epoch, tag);

	if (err != SMR_OK)
		return smr_store_say(store, err, "the package key of epoch %llu cannot be derived",
				     (unsigned long long)epoch);
	q = smr_query_begin(store, SMR_SQL_PACKAGE_KEY_PUT);
	smr_query_int(&q, epoch);
	smr_query_blob(&q, tag, sizeof(tag));
	SMR_TRY(smr_query_run(&q));
	return smr_bump_sequence(store); /* the others are to look */
}

enum smr_err smr_pg_epochs_end_before(struct smr_store *store, uint64_t epoch)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_KEY_END);

	smr_query_int(&q, epoch);
	SMR_TRY(smr_query_run(&q));
	return smr_bump_sequence(store);
}

static enum smr_err forget(struct smr_store *store, uint64_t epoch)
{
	struct smr_problem why = {{0}};
	enum smr_err err = smr_package_ring_forget_before(store->ring, epoch, &why);

	return err == SMR_OK ? SMR_OK : smr_store_say(store, err, "%s", smr_problem_text(&why, err));
}

enum smr_err smr_pg_epochs_follow(struct smr_store *store, struct smr_pg_epochs *epochs)
{
	SMR_TRY(smr_pg_epochs_read(store, epochs));
	if (epochs->count == 0)
		return smr_store_say(store, SMR_E_IO, "the store is damaged: it has no package keys");
	SMR_TRY(smr_pg_epochs_check(store, epochs));
	return forget(store, epochs->oldest);
}

/* ---- the first ring of a store ---- */

static enum smr_err begin_ring(struct smr_store *store)
{
	struct smr_problem why = {{0}};
	struct smr_pg_epochs epochs;
	uint64_t newest = 0;
	enum smr_err err;

	SMR_TRY(smr_pg_epochs_read(store, &epochs)); /* again, now that nobody else can be doing this */
	if (epochs.count != 0)
		return SMR_OK;
	err = smr_package_ring_newest_file(store->ring, &newest, &why);
	if (err == SMR_OK)
		err = smr_package_ring_make(store->ring, newest != 0 ? newest : 1, &why);
	if (err != SMR_OK)
		return smr_store_say(store, err, "%s", smr_problem_text(&why, err));
	return smr_pg_epochs_put(store, newest != 0 ? newest : 1);
}

enum smr_err smr_pg_use_ring(struct smr_store *store)
{
	struct smr_pg_epochs epochs;

	SMR_TRY(smr_pg_epochs_read(store, &epochs));
	if (epochs.count == 0 && store->mode == SMR_STORE_READ)
		return SMR_OK; /* there is nothing to read yet */
	if (epochs.count == 0) {
		SMR_TRY(smr_write_begin(store));
		SMR_TRY(smr_write_end(store, begin_ring(store)));
		SMR_TRY(smr_pg_epochs_read(store, &epochs));
	}
	return smr_pg_epochs_check(store, &epochs);
}

/* ---- loads ---- */

/* Once per transaction: until that ends nobody begins another epoch. */
static enum smr_err present_epoch(struct smr_pg *pg)
{
	struct smr_pg_epochs epochs;

	if (pg->load_epoch != 0)
		return SMR_OK;
	SMR_TRY(smr_pg_epochs_read(&pg->base, &epochs));
	SMR_TRY(smr_pg_epochs_check(&pg->base, &epochs));
	pg->load_epoch = epochs.newest;
	return SMR_OK;
}

enum smr_err smr_pg_put_package(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
				const struct smr_package *package, uint64_t *number)
{
	struct smr_pg *pg = smr_pg_of(store);
	uint8_t sealed[SMR_X_MAX + SMR_RING_OVERHEAD];
	struct smr_query q;

	*number = 1;
	SMR_TRY(present_epoch(pg));
	SMR_TRY(smr_package_ring_seal(store->ring, pg->load_epoch, eid, package->x, sealed));
	q = smr_query_begin(store, SMR_SQL_PACKAGE_INSERT);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_blob(&q, sealed, package->x.len + SMR_RING_OVERHEAD);
	smr_query_blob(&q, package->w, sizeof(package->w));
	smr_query_bytes(&q, package->order);
	smr_query_int(&q, pg->load_epoch);
	smr_query_int(&q, held->row.lineage != 0); /* with it the row waits as smr_held_waits says */
	return smr_query_run(&q);
}

/* ---- reading ---- */

enum smr_err smr_pg_open_x(struct smr_package_ring *ring, uint64_t epoch, const struct smr_eid *eid,
			   struct smr_bytes stored, uint8_t x[SMR_X_MAX], size_t *len)
{
	size_t overhead = epoch != 0 ? SMR_RING_OVERHEAD : 0;

	if (stored.len < overhead || stored.len - overhead > SMR_X_MAX)
		return SMR_E_UNOPENED;
	if (epoch != 0 && ring == NULL)
		return SMR_E_NOT_FOUND;
	if (epoch != 0)
		SMR_TRY(smr_package_ring_unseal(ring, epoch, eid, stored, x));
	else if (stored.len > 0)
		memcpy(x, stored.ptr, stored.len);
	*len = stored.len - overhead;
	return SMR_OK;
}
