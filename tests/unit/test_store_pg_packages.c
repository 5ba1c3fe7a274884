/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that packages are encrypted under in PostgreSQL: the walk from one to the next, many front ends at it, and keys that are lost. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg_rig.h"

/* ---- between the store and what it calls ---- */

/* The call of this number (1: the next) fails, as for want of memory. 0: none. */
static unsigned seal_fails_at;
static unsigned open_fails_at;
/* Done once when the epochs have been read, before anything follows from them. */
static void (*meanwhile)(void);

enum smr_err __real_smr_aead_seal(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes plain,
				  uint8_t *out);
enum smr_err __wrap_smr_aead_seal(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes plain,
				  uint8_t *out);
enum smr_err __real_smr_aead_open(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
				  struct smr_bytes sealed, uint8_t *out);
enum smr_err __wrap_smr_aead_open(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
				  struct smr_bytes sealed, uint8_t *out);
enum smr_err __real_smr_package_ring_forget_before(struct smr_package_ring *ring, uint64_t epoch,
						   struct smr_problem *problem);
enum smr_err __wrap_smr_package_ring_forget_before(struct smr_package_ring *ring, uint64_t epoch,
						   struct smr_problem *problem);

static bool is_turn(unsigned *fails_at)
{
	return *fails_at > 0 && --*fails_at == 0;
}

enum smr_err __wrap_smr_aead_seal(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes plain,
				  uint8_t *out)
{
	return is_turn(&seal_fails_at) ? SMR_E_CRYPTO : __real_smr_aead_seal(key, nonce, ad, plain, out);
}

enum smr_err __wrap_smr_aead_open(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
				  struct smr_bytes sealed, uint8_t *out)
{
	return is_turn(&open_fails_at) ? SMR_E_CRYPTO : __real_smr_aead_open(key, nonce, ad, sealed, out);
}

enum smr_err __wrap_smr_package_ring_forget_before(struct smr_package_ring *ring, uint64_t epoch,
						   struct smr_problem *problem)
{
	void (*todo)(void) = meanwhile;

	meanwhile = NULL;
	if (todo != NULL)
		todo();
	return __real_smr_package_ring_forget_before(ring, epoch, problem);
}

/* ---- rotation ---- */

static void test_rotation_takes_along_what_waits_and_nothing_else(void **state)
{
	struct rig *rig = *state;
	struct smr_store *another = rig_another(rig, SMR_STORE_READ);

	rig_offer(rig->store, 1);
	rig_install(rig->store, 1);
	for (unsigned i = 0; i < 3; i++) {
		rotate(rig->store);
		for (uint64_t n = 2; n <= DEVICES; n++)
			assert_has_x(another, n, 1000 + n);
	}
	assert_int_equal(rig_get(another, 1).x_len, 0);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 4"), DEVICES - 1);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package_key"), 2);
	assert_int_equal(ask(rig, "SELECT min(epoch) FROM package_key"), 3);
	rig_reseal(rig, 2, 5000, RIG_X_LEN);
	assert_has_x(another, 2, 5000);
	smr_store_close(another);
}

/* Somebody holds a package: it is passed over, and the epoch does not end without it. */
static void test_rotation_comes_back_for_what_was_held(void **state)
{
	struct rig *rig = *state;
	PGconn *other = session(rig);
	unsigned came_back = 0;

	rotate(rig->store);
	(void)run(other, "BEGIN");
	(void)run(other, "SELECT 1 FROM package WHERE eid = '\\x89049032000000000000000000000002' FOR UPDATE");
	for (bool now = true; came_back < 2; now = false) {
		struct smr_store_rotation rotation = take_step(rig->store, now);

		assert_false(rotation.done);
		came_back += rotation.wait_s > 0;
	}
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 2"), 1);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package_key"), 3);
	(void)run(other, "COMMIT");
	PQfinish(other);
	while (!take_step(rig->store, false).done)
		;
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 2"), 0);
	assert_has_x(rig->store, 2, 1002);
}

/* A contact has deleted it, and not committed yet: it is there until it has, and needs its key if it rolls back. */
static void test_rotation_waits_for_what_may_yet_come_back(void **state)
{
	struct rig *rig = *state;
	PGconn *other = session(rig);

	(void)run(other, "BEGIN");
	(void)run(other, "DELETE FROM package WHERE eid = '\\x89049032000000000000000000000002'");
	for (bool now = true; take_step(rig->store, now).wait_s == 0; now = false)
		;
	(void)run(other, "ROLLBACK");
	PQfinish(other);
	while (!take_step(rig->store, false).done)
		;
	assert_has_x(rig->store, 2, 1002);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 2"), DEVICES);
}

