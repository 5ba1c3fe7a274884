/* SPDX-License-Identifier: Apache-2.0 */
/* The committer: jobs of several workers in one transaction, each back in its own inbox, also when the store refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>

#include "server/committer.h"
#include "server/pace.h"
#include "sys/log.h"
#include "tests/unit/store_rig.h"

#define DEVICES 256u

static int setup(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, DEVICES);
	return 0;
}

/* Changes for @p count devices from @p first on. */
static struct smr_store_change *make_changes(struct rig *rig, uint64_t first, size_t count)
{
	struct smr_store_change *changes = calloc(count ? count : 1, sizeof(*changes));

	assert_non_null(changes);
	for (size_t i = 0; i < count; i++)
		changes[i] = rig_change(rig->store, first + i);
	return changes;
}

static struct smr_commit_job *take_waiting(struct smr_commit_inbox *inbox)
{
	struct pollfd fd = {smr_commit_inbox_fd(inbox), POLLIN, 0};
	struct smr_commit_job *job = smr_commit_inbox_take(inbox);

	if (job != NULL)
		return job;
	assert_int_equal(poll(&fd, 1, 10000), 1);
	job = smr_commit_inbox_take(inbox);
	assert_non_null(job);
	return job;
}

static bool is_readable(const struct smr_commit_inbox *inbox)
{
	struct pollfd fd = {smr_commit_inbox_fd(inbox), POLLIN, 0};

	return poll(&fd, 1, 0) == 1;
}

