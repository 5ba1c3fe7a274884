/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages, each X encrypted under the present epoch of the ring (store/ring.h), and how the epochs follow each other:
 *
 * 1. When an epoch is a day old, whoever notices first puts the next one into `package_key`, with the tag of its seed. From
 *    then on loads encrypt under that. They read which one it is while they hold the lock of writers, which this takes too.
 * 2. All front ends walk over the buckets, and encrypt anew what is of an earlier epoch, in short transactions, passing over
 *    rows that somebody holds. Nobody waits for them, and if all are killed the next one walks again.
 * 3. Who has walked over all buckets and found nothing left ends the epochs but for the last two. One is kept so that a
 *    store that has fallen back by some minutes, to a replica or a copy, can still be read.
 * 4. Each front end sees that, in the first two steps as well, and forgets what was before the oldest epoch that is left.
 *
 * So at any time a ring has to be able to go from the oldest epoch of `package_key` on. Epoch 0 is X in clear: packages of a
 * store of schema version 1, until the first walk has passed.
 */
#include <stdlib.h>

#include "store/pg/local.h"
#include "store/ring.h"

#define EPOCH_S 86400u
#define RANGES 64u /* of buckets: what one step walks over at least */
#define BUCKETS (4096u / RANGES)
#define STEP_ROWS 512u /* a step ends after so many */
#define ROWS 256u      /* of one transaction */
#define LATER_S 10u

/* ---- which epochs there are ---- */

struct epochs {
	size_t count;
	uint64_t oldest;
	uint64_t newest;
	uint64_t age_s; /* of the newest */
	uint8_t tag[SMR_RING_TAG_LEN];
};

static enum smr_err read_epochs(struct smr_store *store, struct epochs *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_KEYS);

	*out = (struct epochs){0};
	while (smr_query_step(&q)) {
		out->newest = smr_column_int(&q, 0);
		out->oldest = out->count++ == 0 ? out->newest : out->oldest;
		smr_column_fixed(&q, 1, out->tag, sizeof(out->tag));
		out->age_s = smr_column_int(&q, 2);
	}
	return smr_query_end(&q);
}

#define WHAT_TO_DO                                                                                                \
	"copy keys/package-*.key from a front end that works; if there is none, run «samara ro rotate packages " \
	"--lost»: "                                                                                              \
	"packages that wait are given up then, and have to be sealed anew"

/* Can this ring read what the store holds? */
static enum smr_err check_ring(struct smr_store *store, const struct epochs *epochs)
{
	struct smr_problem why = {{0}};
	uint8_t tag[SMR_RING_TAG_LEN];
	enum smr_err err;

	if (store->ring == NULL)
		return smr_store_say(store, SMR_E_INVALID, "package keys are needed for this");
	err = smr_package_ring_fit(store->ring, epochs->newest, epochs->tag, &why);
	if (err == SMR_OK && smr_package_ring_tag(store->ring, epochs->oldest, tag) != SMR_OK)
		err = smr_problem(&why, SMR_E_NOT_FOUND,
				  "the package key of epoch %llu was overwritten already: the data base is an old copy",
				  (unsigned long long)epochs->oldest);
	if (err != SMR_OK)
		(void)smr_store_say(store, err, "%s; " WHAT_TO_DO, smr_problem_text(&why, err));
	return err;
}

static enum smr_err put_epoch(struct smr_store *store, uint64_t epoch)
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

static enum smr_err end_epochs_before(struct smr_store *store, uint64_t epoch)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_KEY_END);

	smr_query_int(&q, epoch);
	SMR_TRY(smr_query_run(&q));
	return smr_bump_sequence(store);
}

/* ---- the first ring of a store ---- */

static enum smr_err begin_ring(struct smr_store *store)
{
	struct smr_problem why = {{0}};
	struct epochs epochs;
	uint64_t newest = 0;
	enum smr_err err;

	SMR_TRY(read_epochs(store, &epochs)); /* again, now that nobody else can be doing this */
	if (epochs.count != 0)
		return SMR_OK;
	err = smr_package_ring_newest_file(store->ring, &newest, &why);
	if (err == SMR_OK)
		err = smr_package_ring_make(store->ring, newest != 0 ? newest : 1, &why);
	if (err != SMR_OK)
		return smr_store_say(store, err, "%s", smr_problem_text(&why, err));
	return put_epoch(store, newest != 0 ? newest : 1);
}

enum smr_err smr_pg_use_ring(struct smr_store *store)
{
	struct epochs epochs;