/* What cannot be read is damaged for good: nothing waits for it, and it stays where it is, beside one that is held. */
static void test_rotation_goes_past_what_cannot_be_read_but_not_past_what_is_held(void **state)
{
	struct rig *rig = *state;
	PGconn *other = session(rig);

	rig_sql(rig->path,
		"UPDATE package SET bucket = 7, sealed_x = CASE eid "
		"WHEN '\\x89049032000000000000000000000003' THEN '\\x00' "
		"WHEN '\\x89049032000000000000000000000005' THEN set_byte(sealed_x, 20, 255 - get_byte(sealed_x, 20)) "
		"ELSE sealed_x END");
	(void)run(other, "BEGIN");
	(void)run(other, "SELECT 1 FROM package WHERE eid = '\\x89049032000000000000000000000004' FOR UPDATE");
	for (int turn = 0; turn < 2; turn++) { /* each by a front end that has just begun, and looks at both at once */
		struct smr_store *store = rig_another(rig, SMR_STORE_WRITE);

		for (bool now = turn == 0; take_step(store, now).wait_s == 0; now = false)
			;
		smr_store_close(store);
	}
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 1"), 3);
	(void)run(other, "COMMIT");
	PQfinish(other);
	while (!take_step(rig->store, false).done)
		;
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 1"), 2);
	for (int turn = 0; turn < 2; turn++) /* the second time its key is not known any more */
		rotate(rig->store);
	assert_int_equal(ask(rig, "SELECT min(epoch) FROM package_key"), 3);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 1"), 2);
}

/* Back into the buckets of their devices. */
static void assert_all_have_x(const struct rig *rig, uint64_t count)
{
	rig_sql(rig->path, "UPDATE package p SET bucket = d.bucket FROM device d WHERE d.eid = p.eid");
	for (uint64_t n = 1; n <= count; n++)
		assert_has_x(rig->store, n, 1000 + n);
}

/* Steps until one fails. */
static enum smr_err begin_and_fail(struct smr_store *store)
{
	struct smr_store_rotation rotation = {0};
	enum smr_err err = SMR_OK;

	for (bool now = true; err == SMR_OK && !rotation.done; now = false)
		err = smr_store_rotate_packages(store, now, &rotation);
	return err;
}

/* It could be read, and could not at this moment: unlike what is damaged it is not left behind, for its key would be forgotten. */
static void test_rotation_leaves_nothing_behind_that_failed_for_a_moment(void **state)
{
	static unsigned *const failing[] = {&seal_fails_at, &open_fails_at};
	static const unsigned calls[] = {1, 3, DEVICES};
	struct rig *rig = *state;

	rig_sql(rig->path, "UPDATE package SET bucket = 7");
	for (unsigned i = 0; i < SMR_COUNT(failing) * SMR_COUNT(calls); i++) {
		*failing[i % 2] = calls[i / 2];
		assert_int_equal(begin_and_fail(rig->store), SMR_E_CRYPTO);
		assert_non_null(strstr(smr_store_problem(rig->store), "is tried again"));
		assert_in_range(
			ask(rig, "SELECT count(*) FROM package WHERE epoch = (SELECT max(epoch) FROM package_key)"), 0,
			calls[i / 2] - 1);
		settle(rig->store);
		assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 2 + i);
		assert_int_equal(ask(rig, "SELECT min(epoch) FROM package"), 2 + i);
	}
	assert_all_have_x(rig, DEVICES);
}

/* How often each package was written anew, by somebody whom PostgreSQL would not let stop for longer than seconds amid it. */
static void count_updates(const struct rig *rig)
{
	rig_sql(rig->path, "ALTER TABLE package ADD COLUMN times int4 NOT NULL DEFAULT 0;"
			   "CREATE FUNCTION one_more() RETURNS trigger LANGUAGE plpgsql AS "
			   "$$ BEGIN NEW.times := OLD.times + (current_setting('idle_in_transaction_session_timeout') "
			   "= '10s')::int; RETURN NEW; END $$;"
			   "CREATE TRIGGER count_updates BEFORE UPDATE ON package "
			   "FOR EACH ROW EXECUTE FUNCTION one_more()");
}

#define MANY 700u

static int setup_many(void **state)
{
	return setup_with(state, MANY);
}

static uint64_t moved(const struct rig *rig)
{
	return ask(rig, "SELECT count(*) FROM package WHERE epoch = 2");
}

