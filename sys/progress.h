/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file progress.h
 * How far a long piece of work has got, on standard error: a bar with rate and remaining time on a terminal, a plain
 * line every few seconds elsewhere, nothing when quiet. Work shorter than a second shows nothing but its last line on
 * a terminal.
 */
#ifndef SMR_PROGRESS_H
#define SMR_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"

struct smr_progress {
	const char *label;
	uint64_t total; /* 0: unknown */
	bool quiet;
	bool terminal;
	uint64_t start_ms;
	_Atomic uint64_t done;
	_Atomic uint64_t next_ms;
	pthread_mutex_t drawing;
};

/** @param label  not copied, «sealing». */
void smr_progress_start(struct smr_progress *progress, const char *label, uint64_t total, bool quiet);
/** @p count more are done. Any thread; cheap enough for every item. */
void smr_progress_add(struct smr_progress *progress, uint64_t count);
/** Last line and release. */
void smr_progress_end(struct smr_progress *progress);
/** The line as it would be drawn at @p now_ms (for tests and own displays). */
void smr_progress_line(const struct smr_progress *progress, uint64_t now_ms, char *out, size_t room);

#endif
