/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/local.h"
#include "sys/fsio.h"

/* The system's error in the database file or in its log; SQLite keeps it there for most calls. */
static int errno_of(sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;
	int errnum = 0;

	if (sqlite3_file_control(db, "main", which, &file) == SQLITE_OK && file != NULL && file->pMethods != NULL)
		(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &errnum);
	return errnum;
}

static bool is_full(int errnum)
{
	return smr_fs_err(errnum) == SMR_E_DISK_FULL;
}

/* SQLite reports a full disk as such only for ENOSPC; a quota or a limit on file size means the same to us. */
static enum smr_err io_error(sqlite3 *db, int extended)
{
	if (extended == SQLITE_IOERR_NOMEM)
		return SMR_E_NO_MEMORY;
	if (extended == SQLITE_IOERR_SHMSIZE || is_full(sqlite3_system_errno(db)))
		return SMR_E_DISK_FULL; /* the log's index cannot grow */
	if (extended == SQLITE_IOERR_WRITE &&
	    (is_full(errno_of(db, SQLITE_FCNTL_JOURNAL_POINTER)) || is_full(errno_of(db, SQLITE_FCNTL_FILE_POINTER))))
		return SMR_E_DISK_FULL;
	return SMR_E_IO;
}

static enum smr_err meaning(sqlite3 *db)
{
	int extended = sqlite3_extended_errcode(db);

	switch (extended & 0xff) {
	case SQLITE_FULL:
	case SQLITE_READONLY:
		return SMR_E_DISK_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return SMR_E_UNAVAILABLE;
	case SQLITE_NOMEM:
		return SMR_E_NO_MEMORY;
	case SQLITE_NOTADB:
		return SMR_E_MALFORMED;
	case SQLITE_CANTOPEN:
		return smr_fs_err(sqlite3_system_errno(db));
	case SQLITE_CONSTRAINT:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return SMR_E_INVALID;
	default:
		return io_error(db, extended);
	}
}

enum smr_err smr_sqlite_fail(struct smr_store *store, const char *doing)
{
	sqlite3 *db = smr_sqlite_of(store)->db;
	enum smr_err err = meaning(db);

	if (err == SMR_E_UNAVAILABLE)
		return smr_store_say(store, err, "%s: another process is writing to the store; try again", doing);
	if (err == SMR_E_DISK_FULL)
		return smr_store_say(store, err, "%s: the disk is full or the store is read-only: make room (%s)",
				     doing, sqlite3_errmsg(db));
	return smr_store_say(store, err, "%s: %s", doing, sqlite3_errmsg(db));
}
