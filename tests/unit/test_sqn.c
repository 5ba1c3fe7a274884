/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence numbers: TS 33.102 annex C from the side of the USIM and of the AuC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/aka/sqn.h"
#include "tests/unit/random.h"

static uint64_t sqn(uint64_t seq, unsigned ind)
{
	return seq << 5 | ind;
}

/* All slots at @p seq. */
static struct smr_sqn array_at(uint64_t seq, uint64_t delta, uint64_t age_limit)
{
	uint64_t first[SMR_SQN_SLOTS];
	struct smr_sqn array;

	for (size_t i = 0; i < SMR_SQN_SLOTS; i++)
		first[i] = seq;
	assert_int_equal(smr_sqn_init(&array, first, delta, age_limit), SMR_OK);
	return array;
}

/* Refused, and nothing changed. */
static void assert_refused(struct smr_sqn *array, uint64_t number)
{
	struct smr_sqn before = *array;

	assert_int_equal(smr_sqn_accept(array, number), SMR_E_SQN);
	assert_memory_equal(array, &before, sizeof(before));
}

static void assert_accepted(struct smr_sqn *array, uint64_t number)
{
	assert_int_equal(smr_sqn_accept(array, number), SMR_OK);
	assert_true(array->seq[number % 32] == number >> 5);
	assert_int_equal(smr_sqn_check(array), SMR_OK);
}

static void test_put_is_48_bits_big_endian(void **state)
{
	static const uint8_t want[6] = {0xff, 0x9b, 0xb4, 0xd0, 0xb6, 0x07};
	uint8_t out[7] = {0, 0, 0, 0, 0, 0, 0x5a};

	(void)state;
	smr_sqn_put(out, 0xff9bb4d0b607u);
	assert_memory_equal(out, want, 6);
	assert_int_equal(out[6], 0x5a);
	assert_true(smr_sqn_get(want) == 0xff9bb4d0b607u);
	assert_true(smr_sqn_seq(0xff9bb4d0b607u) == 0xff9bb4d0b607u / 32);
	assert_int_equal(smr_sqn_ind(0xff9bb4d0b607u), 7);
}

static void test_init_defaults_are_delta_2_28_no_age_limit_all_zero(void **state)
{
	struct smr_sqn array;

	(void)state;
	memset(&array, 0xa5, sizeof(array));
	assert_int_equal(smr_sqn_init(&array, NULL, 0, 0), SMR_OK);
	assert_true(array.delta == 0x10000000u);
	assert_true(array.age_limit == 0);
	assert_true(array.highest == 0);
	for (size_t i = 0; i < SMR_SQN_SLOTS; i++)
		assert_true(array.seq[i] == 0);
}

static void test_init_value_above_43_bits_is_refused_and_nothing_passes(void **state)
{
	uint64_t first[SMR_SQN_SLOTS] = {0};
	struct smr_sqn array;

	(void)state;
	for (size_t i = 0; i < SMR_SQN_SLOTS; i++) {
		first[i] = SMR_SQN_SEQ_MAX;
		assert_int_equal(smr_sqn_init(&array, first, 1, 1), SMR_OK);
		assert_true(array.highest == SMR_SQN_SEQ_MAX);
		first[i] = SMR_SQN_SEQ_MAX + 1;
		assert_int_equal(smr_sqn_init(&array, first, 1, 1), SMR_E_INVALID);
		assert_refused(&array, sqn(1, 0));
		first[i] = 0;
	}
	assert_int_equal(smr_sqn_init(&array, NULL, SMR_SQN_SEQ_MAX + 1, 0), SMR_E_INVALID);
	assert_refused(&array, sqn(1, 0));
	assert_int_equal(smr_sqn_init(&array, NULL, 0, SMR_SQN_SEQ_MAX + 1), SMR_E_INVALID);
	assert_refused(&array, sqn(1, 0));
	assert_int_equal(smr_sqn_init(&array, NULL, SMR_SQN_SEQ_MAX, SMR_SQN_SEQ_MAX), SMR_OK);
}

