/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db.h
 * What the players' small databases (supplier.db, sho.db) have in common: SQLite in WAL mode with synchronous=FULL,
 * file mode 0600, one schema version. Errors of SQLite as smr_err; the words come from smr_db_fail.
 */
#ifndef SMR_CLI_DB_H
#define SMR_CLI_DB_H

#include <sqlite3.h>

#include "sys/problem.h"

/**
 * Open DIR/NAME, making it when it is not there.
 * @param schema   SQL that makes the tables of a new database.
 * @param version  of the schema; a database of another version is SMR_E_UNSUPPORTED.
 */
enum smr_err smr_db_open(const char *dir, const char *name, const char *schema, int version, sqlite3 **out,
			 struct smr_problem *problem) SMR_MUST_USE;
/** NULL is allowed. */
void smr_db_close(sqlite3 *db);

/** «FILE: words of SQLite»; returns @p err. */
enum smr_err smr_db_fail(sqlite3 *db, enum smr_err err, struct smr_problem *problem);

/** Statements without result: «BEGIN IMMEDIATE», «COMMIT», «ROLLBACK». */
enum smr_err smr_db_exec(sqlite3 *db, const char *text) SMR_MUST_USE;
/** A prepared statement; NULL when it cannot be prepared (then every later call on it is SMR_E_IO). */
sqlite3_stmt *smr_db_prepare(sqlite3 *db, const char *text);
/** Bind octets; none (ptr NULL) is NULL. */
void smr_db_bind(sqlite3_stmt *statement, int at, struct smr_bytes octets);
void smr_db_bind_uint(sqlite3_stmt *statement, int at, uint64_t value);
/** SMR_OK: a row; SMR_E_NOTHING: no further one; SMR_E_DUPLICATE: a constraint; else what went wrong. */
enum smr_err smr_db_step(sqlite3_stmt *statement) SMR_MUST_USE;
/** Step a statement without rows to its end and make it ready for the next values. */
enum smr_err smr_db_run(sqlite3_stmt *statement) SMR_MUST_USE;
uint64_t smr_db_uint(sqlite3_stmt *statement, int column);
/** Exactly @p len octets from a column; SMR_E_TAMPERED: it holds something else. */
enum smr_err smr_db_octets(sqlite3_stmt *statement, int column, void *out, size_t len) SMR_MUST_USE;
/** View of a column, valid until the next step. NULL column: none. */
struct smr_bytes smr_db_view(sqlite3_stmt *statement, int column);

static inline void smr_db_end(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}
#define SMR_DB_STATEMENT __attribute__((cleanup(smr_db_end))) sqlite3_stmt

#endif
