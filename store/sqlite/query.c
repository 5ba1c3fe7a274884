/* SPDX-License-Identifier: Apache-2.0 */
/* Queries over cached statements, and transactions. */
#include "store/sqlite/local.h"
#include "store/sqlite/sql.h"

static const char *const texts[SMR_SQL_COUNT] = {
#define SMR_SQL_TEXT(name, text) [SMR_SQL_##name] = (text),
	SMR_SQLITE_LIST(SMR_SQL_TEXT)
#undef SMR_SQL_TEXT
};

static sqlite3_stmt *statement_of(const struct smr_query *q)
{
	return q->cursor;
}

static void check(struct smr_query *q, int rc)
{
	if (rc != SQLITE_OK)
		q->err = smr_sqlite_fail(q->store, "store");
}

void smr_sqlite_query_begin(struct smr_query *q)
{
	struct smr_sqlite *sqlite = smr_sqlite_of(q->store);
	sqlite3_stmt **statement = &sqlite->statements[q->which];

	if (*statement == NULL)
		check(q,
		      sqlite3_prepare_v3(sqlite->db, texts[q->which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
	q->cursor = *statement;
}

void smr_sqlite_bind_blob(struct smr_query *q, const void *ptr, size_t len)
{
	check(q, sqlite3_bind_blob64(statement_of(q), ++q->bound, ptr, len, SQLITE_STATIC));
}

void smr_sqlite_bind_null(struct smr_query *q)
{
	check(q, sqlite3_bind_null(statement_of(q), ++q->bound));
}

void smr_sqlite_bind_text(struct smr_query *q, const char *text)
{
	check(q, sqlite3_bind_text(statement_of(q), ++q->bound, text, -1, SQLITE_STATIC));
}

void smr_sqlite_bind_int(struct smr_query *q, uint64_t value)
{
	check(q, sqlite3_bind_int64(statement_of(q), ++q->bound, (sqlite3_int64)value));
}

void smr_sqlite_bind_device(struct smr_query *q, const struct smr_eid *eid, bool is_new)
{
	uint64_t place;

	q->err = is_new ? smr_sqlite_new_place(q->store, eid, &place) : smr_sqlite_place(q->store, eid, &place);
	if (q->err == SMR_OK && place != 0)
		smr_sqlite_bind_int(q, place);
	else if (q->err == SMR_OK)
		smr_sqlite_bind_null(q);
}

bool smr_sqlite_step(struct smr_query *q)
{
	int rc = sqlite3_step(statement_of(q));

	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		q->err = smr_sqlite_fail(q->store, "store");
	return false;
}

void smr_sqlite_query_end(struct smr_query *q)
{
	/* What reset returns is the error of the last step, which is known. */
	if (q->cursor != NULL)
		(void)sqlite3_reset(statement_of(q));
}

uint64_t smr_sqlite_appended(struct smr_store *store)
{
	return (uint64_t)sqlite3_last_insert_rowid(smr_sqlite_of(store)->db);
}

void smr_sqlite_finalize(struct smr_sqlite *sqlite)
{
	for (size_t i = 0; i < SMR_COUNT(sqlite->statements); i++) {
		(void)sqlite3_finalize(sqlite->statements[i]);
		sqlite->statements[i] = NULL;
	}
}

/* ---- columns ---- */

bool smr_sqlite_column_null(const struct smr_query *q, int column)
{
	return sqlite3_column_type(statement_of(q), column) == SQLITE_NULL;
}

uint64_t smr_sqlite_column_int(const struct smr_query *q, int column)
{
	return (uint64_t)sqlite3_column_int64(statement_of(q), column);
}

struct smr_bytes smr_sqlite_column_bytes(const struct smr_query *q, int column)
{
	/* The order matters: the pointer first, it may convert. */
	const void *ptr = sqlite3_column_blob(statement_of(q), column);

	return smr_bytes_of(ptr, (size_t)sqlite3_column_bytes(statement_of(q), column));
}

/* ---- transactions ---- */

enum smr_err smr_sqlite_begin(struct smr_store *store, bool write)
{
	return smr_query_do(store, write ? SMR_SQL_BEGIN_WRITE : SMR_SQL_BEGIN_READ);
}

enum smr_err smr_sqlite_commit_transaction(struct smr_store *store)
{
	return smr_query_do(store, SMR_SQL_COMMIT);
}

/* After some errors (disk full, for one) SQLite has rolled back by itself, after others the transaction is open. */
void smr_sqlite_roll_back(struct smr_store *store)
{
	struct smr_problem problem = store->problem;

	if (smr_sqlite_in_transaction(store) && smr_query_do(store, SMR_SQL_ROLLBACK) != SMR_OK)
		return; /* its problem is the graver one */
	store->problem = problem;
}

bool smr_sqlite_in_transaction(struct smr_store *store)
{
	return !sqlite3_get_autocommit(smr_sqlite_of(store)->db);
}
