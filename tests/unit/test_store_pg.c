/* SPDX-License-Identifier: Apache-2.0 */
/* What only the PostgreSQL back end has: its schema, connections that are lost, others who hold rows. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg_rig.h"

/* ---- opening ---- */

static void test_open_where_there_is_no_store_is_refused(void **state)
{
	struct rig *rig = *state;
	char address[400];

	rig_sql(rig->path, "CREATE SCHEMA IF NOT EXISTS nothing");
	snprintf(address, sizeof(address), "%s&options=-csearch_path%%3Dnothing", getenv("SAMARA_TEST_STORE"));
	assert_int_equal(rig_open_says(address, SMR_STORE_READ, "no store"), SMR_E_NOT_FOUND);
	assert_int_equal(rig_open_says(address, SMR_STORE_WRITE, "no store"), SMR_E_NOT_FOUND);
	rig_sql(address, "CREATE TABLE nothing.meta (name text, value int8)");
	assert_int_equal(rig_open_says(address, SMR_STORE_CREATE, "not a store"), SMR_E_MALFORMED);
	rig_sql(address, "DROP TABLE nothing.meta");
}

static void test_open_unreachable_or_malformed_address_shows_no_password(void **state)
{
	static const char *const addresses[] = {"postgresql://samara:s3cr3t@127.0.0.1:1/x",
						"postgresql://samara:s3cr3t@[::1/x",
						"postgresql://samara:x@y:s3cr3t@z/"};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(addresses); i++) {
		struct smr_store *store = NULL;
		enum smr_err err = smr_store_open(addresses[i], SMR_STORE_WRITE, &store);

		assert_int_equal(err, i == 0 ? SMR_E_UNAVAILABLE : SMR_E_INVALID);
		assert_null(strstr(smr_store_problem(store), "s3cr3t"));
		assert_true(smr_store_problem(store)[0] != '\0');
		smr_store_close(store);
	}
}

static void test_open_newer_schema_is_refused_in_every_mode(void **state)
{
	struct rig *rig = *state;

	rig_sql(rig->path, "UPDATE meta SET value = 7 WHERE name = 'schema'");
	for (int mode = SMR_STORE_READ; mode <= SMR_STORE_CREATE; mode++)
		assert_int_equal(rig_open_says(rig->path, (enum smr_store_mode)mode,
					       "schema version 7, this program knows up to 6"),
				 SMR_E_UNSUPPORTED);
}

/* Four start at once where there is nothing: one makes it, and all find it. */
static void test_open_by_many_at_once_makes_one_schema(void **state)
{
	struct rig *rig = *state;
	pid_t children[4];
	int status;

	rig_sql(rig->path, "DO $$ BEGIN EXECUTE 'DROP SCHEMA \"' || current_schema || '\" CASCADE; "
			   "CREATE SCHEMA \"' || current_schema || '\"'; END $$");
	for (size_t i = 0; i < SMR_COUNT(children); i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			struct smr_store *store = NULL;

			_exit(smr_store_open(rig->path, SMR_STORE_CREATE, &store) == SMR_OK ? 0 : 1);
		}
	}
	for (size_t i = 0; i < SMR_COUNT(children); i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(ask(rig, "SELECT count(*) FROM ticket_class"), 4);
}