/* Somebody else writes: the committer has to wait, and what arrives meanwhile has to go together. */
static sqlite3 *hold(const struct rig *rig)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void let_go(sqlite3 *db)
{
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_commit_job_comes_back_durable(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_commit_inbox *inbox = smr_commit_inbox_new();
	struct smr_store_change *changes = make_changes(rig, 1, 3);
	struct smr_commit_job job = {.inbox = inbox, .changes = changes, .count = 3, .err = SMR_E_INVALID};
	struct smr_committer *committer;

	assert_null(smr_commit_inbox_take(inbox));
	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	smr_committer_submit(committer, &job);
	assert_ptr_equal(take_waiting(inbox), &job);
	assert_int_equal(job.err, SMR_OK);
	assert_false(is_readable(inbox));
	assert_null(smr_commit_inbox_take(inbox));
	for (uint64_t n = 1; n <= 3; n++) {
		assert_int_equal(changes[n - 1].err, SMR_OK);
		assert_int_equal(rig_get(rig->store, n).row.ctr, 1);
	}
	assert_int_equal(metrics.changes, 3);
	assert_int_equal(metrics.commits, 1);
	smr_committer_stop(committer);
	smr_commit_inbox_free(inbox);
	free(changes);
}

static void test_commit_results_are_those_of_each_change(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_commit_inbox *inboxes[2] = {smr_commit_inbox_new(), smr_commit_inbox_new()};
	struct smr_store_change *first = make_changes(rig, 1, 2);
	struct smr_store_change *second = make_changes(rig, 2, 2); /* device 2 in both: one of them has to lose */
	struct smr_commit_job jobs[2] = {{.inbox = inboxes[0], .changes = first, .count = 2},
					 {.inbox = inboxes[1], .changes = second, .count = 2}};
	struct smr_committer *committer;

	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	smr_committer_submit(committer, &jobs[0]);
	smr_committer_submit(committer, &jobs[1]);
	assert_ptr_equal(take_waiting(inboxes[0]), &jobs[0]);
	assert_ptr_equal(take_waiting(inboxes[1]), &jobs[1]);
	assert_int_equal(first[0].err, SMR_OK);
	assert_int_equal(first[1].err, SMR_OK);
	assert_int_equal(second[0].err, SMR_E_BUSY);
	assert_int_equal(second[1].err, SMR_OK);
	smr_committer_stop(committer);
	for (int i = 0; i < 2; i++)
		smr_commit_inbox_free(inboxes[i]);
	free(first);
	free(second);
}

static void test_commit_jobs_that_wait_go_in_one_transaction(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_commit_inbox *inboxes[4];
	struct smr_commit_job jobs[40];
	struct smr_committer *committer;
	sqlite3 *holder;

	for (size_t i = 0; i < SMR_COUNT(inboxes); i++)
		inboxes[i] = smr_commit_inbox_new();
	for (size_t i = 0; i < SMR_COUNT(jobs); i++)
		jobs[i] = (struct smr_commit_job){
			.inbox = inboxes[i % 4], .changes = make_changes(rig, 1 + 3 * i, 3), .count = 3};
	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	holder = hold(rig);
	for (size_t i = 0; i < SMR_COUNT(jobs); i++)
		smr_committer_submit(committer, &jobs[i]);
	let_go(holder);
	for (size_t i = 0; i < SMR_COUNT(jobs); i++) /* each in its inbox, in the order of submission */
		assert_ptr_equal(take_waiting(inboxes[i % 4]), &jobs[i]);
	assert_int_equal(metrics.changes, 120);
	assert_in_range(metrics.commits, 1, 2); /* the first may have gone alone, the rest waited */
	for (size_t i = 0; i < SMR_COUNT(jobs); i++) {
		assert_int_equal(jobs[i].err, SMR_OK);
		for (size_t j = 0; j < 3; j++) {
			assert_int_equal(jobs[i].changes[j].err, SMR_OK);
			assert_int_equal(rig_get(rig->store, 1 + 3 * i + j).row.ctr, 1);
		}
		free(jobs[i].changes);
	}
	for (size_t i = 0; i < SMR_COUNT(inboxes); i++) {
		assert_false(is_readable(inboxes[i]));
		smr_commit_inbox_free(inboxes[i]);
	}
	smr_committer_stop(committer);
}

static void test_commit_more_than_one_transaction_holds_goes_in_several(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_commit_inbox *inbox = smr_commit_inbox_new();
	struct smr_commit_job jobs[5];
	struct smr_committer *committer;
	sqlite3 *holder;

	for (size_t i = 0; i < SMR_COUNT(jobs);
	     i++) /* 5 × 256 > 1024; the same devices, so later ones are BUSY: still counted */
		jobs[i] = (struct smr_commit_job){
			.inbox = inbox, .changes = make_changes(rig, 1, DEVICES), .count = DEVICES};
	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	holder = hold(rig);
	for (size_t i = 0; i < SMR_COUNT(jobs); i++)
		smr_committer_submit(committer, &jobs[i]);
	let_go(holder);
	for (size_t i = 0; i < SMR_COUNT(jobs); i++) {
		assert_ptr_equal(take_waiting(inbox), &jobs[i]);
		assert_int_equal(jobs[i].err, SMR_OK);
		for (size_t j = 0; j < DEVICES; j++)
			assert_int_equal(jobs[i].changes[j].err, i == 0 ? SMR_OK : SMR_E_BUSY);
		free(jobs[i].changes);
	}
	assert_in_range(metrics.commits, 2, 5);
	smr_committer_stop(committer);
	smr_commit_inbox_free(inbox);
}

static void test_commit_job_of_no_or_too_many_changes_comes_back(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_commit_inbox *inbox = smr_commit_inbox_new();
	struct smr_store_change *changes = calloc(SMR_STORE_BATCH_MAX + 1, sizeof(*changes));
	struct smr_store_change *good = make_changes(rig, 1, 1);
	struct smr_commit_job none = {.inbox = inbox, .changes = changes, .count = 0};
	struct smr_commit_job many = {.inbox = inbox, .changes = changes, .count = SMR_STORE_BATCH_MAX + 1};
	struct smr_commit_job one = {.inbox = inbox, .changes = good, .count = 1};
	struct smr_committer *committer;

	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	smr_committer_submit(committer, &none);
	assert_ptr_equal(take_waiting(inbox), &none);
	assert_int_equal(none.err, SMR_OK);
	smr_committer_submit(committer, &many);
	assert_ptr_equal(take_waiting(inbox), &many);
	assert_int_equal(many.err, SMR_E_INVALID);
	smr_committer_submit(committer, &one); /* it goes on */
	assert_ptr_equal(take_waiting(inbox), &one);
	assert_int_equal(good[0].err, SMR_OK);
	smr_committer_stop(committer);
	smr_commit_inbox_free(inbox);
	free(changes);
	free(good);
}

static void test_commit_store_failure_is_handed_back_and_recovered_from(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_commit_inbox *inbox = smr_commit_inbox_new();
	struct smr_store_change *changes = make_changes(rig, 1, 2);
	struct smr_commit_job job = {.inbox = inbox, .changes = changes, .count = 2};
	struct smr_committer *committer;

	smr_log_init("test", SMR_LOG_ERROR, false);
	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	rig_sql(rig->path, "CREATE TRIGGER no BEFORE UPDATE ON device BEGIN SELECT RAISE(ABORT, 'no'); END");
	smr_committer_submit(committer, &job);
	assert_ptr_equal(take_waiting(inbox), &job);
	assert_int_not_equal(job.err, SMR_OK);
	assert_int_equal(metrics.changes, 0);
	assert_int_equal(rig_get(rig->store, 1).row.ctr, 0);
	rig_sql(rig->path, "DROP TRIGGER no");
	smr_committer_submit(committer, &job);
	assert_ptr_equal(take_waiting(inbox), &job);
	assert_int_equal(job.err, SMR_OK);
	assert_int_equal(rig_get(rig->store, 1).row.ctr, 1);
	smr_committer_stop(committer);
	smr_commit_inbox_free(inbox);
	free(changes);
}

static void test_commit_start_without_a_store_fails_and_leaks_nothing(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_committer *committer = NULL;
	char path[200];

	snprintf(path, sizeof(path), "%s/none.db", rig->dir);
	assert_int_equal(smr_committer_start(path, &smr_clock_system, &metrics, &committer), SMR_E_NOT_FOUND);
	assert_null(committer);
	smr_committer_stop(NULL);
}

static void test_commit_stop_drains_what_is_queued(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct smr_commit_inbox *inbox = smr_commit_inbox_new();
	struct smr_commit_job jobs[60];
	struct smr_committer *committer;

	for (size_t i = 0; i < SMR_COUNT(jobs); i++)
		jobs[i] =
			(struct smr_commit_job){.inbox = inbox, .changes = make_changes(rig, 1 + 4 * i, 4), .count = 4};
	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(jobs); i++)
		smr_committer_submit(committer, &jobs[i]);
	smr_committer_stop(committer);
	assert_true(is_readable(inbox));
	for (size_t i = 0; i < SMR_COUNT(jobs); i++) {
		assert_ptr_equal(smr_commit_inbox_take(inbox), &jobs[i]);
		assert_int_equal(jobs[i].err, SMR_OK);
		assert_int_equal(rig_get(rig->store, 1 + 4 * i).row.ctr, 1);
		free(jobs[i].changes);
	}
	assert_null(smr_commit_inbox_take(inbox));
	smr_commit_inbox_free(inbox);
	assert_int_equal(metrics.changes, 240);
}

