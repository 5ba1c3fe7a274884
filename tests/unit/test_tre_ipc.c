/* SPDX-License-Identifier: Apache-2.0 */
/* Packets between a TRE and its clients: one encoding each, every other octet string refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/random.h"
#include "tre/ipc.h"

static const uint8_t message_octets[300] = {0xde, 0xad};
static const enum smr_tre_op all_ops[] = {SMR_TRE_STATE,	 SMR_TRE_ENROL_BEGIN,	   SMR_TRE_ENROL_FINISH,
					  SMR_TRE_FLIGHT_START,	 SMR_TRE_FLIGHT_COMPLETE,  SMR_TRE_FLIGHT_KEY,
					  SMR_TRE_CHECKIN_START, SMR_TRE_CHECKIN_COMPLETE, SMR_TRE_AUTHENTICATE,
					  SMR_TRE_FLIGHT_GATE,	 SMR_TRE_ENROL_ENDORSE,	   SMR_TRE_ENROL_ACTIVATE,
					  SMR_TRE_PREPARE};

struct packet {
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_bytes octets;
};

/* ---- samples ---- */

static void fill(void *out, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)(seed + i);
}

static void sample_enrolment(struct smr_tre_enrolment *e)
{
	e->certificate = smr_bytes_of(message_octets, 150);
	fill(e->supplier, sizeof(e->supplier), 1);
	fill(e->ro_root, sizeof(e->ro_root), 2);
	e->shelf_key = smr_bytes_of(message_octets, 120);
	e->owner_bound = true;
	fill(e->owner, sizeof(e->owner), 3);
	e->anchor_count = 2;
	fill(e->anchors, 2 * sizeof(e->anchors[0]), 4);
	e->has_gate = true;
	fill(e->gate, sizeof(e->gate), 5);
	e->sealed_challenge = smr_bytes_of(message_octets, 81);
}

static struct smr_tre_request sample_request(enum smr_tre_op op)
{
	struct smr_tre_request request = {.op = op};

	switch (op) {
	case SMR_TRE_ENROL_BEGIN:
		fill(&request.u.enrol_begin, sizeof(request.u.enrol_begin), 7);
		break;
	case SMR_TRE_ENROL_FINISH:
		sample_enrolment(&request.u.enrolment);
		break;
	case SMR_TRE_FLIGHT_START:
		request.u.with_certificate = true;
		break;
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_FLIGHT_KEY:
	case SMR_TRE_CHECKIN_COMPLETE:
	case SMR_TRE_ENROL_ACTIVATE:
		request.u.message = SMR_ARRAY(message_octets);
		break;
	case SMR_TRE_ENROL_ENDORSE:
		fill(&request.u.challenge, sizeof(request.u.challenge), 8);
		break;
	case SMR_TRE_AUTHENTICATE:
		fill(&request.u.authenticate, sizeof(request.u.authenticate), 9);
		break;
	case SMR_TRE_PREPARE:
		fill(request.u.update.supplier, sizeof(request.u.update.supplier), 11);
		request.u.update.running = smr_bytes_of(message_octets, 200);
		request.u.update.next = smr_bytes_of(message_octets, 300);
		break;
	case SMR_TRE_STATE:
	case SMR_TRE_CHECKIN_START:
	case SMR_TRE_FLIGHT_GATE:
		break;
	}
	return request;
}

static void sample_state(struct smr_tre_state *s)
{
	s->health = SMR_E_ROLLBACK;
	s->enrolled = true;
	fill(s->eid.octets, sizeof(s->eid.octets), 1);
	fill(s->measurement, sizeof(s->measurement), 2);
	s->ctr = UINT32_MAX;
	s->has_ticket = true;
	s->checkin_open = true;
	s->flight_key = 0x80000001;
	s->receipts = 3;
	s->tamper = 5;
	s->mcim_count = 2;
	for (size_t i = 0; i < 2; i++) {
		fill(s->mcims[i].iccid.octets, SMR_ICCID_LEN, (uint8_t)(i + 3));
		fill(s->mcims[i].imsi.octets, SMR_IMSI_LEN, (uint8_t)(i + 4));
		s->mcims[i].serial = UINT64_MAX - i;
		s->mcims[i].alg = SMR_AKA_TUAK;
		s->mcims[i].state = SMR_MCIM_SUSPENDED;
		s->mcims[i].interval_s = 86400;
	}
}

static struct smr_tre_answer sample_answer(enum smr_tre_op op)
{
	struct smr_tre_answer answer = {0};

