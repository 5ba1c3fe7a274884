/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of samara-fleet that stand alone: histogram, timers, network, wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "fleet/histogram.h"
#include "fleet/impair.h"
#include "fleet/wire.h"

/* ---- histogram ---- */

static struct smr_histogram histogram;

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_histogram_of_nothing_is_zero(void **state)
{
	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	assert_int_equal(smr_histogram_at(&histogram, 0.5), 0);
	assert_int_equal(smr_histogram_at(&histogram, 1), 0);
}

static void test_histogram_small_values_are_exact(void **state)
{
	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	for (uint64_t us = 1; us <= 100; us++)
		smr_histogram_add(&histogram, us);
	for (unsigned percent = 1; percent <= 100; percent++)
		assert_int_equal(smr_histogram_at(&histogram, percent / 100.0), percent);
	assert_int_equal(smr_histogram_at(&histogram, 0), 1);
}

static void test_histogram_is_never_below_the_truth_and_at_most_a_64th_above(void **state)
{
	enum { COUNT = 20000 };
	static uint64_t values[COUNT];
	static const double asked[] = {0.01, 0.5, 0.9, 0.99, 0.999, 1};
	struct smr_dice dice = {7};

	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	for (size_t i = 0; i < COUNT; i++) {
		values[i] = smr_dice_next(&dice) >> (24 + smr_dice_below(&dice, 40)); /* all orders of magnitude */
		smr_histogram_add(&histogram, values[i]);
	}
	qsort(values, COUNT, sizeof(values[0]), compare);
	for (size_t i = 0; i < SMR_COUNT(asked); i++) {
		uint64_t truth = values[(size_t)(asked[i] * COUNT + 0.999999) - 1];
		uint64_t told = smr_histogram_at(&histogram, asked[i]);

		assert_true(told >= truth);
		assert_true(told <= truth + truth / 64);
	}
}

static void test_histogram_longest_is_exact_also_beyond_the_last_cell(void **state)
{
	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	smr_histogram_add(&histogram, 5);
	smr_histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(smr_histogram_at(&histogram, 0.5), 5);
	assert_true(smr_histogram_at(&histogram, 1) == UINT64_MAX);
}

/* ---- timers ---- */

static void test_timers_come_in_order_and_not_early(void **state)
{
	enum { COUNT = 5000 };
	struct smr_timers timers = {0};
	struct smr_dice dice = {3};
	struct smr_timer timer;
	uint64_t before = 0;

	(void)state;
	assert_true(smr_timers_next(&timers) == UINT64_MAX);
	for (uint64_t i = 0; i < COUNT; i++)
		assert_int_equal(smr_timers_put(&timers, 100 + smr_dice_below(&dice, 1000), &dice), SMR_OK);
	assert_false(smr_timers_take(&timers, 99, &timer));
	for (uint64_t i = 0; i < COUNT; i++) {
		uint64_t next = smr_timers_next(&timers);

		assert_false(smr_timers_take(&timers, next - 1, &timer));
		assert_true(smr_timers_take(&timers, next, &timer));
		assert_ptr_equal(timer.item, &dice);
		assert_int_equal(timer.due_us, next);
		assert_true(timer.due_us >= before);
		before = timer.due_us;
	}
	assert_false(smr_timers_take(&timers, UINT64_MAX, &timer));
	smr_timers_wipe(&timers);
}

/* ---- network ---- */

struct fates {
	unsigned copies[3];
	unsigned late;
};

static struct fates throw_dice(double loss, double duplicate, double reorder, uint64_t seed, unsigned count)
{
	struct smr_impair impair = {.loss = loss, .duplicate = duplicate, .reorder = reorder, .dice = {seed}};
	struct fates fates = {{0}, 0};

