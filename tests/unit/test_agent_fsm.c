/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "m2me/agent.h"
#include "m2me/once.h"
#include "sys/log.h"

/* ---- a world of its own: clock, TRE, server, memory ---- */

enum answer { SILENCE, SEALED, FORGED, KEY, FORGED_KEY, UNKNOWN, LATER };

struct world {
	struct smr_agent agent;
	uint64_t now_us;
	uint64_t unix_offset_s;
	uint32_t random;
	/* TRE */
	enum smr_err tre_err;
	struct smr_tre_state tre;
	struct smr_tre_outcome flight_outcome;
	struct smr_tre_outcome checkin_outcome;
	enum smr_err complete_err; /* instead of SMR_OK */
	unsigned certificates;	   /* flights with one */
	unsigned gates;		   /* gate MACs made */
	enum smr_err gate_err;
	bool challenge; /* the server demands an Echo first */
	size_t proven_len;
	/* server: what it says to a flight and to a check-in, before SILENCE */
	enum answer to_flight;
	enum answer to_checkin;
	uint32_t max_age_s;
	char sent[64]; /* «f» and «c» in order */
	size_t sent_count;
	/* memory */
	enum smr_err save_err;
	unsigned saves;
	struct smr_memory saved;
	struct smr_memory saved_when_sent;
	struct smr_traffic traffic;
};

static uint64_t mono_us(void *context)
{
	return ((struct world *)context)->now_us;
}

static uint64_t unix_s(void *context)
{
	const struct world *w = context;

	return w->unix_offset_s + w->now_us / 1000000;
}

static void sleep_until_us(void *context, uint64_t us)
{
	((struct world *)context)->now_us = us;
}

static uint32_t next_random(void *context)
{
	return ((struct world *)context)->random;
}

static enum smr_err save(void *context, const struct smr_memory *memory)
{
	struct world *w = context;

	w->saves++;
	if (w->save_err == SMR_OK)
		w->saved = *memory;
	return w->save_err;
}

static enum smr_err tre_state(void *context, struct smr_tre_state *out)
{
	const struct world *w = context;

	*out = w->tre;
	return w->tre_err;
}

static enum smr_err flight_start(void *context, bool with_certificate, struct smr_space *m1)
{
	struct world *w = context;

	w->certificates += with_certificate;
	memset(m1->ptr, 'f', 200);
	m1->len = 200;
	return w->tre_err;
}

static enum smr_err flight_gate(void *context, uint8_t mac[SMR_GATE_MAC_LEN])
{
	struct world *w = context;

	w->gates++;
	memset(mac, 'm', SMR_GATE_MAC_LEN);
	return w->gate_err;
}

static enum smr_err flight_complete(void *context, struct smr_bytes m2, struct smr_tre_outcome *outcome)
{
	struct world *w = context;

	if (m2.ptr[0] != 'g')
		return SMR_E_UNOPENED;
	if (w->complete_err != SMR_OK)
		return w->complete_err;
	*outcome = w->flight_outcome;
	if (outcome->refusal == SMR_REFUSAL_NONE) {
		w->tre.has_ticket = !outcome->flight_needed;
		w->tre.checkin_open = false;
		w->tre.mcim_count = 1;
		w->tre.receipts = outcome->has_receipts;
	}
	return SMR_OK;
}

static enum smr_err flight_key(void *context, struct smr_bytes encoded)
{
	(void)context;
	return encoded.ptr[0] == 'g' ? SMR_OK : SMR_E_SIGNATURE;
}

static enum smr_err checkin_start(void *context, struct smr_space *c1)
{
	struct world *w = context;

	if (!w->tre.has_ticket && !w->tre.checkin_open)
		return SMR_E_NOTHING;
	w->tre.has_ticket = false;
	w->tre.checkin_open = true;
	memset(c1->ptr, 'c', 150);
	c1->len = 150;
	return w->tre_err;
}

static enum smr_err checkin_complete(void *context, struct smr_bytes c2, struct smr_tre_outcome *outcome)
{
	struct world *w = context;

