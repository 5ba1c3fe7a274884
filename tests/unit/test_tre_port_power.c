/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TRE's port over files when power is cut, and when the disk fails, at every system call that writes: whatever
 * happens, the record is the old or the new one and the counter has not gone back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tre_place.h"

/* ---- system calls that change the disk, numbered ---- */

enum { CALL_NONE, CALL_WRITE, CALL_SYNC_FILE, CALL_RENAME, CALL_LINK, CALL_SYNC_DIR, CALL_MODE };

static struct {
	bool armed;
	bool cut;      /* end the process there, else fail the call */
	unsigned at;   /* which call */
	unsigned seen; /* calls so far */
	int trace[64];
} disk;

static bool strikes(int call)
{
	if (!disk.armed)
		return false;
	if (disk.seen < SMR_COUNT(disk.trace))
		disk.trace[disk.seen] = call;
	if (disk.seen++ != disk.at)
		return false;
	if (disk.cut)
		_exit(77);
	errno = ENOSPC;
	return true;
}

ssize_t __real_write(int fd, const void *octets, size_t len);
ssize_t __wrap_write(int fd, const void *octets, size_t len);
ssize_t __wrap_write(int fd, const void *octets, size_t len)
{
	if (disk.armed && disk.cut && disk.seen == disk.at)
		(void)__real_write(fd, octets, len / 2); /* a torn write */
	return strikes(CALL_WRITE) ? -1 : __real_write(fd, octets, len);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	struct stat st;
	bool dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	return strikes(dir ? CALL_SYNC_DIR : CALL_SYNC_FILE) ? -1 : __real_fsync(fd);
}

int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return strikes(CALL_RENAME) ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return strikes(CALL_LINK) ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
	return strikes(CALL_MODE) ? -1 : __real_fchmod(fd, mode);
}

static void arm(bool cut, unsigned at)
{
	memset(&disk, 0, sizeof(disk));
	disk.armed = true;
	disk.cut = cut;
	disk.at = at;
}

static void disarm(void)
{
	disk.armed = false;
}

/* ---- power cuts ---- */

/* Run @p work in a process whose power is cut at call @p at. Tells whether it came to its end. */
static bool run_until_cut(struct place *p, void (*work)(struct place *), unsigned at)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		arm(true, at);
		work(p);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0);
	return WEXITSTATUS(status) == 0;
}

static void open_only(struct place *p)
{
	if (try_open(p) != SMR_OK)
		_exit(1);
}

static void test_power_cut_in_first_start_leaves_a_usable_directory(void **state)
{
	bool done = false;
	unsigned cuts = 0;

	(void)state;
	for (; !done; cuts++) {
		struct place p;

		make_place(&p);
		done = run_until_cut(&p, open_only, cuts);
		open_place(&p);
		assert_true(counter_of(&p) == 0);
		assert_int_equal(advance(&p, 1), SMR_OK);
		close_place(&p);
		open_place(&p);
		assert_true(counter_of(&p) == 1);
		close_place(&p);
	}
	/* Directory, counter and key: writes, syncs and names of each. */
	assert_true(cuts >= 10);
}

static void replace_both(struct place *p)
{
	if (try_open(p) != SMR_OK || store(p, "new") != SMR_OK || advance(p, 8) != SMR_OK)
		_exit(1);
}

static void test_power_cut_in_update_leaves_old_or_new_and_never_counter_first(void **state)
{
	bool done = false;
	unsigned cuts = 0;
	unsigned between = 0;

	(void)state;
	for (; !done; cuts++) {
		struct place p;
		bool record_new;
		uint64_t counter;

		make_place(&p);
		open_place(&p);
		assert_int_equal(store(&p, "old"), SMR_OK);
		assert_int_equal(advance(&p, 7), SMR_OK);
		close_place(&p);
		done = run_until_cut(&p, replace_both, cuts);
		open_place(&p);
		record_new = record_is(&p, "new");
		assert_true(record_new || record_is(&p, "old"));
		counter = counter_of(&p);
		assert_true(counter == 7 || counter == 8);
		/* A counter ahead of its record would lock the device out for good. */
		assert_true(counter == 7 || record_new);
		between += record_new && counter == 7;
		assert_true(!done || (record_new && counter == 8));
		close_place(&p);
	}
	assert_true(cuts >= 10);
	assert_true(between > 0);
}

