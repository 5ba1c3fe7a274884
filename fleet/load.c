/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/load.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fleet/run.h"
#include "sys/clock.h"
#include "sys/signals.h"

/* Of each kind of work so much in one turn, so that none waits for the other: what is prepared only has to be sent. */
#define TURN_PREPARED 64u
#define TURN_FRESH 4u
#define WAIT_MAX_US 50000u
#define SIGNAL_TURNS 64u
#define SOON_US 20u /* not worth sleeping for */

const char *smr_load_name(enum smr_load_do what)
{
	static const char *const names[] = {"provision", "check-in", "mixed", "storm"};

	return names[what];
}

/* ---- who is next ---- */

/* Only a run for some time, of requests that are made as they are due, lets a device check in again. */
static bool goes_round(const struct smr_run *run)
{
	return run->wish->seconds > 0 && !run->wish->prepare && !run->wish->verify_after;
}

static bool next_checkin(struct smr_run *run, struct smr_member **out)
{
	for (size_t looked = run->flights; looked < run->count; looked++) {
		if (run->next_checkin == run->count) {
			if (!goes_round(run))
				return false;
			run->next_checkin = run->flights;
		}
		*out = &run->members[run->next_checkin++];
		if ((*out)->phase <= SMR_MEMBER_READY)
			return true;
	}
	return false;
}

static bool next_flight(struct smr_run *run, struct smr_member **out)
{
	if (run->next_flight == run->flights)
		return false;
	*out = &run->members[run->next_flight++];
	return true;
}

/* In a mixed run who is left of one kind goes on alone. */
static bool next_member(struct smr_run *run, struct smr_member **out)
{
	bool mixed = run->wish->what == SMR_LOAD_MIXED;
	bool flight = mixed ? smr_dice_share(&run->dice) < run->wish->ratio : run->wish->what != SMR_LOAD_CHECKIN;

	if (flight)
		return next_flight(run, out) || (mixed && next_checkin(run, out));
	return next_checkin(run, out) || (mixed && next_flight(run, out));
}

/* Nothing begins from now on; what did not belong to the time counts separately. */
static void close_doors(struct smr_run *run, uint64_t at_us)
{
	run->exhausted = true;
	if (run->wish->rate > 0)
		run->end_us = at_us;
}

static bool begin_next(struct smr_run *run, uint64_t due_us)
{
	struct smr_member *member;

	if (!next_member(run, &member)) {
		if (!goes_round(run) || run->open == 0)
			close_doors(run, due_us);
		return false;
	}
	smr_member_begin(run, member, due_us);
	return true;
}

static uint64_t deadline_us(const struct smr_run *run)
{
	return run->wish->seconds == 0 ? UINT64_MAX : run->start_us + run->wish->seconds * 1000000;
}

static uint64_t gap_us(struct smr_run *run)
{
	double mean = 1e6 / run->wish->rate;

	return (uint64_t)(run->wish->even ? mean : smr_dice_exponential(&run->dice, mean));
}

/* A sum of rounded gaps would be a higher rate than was asked for: what was cut off is owed to the next one. */
static void open_loop(struct smr_run *run, unsigned most)
{
	for (unsigned i = 0; i < most && !run->exhausted && run->arrival_us <= run->now_us; i++) {
		if (run->arrival_us >= deadline_us(run)) {
			close_doors(run, deadline_us(run));
			return;
		}
		(void)begin_next(run, run->arrival_us);
		run->arrival_us += gap_us(run) + (smr_dice_next(&run->dice) & 1u);
	}
}

static void closed_loop(struct smr_run *run, unsigned most)
{
	if (run->now_us >= deadline_us(run))
		close_doors(run, run->now_us);
	for (unsigned i = 0; i < most && !run->exhausted && run->open < run->wish->window; i++) {
		if (!begin_next(run, run->now_us))
			return;
	}
}

static void begin_some(struct smr_run *run, unsigned most)
{
	if (run->exhausted)
		return;
	if (run->wish->rate > 0)
		open_loop(run, most);
	else
		closed_loop(run, most);
}

/* A power cut ends: everybody is due at once, or within the spread. */
static void let_loose(struct smr_run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		double late_s = run->wish->spread_s * smr_dice_share(&run->dice);

		run->members[i].phase = SMR_MEMBER_WAITING;
		smr_member_sleep(run, &run->members[i], run->start_us + (uint64_t)(late_s * 1e6));
	}
	run->unborn = run->count;
	run->exhausted = true;
}

