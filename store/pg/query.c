/* SPDX-License-Identifier: Apache-2.0 */
/* Queries one at a time, for all but the hot path, and transactions. */
#include "store/pg/local.h"
#include "store/pg/sql.h"

struct statement {
	const char *types;
	int bucket;	  /* of this parameter; 0: none */
	const char *text; /* NULL: it is gathered */
};

static const struct statement statements[SMR_SQL_COUNT] = {
#define SMR_PG_STATEMENT(name, types, bucket, text) [SMR_SQL_##name] = {types, bucket, text},
	SMR_PG_LIST(SMR_PG_STATEMENT)
#undef SMR_PG_STATEMENT
#define SMR_PG_STATEMENT(name, types, bucket, shape, pick) [SMR_SQL_##name] = {types, bucket, NULL},
		SMR_PG_GATHERED_LIST(SMR_PG_STATEMENT)
#undef SMR_PG_STATEMENT
};

const char *smr_pg_text(enum smr_sql which)
{
	return statements[which].text;
}

/* ---- parameters ---- */

void smr_pg_query_begin(struct smr_query *q)
{
	struct smr_pg *pg = smr_pg_of(q->store);

	smr_pg_params_clear(&pg->params);
	q->row = -1;
	q->err = smr_pg_ready(pg);
}

static Oid next_type(struct smr_query *q)
{
	switch (statements[q->which].types[q->bound++]) {
	case 'i':
		return SMR_PG_INT8;
	case '4':
		return SMR_PG_INT4;
	case 't':
		return SMR_PG_TEXT;
	default:
		return SMR_PG_BYTEA;
	}
}

void smr_pg_bind_blob(struct smr_query *q, const void *ptr, size_t len)
{
	smr_pg_put_param(&smr_pg_of(q->store)->params, next_type(q), ptr, len);
}

void smr_pg_bind_null(struct smr_query *q)
{
	smr_pg_put_null(&smr_pg_of(q->store)->params, next_type(q));
}

void smr_pg_bind_text(struct smr_query *q, const char *text)
{
	smr_pg_put_param(&smr_pg_of(q->store)->params, next_type(q), text, strlen(text));
}

void smr_pg_bind_int(struct smr_query *q, uint64_t value)
{
	smr_pg_put_int(&smr_pg_of(q->store)->params, next_type(q), value);
}

void smr_pg_bind_device(struct smr_query *q, const struct smr_eid *eid, bool is_new)
{
	(void)is_new;
	smr_pg_bind_blob(q, eid->octets, sizeof(eid->octets));
}

/* ---- running ---- */

static enum smr_err add_bucket(struct smr_pg *pg, int of)
{
	struct smr_pg_params *params = &pg->params;
	uint32_t bucket;

	SMR_TRY(smr_pg_bucket(params->values[of - 1], (size_t)params->lengths[of - 1], &bucket));
	smr_pg_put_int(params, SMR_PG_INT4, bucket);
	return SMR_OK;
}

/* The last result is that of the query; before it come those of statements that were queued. */
static enum smr_err keep_last(void *context, PGresult **result)
{
	struct smr_query *q = context;

	PQclear(q->cursor);
	q->cursor = *result;
	*result = NULL;
	return SMR_OK;
}

/* Within a transaction, what gives no rows need not be waited for, but for a bound on what piles up. */
#define QUEUED_MAX 1024

static bool gives_rows(const char *text)
{
	static const char returning[] = " RETURNING value";
	size_t len = strlen(text);

	return strncmp(text, "SELECT", strlen("SELECT")) == 0 ||
	       (len > strlen(returning) && strcmp(text + len - strlen(returning), returning) == 0);
}

static bool is_deferrable(const struct smr_query *q)
{
	const struct smr_pg *pg = smr_pg_of(q->store);

	return pg->in_transaction && pg->queued < QUEUED_MAX && !gives_rows(statements[q->which].text);
}

/* What is gathered goes first, in the handle's only room for parameters. Those of the query are kept aside meanwhile. */
static enum smr_err send_gathered(struct smr_pg *pg)
{
	struct smr_pg_params *params = &pg->params;
	struct smr_pg_query_params kept;

