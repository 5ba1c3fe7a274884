/* SPDX-License-Identifier: Apache-2.0 */
#include "auc/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/kdf.h"
#include "sys/clock.h"
#include "sys/fault.h"
#include "sys/fsio.h"

#define SCHEMA_VERSION 3
#define BUSY_TIMEOUT_MS 5000
#define SALT_LEN 16u
/* The subscriber key as it is encrypted: alg, k_len, res_len, iterations, k, opc. */
#define SECRET_LEN (4u + sizeof(((struct smr_aka_params *)0)->k) + sizeof(((struct smr_aka_params *)0)->opc))
#define SEALED_LEN (SALT_LEN + SECRET_LEN + SMR_AEAD_TAG_LEN)

static const char version_1[] =
	"CREATE TABLE subscription (imsi BLOB PRIMARY KEY, iccid BLOB NOT NULL UNIQUE, eid BLOB NOT NULL, serial "
	"INTEGER NOT NULL,"
	" state INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '', suspended INTEGER NOT NULL DEFAULT 0,"
	" state_serial INTEGER NOT NULL DEFAULT 0, key BLOB NOT NULL, amf BLOB NOT NULL, sqn INTEGER NOT NULL,"
	" last_rand BLOB NOT NULL, d BLOB NOT NULL, hash_x BLOB NOT NULL, supplier BLOB NOT NULL, alg INTEGER NOT NULL,"
	" receipt_serial INTEGER NOT NULL DEFAULT 0, receipt_result INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE TABLE reference (supplier BLOB NOT NULL, measurement BLOB NOT NULL, version TEXT NOT NULL,"
	" PRIMARY KEY (supplier, measurement)) WITHOUT ROWID;"
	"CREATE TABLE file (sender BLOB NOT NULL, type INTEGER NOT NULL, number INTEGER NOT NULL,"
	" PRIMARY KEY (sender, type, number)) WITHOUT ROWID;";
/* Made where it is missing: it came after the others. */
static const char export_schema[] =
	"CREATE TABLE IF NOT EXISTS exported (iccid BLOB PRIMARY KEY, format TEXT NOT NULL, made INTEGER NOT NULL)"
	" WITHOUT ROWID";

#define SUBSCRIPTION_COLUMNS                                                                                 \
	"SELECT imsi, iccid, eid, serial, state, suspended, state_serial, key, amf, sqn, last_rand, d,"      \
	" hash_x, supplier, ctr, EXISTS (SELECT 1 FROM exported WHERE exported.iccid = subscription.iccid)," \
	" platform"                                                                                          \
	" FROM subscription "

static const char version_2[] = "ALTER TABLE subscription ADD COLUMN ctr INTEGER NOT NULL DEFAULT 0;"
				"CREATE INDEX subscription_eid ON subscription (eid);";

static const char version_3[] = "ALTER TABLE subscription ADD COLUMN platform INTEGER NOT NULL DEFAULT 0;";

/* Withdrawn because of another subscription of the same device. */
static const char replaced_why[] = "a newer subscription of this device took its place";
static const char renewed_why[] = "its device was enrolled anew";

