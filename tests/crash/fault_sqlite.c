/* SPDX-License-Identifier: Apache-2.0 */
/* Fault points in SQLite: every write to and every flush of a database, its write-ahead log and its rollback journal. */
#include <pthread.h>
#include <sqlite3.h>

#include "tests/crash/fault.h"

/* SQLite's default, and what stands before it. */
static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault_vfs;

/* One table of methods for each kind of file, since a method is not told which file it is for. */
enum kind { DATABASE, LOG, JOURNAL, KINDS };

static const char *const names[KINDS] = {"database", "log", "journal"};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const sqlite3_io_methods *real_methods[KINDS];
static sqlite3_io_methods fault_methods[KINDS];

static int write_to(enum kind kind, sqlite3_file *file, const void *octets, int len, sqlite3_int64 at)
{
	int rc;

	smr_fault("before-write", names[kind]);
	if (smr_fault_is_now("torn-write", names[kind])) {
		(void)real_methods[kind]->xWrite(file, octets, len / 2, at);
		smr_fault_die();
	}
	rc = real_methods[kind]->xWrite(file, octets, len, at);
	smr_fault("after-write", names[kind]);
	return rc;
}

static int flush(enum kind kind, sqlite3_file *file, int flags)
{
	int rc;

	smr_fault("before-flush", names[kind]);
	rc = real_methods[kind]->xSync(file, flags);
	smr_fault("after-flush", names[kind]);
	return rc;
}

#define METHODS_OF(kind, suffix)                                                                     \
	static int write_##suffix(sqlite3_file *file, const void *octets, int len, sqlite3_int64 at) \
	{                                                                                            \
		return write_to(kind, file, octets, len, at);                                        \
	}                                                                                            \
	static int flush_##suffix(sqlite3_file *file, int flags)                                     \
	{                                                                                            \
		return flush(kind, file, flags);                                                     \
	}

METHODS_OF(DATABASE, database)
METHODS_OF(LOG, log)
METHODS_OF(JOURNAL, journal)

static const struct {
	int flag;
	int (*write)(sqlite3_file *file, const void *octets, int len, sqlite3_int64 at);
	int (*flush)(sqlite3_file *file, int flags);
} kinds[KINDS] = {
	[DATABASE] = {SQLITE_OPEN_MAIN_DB, write_database, flush_database},
	[LOG] = {SQLITE_OPEN_WAL, write_log, flush_log},
	[JOURNAL] = {SQLITE_OPEN_MAIN_JOURNAL, write_journal, flush_journal},
};

static void stand_before(enum kind kind, sqlite3_file *file)
{
	pthread_mutex_lock(&lock);
	if (real_methods[kind] == NULL) {
		fault_methods[kind] = *file->pMethods;
		fault_methods[kind].xWrite = kinds[kind].write;
		fault_methods[kind].xSync = kinds[kind].flush;
		real_methods[kind] = file->pMethods;
	}
	/* Another table would mean another file system with locks of another sort: then that file has no points. */
	if (real_methods[kind] == file->pMethods)
		file->pMethods = &fault_methods[kind];
	pthread_mutex_unlock(&lock);
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *got)
{
	int rc = real_vfs->xOpen(real_vfs, name, file, flags, got);

	(void)vfs;
	for (enum kind kind = 0; rc == SQLITE_OK && kind < KINDS; kind++)
		if (flags & kinds[kind].flag)
			stand_before(kind, file);
	return rc;
}

__attribute__((constructor)) static void prepare(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	if (real_vfs == NULL)
		return;
	fault_vfs = *real_vfs;
	fault_vfs.zName = "fault";
	fault_vfs.pNext = NULL;
	fault_vfs.xOpen = open_file;
	(void)sqlite3_vfs_register(&fault_vfs, 1);
}
