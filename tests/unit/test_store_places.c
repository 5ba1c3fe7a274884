/* SPDX-License-Identifier: Apache-2.0 */
/* Where rows of devices lie in the SQLite back end: a number made of the EID, which no other EID has, found in one descent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "store/sql.h"
#include "store/sqlite/sql.h"
#include "store_rig.h"

#define OF_ONE_PREFIX UINT64_C(1000000000000)
#define PREFIXES 600u /* more than a handle remembers */

static int setup_filled(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, 20);
	return 0;
}

static void put_devices(struct rig *rig, uint64_t first, uint64_t step, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		assert_int_equal(rig_put_device(rig, first + i * step), SMR_OK);
}

/* ---- the tables, past the store ---- */

static sqlite3 *open_file(const struct rig *rig)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(rig->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	return db;
}

static int64_t number_from(sqlite3 *db, const char *text)
{
	sqlite3_stmt *stmt;
	int64_t number;

	if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
		fail_msg("%s", sqlite3_errmsg(db));
	number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return number;
}

static void test_inner_pages_of_devices_hold_only_numbers(void **state)
{
	struct rig *rig = *state;
	sqlite3 *db;

	rig_fill(rig, 100, 400);
	db = open_file(rig);
	assert_int_equal(number_from(db, "SELECT count(*) FROM dbstat WHERE name = 'device' AND pagetype = 'internal'"),
			 1);
	assert_int_equal(
		number_from(db, "SELECT sum(payload) FROM dbstat WHERE name = 'device' AND pagetype = 'internal'"), 0);
	sqlite3_close(db);
}

static void test_rows_of_a_prefix_lie_in_the_order_of_their_eids(void **state)
{
	struct rig *rig = *state;
	sqlite3 *db;

	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	put_devices(rig, 50 * OF_ONE_PREFIX + 999, 17, 30);
	put_devices(rig, 49 * OF_ONE_PREFIX, 1, 10);
	put_devices(rig, 50 * OF_ONE_PREFIX, 7, 30);
	put_devices(rig, 50 * OF_ONE_PREFIX - 1, 1, 1);
	rig_load_keep(rig);
	db = open_file(rig);
	assert_int_equal(
		number_from(
			db,
			"SELECT count(*) FROM device a JOIN device b ON substr(a.eid, 1, 10) = substr(b.eid, 1, 10) "
			"WHERE (a.eid < b.eid) <> (a.place < b.place)"),
		0);
	assert_int_equal(
		number_from(db, "SELECT count(*) FROM device d JOIN eid_prefix p ON p.prefix = substr(d.eid, 1, 10) "
				"WHERE d.place = p.number << 40 | CAST(substr(hex(d.eid), 21) AS INTEGER)"),
		91);
	sqlite3_close(db);
}

/* ---- query plans ---- */

static const struct {
	enum smr_sql which;
	const char *text;
} statements[] = {
#define SMR_PLACES_TEXT(name, text) {SMR_SQL_##name, text},
	SMR_SQLITE_LIST(SMR_PLACES_TEXT)
#undef SMR_PLACES_TEXT
};

static bool is_about_all(enum smr_sql which)
{
	return which == SMR_SQL_COUNT_STATES;
}

static bool names_device(const char *detail, const char *verb)
{
	size_t len = strlen(verb);

	if (strncmp(detail, verb, len) != 0)
		return false;
	detail += len;
	len = strncmp(detail, " device", 7) == 0 ? 7 : 2;
	return (len == 7 || strncmp(detail, " d", 2) == 0) && (detail[len] == '\0' || detail[len] == ' ');
}

