/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/scene.h"
#include "tests/unit/seam.h"

#define CTR 0xfedcba99u

/* A check-in from C1 to the keys of C2. */
struct visit {
	uint8_t c1_room[SMR_C1_MAX];
	struct smr_space c1;
	struct smr_checkin kept;
	struct smr_c1 opened;
	struct smr_c2_keys keys;
};

struct c2_answer {
	uint8_t room[SMR_C2_MAX];
	struct smr_space c2;
};

struct opened_c2 {
	uint8_t scratch[SMR_C2_MAX];
	struct smr_c2 c2;
	uint8_t rk[SMR_RK_LEN];
	uint8_t spare_rk[SMR_RK_LEN];
};

/* ---- helpers ---- */

static enum smr_err build(struct visit *v, const struct scene *s, const struct smr_report *report, size_t room)
{
	memset(v, 0, sizeof(*v));
	v->c1 = (struct smr_space){v->c1_room, room};
	return smr_c1_build(s->ticket.rk, s->sealed_ticket, CTR, report, &v->c1, &v->kept);
}

static void visit(struct visit *v, const struct scene *s, const struct smr_report *report)
{
	assert_int_equal(build(v, s, report, sizeof(v->c1_room)), SMR_OK);
	assert_int_equal(smr_c1_open(&s->ticket, view(v->c1), &v->opened), SMR_OK);
	assert_int_equal(smr_c2_keys(&v->opened.keys, &v->keys), SMR_OK);
}

static struct smr_report full_report(const struct scene *s)
{
	struct smr_report report = {.receipt_count = SMR_RECEIPTS_MAX, .mcim_state = SMR_MCIM_SUSPENDED, .tamper = 7};

	for (size_t i = 0; i < SMR_RECEIPTS_MAX; i++) {
		report.receipts[i] = i % 2 == 0 ? s->install_receipt : s->command_receipt;
		report.receipts[i].serial += i;
	}
	return report;
}

static struct smr_c2 full_answer(const struct scene *s)
{
	struct smr_c2 c2 = {
		.object_count = SMR_OBJECTS_MAX,
		.ticket = s->sealed_ticket,
		.spare_ticket = s->sealed_ticket,
		.beacon = s->beacon,
		.flight_key = s->flight_key,
	};

	for (size_t i = 0; i < SMR_OBJECTS_MAX; i++)
		c2.objects[i] = s->command;
	return c2;
}

static void assert_same_report(const struct smr_report *a, const struct smr_report *b)
{
	assert_int_equal(a->receipt_count, b->receipt_count);
	for (size_t i = 0; i < a->receipt_count; i++) {
		assert_int_equal(a->receipts[i].kind, b->receipts[i].kind);
		assert_memory_equal(&a->receipts[i].iccid, &b->receipts[i].iccid, sizeof(struct smr_iccid));
		assert_int_equal(a->receipts[i].serial, b->receipts[i].serial);
		assert_int_equal(a->receipts[i].result, b->receipts[i].result);
		assert_memory_equal(a->receipts[i].mac, b->receipts[i].mac, SMR_RECEIPT_MAC_LEN);
	}
	assert_int_equal(a->mcim_state, b->mcim_state);
	assert_int_equal(a->tamper, b->tamper);
}

static void assert_same_answer(const struct smr_c2 *a, const struct smr_c2 *b)
{
	assert_int_equal(a->refusal, b->refusal);
	assert_int_equal(a->object_count, b->object_count);
	for (size_t i = 0; i < a->object_count; i++)
		assert_bytes_equal(a->objects[i], b->objects[i]);
	assert_bytes_equal(a->ticket, b->ticket);
	assert_bytes_equal(a->spare_ticket, b->spare_ticket);
	assert_int_equal(a->beacon.number, b->beacon.number);
	assert_memory_equal(a->beacon.value, b->beacon.value, SMR_BEACON_LEN);
	assert_bytes_equal(a->flight_key, b->flight_key);
}

static struct smr_bytes seal_c2(struct c2_answer *answer, const struct visit *v, const struct smr_c2 *c2)
{
	answer->c2 = (struct smr_space){answer->room, sizeof(answer->room)};
	assert_int_equal(smr_c2_seal(&v->opened.keys, v->keys.r, c2, &answer->c2), SMR_OK);
	return view(answer->c2);
}