	SMR_TRY(read_epochs(store, &epochs));
	if (epochs.count == 0 && store->mode == SMR_STORE_READ)
		return SMR_OK; /* there is nothing to read yet */
	if (epochs.count == 0) {
		SMR_TRY(smr_write_begin(store));
		SMR_TRY(smr_write_end(store, begin_ring(store)));
		SMR_TRY(read_epochs(store, &epochs));
	}
	return check_ring(store, &epochs);
}

/* ---- loads ---- */

/* Once per transaction: until that ends nobody begins another epoch. */
static enum smr_err present_epoch(struct smr_pg *pg)
{
	struct epochs epochs;

	if (pg->load_epoch != 0)
		return SMR_OK;
	SMR_TRY(read_epochs(&pg->base, &epochs));
	SMR_TRY(check_ring(&pg->base, &epochs));
	pg->load_epoch = epochs.newest;
	return SMR_OK;
}

enum smr_err smr_pg_put_package(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
				const struct smr_package *package, uint64_t *number)
{
	struct smr_pg *pg = smr_pg_of(store);
	uint8_t sealed[SMR_X_MAX + SMR_RING_OVERHEAD];
	struct smr_query q;

	(void)held;
	*number = 1;
	SMR_TRY(present_epoch(pg));
	SMR_TRY(smr_package_ring_seal(store->ring, pg->load_epoch, eid, package->x, sealed));
	q = smr_query_begin(store, SMR_SQL_PACKAGE_INSERT);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_blob(&q, sealed, package->x.len + SMR_RING_OVERHEAD);
	smr_query_blob(&q, package->w, sizeof(package->w));
	smr_query_bytes(&q, package->order);
	smr_query_int(&q, pg->load_epoch);
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

/* ---- encrypting anew ---- */

struct again {
	struct smr_eid eid;
	uint8_t sealed[SMR_X_MAX + SMR_RING_OVERHEAD];
	size_t len;
};

struct bucket_walk {
	uint32_t bucket;
	uint64_t epoch;	      /* the newest */
	struct smr_eid after; /* where the next transaction begins */
	struct again *rows;
	size_t count;
	size_t seen;   /* in this transaction */
	bool is_stuck; /* all that is left here cannot be read */
};

static struct smr_query bucket_query(struct smr_store *store, enum smr_sql which, const struct bucket_walk *w)
{
	struct smr_query q = smr_query_begin(store, which);

	smr_query_int(&q, w->bucket);
	smr_query_int(&q, w->epoch);
	smr_query_blob(&q, w->after.octets, sizeof(w->after.octets));
	return q;
}

/* What cannot be read stays: smr_store_lose_packages. */
static void take_row(struct smr_query *q, struct bucket_walk *w)
{
	struct again *row = &w->rows[w->count];
	uint8_t x[SMR_X_MAX];
	size_t len;

	smr_column_fixed(q, 0, row->eid.octets, sizeof(row->eid.octets));
	if (q->err != SMR_OK)
		return;
	w->seen++;
	w->after = row->eid;
	if (smr_pg_open_x(q->store->ring, smr_column_int(q, 2), &row->eid, smr_column_bytes(q, 1), x, &len) == SMR_OK &&
	    smr_package_ring_seal(q->store->ring, w->epoch, &row->eid, smr_bytes_of(x, len), row->sealed) == SMR_OK) {
		row->len = len + SMR_RING_OVERHEAD;
		w->count++;
	}
	SMR_WIPE(x);
}

static enum smr_err read_rows(struct smr_store *store, struct bucket_walk *w)
{
	struct smr_query q = bucket_query(store, SMR_SQL_PACKAGES_OLD, w);

	w->count = 0;
	w->seen = 0;
	while (smr_query_step(&q))
		take_row(&q, w);
	return smr_query_end(&q);
}

static enum smr_err write_rows(struct smr_pg *pg, const struct bucket_walk *w)
{
	struct smr_pg_rows rows = smr_pg_rows_begin(pg, SMR_PG_PACKAGE_AGAIN);

	for (size_t i = 0; i < w->count; i++) {
		smr_pg_put_int(&pg->params, SMR_PG_INT4, w->bucket);
		smr_pg_put_bytes(&pg->params, w->rows[i].eid.octets, SMR_EID_LEN);
		smr_pg_put_bytes(&pg->params, w->rows[i].sealed, w->rows[i].len);
		smr_pg_put_int(&pg->params, SMR_PG_INT8, w->epoch);
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

/* Without the lock of writers: a load may go on meanwhile, and what it holds is passed over. */
static enum smr_err begin_short(struct smr_pg *pg)
{
	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_BEGIN_WRITE));
	pg->in_transaction = true;
	return SMR_OK;
}

static enum smr_err encrypt_some(struct smr_store *store, struct bucket_walk *w)
{
	enum smr_err err = begin_short(smr_pg_of(store));

	if (err == SMR_OK)
		err = read_rows(store, w);
	if (err == SMR_OK)
		err = write_rows(smr_pg_of(store), w);
	return smr_write_end(store, err);
}

static enum smr_err encrypt_bucket(struct smr_store *store, struct bucket_walk *w, size_t *rows)
{
	bool any_read = false;
	bool any_seen = false;

	w->after = (struct smr_eid){{0}};
	do {
		SMR_TRY(encrypt_some(store, w));
		any_read = any_read || w->count > 0;
		any_seen = any_seen || w->seen > 0;
		*rows += w->count;
	} while (w->seen == ROWS);
	w->is_stuck = any_seen && !any_read;
	return SMR_OK;
}

/* Buckets of one range in which something is left. */
struct left {
	uint32_t list[BUCKETS];
	size_t count;
};

static enum smr_err find_left(struct smr_store *store, uint64_t epoch, unsigned range, struct left *left)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_BUCKETS);

	left->count = 0;
	smr_query_int(&q, range * BUCKETS);
	smr_query_int(&q, (range + 1) * BUCKETS);
	smr_query_int(&q, epoch);
	while (smr_query_step(&q) && left->count < BUCKETS)
		left->list[left->count++] = (uint32_t)smr_column_int(&q, 0);
	return smr_query_end(&q);
}

