/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that admission is made of, each by itself: hash, addresses, Echo, budgets, remembered answers, load, promises, and the rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "server/admission.h"
#include "server/budget.h"
#include "server/later.h"
#include "server/load.h"
#include "server/recent.h"

#define SECOND UINT64_C(1000000)
#define NOW (1000 * SECOND)

static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static struct smr_address address_of(const char *text, uint16_t port)
{
	struct sockaddr_storage from = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&from;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&from;

	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
	} else {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
	}
	return smr_address_of(&from);
}

/* ---- hash ---- */

/* The paper's own example (appendix A), and OpenSSL's implementation for other lengths: `openssl mac -macopt hexkey:0001… -macopt size:8 SIPHASH`. */
static void test_siphash_has_the_published_values(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} cases[] = {{0, UINT64_C(0x726fdb47dd0e0e31)},	 {1, UINT64_C(0x74f839c593dc67fd)},
		     {7, UINT64_C(0xab0200f58b01d137)},	 {8, UINT64_C(0x93f5f5799a932462)},
		     {15, UINT64_C(0xa129ca6149be45e5)}, {16, UINT64_C(0x3f2acc7f57c29bdb)},
		     {63, UINT64_C(0x958a324ceb064572)}};
	uint8_t in[64];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		assert_true(smr_siphash(key, smr_bytes_of(in, cases[i].len)) == cases[i].hash);
}

/* ---- addresses ---- */

static void test_prefix_is_what_a_site_has(void **state)
{
	static const struct {
		const char *one;
		const char *other;
		bool same;
	} cases[] = {
		{"192.0.2.1", "192.0.2.254", true},
		{"192.0.2.1", "192.0.3.1", false},
		{"2001:db8:1:200::1", "2001:db8:1:2ff:1:2:3:4", true},
		{"2001:db8:1:200::1", "2001:db8:1:300::1", false},
		{"192.0.2.1", "::ffff:192.0.2.9", true}, /* the same network, seen through a socket for both families */
		{"192.0.2.1", "::192.0.2.1", false},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_address one = address_of(cases[i].one, 5);
		struct smr_address other = address_of(cases[i].other, 6);

		one = smr_address_prefix(&one);
		other = smr_address_prefix(&other);
		assert_int_equal(memcmp(&one, &other, sizeof(one)) == 0, cases[i].same);
	}
}

/* ---- Echo ---- */

static bool good_at(const uint8_t *k, uint64_t unix_s, const struct smr_address *address,
		    const uint8_t echo[SMR_ECHO_LEN])
{
	return smr_echo_good(k, unix_s, address, smr_bytes_of(echo, SMR_ECHO_LEN));
}

static void test_echo_is_good_for_its_address_and_a_while(void **state)
{
	const uint64_t made = 1700000000 / SMR_ECHO_WINDOW_S * SMR_ECHO_WINDOW_S; /* the first second of a window */
	const struct smr_address own = address_of("192.0.2.1", 5683);
	uint8_t other_key[SMR_ECHO_KEY_LEN] = {7};
	uint8_t echo[SMR_ECHO_LEN];

	(void)state;
	smr_echo_make(key, made, &own, echo);
	assert_true(good_at(key, made, &own, echo));
	assert_true(good_at(key, made + 3 * SMR_ECHO_WINDOW_S - 1, &own, echo));
	assert_false(good_at(key, made + 3 * SMR_ECHO_WINDOW_S, &own, echo));
	assert_true(good_at(key, made - SMR_ECHO_WINDOW_S, &own, echo)); /* by a clock that is behind */
	assert_false(good_at(key, made - SMR_ECHO_WINDOW_S - 1, &own, echo));
	assert_false(
		good_at(key, made + 256 * SMR_ECHO_WINDOW_S, &own, echo)); /* the octet of its window comes again */
	assert_false(good_at(other_key, made, &own, echo));
}

