/* SPDX-License-Identifier: Apache-2.0 */
/* Reading ahead in the SQLite back end: it changes how long a look-up takes, and nothing else, whatever happens to the readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/ahead.h"
#include "store_rig.h"
#include "sys/fsio.h"

#define DEVICES 100u /* in the store; as many more are not */

/* ---- the C library's calls, as seen by SQLite and by the readers ---- */

static pid_t main_thread;
static atomic_uint reader_reads;
static atomic_bool readers_fail;
static atomic_bool readers_slow; /* each read waits */
static atomic_bool readers_held; /* at their first read, until somebody posts */
static sem_t release;
static sem_t has_read;		/* posted for each read of a reader */
static atomic_int threads_left; /* that may be created; negative: any number */

/* Under a name of its own in C: <unistd.h> may have an inline pread64 for checked buffers. */
ssize_t read_in_place_of_sqlite(int fd, void *buf, size_t nbytes, off_t offset) __asm__("pread64");

ssize_t read_in_place_of_sqlite(int fd, void *buf, size_t nbytes, off_t offset)
{
	const struct timespec moment = {0, 1000};

	if (gettid() == main_thread)
		return syscall(SYS_pread64, fd, buf, nbytes, offset);
	if (readers_held)
		(void)sem_wait(&release);
	if (readers_slow)
		(void)nanosleep(&moment, NULL);
	reader_reads++;
	(void)sem_post(&has_read);
	if (!readers_fail)
		return syscall(SYS_pread64, fd, buf, nbytes, offset);
	errno = EIO;
	return -1;
}

extern int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *context);
extern int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *context);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *context)
{
	if (threads_left == 0)
		return EAGAIN;
	threads_left--;
	return __real_pthread_create(thread, attr, run, context);
}

static int setup(void **state)
{
	struct rig *rig;

	main_thread = gettid();
	readers_fail = readers_held = readers_slow = false;
	threads_left = -1;
	assert_int_equal(sem_init(&release, 0, 0), 0);
	assert_int_equal(sem_init(&has_read, 0, 0), 0);
	rig_setup(state);
	rig = *state;
	rig_fill(rig, 1, DEVICES);
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	for (uint64_t n = 1; n <= DEVICES; n += 7)
		assert_int_equal(rig_put_command(rig, n, 1), SMR_OK);
	rig_load_keep(rig);
	for (uint64_t n = 1; n <= DEVICES; n += 3)
		rig_offer(rig->store, n);
	for (uint64_t n = 1; n <= DEVICES; n += 6)
		rig_install(rig->store, n);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	reader_reads = 0;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(rig_teardown(state), 0);
	(void)sem_destroy(&release);
	(void)sem_destroy(&has_read);
	return 0;
}

/* Other devices in each batch, and some that are not there. */
static uint64_t member_number(size_t i)
{
	return 1 + i * 37 % (2 * DEVICES);
}

static struct smr_eid member(size_t i)
{
	return rig_eid(member_number(i));
}

static struct smr_store_device *look_up(struct smr_store *store, size_t count)
{
	struct smr_store_device *devices = calloc(count, sizeof(*devices));

	assert_non_null(devices);
	for (size_t i = 0; i < count; i++)
		devices[i] = (struct smr_store_device){
			.eid = member(i), .want_package = i % 2 == 0, .want_commands = i % 3 != 0};
	assert_int_equal(smr_store_lookup(store, devices, count), SMR_OK);
	return devices;
}

static struct smr_store *open_to_read(const struct rig *rig)
{
	struct smr_store *store;

	assert_int_equal(smr_store_open(rig->path, SMR_STORE_READ, &store), SMR_OK);
	return store;
}

static void expect(struct smr_store *store, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct smr_eid eid = member(i);

		smr_store_expect(store, &eid);
	}
}

/* What a handle says that expects first is what one says that does not. */
static void check_same(const struct rig *rig, struct smr_store *expecting)
{
	struct smr_store *plain = open_to_read(rig);
	struct smr_store_device *without = look_up(plain, 2 * DEVICES);
	struct smr_store_device *with;
	size_t found = 0;

	expect(expecting, 2 * DEVICES);
	with = look_up(expecting, 2 * DEVICES);
	assert_memory_equal(with, without, 2 * DEVICES * sizeof(*with));
	for (size_t i = 0; i < 2 * DEVICES; i++)
		found += with[i].err == SMR_OK;
	assert_int_equal(found, DEVICES);
	free(with);
	free(without);
	smr_store_close(plain);
}

/* Until one of them reads, that is: a moment. */
static void await_reader(void)
{
	assert_int_equal(sem_wait(&has_read), 0);
}

static void *release_readers(void *unused)
{
	(void)unused;
	readers_held = false;
	for (unsigned i = 0; i < SMR_AHEAD_READERS; i++)
		(void)sem_post(&release);
	return NULL;
}

/* ---- results ---- */

static void test_look_up_of_expected_devices_says_the_same_while_the_store_changes(void **state)
{
	struct rig *rig = *state;
	struct smr_store *store = open_to_read(rig);

	for (uint64_t n = 2; n < 12; n++) {
		check_same(rig, store);
		rig_offer(rig->store, n);
	}
	check_same(rig, store);
	await_reader();
	smr_store_close(store);
}