/* What version 1 looked like, whatever the present one does: stores in the field have to open for ever. */
static const char version_1[] =
	"CREATE TABLE meta (name text PRIMARY KEY, value int8 NOT NULL);"
	"INSERT INTO meta VALUES ('application', 1397576257), ('schema', 1), ('sequence', 41), ('journal', 7), "
	"('writer', 0);"
	"CREATE TABLE party (role text NOT NULL, sign bytea NOT NULL, name text NOT NULL, kem bytea, "
	"PRIMARY KEY (role, sign));"
	"CREATE TABLE loaded (sender bytea NOT NULL, type int8 NOT NULL, number int8 NOT NULL, "
	"PRIMARY KEY (sender, type, number));"
	"CREATE TABLE shipment (number int8 PRIMARY KEY, id bytea NOT NULL UNIQUE, supplier bytea NOT NULL, "
	"owner bytea, gate bytea, file_number int8 NOT NULL);"
	"INSERT INTO shipment VALUES (1, '\\x0102030405060708', decode(repeat('00', 33), 'hex'), NULL, NULL, 4);"
	"CREATE TABLE reference (supplier bytea NOT NULL, measurement bytea NOT NULL, version text NOT NULL, "
	"PRIMARY KEY (supplier, measurement));"
	"CREATE TABLE operator (number int8 PRIMARY KEY, id bytea NOT NULL UNIQUE, role text NOT NULL, "
	"name text NOT NULL, sign bytea NOT NULL, kem bytea, relay_number int8 NOT NULL DEFAULT 0, "
	"relay_last int8 NOT NULL DEFAULT 0, relay_reserved int8 NOT NULL DEFAULT 0);"
	"INSERT INTO operator VALUES (1, '\\xa0a0a0a0a0a0a0a0', 'auc', 'A', decode(repeat('00', 33), 'hex'), NULL, 3, "
	"7, 0);"
	"CREATE TABLE relay_file (operator int8 NOT NULL, number int8 NOT NULL, after int8 NOT NULL, "
	"last int8 NOT NULL, PRIMARY KEY (operator, number));"
	"CREATE TABLE flight_key (number int8 PRIMARY KEY, kind int8 NOT NULL, q bytea NOT NULL, "
	"not_before int8 NOT NULL, not_after int8 NOT NULL, scalar bytea NOT NULL, encoded bytea NOT NULL);"
	"CREATE TABLE ticket_key (id int8 PRIMARY KEY, key bytea NOT NULL);"
	"CREATE TABLE ticket_class (number int8 PRIMARY KEY, up_to_s int8 NOT NULL, epoch_s int8 NOT NULL, "
	"lifetime int8 NOT NULL, retired int2 NOT NULL);"
	"INSERT INTO ticket_class VALUES (0, 86400, 86400, 30, 0);"
	"CREATE TABLE journal (slot int8 PRIMARY KEY, entry int8 NOT NULL, bucket int4 NOT NULL, eid bytea NOT NULL);"
	"CREATE TABLE device (revision int8 NOT NULL, ctr int8 NOT NULL, lineage int8 NOT NULL, operator int8, "
	"serial int8, evidence int8, shipment int8, interval_s int8, bucket int4 NOT NULL, state int2 NOT NULL, "
	"revoked int2 NOT NULL, has_x int2 NOT NULL, eid bytea NOT NULL, hash bytea NOT NULL, iccid bytea, d bytea, "
	"sealed_for bytea, PRIMARY KEY (bucket, eid)) WITH (fillfactor = 80);"
	"INSERT INTO device VALUES (17, 33, 31, 1, 1001, NULL, 1, NULL, "
	"get_byte(sha256('\\x89049032000000000000000000000001'), 0) * 16 + "
	"get_byte(sha256('\\x89049032000000000000000000000001'), 1) / 16, 1, 0, 1, "
	"'\\x89049032000000000000000000000001', decode(repeat('00', 32), 'hex'), '\\x89490000000000000001', "
	"decode(repeat('00', 64), 'hex'), NULL);"
	"CREATE TABLE package (bucket int4 NOT NULL, eid bytea NOT NULL, x bytea NOT NULL, w bytea NOT NULL, "
	"\"order\" bytea, PRIMARY KEY (bucket, eid));"
	"INSERT INTO package SELECT bucket, eid, '\\xcafe', decode(repeat('00', 64), 'hex'), NULL FROM device;"
	"CREATE TABLE evidence (number int8 NOT NULL, bucket int4 NOT NULL, eid bytea NOT NULL, "
	"evidence bytea NOT NULL, e bytea NOT NULL, q bytea NOT NULL, PRIMARY KEY (bucket, eid, number));"
	"CREATE TABLE command (bucket int4 NOT NULL, eid bytea NOT NULL, iccid bytea NOT NULL, "
	"operator int8 NOT NULL, serial int8 NOT NULL, pending int2 NOT NULL, command bytea, result int8, "
	"PRIMARY KEY (bucket, eid, iccid));"
	"CREATE SEQUENCE relay_seq;"
	"CREATE TABLE relay (seq int8 NOT NULL, operator int8 NOT NULL, serial int8 NOT NULL, result int8 NOT NULL, "
	"evidence int8, bucket int4 NOT NULL, kind int2 NOT NULL, eid bytea NOT NULL, iccid bytea NOT NULL, "
	"mac bytea NOT NULL, PRIMARY KEY (operator, seq, bucket));"
	"CREATE TABLE reenrolment (bucket int4 NOT NULL, eid bytea NOT NULL, shipment int8 NOT NULL, "
	"d bytea NOT NULL, PRIMARY KEY (bucket, eid));"
	"CREATE TABLE iccid (operator int8 NOT NULL, bucket int4 NOT NULL, iccid bytea NOT NULL, "
	"eid bytea NOT NULL, PRIMARY KEY (bucket, operator, iccid));";