	if (c2.ptr[0] != 'g')
		return SMR_E_UNOPENED;
	if (w->complete_err != SMR_OK)
		return w->complete_err;
	*outcome = w->checkin_outcome;
	w->tre.checkin_open = false;
	w->tre.has_ticket = outcome->refusal == SMR_REFUSAL_NONE;
	w->tre.receipts = outcome->has_receipts;
	return SMR_OK;
}

static enum smr_err exchange(void *context, enum smr_m2me_path path, struct smr_bytes request,
			     const struct smr_asker *asker)
{
	struct world *w = context;
	struct smr_reply reply = {.max_age_s = w->max_age_s};
	enum answer answer = path == SMR_M2ME_FLIGHT ? w->to_flight : w->to_checkin;

	assert_true(w->sent_count < sizeof(w->sent) - 1);
	w->sent[w->sent_count++] = path == SMR_M2ME_FLIGHT ? 'f' : 'c';
	assert_int_equal(request.ptr[0], w->sent[w->sent_count - 1]);
	if (w->challenge) {
		request = asker->prove(asker->context, request);
		if (path == SMR_M2ME_FLIGHT)
			w->proven_len = request.len;
		assert_int_equal(request.ptr[0], w->sent[w->sent_count - 1]);
	}
	w->saved_when_sent = w->saved;
	w->traffic.datagrams_up++;
	if (answer == SILENCE)
		return SMR_E_UNAVAILABLE;
	reply.kind = answer == LATER			    ? SMR_REPLY_LATER
		     : answer == SEALED || answer == FORGED ? SMR_REPLY_SEALED
							    : SMR_REPLY_UNKNOWN;
	if (answer == SEALED || answer == KEY)
		reply.payload = SMR_TEXT("good");
	else if (answer != UNKNOWN)
		reply.payload = SMR_TEXT("bad");
	return asker->judge(asker->context, &reply) ? SMR_OK : SMR_E_UNAVAILABLE;
}

static void get_traffic(void *context, struct smr_traffic *out)
{
	*out = ((const struct world *)context)->traffic;
}

static struct smr_clock test_clock;

static void start(struct world *w, const struct smr_memory *memory)
{
	const struct smr_agent_rules rules = {.pause_min_ms = 2000, .pause_max_ms = 3600000};
	const struct smr_agent_ports ports = {
		.tre = {tre_state, flight_start, flight_gate, flight_complete, flight_key, checkin_start,
			checkin_complete, w},
		.transport = {exchange, get_traffic, w},
		.clock = &test_clock,
		.random = next_random,
		.save = save,
		.context = w,
	};

	test_clock = (struct smr_clock){mono_us, unix_s, sleep_until_us, w};
	smr_agent_init(&w->agent, &rules, &ports, memory);
}

static struct world new_world(void)
{
	struct world w = {
		.unix_offset_s = 1800000000, .random = 0x80000000u, .to_flight = SEALED, .to_checkin = SEALED};

	w.tre.enrolled = true;
	w.flight_outcome = (struct smr_tre_outcome){.has_receipts = true, .interval_s = 3600};
	w.checkin_outcome = (struct smr_tre_outcome){.package = SMR_E_NOTHING, .interval_s = 3600};
	return w;
}

/* Steps until the agent wants to wait longer than @p ms; returns that wait. */
static uint64_t run_until_wait(struct world *w, uint64_t ms)
{
	for (int i = 0; i < 200; i++) {
		uint64_t wait = smr_agent_step(&w->agent);

		if (wait > ms)
			return wait;
		w->now_us += wait * 1000;
	}
	fail_msg("the agent does not come to rest");
	return 0;
}

static void pass(struct world *w, uint64_t seconds)
{
	uint64_t end = w->now_us + seconds * 1000000;

	while (w->now_us < end) {
		uint64_t wait = smr_agent_step(&w->agent);

		w->now_us += wait * 1000 < end - w->now_us ? wait * 1000 : end - w->now_us;
	}
}

/* ---- the table ---- */

