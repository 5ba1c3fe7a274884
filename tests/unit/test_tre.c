/* SPDX-License-Identifier: Apache-2.0 */
/* What the TRE's engine does and refuses to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/rules.h"
#include "tests/unit/tre_rig.h"

static struct smr_tre_state state_of(const struct rig *rig)
{
	struct smr_tre_state state;

	smr_tre_state(rig->tre, &state);
	return state;
}

/** Enrol, fly, install. */
static void provision(struct rig *rig, bool owner_bound, struct rig_package *package)
{
	struct smr_tre_outcome outcome;

	rig_enrol(rig, owner_bound);
	rig_package(rig, package, &rig->op, 5, owner_bound);
	assert_int_equal(rig_flight(rig, package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_OK);
}

static struct smr_aka_vector vector(struct rig *rig, uint64_t sqn)
{
	const uint8_t amf[2] = {0x80, 0};
	uint8_t rand[16];
	struct smr_aka_vector v;

	assert_int_equal(smr_random(rand, sizeof(rand)), SMR_OK);
	assert_int_equal(smr_aka_vector(&rig->aka, rand, sqn, amf, &v), SMR_OK);
	return v;
}

static void test_flight_with_package_installs_and_authenticates(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_aka_result result;
	struct smr_aka_vector v;

	provision(rig, false, &package);
	assert_int_equal(state_of(rig).mcim_count, 1);
	assert_int_equal(state_of(rig).mcims[0].state, SMR_MCIM_ACTIVATED);
	assert_int_equal(state_of(rig).flight_key, 2); /* the epoch key came along */
	v = vector(rig, 33);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_OK);
	assert_memory_equal(result.res, v.res, v.res_len);
	assert_memory_equal(result.ck, v.ck, 16);
	assert_memory_equal(result.ik, v.ik, 16);
}

static void test_autn_used_before_restart_is_refused_after_it(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_aka_result result;
	struct smr_aka_vector v;

	provision(rig, false, &package);
	v = vector(rig, 33);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_OK);
	assert_int_equal(rig_restart(rig), SMR_OK);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_E_SQN);
	assert_memory_not_equal(result.auts, (uint8_t[14]){0}, 14);
}

static void test_install_receipt_names_x_and_the_flights_evidence(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	uint8_t hash_x[SMR_HASH_LEN];
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	provision(rig, false, &package);
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	assert_int_equal(rig->report.receipt_count, 1);
	assert_int_equal(smr_sha256(&package.package.x, 1, hash_x), SMR_OK);
	assert_int_equal(smr_receipt_install_mac(smr_bytes_of(rig->aka.k, 16), &rig->eid, &package.package.iccid, 5,
						 hash_x, rig->hash_ev, mac),
			 SMR_OK);
	assert_memory_equal(mac, rig->report.receipts[0].mac, sizeof(mac));
	assert_false(outcome.has_receipts);
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	assert_int_equal(rig->report.receipt_count, 0);
}

/* Keys in memory are in no TPM that anybody could vouch for. */
static void test_endorsement_of_keys_in_software_is_unsupported(void **state)
{
	static const uint8_t challenge[SMR_HASH_LEN];
	struct rig *rig = *state;
	uint8_t octets[SMR_ENDORSEMENT_MAX];
	const struct smr_space room = {octets, sizeof(octets)};
	struct smr_tre_endorsement endorsement;
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN];

	assert_int_equal(smr_tre_enrol_endorse(rig->tre, challenge, room, &endorsement), SMR_E_STATE);
	assert_int_equal(rig_enrol_begin(rig), SMR_OK);
	assert_int_equal(smr_tre_enrol_endorse(rig->tre, challenge, room, &endorsement), SMR_E_UNSUPPORTED);
	assert_int_equal(smr_tre_enrol_activate(rig->tre, SMR_ARRAY(challenge), secret), SMR_E_UNSUPPORTED);
}

