/* SPDX-License-Identifier: Apache-2.0 */
/* Loading packages and commands of operators. */
#include "store/local.h"

/* ---- packages ---- */

static enum smr_err set_package(struct smr_store *store, const struct smr_batch_record *record,
				uint64_t operator_number, uint64_t slot)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_SET_PACKAGE);

	smr_query_device(&q, &record->eid);
	smr_query_int(&q, operator_number);
	smr_query_blob(&q, record->package.iccid.octets, sizeof(record->package.iccid.octets));
	smr_query_int(&q, record->package.serial);
	smr_query_int(&q, slot);
	smr_query_bytes(&q, smr_bytes_of(record->shipment.octets, record->has_shipment ? sizeof(record->shipment) : 0));
	smr_query_ref(&q, record->interval_s);
	SMR_TRY(smr_query_run(&q));
	/* Commands for the ICCID of before have no MCIM to obey them any more, and would never be receipted. */
	q = smr_query_begin(store, SMR_SQL_COMMAND_END_OTHERS);
	smr_query_blob(&q, record->eid.octets, sizeof(record->eid.octets));
	smr_query_blob(&q, record->package.iccid.octets, sizeof(record->package.iccid.octets));
	return smr_query_run(&q);
}

/* Is this ICCID in a live subscription of the same operator on another device? Other operators' do not count, or one
 * could lock another out of its own numbers. */
static enum smr_err check_iccid(struct smr_store *store, const struct smr_batch_record *record,
				uint64_t operator_number)
{
	bool taken;

	SMR_TRY(store->driver->claim_iccid(store, operator_number, &record->package.iccid, &record->eid, &taken));
	return taken ? smr_store_say(store, SMR_E_DUPLICATE, "this ICCID is live on another device") : SMR_OK;
}

static enum smr_err check_package(struct smr_store *store, const struct smr_package *package)
{
	if (package->x.len == 0 || package->x.len > SMR_X_MAX || package->order.len > SMR_ORDER_MAX)
		return smr_store_say(store, SMR_E_MALFORMED,
				     "the sealed subscription or the order is too long, or missing");
	return SMR_OK;
}

static enum smr_err check_rules(struct smr_store *store, const struct smr_held *held, uint64_t serial,
				uint64_t operator_number)
{
	enum smr_err err = smr_rules_load(&held->row, serial, held->operator_number == operator_number);

	if (err == SMR_E_SERIAL)
		return smr_store_say(store, err, "a subscription with this serial or a higher one is known");
	if (err == SMR_E_STATE)
		return smr_store_say(store, err, "another operator's subscription is live on this device");
	return err;
}

static enum smr_err put_package(struct smr_store *store, const struct smr_batch_record *record)
{
	uint64_t operator_number;
	struct smr_held held;
	uint64_t slot;

	SMR_TRY(check_package(store, &record->package));
	SMR_TRY(smr_load_operator(store, &record->package.operator_id, &operator_number));
	if (operator_number == 0)
		return smr_store_say(store, SMR_E_NOT_FOUND, "the operator's AuC is not known");
	SMR_TRY(smr_held_get(store, &record->eid, &held));
	SMR_TRY(check_rules(store, &held, record->package.serial, operator_number));
	SMR_TRY(check_iccid(store, record, operator_number));
	SMR_TRY(smr_device_consent(store, record, &held));
	if (!held.found)
		SMR_TRY(smr_held_create(store, &record->eid, NULL, 0));
	SMR_TRY(store->driver->put_package(store, &record->eid, &held, &record->package, &slot));
	/* Evidence of a flight for the package before: nobody can use it any more. */
	SMR_TRY(smr_evidence_delete(store, &record->eid, held.evidence));
	SMR_TRY(set_package(store, record, operator_number, slot));
	return held.row.lineage != 0 ? smr_journal_note(store, &record->eid) : SMR_OK;
}

