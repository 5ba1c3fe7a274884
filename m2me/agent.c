/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/agent.h"

#include <inttypes.h>

#include "sys/log.h"

#define LOOK_MS 60000u /* the TRE is asked for its state so often while nothing is due */
#define ENROL_MS 5000u
#define TRE_WAIT_MS 200u
#define TRE_WAITS_MAX 5u /* 200 ms to 6.4 s */
#define PROMPT_MAX 4u	 /* more than it takes to report all receipts that a TRE can hold */

static uint64_t now_ms(const struct smr_agent *agent)
{
	return agent->ports.clock->mono_us(agent->ports.clock->context) / 1000;
}

static uint64_t now_unix(const struct smr_agent *agent)
{
	return agent->ports.clock->unix_s(agent->ports.clock->context);
}

static uint32_t random_of(const struct smr_agent *agent)
{
	return agent->ports.random(agent->ports.context);
}

/* ---- the table ---- */

static enum smr_err save(struct smr_agent *agent);

static void enter(struct smr_agent *agent, enum smr_agent_event event)
{
	enum smr_agent_state before = agent->state;

	if (smr_agent_next(agent->state, event, &agent->state) != SMR_OK) {
		smr_log(SMR_LOG_ERROR, "agent.confused", "state=%s event=%d", smr_agent_state_name(before), (int)event);
		return;
	}
	agent->memory.state = agent->state;
	if (agent->state == before)
		return;
	smr_log(SMR_LOG_DEBUG, "agent.state", "from=%s to=%s", smr_agent_state_name(before),
		smr_agent_state_name(agent->state));
	/* Contacts save when they begin and end; this is for whoever watches a device that makes none. */
	if (agent->state == SMR_AGENT_NOT_ENROLLED || agent->state == SMR_AGENT_WAIT_FOR_TRE)
		(void)save(agent);
}

/* ---- memory ---- */

static enum smr_err save(struct smr_agent *agent)
{
	const struct smr_traffic *base = &agent->traffic_base;
	struct smr_traffic now = {0};
	enum smr_err err;

	agent->ports.transport.traffic(agent->ports.transport.context, &now);
	agent->memory.traffic = (struct smr_traffic){
		base->datagrams_up + now.datagrams_up, base->datagrams_down + now.datagrams_down,
		base->bytes_up + now.bytes_up, base->bytes_down + now.bytes_down, base->ignored + now.ignored};
	err = agent->ports.save(agent->ports.context, &agent->memory);
	if (err != SMR_OK)
		smr_log_error(SMR_LOG_ERROR, "memory.unsaved", err,
			      "the agent's state directory cannot be written, so nothing is sent: check its disk and "
			      "its owner");
	return err;
}

static void set_due(struct smr_agent *agent, bool paused, uint64_t wait_ms)
{
	agent->memory.paused = paused;
	agent->memory.due_unix = wait_ms == 0 ? 0 : now_unix(agent) + (wait_ms + 999) / 1000;
	agent->due_ms = now_ms(agent) + wait_ms;
}

static uint64_t pause_ms(const struct smr_agent *agent)
{
	return smr_pause_ms(agent->rules.pause_min_ms, agent->rules.pause_max_ms, agent->memory.level,
			    random_of(agent));
}

/* Before anything is sent: see the header. */
static bool charge(struct smr_agent *agent)
{
	if (agent->memory.level < SMR_PAUSE_LEVELS)
		agent->memory.level++;
	set_due(agent, true, pause_ms(agent));
	return save(agent) == SMR_OK;
}

static uint64_t interval_ms(const struct smr_agent *agent)
{
	uint64_t interval = agent->rules.interval_s != 0 ? agent->rules.interval_s : agent->interval_s;

	return smr_interval_ms(interval != 0 ? interval : SMR_INTERVAL_DEFAULT, random_of(agent));
}

/* ---- after a contact ---- */

static void pause_for(struct smr_agent *agent, uint64_t wait_ms)
{
	set_due(agent, true, wait_ms);
	smr_log(SMR_LOG_INFO, "agent.pauses", "ms=%" PRIu64 " failures=%" PRIu32, wait_ms, agent->memory.level);
	enter(agent, SMR_EVENT_PAUSE);
}

static void fail(struct smr_agent *agent)
{
	pause_for(agent, pause_ms(agent));
}

