/* SPDX-License-Identifier: Apache-2.0 */
/* What a dishonest path, device or server tries on M1 and M2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/kdf.h"
#include "core/sealed.h"
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
	assert_int_equal(smr_m1_build(&s->q.pub, SCENE_Q_NUMBER, &(struct smr_attester){.key = &s->supplier.own},
				      &other, SMR_NONE, NULL, &forged->m1, &forged->flight),
			 SMR_OK);
	assert_int_equal(open_request(forged, &s->q.own, view(forged->m1)), SMR_OK);
	forged->opened.attested = victim->opened.attested;
}

static void test_attack_evidence_of_another_flight_does_not_verify(void **state)
{
	struct scene *s = *state;
	struct run victim, forged;

	run_start(&victim, s, SMR_NONE);
	forge_with_known_evidence(s, &victim, &forged);
	assert_int_equal(smr_evidence_verify(&forged.opened, &s->d.pub, SMR_PLATFORM_SOFTWARE), SMR_E_SIGNATURE);
	memcpy(forged.opened.e, victim.opened.e, sizeof(forged.opened.e));
	assert_int_equal(smr_evidence_verify(&forged.opened, &s->d.pub, SMR_PLATFORM_SOFTWARE),
			 SMR_OK); /* E was all that was wrong */
	forged.opened.q[5] ^= 1;
	assert_int_equal(smr_evidence_verify(&forged.opened, &s->d.pub, SMR_PLATFORM_SOFTWARE), SMR_E_SIGNATURE);
	run_wipe(&victim);
	run_wipe(&forged);
}

