/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sho_db.h"

#include <stdlib.h>

#include "sys/fsio.h"

#define SCHEMA_VERSION 1

static const char schema[] =
	"CREATE TABLE assignment (serial INTEGER PRIMARY KEY, iccid BLOB NOT NULL, imsi BLOB NOT NULL,"
	" eid BLOB NOT NULL, order_hash BLOB, made INTEGER NOT NULL, batch INTEGER NOT NULL, live INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX assignment_eid ON assignment (eid) WHERE live;"
	"CREATE INDEX assignment_iccid ON assignment (iccid);"
	"CREATE INDEX assignment_imsi ON assignment (imsi);"
	"CREATE TABLE command (serial INTEGER PRIMARY KEY, iccid BLOB NOT NULL, state INTEGER NOT NULL,"
	" made INTEGER NOT NULL);"
	"CREATE INDEX command_iccid ON command (iccid, serial);"
	"CREATE TABLE next_serial (value INTEGER NOT NULL);"
	"INSERT INTO next_serial VALUES (1);"
	"CREATE TABLE unfinished (path TEXT PRIMARY KEY) WITHOUT ROWID;";

/* Beside the tables of version 1, and made where they are missing: older programs do not look at them. A batch is of one
 * shipment, so that nothing is written per device; the index holds only what was replaced or withdrawn. */
static const char origin_schema[] = "CREATE TABLE IF NOT EXISTS origin (batch INTEGER PRIMARY KEY, supplier BLOB NOT "
				    "NULL, number INTEGER NOT NULL);"
				    "CREATE INDEX IF NOT EXISTS assignment_past ON assignment (eid) WHERE NOT live";

/* Likewise. Whose key is it? Of what was sealed before the table was there, nothing is known. */
static const char key_schema[] =
	"CREATE TABLE IF NOT EXISTS device_key (x BLOB PRIMARY KEY, eid BLOB NOT NULL) WITHOUT ROWID";

/* Identities of the lines, and keys of the devices, of one run; of the connection alone. Keys are random: sorted at the end of
 * the run they touch each page of the table once. */
static const char seen_schema[] =
	"CREATE TEMP TABLE seen (iccid BLOB PRIMARY KEY, imsi BLOB NOT NULL UNIQUE) WITHOUT ROWID;"
	"CREATE TEMP TABLE noted_key (x BLOB NOT NULL, eid BLOB NOT NULL, kind INTEGER NOT NULL)";

#define COLUMNS                                                                                                  \
	"SELECT serial, iccid, imsi, eid, order_hash, made, batch, live,"                                        \
	" (SELECT state FROM command WHERE command.iccid = assignment.iccid AND command.made >= assignment.made" \
	"  ORDER BY command.serial DESC LIMIT 1)"                                                                \
	" FROM assignment "

/* X(name, SQL): those used once per line or device, prepared once. */
#define STATEMENTS(X)                                                                                                  \
	X(see, "INSERT INTO seen (iccid, imsi) VALUES (?1, ?2)")                                                       \
	X(iccid_taken, "SELECT serial FROM assignment WHERE iccid = ?1 AND eid <> ?2 ORDER BY serial DESC LIMIT 1")    \
	X(imsi_taken,                                                                                                  \
	  "SELECT serial FROM assignment WHERE imsi = ?1 AND (eid <> ?2 OR iccid <> ?3) ORDER BY serial DESC LIMIT 1") \
	X(retire, "UPDATE assignment SET live = 0 WHERE eid = ?1 AND live")                                            \
	X(assign, "INSERT INTO assignment (serial, iccid, imsi, eid, order_hash, made, batch, live)"                   \
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)")                                                           \
	X(origin, "SELECT o.supplier, o.number FROM assignment a JOIN origin o ON o.batch = a.batch WHERE a.serial ="  \
		  " max(ifnull((SELECT max(serial) FROM assignment WHERE eid = ?1 AND live), 0),"                      \
		  " ifnull((SELECT max(serial) FROM assignment WHERE eid = ?1 AND NOT live), 0))")                     \
	X(set_origin, "INSERT INTO origin (batch, supplier, number) VALUES (?1, ?2, ?3)")                              \
	X(note_key, "INSERT INTO noted_key (x, eid, kind) VALUES (?1, ?2, ?3)")                                        \
	X(has_live, "SELECT 1 FROM assignment WHERE eid = ?1 AND live")                                                \
	X(from, COLUMNS "WHERE serial >= ?1 ORDER BY serial LIMIT 1")

