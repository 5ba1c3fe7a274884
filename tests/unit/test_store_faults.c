/* SPDX-License-Identifier: Apache-2.0 */
/* The store when things go wrong: killed processes, full disks, read-only files; and what is left of a purged X. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "random.h"
#include "store_rig.h"
#include "sys/fsio.h"

#define DEVICES 64u

static int setup_filled(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, DEVICES);
	return 0;
}

static void reopen(struct rig *rig)
{
	smr_store_close(rig->store);
	assert_int_equal(smr_store_open(rig->path, SMR_STORE_WRITE, &rig->store), SMR_OK);
}

/* One change for each device. @p changes has room for DEVICES. */
static enum smr_err commit_wave(struct smr_store *store, struct smr_store_change *changes, uint8_t *evidence)
{
	for (uint64_t i = 0; i < DEVICES; i++) {
		changes[i] = rig_change(store, i + 1);
		changes[i].keep_evidence = true;
		changes[i].evidence = smr_bytes_of(evidence, RIG_EVIDENCE_LEN);
	}
	return smr_store_commit(store, changes, DEVICES);
}

static uint32_t common_ctr(struct rig *rig)
{
	uint32_t ctr = rig_get(rig->store, 1).row.ctr;

	for (uint64_t n = 2; n <= DEVICES; n++)
		assert_int_equal(rig_get(rig->store, n).row.ctr, ctr);
	return ctr;
}

/* ---- kill -9 ---- */

/* Commits waves without end and says after each which counter is durable. */
static void commit_for_ever(const char *path, int out)
{
	struct smr_store_change *changes = calloc(DEVICES, sizeof(*changes));
	uint8_t evidence[RIG_EVIDENCE_LEN] = {1};
	struct smr_store *store;

	if (changes == NULL || smr_store_open(path, SMR_STORE_WRITE, &store) != SMR_OK)
		_exit(2);
	for (;;) {
		if (commit_wave(store, changes, evidence) != SMR_OK)
			_exit(3);
		if (write(out, &changes[0].ctr, sizeof(changes[0].ctr)) != sizeof(changes[0].ctr))
			_exit(4);
	}
}

static uint32_t last_acknowledged(int in)
{
	uint32_t last = 0;
	uint32_t ctr;

	while (read(in, &ctr, sizeof(ctr)) == sizeof(ctr))
		last = ctr;
	return last;
}

