/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file log.h
 * Structured log lines on standard error: logfmt, or one JSON object per line.
 *
 *     time=2026-11-23T21:10:07.123Z level=info program=samarad event=flight.answered count=12 bytes=5120
 *
 * An event has a stable id in lower case, «noun.verb»; everything that varies is in fields. At the default level (info)
 * a line holds no identity and never, at any level, a secret: write identities with SMR_ID, which shows them at debug
 * only and a short keyed hash otherwise (same identity, same hash, within one process).
 *
 * Thread-safe; each line is one write(). Octets other than printable ASCII are replaced by «?», so that nobody can
 * forge a second line. Where standard error is the journal's (JOURNAL_STREAM) a line begins with its priority, «<6>»,
 * and has no time of its own.
 */
#ifndef SMR_LOG_H
#define SMR_LOG_H

#include "base/base.h"

/** Values are syslog priorities. */
enum smr_log_level { SMR_LOG_ERROR = 3, SMR_LOG_WARN = 4, SMR_LOG_INFO = 6, SMR_LOG_DEBUG = 7 };

#define SMR_LOG_ID_ROOM 40u
#define SMR_LOG_TEXT_ROOM 520u

/** Call once, before threads start. Without it: level info, logfmt, program «samara». @p program is not copied. */
void smr_log_init(const char *program, enum smr_log_level level, bool json);
/** «error», «warn», «info», «debug». SMR_E_MALFORMED: none of them. */
enum smr_err smr_log_level_parse(const char *text, enum smr_log_level *out) SMR_MUST_USE;
bool smr_log_enabled(enum smr_log_level level);

/**
 * One event with fields: smr_log(SMR_LOG_INFO, "batch.loaded", "records=%zu file=%s", n, SMR_QUOTED(path)).
 * @param format  «key=value» pairs with one space between; values that may contain spaces go through SMR_QUOTED.
 */
void smr_log(enum smr_log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** An event without fields. */
void smr_log_event(enum smr_log_level level, const char *event);
/** An event for a failure: adds error=NAME and reason="text". @p detail: further words or NULL. */
void smr_log_error(enum smr_log_level level, const char *event, enum smr_err err, const char *detail);

/** Identity for a field. Returns @p out. */
const char *smr_log_id(const char *identity, char out[SMR_LOG_ID_ROOM]);
/** Text for a field: quoted, quotes and backslashes escaped, cut at the room. Returns @p out. */
const char *smr_log_quote(const char *text, char out[SMR_LOG_TEXT_ROOM]);

/* The room lives until the end of the enclosing block. */
#define SMR_ID(identity) smr_log_id((identity), (char[SMR_LOG_ID_ROOM]){0})
#define SMR_QUOTED(text) smr_log_quote((text), (char[SMR_LOG_TEXT_ROOM]){0})

#endif