/* The highest value of a column, as SQLite compares octets. What is above it is not there: ranges ascend, so this spares
 * nearly every search of a large run. */
struct highest {
	bool known;
	uint8_t octets[SMR_EID_LEN];
};

struct smr_sho_db {
	sqlite3 *sql;
	struct highest eid, past_eid, iccid, imsi;
#define MEMBER(name, text) sqlite3_stmt *name;
	STATEMENTS(MEMBER)
#undef MEMBER
};

enum smr_err smr_sho_db_open(const char *dir, struct smr_sho_db **out, struct smr_problem *problem)
{
	struct smr_sho_db *db = calloc(1, sizeof(*db));
	enum smr_err err;

	*out = NULL;
	if (db == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = smr_db_open(dir, "sho.db", schema, SCHEMA_VERSION, &db->sql, problem);
	if (err == SMR_OK) {
		err = smr_db_exec(db->sql, origin_schema);
		if (err == SMR_OK)
			err = smr_db_exec(db->sql, key_schema);
		if (err == SMR_OK)
			err = smr_db_exec(db->sql, seen_schema);
		if (err != SMR_OK)
			(void)smr_db_fail(db->sql, err, problem);
	}
	if (err != SMR_OK) {
		smr_sho_db_close(db);
		return err;
	}
#define PREPARE(name, text) db->name = smr_db_prepare(db->sql, text);
	STATEMENTS(PREPARE)
#undef PREPARE
	*out = db;
	return SMR_OK;
}

void smr_sho_db_close(struct smr_sho_db *db)
{
	if (db == NULL)
		return;
#define FINALIZE(name, text) sqlite3_finalize(db->name);
	STATEMENTS(FINALIZE)
#undef FINALIZE
	smr_db_close(db->sql);
	free(db);
}

enum smr_err smr_sho_db_fail(const struct smr_sho_db *db, enum smr_err err, struct smr_problem *problem)
{
	return smr_db_fail(db->sql, err, problem);
}

enum smr_err smr_sho_db_begin(struct smr_sho_db *db)
{
	return smr_db_exec(db->sql, "BEGIN IMMEDIATE");
}

enum smr_err smr_sho_db_end(struct smr_sho_db *db, bool keep)
{
	return smr_db_exec(db->sql, keep ? "COMMIT" : "ROLLBACK");
}

/* Does the statement find a row? */
static enum smr_err finds(sqlite3_stmt *s, bool *yes)
{
	enum smr_err err = smr_db_step(s);

	(void)sqlite3_reset(s);
	*yes = err == SMR_OK;
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

/* ---- a run ---- */

enum smr_err smr_sho_db_note(struct smr_sho_db *db, const char *const *paths, size_t count)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "INSERT OR IGNORE INTO unfinished (path) VALUES (?1)");

	for (size_t i = 0; i < count; i++) {
		(void)sqlite3_bind_text(s, 1, paths[i], -1, SQLITE_TRANSIENT);
		SMR_TRY(smr_db_run(s));
	}
	return SMR_OK;
}

static enum smr_err set_next(struct smr_sho_db *db, uint64_t next)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "UPDATE next_serial SET value = ?1");

	smr_db_bind_uint(s, 1, next);
	return smr_db_run(s);
}

static enum smr_err spend(struct smr_sho_db *db, uint64_t count, uint64_t *first)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "SELECT value FROM next_serial");

	SMR_TRY(smr_db_step(s));
	*first = smr_db_uint(s, 0);
	if (count > INT64_MAX - *first)
		return SMR_E_TOO_MANY;
	return set_next(db, *first + count);
}