/* A flight that nothing but a stranger's word or a refused ticket asks for: a few running, then a pause. */
static void fly_again(struct smr_agent *agent)
{
	if (agent->hints >= SMR_HINTS_MAX) {
		smr_log(SMR_LOG_WARN, "hints.exhausted", "requests=%u", agent->hints);
		fail(agent);
		return;
	}
	agent->hints++;
	enter(agent, SMR_EVENT_FLIGHT);
}

/* What waits is reported at once, but a report that does not go away must not become a loop. */
static void plan_next(struct smr_agent *agent, const struct smr_tre_outcome *outcome)
{
	if (!outcome->has_receipts)
		agent->prompt = 0;
	else if (agent->prompt < PROMPT_MAX)
		agent->prompt++;
	if (outcome->interval_s != 0)
		agent->interval_s = outcome->interval_s;
	set_due(agent, false, outcome->has_receipts && agent->prompt < PROMPT_MAX ? 0 : interval_ms(agent));
	agent->memory.last_contact_unix = now_unix(agent);
	agent->memory.last_refusal = SMR_REFUSAL_NONE;
	enter(agent, SMR_EVENT_DONE);
}

static void package_failed(struct smr_agent *agent, enum smr_err why)
{
	smr_log(SMR_LOG_WARN, "package.refused", "error=%s reason=%s detail=%s", smr_err_name(why),
		SMR_QUOTED(smr_err_text(why)),
		SMR_QUOTED("the TRE did not install the subscription; the next flight says so"));
	agent->memory.flight_wanted = true;
	fail(agent);
}

static void refused(struct smr_agent *agent, const char *what)
{
	enum smr_refusal reason = agent->last.outcome.refusal;

	agent->memory.last_refusal = (uint32_t)reason;
	smr_log(SMR_LOG_WARN, what, "refusal=%s reason=%s", smr_refusal_name(reason),
		SMR_QUOTED(smr_refusal_text(reason)));
	if (agent->state == SMR_AGENT_CHECKIN && (reason == SMR_REFUSAL_LINEAGE || reason == SMR_REFUSAL_TICKET_OLD))
		fly_again(agent);
	else
		fail(agent);
}

static void unanswered(struct smr_agent *agent, const char *what)
{
	smr_log(SMR_LOG_WARN, what, "detail=%s",
		SMR_QUOTED("no answer: check the network, that samarad runs at [server] address, and that the RO knows "
			   "the device"));
	fail(agent);
}

/* What both kinds of contact have in common. */
static void ended_badly(struct smr_agent *agent)
{
	const struct smr_contact *last = &agent->last;

	switch (last->end) {
	case SMR_CONTACT_LATER:
		smr_log(SMR_LOG_INFO, "server.busy", "max_age=%" PRIu32, last->max_age_s);
		pause_for(agent, smr_max_age_ms(last->max_age_s, random_of(agent)));
		break;
	case SMR_CONTACT_TRE_LOST:
		smr_log_event(SMR_LOG_WARN, "tre.lost");
		enter(agent, SMR_EVENT_TRE_LOST);
		break;
	case SMR_CONTACT_STOPPED:
		agent->stopped = true;
		enter(agent, SMR_EVENT_PAUSE);
		break;
	default:
		smr_log_error(SMR_LOG_WARN, "contact.failed", last->err, NULL);
		fail(agent);
		break;
	}
}

/* ---- flight ---- */

static bool with_certificate(const struct smr_agent *agent)
{
	return agent->rules.certificate_always || (!agent->rules.certificate_never && agent->memory.with_certificate);
}

static void flight_accepted(struct smr_agent *agent)
{
	const struct smr_tre_outcome *outcome = &agent->last.outcome;

	agent->memory.flights_accepted++;
	agent->memory.flight_wanted = false;
	/* After hints the score stays until a check-in is accepted too: flights alone could go on for ever. */
	if (agent->hints == 0)
		agent->memory.level = 0;
	smr_log(SMR_LOG_INFO, "flight.accepted", "installed=%s up=%zu down=%zu",
		outcome->package == SMR_OK ? "true" : "false", agent->last.request_len, agent->last.reply_len);
	if (outcome->package != SMR_OK && outcome->package != SMR_E_NOTHING)
		package_failed(agent, outcome->package);
	else if (outcome->flight_needed)
		fly_again(agent);
	else
		plan_next(agent, outcome);
}