/* Descends to rows of devices, as often as is returned; never goes through all of them. */
static unsigned descents(sqlite3 *db, const char *text)
{
	char explain[2000];
	sqlite3_stmt *stmt;
	unsigned found = 0;

	assert_in_range(snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", text), 1, sizeof(explain) - 1);
	if (sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(stmt, 3);

		if (names_device(detail, "SCAN") && strstr(detail, "device_waiting") == NULL)
			fail_msg("%s: %s", text, detail);
		found +=
			names_device(detail, "SEARCH") && strstr(detail, "USING INTEGER PRIMARY KEY (rowid=?)") != NULL;
	}
	sqlite3_finalize(stmt);
	return found;
}

static void test_statements_about_one_device_descend_once(void **state)
{
	static const enum smr_sql by_place[] = {
		SMR_SQL_LOOKUP,		SMR_SQL_ROW_GET,	 SMR_SQL_ROW_REVISION, SMR_SQL_ROW_TOUCH,
		SMR_SQL_ROW_COMMIT,	SMR_SQL_ROW_SET_KEY,	 SMR_SQL_ROW_REENROL,  SMR_SQL_ROW_SET_PACKAGE,
		SMR_SQL_ROW_SET_RESEAL, SMR_SQL_ROW_SET_REVOKED,
	};
	struct rig *rig = *state;
	sqlite3 *db = open_file(rig);
	size_t seen = 0;

	for (size_t i = 0; i < SMR_COUNT(statements); i++) {
		unsigned found = is_about_all(statements[i].which) ? 0 : descents(db, statements[i].text);
		bool expected = false;

		for (size_t k = 0; k < SMR_COUNT(by_place); k++)
			expected = expected || by_place[k] == statements[i].which;
		assert_int_equal(found, expected);
		seen += expected;
	}
	assert_int_equal(seen, SMR_COUNT(by_place));
	sqlite3_close(db);
}

/* ---- prefixes ---- */

static uint64_t scattered(unsigned i)
{
	return (uint64_t)(i % PREFIXES + 1) * OF_ONE_PREFIX + (i < PREFIXES ? 0 : OF_ONE_PREFIX - 1);
}

static void test_devices_of_more_prefixes_than_are_remembered_are_told_apart(void **state)
{
	struct rig *rig = *state;
	struct smr_store *other;

	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	for (unsigned i = 0; i < 2 * PREFIXES; i++)
		assert_int_equal(rig_put_device(rig, scattered(i)), SMR_OK);
	rig_load_keep(rig);
	rig_load_begin(rig, SMR_FILE_BATCH);
	for (unsigned i = 0; i < 2 * PREFIXES; i++)
		assert_int_equal(rig_put_package(rig, 0, scattered(i), 1 + i, RIG_X_LEN, SMR_NONE), SMR_OK);
	rig_load_keep(rig);
	other = rig_another(rig, SMR_STORE_READ);
	for (unsigned i = 0; i < 2 * PREFIXES; i++) {
		struct smr_store_device device = rig_get(i % 2 ? rig->store : other, scattered(i));

		assert_int_equal(device.err, SMR_OK);
		assert_int_equal(device.row.serial, 1 + i);
		assert_int_equal(rig_get(other, scattered(i) + 2).err, SMR_E_NOT_FOUND);
	}
	smr_store_close(other);
}

static void test_prefix_that_another_handle_adds_is_found(void **state)
{
	struct rig *rig = *state;
	struct smr_store *other = rig_another(rig, SMR_STORE_READ);

	assert_int_equal(rig_get(other, 3 * OF_ONE_PREFIX).err, SMR_E_NOT_FOUND);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	put_devices(rig, 3 * OF_ONE_PREFIX, 1, 1);
	assert_int_equal(rig_get(other, 3 * OF_ONE_PREFIX).err, SMR_E_NOT_FOUND);
	rig_load_keep(rig);
	assert_int_equal(rig_get(other, 3 * OF_ONE_PREFIX).err, SMR_OK);
	assert_int_equal(rig_get(other, 4 * OF_ONE_PREFIX).err, SMR_E_NOT_FOUND);
	smr_store_close(other);
}

/* Their number goes to another prefix then. */
static void test_prefix_of_a_load_that_was_given_up_is_forgotten(void **state)
{
	struct rig *rig = *state;
	struct rig beside = *rig;

	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	put_devices(rig, 3 * OF_ONE_PREFIX, 1, 3);
	assert_int_equal(rig_get(rig->store, 3 * OF_ONE_PREFIX).err, SMR_OK);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	beside.store = rig_another(rig, SMR_STORE_WRITE);
	rig_load_begin(&beside, SMR_FILE_SHIPMENT);
	put_devices(&beside, 4 * OF_ONE_PREFIX, 1, 3);
	rig_load_keep(&beside);
	smr_store_close(beside.store);
	assert_int_equal(rig_get(rig->store, 3 * OF_ONE_PREFIX).err, SMR_E_NOT_FOUND);
	assert_int_equal(rig_get(rig->store, 4 * OF_ONE_PREFIX).err, SMR_OK);
	rig->number = beside.number;
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	put_devices(rig, 3 * OF_ONE_PREFIX, 1, 3);
	rig_load_keep(rig);
	assert_int_equal(rig_get(rig->store, 3 * OF_ONE_PREFIX + 2).err, SMR_OK);
}

static void test_one_prefix_too_many_is_refused_and_the_others_go_on(void **state)
{
	struct rig *rig = *state;

	rig_sql(rig->path, "INSERT INTO eid_prefix VALUES (8388606, x'01')");
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	put_devices(rig, 5 * OF_ONE_PREFIX, OF_ONE_PREFIX - 1, 2);
	rig_load_keep(rig);
	assert_int_equal(rig_get(rig->store, 6 * OF_ONE_PREFIX - 1).err, SMR_OK);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(rig_put_device(rig, 7 * OF_ONE_PREFIX), SMR_E_TOO_MANY);
	assert_non_null(strstr(smr_store_problem(rig->store), "second store"));
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_E_TOO_MANY);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	put_devices(rig, 5 * OF_ONE_PREFIX + 1, 1, 3);
	rig_load_keep(rig);
	rig_offer(rig->store, 1);
}

static void test_eid_that_is_not_of_digits_is_refused_and_not_found(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device device = {.eid = rig_eid(1)};
	struct smr_shipment_record record = {.eid = rig_eid(1)};

	/* As 10 times ten it would be device 100. */
	record.eid.octets[15] = device.eid.octets[15] = 0xa0;
	memcpy(record.d, rig->d, sizeof(record.d));
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	put_devices(rig, 100, 1, 1);
	assert_int_equal(smr_store_put_device(rig->store, &rig->shipment, &record), SMR_E_MALFORMED);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	assert_int_equal(smr_store_lookup(rig->store, &device, 1), SMR_OK);
	assert_int_equal(device.err, SMR_E_NOT_FOUND);
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_inner_pages_of_devices_hold_only_numbers),
		FILLED(test_rows_of_a_prefix_lie_in_the_order_of_their_eids),
		FILLED(test_statements_about_one_device_descend_once),
		FILLED(test_devices_of_more_prefixes_than_are_remembered_are_told_apart),
		FILLED(test_prefix_that_another_handle_adds_is_found),
		FILLED(test_prefix_of_a_load_that_was_given_up_is_forgotten),
		FILLED(test_one_prefix_too_many_is_refused_and_the_others_go_on),
		FILLED(test_eid_that_is_not_of_digits_is_refused_and_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
