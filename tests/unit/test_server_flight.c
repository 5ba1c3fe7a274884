/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a flight: what is answered, what is silence, what is durable first, how long answers may be, and that nothing stays in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/server_steps.h"

static enum smr_refusal fly_refused(struct world *w)
{
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	world_assert_wiped(w);
	return device_m2(&device, world_payload(w, SMR_COAP_CHANGED))->refusal;
}

static void assert_package(const struct smr_m2 *m2, const struct smr_package *package)
{
	assert_true(m2->has_package);
	assert_memory_equal(&m2->package.operator_id, &package->operator_id, sizeof(package->operator_id));
	assert_memory_equal(&m2->package.iccid, &package->iccid, sizeof(package->iccid));
	assert_int_equal(m2->package.serial, package->serial);
	assert_bytes_equal(m2->package.x, package->x);
	assert_memory_equal(m2->package.w, package->w, sizeof(package->w));
	assert_bytes_equal(m2->package.order, package->order);
}

/* ---- which flight is answered ---- */

static void test_flight_first_contact_brings_the_package_and_is_durable(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_store_device row;
	const struct smr_m2 *m2 = world_fly(w, &device);

	assert_int_equal(m2->refusal, SMR_REFUSAL_NONE);
	assert_package(m2, &scene->package);
	assert_int_equal(m2->flight_key.len, 0);
	assert_true(w->looked_up && w->committed);
	world_assert_wiped(w);
	row = world_row(w);
	assert_int_equal(row.row.state, SMR_ROW_OFFERED);
	assert_int_equal(row.row.ctr, 7);
	assert_int_equal(row.row.lineage, 7);
	assert_memory_equal(row.row.hash, device.flight.hash_m1, SMR_HASH_LEN);
	assert_int_equal(w->metrics.flights_answered, 1);
	assert_int_equal(w->metrics.packages_sent, 1);
	end(w);
}

static void test_flight_ticket_names_this_device_lineage_and_epoch(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	const struct smr_m2 *m2 = world_fly(w, &device);
	struct smr_ticket ticket;

	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes, m2->ticket, &ticket),
			 SMR_OK);
	assert_memory_equal(&ticket.eid, &scene->evidence.eid, sizeof(ticket.eid));
	assert_memory_equal(ticket.rk, device.rk, sizeof(ticket.rk));
	assert_int_equal(ticket.lineage, 7);
	assert_int_equal(ticket.flight_epoch, WORLD_NOW / WORLD_EPOCH_S);
	assert_int_equal(ticket.state, 0);
	assert_memory_equal(ticket.shipment.octets, "SHIPMENT", 8);
	end(w);
}

static void test_flight_resend_is_answered_afresh_and_changes_nothing(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	uint8_t first[SMR_DATAGRAM_MAX];
	size_t first_len;
	uint64_t revision;

	assert_package(world_fly(w, &device), &scene->package);
	first_len = w->item.out_len;
	memcpy(first, w->item.out, first_len);
	revision = world_row(w).revision;
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	assert_false(w->committed);
	assert_int_equal(world_row(w).revision, revision);
	assert_int_equal(w->item.out_len, first_len);
	assert_memory_not_equal(w->item.out + 20, first + 20, first_len - 20); /* another f, another ciphertext */
	assert_package(device_m2(&device, world_payload(w, SMR_COAP_CHANGED)), &scene->package);
	assert_int_equal(w->metrics.resends_answered, 1);
	end(w);
}