	switch (op) {
	case SMR_TRE_STATE:
		sample_state(&answer.u.state);
		break;
	case SMR_TRE_ENROL_BEGIN:
		fill(&answer.u.identity, sizeof(answer.u.identity), 1);
		answer.u.identity.proof.quoted = true;
		answer.u.identity.proof.quote.safe = true;
		answer.u.identity.proof.quote.pcrs = 1u << 8 | 1u << 9;
		break;
	case SMR_TRE_ENROL_ENDORSE:
		fill(&answer.u.endorsement.certification, sizeof(answer.u.endorsement.certification), 1);
		answer.u.endorsement.certification.quote.safe = true;
		answer.u.endorsement.certification.quote.pcrs = 0;
		answer.u.endorsement.certificate = SMR_ARRAY(message_octets);
		break;
	case SMR_TRE_ENROL_ACTIVATE:
		fill(answer.u.activated, sizeof(answer.u.activated), 4);
		break;
	case SMR_TRE_ENROL_FINISH:
		fill(answer.u.enrolled, sizeof(answer.u.enrolled), 2);
		break;
	case SMR_TRE_FLIGHT_START:
	case SMR_TRE_CHECKIN_START:
		answer.u.message = SMR_ARRAY(message_octets);
		break;
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_CHECKIN_COMPLETE:
		answer.u.outcome = (struct smr_tre_outcome){SMR_REFUSAL_RESEAL, SMR_E_SERIAL, 3, true, false, 3600};
		break;
	case SMR_TRE_AUTHENTICATE:
		fill(answer.u.aka.res, 8, 1);
		answer.u.aka.res_len = 8;
		fill(answer.u.aka.ck, 16, 2);
		fill(answer.u.aka.ik, 16, 3);
		answer.u.aka.separation = true;
		break;
	case SMR_TRE_FLIGHT_GATE:
		fill(answer.u.gate_mac, sizeof(answer.u.gate_mac), 3);
		break;
	case SMR_TRE_FLIGHT_KEY:
	case SMR_TRE_PREPARE:
		break;
	}
	return answer;
}

static void encode_request(const struct smr_tre_request *request, struct packet *packet)
{
	struct smr_space room = {packet->room, sizeof(packet->room)};

	assert_int_equal(smr_tre_request_encode(request, room, &packet->octets), SMR_OK);
}

static void encode_answer(enum smr_tre_op op, const struct smr_tre_answer *answer, struct packet *packet)
{
	struct smr_space room = {packet->room, sizeof(packet->room)};

	assert_int_equal(smr_tre_answer_encode(op, answer, room, &packet->octets), SMR_OK);
}

/* Whatever is accepted is the one encoding of what it says. */
static bool request_is_strict(struct smr_bytes octets)
{
	struct smr_tre_request request;
	struct packet again;

	if (smr_tre_request_decode(octets, &request) != SMR_OK)
		return false;
	encode_request(&request, &again);
	assert_int_equal(again.octets.len, octets.len);
	assert_memory_equal(again.octets.ptr, octets.ptr, octets.len);
	return true;
}

static bool answer_is_strict(enum smr_tre_op op, struct smr_bytes octets)
{
	struct smr_tre_answer answer;
	struct packet again;

	if (smr_tre_answer_decode(op, octets, &answer) != SMR_OK)
		return false;
	encode_answer(op, &answer, &again);
	assert_int_equal(again.octets.len, octets.len);
	assert_memory_equal(again.octets.ptr, octets.ptr, octets.len);
	return true;
}

/* ---- requests ---- */

static void test_request_of_every_kind_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_request request = sample_request(all_ops[i]);
		struct smr_tre_request back;
		struct packet packet;

		encode_request(&request, &packet);
		assert_true(request_is_strict(packet.octets));
		assert_int_equal(smr_tre_request_decode(packet.octets, &back), SMR_OK);
		assert_int_equal(back.op, request.op);
	}
}

