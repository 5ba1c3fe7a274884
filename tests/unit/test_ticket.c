/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/scene.h"
#include "tests/unit/seam.h"

#define LANE_AT 4u
#define NONCE_AT 5u

static void assert_same_ticket(const struct smr_ticket *a, const struct smr_ticket *b)
{
	assert_memory_equal(&a->eid, &b->eid, sizeof(a->eid));
	assert_memory_equal(a->rk, b->rk, sizeof(a->rk));
	assert_int_equal(a->lineage, b->lineage);
	assert_int_equal(a->flight_epoch, b->flight_epoch);
	assert_int_equal(a->policy_generation, b->policy_generation);
	assert_memory_equal(&a->shipment, &b->shipment, sizeof(a->shipment));
	assert_int_equal(a->group, b->group);
	assert_int_equal(a->state, b->state);
}

static void test_ticket_opens_to_what_was_sealed(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket got;
	uint32_t id;

	assert_int_equal(smr_ticket_peek(s->sealed_ticket, &id), SMR_OK);
	assert_int_equal(id, s->tk.id);
	assert_int_equal(smr_tk_epoch(id), 0xabcdef);
	assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, s->sealed_ticket, &got), SMR_OK);
	assert_same_ticket(&got, &s->ticket);
}

static void test_ticket_of_zeros_opens_to_what_was_sealed(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket nothing = {.lineage = 0};
	struct smr_ticket got;
	uint8_t room[SMR_TICKET_MAX];
	struct smr_space sealed = {room, sizeof(room)};

	assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &nothing, &sealed), SMR_OK);
	assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, view(sealed), &got), SMR_OK);
	assert_same_ticket(&got, &nothing);
}

/* Two tickets of the same content have nothing in common but the key's id: on the path they do not link contacts. */
static void test_ticket_sealed_twice_differs(void **state)
{
	const struct scene *s = *state;
	uint8_t room[SMR_TICKET_MAX];
	struct smr_space sealed = {room, sizeof(room)};

	assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &s->ticket, &sealed), SMR_OK);
	assert_int_equal(sealed.len, s->sealed_ticket.len);
	for (size_t i = NONCE_AT; i + 8 <= sealed.len; i++)
		assert_memory_not_equal(room + i, s->sealed_ticket.ptr + i, 8);
}

static void test_ticket_every_truncation_is_refused(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket got;

	for (size_t len = 0; len < s->sealed_ticket.len; len++)
		assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, smr_bytes_of(s->sealed_ticket.ptr, len), &got),
				 SMR_E_UNOPENED);
}

static void test_ticket_peek_outside_its_bounds_is_malformed(void **state)
{
	uint8_t room[SMR_TICKET_MAX + 1] = {1, 2, 3, 4};
	uint32_t id;

	(void)state;
	assert_int_equal(smr_ticket_peek(smr_bytes_of(room, SMR_TICKET_OVERHEAD - 1), &id), SMR_E_MALFORMED);
	assert_int_equal(smr_ticket_peek(smr_bytes_of(room, SMR_TICKET_OVERHEAD), &id), SMR_OK);
	assert_int_equal(smr_ticket_peek(smr_bytes_of(room, SMR_TICKET_MAX), &id), SMR_OK);
	assert_int_equal(smr_ticket_peek(smr_bytes_of(room, SMR_TICKET_MAX + 1), &id), SMR_E_MALFORMED);
}

static void test_ticket_every_flipped_bit_is_refused(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket got;
	uint8_t room[SMR_TICKET_MAX];

	memcpy(room, s->sealed_ticket.ptr, s->sealed_ticket.len);
	for (size_t bit = 0; bit < s->sealed_ticket.len * 8; bit++) {
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, smr_bytes_of(room, s->sealed_ticket.len), &got),
				 SMR_E_UNOPENED);
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_ticket_seal_in_every_smaller_room_is_refused_without_rk(void **state)
{
	const struct scene *s = *state;
	uint8_t room[SMR_TICKET_MAX];

	for (size_t len = 0; len < s->sealed_ticket.len; len++) {
		struct smr_space sealed = {room, len};

		memset(room, 0, sizeof(room));
		assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &s->ticket, &sealed), SMR_E_NO_ROOM);
		assert_false(occurs(room, sizeof(room), s->ticket.rk, 8));
		assert_true(is_zero(room + len, sizeof(room) - len));
	}
}

