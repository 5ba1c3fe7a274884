/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file local.h
 * What the files of the SQLite back end share.
 */
#ifndef SMR_STORE_SQLITE_LOCAL_H
#define SMR_STORE_SQLITE_LOCAL_H

#include <sqlite3.h>

#include "store/local.h"
#include "store/sqlite/ahead.h"
#include "store/sqlite/upper.h"

#define SMR_SQLITE_PAGE 2048u	/* octets; of a new store */
#define SMR_SQLITE_BUSY_MS 5000 /* that others who write are waited for */

/** First octets of EIDs that share a number: all but the last 12 digits. */
#define SMR_SQLITE_PREFIX_LEN 10u
/** How many prefixes there can be. */
#define SMR_SQLITE_PREFIX_MAX UINT64_C(8388607)
/** How many prefixes a handle remembers; each has one slot where it can be. */
#define SMR_SQLITE_PREFIXES 256u

struct smr_sqlite_prefix {
	uint64_t number; /* 0: none */
	uint8_t octets[SMR_SQLITE_PREFIX_LEN];
};

struct smr_sqlite {
	struct smr_store base; /* first */
	sqlite3 *db;
	sqlite3_stmt *statements[SMR_SQL_COUNT];
	struct smr_sqlite_prefix prefixes[SMR_SQLITE_PREFIXES];
	struct smr_ahead *ahead; /* NULL until something is expected */
	struct smr_upper *upper; /* NULL unless it was told to warm up */
	uint64_t restart_at_ms;	 /* the log; not earlier */
};

/** The back end's part of a handle. */
struct smr_sqlite *smr_sqlite_of(struct smr_store *store);
/** The error that the last failed call on this handle's database means; writes the problem's text. */
enum smr_err smr_sqlite_fail(struct smr_store *store, const char *doing);
/** Number of the row that was appended last. */
uint64_t smr_sqlite_appended(struct smr_store *store);
/** Bring the schema to the present version, or say why not. */
enum smr_err smr_sqlite_settle(struct smr_store *store) SMR_MUST_USE;
void smr_sqlite_finalize(struct smr_sqlite *sqlite);

/** The key of the device's row, if it has one. 0: there is no device with such an EID. */
enum smr_err smr_sqlite_place(struct smr_store *store, const struct smr_eid *eid, uint64_t *place) SMR_MUST_USE;
/** For a row that is about to be made; errors of smr_query_new_device. */
enum smr_err smr_sqlite_new_place(struct smr_store *store, const struct smr_eid *eid, uint64_t *place) SMR_MUST_USE;
/** After a rollback, SQLite's own ones too: prefixes that it took away may get other numbers. */
void smr_sqlite_forget_prefixes(void *sqlite);

/* The driver's operations that stand in files of their own. */
enum smr_err smr_sqlite_lookup(struct smr_store *store, struct smr_store_device *devices, size_t count) SMR_MUST_USE;
enum smr_err smr_sqlite_commit(struct smr_store *store, struct smr_store_change *changes, size_t count) SMR_MUST_USE;
void smr_sqlite_warm_up(struct smr_store *store);
void smr_sqlite_expect(struct smr_store *store, const struct smr_eid *eid);
enum smr_err smr_sqlite_copy_log(struct smr_store *store, uint64_t *octets) SMR_MUST_USE;
enum smr_err smr_sqlite_checkpoint(struct smr_store *store) SMR_MUST_USE;
enum smr_err smr_sqlite_open(struct smr_store *store, const char *where) SMR_MUST_USE;
void smr_sqlite_close(struct smr_store *store);
enum smr_err smr_sqlite_put_package(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
				    const struct smr_package *package, uint64_t *slot) SMR_MUST_USE;
enum smr_err smr_sqlite_purge_package(struct smr_store *store, const struct smr_eid *eid, uint64_t slot) SMR_MUST_USE;
enum smr_err smr_sqlite_claim_iccid(struct smr_store *store, uint64_t operator_number, const struct smr_iccid *iccid,
				    const struct smr_eid *eid, bool *taken) SMR_MUST_USE;
void smr_sqlite_query_begin(struct smr_query *q);
void smr_sqlite_bind_blob(struct smr_query *q, const void *ptr, size_t len);
void smr_sqlite_bind_null(struct smr_query *q);
void smr_sqlite_bind_text(struct smr_query *q, const char *text);
void smr_sqlite_bind_int(struct smr_query *q, uint64_t value);
void smr_sqlite_bind_device(struct smr_query *q, const struct smr_eid *eid, bool is_new);
bool smr_sqlite_step(struct smr_query *q);
void smr_sqlite_query_end(struct smr_query *q);
bool smr_sqlite_column_null(const struct smr_query *q, int column);
uint64_t smr_sqlite_column_int(const struct smr_query *q, int column);
struct smr_bytes smr_sqlite_column_bytes(const struct smr_query *q, int column);
enum smr_err smr_sqlite_begin(struct smr_store *store, bool write) SMR_MUST_USE;
enum smr_err smr_sqlite_commit_transaction(struct smr_store *store) SMR_MUST_USE;
void smr_sqlite_roll_back(struct smr_store *store);
bool smr_sqlite_in_transaction(struct smr_store *store);

#endif
