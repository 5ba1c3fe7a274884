/* SPDX-License-Identifier: Apache-2.0 */
/* The AuC's database: keys encrypted at rest and bound to their IMSI, serials and SQN that only grow, who may read the file. */
#include "tests/unit/auc_rig.h"

#include <sys/stat.h>

static struct smr_auc_db *db;

static int enter(void **state)
{
	if (scratch_enter(state) != 0)
		return 1;
	db = auc_open();
	return 0;
}

static int leave(void **state)
{
	smr_auc_db_close(db);
	return scratch_leave(state);
}

static void test_subscription_comes_back_as_it_was_added(void **state)
{
	struct smr_subscription_record milenage = auc_record(1, 5);
	struct smr_subscription_record tuak = auc_record(2, 6);
	struct smr_auc_subscription s;

	(void)state;
	tuak.aka = (struct smr_aka_params){.alg = SMR_AKA_TUAK, .k_len = 32, .res_len = 16, .keccak_iterations = 3};
	memset(tuak.aka.k, 0x6b, 32);
	memset(tuak.aka.opc, 0x6c, 32);
	auc_add(db, &milenage);
	auc_add(db, &tuak);
	smr_auc_db_close(db);
	db = auc_open();
	assert_int_equal(smr_auc_db_by_imsi(db, &tuak.imsi, &s), SMR_OK);
	assert_memory_equal(&s.aka, &tuak.aka, sizeof(s.aka));
	assert_memory_equal(&s.iccid, &tuak.iccid, sizeof(s.iccid));
	s = auc_get(db, &milenage);
	assert_memory_equal(&s.eid, &milenage.eid, sizeof(s.eid));
	assert_memory_equal(&s.imsi, &milenage.imsi, sizeof(s.imsi));
	assert_int_equal(s.serial, 5);
	assert_int_equal(s.state, SMR_AUC_INACTIVE);
	assert_false(s.suspended);
	assert_memory_equal(&s.aka, &milenage.aka, sizeof(s.aka));
	assert_memory_equal(s.amf, milenage.amf, sizeof(s.amf));
	assert_int_equal(s.sqn, 32);
	assert_memory_equal(s.d, milenage.d, sizeof(s.d));
	assert_memory_equal(s.hash_x, milenage.hash_x, sizeof(s.hash_x));
	assert_memory_equal(s.supplier, milenage.supplier, sizeof(s.supplier));
	milenage = auc_record(3, 1);
	assert_int_equal(smr_auc_db_by_iccid(db, &milenage.iccid, &s), SMR_E_NOT_FOUND);
	assert_int_equal(smr_auc_db_by_imsi(db, &milenage.imsi, &s), SMR_E_NOT_FOUND);
}

/* Any eight octets of K or OPc in any file would be one too many. */
static void test_keys_are_in_no_file(void **state)
{
	static const char *const files[] = {AUC_DB, AUC_DB "-wal", AUC_DB "-shm", AUC_DB "-journal"};
	struct smr_subscription_record r = auc_record(1, 5);
	bool imsi_seen = false;

	(void)state;
	auc_add(db, &r);
	for (int closed = 0; closed < 2; closed++) {
		for (size_t f = 0; f < SMR_COUNT(files); f++) {
			for (size_t at = 0; at < 16; at += 8) {
				assert_false(auc_file_has(files[f], smr_bytes_of(r.aka.k + at, 8)));
				assert_false(auc_file_has(files[f], smr_bytes_of(r.aka.opc + at, 8)));
			}
			assert_false(auc_file_has(files[f], SMR_ARRAY(auc_master)));
			imsi_seen = imsi_seen || auc_file_has(files[f], SMR_ARRAY(r.imsi.octets));
		}
		assert_true(imsi_seen); /* we do look where the rows are */
		if (!closed)
			smr_auc_db_close(db);
	}
	db = auc_open();
}

