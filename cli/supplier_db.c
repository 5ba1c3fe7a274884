/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/supplier_db.h"

#include <stdlib.h>

#define SCHEMA_VERSION 1

static const char schema[] =
	"CREATE TABLE shipment (number INTEGER PRIMARY KEY, owner BLOB, gate BLOB, made INTEGER NOT NULL,"
	" shipped INTEGER NOT NULL);"
	"CREATE TABLE anchor (number INTEGER NOT NULL REFERENCES shipment, position INTEGER NOT NULL,"
	" point BLOB NOT NULL, PRIMARY KEY (number, position)) WITHOUT ROWID;"
	"CREATE TABLE device (number INTEGER NOT NULL REFERENCES shipment, position INTEGER NOT NULL,"
	" eid BLOB NOT NULL, imei BLOB, d BLOB, t BLOB, PRIMARY KEY (number, position), UNIQUE (number, eid),"
	" UNIQUE (number, imei), UNIQUE (number, d), UNIQUE (number, t)) WITHOUT ROWID;";

/* Beside the tables of version 1: for the question whether a device is in an earlier shipment, for shipments of devices without software keys, and
 * for what TPM vendors say of them. */
static const char later[] =
	"CREATE INDEX IF NOT EXISTS device_eid ON device (eid);"
	"CREATE TABLE IF NOT EXISTS platform (number INTEGER PRIMARY KEY REFERENCES shipment,"
	" platform INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS endorsement (number INTEGER NOT NULL REFERENCES shipment,"
	" eid BLOB NOT NULL, certificate BLOB NOT NULL, PRIMARY KEY (number, eid)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS endorsed (eid BLOB PRIMARY KEY, ek BLOB NOT NULL UNIQUE) WITHOUT ROWID;";

#define DEVICE_COLUMNS                                                             \
	"SELECT eid, imei, d, t, (SELECT certificate FROM endorsement AS e WHERE " \
	"e.number = device.number AND e.eid = device.eid) FROM device WHERE number = ?1 "

#define SHIPMENT_COLUMNS                                                                                 \
	"SELECT number, owner, gate, made, shipped, (SELECT count(*) FROM device WHERE device.number = " \
	"shipment.number),"                                                                              \
	" (SELECT count(d) FROM device WHERE device.number = shipment.number),"                          \
	" (SELECT platform FROM platform WHERE platform.number = shipment.number) FROM shipment "

struct smr_supplier_db {
	sqlite3 *sql;
	sqlite3_stmt *add_device; /* these two are used once per line of a CSV file */
	sqlite3_stmt *earlier;
};

enum smr_err smr_supplier_db_open(const char *dir, struct smr_supplier_db **out, struct smr_problem *problem)
{
	struct smr_supplier_db *db = calloc(1, sizeof(*db));
	enum smr_err err;

	*out = NULL;
	if (db == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = smr_db_open(dir, "supplier.db", schema, SCHEMA_VERSION, &db->sql, problem);
	if (err == SMR_OK) {
		err = smr_db_exec(db->sql, later);
		if (err != SMR_OK) {
			(void)smr_db_fail(db->sql, err, problem);
			smr_db_close(db->sql);
		}
	}
	if (err != SMR_OK) {
		free(db);
		return err;
	}
	db->earlier = smr_db_prepare(db->sql, "SELECT max(number) FROM device WHERE eid = ?1 AND number < ?2");
	db->add_device = smr_db_prepare(
		db->sql, "INSERT INTO device (number, position, eid, imei, d, t) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	*out = db;
	return SMR_OK;
}

void smr_supplier_db_close(struct smr_supplier_db *db)
{
	if (db == NULL)
		return;
	sqlite3_finalize(db->add_device);
	sqlite3_finalize(db->earlier);
	smr_db_close(db->sql);
	free(db);
}

enum smr_err smr_supplier_db_fail(const struct smr_supplier_db *db, enum smr_err err, struct smr_problem *problem)
{
	return smr_db_fail(db->sql, err, problem);
}

enum smr_err smr_supplier_db_begin(struct smr_supplier_db *db)
{
	return smr_db_exec(db->sql, "BEGIN IMMEDIATE");
}

enum smr_err smr_supplier_db_end(struct smr_supplier_db *db, bool keep)
{
	return smr_db_exec(db->sql, keep ? "COMMIT" : "ROLLBACK");
}

/* ---- shipments ---- */

static enum smr_err add_anchors(struct smr_supplier_db *db, const struct smr_supplier_shipment *shipment)
{
	SMR_DB_STATEMENT *s =
		smr_db_prepare(db->sql, "INSERT INTO anchor (number, position, point) VALUES (?1, ?2, ?3)");

	for (size_t i = 0; i < shipment->anchor_count; i++) {
		smr_db_bind_uint(s, 1, shipment->number);
		smr_db_bind_uint(s, 2, i);
		smr_db_bind(s, 3, SMR_ARRAY(shipment->anchors[i]));
		SMR_TRY(smr_db_run(s));
	}
	return SMR_OK;
}

static enum smr_err add_platform(struct smr_supplier_db *db, const struct smr_supplier_shipment *shipment)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "INSERT INTO platform (number, platform) VALUES (?1, ?2)");