enum smr_err smr_sho_db_reserve(struct smr_sho_db *db, uint64_t count, const char *const *paths, size_t path_count,
				uint64_t *first)
{
	enum smr_err err;

	SMR_TRY(smr_sho_db_begin(db));
	err = spend(db, count, first);
	if (err == SMR_OK)
		err = smr_sho_db_note(db, paths, path_count);
	if (err == SMR_OK)
		return smr_sho_db_end(db, true);
	SMR_TRY(smr_sho_db_end(db, false));
	return err;
}

static enum smr_err remove_if_hidden(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = strlen(path);

	if (slash == NULL || slash[1] != '.' || len < 4 || strcmp(path + len - 4, ".tmp") != 0)
		return SMR_OK;
	return smr_fs_remove(path);
}

enum smr_err smr_sho_db_remove_hidden(struct smr_sho_db *db)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "SELECT path FROM unfinished");
	enum smr_err err;

	while ((err = smr_db_step(s)) == SMR_OK) {
		enum smr_err removed = remove_if_hidden((const char *)sqlite3_column_text(s, 0));

		/* Its directory may be gone, and it with it. */
		if (removed != SMR_OK && removed != SMR_E_NOT_FOUND)
			return removed;
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

enum smr_err smr_sho_db_unfinished(struct smr_sho_db *db, const char *path, bool *yes)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "SELECT 1 FROM unfinished WHERE path = ?1");

	(void)sqlite3_bind_text(s, 1, path, -1, SQLITE_TRANSIENT);
	return finds(s, yes);
}

enum smr_err smr_sho_db_settle(struct smr_sho_db *db, uint64_t next)
{
	SMR_TRY(smr_db_exec(db->sql, "DELETE FROM unfinished"));
	return set_next(db, next);
}

static bool is_above(const struct highest *highest, struct smr_bytes value)
{
	return highest->known && memcmp(value.ptr, highest->octets, value.len) > 0;
}

static void raise_to(struct highest *highest, struct smr_bytes value)
{
	if (is_above(highest, value))
		memcpy(highest->octets, value.ptr, value.len);
}

/* An empty table has none: zeros, which every number of ours is above. */
static enum smr_err find_highest(struct smr_sho_db *db, const char *text, struct highest *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, text);
	struct smr_bytes value;

	*out = (struct highest){0};
	SMR_TRY(smr_db_step(s));
	value = smr_db_view(s, 0);
	if (value.len > sizeof(out->octets))
		return SMR_E_TAMPERED;
	if (value.len > 0)
		memcpy(out->octets, value.ptr, value.len);
	out->known = true;
	return SMR_OK;
}

static enum smr_err find_all_highest(struct smr_sho_db *db)
{
	SMR_TRY(find_highest(db, "SELECT max(eid) FROM assignment WHERE live", &db->eid));
	SMR_TRY(find_highest(db, "SELECT max(eid) FROM assignment WHERE NOT live", &db->past_eid));
	SMR_TRY(find_highest(db, "SELECT max(iccid) FROM assignment", &db->iccid));
	return find_highest(db, "SELECT max(imsi) FROM assignment", &db->imsi);
}

/* Is there such a row? @p serial gets that of the latest one. */
static enum smr_err find_taken(sqlite3_stmt *s, uint64_t *serial)
{
	enum smr_err err = smr_db_step(s);

