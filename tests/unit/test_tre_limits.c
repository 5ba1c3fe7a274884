/* SPDX-License-Identifier: Apache-2.0 */
/* The TRE's engine at its limits: counters at their end, full queues, too little room, what a supplier may get wrong, late answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tre_rig.h"
#include "tre/linux/dispatch.h"
#include "tre/state.h"

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct rig));
	rig_init(*state);
	return 0;
}

static int tear_down(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

/** Enrol, fly, install. */
static void provision(struct rig *rig, struct rig_package *package)
{
	struct smr_tre_outcome outcome;

	rig_enrol(rig, false);
	rig_package(rig, package, &rig->op, 5, false);
	assert_int_equal(rig_flight(rig, package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_OK);
}

static struct smr_tre_state state_of(const struct rig *rig)
{
	struct smr_tre_state state;

	smr_tre_state(rig->tre, &state);
	return state;
}

/* What a test changed in the state is stored: an operation that fails on the way goes back to what is stored. */
static void store_state(struct rig *rig)
{
	(void)smr_tre_draft(rig->tre);
	assert_int_equal(smr_tre_keep(rig->tre), SMR_OK);
}

/* ---- counters ---- */

static void test_counter_at_its_end_starts_no_flight_and_no_checkin(void **state)
{
	struct rig *rig = *state;
	uint8_t room[SMR_M1_MAX];
	struct smr_space out = {room, sizeof(room)};
	struct rig_package package;

	provision(rig, &package);
	rig->tre->now.ctr = UINT32_MAX;
	store_state(rig);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &out), SMR_E_COUNTER);
	assert_true(state_of(rig).has_ticket); /* nothing was spent */
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &out), SMR_E_COUNTER);
	assert_int_equal(state_of(rig).ctr, UINT32_MAX);
}

static void test_step_ahead_ends_at_the_end_of_the_counter(void **state)
{
	struct rig *rig = *state;
	uint8_t m1_room[SMR_M1_MAX];
	uint8_t m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)};
	struct smr_space m2;
	struct smr_tre_outcome outcome;

	rig_enrol(rig, false);
	rig->tre->now.ctr = UINT32_MAX - 100;
	store_state(rig);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), NULL, SMR_REFUSAL_COUNTER, m2_room);
	assert_int_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_OK);
	assert_int_equal(state_of(rig).ctr, UINT32_MAX);
}

static void test_lineage_at_its_limit_asks_for_a_flight(void **state)
{
	struct rig *rig = *state;
	uint8_t room[SMR_C1_MAX];
	struct smr_space c1 = {room, sizeof(room)};
	struct rig_package package;

	provision(rig, &package);
	rig->tre->now.lineage_count = SMR_TRE_LINEAGE_MAX;
	store_state(rig);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &c1), SMR_E_NOTHING);
	assert_false(state_of(rig).has_ticket);
}

/* ---- room ---- */

static void test_c1_without_room_is_kept_and_comes_with_room(void **state)
{
	struct rig *rig = *state;
	uint8_t room[SMR_C1_MAX];
	struct smr_space small = {room, 10};
	struct smr_space enough = {room, sizeof(room)};
	struct rig_package package;

	provision(rig, &package);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &small), SMR_E_NO_ROOM);
	assert_true(state_of(rig).checkin_open);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &enough), SMR_OK);
	assert_int_equal(enough.len, rig->tre->now.pending.c1_len);
	assert_memory_equal(room, rig->tre->now.pending.c1, enough.len);
}

static void test_answer_longer_than_any_is_not_opened_and_the_request_stays(void **state)
{
	static const uint8_t octets[SMR_M2_MAX + SMR_C2_MAX];
	struct rig *rig = *state;
	uint8_t room[SMR_M1_MAX];
	struct smr_space request = {room, sizeof(room)};
	struct smr_tre_outcome outcome;
	struct rig_package package;

	provision(rig, &package);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &request), SMR_OK);
	assert_int_equal(smr_tre_checkin_complete(rig->tre, SMR_ARRAY(octets), &outcome), SMR_E_UNOPENED);
	assert_true(state_of(rig).checkin_open);
	request.len = sizeof(room);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &request), SMR_OK);
	assert_int_equal(smr_tre_flight_complete(rig->tre, SMR_ARRAY(octets), &outcome), SMR_E_UNOPENED);
	assert_true(state_of(rig).flight_open);
}

