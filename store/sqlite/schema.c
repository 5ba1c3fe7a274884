/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema, its version, and the way up from older versions.
 *
 * What decides the layout is that devices come in random order: every random key dirties a page. So
 * - `device` is one B-tree that the hot path finds in one descent, and holds only what contacts need. Its key is a number
 *   (place.c), so that inner pages hold numbers alone and ten million rows have four levels; a table WITHOUT ROWID keeps
 *   whole rows there too, and has seven. Pages are small (2 KiB): a random update writes a page to the log whatever its
 *   size (14 against 19 µs with 4 KiB at 1 M rows).
 * - `evidence` and `relay` are appended in the order of contacts, which costs a third of a random row.
 * - `package` (X, W, order) is appended at loading and read only when it is sent. Its rows are never deleted and change
 *   only in place, with the same length: SQLite's secure_delete overwrites what is deleted, but when a page is
 * rebalanced copies of rows that live on elsewhere can stay behind in it, out of reach of their later deletion. Rows
 * that never move leave no such copies, so that zeroing an X zeroes all of it. The place is used again for the device's
 * next package.
 */
#include <unistd.h>

#include "store/sqlite/local.h"
#include "sys/log.h"
#include "sys/progress.h"

#define PRESENT_VERSION 8u
#define APPLICATION_ID 0x534d5241 /* «SMRA» */

static const char version_1[] =
	"PRAGMA application_id = 1397576257;" /* 0x534d5241 */
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('schema', 1), ('sequence', 1);"
	"CREATE TABLE party ("
	"  role TEXT NOT NULL, sign BLOB NOT NULL, name TEXT NOT NULL, kem BLOB,"
	"  PRIMARY KEY (role, sign)) WITHOUT ROWID;"
	"CREATE TABLE loaded ("
	"  sender BLOB NOT NULL, type INTEGER NOT NULL, number INTEGER NOT NULL,"
	"  PRIMARY KEY (sender, type, number)) WITHOUT ROWID;"
	"CREATE TABLE shipment ("
	"  number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, supplier BLOB NOT NULL, owner BLOB, gate BLOB);"
	"CREATE TABLE reference ("
	"  supplier BLOB NOT NULL, measurement BLOB NOT NULL, version TEXT NOT NULL,"
	"  PRIMARY KEY (supplier, measurement)) WITHOUT ROWID;"
	/* relay_last: highest sequence in a file; relay_reserved: highest of the file that is being written, or 0 */
	"CREATE TABLE operator ("
	"  number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, role TEXT NOT NULL, name TEXT NOT NULL, sign BLOB NOT "
	"NULL,"
	"  kem BLOB, relay_number INTEGER NOT NULL DEFAULT 0, relay_last INTEGER NOT NULL DEFAULT 0,"
	"  relay_reserved INTEGER NOT NULL DEFAULT 0);"
	/* state: enum smr_row_state; d: x | y; package, evidence: row numbers */
	"CREATE TABLE device ("
	"  eid BLOB PRIMARY KEY, bucket INTEGER NOT NULL, revision INTEGER NOT NULL, state INTEGER NOT NULL,"
	"  revoked INTEGER NOT NULL, ctr INTEGER NOT NULL, hash BLOB NOT NULL, lineage INTEGER NOT NULL,"
	"  operator INTEGER REFERENCES operator (number), iccid BLOB, serial INTEGER, package INTEGER,"
	"  has_x INTEGER NOT NULL, evidence INTEGER, shipment INTEGER REFERENCES shipment (number), d BLOB) WITHOUT "
	"ROWID;"
	"CREATE INDEX device_iccid ON device (iccid) WHERE iccid IS NOT NULL;"
	"CREATE TABLE package (slot INTEGER PRIMARY KEY, x BLOB NOT NULL, w BLOB NOT NULL, \"order\" BLOB);"
	"CREATE TABLE evidence (seq INTEGER PRIMARY KEY, evidence BLOB NOT NULL, e BLOB NOT NULL, q BLOB NOT NULL);"
	/* serial: the highest known for this ICCID; result: of its receipt */
	"CREATE TABLE command ("
	"  eid BLOB NOT NULL, iccid BLOB NOT NULL, operator INTEGER NOT NULL REFERENCES operator (number),"
	"  serial INTEGER NOT NULL, pending INTEGER NOT NULL, command BLOB, result INTEGER,"
	"  PRIMARY KEY (eid, iccid)) WITHOUT ROWID;"
	"CREATE INDEX command_pending ON command (eid) WHERE pending;"
	/* AUTOINCREMENT: a sequence is never given out twice, although acknowledged records go */
	"CREATE TABLE relay ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT, operator INTEGER NOT NULL REFERENCES operator (number),"
	"  eid BLOB NOT NULL, iccid BLOB NOT NULL, serial INTEGER NOT NULL, kind INTEGER NOT NULL, result INTEGER NOT "
	"NULL,"
	"  mac BLOB NOT NULL, evidence BLOB, e BLOB, q BLOB);"
	"CREATE INDEX relay_operator ON relay (operator);"
	/* file `number` holds the sequences above `after` up to `last`; gone when all of it is acknowledged */
	"CREATE TABLE relay_file ("
	"  operator INTEGER NOT NULL REFERENCES operator (number), number INTEGER NOT NULL, after INTEGER NOT NULL,"
	"  last INTEGER NOT NULL, PRIMARY KEY (operator, number)) WITHOUT ROWID;"
	"CREATE TABLE flight_key ("
	"  number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, q BLOB NOT NULL, not_before INTEGER NOT NULL,"
	"  not_after INTEGER NOT NULL, scalar BLOB NOT NULL, encoded BLOB NOT NULL);"
	"CREATE TABLE ticket_key (id INTEGER PRIMARY KEY, key BLOB NOT NULL);";

