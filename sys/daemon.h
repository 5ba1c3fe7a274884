/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file daemon.h
 * What a service does about its own process: tell the service manager, keep secrets out of core files and swap, give
 * up privileges.
 */
#ifndef SMR_DAEMON_H
#define SMR_DAEMON_H

#include <sys/types.h>

#include "base/base.h"

/** sd_notify(3) over NOTIFY_SOCKET; nothing happens without it. @p state: «READY=1», «STOPPING=1», «STATUS=…». */
void smr_notify(const char *state);
#define smr_notify_ready() smr_notify("READY=1")
#define smr_notify_stopping() smr_notify("STOPPING=1")

/**
 * No core file (RLIMIT_CORE 0), not dumpable or traceable by the same user (PR_SET_DUMPABLE 0), no new privileges, and
 * with @p lock_memory all memory locked, also what is mapped later, as it is touched. As root it lifts RLIMIT_MEMLOCK
 * first; under a limit it locks what there is now and nothing later, because allocations would fail otherwise.
 * Call it before smr_process_drop (to lock as root) and after it (a change of user resets «dumpable»).
 * @return SMR_E_NO_MEMORY: memory could not be locked (RLIMIT_MEMLOCK); all else is in force then. SMR_E_IO: something
 *         else failed.
 */
enum smr_err smr_process_harden(bool lock_memory) SMR_MUST_USE;

/**
 * Become @p uid and @p gid for good, with no other groups; checked afterwards that there is no way back. Who is that
 * user already, without being root, keeps the groups it has.
 * @param groups  supplementary groups to keep, or NULL.
 */
enum smr_err smr_process_drop(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count) SMR_MUST_USE;

#endif
