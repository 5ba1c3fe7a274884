/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step from one epoch of package keys to the next: the walk that encrypts anew what waits, and when epochs begin and end
 * (packages.c).
 *
 * A step looks at some buckets behind where the walk stands, at as many packages of each as make STEP_ROWS together: at one bucket of
 * a large store, at many of a small one. It asks what is there, then locks what it can of it; what it cannot lock is passed over.
 * Four round trips in all: lock the walk, ask, lock, and write, note where the walk stands and commit.
 *
 * The order is (bucket, epoch, EID), that of the index package_epoch: what is to be done in a bucket stands together, and what has been
 * written anew comes after it. With the epoch behind the EID each step would read, and leave out, all that others have done. And
 * should a package ever come from one earlier epoch to another while the walk goes, it moves forward: never behind the walk.
 */
#include <stdlib.h>

#include "store/pg/packages.h"

#define EPOCH_S 86400u
#define LATER_S 10u /* a load is under way */
#define AGAIN_S 1u  /* somebody holds what is left, or makes the step */
#define STEP_ROWS 256u
#define WIDTH_FIRST 16u
#define WIDTH_MAX STEP_ROWS

/* Where the walk stands: all before this place has been looked at. */
struct place {
	uint32_t bucket;
	uint64_t epoch;
	struct smr_eid eid;
	size_t eid_len; /* 0: at the beginning of the bucket */
};

struct row {
	uint32_t bucket;
	struct smr_eid eid;
	uint8_t sealed[SMR_X_MAX + SMR_RING_OVERHEAD];
	size_t len;
};

struct step {
	struct smr_store *store;
	uint64_t epoch; /* that all is encrypted under */
	struct place at;
	bool left; /* something was passed over since the walk began */
	unsigned width;
	unsigned limit;		     /* packages of each bucket */
	PGresult *there[WIDTH_MAX];  /* of each bucket */
	PGresult *locked[WIDTH_MAX]; /* of each in which there is something */
	struct place next;
	bool stopped; /* `next` lies within a bucket: what comes behind it is a gift */
	struct row rows[STEP_ROWS];
	size_t count;
};

/* ---- asking ---- */

static enum smr_err queue_bucket(const struct step *s, enum smr_sql which, unsigned i)
{
	struct smr_pg *pg = smr_pg_of(s->store);
	struct smr_pg_params *params = &pg->params;

	smr_pg_params_clear(params);
	smr_pg_put_int(params, SMR_PG_INT4, s->at.bucket + i);
	smr_pg_put_int(params, SMR_PG_INT8, s->epoch);
	smr_pg_put_int(params, SMR_PG_INT8, i == 0 ? s->at.epoch : 0);
	smr_pg_put_bytes(params, s->at.eid.octets, i == 0 ? s->at.eid_len : 0);
	smr_pg_put_int(params, SMR_PG_INT8, s->limit);
	return smr_pg_queue_params(pg, which);
}

static enum smr_err keep_answer(void *context, PGresult **result)
{
	PGresult ***place = context;

	*(*place)++ = *result;
	*result = NULL;
	return SMR_OK;
}

static enum smr_err find_some(struct step *s)
{
	PGresult **place = s->there;

	for (unsigned i = 0; i < s->width; i++)
		SMR_TRY(queue_bucket(s, SMR_SQL_PACKAGES_THERE, i));
	return smr_pg_wait(smr_pg_of(s->store), SMR_PG_OTHER_MS, keep_answer, &place);
}

static enum smr_err lock_some(struct step *s)
{
	PGresult **place = s->locked;

	for (unsigned i = 0; i < s->width; i++)
		if (PQntuples(s->there[i]) > 0)
			SMR_TRY(queue_bucket(s, SMR_SQL_PACKAGES_OLD, i));
	return smr_pg_wait(smr_pg_of(s->store), SMR_PG_OTHER_MS, keep_answer, &place);
}

/* ---- what was answered ---- */

/* What cannot be read stays: smr_store_lose_packages. Whatever else fails may succeed the next time, and fails the step: a package that
 * was left out is never looked at again, and its key is forgotten. */
static enum smr_err take_row(struct step *s, uint32_t bucket, const PGresult *locked, int i)
{
	struct smr_package_ring *ring = s->store->ring;
	struct smr_bytes eid = smr_pg_bytes(locked, i, 0);
	struct row *row = &s->rows[s->count];
	uint8_t x[SMR_X_MAX];
	size_t len = 0;
	enum smr_err err;

	if (s->count == STEP_ROWS || eid.len != sizeof(row->eid.octets))
		return SMR_OK;
	row->bucket = bucket;
	memcpy(row->eid.octets, eid.ptr, eid.len);
	err = smr_pg_open_x(ring, smr_pg_int(locked, i, 1), &row->eid, smr_pg_bytes(locked, i, 2), x, &len);
	if (err == SMR_E_UNOPENED || err == SMR_E_NOT_FOUND)
		return SMR_OK;
	if (err == SMR_OK)
		err = smr_package_ring_seal(ring, s->epoch, &row->eid, smr_bytes_of(x, len), row->sealed);
	SMR_WIPE(x);
	if (err != SMR_OK)
		return smr_store_say(s->store, err, "a package cannot be encrypted anew, and is tried again: %s",
				     smr_err_text(err));
	row->len = len + SMR_RING_OVERHEAD;
	s->count++;
	return SMR_OK;
}

