/* SPDX-License-Identifier: Apache-2.0 */
/* Before the clock starts and after it has stopped: who takes part, requests made ahead, answers opened. */
#include <stdlib.h>

#include "fleet/parallel.h"
#include "fleet/run.h"
#include "sys/signals.h"

#define MEMBERS_MAX (1u << 24) /* as many as have a name on the wire */

/* ---- who ---- */

static bool can(const struct smr_run *run, enum smr_wire_path path, const struct smr_slot *slot)
{
	if (run->wish->first != UINT64_MAX || run->wish->what == SMR_LOAD_STORM)
		return true;
	if (path == SMR_WIRE_FLIGHT)
		return !(slot->marks & SMR_SLOT_INSTALLED);
	/* In a mixed run nobody does both. */
	return (slot->marks & SMR_SLOT_TICKET) &&
	       (run->wish->what == SMR_LOAD_CHECKIN || (slot->marks & SMR_SLOT_INSTALLED));
}

/* After a power cut a device checks in when it has a ticket. */
static enum smr_wire_path path_of(const struct smr_run *run, enum smr_wire_path path, const struct smr_slot *slot)
{
	if (run->wish->what != SMR_LOAD_STORM)
		return path;
	return slot->marks & SMR_SLOT_TICKET ? SMR_WIRE_CHECKIN : SMR_WIRE_FLIGHT;
}

/** @return the slot behind the last one that was looked at. */
static uint64_t gather(struct smr_run *run, enum smr_wire_path path, uint64_t slot, uint64_t most)
{
	uint64_t live = run->roster->head->live;

	for (uint64_t taken = 0; slot < live && taken < most && run->count < MEMBERS_MAX; slot++) {
		const struct smr_slot *s = &run->roster->slots[slot];

		if (!can(run, path, s))
			continue;
		run->members[run->count++] = (struct smr_member){.slot = slot, .path = (uint8_t)path_of(run, path, s)};
		taken++;
	}
	return slot;
}

/* Of a mixed run with @p most contacts this many are flights. */
static uint64_t flights_of(const struct smr_run *run, uint64_t most)
{
	switch (run->wish->what) {
	case SMR_LOAD_CHECKIN:
		return 0;
	case SMR_LOAD_MIXED:
		return (uint64_t)((double)most * run->wish->ratio + 0.5);
	default:
		return most;
	}
}

enum smr_err smr_run_gather(struct smr_run *run)
{
	const struct smr_load_wish *wish = run->wish;
	uint64_t live = run->roster->head->live;
	uint64_t most = wish->count == 0 || wish->count > live ? live : wish->count;
	uint64_t flights = flights_of(run, most);
	uint64_t first = wish->first == UINT64_MAX ? 0 : wish->first;
	uint64_t next;

	run->members = calloc(live == 0 ? 1 : (size_t)live, sizeof(*run->members));
	if (run->members == NULL)
		return SMR_E_NO_MEMORY;
	next = gather(run, SMR_WIRE_FLIGHT, first, flights);
	run->flights = run->count;
	if (wish->what == SMR_LOAD_CHECKIN || wish->what == SMR_LOAD_MIXED)
		(void)gather(run, SMR_WIRE_CHECKIN, wish->first == UINT64_MAX ? 0 : next, most - flights);
	run->next_checkin = run->flights;
	run->result->devices = run->count;
	if (run->count > 0)
		return SMR_OK;
	return smr_problem(run->problem, SMR_E_NOTHING, "no device of this fleet %s",
			   wish->first != UINT64_MAX ? "has such a number: see --first"
			   : wish->what == SMR_LOAD_CHECKIN
				   ? "has a ticket: provision some first"
				   : "is without a subscription: --first says which are to fly again");
}

/* ---- together ---- */

static bool stopped(void *context)
{
	struct smr_run *run = context;

	if (smr_signals_read(run->signals) != 0)
		run->stopped = true;
	return run->stopped;
}

static enum smr_err all_members(struct smr_run *run, const char *label, smr_parallel_work *work, bool may_stop)
{
	const struct smr_parallel parallel = {.population = &run->population,
					      .threads = run->wish->threads,
					      .work = work,
					      .context = run,
					      .progress = &run->progress,
					      .stopped = may_stop ? stopped : NULL};
	enum smr_err err;

	smr_progress_start(&run->progress, label, run->count, run->wish->quiet);
	err = smr_parallel_run(&parallel, run->count);
	smr_progress_end(&run->progress);
	return err;
}

static enum smr_err prepare(void *context, struct smr_engine *engine, size_t index)
{
	struct smr_run *run = context;
	struct smr_member *member = &run->members[index];

	SMR_TRY(smr_member_make(run, engine, member));
	member->phase = SMR_MEMBER_READY;
	return SMR_OK;
}

enum smr_err smr_run_prepare(struct smr_run *run)
{
	return all_members(run, "preparing", prepare, true);
}

/* Whatever the TRE says of the answer is the member's end, and no reason to stop. */
static enum smr_err verify(void *context, struct smr_engine *engine, size_t index)
{
	struct smr_run *run = context;
	struct smr_member *member = &run->members[index];
	struct smr_tre_outcome outcome;

	if (member->phase == SMR_MEMBER_STORED &&
	    smr_member_open(run, engine, member, smr_bytes_of(member->answer, member->answer_len), &outcome) != SMR_OK)
		member->end = SMR_MEMBER_BAD;
	return SMR_OK;
}

enum smr_err smr_run_verify(struct smr_run *run)
{
	SMR_TRY(all_members(run, "verifying", verify, false));
	for (size_t i = 0; i < run->count; i++) {
		if (run->members[i].phase == SMR_MEMBER_STORED)
			smr_member_count(run, &run->members[i]);
	}
	return SMR_OK;
}