/* X(name, SQL): prepared once, used for the life of the handle. */
#define STATEMENTS(X)                                                                                                  \
	X(by_imsi, SUBSCRIPTION_COLUMNS "WHERE imsi = ?1")                                                             \
	X(by_iccid, SUBSCRIPTION_COLUMNS "WHERE iccid = ?1")                                                           \
	X(each_with_key, SUBSCRIPTION_COLUMNS "ORDER BY imsi")                                                         \
	X(note_exported, "INSERT OR REPLACE INTO exported (iccid, format, made) VALUES (?1, ?2, ?3)")                  \
	X(take_back, "DELETE FROM exported WHERE iccid = ?1")                                                          \
	X(remove, "DELETE FROM subscription WHERE iccid = ?1")                                                         \
	X(insert, "INSERT INTO subscription (imsi, iccid, eid, serial, key, amf, sqn, last_rand, d, hash_x, "          \
		  "supplier, alg, suspended,"                                                                          \
		  " state_serial, platform) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, zeroblob(16), ?8, ?9, ?10, ?11, ?12, " \
		  "?13, ?14)")                                                                                         \
	X(retire, "UPDATE subscription SET state = 3, why = ?3 WHERE eid = ?1 AND serial < ?2 AND state <> 3")         \
	X(retire_others, "UPDATE subscription SET state = 3, why = ?4 WHERE eid = ?1 AND serial < ?2 AND d <> ?3 AND " \
			 "state <> 3")                                                                                 \
	X(newer, "SELECT 1 FROM subscription WHERE eid = ?1 AND serial > ?2 LIMIT 1")                                  \
	X(withdraw, "UPDATE subscription SET state = 3, why = ?2 WHERE iccid = ?1")                                    \
	X(seen, "UPDATE subscription SET ctr = ?2 WHERE iccid = ?1 AND ctr < ?2")                                      \
	X(lost, "UPDATE subscription SET why = ?2 WHERE iccid = ?1 AND state = 1")                                     \
	X(suspend, "UPDATE subscription SET suspended = ?2, state_serial = ?3 WHERE iccid = ?1")                       \
	X(judged, "UPDATE subscription SET state = ?2, why = ?3 WHERE iccid = ?1 AND state NOT IN (1, 3)")             \
	X(set_sqn, "UPDATE subscription SET sqn = ?2, last_rand = ?3 WHERE imsi = ?1 AND sqn <= ?2")                   \
	X(receipt, "UPDATE subscription SET receipt_serial = ?2, receipt_result = ?3 WHERE iccid = ?1 AND "            \
		   "receipt_serial <= ?2")                                                                             \
	X(clear_references, "DELETE FROM reference WHERE supplier = ?1")                                               \
	X(add_reference, "INSERT OR REPLACE INTO reference (supplier, measurement, version) VALUES (?1, ?2, ?3)")      \
	X(approved, "SELECT 1 FROM reference WHERE supplier = ?1 AND measurement = ?2")                                \
	X(has_references, "SELECT 1 FROM reference WHERE supplier = ?1 LIMIT 1")                                       \
	X(note_file, "INSERT INTO file (sender, type, number) VALUES (?1, ?2, ?3)")                                    \
	X(last_file, "SELECT max(number) FROM file WHERE sender = ?1 AND type = ?2")

struct smr_auc_db {
	sqlite3 *sql;
	uint8_t master[SMR_AUC_MASTER_LEN];
#define STATEMENT_MEMBER(name, text) sqlite3_stmt *name;
	STATEMENTS(STATEMENT_MEMBER)
#undef STATEMENT_MEMBER
};

const char *smr_auc_db_problem(const struct smr_auc_db *db)
{
	return sqlite3_errmsg(db->sql);
}

static enum smr_err sql_err(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return SMR_OK;
	case SQLITE_FULL:
	case SQLITE_READONLY:
		return SMR_E_DISK_FULL;
	case SQLITE_BUSY:
		return SMR_E_BUSY;
	case SQLITE_CONSTRAINT:
		return SMR_E_DUPLICATE;
	case SQLITE_NOMEM:
		return SMR_E_NO_MEMORY;
	default:
		return SMR_E_IO;
	}
}

static enum smr_err exec(struct smr_auc_db *db, const char *text)
{
	return sql_err(sqlite3_exec(db->sql, text, NULL, NULL, NULL));
}

/* ---- binding and reading ---- */

static void bind_blob(sqlite3_stmt *s, int at, const void *ptr, size_t len)
{
	sqlite3_bind_blob(s, at, ptr, (int)len, SQLITE_TRANSIENT);
}

/** Run a statement that returns no rows. @p changed  how many rows it touched, or NULL. */
static enum smr_err run(struct smr_auc_db *db, sqlite3_stmt *s, int *changed)
{
	enum smr_err err = sql_err(sqlite3_step(s));

	if (changed != NULL)
		*changed = sqlite3_changes(db->sql);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return err;
}

static enum smr_err read_blob(sqlite3_stmt *s, int column, uint8_t *out, size_t len)
{
	if ((size_t)sqlite3_column_bytes(s, column) != len)
		return SMR_E_TAMPERED;
	memcpy(out, sqlite3_column_blob(s, column), len);
	return SMR_OK;
}

/** SQLite's integers are signed: a greater number would compare as the smallest. */
static enum smr_err check_number(uint64_t number)
{
	return number <= INT64_MAX ? SMR_OK : SMR_E_MALFORMED;
}

/* ---- the keys at rest ---- */

static const uint8_t zero_nonce[SMR_AEAD_NONCE_LEN];

