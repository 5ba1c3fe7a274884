/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half of the hot path: a batch of changes in one transaction and one round trip.
 *
 * All is decided beforehand (effects.h); what is sent are rows, guarded by the revision that they were decided on. If a
 * guard fails, the statement fails and with it the transaction, and the batch is tried the longer way, in two round
 * trips: first the rows that are still what they were are claimed one by one, without waiting for any that somebody else
 * holds; then all is written for those. That is for the rare device that came to two front ends at once, or that a load
 * is working on.
 *
 * Rows are locked in the order of bucket and EID, so that two front ends do not wait for each other in a circle.
 */
#include <stdlib.h>

#include "store/effects.h"
#include "store/pg/local.h"

#define TRIES_MAX 4 /* of both ways; each waits for locks 200 ms at most (connect.c) */

struct item {
	struct smr_store_change *change;
	uint32_t bucket;
	bool counts; /* else the change has lost */
	struct smr_effects effects;
};

struct batch {
	struct smr_pg *pg;
	struct item *items; /* in the order of bucket and EID */
	size_t count;
	size_t claimed; /* items whose claims were answered */
};

/* ---- the rows of each statement ---- */

static void put_key(struct smr_pg *pg, const struct item *item)
{
	smr_pg_put_int(&pg->params, SMR_PG_INT4, item->bucket);
	smr_pg_put_bytes(&pg->params, item->change->eid.octets, sizeof(item->change->eid.octets));
}

/* New evidence gets the number of the row's new revision: it never occurs again for this device. */
static uint64_t evidence_number(const struct item *item)
{
	return item->effects.put_evidence ? item->change->revision + 1 : item->change->grip.evidence;
}

static void put_tpm(struct smr_pg_params *params, const struct smr_tpm_memory *tpm)
{
	if (tpm->known)
		smr_pg_put_bytes(params, tpm->octets, sizeof(tpm->octets));
	else
		smr_pg_put_null(params, SMR_PG_BYTEA);
}

static enum smr_err send_devices(struct batch *b)
{
	struct smr_pg_params *params = &b->pg->params;
	struct smr_pg_rows rows = smr_pg_rows_begin(b->pg, SMR_PG_ROW_UPDATE);