static void judge_flight(struct smr_agent *agent)
{
	switch (agent->last.end) {
	case SMR_CONTACT_ACCEPTED:
		flight_accepted(agent);
		break;
	case SMR_CONTACT_REFUSED:
		refused(agent, "flight.refused");
		break;
	case SMR_CONTACT_NEW_KEY:
		smr_log_event(SMR_LOG_INFO, "flight-key.new");
		fly_again(agent);
		break;
	case SMR_CONTACT_UNANSWERED:
		/* Who does not know the device from its shipment cannot answer without the certificate. */
		agent->memory.with_certificate = !agent->memory.with_certificate;
		unanswered(agent, "flight.unanswered");
		break;
	default:
		ended_badly(agent);
		break;
	}
}

static void fly(struct smr_agent *agent)
{
	agent->memory.flights++;
	smr_contact_flight(&agent->ports.tre, &agent->ports.transport, with_certificate(agent), &agent->last);
	judge_flight(agent);
	(void)save(agent);
}

/* ---- check-in ---- */

static void checkin_accepted(struct smr_agent *agent)
{
	const struct smr_tre_outcome *outcome = &agent->last.outcome;

	agent->memory.checkins_accepted++;
	agent->memory.level = 0;
	agent->hints = 0;
	smr_log(SMR_LOG_INFO, "checkin.accepted", "commands=%" PRIu32 " up=%zu down=%zu", outcome->commands_done,
		agent->last.request_len, agent->last.reply_len);
	if (outcome->flight_needed)
		fly_again(agent);
	else
		plan_next(agent, outcome);
}

static void judge_checkin(struct smr_agent *agent)
{
	switch (agent->last.end) {
	case SMR_CONTACT_ACCEPTED:
		checkin_accepted(agent);
		break;
	case SMR_CONTACT_REFUSED:
		refused(agent, "checkin.refused");
		break;
	case SMR_CONTACT_NO_TICKET:
		smr_log(SMR_LOG_INFO, "checkin.impossible", "cause=%s",
			agent->last.err == SMR_E_UNKNOWN_KEY ? "ticket-key-unknown" : "no-ticket");
		/* The TRE keeps its ticket, whatever was said in clear; only a flight that succeeds replaces it. */
		agent->memory.flight_wanted = true;
		fly_again(agent);
		break;
	case SMR_CONTACT_UNANSWERED:
		unanswered(agent, "checkin.unanswered");
		break;
	default:
		ended_badly(agent);
		break;
	}
}

static void check_in(struct smr_agent *agent)
{
	agent->memory.checkins++;
	smr_contact_checkin(&agent->ports.tre, &agent->ports.transport, &agent->last);
	judge_checkin(agent);
	(void)save(agent);
}

/* ---- waiting ---- */

static uint64_t until(const struct smr_agent *agent, uint64_t at_most)
{
	uint64_t now = now_ms(agent);
	uint64_t wait = agent->due_ms > now ? agent->due_ms - now : 0;

	return wait < at_most ? wait : at_most;
}

static void start_attempt(struct smr_agent *agent, bool flight)
{
	agent->asked = false;
	if (!charge(agent)) {
		enter(agent, SMR_EVENT_PAUSE);
		return;
	}
	enter(agent, flight ? SMR_EVENT_FLIGHT : SMR_EVENT_CHECKIN);
}

static uint64_t decide(struct smr_agent *agent, const struct smr_tre_state *tre)
{
	bool flight = agent->memory.flight_wanted || !smr_tre_can_check_in(tre) || tre->mcim_count == 0;
	bool urgent = flight || (smr_tre_is_urgent(tre) && agent->prompt < PROMPT_MAX);

	if (agent->interval_s == 0)
		agent->interval_s = smr_tre_interval(tre);
	if (!agent->asked && agent->memory.paused && until(agent, 1) > 0) {
		enter(agent, SMR_EVENT_PAUSE);
		return 0;
	}
	if (!agent->asked && !urgent && until(agent, 1) > 0)
		return until(agent, LOOK_MS);
	start_attempt(agent, flight);
	return 0;
}

/* Is the TRE there and fit? Otherwise the state changes. */
static bool look(struct smr_agent *agent, struct smr_tre_state *tre)
{
	enum smr_err err = agent->ports.tre.state(agent->ports.tre.context, tre);
	enum smr_agent_state before = agent->state;

	if (err == SMR_E_UNAVAILABLE) {
		if (before != SMR_AGENT_WAIT_FOR_TRE || agent->tre_waits == 0)
			smr_log(SMR_LOG_WARN, "tre.missing", "detail=%s",
				SMR_QUOTED("samara-tre does not answer on its socket: check that samara-launch runs"));
		enter(agent, SMR_EVENT_TRE_LOST);
		return false;
	}
	agent->tre_waits = 0;
	if (err == SMR_OK)
		err = smr_tre_usable(tre);
	if (err == SMR_OK)
		return true;
	if (before != SMR_AGENT_NOT_ENROLLED)
		smr_log_error(SMR_LOG_WARN, "tre.unusable", err,
			      err == SMR_E_STATE ? "the supplier has to enrol this device first (samara supplier enrol)"
						 : "the TRE refuses its own state: its log says what to do");
	enter(agent, SMR_EVENT_TRE_UNUSABLE);
	return false;
}

