/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TRE's life in steps, and in each step one call after the other that fails: every call to the crypto seam, every call to the
 * platform. A step that met a failure says so or has not had its effect; and after a restart the TRE goes on as if nothing had
 * happened: it is enrolled, installs, obeys and authenticates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/seam.h"
#include "tests/unit/tre_rig.h"

#define CALLS_MAX 200u /* of one step; more would mean that the loop does not end */

struct life {
	struct rig rig;
	struct rig_package package;
	bool owner_bound;
	uint8_t request_room[SMR_M1_MAX];
	struct smr_space request; /* M1 or C1 as the TRE made it */
	uint64_t sqn;
};

typedef enum smr_err step(struct life *life);

/* ---- failing ---- */

static unsigned fail_call;     /* the n-th call of the step fails; 0: none */
static bool platform_fails;    /* of the platform, else of the seam */
static unsigned platform_left; /* until it fails; 0: never */
static bool platform_did_fail;
static struct smr_tre_port inner;

/* From here on it is the TRE that calls. */
static void arm(void)
{
	seam_reset();
	platform_did_fail = false;
	platform_left = platform_fails ? fail_call : 0;
	seam_fail_at(platform_fails ? 0 : fail_call);
}

static bool disarm(void)
{
	bool failed = seam_did_fail() || platform_did_fail;

	seam_reset();
	platform_left = 0;
	return failed;
}

static bool fails(void)
{
	if (platform_left == 0 || --platform_left != 0)
		return false;
	platform_did_fail = true;
	return true;
}

static enum smr_err store(void *context, struct smr_bytes record)
{
	return fails() ? SMR_E_IO : inner.store(context, record);
}

static enum smr_err load(void *context, struct smr_space *record)
{
	return fails() ? SMR_E_IO : inner.load(context, record);
}

static enum smr_err counter_read(void *context, uint64_t *value)
{
	return fails() ? SMR_E_IO : inner.counter_read(context, value);
}

static enum smr_err counter_advance(void *context, uint64_t to)
{
	return fails() ? SMR_E_IO : inner.counter_advance(context, to);
}

static enum smr_err storage_key(void *context, uint8_t key[SMR_AEAD_KEY_LEN])
{
	return fails() ? SMR_E_IO : inner.storage_key(context, key);
}

static enum smr_err measurement(void *context, uint8_t out[SMR_HASH_LEN])
{
	return fails() ? SMR_E_IO : inner.measurement(context, out);
}

static enum smr_err tamper(void *context, uint32_t *events)
{
	return fails() ? SMR_E_IO : inner.tamper(context, events);
}

/* ---- the steps: what they need is made first, by parties whose calls do not fail ---- */

static struct smr_bytes request_of(const struct life *life)
{
	return smr_bytes_of(life->request.ptr, life->request.len);
}

static struct smr_space request_room(struct life *life)
{
	return (struct smr_space){life->request_room, sizeof(life->request_room)};
}

static enum smr_err enrol_begin(struct life *life)
{
	arm();
	return rig_enrol_begin(&life->rig);
}

static enum smr_err enrol_finish(struct life *life)
{
	struct rig_enrolment e;
	uint8_t answer[SMR_HASH_LEN];

	rig_enrolment(&life->rig, life->owner_bound, &e);
	rig_package(&life->rig, &life->package, &life->rig.op, 5, life->owner_bound);
	arm();
	return smr_tre_enrol_finish(life->rig.tre, &e.enrolment, answer);
}

static enum smr_err flight_start(struct life *life)
{
	life->request = request_room(life);
	arm();
	return smr_tre_flight_start(life->rig.tre, true, &life->request);
}

static enum smr_err flight_complete(struct life *life)
{
	uint8_t room[SMR_M2_MAX];
	struct smr_space m2 = rig_answer(&life->rig, request_of(life), &life->package, SMR_REFUSAL_NONE, room);
	struct smr_tre_outcome outcome;
	struct smr_tre_state state;

	arm();
	SMR_TRY(smr_tre_flight_complete(life->rig.tre, smr_bytes_of(m2.ptr, m2.len), &outcome));
	SMR_TRY(outcome.package);
	/* The flight key in the answer is a gift: that it could not be taken is no failure of the flight. */
	smr_tre_state(life->rig.tre, &state);
	return state.flight_key == 2 ? SMR_OK : SMR_E_SIGNATURE;
}

static enum smr_err authenticate(struct life *life)
{
	static const uint8_t amf[2] = {0x80, 0};
	static const uint8_t rand[16] = {7};
	struct smr_aka_vector v;
	struct smr_aka_result result;

	life->sqn += 33;
	assert_int_equal(smr_aka_vector(&life->rig.aka, rand, life->sqn, amf, &v), SMR_OK);
	arm();
	SMR_TRY(smr_tre_authenticate(life->rig.tre, v.rand, v.autn, &result));
	assert_memory_equal(result.res, v.res, v.res_len);
	return SMR_OK;
}

static enum smr_err checkin_start(struct life *life)
{
	life->request = request_room(life);
	arm();
	return smr_tre_checkin_start(life->rig.tre, &life->request);
}

/* With a command; one that the TRE could not judge stays with the server, and comes again. */
static enum smr_err checkin_complete(struct life *life)
{
	uint8_t command[SMR_COMMAND_MAX];
	uint8_t room[SMR_C2_MAX];
	size_t len = rig_command(&life->rig, command, &life->rig.op, &life->package.package, 2, SMR_MCIM_ACTIVATED);
	struct smr_space c2 =
		rig_answer_checkin(&life->rig, request_of(life), smr_bytes_of(command, len), SMR_REFUSAL_NONE, room);
	struct smr_tre_outcome outcome;

