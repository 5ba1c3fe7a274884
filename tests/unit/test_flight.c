/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/sealed.h"
#include "tests/unit/scene.h"
#include "tests/unit/seam.h"

static const uint8_t zero_nonce[SMR_AEAD_NONCE_LEN];

/* ---- helpers ---- */

static struct smr_m2 answer_with_all(const struct scene *s)
{
	struct smr_m2 m2 = answer_with_package(s);

	m2.package = s->package_tuak;
	m2.beacon = s->beacon;
	m2.flight_key = s->flight_key;
	m2.spare_ticket = s->sealed_ticket;
	return m2;
}

static void assert_same_package(const struct smr_package *a, const struct smr_package *b)
{
	assert_memory_equal(&a->operator_id, &b->operator_id, sizeof(a->operator_id));
	assert_memory_equal(&a->iccid, &b->iccid, sizeof(a->iccid));
	assert_int_equal(a->serial, b->serial);
	assert_memory_equal(a->w, b->w, sizeof(a->w));
	assert_bytes_equal(a->x, b->x);
	assert_bytes_equal(a->order, b->order);
}

static void assert_same_answer(const struct smr_m2 *a, const struct smr_m2 *b)
{
	assert_int_equal(a->refusal, b->refusal);
	assert_int_equal(a->has_package, b->has_package);
	if (a->has_package)
		assert_same_package(&a->package, &b->package);
	assert_bytes_equal(a->ticket, b->ticket);
	assert_int_equal(a->beacon.number, b->beacon.number);
	assert_memory_equal(a->beacon.value, b->beacon.value, sizeof(a->beacon.value));
	assert_bytes_equal(a->flight_key, b->flight_key);
	assert_bytes_equal(a->spare_ticket, b->spare_ticket);
}

/* ---- the flight as it should be ---- */

static void check_flight(struct scene *s, struct smr_bytes certificate, const struct smr_m2 *m2)
{
	struct opened_answer got;
	struct answer answer;
	struct run run;
	uint32_t number = 0;

	run_start(&run, s, certificate);
	assert_int_equal(smr_m1_peek(view(run.m1), &number), SMR_OK);
	assert_int_equal(number, SCENE_Q_NUMBER);
	assert_int_equal(run.opened.q_number, SCENE_Q_NUMBER);
	assert_same_evidence(&run.opened.evidence, &s->evidence);
	assert_bytes_equal(run.opened.certificate, certificate);
	assert_int_equal(open_answer(&got, &run.flight, seal_answer(&answer, &run, m2)), SMR_OK);
	assert_same_answer(&got.m2, m2);
	if (m2->refusal == SMR_REFUSAL_NONE)
		assert_memory_equal(got.rk, run.keys.rk, SMR_RK_LEN);
	else
		assert_true(is_zero(got.rk, SMR_RK_LEN));
	run_wipe(&run);
}

static void test_flight_by_reference_brings_package_and_ticket(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);

	check_flight(*state, SMR_NONE, &m2);
}

static void test_flight_with_certificate_and_all_members_brings_them(void **state)
{
	struct scene *s = *state;
	struct smr_m2 m2 = answer_with_all(s);

	check_flight(s, s->certificate, &m2);
}

static void test_flight_with_ticket_alone_brings_no_package(void **state)
{
	struct scene *s = *state;
	struct smr_m2 m2 = {.ticket = s->sealed_ticket};

	check_flight(s, SMR_NONE, &m2);
}

static void test_flight_refused_brings_the_reason_alone(void **state)
{
	for (unsigned reason = 1; reason < 256; reason++) {
		/* Members besides a refusal are not sent. */
		struct smr_m2 given = answer_with_all(*state);
		struct smr_m2 want = {.refusal = (enum smr_refusal)reason};
		struct opened_answer got;
		struct answer answer;
		struct run run;

		if (reason > SMR_REFUSAL_TAMPER + 1 && reason < 255)
			continue;
		run_start(&run, *state, SMR_NONE);
		given.refusal = (enum smr_refusal)reason;
		assert_int_equal(open_answer(&got, &run.flight, seal_answer(&answer, &run, &given)), SMR_OK);
		assert_same_answer(&got.m2, &want);
		assert_true(is_zero(got.rk, SMR_RK_LEN));
		run_wipe(&run);
	}
}