static enum smr_err open_c2(struct opened_c2 *got, const struct smr_checkin *kept, struct smr_bytes datagram)
{
	memset(got, 0x5a, sizeof(*got));
	return smr_c2_open(kept, datagram, (struct smr_space){got->scratch, sizeof(got->scratch)}, &got->c2, got->rk,
			   got->spare_rk);
}

/* ---- as it should be ---- */

static void check_visit(const struct scene *s, const struct smr_report *report, const struct smr_c2 *c2)
{
	struct opened_c2 got;
	struct c2_answer answer;
	struct visit v;
	struct smr_bytes ticket;
	uint32_t id;

	visit(&v, s, report);
	assert_int_equal(smr_c1_peek(view(v.c1), &ticket, &id), SMR_OK);
	assert_int_equal(id, s->tk.id);
	assert_bytes_equal(ticket, s->sealed_ticket);
	assert_int_equal(v.opened.ctr, CTR);
	assert_same_report(&v.opened.report, report);
	assert_memory_equal(&v.opened.keys, &v.kept, sizeof(v.kept));
	assert_int_equal(open_c2(&got, &v.kept, seal_c2(&answer, &v, c2)), SMR_OK);
	assert_same_answer(&got.c2, c2);
	if (c2->ticket.len != 0)
		assert_memory_equal(got.rk, v.keys.rk, SMR_RK_LEN);
	else
		assert_true(is_zero(got.rk, SMR_RK_LEN));
	if (c2->spare_ticket.len != 0)
		assert_memory_equal(got.spare_rk, v.keys.spare_rk, SMR_RK_LEN);
	else
		assert_true(is_zero(got.spare_rk, SMR_RK_LEN));
}

static void test_checkin_with_nothing_brings_the_next_ticket(void **state)
{
	const struct scene *s = *state;
	struct smr_c2 c2 = {.ticket = s->sealed_ticket};

	check_visit(s, &s->idle_report, &c2);
}

static void test_checkin_with_all_members_brings_them(void **state)
{
	const struct scene *s = *state;
	struct smr_report report = full_report(s);
	struct smr_c2 c2 = full_answer(s);

	check_visit(s, &report, &c2);
}

static void test_checkin_with_each_number_of_receipts_and_objects(void **state)
{
	const struct scene *s = *state;

	for (size_t n = 0; n <= SMR_RECEIPTS_MAX; n++) {
		struct smr_report report = full_report(s);
		struct smr_c2 c2 = full_answer(s);

		report.receipt_count = n;
		report.tamper = n == 1 ? UINT32_MAX : 0;
		report.mcim_state = (enum smr_mcim_state)(n % 3);
		c2.object_count = n;
		check_visit(s, &report, &c2);
	}
}

static void test_checkin_refused_brings_the_reason_alone(void **state)
{
	const struct scene *s = *state;

	for (unsigned reason = 1; reason <= SMR_REFUSAL_TAMPER; reason++) {
		struct smr_c2 c2 = {.refusal = (enum smr_refusal)reason};

		check_visit(s, &s->idle_report, &c2);
	}
}

static void test_c1_of_the_same_state_is_the_same_octets(void **state)
{
	const struct scene *s = *state;
	struct visit a, b;

	visit(&a, s, &s->idle_report);
	visit(&b, s, &s->idle_report);
	assert_bytes_equal(view(a.c1), view(b.c1));
}

/* The same answer to a repeated request: r is fresh, and with it every octet that is sealed, and the next ticket's keys. */
static void test_c2_of_the_same_request_is_fresh_each_time(void **state)
{
	const struct scene *s = *state;
	const struct smr_c2 c2 = {.ticket = s->sealed_ticket};
	struct smr_c2_keys again;
	struct c2_answer a, b;
	struct visit v;

	visit(&v, s, &s->idle_report);
	seal_c2(&a, &v, &c2);
	again = v.keys;
	assert_int_equal(smr_c2_keys(&v.opened.keys, &v.keys), SMR_OK);
	assert_memory_not_equal(again.rk, v.keys.rk, sizeof(again.rk));
	assert_memory_not_equal(again.spare_rk, v.keys.spare_rk, sizeof(again.spare_rk));
	seal_c2(&b, &v, &c2);
	assert_int_equal(a.c2.len, b.c2.len);
	assert_memory_not_equal(a.room + 2, b.room + 2, 8);
	for (size_t i = 2; i + 8 <= a.c2.len; i++)
		assert_memory_not_equal(a.room + i, b.room + i, 8);
}