static void test_attack_another_device_key_does_not_verify(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	assert_int_equal(smr_evidence_verify(&run.opened, &s->t.pub, SMR_PLATFORM_SOFTWARE), SMR_E_SIGNATURE);
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

/* Evidence of @p run with any bit changed, cut anywhere, or told of another flight. */
static void assert_only_the_whole_verifies(const struct scene *s, struct run *run, enum smr_platform platform)
{
	uint8_t encoded[SMR_EVIDENCE_MAX];
	size_t len = run->opened.attested.whole.len;
	struct smr_relayed got;

	memcpy(encoded, run->opened.attested.whole.ptr, len);
	memset(&got, 0, sizeof(got));
	for (size_t bit = 0; bit < len * 8; bit++) {
		encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(smr_evidence_verify_relayed(smr_bytes_of(encoded, len), run->opened.e,
								 run->opened.q, &s->d.pub, platform, &got),
				     SMR_OK);
		encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(smr_evidence_verify_relayed(smr_bytes_of(encoded, cut), run->opened.e,
								 run->opened.q, &s->d.pub, platform, &got),
				     SMR_OK);
	run->opened.e[1] ^= 1;
	assert_int_equal(smr_evidence_verify_relayed(smr_bytes_of(encoded, len), run->opened.e, run->opened.q,
						     &s->d.pub, platform, &got),
			 SMR_E_SIGNATURE);
	assert_true(is_zero(&got, sizeof(got)));
}

static void test_attack_relayed_evidence_changed_does_not_verify(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE);
	assert_only_the_whole_verifies(s, &run, SMR_PLATFORM_SOFTWARE);
	run_wipe(&run);
	run_start_tpm(&run, s, SMR_NONE);
	assert_only_the_whole_verifies(s, &run, SMR_PLATFORM_TPM);
	run_wipe(&run);
}

/* Whoever has the main system has the TPM's key sign a hash of what he likes: this ev, for one. */
static void test_attack_signature_by_a_tpm_is_no_evidence(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start(&run, s, SMR_NONE); /* signed with that very key */
	assert_int_equal(smr_evidence_verify(&run.opened, &s->d.pub, SMR_PLATFORM_TPM), SMR_E_SIGNATURE);
	run.opened.attested.attestation.quoted = true; /* and said to be a quote */
	run.opened.attested.attestation.quote = scene_quote;
	assert_int_equal(smr_evidence_verify(&run.opened, &s->d.pub, SMR_PLATFORM_TPM), SMR_E_SIGNATURE);
	run_wipe(&run);
}

static void test_attack_quote_of_another_state_does_not_verify(void **state)
{
	struct scene *s = *state;
	struct run run;

	run_start_tpm(&run, s, SMR_NONE);
	run.opened.evidence.measurement[7] ^= 1;
	assert_int_equal(smr_evidence_verify(&run.opened, &s->d.pub, SMR_PLATFORM_TPM), SMR_E_SIGNATURE);
	run.opened.evidence.measurement[7] ^= 1;
	run.opened.attested.attestation.quote.pcrs = 1u << 16 | 1u << 17;
	assert_int_equal(smr_evidence_verify(&run.opened, &s->d.pub, SMR_PLATFORM_TPM), SMR_E_SIGNATURE);
	run.opened.attested.attestation.quote = scene_quote;
	assert_int_equal(smr_evidence_verify(&run.opened, &s->d.pub, SMR_PLATFORM_TPM), SMR_OK);
	run_wipe(&run);
}

/* ---- requests of a device that keeps to the encoding, but not to its limits ---- */

static void put_as_it_is(struct smr_writer *w, const void *content)
{
	smr_put_raw(w, *(const struct smr_bytes *)content);
}

/* M1 of this flight with another plaintext. */
static enum smr_err open_plain(struct run *run, struct scene *s, struct smr_bytes plain)
{
	uint8_t e[SMR_POINT_COMPRESSED_LEN], q[SMR_POINT_COMPRESSED_LEN];
	const struct smr_bytes ikm = SMR_ARRAY(run->flight.dh_eq), points[] = {SMR_ARRAY(e), SMR_ARRAY(q)};
	uint8_t room[SMR_M1_MAX + 64], prk[SMR_HASH_LEN], k1[SMR_AEAD_KEY_LEN];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes m1;

	smr_point_compress(run->flight.e.point, e);
	smr_point_compress(s->q.own.point, q);
	assert_int_equal(smr_hkdf_extract(SMR_TEXT("samara1 flight"), &ikm, 1, prk), SMR_OK);
	assert_int_equal(smr_kdf(SMR_ARRAY(prk), "k1", points, 2, (struct smr_space){k1, sizeof(k1)}), SMR_OK);
	smr_put_array(&w, 4);
	smr_put_uint(&w, SMR_SUITE_1);
	smr_put_uint(&w, SCENE_Q_NUMBER);
	smr_put_bytes(&w, SMR_ARRAY(e));
	assert_int_equal(smr_put_sealed(&w, k1, smr_nonce_zero, smr_bytes_of(w.out, w.len), put_as_it_is, &plain),
			 SMR_OK);
	assert_int_equal(smr_writer_done(&w, &m1), SMR_OK);
	return open_request(run, &s->q.own, m1);
}

/* Signed evidence of @p ev_len octets, and a certificate of @p certificate_len. */
static enum smr_err open_oversize(struct run *run, struct scene *s, size_t ev_len, size_t certificate_len)
{
	static const uint8_t octets[SMR_M1_MAX];
	uint8_t room[SMR_M1_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes plain;

	smr_put_array(&w, 2);
	assert_int_equal(smr_cose_sign(&w, &s->d.own, SMR_LABEL_EVIDENCE, SMR_NONE, smr_bytes_of(octets, ev_len)),
			 SMR_OK);
	smr_put_bytes(&w, smr_bytes_of(octets, certificate_len));
	assert_int_equal(smr_writer_done(&w, &plain), SMR_OK);
	return open_plain(run, s, plain);
}

static void test_attack_m1_with_a_part_longer_than_any_is_malformed(void **state)
{
	struct run run;

	run_start(&run, *state, SMR_NONE);
	assert_int_equal(open_oversize(&run, *state, SMR_EV_MAX + 1, 10), SMR_E_MALFORMED);
	assert_int_equal(open_oversize(&run, *state, 10, SMR_CERTIFICATE_MAX + 1), SMR_E_MALFORMED);
	assert_true(is_zero(&run.opened.evidence, sizeof(run.opened.evidence)));
	run_wipe(&run);
}

/* A boot log with one event in @p pcr, called @p name. */
static void put_log(struct smr_writer *w, uint64_t pcr, struct smr_bytes name)
{
	static const uint8_t digest[SMR_HASH_LEN];

	smr_put_array(w, 1);
	smr_put_array(w, 3);
	smr_put_uint(w, pcr);
	smr_put_bytes(w, SMR_ARRAY(digest));
	smr_put_text(w, name);
}

enum shown {
	SHOWN,
	NULL_AND_NO_MORE,
	NOTHING_BEHIND_NULL,
	RESETTABLE_PCR,
	CONTROL_CHARACTER,
	ONE_ITEM_MORE,
	SHOWN_COUNT
};

static enum smr_err open_shown(struct run *run, struct scene *s, enum shown how)
{
	uint8_t room[SMR_M1_MAX], evidence[SMR_M1_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes plain, whole = run->opened.attested.whole;

	memcpy(evidence, whole.ptr, whole.len); /* it is in the scratch that the next one is opened in */
	smr_put_array(&w, how == NULL_AND_NO_MORE ? 2 : how == ONE_ITEM_MORE ? 4 : 3);
	smr_put_raw(&w, smr_bytes_of(evidence, whole.len));
	smr_put_null(&w);
	if (how == NOTHING_BEHIND_NULL || how == ONE_ITEM_MORE)
		smr_put_null(&w);
	if (how != NULL_AND_NO_MORE && how != NOTHING_BEHIND_NULL)
		put_log(&w, how == RESETTABLE_PCR ? 16 : 15, how == CONTROL_CHARACTER ? SMR_TEXT("\x1b") : SMR_NONE);
	assert_int_equal(smr_writer_done(&w, &plain), SMR_OK);
	return open_plain(run, s, plain);
}

static void test_attack_boot_log_in_another_form_or_without_a_quote_is_malformed(void **state)
{
	struct run run;

	for (unsigned how = 0; how < SHOWN_COUNT; how++) {
		run_start_tpm(&run, *state, SMR_NONE);
		assert_int_equal(open_shown(&run, *state, (enum shown)how), how == SHOWN ? SMR_OK : SMR_E_MALFORMED);
		assert_int_equal(run.opened.boot_log.len, how == SHOWN ? 38 : 0);
		assert_int_equal(run.opened.certificate.len, 0);
		run_wipe(&run);
	}
	run_start(&run, *state, SMR_NONE); /* signed evidence */
	assert_int_equal(open_shown(&run, *state, SHOWN), SMR_E_MALFORMED);
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
		cmocka_unit_test(test_attack_signature_by_a_tpm_is_no_evidence),
		cmocka_unit_test(test_attack_quote_of_another_state_does_not_verify),
		cmocka_unit_test(test_attack_m1_with_a_part_longer_than_any_is_malformed),
		cmocka_unit_test(test_attack_boot_log_in_another_form_or_without_a_quote_is_malformed),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