static void test_kill_amid_commits_keeps_what_was_acknowledged_and_halves_nothing(void **state)
{
	struct rig *rig = *state;
	struct rng rng = {2024};
	uint32_t before = 0;

	/* On a slow machine more rounds, and longer ones, until the children have committed some waves. */
	for (uint32_t round = 0; round < 40 || before <= 4; round++) {
		uint64_t spread_ns = 35000000 + (round < 400 ? round / 40 : 10) * UINT64_C(50000000);
		struct timespec moment = {0, (long)(5000000 + rng_below(&rng, spread_ns))};
		uint32_t acknowledged;
		uint32_t present;
		int ends[2];
		int status;
		pid_t child;

		smr_store_close(rig->store);
		rig->store = NULL;
		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			commit_for_ever(rig->path, ends[1]);
		close(ends[1]);
		nanosleep(&moment, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		acknowledged = last_acknowledged(ends[0]);
		close(ends[0]);
		assert_int_equal(smr_store_open(rig->path, SMR_STORE_WRITE, &rig->store), SMR_OK);
		present = common_ctr(rig);
		assert_true(present >= (acknowledged ? acknowledged : before));
		assert_true(present <= (acknowledged ? acknowledged : before) + 1); /* the one that was under way */
		before = present;
	}
}

/* ---- flushing ---- */

static unsigned flushes;
static int flush_error; /* what fdatasync fails with, 0: it works */
static sqlite3 *beside; /* commits amid each flush */

/* In the place of the C library's, also for SQLite. */
int fdatasync(int fd)
{
	sqlite3 *other = beside;

	flushes++;
	if (other != NULL) {
		beside = NULL; /* it flushes too */
		(void)sqlite3_exec(other, "UPDATE meta SET value = value + 1 WHERE name = 'sequence'", NULL, NULL,
				   NULL);
		beside = other;
	}
	if (flush_error == 0)
		return (int)syscall(SYS_fdatasync, fd);
	errno = flush_error;
	return -1;
}

static void test_commit_and_load_are_flushed_before_they_return(void **state)
{
	struct rig *rig = *state;

	flushes = 0;
	rig_offer(rig->store, 1);
	assert_int_equal(flushes, 1);
	rig_offer(rig->store, 2);
	assert_int_equal(flushes, 2);
	(void)rig_get(rig->store, 1);
	assert_int_equal(flushes, 2);
	rig_reseal(rig, 1, 9000, RIG_X_LEN);
	assert_int_equal(flushes, 3);
}

static void test_commit_that_cannot_be_flushed_is_not_applied(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change = rig_change(rig->store, 1);

	flush_error = EIO;
	assert_int_equal(smr_store_commit(rig->store, &change, 1), SMR_E_IO);
	assert_int_equal(change.err, SMR_E_IO);
	flush_error = 0;
	assert_int_equal(rig_get(rig->store, 1).row.ctr, 0);
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_int_equal(rig_get(rig->store, 1).row.ctr, 1);
}

/* ---- full disk ---- */

static void set_file_limit(rlim_t limit)
{
	struct rlimit rl;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &rl), 0);
	rl.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static rlim_t log_size(const struct rig *rig)
{
	struct stat st;
	char path[300];

	snprintf(path, sizeof(path), "%s-wal", rig->path);
	assert_int_equal(stat(path, &st), 0);
	return (rlim_t)st.st_size;
}

static void test_commit_on_a_full_disk_applies_nothing_and_recovers(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change *changes = calloc(DEVICES, sizeof(*changes));
	uint8_t evidence[RIG_EVIDENCE_LEN] = {1};
	rlim_t base = log_size(rig);

	assert_non_null(changes);
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t room = 0; room < 24; room++) { /* the disk is full at each page of the log */
		uint32_t before = common_ctr(rig);
		enum smr_err err;

		set_file_limit(base + room * 1031);
		err = commit_wave(rig->store, changes, evidence);
		set_file_limit(RLIM_INFINITY);
		if (err == SMR_OK) {
			assert_int_equal(common_ctr(rig), before + 1);
			base = log_size(rig);
			continue;
		}
		assert_int_equal(err, SMR_E_DISK_FULL);
		assert_int_equal(changes[0].err, SMR_E_DISK_FULL);
		assert_int_equal(changes[DEVICES - 1].err, SMR_E_DISK_FULL);
		assert_non_null(strstr(smr_store_problem(rig->store), "full"));
		assert_int_equal(common_ctr(rig), before);
	}
	assert_int_equal(commit_wave(rig->store, changes, evidence), SMR_OK);
	free(changes);
	reopen(rig);
	assert_true(common_ctr(rig) >= 1);
}

/* With little memory the log is written amid the load, and it is there that the disk is found full. */
static void test_load_on_a_full_disk_keeps_nothing_and_works_later(void **state)
{
	struct rig *rig = *state;
	sqlite3_int64 memory = sqlite3_soft_heap_limit64(500000);
	enum smr_err err = SMR_OK;
	uint64_t n = 1000;

	signal(SIGXFSZ, SIG_IGN);
	set_file_limit(log_size(rig) + 100000);
	rig_load_begin(rig, SMR_FILE_BATCH);
	for (; err == SMR_OK && n < 20000; n++)
		err = rig_put_package(rig, 0, n, 1, SMR_X_MAX, SMR_NONE);
	assert_int_equal(err, SMR_E_DISK_FULL);
	/* What comes after must not be kept on its own, although SQLite has ended the transaction by itself. */
	assert_int_equal(rig_put_package(rig, 0, n, 1, RIG_X_LEN, SMR_NONE), SMR_E_DISK_FULL);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_E_DISK_FULL);
	set_file_limit(RLIM_INFINITY);
	(void)sqlite3_soft_heap_limit64(memory);
	assert_int_equal(rig_get(rig->store, 1000).err, SMR_E_NOT_FOUND);
	rig_reseal(rig, 1000, 1, RIG_X_LEN);
	assert_int_equal(rig_get(rig->store, 1000).err, SMR_OK);
	assert_int_equal(rig_get(rig->store, 1001).err, SMR_E_NOT_FOUND);
}

