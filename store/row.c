/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of devices as the write side uses them. */
#include "store/local.h"

static void read_held(struct smr_query *q, struct smr_held *out)
{
	out->found = true;
	out->revision = smr_column_int(q, 0);
	out->row.state = (enum smr_row_state)smr_column_int(q, 1);
	out->row.revoked = smr_column_int(q, 2) != 0;
	out->operator_number = smr_column_int(q, 3);
	if (!smr_column_null(q, 4))
		smr_column_fixed(q, 4, out->row.iccid.octets, sizeof(out->row.iccid.octets));
	out->row.serial = smr_column_int(q, 5);
	out->package = smr_column_int(q, 6);
	out->has_x = smr_column_int(q, 7) != 0;
	out->evidence = smr_column_int(q, 8);
	out->shipment = smr_column_int(q, 9);
	out->known_d = !smr_column_null(q, 10);
	if (out->known_d)
		smr_column_point(q, 10, out->d);
	out->has_sealed_for = !smr_column_null(q, 11);
	if (out->has_sealed_for)
		smr_column_fixed(q, 11, out->sealed_for.octets, sizeof(out->sealed_for.octets));
	out->row.lineage = (uint32_t)smr_column_int(q, 12);
}

enum smr_err smr_held_get(struct smr_store *store, const struct smr_eid *eid, struct smr_held *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_GET);

	memset(out, 0, sizeof(*out));
	smr_query_device(&q, eid);
	if (smr_query_step(&q))
		read_held(&q, out);
	return smr_query_end(&q);
}

enum smr_err smr_held_create(struct smr_store *store, const struct smr_eid *eid, const uint8_t *d, uint64_t shipment)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_INSERT);

	smr_query_new_device(&q, eid);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_bytes(&q, smr_bytes_of(d, d != NULL ? SMR_POINT_LEN - 1 : 0));
	smr_query_ref(&q, shipment);
	return smr_query_run(&q);
}

enum smr_err smr_held_reseal(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held)
{
	struct smr_query q;

	if (held->has_x)
		SMR_TRY(store->driver->purge_package(store, eid, held->package));
	q = smr_query_begin(store, SMR_SQL_ROW_SET_RESEAL);
	smr_query_device(&q, eid);
	SMR_TRY(smr_query_run(&q));
	return smr_held_waits(held) ? smr_journal_note(store, eid) : SMR_OK;
}

enum smr_err smr_row_touch(struct smr_store *store, const struct smr_eid *eid)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_TOUCH);

	smr_query_device(&q, eid);
	return smr_query_run(&q);
}

enum smr_err smr_evidence_delete(struct smr_store *store, const struct smr_eid *eid, uint64_t number)
{
	struct smr_query q;

	if (number == 0)
		return SMR_OK;
	q = smr_query_begin(store, SMR_SQL_EVIDENCE_DELETE);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	smr_query_int(&q, number);
	return smr_query_run(&q);
}

enum smr_err smr_operator_get(struct smr_store *store, const struct smr_key_id *id, struct smr_operator_row *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_OPERATOR_GET);

	memset(out, 0, sizeof(*out));
	smr_query_blob(&q, id->octets, sizeof(id->octets));
	if (smr_query_step(&q)) {
		out->number = smr_column_int(&q, 0);
		out->relay_number = smr_column_int(&q, 1);
		out->relay_last = smr_column_int(&q, 2);
		out->relay_reserved = smr_column_int(&q, 3);
	}
	return smr_query_end(&q);
}