/* Who enrols anew at once cuts off the copy that is served, the device's own life perhaps (docs/operations.md, «state of the TPM»). */
static void test_copied_state_is_told_what_to_do_in_the_order_that_it_is_done_in(void **state)
{
	static const char *const steps[] = {"Switch that one on", "put the newest state back",
					    "suspend the subscription", "enrol the device anew"};
	const char *at = smr_refusal_text(SMR_REFUSAL_TPM_STATE);

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(steps); i++) {
		at = strstr(at, steps[i]);
		assert_non_null(at);
	}
}

static void test_refusal_texts_are_there_and_differ(void **state)
{
	(void)state;
	for (unsigned a = 0; a <= SMR_REFUSAL_TPM_STATE + 1; a++)
		for (unsigned b = a + 1; b <= SMR_REFUSAL_TPM_STATE + 1; b++) {
			assert_string_not_equal(smr_refusal_text((enum smr_refusal)a),
						smr_refusal_text((enum smr_refusal)b));
			assert_string_not_equal(smr_refusal_name((enum smr_refusal)a),
						smr_refusal_name((enum smr_refusal)b));
		}
	assert_string_equal(smr_refusal_name(SMR_REFUSAL_RESEAL), "RESEAL");
	assert_string_equal(smr_refusal_name((enum smr_refusal)200), "UNKNOWN");
}

static void test_m1_open_costs_one_import_and_one_ecdh(void **state)
{
	struct scene *s = *state;
	struct seam_counts counts;
	struct run run;

	run_start(&run, s, SMR_NONE);
	seam_reset();
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_OK);
	counts = seam_counts();
	assert_int_equal(counts.import, 1);
	assert_int_equal(counts.ecdh, 1);
	assert_int_equal(counts.generate, 0);
	assert_int_equal(counts.hmac, 2);
	assert_int_equal(counts.sha256, 1);
	assert_int_equal(counts.open, 1);
	assert_int_equal(counts.all, 6);
	run_wipe(&run);
}

static void test_m2_keys_cost_one_generation_and_one_ecdh(void **state)
{
	struct smr_m2_keys keys;
	struct seam_counts counts;
	struct run run;

	run_start(&run, *state, SMR_NONE);
	seam_reset();
	assert_int_equal(smr_m2_keys(&run.opened, &keys), SMR_OK);
	counts = seam_counts();
	assert_int_equal(counts.generate, 1);
	assert_int_equal(counts.ecdh, 1);
	assert_int_equal(counts.hmac, 3);
	assert_int_equal(counts.all, 5);
	run_wipe(&run);
}

static void test_m2_of_the_same_request_is_fresh_each_time(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	struct opened_answer first, second;
	struct answer a, b;
	struct run run;

	run_start(&run, *state, SMR_NONE);
	seal_answer(&a, &run, &m2);
	assert_int_equal(smr_m2_keys(&run.opened, &run.keys), SMR_OK);
	seal_answer(&b, &run, &m2);
	assert_int_equal(open_answer(&first, &run.flight, view(a.m2)), SMR_OK);
	assert_int_equal(open_answer(&second, &run.flight, view(b.m2)), SMR_OK);
	assert_memory_not_equal(first.rk, second.rk, SMR_RK_LEN);
	assert_same_answer(&first.m2, &second.m2);
	run_wipe(&run);
}