/* A real file system that is full. In a child, because its mount must not outlive the test. */
static int fill_small_disk(const char *dir)
{
	struct smr_store_change *changes = calloc(DEVICES, sizeof(*changes));
	uint8_t evidence[RIG_EVIDENCE_LEN] = {1};
	struct smr_store_party auc = rig_party("auc", 0x30);
	struct smr_key_id id = rig_operator(0);
	static const uint8_t filling[100000] = {1};
	struct rig rig = {0};
	char ballast[300];
	enum smr_err err = SMR_OK;
	uint32_t waves = 0;

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", dir, "tmpfs", 0, "size=1m") != 0)
		return 77;
	snprintf(rig.path, sizeof(rig.path), "%s/samara.db", dir);
	snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	if (smr_fs_write(ballast, SMR_ARRAY(filling), 0600) != SMR_OK)
		return 2;
	if (changes == NULL || smr_store_open(rig.path, SMR_STORE_CREATE, &rig.store) != SMR_OK)
		return 1;
	rig_load_begin(&rig, SMR_FILE_BATCH);
	if (smr_store_put_auc(rig.store, &id, &auc) != SMR_OK)
		return 3;
	for (uint64_t n = 1; n <= DEVICES; n++)
		if (rig_put_package(&rig, 0, n, 1000 + n, RIG_X_LEN, SMR_NONE) != SMR_OK)
			return 4;
	rig_load_keep(&rig);
	while (err == SMR_OK && ++waves < 200)
		err = commit_wave(rig.store, changes, evidence);
	if (err != SMR_E_DISK_FULL)
		return 5;
	if (common_ctr(&rig) != waves - 1)
		return 8;
	/* The database itself may have to grow before the log can shrink: somebody has to make a little room. */
	if (unlink(ballast) != 0 || smr_store_checkpoint(rig.store) != SMR_OK)
		return 6;
	if (commit_wave(rig.store, changes, evidence) != SMR_OK || common_ctr(&rig) != waves)
		return 7;
	smr_store_close(rig.store);
	free(changes);
	return 0;
}

