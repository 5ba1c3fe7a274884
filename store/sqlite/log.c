/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Care for the write-ahead log: copy it into the database beside running commits, begin it anew, truncate it.
 *
 * A log that only grows makes every commit's sync one of the file system's journal too, which then writes out what else was allocated
 * since, the growing database among it: some milliseconds become some ten. One that is begun anew after RESTART_AT pages overwrites what
 * it has, and a sync of that is one of data alone. Begun anew is not erased: smr_sqlite_checkpoint truncates it where something has to go.
 */
#include "store/sqlite/local.h"
#include "sys/clock.h"
#include "sys/fault.h"

#define FRAME_HEAD 24u /* of a page in the log */
#define TRUNCATE_WAIT_MS 250
#define RESTART_AT 16384 /* pages of the log */
#define RESTART_WAIT_MS 50
#define RESTART_NEXT_MS 1000u  /* its length stays the same until the next commit */
#define RESTART_AGAIN_MS 5000u /* somebody reads from the log: commits should not wait for him five times a second */
#define COPY_ROUNDS 4
#define COPY_REST 256 /* pages of the log */

/* Copy beside running commits, again while they have added much meanwhile. @frames: of the log, as it is then; @rest: of them, not copied. */
static int copy_log(sqlite3 *db, int rounds, int *frames, int *rest)
{
	int copied;
	int rc = SQLITE_OK;

	*frames = 0;
	*rest = COPY_REST + 1;
	for (int round = 0; rc == SQLITE_OK && *rest > COPY_REST && round < rounds; round++) {
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, frames, &copied);
		*rest = *frames - copied;
	}
	return rc;
}

/* Commits wait while this lasts, so there should be little left to copy, and whoever is in the way is given a moment only. */
static int finish_log(sqlite3 *db, int how, int wait_ms)
{
	int rc;

	(void)sqlite3_busy_timeout(db, wait_ms);
	rc = sqlite3_wal_checkpoint_v2(db, NULL, how, NULL, NULL);
	(void)sqlite3_busy_timeout(db, SMR_SQLITE_BUSY_MS);
	return rc;
}

static bool is_busy(int rc)
{
	return (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED;
}

static int restart_log(struct smr_sqlite *sqlite, int *frames)
{
	int rest;
	int rc = copy_log(sqlite->db, COPY_ROUNDS, frames, &rest);

	if (rc != SQLITE_OK)
		return rc;
	if (rest > COPY_REST) { /* a reader keeps it from being copied, and would be in the way here too */
		sqlite->restart_at_ms = smr_clock_ms() + RESTART_AGAIN_MS;
		return SQLITE_OK;
	}
	rc = finish_log(sqlite->db, SQLITE_CHECKPOINT_RESTART, RESTART_WAIT_MS);
	sqlite->restart_at_ms = smr_clock_ms() + (is_busy(rc) ? RESTART_AGAIN_MS : RESTART_NEXT_MS);
	return rc;
}

enum smr_err smr_sqlite_copy_log(struct smr_store *store, uint64_t *octets)
{
	struct smr_sqlite *sqlite = smr_sqlite_of(store);
	int frames;
	int rest;
	int rc = copy_log(sqlite->db, 1, &frames, &rest);

	if (rc == SQLITE_OK && frames >= RESTART_AT && smr_clock_ms() >= sqlite->restart_at_ms)
		rc = restart_log(sqlite, &frames);
	*octets = frames > 0 ? (uint64_t)frames * (SMR_SQLITE_PAGE + FRAME_HEAD) : 0;
	/* Busy: somebody else is copying, or reads what stands in the log. */
	return rc == SQLITE_OK || is_busy(rc) ? SMR_OK : smr_sqlite_fail(store, "copying the log");
}

enum smr_err smr_sqlite_checkpoint(struct smr_store *store)
{
	sqlite3 *db = smr_sqlite_of(store)->db;
	int frames;
	int rest;
	int rc;

	SMR_FAULT("before-checkpoint", "store");
	rc = copy_log(db, COPY_ROUNDS, &frames, &rest);
	if (rc == SQLITE_OK)
		rc = finish_log(db, SQLITE_CHECKPOINT_TRUNCATE, TRUNCATE_WAIT_MS);
	SMR_FAULT("after-checkpoint", "store");
	if (is_busy(rc))
		return smr_store_say(store, SMR_E_BUSY, "the log could not be truncated now: others are using it");
	return rc == SQLITE_OK ? SMR_OK : smr_sqlite_fail(store, "checkpoint");
}
