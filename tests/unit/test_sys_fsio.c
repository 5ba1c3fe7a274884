/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sys/fsio.h"

static void assert_content(const char *name, const char *want)
{
	struct smr_blob blob;

	assert_int_equal(smr_fs_read(name, 1000, &blob), SMR_OK);
	assert_int_equal(blob.len, strlen(want));
	assert_string_equal((const char *)blob.ptr, want);
	smr_blob_wipe(&blob);
}

static void test_read_any_length_up_to_the_bound(void **state)
{
	static uint8_t content[20000];
	static const size_t lens[] = {0, 1, 4095, 4096, 4097, 8192, 8193, 20000};

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 31 + 7);
	for (size_t i = 0; i < SMR_COUNT(lens); i++) {
		struct smr_blob blob;

		scratch_put("f", content, lens[i]);
		assert_int_equal(smr_fs_read("f", lens[i], &blob), SMR_OK);
		assert_int_equal(blob.len, lens[i]);
		assert_memory_equal(blob.ptr, content, lens[i]);
		assert_int_equal(blob.ptr[lens[i]], 0);
		smr_blob_wipe(&blob);
		if (lens[i] == 0)
			continue;
		assert_int_equal(smr_fs_read("f", lens[i] - 1, &blob), SMR_E_TOO_MANY);
		assert_null(blob.ptr);
	}
}

static void test_read_errors_are_told_apart(void **state)
{
	struct smr_blob blob;

	(void)state;
	assert_int_equal(smr_fs_read("none", 10, &blob), SMR_E_NOT_FOUND);
	assert_int_equal(smr_fs_read(".", 10, &blob), SMR_E_NO_FILE);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(smr_fs_read("pipe", 10, &blob), SMR_E_NO_FILE);
	scratch_text("f", "x");
	assert_int_equal(smr_fs_read("f/below", 10, &blob), SMR_E_NOT_FOUND);
	assert_int_equal(smr_fs_err(ENOSPC), SMR_E_DISK_FULL);
	assert_int_equal(smr_fs_err(EROFS), SMR_E_DISK_FULL);
	assert_int_equal(smr_fs_err(EACCES), SMR_E_IO);
}

static void test_write_replaces_with_the_mode_asked_for(void **state)
{
	struct stat st;

	(void)state;
	(void)umask(077);
	assert_int_equal(smr_fs_write("f", SMR_TEXT("one"), 0644), SMR_OK);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(smr_fs_write("f", SMR_TEXT("two!"), 0600), SMR_OK);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_content("f", "two!");
	assert_int_equal(scratch_count("."), 1);
}

static void test_write_new_keeps_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(smr_fs_write_new("f", SMR_TEXT("one"), 0600), SMR_OK);
	assert_int_equal(smr_fs_write_new("f", SMR_TEXT("two"), 0600), SMR_E_EXISTS);
	assert_content("f", "one");
	assert_int_equal(scratch_count("."), 1);
}

/* Somebody else takes the name between open and commit. */
static void test_write_new_loses_a_race_cleanly(void **state)
{
	struct smr_fs_temp temp;

	(void)state;
	assert_int_equal(smr_fs_temp_open("f", 0600, false, &temp), SMR_OK);
	assert_int_equal(smr_fs_write_all(temp.fd, SMR_TEXT("mine")), SMR_OK);
	scratch_text("f", "theirs");
	assert_int_equal(smr_fs_temp_commit(&temp), SMR_E_EXISTS);
	assert_content("f", "theirs");
	assert_int_equal(scratch_count("."), 1);
	smr_fs_temp_abort(&temp);
}

static void test_write_into_nowhere_is_refused(void **state)
{
	(void)state;
	assert_int_equal(smr_fs_write("none/f", SMR_TEXT("x"), 0600), SMR_E_NOT_FOUND);
	assert_int_equal(smr_fs_write("", SMR_TEXT("x"), 0600), SMR_E_INVALID);
	assert_int_equal(smr_fs_write("..", SMR_TEXT("x"), 0600), SMR_E_INVALID);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(smr_fs_write("d", SMR_TEXT("x"), 0600), SMR_E_IO);
	assert_int_equal(smr_fs_write("d/", SMR_TEXT("x"), 0600), SMR_E_INVALID);
	assert_int_equal(scratch_count("."), 1);
}