/* All are in one bucket, as in a store of millions: a step takes 256 at most, another handle goes on where it stood, and nothing
 * is done twice. */
static void test_step_of_the_rotation_is_bounded_and_the_next_front_end_goes_on(void **state)
{
	struct rig *rig = *state;
	struct smr_store_rotation rotation = {0};
	uint64_t before = 0;

	rig_sql(rig->path, "UPDATE package SET bucket = 7");
	count_updates(rig);
	for (bool now = true; before < MANY; now = false) {
		struct smr_store *store = rig_another(rig, SMR_STORE_WRITE); /* each step is another front end's */

		rotation = take_step(store, now);
		assert_false(rotation.done);
		assert_in_range(moved(rig), before, before + 256);
		before = moved(rig);
		if (before > 0 && before < MANY)
			assert_int_equal(rotation.part, 7); /* that is where it stands */
		smr_store_close(store);
	}
	while (!take_step(rig->store, false).done)
		;
	assert_int_equal(before, MANY);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE times = 1"), MANY);
	rig_sql(rig->path, "UPDATE package p SET bucket = d.bucket FROM device d WHERE d.eid = p.eid");
	for (uint64_t n = 1; n <= MANY; n += 99)
		assert_has_x(rig->store, n, 1000 + n);
}

/* A front end is stopped amid a step, and killed: the others do not wait, and what it had done is as if it had not begun. */
static void test_front_end_that_dies_within_a_step_is_not_waited_for(void **state)
{
	struct rig *rig = *state;
	PGconn *dying = session(rig);
	uint64_t before;

	(void)take_step(rig->store, true);
	before = moved(rig);
	(void)run(dying, "BEGIN");
	(void)run(dying, "SELECT 1 FROM package_key WHERE epoch = 2 FOR UPDATE");
	(void)run(dying, "UPDATE package SET epoch = 2, sealed_x = '\\x00' WHERE epoch = 1");
	(void)run(dying, "UPDATE package_key SET walk_bucket = 4096 WHERE epoch = 2");
	for (int i = 0; i < 3; i++)
		assert_int_equal(take_step(rig->store, false).wait_s, 1);
	assert_int_equal(moved(rig), before);
	for (uint64_t n = 1; n <= MANY; n += 99)
		assert_has_x(rig->store, n, 1000 + n);
	PQfinish(dying);
	while (!take_step(rig->store, false).done)
		;
	assert_int_equal(moved(rig), MANY);
	for (uint64_t n = 1; n <= MANY; n += 99)
		assert_has_x(rig->store, n, 1000 + n);
}

/* @param tell  where to say that a step was made; -1: to nobody. Who does goes on until he is killed. */
static void rotate_in_child(const struct rig *rig, int tell)
{
	struct smr_store_rotation rotation = {0};
	struct smr_package_ring *ring;
	struct smr_store *store;

	if (smr_store_open(rig->path, SMR_STORE_WRITE, &store) != SMR_OK ||
	    smr_package_ring_open(rig->dir, &ring) != SMR_OK || smr_store_use_ring(store, ring) != SMR_OK)
		_exit(2);
	for (bool first = true; tell >= 0 || !rotation.done; first = false) {
		if (smr_store_rotate_packages(store, false, &rotation) != SMR_OK)
			_exit(3);
		if (first && tell >= 0 && write(tell, "", 1) != 1)
			_exit(4);
	}
	_exit(0);
}

/* Three front ends at once, of which one is killed: each package is encrypted anew once, and all can be read at every moment. */
static void test_front_ends_that_race_share_one_walk(void **state)
{
	struct rig *rig = *state;
	pid_t children[3];
	int steps[2];
	int status;
	char step;

	count_updates(rig);
	assert_int_equal(pipe(steps), 0);
	(void)take_step(rig->store, true);
	for (size_t i = 0; i < SMR_COUNT(children); i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			rotate_in_child(rig, i == 0 ? steps[1] : -1);
	}
	close(steps[1]);
	assert_int_equal(read(steps[0], &step, 1), 1);
	close(steps[0]);
	assert_int_equal(kill(children[0], SIGKILL), 0);
	for (uint64_t n = 1; n <= MANY; n += 7)
		assert_has_x(rig->store, n, 1000 + n);
	for (size_t i = 0; i < SMR_COUNT(children); i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, i > 0 ? 0 : SIGKILL);
	}
	assert_true(take_step(rig->store, false).done);
	assert_int_equal(moved(rig), MANY);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE times = 1"), MANY);
	for (uint64_t n = 1; n <= MANY; n += 7)
		assert_has_x(rig->store, n, 1000 + n);
}