static void test_attack_ticket_under_another_key_is_not_opened(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket_key other = s->tk;
	struct smr_ticket got;

	other.key[0] ^= 1;
	assert_int_equal(smr_ticket_open(&other, &scene_lanes, s->sealed_ticket, &got), SMR_E_UNOPENED);
	other = s->tk;
	other.id++;
	assert_int_equal(smr_ticket_open(&other, &scene_lanes, s->sealed_ticket, &got), SMR_E_UNOPENED);
}

/* The id in clear decides the age of a ticket: relabelling one must not work, even where two ids had one key. */
static void test_attack_ticket_relabelled_is_not_opened(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket_key other = s->tk;
	struct smr_ticket got;
	uint8_t room[SMR_TICKET_MAX];

	memcpy(room, s->sealed_ticket.ptr, s->sealed_ticket.len);
	other.id++;
	smr_put_be32(room, other.id);
	assert_int_equal(smr_ticket_open(&other, &scene_lanes, smr_bytes_of(room, s->sealed_ticket.len), &got),
			 SMR_E_UNOPENED);
}

/* Sealed with the true key, yet not a ticket. */
static void test_ticket_with_another_plaintext_is_malformed(void **state)
{
	const struct scene *s = *state;
	uint8_t sealed[SMR_TICKET_MAX] = {0};
	uint8_t plain[80] = {0x88, 0x50, 'e', 'i', 'd'};
	uint8_t key[32];
	uint8_t info[] = "samara1 ticket\0IDID\005\001"; /* lane 5, block 1 */
	const struct smr_bytes parts = smr_bytes_of(info, sizeof(info) - 1);
	struct smr_ticket got;

	/* HKDF-Expand of one block, by hand. */
	smr_put_be32(info + sizeof("samara1 ticket"), s->tk.id);
	assert_int_equal(smr_hmac_sha256(SMR_ARRAY(s->tk.key), &parts, 1, key), SMR_OK);
	smr_put_be32(sealed, s->tk.id);
	sealed[LANE_AT] = 5;
	memcpy(sealed + NONCE_AT, "NONCE OF 12.", SMR_AEAD_NONCE_LEN);
	for (size_t len = 0; len < sizeof(plain); len++) {
		assert_int_equal(smr_aead_seal(key, sealed + NONCE_AT, SMR_NONE, smr_bytes_of(plain, len),
					       sealed + SMR_TICKET_OVERHEAD - SMR_AEAD_TAG_LEN),
				 SMR_OK);
		memset(&got, 0x5a, sizeof(got));
		assert_int_equal(
			smr_ticket_open(&s->tk, &scene_lanes, smr_bytes_of(sealed, SMR_TICKET_OVERHEAD + len), &got),
			SMR_E_MALFORMED);
		assert_true(is_zero(&got, sizeof(got)));
	}
}

static void test_ticket_with_any_failing_call_leaves_nothing(void **state)
{
	const struct scene *s = *state;
	uint8_t room[SMR_TICKET_MAX] = {0};
	struct smr_space sealed = {room, sizeof(room)};
	struct smr_ticket got;

	for (unsigned n = 1; n <= 4; n++) { /* random, HMAC, key, AEAD */
		smr_ticket_lanes_wipe(&scene_lanes);
		seam_fail_at(n);
		assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &s->ticket, &sealed), SMR_E_CRYPTO);
		assert_false(occurs(room, sizeof(room), s->ticket.rk, 8));
	}
	for (unsigned n = 1; n <= 3; n++) {
		smr_ticket_lanes_wipe(&scene_lanes);
		seam_fail_at(n);
		assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, s->sealed_ticket, &got), SMR_E_CRYPTO);
	}
	seam_fail_at(0);
}