/* ---- what an answer to a check-in brings ---- */

static void test_checkin_brings_beacon_and_flight_key(void **state)
{
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	struct rig_package package;

	provision(rig, &package);
	rig->tre->now.epoch.number = 0; /* as if the flight had brought none */
	store_state(rig);
	rig->beacon = (struct smr_beacon){9, {1, 2, 3}};
	rig->send_epoch = true;
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	assert_int_equal(state_of(rig).flight_key, 2);
	assert_int_equal(rig->tre->now.beacon.number, 9);
	rig->beacon = (struct smr_beacon){8, {4, 5, 6}}; /* an older one changes nothing */
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	assert_int_equal(rig->tre->now.beacon.number, 9);
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
	assert_int_equal(rig->seen.fresh_kind, SMR_FRESH_BEACON);
	assert_memory_equal(&rig->seen.beacon, &rig->tre->now.beacon, sizeof(rig->beacon));
}

static struct smr_space start_and_answer(struct rig *rig, enum smr_refusal refusal, uint8_t room[SMR_C2_MAX])
{
	uint8_t c1_room[SMR_C1_MAX];
	struct smr_space c1 = {c1_room, sizeof(c1_room)};

	assert_int_equal(smr_tre_checkin_start(rig->tre, &c1), SMR_OK);
	return rig_answer_checkin(rig, smr_bytes_of(c1.ptr, c1.len), SMR_NONE, refusal, room);
}

static void test_refused_checkin_drops_the_ticket_and_asks_for_a_flight(void **state)
{
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	struct rig_package package;
	uint8_t room[SMR_C2_MAX];
	struct smr_space c2;

	provision(rig, &package);
	c2 = start_and_answer(rig, SMR_REFUSAL_LINEAGE, room);
	assert_int_equal(smr_tre_checkin_complete(rig->tre, smr_bytes_of(c2.ptr, c2.len), &outcome), SMR_OK);
	assert_int_equal(outcome.refusal, SMR_REFUSAL_LINEAGE);
	assert_true(outcome.flight_needed);
	assert_true(outcome.has_receipts); /* the receipt was not taken over: it stays in the queue */
	assert_false(state_of(rig).has_ticket || state_of(rig).checkin_open);
}

static void test_answer_to_a_checkin_of_another_measured_state_is_dropped(void **state)
{
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	struct rig_package package;
	uint8_t room[SMR_C2_MAX];
	struct smr_space c2;

	provision(rig, &package);
	c2 = start_and_answer(rig, SMR_REFUSAL_NONE, room);
	rig->platform.measurement[0] ^= 1;
	assert_int_equal(smr_tre_checkin_complete(rig->tre, smr_bytes_of(c2.ptr, c2.len), &outcome), SMR_E_NOTHING);
	assert_false(state_of(rig).has_ticket || state_of(rig).checkin_open);
}

static void test_answer_without_a_request_is_refused(void **state)
{
	static const uint8_t octets[] = {1};
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	struct rig_package package;

	provision(rig, &package);
	assert_int_equal(smr_tre_checkin_complete(rig->tre, SMR_ARRAY(octets), &outcome), SMR_E_STATE);
	assert_int_equal(smr_tre_flight_complete(rig->tre, SMR_ARRAY(octets), &outcome), SMR_E_STATE);
}

