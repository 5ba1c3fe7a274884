/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file committer.h
 * One thread that makes the changes of all workers durable, many in one transaction. Workers hand over jobs and go on; a finished job
 * comes back on its worker's own list, announced through an eventfd.
 */
#ifndef SMR_SERVER_COMMITTER_H
#define SMR_SERVER_COMMITTER_H

#include "server/metrics.h"
#include "store/store.h"
#include "sys/clock.h"

struct smr_committer;

/** Where finished jobs of one worker arrive. */
struct smr_commit_inbox;
struct smr_commit_inbox *smr_commit_inbox_new(void);
void smr_commit_inbox_free(struct smr_commit_inbox *inbox);
/** Readable when a job has finished. */
int smr_commit_inbox_fd(const struct smr_commit_inbox *inbox);

/** A batch of changes. Owned by the worker; untouched by it between submit and return. */
struct smr_commit_job {
	struct smr_commit_job *next; /* the queue's */
	struct smr_commit_inbox *inbox;
	struct smr_store_change *changes;
	size_t count;
	enum smr_err err; /* [out] SMR_OK: look at each change's err; otherwise nothing was applied. SMR_E_INVALID: more
			   * than SMR_STORE_BATCH_MAX changes */
};
/** The next finished job, or NULL. Does not wait. */
struct smr_commit_job *smr_commit_inbox_take(struct smr_commit_inbox *inbox);

/** Start the thread. It opens its own handle on the store. @p clock: what its transactions are kept apart by (server/pace.h). */
enum smr_err smr_committer_start(const char *store_path, const struct smr_clock *clock, struct smr_metrics *metrics,
				 struct smr_committer **out) SMR_MUST_USE;
void smr_committer_submit(struct smr_committer *committer, struct smr_commit_job *job);
/** Commit what is queued, then end the thread. Call when no worker submits any more. */
void smr_committer_stop(struct smr_committer *committer);

#endif
