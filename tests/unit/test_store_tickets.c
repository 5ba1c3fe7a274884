/* SPDX-License-Identifier: Apache-2.0 */
/* What all front ends share through the store: ticket classes, ticket keys as time goes by, and the journal of what is pending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>

#include "tests/unit/store_rig.h"

#define DAY 86400u
#define NOW (20000u * DAY + 3600u)
#define HOURLY 1u /* the class for intervals up to an hour: epochs of 6 hours, 28 of them */

/* ---- classes ---- */

static size_t classes_of(struct rig *rig, struct smr_store_ticket_class *classes)
{
	size_t count = SMR_STORE_TICKET_CLASSES;

	assert_int_equal(smr_store_ticket_classes(rig->store, classes, &count), SMR_OK);
	return count;
}

/* One class for all, so that a test need not look at the others. */
static void only_class(struct rig *rig, uint32_t epoch_s, uint32_t lifetime)
{
	char script[200];

	snprintf(script, sizeof(script),
		 "DELETE FROM ticket_class; INSERT INTO ticket_class VALUES (0, 4294967295, %u, %u, 0)", epoch_s,
		 lifetime);
	rig_sql(rig->path, script);
}

static void test_classes_of_a_new_store_cover_every_interval(void **state)
{
	struct smr_store_ticket_class classes[SMR_STORE_TICKET_CLASSES];
	size_t count = classes_of(*state, classes);
	size_t room = 3;

	assert_int_equal(count, 4);
	assert_int_equal(classes[0].epoch_s, DAY);
	assert_int_equal(classes[0].lifetime, 30);
	assert_int_equal(classes[3].up_to_s, UINT32_MAX);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(classes[i].number, i);
		assert_false(classes[i].retired);
		/* A device that checks in on time finds its key again. */
		if (i < 3)
			assert_true((uint64_t)classes[i].epoch_s * classes[i].lifetime > classes[i].up_to_s);
	}
	assert_int_equal(smr_store_ticket_classes(((struct rig *)*state)->store, classes, &room), SMR_E_NO_ROOM);
}

static void test_class_takes_the_place_of_another_and_of_its_number_once_that_is_over(void **state)
{
	struct rig *rig = *state;
	struct smr_store_ticket_class classes[SMR_STORE_TICKET_CLASSES];
	struct smr_store_ticket_class added = {.up_to_s = 3600, .epoch_s = 7200, .lifetime = 2};
	struct smr_ticket_key keys[SMR_STORE_TICKET_KEYS_MAX];
	struct smr_store_position before;
	struct smr_store_position after;
	size_t count = SMR_COUNT(keys);

	assert_int_equal(smr_store_ticket_keys(rig->store, NOW, keys, &count), SMR_OK);
	assert_int_equal(smr_store_position(rig->store, &before), SMR_OK);
	assert_int_equal(smr_store_put_ticket_class(rig->store, &added), SMR_OK);
	assert_int_equal(smr_store_position(rig->store, &after), SMR_OK);
	assert_true(after.sequence > before.sequence); /* running servers notice */
	assert_int_equal(added.number, 4);
	assert_int_equal(classes_of(rig, classes), 5);
	assert_true(classes[HOURLY].retired);
	assert_int_equal(smr_store_put_ticket_class(rig->store, &added), SMR_E_EXISTS);
	count = SMR_COUNT(keys);
	assert_int_equal(smr_store_ticket_keys(rig->store, NOW, keys, &count), SMR_OK);
	assert_int_equal(count, 10); /* the retired one keeps its two */
	/* From epoch to epoch, until its last key is over: then the class goes. */
	for (uint64_t now = NOW; now < NOW + 32 * 6 * 3600; now += 7200) {
		count = SMR_COUNT(keys);
		assert_int_equal(smr_store_ticket_keys(rig->store, now, keys, &count), SMR_OK);
		for (size_t i = 0; i < count; i++)
			assert_true(smr_tk_class(keys[i].id) != HOURLY ||
				    smr_tk_epoch(keys[i].id) <= NOW / (6 * 3600) + 1);
	}
	assert_int_equal(classes_of(rig, classes), 4);
	assert_int_equal(classes[1].number, 2);
	added.epoch_s = 3600;
	assert_int_equal(smr_store_put_ticket_class(rig->store, &added), SMR_OK);
	assert_int_equal(added.number, 1);
}