static void test_temp_abort_leaves_nothing(void **state)
{
	struct smr_fs_temp temp;
	struct smr_fs_temp zeroed = {0};

	(void)state;
	assert_int_equal(smr_fs_temp_open("f", 0600, true, &temp), SMR_OK);
	assert_int_equal(scratch_count("."), 1);
	assert_false(smr_fs_exists("f"));
	smr_fs_temp_abort(&temp);
	assert_int_equal(scratch_count("."), 0);
	smr_fs_temp_abort(&temp);
	smr_fs_temp_abort(&zeroed);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

static void limit_file_size(rlim_t octets)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_leftovers_of_a_crash_are_removed_and_nothing_else(void **state)
{
	struct smr_fs_temp mine;
	struct smr_fs_temp other;

	(void)state;
	assert_int_equal(smr_fs_mkdir("d", 0700), SMR_OK);
	assert_int_equal(smr_fs_temp_open("d/evidence-1.smr", 0600, true, &mine), SMR_OK);
	assert_int_equal(smr_fs_temp_open("d/ack-1.smr", 0600, true, &other), SMR_OK);
	scratch_text("d/evidence-0.smr", "whole");
	scratch_text("d/.evidence", "not ours");
	smr_fs_remove_leftovers("d", "evidence-");
	assert_int_equal(smr_fs_temp_commit(&mine), SMR_E_NOT_FOUND);
	assert_int_equal(smr_fs_temp_commit(&other), SMR_OK);
	assert_content("d/evidence-0.smr", "whole");
	assert_content("d/.evidence", "not ours");
	scratch_text("d/.0123456789abcdef.tmp", "of any name");
	smr_fs_remove_leftovers("d", "");
	assert_false(smr_fs_exists("d/.0123456789abcdef.tmp"));
	assert_true(smr_fs_exists("d/ack-1.smr"));
	smr_fs_remove_leftovers("none", "");
}

static void test_write_with_the_longest_name(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(smr_fs_write(name, SMR_TEXT("content"), 0600), SMR_OK);
	assert_content(name, "content");
}

static void test_write_on_a_full_disk_keeps_the_old_file(void **state)
{
	enum smr_err err;

	(void)state;
	assert_int_equal(smr_fs_write("f", SMR_TEXT("old"), 0600), SMR_OK);
	limit_file_size(2);
	err = smr_fs_write("f", SMR_TEXT("new"), 0600);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(err, SMR_E_DISK_FULL);
	assert_content("f", "old");
	assert_int_equal(scratch_count("."), 1);
}

static void test_rename_replaces_and_leaves_both_when_it_fails(void **state)
{
	(void)state;
	scratch_text("old", "former");
	scratch_text("new", "later");
	assert_int_equal(smr_fs_rename("new", "old"), SMR_OK);
	assert_content("old", "later");
	assert_false(smr_fs_exists("new"));
	assert_int_equal(smr_fs_rename("new", "old"), SMR_E_NOT_FOUND);
	assert_int_equal(smr_fs_rename("old", "none/old"), SMR_E_NOT_FOUND);
	assert_content("old", "later");
}

static void test_remove_missing_is_fine(void **state)
{
	(void)state;
	scratch_text("f", "x");
	assert_int_equal(smr_fs_remove("f"), SMR_OK);
	assert_false(smr_fs_exists("f"));
	assert_int_equal(smr_fs_remove("f"), SMR_OK);
}

static void test_mkdir_sets_the_mode_and_makes_parents(void **state)
{
	struct stat st;

	(void)state;
	(void)umask(0);
	assert_int_equal(smr_fs_mkdir("a/b//c/", 0710), SMR_OK);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0710);
	assert_int_equal(stat("a/b", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(smr_fs_mkdir("a/b/c", 0700), SMR_OK);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0710);
	scratch_text("f", "x");
	assert_int_equal(smr_fs_mkdir("f", 0700), SMR_E_EXISTS);
	assert_int_equal(smr_fs_mkdir("f/g", 0700), SMR_E_NOT_FOUND);
}

static void test_list_is_sorted_and_filtered(void **state)
{
	static const char *const names[] = {"b.card", "a.card", ".hidden.card", "c.txt", "card", "Z.card"};
	struct smr_fs_list list;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(names); i++)
		scratch_text(names[i], "");
	assert_int_equal(smr_fs_list(".", ".card", &list), SMR_OK);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.names[0], "Z.card");
	assert_string_equal(list.names[1], "a.card");
	assert_string_equal(list.names[2], "b.card");
	smr_fs_list_wipe(&list);
	assert_int_equal(smr_fs_list(".", NULL, &list), SMR_OK);
	assert_int_equal(list.count, 5);
	smr_fs_list_wipe(&list);
	assert_int_equal(smr_fs_list("none", NULL, &list), SMR_E_NOT_FOUND);
	assert_int_equal(list.count, 0);
}

