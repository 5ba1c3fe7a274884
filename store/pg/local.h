/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file local.h
 * What the files of the PostgreSQL back end share: the connection, statements in a pipeline, parameters.
 *
 * Every statement is prepared once per connection and sent in libpq's pipeline mode: statements are queued, and waited
 * for together. Statements that have no rows to give wait for the next one that has, or for the end of the transaction:
 * their errors are told then.
 */
#ifndef SMR_STORE_PG_LOCAL_H
#define SMR_STORE_PG_LOCAL_H

#include <libpq-fe.h>

#include "store/local.h"
#include "store/pg/dial.h"

/* Types of parameters by their object ids, which are fixed (pg_type.dat). */
#define SMR_PG_BYTEA 17u
#define SMR_PG_INT8 20u
#define SMR_PG_INT2 21u
#define SMR_PG_INT4 23u
#define SMR_PG_TEXT 25u
#define SMR_PG_INT4_ARRAY 1007u
#define SMR_PG_BYTEA_ARRAY 1001u

#define SMR_PG_ROWS_MAX 256u   /* of one statement with many rows */
#define SMR_PG_COLUMNS_MAX 10u /* of each */
#define SMR_PG_PARAMS_MAX (SMR_PG_ROWS_MAX * SMR_PG_COLUMNS_MAX)
#define SMR_PG_SIZES 9u	   /* of rows: 1, 2, 4 … 256 */
#define SMR_PG_GATHERED 5u /* statements that are gathered */

/* How long an answer is waited for, in ms, before the connection counts as lost. Contacts wait on the first two. */
#define SMR_PG_LOOKUP_MS 2000u
#define SMR_PG_COMMIT_MS 5000u
#define SMR_PG_OTHER_MS 60000u

/** Wipe and free it: an address may hold a password. NULL is allowed. */
void smr_pg_forget_address(char **where);

/** Parameters of the statement that comes next, all binary. */
struct smr_pg_params {
	int count;
	const char *values[SMR_PG_PARAMS_MAX];
	int lengths[SMR_PG_PARAMS_MAX];
	int formats[SMR_PG_PARAMS_MAX];	       /* all 1: binary */
	uint8_t numbers[SMR_PG_PARAMS_MAX][8]; /* big endian */
	Oid types[SMR_PG_PARAMS_MAX];
};

/** Parameters of one statement of sql.h, put aside. */
struct smr_pg_query_params {
	int count;
	const char *values[SMR_PG_COLUMNS_MAX];
	int lengths[SMR_PG_COLUMNS_MAX];
	uint8_t numbers[SMR_PG_COLUMNS_MAX][8];
	Oid types[SMR_PG_COLUMNS_MAX];
};

/** A statement over many rows: head, the columns of each row, tail. One is prepared for each number of rows. */
enum smr_pg_shape {
	SMR_PG_ROW_UPDATE,
	SMR_PG_EVIDENCE_PUT,
	SMR_PG_EVIDENCE_DROP,
	SMR_PG_RELAY_PUT,
	SMR_PG_PACKAGE_DROP,
	SMR_PG_COMMAND_DONE,
	SMR_PG_JOURNAL,
	SMR_PG_DEVICE_ADD,
	SMR_PG_ICCID_PUT,
	SMR_PG_PACKAGE_PUT,
	SMR_PG_DEVICE_PACKAGE,
	SMR_PG_COMMAND_END_OTHERS,
	SMR_PG_PACKAGE_AGAIN,
	SMR_PG_SHAPES
};

/** Numbers of the prepared statements on this connection, which are their names; 0: not prepared yet. */
struct smr_pg_names {
	uint32_t statement[SMR_SQL_COUNT];
	uint32_t shape[SMR_PG_SHAPES][SMR_PG_SIZES];
	uint32_t lookup, commands;
};
#define SMR_PG_UNCERTAIN_MAX 128u

enum smr_pg_state { SMR_PG_DOWN, SMR_PG_CONNECTING, SMR_PG_READY };