static void test_class_of_nonsense_or_one_too_many_is_refused(void **state)
{
	struct rig *rig = *state;
	struct smr_store_ticket_class added[] = {
		{.up_to_s = 0, .epoch_s = 60, .lifetime = 3},
		{.up_to_s = 60, .epoch_s = 0, .lifetime = 3},
		{.up_to_s = 60, .epoch_s = 60, .lifetime = 0},
		{.up_to_s = 60, .epoch_s = 60, .lifetime = SMR_STORE_LIFETIME_MAX + 1}};
	struct smr_store_ticket_class many = {.epoch_s = 60, .lifetime = SMR_STORE_LIFETIME_MAX};
	enum smr_err err = SMR_OK;

	for (size_t i = 0; i < SMR_COUNT(added); i++)
		assert_int_equal(smr_store_put_ticket_class(rig->store, &added[i]), SMR_E_INVALID);
	while (err == SMR_OK && many.up_to_s < 100) {
		many.up_to_s++;
		err = smr_store_put_ticket_class(rig->store, &many);
	}
	assert_int_equal(err, SMR_E_NO_ROOM); /* all keys have to fit into a server */
}

/* ---- keys ---- */

static size_t keys_at(struct smr_store *store, uint64_t now, struct smr_ticket_key *keys)
{
	size_t count = SMR_STORE_TICKET_KEYS_MAX;

	assert_int_equal(smr_store_ticket_keys(store, now, keys, &count), SMR_OK);
	for (size_t i = 1; i < count; i++)
		assert_true(keys[i - 1].id < keys[i].id);
	return count;
}

static const struct smr_ticket_key *key_of(const struct smr_ticket_key *keys, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (keys[i].id == id)
			return &keys[i];
	return NULL;
}

static struct smr_ticket_key ours[SMR_STORE_TICKET_KEYS_MAX];
static struct smr_ticket_key theirs[SMR_STORE_TICKET_KEYS_MAX];

static struct smr_store *second_handle(const struct rig *rig)
{
	struct smr_store *store = NULL;

	store = rig_another(rig, SMR_STORE_WRITE);
	return store;
}

struct racer {
	struct smr_store *store;
	uint64_t now;
	struct smr_ticket_key keys[SMR_STORE_TICKET_KEYS_MAX];
	size_t count;
	enum smr_err err;
};

static void *race(void *context)
{
	struct racer *r = context;

	r->count = SMR_COUNT(r->keys);
	r->err = smr_store_ticket_keys(r->store, r->now, r->keys, &r->count);
	return NULL;
}

static void test_keys_that_several_front_ends_make_at_once_are_the_same(void **state)
{
	static struct racer racers[4];
	struct rig *rig = *state;
	pthread_t threads[SMR_COUNT(racers)];

	for (size_t i = 0; i < SMR_COUNT(racers); i++)
		racers[i].store = second_handle(rig);
	for (uint64_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < SMR_COUNT(racers); i++) {
			racers[i].now = NOW + round * 21600;
			assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
		}
		for (size_t i = 0; i < SMR_COUNT(racers); i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_int_equal(racers[i].err, SMR_OK);
			assert_int_equal(racers[i].count, racers[0].count);
			assert_memory_equal(racers[i].keys, racers[0].keys,
					    racers[0].count * sizeof(racers[0].keys[0]));
		}
	}
	for (size_t i = 0; i < SMR_COUNT(racers); i++)
		smr_store_close(racers[i].store);
}