	if (err == SMR_OK)
		*serial = smr_db_uint(s, 0);
	(void)sqlite3_reset(s);
	if (err == SMR_OK)
		return SMR_E_DUPLICATE;
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err check_taken(struct smr_sho_db *db, const struct smr_sho_assignment *a, struct smr_sho_taken *taken)
{
	if (!is_above(&db->iccid, smr_iccid_bytes(&a->iccid))) {
		smr_db_bind(db->iccid_taken, 1, smr_iccid_bytes(&a->iccid));
		smr_db_bind(db->iccid_taken, 2, smr_eid_bytes(&a->eid));
		taken->field = "iccid";
		SMR_TRY(find_taken(db->iccid_taken, &taken->serial));
	}
	if (!is_above(&db->imsi, SMR_ARRAY(a->imsi.octets))) {
		smr_db_bind(db->imsi_taken, 1, SMR_ARRAY(a->imsi.octets));
		smr_db_bind(db->imsi_taken, 2, smr_eid_bytes(&a->eid));
		smr_db_bind(db->imsi_taken, 3, smr_iccid_bytes(&a->iccid));
		taken->field = "imsi";
		SMR_TRY(find_taken(db->imsi_taken, &taken->serial));
	}
	taken->field = NULL;
	return SMR_OK;
}

enum smr_err smr_sho_db_see(struct smr_sho_db *db, const struct smr_iccid *iccid, const struct smr_imsi *imsi,
			    uint64_t first_serial, struct smr_sho_taken *taken)
{
	const struct smr_sho_assignment nobody = {.iccid = *iccid, .imsi = *imsi};
	enum smr_err err = check_taken(db, &nobody, taken);

	/* That it was sealed in another run does not matter for a line that is left over. */
	if (err != SMR_OK && (err != SMR_E_DUPLICATE || taken->serial >= first_serial))
		return err;
	smr_db_bind(db->see, 1, smr_iccid_bytes(iccid));
	smr_db_bind(db->see, 2, SMR_ARRAY(imsi->octets));
	err = smr_db_run(db->see);
	if (err == SMR_E_DUPLICATE)
		taken->field = strstr(sqlite3_errmsg(db->sql), "imsi") != NULL ? "imsi" : "iccid";
	return err;
}

/* The transaction keeps other writers out, so what is found now stays true. */
enum smr_err smr_sho_db_begin_run(struct smr_sho_db *db)
{
	enum smr_err err;

	SMR_TRY(smr_sho_db_begin(db));
	err = find_all_highest(db);
	if (err != SMR_OK)
		SMR_TRY(smr_sho_db_end(db, false));
	return err;
}

enum smr_err smr_sho_db_assign(struct smr_sho_db *db, const struct smr_sho_assignment *a, bool replaces,
			       struct smr_sho_taken *taken)
{
	sqlite3_stmt *s = db->assign;