static void test_transitions_are_these_and_no_others(void **state)
{
	/* Rows: states; columns: TRE lost, unusable, ready, flight, check-in, done, pause, pause over. */
	static const char *const table[SMR_AGENT_STATES] = {"WNI.....", "WNI.....", "WN.FC.B.",
							    "W..F.IB.", "W..F.IB.", ".......I"};
	static const char letters[] = "WNIFCB";

	(void)state;
	for (unsigned from = 0; from < SMR_AGENT_STATES; from++) {
		for (unsigned event = 0; event < SMR_EVENTS; event++) {
			enum smr_agent_state next = SMR_AGENT_STATES;
			enum smr_err err =
				smr_agent_next((enum smr_agent_state)from, (enum smr_agent_event)event, &next);

			if (table[from][event] == '.') {
				assert_int_equal(err, SMR_E_STATE);
				assert_int_equal(next, SMR_AGENT_STATES);
			} else {
				assert_int_equal(err, SMR_OK);
				assert_int_equal(letters[next], table[from][event]);
			}
		}
	}
	assert_int_equal(smr_agent_next(SMR_AGENT_STATES, SMR_EVENT_DONE, NULL), SMR_E_STATE);
	assert_int_equal(smr_agent_next(SMR_AGENT_IDLE, SMR_EVENTS, NULL), SMR_E_STATE);
}

/* ---- waiting times ---- */

static void test_pauses_double_between_their_bounds(void **state)
{
	static const uint32_t randoms[] = {0, 1, 0x7fffffffu, 0x80000000u, UINT32_MAX};
	uint64_t before = 0;

	(void)state;
	for (unsigned level = 0; level <= 40; level++) {
		uint64_t low = smr_pause_ms(2000, 3600000, level, 0);
		uint64_t high = smr_pause_ms(2000, 3600000, level, UINT32_MAX);

		for (size_t i = 0; i < SMR_COUNT(randoms); i++) {
			uint64_t pause = smr_pause_ms(2000, 3600000, level, randoms[i]);

			assert_in_range(pause, 2000, 3600000);
			assert_in_range(pause, low, high);
		}
		assert_true(low >= before);
		assert_in_range(high, low + low / 2 - 2, low + low / 2);
		before = low;
	}
	assert_int_equal(smr_pause_ms(2000, 3600000, 1, 0), 2000);
	assert_int_equal(smr_pause_ms(2000, 3600000, 4, 0), 16000);
	assert_in_range(smr_pause_ms(2000, 3600000, 40, UINT32_MAX), 3599000, 3600000);
	assert_in_range(smr_pause_ms(3600000, 1000, 9, UINT32_MAX), 1, 1000);
}

static void test_intervals_stray_by_a_tenth(void **state)
{
	(void)state;
	assert_int_equal(smr_interval_ms(3600, 0), 3240000);
	assert_in_range(smr_interval_ms(3600, UINT32_MAX), 3959000, 3960000);
	assert_in_range(smr_interval_ms(31536000, UINT32_MAX), UINT64_C(34689000000), UINT64_C(34689600000));
}

static void test_max_age_is_capped_and_never_shortened(void **state)
{
	(void)state;
	assert_int_equal(smr_max_age_ms(0, UINT32_MAX), 0);
	assert_int_equal(smr_max_age_ms(100, 0), 100000);
	assert_in_range(smr_max_age_ms(100, UINT32_MAX), 109000, 110000);
	assert_int_equal(smr_max_age_ms(UINT32_MAX, UINT32_MAX), 86400000);
	assert_int_equal(smr_max_age_ms(86400, UINT32_MAX), 86400000);
}

/* ---- the agent ---- */

static void test_fresh_device_flies_reports_and_rests(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	start(&w, &nothing);
	(void)run_until_wait(&w, 10000);
	assert_string_equal(w.sent, "fc");
	assert_int_equal(w.agent.state, SMR_AGENT_IDLE);
	assert_int_equal(w.saved.level, 0);
	assert_false(w.saved.paused);
	assert_int_equal(w.saved.due_unix, 1800000000 + 3600);
	assert_int_equal(w.saved.flights_accepted, 1);
	assert_int_equal(w.saved.checkins_accepted, 1);
	assert_int_equal(w.saved.traffic.datagrams_up, 2);
	pass(&w, 3601);
	assert_string_equal(w.sent, "fcc");
}

