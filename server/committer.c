/* SPDX-License-Identifier: Apache-2.0 */
#include "server/committer.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/pace.h"
#include "sys/log.h"

struct list {
	struct smr_commit_job *first;
	struct smr_commit_job **last;
};

struct smr_commit_inbox {
	pthread_mutex_t lock;
	struct list done;
	int fd;
};

struct smr_committer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list queue;
	size_t queued; /* changes */
	struct smr_pace pace;
	const struct smr_clock *clock;
	bool stopping;
	struct smr_store *store;
	struct smr_metrics *metrics;
	struct smr_store_change *group; /* SMR_STORE_BATCH_MAX */
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_push(struct list *list, struct smr_commit_job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

static struct smr_commit_job *list_pop(struct list *list)
{
	struct smr_commit_job *job = list->first;

	if (job == NULL)
		return NULL;
	list->first = job->next;
	if (list->first == NULL)
		list->last = &list->first;
	return job;
}

struct smr_commit_inbox *smr_commit_inbox_new(void)
{
	struct smr_commit_inbox *inbox = calloc(1, sizeof(*inbox));

	if (inbox == NULL)
		return NULL;
	pthread_mutex_init(&inbox->lock, NULL);
	list_init(&inbox->done);
	inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (inbox->fd < 0) {
		smr_commit_inbox_free(inbox);
		return NULL;
	}
	return inbox;
}

void smr_commit_inbox_free(struct smr_commit_inbox *inbox)
{
	if (inbox == NULL)
		return;
	if (inbox->fd >= 0)
		close(inbox->fd);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox);
}

int smr_commit_inbox_fd(const struct smr_commit_inbox *inbox)
{
	return inbox->fd;
}

struct smr_commit_job *smr_commit_inbox_take(struct smr_commit_inbox *inbox)
{
	struct smr_commit_job *job;
	uint64_t ignored;

	pthread_mutex_lock(&inbox->lock);
	job = list_pop(&inbox->done);
	if (inbox->done.first == NULL)
		(void)!read(inbox->fd, &ignored, sizeof(ignored)); /* nothing left: not readable any more */
	pthread_mutex_unlock(&inbox->lock);
	return job;
}

static void hand_back(struct smr_commit_job *job, enum smr_err err)
{
	struct smr_commit_inbox *inbox = job->inbox;
	const uint64_t one = 1;

	job->err = err;
	pthread_mutex_lock(&inbox->lock);
	list_push(&inbox->done, job);
	if (write(inbox->fd, &one, sizeof(one)) != sizeof(one))
		smr_log_event(SMR_LOG_DEBUG, "commit.announced"); /* the counter is full: it is readable anyway */
	pthread_mutex_unlock(&inbox->lock);
}

static uint64_t now_us(const struct smr_committer *c)
{
	return c->clock->mono_us(c->clock->context);
}

/** The lock is held. */
static void wait_for_more(struct smr_committer *c)
{
	uint64_t until_us;
	struct timespec until;

	while (!c->stopping && now_us(c) < (until_us = smr_pace_until(&c->pace, c->queued))) {
		until = smr_clock_at_us(until_us);
		pthread_cond_timedwait(&c->more, &c->lock, &until);
	}
}

/** Wait for jobs and take as many as fit one transaction. Returns the number of changes; 0: stopping and empty. */
static size_t gather(struct smr_committer *c, struct list *jobs)
{
	size_t count = 0;

	list_init(jobs);
	pthread_mutex_lock(&c->lock);
	while (c->queue.first == NULL && !c->stopping)
		pthread_cond_wait(&c->more, &c->lock);
	wait_for_more(c);
	while (c->queue.first != NULL && count + c->queue.first->count <= SMR_STORE_BATCH_MAX) {
		struct smr_commit_job *job = list_pop(&c->queue);

		memcpy(c->group + count, job->changes, job->count * sizeof(*c->group));
		count += job->count;
		list_push(jobs, job);
	}
	c->queued -= count;
	smr_pace_note(&c->pace, count, now_us(c));
	pthread_mutex_unlock(&c->lock);
	return count;
}

