/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a store is opened in: new ones, foreign ones, those of a newer program, and of every older schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store_rig.h"

static void test_open_missing_foreign_or_empty_file_is_refused(void **state)
{
	struct rig *rig = *state;
	char path[300];

	snprintf(path, sizeof(path), "%s/other", rig->dir);
	assert_int_equal(rig_open_says(path, SMR_STORE_READ, "no store"), SMR_E_NOT_FOUND);
	assert_int_equal(rig_open_says(path, SMR_STORE_WRITE, "no store"), SMR_E_NOT_FOUND);
	rig_sql(path, "CREATE TABLE t (a)");
	assert_int_equal(rig_open_says(path, SMR_STORE_CREATE, "not a store"), SMR_E_MALFORMED);
	assert_int_equal(remove(path), 0);
	fclose(fopen(path, "w"));
	assert_int_equal(rig_open_says(path, SMR_STORE_WRITE, "empty"), SMR_E_MALFORMED);
	assert_int_equal(remove(path), 0);
	FILE *text = fopen(path, "w");
	for (int i = 0; i < 200; i++)
		fputs("this is no database\n", text);
	fclose(text);
	assert_int_equal(rig_open_says(path, SMR_STORE_WRITE, "not a database"), SMR_E_MALFORMED);
	assert_int_equal(remove(path), 0);
}

static void test_open_creates_a_file_that_only_its_owner_reads(void **state)
{
	struct rig *rig = *state;
	struct stat st;
	char path[300];

	rig_fill(rig, 1, 1);
	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s-wal", rig->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(rig_open_says(rig->path, SMR_STORE_CREATE, NULL), SMR_OK);
	assert_int_equal(rig_get(rig->store, 1).err, SMR_OK);
}

static void test_open_newer_schema_is_refused_in_every_mode(void **state)
{
	struct rig *rig = *state;

	smr_store_close(rig->store);
	rig->store = NULL;
	rig_sql(rig->path, "UPDATE meta SET value = 9 WHERE name = 'schema'");
	for (int mode = SMR_STORE_READ; mode <= SMR_STORE_CREATE; mode++)
		assert_int_equal(rig_open_says(rig->path, (enum smr_store_mode)mode,
					       "schema version 9, this program knows up to 8"),
				 SMR_E_UNSUPPORTED);
}