static void test_enrolment_decoded_keeps_every_field(void **state)
{
	struct smr_tre_request request = sample_request(SMR_TRE_ENROL_FINISH);
	const struct smr_tre_enrolment *sent = &request.u.enrolment;
	const struct smr_tre_enrolment *got;
	struct smr_tre_request back;
	struct packet packet;

	(void)state;
	encode_request(&request, &packet);
	assert_int_equal(smr_tre_request_decode(packet.octets, &back), SMR_OK);
	got = &back.u.enrolment;
	assert_true(smr_bytes_equal(got->certificate, sent->certificate));
	assert_memory_equal(got->supplier, sent->supplier, sizeof(sent->supplier));
	assert_memory_equal(got->ro_root, sent->ro_root, sizeof(sent->ro_root));
	assert_true(smr_bytes_equal(got->shelf_key, sent->shelf_key));
	assert_true(got->owner_bound && got->has_gate);
	assert_memory_equal(got->owner, sent->owner, sizeof(sent->owner));
	assert_int_equal(got->anchor_count, 2);
	assert_memory_equal(got->anchors, sent->anchors, sizeof(sent->anchors));
	assert_memory_equal(got->gate, sent->gate, sizeof(sent->gate));
	assert_true(smr_bytes_equal(got->sealed_challenge, sent->sealed_challenge));
}

static void test_request_truncated_or_longer_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_request request = sample_request(all_ops[i]);
		struct packet packet;

		encode_request(&request, &packet);
		for (size_t len = 0; len < packet.octets.len; len++)
			assert_int_equal(smr_tre_request_decode(smr_bytes_of(packet.room, len), &request),
					 SMR_E_MALFORMED);
		packet.room[packet.octets.len] = 0;
		assert_int_equal(smr_tre_request_decode(smr_bytes_of(packet.room, packet.octets.len + 1), &request),
				 SMR_E_MALFORMED);
	}
}

static void test_request_with_any_bit_flipped_stays_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_request request = sample_request(all_ops[i]);
		struct packet packet;

		encode_request(&request, &packet);
		for (size_t bit = 0; bit < packet.octets.len * 8; bit++) {
			packet.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
			(void)request_is_strict(packet.octets);
			packet.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void test_request_room_one_short_is_no_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_request request = sample_request(all_ops[i]);
		struct smr_bytes out;
		struct packet packet;

		encode_request(&request, &packet);
		assert_int_equal(
			smr_tre_request_encode(&request, (struct smr_space){packet.room, packet.octets.len - 1}, &out),
			SMR_E_NO_ROOM);
	}
}

static void test_request_of_unknown_kind_is_unsupported(void **state)
{
	static const uint8_t op_0[] = {0x81, 0x00};
	static const uint8_t op_23[] = {0x81, 0x17};
	static const uint8_t op_65535[] = {0x82, 0x19, 0xff, 0xff, 0xf4};
	static const uint8_t op_65536[] = {0x81, 0x1a, 0x00, 0x01, 0x00, 0x00};
	struct smr_tre_request request = {.op = (enum smr_tre_op)23};
	struct smr_bytes out;
	uint8_t room[16];

	(void)state;
	assert_int_equal(smr_tre_request_encode(&request, (struct smr_space){room, sizeof(room)}, &out), SMR_E_INVALID);
	assert_int_equal(smr_tre_request_decode(SMR_ARRAY(op_0), &request), SMR_E_UNSUPPORTED);
	assert_int_equal(smr_tre_request_decode(SMR_ARRAY(op_23), &request), SMR_E_UNSUPPORTED);
	assert_int_equal(smr_tre_request_decode(SMR_ARRAY(op_65535), &request), SMR_E_UNSUPPORTED);
	assert_int_equal(smr_tre_request_decode(SMR_ARRAY(op_65536), &request), SMR_E_MALFORMED);
}

static void test_request_with_too_many_anchors_is_refused(void **state)
{
	struct smr_tre_request request = sample_request(SMR_TRE_ENROL_FINISH);
	struct smr_bytes out;
	struct packet packet;
	/* Certificate, two keys, shelf key, owner; then the head of the array of anchors. */
	size_t head;

	(void)state;
	request.u.enrolment.anchor_count = SMR_TRE_ANCHORS_MAX;
	encode_request(&request, &packet);
	assert_true(request_is_strict(packet.octets));
	head = 2 + (2 + 150) + 35 + 35 + (2 + 120) + 35;
	assert_int_equal(packet.room[head], 0x80 + SMR_TRE_ANCHORS_MAX);
	packet.room[head]++;
	assert_int_equal(smr_tre_request_decode(packet.octets, &request), SMR_E_MALFORMED);
	request = sample_request(SMR_TRE_ENROL_FINISH);
	request.u.enrolment.anchor_count = SMR_TRE_ANCHORS_MAX + 1;
	assert_int_equal(smr_tre_request_encode(&request, (struct smr_space){packet.room, sizeof(packet.room)}, &out),
			 SMR_E_INVALID);
}