static void test_file_is_the_owners_alone(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	struct stat st;

	(void)state;
	auc_add(db, &r);
	assert_int_equal(stat(AUC_DB, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(AUC_DB "-wal", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_wrong_master_key_is_tampered_and_hands_out_nothing(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	uint8_t wrong[SMR_AUC_MASTER_LEN];
	struct smr_problem problem;
	struct smr_auc_subscription s;
	const struct smr_auc_subscription zero = {.serial = 0};

	(void)state;
	auc_add(db, &r);
	for (size_t bit = 0; bit < 8 * sizeof(wrong); bit += 13) {
		smr_auc_db_close(db);
		memcpy(wrong, auc_master, sizeof(wrong));
		wrong[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(smr_auc_db_open(AUC_DB, wrong, false, &db, &problem), SMR_OK);
		memset(&s, 0x5a, sizeof(s));
		assert_int_equal(smr_auc_db_by_imsi(db, &r.imsi, &s), SMR_E_TAMPERED);
		assert_memory_equal(&s, &zero, sizeof(s));
	}
}

static void test_key_moved_to_another_imsi_is_tampered(void **state)
{
	struct smr_subscription_record one = auc_record(1, 5);
	struct smr_subscription_record two = auc_record(2, 5);
	struct smr_auc_subscription s;

	(void)state;
	auc_add(db, &one);
	auc_add(db, &two);
	auc_sql("UPDATE subscription SET key = (SELECT key FROM subscription AS o WHERE o.iccid <> subscription.iccid)"
		" WHERE imsi = (SELECT min(imsi) FROM subscription)");
	assert_int_equal(smr_auc_db_by_imsi(db, &one.imsi, &s), SMR_E_TAMPERED);
	assert_int_equal(smr_auc_db_by_imsi(db, &two.imsi, &s), SMR_OK);
	/* Or the IMSI is moved instead. */
	auc_sql("DELETE FROM subscription WHERE imsi = (SELECT min(imsi) FROM subscription);"
		"UPDATE subscription SET imsi = x'00101000000001ff'");
	memcpy(one.imsi.octets, "\x00\x10\x10\x00\x00\x00\x01\xff", 8);
	assert_int_equal(smr_auc_db_by_imsi(db, &one.imsi, &s), SMR_E_TAMPERED);
}

static void test_key_altered_or_cut_is_tampered(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	struct smr_auc_subscription s;

	(void)state;
	auc_add(db, &r);
	auc_sql("CREATE TABLE keep AS SELECT key FROM subscription;"
		"UPDATE subscription SET key = CAST(substr(key, 1, 99) || x'00' AS BLOB)");
	assert_int_equal(smr_auc_db_by_imsi(db, &r.imsi, &s), SMR_E_TAMPERED);
	auc_sql("UPDATE subscription SET key = substr((SELECT key FROM keep), 1, length(key) - 1)");
	assert_int_equal(smr_auc_db_by_imsi(db, &r.imsi, &s), SMR_E_TAMPERED);
	auc_sql("UPDATE subscription SET key = x''");
	assert_int_equal(smr_auc_db_by_imsi(db, &r.imsi, &s), SMR_E_TAMPERED);
	auc_sql("UPDATE subscription SET key = (SELECT key FROM keep), d = x'02'");
	assert_int_equal(smr_auc_db_by_imsi(db, &r.imsi, &s), SMR_E_TAMPERED);
}

static void test_same_key_is_sealed_differently_each_time(void **state)
{
	struct smr_subscription_record one = auc_record(1, 5);
	struct smr_subscription_record two = auc_record(2, 5);

	(void)state;
	two.aka = one.aka;
	auc_add(db, &one);
	auc_add(db, &two);
	assert_int_equal(auc_number("SELECT count(DISTINCT substr(key, 1, 16)) FROM subscription"), 2); /* salts */
	assert_int_equal(auc_number("SELECT count(DISTINCT substr(key, 17)) FROM subscription"), 2);
}

static void test_add_needs_a_higher_serial(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	struct smr_auc_subscription s;

	(void)state;
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_add(db, &r), SMR_E_SERIAL);
	r.serial = 4;
	assert_int_equal(smr_auc_db_add(db, &r), SMR_E_SERIAL);
	r.serial = 6;
	memset(r.aka.k, 0x77, 16);
	auc_add(db, &r);
	s = auc_get(db, &r);
	assert_int_equal(s.serial, 6);
	assert_memory_equal(s.aka.k, r.aka.k, 16);
	r.serial = (uint64_t)INT64_MAX + 1; /* would compare as negative in SQL */
	assert_int_equal(smr_auc_db_add(db, &r), SMR_E_MALFORMED);
	r.serial = INT64_MAX;
	auc_add(db, &r);
	assert_int_equal(auc_get(db, &r).serial, INT64_MAX);
}

static void test_add_never_lowers_the_sqn(void **state)
{
	static const uint8_t rand[SMR_AKA_RAND_LEN] = {1};
	struct smr_subscription_record r = auc_record(1, 5);

	(void)state;
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_set_sqn(db, &r.imsi, 1000, rand), SMR_OK);
	r.serial = 6;
	r.sqn = 64;
	auc_add(db, &r);
	assert_int_equal(auc_get(db, &r).sqn, 1000);
	r.serial = 7;
	r.sqn = 2000;
	auc_add(db, &r);
	assert_int_equal(auc_get(db, &r).sqn, 2000);
}

static void test_add_imsi_of_another_iccid_is_a_duplicate(void **state)
{
	struct smr_subscription_record one = auc_record(1, 5);
	struct smr_subscription_record two = auc_record(2, 5);

	(void)state;
	auc_add(db, &one);
	two.imsi = one.imsi;
	assert_int_equal(smr_auc_db_add(db, &two), SMR_E_DUPLICATE);
	assert_int_equal(auc_get(db, &one).serial, 5);
	assert_int_equal(auc_number("SELECT count(*) FROM subscription"), 1);
}

static void test_add_keeps_a_suspension(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	struct smr_auc_subscription s;

	(void)state;
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_suspend(db, &r.iccid, 9, true), SMR_OK);
	r.serial = 6;
	auc_add(db, &r);
	s = auc_get(db, &r);
	assert_true(s.suspended);
	assert_int_equal(s.state_serial, 9);
	assert_int_equal(s.state, SMR_AUC_INACTIVE);
}

static void test_suspend_serials_ascend(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	struct smr_subscription_record other = auc_record(2, 5);

	(void)state;
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_suspend(db, &other.iccid, 9, true), SMR_E_NOT_FOUND);
	assert_int_equal(smr_auc_db_suspend(db, &r.iccid, 0, true), SMR_E_SERIAL);
	assert_int_equal(smr_auc_db_suspend(db, &r.iccid, 9, true), SMR_OK);
	assert_true(auc_get(db, &r).suspended);
	assert_int_equal(smr_auc_db_suspend(db, &r.iccid, 9, false), SMR_E_SERIAL);
	assert_int_equal(smr_auc_db_suspend(db, &r.iccid, 8, false), SMR_E_SERIAL);
	assert_true(auc_get(db, &r).suspended);
	assert_int_equal(smr_auc_db_suspend(db, &r.iccid, 10, false), SMR_OK);
	assert_false(auc_get(db, &r).suspended);
	assert_int_equal(smr_auc_db_suspend(db, &r.iccid, (uint64_t)INT64_MAX + 1, true), SMR_E_MALFORMED);
}

static void test_judged_active_stays_active(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);

	(void)state;
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_judged(db, &r.iccid, SMR_AUC_REJECTED, "no"), SMR_OK);
	assert_int_equal(auc_get(db, &r).state, SMR_AUC_REJECTED);
	assert_int_equal(smr_auc_db_judged(db, &r.iccid, SMR_AUC_ACTIVE, ""), SMR_OK);
	assert_int_equal(smr_auc_db_judged(db, &r.iccid, SMR_AUC_REJECTED, "no"), SMR_OK);
	assert_int_equal(auc_get(db, &r).state, SMR_AUC_ACTIVE);
}