	for (size_t i = 0; i < b->count; i++) {
		const struct item *item = &b->items[i];
		const struct smr_store_change *change = item->change;

		if (!item->counts)
			continue;
		put_key(b->pg, item);
		smr_pg_put_int(params, SMR_PG_INT8, change->revision);
		smr_pg_put_int(params, SMR_PG_INT2, (uint64_t)change->state);
		smr_pg_put_int(params, SMR_PG_INT8, change->ctr);
		smr_pg_put_bytes(params, change->hash, sizeof(change->hash));
		smr_pg_put_int(params, SMR_PG_INT8, change->lineage);
		smr_pg_put_ref(params, item->effects.has_evidence ? evidence_number(item) : 0);
		smr_pg_put_int(params, SMR_PG_INT2, item->effects.has_x);
		put_tpm(params, &change->tpm);
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

static enum smr_err send_evidence(struct batch *b)
{
	struct smr_pg_params *params = &b->pg->params;
	struct smr_pg_rows rows = smr_pg_rows_begin(b->pg, SMR_PG_EVIDENCE_PUT);

	for (size_t i = 0; i < b->count; i++) {
		const struct item *item = &b->items[i];

		if (!item->counts || !item->effects.put_evidence)
			continue;
		put_key(b->pg, item);
		smr_pg_put_int(params, SMR_PG_INT8, evidence_number(item));
		smr_pg_put_bytes(params, item->change->evidence.ptr, item->change->evidence.len);
		smr_pg_put_bytes(params, item->change->e, sizeof(item->change->e));
		smr_pg_put_bytes(params, item->change->q, sizeof(item->change->q));
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

/* Evidence that new evidence has replaced. That which goes into the relay stays where it is: the relay names it. */
static enum smr_err drop_evidence(struct batch *b)
{
	struct smr_pg_rows rows = smr_pg_rows_begin(b->pg, SMR_PG_EVIDENCE_DROP);

	for (size_t i = 0; i < b->count; i++) {
		const struct item *item = &b->items[i];

		if (!item->counts || !item->effects.put_evidence || item->change->grip.evidence == 0)
			continue;
		put_key(b->pg, item);
		smr_pg_put_int(&b->pg->params, SMR_PG_INT8, item->change->grip.evidence);
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

static void put_relay(struct smr_pg *pg, const struct item *item, const struct smr_relay_effect *relay)
{
	const struct smr_receipt *receipt = &relay->receipt;
	struct smr_pg_params *params = &pg->params;

	put_key(pg, item);
	smr_pg_put_int(params, SMR_PG_INT8, relay->operator_number);
	smr_pg_put_bytes(params, receipt->iccid.octets, sizeof(receipt->iccid.octets));
	smr_pg_put_int(params, SMR_PG_INT8, receipt->serial);
	smr_pg_put_int(params, SMR_PG_INT2, (uint64_t)receipt->kind);
	smr_pg_put_int(params, SMR_PG_INT8, receipt->result);
	smr_pg_put_bytes(params, receipt->mac, sizeof(receipt->mac));
	smr_pg_put_ref(params, relay->with_evidence ? evidence_number(item) : 0);
}

static enum smr_err send_relay(struct batch *b)
{
	struct smr_pg_rows rows = smr_pg_rows_begin(b->pg, SMR_PG_RELAY_PUT);

	for (size_t i = 0; i < b->count; i++) {
		for (size_t n = 0; b->items[i].counts && n < b->items[i].effects.relay_count; n++) {
			put_relay(b->pg, &b->items[i], &b->items[i].effects.relays[n]);
			smr_pg_rows_next(&rows);
		}
	}
	return smr_pg_rows_end(&rows);
}

static enum smr_err drop_packages(struct batch *b)
{
	struct smr_pg_rows rows = smr_pg_rows_begin(b->pg, SMR_PG_PACKAGE_DROP);

	for (size_t i = 0; i < b->count; i++) {
		if (!b->items[i].counts || !b->items[i].effects.purge_x)
			continue;
		put_key(b->pg, &b->items[i]);
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

static enum smr_err end_commands(struct batch *b)
{
	struct smr_pg_rows rows = smr_pg_rows_begin(b->pg, SMR_PG_COMMAND_DONE);

	for (size_t i = 0; i < b->count; i++) {
		const struct item *item = &b->items[i];

		for (size_t n = 0; item->counts && n < item->effects.command_count; n++) {
			const struct smr_receipt *receipt = item->effects.commands[n];

			put_key(b->pg, item);
			smr_pg_put_bytes(&b->pg->params, receipt->iccid.octets, sizeof(receipt->iccid.octets));
			smr_pg_put_int(&b->pg->params, SMR_PG_INT8, receipt->result);
			smr_pg_rows_next(&rows);
		}
	}
	return smr_pg_rows_end(&rows);
}

/* Last: until the commit nobody else gets an entry. */
static enum smr_err send_journal(struct batch *b)
{
	struct smr_pg_rows rows = smr_pg_rows_begin(b->pg, SMR_PG_JOURNAL);

	for (size_t i = 0; i < b->count; i++) {
		if (!b->items[i].counts || !b->items[i].effects.journal)
			continue;
		put_key(b->pg, &b->items[i]);
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

/* ---- one round trip, or two ---- */

static enum smr_err begin(struct batch *b)
{
	SMR_TRY(smr_pg_queue_plain(b->pg, SMR_SQL_BEGIN_WRITE));
	b->pg->in_transaction = true;
	return SMR_OK;
}

static enum smr_err send_all(struct batch *b)
{
	SMR_TRY(send_devices(b));
	SMR_TRY(send_evidence(b));
	SMR_TRY(drop_evidence(b));
	SMR_TRY(send_relay(b));
	SMR_TRY(drop_packages(b));
	SMR_TRY(end_commands(b));
	SMR_TRY(send_journal(b));
	return smr_pg_queue_plain(b->pg, SMR_SQL_COMMIT);
}

static enum smr_err finish(struct batch *b, enum smr_err err)
{
	if (err == SMR_OK)
		err = send_all(b);
	if (err == SMR_OK)
		err = smr_pg_wait(b->pg, SMR_PG_COMMIT_MS, NULL, NULL);
	if (err != SMR_OK)
		smr_pg_roll_back(&b->pg->base);
	b->pg->in_transaction = false;
	return err;
}

static enum smr_err in_one_trip(struct batch *b)
{
	return finish(b, begin(b));
}

static enum smr_err queue_claim(struct batch *b, const struct item *item)
{
	struct smr_pg_params *params = &b->pg->params;

	smr_pg_params_clear(params);
	smr_pg_put_bytes(params, item->change->eid.octets, sizeof(item->change->eid.octets));
	smr_pg_put_int(params, SMR_PG_INT8, item->change->revision);
	smr_pg_put_int(params, SMR_PG_INT4, item->bucket);
	return smr_pg_queue_params(b->pg, SMR_SQL_ROW_CLAIM);
}

static void next_claimed(struct batch *b)
{
	while (b->claimed < b->count && !b->items[b->claimed].counts)
		b->claimed++;
}

/* One result for each that counts, in order: a row, if it is ours now. */
static enum smr_err take_claim(void *context, PGresult **result)
{
	struct batch *b = context;

	next_claimed(b);
	if (b->claimed < b->count)
		b->items[b->claimed++].counts = PQntuples(*result) == 1;
	return SMR_OK;
}

static enum smr_err claim(struct batch *b)
{
	SMR_TRY(begin(b));
	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].counts)
			SMR_TRY(queue_claim(b, &b->items[i]));
	b->claimed = 0;
	return smr_pg_wait(b->pg, SMR_PG_COMMIT_MS, take_claim, b);
}

static enum smr_err in_two_trips(struct batch *b)
{
	return finish(b, claim(b));
}

static bool failed_with(const struct smr_pg *pg, const char *sqlstate)
{
	return strcmp(pg->sqlstate, sqlstate) == 0;
}

/* A guard has refused a row (division_by_zero, see rows.c), or somebody has kept one locked (lock_not_available). */
static bool has_lost_one(const struct smr_pg *pg)
{
	return failed_with(pg, "22012") || failed_with(pg, "55P03");
}

/* serialization_failure, deadlock_detected, and lock_not_available of what both ways need: the journal's row, the relay.
 * Whoever holds these is about to commit. */
static bool is_worth_another_try(const struct smr_pg *pg)
{
	return failed_with(pg, "40001") || failed_with(pg, "40P01") || failed_with(pg, "55P03");
}

/* ---- the batch ---- */

static int compare_items(const void *a, const void *b)
{
	const struct item *left = a;
	const struct item *right = b;
	int order = (left->bucket > right->bucket) - (left->bucket < right->bucket);

	if (order == 0)
		order = memcmp(left->change->eid.octets, right->change->eid.octets, SMR_EID_LEN);
	/* The one that was given first counts. */
	return order != 0 ? order : (left->change > right->change) - (left->change < right->change);
}

static enum smr_err prepare(struct batch *b, struct smr_store_change *changes)
{
	const char *why;

	for (size_t i = 0; i < b->count; i++) {
		struct item *item = &b->items[i];

		item->change = &changes[i];
		SMR_TRY(smr_pg_bucket(changes[i].eid.octets, SMR_EID_LEN, &item->bucket));
		if (smr_effects_of(&changes[i], &item->effects, &why) != SMR_OK)
			return smr_store_say(&b->pg->base, SMR_E_INVALID, "commit: %s", why);
	}
	qsort(b->items, b->count, sizeof(*b->items), compare_items);
	return SMR_OK;
}

/* Of two changes of one device the second has lost. */
static void mark_first_of_each(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		b->items[i].counts = i == 0 || memcmp(b->items[i - 1].change->eid.octets,
						      b->items[i].change->eid.octets, SMR_EID_LEN) != 0;
}

static enum smr_err try_both_ways(struct batch *b)
{
	enum smr_err err;

	mark_first_of_each(b);
	err = in_one_trip(b);
	return err != SMR_OK && has_lost_one(b->pg) ? in_two_trips(b) : err;
}

static enum smr_err commit_batch(struct batch *b)
{
	enum smr_err err = SMR_E_UNAVAILABLE;

	for (int i = 0; i < TRIES_MAX && err != SMR_OK; i++) {
		err = try_both_ways(b);
		if (err != SMR_OK && !is_worth_another_try(b->pg))
			break;
	}
	for (size_t i = 0; err == SMR_OK && i < b->count; i++)
		b->items[i].change->err = b->items[i].counts ? SMR_OK : SMR_E_BUSY;
	return err;
}

enum smr_err smr_pg_commit(struct smr_store *store, struct smr_store_change *changes, size_t count)
{
	struct batch b = {.pg = smr_pg_of(store), .count = count};
	enum smr_err err = smr_pg_ready(b.pg);

	if (err != SMR_OK)
		return err;
	store->problem.text[0] = '\0'; /* of an earlier call */
	b.items = calloc(count, sizeof(*b.items));
	if (b.items == NULL)
		return SMR_E_NO_MEMORY;
	err = prepare(&b, changes);
	if (err == SMR_OK)
		err = commit_batch(&b);
	free(b.items);
	return err;
}