static void test_flight_unknown_key_is_hinted_the_current_one(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_flight_key key;
	struct smr_bytes payload;

	device_m1(&device, scene, 99, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	w->message_id = 0xfffe;
	assert_true(world_drive(w));
	assert_false(w->looked_up);
	payload = world_payload(w, SMR_COAP_NOT_FOUND);
	assert_memory_equal(w->item.out + 2, "\xff\xfe", 2);
	assert_int_equal(w->message_id, 0xffff);
	assert_int_equal(smr_flight_key_open(payload, &scene->root.pub, &key), SMR_OK);
	assert_int_equal(key.number, SCENE_Q_NUMBER);
	assert_int_equal(w->metrics.hints_flight_key, 1);
	world_assert_wiped(w);
	end(w);
}

static void test_flight_confirmable_request_is_acknowledged_with_the_answer(void **state)
{
	struct world *w = begin(state, WORLD_ALL);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	w->item.in[0] = 0x42;
	assert_true(world_drive(w));
	assert_memory_equal(w->item.out, "\x62\x44\x12\x34\xaa\xbb\xff", WORLD_COAP);
	assert_int_equal(
		device_m2(&device, smr_bytes_of(w->item.out + WORLD_COAP, w->item.out_len - WORLD_COAP))->refusal,
		SMR_REFUSAL_NONE);
	end(w);
}

static void test_flight_key_that_is_over_is_hinted_even_with_none_to_offer(void **state)
{
	struct world *w = begin(state, WORLD_ALL);

	world_reload(w, WORLD_NOW + 200 * WORLD_DAY);
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	assert_int_equal(world_payload(w, SMR_COAP_NOT_FOUND).len, 0);
	end(w);
}

/* A hint goes to anybody: the smallest request that gets one must not be amplified beyond the limit. */
static void test_flight_hint_is_within_the_limit_for_the_smallest_request(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	uint8_t m1[SMR_M1_MAX];
	struct smr_writer writer = smr_writer_init((struct smr_space){m1, sizeof(m1)});
	static const uint8_t zero[SMR_POINT_COMPRESSED_LEN];
	struct smr_bytes encoded;

	smr_put_array(&writer, 4);
	smr_put_uint(&writer, 1);
	smr_put_uint(&writer, 0);
	smr_put_bytes(&writer, SMR_ARRAY(zero));
	smr_put_bytes(&writer, smr_bytes_of(zero, SMR_AEAD_TAG_LEN));
	assert_int_equal(smr_writer_done(&writer, &encoded), SMR_OK);
	world_post(w, 'f', encoded);
	w->item.in[0] = 0x50; /* and without a token */
	memmove(w->item.in + 4, w->item.in + 6, w->item.in_len - 6);
	w->item.in_len -= 2;
	assert_true(world_drive(w));
	assert_int_equal(w->item.out[1], SMR_COAP_NOT_FOUND);
	assert_true(w->item.out_len <= SMR_AMPLIFICATION_MAX * w->item.in_len);
	end(w);
}

static void test_flight_signed_by_another_key_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_ALL);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->t.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	assert_silence(w);
	assert_int_equal(w->metrics.dropped_signature, 1);
	assert_int_equal(world_row(w).row.state, SMR_ROW_SEALED);
	assert_int_equal(world_row(w).row.ctr, 0);
	end(w);
}

static void test_flight_of_an_unknown_device_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_KEY | WORLD_TRUST);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	assert_silence(w);
	assert_int_equal(w->metrics.dropped_unknown, 1);
	end(w);
}

static void test_flight_with_a_certificate_and_no_row_is_told_there_is_no_subscription(void **state)
{
	struct world *w = begin(state, WORLD_KEY | WORLD_TRUST);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, scene->certificate);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	assert_false(w->committed);
	assert_int_equal(device_m2(&device, world_payload(w, SMR_COAP_CHANGED))->refusal, SMR_REFUSAL_NO_SUBSCRIPTION);
	world_assert_wiped(w);
	end(w);
}

static void test_flight_with_a_certificate_gets_the_package_that_waits(void **state)
{
	struct world *w = begin(state, WORLD_KEY | WORLD_TRUST | WORLD_PACKAGE);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, scene->certificate);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	assert_package(device_m2(&device, world_payload(w, SMR_COAP_CHANGED)), &scene->package);
	/* Without the certificate nobody knows its key. */
	scene->evidence.ctr++;
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	assert_silence(w);
	end(w);
}

static void test_flight_with_a_certificate_of_a_stranger_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_KEY | WORLD_PACKAGE);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, scene->certificate);
	world_post(w, 'f', view(device.m1));
	assert_silence(w);
	assert_int_equal(w->metrics.dropped_unknown, 1);
	end(w);
}