static void test_keys_of_a_contact_differ(void **state)
{
	const struct scene *s = *state;
	struct smr_report other = full_report(s);
	struct visit a, b;

	visit(&a, s, &s->idle_report);
	visit(&b, s, &other);
	assert_memory_not_equal(a.kept.response_key, a.kept.next, SMR_RK_LEN);
	assert_memory_not_equal(a.keys.spare_rk, a.keys.rk, SMR_RK_LEN);
	assert_memory_not_equal(a.kept.response_key, b.kept.response_key, SMR_RK_LEN);
	assert_memory_not_equal(a.kept.next, b.kept.next, SMR_RK_LEN);
}

static void test_checkin_costs_on_the_server(void **state)
{
	const struct scene *s = *state;
	struct smr_c2 c2 = {.ticket = s->sealed_ticket};
	struct seam_counts counts;
	struct smr_ticket ticket;
	struct c2_answer answer;
	struct visit v;

	visit(&v, s, &s->idle_report);
	seam_reset();
	assert_int_equal(smr_ticket_open(&s->tk, &scene_lanes, s->sealed_ticket, &ticket), SMR_OK);
	assert_int_equal(smr_c1_open(&ticket, view(v.c1), &v.opened), SMR_OK);
	assert_int_equal(smr_c2_keys(&v.opened.keys, &v.keys), SMR_OK);
	seal_c2(&answer, &v, &c2);
	counts = seam_counts();
	assert_int_equal(counts.hmac, 1 + 2 + 1); /* rk is made ready for its keys, the ticket key was */
	assert_int_equal(counts.sha256, 1);
	assert_int_equal(counts.open, 2);
	assert_int_equal(counts.seal, 1);
	assert_int_equal(counts.random, 1);
	assert_int_equal(counts.all, 4 + 1 + 2 + 1 + 1);
}

/* ---- habits ---- */

static void assert_request_refused(const struct scene *s, struct smr_bytes datagram)
{
	struct smr_c1 got;

	memset(&got, 0x5a, sizeof(got));
	assert_int_not_equal(smr_c1_open(&s->ticket, datagram, &got), SMR_OK);
	assert_true(is_zero(&got, sizeof(got)));
}

static void test_c1_every_truncation_is_refused(void **state)
{
	const struct scene *s = *state;
	struct smr_report report = full_report(s);
	struct smr_bytes ticket;
	struct visit v;
	uint32_t id;

	visit(&v, s, &report);
	for (size_t len = 0; len < v.c1.len; len++) {
		assert_request_refused(s, smr_bytes_of(v.c1.ptr, len));
		assert_int_equal(smr_c1_peek(smr_bytes_of(v.c1.ptr, len), &ticket, &id), SMR_E_MALFORMED);
	}
	v.c1_room[v.c1.len] = 0; /* nor with an octet more */
	assert_request_refused(s, smr_bytes_of(v.c1_room, v.c1.len + 1));
}