static void test_check_damaged_array_is_malformed(void **state)
{
	struct smr_sqn sound = array_at(1000, 50, 20);
	struct smr_sqn array = sound;

	(void)state;
	assert_int_equal(smr_sqn_check(&sound), SMR_OK);
	array.highest = 999; /* lower than a slot: delta and age would be measured from the wrong place */
	assert_int_equal(smr_sqn_check(&array), SMR_E_MALFORMED);
	array.highest = 1001;
	assert_int_equal(smr_sqn_check(&array), SMR_E_MALFORMED);
	array = sound;
	array.seq[31] = SMR_SQN_SEQ_MAX + 1;
	array.highest = array.seq[31];
	assert_int_equal(smr_sqn_check(&array), SMR_E_MALFORMED);
	array = sound;
	array.delta = 0;
	assert_int_equal(smr_sqn_check(&array), SMR_E_MALFORMED);
	array.delta = SMR_SQN_SEQ_MAX + 1;
	assert_int_equal(smr_sqn_check(&array), SMR_E_MALFORMED);
	array = sound;
	array.age_limit = SMR_SQN_SEQ_MAX + 1;
	assert_int_equal(smr_sqn_check(&array), SMR_E_MALFORMED);
}

static void test_accept_same_number_twice_is_refused(void **state)
{
	struct smr_sqn array = array_at(0, 0, 0);

	(void)state;
	for (unsigned ind = 0; ind < SMR_SQN_SLOTS; ind++) {
		assert_refused(&array, sqn(0, ind));
		assert_accepted(&array, sqn(1, ind));
		assert_refused(&array, sqn(1, ind));
		assert_refused(&array, sqn(0, ind));
	}
}

static void test_accept_compares_within_the_slot_of_ind_alone(void **state)
{
	struct smr_sqn array = array_at(100, 0, 0);

	(void)state;
	assert_accepted(&array, sqn(110, 3));
	assert_accepted(&array, sqn(105, 2)); /* older, but its slot has not seen it */
	assert_refused(&array, sqn(105, 2));
	assert_refused(&array, sqn(109, 3));
	assert_accepted(&array, sqn(106, 2));
	assert_refused(&array, sqn(100, 4));
	assert_true(array.highest == 110);
}

static void test_accept_delta_is_the_largest_jump(void **state)
{
	struct smr_sqn array = array_at(1000, 50, 0);

	(void)state;
	assert_refused(&array, sqn(1051, 1));
	assert_accepted(&array, sqn(1050, 1));
	/* Measured from the highest anywhere, not from the slot, which is at 1000. */
	assert_accepted(&array, sqn(1100, 2));
	assert_refused(&array, sqn(1151, 3));
}

static void test_accept_default_delta_holds_at_its_edge(void **state)
{
	struct smr_sqn array = array_at(0, 0, 0);

	(void)state;
	assert_refused(&array, sqn(0x10000001u, 0));
	assert_accepted(&array, sqn(0x10000000u, 0));
}

static void test_accept_age_limit_refuses_what_is_that_far_behind(void **state)
{
	struct smr_sqn array = array_at(100, 0, 10);

	(void)state;
	assert_accepted(&array, sqn(120, 0));
	assert_refused(&array, sqn(110, 1)); /* 120 - 110 is not below 10 */
	assert_accepted(&array, sqn(111, 1));
	array = array_at(100, 0, 0);
	assert_accepted(&array, sqn(100000, 0));
	assert_accepted(&array, sqn(101, 1)); /* no limit */
}

