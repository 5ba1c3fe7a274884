/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fleet/run.h"
#include "m2me/fsm.h"

#define RETRANSMIT_MAX 4u /* RFC 7252 4.8 */
#define CHALLENGES_MAX 2u
#define PAUSE_MIN_MS 2000u /* m2me.ini(5), as are the defaults of the others */
#define PAUSE_MAX_MS 3600000u

/* ---- names on the wire ---- */

/* 24 bits say which member, 8 which of its exchanges. The message id is the lower 16 of the member's, so that neighbours differ in it. */
uint32_t smr_member_id(const struct smr_run *run, const struct smr_member *member)
{
	uint32_t number = (uint32_t)(member - run->members);

	return (number & 0xffffu) << 16 | (uint32_t)member->exchange << 8 | number >> 16;
}

struct smr_member *smr_member_find(struct smr_run *run, uint32_t id)
{
	uint32_t number = (id & 0xffu) << 16 | id >> 16;
	struct smr_member *member = number < run->count ? &run->members[number] : NULL;

	if (member == NULL || member->phase != SMR_MEMBER_OPEN || member->exchange != (id >> 8 & 0xffu))
		return NULL;
	return member;
}

/* ---- the TRE ---- */

static struct smr_slot *slot_of(const struct smr_run *run, const struct smr_member *member)
{
	return &run->roster->slots[member->slot];
}

static enum smr_err keep_request(struct smr_member *member, struct smr_space made, size_t proof)
{
	uint8_t *copy = realloc(member->request, made.len + proof);

	if (copy == NULL)
		return SMR_E_NO_MEMORY;
	memcpy(copy, made.ptr, made.len + proof);
	member->request = copy;
	member->request_len = (uint16_t)made.len;
	member->proof_len = (uint16_t)proof;
	return SMR_OK;
}

enum smr_err smr_member_make(struct smr_run *run, struct smr_engine *engine, struct smr_member *member)
{
	uint8_t octets[SMR_FLIGHT_REQUEST_MAX];
	struct smr_space made = {octets, sizeof(octets)};
	size_t proof = 0;
	bool certificate = run->wish->certificate || run->roster->head->certificate;

	if (member->path == SMR_WIRE_CHECKIN) {
		enum smr_err err = smr_device_check_in(engine, slot_of(run, member), &made);

		if (err == SMR_OK)
			return keep_request(member, made, 0);
		if (err != SMR_E_NOTHING)
			return err;
		member->path = SMR_WIRE_FLIGHT; /* no ticket, or one that has been spent in vain */
		made.len = sizeof(octets);
	}
	SMR_TRY(smr_device_fly(engine, slot_of(run, member), certificate, &made, &proof, &member->parked));
	return keep_request(member, made, proof);
}

enum smr_err smr_member_open(struct smr_run *run, struct smr_engine *engine, struct smr_member *member,
			     struct smr_bytes payload, struct smr_tre_outcome *outcome)
{
	struct smr_slot *slot = slot_of(run, member);
	enum smr_err err;

	if (member->path == SMR_WIRE_FLIGHT)
		err = smr_device_land(engine, slot, payload, &member->parked, outcome);
	else
		err = smr_device_checked_in(engine, slot, payload, outcome);
	member->end = SMR_MEMBER_BAD;
	if (err != SMR_OK)
		return err;
	member->refusal = (uint8_t)outcome->refusal;
	if (outcome->refusal != SMR_REFUSAL_NONE)
		member->end = SMR_MEMBER_REFUSED;
	else if (outcome->package == SMR_OK)
		member->end = SMR_MEMBER_INSTALLED;
	else if (outcome->package == SMR_E_NOTHING)
		member->end = SMR_MEMBER_ACCEPTED;
	return SMR_OK;
}

/* ---- timers ---- */

static void fail(struct smr_run *run, enum smr_err err)
{
	if (run->err == SMR_OK)
		run->err = err;
}

void smr_member_sleep(struct smr_run *run, struct smr_member *member, uint64_t until_us)
{
	enum smr_err err = smr_timers_put(&run->timers, until_us, member);

	member->timer_us = until_us;
	if (err != SMR_OK)
		fail(run, err);
}

static uint32_t random_bits(struct smr_run *run)
{
	return (uint32_t)(smr_dice_next(&run->dice) >> 32);
}

/* ---- sending ---- */