static void test_c1_every_flipped_bit_is_refused(void **state)
{
	const struct scene *s = *state;
	struct smr_report report = full_report(s);
	struct visit v;

	visit(&v, s, &report);
	for (size_t bit = 0; bit < v.c1.len * 8; bit++) {
		v.c1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_request_refused(s, view(v.c1));
		v.c1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_c1_build_in_every_smaller_room_is_refused(void **state)
{
	const struct scene *s = *state;
	struct smr_report report = full_report(s);
	struct visit v;
	size_t len;

	visit(&v, s, &report);
	len = v.c1.len;
	for (size_t room = 0; room < len; room++) {
		assert_int_equal(build(&v, s, &report, room), SMR_E_NO_ROOM);
		assert_true(is_zero(&v.kept, sizeof(v.kept)));
		assert_true(is_zero(v.c1_room + room, sizeof(v.c1_room) - room));
		assert_false(occurs(v.c1_room, sizeof(v.c1_room), s->package.iccid.octets, SMR_ICCID_LEN));
	}
	assert_int_equal(build(&v, s, &report, len), SMR_OK);
}

static void test_c1_build_of_what_no_server_reads_is_invalid(void **state)
{
	const struct scene *s = *state;
	struct smr_report report = s->idle_report;
	uint8_t room[SMR_C1_MAX];
	struct smr_space c1 = {room, sizeof(room)};
	struct smr_checkin kept;

	assert_int_equal(smr_c1_build(s->ticket.rk, SMR_NONE, CTR, &report, &c1, &kept), SMR_E_INVALID);
	report.receipt_count = SMR_RECEIPTS_MAX + 1;
	assert_int_equal(smr_c1_build(s->ticket.rk, s->sealed_ticket, CTR, &report, &c1, &kept), SMR_E_INVALID);
	report.receipt_count = 0;
	report.mcim_state = (enum smr_mcim_state)3;
	assert_int_equal(smr_c1_build(s->ticket.rk, s->sealed_ticket, CTR, &report, &c1, &kept), SMR_E_INVALID);
}

static void assert_answer_refused(const struct scene *s, const struct smr_checkin *kept, struct smr_bytes datagram)
{
	struct opened_c2 got;

	assert_int_not_equal(open_c2(&got, kept, datagram), SMR_OK);
	assert_true(is_zero(&got.c2, sizeof(got.c2)));
	assert_true(is_zero(got.rk, sizeof(got.rk)));
	assert_true(is_zero(got.spare_rk, sizeof(got.spare_rk)));
	assert_false(occurs(got.scratch, sizeof(got.scratch), s->sealed_ticket.ptr, 8));
}

static void test_c2_every_truncation_is_refused(void **state)
{
	const struct scene *s = *state;
	struct smr_c2 c2 = full_answer(s);
	struct c2_answer answer;
	struct visit v;

	visit(&v, s, &s->idle_report);
	seal_c2(&answer, &v, &c2);
	for (size_t len = 0; len < answer.c2.len; len++)
		assert_answer_refused(s, &v.kept, smr_bytes_of(answer.room, len));
	answer.room[answer.c2.len] = 0; /* nor with an octet more */
	assert_answer_refused(s, &v.kept, smr_bytes_of(answer.room, answer.c2.len + 1));
}

static void test_c2_every_flipped_bit_is_refused(void **state)
{
	const struct scene *s = *state;
	struct smr_c2 c2 = full_answer(s);
	struct c2_answer answer;
	struct visit v;

	visit(&v, s, &s->idle_report);
	seal_c2(&answer, &v, &c2);
	for (size_t bit = 0; bit < answer.c2.len * 8; bit++) {
		answer.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_answer_refused(s, &v.kept, view(answer.c2));
		answer.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_c2_seal_in_every_smaller_room_is_refused_without_plaintext(void **state)
{
	const struct scene *s = *state;
	struct smr_c2 c2 = full_answer(s);
	struct c2_answer answer;
	struct visit v;
	size_t len;

	visit(&v, s, &s->idle_report);
	len = seal_c2(&answer, &v, &c2).len;
	for (size_t room = 0; room < len; room++) {
		memset(answer.room, 0, sizeof(answer.room));
		answer.c2.len = room;
		assert_int_equal(smr_c2_seal(&v.opened.keys, v.keys.r, &c2, &answer.c2), SMR_E_NO_ROOM);
		assert_true(is_zero(answer.room + room, sizeof(answer.room) - room));
		assert_false(occurs(answer.room, sizeof(answer.room), s->sealed_ticket.ptr, 8));
	}
}

static void test_c2_seal_of_what_no_device_reads_is_invalid(void **state)
{
	static const uint8_t long_object[SMR_OBJECT_MAX + 1];
	const struct scene *s = *state;
	struct smr_c2 c2 = full_answer(s);
	uint8_t room[SMR_C2_MAX];
	struct smr_space out = {room, sizeof(room)};
	struct visit v;

	visit(&v, s, &s->idle_report);
	c2.object_count = SMR_OBJECTS_MAX + 1;
	assert_int_equal(smr_c2_seal(&v.opened.keys, v.keys.r, &c2, &out), SMR_E_INVALID);
	c2.object_count = 1;
	c2.objects[0] = SMR_NONE;
	assert_int_equal(smr_c2_seal(&v.opened.keys, v.keys.r, &c2, &out), SMR_E_INVALID);
	c2.objects[0] = SMR_ARRAY(long_object);
	assert_int_equal(smr_c2_seal(&v.opened.keys, v.keys.r, &c2, &out), SMR_E_INVALID);
	c2.object_count = 0;
	c2.ticket = SMR_NONE;
	assert_int_equal(smr_c2_seal(&v.opened.keys, v.keys.r, &c2, &out), SMR_E_INVALID);
}

/* HKDF-Expand of one block, by hand: the first octets of KDF(rk, "c1", –). */
static void request_key(const struct scene *s, uint8_t key[SMR_HASH_LEN])
{
	uint8_t info[] = "samara1 c1\0\001";
	const struct smr_bytes parts = smr_bytes_of(info, sizeof(info) - 1);

	assert_int_equal(smr_hmac_sha256(SMR_ARRAY(s->ticket.rk), &parts, 1, key), SMR_OK);
}

/* Sealed by the device's own key, yet not a report. */
static void test_c1_with_a_breach_of_the_grammar_is_malformed(void **state)
{
	static const struct {
		uint8_t len;
		uint8_t plain[8];
		enum smr_err want;
	} cases[] = {
		{3, {0xa1, 0x02, 0x01}, SMR_OK},
		{0, {0}, SMR_E_MALFORMED},
		{1, {0xa0}, SMR_E_MALFORMED},			      /* state is missing */
		{3, {0xa1, 0x03, 0x01}, SMR_E_MALFORMED},	      /* state is missing */
		{3, {0xa1, 0x02, 0x03}, SMR_E_MALFORMED},	      /* state unknown */
		{5, {0xa2, 0x02, 0x01, 0x03, 0x00}, SMR_E_MALFORMED}, /* tamper 0 */
		{5, {0xa2, 0x01, 0x80, 0x02, 0x01}, SMR_E_MALFORMED}, /* no receipt in the list */
		{5, {0xa2, 0x02, 0x01, 0x04, 0x00}, SMR_E_MALFORMED}, /* unknown key */
		{5, {0xa2, 0x00, 0x01, 0x02, 0x01}, SMR_E_MALFORMED}, /* unknown key */
		{5, {0xa2, 0x03, 0x01, 0x02, 0x01}, SMR_E_MALFORMED}, /* keys descend */
		{4, {0xa1, 0x02, 0x01, 0x00}, SMR_E_MALFORMED},	      /* octets after the end */
		{4, {0xa1, 0x02, 0x18, 0x01}, SMR_E_MALFORMED},	      /* not the shortest form */
	};
	const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xdc, 0xba, 0x99}; /* CTR */
	const struct scene *s = *state;
	uint8_t key[SMR_HASH_LEN];
	size_t head;
	struct visit v;

	visit(&v, s, &s->idle_report);
	request_key(s, key);
	head = v.c1.len - 1 - 3 - SMR_AEAD_TAG_LEN;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		size_t sealed_len = cases[i].len + SMR_AEAD_TAG_LEN;

		assert_true(sealed_len < 24);
		v.c1_room[head] = (uint8_t)(0x40 | sealed_len);
		assert_int_equal(smr_aead_seal(key, nonce, smr_bytes_of(v.c1_room, head),
					       smr_bytes_of(cases[i].plain, cases[i].len), v.c1_room + head + 1),
				 SMR_OK);
		if (smr_c1_open(&s->ticket, smr_bytes_of(v.c1_room, head + 1 + sealed_len), &v.opened) != cases[i].want)
			fail_msg("case %zu", i);
	}
}

/* ---- a failing library ---- */

static void test_checkin_with_any_failing_call_leaves_nothing(void **state)
{
	const struct scene *s = *state;
	struct smr_report report = full_report(s);
	struct smr_c2 c2 = full_answer(s);
	struct c2_answer answer = {.c2 = {NULL, 0}};
	struct visit v;

	for (unsigned n = 1; n <= 5; n++) { /* rk, c1, AEAD, hash, c2 */
		seam_fail_at(n);
		assert_int_equal(build(&v, s, &report, sizeof(v.c1_room)), SMR_E_CRYPTO);
		assert_true(is_zero(&v.kept, sizeof(v.kept)));
		assert_false(occurs(v.c1_room, sizeof(v.c1_room), s->package.iccid.octets, SMR_ICCID_LEN));
	}
	seam_fail_at(0);
	visit(&v, s, &report);
	for (unsigned n = 1; n <= 5; n++) {
		seam_fail_at(n);
		assert_request_refused(s, view(v.c1));
		assert_true(seam_did_fail());
	}
	for (unsigned n = 1; n <= 2; n++) { /* random, HMAC */
		struct smr_c2_keys keys;

		seam_fail_at(n);
		assert_int_equal(smr_c2_keys(&v.kept, &keys), SMR_E_CRYPTO);
		assert_true(is_zero(&keys, sizeof(keys)));
	}
	seam_fail_at(1);
	answer.c2 = (struct smr_space){answer.room, sizeof(answer.room)};
	assert_int_equal(smr_c2_seal(&v.opened.keys, v.keys.r, &c2, &answer.c2), SMR_E_CRYPTO);
	assert_false(occurs(answer.room, sizeof(answer.room), s->sealed_ticket.ptr, 8));
	seam_fail_at(0);
	seal_c2(&answer, &v, &c2);
	for (unsigned n = 1; n <= 2; n++) { /* AEAD, rk */
		seam_fail_at(n);
		assert_answer_refused(s, &v.kept, view(answer.c2));
		assert_true(seam_did_fail());
	}
	seam_fail_at(0);
}

/* ---- attacks ---- */

static void test_attack_c2_of_another_request_is_not_opened(void **state)
{
	const struct scene *s = *state;
	struct smr_report other = full_report(s);
	struct smr_c2 c2 = {.ticket = s->sealed_ticket};
	struct opened_c2 got;
	struct c2_answer answer;
	struct visit a, b;

	/* Same rk, same ticket, same ctr: only the report differs, and with it hash(C1). */
	visit(&a, s, &s->idle_report);
	visit(&b, s, &other);
	seal_c2(&answer, &a, &c2);
	assert_int_equal(open_c2(&got, &b.kept, view(answer.c2)), SMR_E_UNOPENED);
	assert_int_equal(open_c2(&got, &a.kept, view(answer.c2)), SMR_OK);
}

static void test_attack_r_replaced_is_not_opened(void **state)
{
	const struct scene *s = *state;
	struct smr_c2 c2 = {.ticket = s->sealed_ticket};
	struct opened_c2 got;
	struct c2_answer a, b;
	struct visit v;

	visit(&v, s, &s->idle_report);
	seal_c2(&a, &v, &c2);
	assert_int_equal(smr_c2_keys(&v.kept, &v.keys), SMR_OK);
	seal_c2(&b, &v, &c2);
	memcpy(a.room + 2, b.room + 2, SMR_AEAD_NONCE_LEN);
	assert_int_equal(open_c2(&got, &v.kept, view(a.c2)), SMR_E_UNOPENED);
}

static void test_attack_c1_with_another_ticket_is_not_opened(void **state)
{
	const struct scene *s = *state;
	uint8_t room[SMR_TICKET_MAX];
	struct smr_space other = {room, sizeof(room)};
	struct smr_c1 got;
	struct visit v;

	/* A ticket of the same device, even with the same rk, does not fit another's request. */
	visit(&v, s, &s->idle_report);
	assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &s->ticket, &other), SMR_OK);
	memcpy(v.c1_room + 3, room, other.len);
	assert_int_equal(smr_c1_open(&s->ticket, view(v.c1), &got), SMR_E_UNOPENED);
}