/* Devices whose check-ins must not pass without a look at their row: see SMR_SQL_COMMAND_PENDING. */
static const char version_2[] =
	"CREATE INDEX device_waiting ON device (eid) WHERE revoked OR (state = 1 AND lineage <> 0);";

/* file_number: the supplier's number of the shipment; sealed_for: id of the shipment that the package was sealed for;
 * reenrolment: keys of devices that were enrolled anew, until their operator seals for them (store/reenrol.c). */
static const char version_3[] = "ALTER TABLE shipment ADD COLUMN file_number INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE device ADD COLUMN sealed_for BLOB;"
				"CREATE TABLE reenrolment ("
				"  eid BLOB PRIMARY KEY, shipment INTEGER NOT NULL REFERENCES shipment (number), d "
				"BLOB NOT NULL) WITHOUT ROWID;";

/* interval_s: what the operator says of the device's check-ins, NULL: nothing. ticket_class: docs/decisions/0014-ticket-classes.md;
 * class 0 is what all tickets had before. journal: a ring of the devices whose pending state changed (../journal.c). */
static const char version_4[] =
	"ALTER TABLE device ADD COLUMN interval_s INTEGER;"
	"CREATE TABLE ticket_class ("
	"  number INTEGER PRIMARY KEY, up_to_s INTEGER NOT NULL, epoch_s INTEGER NOT NULL,"
	"  lifetime INTEGER NOT NULL, retired INTEGER NOT NULL);"
	"INSERT INTO ticket_class VALUES (0, 86400, 86400, 30, 0), (1, 3600, 21600, 28, 0),"
	"  (2, 604800, 604800, 26, 0), (3, 4294967295, 2592000, 24, 0);"
	"CREATE TABLE journal (slot INTEGER PRIMARY KEY, entry INTEGER NOT NULL, eid BLOB NOT NULL);"
	"INSERT INTO meta VALUES ('journal', 0);";

/* How the devices of a shipment attest. */
static const char version_5[] = "ALTER TABLE shipment ADD COLUMN platform INTEGER NOT NULL DEFAULT 0;";

/* What the row remembers of its device's TPM (struct smr_tpm_memory), NULL: nothing; the boot log that an approved measurement comes from, NULL:
 * software, or loaded before. */
static const char version_6[] = "ALTER TABLE device ADD COLUMN tpm_state BLOB;"
				"ALTER TABLE reference ADD COLUMN log BLOB;";

/* `device` by a key that is a number: its place (place.c). In the order of EIDs, so that pages are full. What the old table leaves
 * behind is not overwritten, which would take as long again: a row holds nothing that must be forgotten (only X must, in `package`). */