	smr_db_bind_uint(s, 1, shipment->number);
	smr_db_bind_uint(s, 2, (uint64_t)shipment->platform);
	return smr_db_run(s);
}

enum smr_err smr_supplier_db_add(struct smr_supplier_db *db, const struct smr_supplier_shipment *shipment)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(
		db->sql, "INSERT INTO shipment (number, owner, gate, made, shipped) VALUES (?1, ?2, ?3, ?4, 0)");

	smr_db_bind_uint(s, 1, shipment->number);
	smr_db_bind(s, 2, shipment->owner_bound ? SMR_ARRAY(shipment->owner) : SMR_NONE);
	smr_db_bind(s, 3, shipment->has_gate ? SMR_ARRAY(shipment->gate) : SMR_NONE);
	smr_db_bind_uint(s, 4, shipment->made);
	SMR_TRY(smr_db_run(s));
	if (shipment->platform != SMR_PLATFORM_SOFTWARE)
		SMR_TRY(add_platform(db, shipment));
	return add_anchors(db, shipment);
}

static enum smr_err read_anchors(struct smr_supplier_db *db, struct smr_supplier_shipment *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "SELECT point FROM anchor WHERE number = ?1 ORDER BY position");
	enum smr_err err;

	smr_db_bind_uint(s, 1, out->number);
	while ((err = smr_db_step(s)) == SMR_OK) {
		if (out->anchor_count == SMR_TRE_ANCHORS_MAX)
			return SMR_E_TAMPERED;
		SMR_TRY(smr_db_octets(s, 0, out->anchors[out->anchor_count++], SMR_POINT_COMPRESSED_LEN));
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err read_shipment(struct smr_supplier_db *db, sqlite3_stmt *s, struct smr_supplier_shipment *out)
{
	*out = (struct smr_supplier_shipment){.number = smr_db_uint(s, 0),
					      .owner_bound = smr_db_view(s, 1).len > 0,
					      .has_gate = smr_db_view(s, 2).len > 0,
					      .made = smr_db_uint(s, 3),
					      .shipped = smr_db_uint(s, 4),
					      .devices = smr_db_uint(s, 5),
					      .enrolled = smr_db_uint(s, 6),
					      .platform = (enum smr_platform)smr_db_uint(s, 7)};
	if (out->owner_bound)
		SMR_TRY(smr_db_octets(s, 1, out->owner, sizeof(out->owner)));
	if (out->has_gate)
		SMR_TRY(smr_db_octets(s, 2, out->gate, sizeof(out->gate)));
	return read_anchors(db, out);
}

enum smr_err smr_supplier_db_shipment(struct smr_supplier_db *db, uint64_t number, struct smr_supplier_shipment *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, SHIPMENT_COLUMNS "WHERE number = ?1");
	enum smr_err err;

	smr_db_bind_uint(s, 1, number);
	err = smr_db_step(s);
	if (err != SMR_OK)
		return err == SMR_E_NOTHING ? SMR_E_NOT_FOUND : err;
	return read_shipment(db, s, out);
}

