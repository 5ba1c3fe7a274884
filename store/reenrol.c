/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that were enrolled anew (docs/decisions/0008-re-enrolment.md). The supplier's later shipment names the EID with
 * other keys; they are kept beside the row and count for nothing, until a batch of the operator whose subscription is on
 * the row names that shipment. Then keys, counter and package change in one transaction.
 */
#include "store/local.h"

static enum smr_err find_shipment(struct smr_store *store, uint64_t row, struct smr_shipment_row *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_SHIPMENT_BY_NUMBER);

	memset(out, 0, sizeof(*out));
	smr_query_int(&q, row);
	if (smr_query_step(&q)) {
		smr_column_fixed(&q, 0, out->id.octets, sizeof(out->id.octets));
		smr_column_fixed(&q, 1, out->supplier, sizeof(out->supplier));
		out->number = smr_column_int(&q, 2);
	}
	return smr_query_end(&q);
}

/* A shipment never changes, and most records of a file are about the same one. */
static enum smr_err get_shipment(struct smr_store *store, uint64_t row, struct smr_shipment_row *out)
{
	if (store->load_known_shipment != row || row == 0) {
		store->load_known_shipment = 0;
		SMR_TRY(find_shipment(store, row, &store->load_known));
		store->load_known_shipment = row;
	}
	*out = store->load_known;
	return SMR_OK;
}

/* ---- keys that wait for the operator ---- */

enum smr_err smr_waiting_keys_get(struct smr_store *store, const struct smr_eid *eid, struct smr_waiting_keys *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_REENROLMENT_GET);

	memset(out, 0, sizeof(*out));
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	if (smr_query_step(&q)) {
		out->found = true;
		out->shipment = smr_column_int(&q, 0);
		smr_column_point(&q, 1, out->d);
		smr_column_fixed(&q, 2, out->id.octets, sizeof(out->id.octets));
		out->number = smr_column_int(&q, 3);
	}
	return smr_query_end(&q);
}

static enum smr_err put_waiting(struct smr_store *store, const struct smr_eid *eid, const uint8_t d[SMR_POINT_LEN],
				uint64_t shipment)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_REENROLMENT_PUT);

	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_int(&q, shipment);
	smr_query_blob(&q, d + 1, SMR_POINT_LEN - 1);
	return smr_query_run(&q);
}

static enum smr_err drop_waiting(struct smr_store *store, const struct smr_eid *eid)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_REENROLMENT_DELETE);

	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	return smr_query_run(&q);
}

static enum smr_err set_key(struct smr_store *store, enum smr_sql which, const struct smr_eid *eid, const uint8_t *d,
			    uint64_t shipment)
{
	struct smr_query q = smr_query_begin(store, which);

	smr_query_device(&q, eid);
	smr_query_bytes(&q, smr_bytes_of(d == NULL ? NULL : d + 1, d == NULL ? 0 : SMR_POINT_LEN - 1));
	smr_query_ref(&q, shipment);
	return smr_query_run(&q);
}

/* ---- a shipment names a known device ---- */

static enum smr_err wait_for_consent(struct smr_store *store, const struct smr_eid *eid, const uint8_t d[SMR_POINT_LEN],
				     uint64_t shipment, uint64_t number)
{
	struct smr_waiting_keys waiting;

	SMR_TRY(smr_waiting_keys_get(store, eid, &waiting));
	if (waiting.found && waiting.number > number)
		return SMR_OK;
	store->load_renewed++;
	return put_waiting(store, eid, d, shipment);
}

/* A row without a key was made by a batch that came before the shipment. When that batch was sealed for another
 * shipment, this one is not what the operator meant. */
static enum smr_err first_key(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
			      const uint8_t d[SMR_POINT_LEN], uint64_t shipment)
{
	struct smr_shipment_row offered;

	SMR_TRY(get_shipment(store, shipment, &offered));
	if (held->has_sealed_for && memcmp(&held->sealed_for, &offered.id, sizeof(offered.id)) != 0)
		return wait_for_consent(store, eid, d, shipment, offered.number);
	return set_key(store, SMR_SQL_ROW_SET_KEY, eid, d, shipment);
}

static enum smr_err from_later_shipment(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
					const uint8_t d[SMR_POINT_LEN], uint64_t shipment, uint64_t number)
{
	if (memcmp(held->d, d, SMR_POINT_LEN) == 0)
		return set_key(store, SMR_SQL_ROW_SET_KEY, eid, d, shipment);
	if (held->row.state != SMR_ROW_EMPTY)
		return wait_for_consent(store, eid, d, shipment, number);
	store->load_renewed++;
	return set_key(store, SMR_SQL_ROW_REENROL, eid, d, shipment); /* no operator to ask */
}

enum smr_err smr_device_again(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
			      const uint8_t d[SMR_POINT_LEN], uint64_t shipment)
{
	bool same_key = held->known_d && memcmp(held->d, d, SMR_POINT_LEN) == 0;
	struct smr_shipment_row present;
	struct smr_shipment_row offered;

	if (!held->known_d)
		return first_key(store, eid, held, d, shipment);
	SMR_TRY(get_shipment(store, held->shipment, &present));
	SMR_TRY(get_shipment(store, shipment, &offered));
	if (held->shipment == shipment || memcmp(present.supplier, offered.supplier, sizeof(present.supplier)) != 0)
		return same_key ? SMR_OK
				: smr_store_say(store, SMR_E_DUPLICATE,
						"this EID is known with another key, and only a later shipment of its "
						"own supplier can change that");
	/* Shipments may be loaded in any order: what an older one says of a device enrolled anew is history. */
	if (offered.number <= present.number)
		return SMR_OK;
	return from_later_shipment(store, eid, held, d, shipment, offered.number);
}

/* ---- the operator accepts ---- */

static enum smr_err accept_waiting(struct smr_store *store, const struct smr_batch_record *record,
				   const struct smr_held *held)
{
	struct smr_waiting_keys waiting;

	SMR_TRY(smr_waiting_keys_get(store, &record->eid, &waiting));
	if (waiting.found && memcmp(&waiting.id, &record->shipment, sizeof(waiting.id)) == 0) {
		SMR_TRY(drop_waiting(store, &record->eid));
		return set_key(store, SMR_SQL_ROW_REENROL, &record->eid, waiting.d, waiting.shipment);
	}
	if (held->known_d)
		return smr_store_say(store, SMR_E_NOT_FOUND,
				     "it was sealed for another shipment than the one that this device is known from: "
				     "load that shipment first, or let the operator seal from the newer one");
	/* It shows a certificate: from now on one of that shipment. */
	return set_key(store, SMR_SQL_ROW_REENROL, &record->eid, NULL, 0);
}

enum smr_err smr_device_consent(struct smr_store *store, const struct smr_batch_record *record,
				const struct smr_held *held)
{
	struct smr_shipment_row present;

	if (!record->has_shipment || !held->found)
		return SMR_OK;
	if (held->known_d) {
		SMR_TRY(get_shipment(store, held->shipment, &present));
		if (memcmp(&present.id, &record->shipment, sizeof(present.id)) == 0)
			return SMR_OK;
	} else if (!held->has_sealed_for ||
		   memcmp(&held->sealed_for, &record->shipment, sizeof(held->sealed_for)) == 0) {
		return SMR_OK;
	}
	return accept_waiting(store, record, held);
}

uint64_t smr_store_load_renewed(const struct smr_store *store)
{
	return store->load_renewed;
}