/* ---- a turn ---- */

static void fire_timers(struct smr_run *run, unsigned most)
{
	struct smr_timer timer;

	for (unsigned i = 0; i < most && smr_timers_take(&run->timers, run->now_us, &timer); i++) {
		struct smr_member *member = timer.item;

		if (member->timer_us == timer.due_us)
			smr_member_timer(run, member);
	}
}

static void take_datagram(struct smr_run *run, unsigned source, struct smr_bytes datagram)
{
	struct smr_wire_answer answer;
	struct smr_member *member;

	run->result->datagrams_down++;
	run->result->bytes_down += datagram.len;
	if (smr_wire_read(datagram, &answer) != SMR_OK) {
		run->result->ignored++;
		return;
	}
	member = smr_member_find(run, answer.id);
	if (member == NULL || member->source != source)
		run->result->surplus++;
	else
		smr_member_answer(run, member, &answer);
}

static void received(void *context, unsigned source, struct smr_bytes datagram, uint64_t arrived_us)
{
	struct smr_run *run = context;
	struct smr_impair_copy copies[2] = {{0}, {0}};
	size_t count = smr_impair_active(&run->impair) ? smr_impair_fate(&run->impair, copies) : 1;

	run->now_us = arrived_us;
	for (size_t i = 0; i < count; i++) {
		if (copies[i].delay_us == 0)
			take_datagram(run, source, datagram);
		else if (smr_impair_hold(&run->impair, arrived_us + copies[i].delay_us, false, source, datagram) !=
			 SMR_OK)
			run->err = SMR_E_NO_MEMORY;
	}
}

static void deliver_held(struct smr_run *run)
{
	struct smr_impair_datagram *held;

	while ((held = smr_impair_due(&run->impair, run->now_us)) != NULL) {
		struct smr_bytes octets = smr_bytes_of(held->octets, held->len);

		if (held->up)
			smr_sources_send(run->sources, held->source, SMR_NONE, octets);
		else
			take_datagram(run, held->source, octets);
		free(held);
	}
}

static uint64_t next_us(const struct smr_run *run)
{
	uint64_t next = smr_timers_next(&run->timers);
	uint64_t held = smr_timers_next(&run->impair.held);

	next = held < next ? held : next;
	if (!run->exhausted && run->wish->rate > 0)
		next = run->arrival_us < next ? run->arrival_us : next;
	return next < run->now_us + WAIT_MAX_US ? next : run->now_us + WAIT_MAX_US;
}

static void turn(struct smr_run *run)
{
	unsigned most = run->wish->prepare ? TURN_PREPARED : TURN_FRESH;
	uint64_t sent = run->result->datagrams_up;
	uint64_t next;

	run->now_us = smr_clock_us();
	fire_timers(run, most);
	deliver_held(run);
	begin_some(run, most);
	smr_sources_flush(run->sources);
	if (run->result->datagrams_up != sent)
		run->source = (run->source + 1) % run->wish->sources;
	if (smr_sources_receive(run->sources, received, run) > 0)
		return;
	next = next_us(run);
	run->now_us = smr_clock_us();
	if (next > run->now_us + SOON_US && (run->exhausted || run->wish->rate > 0 || run->open >= run->wish->window))
		smr_sources_wait(run->sources, run->signals, next - run->now_us);
}

/* ---- the whole ---- */

