/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/sqlite/local.h"
#include "sys/fsio.h"

/* page_size counts only for a new database, and only before it becomes a WAL one. The caches (KiB) hold the upper levels of the B-tree for
 * some million devices; leaves come in random order, and the system has them. */
static const char write_settings[] = "PRAGMA page_size = 2048;"
				     "PRAGMA journal_mode = WAL;"
				     "PRAGMA synchronous = FULL;"
				     "PRAGMA secure_delete = ON;"
				     "PRAGMA foreign_keys = ON;"
				     "PRAGMA trusted_schema = OFF;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA cache_size = -16384;";
static const char read_settings[] = "PRAGMA trusted_schema = OFF;"
				    "PRAGMA temp_store = MEMORY;"
				    "PRAGMA cache_size = -16384;";

/* SQLite would make the file readable by all; its log takes over the mode of the database. */
static enum smr_err make_file(struct smr_store *store, const char *where)
{
	int fd = open(where, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return smr_store_say(store, smr_fs_err(errno), "%s: %s", where, smr_err_text(smr_fs_err(errno)));
	if (fd >= 0)
		close(fd);
	return SMR_OK;
}

static enum smr_err open_file(struct smr_store *store, const char *where)
{
	struct smr_sqlite *sqlite = smr_sqlite_of(store);
	int flags =
		SQLITE_OPEN_NOMUTEX | (store->mode == SMR_STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);

	if (store->mode == SMR_STORE_CREATE)
		SMR_TRY(make_file(store, where));
	if (!smr_fs_exists(where))
		return smr_store_say(store, SMR_E_NOT_FOUND, "%s: there is no store", where);
	if (sqlite3_open_v2(where, &sqlite->db, flags, NULL) != SQLITE_OK)
		return sqlite->db == NULL ? SMR_E_NO_MEMORY : smr_sqlite_fail(store, where);
	return SMR_OK;
}

static enum smr_err configure(struct smr_store *store, const char *where)
{
	const char *settings = store->mode == SMR_STORE_READ ? read_settings : write_settings;
	sqlite3 *db = smr_sqlite_of(store)->db;

	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, SMR_SQLITE_BUSY_MS);
	if (store->mode != SMR_STORE_READ && sqlite3_db_readonly(db, "main") == 1)
		return smr_store_say(store, SMR_E_DISK_FULL, "%s: the store is read-only", where);
	if (sqlite3_exec(db, settings, NULL, NULL, NULL) != SQLITE_OK)
		return smr_sqlite_fail(store, where);
	(void)sqlite3_rollback_hook(db, smr_sqlite_forget_prefixes, smr_sqlite_of(store));
	/* A checkpoint in the committing thread would make every thousandth batch wait 200 ms. */
	(void)sqlite3_wal_autocheckpoint(db, 0);
	return SMR_OK;
}

void smr_sqlite_warm_up(struct smr_store *store)
{
	struct smr_sqlite *sqlite = smr_sqlite_of(store);

	if (sqlite->upper == NULL)
		sqlite->upper = smr_upper_start(sqlite3_db_filename(sqlite->db, "main"));
}

void smr_sqlite_close(struct smr_store *store)
{
	struct smr_sqlite *sqlite = smr_sqlite_of(store);

	(void)smr_upper_stop(sqlite->upper);
	sqlite->upper = NULL;
	smr_ahead_free(sqlite->ahead);
	sqlite->ahead = NULL;
	smr_sqlite_finalize(sqlite);
	/* An open load is rolled back by closing. */
	(void)sqlite3_close(sqlite->db);
	sqlite->db = NULL;
}

enum smr_err smr_sqlite_open(struct smr_store *store, const char *where)
{
	enum smr_err err = open_file(store, where);

	if (err == SMR_OK)
		err = configure(store, where);
	if (err == SMR_OK)
		err = smr_sqlite_settle(store);
	if (err != SMR_OK)
		smr_sqlite_close(store);
	return err;
}