static void test_attempt_is_charged_before_it_is_made(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	start(&w, &nothing);
	(void)run_until_wait(&w, 10000);
	assert_true(w.saved_when_sent.paused);
	assert_int_equal(w.saved_when_sent.level, 1);
	assert_true(w.saved_when_sent.due_unix >= 1800000002);
}

static void test_crash_loop_keeps_its_pauses(void **state)
{
	struct world w = new_world();
	struct smr_memory memory = {0};

	(void)state;
	w.to_flight = SILENCE;
	for (int i = 0; i < 100; i++) { /* a start each second, killed at once */
		start(&w, &memory);
		for (int step = 0; step < 6; step++)
			(void)smr_agent_step(&w.agent);
		memory = w.saved_when_sent;
		w.now_us += 1000000;
	}
	assert_in_range(w.sent_count, 3, 6);
}

static void test_memory_that_cannot_be_written_sends_nothing(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.save_err = SMR_E_DISK_FULL;
	start(&w, &nothing);
	pass(&w, 100);
	assert_string_equal(w.sent, "");
	w.save_err = SMR_OK;
	pass(&w, 300);
	assert_string_equal(w.sent, "fc");
}

static void test_failures_pause_longer_and_longer_up_to_the_cap(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};
	uint64_t before = 0;

	(void)state;
	w.to_flight = SILENCE;
	w.random = 0;
	start(&w, &nothing);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t wait = run_until_wait(&w, 1000);

		assert_int_equal(w.sent_count, i + 1);
		assert_in_range(wait, 2000, 3600000);
		assert_true(wait >= before);
		before = wait;
		w.now_us += wait * 1000;
	}
	assert_true(before >= 2400000);
	assert_int_equal(w.certificates, 10); /* in turn */
	w.to_flight = SEALED;
	(void)run_until_wait(&w, 10000);
	assert_int_equal(w.saved.level, 0);
}

static void test_challenge_is_answered_with_the_gate_mac_that_the_tre_makes(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.challenge = true;
	w.to_flight = SEALED;
	start(&w, &nothing);
	(void)run_until_wait(&w, 1000);
	assert_int_equal(w.proven_len, 200 + SMR_GATE_ITEM_LEN);
	assert_int_equal(w.gates, 1);
}

/* No gate key, or a TRE that was lost meanwhile: the address alone is proved. */
static void test_challenge_without_gate_mac_repeats_the_request_alone(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.challenge = true;
	w.gate_err = SMR_E_NOTHING;
	w.to_flight = SEALED;
	start(&w, &nothing);
	(void)run_until_wait(&w, 1000);
	assert_int_equal(w.proven_len, 200);
}

static void test_flight_key_hints_are_followed_three_times_running(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.to_flight = KEY;
	start(&w, &nothing);
	(void)run_until_wait(&w, 1000);
	assert_string_equal(w.sent, "ffff");
	assert_int_equal(w.agent.state, SMR_AGENT_BACK_OFF);
	pass(&w, 3600);
	assert_in_range(w.sent_count, 20, 48); /* a dozen pauses an hour at first, then fewer */
}

static void test_forged_flight_key_is_silence(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.to_flight = FORGED_KEY;
	start(&w, &nothing);
	(void)run_until_wait(&w, 1000);
	assert_string_equal(w.sent, "f");
	assert_int_equal(w.agent.last.end, SMR_CONTACT_UNANSWERED);
}

static void test_forged_answer_is_silence(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.to_flight = FORGED;
	start(&w, &nothing);
	(void)run_until_wait(&w, 1000);
	assert_string_equal(w.sent, "f");
	assert_int_equal(w.agent.last.end, SMR_CONTACT_UNANSWERED);
	assert_int_equal(w.agent.state, SMR_AGENT_BACK_OFF);
}

static void test_refused_ticket_means_a_flight_but_no_loop(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.tre.has_ticket = true;
	w.tre.mcim_count = 1;
	w.tre.receipts = 1;
	w.to_checkin = UNKNOWN;
	start(&w, &nothing);
	(void)run_until_wait(&w, 1000);
	assert_string_equal(w.sent, "cfcfcfc");
	assert_int_equal(w.agent.state, SMR_AGENT_BACK_OFF);
	assert_true(w.saved.level >= 4);
	pass(&w, 40);
	w.to_checkin = SEALED;
	pass(&w, 4000);
	assert_int_equal(w.agent.state, SMR_AGENT_IDLE);
	assert_int_equal(w.saved.level, 0);
}

