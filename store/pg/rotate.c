/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypting anew what waits, and the step from one epoch of package keys to the next (packages.c). */
#include <stdlib.h>

#include "store/pg/packages.h"

#define EPOCH_S 86400u
#define STEP_ROWS 512u /* a step ends after so many */
#define LATER_S 10u

/* ---- encrypting anew ---- */

/* Without the lock of writers: a load may go on meanwhile, and what it holds is passed over. */
static enum smr_err begin_short(struct smr_pg *pg)
{
	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_BEGIN_WRITE));
	pg->in_transaction = true;
	return SMR_OK;
}

/* What cannot be read stays: smr_store_lose_packages. */
static void take_row(struct smr_query *q, struct smr_pg_bucket *w)
{
	struct smr_pg_again *row = &w->rows[w->count];
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

static enum smr_err read_rows(struct smr_store *store, struct smr_pg_bucket *w)
{
	struct smr_query q = smr_pg_bucket_query(store, SMR_SQL_PACKAGES_OLD, w);

	w->count = 0;
	w->seen = 0;
	while (smr_query_step(&q))
		take_row(&q, w);
	return smr_query_end(&q);
}

static enum smr_err write_rows(struct smr_pg *pg, const struct smr_pg_bucket *w)
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

static enum smr_err encrypt_some(struct smr_store *store, struct smr_pg_bucket *w)
{
	enum smr_err err = begin_short(smr_pg_of(store));

	if (err == SMR_OK)
		err = read_rows(store, w);
	if (err == SMR_OK)
		err = write_rows(smr_pg_of(store), w);
	return smr_write_end(store, err);
}

static enum smr_err encrypt_bucket(struct smr_store *store, struct smr_pg_bucket *w, size_t *rows)
{
	bool any_read = false;
	bool any_seen = false;

	w->after = (struct smr_eid){{0}};
	do {
		SMR_TRY(encrypt_some(store, w));
		any_read = any_read || w->count > 0;
		any_seen = any_seen || w->seen > 0;
		*rows += w->count;
	} while (w->seen == SMR_PG_PACKAGE_ROWS);
	w->is_stuck = any_seen && !any_read;
	return SMR_OK;
}

static enum smr_err encrypt_range(struct smr_store *store, struct smr_pg_again *room, size_t *rows)
{
	struct smr_pg_walk *walk = &smr_pg_of(store)->walk;
	struct smr_pg_bucket w = {.epoch = walk->epoch, .rows = room};
	struct smr_pg_left left;

	SMR_TRY(smr_pg_find_left(store, walk->epoch, walk->range, &left));
	for (size_t i = 0; i < left.count; i++) {
		w.bucket = left.list[i];
		SMR_TRY(encrypt_bucket(store, &w, rows));
		walk->found = walk->found || !w.is_stuck;
	}
	walk->range++;
	return SMR_OK;
}

static enum smr_err encrypt_ranges(struct smr_store *store, struct smr_pg_again *room)
{
	struct smr_pg_walk *walk = &smr_pg_of(store)->walk;
	unsigned end = walk->range + 8 < SMR_PG_RANGES ? walk->range + 8 : SMR_PG_RANGES;
	size_t rows = 0;

	while (walk->range < end && rows < STEP_ROWS)
		SMR_TRY(encrypt_range(store, room, &rows));
	if (walk->range < SMR_PG_RANGES)
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
	struct smr_pg_again *room;
	enum smr_err err;

	if (walk->epoch != epoch)
		*walk = (struct smr_pg_walk){.epoch = epoch};
	if (walk->done)
		return SMR_OK;
	room = calloc(SMR_PG_PACKAGE_ROWS, sizeof(*room));
	if (room == NULL)
		return SMR_E_NO_MEMORY;
	err = encrypt_ranges(store, room);
	free(room);
	return err;
}

static enum smr_err next_epoch(struct smr_store *store, const struct smr_pg_epochs *seen)
{
	struct smr_pg_epochs now;

	SMR_TRY(smr_pg_epochs_read(store, &now));
	return now.newest == seen->newest ? smr_pg_epochs_put(store, now.newest + 1) : SMR_OK; /* somebody was first */
}

/* Waits for a load only if it is asked to. */
static enum smr_err begin_next_epoch(struct smr_store *store, const struct smr_pg_epochs *seen, bool wait)
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
	return smr_write_end(store, smr_pg_epochs_end_before(store, newest - 1));
}

enum smr_err smr_pg_rotate_packages(struct smr_store *store, bool now, uint64_t *wait_s)
{
	const struct smr_pg_walk *walk = &smr_pg_of(store)->walk;
	struct smr_pg_epochs epochs;

	SMR_TRY(smr_pg_epochs_follow(store, &epochs));
	if (now || epochs.age_s >= EPOCH_S)
		SMR_TRY(begin_next_epoch(store, &epochs, now));
	SMR_TRY(smr_pg_epochs_read(store, &epochs));
	SMR_TRY(encrypt_step(store, epochs.newest));
	if (walk->done && epochs.oldest + 1 < epochs.newest)
		SMR_TRY(end_old_epochs(store, epochs.newest));
	SMR_TRY(smr_pg_epochs_follow(store, &epochs));
	*wait_s = !walk->done ? 0 : epochs.age_s >= EPOCH_S ? LATER_S : EPOCH_S - epochs.age_s;
	return SMR_OK;
}