/* As the server makes it, from what it knows. */
static void test_gate_mac_is_made_for_the_open_request_alone(void **state)
{
	static const uint8_t gate[SMR_GATE_KEY_LEN] = {9, 8, 7};
	struct rig *rig = *state;
	uint8_t answer[SMR_HASH_LEN];
	uint8_t mac[SMR_GATE_MAC_LEN];
	uint8_t wanted[SMR_GATE_MAC_LEN];
	uint8_t octets[SMR_M1_MAX];
	struct smr_space m1 = {octets, sizeof(octets)};
	struct smr_bytes message;
	uint8_t hash[SMR_HASH_LEN];
	struct smr_gate_key key;
	struct rig_enrolment e;

	assert_int_equal(smr_tre_flight_gate(rig->tre, mac), SMR_E_STATE); /* not enrolled */
	assert_int_equal(rig_enrol_begin(rig), SMR_OK);
	rig_enrolment(rig, false, &e);
	e.enrolment.has_gate = true;
	memcpy(e.enrolment.gate, gate, sizeof(gate));
	assert_int_equal(smr_tre_enrol_finish(rig->tre, &e.enrolment, answer), SMR_OK);
	assert_int_equal(smr_tre_flight_gate(rig->tre, mac), SMR_E_STATE); /* nothing to make it for */
	assert_int_equal(rig_restart(rig), SMR_OK);			   /* the key is in the record */
	for (int turn = 0; turn < 2; turn++) {
		m1.len = sizeof(octets);
		assert_int_equal(smr_tre_flight_start(rig->tre, turn == 1, &m1), SMR_OK);
		assert_int_equal(smr_tre_flight_gate(rig->tre, mac), SMR_OK);
		message = smr_bytes_of(m1.ptr, m1.len);
		assert_int_equal(smr_sha256(&message, 1, hash), SMR_OK);
		assert_int_equal(smr_gate_key_derive(gate, &key), SMR_OK);
		assert_int_equal(smr_gate_mac(&key, hash, wanted), SMR_OK);
		assert_memory_equal(mac, wanted, sizeof(mac));
	}
	assert_int_equal(rig_restart(rig), SMR_OK);
	assert_int_equal(smr_tre_flight_gate(rig->tre, mac), SMR_E_STATE);
}

static void test_gate_mac_of_a_shipment_without_key_is_nothing(void **state)
{
	struct rig *rig = *state;
	uint8_t mac[SMR_GATE_MAC_LEN];
	uint8_t octets[SMR_M1_MAX];
	struct smr_space m1 = {octets, sizeof(octets)};

	rig_enrol(rig, false);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	assert_int_equal(smr_tre_flight_gate(rig->tre, mac), SMR_E_NOTHING);
}

static void expect_refused(struct rig *rig, const struct rig_package *package, enum smr_err why)
{
	struct smr_tre_outcome outcome;
	size_t before = state_of(rig).mcim_count;

	assert_int_equal(rig_flight(rig, package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, why);
	assert_int_equal(state_of(rig).mcim_count, before);
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
	assert_true(rig->seen.failed);
	assert_int_equal(rig->seen.failed_reason, why);
}

static void test_package_of_operator_outside_the_anchors_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;

	rig_enrol(rig, false);
	rig_package(rig, &package, &rig->other_op, 5, false);
	expect_refused(rig, &package, SMR_E_OPERATOR);
}

static void test_package_signed_by_another_operator_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package, other;

	rig_enrol(rig, false);
	rig_package(rig, &package, &rig->op, 5, false);
	rig_package(rig, &other, &rig->other_op, 5, false);
	memcpy(package.package.w, other.package.w, sizeof(package.package.w));
	expect_refused(rig, &package, SMR_E_SIGNATURE);
}

static void test_x_of_another_package_under_w_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package, other;

	rig_enrol(rig, false);
	rig_package(rig, &package, &rig->op, 5, false);
	rig_package(rig, &other, &rig->op, 5, false);
	package.package.x = other.package.x;
	expect_refused(rig, &package, SMR_E_SIGNATURE);
}

static void test_owner_bound_without_order_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;

	rig_enrol(rig, true);
	rig_package(rig, &package, &rig->op, 5, false);
	expect_refused(rig, &package, SMR_E_ORDER);
}

/** The package with another order in the place of its own, signed again so that W fits. */
static void replace_order(struct rig *rig, struct rig_package *package, const struct rig_key *op, size_t order_len)
{
	struct smr_mcim_binding binding = {
		.eid = rig->eid, .iccid = package->package.iccid, .serial = package->package.serial};

	memcpy(binding.operator_key, op->point, sizeof(binding.operator_key));
	package->package.order = smr_bytes_of(package->order, order_len);
	assert_int_equal(smr_w_sign(&op->own, &binding, package->package.x, package->package.order, package->package.w),
			 SMR_OK);
}

static void test_order_of_another_owner_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;

	rig_enrol(rig, true);
	rig_package(rig, &package, &rig->op, 5, true);
	replace_order(rig, &package, &rig->op, rig_order(rig, package.order, &rig->other_op, &rig->op, 1, &rig->eid));
	expect_refused(rig, &package, SMR_E_ORDER);
}