	SMR_TRY(check_taken(db, a, taken));
	if (replaces) {
		smr_db_bind(db->retire, 1, smr_eid_bytes(&a->eid));
		SMR_TRY(smr_db_run(db->retire));
		raise_to(&db->past_eid, smr_eid_bytes(&a->eid));
	}
	smr_db_bind_uint(s, 1, a->serial);
	smr_db_bind(s, 2, smr_iccid_bytes(&a->iccid));
	smr_db_bind(s, 3, SMR_ARRAY(a->imsi.octets));
	smr_db_bind(s, 4, smr_eid_bytes(&a->eid));
	smr_db_bind(s, 5, a->has_order ? SMR_ARRAY(a->order_hash) : SMR_NONE);
	smr_db_bind_uint(s, 6, a->made);
	smr_db_bind_uint(s, 7, a->batch);
	SMR_TRY(smr_db_run(s));
	raise_to(&db->eid, smr_eid_bytes(&a->eid));
	raise_to(&db->iccid, smr_iccid_bytes(&a->iccid));
	raise_to(&db->imsi, SMR_ARRAY(a->imsi.octets));
	return SMR_OK;
}

enum smr_err smr_sho_db_has_live(struct smr_sho_db *db, const struct smr_eid *eid, bool *yes)
{
	*yes = false;
	if (is_above(&db->eid, smr_eid_bytes(eid)))
		return SMR_OK;
	smr_db_bind(db->has_live, 1, smr_eid_bytes(eid));
	return finds(db->has_live, yes);
}

enum smr_err smr_sho_db_origin(struct smr_sho_db *db, const struct smr_eid *eid, bool has_live,
			       struct smr_sho_origin *out)
{
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	if (!has_live && is_above(&db->past_eid, smr_eid_bytes(eid)))
		return SMR_OK;
	smr_db_bind(db->origin, 1, smr_eid_bytes(eid));
	err = smr_db_step(db->origin);
	if (err == SMR_OK) {
		out->number = smr_db_uint(db->origin, 1);
		err = smr_db_octets(db->origin, 0, out->supplier, sizeof(out->supplier));
	}
	(void)sqlite3_reset(db->origin);
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

enum smr_err smr_sho_db_set_origin(struct smr_sho_db *db, uint64_t batch, const struct smr_sho_origin *origin)
{
	smr_db_bind_uint(db->set_origin, 1, batch);
	smr_db_bind(db->set_origin, 2, SMR_ARRAY(origin->supplier));
	smr_db_bind_uint(db->set_origin, 3, origin->number);
	return smr_db_run(db->set_origin);
}

/* ---- keys of devices ---- */

enum smr_err smr_sho_db_note_key(struct smr_sho_db *db, const struct smr_eid *device, enum smr_sho_key key,
				 const uint8_t x[SMR_SHO_KEY_X_LEN])
{
	smr_db_bind(db->note_key, 1, smr_bytes_of(x, SMR_SHO_KEY_X_LEN));
	smr_db_bind(db->note_key, 2, smr_eid_bytes(device));
	smr_db_bind_uint(db->note_key, 3, (uint64_t)key);
	return smr_db_run(db->note_key);
}

static enum smr_err find_shared_key(struct smr_sho_db *db, struct smr_sho_shared_key *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(
		db->sql,
		"SELECT * FROM (SELECT n.kind, n.eid, k.eid FROM noted_key n CROSS JOIN device_key k ON k.x = n.x"
		" WHERE k.eid <> n.eid LIMIT 1) UNION ALL SELECT * FROM (SELECT kind, max(eid), min(eid) FROM"
		" noted_key GROUP BY x HAVING min(eid) <> max(eid) LIMIT 1)");

	SMR_TRY(smr_db_step(s));
	out->key = (enum smr_sho_key)smr_db_uint(s, 0);
	SMR_TRY(smr_db_octets(s, 1, out->device.octets, sizeof(out->device.octets)));
	SMR_TRY(smr_db_octets(s, 2, out->other.octets, sizeof(out->other.octets)));
	return SMR_E_DUPLICATE;
}

enum smr_err smr_sho_db_keep_keys(struct smr_sho_db *db, struct smr_sho_shared_key *shared)
{
	/* A key of another device becomes nobody's, which the table does not take. */
	SMR_DB_STATEMENT *s = smr_db_prepare(
		db->sql, "INSERT INTO device_key (x, eid) SELECT x, eid FROM noted_key WHERE true ORDER BY x"
			 " ON CONFLICT (x) DO UPDATE SET eid = NULL WHERE eid <> excluded.eid");
	enum smr_err err = smr_db_run(s);

	return err == SMR_E_DUPLICATE ? find_shared_key(db, shared) : err;
}

/* ---- reading ---- */

static enum smr_err read_row(sqlite3_stmt *s, struct smr_sho_assignment *out)
{
	*out = (struct smr_sho_assignment){.serial = smr_db_uint(s, 0),
					   .has_order = smr_db_view(s, 4).len > 0,
					   .made = smr_db_uint(s, 5),
					   .batch = smr_db_uint(s, 6),
					   .live = smr_db_uint(s, 7) != 0,
					   .commanded = (enum smr_sho_word)smr_db_uint(s, 8)};
	SMR_TRY(smr_db_octets(s, 1, out->iccid.octets, sizeof(out->iccid.octets)));
	SMR_TRY(smr_db_octets(s, 2, out->imsi.octets, sizeof(out->imsi.octets)));
	SMR_TRY(smr_db_octets(s, 3, out->eid.octets, sizeof(out->eid.octets)));
	return out->has_order ? smr_db_octets(s, 4, out->order_hash, sizeof(out->order_hash)) : SMR_OK;
}

enum smr_err smr_sho_db_from(struct smr_sho_db *db, uint64_t serial, struct smr_sho_assignment *out)
{
	enum smr_err err;