	smr_pg_params_save(params, &kept);
	SMR_TRY(smr_pg_gather_send(pg));
	smr_pg_params_restore(params, &kept);
	return SMR_OK;
}

static enum smr_err ask(struct smr_query *q)
{
	struct smr_pg *pg = smr_pg_of(q->store);

	SMR_TRY(send_gathered(pg));
	SMR_TRY(smr_pg_queue_params(pg, q->which));
	return is_deferrable(q) ? SMR_OK : smr_pg_wait(pg, SMR_PG_OTHER_MS, keep_last, q);
}

static enum smr_err start(struct smr_query *q)
{
	struct smr_pg *pg = smr_pg_of(q->store);
	int bucket = statements[q->which].bucket;

	if (bucket != 0)
		SMR_TRY(add_bucket(pg, bucket));
	if (smr_pg_is_gathered(q->which))
		return smr_pg_gather(pg, q->which);
	q->cursor = smr_pg_ahead_take(pg, q->which);
	return q->cursor != NULL ? SMR_OK : ask(q);
}

bool smr_pg_step(struct smr_query *q)
{
	if (q->row < 0)
		q->err = start(q);
	if (q->err != SMR_OK)
		return false;
	return ++q->row < (q->cursor != NULL ? PQntuples(q->cursor) : 0);
}

void smr_pg_query_end(struct smr_query *q)
{
	PQclear(q->cursor);
	q->cursor = NULL;
}

bool smr_pg_column_null(const struct smr_query *q, int column)
{
	return smr_pg_null(q->cursor, q->row, column);
}

uint64_t smr_pg_column_int(const struct smr_query *q, int column)
{
	return smr_pg_int(q->cursor, q->row, column);
}

struct smr_bytes smr_pg_column_bytes(const struct smr_query *q, int column)
{
	return smr_pg_bytes(q->cursor, q->row, column);
}

/* ---- transactions ---- */

/* One writer at a time among those that are not contacts, so that their decisions need no more locks than SQLite's do:
 * the row of meta is theirs. Rows of devices they share with contacts, and lock them when they read them (ROW_GET). */
static enum smr_err begin_write(struct smr_pg *pg)
{
	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_BEGIN_WRITE));
	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_PATIENCE));
	return smr_pg_queue_plain(pg, SMR_SQL_WRITER_LOCK);
}

enum smr_err smr_pg_begin(struct smr_store *store, bool write)
{
	struct smr_pg *pg = smr_pg_of(store);

	smr_pg_gather_forget(pg);
	smr_pg_ahead_forget(pg);
	pg->load_epoch = 0;
	SMR_TRY(write ? begin_write(pg) : smr_pg_queue_plain(pg, SMR_SQL_BEGIN_READ));
	pg->in_transaction = true;
	return write ? smr_pg_wait(pg, SMR_PG_OTHER_MS, NULL, NULL) : SMR_OK;
}

enum smr_err smr_pg_commit_transaction(struct smr_store *store)
{
	struct smr_pg *pg = smr_pg_of(store);

	if (!pg->in_transaction)
		return SMR_OK; /* an error has ended it */
	SMR_TRY(smr_pg_gather_send(pg));
	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_COMMIT));
	SMR_TRY(smr_pg_wait(pg, SMR_PG_OTHER_MS, NULL, NULL));
	pg->in_transaction = false;
	smr_pg_ahead_forget(pg);
	return SMR_OK;
}

void smr_pg_roll_back(struct smr_store *store)
{
	struct smr_pg *pg = smr_pg_of(store);
	struct smr_problem problem = store->problem;

	if (pg->in_transaction && (smr_pg_queue_plain(pg, SMR_SQL_ROLLBACK) != SMR_OK ||
				   smr_pg_wait(pg, SMR_PG_OTHER_MS, NULL, NULL) != SMR_OK))
		smr_pg_drop(pg); /* which rolls back, too */
	pg->in_transaction = false;
	store->problem = problem;
}

bool smr_pg_in_transaction(struct smr_store *store)
{
	return smr_pg_of(store)->in_transaction;
}
