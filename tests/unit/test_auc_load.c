/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the AuC: whole files or nothing, from parties that are trusted, in an order that cannot be turned back. */
#include "tests/unit/auc_rig.h"

#include <errno.h>
#include <sys/syscall.h>

#include "auc/load.h"
#include "tests/unit/auc_party.h"

static struct smr_auc_db *db;
static struct parties parties;
static struct smr_problem problem;
static uint64_t records;

/* In the place of the C library's, also for SQLite: the disk is full after so many more writes. */
static int writes_left = -1;

ssize_t pwrite(int fd, const void *octets, size_t len, off_t at)
{
	if (writes_left == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (writes_left > 0)
		writes_left--;
	return syscall(SYS_pwrite64, fd, octets, len, at);
}

static int enter(void **state)
{
	if (scratch_enter(state) != 0)
		return 1;
	smr_log_init("test", SMR_LOG_ERROR, false);
	writes_left = -1;
	db = auc_open();
	parties_make(&parties);
	return 0;
}

static int leave(void **state)
{
	writes_left = -1;
	smr_auc_db_close(db);
	parties_close(&parties);
	return scratch_leave(state);
}

static enum smr_err load(const char *path)
{
	memset(&problem, 0, sizeof(problem));
	records = 999;
	return smr_auc_load(db, &parties.auc, path, &records, &problem);
}

static int64_t subscriptions(void)
{
	return auc_number("SELECT count(*) FROM subscription");
}

static struct smr_file_writer *begin_subscriptions(const char *path, uint64_t number)
{
	return file_begin(path, SMR_FILE_SUBSCRIPTIONS, number, &parties.sho, &parties.auc, empty_about());
}

static void make_subscriptions(const char *path, uint64_t number, unsigned first, unsigned count)
{
	struct smr_file_writer *file = begin_subscriptions(path, number);

	for (unsigned n = first; n < first + count; n++) {
		struct smr_subscription_record r = auc_record(n, number);

		file_subscription(file, &r);
	}
	file_end(file);
}

static void make_references(const char *path, uint64_t number, uint8_t fill)
{
	struct smr_file_writer *file =
		file_begin(path, SMR_FILE_REFERENCES, number, &parties.supplier, NULL, empty_about());

	file_reference(file, fill);
	file_reference(file, (uint8_t)(fill + 1));
	file_end(file);
}

static bool approved(uint8_t fill)
{
	uint8_t measurement[SMR_HASH_LEN];

	memset(measurement, fill, sizeof(measurement));
	return smr_auc_db_approved(db, parties.supplier.card.sign, measurement) == SMR_OK;
}

static void test_load_subscriptions_are_all_there(void **state)
{
	struct smr_subscription_record r = auc_record(7, 1);

	(void)state;
	make_subscriptions("s1", 1, 1, 20);
	assert_int_equal(load("s1"), SMR_OK);
	assert_int_equal(records, 20);
	assert_int_equal(subscriptions(), 20);
	assert_memory_equal(auc_get(db, &r).aka.k, r.aka.k, 16);
	assert_int_equal(auc_get(db, &r).state, SMR_AUC_INACTIVE);
}

static void test_load_again_is_nothing_to_do(void **state)
{
	(void)state;
	make_subscriptions("s1", 1, 1, 3);
	assert_int_equal(load("s1"), SMR_OK);
	assert_int_equal(load("s1"), SMR_E_EXISTS);
	assert_int_equal(records, 0);
	assert_int_equal(subscriptions(), 3);
	make_references("r1", 1, 0x40);
	assert_int_equal(load("r1"), SMR_OK);
	assert_int_equal(load("r1"), SMR_E_EXISTS);
	assert_true(approved(0x40)); /* the list that was loaded is still there */
}

static void test_load_wrong_record_loads_nothing_of_the_file(void **state)
{
	struct smr_file_writer *file = begin_subscriptions("s1", 1);
	struct smr_subscription_record r;

	(void)state;
	for (unsigned n = 1; n <= 9; n++) {
		r = auc_record(n, 1);
		file_subscription(file, &r);
	}
	file_subscription(file, &r); /* the ninth once more: its serial is not higher */
	r = auc_record(11, 1);
	file_subscription(file, &r);
	file_end(file);
	assert_int_equal(load("s1"), SMR_E_SERIAL);
	assert_non_null(strstr(problem.text, "s1: record 10"));
	assert_int_equal(records, 0);
	assert_int_equal(subscriptions(), 0);
	make_subscriptions("s1", 1, 1, 9); /* the number was not spent: corrected, the file loads */
	assert_int_equal(load("s1"), SMR_OK);
}

static void test_load_garbled_record_loads_nothing(void **state)
{
	static const uint8_t garbage[] = {0x81, 0x01};
	struct smr_file_writer *file = begin_subscriptions("s1", 1);
	struct smr_subscription_record r = auc_record(1, 1);

	(void)state;
	file_subscription(file, &r);
	assert_int_equal(smr_file_put(file, SMR_ARRAY(garbage)), SMR_OK);
	file_end(file);
	assert_int_equal(load("s1"), SMR_E_MALFORMED);
	assert_non_null(strstr(problem.text, "record 2"));
	assert_int_equal(subscriptions(), 0);
}

static void test_load_suspensions_apply_and_an_unknown_one_stops_the_file(void **state)
{
	struct smr_subscription_record r = auc_record(1, 50);
	struct smr_subscription_record unknown = auc_record(99, 51);
	struct smr_file_writer *file;

	(void)state;
	make_subscriptions("s1", 1, 1, 2);
	assert_int_equal(load("s1"), SMR_OK);
	r.action = SMR_SUBSCRIPTION_SUSPEND;
	file = begin_subscriptions("s2", 2);
	file_subscription(file, &r);
	file_end(file);
	assert_int_equal(load("s2"), SMR_OK);
	assert_true(auc_get(db, &r).suspended);
	r.action = unknown.action = SMR_SUBSCRIPTION_RESUME;
	r.serial = 51;
	file = begin_subscriptions("s3", 3);
	file_subscription(file, &r);
	file_subscription(file, &unknown);
	file_end(file);
	assert_int_equal(load("s3"), SMR_E_NOT_FOUND);
	assert_true(auc_get(db, &r).suspended);
}

static void test_load_newer_references_replace_older_ones_never_do(void **state)
{
	(void)state;
	make_references("r1", 1, 0x40);
	make_references("r2", 2, 0x50);
	make_references("r3", 3, 0x60);
	assert_int_equal(load("r2"), SMR_OK);
	assert_true(approved(0x50) && approved(0x51));
	assert_int_equal(load("r1"), SMR_E_SERIAL); /* withdrawn versions would come back */
	assert_non_null(strstr(problem.text, "number 2"));
	assert_true(approved(0x50));
	assert_false(approved(0x40));
	assert_int_equal(load("r3"), SMR_OK);
	assert_true(approved(0x60));
	assert_false(approved(0x50));
	assert_int_equal(load("r2"), SMR_E_SERIAL);
	assert_true(approved(0x60));
}

/* Subscriptions are no list that replaces: an earlier file may come later. */
static void test_load_earlier_subscriptions_may_come_later(void **state)
{
	(void)state;
	make_subscriptions("s1", 1, 1, 2);
	make_subscriptions("s2", 2, 3, 2);
	assert_int_equal(load("s2"), SMR_OK);
	assert_int_equal(load("s1"), SMR_OK);
	assert_int_equal(subscriptions(), 4);
}

static void test_load_of_an_untrusted_sender_is_refused(void **state)
{
	struct smr_file_writer *file =
		file_begin("s1", SMR_FILE_SUBSCRIPTIONS, 1, &parties.stranger, &parties.auc, empty_about());
	struct smr_subscription_record r = auc_record(1, 1);

	(void)state;
	file_subscription(file, &r);
	file_end(file);
	assert_int_equal(load("s1"), SMR_E_UNTRUSTED_KEY);
	/* Trusted, but for something else: a supplier sends no subscriptions, an SHO no measurements. */
	file = file_begin("s2", SMR_FILE_SUBSCRIPTIONS, 1, &parties.supplier, &parties.auc, empty_about());
	file_subscription(file, &r);
	file_end(file);
	assert_int_equal(load("s2"), SMR_E_UNTRUSTED_KEY);
	file = file_begin("r1", SMR_FILE_REFERENCES, 1, &parties.sho, NULL, empty_about());
	file_reference(file, 0x40);
	file_end(file);
	assert_int_equal(load("r1"), SMR_E_UNTRUSTED_KEY);
	assert_int_equal(subscriptions(), 0);
}

static void test_load_of_what_is_not_for_us_is_refused(void **state)
{
	struct smr_file_writer *file =
		file_begin("s1", SMR_FILE_SUBSCRIPTIONS, 1, &parties.sho, &parties.stranger, empty_about());
	struct smr_subscription_record r = auc_record(1, 1);

	(void)state;
	file_subscription(file, &r);
	file_end(file);
	assert_int_equal(load("s1"), SMR_E_UNOPENED);
	file = file_begin("o1", SMR_FILE_ORDERS, 1, &parties.sho, NULL, empty_about());
	file_end(file);
	assert_int_equal(load("o1"), SMR_E_UNSUPPORTED);
	assert_int_equal(load("none"), SMR_E_NOT_FOUND);
	assert_int_equal(subscriptions(), 0);
}

static void test_load_altered_file_is_refused(void **state)
{
	uint8_t content[8192];
	size_t len;

	(void)state;
	make_subscriptions("s1", 1, 1, 2);
	len = scratch_get("s1", content, sizeof(content));
	for (size_t i = 0; i < len; i += 37) {
		content[i] ^= 1;
		scratch_put("s2", content, len);
		assert_int_not_equal(load("s2"), SMR_OK);
		content[i] ^= 1;
	}
	assert_int_equal(subscriptions(), 0);
}

/* However early or late the disk is full: all or nothing, and once there is room the same file loads. */
static void test_load_with_the_disk_full_loads_nothing(void **state)
{
	unsigned failed = 0;
	enum smr_err err = SMR_E_IO;

	(void)state;
	make_subscriptions("s1", 1, 1, 60);
	for (int left = 0; err != SMR_OK && left < 400; left++) {
		writes_left = left;
		err = load("s1");
		writes_left = -1;
		assert_true(err == SMR_OK || smr_err_class(err) == SMR_CLASS_LIMIT);
		assert_int_equal(subscriptions(), err == SMR_OK ? 60 : 0);
		assert_int_equal(records, err == SMR_OK ? 60 : 0);
		failed += err != SMR_OK;
	}
	assert_int_equal(err, SMR_OK);
	assert_true(failed > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_load_subscriptions_are_all_there),
		TEST(test_load_again_is_nothing_to_do),
		TEST(test_load_wrong_record_loads_nothing_of_the_file),
		TEST(test_load_garbled_record_loads_nothing),
		TEST(test_load_suspensions_apply_and_an_unknown_one_stops_the_file),
		TEST(test_load_newer_references_replace_older_ones_never_do),
		TEST(test_load_earlier_subscriptions_may_come_later),
		TEST(test_load_of_an_untrusted_sender_is_refused),
		TEST(test_load_of_what_is_not_for_us_is_refused),
		TEST(test_load_altered_file_is_refused),
		TEST(test_load_with_the_disk_full_loads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