/* Both are in the same order, from the same place on. */
static bool has_all(const PGresult *locked, const PGresult *there)
{
	for (int i = 0; i < PQntuples(there); i++) {
		if (i >= PQntuples(locked) || !smr_bytes_equal(smr_pg_bytes(locked, i, 0), smr_pg_bytes(there, i, 0)))
			return false;
	}
	return true;
}

/* There may be more behind this place. */
static struct place last_of(uint32_t bucket, const PGresult *there)
{
	int last = PQntuples(there) - 1;
	struct smr_bytes eid = smr_pg_bytes(there, last, 0);
	struct place place = {.bucket = bucket, .epoch = smr_pg_int(there, last, 1)};

	place.eid_len = eid.len < SMR_EID_LEN ? eid.len : SMR_EID_LEN;
	memcpy(place.eid.octets, eid.ptr, place.eid_len);
	return place;
}

static enum smr_err take_bucket(struct step *s, uint32_t bucket, const PGresult *there, const PGresult *locked)
{
	for (int i = 0; i < PQntuples(locked); i++)
		SMR_TRY(take_row(s, bucket, locked, i));
	if (s->stopped)
		return SMR_OK;
	s->left = s->left || !has_all(locked, there);
	s->stopped = (unsigned)PQntuples(there) == s->limit;
	s->next = s->stopped ? last_of(bucket, there) : (struct place){.bucket = bucket + 1};
	return SMR_OK;
}

static enum smr_err take_all(struct step *s)
{
	PGresult *const *locked = s->locked;

	for (unsigned i = 0; i < s->width; i++)
		SMR_TRY(take_bucket(s, s->at.bucket + i, s->there[i], PQntuples(s->there[i]) > 0 ? *locked++ : NULL));
	return SMR_OK;
}

static enum smr_err look(struct step *s)
{
	SMR_TRY(find_some(s));
	SMR_TRY(lock_some(s));
	return take_all(s);
}

/* ---- one step of the walk ---- */

/* Without the lock of writers: a load may go on meanwhile, and what it holds is passed over. Whoever stops amid it, or falls off the
 * network, is not to hold for hours what he has locked. */
static enum smr_err begin_short(struct smr_pg *pg)
{
	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_BEGIN_WRITE));
	pg->in_transaction = true;
	return smr_pg_queue_plain(pg, SMR_SQL_PROMPTNESS);
}

/* @p is_free  nobody else is making a step. */
static enum smr_err lock_walk(struct step *s, bool *is_free)
{
	struct smr_query q = smr_query_begin(s->store, SMR_SQL_PACKAGE_WALK);
	struct smr_bytes eid;

	smr_query_int(&q, s->epoch);
	*is_free = smr_query_step(&q);
	if (*is_free) {
		eid = smr_column_bytes(&q, 2);
		s->at.bucket = (uint32_t)smr_column_int(&q, 0);
		s->at.epoch = smr_column_int(&q, 1);
		s->at.eid_len = eid.len < SMR_EID_LEN ? eid.len : SMR_EID_LEN;
		if (s->at.eid_len > 0)
			memcpy(s->at.eid.octets, eid.ptr, s->at.eid_len);
		s->left = smr_column_int(&q, 3) != 0;
	}
	return smr_query_end(&q);
}

static enum smr_err note_walk(const struct step *s)
{
	struct smr_query q = smr_query_begin(s->store, SMR_SQL_PACKAGE_WALK_SET);

	smr_query_int(&q, s->epoch);
	smr_query_int(&q, s->next.bucket);
	smr_query_int(&q, s->next.epoch);
	smr_query_blob(&q, s->next.eid.octets, s->next.eid_len);
	smr_query_int(&q, s->left);
	return smr_query_run(&q);
}

static enum smr_err write_rows(struct step *s)
{
	struct smr_pg *pg = smr_pg_of(s->store);
	struct smr_pg_rows rows = smr_pg_rows_begin(pg, SMR_PG_PACKAGE_AGAIN);