	for (unsigned i = 0; i < count; i++) {
		struct smr_impair_copy copies[2] = {{0}, {0}};
		size_t n = smr_impair_fate(&impair, copies);

		assert_in_range(n, 0, 2);
		fates.copies[n]++;
		for (size_t c = 0; c < n; c++) {
			if (copies[c].delay_us == 0)
				continue;
			fates.late++;
			assert_in_range(copies[c].delay_us, SMR_IMPAIR_DELAY_MIN_US, SMR_IMPAIR_DELAY_MAX_US);
		}
	}
	return fates;
}

static void test_impair_shares_are_those_asked_for(void **state)
{
	struct fates fates = throw_dice(0.1, 0.2, 0.3, 1, 100000);

	(void)state;
	assert_in_range(fates.copies[0], 9500, 10500);
	assert_in_range(fates.copies[2], 17000, 19000); /* of those that are not lost */
	assert_in_range(fates.late, 31000, 34000);
}

static void test_impair_none_and_all_are_exact(void **state)
{
	struct fates none = throw_dice(0, 0, 0, 1, 10000);
	struct fates lost = throw_dice(1, 1, 1, 1, 10000);
	struct fates twice = throw_dice(0, 1, 1, 1, 10000);

	(void)state;
	assert_int_equal(none.copies[1], 10000);
	assert_int_equal(none.late, 0);
	assert_int_equal(lost.copies[0], 10000);
	assert_int_equal(twice.copies[2], 10000);
	assert_int_equal(twice.late, 20000);
}

static void test_impair_same_seed_same_network(void **state)
{
	struct fates one = throw_dice(0.1, 0.1, 0.1, 42, 1000);
	struct fates again = throw_dice(0.1, 0.1, 0.1, 42, 1000);
	struct fates other = throw_dice(0.1, 0.1, 0.1, 43, 1000);

	(void)state;
	assert_memory_equal(&one, &again, sizeof(one));
	assert_true(memcmp(&one, &other, sizeof(one)) != 0);
}

static void test_impair_held_datagrams_come_whole_and_in_time(void **state)
{
	struct smr_impair impair = {.reorder = 1};
	uint8_t long_one[SMR_IMPAIR_DATAGRAM_MAX + 1] = {0};
	struct smr_impair_datagram *held;

	(void)state;
	assert_int_equal(smr_impair_hold(&impair, 200, true, 3, SMR_TEXT("second")), SMR_OK);
	assert_int_equal(smr_impair_hold(&impair, 100, false, 4, SMR_TEXT("first")), SMR_OK);
	assert_int_equal(smr_impair_hold(&impair, 100, false, 4, SMR_ARRAY(long_one)), SMR_E_NO_ROOM);
	assert_null(smr_impair_due(&impair, 99));
	held = smr_impair_due(&impair, 150);
	assert_non_null(held);
	assert_false(held->up);
	assert_int_equal(held->source, 4);
	assert_int_equal(held->len, 5);
	assert_memory_equal(held->octets, "first", 5);
	free(held);
	assert_null(smr_impair_due(&impair, 150));
	smr_impair_wipe(&impair); /* with one on its way */
}

/* ---- wire ---- */