static void test_evidence_relayed_verifies_and_names_the_same_hash(void **state)
{
	struct scene *s = *state;
	struct smr_relayed got;
	struct run run;

	run_start(&run, s, SMR_NONE);
	assert_int_equal(smr_evidence_verify_relayed(run.opened.attested.whole, run.opened.e, run.opened.q, &s->d.pub,
						     SMR_PLATFORM_SOFTWARE, &got),
			 SMR_OK);
	assert_same_evidence(&got.evidence, &s->evidence);
	assert_memory_equal(got.hash_ev, run.flight.hash_ev, sizeof(got.hash_ev));
	assert_int_equal(got.quote.pcrs, 0);
	run_wipe(&run);
	run_start_tpm(&run, s, SMR_NONE);
	assert_int_equal(smr_evidence_verify_relayed(run.opened.attested.whole, run.opened.e, run.opened.q, &s->d.pub,
						     SMR_PLATFORM_TPM, &got),
			 SMR_OK);
	assert_same_evidence(&got.evidence, &s->evidence);
	assert_memory_equal(got.hash_ev, run.flight.hash_ev, sizeof(got.hash_ev));
	assert_int_equal(got.quote.clock_ms, scene_quote.clock_ms);
	assert_int_equal(got.quote.pcrs, scene_quote.pcrs);
	run_wipe(&run);
}

/* The same message, but for who attests; everything after the evidence is alike. */
static void test_flight_with_a_quote_verifies_for_a_tpm_alone(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start_tpm(&run, s, s->certificate);
	assert_true(run.opened.attested.attestation.quoted);
	assert_same_evidence(&run.opened.evidence, &s->evidence);
	assert_bytes_equal(run.opened.certificate, s->certificate);
	assert_int_equal(smr_evidence_verify(&run.opened, &s->d.pub, SMR_PLATFORM_SOFTWARE), SMR_E_SIGNATURE);
	assert_int_equal(smr_evidence_verify(&run.opened, &s->t.pub, SMR_PLATFORM_TPM), SMR_E_SIGNATURE);
	run_wipe(&run);
	run_start(&run, s, s->certificate);
	assert_int_equal(smr_evidence_verify(&run.opened, &s->d.pub, SMR_PLATFORM_TPM), SMR_E_SIGNATURE);
	run_wipe(&run);
}

/* ---- habits ---- */

static void assert_request_refused(struct run *run, struct scene *s, struct smr_bytes datagram)
{
	enum smr_err err = open_request(run, &s->q.own, datagram);

	if (err == SMR_OK && smr_evidence_verify(&run->opened, &s->d.pub, SMR_PLATFORM_SOFTWARE) == SMR_OK)
		fail_msg("a changed request was accepted");
	if (err != SMR_OK) {
		assert_true(is_zero(&run->opened, sizeof(run->opened)));
		assert_false(occurs(run->m1_scratch, sizeof(run->m1_scratch), &s->evidence.eid, SMR_EID_LEN));
	}
}

static void test_m1_every_truncation_is_refused(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, s->certificate);
	for (size_t len = 0; len < run.m1.len; len++) {
		memset(run.m1_scratch, 0, sizeof(run.m1_scratch));
		assert_request_refused(&run, s, smr_bytes_of(run.m1.ptr, len));
	}
	run_wipe(&run);
}

static void test_m1_every_flipped_bit_is_refused(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	for (size_t bit = 0; bit < run.m1.len * 8; bit++) {
		memset(run.m1_scratch, 0, sizeof(run.m1_scratch));
		run.m1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_request_refused(&run, s, view(run.m1));
		run.m1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	run_wipe(&run);
}

static void test_m1_with_an_octet_more_is_malformed(void **state)
{
	struct scene *s = *state;
	struct run run;
	uint32_t number;

	run_start(&run, s, SMR_NONE);
	run.m1.ptr[run.m1.len++] = 0x40;
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_E_MALFORMED);
	assert_int_equal(smr_m1_peek(view(run.m1), &number), SMR_E_MALFORMED);
	run_wipe(&run);
}

static void test_m1_of_another_suite_is_unsupported(void **state)
{
	struct scene *s = *state;
	struct run run;
	uint32_t number;

	run_start(&run, s, SMR_NONE);
	run.m1.ptr[1] = 2;
	assert_int_equal(smr_m1_peek(view(run.m1), &number), SMR_E_UNSUPPORTED);
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_E_UNSUPPORTED);
	run_wipe(&run);
}

