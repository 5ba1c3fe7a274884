/* SPDX-License-Identifier: Apache-2.0 */
/* Queries over cached statements, and transactions. */
#include "store/sqlite_local.h"
#include "sys/fault.h"

static const char *const texts[] = {
#define SMR_SQL_TEXT(name, text) text,
	SMR_SQL_LIST(SMR_SQL_TEXT)
#undef SMR_SQL_TEXT
};

static void check(struct smr_query *q, int rc)
{
	if (q->err == SMR_OK && rc != SQLITE_OK)
		q->err = smr_store_fail(q->store, "store");
}

struct smr_query smr_query_begin(struct smr_store *store, enum smr_sql which)
{
	struct smr_query q = {.store = store, .stmt = store->statements[which]};

	if (q.stmt == NULL) {
		check(&q, sqlite3_prepare_v3(store->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, &q.stmt, NULL));
		store->statements[which] = q.stmt;
	}
	return q;
}

void smr_query_blob(struct smr_query *q, const void *ptr, size_t len)
{
	if (q->err == SMR_OK)
		check(q, sqlite3_bind_blob64(q->stmt, ++q->bound, ptr, len, SQLITE_STATIC));
}

void smr_query_bytes(struct smr_query *q, struct smr_bytes bytes)
{
	if (bytes.len > 0)
		smr_query_blob(q, bytes.ptr, bytes.len);
	else if (q->err == SMR_OK)
		check(q, sqlite3_bind_null(q->stmt, ++q->bound));
}

void smr_query_text(struct smr_query *q, const char *text)
{
	if (q->err == SMR_OK)
		check(q, sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC));
}

void smr_query_int(struct smr_query *q, uint64_t value)
{
	if (q->err == SMR_OK)
		check(q, sqlite3_bind_int64(q->stmt, ++q->bound, (sqlite3_int64)value));
}

void smr_query_ref(struct smr_query *q, uint64_t number)
{
	if (number != 0)
		smr_query_int(q, number);
	else
		smr_query_bytes(q, SMR_NONE);
}

bool smr_query_step(struct smr_query *q)
{
	int rc;

	if (q->err != SMR_OK)
		return false;
	rc = sqlite3_step(q->stmt);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		q->err = smr_store_fail(q->store, "store");
	return false;
}

enum smr_err smr_query_end(struct smr_query *q)
{
	/* What reset returns is the error of the last step, which is known. */
	if (q->stmt != NULL)
		(void)sqlite3_reset(q->stmt);
	return q->err;
}

enum smr_err smr_query_run(struct smr_query *q)
{
	while (smr_query_step(q))
		;
	return smr_query_end(q);
}

enum smr_err smr_query_do(struct smr_store *store, enum smr_sql which)
{
	struct smr_query q = smr_query_begin(store, which);

	return smr_query_run(&q);
}

/* ---- columns ---- */

static void damaged(struct smr_query *q)
{
	if (q->err == SMR_OK)
		q->err = smr_store_say(q->store, SMR_E_IO,
				       "the store is damaged: a column has the wrong length; restore it from a copy");
}

bool smr_column_null(const struct smr_query *q, int column)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

uint64_t smr_column_int(const struct smr_query *q, int column)
{
	return (uint64_t)sqlite3_column_int64(q->stmt, column);
}

struct smr_bytes smr_column_bytes(const struct smr_query *q, int column)
{
	/* The order matters: the pointer first, it may convert. */
	const void *ptr = sqlite3_column_blob(q->stmt, column);

	return smr_bytes_of(ptr, (size_t)sqlite3_column_bytes(q->stmt, column));
}

void smr_column_fixed(struct smr_query *q, int column, void *out, size_t len)
{
	struct smr_bytes bytes = smr_column_bytes(q, column);

	if (bytes.len != len)
		damaged(q);
	else
		memcpy(out, bytes.ptr, len);
}

size_t smr_column_copy(struct smr_query *q, int column, void *out, size_t room)
{
	struct smr_bytes bytes = smr_column_bytes(q, column);

	if (bytes.len > room) {
		damaged(q);
		return 0;
	}
	if (bytes.len > 0)
		memcpy(out, bytes.ptr, bytes.len);
	return bytes.len;
}

void smr_column_text(struct smr_query *q, int column, char *out, size_t room)
{
	out[smr_column_copy(q, column, out, room - 1)] = 0;
}

void smr_column_party(struct smr_query *q, int column, struct smr_store_party *out)
{
	memset(out, 0, sizeof(*out));
	smr_column_text(q, column, out->role, sizeof(out->role));
	smr_column_text(q, column + 1, out->name, sizeof(out->name));
	smr_column_fixed(q, column + 2, out->sign, sizeof(out->sign));
	out->has_kem = !smr_column_null(q, column + 3);
	if (out->has_kem)
		smr_column_fixed(q, column + 3, out->kem, sizeof(out->kem));
}

/* ---- transactions ---- */

enum smr_err smr_read_begin(struct smr_store *store)
{
	return store->loading ? SMR_OK : smr_query_do(store, SMR_SQL_BEGIN_READ);
}

enum smr_err smr_read_end(struct smr_store *store, enum smr_err err)
{
	enum smr_err end = store->loading ? SMR_OK : smr_query_do(store, SMR_SQL_COMMIT);

	return err == SMR_OK ? end : err;
}

/* After some errors (disk full, for one) SQLite has rolled back by itself, after others the transaction is open. */
static void roll_back(struct smr_store *store)
{
	struct smr_problem problem = store->problem;

	if (!sqlite3_get_autocommit(store->db) && smr_query_do(store, SMR_SQL_ROLLBACK) != SMR_OK)
		return; /* its problem is the graver one */
	store->problem = problem;
}

enum smr_err smr_write_begin(struct smr_store *store)
{
	if (store->loading)
		return smr_load_check(store);
	store->problem.text[0] = '\0'; /* of an earlier call */
	return smr_query_do(store, SMR_SQL_BEGIN_WRITE);
}

enum smr_err smr_write_end(struct smr_store *store, enum smr_err err)
{
	if (store->loading)
		return smr_load_result(store, err);
	if (err == SMR_OK && sqlite3_get_autocommit(store->db))
		err = smr_store_say(store, SMR_E_IO, "the store has rolled the change back");
	SMR_FAULT("before-commit", "store");
	if (err == SMR_OK)
		err = smr_query_do(store, SMR_SQL_COMMIT);
	SMR_FAULT("after-commit", "store");
	if (err != SMR_OK)
		roll_back(store);
	return err;
}

enum smr_err smr_bump_sequence(struct smr_store *store)
{
	return smr_query_do(store, SMR_SQL_META_BUMP);
}