enum smr_err smr_store_put_package(struct smr_store *store, const struct smr_batch_record *record)
{
	SMR_TRY(smr_load_check(store));
	return smr_load_result(store, put_package(store, record));
}

/* ---- withdrawal ---- */

/* The row keeps operator and serial, so that neither this package nor an older one comes back with another batch. */
static enum smr_err withdraw(struct smr_store *store, const struct smr_key_id *operator_id,
			     const struct smr_command_record *record)
{
	uint64_t operator_number;
	struct smr_held held;

	SMR_TRY(smr_load_operator(store, operator_id, &operator_number));
	SMR_TRY(smr_held_get(store, &record->eid, &held));
	if (operator_number == 0 || held.operator_number != operator_number || held.row.serial < record->serial)
		return smr_store_say(store, SMR_E_NOT_FOUND,
				     "this subscription of this operator is not here: load the batch with it first");
	if (held.row.serial > record->serial)
		return SMR_OK; /* a newer one has taken its place */
	if (memcmp(&held.row.iccid, &record->iccid, sizeof(record->iccid)) != 0)
		return smr_store_say(store, SMR_E_MALFORMED, "the subscription of this serial has another ICCID");
	return smr_held_reseal(store, &record->eid, &held);
}

enum smr_err smr_store_withdraw(struct smr_store *store, const struct smr_key_id *operator_id,
				const struct smr_command_record *record)
{
	SMR_TRY(smr_load_check(store));
	return smr_load_result(store, withdraw(store, operator_id, record));
}

/* ---- commands ---- */

/* One row per ICCID: what is pending, and for ever the highest serial seen. */
static enum smr_err check_command(struct smr_store *store, const struct smr_command_record *record)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_COMMAND_GET);
	bool is_old = false;

	if (record->command.len == 0 || record->command.len > SMR_COMMAND_MAX)
		return smr_store_say(store, SMR_E_MALFORMED, "the command is too long, or missing");
	smr_query_blob(&q, record->eid.octets, sizeof(record->eid.octets));
	smr_query_blob(&q, record->iccid.octets, sizeof(record->iccid.octets));
	if (smr_query_step(&q))
		is_old = record->serial <= smr_column_int(&q, 1);
	SMR_TRY(smr_query_end(&q));
	return is_old ? smr_store_say(store, SMR_E_SERIAL, "a command with this serial or a higher one is known")
		      : SMR_OK;
}

static enum smr_err put_command(struct smr_store *store, const struct smr_key_id *operator_id,
				const struct smr_command_record *record)
{
	uint64_t operator_number;
	struct smr_held held;
	struct smr_query q;

	SMR_TRY(smr_load_operator(store, operator_id, &operator_number));
	SMR_TRY(smr_held_get(store, &record->eid, &held));
	if (operator_number == 0 || !held.found || held.operator_number != operator_number ||
	    memcmp(&held.row.iccid, &record->iccid, sizeof(record->iccid)) != 0)
		return smr_store_say(store, SMR_E_NOT_FOUND, "no device here has this subscription of this operator");
	SMR_TRY(check_command(store, record));
	q = smr_query_begin(store, SMR_SQL_COMMAND_PUT);
	smr_query_blob(&q, record->eid.octets, sizeof(record->eid.octets));
	smr_query_blob(&q, record->iccid.octets, sizeof(record->iccid.octets));
	smr_query_int(&q, operator_number);
	smr_query_int(&q, record->serial);
	smr_query_bytes(&q, record->command);
	SMR_TRY(smr_query_run(&q));
	SMR_TRY(smr_row_touch(store, &record->eid));
	return smr_journal_note(store, &record->eid);
}

enum smr_err smr_store_put_command(struct smr_store *store, const struct smr_key_id *operator_id,
				   const struct smr_command_record *record)
{
	SMR_TRY(smr_load_check(store));
	return smr_load_result(store, put_command(store, operator_id, record));
}
