/* SPDX-License-Identifier: Apache-2.0 */
/* The TRE's port over files: what it keeps, and what it notices when somebody else changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tre_place.h"

/* ---- ordinary life ---- */

static void test_first_start_makes_private_files(void **state)
{
	struct place *p = *state;
	uint8_t key[SMR_AEAD_KEY_LEN] = {0};
	uint8_t got[SMR_HASH_LEN];
	uint8_t room[16];
	struct smr_space record = {room, sizeof(room)};
	static const uint8_t zero[SMR_AEAD_KEY_LEN];

	open_place(p);
	assert_int_equal(mode_of(p->dir), 0700);
	assert_int_equal(mode_of(in_place(p, "storage.key")), 0600);
	assert_int_equal(mode_of(in_place(p, "counter")), 0600);
	assert_true(counter_of(p) == 0);
	assert_int_equal(p->port.load(p->port.context, &record), SMR_E_NOT_FOUND);
	assert_int_equal(p->port.storage_key(p->port.context, key), SMR_OK);
	assert_memory_not_equal(key, zero, sizeof(key));
	assert_int_equal(p->port.measurement(p->port.context, got), SMR_OK);
	assert_memory_equal(got, measurement, sizeof(got));
	close_place(p);
}

static void test_content_survives_a_restart(void **state)
{
	struct place *p = *state;
	uint8_t before[SMR_AEAD_KEY_LEN];
	uint8_t after[SMR_AEAD_KEY_LEN];

	open_place(p);
	assert_int_equal(store(p, "one"), SMR_OK);
	assert_int_equal(mode_of(in_place(p, "record")), 0600);
	assert_int_equal(advance(p, 5), SMR_OK);
	assert_int_equal(p->port.storage_key(p->port.context, before), SMR_OK);
	close_place(p);
	open_place(p);
	assert_record(p, "one");
	assert_true(counter_of(p) == 5);
	assert_int_equal(p->port.storage_key(p->port.context, after), SMR_OK);
	assert_memory_equal(before, after, sizeof(before));
	close_place(p);
}

static void test_counter_never_goes_back(void **state)
{
	struct place *p = *state;

	open_place(p);
	assert_int_equal(advance(p, 5), SMR_OK);
	assert_int_equal(advance(p, 5), SMR_OK);
	assert_int_equal(advance(p, 4), SMR_E_INVALID);
	assert_int_equal(advance(p, 0), SMR_E_INVALID);
	assert_true(counter_of(p) == 5);
	assert_int_equal(advance(p, UINT64_MAX), SMR_OK);
	assert_int_equal(advance(p, 6), SMR_E_INVALID);
	close_place(p);
	open_place(p);
	assert_true(counter_of(p) == UINT64_MAX);
	close_place(p);
}

static void test_counter_put_back_under_a_running_process_is_tampered(void **state)
{
	struct place *p = *state;
	struct smr_blob old;
	uint64_t value;

	open_place(p);
	assert_int_equal(advance(p, 1), SMR_OK);
	assert_int_equal(smr_fs_read(in_place(p, "counter"), 100, &old), SMR_OK);
	assert_int_equal(advance(p, 2), SMR_OK);
	write_file(in_place(p, "counter"), old.ptr, old.len, 0600);
	assert_int_equal(p->port.counter_read(p->port.context, &value), SMR_E_TAMPERED);
	assert_int_equal(advance(p, 3), SMR_E_TAMPERED);
	smr_blob_wipe(&old);
	close_place(p);
}

static void test_record_longer_than_any_is_tampered(void **state)
{
	struct place *p = *state;
	uint8_t room[8];
	struct smr_space record = {room, sizeof(room)};

	open_place(p);
	assert_int_equal(store(p, "nine octs"), SMR_OK);
	assert_int_equal(p->port.load(p->port.context, &record), SMR_E_TAMPERED);
	close_place(p);
}

static void test_second_process_is_busy(void **state)
{
	struct place *p = *state;
	struct place second;

	open_place(p);
	memcpy(second.dir, p->dir, sizeof(second.dir));
	assert_int_equal(try_open(&second), SMR_E_BUSY);
	close_place(p);
	assert_int_equal(try_open(&second), SMR_OK);
	close_place(&second);
}

static void test_directory_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = {0701, 0710, 0720, 0755, 0777};
	struct place *p = *state;

	open_place(p);
	close_place(p);
	for (size_t i = 0; i < SMR_COUNT(modes); i++) {
		assert_int_equal(chmod(p->dir, modes[i]), 0);
		assert_int_equal(try_open(p), SMR_E_REFUSED);
	}
	assert_int_equal(chmod(p->dir, 0700), 0);
	assert_int_equal(chmod(in_place(p, "storage.key"), 0640), 0);
	assert_int_equal(try_open(p), SMR_E_REFUSED);
}