/* What version 1 looked like, whatever the present one does: stores in the field have to open for ever. */
static const char version_1[] =
	"PRAGMA application_id = 1397576257; PRAGMA journal_mode = WAL;"
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('schema', 1), ('sequence', 41);"
	"CREATE TABLE party (role TEXT NOT NULL, sign BLOB NOT NULL, name TEXT NOT NULL, kem BLOB,"
	" PRIMARY KEY (role, sign)) WITHOUT ROWID;"
	"CREATE TABLE loaded (sender BLOB NOT NULL, type INTEGER NOT NULL, number INTEGER NOT NULL,"
	" PRIMARY KEY (sender, type, number)) WITHOUT ROWID;"
	"CREATE TABLE shipment (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, supplier BLOB NOT NULL, owner "
	"BLOB,"
	" gate BLOB);"
	"INSERT INTO shipment VALUES (1, x'0102030405060708', zeroblob(33), NULL, NULL);"
	"CREATE TABLE reference (supplier BLOB NOT NULL, measurement BLOB NOT NULL, version TEXT NOT NULL,"
	" PRIMARY KEY (supplier, measurement)) WITHOUT ROWID;"
	"CREATE TABLE operator (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, role TEXT NOT NULL, name TEXT NOT "
	"NULL,"
	" sign BLOB NOT NULL, kem BLOB, relay_number INTEGER NOT NULL DEFAULT 0, relay_last INTEGER NOT NULL DEFAULT 0,"
	" relay_reserved INTEGER NOT NULL DEFAULT 0);"
	"INSERT INTO operator VALUES (1, x'a0a0a0a0a0a0a0a0', 'auc', 'A', zeroblob(33), NULL, 3, 7, 0);"
	"CREATE TABLE device (eid BLOB PRIMARY KEY, bucket INTEGER NOT NULL, revision INTEGER NOT NULL,"
	" state INTEGER NOT NULL, revoked INTEGER NOT NULL, ctr INTEGER NOT NULL, hash BLOB NOT NULL, lineage INTEGER "
	"NOT NULL,"
	" operator INTEGER REFERENCES operator (number), iccid BLOB, serial INTEGER, package INTEGER, has_x INTEGER "
	"NOT NULL,"
	" evidence INTEGER, shipment INTEGER REFERENCES shipment (number), d BLOB) WITHOUT ROWID;"
	"INSERT INTO device VALUES (x'89049032000000000000000000000001', 9, 17, 1, 0, 33, zeroblob(32), 31, 1,"
	" x'89490000000000000001', 1001, 1, 1, NULL, 1, zeroblob(64));"
	"CREATE INDEX device_iccid ON device (iccid) WHERE iccid IS NOT NULL;"
	"CREATE TABLE package (slot INTEGER PRIMARY KEY, x BLOB NOT NULL, w BLOB NOT NULL, \"order\" BLOB);"
	"INSERT INTO package VALUES (1, x'cafe', zeroblob(64), NULL);"
	"CREATE TABLE evidence (seq INTEGER PRIMARY KEY, evidence BLOB NOT NULL, e BLOB NOT NULL, q BLOB NOT NULL);"
	"CREATE TABLE command (eid BLOB NOT NULL, iccid BLOB NOT NULL, operator INTEGER NOT NULL REFERENCES operator "
	"(number),"
	" serial INTEGER NOT NULL, pending INTEGER NOT NULL, command BLOB, result INTEGER, PRIMARY KEY (eid, iccid))"
	" WITHOUT ROWID;"
	"CREATE INDEX command_pending ON command (eid) WHERE pending;"
	"CREATE TABLE relay (seq INTEGER PRIMARY KEY AUTOINCREMENT, operator INTEGER NOT NULL REFERENCES operator "
	"(number),"
	" eid BLOB NOT NULL, iccid BLOB NOT NULL, serial INTEGER NOT NULL, kind INTEGER NOT NULL, result INTEGER NOT "
	"NULL,"
	" mac BLOB NOT NULL, evidence BLOB, e BLOB, q BLOB);"
	"CREATE INDEX relay_operator ON relay (operator);"
	"CREATE TABLE relay_file (operator INTEGER NOT NULL REFERENCES operator (number), number INTEGER NOT NULL,"
	" after INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (operator, number)) WITHOUT ROWID;"
	"CREATE TABLE flight_key (number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, q BLOB NOT NULL,"
	" not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, scalar BLOB NOT NULL, encoded BLOB NOT NULL);"
	"CREATE TABLE ticket_key (id INTEGER PRIMARY KEY, key BLOB NOT NULL);";

static int setup_version_1(void **state)
{
	struct rig *rig;

	rig_setup(state);
	rig = *state;
	smr_store_close(rig->store);
	rig->store = NULL;
	assert_int_equal(remove(rig->path), 0);
	rig_sql(rig->path, version_1);
	return 0;
}

static void test_open_version_1_keeps_its_data_and_works_on(void **state)
{
	struct rig *rig = *state;
	struct smr_key_id operator_id = rig_operator(0);
	struct smr_store_device device;
	uint64_t number;

	rig->store = rig_another(rig, SMR_STORE_WRITE);
	device = rig_get(rig->store, 1);
	assert_int_equal(device.err, SMR_OK);
	assert_int_equal(device.revision, 17);
	assert_int_equal(device.row.ctr, 33);
	assert_int_equal(device.row.lineage, 31);
	assert_int_equal(device.x_len, 2);
	assert_int_equal(device.shipment.octets[7], 8);
	assert_int_equal(smr_store_relay_number(rig->store, &operator_id, &number), SMR_OK);
	assert_int_equal(number, 3);
	rig_offer(rig->store, 1);
	rig_install(rig->store, 1);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_INSTALLED);
}