/* ---- failing disk ---- */

static void test_disk_failing_at_any_call_is_reported_and_loses_nothing(void **state)
{
	bool failed = true;
	unsigned at = 0;

	(void)state;
	for (; failed; at++) {
		struct place p;
		enum smr_err stored;
		enum smr_err advanced;

		make_place(&p);
		open_place(&p);
		assert_int_equal(store(&p, "old"), SMR_OK);
		assert_int_equal(advance(&p, 7), SMR_OK);
		arm(false, at);
		stored = store(&p, "new");
		advanced = stored == SMR_OK ? advance(&p, 8) : SMR_OK;
		failed = disk.seen > disk.at;
		disarm();
		assert_int_equal(failed, stored != SMR_OK || advanced != SMR_OK);
		assert_true(record_is(&p, "new") || record_is(&p, "old"));
		assert_true(counter_of(&p) >= 7);
		/* Once the disk works again, so does the port. */
		assert_int_equal(store(&p, "newer"), SMR_OK);
		assert_int_equal(advance(&p, 9), SMR_OK);
		assert_record(&p, "newer");
		close_place(&p);
	}
	assert_true(at >= 8);
}

static void test_store_syncs_content_before_the_name_and_the_name_before_it_returns(void **state)
{
	static const int order[] = {CALL_MODE, CALL_WRITE, CALL_SYNC_FILE, CALL_RENAME, CALL_SYNC_DIR};
	struct place *p = *state;

	open_place(p);
	arm(false, UINT32_MAX);
	assert_int_equal(store(p, "one"), SMR_OK);
	disarm();
	assert_int_equal(disk.seen, SMR_COUNT(order));
	assert_memory_equal(disk.trace, order, sizeof(order));
	arm(false, UINT32_MAX);
	assert_int_equal(advance(p, 1), SMR_OK);
	disarm();
	assert_int_equal(disk.seen, SMR_COUNT(order));
	assert_memory_equal(disk.trace, order, sizeof(order));
	close_place(p);
}

/* ---- the engine on this port ---- */

static const struct smr_eid eid = {
	{0x89, 0x04, 0x90, 0x32, 0x12, 0x34, 0x51, 0x23, 0x45, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x35}};

static enum smr_err start_engine(struct place *p, struct smr_tre **tre)
{
	*tre = calloc(1, smr_tre_size());
	assert_non_null(*tre);
	return smr_tre_start(*tre, &p->port);
}

static void stop_engine(struct smr_tre *tre)
{
	smr_tre_stop(tre);
	free(tre);
}

static void enrol_begin(struct place *p)
{
	static const uint8_t challenge[SMR_HASH_LEN];
	struct smr_tre_identity identity;
	struct smr_tre *tre;

	if (try_open(p) != SMR_OK || start_engine(p, &tre) != SMR_OK ||
	    smr_tre_enrol_begin(tre, &eid, challenge, &identity) != SMR_OK)
		_exit(1);
}

static void test_engine_after_a_power_cut_anywhere_is_healthy(void **state)
{
	bool done = false;
	unsigned cuts = 0;

	(void)state;
	for (; !done; cuts++) {
		struct place p;
		struct smr_tre *tre;
		struct smr_tre_state seen;
		uint64_t counter;

		make_place(&p);
		done = run_until_cut(&p, enrol_begin, cuts);
		open_place(&p);
		assert_int_equal(start_engine(&p, &tre), SMR_OK);
		smr_tre_state(tre, &seen);
		counter = counter_of(&p);
		/* Either nothing has happened yet, or all of it: the interrupted step is completed. */
		assert_true(counter == 0 || counter == 1);
		assert_int_equal(counter == 1, memcmp(&seen.eid, &eid, sizeof(eid)) == 0);
		assert_true(!done || counter == 1);
		stop_engine(tre);
		close_place(&p);
	}
	assert_true(cuts >= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(test_power_cut_in_first_start_leaves_a_usable_directory),
		PORT_TEST(test_power_cut_in_update_leaves_old_or_new_and_never_counter_first),
		PORT_TEST(test_disk_failing_at_any_call_is_reported_and_loses_nothing),
		PORT_TEST(test_store_syncs_content_before_the_name_and_the_name_before_it_returns),
		PORT_TEST(test_engine_after_a_power_cut_anywhere_is_healthy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