static enum smr_err encrypt_range(struct smr_store *store, struct again *room, size_t *rows)
{
	struct smr_pg_walk *walk = &smr_pg_of(store)->walk;
	struct bucket_walk w = {.epoch = walk->epoch, .rows = room};
	struct left left;

	SMR_TRY(find_left(store, walk->epoch, walk->range, &left));
	for (size_t i = 0; i < left.count; i++) {
		w.bucket = left.list[i];
		SMR_TRY(encrypt_bucket(store, &w, rows));
		walk->found = walk->found || !w.is_stuck;
	}
	walk->range++;
	return SMR_OK;
}

static enum smr_err encrypt_ranges(struct smr_store *store, struct again *room)
{
	struct smr_pg_walk *walk = &smr_pg_of(store)->walk;
	unsigned end = walk->range + 8 < RANGES ? walk->range + 8 : RANGES;
	size_t rows = 0;

	while (walk->range < end && rows < STEP_ROWS)
		SMR_TRY(encrypt_range(store, room, &rows));
	if (walk->range < RANGES)
		return SMR_OK;
	walk->done = !walk->found;
	walk->found = false;
	walk->range = 0;
	return SMR_OK;
}

/* ---- one step ---- */

static enum smr_err encrypt_step(struct smr_store *store, uint64_t epoch)
{
	struct smr_pg_walk *walk = &smr_pg_of(store)->walk;
	struct again *room;
	enum smr_err err;

	if (walk->epoch != epoch)
		*walk = (struct smr_pg_walk){.epoch = epoch};
	if (walk->done)
		return SMR_OK;
	room = calloc(ROWS, sizeof(*room));
	if (room == NULL)
		return SMR_E_NO_MEMORY;
	err = encrypt_ranges(store, room);
	free(room);
	return err;
}

static enum smr_err next_epoch(struct smr_store *store, const struct epochs *seen)
{
	struct epochs now;

	SMR_TRY(read_epochs(store, &now));
	return now.newest == seen->newest ? put_epoch(store, now.newest + 1) : SMR_OK; /* somebody was first */
}

/* Waits for a load only if it is asked to. */
static enum smr_err begin_next_epoch(struct smr_store *store, const struct epochs *seen, bool wait)
{
	struct smr_pg *pg = smr_pg_of(store);
	enum smr_err err;

	if (wait) {
		SMR_TRY(smr_write_begin(store));
		return smr_write_end(store, next_epoch(store, seen));
	}
	err = begin_short(pg);
	if (err == SMR_OK)
		err = smr_query_do(store, SMR_SQL_WRITER_LOCK);
	if (err == SMR_OK)
		err = next_epoch(store, seen);
	err = smr_write_end(store, err);
	return err == SMR_E_UNAVAILABLE && pg->state == SMR_PG_READY ? SMR_OK : err; /* the next time */
}

static enum smr_err end_old_epochs(struct smr_store *store, uint64_t newest)
{
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, end_epochs_before(store, newest - 1));
}

static enum smr_err forget(struct smr_store *store, uint64_t epoch)
{
	struct smr_problem why = {{0}};
	enum smr_err err = smr_package_ring_forget_before(store->ring, epoch, &why);

	return err == SMR_OK ? SMR_OK : smr_store_say(store, err, "%s", smr_problem_text(&why, err));
}