enum smr_err smr_supplier_db_each(struct smr_supplier_db *db,
				  enum smr_err (*each)(void *context, const struct smr_supplier_shipment *shipment),
				  void *context)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, SHIPMENT_COLUMNS "ORDER BY number");
	struct smr_supplier_shipment shipment;
	enum smr_err err;

	while ((err = smr_db_step(s)) == SMR_OK) {
		SMR_TRY(read_shipment(db, s, &shipment));
		err = each(context, &shipment);
		SMR_WIPE(shipment);
		SMR_TRY(err);
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

enum smr_err smr_supplier_db_shipped(struct smr_supplier_db *db, uint64_t number, uint64_t now)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "UPDATE shipment SET shipped = ?2 WHERE number = ?1");

	smr_db_bind_uint(s, 1, number);
	smr_db_bind_uint(s, 2, now);
	return smr_db_run(s);
}

/* ---- devices ---- */

/* SQLite names the columns of the constraint: «UNIQUE constraint failed: device.number, device.eid». */
static const char *duplicate_field(sqlite3 *sql)
{
	static const char *const fields[] = {"eid", "imei", "d", "t"};
	const char *dot = strrchr(sqlite3_errmsg(sql), '.');

	for (size_t i = 0; dot != NULL && i < SMR_COUNT(fields); i++)
		if (strcmp(dot + 1, fields[i]) == 0)
			return fields[i];
	return "eid";
}

static enum smr_err put_endorsement(struct smr_supplier_db *db, uint64_t number,
				    const struct smr_shipment_record *record)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(
		db->sql, record->endorsement_len > 0
				 ? "INSERT OR REPLACE INTO endorsement (number, eid, certificate) VALUES (?1, ?2, ?3)"
				 : "DELETE FROM endorsement WHERE number = ?1 AND eid = ?2");

	smr_db_bind_uint(s, 1, number);
	smr_db_bind(s, 2, smr_eid_bytes(&record->eid));
	if (record->endorsement_len > 0)
		smr_db_bind(s, 3, smr_bytes_of(record->endorsement, record->endorsement_len));
	return smr_db_run(s);
}

enum smr_err smr_supplier_db_add_device(struct smr_supplier_db *db, uint64_t number, uint64_t position,
					const struct smr_supplier_device *device, const char **field)
{
	sqlite3_stmt *s = db->add_device;
	enum smr_err err;

	smr_db_bind_uint(s, 1, number);
	smr_db_bind_uint(s, 2, position);
	smr_db_bind(s, 3, smr_eid_bytes(&device->record.eid));
	smr_db_bind(s, 4, device->record.has_imei ? SMR_ARRAY(device->record.imei.octets) : SMR_NONE);
	smr_db_bind(s, 5, device->enrolled ? SMR_ARRAY(device->record.d) : SMR_NONE);
	smr_db_bind(s, 6, device->enrolled ? SMR_ARRAY(device->record.t) : SMR_NONE);
	err = smr_db_run(s);
	if (err == SMR_E_DUPLICATE)
		*field = duplicate_field(db->sql);
	if (err == SMR_OK && device->record.endorsement_len > 0)
		err = put_endorsement(db, number, &device->record);
	return err;
}

enum smr_err smr_supplier_db_earlier(struct smr_supplier_db *db, uint64_t number, const struct smr_eid *eid,
				     uint64_t *earlier)
{
	enum smr_err err;

	smr_db_bind(db->earlier, 1, smr_eid_bytes(eid));
	smr_db_bind_uint(db->earlier, 2, number);
	err = smr_db_step(db->earlier);
	*earlier = err == SMR_OK ? smr_db_uint(db->earlier, 0) : 0;
	(void)sqlite3_reset(db->earlier);
	return err;
}

static enum smr_err read_endorsement(sqlite3_stmt *s, int column, struct smr_shipment_record *record)
{
	struct smr_bytes certificate = smr_db_view(s, column);

	if (certificate.len > sizeof(record->endorsement))
		return SMR_E_TAMPERED;
	record->endorsement_len = certificate.len;
	if (certificate.len > 0)
		memcpy(record->endorsement, certificate.ptr, certificate.len);
	return SMR_OK;
}

