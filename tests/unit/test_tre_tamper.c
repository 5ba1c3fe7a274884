/* SPDX-License-Identifier: Apache-2.0 */
/* A tamper event: what is erased, when, and what is left to report it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rules.h"
#include "tests/unit/tre_rig.h"
#include "tre/state.h"

#define EVENT 4u

struct scene {
	struct rig rig;
	struct rig_package package;
};

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct smr_tre_outcome outcome;

	*state = s;
	rig_init(&s->rig);
	rig_enrol(&s->rig, false);
	rig_package(&s->rig, &s->package, &s->rig.op, 5, false);
	return rig_flight(&s->rig, &s->package, &outcome) == SMR_OK && outcome.package == SMR_OK ? 0 : 1;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	rig_free(&s->rig);
	free(s);
	return 0;
}

static struct smr_tre_state state_of(const struct rig *rig)
{
	struct smr_tre_state state;

	smr_tre_state(rig->tre, &state);
	return state;
}

static bool holds(const struct rig *rig, const uint8_t *secret, size_t len)
{
	return memmem(rig->tre, smr_tre_size(), secret, len) != NULL;
}

static void test_event_erases_what_others_could_use(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;
	uint8_t t[SMR_SCALAR_LEN];
	uint8_t d[SMR_SCALAR_LEN];
	struct smr_aka_result result;
	const uint8_t challenge[16] = {0};

	memcpy(t, rig->tre->now.t, sizeof(t));
	memcpy(d, rig->tre->now.d, sizeof(d));
	assert_true(holds(rig, rig->aka.k, rig->aka.k_len) && holds(rig, t, sizeof(t)));
	assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
	assert_int_equal(state_of(rig).mcim_count, 1); /* no event yet */
	rig->platform.tamper = EVENT;
	assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
	rig->platform.tamper = 0;
	for (int starts = 0; starts < 2; starts++) {
		assert_int_equal(state_of(rig).mcim_count, 0);
		assert_int_equal(state_of(rig).receipts, 0);
		assert_int_equal(state_of(rig).tamper, EVENT);
		assert_false(holds(rig, rig->aka.k, rig->aka.k_len));
		assert_false(holds(rig, rig->aka.opc, sizeof(rig->aka.opc)));
		assert_false(holds(rig, t, sizeof(t)));
		assert_true(holds(rig, d, sizeof(d))); /* it signs the report */
		assert_int_equal(smr_tre_authenticate(rig->tre, challenge, challenge, &result), SMR_E_STATE);
		assert_int_equal(rig_restart(rig), SMR_OK);
	}
}

static void test_every_operation_heeds_it_first(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;
	struct smr_aka_result result;
	struct smr_aka_vector v;
	const uint8_t amf[2] = {0x80, 0};
	const uint8_t rand[16] = {7};

	assert_int_equal(smr_aka_vector(&rig->aka, rand, 32, amf, &v), SMR_OK);
	rig->platform.tamper = EVENT;
	assert_int_equal(smr_tre_authenticate(rig->tre, rand, v.autn, &result), SMR_E_STATE);
	assert_int_equal(state_of(rig).mcim_count, 0);
}

static void test_next_checkin_reports_it(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;
	struct smr_tre_outcome outcome;

	rig->platform.tamper = EVENT;
	assert_int_equal(rig_checkin(rig, SMR_NONE, &outcome), SMR_OK);
	assert_int_equal(rig->report.tamper, EVENT);
	assert_int_equal(rig->report.receipt_count, 0);
	assert_int_equal(rig->report.mcim_state, SMR_MCIM_NONE);
}

/* What was made before says nothing of it, and is not sent again. */
static void test_report_under_way_is_not_sent_again(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;
	uint8_t room[SMR_C1_MAX];
	struct smr_space c1 = {room, sizeof(room)};
	struct smr_tre_outcome outcome;

	assert_int_equal(smr_tre_checkin_start(rig->tre, &c1), SMR_OK);
	rig->platform.tamper = EVENT;
	c1.len = sizeof(room);
	assert_int_equal(smr_tre_checkin_start(rig->tre, &c1), SMR_E_NOTHING);
	assert_int_equal(rig_flight(rig, NULL, &outcome), SMR_OK);
	assert_int_equal(rig->seen.tamper, EVENT);
	assert_false(rig->seen.have);
}