static void test_sqn_only_grows(void **state)
{
	static const uint8_t rand[SMR_AKA_RAND_LEN] = {1, 2, 3};
	struct smr_subscription_record r = auc_record(1, 5);
	struct smr_subscription_record other = auc_record(2, 5);

	(void)state;
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_set_sqn(db, &r.imsi, 31, rand), SMR_E_SQN);
	assert_int_equal(auc_get(db, &r).sqn, 32);
	assert_int_equal(smr_auc_db_set_sqn(db, &r.imsi, SMR_SQN_MAX, rand), SMR_OK);
	assert_int_equal(auc_get(db, &r).sqn, SMR_SQN_MAX);
	assert_memory_equal(auc_get(db, &r).last_rand, rand, sizeof(rand));
	assert_int_equal(smr_auc_db_set_sqn(db, &other.imsi, 100, rand), SMR_E_SQN);
}

static void test_roll_back_leaves_nothing(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	struct smr_auc_subscription s;

	(void)state;
	assert_int_equal(smr_auc_db_begin(db), SMR_OK);
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_end(db, false), SMR_OK);
	assert_int_equal(smr_auc_db_by_iccid(db, &r.iccid, &s), SMR_E_NOT_FOUND);
	assert_int_equal(smr_auc_db_begin(db), SMR_OK);
	auc_add(db, &r);
	assert_int_equal(smr_auc_db_end(db, true), SMR_OK);
	assert_int_equal(smr_auc_db_by_iccid(db, &r.iccid, &s), SMR_OK);
}

