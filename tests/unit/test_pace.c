/* SPDX-License-Identifier: Apache-2.0 */
/* How long the committer waits for more: not at all while few changes come, and never once there are as many as lately came together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/pace.h"

#define SECOND_US 1000000u

/* So many changes a second for a second, @p together in each transaction. Returns when the last one began. */
static uint64_t go_on(struct smr_pace *pace, uint64_t from_us, uint64_t per_second, size_t together)
{
	uint64_t now_us = from_us;

	for (uint64_t i = 0; i < per_second; i += together) {
		now_us = from_us + i * SECOND_US / per_second;
		smr_pace_note(pace, together, now_us);
	}
	return now_us;
}

static void test_first_change_goes_at_once(void **state)
{
	const struct smr_pace pace = {0};

	(void)state;
	assert_int_equal(smr_pace_until(&pace, 1), 0);
}

static void test_few_changes_go_at_once(void **state)
{
	struct smr_pace pace = {0};

	(void)state;
	go_on(&pace, 5 * SECOND_US, SMR_PACE_BUSY_PER_SECOND - 100, 10);
	assert_int_equal(smr_pace_until(&pace, 1), 0);
}

static void test_many_changes_wait_for_each_other(void **state)
{
	struct smr_pace pace = {0};
	uint64_t last_us;

	(void)state;
	last_us = go_on(&pace, 5 * SECOND_US, SMR_PACE_BUSY_PER_SECOND + 100, 10);
	assert_int_equal(smr_pace_until(&pace, 1), last_us + SMR_PACE_APART_US);
	assert_int_equal(smr_pace_until(&pace, 8), last_us + SMR_PACE_APART_US);
}

/* Ten devices that wait for their answers bring ten changes, and no more. */
static void test_as_many_as_ever_came_together_do_not_wait(void **state)
{
	struct smr_pace pace = {0};

	(void)state;
	go_on(&pace, 5 * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND, 10);
	assert_int_equal(smr_pace_until(&pace, 10), 0);
	assert_in_range(smr_pace_enough(&pace), 9, 10);
}

static void test_so_many_never_wait(void **state)
{
	struct smr_pace pace = {0};

	(void)state;
	go_on(&pace, 5 * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND, 2 * SMR_PACE_ENOUGH);
	assert_int_equal(smr_pace_until(&pace, SMR_PACE_ENOUGH), 0);
	assert_int_not_equal(smr_pace_until(&pace, SMR_PACE_ENOUGH - 1), 0);
}

/* One that is larger than all that follow, because the disk stalled, is forgotten by one a window, down to what comes. */
static void test_a_large_transaction_is_forgotten_slowly(void **state)
{
	const size_t per_second = SECOND_US / SMR_PACE_WINDOW_US;
	struct smr_pace pace = {0};
	size_t before;

	(void)state;
	smr_pace_note(&pace, 30, 5 * SECOND_US);
	go_on(&pace, 6 * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND, 4);
	before = smr_pace_enough(&pace);
	assert_in_range(before, 30 - per_second - 1, 30 - per_second);
	go_on(&pace, 7 * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND, 4);
	assert_int_equal(smr_pace_enough(&pace), before - per_second);
	for (uint64_t second = 8; second < 16; second++)
		go_on(&pace, second * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND, 4);
	assert_in_range(smr_pace_enough(&pace), 3, 4);
}

/* Whoever comes long after the rush waits for a time that has passed; with him it is over. */
static void test_after_a_pause_nobody_waits(void **state)
{
	struct smr_pace pace = {0};
	uint64_t later_us;

	(void)state;
	later_us = go_on(&pace, 5 * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND, 10) + SECOND_US;
	assert_true(smr_pace_until(&pace, 1) < later_us);
	smr_pace_note(&pace, 1, later_us);
	assert_int_equal(smr_pace_until(&pace, 1), 0);
}

/* A clock that starts high must not make a window of its own. */
static void test_one_transaction_of_many_is_a_rush_only_if_it_came_quickly(void **state)
{
	struct smr_pace pace = {0};

	(void)state;
	smr_pace_note(&pace, SMR_PACE_ENOUGH, 1000 * (uint64_t)SECOND_US);
	assert_int_equal(smr_pace_until(&pace, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_change_goes_at_once),
		cmocka_unit_test(test_few_changes_go_at_once),
		cmocka_unit_test(test_many_changes_wait_for_each_other),
		cmocka_unit_test(test_as_many_as_ever_came_together_do_not_wait),
		cmocka_unit_test(test_so_many_never_wait),
		cmocka_unit_test(test_a_large_transaction_is_forgotten_slowly),
		cmocka_unit_test(test_after_a_pause_nobody_waits),
		cmocka_unit_test(test_one_transaction_of_many_is_a_rush_only_if_it_came_quickly),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