static void test_attack_rk_of_another_contact_does_not_open(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket next = s->ticket;
	struct smr_c1 got;
	struct visit v;

	visit(&v, s, &s->idle_report);
	memcpy(next.rk, v.keys.rk, sizeof(next.rk));
	assert_int_equal(smr_c1_open(&next, view(v.c1), &got), SMR_E_UNOPENED);
	memcpy(next.rk, v.keys.spare_rk, sizeof(next.rk));
	assert_int_equal(smr_c1_open(&next, view(v.c1), &got), SMR_E_UNOPENED);
	next.rk[0] ^= 1;
	assert_int_equal(smr_c1_open(&next, view(v.c1), &got), SMR_E_UNOPENED);
}

/* The request's nonce is its ctr: one ctr's request cannot be shifted to another. */
static void test_attack_ctr_replaced_is_not_opened(void **state)
{
	const struct scene *s = *state;
	struct smr_c1 got;
	struct visit v;

	visit(&v, s, &s->idle_report);
	v.c1_room[3 + s->sealed_ticket.len + 4] ^= 1; /* ticket head, ticket, ctr head, last octet of ctr */
	assert_int_equal(smr_c1_open(&s->ticket, view(v.c1), &got), SMR_E_UNOPENED);
}

/* What stays on the device while it waits opens the answer, but neither the request (rk is gone) nor reveals rk. */
static void test_attack_kept_record_does_not_open_the_request(void **state)
{
	const struct scene *s = *state;
	struct smr_ticket ticket = s->ticket;
	struct smr_c1 got;
	struct visit v;

	visit(&v, s, &s->idle_report);
	assert_false(occurs(&v.kept, sizeof(v.kept), s->ticket.rk, SMR_RK_LEN));
	memcpy(ticket.rk, v.kept.next, sizeof(ticket.rk));
	assert_int_equal(smr_c1_open(&ticket, view(v.c1), &got), SMR_E_UNOPENED);
	memcpy(ticket.rk, v.kept.response_key, sizeof(ticket.rk));
	assert_int_equal(smr_c1_open(&ticket, view(v.c1), &got), SMR_E_UNOPENED);
}