static void count_one(void *context, const struct smr_eid *eid, bool waits)
{
	size_t *count = context;

	(void)eid;
	*count += waits;
}

static size_t count_pending(struct smr_store *store)
{
	size_t count = 0;
	uint64_t journal;

	assert_int_equal(smr_store_pending(store, &journal, count_one, &count), SMR_OK);
	return count;
}

static void test_open_version_1_keeps_its_data_and_works_on(void **state)
{
	struct rig *rig = *state;
	struct smr_key_id operator_id = rig_operator(0);
	struct smr_store_device device;
	uint64_t number;

	smr_store_close(rig->store);
	rig_sql(rig->path, "DO $$ BEGIN EXECUTE 'DROP SCHEMA \"' || current_schema || '\" CASCADE; "
			   "CREATE SCHEMA \"' || current_schema || '\"'; END $$");
	rig_sql(rig->path, version_1);
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
	assert_int_equal(count_pending(rig->store), 1); /* it has a ticket, and a package waits for it */
	/* X was in clear; the next epoch takes it along. */
	rotate(rig->store);
	assert_int_equal(
		ask(rig, "SELECT count(*) FROM package WHERE epoch = 2 AND position('\\xcafe' IN sealed_x) = 0"), 1);
	device = rig_get(rig->store, 1);
	assert_int_equal(device.x_len, 2);
	assert_memory_equal(device.x, "\xca\xfe", 2);
	rig_offer(rig->store, 1);
	assert_int_equal(count_pending(rig->store), 0);
	rig_install(rig->store, 1);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_INSTALLED);
}

/* A rotation was under way, on a program that did not note how far: the walk begins once more, and ends. */
static void test_open_version_5_amid_a_rotation_goes_on(void **state)
{
	struct rig *rig = *state;

	(void)take_step(rig->store, true);
	smr_store_close(rig->store);
	rig_sql(rig->path, "ALTER TABLE package_key DROP COLUMN walk_bucket, DROP COLUMN walk_epoch, "
			   "DROP COLUMN walk_eid, DROP COLUMN walk_left;"
			   "DROP INDEX package_epoch; CREATE INDEX package_epoch ON package (bucket, epoch);"
			   "UPDATE meta SET value = 5 WHERE name = 'schema'");
	assert_int_equal(rig_open_says(rig->path, SMR_STORE_READ, "older schema version 5"), SMR_E_UNSUPPORTED);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	assert_int_equal(ask(rig, "SELECT value FROM meta WHERE name = 'schema'"), 6);
	while (!take_step(rig->store, false).done)
		;
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 2"), DEVICES);
	for (uint64_t n = 1; n <= DEVICES; n++)
		assert_has_x(rig->store, n, 1000 + n);
}