/* The signature is the owner's; only the name of the device is another's. */
static void test_command_for_another_device_is_ignored(void **state)
{
	struct rig *rig = *state;
	struct smr_eid own;
	uint8_t command[SMR_COMMAND_MAX];
	struct smr_tre_outcome outcome;
	struct rig_package package;
	size_t len;

	provision(rig, &package);
	own = rig->eid;
	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000002"), &rig->eid), SMR_OK);
	len = rig_command(rig, command, &rig->op, &package.package, 9, SMR_MCIM_SUSPENDED);
	rig->eid = own;
	assert_int_equal(rig_checkin(rig, smr_bytes_of(command, len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 0);
	assert_int_equal(state_of(rig).mcims[0].state, SMR_MCIM_ACTIVATED);
	assert_false(outcome.has_receipts);
}

/* ---- a platform that cannot open the package ---- */

static enum smr_err platform_says;

static enum smr_err agree_so(void *context, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	(void)context;
	(void)peer;
	(void)out;
	return platform_says;
}

static enum smr_err load_nothing(void *context, uint8_t d[SMR_POINT_LEN], uint8_t t[SMR_POINT_LEN])
{
	(void)context;
	(void)d;
	(void)t;
	return SMR_OK;
}

/* A flight whose package meets a platform that says @p err. */
static enum smr_err fly_into(struct rig *rig, const struct rig_package *package, enum smr_err err,
			     struct smr_tre_outcome *outcome)
{
	static const struct smr_tre_keys faulty = {.load = load_nothing, .agree = agree_so};
	uint8_t m1_room[SMR_M1_MAX];
	uint8_t m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)};
	struct smr_space m2;

	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), package, SMR_REFUSAL_NONE, m2_room);
	platform_says = err;
	rig->port.keys = &faulty;
	err = smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), outcome);
	rig->port.keys = NULL;
	assert_int_equal(rig_restart(rig), SMR_OK); /* with the keys that the record has */
	return err;
}