static void test_accept_at_2_43_does_not_wrap(void **state)
{
	struct smr_sqn array = array_at(SMR_SQN_SEQ_MAX - 1, SMR_SQN_SEQ_MAX, 0);

	(void)state;
	assert_accepted(&array, sqn(SMR_SQN_SEQ_MAX, 31));
	assert_true(smr_sqn_ms(&array) == SMR_SQN_MAX);
	for (unsigned ind = 0; ind < SMR_SQN_SLOTS; ind++) {
		assert_refused(&array, sqn(0, ind));
		assert_refused(&array, sqn(1, ind));
	}
	assert_refused(&array, sqn(SMR_SQN_SEQ_MAX, 31));
	assert_accepted(&array, sqn(SMR_SQN_SEQ_MAX, 30));
	for (unsigned bit = 48; bit < 64; bit++)
		assert_int_equal(smr_sqn_accept(&array, UINT64_C(1) << bit), SMR_E_INVALID);
}

static void test_ms_is_the_highest_of_any_slot(void **state)
{
	struct smr_sqn array = array_at(7, 0, 0);

	(void)state;
	assert_true(smr_sqn_ms(&array) == sqn(7, 31));
	assert_accepted(&array, sqn(20, 4));
	assert_accepted(&array, sqn(15, 9));
	assert_true(smr_sqn_ms(&array) == sqn(20, 4));
	assert_accepted(&array, sqn(21, 0));
	assert_true(smr_sqn_ms(&array) == sqn(21, 0));
}

/* What annex C says, from the list of all that was accepted, without an array. */
struct history {
	uint64_t numbers[3000];
	size_t count;
};

static bool history_permits(const struct history *history, uint64_t number, uint64_t delta, uint64_t age_limit)
{
	int64_t seq = (int64_t)(number >> 5);
	int64_t highest = 0;
	int64_t in_slot = 0;

	for (size_t i = 0; i < history->count; i++) {
		int64_t seen = (int64_t)(history->numbers[i] >> 5);

		if (seen > highest)
			highest = seen;
		if (history->numbers[i] % 32 == number % 32 && seen > in_slot)
			in_slot = seen;
	}
	return seq - highest <= (int64_t)delta && (age_limit == 0 || highest - seq < (int64_t)age_limit) &&
	       seq > in_slot;
}

/* Numbers from @p span below the highest to @p span above. */
static void run_against_history(struct rng *rng, uint64_t delta, uint64_t age_limit, uint64_t span)
{
	static struct history history;
	struct smr_sqn array = array_at(0, delta, age_limit);
	unsigned refused = 0;

	history.count = 0;
	while (history.count < 1000 && refused < 20000) {
		uint64_t centre = array.highest > span ? array.highest - span : 0;
		uint64_t number = sqn(centre + rng_below(rng, 2 * span + 1), (unsigned)rng_below(rng, 32));
		bool permitted = history_permits(&history, number, delta, age_limit);

		if (permitted) {
			assert_accepted(&array, number);
			history.numbers[history.count++] = number;
		} else {
			assert_refused(&array, number);
			refused++;
		}
	}
	assert_int_equal(history.count, 1000);
	assert_true(refused > 100);
	for (size_t i = 0; i < history.count; i++)
		assert_refused(&array, history.numbers[i]);
}

static void test_accept_random_numbers_agree_with_the_definition(void **state)
{
	struct rng rng = {20260101};

	(void)state;
	run_against_history(&rng, 50, 0, 60);
	run_against_history(&rng, 64, 40, 70);
	run_against_history(&rng, 1, 2, 3);
}

static void test_next_counts_seq_and_ind(void **state)
{
	uint64_t number = 0;

	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		assert_int_equal(smr_sqn_next(number, &number), SMR_OK);
		assert_true(number == sqn(i, i % 32));
	}
	assert_int_equal(smr_sqn_next(sqn(9, 31), &number), SMR_OK);
	assert_true(number == sqn(10, 0));
}

