/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/fsm.h"

/* One more than the state that follows; 0: illegal. */
#define TO(state) (SMR_AGENT_##state + 1)

static const uint8_t transitions[SMR_AGENT_STATES][SMR_EVENTS] = {
	[SMR_AGENT_WAIT_FOR_TRE] = {[SMR_EVENT_TRE_LOST] = TO(WAIT_FOR_TRE),
				    [SMR_EVENT_TRE_UNUSABLE] = TO(NOT_ENROLLED),
				    [SMR_EVENT_TRE_READY] = TO(IDLE)},
	[SMR_AGENT_NOT_ENROLLED] = {[SMR_EVENT_TRE_LOST] = TO(WAIT_FOR_TRE),
				    [SMR_EVENT_TRE_UNUSABLE] = TO(NOT_ENROLLED),
				    [SMR_EVENT_TRE_READY] = TO(IDLE)},
	[SMR_AGENT_IDLE] = {[SMR_EVENT_TRE_LOST] = TO(WAIT_FOR_TRE),
			    [SMR_EVENT_TRE_UNUSABLE] = TO(NOT_ENROLLED),
			    [SMR_EVENT_FLIGHT] = TO(FLIGHT),
			    [SMR_EVENT_CHECKIN] = TO(CHECKIN),
			    [SMR_EVENT_PAUSE] = TO(BACK_OFF)},
	[SMR_AGENT_FLIGHT] = {[SMR_EVENT_TRE_LOST] = TO(WAIT_FOR_TRE),
			      [SMR_EVENT_FLIGHT] = TO(FLIGHT),
			      [SMR_EVENT_DONE] = TO(IDLE),
			      [SMR_EVENT_PAUSE] = TO(BACK_OFF)},
	[SMR_AGENT_CHECKIN] = {[SMR_EVENT_TRE_LOST] = TO(WAIT_FOR_TRE),
			       [SMR_EVENT_FLIGHT] = TO(FLIGHT),
			       [SMR_EVENT_DONE] = TO(IDLE),
			       [SMR_EVENT_PAUSE] = TO(BACK_OFF)},
	[SMR_AGENT_BACK_OFF] = {[SMR_EVENT_PAUSE_OVER] = TO(IDLE)},
};

enum smr_err smr_agent_next(enum smr_agent_state state, enum smr_agent_event event, enum smr_agent_state *next)
{
	uint8_t to;

	if ((unsigned)state >= SMR_AGENT_STATES || (unsigned)event >= SMR_EVENTS)
		return SMR_E_STATE;
	to = transitions[state][event];
	if (to == 0)
		return SMR_E_STATE;
	*next = (enum smr_agent_state)(to - 1);
	return SMR_OK;
}

const char *smr_agent_state_name(enum smr_agent_state state)
{
	static const char *const names[] = {"wait-for-tre", "not-enrolled", "idle", "flight", "check-in", "back-off"};

	return (unsigned)state < SMR_COUNT(names) ? names[state] : "unknown";
}

/* @p part of 2^32. No product overflows: whole / 1024 stays below 2^32 for every time up to a century. */
static uint64_t share(uint64_t whole, uint32_t part)
{
	return (whole / 1024) * part / (UINT64_C(1) << 22) + ((whole % 1024) * part >> 32);
}

uint64_t smr_pause_ms(uint64_t min_ms, uint64_t max_ms, unsigned level, uint32_t random)
{
	/* The jitter stays whole at the upper end too, or a fleet that was cut off would come back as one. */
	uint64_t top = max_ms - max_ms / 3;
	uint64_t base = min_ms < top ? min_ms : top;

	for (unsigned i = 1; i < level && i < SMR_PAUSE_LEVELS && base < top; i++)
		base = base > top / 2 ? top : 2 * base;
	return base + share(base / 2, random);
}

uint64_t smr_interval_ms(uint64_t interval_s, uint32_t random)
{
	uint64_t ms = interval_s * 1000;

	return ms - ms / 10 + share(ms / 5, random);
}

uint64_t smr_max_age_ms(uint32_t max_age_s, uint32_t random)
{
	uint64_t cap = (uint64_t)SMR_MAX_AGE_CAP * 1000;
	uint64_t ms = (uint64_t)(max_age_s < SMR_MAX_AGE_CAP ? max_age_s : SMR_MAX_AGE_CAP) * 1000;

	ms += share(ms / 10, random);
	return ms < cap ? ms : cap;
}

enum smr_err smr_tre_usable(const struct smr_tre_state *tre)
{
	if (tre->health != SMR_OK)
		return tre->health;
	return tre->enrolled ? SMR_OK : SMR_E_STATE;
}

bool smr_tre_can_check_in(const struct smr_tre_state *tre)
{
	return tre->has_ticket || tre->checkin_open;
}

bool smr_tre_is_urgent(const struct smr_tre_state *tre)
{
	return tre->receipts > 0 || tre->checkin_open;
}

uint32_t smr_tre_interval(const struct smr_tre_state *tre)
{
	uint32_t shortest = 0;

	for (size_t i = 0; i < tre->mcim_count && i < SMR_TRE_MCIMS_MAX; i++)
		if (tre->mcims[i].interval_s != 0 && (shortest == 0 || tre->mcims[i].interval_s < shortest))
			shortest = tre->mcims[i].interval_s;
	return shortest;
}
