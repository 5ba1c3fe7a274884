/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running server has to notice: how far the store has moved, and for which devices what is pending has changed.
 *
 * The journal is a ring of SMR_STORE_JOURNAL slots. Whoever changes what is pending takes the next entry number from the meta table
 * and writes the EID into its slot. A reader that is no more than a ring behind finds all it has missed; one that is farther behind
 * reads everything that is pending. Nothing is ever pruned. Entry numbers ascend in the order of commits, because the number is a
 * row that the transaction holds until it ends. Contacts need that row too: a load, which takes long, writes its entries last.
 */
#include <stdlib.h>

#include "store/local.h"

enum smr_err smr_store_position(struct smr_store *store, struct smr_store_position *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_POSITION);

	memset(out, 0, sizeof(*out));
	if (smr_query_step(&q)) {
		out->sequence = smr_column_int(&q, 0);
		out->journal = smr_column_int(&q, 1);
	}
	return smr_query_end(&q);
}

/* Kept until the load ends. What is more than a ring need not be known one by one: see skip. */
static enum smr_err keep_note(struct smr_store *store, const struct smr_eid *eid)
{
	if (store->notes == NULL)
		store->notes = calloc(SMR_STORE_JOURNAL, sizeof(*store->notes));
	if (store->notes == NULL)
		return SMR_E_NO_MEMORY;
	if (store->note_count < SMR_STORE_JOURNAL)
		store->notes[store->note_count] = *eid;
	store->note_count++;
	return SMR_OK;
}

enum smr_err smr_journal_note(struct smr_store *store, const struct smr_eid *eid)
{
	return store->loading ? keep_note(store, eid) : store->driver->put_journal(store, eid, 1);
}

/* Whoever has not seen the entries that are left out here is farther behind than the ring reaches, and reads everything. */
static enum smr_err skip(struct smr_store *store, uint64_t count)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_JOURNAL_SKIP);

	smr_query_int(&q, count);
	return smr_query_run(&q);
}

enum smr_err smr_journal_write_notes(struct smr_store *store)
{
	if (store->note_count == 0)
		return SMR_OK;
	if (store->note_count > SMR_STORE_JOURNAL)
		return skip(store, store->note_count);
	return store->driver->put_journal(store, store->notes, (size_t)store->note_count);
}

void smr_journal_forget_notes(struct smr_store *store)
{
	free(store->notes);
	store->notes = NULL;
	store->note_count = 0;
}

static enum smr_err read_since(struct smr_store *store, uint64_t since, smr_store_pending_each *each, void *context)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PENDING_SINCE);
	struct smr_eid eid;

	smr_query_int(&q, since);
	while (smr_query_step(&q)) {
		smr_column_fixed(&q, 0, eid.octets, sizeof(eid.octets));
		if (q.err == SMR_OK)
			each(context, &eid, smr_column_int(&q, 1) != 0);
	}
	return smr_query_end(&q);
}

static enum smr_err read_all(struct smr_store *store, smr_store_pending_each *each, void *context)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_COMMAND_PENDING);
	struct smr_eid eid;

	while (smr_query_step(&q)) {
		smr_column_fixed(&q, 0, eid.octets, sizeof(eid.octets));
		if (q.err == SMR_OK)
			each(context, &eid, true);
	}
	return smr_query_end(&q);
}

/* Position and devices are of one moment. */
static enum smr_err read_consistently(struct smr_store *store, const uint64_t *since, uint64_t *journal,
				      smr_store_pending_each *each, void *context)
{
	struct smr_store_position now;

	SMR_TRY(smr_store_position(store, &now));
	if (since == NULL)
		SMR_TRY(read_all(store, each, context));
	else if (*since > now.journal || now.journal - *since > SMR_STORE_JOURNAL)
		return SMR_E_NOT_FOUND;
	else if (*since < now.journal)
		SMR_TRY(read_since(store, *since, each, context));
	*journal = now.journal;
	return SMR_OK;
}

enum smr_err smr_store_pending(struct smr_store *store, uint64_t *journal, smr_store_pending_each *each, void *context)
{
	SMR_TRY(smr_read_begin(store));
	return smr_read_end(store, read_consistently(store, NULL, journal, each, context));
}

enum smr_err smr_store_pending_since(struct smr_store *store, uint64_t *journal, smr_store_pending_each *each,
				     void *context)
{
	uint64_t since = *journal;

	SMR_TRY(smr_read_begin(store));
	return smr_read_end(store, read_consistently(store, &since, journal, each, context));
}