static enum smr_err row_key(const struct smr_auc_db *db, const uint8_t *salt, uint8_t key[SMR_AEAD_KEY_LEN])
{
	struct smr_bytes context = {salt, SALT_LEN};

	return smr_kdf(SMR_ARRAY(db->master), "auc-k", &context, 1, (struct smr_space){key, SMR_AEAD_KEY_LEN});
}

static enum smr_err seal_key(const struct smr_auc_db *db, const struct smr_imsi *imsi, const struct smr_aka_params *aka,
			     uint8_t out[SEALED_LEN])
{
	uint8_t secret[SECRET_LEN] = {(uint8_t)aka->alg, aka->k_len, aka->res_len, aka->keccak_iterations};
	uint8_t key[SMR_AEAD_KEY_LEN];
	enum smr_err err;

	memcpy(secret + 4, aka->k, sizeof(aka->k));
	memcpy(secret + 4 + sizeof(aka->k), aka->opc, sizeof(aka->opc));
	err = smr_random(out, SALT_LEN);
	if (err == SMR_OK)
		err = row_key(db, out, key);
	if (err == SMR_OK)
		err = smr_aead_seal(key, zero_nonce, SMR_ARRAY(imsi->octets), SMR_ARRAY(secret), out + SALT_LEN);
	SMR_WIPE(secret);
	SMR_WIPE(key);
	return err;
}

static enum smr_err open_key(const struct smr_auc_db *db, const struct smr_imsi *imsi, const uint8_t sealed[SEALED_LEN],
			     struct smr_aka_params *aka)
{
	uint8_t secret[SECRET_LEN];
	uint8_t key[SMR_AEAD_KEY_LEN];
	struct smr_bytes body = {sealed + SALT_LEN, SEALED_LEN - SALT_LEN};
	enum smr_err err = row_key(db, sealed, key);

	if (err == SMR_OK)
		err = smr_aead_open(key, zero_nonce, SMR_ARRAY(imsi->octets), body, secret);
	SMR_WIPE(key);
	if (err != SMR_OK)
		return err == SMR_E_UNOPENED ? SMR_E_TAMPERED : err;
	memset(aka, 0, sizeof(*aka));
	aka->alg = (enum smr_aka_alg)secret[0];
	aka->k_len = secret[1];
	aka->res_len = secret[2];
	aka->keccak_iterations = secret[3];
	memcpy(aka->k, secret + 4, sizeof(aka->k));
	memcpy(aka->opc, secret + 4 + sizeof(aka->k), sizeof(aka->opc));
	SMR_WIPE(secret);
	return smr_aka_params_check(aka) == SMR_OK ? SMR_OK : SMR_E_TAMPERED;
}

void smr_auc_subscription_wipe(struct smr_auc_subscription *subscription)
{
	smr_wipe(subscription, sizeof(*subscription));
}

/* ---- open and close ---- */

static enum smr_err prepare(struct smr_auc_db *db)
{
	int code = SQLITE_OK;

#define STATEMENT_PREPARE(name, text) \
	if (code == SQLITE_OK)        \
		code = sqlite3_prepare_v3(db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, &db->name, NULL);
	STATEMENTS(STATEMENT_PREPARE)
#undef STATEMENT_PREPARE
	return sql_err(code);
}