struct smr_pg {
	struct smr_store base; /* first */
	char *where;
	PGconn *conn;
	enum smr_pg_state state;
	struct smr_pg_dial *dial; /* while connecting, else NULL */
	uint64_t next_try;	  /* ms: while down */
	uint64_t backoff;	  /* ms */
	bool in_transaction;
	size_t queued;	  /* statements whose results have not been read */
	char sqlstate[6]; /* of that */
	struct smr_pg_names names;
	uint32_t next_name;
	uint32_t *uncertain[SMR_PG_UNCERTAIN_MAX]; /* names given in what is queued: an error may have kept them off */
	size_t uncertain_count;
	struct smr_pg_params params;
	struct smr_pg_gathered *gathered[SMR_PG_GATHERED]; /* NULL: none yet */
	struct smr_pg_ahead *ahead;
	uint64_t load_epoch; /* that packages are encrypted under in this transaction; 0: not read yet */
	unsigned walk_width; /* buckets that the next step of the walk looks at (rotate.c); 0: none was made yet */
};

struct smr_pg *smr_pg_of(struct smr_store *store);

/* ---- the connection (connect.c) ---- */

/** Usable now? If not, looks whether one has been made, or has one made, without waiting for it. SMR_E_UNAVAILABLE. */
enum smr_err smr_pg_ready(struct smr_pg *pg) SMR_MUST_USE;
/** It is of no use any more: the next try comes after a pause. */
void smr_pg_drop(struct smr_pg *pg);
enum smr_err smr_pg_open(struct smr_store *store, const char *where) SMR_MUST_USE;
void smr_pg_close(struct smr_store *store);
/** Wait until the socket is readable (or writable, too, when there is something to write). False: too late. */
bool smr_pg_poll(struct smr_pg *pg, bool write, uint64_t until);

/* ---- errors (error.c) ---- */

/** What a failed result means; writes the problem's text. */
enum smr_err smr_pg_fail(struct smr_pg *pg, const PGresult *result);
/** The server cannot be reached, or was lost. */
enum smr_err smr_pg_unavailable(struct smr_pg *pg, const char *why);

/* ---- parameters (params.c) ---- */

void smr_pg_params_clear(struct smr_pg_params *params);
void smr_pg_put_bytes(struct smr_pg_params *params, const void *ptr, size_t len);
void smr_pg_put_null(struct smr_pg_params *params, Oid type);
/** @p type INT2, INT4 or INT8. */
void smr_pg_put_int(struct smr_pg_params *params, Oid type, uint64_t value);
/** 0: NULL. */
void smr_pg_put_ref(struct smr_pg_params *params, uint64_t number);
void smr_pg_put_param(struct smr_pg_params *params, Oid type, const void *ptr, size_t len);
void smr_pg_params_save(const struct smr_pg_params *params, struct smr_pg_query_params *kept);
void smr_pg_params_restore(struct smr_pg_params *params, const struct smr_pg_query_params *kept);
/** First 12 bits of SHA-256: what the tables are distributed by. */
enum smr_err smr_pg_bucket(const void *ptr, size_t len, uint32_t *bucket) SMR_MUST_USE;

/* ---- statements in the pipeline (exec.c) ---- */

/** What to do with each result that has rows, in the order of the statements. Whoever keeps one puts NULL in its place. */
typedef enum smr_err (*smr_pg_taker)(void *context, PGresult **result);

/** Queue a statement; prepare it first if *@p name is 0. The parameters are @p count of those of the handle from @p first
 * on; their types are the same every time. */
enum smr_err smr_pg_queue(struct smr_pg *pg, uint32_t *name, const char *text, int first, int count) SMR_MUST_USE;
/** Wait for all that is queued, one round trip. The first error wins; the transaction, if one is open, has failed then. */
enum smr_err smr_pg_wait(struct smr_pg *pg, uint64_t timeout_ms, smr_pg_taker take, void *context) SMR_MUST_USE;
/** Queue BEGIN, COMMIT, ROLLBACK. */
enum smr_err smr_pg_queue_plain(struct smr_pg *pg, enum smr_sql which) SMR_MUST_USE;
/** Queue a statement of sql.h with the parameters that were put, the bucket included. */
enum smr_err smr_pg_queue_params(struct smr_pg *pg, enum smr_sql which) SMR_MUST_USE;
const char *smr_pg_text(enum smr_sql which);

/* ---- rows (rows.c) ---- */