/** A job that no transaction can hold, or that asks for none, must come back all the same: its worker waits for it. */
static bool is_committable(const struct smr_commit_job *job)
{
	return job->count > 0 && job->count <= SMR_STORE_BATCH_MAX;
}

static void report(enum smr_err err, struct smr_store *store, bool *failing)
{
	if (err != SMR_OK && !*failing)
		smr_log_error(SMR_LOG_ERROR, "store.refused", err, smr_store_problem(store));
	if (err == SMR_OK && *failing)
		smr_log_event(SMR_LOG_INFO, "store.recovered");
	*failing = err != SMR_OK;
}

/* The store overwrites an X that was received, and one that no device can use. */
static size_t count_purges(const struct smr_store_change *changes, size_t count)
{
	size_t purges = 0;

	for (size_t i = 0; i < count; i++) {
		if (changes[i].err == SMR_OK && (changes[i].purge_x || changes[i].state == SMR_ROW_RESEAL))
			purges++;
	}
	return purges;
}

static void commit_group(struct smr_committer *c, struct list *jobs, size_t count, bool *failing)
{
	enum smr_err err = smr_store_commit(c->store, c->group, count);
	struct smr_commit_job *job;
	size_t at = 0;

	SMR_COUNT_UP(c->metrics, commits, 1);
	SMR_COUNT_UP(c->metrics, store_round_trips, 1);
	if (err == SMR_OK) {
		SMR_COUNT_UP(c->metrics, changes, count);
		SMR_COUNT_UP(c->metrics, purges, count_purges(c->group, count));
	}
	report(err, c->store, failing);
	while ((job = list_pop(jobs)) != NULL) {
		for (size_t i = 0; i < job->count; i++)
			job->changes[i].err = c->group[at + i].err;
		at += job->count;
		hand_back(job, err);
	}
}

static void *run(void *context)
{
	struct smr_committer *c = context;
	struct list jobs;
	bool failing = false;
	size_t count;

	while ((count = gather(c, &jobs)) > 0)
		commit_group(c, &jobs, count, &failing);
	return NULL;
}

enum smr_err smr_committer_start(const char *store_path, const struct smr_clock *clock, struct smr_metrics *metrics,
				 struct smr_committer **out)
{
	struct smr_committer *c = calloc(1, sizeof(*c));
	enum smr_err err;

	if (c == NULL)
		return SMR_E_NO_MEMORY;
	c->metrics = metrics;
	c->clock = clock;
	list_init(&c->queue);
	pthread_mutex_init(&c->lock, NULL);
	smr_clock_cond_init(&c->more);
	c->group = calloc(SMR_STORE_BATCH_MAX, sizeof(*c->group));
	err = c->group ? smr_store_open(store_path, SMR_STORE_WRITE, &c->store) : SMR_E_NO_MEMORY;
	if (err == SMR_OK && pthread_create(&c->thread, NULL, run, c) != 0)
		err = SMR_E_NO_MEMORY;
	if (err != SMR_OK) {
		smr_store_close(c->store);
		pthread_mutex_destroy(&c->lock);
		pthread_cond_destroy(&c->more);
		free(c->group);
		free(c);
		return err;
	}
	*out = c;
	return SMR_OK;
}

void smr_committer_submit(struct smr_committer *committer, struct smr_commit_job *job)
{
	bool first;

	if (!is_committable(job)) {
		hand_back(job, job->count ? SMR_E_INVALID : SMR_OK);
		return;
	}
	pthread_mutex_lock(&committer->lock);
	first = committer->queue.first == NULL;
	list_push(&committer->queue, job);
	committer->queued += job->count;
	if (first || committer->queued >= smr_pace_enough(&committer->pace)) /* not amid its wait for more */
		pthread_cond_signal(&committer->more);
	pthread_mutex_unlock(&committer->lock);
}

void smr_committer_stop(struct smr_committer *committer)
{
	if (committer == NULL)
		return;
	pthread_mutex_lock(&committer->lock);
	committer->stopping = true;
	pthread_cond_signal(&committer->more);
	pthread_mutex_unlock(&committer->lock);
	pthread_join(committer->thread, NULL);
	smr_store_close(committer->store);
	pthread_mutex_destroy(&committer->lock);
	pthread_cond_destroy(&committer->more);
	free(committer->group);
	free(committer);
}