static void test_fault_of_the_platform_is_not_the_packages(void **state)
{
	static const enum smr_err ours[] = {SMR_E_BUSY,	       SMR_E_IO,	 SMR_E_TPM_ABSENT,
					    SMR_E_TPM_RESET,   SMR_E_TPM_LOCKED, SMR_E_TPM_HIERARCHY,
					    SMR_E_TPM_CLEARED, SMR_E_TAMPERED,	 SMR_E_CRYPTO,
					    SMR_E_NO_MEMORY,   SMR_E_MEASUREMENT};
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	struct rig_package first;
	struct rig_package second;

	provision(rig, &first);
	rig_package(rig, &second, &rig->op, 6, false);
	for (size_t i = 0; i < SMR_COUNT(ours); i++) {
		assert_int_equal(fly_into(rig, &second, ours[i], &outcome), ours[i]);
		assert_int_equal(state_of(rig).mcims[0].serial, 5);
		assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
		assert_false(rig->seen.failed);
	}
	assert_int_equal(rig_flight(rig, &second, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_OK);
}

static void test_package_that_does_not_open_is_reported_with_its_reason(void **state)
{
	static const enum smr_err its[] = {SMR_E_UNOPENED, SMR_E_BAD_POINT, SMR_E_UNSUPPORTED, SMR_E_TOO_MANY};
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	struct rig_package first;
	struct rig_package second;

	provision(rig, &first);
	rig_package(rig, &second, &rig->op, 6, false);
	for (size_t i = 0; i < SMR_COUNT(its); i++) {
		assert_int_equal(fly_into(rig, &second, its[i], &outcome), SMR_OK);
		assert_int_equal(outcome.package, its[i]);
		assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
		assert_true(rig->seen.failed);
		assert_int_equal(rig->seen.failed_reason, its[i]);
	}
}

/* ---- memory of operators and their serials ---- */

static void test_last_serial_with_another_state_is_not_obeyed(void **state)
{
	struct rig *rig = *state;
	uint8_t command[SMR_COMMAND_MAX];
	struct smr_tre_outcome outcome;
	struct rig_package package;
	size_t len;

	provision(rig, &package);
	len = rig_command(rig, command, &rig->op, &package.package, 9, SMR_MCIM_SUSPENDED);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(command, len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 1);
	len = rig_command(rig, command, &rig->op, &package.package, 9, SMR_MCIM_ACTIVATED);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(command, len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 0);
	assert_int_equal(state_of(rig).mcims[0].state, SMR_MCIM_SUSPENDED);
}

/* Serials are never forgotten, so there is a last operator that a TRE can remember. */
static void fill_operators(struct smr_tre_durable *durable)
{
	durable->operator_count = SMR_TRE_ANCHORS_MAX;
	for (size_t i = 0; i < SMR_TRE_ANCHORS_MAX; i++)
		memset(durable->operators[i].key, (int)i + 1, sizeof(durable->operators[i].key));
}

static void test_package_of_one_operator_too_many_is_not_installed(void **state)
{
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	struct rig_package package;

	rig_enrol(rig, false);
	rig_package(rig, &package, &rig->op, 5, false);
	fill_operators(&rig->tre->now);
	store_state(rig);
	assert_int_equal(rig_flight(rig, &package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_E_TOO_MANY);
	assert_int_equal(state_of(rig).mcim_count, 0);
}

static void test_command_of_an_operator_without_a_memory_is_not_obeyed(void **state)
{
	struct rig *rig = *state;
	uint8_t command[SMR_COMMAND_MAX];
	struct smr_tre_outcome outcome;
	struct rig_package package;
	size_t len;

	provision(rig, &package);
	fill_operators(&rig->tre->now);
	store_state(rig);
	len = rig_command(rig, command, &rig->op, &package.package, 9, SMR_MCIM_SUSPENDED);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(command, len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 0);
	assert_int_equal(state_of(rig).mcims[0].state, SMR_MCIM_ACTIVATED);
}

/* ---- queues ---- */

static struct smr_receipt receipt_number(unsigned n)
{
	struct smr_receipt receipt = {.kind = SMR_RECEIPT_COMMAND, .serial = n};

	receipt.iccid.octets[0] = (uint8_t)n;
	return receipt;
}

static void test_full_queue_drops_the_oldest_receipt_that_no_request_carries(void **state)
{
	struct smr_tre_durable draft = {0};
	struct smr_receipt receipt;

	(void)state;
	for (unsigned n = 0; n < SMR_TRE_RECEIPTS_MAX; n++) {
		receipt = receipt_number(n);
		smr_tre_queue_receipt(&draft, &receipt);
	}
	draft.pending.c1_len = 1; /* a C1 is on its way with the first two */
	draft.pending.receipts = 2;
	receipt = receipt_number(100);
	smr_tre_queue_receipt(&draft, &receipt);
	assert_int_equal(draft.receipt_count, SMR_TRE_RECEIPTS_MAX);
	assert_int_equal(draft.receipts[0].serial, 0);
	assert_int_equal(draft.receipts[1].serial, 1);
	assert_int_equal(draft.receipts[2].serial, 3);
	assert_int_equal(draft.receipts[SMR_TRE_RECEIPTS_MAX - 1].serial, 100);
	smr_tre_drop_receipts(&draft, SMR_TRE_RECEIPTS_MAX + 1);
	assert_int_equal(draft.receipt_count, 0);
}

/* ---- packets ---- */

static struct smr_bytes dispatch(struct rig *rig, enum smr_tre_op op, struct smr_space answer_room,
				 enum smr_err *result)
{
	const struct smr_tre_request request = {.op = op};
	uint8_t room[64];
	struct smr_bytes packet;
	struct smr_bytes answer;
	struct smr_tre_done done;

	assert_int_equal(smr_tre_request_encode(&request, (struct smr_space){room, sizeof(room)}, &packet), SMR_OK);
	smr_tre_dispatch(rig->tre, packet, answer_room, &answer, &done);
	assert_int_equal(done.op, op);
	*result = done.result;
	return answer;
}

static void test_answer_without_room_becomes_an_error_and_that_without_room_nothing(void **state)
{
	struct rig *rig = *state;
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_tre_answer decoded;
	struct smr_bytes answer;
	enum smr_err result;

	answer = dispatch(rig, SMR_TRE_STATE, (struct smr_space){room, sizeof(room)}, &result);
	assert_int_equal(result, SMR_OK);
	assert_true(answer.len > 8);
	answer = dispatch(rig, SMR_TRE_STATE, (struct smr_space){room, 8}, &result);
	assert_int_equal(result, SMR_E_INVALID);
	assert_int_equal(smr_tre_answer_decode(SMR_TRE_STATE, answer, &decoded), SMR_OK);
	assert_int_equal(decoded.err, SMR_E_INVALID);
	answer = dispatch(rig, SMR_TRE_STATE, (struct smr_space){room, 1}, &result);
	assert_int_equal(answer.len, 0);
}

/* ---- enrolment ---- */

/* Each spoils one thing that the supplier brings. */
static void spoil_certificate_length(struct rig_enrolment *e)
{
	static const uint8_t octets[SMR_TRE_CERTIFICATE_MAX + 1];

	e->enrolment.certificate = SMR_ARRAY(octets);
}

static void spoil_supplier(struct rig_enrolment *e)
{
	memset(e->enrolment.supplier, 0xff, sizeof(e->enrolment.supplier));
}

static void spoil_certificate(struct rig_enrolment *e)
{
	e->certificate[e->enrolment.certificate.len - 1] ^= 1;
}

static void spoil_root(struct rig_enrolment *e)
{
	memset(e->enrolment.ro_root, 0xff, sizeof(e->enrolment.ro_root));
}

static void spoil_shelf_key(struct rig_enrolment *e)
{
	e->shelf[e->enrolment.shelf_key.len - 1] ^= 1;
}

static void spoil_anchor_count(struct rig_enrolment *e)
{
	e->enrolment.anchor_count = 0;
}

static void spoil_anchor(struct rig_enrolment *e)
{
	memset(e->enrolment.anchors[0], 0xff, sizeof(e->enrolment.anchors[0]));
}

static void spoil_owner(struct rig_enrolment *e)
{
	e->enrolment.owner_bound = true;
	memset(e->enrolment.owner, 0xff, sizeof(e->enrolment.owner));
}

static void spoil_challenge_length(struct rig_enrolment *e)
{
	e->enrolment.sealed_challenge.len--;
}

static void spoil_challenge(struct rig_enrolment *e)
{
	e->sealed[e->enrolment.sealed_challenge.len - 1] ^= 1;
}

static void test_enrolment_with_anything_wrong_is_refused_and_may_be_repeated(void **state)
{
	static const struct {
		void (*spoil)(struct rig_enrolment *e);
		enum smr_err expected;
	} cases[] = {
		{spoil_certificate_length, SMR_E_NO_ROOM}, {spoil_supplier, SMR_E_BAD_POINT},
		{spoil_certificate, SMR_E_SIGNATURE},	   {spoil_root, SMR_E_BAD_POINT},
		{spoil_shelf_key, SMR_E_SIGNATURE},	   {spoil_anchor_count, SMR_E_INVALID},
		{spoil_anchor, SMR_E_BAD_POINT},	   {spoil_owner, SMR_E_BAD_POINT},
		{spoil_challenge_length, SMR_E_MALFORMED}, {spoil_challenge, SMR_E_UNOPENED},
	};
	struct rig *rig = *state;
	uint8_t answer[SMR_HASH_LEN];
	struct rig_enrolment e;

	assert_int_equal(rig_enrol_begin(rig), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		rig_enrolment(rig, false, &e);
		cases[i].spoil(&e);
		assert_int_equal(smr_tre_enrol_finish(rig->tre, &e.enrolment, answer), cases[i].expected);
		assert_false(state_of(rig).enrolled);
	}
	rig_enrolment(rig, false, &e);
	assert_int_equal(smr_tre_enrol_finish(rig->tre, &e.enrolment, answer), SMR_OK);
}

/* A certificate that is the supplier's, about keys that are not this TRE's. */
static void test_certificate_of_another_device_is_refused(void **state)
{
	struct rig *rig = *state;
	uint8_t answer[SMR_HASH_LEN];
	struct rig_enrolment e;

	assert_int_equal(rig_enrol_begin(rig), SMR_OK);
	memcpy(rig->d, rig->op.point, sizeof(rig->d));
	rig_enrolment(rig, false, &e);
	assert_int_equal(smr_tre_enrol_finish(rig->tre, &e.enrolment, answer), SMR_E_NOT_ADDRESSEE);
}

/* An epoch key's private half is erased after hours: a device that sits on a shelf needs another. */
static void test_epoch_key_in_the_place_of_the_shelf_key_is_refused(void **state)
{
	struct rig *rig = *state;
	struct smr_flight_key epoch = {SMR_FLIGHT_KEY_EPOCH, 2, {0}, 1, 2};
	uint8_t room[SMR_FLIGHT_KEY_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	uint8_t answer[SMR_HASH_LEN];
	struct rig_enrolment e;

	assert_int_equal(rig_enrol_begin(rig), SMR_OK);
	rig_enrolment(rig, false, &e);
	memcpy(epoch.q, rig->epoch.point, sizeof(epoch.q));
	assert_int_equal(smr_flight_key_sign(&w, &rig->root.own, &epoch), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &e.enrolment.shelf_key), SMR_OK);
	assert_int_equal(smr_tre_enrol_finish(rig->tre, &e.enrolment, answer), SMR_E_INVALID);
}

/* ---- the record ---- */

static void expect_no_record(struct smr_bytes encoded)
{
	static const struct smr_tre_durable nothing;
	struct smr_tre_durable decoded;

	memset(&decoded, 0x55, sizeof(decoded));
	assert_int_not_equal(smr_tre_record_decode(encoded, &decoded), SMR_OK);
	assert_memory_equal(&decoded, &nothing, sizeof(nothing));
}

static void test_record_of_a_later_version_or_with_impossible_values_is_refused(void **state)
{
	struct rig *rig = *state;
	uint8_t room[SMR_TRE_RECORD_MAX];
	const struct smr_space space = {room, sizeof(room)};
	struct smr_tre_durable durable;
	struct smr_bytes encoded;
	struct rig_package package;

	provision(rig, &package);
	assert_int_equal(smr_tre_record_encode(&rig->tre->now, space, &encoded), SMR_OK);
	assert_int_equal(smr_tre_record_decode(encoded, &durable), SMR_OK);
	assert_int_equal(room[1], 2); /* the version, behind the array's head */
	room[1] = 3;
	expect_no_record(encoded);
	room[1] = 0;
	expect_no_record(encoded);
	room[1] = 1; /* with the keys of version 2 */
	expect_no_record(encoded);
	durable.mcims[0].content.aka.res_len = 3;
	assert_int_equal(smr_tre_record_encode(&durable, space, &encoded), SMR_OK);
	expect_no_record(encoded);
}

#define limit_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		limit_test(test_counter_at_its_end_starts_no_flight_and_no_checkin),
		limit_test(test_step_ahead_ends_at_the_end_of_the_counter),
		limit_test(test_lineage_at_its_limit_asks_for_a_flight),
		limit_test(test_c1_without_room_is_kept_and_comes_with_room),
		limit_test(test_answer_longer_than_any_is_not_opened_and_the_request_stays),
		limit_test(test_fault_of_the_platform_is_not_the_packages),
		limit_test(test_package_that_does_not_open_is_reported_with_its_reason),
		limit_test(test_checkin_brings_beacon_and_flight_key),
		limit_test(test_refused_checkin_drops_the_ticket_and_asks_for_a_flight),
		limit_test(test_answer_to_a_checkin_of_another_measured_state_is_dropped),
		limit_test(test_answer_without_a_request_is_refused),
		limit_test(test_command_for_another_device_is_ignored),
		limit_test(test_last_serial_with_another_state_is_not_obeyed),
		limit_test(test_package_of_one_operator_too_many_is_not_installed),
		limit_test(test_command_of_an_operator_without_a_memory_is_not_obeyed),
		limit_test(test_answer_without_room_becomes_an_error_and_that_without_room_nothing),
		cmocka_unit_test(test_full_queue_drops_the_oldest_receipt_that_no_request_carries),
		limit_test(test_enrolment_with_anything_wrong_is_refused_and_may_be_repeated),
		limit_test(test_certificate_of_another_device_is_refused),
		limit_test(test_epoch_key_in_the_place_of_the_shelf_key_is_refused),
		limit_test(test_record_of_a_later_version_or_with_impossible_values_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
