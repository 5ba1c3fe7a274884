/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation, and how much there is of everything. */
#include "store/local.h"

static enum smr_err revoke(struct smr_store *store, const struct smr_eid *eid, bool revoked)
{
	struct smr_held held;
	struct smr_query q;

	SMR_TRY(smr_held_get(store, eid, &held));
	if (!held.found)
		return smr_store_say(store, SMR_E_NOT_FOUND, "this device is not known");
	q = smr_query_begin(store, SMR_SQL_ROW_SET_REVOKED);
	smr_query_device(&q, eid);
	smr_query_int(&q, revoked);
	SMR_TRY(smr_query_run(&q));
	return smr_journal_note(store, eid);
}

enum smr_err smr_store_revoke(struct smr_store *store, const struct smr_eid *eid, bool revoked)
{
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, revoke(store, eid, revoked));
}

/* ---- counts ---- */

static enum smr_err count_states(struct smr_store *store, struct smr_store_counts *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_COUNT_STATES);

	while (smr_query_step(&q)) {
		uint64_t state = smr_column_int(&q, 0);

		out->devices += smr_column_int(&q, 1);
		if (state < SMR_COUNT(out->by_state))
			out->by_state[state] = smr_column_int(&q, 1);
	}
	return smr_query_end(&q);
}

static enum smr_err count_rest(struct smr_store *store, struct smr_store_counts *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_COUNT_REST);

	if (smr_query_step(&q)) {
		out->commands_pending = smr_column_int(&q, 0);
		out->relay_waiting = smr_column_int(&q, 1);
		out->relay_unacknowledged = smr_column_int(&q, 2);
		out->shipments = smr_column_int(&q, 3);
		out->operators = smr_column_int(&q, 4);
		out->references = smr_column_int(&q, 5);
	}
	return smr_query_end(&q);
}

static enum smr_err count_all(struct smr_store *store, struct smr_store_counts *out)
{
	SMR_TRY(count_states(store, out));
	return count_rest(store, out);
}

enum smr_err smr_store_count(struct smr_store *store, struct smr_store_counts *out)
{
	memset(out, 0, sizeof(*out));
	SMR_TRY(smr_read_begin(store));
	return smr_read_end(store, count_all(store, out));
}

static enum smr_err read_status(struct smr_store *store, struct smr_store_device_status *out)
{
	struct smr_waiting_keys waiting;
	struct smr_query q;

	SMR_TRY(store->driver->lookup(store, &out->device, 1));
	if (out->device.err != SMR_OK)
		return out->device.err;
	out->has_evidence = out->device.grip.evidence != 0;
	q = smr_query_begin(store, SMR_SQL_COUNT_DEVICE);
	smr_query_blob(&q, out->device.eid.octets, sizeof(out->device.eid.octets));
	if (smr_query_step(&q)) {
		out->commands_pending = smr_column_int(&q, 0);
		out->relay_waiting = smr_column_int(&q, 1);
	}
	SMR_TRY(smr_query_end(&q));
	SMR_TRY(smr_waiting_keys_get(store, &out->device.eid, &waiting));
	out->enrolled_anew = waiting.found;
	out->anew_shipment = waiting.id;
	return SMR_OK;
}

enum smr_err smr_store_device_status(struct smr_store *store, const struct smr_eid *eid,
				     struct smr_store_device_status *out)
{
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	out->device.eid = *eid;
	out->device.want_package = true;
	out->device.want_commands = true;
	SMR_TRY(smr_read_begin(store));
	err = smr_read_end(store, read_status(store, out));
	return err == SMR_E_NOT_FOUND ? smr_store_say(store, err, "this device is not known") : err;
}
