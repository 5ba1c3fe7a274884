/* SPDX-License-Identifier: Apache-2.0 */
/* What a dishonest path, device or server tries on M1 and M2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

static void test_attack_m2_of_another_request_is_not_opened(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	struct opened_answer got;
	struct answer answer;
	struct run first, second;

	run_start(&first, *state, SMR_NONE);
	run_start(&second, *state, SMR_NONE);
	seal_answer(&answer, &first, &m2);
	assert_int_equal(open_answer(&got, &second.flight, view(answer.m2)), SMR_E_UNOPENED);
	assert_int_equal(open_answer(&got, &first.flight, view(answer.m2)), SMR_OK);
	run_wipe(&first);
	run_wipe(&second);
}

/* Even with the e of that flight (a clone of the RAM), an answer fits only the octets of M1 that it was made for. */
static void test_attack_m2_replayed_to_a_flight_with_another_m1_is_not_opened(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	struct opened_answer got;
	struct answer answer;
	struct run run;

	run_start(&run, *state, SMR_NONE);
	seal_answer(&answer, &run, &m2);
	run.flight.hash_m1[0] ^= 1;
	assert_int_equal(open_answer(&got, &run.flight, view(answer.m2)), SMR_E_UNOPENED);
	run.flight.hash_m1[0] ^= 1;
	assert_int_equal(open_answer(&got, &run.flight, view(answer.m2)), SMR_OK);
	run_wipe(&run);
}

static void test_attack_f_replaced_is_not_opened(void **state)
{
	struct smr_m2 m2 = answer_with_package(*state);
	struct smr_privkey other = {0};
	struct opened_answer got;
	struct answer answer;
	struct run run;

	run_start(&run, *state, SMR_NONE);
	seal_answer(&answer, &run, &m2);
	assert_int_equal(smr_privkey_generate(&other), SMR_OK);
	memcpy(answer.room + 3, other.point, SMR_POINT_LEN);
	assert_int_equal(open_answer(&got, &run.flight, view(answer.m2)), SMR_E_UNOPENED);
	memcpy(answer.room + 3, run.flight.e.point, SMR_POINT_LEN); /* our own E back at us */
	assert_int_equal(open_answer(&got, &run.flight, view(answer.m2)), SMR_E_UNOPENED);
	answer.room[3 + SMR_POINT_LEN - 1] ^= 1; /* off the curve */
	assert_int_equal(open_answer(&got, &run.flight, view(answer.m2)), SMR_E_BAD_POINT);
	smr_privkey_wipe(&other);
	run_wipe(&run);
}

static void test_attack_e_replaced_is_not_opened(void **state)
{
	struct scene *s = *state;
	struct run run, other;

	run_start(&run, s, SMR_NONE);
	run_start(&other, s, SMR_NONE);
	memcpy(run.m1.ptr + 9, other.m1.ptr + 9, SMR_POINT_COMPRESSED_LEN);
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_E_UNOPENED);
	run_wipe(&run);
	run_wipe(&other);
}

/* -E gives the same shared x coordinate, yet it is another E. */
static void test_attack_e_negated_is_not_opened(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	run.m1.ptr[9] ^= 1;
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_E_UNOPENED);
	run_wipe(&run);
}

static void test_attack_q_replaced_is_not_opened(void **state)
{
	struct scene *s = *state;
	struct smr_privkey other = {0};
	struct run run;

	run_start(&run, s, SMR_NONE);
	assert_int_equal(smr_privkey_generate(&other), SMR_OK);
	assert_int_equal(open_request(&run, &other, view(run.m1)), SMR_E_UNOPENED);
	smr_privkey_wipe(&other);
	run_wipe(&run);
}

/* Somebody who knows evidence of a device (an operator from the relay, a thief of q) puts it into a request of his
 * own, with an e that he knows. It opens; the signature does not hold. */
static void forge_with_known_evidence(struct scene *s, const struct run *victim, struct run *forged)
{
	struct smr_evidence other = s->evidence;

	other.ctr++;
	memset(forged, 0, sizeof(*forged));
	forged->m1 = (struct smr_space){forged->m1_room, sizeof(forged->m1_room)};
	assert_int_equal(smr_m1_build(&s->q.pub, SCENE_Q_NUMBER, &s->supplier.own, &other, SMR_NONE, &forged->m1,
				      &forged->flight),
			 SMR_OK);
	assert_int_equal(open_request(forged, &s->q.own, view(forged->m1)), SMR_OK);
	forged->opened.signed_ev = victim->opened.signed_ev;
}