static void test_request_oversize_is_malformed(void **state)
{
	static uint8_t big[SMR_TRE_PACKET_MAX + 1] = {0x82, SMR_TRE_FLIGHT_COMPLETE, 0x59, 0x0f, 0xfc};
	struct smr_tre_request request;

	(void)state;
	/* The same head with one octet less is a request of the greatest length. */
	assert_int_equal(smr_tre_request_decode(SMR_ARRAY(big), &request), SMR_E_MALFORMED);
	big[4] = 0xfb;
	assert_int_equal(smr_tre_request_decode(smr_bytes_of(big, SMR_TRE_PACKET_MAX), &request), SMR_OK);
	assert_int_equal(request.u.message.len, SMR_TRE_PACKET_MAX - 5);
}

static void test_garbage_is_never_taken_for_more_than_it_says(void **state)
{
	struct rng random = {4711};
	uint8_t octets[64];

	(void)state;
	for (size_t round = 0; round < 100000; round++) {
		size_t len = rng_below(&random, sizeof(octets));
		enum smr_tre_op op = all_ops[rng_below(&random, SMR_COUNT(all_ops))];

		rng_fill(&random, octets, len);
		/* Every other time with a head that gets past the first look. */
		if (len > 2 && round % 2 == 0) {
			octets[0] = (uint8_t)(0x80 + 1 + rng_below(&random, 13));
			octets[1] = (uint8_t)rng_below(&random, 14);
		}
		(void)request_is_strict(smr_bytes_of(octets, len));
		(void)answer_is_strict(op, smr_bytes_of(octets, len));
	}
}

/* ---- answers ---- */

static void test_answer_of_every_kind_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_answer answer = sample_answer(all_ops[i]);
		struct packet packet;

		encode_answer(all_ops[i], &answer, &packet);
		assert_true(answer_is_strict(all_ops[i], packet.octets));
	}
}

static void test_state_decoded_keeps_every_field(void **state)
{
	struct smr_tre_answer answer = sample_answer(SMR_TRE_STATE);
	struct smr_tre_answer back;
	const struct smr_tre_state *got = &back.u.state;
	struct packet packet;

	(void)state;
	encode_answer(SMR_TRE_STATE, &answer, &packet);
	assert_int_equal(smr_tre_answer_decode(SMR_TRE_STATE, packet.octets, &back), SMR_OK);
	assert_int_equal(got->health, SMR_E_ROLLBACK);
	assert_true(got->enrolled && got->has_ticket && got->checkin_open && !got->flight_open);
	assert_memory_equal(&got->eid, &answer.u.state.eid, sizeof(got->eid));
	assert_memory_equal(got->measurement, answer.u.state.measurement, sizeof(got->measurement));
	assert_int_equal(got->ctr, UINT32_MAX);
	assert_int_equal(got->flight_key, 0x80000001);
	assert_int_equal(got->receipts, 3);
	assert_int_equal(got->tamper, 5);
	assert_int_equal(got->mcim_count, 2);
	assert_memory_equal(&got->mcims[1].iccid, &answer.u.state.mcims[1].iccid, SMR_ICCID_LEN);
	assert_memory_equal(&got->mcims[1].imsi, &answer.u.state.mcims[1].imsi, SMR_IMSI_LEN);
	assert_true(got->mcims[1].serial == UINT64_MAX - 1);
	assert_int_equal(got->mcims[1].alg, SMR_AKA_TUAK);
	assert_int_equal(got->mcims[1].state, SMR_MCIM_SUSPENDED);
	assert_int_equal(got->mcims[1].interval_s, 86400);
}

static void test_answer_truncated_or_longer_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_answer answer = sample_answer(all_ops[i]);
		struct packet packet;

		encode_answer(all_ops[i], &answer, &packet);
		for (size_t len = 0; len < packet.octets.len; len++)
			assert_int_equal(smr_tre_answer_decode(all_ops[i], smr_bytes_of(packet.room, len), &answer),
					 SMR_E_MALFORMED);
		packet.room[packet.octets.len] = 0;
		assert_int_equal(
			smr_tre_answer_decode(all_ops[i], smr_bytes_of(packet.room, packet.octets.len + 1), &answer),
			SMR_E_MALFORMED);
	}
}

static void test_answer_with_any_bit_flipped_stays_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_answer answer = sample_answer(all_ops[i]);
		struct packet packet;

		encode_answer(all_ops[i], &answer, &packet);
		for (size_t bit = 0; bit < packet.octets.len * 8; bit++) {
			packet.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
			(void)answer_is_strict(all_ops[i], packet.octets);
			packet.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void test_answer_room_one_short_is_no_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_answer answer = sample_answer(all_ops[i]);
		struct smr_bytes out;
		struct packet packet;

		encode_answer(all_ops[i], &answer, &packet);
		assert_int_equal(smr_tre_answer_encode(all_ops[i], &answer,
						       (struct smr_space){packet.room, packet.octets.len - 1}, &out),
				 SMR_E_NO_ROOM);
	}
}