static void test_echo_of_another_address_port_or_with_any_bit_flipped_is_none(void **state)
{
	const struct smr_address own = address_of("192.0.2.1", 5683);
	const struct smr_address others[] = {address_of("192.0.2.2", 5683), address_of("192.0.2.1", 5684),
					     address_of("2001:db8::1", 5683)};
	uint8_t echo[SMR_ECHO_LEN];

	(void)state;
	smr_echo_make(key, 1700000000, &own, echo);
	for (size_t i = 0; i < SMR_COUNT(others); i++)
		assert_false(good_at(key, 1700000000, &others[i], echo));
	for (size_t bit = 0; bit < 8 * sizeof(echo); bit++) {
		echo[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(good_at(key, 1700000000, &own, echo));
		echo[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < sizeof(echo); len++)
		assert_false(smr_echo_good(key, 1700000000, &own, smr_bytes_of(echo, len)));
}

/* ---- budgets ---- */

static void test_budget_is_each_prefix_own_and_comes_back(void **state)
{
	struct smr_budget *budget = calloc(1, sizeof(*budget));
	const struct smr_address hog = address_of("192.0.2.1", 1);
	const struct smr_address neighbour = address_of("192.0.2.77", 2);
	const struct smr_address other = address_of("198.51.100.1", 1);
	unsigned taken = 0;

	(void)state;
	assert_non_null(budget);
	budget->key = key;
	budget->rate = 100;
	while (smr_budget_take(budget, taken % 2 ? &neighbour : &hog, NOW))
		taken++;
	assert_int_equal(taken, 100 * SMR_BUDGET_BURST_S);
	assert_true(smr_budget_take(budget, &other, NOW));
	for (unsigned i = 0; i < 50; i++)
		assert_true(smr_budget_take(budget, &hog, NOW + SECOND / 2));
	assert_false(smr_budget_take(budget, &hog, NOW + SECOND / 2));
	free(budget);
}

/* ---- answers ---- */

static void test_answer_is_remembered_for_the_same_datagram_from_the_same_place(void **state)
{
	const struct smr_address own = address_of("192.0.2.1", 1);
	const struct smr_address other = address_of("192.0.2.1", 2);
	struct smr_recent *recent = smr_recent_new(100, key);

	(void)state;
	assert_non_null(recent);
	smr_recent_put(recent, SMR_TEXT("request"), &own, SMR_TEXT("answer"), NOW);
	assert_true(smr_bytes_equal(smr_recent_get(recent, SMR_TEXT("request"), &own, NOW), SMR_TEXT("answer")));
	assert_int_equal(smr_recent_get(recent, SMR_TEXT("request"), &other, NOW).len, 0);
	assert_int_equal(smr_recent_get(recent, SMR_TEXT("requesu"), &own, NOW).len, 0);
	smr_recent_put(recent, SMR_TEXT("request"), &own, SMR_TEXT("newer"), NOW + 1);
	assert_true(smr_bytes_equal(smr_recent_get(recent, SMR_TEXT("request"), &own, NOW + 2), SMR_TEXT("newer")));
	assert_int_equal(smr_recent_get(recent, SMR_TEXT("request"), &own, NOW + 1 + SMR_RECENT_LIFE_S * SECOND).len,
			 0);
	smr_recent_free(recent);
}

static void test_answers_never_take_more_room_and_older_ones_go_first(void **state)
{
	const struct smr_address own = address_of("192.0.2.1", 1);
	static const uint8_t too_long[SMR_RECENT_ANSWER_MAX + 1];
	struct smr_recent *recent = smr_recent_new(64, key);
	size_t kept = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		smr_recent_put(recent, smr_bytes_of((const uint8_t *)&i, sizeof(i)), &own,
			       smr_bytes_of((const uint8_t *)&i, sizeof(i)), NOW + i);
	for (unsigned i = 0; i < 1000; i++) {
		struct smr_bytes got =
			smr_recent_get(recent, smr_bytes_of((const uint8_t *)&i, sizeof(i)), &own, NOW + 1000);

		if (got.len == 0)
			continue;
		kept++;
		assert_memory_equal(got.ptr, &i, sizeof(i));
		assert_true(i >= 700);
	}
	assert_in_range(kept, 40, 64);
	smr_recent_put(recent, SMR_TEXT("long"), &own, SMR_ARRAY(too_long), NOW);
	assert_int_equal(smr_recent_get(recent, SMR_TEXT("long"), &own, NOW).len, 0);
	smr_recent_free(recent);
	recent = smr_recent_new(0, key);
	smr_recent_put(recent, SMR_TEXT("request"), &own, SMR_TEXT("answer"), NOW);
	assert_int_equal(smr_recent_get(recent, SMR_TEXT("request"), &own, NOW).len, 0);
	smr_recent_free(recent);
}

/* ---- load ---- */

static void test_load_is_a_queue_that_stays_old(void **state)
{
	struct smr_load load = {.target_us = 100000, .hold_us = 10 * SECOND};

	(void)state;
	smr_load_note(&load, NOW, 300000);
	assert_false(smr_load_is(&load)); /* it may have been a pause */
	smr_load_note(&load, NOW + 90000, 310000);
	assert_false(smr_load_is(&load));
	smr_load_note(&load, NOW + 95000, 99999); /* it was */
	smr_load_note(&load, NOW + 110000, 320000);
	assert_false(smr_load_is(&load));
	smr_load_note(&load, NOW + 210000, 330000);
	assert_true(smr_load_is(&load));
	assert_int_equal(load.age_us, 330000);
	/* Short again: for a while that may be because of what is demanded. */
	smr_load_note(&load, NOW + 220000, 10);
	assert_true(smr_load_is(&load));
	smr_load_note(&load, NOW + 210000 + 10 * SECOND, 10);
	assert_false(smr_load_is(&load));
}

static void test_load_stragglers_far_apart_are_no_queue(void **state)
{
	struct smr_load load = {.target_us = 100000, .hold_us = 10 * SECOND};

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		smr_load_note(&load, NOW + i * SECOND, 300000);
		assert_false(smr_load_is(&load));
	}
	/* A store that answers once in a second, and requests that waited for all of it, are one. */
	smr_load_note(&load, NOW + 10 * SECOND, SECOND);
	assert_true(smr_load_is(&load));
}

/* ---- promises ---- */

static void test_later_slots_are_spread_at_the_rate_of_service(void **state)
{
	struct smr_later later = {.min_us = 10 * SECOND, .max_us = 900 * SECOND};
	uint32_t last = 0;

	(void)state;
	for (uint64_t i = 0; i < 4000; i++) /* four seconds, a thousand a second */
		smr_later_admitted(&later, NOW + i * 1000);
	assert_int_equal(smr_later_seconds(&later, NOW + 4 * SECOND, true, 0), 10);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t seconds = smr_later_seconds(&later, NOW + 4 * SECOND, true, 0);

		assert_true(seconds >= last);
		last = seconds;
	}
	assert_in_range(last, 100, 140);
	/* Time passes, the queue shrinks. */
	assert_in_range(smr_later_seconds(&later, NOW + 64 * SECOND, true, 0), 45, 75);
}