/* One answer, with the next ticket. Only the last one arrives. */
static void answer_with_next_ticket(struct visit *v, struct scene *s)
{
	uint8_t room[SMR_TICKET_MAX];
	struct smr_space next = {room, sizeof(room)};
	struct smr_ticket ticket = s->ticket;
	struct c2_answer answer;

	assert_int_equal(smr_c2_keys(&v->opened.keys, &v->keys), SMR_OK);
	memcpy(ticket.rk, v->keys.rk, SMR_RK_LEN);
	assert_int_equal(smr_ticket_seal(&s->tk, &scene_lanes, &ticket, &next), SMR_OK);
	seal_c2(&answer, v, &(struct smr_c2){.ticket = view(next)});
	memcpy(s->sealed_room, room, next.len);
	s->sealed_ticket = smr_bytes_of(s->sealed_room, next.len);
}

/* A device that checks in 3,200 times, each time with the ticket and key of the time before; every fifth answer is
 * lost and made again for the same request. No two of the sealed parts (request, ticket, answer) may share key and
 * nonce. */
static void test_keys_over_ten_thousand_messages_never_repeat(void **state)
{
	static struct scene s;
	struct visit v;

	s = *(struct scene *)*state;
	seam_reset();
	for (int i = 0; i < 3200; i++) {
		assert_int_equal(build(&v, &s, &s.idle_report, sizeof(v.c1_room)), SMR_OK);
		assert_int_equal(smr_c1_open(&s.ticket, view(v.c1), &v.opened), SMR_OK);
		if (i % 5 == 0)
			answer_with_next_ticket(&v, &s);
		answer_with_next_ticket(&v, &s);
		memcpy(s.ticket.rk, v.keys.rk, SMR_RK_LEN);
	}
	assert_int_equal(seam_keys(), 3200 * 3 + 640 * 2);
	assert_int_equal(seam_keys_repeated(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checkin_with_nothing_brings_the_next_ticket),
		cmocka_unit_test(test_checkin_with_all_members_brings_them),
		cmocka_unit_test(test_checkin_with_each_number_of_receipts_and_objects),
		cmocka_unit_test(test_checkin_refused_brings_the_reason_alone),
		cmocka_unit_test(test_c1_of_the_same_state_is_the_same_octets),
		cmocka_unit_test(test_c2_of_the_same_request_is_fresh_each_time),
		cmocka_unit_test(test_keys_of_a_contact_differ),
		cmocka_unit_test(test_checkin_costs_on_the_server),
		cmocka_unit_test(test_c1_every_truncation_is_refused),
		cmocka_unit_test(test_c1_every_flipped_bit_is_refused),
		cmocka_unit_test(test_c1_build_in_every_smaller_room_is_refused),
		cmocka_unit_test(test_c1_build_of_what_no_server_reads_is_invalid),
		cmocka_unit_test(test_c2_every_truncation_is_refused),
		cmocka_unit_test(test_c2_every_flipped_bit_is_refused),
		cmocka_unit_test(test_c2_seal_in_every_smaller_room_is_refused_without_plaintext),
		cmocka_unit_test(test_c2_seal_of_what_no_device_reads_is_invalid),
		cmocka_unit_test(test_c1_with_a_breach_of_the_grammar_is_malformed),
		cmocka_unit_test(test_checkin_with_any_failing_call_leaves_nothing),
		cmocka_unit_test(test_attack_c2_of_another_request_is_not_opened),
		cmocka_unit_test(test_attack_r_replaced_is_not_opened),
		cmocka_unit_test(test_attack_c1_with_another_ticket_is_not_opened),
		cmocka_unit_test(test_attack_rk_of_another_contact_does_not_open),
		cmocka_unit_test(test_attack_ctr_replaced_is_not_opened),
		cmocka_unit_test(test_attack_kept_record_does_not_open_the_request),
		cmocka_unit_test(test_keys_over_ten_thousand_messages_never_repeat),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
