/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of the hot path: a batch of changes in one transaction, each only if its row is still what it was. */
#include "store/effects.h"
#include "store/sqlite/local.h"

static enum smr_err is_current(struct smr_store *store, const struct smr_store_change *change, bool *current)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_REVISION);

	smr_query_device(&q, &change->eid);
	*current = smr_query_step(&q) && smr_column_int(&q, 0) == change->revision;
	return smr_query_end(&q);
}

/* @p number: of the row's evidence; the old one is replaced where it lies. */
static enum smr_err put_evidence(struct smr_store *store, const struct smr_store_change *change, uint64_t *number)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_EVIDENCE_PUT);

	smr_query_ref(&q, *number);
	smr_query_bytes(&q, change->evidence);
	smr_query_blob(&q, change->e, sizeof(change->e));
	smr_query_blob(&q, change->q, sizeof(change->q));
	SMR_TRY(smr_query_run(&q));
	if (*number == 0)
		*number = smr_sqlite_appended(store);
	return SMR_OK;
}

static enum smr_err put_relay(struct smr_store *store, const struct smr_eid *eid, const struct smr_relay_effect *relay,
			      uint64_t evidence)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_RELAY_PUT);
	const struct smr_receipt *receipt = &relay->receipt;

	smr_query_int(&q, relay->operator_number);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_blob(&q, receipt->iccid.octets, sizeof(receipt->iccid.octets));
	smr_query_int(&q, receipt->serial);
	smr_query_int(&q, (uint64_t)receipt->kind);
	smr_query_int(&q, receipt->result);
	smr_query_blob(&q, receipt->mac, sizeof(receipt->mac));
	smr_query_ref(&q, relay->with_evidence ? evidence : 0);
	return smr_query_run(&q);
}

/* The serial stays that of the command: the receipt's is the device's word, and would shut out the operator's next
 * commands. */
static enum smr_err end_command(struct smr_store *store, const struct smr_eid *eid, const struct smr_receipt *receipt)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_COMMAND_DONE);

	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_blob(&q, receipt->iccid.octets, sizeof(receipt->iccid.octets));
	smr_query_int(&q, receipt->result);
	return smr_query_run(&q);
}

static enum smr_err put_row(struct smr_store *store, const struct smr_store_change *change, uint64_t evidence,
			    bool has_x)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_COMMIT);

	smr_query_device(&q, &change->eid);
	smr_query_int(&q, (uint64_t)change->state);
	smr_query_int(&q, change->ctr);
	smr_query_blob(&q, change->hash, sizeof(change->hash));
	smr_query_int(&q, change->lineage);
	smr_query_ref(&q, evidence);
	smr_query_int(&q, has_x);
	smr_query_bytes(&q, smr_tpm_memory_bytes(&change->tpm));
	return smr_query_run(&q);
}

static enum smr_err apply(struct smr_store *store, const struct smr_store_change *change,
			  const struct smr_effects *effects)
{
	uint64_t evidence = change->grip.evidence;

	if (effects->put_evidence)
		SMR_TRY(put_evidence(store, change, &evidence));
	for (size_t i = 0; i < effects->relay_count; i++)
		SMR_TRY(put_relay(store, &change->eid, &effects->relays[i], evidence));
	if (effects->evidence_relayed)
		SMR_TRY(smr_evidence_delete(store, &change->eid, evidence));
	for (size_t i = 0; i < effects->command_count; i++)
		SMR_TRY(end_command(store, &change->eid, effects->commands[i]));
	if (effects->purge_x)
		SMR_TRY(smr_sqlite_purge_package(store, &change->eid, change->grip.package));
	SMR_TRY(put_row(store, change, effects->has_evidence ? evidence : 0, effects->has_x));
	return effects->journal ? smr_journal_note(store, &change->eid) : SMR_OK;
}

static enum smr_err commit_one(struct smr_store *store, struct smr_store_change *change)
{
	struct smr_effects effects;
	const char *why;
	bool current;

	SMR_TRY(is_current(store, change, &current));
	if (!current) {
		change->err = SMR_E_BUSY;
		return SMR_OK;
	}
	if (smr_effects_of(change, &effects, &why) != SMR_OK)
		return smr_store_say(store, SMR_E_INVALID, "commit: %s", why);
	SMR_TRY(apply(store, change, &effects));
	change->err = SMR_OK;
	return SMR_OK;
}

static enum smr_err commit_all(struct smr_store *store, struct smr_store_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		SMR_TRY(commit_one(store, &changes[i]));
	return SMR_OK;
}

enum smr_err smr_sqlite_commit(struct smr_store *store, struct smr_store_change *changes, size_t count)
{
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, commit_all(store, changes, count));
}