/* ---- several workers ---- */

struct worker {
	pthread_t thread;
	struct smr_committer *committer;
	struct smr_commit_inbox *inbox;
	struct smr_store *store;
	uint64_t first;
	unsigned good;
};

/* As a worker does: submit, go on, take back, decide again. Each owns 16 devices. */
static void *work(void *context)
{
	struct worker *w = context;
	struct smr_store_change changes[16];
	struct smr_commit_job job = {.inbox = w->inbox, .changes = changes, .count = 16};

	for (int round = 0; round < 20; round++) {
		struct smr_commit_job *back = NULL;

		for (uint64_t i = 0; i < 16; i++) {
			struct smr_store_device device = {.eid = rig_eid(w->first + i)};

			if (smr_store_lookup(w->store, &device, 1) != SMR_OK || device.err != SMR_OK)
				return NULL;
			changes[i] = (struct smr_store_change){.eid = device.eid,
							       .revision = device.revision,
							       .grip = device.grip,
							       .state = device.row.state,
							       .ctr = device.row.ctr + 1};
		}
		smr_committer_submit(w->committer, &job);
		while (back == NULL) {
			struct pollfd fd = {smr_commit_inbox_fd(w->inbox), POLLIN, 0};

			(void)poll(&fd, 1, 1000);
			back = smr_commit_inbox_take(w->inbox);
		}
		for (size_t i = 0; i < 16; i++)
			w->good += back->err == SMR_OK && changes[i].err == SMR_OK;
	}
	return NULL;
}