/* From version 1 to 6, the last one with devices by EID. */
static const char to_version_6[] =
	"CREATE INDEX device_waiting ON device (eid) WHERE revoked OR (state = 1 AND lineage <> 0);"
	"ALTER TABLE shipment ADD COLUMN file_number INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN sealed_for BLOB;"
	"CREATE TABLE reenrolment (eid BLOB PRIMARY KEY, shipment INTEGER NOT NULL REFERENCES shipment (number), d "
	"BLOB NOT NULL)"
	" WITHOUT ROWID;"
	"ALTER TABLE device ADD COLUMN interval_s INTEGER;"
	"CREATE TABLE ticket_class (number INTEGER PRIMARY KEY, up_to_s INTEGER NOT NULL, epoch_s INTEGER NOT NULL,"
	" lifetime INTEGER NOT NULL, retired INTEGER NOT NULL);"
	"INSERT INTO ticket_class VALUES (0, 86400, 86400, 30, 0);"
	"CREATE TABLE journal (slot INTEGER PRIMARY KEY, entry INTEGER NOT NULL, eid BLOB NOT NULL);"
	"INSERT INTO meta VALUES ('journal', 0);"
	"ALTER TABLE shipment ADD COLUMN platform INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN tpm_state BLOB;"
	"ALTER TABLE reference ADD COLUMN log BLOB;"
	"UPDATE meta SET value = 6 WHERE name = 'schema';"
	"UPDATE device SET shipment = NULL, sealed_for = x'5152535455565758', interval_s = 3600, tpm_state = "
	"zeroblob(%zu);";

static void make_version_6(const struct rig *rig)
{
	char script[sizeof(to_version_6) + 8];

	snprintf(script, sizeof(script), to_version_6, sizeof(((struct smr_row *)NULL)->tpm.octets));
	rig_sql(rig->path, script);
}

static void test_open_version_6_keeps_what_came_since_version_1(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device device;

	make_version_6(rig);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	device = rig_get(rig->store, 1);
	assert_int_equal(device.err, SMR_OK);
	assert_int_equal(device.revision, 17);
	assert_int_equal(device.shipment.octets[7], 0x58);
	assert_int_equal(device.interval_s, 3600);
	assert_true(device.row.tpm.known);
}

/* Rows as version 1 had them, in no order, and of many prefixes. */
#define OLD_PREFIXES 7u
#define OLD_OF_EACH 60u

static uint64_t old_number(unsigned i)
{
	uint64_t prefix = i % OLD_PREFIXES;

	return (OLD_PREFIXES - prefix) * UINT64_C(1000000000000) + 2 + i * 37 % (OLD_PREFIXES * OLD_OF_EACH);
}

static void add_old_devices(const struct rig *rig)
{
	static char script[OLD_PREFIXES * OLD_OF_EACH * 200];
	int len = snprintf(script, sizeof(script), "BEGIN;");

	for (unsigned i = 0; i < OLD_PREFIXES * OLD_OF_EACH; i++)
		len += snprintf(script + len, sizeof(script) - (size_t)len,
				"INSERT INTO device VALUES (x'89049032%024llu', 9, 3, 1, %d, %u, zeroblob(32), 0, 1, "
				"x'8949%016llx',"
				" 5, NULL, 0, NULL, 1, zeroblob(64));",
				(unsigned long long)old_number(i), i == 11, i, (unsigned long long)old_number(i));
	snprintf(script + len, sizeof(script) - (size_t)len, "COMMIT;");
	rig_sql(rig->path, script);
}

static void keep_eid(void *context, const struct smr_eid *eid, bool pending)
{
	assert_true(pending);
	*(struct smr_eid *)context = *eid;
}

static void test_open_version_1_with_many_devices_keeps_each(void **state)
{
	struct rig *rig = *state;
	struct smr_eid revoked = rig_eid(old_number(11));
	struct smr_eid pending = {{0}};
	uint64_t journal;

	add_old_devices(rig);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	for (unsigned i = 0; i < OLD_PREFIXES * OLD_OF_EACH; i++) {
		struct smr_store_device device = rig_get(rig->store, old_number(i));
		struct smr_iccid iccid = rig_iccid(old_number(i));

		assert_int_equal(device.err, SMR_OK);
		assert_int_equal(device.row.ctr, i);
		assert_int_equal(device.row.revoked, i == 11);
		assert_memory_equal(&device.row.iccid, &iccid, sizeof(iccid));
	}
	rig_sql(rig->path, "UPDATE device SET lineage_ctr = 0");
	assert_int_equal(smr_store_pending(rig->store, &journal, keep_eid, &pending), SMR_OK);
	assert_memory_equal(&pending, &revoked, sizeof(revoked));
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(rig_put_package(rig, 0, old_number(0), 6, RIG_X_LEN, SMR_NONE), SMR_OK);
	rig_load_keep(rig);
}