static void test_commit_on_a_small_file_system_recovers_after_a_checkpoint(void **state)
{
	struct rig *rig = *state;
	char dir[128];
	int status;
	pid_t child;

	snprintf(dir, sizeof(dir), "%s/small", rig->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	smr_store_close(rig->store);
	rig->store = NULL;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(fill_small_disk(dir));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(rmdir(dir), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* no mounts for us here */
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- read-only ---- */

/* As a user who may read but not write; root may always write, so it becomes somebody else first. */
static int use_read_only(const char *path)
{
	struct smr_store *store;
	int result = 0;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 1;
	if (smr_store_open(path, SMR_STORE_WRITE, &store) != SMR_E_DISK_FULL ||
	    strstr(smr_store_problem(store), "read-only") == NULL)
		result = 2;
	smr_store_close(store);
	if (smr_store_open(path, SMR_STORE_READ, &store) != SMR_OK || rig_get(store, 1).err != SMR_OK)
		result = 3;
	smr_store_close(store);
	return result;
}

static void test_open_read_only_file_reads_and_refuses_to_write(void **state)
{
	struct rig *rig = *state;
	char path[300];
	int status;
	pid_t child;

	/* With its log and index there, as while a server runs: they can then be read by others too. */
	assert_int_equal(chmod(rig->dir, 0755), 0);
	assert_int_equal(chmod(rig->path, 0444), 0);
	snprintf(path, sizeof(path), "%s-wal", rig->path);
	assert_int_equal(chmod(path, 0444), 0);
	snprintf(path, sizeof(path), "%s-shm", rig->path);
	assert_int_equal(chmod(path, 0444), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(use_read_only(rig->path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- the log ---- */

static sqlite3 *open_beside(const struct rig *rig)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA wal_autocheckpoint = 0", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

/* More than the log is let grow to. */
static void fill_log(sqlite3 *db)
{
	assert_int_equal(sqlite3_exec(db,
				      "CREATE TABLE ballast (octets BLOB); INSERT INTO ballast VALUES "
				      "(zeroblob(36000000)); DROP TABLE ballast",
				      NULL, NULL, NULL),
			 SQLITE_OK);
}

/* In the place of the C library's, for SQLite: it waits for somebody. */
static unsigned waits;

int usleep(useconds_t us)
{
	const struct timespec moment = {us / 1000000, (long)(us % 1000000) * 1000};

	waits++;
	return nanosleep(&moment, NULL);
}

/* Somebody commits amid each copy, so that without making him wait a moment the log is never copied to its end. */
static void test_long_log_is_begun_anew_and_keeps_its_length(void **state)
{
	struct rig *rig = *state;
	sqlite3 *db = open_beside(rig);
	uint64_t octets;
	uint64_t length;

	fill_log(db);
	beside = db;
	assert_int_equal(smr_store_copy_log(rig->store, &octets), SMR_OK);
	beside = NULL;
	assert_true(octets > 33000000);
	length = log_size(rig);
	assert_true(length >= octets);
	rig_offer(rig->store, 1);
	assert_int_equal(smr_store_copy_log(rig->store, &octets), SMR_OK);
	assert_in_range(octets, 1, 1000000);
	assert_int_equal(log_size(rig), length);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Everything can be copied, but not forgotten: he is asked to make way once, and not again at once. */
static void test_long_log_that_is_read_makes_commits_wait_once(void **state)
{
	struct rig *rig = *state;
	sqlite3 *db = open_beside(rig);
	sqlite3 *reader = open_beside(rig);
	uint64_t octets;
	unsigned before = waits;

	fill_log(db);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(smr_store_copy_log(rig->store, &octets), SMR_OK);
	assert_true(waits > before);
	before = waits;
	assert_int_equal(smr_store_copy_log(rig->store, &octets), SMR_OK);
	assert_int_equal(waits, before);
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_long_log_with_a_reader_in_it_goes_on(void **state)
{
	struct rig *rig = *state;
	sqlite3 *db = open_beside(rig);
	sqlite3 *reader = open_beside(rig);
	uint64_t octets;
	uint64_t more;
	unsigned before = waits;

	rig_offer(rig->store, 1);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
	fill_log(db);
	assert_int_equal(smr_store_copy_log(rig->store, &octets), SMR_OK);
	rig_offer(rig->store, 2);
	assert_int_equal(smr_store_copy_log(rig->store, &more), SMR_OK);
	assert_true(more > octets);
	assert_int_equal(waits, before); /* what he reads keeps it from being copied: nobody is made to wait for that */
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	assert_int_equal(log_size(rig), 0);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- busy ---- */

static void test_checkpoint_with_a_reader_in_the_way_is_busy_and_then_truncates(void **state)
{
	struct rig *rig = *state;
	struct smr_store *reader;
	struct smr_file_info info = rig_info(SMR_FILE_BATCH, 9999);

	rig_offer(rig->store, 1);
	assert_int_equal(smr_store_open(rig->path, SMR_STORE_WRITE, &reader), SMR_OK);
	assert_int_equal(smr_store_load_begin(reader, &info), SMR_OK);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_E_BUSY);
	assert_int_equal(smr_store_load_end(reader, false), SMR_OK);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	assert_int_equal(log_size(rig), 0);
	assert_int_equal(rig_get(reader, 1).row.state, SMR_ROW_OFFERED);
	smr_store_close(reader);
}

static void test_copying_the_log_waits_for_nobody_and_leaves_its_length(void **state)
{
	struct rig *rig = *state;
	struct smr_store *writer;
	struct smr_file_info info = rig_info(SMR_FILE_BATCH, 9999);
	uint64_t octets;

	rig_offer(rig->store, 1);
	assert_int_equal(smr_store_open(rig->path, SMR_STORE_WRITE, &writer), SMR_OK);
	assert_int_equal(smr_store_load_begin(writer, &info), SMR_OK);
	assert_int_equal(smr_store_copy_log(rig->store, &octets), SMR_OK);
	assert_int_equal(smr_store_load_end(writer, false), SMR_OK);
	smr_store_close(writer);
	assert_true(octets > 0);
	assert_int_equal(log_size(rig), octets + 32); /* and its head */
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	assert_int_equal(smr_store_copy_log(rig->store, &octets), SMR_OK);
	assert_int_equal(octets, 0);
	assert_int_equal(log_size(rig), 0);
}

/* ---- remnants ---- */

/* Loading, sending, installing, sealing anew with the same and other lengths, in random order; then not a piece of any
 * X that is not to be sent any more may be in the files. A piece is 10 octets: a chance match is out of the question.
 */
static void test_purged_x_leaves_no_remnant_in_database_and_log(void **state)
{
	struct rig *rig = *state;
	static const size_t lengths[] = {RIG_X_LEN, 135, 170};
	uint64_t serial[DEVICES + 1][12] = {{0}};
	size_t generations[DEVICES + 1];
	struct rng rng = {77};
	uint8_t x[SMR_X_MAX];

	for (uint64_t n = 1; n <= DEVICES; n++) {
		serial[n][0] = 1000 + n;
		generations[n] = 1;
	}
	for (int step = 0; step < 500; step++) {
		uint64_t n = 1 + rng_below(&rng, DEVICES);
		struct smr_store_device device = rig_get(rig->store, n);

		if (device.x_len > 0 && rng_below(&rng, 3) != 0) {
			rig_offer(rig->store, n);
			rig_install(rig->store, n);
		} else if (generations[n] < 12) {
			serial[n][generations[n]] = device.row.serial + 1000;
			rig_reseal(rig, n, device.row.serial + 1000, lengths[rng_below(&rng, SMR_COUNT(lengths))]);
			generations[n]++;
		}
		if (step % 100 == 99)
			assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	}
	for (uint64_t n = 1; n <= DEVICES; n++) {
		struct smr_store_device device = rig_get(rig->store, n);

		for (size_t g = 0; g < generations[n]; g++) {
			bool is_live = device.x_len > 0 && serial[n][g] == device.row.serial;
			size_t found;

			rig_x(n, serial[n][g], x, sizeof(x));
			found = rig_count_pieces(rig, smr_bytes_of(x, 130), 10);
			assert_int_equal(found, is_live ? 13 : 0);
		}
	}
}

static int teardown(void **state)
{
	/* A failed test must not spoil the next one. */
	set_file_limit(RLIM_INFINITY);
	flush_error = 0;
	beside = NULL;
	return rig_teardown(state);
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_kill_amid_commits_keeps_what_was_acknowledged_and_halves_nothing),
		FILLED(test_commit_and_load_are_flushed_before_they_return),
		FILLED(test_commit_that_cannot_be_flushed_is_not_applied),
		FILLED(test_commit_on_a_full_disk_applies_nothing_and_recovers),
		FILLED(test_load_on_a_full_disk_keeps_nothing_and_works_later),
		FILLED(test_commit_on_a_small_file_system_recovers_after_a_checkpoint),
		FILLED(test_open_read_only_file_reads_and_refuses_to_write),
		FILLED(test_long_log_is_begun_anew_and_keeps_its_length),
		FILLED(test_long_log_that_is_read_makes_commits_wait_once),
		FILLED(test_long_log_with_a_reader_in_it_goes_on),
		FILLED(test_checkpoint_with_a_reader_in_the_way_is_busy_and_then_truncates),
		FILLED(test_copying_the_log_waits_for_nobody_and_leaves_its_length),
		FILLED(test_purged_x_leaves_no_remnant_in_database_and_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