static void test_flight_under_way_brings_nothing(void **state)
{
	struct scene *s = *state;
	uint8_t m1_room[SMR_M1_MAX];
	uint8_t m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)};
	struct smr_tre_outcome outcome;
	struct smr_space m2;

	assert_int_equal(smr_tre_flight_start(s->rig.tre, false, &m1), SMR_OK);
	m2 = rig_answer(&s->rig, smr_bytes_of(m1.ptr, m1.len), &s->package, SMR_REFUSAL_NONE, m2_room);
	s->rig.platform.tamper = EVENT;
	assert_int_equal(smr_tre_flight_complete(s->rig.tre, smr_bytes_of(m2.ptr, m2.len), &outcome), SMR_E_STATE);
	assert_int_equal(state_of(&s->rig).mcim_count, 0);
}

/* A server that does not refuse a device that says so. */
static void test_nothing_is_installed_afterwards(void **state)
{
	struct scene *s = *state;
	struct smr_tre_outcome outcome;

	s->rig.platform.tamper = EVENT;
	assert_int_equal(rig_flight(&s->rig, &s->package, &outcome), SMR_E_TAMPERED);
	assert_int_equal(state_of(&s->rig).mcim_count, 0);
}

/* Each is latched; one that is known erases nothing again. */
static void test_a_second_event_is_added(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;
	uint8_t t[SMR_SCALAR_LEN];

	rig->platform.tamper = EVENT;
	assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
	memcpy(t, rig->tre->now.t, sizeof(t));
	assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
	assert_memory_equal(t, rig->tre->now.t, sizeof(t));
	rig->platform.tamper = 1;
	assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
	assert_int_equal(state_of(rig).tamper, EVENT | 1);
}

/* It says what a server has told this TRE. */
static void test_bit_31_is_no_event_of_a_platform(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;

	rig->platform.tamper = SMR_TAMPER_TPM_STATE;
	assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
	assert_int_equal(state_of(rig).mcim_count, 1);
	assert_int_equal(state_of(rig).tamper, 0);
}

/* Power goes at each write: either nothing was erased yet, and the next start does it, or all was. */
static void test_power_cut_while_it_erases(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;
	const struct rig_platform before = rig->platform;

	for (unsigned cut = 1; cut <= 2; cut++) {
		for (int after = 0; after < 2; after++) {
			rig->platform = before;
			assert_int_equal(rig_restart(rig), SMR_OK);
			rig->platform.tamper = EVENT;
			rig->platform.writes = 0;
			rig->platform.cut_before = after ? 0 : cut;
			rig->platform.cut_after = after ? cut : 0;
			assert_int_not_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
			rig->platform.cut_before = rig->platform.cut_after = 0;
			assert_int_equal(rig_restart(rig), SMR_OK);
			assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_OK);
			assert_int_equal(state_of(rig).mcim_count, 0);
			assert_int_equal(state_of(rig).tamper, EVENT);
		}
	}
}

static void test_one_out_of_order_has_nothing_to_heed(void **state)
{
	struct rig *rig = &((struct scene *)*state)->rig;

	rig->platform.record[rig->platform.record_len / 2] ^= 1;
	assert_int_equal(rig_restart(rig), SMR_E_TAMPERED);
	assert_int_equal(smr_tre_check_tamper(rig->tre), SMR_E_STATE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_event_erases_what_others_could_use),
		TEST(test_every_operation_heeds_it_first),
		TEST(test_next_checkin_reports_it),
		TEST(test_report_under_way_is_not_sent_again),
		TEST(test_flight_under_way_brings_nothing),
		TEST(test_nothing_is_installed_afterwards),
		TEST(test_a_second_event_is_added),
		TEST(test_bit_31_is_no_event_of_a_platform),
		TEST(test_power_cut_while_it_erases),
		TEST(test_one_out_of_order_has_nothing_to_heed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