static void test_files_are_noted_once_per_sender_type_and_number(void **state)
{
	struct smr_file_info info = {.type = SMR_FILE_SUBSCRIPTIONS, .number = 3, .sender = {2, 1}};
	uint64_t last;

	(void)state;
	assert_int_equal(smr_auc_db_last_file(db, &info, &last), SMR_OK);
	assert_int_equal(last, 0);
	assert_int_equal(smr_auc_db_note_file(db, &info), SMR_OK);
	assert_int_equal(smr_auc_db_note_file(db, &info), SMR_E_EXISTS);
	info.number = 7;
	assert_int_equal(smr_auc_db_note_file(db, &info), SMR_OK);
	assert_int_equal(smr_auc_db_last_file(db, &info, &last), SMR_OK);
	assert_int_equal(last, 7);
	info.sender[1] = 2;
	assert_int_equal(smr_auc_db_note_file(db, &info), SMR_OK);
	info.type = SMR_FILE_REFERENCES;
	assert_int_equal(smr_auc_db_last_file(db, &info, &last), SMR_OK);
	assert_int_equal(last, 0);
	info.number = UINT64_MAX;
	assert_int_equal(smr_auc_db_note_file(db, &info), SMR_E_MALFORMED);
}

static void test_references_are_each_suppliers_own(void **state)
{
	uint8_t one[SMR_POINT_COMPRESSED_LEN] = {2, 1};
	uint8_t two[SMR_POINT_COMPRESSED_LEN] = {2, 2};
	uint8_t measurement[SMR_HASH_LEN];

	(void)state;
	memset(measurement, 0x4d, sizeof(measurement));
	auc_approve(db, one);
	assert_int_equal(smr_auc_db_approved(db, one, measurement), SMR_OK);
	assert_int_equal(smr_auc_db_approved(db, two, measurement), SMR_E_MEASUREMENT);
	auc_approve(db, two);
	assert_int_equal(smr_auc_db_clear_references(db, one), SMR_OK);
	assert_int_equal(smr_auc_db_approved(db, one, measurement), SMR_E_MEASUREMENT);
	assert_int_equal(smr_auc_db_approved(db, two, measurement), SMR_OK);
}

static void test_open_what_is_no_database_of_ours_says_so(void **state)
{
	struct smr_problem problem = {{0}};
	struct smr_auc_db *other = NULL;

	(void)state;
	assert_int_not_equal(smr_auc_db_open("none.db", auc_master, false, &other, &problem), SMR_OK);
	assert_non_null(strstr(problem.text, "none.db"));
	assert_false(smr_fs_exists("none.db"));
	scratch_text("text.db", "This is no database at all, but it is long enough to look like the header of one if "
				"you squint at it.");
	assert_int_not_equal(smr_auc_db_open("text.db", auc_master, false, &other, &problem), SMR_OK);
	assert_int_not_equal(smr_auc_db_open("text.db", auc_master, true, &other, &problem), SMR_OK);
	auc_sql("PRAGMA user_version = 9");
	assert_int_equal(smr_auc_db_open(AUC_DB, auc_master, true, &other, &problem), SMR_E_UNSUPPORTED);
	assert_non_null(strstr(problem.text, "9"));
	assert_null(other);
}