/* A genuine device, with its own certificate, speaks for another EID. */
static void test_flight_with_the_certificate_of_another_eid_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_KEY | WORLD_TRUST | WORLD_PACKAGE);
	struct smr_certificate certificate;
	uint8_t room[SMR_CERTIFICATE_MAX];
	struct smr_writer writer = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	assert_int_equal(smr_certificate_peek(scene->certificate, &certificate), SMR_OK);
	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000999"), &certificate.eid), SMR_OK);
	assert_int_equal(smr_certificate_sign(&writer, &scene->supplier.own, &certificate), SMR_OK);
	assert_int_equal(smr_writer_done(&writer, &encoded), SMR_OK);
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, encoded);
	world_post(w, 'f', view(device.m1));
	assert_silence(w);
	end(w);
}

/* What the supplier certifies decides: of a device with a TPM no signature is believed, and of its quotes only those over the approved PCRs. */
static void test_flight_with_the_certificate_of_a_tpm_needs_its_quote(void **state)
{
	struct world *w = begin(state, WORLD_KEY | WORLD_TRUST | WORLD_PACKAGE);
	const struct smr_attester tpm = scene_tpm(scene);
	struct smr_certificate certificate;
	uint8_t room[SMR_CERTIFICATE_MAX];
	struct smr_writer writer = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	assert_int_equal(smr_certificate_peek(scene->certificate, &certificate), SMR_OK);
	certificate.platform = SMR_PLATFORM_TPM;
	assert_int_equal(smr_certificate_sign(&writer, &scene->supplier.own, &certificate), SMR_OK);
	assert_int_equal(smr_writer_done(&writer, &encoded), SMR_OK);
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, encoded);
	world_post(w, 'f', view(device.m1));
	assert_silence(w);
	smr_flight_wipe(&device.flight);
	device.m1 = (struct smr_space){device.m1_room, sizeof(device.m1_room)};
	assert_int_equal(smr_m1_build(&scene->q.pub, SCENE_Q_NUMBER, &tpm, &scene->evidence, encoded, NULL, &device.m1,
				      &device.flight),
			 SMR_OK);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	/* The digest is on the list as a measurement of software, which is another thing. */
	assert_int_equal(device_m2(&device, world_payload(w, SMR_COAP_CHANGED))->refusal, SMR_REFUSAL_MEASUREMENT);
	end(w);
}

/* The operator sealed for a later shipment: the certificate of an earlier one is as genuine as ever, and out of use. */
static void test_flight_with_the_certificate_of_before_a_new_enrolment_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_KEY | WORLD_TRUST | WORLD_PACKAGE);
	struct smr_batch_record record = {.eid = scene->evidence.eid, .package = scene->package, .has_shipment = true};

	for (unsigned turn = 0; turn < 2; turn++) {
		memcpy(record.shipment.octets, turn == 0 ? "SHIPMENT" : "NEXTSHIP", 8);
		record.package.serial = scene->package.serial + 1 + turn;
		rig_load_begin(w->store, SMR_FILE_BATCH);
		assert_int_equal(smr_store_put_package(w->store->store, &record), SMR_OK);
		rig_load_keep(w->store);
		device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, scene->certificate);
		world_post(w, 'f', view(device.m1));
		if (turn == 0)
			assert_true(world_drive(w));
		else
			assert_silence(w);
	}
	end(w);
}