static enum smr_err read_device(sqlite3_stmt *s, struct smr_supplier_device *out)
{
	*out = (struct smr_supplier_device){.enrolled = smr_db_view(s, 2).len > 0};
	out->record.has_imei = smr_db_view(s, 1).len > 0;
	SMR_TRY(smr_db_octets(s, 0, out->record.eid.octets, sizeof(out->record.eid.octets)));
	if (out->record.has_imei)
		SMR_TRY(smr_db_octets(s, 1, out->record.imei.octets, sizeof(out->record.imei.octets)));
	if (!out->enrolled)
		return SMR_OK;
	SMR_TRY(smr_db_octets(s, 2, out->record.d, sizeof(out->record.d)));
	SMR_TRY(smr_db_octets(s, 3, out->record.t, sizeof(out->record.t)));
	return read_endorsement(s, 4, &out->record);
}

enum smr_err smr_supplier_db_device(struct smr_supplier_db *db, uint64_t number, const struct smr_eid *eid,
				    struct smr_supplier_device *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, DEVICE_COLUMNS "AND eid = ?2");
	enum smr_err err;

	smr_db_bind_uint(s, 1, number);
	smr_db_bind(s, 2, smr_eid_bytes(eid));
	err = smr_db_step(s);
	if (err != SMR_OK)
		return err == SMR_E_NOTHING ? SMR_E_NOT_FOUND : err;
	return read_device(s, out);
}

enum smr_err smr_supplier_db_devices(struct smr_supplier_db *db, uint64_t number,
				     enum smr_err (*each)(void *context, const struct smr_supplier_device *device),
				     void *context)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, DEVICE_COLUMNS "ORDER BY position");
	struct smr_supplier_device device;
	enum smr_err err;

	smr_db_bind_uint(s, 1, number);
	while ((err = smr_db_step(s)) == SMR_OK) {
		SMR_TRY(read_device(s, &device));
		SMR_TRY(each(context, &device));
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err put_keys(struct smr_supplier_db *db, uint64_t number, const struct smr_shipment_record *record)
{
	SMR_DB_STATEMENT *s =
		smr_db_prepare(db->sql, "UPDATE device SET d = ?3, t = ?4 WHERE number = ?1 AND eid = ?2");

	smr_db_bind_uint(s, 1, number);
	smr_db_bind(s, 2, smr_eid_bytes(&record->eid));
	smr_db_bind(s, 3, SMR_ARRAY(record->d));
	smr_db_bind(s, 4, SMR_ARRAY(record->t));
	SMR_TRY(smr_db_run(s));
	return sqlite3_changes(db->sql) == 1 ? SMR_OK : SMR_E_NOT_FOUND;
}

enum smr_err smr_supplier_db_endorsed(struct smr_supplier_db *db, const uint8_t ek[SMR_POINT_LEN], struct smr_eid *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "SELECT eid FROM endorsed WHERE ek = ?1");
	enum smr_err err;

	smr_db_bind(s, 1, smr_bytes_of(ek, SMR_POINT_LEN));
	err = smr_db_step(s);
	if (err != SMR_OK)
		return err == SMR_E_NOTHING ? SMR_E_NOT_FOUND : err;
	return smr_db_octets(s, 0, out->octets, sizeof(out->octets));
}

static enum smr_err put_ek(struct smr_supplier_db *db, const struct smr_eid *eid, const uint8_t *ek)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "INSERT INTO endorsed (eid, ek) VALUES (?1, ?2)"
						      " ON CONFLICT (eid) DO UPDATE SET ek = excluded.ek");

	smr_db_bind(s, 1, smr_eid_bytes(eid));
	smr_db_bind(s, 2, smr_bytes_of(ek, SMR_POINT_LEN));
	return smr_db_run(s);
}

enum smr_err smr_supplier_db_enrol(struct smr_supplier_db *db, uint64_t number,
				   const struct smr_shipment_record *record, const uint8_t *ek)
{
	enum smr_err err;

	SMR_TRY(smr_supplier_db_begin(db));
	err = put_keys(db, number, record);
	if (err == SMR_OK)
		err = put_endorsement(db, number, record);
	if (err == SMR_OK && ek != NULL)
		err = put_ek(db, &record->eid, ek);
	if (err == SMR_OK)
		return smr_supplier_db_end(db, true);
	return smr_supplier_db_end(db, false) == SMR_OK ? err : SMR_E_IO;
}
