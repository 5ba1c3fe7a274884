/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of the hot path: a batch of devices in one read transaction. */
#include "store/sqlite_local.h"

/* Columns of SMR_SQL_LOOKUP that decide what else is fetched. */
#define COLUMN_SLOT 11
#define COLUMN_HAS_X 12
#define COLUMN_EVIDENCE 13

static void clear_outputs(struct smr_store_device *device)
{
	struct smr_store_device empty = {
		.eid = device->eid,
		.want_package = device->want_package,
		.want_commands = device->want_commands,
		.err = SMR_E_NOT_FOUND,
	};

	*device = empty;
}

static void read_row(struct smr_query *q, struct smr_store_device *device)
{
	struct smr_row *row = &device->row;

	device->revision = smr_column_int(q, 0);
	row->state = (enum smr_row_state)smr_column_int(q, 1);
	row->revoked = smr_column_int(q, 2) != 0;
	row->ctr = (uint32_t)smr_column_int(q, 3);
	smr_column_fixed(q, 4, row->hash, sizeof(row->hash));
	row->lineage = (uint32_t)smr_column_int(q, 5);
	if (!smr_column_null(q, 6))
		smr_column_fixed(q, 6, row->iccid.octets, sizeof(row->iccid.octets));
	row->serial = smr_column_int(q, 7);
	device->known_d = !smr_column_null(q, 8);
	if (device->known_d)
		smr_column_point(q, 8, device->d);
	device->has_shipment = !smr_column_null(q, 9);
	if (device->has_shipment)
		smr_column_fixed(q, 9, device->shipment.octets, sizeof(device->shipment.octets));
	row->shipment = device->shipment;
	if (!smr_column_null(q, 10))
		smr_column_fixed(q, 10, device->operator_id.octets, sizeof(device->operator_id.octets));
}

static enum smr_err fetch_package(struct smr_store *store, uint64_t slot, struct smr_store_device *device)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_LOOKUP_PACKAGE);

	smr_query_int(&q, slot);
	if (smr_query_step(&q)) {
		device->x_len = smr_column_copy(&q, 0, device->x, sizeof(device->x));
		smr_column_fixed(&q, 1, device->w, sizeof(device->w));
		device->order_len = smr_column_copy(&q, 2, device->order, sizeof(device->order));
	}
	return smr_query_end(&q);
}

static enum smr_err fetch_commands(struct smr_store *store, struct smr_store_device *device)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_LOOKUP_COMMANDS);
	size_t n = 0;

	smr_query_blob(&q, device->eid.octets, sizeof(device->eid.octets));
	smr_query_int(&q, SMR_OBJECTS_MAX);
	while (smr_query_step(&q)) {
		device->object_len[n] = smr_column_copy(&q, 0, device->objects[n], sizeof(device->objects[n]));
		n++;
	}
	device->object_count = n;
	return smr_query_end(&q);
}

enum smr_err smr_lookup_one(struct smr_store *store, struct smr_store_device *device, bool *has_evidence)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_LOOKUP);
	uint64_t slot = 0;

	clear_outputs(device);
	smr_query_blob(&q, device->eid.octets, sizeof(device->eid.octets));
	if (smr_query_step(&q)) {
		read_row(&q, device);
		slot = smr_column_int(&q, COLUMN_HAS_X) != 0 ? smr_column_int(&q, COLUMN_SLOT) : 0;
		if (has_evidence != NULL)
			*has_evidence = !smr_column_null(&q, COLUMN_EVIDENCE);
		device->err = SMR_OK;
	}
	SMR_TRY(smr_query_end(&q));
	if (device->err != SMR_OK)
		return SMR_OK;
	if (device->want_package && slot != 0)
		SMR_TRY(fetch_package(store, slot, device));
	return device->want_commands ? fetch_commands(store, device) : SMR_OK;
}

enum smr_err smr_store_lookup(struct smr_store *store, struct smr_store_device *devices, size_t count)
{
	enum smr_err err = SMR_OK;

	if (count > SMR_STORE_BATCH_MAX)
		return smr_store_say(store, SMR_E_INVALID, "lookup: more than %u devices", SMR_STORE_BATCH_MAX);
	if (count == 0)
		return SMR_OK;
	store->round_trips++;
	SMR_TRY(smr_read_begin(store));
	for (size_t i = 0; err == SMR_OK && i < count; i++)
		err = smr_lookup_one(store, &devices[i], NULL);
	return smr_read_end(store, err);
}