static const char version_7[] =
	"CREATE TABLE eid_prefix (number INTEGER PRIMARY KEY, prefix BLOB NOT NULL UNIQUE);"
	"INSERT INTO eid_prefix (prefix) SELECT DISTINCT substr(eid, 1, 10) FROM device ORDER BY 1;"
	"ALTER TABLE device RENAME TO device_by_eid;"
	"CREATE TABLE device ("
	"  place INTEGER PRIMARY KEY, eid BLOB NOT NULL, revision INTEGER NOT NULL, state INTEGER NOT NULL,"
	"  revoked INTEGER NOT NULL, ctr INTEGER NOT NULL, hash BLOB NOT NULL, lineage INTEGER NOT NULL,"
	"  operator INTEGER REFERENCES operator (number), iccid BLOB, serial INTEGER, package INTEGER,"
	"  has_x INTEGER NOT NULL, evidence INTEGER, shipment INTEGER REFERENCES shipment (number), d BLOB,"
	"  sealed_for BLOB, interval_s INTEGER, tpm_state BLOB);"
	"INSERT INTO device SELECT"
	"  (SELECT number FROM eid_prefix WHERE prefix = substr(eid, 1, 10)) << 40 | CAST(substr(hex(eid), 21) AS "
	"INTEGER),"
	"  eid, revision, state, revoked, ctr, hash, lineage, operator, iccid, serial, package, has_x, evidence, "
	"shipment, d,"
	"  sealed_for, interval_s, tpm_state FROM device_by_eid ORDER BY eid;"
	"PRAGMA secure_delete = OFF;"
	"DROP TABLE device_by_eid;"
	"PRAGMA secure_delete = ON;"
	"CREATE INDEX device_iccid ON device (iccid) WHERE iccid IS NOT NULL;"
	"CREATE INDEX device_waiting ON device (eid) WHERE revoked OR (state = 1 AND lineage <> 0);";

/* With a name that programs of before do not know: SQLite prepares their statements anew when the schema has changed, and those by EID would
 * have gone through all rows, for each device that asks. */
static const char version_8[] = "ALTER TABLE device RENAME COLUMN lineage TO lineage_ctr;";

/* The @p count numbers of the one row that @p text asks for. */
static enum smr_err ask_numbers(struct smr_store *store, const char *text, uint64_t *out, int count)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(smr_sqlite_of(store)->db, text, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW) {
		enum smr_err err = smr_sqlite_fail(store, "opening");

		(void)sqlite3_finalize(stmt);
		return err;
	}
	for (int i = 0; i < count; i++)
		out[i] = (uint64_t)sqlite3_column_int64(stmt, i);
	(void)sqlite3_finalize(stmt);
	return SMR_OK;
}

static enum smr_err run_script(struct smr_store *store, const char *script)
{
	if (sqlite3_exec(smr_sqlite_of(store)->db, script, NULL, NULL, NULL) != SQLITE_OK)
		return smr_sqlite_fail(store, "making the schema");
	return SMR_OK;
}

static enum smr_err from_nothing(struct smr_store *store)
{
	return run_script(store, version_1);
}

static enum smr_err from_1(struct smr_store *store)
{
	return run_script(store, version_2);
}

static enum smr_err from_2(struct smr_store *store)
{
	return run_script(store, version_3);
}

static enum smr_err from_3(struct smr_store *store)
{
	return run_script(store, version_4);
}

static enum smr_err from_4(struct smr_store *store)
{
	return run_script(store, version_5);
}

static enum smr_err from_5(struct smr_store *store)
{
	return run_script(store, version_6);
}

/* Whether each device will have a place. Returns how many there are. */
static enum smr_err judge_devices(struct smr_store *store, uint64_t *devices)
{
	uint64_t numbers[3] = {0}; /* devices, prefixes, EIDs that are none */

	SMR_TRY(ask_numbers(store,
			    "SELECT count(*), count(DISTINCT substr(eid, 1, 10)), "
			    "count(*) FILTER (WHERE hex(eid) GLOB '*[^0-9]*') FROM device",
			    numbers, SMR_COUNT(numbers)));
	*devices = numbers[0];
	if (numbers[1] > SMR_SQLITE_PREFIX_MAX)
		return smr_store_say(store, SMR_E_TOO_MANY,
				     "the EIDs in this store begin with %llu different groups of 20 digits, and this "
				     "program's store holds %llu: stay with the program of before",
				     (unsigned long long)numbers[1], (unsigned long long)SMR_SQLITE_PREFIX_MAX);
	if (numbers[2] > 0)
		return smr_store_say(store, SMR_E_MALFORMED,
				     "%llu EIDs in this store do not consist of digits, which no device's does: stay "
				     "with the program of before, or remove their rows with it stopped",
				     (unsigned long long)numbers[2]);
	return SMR_OK;
}