static void test_keys_older_than_the_lifetime_are_erased_from_the_files(void **state)
{
	struct rig *rig = *state;
	struct smr_ticket_key first;
	size_t count;

	only_class(rig, DAY, 2);
	count = keys_at(rig->store, NOW, ours);
	assert_int_equal(count, 2);
	first = ours[0];
	for (unsigned day = 1; day <= 2; day++)
		assert_non_null(key_of(theirs, keys_at(rig->store, NOW + day * DAY, theirs), first.id));
	count = keys_at(rig->store, NOW + 3 * DAY, theirs);
	assert_int_equal(count, 4); /* two that are older, today's, tomorrow's */
	assert_null(key_of(theirs, count, first.id));
	assert_memory_equal(&theirs[0], &ours[1], sizeof(ours[1]));
	count = 3;
	assert_int_equal(smr_store_ticket_keys(rig->store, NOW + 3 * DAY, theirs, &count), SMR_E_NO_ROOM);
	assert_int_equal(count, 0);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	RIG_NEEDS_SQLITE();
	assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(first.key), 8), 0);
	assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(ours[1].key), 8), 2);
}

/* A front end that is an epoch behind, or ahead, has the keys that the others seal under. */
static void test_keys_are_shared_with_clocks_that_differ(void **state)
{
	struct rig *rig = *state;
	struct smr_store *other = second_handle(rig);

	only_class(rig, DAY, 5);
	for (unsigned day = 10; day < 30; day++) {
		for (int skew = -1; skew <= 1; skew++) {
			uint64_t now = NOW + day * DAY;
			uint64_t wrong = (uint64_t)((int64_t)now + skew * (int64_t)DAY);
			uint32_t epoch = (uint32_t)(now / DAY);
			size_t n = keys_at(rig->store, now, ours);
			size_t m = keys_at(other, wrong, theirs);
			const struct smr_ticket_key *here = key_of(ours, n, epoch);
			const struct smr_ticket_key *there = key_of(theirs, m, (uint32_t)(wrong / DAY));

			assert_non_null(here);
			assert_non_null(there);
			assert_memory_equal(key_of(theirs, m, epoch), here, sizeof(*here));
			n = keys_at(rig->store, now, ours);
			assert_memory_equal(key_of(ours, n, there->id), there, sizeof(*there));
		}
	}
	smr_store_close(other);
}

static void jump(struct rig *rig, int64_t days)
{
	struct smr_ticket_key before;
	size_t count;

	count = keys_at(rig->store, NOW, ours);
	before = *key_of(ours, count, NOW / DAY);
	count = keys_at(rig->store, (uint64_t)((int64_t)NOW + days * (int64_t)DAY), theirs);
	assert_int_equal(count, 2); /* what is in use there: not the keys of now */
	count = keys_at(rig->store, NOW + 10, ours);
	assert_memory_equal(key_of(ours, count, before.id), &before, sizeof(before));
}

static void test_keys_outlive_a_clock_that_jumps_for_a_moment(void **state)
{
	only_class(*state, DAY, 5);
	jump(*state, 400);
	jump(*state, -400);
	jump(*state, 9);
}

/* After a year without a server nothing of then opens any more, and after the next epoch nothing of it is left. */
static void test_keys_of_last_year_are_over_at_once_and_erased_with_the_next_epoch(void **state)
{
	struct rig *rig = *state;
	struct smr_ticket_key first;
	size_t count;

	only_class(rig, DAY, 5);
	keys_at(rig->store, NOW, ours);
	first = ours[0];
	count = keys_at(rig->store, NOW + 365 * DAY, ours);
	assert_int_equal(count, 2);
	assert_null(key_of(ours, count, first.id));
	if (!rig_is_pg())
		assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(first.key), 8), 2);
	assert_int_equal(keys_at(rig->store, NOW + 366 * DAY, ours), 3);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	RIG_NEEDS_SQLITE();
	assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(first.key), 8), 0);
}