static void test_commit_several_workers_lose_and_mix_nothing(void **state)
{
	struct rig *rig = *state;
	struct smr_metrics metrics = {0};
	struct worker workers[4];
	struct smr_committer *committer;

	assert_int_equal(smr_committer_start(rig->path, &smr_clock_system, &metrics, &committer), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(workers); i++) {
		workers[i] =
			(struct worker){.committer = committer, .inbox = smr_commit_inbox_new(), .first = 1 + 16 * i};
		assert_int_equal(smr_store_open(rig->path, SMR_STORE_READ, &workers[i].store), SMR_OK);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < SMR_COUNT(workers); i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].good, 320);
		smr_store_close(workers[i].store);
	}
	smr_committer_stop(committer);
	for (size_t i = 0; i < SMR_COUNT(workers); i++)
		smr_commit_inbox_free(workers[i].inbox);
	for (uint64_t n = 1; n <= 64; n++)
		assert_int_equal(rig_get(rig->store, n).row.ctr, 20);
	assert_int_equal(metrics.changes, 1280);
	assert_true(metrics.commits <= 80);
}

/* ---- its pace, by a clock of the test's ---- */

#define FAR_US    \
	UINT64_C( \
		1000000000000000) /* the machine's own clock does not come so far: what waits until then has to be woken */

struct stage {
	struct smr_metrics metrics;
	struct smr_commit_inbox *inbox;
	struct smr_committer *committer;
	struct smr_clock clock;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	unsigned asks;	   /* so often the committer has looked at the clock */
	unsigned moves_at; /* the ask from which on it shows `later_us` */
	uint64_t now_us;
	uint64_t later_us;
	unsigned long long rushed; /* transactions of the rush */
};

static uint64_t tell_time(void *context)
{
	struct stage *s = context;
	uint64_t now_us;

	pthread_mutex_lock(&s->lock);
	if (++s->asks == s->moves_at)
		s->now_us = s->later_us;
	now_us = s->now_us;
	pthread_cond_broadcast(&s->asked);
	pthread_mutex_unlock(&s->lock);
	return now_us;
}

static unsigned asks_of(struct stage *s)
{
	unsigned asks;

	pthread_mutex_lock(&s->lock);
	asks = s->asks;
	pthread_mutex_unlock(&s->lock);
	return asks;
}

/** From the next ask but @p asks on. */
static void set_time(struct stage *s, unsigned asks, uint64_t later_us)
{
	pthread_mutex_lock(&s->lock);
	s->moves_at = s->asks + 1 + asks;
	s->later_us = later_us;
	pthread_mutex_unlock(&s->lock);
}

/* It is idle before, and looks at the clock once there is a job, with its lock held, which submitting takes. So whoever submits after this comes
 * while it waits for more, or too late. */
