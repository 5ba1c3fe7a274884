/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file dial.h
 * One attempt to connect, in a thread of its own: libpq resolves names by getaddrinfo, and getaddrinfo stands still for as long as a name
 * server does not answer. Whoever wants the connection looks now and then whether the attempt has ended, and never waits for a resolver.
 *
 * All calls for one attempt are made by the thread that uses the handle.
 */
#ifndef SMR_STORE_PG_DIAL_H
#define SMR_STORE_PG_DIAL_H

#include <libpq-fe.h>

#include "base/base.h"

struct smr_pg_dial;

/** @param where  the address, copied; the copy is wiped once libpq has it. NULL: no memory, or no thread, is to be had. */
struct smr_pg_dial *smr_pg_dial_begin(const char *where);
/** Has it ended? Waits for that until @p until (ms of smr_clock_ms); 0: only looks. */
bool smr_pg_dial_has_ended(struct smr_pg_dial *dial, uint64_t until);
/**
 * What came of it, when it has ended. Releases @p dial.
 * @param conn  [out] the caller's to finish in any case; NULL: no memory.
 * @return NULL: it is connected. Else what went wrong; PQerrorMessage may know more.
 */
const char *smr_pg_dial_take(struct smr_pg_dial *dial, PGconn **conn);
/** Nobody wants it any more. Not waited for while it is with the resolver, nor for long past that: its thread releases it then. NULL is allowed. */
void smr_pg_dial_leave(struct smr_pg_dial *dial);

#endif