static void test_refusals_under_keys_do_what_they_say(void **state)
{
	static const enum smr_refusal fly[] = {SMR_REFUSAL_LINEAGE, SMR_REFUSAL_TICKET_OLD};
	static const enum smr_refusal pause[] = {SMR_REFUSAL_REVOKED, SMR_REFUSAL_STORE, SMR_REFUSAL_COUNTER,
						 (enum smr_refusal)77};
	const struct smr_memory nothing = {0};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(fly) + SMR_COUNT(pause); i++) {
		struct world w = new_world();
		bool flies = i < SMR_COUNT(fly);

		w.tre.has_ticket = true;
		w.tre.mcim_count = 1;
		w.flight_outcome.has_receipts = false;
		w.checkin_outcome.refusal = flies ? fly[i] : pause[i - SMR_COUNT(fly)];
		w.checkin_outcome.flight_needed = true;
		start(&w, &nothing);
		(void)run_until_wait(&w, 1000);
		assert_string_equal(w.sent, flies ? "cf" : "c");
		if (!flies)
			assert_int_equal(w.saved.last_refusal, w.checkin_outcome.refusal);
	}
}

static void test_package_that_failed_is_told_by_another_flight(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.flight_outcome.package = SMR_E_ORDER;
	w.flight_outcome.has_receipts = false;
	start(&w, &nothing);
	(void)run_until_wait(&w, 1000);
	assert_string_equal(w.sent, "f");
	assert_true(w.saved.flight_wanted);
	w.flight_outcome.package = SMR_OK;
	pass(&w, 5);
	assert_string_equal(w.sent, "ff");
	assert_false(w.saved.flight_wanted);
}

static void test_come_back_later_is_obeyed_up_to_a_day(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.to_flight = LATER;
	w.max_age_s = UINT32_MAX;
	start(&w, &nothing);
	assert_int_equal(run_until_wait(&w, 10000), 86400000);
	pass(&w, 86399);
	assert_string_equal(w.sent, "f");
	w.to_flight = SEALED;
	pass(&w, 10);
	assert_string_equal(w.sent, "ffc");
}

static void test_asking_ends_a_pause(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.to_flight = LATER;
	w.max_age_s = 86400;
	start(&w, &nothing);
	(void)run_until_wait(&w, 10000);
	w.to_flight = SEALED;
	smr_agent_ask(&w.agent);
	(void)run_until_wait(&w, 10000);
	assert_string_equal(w.sent, "ffc");
	smr_agent_ask(&w.agent);
	(void)run_until_wait(&w, 10000);
	assert_string_equal(w.sent, "ffcc");
}

static void test_report_that_does_not_go_away_is_no_loop(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.checkin_outcome.has_receipts = true;
	start(&w, &nothing);
	(void)run_until_wait(&w, 10000);
	assert_in_range(w.sent_count, 2, 5);
	pass(&w, 3000);
	assert_in_range(w.sent_count, 2, 5);
}

static void test_tre_that_is_lost_is_waited_for(void **state)
{
	struct world w = new_world();
	const struct smr_memory nothing = {0};

	(void)state;
	w.tre_err = SMR_E_UNAVAILABLE;
	start(&w, &nothing);
	pass(&w, 60);
	assert_int_equal(w.agent.state, SMR_AGENT_WAIT_FOR_TRE);
	w.tre_err = SMR_OK;
	w.tre.enrolled = false;
	pass(&w, 60);
	assert_int_equal(w.agent.state, SMR_AGENT_NOT_ENROLLED);
	w.tre.enrolled = true;
	w.tre.health = SMR_E_ROLLBACK;
	pass(&w, 60);
	assert_int_equal(w.agent.state, SMR_AGENT_NOT_ENROLLED);
	assert_string_equal(w.sent, "");
	w.tre.health = SMR_OK;
	w.complete_err = SMR_E_UNAVAILABLE; /* it goes while the answer is on its way */
	pass(&w, 6);
	assert_int_equal(w.agent.last.end, SMR_CONTACT_TRE_LOST);
	w.complete_err = SMR_OK;
	pass(&w, 60);
	assert_int_equal(w.agent.state, SMR_AGENT_IDLE);
}