/* What was made ready under a number serves neither another key of that number nor another lane. */
static void test_lanes_are_of_one_key_and_one_number(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket_key other = s->tk;
	uint8_t room[SMR_TICKET_MAX];
	struct smr_ticket got;

	memcpy(room, s->sealed_ticket.ptr, s->sealed_ticket.len);
	other.key[SMR_TK_LEN - 1] ^= 1;
	for (unsigned lane = 0; lane < 256; lane++) {
		bool same = lane == s->sealed_ticket.ptr[LANE_AT];

		room[LANE_AT] = (uint8_t)lane;
		assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, smr_bytes_of(room, s->sealed_ticket.len), &got),
				 same ? SMR_OK : SMR_E_UNOPENED);
		assert_int_equal(smr_ticket_open(&other, &scene_lanes, smr_bytes_of(room, s->sealed_ticket.len), &got),
				 SMR_E_UNOPENED);
	}
	assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, s->sealed_ticket, &got), SMR_OK);
}

/* 2^32 messages are too many for one key only if it is one key: over 400 tickets all lanes are used, and none above. */
static void test_tickets_are_sealed_in_all_lanes(void **state)
{
	const struct scene *s = *state;
	unsigned used[256] = {0};
	uint8_t room[SMR_TICKET_MAX];

	for (int i = 0; i < 400; i++) {
		struct smr_space sealed = {room, sizeof(room)};

		assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &s->ticket, &sealed), SMR_OK);
		used[room[LANE_AT]]++;
	}
	for (unsigned lane = 0; lane < SMR_COUNT(used); lane++)
		assert_int_equal(used[lane] != 0, lane < SMR_TICKET_LANES);
}

/* As many keys as an RO has in a year take each other's places: whatever is there, or not, each opens its own tickets. */
static void test_lanes_of_many_keys_take_turns(void **state)
{
	const struct scene *s = *state;
	static struct {
		struct smr_ticket_key tk;
		uint8_t room[SMR_TICKET_MAX];
		struct smr_space sealed;
	} of[400];
	struct smr_ticket got;

	for (size_t i = 0; i < SMR_COUNT(of); i++) {
		of[i].tk = (struct smr_ticket_key){.id = smr_tk_id((uint32_t)i % 5, (uint32_t)i / 5)};
		of[i].tk.key[0] = (uint8_t)i;
		of[i].tk.key[1] = (uint8_t)(i >> 8);
		of[i].sealed = (struct smr_space){of[i].room, sizeof(of[i].room)};
		assert_int_equal(smr_ticket_seal(&of[i].tk, &scene_lanes, &s->ticket, &of[i].sealed), SMR_OK);
	}
	for (size_t i = 0; i < 2 * SMR_COUNT(of); i++) {
		size_t one = i * 7 % SMR_COUNT(of);

		assert_int_equal(smr_ticket_open(&of[one].tk, &scene_lanes, view(of[one].sealed), &got), SMR_OK);
		assert_same_ticket(&got, &s->ticket);
	}
}

/* What is kept ready makes the next ticket cheaper, and nothing of it stays once it is wiped. */
static void test_lane_is_made_ready_once_and_erased(void **state)
{
	const struct scene *s = *state;
	static const struct smr_ticket_lanes none;
	struct smr_ticket got;

	smr_ticket_lanes_wipe(&scene_lanes);
	seam_reset();
	for (int i = 0; i < 3; i++)
		assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, s->sealed_ticket, &got), SMR_OK);
	assert_int_equal(seam_counts().ready, 1);
	assert_int_equal(seam_counts().hmac, 1);
	assert_int_equal(seam_counts().open, 3);
	smr_ticket_lanes_wipe(&scene_lanes);
	assert_memory_equal(&scene_lanes, &none, sizeof(none));
	assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, s->sealed_ticket, &got), SMR_OK);
	assert_int_equal(seam_counts().ready, 2);
}