static void test_later_is_within_its_bounds_and_scattered(void **state)
{
	struct smr_later later = {.min_us = 10 * SECOND, .max_us = 900 * SECOND};

	(void)state;
	assert_in_range(smr_later_seconds(&later, NOW, true, UINT32_MAX), 12, 13);
	for (unsigned i = 0; i < 100000; i++)
		assert_in_range(smr_later_seconds(&later, NOW, true, i * 2654435761u), 10, 900);
	assert_int_equal(smr_later_seconds(&later, NOW, true, 0), 900);
	assert_in_range(smr_later_seconds(&later, NOW, true, UINT32_MAX), 675, 680);
}

static void test_later_for_an_unproved_address_makes_nobody_wait_longer(void **state)
{
	struct smr_later later = {.min_us = 10 * SECOND, .max_us = 900 * SECOND};

	(void)state;
	for (unsigned i = 0; i < 1000000; i++)
		assert_in_range(smr_later_seconds(&later, NOW, false, i * 2654435761u), 10, 20);
	assert_int_equal(smr_later_seconds(&later, NOW, true, 0), 10);
}

/* ---- the rule ---- */

static void test_rule_serves_the_better_proved_longer(void **state)
{
	enum { A = SMR_ADMIT, C = SMR_ADMIT_CHALLENGE, L = SMR_ADMIT_LATER, CALM = 100 };
	static const struct {
		enum smr_demand demand;
		enum smr_gate_use gate;
		uint64_t targets; /* age of the queue */
		uint8_t none, echo, echo_over, gate_within, gate_over;
	} cases[] = {
		{SMR_DEMAND_AUTO, SMR_GATE_PREFER, CALM, A, A, A, A, A},
		{SMR_DEMAND_AUTO, SMR_GATE_PREFER, 0, C, A, A, A, A},
		{SMR_DEMAND_AUTO, SMR_GATE_PREFER, 1, C, A, L, A, A},
		{SMR_DEMAND_AUTO, SMR_GATE_PREFER, 2, C, L, L, A, L},
		{SMR_DEMAND_AUTO, SMR_GATE_PREFER, 3, L, L, L, A, L},
		{SMR_DEMAND_AUTO, SMR_GATE_PREFER, 4, L, L, L, L, L},
		{SMR_DEMAND_AUTO, SMR_GATE_REQUIRE, CALM, A, A, A, A, A},
		{SMR_DEMAND_AUTO, SMR_GATE_REQUIRE, 1, C, L, L, A, A},
		{SMR_DEMAND_ALWAYS, SMR_GATE_PREFER, CALM, C, A, A, A, A},
		{SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE, CALM, C, L, L, A, A},
		{SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE, 4, L, L, L, L, L},
		{SMR_DEMAND_NEVER, SMR_GATE_REQUIRE, 0, A, A, A, A, A},
		{SMR_DEMAND_NEVER, SMR_GATE_REQUIRE, 3, A, A, A, A, L},
		{SMR_DEMAND_NEVER, SMR_GATE_PREFER, 4, L, L, L, L, L},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_server_config config = {.demand = cases[i].demand, .gate = cases[i].gate, .target_ms = 100};
		bool loaded = cases[i].targets != CALM;
		uint64_t age = cases[i].targets * 100000;

		assert_int_equal(smr_admission_decide(&config, loaded, age, SMR_PROOF_NONE, false), cases[i].none);
		assert_int_equal(smr_admission_decide(&config, loaded, age, SMR_PROOF_ECHO, true), cases[i].echo);
		assert_int_equal(smr_admission_decide(&config, loaded, age, SMR_PROOF_ECHO, false), cases[i].echo_over);
		assert_int_equal(smr_admission_decide(&config, loaded, age, SMR_PROOF_GATE, true),
				 cases[i].gate_within);
		assert_int_equal(smr_admission_decide(&config, loaded, age, SMR_PROOF_GATE, false), cases[i].gate_over);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash_has_the_published_values),
		cmocka_unit_test(test_prefix_is_what_a_site_has),
		cmocka_unit_test(test_echo_is_good_for_its_address_and_a_while),
		cmocka_unit_test(test_echo_of_another_address_port_or_with_any_bit_flipped_is_none),
		cmocka_unit_test(test_budget_is_each_prefix_own_and_comes_back),
		cmocka_unit_test(test_answer_is_remembered_for_the_same_datagram_from_the_same_place),
		cmocka_unit_test(test_answers_never_take_more_room_and_older_ones_go_first),
		cmocka_unit_test(test_load_is_a_queue_that_stays_old),
		cmocka_unit_test(test_load_stragglers_far_apart_are_no_queue),
		cmocka_unit_test(test_later_slots_are_spread_at_the_rate_of_service),
		cmocka_unit_test(test_later_is_within_its_bounds_and_scattered),
		cmocka_unit_test(test_later_for_an_unproved_address_makes_nobody_wait_longer),
		cmocka_unit_test(test_rule_serves_the_better_proved_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