static void transmit(struct smr_run *run, struct smr_member *member)
{
	size_t proof = member->has_echo ? member->proof_len : 0;
	struct smr_bytes payload = {member->request, member->request_len + proof};
	struct smr_impair_copy copies[2] = {{0}, {0}};
	uint8_t octets[SMR_IMPAIR_DATAGRAM_MAX];
	size_t len = smr_wire_head(member->path == SMR_WIRE_FLIGHT ? SMR_WIRE_FLIGHT : SMR_WIRE_CHECKIN,
				   smr_member_id(run, member), member->has_echo ? member->echo : NULL, octets);
	size_t count = smr_impair_active(&run->impair) ? smr_impair_fate(&run->impair, copies) : 1;

	run->result->datagrams_up++;
	run->result->bytes_up += len + payload.len;
	for (size_t i = 0; i < count; i++) {
		enum smr_err err = SMR_OK;

		if (copies[i].delay_us == 0) {
			smr_sources_send(run->sources, member->source, smr_bytes_of(octets, len), payload);
			continue;
		}
		memcpy(octets + len, payload.ptr, payload.len);
		err = smr_impair_hold(&run->impair, run->now_us + copies[i].delay_us, true, member->source,
				      smr_bytes_of(octets, len + payload.len));
		if (err != SMR_OK)
			fail(run, err);
	}
}

/* An exchange comes from where the batch at hand does. */
static void choose_source(const struct smr_run *run, struct smr_member *member)
{
	member->source = (uint16_t)run->source;
	member->has_echo = false; /* good for one address */
	member->challenges = 0;
}

/* Under a new name. ACK_TIMEOUT to ACK_TIMEOUT · ACK_RANDOM_FACTOR, and twice as long each further time (RFC 7252 4.2). */
static void send_first(struct smr_run *run, struct smr_member *member)
{
	double timeout_ms = (double)run->wish->resend_after_ms * (1 + smr_dice_share(&run->dice) / 2);

	member->phase = SMR_MEMBER_OPEN;
	member->exchange++;
	member->sent = 1;
	member->timeout_us = (uint64_t)(timeout_ms * 1000);
	transmit(run, member);
	smr_member_sleep(run, member, run->now_us + member->timeout_us);
}

/* ---- ends ---- */

void smr_member_wipe(struct smr_member *member)
{
	smr_parked_free(member->parked);
	free(member->request);
	free(member->answer);
	member->parked = NULL;
	member->request = member->answer = NULL;
}

static void end(struct smr_run *run, struct smr_member *member)
{
	smr_progress_add(&run->progress, member->follows ? 0 : 1);
	smr_member_wipe(member);
	member->phase = SMR_MEMBER_IDLE;
	member->timer_us = 0;
	member->begun = member->follows = false;
	member->hints = 0;
	run->open--;
}

void smr_member_count(struct smr_run *run, const struct smr_member *member)
{
	struct smr_load_result *r = run->result;
	size_t reason = member->refusal < SMR_RESULT_REFUSALS ? member->refusal : SMR_RESULT_REFUSALS - 1;

	switch ((enum smr_member_end)member->end) {
	case SMR_MEMBER_INSTALLED:
	case SMR_MEMBER_ACCEPTED:
		r->installed += member->end == SMR_MEMBER_INSTALLED;
		r->accepted++;
		r->accepted_in_time += member->answered_us <= run->end_us;
		break;
	case SMR_MEMBER_REFUSED:
		r->refused++;
		r->refusals[reason]++;
		break;
	case SMR_MEMBER_BAD:
		r->bad++;
		break;
	}
}

/* The agent's pause after a failure; outside a storm a contact is over then. */
static void give_up(struct smr_run *run, struct smr_member *member)
{
	if (run->wish->what != SMR_LOAD_STORM) {
		end(run, member);
		return;
	}
	if (member->failures < SMR_PAUSE_LEVELS)
		member->failures++;
	member->phase = SMR_MEMBER_WAITING;
	smr_member_sleep(run, member,
			 run->now_us +
				 1000 * smr_pause_ms(PAUSE_MIN_MS, PAUSE_MAX_MS, member->failures, random_bits(run)));
}

/* ---- beginning ---- */

/* Prepared requests are used as they are, also after a wait: making new ones is what must not happen while the clock runs. */
static void attempt(struct smr_run *run, struct smr_member *member)
{
	bool keep = run->wish->prepare && member->request != NULL;
	enum smr_err err = keep ? SMR_OK : smr_member_make(run, run->engine, member);

	choose_source(run, member);
	if (err != SMR_OK)
		fail(run, err);
	else
		send_first(run, member);
}

void smr_member_begin(struct smr_run *run, struct smr_member *member, uint64_t due_us)
{
	member->due_us = due_us;
	member->begun = true;
	run->open++;
	run->result->sent++;
	attempt(run, member);
	smr_histogram_add(&run->result->late, run->now_us > due_us ? run->now_us - due_us : 0);
}

void smr_member_timer(struct smr_run *run, struct smr_member *member)
{
	if (member->phase == SMR_MEMBER_WAITING) {
		if (member->begun) {
			attempt(run, member);
			return;
		}
		run->unborn--;
		smr_member_begin(run, member, member->timer_us);
		return;
	}
	if (member->phase != SMR_MEMBER_OPEN)
		return;
	if (member->sent > RETRANSMIT_MAX) {
		run->result->unanswered += run->wish->what != SMR_LOAD_STORM;
		give_up(run, member);
		return;
	}
	member->sent++;
	member->timeout_us *= 2;
	run->result->retransmissions++;
	transmit(run, member);
	smr_member_sleep(run, member, run->now_us + member->timeout_us);
}