static void test_flight_refusals_are_encrypted_and_commit_the_counter(void **state)
{
	struct world *w = begin(state, WORLD_ALL);

	scene->evidence.measurement[0] ^= 1;
	assert_int_equal(fly_refused(w), SMR_REFUSAL_MEASUREMENT);
	assert_int_equal(world_row(w).row.ctr, 7);
	assert_int_equal(world_row(w).row.lineage, 0);
	scene->evidence.measurement[0] ^= 1;
	assert_int_equal(fly_refused(w), SMR_REFUSAL_COUNTER); /* the same counter, another message */
	assert_false(w->committed);
	scene->evidence.ctr = 8;
	scene->evidence.tamper = 1;
	assert_int_equal(fly_refused(w), SMR_REFUSAL_TAMPER);
	assert_int_equal(w->metrics.tamper_reports, 1);
	scene->evidence.tamper = 0;
	scene->evidence.ctr = 9;
	assert_int_equal(smr_store_revoke(w->store->store, &scene->evidence.eid, true), SMR_OK);
	assert_int_equal(fly_refused(w), SMR_REFUSAL_REVOKED);
	assert_int_equal(smr_store_revoke(w->store->store, &scene->evidence.eid, false), SMR_OK);
	scene->evidence.ctr = 10;
	assert_int_equal(fly_refused(w), SMR_REFUSAL_NONE);
	assert_int_equal(w->metrics.flights_refused, 4);
	end(w);
}

static void test_flight_of_a_known_device_without_a_package_is_refused(void **state)
{
	struct world *w = begin(state, WORLD_KNOWN | WORLD_KEY);

	assert_int_equal(fly_refused(w), SMR_REFUSAL_NO_SUBSCRIPTION);
	assert_int_equal(world_row(w).row.ctr, 7);
	end(w);
}

/* The answer is sealed while the change goes to the disk; what it says holds only if the change is made. */
static void test_answer_sealed_for_a_row_that_moved_is_never_sent(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	uint8_t sealed[SMR_DATAGRAM_MAX];
	struct smr_bytes answer;

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	smr_item_read(&w->item, &w->steps);
	smr_item_open(&w->item, &w->steps);
	world_judge(w, NULL);
	assert_int_equal(w->item.stage, SMR_STAGE_COMMIT);
	smr_item_prepare(&w->item, &w->steps);
	assert_int_equal(w->item.stage, SMR_STAGE_COMMIT);
	assert_true(w->item.sealed_len > 0);
	memcpy(sealed, smr_item_room(&w->item).ptr, w->item.sealed_len);
	assert_true(device_m2(&device, smr_bytes_of(sealed, w->item.sealed_len))->has_package);

	assert_int_equal(smr_store_revoke(w->store->store, &scene->evidence.eid, true), SMR_OK);
	assert_int_equal(smr_store_commit(w->store->store, &w->change, 1), SMR_OK);
	assert_int_equal(w->change.err, SMR_E_BUSY);
	world_judge(w, NULL);
	assert_int_equal(w->item.stage, SMR_STAGE_COMMIT); /* that it was refused */
	assert_int_equal(smr_store_commit(w->store->store, &w->change, 1), SMR_OK);
	assert_int_equal(w->change.err, SMR_OK);
	smr_item_answer(&w->item, &w->steps, false);
	answer = world_payload(w, SMR_COAP_CHANGED);
	assert_int_equal(device_m2(&device, answer)->refusal, SMR_REFUSAL_REVOKED);
	assert_int_equal(w->metrics.packages_sent, 0);
	world_assert_wiped(w);
	end(w);
}

static void test_flight_store_failure_is_an_encrypted_refusal(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_m2 *m2;

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive_with(w, true, NULL));
	world_assert_wiped(w);
	m2 = device_m2(&device, world_payload(w, SMR_COAP_CHANGED));
	assert_int_equal(m2->refusal, SMR_REFUSAL_STORE);
	assert_false(m2->has_package);
	assert_int_equal(m2->ticket.len, 0);
	assert_int_equal(world_row(w).row.state, SMR_ROW_SEALED);
	assert_int_equal(w->metrics.packages_sent, 0);
	assert_int_equal(w->metrics.flights_refused, 1);
	world_post(w, 'f', view(device.m1)); /* the same M1, when the store is well again */
	assert_true(world_drive(w));
	assert_package(device_m2(&device, world_payload(w, SMR_COAP_CHANGED)), &scene->package);
	end(w);
}

static void test_flight_truncated_anywhere_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_ALL);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	for (size_t len = 0; len < device.m1.len; len++) {
		world_post(w, 'f', smr_bytes_of(device.m1.ptr, len));
		assert_silence(w);
	}
	assert_int_equal(w->metrics.dropped_malformed, device.m1.len);
	end(w);
}