/* A running AuC and a load: the second handle waits for the first. */
static void test_open_beside_a_writer_works(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);
	struct smr_auc_db *other;

	(void)state;
	assert_int_equal(smr_auc_db_begin(db), SMR_OK);
	auc_add(db, &r);
	other = auc_open();
	assert_int_equal(smr_auc_db_end(db, true), SMR_OK);
	assert_int_equal(auc_get(other, &r).serial, 5);
	smr_auc_db_close(other);
}

static void count_line(void *context, const struct smr_auc_line *line)
{
	(void)line;
	++*(unsigned *)context;
}

static void test_exported_until_it_is_resealed(void **state)
{
	struct smr_subscription_record r = auc_record(1, 5);

	(void)state;
	auc_add(db, &r);
	assert_false(auc_get(db, &r).exported);
	assert_int_equal(smr_auc_db_begin(db), SMR_OK);
	assert_int_equal(smr_auc_db_note_exported(db, &r.iccid, "osmo-hlr"), SMR_OK);
	assert_int_equal(smr_auc_db_end(db, true), SMR_OK);
	assert_true(auc_get(db, &r).exported);
	assert_int_equal(smr_auc_db_add(db, &r), SMR_E_SERIAL); /* the same file again takes nothing back */
	assert_true(auc_get(db, &r).exported);
	r.serial++;
	auc_add(db, &r);
	assert_false(auc_get(db, &r).exported);
}

static enum smr_err stop_at_two(void *context, const struct smr_auc_subscription *s)
{
	unsigned *count = context;

	assert_int_equal(s->aka.k_len, 16);
	return ++*count == 2 ? SMR_E_IO : SMR_OK;
}

static void test_each_with_key_ends_with_the_first_error(void **state)
{
	unsigned count = 0;

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		struct smr_subscription_record r = auc_record(n, 5);

		auc_add(db, &r);
	}
	assert_int_equal(smr_auc_db_each_with_key(db, stop_at_two, &count), SMR_E_IO);
	assert_int_equal(count, 2);
	assert_int_equal(smr_auc_db_each_with_key(db, stop_at_two, &count), SMR_OK);
	assert_int_equal(count, 5);
}

static void test_each_shows_one_or_all(void **state)
{
	struct smr_subscription_record one = auc_record(1, 5);
	struct smr_subscription_record two = auc_record(2, 5);
	unsigned count = 0;

	(void)state;
	auc_add(db, &one);
	auc_add(db, &two);
	assert_int_equal(smr_auc_db_each(db, NULL, count_line, &count), SMR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(smr_auc_db_each(db, "001010000000002", count_line, &count), SMR_OK);
	assert_int_equal(count, 3);
	assert_int_equal(smr_auc_db_each(db, "001010000000009", count_line, &count), SMR_OK);
	assert_int_equal(count, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_subscription_comes_back_as_it_was_added),
		TEST(test_keys_are_in_no_file),
		TEST(test_file_is_the_owners_alone),
		TEST(test_wrong_master_key_is_tampered_and_hands_out_nothing),
		TEST(test_key_moved_to_another_imsi_is_tampered),
		TEST(test_key_altered_or_cut_is_tampered),
		TEST(test_same_key_is_sealed_differently_each_time),
		TEST(test_add_needs_a_higher_serial),
		TEST(test_add_never_lowers_the_sqn),
		TEST(test_add_imsi_of_another_iccid_is_a_duplicate),
		TEST(test_add_keeps_a_suspension),
		TEST(test_suspend_serials_ascend),
		TEST(test_judged_active_stays_active),
		TEST(test_sqn_only_grows),
		TEST(test_roll_back_leaves_nothing),
		TEST(test_files_are_noted_once_per_sender_type_and_number),
		TEST(test_references_are_each_suppliers_own),
		TEST(test_open_what_is_no_database_of_ours_says_so),
		TEST(test_open_beside_a_writer_works),
		TEST(test_exported_until_it_is_resealed),
		TEST(test_each_with_key_ends_with_the_first_error),
		TEST(test_each_shows_one_or_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