static void test_attack_evidence_of_another_flight_does_not_verify(void **state)
{
	struct scene *s = *state;
	struct run victim, forged;

	run_start(&victim, s, SMR_NONE);
	forge_with_known_evidence(s, &victim, &forged);
	assert_int_equal(smr_evidence_verify(&forged.opened, &s->d.pub), SMR_E_SIGNATURE);
	memcpy(forged.opened.e, victim.opened.e, sizeof(forged.opened.e));
	assert_int_equal(smr_evidence_verify(&forged.opened, &s->d.pub), SMR_OK); /* E was all that was wrong */
	forged.opened.q[5] ^= 1;
	assert_int_equal(smr_evidence_verify(&forged.opened, &s->d.pub), SMR_E_SIGNATURE);
	run_wipe(&victim);
	run_wipe(&forged);
}

static void test_attack_another_device_key_does_not_verify(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	assert_int_equal(smr_evidence_verify(&run.opened, &s->t.pub), SMR_E_SIGNATURE);
	run_wipe(&run);
}

static void test_attack_m1_spliced_is_not_opened(void **state)
{
	struct scene *s = *state;
	struct run run, other;
	struct smr_evidence ev = s->evidence;

	run_start(&run, s, SMR_NONE);
	s->evidence.ctr--;
	run_start(&other, s, SMR_NONE);
	s->evidence = ev;
	assert_int_equal(run.m1.len, other.m1.len);
	memcpy(run.m1.ptr + 42, other.m1.ptr + 42, run.m1.len - 42); /* head of one, sealed part of the other */
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_E_UNOPENED);
	run_wipe(&run);
	run_wipe(&other);
}

/* The number of the flight key is bound though it takes no part in any key. */
static void test_attack_q_number_replaced_is_not_opened(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	run.m1.ptr[6] ^= 3;
	assert_int_equal(open_request(&run, &s->q.own, view(run.m1)), SMR_E_UNOPENED);
	run_wipe(&run);
}

static void test_attack_relayed_evidence_changed_does_not_verify(void **state)
{
	struct scene *s = *state;
	uint8_t encoded[SMR_EVIDENCE_MAX];
	uint8_t hash[SMR_HASH_LEN] = {0};
	struct smr_evidence got;
	struct run run;
	size_t len;

	run_start(&run, s, SMR_NONE);
	len = run.opened.signed_ev.whole.len;
	memcpy(encoded, run.opened.signed_ev.whole.ptr, len);
	memset(&got, 0, sizeof(got));
	for (size_t bit = 0; bit < len * 8; bit++) {
		encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(smr_evidence_verify_relayed(smr_bytes_of(encoded, len), run.opened.e, run.opened.q,
								 &s->d.pub, &got, hash),
				     SMR_OK);
		encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(smr_evidence_verify_relayed(smr_bytes_of(encoded, cut), run.opened.e, run.opened.q,
								 &s->d.pub, &got, hash),
				     SMR_OK);
	run.opened.e[1] ^= 1;
	assert_int_equal(smr_evidence_verify_relayed(smr_bytes_of(encoded, len), run.opened.e, run.opened.q, &s->d.pub,
						     &got, hash),
			 SMR_E_SIGNATURE);
	assert_true(is_zero(&got, sizeof(got)));
	assert_true(is_zero(hash, sizeof(hash)));
	run_wipe(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attack_m2_of_another_request_is_not_opened),
		cmocka_unit_test(test_attack_m2_replayed_to_a_flight_with_another_m1_is_not_opened),
		cmocka_unit_test(test_attack_f_replaced_is_not_opened),
		cmocka_unit_test(test_attack_e_replaced_is_not_opened),
		cmocka_unit_test(test_attack_e_negated_is_not_opened),
		cmocka_unit_test(test_attack_q_replaced_is_not_opened),
		cmocka_unit_test(test_attack_evidence_of_another_flight_does_not_verify),
		cmocka_unit_test(test_attack_another_device_key_does_not_verify),
		cmocka_unit_test(test_attack_m1_spliced_is_not_opened),
		cmocka_unit_test(test_attack_q_number_replaced_is_not_opened),
		cmocka_unit_test(test_attack_relayed_evidence_changed_does_not_verify),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