/* A day has passed, and the walk has not come to its end: it goes on where it is, instead of beginning anew under the next epoch. */
static void test_walk_that_takes_longer_than_a_day_ends_before_the_next_epoch(void **state)
{
	struct rig *rig = *state;
	struct smr_store_rotation rotation;
	uint32_t part = 0;

	rotation = take_step(rig->store, true);
	while (!rotation.done) {
		assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 2);
		assert_true(rotation.part >= part);
		part = rotation.part;
		rig_sql(rig->path, "UPDATE package_key SET since = since - 90000 WHERE since > 1700000000");
		rotation = take_step(rig->store, false);
	}
	(void)take_step(rig->store, false);
	assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 3);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 1"), 0);
}

/* Somebody does not want to wait for the day to pass, and is broken off again and again: what was done is not begun anew. */
static void test_next_epoch_begins_when_the_walk_has_ended_and_not_before(void **state)
{
	struct rig *rig = *state;

	count_updates(rig);
	while (!take_step(rig->store, true).done) /* at the step that ends it, it is over */
		assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 2);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch = 2 AND times = 1"), MANY);
	(void)take_step(rig->store, true);
	assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 3);
}

static struct smr_store *quick;

static void end_the_walk_and_begin_the_next(void)
{
	rotate(quick);
	(void)take_step(quick, true);
}

/* A front end has read which epoch is the newest, and stands still, while another ends that one's walk, and the next, and is amid
 * the one after that: its step finds nothing to do, instead of taking packages to an epoch of before. */
static void test_step_of_a_walk_that_is_over_does_nothing(void **state)
{
	struct rig *rig = *state;
	struct smr_store *slow = rig_another(rig, SMR_STORE_WRITE);

	quick = rig->store;
	rig_sql(rig->path, "UPDATE package SET bucket = 7");
	(void)take_step(quick, true);
	assert_in_range(moved(rig), 1, MANY - 1);
	meanwhile = end_the_walk_and_begin_the_next;
	assert_false(take_step(slow, false).done);
	assert_null(meanwhile);
	assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 4);
	assert_int_equal(ask(rig, "SELECT walk_bucket FROM package_key WHERE epoch = 2"), SMR_STORE_ROTATION_PARTS);
	assert_in_range(ask(rig, "SELECT count(*) FROM package WHERE epoch = 3"), 1, MANY - 1);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package WHERE epoch < 3"), 0);
	for (int turn = 0; turn < 2; turn++)
		rotate(slow);
	smr_store_close(slow);
	assert_all_have_x(rig, MANY);
}

/* A day has passed: one of them begins the next epoch, and a load that goes on is not waited for. */
static void test_rotation_by_time_happens_once_and_waits_for_no_load(void **state)
{
	struct rig *rig = *state;
	struct smr_store *keeper = rig_another(rig, SMR_STORE_WRITE);
	struct smr_store_rotation rotation = {0};

	while (rotation.wait_s == 0)
		rotation = take_step(keeper, false);
	assert_true(rotation.done);
	assert_in_range(rotation.wait_s, 80000, 86400);
	rig_sql(rig->path, "UPDATE package_key SET since = since - 90000");
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(rig_put_package(rig, 0, 2, 5000, RIG_X_LEN, SMR_NONE), SMR_OK);
	rotation = take_step(keeper, false);
	assert_in_range(rotation.wait_s, 1, 60);
	assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 1);
	rig_load_keep(rig);
	do
		rotation = take_step(keeper, false);
	while (!rotation.done);
	(void)take_step(rig->store, false);
	assert_int_equal(ask(rig, "SELECT max(epoch) FROM package_key"), 2);
	assert_has_x(rig->store, 2, 5000);
	smr_store_close(keeper);
}

/* Nor when old epochs end. */
static void test_rotation_waits_for_no_load_when_old_epochs_end(void **state)
{
	struct rig *rig = *state;
	struct smr_store *keeper = rig_another(rig, SMR_STORE_WRITE);
	struct smr_store_rotation rotation;

	rotate(keeper);
	rotation = take_step(keeper, true);
	rig_load_begin(rig, SMR_FILE_BATCH);
	while (rotation.wait_s == 0)
		rotation = take_step(keeper, false);
	assert_false(rotation.done);
	assert_int_equal(rotation.part, SMR_STORE_ROTATION_PARTS);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package_key"), 3);
	rig_load_keep(rig);
	assert_true(take_step(keeper, false).done);
	assert_int_equal(ask(rig, "SELECT count(*) FROM package_key"), 2);
	smr_store_close(keeper);
}

