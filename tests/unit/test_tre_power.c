/* SPDX-License-Identifier: Apache-2.0 */
/* Power is cut before and after every single write of a TRE's life: what left the TRE was durable, nothing is spent twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tre_rig.h"

/** What has left the TRE so far, as the outside remembers it. */
struct outside {
	uint32_t ctr; /* highest counter seen in M1 or C1 */
	uint8_t c1[SMR_C1_MAX];
	size_t c1_len;
	uint32_t c1_ctr;
	bool installed;
	uint64_t accepted_sqn; /* highest SQN that yielded RES */
	uint64_t suspended_by; /* highest command serial receipted as done */
};

static void note_ctr(struct outside *o, uint32_t ctr)
{
	assert_true(ctr > o->ctr); /* never the same counter in two different contacts */
	o->ctr = ctr;
}

static bool step_flight(struct rig *rig, const struct rig_package *package, struct outside *o)
{
	uint8_t m1_room[SMR_M1_MAX], m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)}, m2;
	struct smr_tre_outcome outcome;

	if (smr_tre_flight_start(rig->tre, false, &m1) != SMR_OK)
		return false;
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), package, SMR_REFUSAL_NONE, m2_room);
	note_ctr(o, rig->seen.ctr);
	assert_int_equal(rig->seen.have, o->installed || rig->seen.have);
	if (smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), &outcome) != SMR_OK)
		return false;
	o->installed = o->installed || outcome.package == SMR_OK;
	return true;
}

static void note_c1(struct rig *rig, struct outside *o, struct smr_bytes c1)
{
	/* The counter of an earlier C1 may come back only with the same octets: one request key, one plaintext. */
	if (rig->c1_ctr == o->c1_ctr) {
		assert_int_equal(c1.len, o->c1_len);
		assert_memory_equal(c1.ptr, o->c1, c1.len);
		return;
	}
	note_ctr(o, rig->c1_ctr);
	o->c1_ctr = rig->c1_ctr;
	o->c1_len = c1.len;
	memcpy(o->c1, c1.ptr, c1.len);
}

static bool step_checkin(struct rig *rig, struct smr_bytes object, struct outside *o)
{
	uint8_t c1_room[SMR_C1_MAX], c2_room[SMR_C2_MAX];
	struct smr_space c1 = {c1_room, sizeof(c1_room)}, c2;
	struct smr_tre_outcome outcome;

	if (smr_tre_checkin_start(rig->tre, &c1) != SMR_OK)
		return false;
	c2 = rig_answer_checkin(rig, smr_bytes_of(c1.ptr, c1.len), object, SMR_REFUSAL_NONE, c2_room);
	note_c1(rig, o, smr_bytes_of(c1.ptr, c1.len));
	for (size_t i = 0; i < rig->report.receipt_count; i++) {
		if (rig->report.receipts[i].kind == SMR_RECEIPT_COMMAND && rig->report.receipts[i].result == 0)
			o->suspended_by = rig->report.receipts[i].serial;
	}
	return smr_tre_checkin_complete(rig->tre, smr_bytes_of(c2.ptr, c2.len), &outcome) == SMR_OK;
}

static bool step_authenticate(struct rig *rig, uint64_t sqn, struct outside *o)
{
	const uint8_t amf[2] = {0x80, 0}, rand[16] = {1};
	struct smr_aka_result result;
	struct smr_aka_vector v;
	enum smr_err err;

	assert_int_equal(smr_aka_vector(&rig->aka, rand, sqn, amf, &v), SMR_OK);
	err = smr_tre_authenticate(rig->tre, v.rand, v.autn, &result);
	if (err == SMR_OK) {
		assert_true(sqn > o->accepted_sqn); /* the same AUTN is never accepted twice */
		o->accepted_sqn = sqn;
	} else {
		assert_memory_equal(result.res, (uint8_t[16]){0}, 16);
	}
	return err == SMR_OK;
}

/** A TRE's life after enrolment; ends at the first failure, as the power is off then. */
static void live(struct rig *rig, const struct rig_package *package, struct smr_bytes command, struct outside *o)
{
	if (!step_flight(rig, package, o) || !step_checkin(rig, SMR_NONE, o))
		return;
	if (!step_authenticate(rig, 33, o) || !step_checkin(rig, command, o))
		return;
	if (!step_checkin(rig, SMR_NONE, o))
		return;
	step_flight(rig, package, o);
}

static void check_after(struct rig *rig, const struct rig_package *package, struct smr_bytes command, struct outside *o)
{
	struct smr_tre_state state;

	assert_int_equal(rig_restart(rig), SMR_OK);
	smr_tre_state(rig->tre, &state);
	if (o->installed)
		assert_int_equal(state.mcim_count, 1);
	if (o->suspended_by)
		assert_int_equal(state.mcims[0].state, SMR_MCIM_SUSPENDED);
	if (o->accepted_sqn)
		assert_false(step_authenticate(rig, o->accepted_sqn, o));
	/* whatever was cut, the device finds its way: it ends installed, suspended and receipted */
	assert_true(step_flight(rig, package, o));
	for (int i = 0; i < 4; i++)
		assert_true(step_checkin(rig, command, o));
	smr_tre_state(rig->tre, &state);
	assert_int_equal(state.mcim_count, 1);
	assert_int_equal(state.mcims[0].state, SMR_MCIM_SUSPENDED);
	assert_true(o->suspended_by > 0);
}

/** One life with the power cut at write number @p at. Returns false when the life had fewer writes. */
static bool cut_life(unsigned at, bool after)
{
	struct rig rig;
	struct rig_package package;
	struct outside outside = {0};
	uint8_t suspend[SMR_COMMAND_MAX];
	struct smr_bytes command;
	unsigned start;
	bool reached;

	rig_init(&rig);
	rig_enrol(&rig, false);
	rig_package(&rig, &package, &rig.op, 5, false);
	command = smr_bytes_of(suspend, rig_command(&rig, suspend, &rig.op, &package.package, 1, SMR_MCIM_SUSPENDED));
	start = rig.platform.writes;
	if (after)
		rig.platform.cut_after = start + at;
	else
		rig.platform.cut_before = start + at;
	live(&rig, &package, command, &outside);
	reached = rig.platform.writes >= start + at;
	check_after(&rig, &package, command, &outside);
	rig_free(&rig);
	return reached;
}

static void test_power_cut_before_each_write_loses_and_repeats_nothing(void **state)
{
	unsigned at = 1;

	(void)state;
	while (cut_life(at, false))
		at++;
	assert_true(at > 16); /* the life above makes more than 16 writes: the loop did run */
}

static void test_power_cut_after_each_write_loses_and_repeats_nothing(void **state)
{
	unsigned at = 1;

	(void)state;
	while (cut_life(at, true))
		at++;
	assert_true(at > 16);
}

static void test_power_cut_during_enrolment_leaves_it_to_do_again(void **state)
{
	(void)state;
	for (unsigned at = 1; at <= 4; at++) {
		struct rig rig;
		struct smr_tre_state after;

		rig_init(&rig);
		rig.platform.cut_before = at;
		assert_int_not_equal(rig_try_enrol(&rig, false), SMR_OK);
		assert_int_equal(rig_restart(&rig), SMR_OK);
		smr_tre_state(rig.tre, &after);
		if (!after.enrolled)
			rig_enrol(&rig, false);
		rig_free(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_cut_before_each_write_loses_and_repeats_nothing),
		cmocka_unit_test(test_power_cut_after_each_write_loses_and_repeats_nothing),
		cmocka_unit_test(test_power_cut_during_enrolment_leaves_it_to_do_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