static void test_look_up_with_failing_readers_says_the_same(void **state)
{
	struct rig *rig = *state;
	struct smr_store *store = open_to_read(rig);

	readers_fail = true;
	check_same(rig, store);
	await_reader();
	check_same(rig, store);
	smr_store_close(store);
}

static void test_look_up_without_threads_says_the_same(void **state)
{
	struct rig *rig = *state;

	for (int threads = 0; threads < 3; threads++) {
		struct smr_store *store = open_to_read(rig);

		threads_left = threads;
		check_same(rig, store);
		if (threads > 0)
			await_reader();
		smr_store_close(store);
		assert_int_equal(threads_left, 0);
		assert_int_equal(reader_reads > 0, threads > 0);
	}
}

static void test_look_up_goes_on_while_no_reader_does(void **state)
{
	struct rig *rig = *state;
	struct smr_store *store = open_to_read(rig);

	readers_held = true;
	for (size_t i = 0; i < 2 * SMR_AHEAD_QUEUE; i += DEVICES)
		expect(store, DEVICES); /* more than the queue takes */
	check_same(rig, store);
	assert_int_equal(reader_reads, 0);
	(void)release_readers(NULL);
	smr_store_close(store);
}

/* ---- closing ---- */

static void test_close_amid_reading_waits_for_the_readers(void **state)
{
	struct rig *rig = *state;

	for (int round = 0; round < 20; round++) {
		struct smr_store *store = open_to_read(rig);
		pthread_t thread;

		readers_held = true;
		expect(store, DEVICES);
		assert_int_equal(pthread_create(&thread, NULL, release_readers, NULL), 0);
		smr_store_close(store);
		assert_int_equal(pthread_join(thread, NULL), 0);
		while (sem_trywait(&release) == 0)
			;
	}
	check_same(rig, rig->store);
}

/* ---- when it is worth it ---- */

static void want(struct smr_ahead *ahead, size_t count)
{
	const uint64_t first_prefix = UINT64_C(1) << 40;

	for (size_t i = 0; i < count; i++)
		smr_ahead_want(ahead, first_prefix | member_number(i));
}

static void test_readers_rest_while_nothing_waits_and_work_again_when_something_does(void **state)
{
	struct rig *rig = *state;
	struct smr_ahead *ahead = smr_ahead_new(rig->path);

	assert_non_null(ahead);
	assert_true(smr_ahead_is_cold(ahead));
	smr_ahead_judge(ahead, SMR_AHEAD_WINDOW - 1, 0);
	assert_true(smr_ahead_is_cold(ahead)); /* not yet */
	smr_ahead_judge(ahead, 1, 0);
	assert_false(smr_ahead_is_cold(ahead));
	want(ahead, DEVICES);
	smr_ahead_judge(ahead, SMR_AHEAD_WINDOW, SMR_AHEAD_WINDOW / SMR_AHEAD_PART);
	assert_false(smr_ahead_is_cold(ahead)); /* as many as it takes to make no difference */
	want(ahead, DEVICES);
	assert_int_equal(reader_reads, 0);
	smr_ahead_judge(ahead, SMR_AHEAD_WINDOW, SMR_AHEAD_WINDOW / SMR_AHEAD_PART + 1);
	assert_true(smr_ahead_is_cold(ahead));
	want(ahead, 1);
	await_reader();
	smr_ahead_free(ahead);
}

/* A commit makes what the readers have in memory worthless, so that they read again. */
static void test_readers_that_wait_keep_themselves_at_work(void **state)
{
	struct rig *rig = *state;
	struct smr_ahead *ahead = smr_ahead_new(rig->path);

	assert_non_null(ahead);
	readers_slow = true;
	for (uint64_t n = 2; reader_reads < SMR_AHEAD_WINDOW; n++) {
		rig_offer(rig->store, 1 + n % DEVICES);
		want(ahead, DEVICES);
		await_reader();
	}
	smr_ahead_judge(ahead, SMR_AHEAD_WINDOW, 0);
	assert_true(smr_ahead_is_cold(ahead));
	smr_ahead_free(ahead);
}

static void test_ahead_of_no_store_reads_nothing(void **state)
{
	struct rig *rig = *state;
	char path[sizeof(rig->path) + 8];
	struct smr_ahead *ahead;

	snprintf(path, sizeof(path), "%s/none", rig->dir);
	ahead = smr_ahead_new(path);
	assert_non_null(ahead);
	want(ahead, 3 * SMR_AHEAD_QUEUE);
	smr_ahead_judge(ahead, DEVICES, 0);
	smr_ahead_free(ahead);
	assert_int_equal(reader_reads, 0);
	assert_false(smr_fs_exists(path)); /* and makes none */
	smr_ahead_free(NULL);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_look_up_of_expected_devices_says_the_same_while_the_store_changes),
		WITH(test_look_up_with_failing_readers_says_the_same),
		WITH(test_look_up_without_threads_says_the_same),
		WITH(test_look_up_goes_on_while_no_reader_does),
		WITH(test_close_amid_reading_waits_for_the_readers),
		WITH(test_readers_rest_while_nothing_waits_and_work_again_when_something_does),
		WITH(test_readers_that_wait_keep_themselves_at_work),
		WITH(test_ahead_of_no_store_reads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