static void submit_and_see_it_look(struct stage *s, struct smr_commit_job *job)
{
	unsigned before = asks_of(s);

	smr_committer_submit(s->committer, job);
	pthread_mutex_lock(&s->lock);
	while (s->asks == before)
		pthread_cond_wait(&s->asked, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static struct smr_commit_job job_of(const struct stage *s, struct rig *rig, uint64_t first, size_t count)
{
	return (struct smr_commit_job){.inbox = s->inbox, .changes = make_changes(rig, first, count), .count = count};
}

static void commit_now(struct stage *s, struct rig *rig, uint64_t first, size_t count)
{
	struct smr_commit_job job = job_of(s, rig, first, count);

	smr_committer_submit(s->committer, &job);
	assert_ptr_equal(take_waiting(s->inbox), &job);
	free(job.changes);
}

/* 202 changes in a window, most of them @p together: from now on one less is enough. The clock stands still when its last one has begun. */
static void rush(struct stage *s, struct rig *rig, uint64_t start_us, size_t together)
{
	*s = (struct stage){
		.inbox = smr_commit_inbox_new(), .clock = {.mono_us = tell_time, .context = s}, .now_us = start_us};
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->asked, NULL);
	assert_int_equal(smr_committer_start(rig->path, &s->clock, &s->metrics, &s->committer), SMR_OK);
	commit_now(s, rig, 1, 1);
	for (uint64_t n = 2; n + together <= 202; n += together)
		commit_now(s, rig, n, together);
	set_time(s, 0, start_us + SMR_PACE_WINDOW_US);
	commit_now(s, rig, 202, 1);
	s->rushed = s->metrics.commits;
}

static void end(struct stage *s)
{
	smr_committer_stop(s->committer);
	smr_commit_inbox_free(s->inbox);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->asked);
}

static void take_one(struct stage *s, struct smr_commit_job *job)
{
	assert_ptr_equal(take_waiting(s->inbox), job);
	assert_int_equal(job->err, SMR_OK);
	free(job->changes);
}

static void test_commit_waits_until_enough_are_there(void **state)
{
	static const size_t together[] = {8, SMR_PACE_ENOUGH + 2};
	static const size_t enough[] = {7, SMR_PACE_ENOUGH};
	struct rig *rig = *state;
	struct stage s;

	for (size_t i = 0; i < SMR_COUNT(enough); i++) {
		struct smr_commit_job first;
		struct smr_commit_job rest;

		rush(&s, rig, FAR_US, together[i]);
		first = job_of(&s, rig, 203, 1);
		rest = job_of(&s, rig, 204, enough[i] - 1);
		submit_and_see_it_look(&s, &first);
		smr_committer_submit(s.committer, &rest);
		take_one(&s, &first);
		take_one(&s, &rest);
		assert_int_equal(s.metrics.commits, s.rushed + 1);
		end(&s);
	}
}

static void test_commit_waits_for_its_time_and_no_longer(void **state)
{
	const uint64_t start_us = 1000000; /* long ago, by the machine's clock: the wait is over at once */
	struct rig *rig = *state;
	struct smr_commit_job job;
	struct stage s;
	unsigned before;

	rush(&s, rig, start_us, 50);
	job = job_of(&s, rig, 203, 1);
	before = asks_of(&s);
	set_time(&s, 2, start_us + SMR_PACE_WINDOW_US + SMR_PACE_APART_US);
	submit_and_see_it_look(&s, &job);
	take_one(&s, &job);
	assert_int_equal(asks_of(&s), before + 4); /* too early, too early, begin; when it began */
	assert_int_equal(s.metrics.commits, s.rushed + 1);
	end(&s);
}

static void test_commit_stop_ends_the_wait(void **state)
{
	struct rig *rig = *state;
	struct smr_commit_job job;
	struct stage s;

	rush(&s, rig, FAR_US, 50);
	job = job_of(&s, rig, 203, 1);
	submit_and_see_it_look(&s, &job);
	smr_committer_stop(s.committer);
	s.committer = NULL;
	take_one(&s, &job);
	end(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commit_job_comes_back_durable),
		TEST(test_commit_results_are_those_of_each_change),
		TEST(test_commit_jobs_that_wait_go_in_one_transaction),
		TEST(test_commit_more_than_one_transaction_holds_goes_in_several),
		TEST(test_commit_job_of_no_or_too_many_changes_comes_back),
		TEST(test_commit_store_failure_is_handed_back_and_recovered_from),
		TEST(test_commit_start_without_a_store_fails_and_leaks_nothing),
		TEST(test_commit_stop_drains_what_is_queued),
		TEST(test_commit_several_workers_lose_and_mix_nothing),
		TEST(test_commit_waits_until_enough_are_there),
		TEST(test_commit_waits_for_its_time_and_no_longer),
		TEST(test_commit_stop_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
