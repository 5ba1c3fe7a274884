/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#define CHUNK 64u

struct shared {
	const struct smr_parallel *parallel;
	size_t count;
	_Atomic size_t next;
	_Atomic int err; /* the first one, enum smr_err */
};

static void give_up(struct shared *shared, enum smr_err err)
{
	int none = SMR_OK;

	(void)atomic_compare_exchange_strong(&shared->err, &none, (int)err);
}

static enum smr_err work_off(struct shared *shared, struct smr_engine *engine, size_t first)
{
	const struct smr_parallel *p = shared->parallel;
	size_t end = shared->count - first < CHUNK ? shared->count : first + CHUNK;

	if (p->stopped != NULL && p->stopped(p->context))
		return SMR_E_NOTHING;
	for (size_t i = first; i < end; i++)
		SMR_TRY(p->work(p->context, engine, i));
	if (p->progress != NULL)
		smr_progress_add(p->progress, end - first);
	return SMR_OK;
}

static void *run(void *context)
{
	struct shared *shared = context;
	struct smr_engine *engine;
	enum smr_err err = smr_engine_new(shared->parallel->population, &engine);
	size_t first;

	while (err == SMR_OK && atomic_load(&shared->err) == SMR_OK &&
	       (first = atomic_fetch_add(&shared->next, CHUNK)) < shared->count)
		err = work_off(shared, engine, first);
	if (err != SMR_OK)
		give_up(shared, err);
	smr_engine_free(engine);
	return NULL;
}

enum smr_err smr_parallel_run(const struct smr_parallel *parallel, size_t count)
{
	struct shared shared = {.parallel = parallel, .count = count};
	pthread_t threads[SMR_PARALLEL_THREADS_MAX];
	unsigned started = 0;

	/* The caller works too; fewer threads than wished only take longer. */
	while (started + 1 < parallel->threads && started < SMR_PARALLEL_THREADS_MAX &&
	       pthread_create(&threads[started], NULL, run, &shared) == 0)
		started++;
	(void)run(&shared);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	return (enum smr_err)atomic_load(&shared.err);
}
