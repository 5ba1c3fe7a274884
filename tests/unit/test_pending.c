/* SPDX-License-Identifier: Apache-2.0 */
/* The set of devices for which something waits: against the store, at size, and read while it is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "server/pending.h"
#include "tests/unit/store_rig.h"

#define MANY 100000u

/* The store's table, filled past its interface: a hundred thousand signed loads would take minutes. */
static void fill_many(const struct rig *rig, uint64_t first, uint64_t count)
{
	char script[512];

	snprintf(script, sizeof(script),
		 "BEGIN; WITH RECURSIVE n(i) AS (SELECT %llu UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %llu)"
		 " INSERT INTO command (eid, operator, iccid, serial, command, pending)"
		 " SELECT unhex_eid, 1, zeroblob(10), 1, x'00', 1 FROM (SELECT CAST(printf('%%016d', i) AS BLOB) AS "
		 "unhex_eid FROM n);"
		 " COMMIT;",
		 (unsigned long long)first, (unsigned long long)(first + count));
	rig_sql(rig->path, script);
}

static struct smr_eid many_eid(uint64_t n)
{
	struct smr_eid eid;
	char text[17];

	snprintf(text, sizeof(text), "%016llu", (unsigned long long)n);
	memcpy(eid.octets, text, sizeof(eid.octets));
	return eid;
}

static int setup(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, 20);
	return 0;
}

static void command(struct rig *rig, uint64_t n, uint64_t serial)
{
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(rig_put_command(rig, n, serial), SMR_OK);
	rig_load_keep(rig);
}

static bool has(struct smr_pending *pending, uint64_t n)
{
	struct smr_eid eid = rig_eid(n);

	return smr_pending_has(pending, &eid);
}

static void test_pending_new_is_empty(void **state)
{
	struct smr_pending *pending = smr_pending_new();
	struct smr_eid zero = {{0}};

	(void)state;
	assert_non_null(pending);
	assert_int_equal(smr_pending_count(pending), 0);
	assert_false(smr_pending_has(pending, &zero)); /* what an unused slot looks like */
	smr_pending_free(pending);
	smr_pending_free(NULL);
}

static void test_pending_load_takes_exactly_the_stores_devices(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = smr_pending_new();

	assert_int_equal(smr_pending_load(pending, rig->store), SMR_OK);
	assert_int_equal(smr_pending_count(pending), 0);
	for (uint64_t n = 1; n <= 20; n += 3)
		command(rig, n, 10);
	command(rig, 4, 11);	       /* supersedes: still one device */
	assert_false(has(pending, 1)); /* not before it is loaded */
	assert_int_equal(smr_pending_load(pending, rig->store), SMR_OK);
	assert_int_equal(smr_pending_count(pending), 7);
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(has(pending, n), n % 3 == 1);
	smr_pending_free(pending);
}

static void test_pending_receipt_takes_a_device_out(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = smr_pending_new();
	struct smr_store_change change;

	command(rig, 5, 10);
	command(rig, 6, 10);
	assert_int_equal(smr_pending_load(pending, rig->store), SMR_OK);
	assert_true(has(pending, 5));
	change = rig_change(rig->store, 5);
	change.receipts[0] = rig_receipt(SMR_RECEIPT_COMMAND, 5, 10);
	change.receipt_count = 1;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_int_equal(smr_pending_load(pending, rig->store), SMR_OK);
	assert_false(has(pending, 5));
	assert_true(has(pending, 6));
	smr_pending_free(pending);
}

static void test_pending_load_failure_keeps_the_old_content(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = smr_pending_new();

	command(rig, 5, 10);
	assert_int_equal(smr_pending_load(pending, rig->store), SMR_OK);
	rig_sql(rig->path, "ALTER TABLE command RENAME TO elsewhere");
	assert_int_not_equal(smr_pending_load(pending, rig->store), SMR_OK);
	assert_true(has(pending, 5));
	assert_int_equal(smr_pending_count(pending), 1);
	rig_sql(rig->path, "ALTER TABLE elsewhere RENAME TO command");
	assert_int_equal(smr_pending_load(pending, rig->store), SMR_OK);
	assert_true(has(pending, 5));
	smr_pending_free(pending);
}

static void test_pending_a_hundred_thousand_are_all_found_and_no_others(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = smr_pending_new();

	fill_many(rig, 0, MANY);
	assert_int_equal(smr_pending_load(pending, rig->store), SMR_OK);
	assert_int_equal(smr_pending_count(pending), MANY);
	for (uint64_t n = 0; n < MANY; n++) {
		struct smr_eid in = many_eid(n);
		struct smr_eid out = many_eid(MANY + n);

		assert_true(smr_pending_has(pending, &in));
		assert_false(smr_pending_has(pending, &out));
	}
	smr_pending_free(pending);
}

/* ---- readers while it is replaced ---- */

struct reading {
	struct smr_pending *pending;
	atomic_bool stop;
	atomic_uint rounds;
	atomic_uint wrong;
};

static void *read_on(void *context)
{
	struct reading *r = context;
	struct smr_eid constant = many_eid(7);
	struct smr_eid never = many_eid(99999999);

	while (!atomic_load(&r->stop)) {
		if (!smr_pending_has(r->pending, &constant) || smr_pending_has(r->pending, &never) ||
		    smr_pending_count(r->pending) < 500)
			atomic_fetch_add(&r->wrong, 1);
		atomic_fetch_add(&r->rounds, 1);
	}
	return NULL;
}

static void test_pending_readers_see_either_the_old_or_the_new_set(void **state)
{
	struct rig *rig = *state;
	struct reading r = {.pending = smr_pending_new()};
	pthread_t readers[3];

	fill_many(rig, 0, 500);
	assert_int_equal(smr_pending_load(r.pending, rig->store), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(readers); i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, &r), 0);
	for (uint64_t i = 1; i <= 30 || atomic_load(&r.rounds) < 1000; i++) {
		if (i <= 30)
			fill_many(rig, 1000 * i, 10 * i);
		assert_int_equal(smr_pending_load(r.pending, rig->store), SMR_OK);
	}
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < SMR_COUNT(readers); i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	assert_int_equal(atomic_load(&r.wrong), 0);
	smr_pending_free(r.pending);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pending_new_is_empty),
		cmocka_unit_test_setup_teardown(test_pending_load_takes_exactly_the_stores_devices, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_pending_receipt_takes_a_device_out, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_pending_load_failure_keeps_the_old_content, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_pending_a_hundred_thousand_are_all_found_and_no_others, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_pending_readers_see_either_the_old_or_the_new_set, setup,
						rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