static uint64_t wait_for_tre(struct smr_agent *agent)
{
	struct smr_tre_state tre;

	if (look(agent, &tre)) {
		enter(agent, SMR_EVENT_TRE_READY);
		return 0;
	}
	if (agent->state == SMR_AGENT_NOT_ENROLLED)
		return ENROL_MS;
	if (agent->tre_waits < TRE_WAITS_MAX)
		agent->tre_waits++;
	return (uint64_t)TRE_WAIT_MS << agent->tre_waits;
}

static uint64_t idle(struct smr_agent *agent)
{
	struct smr_tre_state tre;

	return look(agent, &tre) ? decide(agent, &tre) : 0;
}

static uint64_t back_off(struct smr_agent *agent)
{
	if (!agent->asked && until(agent, 1) > 0)
		return until(agent, UINT64_MAX);
	/* Time has passed: what was counted as «running» starts anew. */
	agent->hints = 0;
	agent->memory.paused = false;
	enter(agent, SMR_EVENT_PAUSE_OVER);
	return 0;
}

uint64_t smr_agent_step(struct smr_agent *agent)
{
	switch (agent->state) {
	case SMR_AGENT_WAIT_FOR_TRE:
	case SMR_AGENT_NOT_ENROLLED:
		return wait_for_tre(agent);
	case SMR_AGENT_IDLE:
		return idle(agent);
	case SMR_AGENT_FLIGHT:
		fly(agent);
		return 0;
	case SMR_AGENT_CHECKIN:
		check_in(agent);
		return 0;
	case SMR_AGENT_BACK_OFF:
		return back_off(agent);
	case SMR_AGENT_STATES:
		break;
	}
	return LOOK_MS;
}

void smr_agent_ask(struct smr_agent *agent)
{
	agent->asked = true;
}

void smr_agent_init(struct smr_agent *agent, const struct smr_agent_rules *rules, const struct smr_agent_ports *ports,
		    const struct smr_memory *memory)
{
	uint64_t longest_s = SMR_MAX_AGE_CAP;
	uint64_t wait_s;

	memset(agent, 0, sizeof(*agent));
	agent->rules = *rules;
	agent->ports = *ports;
	agent->memory = *memory;
	agent->memory.state = agent->state = SMR_AGENT_WAIT_FOR_TRE;
	agent->traffic_base = memory->traffic;
	wait_s = memory->due_unix > now_unix(agent) ? memory->due_unix - now_unix(agent) : 0;
	if (!memory->paused && rules->interval_s + rules->interval_s / 10 > longest_s)
		longest_s = rules->interval_s + rules->interval_s / 10;
	agent->due_ms = now_ms(agent) + 1000 * (wait_s < longest_s ? wait_s : longest_s);
}

/* ---- on demand ---- */

static void once(struct smr_agent *agent, bool flight)
{
	struct smr_tre_state tre;

	memset(&agent->last, 0, sizeof(agent->last));
	agent->state = SMR_AGENT_WAIT_FOR_TRE;
	if (!look(agent, &tre)) {
		agent->last.end = agent->state == SMR_AGENT_WAIT_FOR_TRE ? SMR_CONTACT_TRE_LOST : SMR_CONTACT_FAILED;
		agent->last.err = agent->state == SMR_AGENT_WAIT_FOR_TRE ? SMR_E_UNAVAILABLE : smr_tre_usable(&tre);
		return;
	}
	enter(agent, SMR_EVENT_TRE_READY);
	start_attempt(agent, flight);
	if (agent->state == SMR_AGENT_BACK_OFF)
		agent->last = (struct smr_contact){.end = SMR_CONTACT_FAILED, .err = SMR_E_IO};
}

void smr_agent_flight_once(struct smr_agent *agent)
{
	once(agent, true);
	while (agent->state == SMR_AGENT_FLIGHT)
		fly(agent);
}

void smr_agent_checkin_once(struct smr_agent *agent)
{
	once(agent, false);
	if (agent->state == SMR_AGENT_CHECKIN)
		check_in(agent);
}