static void test_keys_survive_the_turn_of_the_epoch_counter(void **state)
{
	struct rig *rig = *state;
	size_t count;

	only_class(rig, 1, 3);
	assert_int_equal(keys_at(rig->store, 0x1fffffe, ours), 2);
	assert_int_equal(keys_at(rig->store, 0x1ffffff, ours), 3);
	count = keys_at(rig->store, 0x2000001, ours);
	assert_int_equal(count, 5);
	assert_int_equal(ours[0].id, 0);
	assert_non_null(key_of(ours, count, 0xfffffe));
	assert_null(key_of(ours, keys_at(rig->store, 0x2000002, ours), 0xfffffe));
}

/* ---- the journal ---- */

struct seen {
	unsigned calls;
	int pending[30]; /* by device; -1: not named */
};

static void see(void *context, const struct smr_eid *eid, bool pending)
{
	struct seen *seen = context;

	seen->calls++;
	for (unsigned n = 0; n < SMR_COUNT(seen->pending); n++) {
		struct smr_eid one = rig_eid(n);

		if (memcmp(&one, eid, sizeof(one)) == 0)
			seen->pending[n] = pending;
	}
}

static struct seen since(struct rig *rig, uint64_t *journal)
{
	struct seen seen = {0};

	memset(seen.pending, 0xff, sizeof(seen.pending));
	assert_int_equal(smr_store_pending_since(rig->store, journal, see, &seen), SMR_OK);
	return seen;
}

static void command(struct rig *rig, uint64_t n, uint64_t serial)
{
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(rig_put_command(rig, n, serial), SMR_OK);
	rig_load_keep(rig);
}

static void receipt(struct rig *rig, uint64_t n, uint64_t serial)
{
	struct smr_store_change change = rig_change(rig->store, n);

	change.receipts[0] = rig_receipt(SMR_RECEIPT_COMMAND, n, serial);
	change.receipt_count = 1;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
}

static void revoke(struct rig *rig, uint64_t n, bool revoked)
{
	struct smr_eid eid = rig_eid(n);

	assert_int_equal(smr_store_revoke(rig->store, &eid, revoked), SMR_OK);
}

static uint64_t journal_of(struct rig *rig)
{
	struct smr_store_position position;

	assert_int_equal(smr_store_position(rig->store, &position), SMR_OK);
	return position.journal;
}

static int setup_filled(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, 20);
	return 0;
}

static void test_journal_names_every_change_of_what_is_pending_with_the_present_state(void **state)
{
	struct rig *rig = *state;
	uint64_t journal = journal_of(rig);
	struct seen seen;

	command(rig, 1, 10);
	seen = since(rig, &journal);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.pending[1], true);
	assert_int_equal(journal, journal_of(rig));
	assert_int_equal(since(rig, &journal).calls, 0);
	receipt(rig, 1, 10);
	assert_int_equal(since(rig, &journal).pending[1], false);
	revoke(rig, 2, true);
	assert_int_equal(since(rig, &journal).pending[2], true);
	command(rig, 2, 10);
	revoke(rig, 2, false);
	assert_int_equal(since(rig, &journal).pending[2], true); /* the command still waits */
	rig_offer(rig->store, 3);
	assert_int_equal(since(rig, &journal).calls, 0); /* a first flight: nothing was pending, nothing is */
	rig_reseal(rig, 3, 5000, RIG_X_LEN);
	assert_int_equal(since(rig, &journal).pending[3], true); /* a new package for a device that has a ticket */
	rig_offer(rig->store, 3);
	assert_int_equal(since(rig, &journal).pending[3], false);
}