static void test_directory_that_is_a_file_is_refused(void **state)
{
	struct place *p = *state;

	write_file(p->dir, "x", 1, 0600);
	assert_int_equal(try_open(p), SMR_E_REFUSED);
}

static void test_leftovers_of_a_power_cut_are_removed(void **state)
{
	struct place *p = *state;

	open_place(p);
	close_place(p);
	write_file(in_place(p, ".0123456789abcdef.tmp"), "x", 1, 0600);
	open_place(p);
	assert_false(smr_fs_exists(in_place(p, ".0123456789abcdef.tmp")));
	assert_true(smr_fs_exists(in_place(p, "storage.key")));
	close_place(p);
}

/* ---- what somebody else changed ---- */

static void test_counter_altered_in_any_octet_is_tampered(void **state)
{
	struct place *p = *state;
	struct smr_blob good;
	uint64_t value;

	open_place(p);
	assert_int_equal(advance(p, 7), SMR_OK);
	assert_int_equal(smr_fs_read(in_place(p, "counter"), 100, &good), SMR_OK);
	for (size_t i = 0; i < good.len; i++) {
		good.ptr[i] ^= 0x10;
		write_file(in_place(p, "counter"), good.ptr, good.len, 0600);
		assert_int_equal(p->port.counter_read(p->port.context, &value), SMR_E_TAMPERED);
		good.ptr[i] ^= 0x10;
	}
	write_file(in_place(p, "counter"), good.ptr, good.len, 0600);
	assert_true(counter_of(p) == 7);
	smr_blob_wipe(&good);
	close_place(p);
}

static void test_counter_of_another_length_is_tampered(void **state)
{
	struct place *p = *state;
	struct smr_blob good;
	uint8_t longer[64] = {0};
	uint64_t value;

	open_place(p);
	assert_int_equal(smr_fs_read(in_place(p, "counter"), 100, &good), SMR_OK);
	memcpy(longer, good.ptr, good.len);
	for (size_t len = 0; len <= good.len + 1; len++) {
		if (len == good.len)
			continue;
		write_file(in_place(p, "counter"), longer, len, 0600);
		assert_int_equal(p->port.counter_read(p->port.context, &value), SMR_E_TAMPERED);
		assert_int_equal(advance(p, 1), SMR_E_TAMPERED);
	}
	smr_blob_wipe(&good);
	close_place(p);
}

static void test_counter_missing_is_tampered(void **state)
{
	struct place *p = *state;
	uint64_t value;

	open_place(p);
	close_place(p);
	assert_int_equal(unlink(in_place(p, "counter")), 0);
	open_place(p);
	assert_int_equal(p->port.counter_read(p->port.context, &value), SMR_E_TAMPERED);
	close_place(p);
}

static void test_counter_of_another_device_is_tampered(void **state)
{
	struct place *p = *state;
	struct place other;
	struct smr_blob foreign;
	uint64_t value;

	make_place(&other);
	open_place(&other);
	assert_int_equal(advance(&other, 9), SMR_OK);
	assert_int_equal(smr_fs_read(in_place(&other, "counter"), 100, &foreign), SMR_OK);
	close_place(&other);
	open_place(p);
	write_file(in_place(p, "counter"), foreign.ptr, foreign.len, 0600);
	assert_int_equal(p->port.counter_read(p->port.context, &value), SMR_E_TAMPERED);
	smr_blob_wipe(&foreign);
	close_place(p);
}

static void test_storage_key_missing_is_tampered_and_no_new_one_is_made(void **state)
{
	struct place *p = *state;
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint64_t value;

	open_place(p);
	assert_int_equal(advance(p, 1), SMR_OK);
	close_place(p);
	assert_int_equal(unlink(in_place(p, "storage.key")), 0);
	open_place(p);
	assert_int_equal(p->port.storage_key(p->port.context, key), SMR_E_TAMPERED);
	assert_int_equal(p->port.counter_read(p->port.context, &value), SMR_E_TAMPERED);
	assert_int_equal(advance(p, 2), SMR_E_TAMPERED);
	assert_false(smr_fs_exists(in_place(p, "storage.key")));
	close_place(p);
}

static void test_storage_key_missing_beside_a_record_is_tampered(void **state)
{
	struct place *p = *state;
	uint8_t key[SMR_AEAD_KEY_LEN];

	open_place(p);
	assert_int_equal(store(p, "one"), SMR_OK);
	close_place(p);
	assert_int_equal(unlink(in_place(p, "storage.key")), 0);
	open_place(p);
	assert_int_equal(p->port.storage_key(p->port.context, key), SMR_E_TAMPERED);
	close_place(p);
}

