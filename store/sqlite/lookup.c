/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of the hot path: a batch of devices in one read transaction. */
#include "store/sqlite/local.h"

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
	device->grip.package = smr_column_int(q, 11);
	device->grip.has_x = smr_column_int(q, 12) != 0;
	device->grip.evidence = smr_column_int(q, 13);
	device->grip.operator_number = smr_column_int(q, 14);
	device->interval_s = (uint32_t)smr_column_int(q, 15);
	row->tpm.known = !smr_column_null(q, 16);
	if (row->tpm.known)
		smr_column_fixed(q, 16, row->tpm.octets, sizeof(row->tpm.octets));
	device->grip.state = row->state;
	device->grip.lineage = row->lineage;
	device->grip.iccid = row->iccid;
	device->grip.serial = row->serial;
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
		struct smr_store_waiting_command *waiting = &device->grip.commands[n];

		device->object_len[n] = smr_column_copy(&q, 0, device->objects[n], sizeof(device->objects[n]));
		waiting->operator_number = smr_column_int(&q, 1);
		smr_column_fixed(&q, 2, waiting->iccid.octets, sizeof(waiting->iccid.octets));
		waiting->serial = smr_column_int(&q, 3);
		n++;
	}
	device->object_count = n;
	device->grip.command_count = n;
	return smr_query_end(&q);
}

static enum smr_err lookup_one(struct smr_store *store, struct smr_store_device *device)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_LOOKUP);

	clear_outputs(device);
	smr_query_device(&q, &device->eid);
	if (smr_query_step(&q)) {
		read_row(&q, device);
		device->err = SMR_OK;
	}
	SMR_TRY(smr_query_end(&q));
	if (device->err != SMR_OK)
		return SMR_OK;
	if (device->want_package && device->grip.has_x)
		SMR_TRY(fetch_package(store, device->grip.package, device));
	return device->want_commands ? fetch_commands(store, device) : SMR_OK;
}

static enum smr_err lookup_all(struct smr_store *store, struct smr_store_device *devices, size_t count)
{
	for (size_t i = 0; i < count; i++)
		SMR_TRY(lookup_one(store, &devices[i]));
	return SMR_OK;
}

static enum smr_err lookup_batch(struct smr_store *store, struct smr_store_device *devices, size_t count)
{
	if (smr_sqlite_in_transaction(store))
		return lookup_all(store, devices, count);
	SMR_TRY(smr_read_begin(store));
	return smr_read_end(store, lookup_all(store, devices, count));
}

enum smr_err smr_sqlite_lookup(struct smr_store *store, struct smr_store_device *devices, size_t count)
{
	struct smr_ahead *ahead = smr_sqlite_of(store)->ahead;
	uint64_t before;
	enum smr_err err;

	if (ahead == NULL)
		return lookup_batch(store, devices, count);
	before = smr_ahead_waits();
	err = lookup_batch(store, devices, count);
	smr_ahead_judge(ahead, count, smr_ahead_waits() - before);
	return err;
}

void smr_sqlite_expect(struct smr_store *store, const struct smr_eid *eid)
{
	struct smr_sqlite *sqlite = smr_sqlite_of(store);
	uint64_t place;

	if (sqlite->ahead == NULL)
		sqlite->ahead = smr_ahead_new(sqlite3_db_filename(sqlite->db, "main"));
	if (sqlite->ahead == NULL || !smr_ahead_is_cold(sqlite->ahead))
		return;
	/* An error is the look-up's to meet, and to report. */
	if (smr_sqlite_place(store, eid, &place) == SMR_OK && place != 0)
		smr_ahead_want(sqlite->ahead, place);
}
