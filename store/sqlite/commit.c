/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half of the hot path: a batch of changes in one transaction, each only if its row is still what it was.
 *
 * What goes to the operator, and when. An install receipt takes the row's evidence with it into `relay`: one record,
 * one piece of evidence. So does the evidence of a flight that says that the package is not there. A device that repeats
 * its receipt because the answer got lost adds nothing to what is durable there already, and a second record could only
 * come without evidence; it is dropped. The same goes for the receipt of a command that has had one, until the operator
 * rejects that one. So nothing that a device repeats makes the relay grow.
 */
#include "store/sqlite/local.h"

static bool same_iccid(const struct smr_iccid *a, const struct smr_iccid *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

/* ---- evidence ---- */

static enum smr_err put_evidence(struct smr_store *store, const struct smr_store_change *change, struct smr_held *held)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_EVIDENCE_PUT);

	if (change->evidence.len == 0 || change->evidence.len > SMR_EVIDENCE_MAX)
		return smr_store_say(store, SMR_E_INVALID, "commit: evidence of %zu octets", change->evidence.len);
	smr_query_ref(&q, held->evidence); /* the row's old evidence is replaced where it lies */
	smr_query_bytes(&q, change->evidence);
	smr_query_blob(&q, change->e, sizeof(change->e));
	smr_query_blob(&q, change->q, sizeof(change->q));
	SMR_TRY(smr_query_run(&q));
	if (held->evidence == 0)
		held->evidence = smr_sqlite_appended(store);
	return SMR_OK;
}

/* ---- receipts ---- */

static enum smr_err put_relay(struct smr_store *store, uint64_t operator_number, const struct smr_eid *eid,
			      const struct smr_receipt *receipt, uint64_t evidence)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_RELAY_PUT);

	smr_query_int(&q, operator_number);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_blob(&q, receipt->iccid.octets, sizeof(receipt->iccid.octets));
	smr_query_int(&q, receipt->serial);
	smr_query_int(&q, (uint64_t)receipt->kind);
	smr_query_int(&q, receipt->result);
	smr_query_blob(&q, receipt->mac, sizeof(receipt->mac));
	smr_query_ref(&q, evidence);
	return smr_query_run(&q);
}

/* The device says under its signature that it does not hold the package: the operator is to see that, and seal anew. */
static enum smr_err take_missing(struct smr_store *store, const struct smr_eid *eid, struct smr_held *held)
{
	struct smr_receipt none = {.kind = SMR_RECEIPT_NONE, .iccid = held->row.iccid, .serial = held->row.serial};

	if (held->operator_number == 0)
		return SMR_OK;
	SMR_TRY(put_relay(store, held->operator_number, eid, &none, held->evidence));
	SMR_TRY(smr_evidence_delete(store, eid, held->evidence));
	held->evidence = 0;
	return SMR_OK;
}

static enum smr_err take_install(struct smr_store *store, const struct smr_eid *eid, const struct smr_receipt *receipt,
				 struct smr_held *held)
{
	bool is_ours = held->operator_number != 0 && receipt->serial == held->row.serial &&
		       same_iccid(&receipt->iccid, &held->row.iccid);
	bool is_repeated = held->row.state == SMR_ROW_INSTALLED && held->evidence == 0;

	if (!is_ours || is_repeated)
		return SMR_OK;
	SMR_TRY(put_relay(store, held->operator_number, eid, receipt, held->evidence));
	SMR_TRY(smr_evidence_delete(store, eid, held->evidence));
	held->evidence = 0;
	held->row.state = SMR_ROW_INSTALLED; /* a second receipt in the same report is a repeated one */
	return SMR_OK;
}

struct command_row {
	bool found;
	uint64_t operator_number;
	uint64_t serial;
	bool pending;
};