static void test_order_for_another_device_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_eid other;

	rig_enrol(rig, true);
	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000002"), &other), SMR_OK);
	rig_package(rig, &package, &rig->op, 5, true);
	replace_order(rig, &package, &rig->op, rig_order(rig, package.order, &rig->owner, &rig->op, 1, &other));
	expect_refused(rig, &package, SMR_E_ORDER);
}

static void test_order_naming_one_operator_does_not_serve_another(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;

	rig_enrol(rig, true);
	rig_package(rig, &package, &rig->other_op, 5, false);
	replace_order(rig, &package, &rig->other_op,
		      rig_order(rig, package.order, &rig->owner, &rig->op, 1, &rig->eid));
	expect_refused(rig, &package, SMR_E_OPERATOR);
}

static void test_order_older_than_the_last_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;

	rig_enrol(rig, true);
	rig_package(rig, &package, &rig->op, 5, true);
	replace_order(rig, &package, &rig->op, rig_order(rig, package.order, &rig->owner, &rig->op, 9, &rig->eid));
	assert_int_equal(rig_flight(rig, &package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_OK);
	rig_package(rig, &package, &rig->op, 6, true); /* with order 1 */
	expect_refused(rig, &package, SMR_E_SERIAL);
}

static void test_withdrawn_package_does_not_come_back(void **state)
{
	struct rig *rig = *state;
	struct rig_package old, new;
	struct smr_tre_outcome outcome;

	rig_enrol(rig, false);
	rig_package(rig, &old, &rig->op, 4, false);
	rig_package(rig, &new, &rig->op, 5, false);
	assert_int_equal(rig_flight(rig, &new, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_OK);
	expect_refused(rig, &old, SMR_E_SERIAL);
	assert_int_equal(state_of(rig).mcims[0].serial, 5);
}

static void test_same_package_again_keeps_the_sqn_array(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	struct smr_aka_result result;
	struct smr_aka_vector v;

	provision(rig, false, &package);
	v = vector(rig, 33);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_OK);
	assert_int_equal(rig_flight(rig, &package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_E_NOTHING);
	assert_true(outcome.has_receipts);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_E_SQN);
}

static void test_resealed_same_key_keeps_the_sqn_array(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	struct smr_aka_result result;
	struct smr_aka_vector v;

	provision(rig, false, &package);
	v = vector(rig, 33);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_OK);
	rig_package(rig, &package, &rig->op, 6, false);
	assert_int_equal(rig_flight(rig, &package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_OK);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_E_SQN);
}

static void test_another_operators_package_does_not_replace_an_mcim(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;

	provision(rig, true, &package);
	rig_package(rig, &package, &rig->other_op, 50, true);
	replace_order(rig, &package, &rig->other_op,
		      rig_order(rig, package.order, &rig->owner, &rig->other_op, 2, &rig->eid));
	expect_refused(rig, &package, SMR_E_STATE);
}

static void test_m2_of_another_request_is_refused_and_the_request_stays_open(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	uint8_t m1_room[SMR_M1_MAX], m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)}, m2, late;
	uint8_t late_room[SMR_M2_MAX];

	rig_enrol(rig, false);
	rig_package(rig, &package, &rig->op, 5, false);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	late = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), &package, SMR_REFUSAL_NONE, late_room);
	m1.len = sizeof(m1_room);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	assert_int_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(late.ptr, late.len), &outcome), SMR_E_UNOPENED);
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), &package, SMR_REFUSAL_NONE, m2_room);
	for (size_t i = 0; i < m2.len; i += 7) {
		m2.ptr[i] ^= 1;
		assert_int_not_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_OK);
		m2.ptr[i] ^= 1;
	}
	assert_int_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_OK);
	assert_int_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_E_STATE);
}

static void test_change_of_measured_state_closes_the_flight_and_the_ticket(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	uint8_t m1_room[SMR_M1_MAX], m2_room[SMR_M2_MAX], c1_room[SMR_C1_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)}, m2, c1 = {c1_room, sizeof(c1_room)};

	provision(rig, false, &package);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), &package, SMR_REFUSAL_NONE, m2_room);
	rig->platform.measurement[0] ^= 1;
	assert_int_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_E_STATE);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &c1), SMR_E_NOTHING);
	rig->platform.measurement[0] ^= 1;
	assert_int_equal(smr_tre_checkin_start(rig->tre, &c1), SMR_E_NOTHING); /* rk is gone for good */
}