/* ---- what is asked about all devices ---- */

/* The plan of a statement of sql.h; @p types and @p values of its parameters in SQL, NULL: it has none. */
static void plan_of(PGconn *conn, enum smr_sql which, const char *types, const char *values, char *out, size_t room)
{
	char text[1000];
	PGresult *result;
	size_t len = 0;

	snprintf(text, sizeof(text), "PREPARE asked%s AS %s", types, smr_pg_text(which));
	(void)run(conn, text);
	snprintf(text, sizeof(text), "EXPLAIN (COSTS OFF) EXECUTE asked%s", values);
	result = PQexec(conn, text);
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	for (int i = 0; i < PQntuples(result); i++)
		len += (size_t)snprintf(out + len, room - len, "%s\n", PQgetvalue(result, i, 0));
	assert_true(len < room);
	PQclear(result);
	(void)run(conn, "DEALLOCATE asked");
}

/* Many devices that check in, and hardly anything that waits: no answer may need to go through all of them. */
static void test_what_waits_is_found_without_reading_all_devices(void **state)
{
	static const char *const indexes[] = {"command_pending", "device_revoked", "package_waits"};
	struct rig *rig = *state;
	PGconn *conn = session(rig);
	char plan[4000];

	(void)run(conn, "INSERT INTO device (bucket, eid, revision, state, revoked, ctr, lineage, has_x, hash) "
			"SELECT n % 4096, decode(lpad(n::text, 32, '0'), 'hex'), 1, 3, 0, 5, 3, 0, '\\x00' "
			"FROM generate_series(100000, 105000) n");
	(void)run(conn, "INSERT INTO command (bucket, eid, iccid, operator, serial, pending) "
			"SELECT bucket, eid, '\\x01', 1, 7, 0 FROM device");
	(void)run(conn, "INSERT INTO package (bucket, eid, sealed_x, w, epoch, waits) "
			"SELECT bucket, eid, sha256(eid), sha256(eid), 2, 0 FROM device ON CONFLICT DO NOTHING");
	(void)run(conn, "ANALYZE device, command, package");
	plan_of(conn, SMR_SQL_COMMAND_PENDING, "", "", plan, sizeof(plan));
	for (size_t i = 0; i < SMR_COUNT(indexes); i++)
		if (strstr(plan, indexes[i]) == NULL || strstr(plan, "Seq Scan") != NULL)
			fail_msg("%s", plan);
	plan_of(conn, SMR_SQL_PACKAGE_BUCKETS, "(int4, int4, int8)", "(0, 64, 2)", plan, sizeof(plan));
	if (strstr(plan, "package_epoch") == NULL)
		fail_msg("%s", plan);
	PQfinish(conn);
}

/* However many packages a bucket has, a step reads those that it takes, in the order of the index. */
static void test_step_of_the_walk_reads_no_more_than_it_takes(void **state)
{
	static const enum smr_sql both[] = {SMR_SQL_PACKAGES_OLD, SMR_SQL_PACKAGES_THERE};
	struct rig *rig = *state;
	PGconn *conn = session(rig);
	char plan[4000];

	(void)run(conn, "INSERT INTO package (bucket, eid, sealed_x, w, epoch, waits) "
			"SELECT n % 4, decode(lpad(n::text, 32, '0'), 'hex'), '\\x00', '\\x00', 2 + n / 110000, 0 "
			"FROM generate_series(100000, 120000) n");
	(void)run(conn, "ANALYZE package");
	for (size_t i = 0; i < 2; i++) {
		for (const char *mode = "custom"; mode != NULL; mode = *mode == 'c' ? "generic" : NULL) {
			char set[60];

			snprintf(set, sizeof(set), "SET plan_cache_mode = force_%s_plan", mode);
			(void)run(conn, set);
			plan_of(conn, both[i], "(int4, int8, int8, bytea, int8)",
				"(1, 3, 2, '\\x00000000000000000000000000105000', 256)", plan, sizeof(plan));
			if (strstr(plan, "using package_epoch") == NULL || strstr(plan, "Sort") != NULL ||
			    strstr(plan, "ROW(epoch, eid) >") == NULL || strstr(plan, "Filter") != NULL)
				fail_msg("%s plan: %s", mode, plan);
		}
	}
	PQfinish(conn);
}

