/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ahead.h
 * Reading ahead: a few threads with connections of their own go through what a look-up will go through, so that the pages of many devices
 * are fetched from the disk at the same time. Nothing that they read is used: the look-up itself reads again, and finds the pages in the
 * system's cache. So they cannot change what it says, and when they fail it is as slow as without them.
 *
 * They work only while look-ups are seen to wait for the disk. Whether they do is taken from how often threads had to wait amid reading, not
 * from the clock: on a busy core a look-up takes long because others run.
 *
 * All calls for one handle are made by the thread that uses it.
 */
#ifndef SMR_STORE_SQLITE_AHEAD_H
#define SMR_STORE_SQLITE_AHEAD_H

#include "base/base.h"

/** Threads of a handle. Disks answer so many requests at once in hardly more time than one. */
#define SMR_AHEAD_READERS 8u
/** Devices that may wait for a reader. More are left to the look-up. */
#define SMR_AHEAD_QUEUE 256u
/** So many look-ups, and what waited amid them, decide about those that follow. */
#define SMR_AHEAD_WINDOW 256u
/** It pays to read ahead when one look-up in so many waits: a wait costs as much as all of these cost more. */
#define SMR_AHEAD_PART 16u

struct smr_ahead;

/** @param path  of the database. NULL: no memory; one can do without. No reader runs when no thread or connection is to be had. Cold at first. */
struct smr_ahead *smr_ahead_new(const char *path);
/** Waits until every reader has ended what it was reading. NULL is allowed. */
void smr_ahead_free(struct smr_ahead *ahead);
/** The row at this place will be looked up. Does nothing while there is no need, or when too many are queued. */
void smr_ahead_want(struct smr_ahead *ahead, uint64_t place);
/** How often the calling thread has waited for anything so far. */
uint64_t smr_ahead_waits(void);
/** @p count devices were looked up, and the calling thread had to wait @p waits times for that. */
void smr_ahead_judge(struct smr_ahead *ahead, size_t count, uint64_t waits);
/** Do look-ups wait for the disk, as far as is known? */
bool smr_ahead_is_cold(const struct smr_ahead *ahead);

#endif