static void test_list_of_many_names_is_whole(void **state)
{
	struct smr_fs_list list;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%02u", i);
		scratch_text(name, "");
	}
	assert_int_equal(smr_fs_list(".", NULL, &list), SMR_OK);
	assert_int_equal(list.count, 100);
	assert_string_equal(list.names[99], "n99");
	smr_fs_list_wipe(&list);
}

/* The part that the test looks for is among many that it does not, wherever it may lie. */
static void test_list_of_parts_reads_a_bounded_number_and_finds_all_in_a_turn(void **state)
{
	enum { MANY = 300, LOOK = 16 };
	char name[32];
	unsigned found[3] = {0};
	unsigned parts = 0;
	long place = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "%s-%04u.smr", i % 100 == 50 ? "ack" : "evidence", i);
		scratch_text(name, "");
	}
	do {
		struct smr_fs_list list;

		assert_int_equal(smr_fs_list_part(".", "ack-", ".smr", LOOK, &place, &list), SMR_OK);
		assert_true(list.count <= LOOK);
		for (size_t i = 0; i < list.count; i++) {
			unsigned long number = strtoul(list.names[i] + 4, NULL, 10);

			assert_int_equal(number % 100, 50);
			found[number / 100]++;
		}
		smr_fs_list_wipe(&list);
		parts++;
	} while (place != 0);
	assert_true(parts > MANY / LOOK);
	for (unsigned i = 0; i < SMR_COUNT(found); i++)
		assert_int_equal(found[i], 1);
}

/* Of another directory, or long gone: then this turn ends, and the next one is whole. */
static void test_list_of_parts_from_any_place_comes_to_an_end(void **state)
{
	struct smr_fs_list list;
	long place = 0x7fffffff;

	(void)state;
	scratch_text("ack-1.smr", "");
	for (unsigned turns = 0; place != 0; turns++) {
		assert_true(turns < 2);
		assert_int_equal(smr_fs_list_part(".", "ack-", ".smr", 1000, &place, &list), SMR_OK);
		smr_fs_list_wipe(&list);
	}
	assert_int_equal(smr_fs_list_part(".", "ack-", ".smr", 1000, &place, &list), SMR_OK);
	assert_int_equal(list.count, 1);
	smr_fs_list_wipe(&list);
	assert_int_equal(smr_fs_list_part("none", "", NULL, 1, &place, &list), SMR_E_NOT_FOUND);
}

static void test_lock_excludes_a_second_holder_until_closed(void **state)
{
	int first;
	int second;

	(void)state;
	assert_int_equal(smr_fs_lock(".", "lock", &first), SMR_OK);
	assert_int_equal(smr_fs_lock(".", "lock", &second), SMR_E_BUSY);
	assert_int_equal(smr_fs_lock(".", "other", &second), SMR_OK);
	(void)close(second);
	(void)close(first);
	assert_int_equal(smr_fs_lock_wait(".", "lock", &second), SMR_OK);
	(void)close(second);
	assert_int_equal(smr_fs_lock("none", "lock", &second), SMR_E_NOT_FOUND);
}

static void test_join_keeps_absolute_names(void **state)
{
	char *path = smr_fs_join("dir", "name");

	(void)state;
	assert_string_equal(path, "dir/name");
	free(path);
	path = smr_fs_join("dir", "/name");
	assert_string_equal(path, "/name");
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_read_any_length_up_to_the_bound),
		scratch_test(test_read_errors_are_told_apart),
		scratch_test(test_write_replaces_with_the_mode_asked_for),
		scratch_test(test_write_new_keeps_what_is_there),
		scratch_test(test_write_new_loses_a_race_cleanly),
		scratch_test(test_write_into_nowhere_is_refused),
		scratch_test(test_temp_abort_leaves_nothing),
		scratch_test(test_leftovers_of_a_crash_are_removed_and_nothing_else),
		scratch_test(test_write_with_the_longest_name),
		scratch_test(test_write_on_a_full_disk_keeps_the_old_file),
		scratch_test(test_rename_replaces_and_leaves_both_when_it_fails),
		scratch_test(test_remove_missing_is_fine),
		scratch_test(test_mkdir_sets_the_mode_and_makes_parents),
		scratch_test(test_list_is_sorted_and_filtered),
		scratch_test(test_list_of_many_names_is_whole),
		scratch_test(test_list_of_parts_reads_a_bounded_number_and_finds_all_in_a_turn),
		scratch_test(test_list_of_parts_from_any_place_comes_to_an_end),
		scratch_test(test_lock_excludes_a_second_holder_until_closed),
		scratch_test(test_join_keeps_absolute_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