static void test_what_waits_is_each_command_each_revocation_and_each_new_package(void **state)
{
	struct rig *rig = *state;
	struct smr_eid eid = rig_eid(2);

	assert_int_equal(count_pending(rig->store), 0); /* packages wait, of devices that have no ticket yet */
	for (uint64_t n = 1; n <= 3; n++) {
		rig_offer(rig->store, n);
		rig_install(rig->store, n);
	}
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(rig_put_command(rig, 1, 2000), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(count_pending(rig->store), 1);
	assert_int_equal(smr_store_revoke(rig->store, &eid, true), SMR_OK);
	assert_int_equal(count_pending(rig->store), 2);
	rig_reseal(rig, 3, 5000, RIG_X_LEN);
	assert_int_equal(count_pending(rig->store), 3);
	rotate(rig->store);
	assert_int_equal(count_pending(rig->store), 3);
	rig_offer(rig->store, 3);
	assert_int_equal(count_pending(rig->store), 2);
}

/* The rules that a cluster asks for (docs/decisions/0016-postgresql.md). */
static void test_every_key_of_a_distributed_table_has_the_bucket(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(ask(rig,
			     "SELECT count(DISTINCT attrelid) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
			     "WHERE relkind = 'r' AND attname = 'bucket' AND relnamespace = "
			     "quote_ident(current_schema)::regnamespace "
			     "AND relname <> 'journal'"),
			 7);
	assert_int_equal(
		ask(rig, "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
			 "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'bucket' "
			 "WHERE c.relnamespace = quote_ident(current_schema)::regnamespace AND c.relname <> 'journal' "
			 "AND i.indisunique AND NOT a.attnum = ANY (i.indkey)"),
		0);
	assert_int_equal(ask(rig, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' "
				  "AND connamespace = quote_ident(current_schema)::regnamespace"),
			 0);
}

/* ---- connections that are lost ---- */

static void cut_all(const struct rig *rig)
{
	(void)ask(rig, "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
		       "WHERE pid <> pg_backend_pid() AND application_name = 'samara'");
}

/* As a worker does: it asks again and again, and is answered at once each time. */
static struct smr_store_device get_patiently(struct smr_store *store, uint64_t n)
{
	struct smr_store_device device = {.eid = rig_eid(n), .want_package = true, .want_commands = true};

	for (int tries = 0; tries < 4000; tries++) {
		enum smr_err err = smr_store_lookup(store, &device, 1);

		if (err == SMR_OK)
			return device;
		assert_int_equal(err, SMR_E_UNAVAILABLE);
		assert_true(smr_store_problem(store)[0] != '\0');
		usleep(5000);
	}
	fail_msg("the store does not come back: %s", smr_store_problem(store));
	return device;
}

static void test_connection_lost_comes_back_by_itself(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change = rig_change(rig->store, 3);

	for (int i = 0; i < 3; i++) {
		cut_all(rig);
		assert_int_equal(smr_store_commit(rig->store, &change, 1), SMR_E_UNAVAILABLE);
		assert_int_equal(change.err, SMR_E_UNAVAILABLE);
		assert_int_equal(get_patiently(rig->store, 3).row.ctr, 0);
	}
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_int_equal(rig_get(rig->store, 3).row.ctr, 1);
}

static void test_connection_lost_amid_a_load_keeps_nothing_of_it(void **state)
{
	struct rig *rig = *state;

	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(rig_put_device(rig, 1000), SMR_OK);
	cut_all(rig);
	assert_int_not_equal(rig_put_device(rig, 1001), SMR_OK);
	(void)get_patiently(rig->store, 1);
	assert_int_not_equal(rig_put_device(rig, 1002), SMR_OK);
	assert_int_not_equal(smr_store_load_end(rig->store, true), SMR_OK);
	for (uint64_t n = 1000; n <= 1002; n++)
		assert_int_equal(rig_get(rig->store, n).err, SMR_E_NOT_FOUND);
	rig->number--;
	rig_load_begin(rig, SMR_FILE_SHIPMENT); /* the same file, since it is not loaded */
	assert_int_equal(rig_put_device(rig, 1000), SMR_OK);
	rig_load_keep(rig);
}

/* ---- rows that others hold ---- */

static void ignore(void *context, const struct smr_store_relay *relay)
{
	(void)context;
	(void)relay;
}

/* A load works on device 2 and does not end: the others' contacts go on, and device 2 is asked to come again. */
static void test_row_held_by_another_is_busy_and_the_rest_of_the_batch_is_not(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change changes[3];
	PGconn *other = session(rig);

	for (uint64_t n = 1; n <= 3; n++)
		changes[n - 1] = rig_change(rig->store, n);
	(void)run(other, "BEGIN");
	(void)run(other, "SELECT revision FROM device WHERE eid = '\\x89049032000000000000000000000002' FOR UPDATE");
	assert_int_equal(smr_store_commit(rig->store, changes, 3), SMR_OK);
	assert_int_equal(changes[0].err, SMR_OK);
	assert_int_equal(changes[1].err, SMR_E_BUSY);
	assert_int_equal(changes[2].err, SMR_OK);
	(void)run(other, "COMMIT");
	assert_int_equal(rig_commit_one(rig->store, &changes[1]), SMR_OK);
	PQfinish(other);
}

static void ignore_pending(void *context, const struct smr_eid *eid, bool pending)
{
	*(unsigned *)context += pending;
	(void)eid;
}

/* Packages for devices with tickets go into the journal: a load that is still open holds nobody up who writes there too. */
static void test_load_for_a_device_with_a_ticket_leaves_the_journal_to_contacts(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change;
	struct smr_store *front_end = rig_another(rig, SMR_STORE_WRITE);
	uint64_t journal;
	unsigned pending = 0;

	for (uint64_t n = 1; n <= 2; n++) {
		rig_offer(rig->store, n);
		rig_install(rig->store, n);
	}
	rig_reseal(rig, 2, 5000, RIG_X_LEN);
	assert_int_equal(smr_store_pending(front_end, &journal, ignore_pending, &pending), SMR_OK);
	assert_int_equal(pending, 1);
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(rig_put_package(rig, 0, 1, 6000, RIG_X_LEN, SMR_NONE), SMR_OK);
	change = rig_change(front_end, 2);
	change.state = SMR_ROW_OFFERED;
	assert_int_equal(rig_commit_one(front_end, &change), SMR_OK); /* which is a journal entry */
	rig_load_keep(rig);
	pending = 0;
	assert_int_equal(smr_store_pending_since(front_end, &journal, ignore_pending, &pending), SMR_OK);
	assert_int_equal(pending, 1); /* device 1 is, device 2 is no more */
	smr_store_close(front_end);
}

/* The next updates of devices fail with this SQLSTATE, as if PostgreSQL had chosen them to end a deadlock. */
static void fail_updates(const struct rig *rig, const char *sqlstate, unsigned count)
{
	char script[600];

	snprintf(script, sizeof(script),
		 "DROP SEQUENCE IF EXISTS failures CASCADE; CREATE SEQUENCE failures; "
		 "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN "
		 "IF nextval('failures') <= %u THEN RAISE EXCEPTION 'chosen' USING ERRCODE = '%s'; END IF; RETURN NEW; "
		 "END $f$; "
		 "CREATE OR REPLACE TRIGGER fail BEFORE UPDATE ON device FOR EACH ROW EXECUTE FUNCTION fail()",
		 count, sqlstate);
	rig_sql(rig->path, script);
}

static void test_commit_that_others_made_fail_is_tried_again_and_not_for_ever(void **state)
{
	static const char *const sqlstates[] = {"40001", "40P01", "55P03"};
	struct rig *rig = *state;

	for (size_t i = 0; i < SMR_COUNT(sqlstates); i++) {
		struct smr_store_change change = rig_change(rig->store, 3);

		fail_updates(rig, sqlstates[i], 3);
		assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
		assert_int_equal(rig_get(rig->store, 3).row.ctr, i + 1);
		change = rig_change(rig->store, 3);
		fail_updates(rig, sqlstates[i], 1000);
		assert_int_equal(smr_store_commit(rig->store, &change, 1), SMR_E_UNAVAILABLE);
		assert_int_equal(rig_get(rig->store, 3).row.ctr, i + 1);
		assert_in_range(ask(rig, "SELECT last_value FROM failures"), 4, 8);
	}
}

static void test_loader_waits_its_turn_and_gives_up(void **state)
{
	struct rig *rig = *state;
	struct smr_file_info info = rig_info(SMR_FILE_SHIPMENT, 77);
	struct smr_store *other;

	other = rig_another(rig, SMR_STORE_WRITE);
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(smr_store_load_begin(other, &info), SMR_E_UNAVAILABLE);
	rig_load_keep(rig);
	assert_int_equal(smr_store_load_begin(other, &info), SMR_OK);
	smr_store_close(other);
}

/* Two changers and a reader of the relay: no record may be passed over, although sequences are given out before commits. */
static void test_relay_files_hold_all_that_is_committed_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct smr_key_id id = rig_operator(0);
	PGconn *late = session(rig);
	uint64_t last = 0;
	size_t count = 0;
	pid_t child;
	int status;

	for (uint64_t n = 1; n <= 3; n++)
		rig_offer(rig->store, n);
	rig_install(rig->store, 1);
	/* Its sequence is lower than that of device 2, and it commits later, while the reader waits. */
	(void)run(late, "BEGIN");
	(void)run(late,
		  "INSERT INTO relay SELECT nextval('relay_seq'), operator, serial, result, evidence, bucket, kind, "
		  "eid, iccid, mac FROM relay");
	rig_install(rig->store, 2);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct smr_store *store = NULL;

		if (smr_store_open(rig->path, SMR_STORE_WRITE, &store) != SMR_OK ||
		    smr_store_relay_next(store, &id, 100, ignore, NULL, &last, &count) != SMR_OK)
			_exit(100);
		_exit((int)count);
	}
	while (ask(rig, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'") == 0)
		usleep(2000);
	(void)run(late, "COMMIT");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 3);
	PQfinish(late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_open_where_there_is_no_store_is_refused),
		FILLED(test_open_unreachable_or_malformed_address_shows_no_password),
		FILLED(test_open_newer_schema_is_refused_in_every_mode),
		FILLED(test_open_by_many_at_once_makes_one_schema),
		FILLED(test_open_version_1_keeps_its_data_and_works_on),
		FILLED(test_open_version_5_amid_a_rotation_goes_on),
		FILLED(test_what_waits_is_found_without_reading_all_devices),
		FILLED(test_step_of_the_walk_reads_no_more_than_it_takes),
		FILLED(test_what_waits_is_each_command_each_revocation_and_each_new_package),
		FILLED(test_every_key_of_a_distributed_table_has_the_bucket),
		FILLED(test_connection_lost_comes_back_by_itself),
		FILLED(test_connection_lost_amid_a_load_keeps_nothing_of_it),
		FILLED(test_row_held_by_another_is_busy_and_the_rest_of_the_batch_is_not),
		FILLED(test_load_for_a_device_with_a_ticket_leaves_the_journal_to_contacts),
		FILLED(test_commit_that_others_made_fail_is_tried_again_and_not_for_ever),
		FILLED(test_loader_waits_its_turn_and_gives_up),
		FILLED(test_relay_files_hold_all_that_is_committed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