static void test_refusal_ends_the_request(void **state)
{
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	uint8_t m1_room[SMR_M1_MAX], m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)}, m2;

	rig_enrol(rig, false);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), NULL, SMR_REFUSAL_NO_SUBSCRIPTION, m2_room);
	assert_int_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_OK);
	assert_int_equal(outcome.refusal, SMR_REFUSAL_NO_SUBSCRIPTION);
	assert_true(outcome.flight_needed);
	assert_false(state_of(rig).flight_open);
}

static void test_flight_without_package_repeats_the_install_receipt(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	struct smr_receipt first;

	provision(rig, false, &package);
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	first = rig->report.receipts[0];
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
	assert_true(outcome.has_receipts);
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	assert_int_equal(rig->report.receipt_count, 1);
	assert_memory_equal(rig->report.receipts[0].mac, first.mac, sizeof(first.mac));
}

static void test_refused_counter_makes_one_step_ahead(void **state)
{
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;
	uint8_t m1_room[SMR_M1_MAX], m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)}, m2;
	uint32_t before;

	rig_enrol(rig, false);
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_OK);
	before = state_of(rig).ctr;
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), NULL, SMR_REFUSAL_COUNTER, m2_room);
	assert_int_equal(smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_OK);
	assert_int_equal(state_of(rig).ctr, before + SMR_CTR_STEP);
	assert_true(SMR_CTR_STEP > SMR_CTR_CHECKIN_MAX && SMR_CTR_CHECKIN_MAX > SMR_TRE_LINEAGE_MAX);
}

static void test_c1_is_resent_identically_also_after_restart_and_then_given_up(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	uint8_t first[SMR_C1_MAX], again[SMR_C1_MAX];
	struct smr_space a = {first, sizeof(first)};

	provision(rig, false, &package);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &a), SMR_OK);
	for (unsigned i = 0; i < SMR_TRE_RESENDS_MAX; i++) {
		struct smr_space b = {again, sizeof(again)};

		assert_int_equal(rig_restart(rig), SMR_OK);
		assert_int_equal(smr_tre_checkin_start(rig->tre, &b), SMR_OK);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(first, again, a.len);
	}
	assert_int_equal(smr_tre_checkin_start(rig->tre, &(struct smr_space){again, sizeof(again)}), SMR_E_NOTHING);
}

static void test_command_of_the_owner_takes_effect_once(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	struct smr_aka_result result;
	struct smr_aka_vector v;
	uint8_t suspend[SMR_COMMAND_MAX], resume[SMR_COMMAND_MAX];
	size_t suspend_len, resume_len;

	provision(rig, false, &package);
	suspend_len = rig_command(rig, suspend, &rig->op, &package.package, 1, SMR_MCIM_SUSPENDED);
	resume_len = rig_command(rig, resume, &rig->op, &package.package, 2, SMR_MCIM_ACTIVATED);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(suspend, suspend_len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 1);
	assert_true(outcome.has_receipts);
	v = vector(rig, 33);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_E_STATE);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(resume, resume_len), &outcome), SMR_OK);
	assert_int_equal(smr_tre_authenticate(rig->tre, v.rand, v.autn, &result), SMR_OK);
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	/* the old command again: no effect, and no receipt that could be taken for its answer */
	assert_int_equal(rig_checkin(rig, smr_bytes_of(suspend, suspend_len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 0);
	assert_int_equal(state_of(rig).mcims[0].state, SMR_MCIM_ACTIVATED);
	assert_false(outcome.has_receipts);
}

static void test_old_command_has_no_effect_on_a_resealed_mcim(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	uint8_t suspend[SMR_COMMAND_MAX], resume[SMR_COMMAND_MAX];
	size_t suspend_len, resume_len;

	provision(rig, false, &package);
	suspend_len = rig_command(rig, suspend, &rig->op, &package.package, 1, SMR_MCIM_SUSPENDED);
	resume_len = rig_command(rig, resume, &rig->op, &package.package, 2, SMR_MCIM_ACTIVATED);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(suspend, suspend_len), &outcome), SMR_OK);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(resume, resume_len), &outcome), SMR_OK);
	rig_package(rig, &package, &rig->op, 6, false);
	assert_int_equal(rig_flight(rig, &package, &outcome), SMR_OK);
	assert_int_equal(outcome.package, SMR_OK);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(suspend, suspend_len), &outcome), SMR_OK);
	assert_int_equal(state_of(rig).mcims[0].state, SMR_MCIM_ACTIVATED);
}