static void test_wire_head_is_the_agents(void **state)
{
	static const uint8_t plain[] = {0x42, 0x02, 0x12, 0x34, 0x56, 0x78, 0xb1, 'f', 0xff};
	static const uint8_t echoed[] = {0x42, 0x02, 0x12, 0x34, 0x56, 0x78, 0xb1, 'c', 0xd8, 0xe4,
					 1,    2,    3,	   4,	 5,    6,    7,	   8,	0xff};
	static const uint8_t echo[SMR_WIRE_ECHO_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t out[SMR_WIRE_HEAD_MAX];

	(void)state;
	assert_int_equal(smr_wire_head(SMR_WIRE_FLIGHT, 0x12345678, NULL, out), sizeof(plain));
	assert_memory_equal(out, plain, sizeof(plain));
	assert_int_equal(smr_wire_head(SMR_WIRE_CHECKIN, 0x12345678, echo, out), sizeof(echoed));
	assert_int_equal(sizeof(echoed), SMR_WIRE_HEAD_MAX);
	assert_memory_equal(out, echoed, sizeof(echoed));
}

static void test_wire_reads_every_answer(void **state)
{
	static const uint8_t sealed[] = {0x62, 0x44, 0x12, 0x34, 0x56, 0x78, 0xff, 'x', 'y'};
	static const uint8_t unknown[] = {0x62, 0x84, 0x12, 0x34, 0x56, 0x78};
	static const uint8_t later[] = {0x62, 0xa3, 0x12, 0x34, 0x56, 0x78, 0xd2, 0x01, 0x01, 0x2c};
	static const uint8_t challenge[] = {0x62, 0x81, 0x12, 0x34, 0x56, 0x78, 0xd8, 0xef, 1, 2, 3, 4, 5, 6, 7, 8};
	struct smr_wire_answer answer;

	(void)state;
	assert_int_equal(smr_wire_read(SMR_ARRAY(sealed), &answer), SMR_OK);
	assert_int_equal(answer.kind, SMR_WIRE_SEALED);
	assert_int_equal(answer.id, 0x12345678);
	assert_true(smr_bytes_equal(answer.payload, SMR_TEXT("xy")));
	assert_int_equal(smr_wire_read(SMR_ARRAY(unknown), &answer), SMR_OK);
	assert_int_equal(answer.kind, SMR_WIRE_UNKNOWN);
	assert_int_equal(answer.payload.len, 0);
	assert_int_equal(smr_wire_read(SMR_ARRAY(later), &answer), SMR_OK);
	assert_int_equal(answer.kind, SMR_WIRE_LATER);
	assert_int_equal(answer.max_age_s, 300);
	assert_int_equal(smr_wire_read(SMR_ARRAY(challenge), &answer), SMR_OK);
	assert_int_equal(answer.kind, SMR_WIRE_CHALLENGE);
	assert_int_equal(answer.echo[7], 8);
}

static void test_wire_cut_or_strange_datagrams_are_no_answers(void **state)
{
	static const uint8_t challenge[] = {0x62, 0x81, 0x12, 0x34, 0x56, 0x78, 0xd8, 0xef, 1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t changed[sizeof(challenge)];
	struct smr_wire_answer answer;

	(void)state;
	for (size_t len = 0; len < sizeof(challenge); len++) {
		uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a read behind the end */

		assert_non_null(exact);
		memcpy(exact, challenge, len);
		exact = realloc(exact, len == 0 ? 1 : len);
		assert_non_null(exact);
		assert_int_equal(smr_wire_read(smr_bytes_of(exact, len), &answer), SMR_E_MALFORMED);
		free(exact);
	}
	for (size_t head = 0; head < 256; head++) {
		memcpy(changed, challenge, sizeof(changed));
		changed[0] = (uint8_t)head;
		if (head != 0x62)
			assert_int_equal(smr_wire_read(SMR_ARRAY(changed), &answer), SMR_E_MALFORMED);
		memcpy(changed, challenge, sizeof(changed));
		changed[1] = (uint8_t)head;
		if (head != 0x44 && head != 0x81 && head != 0x84 && head != 0xa3)
			assert_int_equal(smr_wire_read(SMR_ARRAY(changed), &answer), SMR_E_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram_of_nothing_is_zero),
		cmocka_unit_test(test_histogram_small_values_are_exact),
		cmocka_unit_test(test_histogram_is_never_below_the_truth_and_at_most_a_64th_above),
		cmocka_unit_test(test_histogram_longest_is_exact_also_beyond_the_last_cell),
		cmocka_unit_test(test_timers_come_in_order_and_not_early),
		cmocka_unit_test(test_impair_shares_are_those_asked_for),
		cmocka_unit_test(test_impair_none_and_all_are_exact),
		cmocka_unit_test(test_impair_same_seed_same_network),
		cmocka_unit_test(test_impair_held_datagrams_come_whole_and_in_time),
		cmocka_unit_test(test_wire_head_is_the_agents),
		cmocka_unit_test(test_wire_reads_every_answer),
		cmocka_unit_test(test_wire_cut_or_strange_datagrams_are_no_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