	arm();
	SMR_TRY(smr_tre_checkin_complete(life->rig.tre, smr_bytes_of(c2.ptr, c2.len), &outcome));
	return outcome.commands_done == 1 ? SMR_OK : SMR_E_NOTHING;
}

/* Of a flight that brings nothing but a ticket, and repeats the receipt. */
static enum smr_err flight_repeat(struct life *life)
{
	uint8_t room[SMR_M2_MAX];
	struct smr_space m2 = rig_answer(&life->rig, request_of(life), NULL, SMR_REFUSAL_NONE, room);
	struct smr_tre_outcome outcome;

	arm();
	SMR_TRY(smr_tre_flight_complete(life->rig.tre, smr_bytes_of(m2.ptr, m2.len), &outcome));
	assert_true(outcome.has_receipts);
	return SMR_OK;
}

static enum smr_err start_again(struct life *life)
{
	smr_tre_stop(life->rig.tre);
	arm();
	return smr_tre_start(life->rig.tre, &life->rig.port);
}

/* Last: nothing works after it. */
static enum smr_err erase(struct life *life)
{
	life->rig.platform.tamper = 4;
	arm();
	return smr_tre_check_tamper(life->rig.tre);
}

static step *const steps[] = {enrol_begin,   enrol_finish,     flight_start, flight_complete, authenticate,
			      checkin_start, checkin_complete, flight_start, flight_repeat,   start_again,
			      erase};

/* ---- the life ---- */

static void begin(struct life *life, bool owner_bound, size_t until)
{
	memset(life, 0, sizeof(*life));
	life->owner_bound = owner_bound;
	rig_init(&life->rig);
	inner = life->rig.port;
	life->rig.port = (struct smr_tre_port){
		.context = inner.context,
		.store = store,
		.load = load,
		.counter_read = counter_read,
		.counter_advance = counter_advance,
		.storage_key = storage_key,
		.measurement = measurement,
		.tamper = tamper,
	};
	for (size_t i = 0; i < until; i++)
		assert_int_equal(steps[i](life), SMR_OK);
}

/* From wherever it stands to a device that works. */
static void finish(struct life *life)
{
	struct smr_tre_outcome outcome;
	struct smr_tre_state state;

	assert_int_equal(rig_restart(&life->rig), SMR_OK);
	smr_tre_state(life->rig.tre, &state);
	if (!state.enrolled) {
		assert_int_equal(enrol_begin(life), SMR_OK);
		assert_int_equal(enrol_finish(life), SMR_OK);
	}
	assert_int_equal(rig_flight(&life->rig, &life->package, &outcome), SMR_OK);
	assert_true(outcome.package == SMR_OK || outcome.package == SMR_E_NOTHING);
	assert_int_equal(checkin_start(life), SMR_OK);
	assert_int_equal(checkin_complete(life), SMR_OK);
	assert_int_equal(authenticate(life), SMR_OK);
	smr_tre_state(life->rig.tre, &state);
	assert_int_equal(state.mcim_count, 1);
}

/* What could not be erased then is erased after the next start. */
static void finish_erasing(struct life *life)
{
	struct smr_tre_state state;

	assert_int_equal(rig_restart(&life->rig), SMR_OK);
	assert_int_equal(smr_tre_check_tamper(life->rig.tre), SMR_OK);
	smr_tre_state(life->rig.tre, &state);
	assert_int_equal(state.mcim_count, 0);
	assert_int_equal(state.tamper, 4);
}

/* @return whether there was an n-th call. */
static bool fail_one(bool owner_bound, size_t which, unsigned nth)
{
	struct life *life = malloc(sizeof(*life));
	enum smr_err err;
	bool failed;

	assert_non_null(life);
	begin(life, owner_bound, which);
	fail_call = nth;
	err = steps[which](life);
	fail_call = 0;
	failed = disarm();
	if (failed == (err == SMR_OK))
		fail_msg("step %zu, call %u %s: %s", which, nth, failed ? "failed" : "went well", smr_err_name(err));
	if (steps[which] == erase)
		finish_erasing(life);
	else
		finish(life);
	rig_free(&life->rig);
	free(life);
	return failed;
}

static void fail_each(bool owner_bound, size_t which)
{
	unsigned nth = 1;

	while (fail_one(owner_bound, which, nth))
		assert_true(++nth < CALLS_MAX);
	assert_true(nth > 1); /* every step makes such calls */
}

static void fail_all(void)
{
	for (size_t which = 0; which < SMR_COUNT(steps); which++) {
		fail_each(true, which);
		if (steps[which] == flight_complete)
			fail_each(false, which); /* where an operator is found among anchors, and not by an order */
	}
}

static void test_failing_crypto_call_is_told_and_costs_nothing_after_a_restart(void **state)
{
	(void)state;
	platform_fails = false;
	fail_all();
}

static void test_failing_platform_call_is_told_and_costs_nothing_after_a_restart(void **state)
{
	(void)state;
	platform_fails = true;
	fail_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failing_crypto_call_is_told_and_costs_nothing_after_a_restart),
		cmocka_unit_test(test_failing_platform_call_is_told_and_costs_nothing_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