static void test_rest_is_kept_over_a_restart_unless_something_waits(void **state)
{
	struct world w = new_world();
	const struct smr_memory resting = {.due_unix = 1800000000 + 3000};
	const struct smr_memory far = {.due_unix = UINT64_MAX};

	(void)state;
	w.tre.has_ticket = true;
	w.tre.mcim_count = 1;
	start(&w, &resting);
	pass(&w, 2990);
	assert_string_equal(w.sent, "");
	pass(&w, 20);
	assert_string_equal(w.sent, "c");
	w.tre.receipts = 1;
	start(&w, &resting);
	pass(&w, 1);
	assert_string_equal(w.sent, "cc");
	start(&w, &far); /* the clock was set back */
	pass(&w, 86401);
	assert_true(w.sent_count > 2);
}

static void test_once_does_one_thing_and_tells_its_exit_code(void **state)
{
	static const struct {
		enum answer answer;
		enum smr_refusal refusal;
		enum smr_err package;
		int code;
	} cases[] = {
		{SEALED, SMR_REFUSAL_NONE, SMR_OK, 0},	    {SEALED, SMR_REFUSAL_NO_SUBSCRIPTION, SMR_OK, 3},
		{SEALED, SMR_REFUSAL_NONE, SMR_E_ORDER, 3}, {SILENCE, SMR_REFUSAL_NONE, SMR_OK, 4},
		{LATER, SMR_REFUSAL_NONE, SMR_OK, 4},	    {KEY, SMR_REFUSAL_NONE, SMR_OK, 4},
	};
	const struct smr_memory nothing = {0};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct world w = new_world();

		w.to_flight = cases[i].answer;
		w.flight_outcome.refusal = cases[i].refusal;
		w.flight_outcome.package = cases[i].package;
		start(&w, &nothing);
		smr_agent_flight_once(&w.agent);
		assert_int_equal(smr_once_exit_code(&w.agent.last), cases[i].code);
		assert_string_equal(w.sent, cases[i].answer == KEY ? "ffff" : "f");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transitions_are_these_and_no_others),
		cmocka_unit_test(test_pauses_double_between_their_bounds),
		cmocka_unit_test(test_intervals_stray_by_a_tenth),
		cmocka_unit_test(test_max_age_is_capped_and_never_shortened),
		cmocka_unit_test(test_fresh_device_flies_reports_and_rests),
		cmocka_unit_test(test_attempt_is_charged_before_it_is_made),
		cmocka_unit_test(test_crash_loop_keeps_its_pauses),
		cmocka_unit_test(test_memory_that_cannot_be_written_sends_nothing),
		cmocka_unit_test(test_failures_pause_longer_and_longer_up_to_the_cap),
		cmocka_unit_test(test_challenge_is_answered_with_the_gate_mac_that_the_tre_makes),
		cmocka_unit_test(test_challenge_without_gate_mac_repeats_the_request_alone),
		cmocka_unit_test(test_flight_key_hints_are_followed_three_times_running),
		cmocka_unit_test(test_forged_flight_key_is_silence),
		cmocka_unit_test(test_forged_answer_is_silence),
		cmocka_unit_test(test_refused_ticket_means_a_flight_but_no_loop),
		cmocka_unit_test(test_refusals_under_keys_do_what_they_say),
		cmocka_unit_test(test_package_that_failed_is_told_by_another_flight),
		cmocka_unit_test(test_come_back_later_is_obeyed_up_to_a_day),
		cmocka_unit_test(test_asking_ends_a_pause),
		cmocka_unit_test(test_report_that_does_not_go_away_is_no_loop),
		cmocka_unit_test(test_tre_that_is_lost_is_waited_for),
		cmocka_unit_test(test_rest_is_kept_over_a_restart_unless_something_waits),
		cmocka_unit_test(test_once_does_one_thing_and_tells_its_exit_code),
	};

	smr_log_init("test", SMR_LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