static void test_answer_of_error_carries_nothing_but_the_error(void **state)
{
	static const uint8_t with_result[] = {0x82, 0x19, 0x03, 0x0a, 0x41, 0x00};
	static const uint8_t unknown_error[] = {0x81, 0x19, 0x7f, 0xff};
	static const uint8_t ok_without_result[] = {0x81, 0x00};
	struct smr_tre_answer back;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(all_ops); i++) {
		struct smr_tre_answer answer = sample_answer(all_ops[i]);
		struct packet packet;

		answer.err = SMR_E_STATE;
		encode_answer(all_ops[i], &answer, &packet);
		assert_int_equal(packet.octets.len, 4);
		assert_int_equal(smr_tre_answer_decode(all_ops[i], packet.octets, &back), SMR_OK);
		assert_int_equal(back.err, SMR_E_STATE);
		assert_int_equal(smr_tre_answer_decode(all_ops[i], SMR_ARRAY(with_result), &back), SMR_E_MALFORMED);
		assert_int_equal(smr_tre_answer_decode(all_ops[i], SMR_ARRAY(unknown_error), &back), SMR_E_MALFORMED);
		assert_int_equal(smr_tre_answer_decode(all_ops[i], SMR_ARRAY(ok_without_result), &back),
				 all_ops[i] == SMR_TRE_FLIGHT_KEY || all_ops[i] == SMR_TRE_PREPARE ? SMR_OK
												   : SMR_E_MALFORMED);
	}
}

static void test_authenticate_out_of_sequence_carries_auts_alone(void **state)
{
	struct smr_tre_answer answer = sample_answer(SMR_TRE_AUTHENTICATE);
	struct smr_tre_answer back;
	struct packet packet;

	(void)state;
	answer.err = SMR_E_SQN;
	fill(answer.u.aka.auts, sizeof(answer.u.aka.auts), 11);
	encode_answer(SMR_TRE_AUTHENTICATE, &answer, &packet);
	assert_int_equal(smr_tre_answer_decode(SMR_TRE_AUTHENTICATE, packet.octets, &back), SMR_OK);
	assert_int_equal(back.err, SMR_E_SQN);
	assert_memory_equal(back.u.aka.auts, answer.u.aka.auts, sizeof(answer.u.aka.auts));
	assert_int_equal(back.u.aka.res_len, 0);
}

static void test_authenticate_result_longer_than_res_is_refused(void **state)
{
	struct smr_tre_answer answer = sample_answer(SMR_TRE_AUTHENTICATE);
	struct smr_bytes out;
	uint8_t room[256];

	(void)state;
	answer.u.aka.res_len = SMR_AKA_RES_MAX + 1;
	assert_int_equal(
		smr_tre_answer_encode(SMR_TRE_AUTHENTICATE, &answer, (struct smr_space){room, sizeof(room)}, &out),
		SMR_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_of_every_kind_round_trips),
		cmocka_unit_test(test_enrolment_decoded_keeps_every_field),
		cmocka_unit_test(test_request_truncated_or_longer_is_malformed),
		cmocka_unit_test(test_request_with_any_bit_flipped_stays_strict),
		cmocka_unit_test(test_request_room_one_short_is_no_room),
		cmocka_unit_test(test_request_of_unknown_kind_is_unsupported),
		cmocka_unit_test(test_request_with_too_many_anchors_is_refused),
		cmocka_unit_test(test_request_oversize_is_malformed),
		cmocka_unit_test(test_garbage_is_never_taken_for_more_than_it_says),
		cmocka_unit_test(test_answer_of_every_kind_round_trips),
		cmocka_unit_test(test_state_decoded_keeps_every_field),
		cmocka_unit_test(test_answer_truncated_or_longer_is_malformed),
		cmocka_unit_test(test_answer_with_any_bit_flipped_stays_strict),
		cmocka_unit_test(test_answer_room_one_short_is_no_room),
		cmocka_unit_test(test_answer_of_error_carries_nothing_but_the_error),
		cmocka_unit_test(test_authenticate_out_of_sequence_carries_auts_alone),
		cmocka_unit_test(test_authenticate_result_longer_than_res_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
