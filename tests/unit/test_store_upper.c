/* SPDX-License-Identifier: Apache-2.0 */
/* The upper levels of the SQLite store's large tables are read when a server starts: all of them, nothing else to speak of, and nobody is harmed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sqlite/upper.h"
#include "store_rig.h"
#include "tests/unit/scratch.h"

#define PAGE 512		       /* octets: three interior levels with some thousand rows */
#define SQLITE_SHARED_FIRST 0x40000002 /* of SQLite's file format: where a connection holds its lock */
#define SQLITE_SHARED_SIZE 510
#define PAGES_MAX 65536u
#define STORE_PAGE 2048 /* octets; of our stores */

#define ROWS 15000u
#define STORE "store.db"

/* Two tables of the names that count, and one that does not. */
static const char filling[] = "PRAGMA page_size = 512; PRAGMA journal_mode = WAL;"
			      "CREATE TABLE device (place INTEGER PRIMARY KEY, octets BLOB);"
			      "CREATE TABLE package (slot INTEGER PRIMARY KEY, octets BLOB);"
			      "CREATE TABLE other (seq INTEGER PRIMARY KEY, octets BLOB);"
			      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %u) "
			      "INSERT INTO device SELECT 1 << 40 | i, zeroblob(100) FROM n;"
			      "INSERT INTO package SELECT place, octets FROM device WHERE place & 1;"
			      "INSERT INTO other SELECT place, octets FROM device;"
			      "PRAGMA wal_checkpoint(TRUNCATE);";
static const char interior_pages[] =
	"SELECT pageno FROM dbstat WHERE name IN ('device', 'package') AND pagetype = 'internal'";

/* ---- what is read ---- */

static pid_t main_thread;
static atomic_uint reads;
static atomic_bool was_read[PAGES_MAX]; /* by number, by others than the main thread */
static atomic_bool reads_fail;
static atomic_bool reads_held; /* until somebody posts */
static sem_t release;
static sem_t has_come;

/* Under a name of its own in C: <unistd.h> may have an inline pread64 for checked buffers. */
ssize_t read_in_place_of_sqlite(int fd, void *buf, size_t nbytes, off_t offset) __asm__("pread64");

ssize_t read_in_place_of_sqlite(int fd, void *buf, size_t nbytes, off_t offset)
{
	if (gettid() == main_thread)
		return syscall(SYS_pread64, fd, buf, nbytes, offset);
	reads++;
	if (offset / PAGE < PAGES_MAX)
		was_read[offset / PAGE] = true;
	(void)sem_post(&has_come);
	if (reads_held)
		(void)sem_wait(&release);
	if (!reads_fail)
		return syscall(SYS_pread64, fd, buf, nbytes, offset);
	errno = EIO;
	return -1;
}

/* Who waits for a thread has told it to stop before; only then does what is held go on. */
extern int __real_pthread_join(pthread_t thread, void **result);
extern int __wrap_pthread_join(pthread_t thread, void **result);

int __wrap_pthread_join(pthread_t thread, void **result)
{
	reads_held = false;
	for (unsigned i = 0; i < SMR_UPPER_WALKERS; i++)
		(void)sem_post(&release);
	return __real_pthread_join(thread, result);
}

static void forget_reads(void)
{
	for (size_t i = 0; i < PAGES_MAX; i++)
		was_read[i] = false;
}

static int setup(void **state)
{
	main_thread = gettid();
	reads = 0;
	reads_fail = reads_held = false;
	forget_reads();
	assert_int_equal(sem_init(&release, 0, 0), 0);
	assert_int_equal(sem_init(&has_come, 0, 0), 0);
	return scratch_enter(state);
}

static int teardown(void **state)
{
	(void)sem_destroy(&release);
	(void)sem_destroy(&has_come);
	return scratch_leave(state);
}