static void test_m1_with_a_bad_point_is_refused(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	memset(run.m1.ptr + 10, 0xff, 32); /* x above p */
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_E_BAD_POINT);
	run_wipe(&run);
}

static void test_m1_open_with_small_scratch_is_refused(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	smr_m1_wipe(&run.opened);
	assert_int_equal(smr_m1_open(&s->q.own, view(run.m1), (struct smr_space){run.m1_scratch, 150}, &run.opened),
			 SMR_E_NO_ROOM);
	assert_true(is_zero(&run.opened, sizeof(run.opened)));
	run_wipe(&run);
}

static void test_m1_build_one_octet_short_is_refused(void **state)
{
	struct scene *s = *state;
	struct run run;
	size_t len;

	run_start(&run, s, s->certificate);
	len = run.m1.len;
	run_wipe(&run);
	for (size_t room = 0; room < len; room++) {
		run.m1 = (struct smr_space){run.m1_room, room};
		memset(run.m1_room, 0, sizeof(run.m1_room));
		assert_int_equal(smr_m1_build(&s->q.pub, SCENE_Q_NUMBER, &(struct smr_attester){.key = &s->d.own},
					      &s->evidence, s->certificate, NULL, &run.m1, &run.flight),
				 SMR_E_NO_ROOM);
		assert_true(is_zero(&run.flight, sizeof(run.flight)));
		assert_false(occurs(run.m1_room, sizeof(run.m1_room), &s->evidence.eid, SMR_EID_LEN));
		assert_true(is_zero(run.m1_room + room, sizeof(run.m1_room) - room));
	}
}

static void test_m1_build_of_what_no_server_reads_is_invalid(void **state)
{
	struct scene *s = *state;
	struct smr_evidence ev = s->evidence;
	uint8_t long_certificate[SMR_CERTIFICATE_MAX + 1] = {0};
	struct run run;

	run.m1 = (struct smr_space){run.m1_room, sizeof(run.m1_room)};
	assert_int_equal(smr_m1_build(&s->q.pub, 1, &(struct smr_attester){.key = &s->d.own}, &ev,
				      SMR_ARRAY(long_certificate), NULL, &run.m1, &run.flight),
			 SMR_E_INVALID);
	ev.beacon.number = 0;
	assert_int_equal(smr_m1_build(&s->q.pub, 1, &(struct smr_attester){.key = &s->d.own}, &ev, SMR_NONE, NULL,
				      &run.m1, &run.flight),
			 SMR_E_INVALID);
	ev.fresh_kind = (enum smr_freshness_kind)3;
	assert_int_equal(smr_m1_build(&s->q.pub, 1, &(struct smr_attester){.key = &s->d.own}, &ev, SMR_NONE, NULL,
				      &run.m1, &run.flight),
			 SMR_E_INVALID);
	assert_true(is_zero(&run.flight, sizeof(run.flight)));
}

static void assert_answer_refused(const struct scene *s, const struct smr_flight *flight, struct smr_bytes datagram)
{
	struct opened_answer got;

	assert_int_not_equal(open_answer(&got, flight, datagram), SMR_OK);
	assert_true(is_zero(&got.m2, sizeof(got.m2)));
	assert_true(is_zero(got.rk, sizeof(got.rk)));
	assert_false(occurs(got.scratch, sizeof(got.scratch), s->package.w, 8));
}

static void test_m2_every_truncation_is_refused(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	struct answer answer;
	struct run run;

	run_start(&run, *state, SMR_NONE);
	seal_answer(&answer, &run, &m2);
	for (size_t len = 0; len < answer.m2.len; len++)
		assert_answer_refused(*state, &run.flight, smr_bytes_of(answer.room, len));
	answer.room[answer.m2.len] = 0; /* nor with an octet more */
	assert_answer_refused(*state, &run.flight, smr_bytes_of(answer.room, answer.m2.len + 1));
	run_wipe(&run);
}