/* In a storm there is no last answer to wait for but that of the last device. */
static bool is_over(const struct smr_run *run, uint64_t *silent_since_us)
{
	if (!run->exhausted)
		return false;
	if (run->wish->what == SMR_LOAD_STORM)
		return (run->unborn == 0 && run->open == 0) || run->now_us >= deadline_us(run);
	if (*silent_since_us == 0)
		*silent_since_us = run->now_us;
	return run->open == 0 || run->now_us >= *silent_since_us + run->wish->patience_s * 1000000;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void sum_up(struct smr_run *run)
{
	struct smr_load_result *r = run->result;
	uint64_t end = run->end_us != UINT64_MAX ? run->end_us : run->last_answer_us;

	r->seconds = end > run->start_us ? (double)(end - run->start_us) / 1e6 : 0;
	if (run->wish->what == SMR_LOAD_STORM || run->wish->rate == 0)
		end = run->now_us;
	r->offered = end > run->start_us ? (double)r->sent * 1e6 / (double)(end - run->start_us) : 0;
	r->unreachable = smr_sources_unreachable(run->sources);
	for (size_t i = 0; i < run->count; i++) {
		r->unanswered += run->members[i].begun && run->members[i].phase == SMR_MEMBER_OPEN;
		r->waiting += run->members[i].begun && run->members[i].phase == SMR_MEMBER_WAITING;
	}
}

static enum smr_err drive(struct smr_run *run)
{
	uint64_t silent_since_us = 0;
	double cpu = cpu_seconds();

	smr_progress_start(&run->progress, smr_load_name(run->wish->what), goes_round(run) ? 0 : run->count,
			   run->wish->quiet);
	run->start_us = run->now_us = run->arrival_us = run->last_answer_us = smr_clock_us();
	run->end_us = UINT64_MAX;
	if (run->wish->what == SMR_LOAD_STORM)
		let_loose(run);
	for (unsigned i = 0; run->err == SMR_OK && !is_over(run, &silent_since_us); i++) {
		turn(run);
		if (i % SIGNAL_TURNS == 0 && smr_signals_read(run->signals) != 0) {
			run->stopped = true;
			close_doors(run, run->now_us);
			break;
		}
	}
	run->result->cpu_s = cpu_seconds() - cpu;
	smr_progress_end(&run->progress);
	sum_up(run);
	return run->err;
}

/* While the clock runs the server is not to find this thread on its own processor. */
static enum smr_err drive_on(struct smr_run *run, uint64_t cpu)
{
	cpu_set_t all;
	cpu_set_t one;
	enum smr_err err;

	if (cpu == UINT64_MAX)
		return drive(run);
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_getaffinity(0, sizeof(all), &all) != 0 || sched_setaffinity(0, sizeof(one), &one) != 0)
		return smr_problem(run->problem, SMR_E_INVALID, "--cpu: there is no processor %llu for this process",
				   (unsigned long long)cpu);
	err = drive(run);
	(void)sched_setaffinity(0, sizeof(all), &all); /* what was allowed before is allowed again */
	return err;
}

static enum smr_err set_up(struct smr_run *run)
{
	const struct smr_load_wish *wish = run->wish;

	run->dice.state = wish->seed;
	run->impair = (struct smr_impair){
		.loss = wish->loss, .duplicate = wish->duplicate, .reorder = wish->reorder, .dice = {wish->seed + 1}};
	SMR_TRY(smr_population_init(&run->population, run->roster->head->seed));
	SMR_TRY(smr_engine_new(&run->population, &run->engine));
	SMR_TRY(smr_sources_open(wish->server, wish->sources, &run->sources, run->problem));
	return smr_run_gather(run);
}

static enum smr_err run_all(struct smr_run *run)
{
	enum smr_err err = set_up(run);

	if (err == SMR_OK && run->wish->prepare)
		err = smr_run_prepare(run);
	if (err == SMR_OK)
		err = drive_on(run, run->wish->cpu);
	if (err == SMR_OK && run->wish->verify_after)
		err = smr_run_verify(run);
	run->result->interrupted = run->stopped;
	return run->stopped && err == SMR_E_NOTHING ? SMR_OK : err; /* stopped before the clock started */
}

static void tear_down(struct smr_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		smr_member_wipe(&run->members[i]);
	free(run->members);
	smr_timers_wipe(&run->timers);
	smr_impair_wipe(&run->impair);
	smr_sources_close(run->sources);
	smr_engine_free(run->engine);
	smr_population_wipe(&run->population);
	(void)close(run->signals);
}

enum smr_err smr_load_run(const struct smr_load_wish *wish, struct smr_roster *roster, struct smr_load_result *result,
			  struct smr_problem *problem)
{
	struct smr_run run = {.wish = wish, .result = result, .problem = problem, .roster = roster, .signals = -1};
	enum smr_err err = smr_signals_open(&run.signals);

	memset(result, 0, sizeof(*result));
	if (err != SMR_OK)
		return err;
	err = run_all(&run);
	tear_down(&run);
	return err;
}