/* Nothing of it is kept: the store opens with the program of before. */
static void assert_still_version_1(const struct rig *rig)
{
	rig_sql(rig->path,
		"UPDATE device SET bucket = 1; UPDATE meta SET value = 1 / (value = 1) WHERE name = 'schema'");
}

static void test_open_version_1_with_what_is_no_eid_stays_what_it_was(void **state)
{
	struct rig *rig = *state;

	rig_sql(rig->path, "INSERT INTO device SELECT x'8904903200000000000000000000000f', 9, 1, 0, 0, 0, hash, 0, "
			   "NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL FROM device;");
	assert_int_equal(rig_open_says(rig->path, SMR_STORE_WRITE, "1 EIDs in this store do not consist of digits"),
			 SMR_E_MALFORMED);
	assert_still_version_1(rig);
}

static void set_file_limit(rlim_t limit)
{
	struct rlimit rl;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &rl), 0);
	rl.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static void test_open_version_1_on_a_full_disk_stays_what_it_was(void **state)
{
	struct rig *rig = *state;

	add_old_devices(rig);
	(void)signal(SIGXFSZ, SIG_IGN);
	set_file_limit(65536);
	assert_int_equal(rig_open_says(rig->path, SMR_STORE_WRITE, "make room"), SMR_E_DISK_FULL);
	set_file_limit(RLIM_INFINITY);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_still_version_1(rig);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	assert_int_equal(rig_get(rig->store, old_number(1)).err, SMR_OK);
}

/* A samarad of version 6 that nobody has stopped asks and writes with these. */
static const char *const of_version_6[] = {
	"SELECT d.revision, d.lineage FROM device d WHERE d.eid = ?1",
	"SELECT revision, lineage FROM device WHERE eid = ?1",
	"UPDATE device SET revision = revision + 1, state = ?2, ctr = ?3, hash = ?4, lineage = ?5 WHERE eid = ?1",
	"SELECT eid FROM device WHERE revoked OR (state = 1 AND lineage <> 0)",
	"SELECT EXISTS (SELECT 1 FROM device d WHERE d.eid = j.eid AND d.lineage <> 0) FROM journal j",
};

static void test_statements_of_version_6_fail_after_the_upgrade(void **state)
{
	sqlite3_stmt *statements[SMR_COUNT(of_version_6)];
	struct rig *rig = *state;
	sqlite3 *db;

	make_version_6(rig);
	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	for (size_t i = 0; i < SMR_COUNT(statements); i++) {
		assert_int_equal(sqlite3_prepare_v2(db, of_version_6[i], -1, &statements[i], NULL), SQLITE_OK);
		assert_in_range(sqlite3_step(statements[i]), SQLITE_ROW, SQLITE_DONE);
		assert_int_equal(sqlite3_reset(statements[i]), SQLITE_OK);
	}
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	for (size_t i = 0; i < SMR_COUNT(statements); i++) {
		assert_int_equal(sqlite3_step(statements[i]), SQLITE_ERROR);
		assert_non_null(strstr(sqlite3_errmsg(db), "lineage"));
		(void)sqlite3_finalize(statements[i]);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open_missing_foreign_or_empty_file_is_refused, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_open_creates_a_file_that_only_its_owner_reads, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_open_newer_schema_is_refused_in_every_mode, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_open_version_1_keeps_its_data_and_works_on, setup_version_1,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_open_version_6_keeps_what_came_since_version_1, setup_version_1,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_open_version_1_with_many_devices_keeps_each, setup_version_1,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_open_version_1_with_what_is_no_eid_stays_what_it_was,
						setup_version_1, rig_teardown),
		cmocka_unit_test_setup_teardown(test_open_version_1_on_a_full_disk_stays_what_it_was, setup_version_1,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_statements_of_version_6_fail_after_the_upgrade, setup_version_1,
						rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