static void test_m2_every_flipped_bit_is_refused_and_the_flight_survives(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	struct opened_answer got;
	struct answer answer;
	struct run run;

	run_start(&run, *state, SMR_NONE);
	seal_answer(&answer, &run, &m2);
	for (size_t bit = 0; bit < answer.m2.len * 8; bit++) {
		answer.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_answer_refused(*state, &run.flight, view(answer.m2));
		answer.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(open_answer(&got, &run.flight, view(answer.m2)), SMR_OK);
	run_wipe(&run);
}

static void test_m2_seal_in_every_smaller_room_is_refused_without_plaintext(void **state)
{
	const struct scene *s = *state;
	struct smr_m2 m2 = answer_with_all(s);
	struct answer answer;
	struct run run;
	size_t len;

	run_start(&run, *state, SMR_NONE);
	len = seal_answer(&answer, &run, &m2).len;
	for (size_t room = 0; room < len; room++) {
		memset(answer.room, 0, sizeof(answer.room));
		answer.m2.len = room;
		assert_int_equal(smr_m2_seal(&run.keys, &m2, &answer.m2), SMR_E_NO_ROOM);
		assert_true(is_zero(answer.room + room, sizeof(answer.room) - room));
		assert_false(occurs(answer.room, sizeof(answer.room), s->package_tuak.w, 8));
	}
	run_wipe(&run);
}

static void test_m2_seal_without_ticket_or_with_one_too_long_is_invalid(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	uint8_t long_ticket[SMR_TICKET_MAX + 1] = {0};
	uint8_t long_key[SMR_FLIGHT_KEY_MAX + 1] = {0};
	struct smr_bytes ticket = m2.ticket;
	uint8_t room[SMR_M2_MAX];
	struct smr_space out = {room, sizeof(room)};
	struct run run;

	run_start(&run, *state, SMR_NONE);
	m2.ticket = SMR_NONE;
	assert_int_equal(smr_m2_seal(&run.keys, &m2, &out), SMR_E_INVALID);
	m2.ticket = SMR_ARRAY(long_ticket);
	assert_int_equal(smr_m2_seal(&run.keys, &m2, &out), SMR_E_INVALID);
	m2.ticket = ticket;
	m2.spare_ticket = smr_bytes_of(long_ticket, SMR_TICKET_OVERHEAD - 1);
	assert_int_equal(smr_m2_seal(&run.keys, &m2, &out), SMR_E_INVALID);
	m2.spare_ticket = SMR_NONE;
	m2.flight_key = SMR_ARRAY(long_key);
	assert_int_equal(smr_m2_seal(&run.keys, &m2, &out), SMR_E_INVALID);
	run_wipe(&run);
}

/* The server's key seals octets that are no answer: a TRE must not act on them either. */
static void test_m2_with_a_breach_of_the_grammar_is_malformed(void **state)
{
#define TICKET_36                                                                                                      \
	0x58, 0x24, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, \
		7, 8, 9
	static const struct {
		uint8_t len;
		uint8_t plain[64];
	} breaches[] = {
		{1, {0xa0}},					       /* neither refusal nor ticket */
		{0, {0}},					       /* nothing */
		{3, {0xa1, 0x00, 0x00}},			       /* refusal 0 */
		{5, {0xa1, 0x00, 0x19, 0x01, 0x00}},		       /* refusal above 255 */
		{4, {0xa1, 0x00, 0x18, 0x07}},			       /* not the shortest form */
		{4, {0xa1, 0x00, 0x01, 0x00}},			       /* octets after the end */
		{4, {0xa1, 0x02, 0x41, 0x00}},			       /* ticket too short */
		{42, {0xa2, 0x00, 0x01, 0x02, TICKET_36}},	       /* refusal and ticket */
		{42, {0xa2, 0x00, 0x00, 0x02, TICKET_36}},	       /* refusal 0 and ticket */
		{42, {0xa2, 0x02, TICKET_36, 0x04, 0x40}},	       /* flight key of no octets */
		{42, {0xa2, 0x02, TICKET_36, 0x05, 0x40}},	       /* spare ticket of no octets */
		{42, {0xa2, 0x02, TICKET_36, 0x06, 0x00}},	       /* unknown key */
		{42, {0xa2, 0x02, TICKET_36, 0x00, 0x01}},	       /* keys descend */
		{42, {0xa2, 0x01, 0xf6, 0x02, TICKET_36}},	       /* null instead of leaving the package out */
		{60, {0xa2, 0x02, TICKET_36, 0x03, 0x82, 0x00, 0x50}}, /* beacon number 0 (value: zeros) */
		{40, {0xb8, 0x01, 0x02, TICKET_36}},		       /* length of the map not in its shortest form */
		{41, {0xbf, 0x02, TICKET_36, 0xff}},		       /* indefinite length */
	};
	static const uint8_t good[] = {0xa1, 0x02, TICKET_36};
	struct opened_answer got;
	uint8_t room[256];
	struct run run;

	run_start(&run, *state, SMR_NONE);
	for (size_t i = 0; i <= SMR_COUNT(breaches); i++) {
		bool is_good = i == SMR_COUNT(breaches);
		struct smr_bytes plain = is_good ? SMR_ARRAY(good) : smr_bytes_of(breaches[i].plain, breaches[i].len);
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
		uint8_t sealed[128];
		struct smr_bytes message;

		assert_int_equal(smr_aead_seal(run.keys.m2, zero_nonce, SMR_ARRAY(run.keys.f), plain, sealed), SMR_OK);
		smr_put_array(&w, 2);
		smr_put_bytes(&w, SMR_ARRAY(run.keys.f));
		smr_put_bytes(&w, smr_bytes_of(sealed, plain.len + SMR_AEAD_TAG_LEN));
		assert_int_equal(smr_writer_done(&w, &message), SMR_OK);
		if (open_answer(&got, &run.flight, message) != (is_good ? SMR_OK : SMR_E_MALFORMED))
			fail_msg("breach %zu", i);
		if (!is_good && plain.len != 0)
			assert_true(is_zero(got.scratch, plain.len));
	}
	run_wipe(&run);
}

/* ---- a failing library ---- */

static void test_m1_build_with_any_failing_call_leaves_nothing(void **state)
{
	struct scene *s = *state;
	struct run run;

	for (unsigned n = 1;; n++) {
		enum smr_err err;

		memset(&run, 0, sizeof(run));
		run.m1 = (struct smr_space){run.m1_room, sizeof(run.m1_room)};
		seam_fail_at(n);
		err = smr_m1_build(&s->q.pub, 1, &(struct smr_attester){.key = &s->d.own}, &s->evidence, s->certificate,
				   NULL, &run.m1, &run.flight);
		if (!seam_did_fail()) {
			assert_int_equal(err, SMR_OK);
			assert_true(n > 7);
			break;
		}
		assert_int_equal(err, SMR_E_CRYPTO);
		assert_true(is_zero(&run.flight, sizeof(run.flight)));
		assert_false(occurs(run.m1_room, sizeof(run.m1_room), &s->evidence.eid, SMR_EID_LEN));
	}
	seam_fail_at(0);
	smr_flight_wipe(&run.flight);
}

static void test_m1_open_with_any_failing_call_leaves_nothing(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	for (unsigned n = 1;; n++) {
		enum smr_err err;

		memset(run.m1_scratch, 0, sizeof(run.m1_scratch));
		seam_fail_at(n);
		err = open_request(&run, &s->q.own, view(run.m1));
		if (!seam_did_fail()) {
			assert_int_equal(err, SMR_OK);
			assert_int_equal(n, 7);
			break;
		}
		assert_int_equal(err, SMR_E_CRYPTO);
		assert_true(is_zero(&run.opened, sizeof(run.opened)));
		assert_false(occurs(run.m1_scratch, sizeof(run.m1_scratch), &s->evidence.eid, SMR_EID_LEN));
	}
	seam_fail_at(0);
	run_wipe(&run);
}

static void test_m2_with_any_failing_call_leaves_nothing(void **state)
{
	struct scene *s = *state;
	struct smr_m2 m2 = answer_with_package(s);
	struct smr_m2_keys keys;
	struct answer answer;
	struct run run;

	run_start(&run, s, SMR_NONE);
	for (unsigned n = 1; n <= 5; n++) {
		memset(&keys, 0x5a, sizeof(keys));
		seam_fail_at(n);
		assert_int_equal(smr_m2_keys(&run.opened, &keys), SMR_E_CRYPTO);
		assert_true(is_zero(&keys, sizeof(keys)));
	}
	seam_fail_at(1);
	answer.m2 = (struct smr_space){answer.room, sizeof(answer.room)};
	assert_int_equal(smr_m2_seal(&run.keys, &m2, &answer.m2), SMR_E_CRYPTO);
	assert_false(occurs(answer.room, sizeof(answer.room), s->package.w, 8));
	seam_fail_at(0);
	seal_answer(&answer, &run, &m2);
	for (unsigned n = 1; n <= 6; n++) {
		seam_fail_at(n);
		assert_answer_refused(s, &run.flight, view(answer.m2));
		assert_true(seam_did_fail());
	}
	seam_fail_at(0);
	run_wipe(&run);
}

/* All nonces are zero: what must never happen is one key for two messages. */
static void test_keys_over_flights_and_repeated_answers_never_repeat(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	struct answer answer;
	struct run run;

	seam_reset();
	for (int flight = 0; flight < 100; flight++) {
		run_start(&run, *state, SMR_NONE);
		for (int repeat = 0; repeat < 9; repeat++) {
			seal_answer(&answer, &run, &m2);
			assert_int_equal(smr_m2_keys(&run.opened, &run.keys), SMR_OK);
		}
		run_wipe(&run);
	}
	assert_int_equal(seam_keys(), 1000);
	assert_int_equal(seam_keys_repeated(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flight_by_reference_brings_package_and_ticket),
		cmocka_unit_test(test_flight_with_certificate_and_all_members_brings_them),
		cmocka_unit_test(test_flight_with_ticket_alone_brings_no_package),
		cmocka_unit_test(test_flight_refused_brings_the_reason_alone),
		cmocka_unit_test(test_refusal_texts_are_there_and_differ),
		cmocka_unit_test(test_copied_state_is_told_what_to_do_in_the_order_that_it_is_done_in),
		cmocka_unit_test(test_m1_open_costs_one_import_and_one_ecdh),
		cmocka_unit_test(test_m2_keys_cost_one_generation_and_one_ecdh),
		cmocka_unit_test(test_m2_of_the_same_request_is_fresh_each_time),
		cmocka_unit_test(test_evidence_relayed_verifies_and_names_the_same_hash),
		cmocka_unit_test(test_flight_with_a_quote_verifies_for_a_tpm_alone),
		cmocka_unit_test(test_m1_every_truncation_is_refused),
		cmocka_unit_test(test_m1_every_flipped_bit_is_refused),
		cmocka_unit_test(test_m1_with_an_octet_more_is_malformed),
		cmocka_unit_test(test_m1_of_another_suite_is_unsupported),
		cmocka_unit_test(test_m1_with_a_bad_point_is_refused),
		cmocka_unit_test(test_m1_open_with_small_scratch_is_refused),
		cmocka_unit_test(test_m1_build_one_octet_short_is_refused),
		cmocka_unit_test(test_m1_build_of_what_no_server_reads_is_invalid),
		cmocka_unit_test(test_m2_every_truncation_is_refused),
		cmocka_unit_test(test_m2_every_flipped_bit_is_refused_and_the_flight_survives),
		cmocka_unit_test(test_m2_seal_in_every_smaller_room_is_refused_without_plaintext),
		cmocka_unit_test(test_m2_seal_without_ticket_or_with_one_too_long_is_invalid),
		cmocka_unit_test(test_m2_with_a_breach_of_the_grammar_is_malformed),
		cmocka_unit_test(test_m1_build_with_any_failing_call_leaves_nothing),
		cmocka_unit_test(test_m1_open_with_any_failing_call_leaves_nothing),
		cmocka_unit_test(test_m2_with_any_failing_call_leaves_nothing),
		cmocka_unit_test(test_keys_over_flights_and_repeated_answers_never_repeat),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