/** Rows of one shape on their way: full statements go out by themselves, the rest with smr_pg_rows_end. */
struct smr_pg_rows {
	struct smr_pg *pg;
	enum smr_pg_shape shape;
	size_t count;
	enum smr_err err;
};
/** One shape at a time: they share the handle's room for parameters. */
struct smr_pg_rows smr_pg_rows_begin(struct smr_pg *pg, enum smr_pg_shape shape);
/** Call after the columns of a row have been put into pg->params; the memory has to stay until the end. */
void smr_pg_rows_next(struct smr_pg_rows *rows);
enum smr_err smr_pg_rows_end(struct smr_pg_rows *rows) SMR_MUST_USE;

/* ---- loads (gather.c, ahead.c) ---- */

bool smr_pg_is_gathered(enum smr_sql which);
/** Keep a statement of sql.h with the parameters that were put, the bucket included, until smr_pg_gather_send. */
enum smr_err smr_pg_gather(struct smr_pg *pg, enum smr_sql which) SMR_MUST_USE;
/** Queue all that is gathered: before anything else is, and before the transaction ends. */
enum smr_err smr_pg_gather_send(struct smr_pg *pg) SMR_MUST_USE;
/** The transaction has failed, or ended. */
void smr_pg_gather_forget(struct smr_pg *pg);
enum smr_err smr_pg_look_ahead(struct smr_store *store, const struct smr_store_ahead *list, size_t count,
			       uint64_t operator_number) SMR_MUST_USE;
/** The answer to a statement of sql.h with the parameters that were put, if it was looked ahead for; else NULL. */
PGresult *smr_pg_ahead_take(struct smr_pg *pg, enum smr_sql which);
void smr_pg_ahead_forget(struct smr_pg *pg);

/* ---- columns of results ---- */

bool smr_pg_null(const PGresult *result, int row, int column);
/** Integers of any width; NULL reads as 0. */
uint64_t smr_pg_int(const PGresult *result, int row, int column);
struct smr_bytes smr_pg_bytes(const PGresult *result, int row, int column);

/* ---- the driver's operations ---- */

enum smr_err smr_pg_use_ring(struct smr_store *store) SMR_MUST_USE;
enum smr_err smr_pg_rotate_packages(struct smr_store *store, bool now, struct smr_store_rotation *out) SMR_MUST_USE;
enum smr_err smr_pg_lose_packages(struct smr_store *store, uint64_t *count) SMR_MUST_USE;
enum smr_err smr_pg_put_package(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
				const struct smr_package *package, uint64_t *number) SMR_MUST_USE;
/** X as it was before it was put into the row. SMR_E_NOT_FOUND: its key is not in the ring; SMR_E_UNOPENED: damaged. */
enum smr_err smr_pg_open_x(struct smr_package_ring *ring, uint64_t epoch, const struct smr_eid *eid,
			   struct smr_bytes stored, uint8_t x[SMR_X_MAX], size_t *len) SMR_MUST_USE;
enum smr_err smr_pg_settle(struct smr_pg *pg) SMR_MUST_USE;
enum smr_err smr_pg_lookup(struct smr_store *store, struct smr_store_device *devices, size_t count) SMR_MUST_USE;
enum smr_err smr_pg_commit(struct smr_store *store, struct smr_store_change *changes, size_t count) SMR_MUST_USE;
void smr_pg_query_begin(struct smr_query *q);
void smr_pg_bind_blob(struct smr_query *q, const void *ptr, size_t len);
void smr_pg_bind_null(struct smr_query *q);
void smr_pg_bind_text(struct smr_query *q, const char *text);
void smr_pg_bind_int(struct smr_query *q, uint64_t value);
void smr_pg_bind_device(struct smr_query *q, const struct smr_eid *eid, bool is_new);
bool smr_pg_step(struct smr_query *q);
void smr_pg_query_end(struct smr_query *q);
bool smr_pg_column_null(const struct smr_query *q, int column);
uint64_t smr_pg_column_int(const struct smr_query *q, int column);
struct smr_bytes smr_pg_column_bytes(const struct smr_query *q, int column);
enum smr_err smr_pg_begin(struct smr_store *store, bool write) SMR_MUST_USE;
enum smr_err smr_pg_commit_transaction(struct smr_store *store) SMR_MUST_USE;
void smr_pg_roll_back(struct smr_store *store);
bool smr_pg_in_transaction(struct smr_store *store);

#endif