	smr_db_bind_uint(db->from, 1, serial);
	err = smr_db_step(db->from);
	if (err == SMR_OK)
		err = read_row(db->from, out);
	(void)sqlite3_reset(db->from);
	return err;
}

static enum smr_err find_live(sqlite3_stmt *s, struct smr_bytes key, struct smr_sho_assignment *out)
{
	enum smr_err err;

	smr_db_bind(s, 1, key);
	err = smr_db_step(s);
	if (err != SMR_OK)
		return err == SMR_E_NOTHING ? SMR_E_NOT_FOUND : err;
	return read_row(s, out);
}

enum smr_err smr_sho_db_by_iccid(struct smr_sho_db *db, const struct smr_iccid *iccid, struct smr_sho_assignment *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, COLUMNS "WHERE iccid = ?1 AND live");

	return find_live(s, smr_iccid_bytes(iccid), out);
}

enum smr_err smr_sho_db_by_eid(struct smr_sho_db *db, const struct smr_eid *eid, struct smr_sho_assignment *out)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, COLUMNS "WHERE eid = ?1 AND live");

	return find_live(s, smr_eid_bytes(eid), out);
}

enum smr_err smr_sho_db_count_past(struct smr_sho_db *db, uint64_t *count)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "SELECT count(*) FROM assignment WHERE NOT live");

	SMR_TRY(smr_db_step(s));
	*count = smr_db_uint(s, 0);
	return SMR_OK;
}

static enum smr_err put_command(struct smr_sho_db *db, uint64_t serial, const struct smr_iccid *iccid,
				enum smr_sho_word word, uint64_t now)
{
	SMR_DB_STATEMENT *s =
		smr_db_prepare(db->sql, "INSERT INTO command (serial, iccid, state, made) VALUES (?1, ?2, ?3, ?4)");

	smr_db_bind_uint(s, 1, serial);
	smr_db_bind(s, 2, smr_iccid_bytes(iccid));
	smr_db_bind_uint(s, 3, (uint64_t)word);
	smr_db_bind_uint(s, 4, now);
	return smr_db_run(s);
}

static enum smr_err retire_iccid(struct smr_sho_db *db, const struct smr_iccid *iccid)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, "UPDATE assignment SET live = 0 WHERE iccid = ?1 AND live");

	smr_db_bind(s, 1, smr_iccid_bytes(iccid));
	return smr_db_run(s);
}

enum smr_err smr_sho_db_note_command(struct smr_sho_db *db, uint64_t serial, const struct smr_iccid *iccid,
				     enum smr_sho_word word, uint64_t now)
{
	enum smr_err err;

	SMR_TRY(smr_sho_db_begin(db));
	err = put_command(db, serial, iccid, word, now);
	if (err == SMR_OK && word == SMR_SHO_WITHDRAW)
		err = retire_iccid(db, iccid);
	if (err == SMR_OK)
		return smr_sho_db_end(db, true);
	SMR_TRY(smr_sho_db_end(db, false));
	return err;
}

enum smr_err smr_sho_db_each(struct smr_sho_db *db, const struct smr_iccid *iccid,
			     enum smr_err (*each)(void *context, const struct smr_sho_assignment *assignment),
			     void *context)
{
	SMR_DB_STATEMENT *s = smr_db_prepare(db->sql, iccid != NULL ? COLUMNS "WHERE iccid = ?1 ORDER BY serial"
								    : COLUMNS "ORDER BY serial");
	struct smr_sho_assignment a;
	enum smr_err err;

	if (iccid != NULL)
		smr_db_bind(s, 1, smr_iccid_bytes(iccid));
	while ((err = smr_db_step(s)) == SMR_OK) {
		SMR_TRY(read_row(s, &a));
		SMR_TRY(each(context, &a));
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}