	for (size_t i = 0; i < s->count; i++) {
		smr_pg_put_int(&pg->params, SMR_PG_INT4, s->rows[i].bucket);
		smr_pg_put_bytes(&pg->params, s->rows[i].eid.octets, SMR_EID_LEN);
		smr_pg_put_bytes(&pg->params, s->rows[i].sealed, s->rows[i].len);
		smr_pg_put_int(&pg->params, SMR_PG_INT8, s->epoch);
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

/* As many buckets as keep a step busy and no more. */
static void choose_width(struct step *s, unsigned *width)
{
	uint32_t ahead = SMR_PG_BUCKETS - s->at.bucket;

	*width = *width != 0 ? *width : WIDTH_FIRST;
	s->width = *width < ahead ? *width : ahead;
	s->limit = STEP_ROWS / *width;
}

static void adapt_width(const struct step *s, unsigned *width)
{
	if (s->stopped && *width > 1)
		*width /= 2;
	else if (!s->stopped && *width < WIDTH_MAX)
		*width *= 2;
}

static enum smr_err walk_on(struct step *s, struct smr_store_rotation *out)
{
	unsigned *width = &smr_pg_of(s->store)->walk_width;
	bool is_free;

	SMR_TRY(lock_walk(s, &is_free));
	if (!is_free || s->at.bucket >= SMR_PG_BUCKETS) {
		out->wait_s = AGAIN_S;
		return SMR_OK;
	}
	choose_width(s, width);
	SMR_TRY(look(s));
	adapt_width(s, width);
	if (s->next.bucket == SMR_PG_BUCKETS && s->left) {
		s->next = (struct place){0};
		s->left = false;
		out->wait_s = AGAIN_S;
	}
	SMR_TRY(write_rows(s));
	return note_walk(s);
}

static void free_step(struct step *s)
{
	for (unsigned i = 0; i < WIDTH_MAX; i++) {
		PQclear(s->there[i]);
		PQclear(s->locked[i]);
	}
	free(s);
}

static enum smr_err walk_step(struct smr_store *store, uint64_t epoch, struct smr_store_rotation *out)
{
	struct step *s = calloc(1, sizeof(*s));
	enum smr_err err;

	if (s == NULL)
		return SMR_E_NO_MEMORY;
	s->store = store;
	s->epoch = epoch;
	err = begin_short(smr_pg_of(store));
	if (err == SMR_OK)
		err = walk_on(s, out);
	err = smr_write_end(store, err);
	free_step(s);
	return err;
}

/* ---- epochs ---- */

static enum smr_err next_epoch(struct smr_store *store, uint64_t seen)
{
	struct smr_pg_epochs now;

	SMR_TRY(smr_pg_epochs_read(store, &now));
	return now.newest == seen ? smr_pg_epochs_put(store, now.newest + 1) : SMR_OK; /* somebody was first */
}

/* What the last one encrypted under is all that packages need, and one more. */
static enum smr_err end_old_epochs(struct smr_store *store, uint64_t newest)
{
	return smr_pg_epochs_end_before(store, newest - 1);
}

/* With the lock of writers. SMR_E_BUSY: somebody holds it, and was not waited for. */
static enum smr_err change_epochs(struct smr_store *store, bool wait,
				  enum smr_err (*change)(struct smr_store *store, uint64_t newest), uint64_t newest)
{
	struct smr_pg *pg = smr_pg_of(store);
	enum smr_err err;

	if (wait) {
		SMR_TRY(smr_write_begin(store));
		return smr_write_end(store, change(store, newest));
	}
	err = begin_short(pg);
	if (err == SMR_OK)
		err = smr_query_do(store, SMR_SQL_WRITER_LOCK);
	if (err == SMR_OK)
		err = change(store, newest);
	err = smr_write_end(store, err);
	return err == SMR_E_UNAVAILABLE && pg->state == SMR_PG_READY ? SMR_E_BUSY : err;
}

static bool is_over(const struct smr_pg_epochs *epochs)
{
	return epochs->walk == SMR_PG_BUCKETS && epochs->oldest + 1 >= epochs->newest;
}

static enum smr_err rotate(struct smr_store *store, bool now, struct smr_pg_epochs *epochs,
			   struct smr_store_rotation *out)
{
	/* No epoch begins before the walk of the last one has ended: who has read that one, and comes late with his step, finds nothing to
	 * do, and what has been walked is never begun anew. */
	if (is_over(epochs) && (now || epochs->age_s >= EPOCH_S)) {
		SMR_TRY(change_epochs(store, now, next_epoch, epochs->newest));
		SMR_TRY(smr_pg_epochs_read(store, epochs));
	}
	if (epochs->walk < SMR_PG_BUCKETS) {
		SMR_TRY(walk_step(store, epochs->newest, out));
		SMR_TRY(smr_pg_epochs_read(store, epochs));
	}
	return epochs->walk == SMR_PG_BUCKETS && !is_over(epochs)
		       ? change_epochs(store, false, end_old_epochs, epochs->newest)
		       : SMR_OK;
}

enum smr_err smr_pg_rotate_packages(struct smr_store *store, bool now, struct smr_store_rotation *out)
{
	struct smr_pg_epochs epochs;
	enum smr_err err;

	*out = (struct smr_store_rotation){0};
	SMR_TRY(smr_pg_epochs_follow(store, &epochs));
	err = rotate(store, now, &epochs, out);
	if (err == SMR_E_BUSY)
		out->wait_s = LATER_S;
	else if (err != SMR_OK)
		return err;
	SMR_TRY(smr_pg_epochs_follow(store, &epochs));
	out->part = epochs.walk;
	out->done = is_over(&epochs);
	if (out->done && err == SMR_OK)
		out->wait_s = epochs.age_s >= EPOCH_S ? 0 : EPOCH_S - epochs.age_s;
	return SMR_OK;
}