static void test_storage_key_malformed_is_tampered(void **state)
{
	struct place *p = *state;
	uint8_t key[SMR_AEAD_KEY_LEN];

	open_place(p);
	close_place(p);
	write_file(in_place(p, "storage.key"), "nonsense\n", 9, 0600);
	open_place(p);
	assert_int_equal(p->port.storage_key(p->port.context, key), SMR_E_TAMPERED);
	close_place(p);
}

static void test_tamper_file_is_read_as_a_mask(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint32_t events;
	} cases[] = {
		{"0", 1, 0},
		{"5\n", 2, 5},
		{"2147483647", 10, 0x7fffffff},
		{"2147483648", 10, SMR_TRE_LINUX_TAMPER_FILE}, /* bit 31 is not the platform's to say */
		{"4294967295", 10, SMR_TRE_LINUX_TAMPER_FILE},
		{"4294967296", 10, SMR_TRE_LINUX_TAMPER_FILE},
		{"", 0, SMR_TRE_LINUX_TAMPER_FILE},
		{"-1", 2, SMR_TRE_LINUX_TAMPER_FILE},
		{"0\0junk", 6, SMR_TRE_LINUX_TAMPER_FILE},
		{"open", 4, SMR_TRE_LINUX_TAMPER_FILE},
		{"00000000000000000000", 20, SMR_TRE_LINUX_TAMPER_FILE},
	};
	struct place *p = *state;
	uint32_t events = 1;

	open_place(p);
	assert_int_equal(p->port.tamper(p->port.context, &events), SMR_OK);
	assert_int_equal(events, 0);
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		write_file(in_place(p, "tamper"), cases[i].text, cases[i].len, 0600);
		assert_int_equal(p->port.tamper(p->port.context, &events), SMR_OK);
		assert_int_equal(events, cases[i].events);
	}
	close_place(p);
}

/* Our own trouble in reading is no event: it would be latched for good. */
static void test_tamper_file_that_cannot_be_read_is_an_error_and_no_event(void **state)
{
	struct place *p = *state;
	uint32_t events = 77;

	open_place(p);
	assert_int_equal(mkdir(in_place(p, "tamper"), 0700), 0);
	assert_int_equal(p->port.tamper(p->port.context, &events), SMR_E_NO_FILE);
	assert_int_equal(events, 77);
	close_place(p);
}

static void test_directory_that_cannot_be_made_or_locked_is_an_error(void **state)
{
	struct place *p = *state;
	struct place below = {.dir = "file/tre"};

	scratch_text("file", "");
	assert_int_not_equal(try_open(&below), SMR_OK);
	assert_int_equal(mkdir(p->dir, 0700), 0);
	assert_int_equal(mkdir(in_place(p, "lock"), 0700), 0);
	assert_int_not_equal(try_open(p), SMR_OK);
	assert_int_equal(rmdir(in_place(p, "lock")), 0);
	open_place(p);
	close_place(p);
}

/* A limit on file size, with its signal ignored, makes every write fail as on a full disk. */
static void test_first_start_on_a_full_disk_makes_no_key_and_may_be_repeated(void **state)
{
	struct place *p = *state;
	struct rlimit before;
	struct rlimit none;
	enum smr_err err;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	err = try_open(p);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(err, SMR_E_DISK_FULL);
	assert_int_equal(access(in_place(p, "storage.key"), F_OK), -1);
	open_place(p);
	assert_true(counter_of(p) == 0);
	close_place(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(test_first_start_makes_private_files),
		PORT_TEST(test_content_survives_a_restart),
		PORT_TEST(test_counter_never_goes_back),
		PORT_TEST(test_counter_put_back_under_a_running_process_is_tampered),
		PORT_TEST(test_record_longer_than_any_is_tampered),
		PORT_TEST(test_second_process_is_busy),
		PORT_TEST(test_directory_open_to_others_is_refused),
		PORT_TEST(test_directory_that_is_a_file_is_refused),
		PORT_TEST(test_leftovers_of_a_power_cut_are_removed),
		PORT_TEST(test_counter_altered_in_any_octet_is_tampered),
		PORT_TEST(test_counter_of_another_length_is_tampered),
		PORT_TEST(test_counter_missing_is_tampered),
		PORT_TEST(test_counter_of_another_device_is_tampered),
		PORT_TEST(test_storage_key_missing_is_tampered_and_no_new_one_is_made),
		PORT_TEST(test_storage_key_missing_beside_a_record_is_tampered),
		PORT_TEST(test_storage_key_malformed_is_tampered),
		PORT_TEST(test_tamper_file_is_read_as_a_mask),
		PORT_TEST(test_tamper_file_that_cannot_be_read_is_an_error_and_no_event),
		PORT_TEST(test_directory_that_cannot_be_made_or_locked_is_an_error),
		PORT_TEST(test_first_start_on_a_full_disk_makes_no_key_and_may_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
