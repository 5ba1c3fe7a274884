/* SPDX-License-Identifier: Apache-2.0 */
/* How long the committer waits for more: not at all while few changes come, and never once there are enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/pace.h"

#define SECOND_US 1000000u

/* One change at a time, so many a second, for a second. Returns when the last transaction began. */
static uint64_t go_on(struct smr_pace *pace, uint64_t from_us, uint64_t per_second)
{
	uint64_t now_us = from_us;

	for (uint64_t i = 0; i < per_second; i++) {
		now_us = from_us + i * SECOND_US / per_second;
		smr_pace_note(pace, 1, now_us);
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
	go_on(&pace, 5 * SECOND_US, SMR_PACE_BUSY_PER_SECOND - 100);
	assert_int_equal(smr_pace_until(&pace, 1), 0);
}

static void test_many_changes_wait_for_each_other(void **state)
{
	struct smr_pace pace = {0};
	uint64_t last_us;

	(void)state;
	last_us = go_on(&pace, 5 * SECOND_US, SMR_PACE_BUSY_PER_SECOND + 100);
	assert_int_equal(smr_pace_until(&pace, 1), last_us + SMR_PACE_APART_US);
	assert_int_equal(smr_pace_until(&pace, SMR_PACE_ENOUGH - 1), last_us + SMR_PACE_APART_US);
}

static void test_enough_changes_do_not_wait(void **state)
{
	struct smr_pace pace = {0};

	(void)state;
	go_on(&pace, 5 * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND);
	assert_int_equal(smr_pace_until(&pace, SMR_PACE_ENOUGH), 0);
}

/* Whoever comes long after the rush waits for a time that has passed; with him it is over. */
static void test_after_a_pause_nobody_waits(void **state)
{
	struct smr_pace pace = {0};
	uint64_t later_us;

	(void)state;
	later_us = go_on(&pace, 5 * SECOND_US, 2 * SMR_PACE_BUSY_PER_SECOND) + SECOND_US;
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
		cmocka_unit_test(test_enough_changes_do_not_wait),
		cmocka_unit_test(test_after_a_pause_nobody_waits),
		cmocka_unit_test(test_one_transaction_of_many_is_a_rush_only_if_it_came_quickly),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
