/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fsm.h
 * What the agent may do after what, and how long it waits: pure functions, no I/O, no clock.
 */
#ifndef SMR_M2ME_FSM_H
#define SMR_M2ME_FSM_H

#include "tre/client.h"

#define SMR_HINTS_MAX 3u	    /* new requests running because of a hint in clear or a refused ticket */
#define SMR_MAX_AGE_CAP 86400u	    /* seconds: the longest that a hint in clear may keep the agent silent */
#define SMR_INTERVAL_DEFAULT 86400u /* seconds between check-ins when nobody says otherwise */
#define SMR_PAUSE_LEVELS 32u

enum smr_agent_state {
	SMR_AGENT_WAIT_FOR_TRE, /* its socket does not answer */
	SMR_AGENT_NOT_ENROLLED, /* it answers, but cannot be used */
	SMR_AGENT_IDLE,
	SMR_AGENT_FLIGHT,
	SMR_AGENT_CHECKIN,
	SMR_AGENT_BACK_OFF,
	SMR_AGENT_STATES
};

enum smr_agent_event {
	SMR_EVENT_TRE_LOST,
	SMR_EVENT_TRE_UNUSABLE,
	SMR_EVENT_TRE_READY,
	SMR_EVENT_FLIGHT, /* due, or told so */
	SMR_EVENT_CHECKIN,
	SMR_EVENT_DONE,
	SMR_EVENT_PAUSE, /* it failed, or an earlier pause is not over */
	SMR_EVENT_PAUSE_OVER,
	SMR_EVENTS
};

/** The table. SMR_E_STATE: not a legal transition, @p next is untouched. */
enum smr_err smr_agent_next(enum smr_agent_state state, enum smr_agent_event event,
			    enum smr_agent_state *next) SMR_MUST_USE;
/** «wait-for-tre». Static, never NULL. */
const char *smr_agent_state_name(enum smr_agent_state state);

/**
 * How long to pause after the @p level-th failure running: min · 2^(level-1) and up to half of it more, never above
 * max.
 * @param random  any 32 bits.
 */
uint64_t smr_pause_ms(uint64_t min_ms, uint64_t max_ms, unsigned level, uint32_t random);
/** @p interval_s, ±10 %. */
uint64_t smr_interval_ms(uint64_t interval_s, uint32_t random);
/** Up to 10 % more than the server asked for, capped. */
uint64_t smr_max_age_ms(uint32_t max_age_s, uint32_t random);

/** Can this TRE make requests? SMR_OK, its health, or SMR_E_STATE: not enrolled. */
enum smr_err smr_tre_usable(const struct smr_tre_state *tre) SMR_MUST_USE;
/** Is there something to check in with: a ticket, or a C1 without its answer? */
bool smr_tre_can_check_in(const struct smr_tre_state *tre);
/** Does something wait to be reported or answered, so that the next check-in is due at once? */
bool smr_tre_is_urgent(const struct smr_tre_state *tre);
/** The shortest interval that an installed MCIM asks for; 0: none does. Seconds. */
uint32_t smr_tre_interval(const struct smr_tre_state *tre);

#endif
