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
#include "sys/clock.h"
#include "tests/unit/store_rig.h"

#define MANY 100000u
#define STALE_MS 3600000u

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

static struct smr_pending *fresh(void)
{
	struct smr_pending *pending = smr_pending_new(STALE_MS);

	assert_non_null(pending);
	return pending;
}

static enum smr_err follow(struct smr_pending *pending, struct smr_store *store)
{
	struct smr_store_position position;
	uint64_t as_of_ms = smr_clock_ms();

	SMR_TRY(smr_store_position(store, &position));
	return smr_pending_follow(pending, store, &position, as_of_ms);
}

static bool has_eid(struct smr_pending *pending, const struct smr_eid *eid)
{
	struct smr_pending_view view = smr_pending_hold(pending);
	bool has = smr_pending_has(&view, eid);

	smr_pending_release(&view);
	return has;
}

static bool has(struct smr_pending *pending, uint64_t n)
{
	struct smr_eid eid = rig_eid(n);

	return has_eid(pending, &eid);
}

static void receipt(struct rig *rig, uint64_t n, uint64_t serial)
{
	struct smr_store_change change = rig_change(rig->store, n);

	change.receipts[0] = rig_receipt(SMR_RECEIPT_COMMAND, n, serial);
	change.receipt_count = 1;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
}

static void test_pending_new_is_empty_and_closed(void **state)
{
	struct smr_pending *pending = fresh();
	struct smr_eid zero = {{0}};

	assert_int_equal(smr_pending_count(pending), 0);
	assert_true(has_eid(pending, &zero));
	assert_int_equal(follow(pending, ((struct rig *)*state)->store), SMR_OK);
	assert_false(has_eid(pending, &zero)); /* what an unused slot looks like */
	smr_pending_free(pending);
	smr_pending_free(NULL);
}

static void test_pending_load_takes_exactly_the_stores_devices(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = fresh();

	assert_int_equal(follow(pending, rig->store), SMR_OK);
	assert_int_equal(smr_pending_count(pending), 0);
	for (uint64_t n = 1; n <= 20; n += 3)
		command(rig, n, 10);
	command(rig, 4, 11);	       /* supersedes: still one device */
	assert_false(has(pending, 1)); /* not before it is loaded */
	assert_int_equal(follow(pending, rig->store), SMR_OK);
	assert_int_equal(smr_pending_count(pending), 7);
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(has(pending, n), n % 3 == 1);
	smr_pending_free(pending);
}

static void test_pending_follows_the_journal(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = fresh();
	struct smr_eid eid = rig_eid(7);

	command(rig, 5, 10);
	command(rig, 6, 10);
	assert_int_equal(follow(pending, rig->store), SMR_OK);
	assert_true(has(pending, 5));
	/* From here on nothing is read but what the journal names. */
	rig_sql(rig->path, "DELETE FROM command WHERE eid = x'89049032000000000000000000000006'");
	receipt(rig, 5, 10);
	assert_int_equal(smr_store_revoke(rig->store, &eid, true), SMR_OK);
	assert_int_equal(follow(pending, rig->store), SMR_OK);
	assert_false(has(pending, 5));
	assert_true(has(pending, 6));
	assert_true(has(pending, 7));
	assert_int_equal(smr_pending_count(pending), 2);
	for (unsigned i = 0; i <= SMR_STORE_JOURNAL; i++)
		assert_int_equal(smr_store_revoke(rig->store, &eid, i % 2), SMR_OK);
	assert_int_equal(follow(pending, rig->store), SMR_OK); /* too far behind: everything anew */
	assert_int_equal(smr_pending_count(pending), 0);
	smr_pending_free(pending);
}

/* What one front end, or the operator's tools, write reaches the filters of all others. */
static void test_pending_of_a_second_front_end_hears_of_it_too(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *ours = fresh();
	struct smr_pending *theirs = fresh();
	struct smr_store *other = NULL;
	struct smr_eid eid = rig_eid(9);

	other = rig_another(rig, SMR_STORE_WRITE);
	assert_int_equal(follow(ours, rig->store), SMR_OK);
	assert_int_equal(follow(theirs, other), SMR_OK);
	command(rig, 5, 10);
	assert_int_equal(smr_store_revoke(other, &eid, true), SMR_OK);
	for (unsigned i = 0; i < 2; i++) {
		struct smr_pending *pending = i == 0 ? ours : theirs;

		assert_int_equal(follow(pending, i == 0 ? rig->store : other), SMR_OK);
		assert_true(has(pending, 5));
		assert_true(has(pending, 9));
		assert_false(has(pending, 6));
	}
	receipt(rig, 5, 10);
	assert_int_equal(follow(theirs, other), SMR_OK);
	assert_false(has(theirs, 5));
	smr_store_close(other);
	smr_pending_free(ours);
	smr_pending_free(theirs);
}