/* ---- answers ---- */

/* What a stranger's word or a refused ticket asks for: a few running, no loop. */
static bool fly_again(struct smr_run *run, struct smr_member *member)
{
	enum smr_err err;

	if (member->hints >= SMR_HINTS_MAX)
		return false;
	member->hints++;
	member->path = SMR_WIRE_FLIGHT;
	err = smr_member_make(run, run->engine, member);
	choose_source(run, member);
	if (err != SMR_OK)
		fail(run, err);
	else
		send_first(run, member);
	return true;
}

static void take_hint(struct smr_run *run, struct smr_member *member, const struct smr_wire_answer *answer)
{
	enum smr_err err = SMR_OK;

	run->result->hints++;
	if (member->path == SMR_WIRE_FLIGHT)
		err = smr_device_flight_key(run->engine, slot_of(run, member), answer->payload);
	if (err != SMR_OK || !fly_again(run, member))
		run->result->ignored++;
}

static void take_challenge(struct smr_run *run, struct smr_member *member, const struct smr_wire_answer *answer)
{
	if (member->challenges >= CHALLENGES_MAX) {
		run->result->ignored++;
		return;
	}
	run->result->challenges++;
	member->challenges++;
	member->has_echo = true;
	memcpy(member->echo, answer->echo, sizeof(member->echo));
	send_first(run, member);
}

static void wait_for(struct smr_run *run, struct smr_member *member, uint32_t max_age_s)
{
	run->result->later++;
	member->phase = SMR_MEMBER_WAITING;
	smr_member_sleep(run, member, run->now_us + 1000 * smr_max_age_ms(max_age_s, random_bits(run)));
}

static void note_answer(struct smr_run *run, struct smr_member *member)
{
	member->answered_us = run->last_answer_us = run->now_us;
	run->result->answered++;
	/* In a storm it is until a device is served, once. */
	if (run->wish->what == SMR_LOAD_STORM && (member->follows || member->end > SMR_MEMBER_INSTALLED))
		return;
	smr_histogram_add(&run->result->latency, run->now_us > member->due_us ? run->now_us - member->due_us : 0);
}

static void store_answer(struct smr_run *run, struct smr_member *member, struct smr_bytes payload)
{
	member->answer = malloc(payload.len + 1);
	if (member->answer == NULL) {
		fail(run, SMR_E_NO_MEMORY);
		return;
	}
	if (payload.len > 0)
		memcpy(member->answer, payload.ptr, payload.len);
	member->answer_len = (uint16_t)payload.len;
	note_answer(run, member);
	member->phase = SMR_MEMBER_STORED;
	member->timer_us = 0;
	run->open--;
	smr_progress_add(&run->progress, 1);
}

static void accepted(struct smr_run *run, struct smr_member *member, const struct smr_tre_outcome *outcome)
{
	bool report = run->wish->receipts && member->path == SMR_WIRE_FLIGHT && outcome->has_receipts;

	member->failures = 0;
	end(run, member);
	if (!report)
		return;
	member->path = SMR_WIRE_CHECKIN;
	member->follows = true;
	smr_member_begin(run, member, run->now_us);
}

static void refused(struct smr_run *run, struct smr_member *member)
{
	bool old = member->refusal == SMR_REFUSAL_LINEAGE || member->refusal == SMR_REFUSAL_TICKET_OLD;

	if (member->path == SMR_WIRE_CHECKIN && old && fly_again(run, member))
		return;
	give_up(run, member);
}

static void take_sealed(struct smr_run *run, struct smr_member *member, struct smr_bytes payload)
{
	struct smr_tre_outcome outcome;
	enum smr_err err;

	if (run->wish->verify_after) {
		store_answer(run, member, payload);
		return;
	}
	err = smr_member_open(run, run->engine, member, payload, &outcome);
	if (smr_err_class(err) == SMR_CLASS_PEER) {
		run->result->ignored++; /* the real one may still come */
		return;
	}
	note_answer(run, member);
	smr_member_count(run, member);
	if (member->end == SMR_MEMBER_REFUSED)
		refused(run, member);
	else if (member->end == SMR_MEMBER_BAD)
		end(run, member);
	else
		accepted(run, member, &outcome);
}

void smr_member_answer(struct smr_run *run, struct smr_member *member, const struct smr_wire_answer *answer)
{
	switch (answer->kind) {
	case SMR_WIRE_SEALED:
		take_sealed(run, member, answer->payload);
		break;
	case SMR_WIRE_UNKNOWN:
		take_hint(run, member, answer);
		break;
	case SMR_WIRE_CHALLENGE:
		take_challenge(run, member, answer);
		break;
	case SMR_WIRE_LATER:
		wait_for(run, member, answer->max_age_s);
		break;
	}
}