static struct smr_store *open_with_keys_of(const struct rig *rig, const char *dir, enum smr_err wanted)
{
	struct smr_package_ring *ring;
	struct smr_store *store;

	assert_int_equal(smr_store_open(rig->path, SMR_STORE_WRITE, &store), SMR_OK);
	assert_int_equal(smr_package_ring_open(dir, &ring), SMR_OK);
	assert_int_equal(smr_store_use_ring(store, ring), wanted);
	smr_package_ring_close(ring);
	return store;
}

/* The directory is gone with its keys: it is said what can be done, and done. */
static void test_lost_keys_are_named_and_what_they_opened_is_sealed_anew(void **state)
{
	struct rig *rig = *state;
	struct smr_store *store;
	uint64_t count;
	char path[128];

	snprintf(path, sizeof(path), "%s/keys/package-1.key", rig->dir);
	assert_int_equal(unlink(path), 0);
	rig_offer(rig->store, 3);
	rig_install(rig->store, 3);
	store = open_with_keys_of(rig, rig->dir, SMR_E_NOT_FOUND);
	assert_non_null(strstr(smr_store_problem(store), "copy keys/package-*.key from a front end that works"));
	assert_non_null(strstr(smr_store_problem(store), "samara ro rotate packages --lost"));
	assert_true(rig_get(store, 2).x_lost);
	assert_int_equal(smr_store_lose_packages(store, &count), SMR_OK);
	assert_int_equal(count, DEVICES - 1);
	assert_int_equal(rig_get(store, 2).row.state, SMR_ROW_RESEAL);
	assert_int_equal(rig_get(store, 3).row.state, SMR_ROW_INSTALLED);
	smr_store_close(rig->store);
	rig->store = store;
	rig_reseal(rig, 2, 5000, RIG_X_LEN);
	assert_has_x(rig->store, 2, 5000);
	assert_int_equal(smr_store_lose_packages(store, &count), SMR_OK); /* nothing is lost now */
	assert_int_equal(count, 0);
	assert_has_x(rig->store, 2, 5000);
	rotate(rig->store);
	assert_has_x(rig->store, 2, 5000);
}

/* Copied back with a mode under which it is not read: it is there all the same. */
static void test_keys_that_cannot_be_read_now_are_not_given_up_for_lost(void **state)
{
	struct rig *rig = *state;
	struct smr_store *store;
	uint64_t count;
	char path[128];

	snprintf(path, sizeof(path), "%s/keys/package-1.key", rig->dir);
	assert_int_equal(chmod(path, 0644), 0);
	store = open_with_keys_of(rig, rig->dir, SMR_E_REFUSED);
	assert_non_null(strstr(smr_store_problem(store), path));
	assert_int_equal(smr_store_lose_packages(store, &count), SMR_E_REFUSED);
	smr_store_close(store);
	assert_int_equal(chmod(path, 0600), 0);
	store = open_with_keys_of(rig, rig->dir, SMR_OK);
	assert_int_equal(rig_get(store, 2).row.state, SMR_ROW_SEALED);
	assert_false(rig_get(store, 2).x_lost);
	smr_store_close(store);
}

#define WITH_MANY(test) cmocka_unit_test_setup_teardown(test, setup_many, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_rotation_takes_along_what_waits_and_nothing_else),
		FILLED(test_rotation_comes_back_for_what_was_held),
		FILLED(test_rotation_waits_for_what_may_yet_come_back),
		FILLED(test_rotation_goes_past_what_cannot_be_read_but_not_past_what_is_held),
		FILLED(test_rotation_leaves_nothing_behind_that_failed_for_a_moment),
		WITH_MANY(test_step_of_the_rotation_is_bounded_and_the_next_front_end_goes_on),
		WITH_MANY(test_front_end_that_dies_within_a_step_is_not_waited_for),
		WITH_MANY(test_front_ends_that_race_share_one_walk),
		FILLED(test_walk_that_takes_longer_than_a_day_ends_before_the_next_epoch),
		WITH_MANY(test_next_epoch_begins_when_the_walk_has_ended_and_not_before),
		WITH_MANY(test_step_of_a_walk_that_is_over_does_nothing),
		FILLED(test_rotation_by_time_happens_once_and_waits_for_no_load),
		FILLED(test_rotation_waits_for_no_load_when_old_epochs_end),
		FILLED(test_lost_keys_are_named_and_what_they_opened_is_sealed_anew),
		FILLED(test_keys_that_cannot_be_read_now_are_not_given_up_for_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