static void test_next_in_slot_keeps_the_slot(void **state)
{
	uint64_t number = 31;

	(void)state;
	for (unsigned i = 1; i < 5; i++) {
		assert_int_equal(smr_sqn_next_in_slot(number, 10, &number), SMR_OK);
		assert_true(number == sqn(i, 10));
	}
	assert_int_equal(smr_sqn_next_in_slot(number, 32, &number), SMR_E_INVALID);
	assert_true(number == sqn(4, 10));
}

static void test_next_at_the_end_is_an_error_not_zero(void **state)
{
	uint64_t number = 77;

	(void)state;
	assert_int_equal(smr_sqn_next(sqn(SMR_SQN_SEQ_MAX - 1, 4), &number), SMR_OK);
	assert_true(number == sqn(SMR_SQN_SEQ_MAX, 5));
	number = 77;
	for (unsigned ind = 0; ind < SMR_SQN_SLOTS; ind++)
		assert_int_equal(smr_sqn_next(sqn(SMR_SQN_SEQ_MAX, ind), &number), SMR_E_TOO_MANY);
	assert_int_equal(smr_sqn_next(SMR_SQN_MAX + 1, &number), SMR_E_INVALID);
	assert_true(number == 77);
}

static void test_resync_next_seq_is_above_the_usims(void **state)
{
	uint64_t last = sqn(5, 5);
	uint64_t next;

	(void)state;
	assert_int_equal(smr_sqn_resync(&last, sqn(1000, 3)), SMR_OK);
	assert_int_equal(smr_sqn_next(last, &next), SMR_OK);
	assert_true(smr_sqn_seq(next) == 1001);
	/* Equal SEQ, lower IND: the next SEQ is above already. */
	assert_int_equal(smr_sqn_resync(&last, sqn(1000, 0)), SMR_OK);
	assert_int_equal(smr_sqn_next(last, &next), SMR_OK);
	assert_true(smr_sqn_seq(next) > 1000);
}

static void test_resync_never_lowers(void **state)
{
	struct rng rng = {7};
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t before = last;
		uint64_t ms = rng_next(&rng) >> (16 + rng_below(&rng, 48));

		assert_int_equal(smr_sqn_resync(&last, ms), SMR_OK);
		assert_true(last >= before);
		assert_true(last >> 5 >= ms >> 5);
		assert_true(last == before || last == ms);
		if (rng_below(&rng, 8) == 0)
			last = 0;
	}
	last = sqn(3, 3);
	assert_int_equal(smr_sqn_resync(&last, SMR_SQN_MAX + 1), SMR_E_INVALID);
	assert_true(last == sqn(3, 3));
	last = SMR_SQN_MAX + 1;
	assert_int_equal(smr_sqn_resync(&last, 1), SMR_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_is_48_bits_big_endian),
		cmocka_unit_test(test_init_defaults_are_delta_2_28_no_age_limit_all_zero),
		cmocka_unit_test(test_init_value_above_43_bits_is_refused_and_nothing_passes),
		cmocka_unit_test(test_check_damaged_array_is_malformed),
		cmocka_unit_test(test_accept_same_number_twice_is_refused),
		cmocka_unit_test(test_accept_compares_within_the_slot_of_ind_alone),
		cmocka_unit_test(test_accept_delta_is_the_largest_jump),
		cmocka_unit_test(test_accept_default_delta_holds_at_its_edge),
		cmocka_unit_test(test_accept_age_limit_refuses_what_is_that_far_behind),
		cmocka_unit_test(test_accept_at_2_43_does_not_wrap),
		cmocka_unit_test(test_ms_is_the_highest_of_any_slot),
		cmocka_unit_test(test_accept_random_numbers_agree_with_the_definition),
		cmocka_unit_test(test_next_counts_seq_and_ind),
		cmocka_unit_test(test_next_in_slot_keeps_the_slot),
		cmocka_unit_test(test_next_at_the_end_is_an_error_not_zero),
		cmocka_unit_test(test_resync_next_seq_is_above_the_usims),
		cmocka_unit_test(test_resync_never_lowers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
