/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/fsio.h"

#define BUSY_MS 10000

static enum smr_err sql_err(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
		return SMR_OK;
	case SQLITE_DONE:
		return SMR_E_NOTHING;
	case SQLITE_CONSTRAINT:
		return SMR_E_DUPLICATE;
	case SQLITE_BUSY:
		return SMR_E_BUSY;
	case SQLITE_FULL:
	case SQLITE_READONLY:
		return SMR_E_DISK_FULL;
	case SQLITE_NOMEM:
		return SMR_E_NO_MEMORY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return SMR_E_TAMPERED;
	default:
		return SMR_E_IO;
	}
}

enum smr_err smr_db_fail(sqlite3 *db, enum smr_err err, struct smr_problem *problem)
{
	const char *path = sqlite3_db_filename(db, "main");

	return smr_problem(problem, err, "%s: %s", path == NULL ? "database" : path, sqlite3_errmsg(db));
}

enum smr_err smr_db_exec(sqlite3 *db, const char *text)
{
	return sql_err(sqlite3_exec(db, text, NULL, NULL, NULL));
}

/* SQLite gives its journal the mode of the database: made here first, so that it is never wider than 0600. */
static enum smr_err make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return smr_fs_err(errno);
	(void)close(fd);
	return SMR_OK;
}

static enum smr_err read_version(sqlite3 *db, int *version)
{
	SMR_DB_STATEMENT *statement = smr_db_prepare(db, "PRAGMA user_version");

	SMR_TRY(smr_db_step(statement));
	*version = sqlite3_column_int(statement, 0);
	return SMR_OK;
}

/* Version 0 is a new database. Two programs may meet here: who comes second finds the tables made. */
static enum smr_err make_tables(sqlite3 *db, const char *schema, int version)
{
	char set_version[64];
	int found = 0;
	enum smr_err err;

	SMR_TRY(smr_db_exec(db, "BEGIN IMMEDIATE"));
	err = read_version(db, &found);
	if (err == SMR_OK && found == 0) {
		(void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", version);
		err = smr_db_exec(db, schema);
		if (err == SMR_OK)
			err = smr_db_exec(db, set_version);
		found = version;
	}
	if (err == SMR_OK)
		err = smr_db_exec(db, "COMMIT");
	if (err == SMR_OK && found != version)
		err = SMR_E_UNSUPPORTED;
	return err;
}

static enum smr_err prepare_db(sqlite3 *db, const char *schema, int version)
{
	int found = 0;

	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	SMR_TRY(smr_db_exec(db, "PRAGMA journal_mode = WAL"));
	SMR_TRY(smr_db_exec(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"));
	SMR_TRY(read_version(db, &found));
	return found == version ? SMR_OK : make_tables(db, schema, version);
}

static enum smr_err open_path(const char *path, const char *schema, int version, sqlite3 **out,
			      struct smr_problem *problem)
{
	enum smr_err err = make_private(path);

	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s", path, strerror(errno));
	err = sql_err(sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (err == SMR_OK)
		err = prepare_db(*out, schema, version);
	if (err == SMR_E_UNSUPPORTED)
		return smr_problem(problem, err, "%s was made by a newer version of samara", path);
	return err == SMR_OK ? SMR_OK : smr_db_fail(*out, err, problem);
}

enum smr_err smr_db_open(const char *dir, const char *name, const char *schema, int version, sqlite3 **out,
			 struct smr_problem *problem)
{
	char *path = smr_fs_join(dir, name);
	enum smr_err err;

	*out = NULL;
	if (path == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = open_path(path, schema, version, out, problem);
	if (err != SMR_OK) {
		smr_db_close(*out);
		*out = NULL;
	}
	free(path);
	return err;
}

void smr_db_close(sqlite3 *db)
{
	(void)sqlite3_close_v2(db);
}

sqlite3_stmt *smr_db_prepare(sqlite3 *db, const char *text)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
		return NULL;
	return statement;
}

/* The result codes of binding show in the step that follows: a value that could not be bound is NULL, which every
 * column that must not be NULL refuses. */
void smr_db_bind(sqlite3_stmt *statement, int at, struct smr_bytes octets)
{
	(void)sqlite3_bind_blob(statement, at, octets.ptr, (int)octets.len, SQLITE_TRANSIENT);
}

void smr_db_bind_uint(sqlite3_stmt *statement, int at, uint64_t value)
{
	(void)sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

enum smr_err smr_db_step(sqlite3_stmt *statement)
{
	return statement == NULL ? SMR_E_IO : sql_err(sqlite3_step(statement));
}

enum smr_err smr_db_run(sqlite3_stmt *statement)
{
	enum smr_err err = smr_db_step(statement);

	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

uint64_t smr_db_uint(sqlite3_stmt *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement, column);
}

struct smr_bytes smr_db_view(sqlite3_stmt *statement, int column)
{
	const void *octets = sqlite3_column_blob(statement, column);

	return smr_bytes_of(octets, octets == NULL ? 0 : (size_t)sqlite3_column_bytes(statement, column));
}

enum smr_err smr_db_octets(sqlite3_stmt *statement, int column, void *out, size_t len)
{
	struct smr_bytes view = smr_db_view(statement, column);

	if (view.ptr == NULL || view.len != len)
		return SMR_E_TAMPERED;
	memcpy(out, view.ptr, len);
	return SMR_OK;
}
