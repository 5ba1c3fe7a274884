/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file child.h
 * A supervised program: started from a sealed image under its own user, watched by its process descriptor, ended by it.
 */
#ifndef SMR_TRE_LINUX_CHILD_H
#define SMR_TRE_LINUX_CHILD_H

#include <sys/types.h>

#include "base/base.h"

#define SMR_CHILD_FD 3 /* where the program finds the descriptor that it is given */

/** How to start a program. */
struct smr_child_plan {
	int image; /* descriptor of the program */
	char *const *argv;
	int give_fd; /* becomes SMR_CHILD_FD; -1: none; stdin is /dev/null, stdout and stderr are the parent's, no others */
	uid_t uid;
	gid_t gid;
	gid_t extra_group; /* one supplementary group; equal to gid: none */
	bool no_network;   /* a network namespace of its own where that is permitted */
};

/** Its life. Start with SMR_CHILD_NEW. */
struct smr_child {
	const char *name;
	pid_t pid; /* 0: does not run */
	int pidfd;
	uint64_t started_ms;
	uint64_t due_ms;     /* when to start it again; meaningful while it does not run */
	uint64_t backoff_ms; /* wait before the next start */
};
#define SMR_CHILD_NEW(program) ((struct smr_child){.name = (program), .pidfd = -1})

#define SMR_CHILD_BACKOFF_MIN_MS 500u
#define SMR_CHILD_BACKOFF_MAX_MS 60000u
#define SMR_CHILD_STEADY_MS 60000u /* who ran that long starts again without a long wait */

/** SMR_E_IO, SMR_E_NO_MEMORY. That the program itself cannot be run shows as its exit code 127. */
enum smr_err smr_child_start(struct smr_child *child, const struct smr_child_plan *plan, uint64_t now_ms) SMR_MUST_USE;
/** Its descriptor became readable: take the exit status, log it, set the time of the next start. */
void smr_child_reap(struct smr_child *child, uint64_t now_ms);
/** The start failed: set the time of the next one. */
void smr_child_postpone(struct smr_child *child, uint64_t now_ms);
/** SIGTERM, and after @p patience_ms SIGKILL; returns when it has ended. */
void smr_child_stop(struct smr_child *child, int patience_ms);

#endif