static void test_command_of_another_operator_is_ignored(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	uint8_t suspend[SMR_COMMAND_MAX];
	size_t len;

	provision(rig, false, &package);
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	len = rig_command(rig, suspend, &rig->other_op, &package.package, 1, SMR_MCIM_SUSPENDED);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(suspend, len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 0);
	assert_false(outcome.has_receipts);
	assert_int_equal(state_of(rig).mcims[0].state, SMR_MCIM_ACTIVATED);
}

static void test_order_signed_as_command_label_is_ignored(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	uint8_t order[SMR_ORDER_MAX];
	size_t len;

	provision(rig, false, &package);
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	len = rig_order(rig, order, &rig->op, &rig->op, 1, &rig->eid);
	assert_int_equal(rig_checkin(rig, smr_bytes_of(order, len), &outcome), SMR_OK);
	assert_int_equal(outcome.commands_done, 0);
	assert_false(outcome.has_receipts);
}

static void test_flight_key_of_another_root_or_lower_number_is_refused(void **state)
{
	struct rig *rig = *state;
	struct smr_flight_key key = {.kind = SMR_FLIGHT_KEY_EPOCH, .number = 9, .not_before = 1, .not_after = 2};
	uint8_t room[SMR_FLIGHT_KEY_MAX];
	struct smr_bytes encoded;
	struct smr_writer w;

	rig_enrol(rig, false);
	memcpy(key.q, rig->epoch.point, sizeof(key.q));
	w = smr_writer_init((struct smr_space){room, sizeof(room)});
	assert_int_equal(smr_flight_key_sign(&w, &rig->op.own, &key), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	assert_int_equal(smr_tre_flight_key(rig->tre, encoded), SMR_E_SIGNATURE);
	w = smr_writer_init((struct smr_space){room, sizeof(room)});
	assert_int_equal(smr_flight_key_sign(&w, &rig->root.own, &key), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	assert_int_equal(smr_tre_flight_key(rig->tre, encoded), SMR_OK);
	assert_int_equal(smr_tre_flight_key(rig->tre, encoded), SMR_E_SERIAL);
	assert_int_equal(state_of(rig).flight_key, 9);
}

static void test_enrolled_tre_refuses_to_be_enrolled_again(void **state)
{
	struct rig *rig = *state;

	rig_enrol(rig, false);
	assert_int_equal(rig_try_enrol(rig, true), SMR_E_STATE);
}

static void test_tre_without_enrolment_does_nothing_else(void **state)
{
	struct rig *rig = *state;
	uint8_t room[SMR_M1_MAX];
	struct smr_aka_result result;

	assert_int_equal(smr_tre_flight_start(rig->tre, false, &(struct smr_space){room, sizeof(room)}), SMR_E_STATE);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &(struct smr_space){room, sizeof(room)}), SMR_E_STATE);
	assert_int_equal(smr_tre_authenticate(rig->tre, room, room, &result), SMR_E_STATE);
}

static void test_tamper_event_is_latched_and_reported(void **state)
{
	struct rig *rig = *state;
	struct smr_tre_outcome outcome;

	rig_enrol(rig, false);
	rig->platform.tamper = 4;
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
	rig->platform.tamper = 0;
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
	assert_int_equal(rig->seen.tamper, 4);
}

static void test_record_altered_in_any_octet_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct rig_platform good;

	provision(rig, false, &package);
	good = rig->platform;
	for (size_t i = 0; i < good.record_len; i++) {
		rig->platform = good;
		rig->platform.record[i] ^= 0x40;
		assert_int_not_equal(rig_restart(rig), SMR_OK);
		assert_int_equal(state_of(rig).mcim_count, 0);
	}
	rig->platform = good;
	assert_int_equal(rig_restart(rig), SMR_OK);
}