static void note_row(void *progress, int how, const char *database, const char *table, sqlite3_int64 row)
{
	(void)how;
	(void)database;
	(void)row;
	if (strcmp(table, "device") == 0)
		smr_progress_add(progress, 1);
}

/* Minutes for a large store: whoever sits before it sees how far it is. A log has its one line. */
static enum smr_err from_6(struct smr_store *store)
{
	sqlite3 *db = smr_sqlite_of(store)->db;
	struct smr_progress progress;
	uint64_t devices;
	enum smr_err err;

	SMR_TRY(judge_devices(store, &devices));
	smr_progress_start(&progress, "upgrading the store: devices", devices,
			   devices == 0 || isatty(STDERR_FILENO) != 1);
	(void)sqlite3_update_hook(db, note_row, &progress);
	err = run_script(store, version_7);
	(void)sqlite3_update_hook(db, NULL, NULL);
	smr_progress_end(&progress);
	return err;
}

static enum smr_err from_7(struct smr_store *store)
{
	return run_script(store, version_8);
}

/* upgrades[n] takes a store from version n to n + 1, inside one transaction with those that follow. */
static enum smr_err (*const upgrades[PRESENT_VERSION])(struct smr_store *store) = {
	from_nothing, from_1, from_2, from_3, from_4, from_5, from_6, from_7};

/* Version 0: a new, empty database. */
static enum smr_err read_version(struct smr_store *store, uint64_t *version)
{
	struct smr_query q;
	uint64_t tables = 0;
	uint64_t id = 0;

	*version = 0;
	SMR_TRY(ask_numbers(store, "SELECT count(*) FROM sqlite_master", &tables, 1));
	SMR_TRY(ask_numbers(store, "PRAGMA application_id", &id, 1));
	if (tables == 0 && id == 0)
		return SMR_OK;
	if (id != APPLICATION_ID)
		return smr_store_say(store, SMR_E_MALFORMED,
				     "this file is an SQLite database, but not a store of Samara");
	q = smr_query_begin(store, SMR_SQL_META_GET);
	smr_query_text(&q, "schema");
	if (smr_query_step(&q))
		*version = smr_column_int(&q, 0);
	return smr_query_end(&q);
}

static enum smr_err judge_version(struct smr_store *store, uint64_t version)
{
	if (version > PRESENT_VERSION)
		return smr_store_say(
			store, SMR_E_UNSUPPORTED,
			"the store has schema version %llu, this program knows up to %u: use a newer program",
			(unsigned long long)version, PRESENT_VERSION);
	if (version == 0 && store->mode != SMR_STORE_CREATE)
		return smr_store_say(store, SMR_E_MALFORMED, "this file is empty: it is not a store of Samara");
	if (version < PRESENT_VERSION && store->mode == SMR_STORE_READ)
		return smr_store_say(
			store, SMR_E_UNSUPPORTED,
			"the store has the older schema version %llu: open it once for writing to upgrade it",
			(unsigned long long)version);
	return SMR_OK;
}

static enum smr_err upgrade(struct smr_store *store)
{
	struct smr_query q;
	uint64_t version;

	/* Again, now that nobody else can be upgrading. */
	SMR_TRY(read_version(store, &version));
	SMR_TRY(judge_version(store, version));
	if (version == PRESENT_VERSION)
		return SMR_OK;
	if (version != 0)
		smr_log(SMR_LOG_INFO, "store.upgrading", "from=%llu to=%u note=%s", (unsigned long long)version,
			PRESENT_VERSION, SMR_QUOTED("with millions of devices this takes minutes"));
	for (uint64_t v = version; v < PRESENT_VERSION; v++)
		SMR_TRY(upgrades[v](store));
	q = smr_query_begin(store, SMR_SQL_META_SET);
	smr_query_text(&q, "schema");
	smr_query_int(&q, PRESENT_VERSION);
	return smr_query_run(&q);
}

enum smr_err smr_sqlite_settle(struct smr_store *store)
{
	uint64_t version;

	SMR_TRY(read_version(store, &version));
	SMR_TRY(judge_version(store, version));
	if (version == PRESENT_VERSION)
		return SMR_OK;
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, upgrade(store));
}