static sqlite3 *run_script(const char *script)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(STORE, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, script, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static sqlite3 *fill(unsigned rows)
{
	char script[sizeof(filling) + 16];

	snprintf(script, sizeof(script), filling, rows);
	return run_script(script);
}

static bool page_was_read(unsigned number, unsigned size)
{
	return was_read[(number - 1) * (size / PAGE)];
}

/* Their numbers into @p pages; how many. */
static size_t find_interior(sqlite3 *db, unsigned *pages, size_t room)
{
	sqlite3_stmt *stmt;
	size_t count = 0;

	assert_int_equal(sqlite3_prepare_v2(db, interior_pages, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		assert_true(count < room);
		pages[count++] = (unsigned)sqlite3_column_int(stmt, 0);
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return count;
}

/* As sqlite3 writes to the file: at the page's octet @p at. */
static void write_at(unsigned page, unsigned at, const void *octets, size_t len)
{
	int fd = open(STORE, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, octets, len, (off_t)(page - 1) * PAGE + at), len);
	close(fd);
}

/* ---- all of it ---- */

/* Trees of one to four levels, among them some that have just got a level, so that their root has few children. */
static void test_every_interior_page_of_the_large_tables_is_read_and_hardly_any_other(void **state)
{
	static const unsigned rows[] = {100, 400, 1200, 2000, 5000, ROWS};

	(void)state;
	for (size_t r = 0; r < SMR_COUNT(rows); r++) {
		unsigned pages[512];
		sqlite3 *db = fill(rows[r]);
		size_t interior = find_interior(db, pages, SMR_COUNT(pages));
		size_t read;

		forget_reads();
		read = smr_upper_finish(smr_upper_start(STORE));
		for (size_t i = 0; i < interior; i++)
			assert_true(page_was_read(pages[i], PAGE));
		/* Besides: what is above the lowest interior level once more by each walker, and its way down to a leaf of each table. */
		assert_true(read <= interior + SMR_UPPER_WALKERS * 2 * 12);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		assert_int_equal(unlink(STORE), 0);
	}
}

static void test_a_store_of_ours_has_these_tables(void **state)
{
	struct rig *rig;
	void *store = NULL;
	sqlite3 *db;
	unsigned pages[64];
	size_t interior;

	(void)state;
	rig_setup(&store);
	rig = store;
	rig_fill(rig, 1, 1500);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	interior = find_interior(db, pages, SMR_COUNT(pages));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_true(interior >= 2); /* a root of each */
	assert_true(smr_upper_finish(smr_upper_start(rig->path)) >= interior);
	for (size_t i = 0; i < interior; i++)
		assert_true(page_was_read(pages[i], STORE_PAGE));
	assert_int_equal(rig_teardown(&store), 0);
}

static void test_tables_of_one_page_have_no_upper_levels(void **state)
{
	sqlite3 *db = run_script("PRAGMA page_size = 512; CREATE TABLE device (place INTEGER PRIMARY KEY);"
				 "CREATE TABLE package (slot INTEGER PRIMARY KEY); INSERT INTO device VALUES (1);");

	(void)state;
	assert_true(smr_upper_finish(smr_upper_start(STORE)) <= 2 * SMR_UPPER_WALKERS);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- whatever is there ---- */

static void test_where_there_is_no_store_nothing_begins(void **state)
{
	static const char nothing[PAGE] = "no data base, whatever its name is";
	int fd;

	(void)state;
	assert_null(smr_upper_start(STORE));
	assert_int_equal(access(STORE, F_OK), -1); /* and none is made */
	fd = open(STORE, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_null(smr_upper_start(STORE));
	write_at(1, 0, nothing, sizeof(nothing));
	assert_null(smr_upper_start(STORE));
	assert_int_equal(smr_upper_finish(NULL) + smr_upper_stop(NULL), 0);
	assert_int_equal(reads, 0);
}

/* All of the file, as it is or as it was. */
static void copy_file(uint8_t *octets, size_t len, bool back)
{
	int fd = open(STORE, (back ? O_WRONLY : O_RDONLY) | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(back ? pwrite(fd, octets, len, 0) : pread(fd, octets, len, 0), len);
	close(fd);
}

/* Of every interior page: the last child is the first page, none, or behind the end; more cells than there is room for; a first cell behind
 * the page, or that begins in it; another kind of page. Last: each page is its own only child. */
static void test_damaged_pages_lead_nowhere(void **state)
{
	static const struct {
		unsigned at;
		uint8_t octets[4];
		size_t len;
	} damages[] = {
		{8, {0, 0, 0, 1}, 4}, {8, {0, 0, 0, 0}, 4},  {8, {0xff, 0xff, 0xff, 0xff}, 4},
		{3, {0xff, 0xff}, 2}, {12, {0xff, 0xff}, 2}, {12, {0x01, 0xfe}, 2},
		{0, {0x0d}, 1},
	};
	unsigned pages[512];
	sqlite3 *db = fill(ROWS);
	size_t interior = find_interior(db, pages, SMR_COUNT(pages));
	struct stat st;
	uint8_t *whole;

	(void)state;
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(stat(STORE, &st), 0);
	whole = malloc((size_t)st.st_size);
	assert_non_null(whole);
	copy_file(whole, (size_t)st.st_size, false);
	for (size_t d = 0; d < SMR_COUNT(damages); d++) {
		copy_file(whole, (size_t)st.st_size, true);
		for (size_t i = 0; i < interior; i++)
			write_at(pages[i], damages[d].at, damages[d].octets, damages[d].len);
		assert_true(smr_upper_finish(smr_upper_start(STORE)) <= 2 * interior + 16 * SMR_UPPER_WALKERS);
	}
	for (size_t i = 0; i < interior; i++) {
		uint8_t self[4] = {0, 0, (uint8_t)(pages[i] >> 8), (uint8_t)pages[i]};

		write_at(pages[i], 0, (uint8_t[]){0x05, 0, 0, 0, 0}, 5);
		write_at(pages[i], 8, self, sizeof(self));
	}
	assert_true(smr_upper_finish(smr_upper_start(STORE)) < 64 * SMR_UPPER_WALKERS);
	free(whole);
}

static void test_a_disk_that_fails_ends_it(void **state)
{
	sqlite3 *db = fill(ROWS);

	(void)state;
	reads_fail = true;
	assert_int_equal(smr_upper_finish(smr_upper_start(STORE)), 0);
	assert_true(reads > 0);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- its end ---- */

static void test_a_stop_waits_for_the_page_under_way_alone(void **state)
{
	sqlite3 *db = fill(ROWS);
	struct smr_upper *upper;

	(void)state;
	reads_held = true;
	upper = smr_upper_start(STORE);
	assert_non_null(upper);
	assert_int_equal(sem_wait(&has_come), 0);
	assert_true(smr_upper_stop(upper) <= SMR_UPPER_WALKERS);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What another process sees of our connections' lock; it cannot be asked from within. */
static bool is_locked(const char *path)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct flock lock = {.l_type = F_WRLCK,
				     .l_whence = SEEK_SET,
				     .l_start = SQLITE_SHARED_FIRST,
				     .l_len = SQLITE_SHARED_SIZE};
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd < 0 || fcntl(fd, F_GETLK, &lock) != 0)
			_exit(2);
		_exit(lock.l_type == F_UNLCK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
	return WEXITSTATUS(status) == 1;
}

/* Closing any descriptor of a file gives up the process's locks on it: another program would then take the store for its own. */
static void test_its_end_takes_no_lock_with_it(void **state)
{
	sqlite3 *db = fill(ROWS);

	(void)state;
	assert_true(is_locked(STORE));
	(void)smr_upper_finish(smr_upper_start(STORE));
	assert_true(is_locked(STORE));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_false(is_locked(STORE));
}

/* As samarad does, and closes at once. */
static void test_a_handle_warms_up_once_and_closes_amid_it(void **state)
{
	void *store = NULL;
	struct rig *rig;
	struct smr_store *handle;

	(void)state;
	rig_setup(&store);
	rig = store;
	rig_fill(rig, 1, 100);
	for (int round = 0; round < 20; round++) {
		assert_int_equal(smr_store_open(rig->path, SMR_STORE_WRITE, &handle), SMR_OK);
		while (sem_trywait(&has_come) == 0)
			;
		smr_store_warm_up(handle);
		smr_store_warm_up(handle);
		assert_int_equal(sem_wait(&has_come), 0); /* somebody reads */
		smr_store_close(handle);
	}
	assert_int_equal(rig_teardown(&store), 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_every_interior_page_of_the_large_tables_is_read_and_hardly_any_other),
		WITH(test_a_store_of_ours_has_these_tables),
		WITH(test_tables_of_one_page_have_no_upper_levels),
		WITH(test_where_there_is_no_store_nothing_begins),
		WITH(test_damaged_pages_lead_nowhere),
		WITH(test_a_disk_that_fails_ends_it),
		WITH(test_a_stop_waits_for_the_page_under_way_alone),
		WITH(test_its_end_takes_no_lock_with_it),
		WITH(test_a_handle_warms_up_once_and_closes_amid_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