static void test_judge_by_epochs(void **state)
{
	static const struct {
		uint32_t flight, key, now, lifetime;
		enum smr_refusal want;
	} cases[] = {
		{10, 10, 10, 0, SMR_REFUSAL_NONE},
		{10, 10, 11, 0, SMR_REFUSAL_TICKET_OLD},
		{10, 10, 15, 5, SMR_REFUSAL_NONE},
		{10, 15, 15, 5, SMR_REFUSAL_NONE},
		{10, 15, 16, 5, SMR_REFUSAL_TICKET_OLD}, /* renewal does not make a lineage younger */
		{10, 10, 16, 5, SMR_REFUSAL_TICKET_OLD},
		{11, 10, 15, 5, SMR_REFUSAL_TICKET_OLD}, /* claims a flight after its own key: made with a leaked one */
		{11, 12, 10, 0, SMR_REFUSAL_NONE},	 /* of a front end whose clock is ahead of ours */
		{12, 12, 10, 0, SMR_REFUSAL_NONE},
		{13, 13, 10, 5, SMR_REFUSAL_TICKET_OLD}, /* a flight in the future */
		{13, 13, 10, UINT32_MAX, SMR_REFUSAL_TICKET_OLD},
		{0, 0, 0x7fffff, 0x7fffff, SMR_REFUSAL_NONE},
		{0, 0, 0x7fffff, 0x7ffffe, SMR_REFUSAL_TICKET_OLD},
		{0xffffff, 0xffffff, 2, 3, SMR_REFUSAL_NONE}, /* the turn of the epoch counter */
		{0xffffff, 1, 2, 3, SMR_REFUSAL_NONE},
		{0xffffff, 1, 3, 3, SMR_REFUSAL_TICKET_OLD},
		{1, 0xffffff, 2, 3, SMR_REFUSAL_TICKET_OLD},
		{0x1000010, 0x10, 0x10, 5, SMR_REFUSAL_TICKET_OLD}, /* no epoch */
		{UINT32_MAX, 0xffffff, 0xffffff, 5, SMR_REFUSAL_TICKET_OLD},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		for (uint32_t class = 0; class < 256; class += 85) {
			struct smr_ticket ticket = {.flight_epoch = cases[i].flight};

			if (smr_ticket_judge(&ticket, smr_tk_id(class, cases[i].key), cases[i].now,
					     cases[i].lifetime) != cases[i].want)
				fail_msg("case %zu, class %u", i, class);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket_opens_to_what_was_sealed),
		cmocka_unit_test(test_ticket_of_zeros_opens_to_what_was_sealed),
		cmocka_unit_test(test_ticket_sealed_twice_differs),
		cmocka_unit_test(test_ticket_every_truncation_is_refused),
		cmocka_unit_test(test_ticket_peek_outside_its_bounds_is_malformed),
		cmocka_unit_test(test_ticket_every_flipped_bit_is_refused),
		cmocka_unit_test(test_ticket_seal_in_every_smaller_room_is_refused_without_rk),
		cmocka_unit_test(test_attack_ticket_under_another_key_is_not_opened),
		cmocka_unit_test(test_attack_ticket_relabelled_is_not_opened),
		cmocka_unit_test(test_ticket_with_another_plaintext_is_malformed),
		cmocka_unit_test(test_ticket_with_any_failing_call_leaves_nothing),
		cmocka_unit_test(test_lanes_are_of_one_key_and_one_number),
		cmocka_unit_test(test_tickets_are_sealed_in_all_lanes),
		cmocka_unit_test(test_lanes_of_many_keys_take_turns),
		cmocka_unit_test(test_lane_is_made_ready_once_and_erased),
		cmocka_unit_test(test_judge_by_epochs),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