static enum smr_err get_command(struct smr_store *store, const struct smr_eid *eid, const struct smr_iccid *iccid,
				struct command_row *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_COMMAND_GET);

	memset(out, 0, sizeof(*out));
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_blob(&q, iccid->octets, sizeof(iccid->octets));
	if (smr_query_step(&q)) {
		out->found = true;
		out->operator_number = smr_column_int(&q, 0);
		out->serial = smr_column_int(&q, 1);
		out->pending = smr_column_int(&q, 2) != 0;
	}
	return smr_query_end(&q);
}

/* The serial stays that of the command: the receipt's is the device's word, and would shut out the operator's next commands. */
static enum smr_err end_command(struct smr_store *store, const struct smr_eid *eid, const struct smr_receipt *receipt)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_COMMAND_DONE);

	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_blob(&q, receipt->iccid.octets, sizeof(receipt->iccid.octets));
	smr_query_int(&q, receipt->result);
	SMR_TRY(smr_query_run(&q));
	return smr_bump_sequence(store); /* servers: its check-ins need the store no more */
}

static enum smr_err take_command(struct smr_store *store, const struct smr_eid *eid, const struct smr_receipt *receipt)
{
	struct command_row command;

	SMR_TRY(get_command(store, eid, &receipt->iccid, &command));
	/* Only the answer to what is pending goes on: the MAC is not ours to check, and a device could make any number of others. */
	if (!command.found || !command.pending || receipt->serial != command.serial)
		return SMR_OK;
	SMR_TRY(put_relay(store, command.operator_number, eid, receipt, 0));
	return end_command(store, eid, receipt);
}

static enum smr_err take_receipts(struct smr_store *store, const struct smr_store_change *change, struct smr_held *held)
{
	if (change->receipt_count > SMR_COUNT(change->receipts))
		return smr_store_say(store, SMR_E_INVALID, "commit: %zu receipts", change->receipt_count);
	for (size_t i = 0; i < change->receipt_count; i++) {
		const struct smr_receipt *receipt = &change->receipts[i];

		if (receipt->kind == SMR_RECEIPT_INSTALL)
			SMR_TRY(take_install(store, &change->eid, receipt, held));
		else if (receipt->kind == SMR_RECEIPT_COMMAND)
			SMR_TRY(take_command(store, &change->eid, receipt));
		else
			return smr_store_say(store, SMR_E_INVALID, "commit: receipt of an unknown kind");
	}
	return SMR_OK;
}

/* ---- the row ---- */

static enum smr_err put_row(struct smr_store *store, const struct smr_store_change *change, const struct smr_held *held)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_COMMIT);

	smr_query_blob(&q, change->eid.octets, sizeof(change->eid.octets));
	smr_query_int(&q, (uint64_t)change->state);
	smr_query_int(&q, change->ctr);
	smr_query_blob(&q, change->hash, sizeof(change->hash));
	smr_query_int(&q, change->lineage);
	smr_query_ref(&q, held->evidence);
	smr_query_int(&q, held->has_x);
	return smr_query_run(&q);
}

/* X goes with the receipt, and also when the row waits for a new package: that one is never sent again. */
static enum smr_err purge(struct smr_store *store, const struct smr_store_change *change, struct smr_held *held)
{
	if (!held->has_x || (!change->purge_x && change->state != SMR_ROW_RESEAL))
		return SMR_OK;
	held->has_x = false;
	return smr_sqlite_purge_package(store, &change->eid, held->package);
}

static enum smr_err commit_one(struct smr_store *store, struct smr_store_change *change)
{
	struct smr_held held;

	SMR_TRY(smr_held_get(store, &change->eid, &held));
	if (!held.found || held.revision != change->revision) {
		change->err = SMR_E_BUSY;
		return SMR_OK;
	}
	if (change->keep_evidence)
		SMR_TRY(put_evidence(store, change, &held));
	if (change->keep_evidence && change->missing)
		SMR_TRY(take_missing(store, &change->eid, &held));
	SMR_TRY(take_receipts(store, change, &held));
	SMR_TRY(purge(store, change, &held));
	SMR_TRY(put_row(store, change, &held));
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