static void test_older_record_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct rig_platform old;
	struct smr_tre_outcome outcome;

	provision(rig, false, &package);
	old = rig->platform;
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	memcpy(rig->platform.record, old.record, old.record_len);
	rig->platform.record_len = old.record_len;
	assert_int_equal(rig_restart(rig), SMR_E_ROLLBACK);
	rig->platform.record_len = 0; /* removed altogether */
	assert_int_equal(rig_restart(rig), SMR_E_ROLLBACK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

/* ---- what fails leaves the stored state ---- */

static void test_write_that_fails_changes_nothing_and_the_next_one_counts_on(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_state before, after;
	struct smr_tre_outcome outcome;
	uint8_t room[SMR_M1_MAX];
	struct smr_space m1 = {room, sizeof(room)};

	provision(rig, false, &package);
	before = state_of(rig);
	rig->platform.cut_before = rig->platform.writes + 1;
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_E_IO);
	rig->platform.cut_before = 0;
	after = state_of(rig);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
	assert_int_equal(state_of(rig).ctr, before.ctr + 2);
}

static void test_write_that_took_place_in_spite_of_its_error_counts(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	struct smr_tre_state before;
	uint8_t room[SMR_M1_MAX];
	struct smr_space m1 = {room, sizeof(room)};

	provision(rig, false, &package);
	before = state_of(rig);
	rig->platform.cut_after = rig->platform.writes + 1;
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_E_IO);
	assert_int_equal(state_of(rig).health, SMR_E_IO); /* the counter could not follow */
	assert_int_equal(rig_restart(rig), SMR_OK);
	assert_int_equal(state_of(rig).ctr, before.ctr + 1);
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
}

static void test_undo_finds_no_record_refuses_until_restart(void **state)
{
	struct rig *rig = *state;
	struct rig_package package;
	struct smr_tre_outcome outcome;
	uint8_t room[SMR_M1_MAX];
	struct smr_space m1 = {room, sizeof(room)};
	size_t len;

	provision(rig, false, &package);
	len = rig->platform.record_len;
	rig->platform.cut_before = rig->platform.writes + 1;
	rig->platform.record_len = 0;
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_E_IO);
	assert_int_equal(state_of(rig).health, SMR_E_ROLLBACK);
	rig->platform.cut_before = 0;
	assert_int_equal(smr_tre_flight_start(rig->tre, false, &m1), SMR_E_ROLLBACK);
	rig->platform.record_len = len;
	assert_int_equal(rig_restart(rig), SMR_OK);
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_that_fails_changes_nothing_and_the_next_one_counts_on),
		TEST(test_write_that_took_place_in_spite_of_its_error_counts),
		TEST(test_undo_finds_no_record_refuses_until_restart),
		TEST(test_flight_with_package_installs_and_authenticates),
		TEST(test_autn_used_before_restart_is_refused_after_it),
		TEST(test_endorsement_of_keys_in_software_is_unsupported),
		TEST(test_gate_mac_is_made_for_the_open_request_alone),
		TEST(test_gate_mac_of_a_shipment_without_key_is_nothing),
		TEST(test_install_receipt_names_x_and_the_flights_evidence),
		TEST(test_package_of_operator_outside_the_anchors_is_refused),
		TEST(test_package_signed_by_another_operator_is_refused),
		TEST(test_x_of_another_package_under_w_is_refused),
		TEST(test_owner_bound_without_order_is_refused),
		TEST(test_order_of_another_owner_is_refused),
		TEST(test_order_for_another_device_is_refused),
		TEST(test_order_naming_one_operator_does_not_serve_another),
		TEST(test_order_older_than_the_last_is_refused),
		TEST(test_withdrawn_package_does_not_come_back),
		TEST(test_same_package_again_keeps_the_sqn_array),
		TEST(test_resealed_same_key_keeps_the_sqn_array),
		TEST(test_another_operators_package_does_not_replace_an_mcim),
		TEST(test_m2_of_another_request_is_refused_and_the_request_stays_open),
		TEST(test_change_of_measured_state_closes_the_flight_and_the_ticket),
		TEST(test_refusal_ends_the_request),
		TEST(test_flight_without_package_repeats_the_install_receipt),
		TEST(test_refused_counter_makes_one_step_ahead),
		TEST(test_c1_is_resent_identically_also_after_restart_and_then_given_up),
		TEST(test_command_of_the_owner_takes_effect_once),
		TEST(test_old_command_has_no_effect_on_a_resealed_mcim),
		TEST(test_command_of_another_operator_is_ignored),
		TEST(test_order_signed_as_command_label_is_ignored),
		TEST(test_flight_key_of_another_root_or_lower_number_is_refused),
		TEST(test_enrolled_tre_refuses_to_be_enrolled_again),
		TEST(test_tre_without_enrolment_does_nothing_else),
		TEST(test_tamper_event_is_latched_and_reported),
		TEST(test_record_altered_in_any_octet_is_refused),
		TEST(test_older_record_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