static enum smr_err read_and_forget(struct smr_store *store, struct epochs *epochs)
{
	SMR_TRY(read_epochs(store, epochs));
	if (epochs->count == 0)
		return smr_store_say(store, SMR_E_IO, "the store is damaged: it has no package keys");
	SMR_TRY(check_ring(store, epochs));
	return forget(store, epochs->oldest);
}

enum smr_err smr_pg_rotate_packages(struct smr_store *store, bool now, uint64_t *wait_s)
{
	const struct smr_pg_walk *walk = &smr_pg_of(store)->walk;
	struct epochs epochs;

	SMR_TRY(read_and_forget(store, &epochs));
	if (now || epochs.age_s >= EPOCH_S)
		SMR_TRY(begin_next_epoch(store, &epochs, now));
	SMR_TRY(read_epochs(store, &epochs));
	SMR_TRY(encrypt_step(store, epochs.newest));
	if (walk->done && epochs.oldest + 1 < epochs.newest)
		SMR_TRY(end_old_epochs(store, epochs.newest));
	SMR_TRY(read_and_forget(store, &epochs));
	*wait_s = !walk->done ? 0 : epochs.age_s >= EPOCH_S ? LATER_S : EPOCH_S - epochs.age_s;
	return SMR_OK;
}

/* ---- keys that are lost ---- */

/* A newer file than the store knows was there before the store fell back, or is of an earlier attempt. */
static enum smr_err begin_anew(struct smr_store *store, const struct epochs *epochs)
{
	struct smr_problem why = {{0}};
	uint64_t epoch = 0;
	enum smr_err err = smr_package_ring_newest_file(store->ring, &epoch, &why);

	epoch = epoch > epochs->newest ? epoch : epochs->newest + 1;
	if (err == SMR_OK)
		err = smr_package_ring_make(store->ring, epoch, &why);
	if (err != SMR_OK)
		return smr_store_say(store, err, "%s", smr_problem_text(&why, err));
	SMR_TRY(put_epoch(store, epoch));
	return end_epochs_before(store, epoch);
}

static enum smr_err begin_anew_if_lost(struct smr_store *store)
{
	struct epochs epochs;

	SMR_TRY(read_epochs(store, &epochs));
	if (epochs.count != 0 && check_ring(store, &epochs) == SMR_OK)
		return SMR_OK;
	return begin_anew(store, &epochs);
}

static enum smr_err read_lost(struct smr_store *store, struct bucket_walk *w)
{
	struct smr_query q = bucket_query(store, SMR_SQL_PACKAGES_LOST, w);

	w->count = 0;
	while (smr_query_step(&q) && w->count < ROWS)
		smr_column_fixed(&q, 0, w->rows[w->count++].eid.octets, SMR_EID_LEN);
	return smr_query_end(&q);
}

static enum smr_err give_up_rows(struct smr_store *store, struct bucket_walk *w)
{
	struct smr_held held;

	SMR_TRY(read_lost(store, w));
	for (size_t i = 0; i < w->count; i++) {
		SMR_TRY(smr_held_get(store, &w->rows[i].eid, &held));
		if (held.found)
			SMR_TRY(smr_held_reseal(store, &w->rows[i].eid, &held));
	}
	return SMR_OK;
}

static enum smr_err give_up_bucket(struct smr_store *store, struct bucket_walk *w, uint64_t *count)
{
	do {
		SMR_TRY(smr_write_begin(store));
		SMR_TRY(smr_write_end(store, give_up_rows(store, w)));
		*count += w->count;
	} while (w->count == ROWS);
	return SMR_OK;
}

static enum smr_err give_up_lost(struct smr_store *store, struct again *room, uint64_t oldest, uint64_t *count)
{
	struct bucket_walk w = {.epoch = oldest, .rows = room};
	struct left left;

	for (unsigned range = 0; range < RANGES; range++) {
		SMR_TRY(find_left(store, oldest, range, &left));
		for (size_t i = 0; i < left.count; i++) {
			w.bucket = left.list[i];
			SMR_TRY(give_up_bucket(store, &w, count));
		}
	}
	return SMR_OK;
}

enum smr_err smr_pg_lose_packages(struct smr_store *store, uint64_t *count)
{
	struct again *room;
	struct epochs epochs;
	enum smr_err err;

	*count = 0;
	SMR_TRY(smr_write_begin(store));
	SMR_TRY(smr_write_end(store, begin_anew_if_lost(store)));
	SMR_TRY(read_and_forget(store, &epochs));
	room = calloc(ROWS, sizeof(*room));
	if (room == NULL)
		return SMR_E_NO_MEMORY;
	err = give_up_lost(store, room, epochs.oldest, count);
	free(room);
	return err;
}