static void test_flight_flipped_bit_is_silence_or_a_hint(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	unsigned hints = 0;

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	for (size_t bit = 0; bit < 8 * device.m1.len; bit++) {
		device.m1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		world_post(w, 'f', view(device.m1));
		if (world_drive(w)) {
			assert_int_equal(w->item.out[1], SMR_COAP_NOT_FOUND);
			hints++;
		}
		world_assert_wiped(w);
		device.m1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_in_range(hints, 1, 32); /* the key's number has 32 bits */
	assert_int_equal(world_row(w).row.ctr, 0);
	end(w);
}

static void test_datagram_of_another_path_or_protocol_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_ALL);

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'x', view(device.m1));
	assert_silence(w);
	world_post(w, 'c', view(device.m1)); /* a flight on the check-in's path */
	assert_silence(w);
	w->item.in_len = 0; /* what a worker makes of a datagram that is too long */
	assert_silence(w);
	assert_int_equal(w->metrics.dropped_malformed, 3);
	end(w);
}

/* ---- the length of answers ---- */

static size_t ratio_of_flight(struct world *w, struct smr_bytes certificate, bool *key_sent)
{
	const struct smr_m2 *m2;

	scene->evidence.ctr++;
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, certificate);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	m2 = device_m2(&device, world_payload(w, SMR_COAP_CHANGED));
	assert_true(m2->has_package);
	assert_true(m2->ticket.len > 0);
	*key_sent = m2->flight_key.len > 0;
	if (*key_sent) {
		struct smr_flight_key key;

		assert_int_equal(smr_flight_key_open(m2->flight_key, &scene->root.pub, &key), SMR_OK);
		assert_int_equal(key.number, SCENE_Q_NUMBER + 1);
	}
	return 100 * w->item.out_len / w->item.in_len;
}

static void test_answer_leaves_the_flight_key_out_to_stay_within_the_limit(void **state)
{
	struct world *small = begin(state, WORLD_ALL | WORLD_NEXT_KEY);
	struct world *large = world_make(scene, WORLD_KNOWN | WORLD_TUAK | WORLD_KEY | WORLD_NEXT_KEY);
	bool key_sent;

	assert_true(ratio_of_flight(small, SMR_NONE, &key_sent) <= 300);
	assert_true(key_sent); /* there is room for it */
	scene->evidence.fresh_kind = SMR_FRESH_BEACON;
	assert_true(ratio_of_flight(small, SMR_NONE, &key_sent) <= 300);
	assert_true(key_sent);
	assert_true(ratio_of_flight(large, SMR_NONE, &key_sent) <= 300);
	assert_false(key_sent); /* TUAK and the owner's order fill it */
	assert_true(ratio_of_flight(large, scene->certificate, &key_sent) <= 300);
	assert_true(key_sent); /* a longer request earns a longer answer */
	end(small);
	world_free(large);
}

/* Without a beacon TUAK, an order and SQN policy are 618 octets for 209, or for 205 where the flight key has a low number; here they are 634: what is not
 * optional is not left out. The same M1 with the Echo gets the
 * answer, and everything optional with it; the counter has been used up once. */
static void test_answer_beyond_the_limit_waits_for_the_address_to_be_proved(void **state)
{
	struct smr_bytes *x = &((struct scene *)*state)->package_tuak.x;
	uint8_t echo[SMR_ECHO_LEN];
	const struct smr_m2 *m2;
	struct world *w;

	x->len += 32; /* SQN policy of the operator's own is 16; what the others are, the server cannot tell */
	w = begin(state, WORLD_KNOWN | WORLD_TUAK | WORLD_KEY | WORLD_NEXT_KEY);
	x->len -= 32;

	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	assert_true(w->committed);
	world_echo(w, echo);
	world_assert_wiped(w);
	assert_int_equal(w->metrics.flights_answered, 0);
	world_post_with(w, 'f', view(device.m1), echo);
	assert_true(world_drive(w));
	assert_false(w->committed);
	m2 = device_m2(&device, world_payload(w, SMR_COAP_CHANGED));
	assert_true(m2->has_package && m2->flight_key.len > 0);
	assert_true(w->item.out_len > SMR_AMPLIFICATION_MAX * w->item.in_len);
	assert_int_equal(w->metrics.resends_answered, 1);
	end(w);
}

