/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file parallel.h
 * The same work for each of many, on several threads.
 */
#ifndef SMR_FLEET_PARALLEL_H
#define SMR_FLEET_PARALLEL_H

#include "fleet/device.h"
#include "sys/progress.h"

#define SMR_PARALLEL_THREADS_MAX 64u

/** One of them; several run at once, each with an engine of its own. An error ends the whole. */
typedef enum smr_err smr_parallel_work(void *context, struct smr_engine *engine, size_t index);

struct smr_parallel {
	const struct smr_population *population;
	unsigned threads; /* 1 to SMR_PARALLEL_THREADS_MAX */
	smr_parallel_work *work;
	void *context;
	struct smr_progress *progress;	/* or NULL */
	bool (*stopped)(void *context); /* asked now and then; NULL: never */
};
/** For 0 to @p count - 1. The first error, SMR_E_NOTHING when stopped, or SMR_E_NO_MEMORY. */
enum smr_err smr_parallel_run(const struct smr_parallel *parallel, size_t count) SMR_MUST_USE;

#endif