static void test_journal_of_a_withdrawn_package_or_a_rejected_receipt(void **state)
{
	struct rig *rig = *state;
	uint64_t journal = journal_of(rig);
	struct smr_key_id operator_id = rig_operator(0);
	struct smr_command_record record = {.eid = rig_eid(5), .iccid = rig_iccid(5), .serial = 5000};

	rig_offer(rig->store, 5);
	rig_reseal(rig, 5, 5000, RIG_X_LEN);
	assert_int_equal(since(rig, &journal).pending[5], true);
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(smr_store_withdraw(rig->store, &operator_id, &record), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(since(rig, &journal).pending[5], false);
}

static void test_journal_what_is_rolled_back_is_not_in_it(void **state)
{
	struct rig *rig = *state;
	uint64_t journal = journal_of(rig);

	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(rig_put_command(rig, 4, 10), SMR_OK);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	assert_int_equal(journal_of(rig), journal);
	assert_int_equal(since(rig, &journal).calls, 0);
}

static void test_journal_is_a_ring_and_says_when_it_does_not_reach_back(void **state)
{
	struct rig *rig = *state;
	uint64_t start = journal_of(rig);
	uint64_t journal = start;
	struct seen seen = {0};

	revoke(rig, 7, true);
	for (unsigned i = 1; i < SMR_STORE_JOURNAL; i++)
		revoke(rig, 8, i % 2);
	seen = since(rig, &journal);
	assert_int_equal(seen.calls, SMR_STORE_JOURNAL);
	assert_int_equal(seen.pending[7], true);
	assert_int_equal(seen.pending[8], true);
	revoke(rig, 9, true);
	journal = start;
	assert_int_equal(smr_store_pending_since(rig->store, &journal, see, &seen), SMR_E_NOT_FOUND);
	assert_int_equal(journal, start);
	journal = journal_of(rig) + 1; /* ahead of the store: it is another one, or an older copy */
	assert_int_equal(smr_store_pending_since(rig->store, &journal, see, &seen), SMR_E_NOT_FOUND);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(smr_store_pending(rig->store, &journal, see, &seen), SMR_OK);
	assert_int_equal(journal, journal_of(rig));
	assert_int_equal(seen.calls, 3);
}

/* A load that changes more than the ring holds: whoever has seen less reads everything, and nobody misses anything. */
static void test_journal_of_a_load_that_is_longer_than_the_ring(void **state)
{
	struct rig *rig = *state;
	uint64_t start = journal_of(rig);
	uint64_t journal = start;
	struct seen seen = {0};

	RIG_NEEDS_SQLITE(); /* the same code, and PostgreSQL takes seconds for it */
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	for (unsigned i = 0; i <= SMR_STORE_JOURNAL; i++)
		assert_int_equal(rig_put_command(rig, 1 + i % 3, 1 + i), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(smr_store_pending_since(rig->store, &journal, see, &seen), SMR_E_NOT_FOUND);
	assert_int_equal(smr_store_pending(rig->store, &journal, see, &seen), SMR_OK);
	assert_int_equal(seen.calls, 3);
	assert_int_equal(since(rig, &journal).calls, 0);
	revoke(rig, 9, true);
	assert_int_equal(since(rig, &journal).calls, 1);
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_classes_of_a_new_store_cover_every_interval),
		RIG(test_class_takes_the_place_of_another_and_of_its_number_once_that_is_over),
		RIG(test_class_of_nonsense_or_one_too_many_is_refused),
		RIG(test_keys_that_several_front_ends_make_at_once_are_the_same),
		RIG(test_keys_older_than_the_lifetime_are_erased_from_the_files),
		RIG(test_keys_are_shared_with_clocks_that_differ),
		RIG(test_keys_outlive_a_clock_that_jumps_for_a_moment),
		RIG(test_keys_of_last_year_are_over_at_once_and_erased_with_the_next_epoch),
		RIG(test_keys_survive_the_turn_of_the_epoch_counter),
		FILLED(test_journal_names_every_change_of_what_is_pending_with_the_present_state),
		FILLED(test_journal_of_a_withdrawn_package_or_a_rejected_receipt),
		FILLED(test_journal_what_is_rolled_back_is_not_in_it),
		FILLED(test_journal_is_a_ring_and_says_when_it_does_not_reach_back),
		FILLED(test_journal_of_a_load_that_is_longer_than_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