/* Devices come and go for ever: neither do the slots of those that went fill the table, nor is one that is there lost. */
static void test_pending_comes_and_goes_without_growing(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = fresh();
	struct smr_eid stays = rig_eid(20);
	size_t most = 0;

	assert_int_equal(follow(pending, rig->store), SMR_OK);
	assert_int_equal(smr_store_revoke(rig->store, &stays, true), SMR_OK);
	for (unsigned i = 0; i < 400; i++) {
		struct smr_eid eid = rig_eid(1 + i / 2 % 19);

		assert_int_equal(smr_store_revoke(rig->store, &eid, i % 2 == 0), SMR_OK);
		assert_int_equal(follow(pending, rig->store), SMR_OK);
		assert_int_equal(smr_pending_count(pending), i % 2 == 0 ? 2 : 1);
		assert_int_equal(has_eid(pending, &eid), i % 2 == 0);
		assert_true(has_eid(pending, &stays));
		if (smr_pending_size(pending) > most)
			most = smr_pending_size(pending);
	}
	assert_true(most < 1024);
	smr_pending_free(pending);
}

static void test_pending_is_closed_once_the_store_was_not_heard_for_too_long(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = smr_pending_new(100);
	struct smr_store_position position;
	struct smr_pending_view view;

	assert_non_null(pending);
	assert_int_equal(smr_store_position(rig->store, &position), SMR_OK);
	assert_int_equal(smr_pending_follow(pending, rig->store, &position, smr_clock_ms() + STALE_MS), SMR_OK);
	view = smr_pending_hold(pending); /* as if confirmed for a long time to come */
	assert_false(view.closed);
	smr_pending_release(&view);
	assert_int_equal(smr_pending_follow(pending, rig->store, &position, smr_clock_ms() - 200), SMR_OK);
	view = smr_pending_hold(pending);
	assert_true(view.closed);
	assert_true(smr_pending_is_closed(pending));
	assert_true(has(pending, 1));
	smr_pending_release(&view);
	assert_int_equal(smr_pending_follow(pending, rig->store, &position, smr_clock_ms() + STALE_MS), SMR_OK);
	assert_false(has(pending, 1));
	smr_pending_free(pending);
}

static void test_pending_load_failure_keeps_the_old_content(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = fresh();

	command(rig, 5, 10);
	assert_int_equal(follow(pending, rig->store), SMR_OK);
	command(rig, 6, 10);
	rig_sql(rig->path, "ALTER TABLE command RENAME TO elsewhere");
	assert_int_not_equal(follow(pending, rig->store), SMR_OK);
	assert_true(has(pending, 5));
	assert_int_equal(smr_pending_count(pending), 1);
	rig_sql(rig->path, "ALTER TABLE elsewhere RENAME TO command");
	assert_int_equal(follow(pending, rig->store), SMR_OK);
	assert_true(has(pending, 5));
	assert_true(has(pending, 6));
	smr_pending_free(pending);
}

static void test_pending_a_hundred_thousand_are_all_found_and_no_others(void **state)
{
	struct rig *rig = *state;
	struct smr_pending *pending = fresh();

	fill_many(rig, 0, MANY);
	assert_int_equal(follow(pending, rig->store), SMR_OK);
	assert_int_equal(smr_pending_count(pending), MANY);
	for (uint64_t n = 0; n < MANY; n++) {
		struct smr_eid in = many_eid(n);
		struct smr_eid out = many_eid(MANY + n);

		assert_true(has_eid(pending, &in));
		assert_false(has_eid(pending, &out));
	}
	assert_true(smr_pending_size(pending) <= 13 * MANY);
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
		struct smr_pending_view view = smr_pending_hold(r->pending);

		if (!smr_pending_has(&view, &constant) || smr_pending_has(&view, &never) ||
		    smr_pending_count(r->pending) < 500)
			atomic_fetch_add(&r->wrong, 1);
		smr_pending_release(&view);
		atomic_fetch_add(&r->rounds, 1);
	}
	return NULL;
}

static void test_pending_readers_see_what_is_constant_while_the_rest_changes(void **state)
{
	struct rig *rig = *state;
	struct reading r = {.pending = fresh()};
	pthread_t readers[3];

	fill_many(rig, 0, 500);
	assert_int_equal(follow(r.pending, rig->store), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(readers); i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, &r), 0);
	/* In turn the journal's way, into the table that they read, and the whole set's, when the journal is too short. */
	for (uint64_t i = 1; i <= 30 || atomic_load(&r.rounds) < 1000; i++) {
		struct smr_eid eid = rig_eid(1 + i % 20);

		if (i <= 30 && i % 3 == 0) {
			fill_many(rig, 1000 * i, 10 * i);
			rig_sql(rig->path, "UPDATE meta SET value = value + 5000 WHERE name = 'journal'");
		}
		assert_int_equal(smr_store_revoke(rig->store, &eid, i / 20 % 2 == 0), SMR_OK);
		assert_int_equal(follow(r.pending, rig->store), SMR_OK);
	}
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < SMR_COUNT(readers); i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	assert_int_equal(atomic_load(&r.wrong), 0);
	smr_pending_free(r.pending);
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_pending_new_is_empty_and_closed),
		RIG(test_pending_load_takes_exactly_the_stores_devices),
		RIG(test_pending_follows_the_journal),
		RIG(test_pending_of_a_second_front_end_hears_of_it_too),
		RIG(test_pending_comes_and_goes_without_growing),
		RIG(test_pending_is_closed_once_the_store_was_not_heard_for_too_long),
		RIG(test_pending_load_failure_keeps_the_old_content),
		RIG(test_pending_a_hundred_thousand_are_all_found_and_no_others),
		RIG(test_pending_readers_see_what_is_constant_while_the_rest_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