/* Answer a resend as if its request had been so long, and had such a token. Is the flight key in the answer? */
static bool key_is_sent(struct world *w, size_t token_len, size_t in_len)
{
	size_t head = 4 + token_len + 1;

	world_post(w, 'f', view(device.m1));
	smr_item_read(&w->item, &w->steps);
	smr_item_open(&w->item, &w->steps);
	world_judge(w, NULL);
	assert_int_equal(w->item.stage, SMR_STAGE_ANSWER);
	w->item.coap.token_len = token_len;
	w->item.in_len = in_len;
	smr_item_answer(&w->item, &w->steps, false);
	assert_int_equal(w->item.stage, SMR_STAGE_SEND);
	assert_true(device_m2(&device, smr_bytes_of(w->item.out + head, w->item.out_len - head))->has_package);
	return device.answer.m2.flight_key.len > 0;
}

/* The key is there exactly when the whole answer stays within the limit. Three lengths of token, so that each remainder occurs. */
static void test_answer_uses_the_limit_to_the_octet(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_NEXT_KEY);
	size_t with;

	assert_true(world_fly(w, &device)->flight_key.len > 0);
	with = w->item.out_len - 2;
	for (size_t token_len = 0; token_len < 3; token_len++)
		for (size_t in_len = with / 3 - 3; in_len <= with / 3 + 3; in_len++)
			assert_int_equal(key_is_sent(w, token_len, in_len), 3 * in_len >= with + token_len);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flight_with_the_certificate_of_a_tpm_needs_its_quote),
		cmocka_unit_test(test_flight_first_contact_brings_the_package_and_is_durable),
		cmocka_unit_test(test_flight_ticket_names_this_device_lineage_and_epoch),
		cmocka_unit_test(test_flight_resend_is_answered_afresh_and_changes_nothing),
		cmocka_unit_test(test_flight_unknown_key_is_hinted_the_current_one),
		cmocka_unit_test(test_flight_confirmable_request_is_acknowledged_with_the_answer),
		cmocka_unit_test(test_flight_key_that_is_over_is_hinted_even_with_none_to_offer),
		cmocka_unit_test(test_flight_hint_is_within_the_limit_for_the_smallest_request),
		cmocka_unit_test(test_flight_signed_by_another_key_is_silence),
		cmocka_unit_test(test_flight_of_an_unknown_device_is_silence),
		cmocka_unit_test(test_flight_with_a_certificate_and_no_row_is_told_there_is_no_subscription),
		cmocka_unit_test(test_flight_with_a_certificate_gets_the_package_that_waits),
		cmocka_unit_test(test_flight_with_a_certificate_of_a_stranger_is_silence),
		cmocka_unit_test(test_flight_with_the_certificate_of_another_eid_is_silence),
		cmocka_unit_test(test_flight_with_the_certificate_of_before_a_new_enrolment_is_silence),
		cmocka_unit_test(test_flight_refusals_are_encrypted_and_commit_the_counter),
		cmocka_unit_test(test_flight_of_a_known_device_without_a_package_is_refused),
		cmocka_unit_test(test_answer_sealed_for_a_row_that_moved_is_never_sent),
		cmocka_unit_test(test_flight_store_failure_is_an_encrypted_refusal),
		cmocka_unit_test(test_flight_truncated_anywhere_is_silence),
		cmocka_unit_test(test_flight_flipped_bit_is_silence_or_a_hint),
		cmocka_unit_test(test_datagram_of_another_path_or_protocol_is_silence),
		cmocka_unit_test(test_answer_leaves_the_flight_key_out_to_stay_within_the_limit),
		cmocka_unit_test(test_answer_beyond_the_limit_waits_for_the_address_to_be_proved),
		cmocka_unit_test(test_answer_uses_the_limit_to_the_octet),
	};

	return cmocka_run_group_tests(tests, setup, scene_teardown);
}