/* -1: it cannot be read. */
static int read_pragma(struct smr_auc_db *db, const char *text)
{
	sqlite3_stmt *s = NULL;
	int value = -1;

	if (sqlite3_prepare_v2(db->sql, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return value;
}

static int schema_version(struct smr_auc_db *db)
{
	return read_pragma(db, "PRAGMA user_version");
}

uint64_t smr_auc_db_changes(struct smr_auc_db *db)
{
	return (uint64_t)read_pragma(db, "PRAGMA data_version");
}

/** From @p version to the present one; 0 is a new database. */
static enum smr_err make_schema(struct smr_auc_db *db, int version)
{
	enum smr_err err = exec(db, "BEGIN IMMEDIATE");

	/* Another program may have been quicker. */
	if (err == SMR_OK && schema_version(db) == SCHEMA_VERSION)
		return exec(db, "COMMIT");
	if (err == SMR_OK && version < 1)
		err = exec(db, version_1);
	if (err == SMR_OK && version < 2)
		err = exec(db, version_2);
	if (err == SMR_OK)
		err = exec(db, version_3);
	if (err == SMR_OK)
		err = exec(db, "PRAGMA user_version = 3");
	if (err == SMR_OK)
		return exec(db, "COMMIT");
	(void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

/* SQLite would make the file readable by all; its log takes over the mode of the database. */
static enum smr_err make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return smr_fs_err(errno);
	close(fd);
	return SMR_OK;
}

static enum smr_err set_up(struct smr_auc_db *db, const char *path, bool create, struct smr_problem *problem)
{
	enum smr_err err = create ? make_file(path) : SMR_OK;
	int version;

	if (err == SMR_OK)
		err = sql_err(sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (err != SMR_OK)
		return smr_problem(problem, err, "cannot open %s: %s", path,
				   db->sql ? sqlite3_errmsg(db->sql) : smr_err_text(err));
	/* Before all else: a load and a running AuC meet here, and the first look at the log may have to wait too. */
	sqlite3_busy_timeout(db->sql, BUSY_TIMEOUT_MS);
	err = exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
	version = schema_version(db);
	if (err == SMR_OK && ((version > 0 && version < SCHEMA_VERSION) || (version == 0 && create)))
		err = make_schema(db, version);
	else if (err == SMR_OK && version != SCHEMA_VERSION)
		return smr_problem(problem, SMR_E_UNSUPPORTED, "%s has schema version %d, this samara-auc knows %d",
				   path, version, SCHEMA_VERSION);
	if (err == SMR_OK)
		err = exec(db, export_schema);
	if (err == SMR_OK)
		err = prepare(db);
	return err == SMR_OK ? SMR_OK : smr_problem(problem, err, "%s: %s", path, sqlite3_errmsg(db->sql));
}

enum smr_err smr_auc_db_open(const char *path, const uint8_t master[SMR_AUC_MASTER_LEN], bool create,
			     struct smr_auc_db **out, struct smr_problem *problem)
{
	struct smr_auc_db *db = calloc(1, sizeof(*db));
	enum smr_err err;

	if (db == NULL)
		return SMR_E_NO_MEMORY;
	memcpy(db->master, master, sizeof(db->master));
	err = set_up(db, path, create, problem);
	if (err != SMR_OK) {
		smr_auc_db_close(db);
		return err;
	}
	*out = db;
	return SMR_OK;
}

void smr_auc_db_close(struct smr_auc_db *db)
{
	if (db == NULL)
		return;
#define STATEMENT_FINALIZE(name, text) sqlite3_finalize(db->name);
	STATEMENTS(STATEMENT_FINALIZE)
#undef STATEMENT_FINALIZE
	sqlite3_close(db->sql);
	smr_wipe(db, sizeof(*db));
	free(db);
}

enum smr_err smr_auc_db_begin(struct smr_auc_db *db)
{
	return exec(db, "BEGIN IMMEDIATE");
}

enum smr_err smr_auc_db_end(struct smr_auc_db *db, bool keep)
{
	enum smr_err err;

	SMR_FAULT("before-commit", "auc");
	err = exec(db, keep ? "COMMIT" : "ROLLBACK");
	SMR_FAULT("after-commit", "auc");
	if (err != SMR_OK && keep) {
		enum smr_err ignored = exec(db, "ROLLBACK");
		(void)ignored;
	}
	return err;
}

/* ---- subscriptions ---- */

static enum smr_err read_row(struct smr_auc_db *db, sqlite3_stmt *s, struct smr_auc_subscription *out)
{
	uint8_t sealed[SEALED_LEN];

	memset(out, 0, sizeof(*out));
	SMR_TRY(read_blob(s, 0, out->imsi.octets, sizeof(out->imsi.octets)));
	SMR_TRY(read_blob(s, 1, out->iccid.octets, sizeof(out->iccid.octets)));
	SMR_TRY(read_blob(s, 2, out->eid.octets, sizeof(out->eid.octets)));
	out->serial = (uint64_t)sqlite3_column_int64(s, 3);
	out->state = (enum smr_auc_state)sqlite3_column_int(s, 4);
	out->suspended = sqlite3_column_int(s, 5) != 0;
	out->state_serial = (uint64_t)sqlite3_column_int64(s, 6);
	SMR_TRY(read_blob(s, 7, sealed, sizeof(sealed)));
	SMR_TRY(read_blob(s, 8, out->amf, sizeof(out->amf)));
	out->sqn = (uint64_t)sqlite3_column_int64(s, 9);
	SMR_TRY(read_blob(s, 10, out->last_rand, sizeof(out->last_rand)));
	SMR_TRY(read_blob(s, 11, out->d, sizeof(out->d)));
	SMR_TRY(read_blob(s, 12, out->hash_x, sizeof(out->hash_x)));
	SMR_TRY(read_blob(s, 13, out->supplier, sizeof(out->supplier)));
	out->ctr = (uint32_t)sqlite3_column_int64(s, 14);
	out->exported = sqlite3_column_int(s, 15) != 0;
	out->platform = (enum smr_platform)sqlite3_column_int(s, 16);
	return open_key(db, &out->imsi, sealed, &out->aka);
}

static enum smr_err find(struct smr_auc_db *db, sqlite3_stmt *s, const void *key, size_t len,
			 struct smr_auc_subscription *out)
{
	enum smr_err err;
	int code;

	memset(out, 0, sizeof(*out));
	bind_blob(s, 1, key, len);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		err = read_row(db, s, out);
	else
		err = code == SQLITE_DONE ? SMR_E_NOT_FOUND : sql_err(code);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	if (err != SMR_OK)
		smr_auc_subscription_wipe(out);
	return err;
}

enum smr_err smr_auc_db_by_imsi(struct smr_auc_db *db, const struct smr_imsi *imsi, struct smr_auc_subscription *out)
{
	return find(db, db->by_imsi, imsi->octets, sizeof(imsi->octets), out);
}

enum smr_err smr_auc_db_by_iccid(struct smr_auc_db *db, const struct smr_iccid *iccid, struct smr_auc_subscription *out)
{
	return find(db, db->by_iccid, iccid->octets, sizeof(iccid->octets), out);
}

static enum smr_err insert(struct smr_auc_db *db, const struct smr_subscription_record *record, uint64_t sqn,
			   bool suspended, uint64_t state_serial)
{
	uint8_t sealed[SEALED_LEN];
	sqlite3_stmt *s = db->insert;

	SMR_TRY(seal_key(db, &record->imsi, &record->aka, sealed));
	bind_blob(s, 1, record->imsi.octets, sizeof(record->imsi.octets));
	bind_blob(s, 2, record->iccid.octets, sizeof(record->iccid.octets));
	bind_blob(s, 3, record->eid.octets, sizeof(record->eid.octets));
	sqlite3_bind_int64(s, 4, (sqlite3_int64)record->serial);
	bind_blob(s, 5, sealed, sizeof(sealed));
	bind_blob(s, 6, record->amf, sizeof(record->amf));
	sqlite3_bind_int64(s, 7, (sqlite3_int64)sqn);
	bind_blob(s, 8, record->d, sizeof(record->d));
	bind_blob(s, 9, record->hash_x, sizeof(record->hash_x));
	bind_blob(s, 10, record->supplier, sizeof(record->supplier));
	sqlite3_bind_int(s, 11, (int)record->aka.alg);
	sqlite3_bind_int(s, 12, suspended);
	sqlite3_bind_int64(s, 13, (sqlite3_int64)state_serial);
	sqlite3_bind_int(s, 14, (int)record->platform);
	return run(db, s, NULL);
}

/** In the place of an older one of the same ICCID. */
static enum smr_err replace(struct smr_auc_db *db, const struct smr_subscription_record *record,
			    const struct smr_auc_subscription *old)
{
	uint64_t sqn = record->sqn;

	if (record->serial <= old->serial)
		return SMR_E_SERIAL;
	/* Given out once is given out: a lower SQN would let vectors repeat. */
	if (memcmp(&old->imsi, &record->imsi, sizeof(old->imsi)) == 0 && old->sqn > sqn)
		sqn = old->sqn;
	bind_blob(db->remove, 1, record->iccid.octets, sizeof(record->iccid.octets));
	SMR_TRY(run(db, db->remove, NULL));
	bind_blob(db->take_back, 1, record->iccid.octets, sizeof(record->iccid.octets));
	SMR_TRY(run(db, db->take_back, NULL));
	return insert(db, record, sqn, old->suspended, old->state_serial);
}

static enum smr_err mark_withdrawn(struct smr_auc_db *db, const struct smr_iccid *iccid, const char *why)
{
	bind_blob(db->withdraw, 1, iccid->octets, sizeof(iccid->octets));
	sqlite3_bind_text(db->withdraw, 2, why, -1, SQLITE_STATIC);
	return run(db, db->withdraw, NULL);
}

/** Subscriptions of the device under another key D are those of the keys that it had before. */
static enum smr_err retire_renewed(struct smr_auc_db *db, const struct smr_subscription_record *record)
{
	sqlite3_stmt *s = db->retire_others;

	bind_blob(s, 1, record->eid.octets, sizeof(record->eid.octets));
	sqlite3_bind_int64(s, 2, (sqlite3_int64)record->serial);
	bind_blob(s, 3, record->d, sizeof(record->d));
	sqlite3_bind_text(s, 4, renewed_why, -1, SQLITE_STATIC);
	return run(db, s, NULL);
}

/** Files may come in another order than they were written: what is older than another of the device is of no use any more. */
static enum smr_err settle_order(struct smr_auc_db *db, const struct smr_subscription_record *record)
{
	sqlite3_stmt *s = db->newer;
	int code;

	SMR_TRY(retire_renewed(db, record));
	bind_blob(s, 1, record->eid.octets, sizeof(record->eid.octets));
	sqlite3_bind_int64(s, 2, (sqlite3_int64)record->serial);
	code = sqlite3_step(s);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	if (code == SQLITE_ROW)
		return mark_withdrawn(db, &record->iccid, replaced_why);
	return sql_err(code);
}

enum smr_err smr_auc_db_add(struct smr_auc_db *db, const struct smr_subscription_record *record)
{
	struct smr_auc_subscription old;
	enum smr_err err;

	SMR_TRY(check_number(record->serial));
	err = smr_auc_db_by_iccid(db, &record->iccid, &old);
	if (err == SMR_E_NOT_FOUND)
		err = insert(db, record, record->sqn, false, 0);
	else if (err == SMR_OK)
		err = replace(db, record, &old);
	smr_auc_subscription_wipe(&old);
	return err == SMR_OK ? settle_order(db, record) : err;
}

enum smr_err smr_auc_db_withdraw(struct smr_auc_db *db, const struct smr_iccid *iccid, uint64_t serial)
{
	struct smr_auc_subscription old;
	enum smr_err err = smr_auc_db_by_iccid(db, iccid, &old);
	uint64_t held = old.serial;

	smr_auc_subscription_wipe(&old);
	if (err == SMR_OK && held < serial)
		return SMR_E_NOT_FOUND;
	if (err != SMR_OK || held > serial)
		return err;
	return mark_withdrawn(db, iccid, "withdrawn by the operator");
}

enum smr_err smr_auc_db_suspend(struct smr_auc_db *db, const struct smr_iccid *iccid, uint64_t serial, bool suspended)
{
	struct smr_auc_subscription old;
	enum smr_err err;

	SMR_TRY(check_number(serial));
	err = smr_auc_db_by_iccid(db, iccid, &old);
	if (err == SMR_OK && serial <= old.state_serial)
		err = SMR_E_SERIAL;
	smr_auc_subscription_wipe(&old);
	if (err != SMR_OK)
		return err;
	bind_blob(db->suspend, 1, iccid->octets, sizeof(iccid->octets));
	sqlite3_bind_int(db->suspend, 2, suspended);
	sqlite3_bind_int64(db->suspend, 3, (sqlite3_int64)serial);
	return run(db, db->suspend, NULL);
}

static enum smr_err retire_older(struct smr_auc_db *db, const struct smr_iccid *iccid)
{
	struct smr_auc_subscription s;

	SMR_TRY(smr_auc_db_by_iccid(db, iccid, &s));
	bind_blob(db->retire, 1, s.eid.octets, sizeof(s.eid.octets));
	sqlite3_bind_int64(db->retire, 2, (sqlite3_int64)s.serial);
	sqlite3_bind_text(db->retire, 3, replaced_why, -1, SQLITE_STATIC);
	smr_auc_subscription_wipe(&s);
	return run(db, db->retire, NULL);
}

enum smr_err smr_auc_db_judged(struct smr_auc_db *db, const struct smr_iccid *iccid, enum smr_auc_state state,
			       const char *why)
{
	int changed;

	bind_blob(db->judged, 1, iccid->octets, sizeof(iccid->octets));
	sqlite3_bind_int(db->judged, 2, (int)state);
	sqlite3_bind_text(db->judged, 3, why, -1, SQLITE_TRANSIENT);
	SMR_TRY(run(db, db->judged, &changed));
	return changed == 1 && state == SMR_AUC_ACTIVE ? retire_older(db, iccid) : SMR_OK;
}

enum smr_err smr_auc_db_seen(struct smr_auc_db *db, const struct smr_iccid *iccid, uint32_t ctr)
{
	bind_blob(db->seen, 1, iccid->octets, sizeof(iccid->octets));
	sqlite3_bind_int64(db->seen, 2, ctr);
	return run(db, db->seen, NULL);
}

enum smr_err smr_auc_db_lost(struct smr_auc_db *db, const struct smr_iccid *iccid, const char *why)
{
	bind_blob(db->lost, 1, iccid->octets, sizeof(iccid->octets));
	sqlite3_bind_text(db->lost, 2, why, -1, SQLITE_TRANSIENT);
	return run(db, db->lost, NULL);
}

enum smr_err smr_auc_db_set_sqn(struct smr_auc_db *db, const struct smr_imsi *imsi, uint64_t sqn,
				const uint8_t rand[SMR_AKA_RAND_LEN])
{
	int changed;

	bind_blob(db->set_sqn, 1, imsi->octets, sizeof(imsi->octets));
	sqlite3_bind_int64(db->set_sqn, 2, (sqlite3_int64)sqn);
	bind_blob(db->set_sqn, 3, rand, SMR_AKA_RAND_LEN);
	SMR_FAULT("before-write", "sqn");
	SMR_TRY(run(db, db->set_sqn, &changed));
	SMR_FAULT("after-write", "sqn");
	return changed == 1 ? SMR_OK : SMR_E_SQN;
}

enum smr_err smr_auc_db_note_exported(struct smr_auc_db *db, const struct smr_iccid *iccid, const char *format)
{
	sqlite3_stmt *s = db->note_exported;

	bind_blob(s, 1, iccid->octets, sizeof(iccid->octets));
	sqlite3_bind_text(s, 2, format, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)smr_clock_unix());
	return run(db, s, NULL);
}

enum smr_err smr_auc_db_each_with_key(struct smr_auc_db *db,
				      enum smr_err (*each)(void *context,
							   const struct smr_auc_subscription *subscription),
				      void *context)
{
	sqlite3_stmt *s = db->each_with_key;
	struct smr_auc_subscription subscription;
	enum smr_err err = SMR_OK;
	int code;

	while ((code = sqlite3_step(s)) == SQLITE_ROW && err == SMR_OK) {
		err = read_row(db, s, &subscription);
		if (err == SMR_OK)
			err = each(context, &subscription);
		smr_auc_subscription_wipe(&subscription);
	}
	sqlite3_reset(s);
	return err == SMR_OK ? sql_err(code) : err;
}

enum smr_err smr_auc_db_receipt(struct smr_auc_db *db, const struct smr_iccid *iccid, uint64_t serial, uint32_t result)
{
	bind_blob(db->receipt, 1, iccid->octets, sizeof(iccid->octets));
	sqlite3_bind_int64(db->receipt, 2, (sqlite3_int64)serial);
	sqlite3_bind_int64(db->receipt, 3, result);
	return run(db, db->receipt, NULL);
}

/* ---- references and files ---- */

enum smr_err smr_auc_db_clear_references(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN])
{
	bind_blob(db->clear_references, 1, supplier, SMR_POINT_COMPRESSED_LEN);
	return run(db, db->clear_references, NULL);
}

enum smr_err smr_auc_db_add_reference(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
				      const struct smr_reference_record *record)
{
	bind_blob(db->add_reference, 1, supplier, SMR_POINT_COMPRESSED_LEN);
	bind_blob(db->add_reference, 2, record->measurement, sizeof(record->measurement));
	sqlite3_bind_text(db->add_reference, 3, record->version, -1, SQLITE_TRANSIENT);
	return run(db, db->add_reference, NULL);
}

enum smr_err smr_auc_db_approved(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
				 const uint8_t measurement[SMR_HASH_LEN])
{
	int code;

	bind_blob(db->approved, 1, supplier, SMR_POINT_COMPRESSED_LEN);
	bind_blob(db->approved, 2, measurement, SMR_HASH_LEN);
	code = sqlite3_step(db->approved);
	sqlite3_reset(db->approved);
	sqlite3_clear_bindings(db->approved);
	if (code == SQLITE_ROW)
		return SMR_OK;
	return code == SQLITE_DONE ? SMR_E_MEASUREMENT : sql_err(code);
}

enum smr_err smr_auc_db_has_references(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN])
{
	int code;

	bind_blob(db->has_references, 1, supplier, SMR_POINT_COMPRESSED_LEN);
	code = sqlite3_step(db->has_references);
	sqlite3_reset(db->has_references);
	sqlite3_clear_bindings(db->has_references);
	if (code == SQLITE_ROW)
		return SMR_OK;
	return code == SQLITE_DONE ? SMR_E_NOT_FOUND : sql_err(code);
}

enum smr_err smr_auc_db_note_file(struct smr_auc_db *db, const struct smr_file_info *info)
{
	enum smr_err err;

	SMR_TRY(check_number(info->number));
	bind_blob(db->note_file, 1, info->sender, sizeof(info->sender));
	sqlite3_bind_int(db->note_file, 2, (int)info->type);
	sqlite3_bind_int64(db->note_file, 3, (sqlite3_int64)info->number);
	err = run(db, db->note_file, NULL);
	return err == SMR_E_DUPLICATE ? SMR_E_EXISTS : err;
}

enum smr_err smr_auc_db_last_file(struct smr_auc_db *db, const struct smr_file_info *info, uint64_t *number)
{
	sqlite3_stmt *s = db->last_file;
	int code;

	bind_blob(s, 1, info->sender, sizeof(info->sender));
	sqlite3_bind_int(s, 2, (int)info->type);
	code = sqlite3_step(s);
	*number = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return sql_err(code);
}

/* ---- status ---- */

static void fill_line(sqlite3_stmt *s, struct smr_auc_line *line)
{
	struct smr_imsi imsi = {{0}};
	struct smr_iccid iccid = {{0}};
	struct smr_eid eid = {{0}};

	memset(line, 0, sizeof(*line));
	if (read_blob(s, 0, imsi.octets, sizeof(imsi.octets)) == SMR_OK)
		smr_imsi_text(&imsi, line->imsi);
	if (read_blob(s, 1, iccid.octets, sizeof(iccid.octets)) == SMR_OK)
		smr_iccid_text(&iccid, line->iccid);
	if (read_blob(s, 2, eid.octets, sizeof(eid.octets)) == SMR_OK)
		smr_eid_text(&eid, line->eid);
	line->serial = (uint64_t)sqlite3_column_int64(s, 3);
	line->state = (enum smr_auc_state)sqlite3_column_int(s, 4);
	line->suspended = sqlite3_column_int(s, 5) != 0;
	line->alg = (unsigned)sqlite3_column_int(s, 6);
	line->sqn = (uint64_t)sqlite3_column_int64(s, 7);
	line->receipt_serial = (uint64_t)sqlite3_column_int64(s, 8);
	line->receipt_result = (uint32_t)sqlite3_column_int64(s, 9);
	line->why = (const char *)sqlite3_column_text(s, 10);
	line->reseal = line->state == SMR_AUC_REJECTED ||
		       (line->state == SMR_AUC_ACTIVE && line->why != NULL && line->why[0] != '\0');
	line->exported = sqlite3_column_int(s, 11) != 0;
}

enum smr_err smr_auc_db_each(struct smr_auc_db *db, const char *imsi,
			     void (*each)(void *context, const struct smr_auc_line *line), void *context)
{
	static const char text[] =
		"SELECT imsi, iccid, eid, serial, state, suspended, alg, sqn, receipt_serial, receipt_result, why,"
		" EXISTS (SELECT 1 FROM exported WHERE exported.iccid = subscription.iccid)"
		" FROM subscription ORDER BY imsi";
	sqlite3_stmt *s = NULL;
	struct smr_auc_line line;
	int code = sqlite3_prepare_v2(db->sql, text, -1, &s, NULL);

	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(s);
		if (code != SQLITE_ROW)
			break;
		fill_line(s, &line);
		if (imsi == NULL || strcmp(imsi, line.imsi) == 0)
			each(context, &line);
	}
	sqlite3_finalize(s);
	return sql_err(code);
}
