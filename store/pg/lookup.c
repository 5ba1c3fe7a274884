/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of the hot path: a batch of devices in one round trip, by two statements over arrays. */
#include "store/pg/local.h"

/* An array of PostgreSQL in binary: dimensions, flags, type, length, lower bound; then each element with its length. */
#define ARRAY_HEAD 20u
#define BUCKET_ROOM (4u + 4u)
#define EID_ROOM (4u + SMR_EID_LEN)

struct keys {
	uint8_t buckets[ARRAY_HEAD + SMR_STORE_BATCH_MAX * BUCKET_ROOM];
	uint8_t eids[ARRAY_HEAD + SMR_STORE_BATCH_MAX * EID_ROOM];
	uint8_t places[ARRAY_HEAD + SMR_STORE_BATCH_MAX * BUCKET_ROOM]; /* 2 · index + want_package */
};

/* LEFT JOINs to what is small and on every node; the package only for those that want it. */
static const char device_text[] =
	"SELECT v.place, d.revision, d.state, d.revoked, d.ctr, d.hash, d.lineage, d.iccid, d.serial, d.d, "
	"coalesce(s.id, d.sealed_for), o.id, d.operator, d.has_x, d.evidence, p.sealed_x, p.w, p.\"order\", "
	"d.interval_s, p.epoch, d.tpm_state "
	"FROM unnest($1::int4[], $2::bytea[], $3::int4[]) v (bucket, eid, place) "
	"JOIN device d ON d.bucket = v.bucket AND d.eid = v.eid "
	"LEFT JOIN package p ON p.bucket = d.bucket AND p.eid = d.eid AND d.has_x <> 0 AND v.place % 2 = 1 "
	"LEFT JOIN shipment s ON s.number = d.shipment LEFT JOIN operator o ON o.number = d.operator";
static const char command_text[] = "SELECT v.place, c.command, c.operator, c.iccid, c.serial "
				   "FROM unnest($1::int4[], $2::bytea[], $3::int4[]) v (bucket, eid, place) "
				   "JOIN command c ON c.bucket = v.bucket AND c.eid = v.eid WHERE c.pending <> 0";

static void put_head(uint8_t *array, Oid type, size_t count)
{
	smr_put_be32(array, 1);
	smr_put_be32(array + 4, 0);
	smr_put_be32(array + 8, type);
	smr_put_be32(array + 12, (uint32_t)count);
	smr_put_be32(array + 16, 1);
}

static void put_number(uint8_t *array, size_t n, uint32_t value)
{
	uint8_t *at = array + ARRAY_HEAD + n * BUCKET_ROOM;

	smr_put_be32(at, 4);
	smr_put_be32(at + 4, value);
}

static enum smr_err put_key(struct keys *keys, size_t n, const struct smr_store_device *device, size_t index)
{
	uint8_t *at = keys->eids + ARRAY_HEAD + n * EID_ROOM;
	uint32_t bucket;

	SMR_TRY(smr_pg_bucket(device->eid.octets, SMR_EID_LEN, &bucket));
	put_number(keys->buckets, n, bucket);
	smr_put_be32(at, SMR_EID_LEN);
	memcpy(at + 4, device->eid.octets, SMR_EID_LEN);
	put_number(keys->places, n, (uint32_t)(2 * index + device->want_package));
	return SMR_OK;
}

static void bind_keys(struct smr_pg *pg, struct keys *keys, size_t count)
{
	put_head(keys->buckets, SMR_PG_INT4, count);
	put_head(keys->eids, SMR_PG_BYTEA, count);
	put_head(keys->places, SMR_PG_INT4, count);
	smr_pg_params_clear(&pg->params);
	smr_pg_put_param(&pg->params, SMR_PG_INT4_ARRAY, keys->buckets, ARRAY_HEAD + count * BUCKET_ROOM);
	smr_pg_put_param(&pg->params, SMR_PG_BYTEA_ARRAY, keys->eids, ARRAY_HEAD + count * EID_ROOM);
	smr_pg_put_param(&pg->params, SMR_PG_INT4_ARRAY, keys->places, ARRAY_HEAD + count * BUCKET_ROOM);
}

static enum smr_err queue_devices(struct smr_pg *pg, struct keys *keys, const struct smr_store_device *devices,
				  size_t count)
{
	for (size_t i = 0; i < count; i++)
		SMR_TRY(put_key(keys, i, &devices[i], i));
	bind_keys(pg, keys, count);
	return smr_pg_queue(pg, &pg->names.lookup, device_text, 0, 3);
}

static enum smr_err queue_commands(struct smr_pg *pg, struct keys *keys, const struct smr_store_device *devices,
				   size_t count)
{
	size_t wanted = 0;

	for (size_t i = 0; i < count; i++)
		if (devices[i].want_commands)
			SMR_TRY(put_key(keys, wanted++, &devices[i], i));
	if (wanted == 0)
		return SMR_OK;
	bind_keys(pg, keys, wanted);
	return smr_pg_queue(pg, &pg->names.commands, command_text, 0, 3);
}

/* ---- results ---- */

struct taking {
	struct smr_pg *pg;
	struct smr_store_device *devices;
	size_t count;
	bool damaged;
	bool devices_done; /* the next result is that of the commands */
};

static void take_fixed(struct taking *t, struct smr_bytes from, void *out, size_t len)
{
	if (from.len == len)
		memcpy(out, from.ptr, len);
	else
		t->damaged = true;
}

static size_t take_some(struct taking *t, struct smr_bytes from, void *out, size_t room)
{
	if (from.len > room)
		t->damaged = true;
	else if (from.len > 0)
		memcpy(out, from.ptr, from.len);
	return from.len > room ? 0 : from.len;
}

static void take_row(struct taking *t, const PGresult *r, int n, struct smr_store_device *device)
{
	struct smr_row *row = &device->row;

	device->revision = smr_pg_int(r, n, 1);
	row->state = (enum smr_row_state)smr_pg_int(r, n, 2);
	row->revoked = smr_pg_int(r, n, 3) != 0;
	row->ctr = (uint32_t)smr_pg_int(r, n, 4);
	take_fixed(t, smr_pg_bytes(r, n, 5), row->hash, sizeof(row->hash));
	row->lineage = (uint32_t)smr_pg_int(r, n, 6);
	if (!smr_pg_null(r, n, 7))
		take_fixed(t, smr_pg_bytes(r, n, 7), row->iccid.octets, sizeof(row->iccid.octets));
	row->serial = smr_pg_int(r, n, 8);
	device->interval_s = (uint32_t)smr_pg_int(r, n, 18);
	row->tpm.known = !smr_pg_null(r, n, 20);
	if (row->tpm.known)
		take_fixed(t, smr_pg_bytes(r, n, 20), row->tpm.octets, sizeof(row->tpm.octets));
	device->known_d = !smr_pg_null(r, n, 9);
	device->d[0] = 4;
	if (device->known_d)
		take_fixed(t, smr_pg_bytes(r, n, 9), device->d + 1, sizeof(device->d) - 1);
	else
		device->d[0] = 0;
	device->has_shipment = !smr_pg_null(r, n, 10);
	if (device->has_shipment)
		take_fixed(t, smr_pg_bytes(r, n, 10), device->shipment.octets, sizeof(device->shipment.octets));
	row->shipment = device->shipment;
	if (!smr_pg_null(r, n, 11))
		take_fixed(t, smr_pg_bytes(r, n, 11), device->operator_id.octets, sizeof(device->operator_id.octets));
}

static void take_package(struct taking *t, const PGresult *r, int n, struct smr_store_device *device)
{
	device->grip = (struct smr_store_grip){.operator_number = smr_pg_int(r, n, 12),
					       .package = smr_pg_int(r, n, 13),
					       .has_x = smr_pg_int(r, n, 13) != 0,
					       .evidence = smr_pg_int(r, n, 14),
					       .state = device->row.state,
					       .lineage = device->row.lineage,
					       .iccid = device->row.iccid,
					       .serial = device->row.serial};
	if (smr_pg_null(r, n, 15))
		return;
	device->x_lost = smr_pg_open_x(t->pg->base.ring, smr_pg_int(r, n, 19), &device->eid, smr_pg_bytes(r, n, 15),
				       device->x, &device->x_len) != SMR_OK;
	take_fixed(t, smr_pg_bytes(r, n, 16), device->w, sizeof(device->w));
	device->order_len = take_some(t, smr_pg_bytes(r, n, 17), device->order, sizeof(device->order));
}

static void take_command(struct taking *t, const PGresult *r, int n, struct smr_store_device *device)
{
	size_t at = device->object_count;
	struct smr_store_waiting_command *waiting = &device->grip.commands[at];

	if (at == SMR_OBJECTS_MAX)
		return; /* with the next contact */
	device->object_len[at] = take_some(t, smr_pg_bytes(r, n, 1), device->objects[at], sizeof(device->objects[at]));
	waiting->operator_number = smr_pg_int(r, n, 2);
	take_fixed(t, smr_pg_bytes(r, n, 3), waiting->iccid.octets, sizeof(waiting->iccid.octets));
	waiting->serial = smr_pg_int(r, n, 4);
	device->object_count++;
	device->grip.command_count++;
}

static enum smr_err take(void *context, PGresult **result)
{
	struct taking *t = context;

	for (int n = 0; n < PQntuples(*result); n++) {
		size_t index = (size_t)smr_pg_int(*result, n, 0) / 2;
		struct smr_store_device *device = &t->devices[index < t->count ? index : 0];

		if (t->devices_done) {
			if (device->err == SMR_OK)
				take_command(t, *result, n, device);
			continue;
		}
		take_row(t, *result, n, device);
		take_package(t, *result, n, device);
		device->err = SMR_OK;
	}
	t->devices_done = true;
	return SMR_OK;
}

static void clear_outputs(struct smr_store_device *devices, size_t count)
{
	for (size_t i = 0; i < count; i++)
		devices[i] = (struct smr_store_device){.eid = devices[i].eid,
						       .want_package = devices[i].want_package,
						       .want_commands = devices[i].want_commands,
						       .err = SMR_E_NOT_FOUND};
}

enum smr_err smr_pg_lookup(struct smr_store *store, struct smr_store_device *devices, size_t count)
{
	struct smr_pg *pg = smr_pg_of(store);
	struct taking t = {.pg = pg, .devices = devices, .count = count};
	struct keys keys;

	SMR_TRY(smr_pg_ready(pg));
	clear_outputs(devices, count);
	SMR_TRY(queue_devices(pg, &keys, devices, count));
	SMR_TRY(queue_commands(pg, &keys, devices, count));
	SMR_TRY(smr_pg_wait(pg, SMR_PG_LOOKUP_MS, take, &t));
	if (t.damaged)
		return smr_store_say(store, SMR_E_IO,
				     "the store is damaged: a column has the wrong length; restore it from a copy");
	return SMR_OK;
}
