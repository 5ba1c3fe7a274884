/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file local.h
 * What the files of the store share. What decides (loading, re-enrolment, the relay, keys) stands once, over queries;
 * a back end is a table of operations (struct smr_driver) and the text of every query in its SQL.
 */
#ifndef SMR_STORE_LOCAL_H
#define SMR_STORE_LOCAL_H

#include "store/sql.h"
#include "store/store.h"
#include "sys/problem.h"

struct smr_driver;

/** A shipment as re-enrolment looks at it. */
struct smr_shipment_row {
	struct smr_shipment_id id;
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint64_t number; /* of the supplier; 0: loaded before this store kept it */
};

/** The handle; a back end's own begins with it. */
struct smr_store {
	const struct smr_driver *driver;
	bool open; /* else opening failed, and only the problem is left */
	enum smr_store_mode mode;
	uint64_t round_trips;
	struct smr_package_ring *ring; /* NULL: none */
	struct smr_problem problem;
	/* the load in progress */
	bool loading;
	enum smr_err load_err; /* first failure: the file is not kept then */
	enum smr_file_type load_type;
	uint64_t load_number;
	uint64_t load_renewed; /* devices in it that were enrolled anew */
	uint8_t load_sender[SMR_POINT_COMPRESSED_LEN];
	/* what each of its records names again: one query for all of them. 0: not looked up yet */
	struct smr_shipment_id load_shipment;
	uint64_t load_shipment_number;
	struct smr_key_id load_operator;
	uint64_t load_operator_number;
	uint64_t load_known_shipment; /* row of the one that is in load_known */
	struct smr_shipment_row load_known;
	/* its entries of the journal, written when it ends; no more than SMR_STORE_JOURNAL of them are kept */
	struct smr_eid *notes;
	uint64_t note_count;
};

/* ---- errors ---- */

/** Writes the problem's text; returns @p err. */
enum smr_err smr_store_say(struct smr_store *store, enum smr_err err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- queries: parameters are bound in order, the first error sticks until the end ---- */

struct smr_query {
	struct smr_store *store;
	enum smr_sql which;
	void *cursor; /* the driver's */
	int bound;
	int row; /* the driver's */
	enum smr_err err;
};
struct smr_query smr_query_begin(struct smr_store *store, enum smr_sql which);
/** Memory must stay until smr_query_end. */
void smr_query_blob(struct smr_query *q, const void *ptr, size_t len);
/** Empty: NULL. */
void smr_query_bytes(struct smr_query *q, struct smr_bytes bytes);
void smr_query_text(struct smr_query *q, const char *text);
void smr_query_int(struct smr_query *q, uint64_t value);
/** 0: NULL. For references to rows, which are numbered from 1. */
void smr_query_ref(struct smr_query *q, uint64_t number);
/** What the back end knows the row of table device by. */
void smr_query_device(struct smr_query *q, const struct smr_eid *eid);
/** The same for a row that is about to be made. SMR_E_MALFORMED: this is no EID; SMR_E_TOO_MANY: the back end can take no more of its kind. */
void smr_query_new_device(struct smr_query *q, const struct smr_eid *eid);
/** True: there is a row. */
bool smr_query_step(struct smr_query *q);
enum smr_err smr_query_end(struct smr_query *q) SMR_MUST_USE;
/** Step to the end, then end. */
enum smr_err smr_query_run(struct smr_query *q) SMR_MUST_USE;
/** A statement without parameters and rows. */
enum smr_err smr_query_do(struct smr_store *store, enum smr_sql which) SMR_MUST_USE;

bool smr_column_null(const struct smr_query *q, int column);
/** NULL reads as 0. */
uint64_t smr_column_int(const struct smr_query *q, int column);
/** View until the next step. */
struct smr_bytes smr_column_bytes(const struct smr_query *q, int column);
/** Exactly @p len octets, or the store is damaged: the query fails. */
void smr_column_fixed(struct smr_query *q, int column, void *out, size_t len);
/** At most @p room octets, or the query fails. Returns the length. */
size_t smr_column_copy(struct smr_query *q, int column, void *out, size_t room);
/** Text with its NUL. */
void smr_column_text(struct smr_query *q, int column, char *out, size_t room);

/* ---- transactions ---- */

enum smr_err smr_read_begin(struct smr_store *store) SMR_MUST_USE;
/** Returns @p err, or that of ending. */
enum smr_err smr_read_end(struct smr_store *store, enum smr_err err) SMR_MUST_USE;
/** A write transaction; inside a load it is part of that. */
enum smr_err smr_write_begin(struct smr_store *store) SMR_MUST_USE;
/** Commit if @p err is SMR_OK, else roll back. Returns @p err, or that of committing: nothing is applied then. */
enum smr_err smr_write_end(struct smr_store *store, enum smr_err err) SMR_MUST_USE;
/** Tell running servers that they should look. */
enum smr_err smr_bump_sequence(struct smr_store *store) SMR_MUST_USE;
/** Tell them that what is pending for this device may have changed. */
enum smr_err smr_journal_note(struct smr_store *store, const struct smr_eid *eid) SMR_MUST_USE;
/** A load ends: what it has noted goes into the journal, or is forgotten. */
enum smr_err smr_journal_write_notes(struct smr_store *store) SMR_MUST_USE;
void smr_journal_forget_notes(struct smr_store *store);

/* ---- rows ---- */

/** A device's row as the write side needs it. References are 0 when there is none. */
struct smr_held {
	bool found;
	uint64_t revision;
	struct smr_row row; /* state, revoked, lineage, iccid, serial; nothing else */
	uint64_t operator_number;
	uint64_t package;
	bool has_x;
	uint64_t evidence;
	uint64_t shipment;
	bool known_d;
	uint8_t d[SMR_POINT_LEN];
	bool has_sealed_for; /* the package names the shipment that it was sealed for */
	struct smr_shipment_id sealed_for;
};
/** Does a new package wait for a device that checks in already? The condition that SMR_SQL_COMMAND_PENDING has in SQL. */
static inline bool smr_held_waits(const struct smr_held *held)
{
	return held->row.state == SMR_ROW_SEALED && held->row.lineage != 0;
}
enum smr_err smr_held_get(struct smr_store *store, const struct smr_eid *eid, struct smr_held *out) SMR_MUST_USE;
/** Create the row. @p d  64 octets x | y and @p shipment, or NULL and 0. */
enum smr_err smr_held_create(struct smr_store *store, const struct smr_eid *eid, const uint8_t *d,
			     uint64_t shipment) SMR_MUST_USE;
/** The row's package is spoilt: overwrite its X if it is there, state RESEAL. */
enum smr_err smr_held_reseal(struct smr_store *store, const struct smr_eid *eid,
			     const struct smr_held *held) SMR_MUST_USE;
/** Something beside the row has changed that a decision on it may rest on (a command): a new revision. */
enum smr_err smr_row_touch(struct smr_store *store, const struct smr_eid *eid) SMR_MUST_USE;
enum smr_err smr_evidence_delete(struct smr_store *store, const struct smr_eid *eid, uint64_t number) SMR_MUST_USE;
/** A point of a query; it is stored without its first octet. */
void smr_column_point(struct smr_query *q, int column, uint8_t out[SMR_POINT_LEN]);

/** A party of a query: columns role, name, sign, kem from @p column on. */
void smr_column_party(struct smr_query *q, int column, struct smr_store_party *out);

struct smr_operator_row {
	uint64_t number; /* 0: unknown operator */
	uint64_t relay_number;
	uint64_t relay_last;
	uint64_t relay_reserved;
};
/** The operator that a record of the load in progress names; 0: unknown. */
enum smr_err smr_load_operator(struct smr_store *store, const struct smr_key_id *id, uint64_t *number) SMR_MUST_USE;
enum smr_err smr_operator_get(struct smr_store *store, const struct smr_key_id *id,
			      struct smr_operator_row *out) SMR_MUST_USE;

/* ---- devices enrolled anew ---- */

/** Keys of a later shipment that wait until the operator seals for it. */
struct smr_waiting_keys {
	bool found;
	uint64_t shipment; /* row */
	struct smr_shipment_id id;
	uint64_t number; /* of the supplier */
	uint8_t d[SMR_POINT_LEN];
};
enum smr_err smr_waiting_keys_get(struct smr_store *store, const struct smr_eid *eid,
				  struct smr_waiting_keys *out) SMR_MUST_USE;
/** A shipment (its row) names the device of @p held, which is there already. */
enum smr_err smr_device_again(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
			      const uint8_t d[SMR_POINT_LEN], uint64_t shipment) SMR_MUST_USE;
/** The operator's package comes, and with it the word for which keys of the device it is. */
enum smr_err smr_device_consent(struct smr_store *store, const struct smr_batch_record *record,
				const struct smr_held *held) SMR_MUST_USE;

/* ---- loads ---- */

/** Is a load open and still good? */
enum smr_err smr_load_check(struct smr_store *store) SMR_MUST_USE;
/** Record the result of one call within the load. */
enum smr_err smr_load_result(struct smr_store *store, enum smr_err err);

/* ---- back ends ---- */

struct smr_driver {
	/** Octets of a handle, which begins with struct smr_store. */
	size_t handle_size;
	/** mode is set. On failure nothing is left open. */
	enum smr_err (*open)(struct smr_store *store, const char *where);
	/** Rolls back what is open; the handle itself is the caller's. */
	void (*close)(struct smr_store *store);

	/* The hot path; counts are within limits. */
	enum smr_err (*lookup)(struct smr_store *store, struct smr_store_device *devices, size_t count);
	enum smr_err (*commit)(struct smr_store *store, struct smr_store_change *changes, size_t count);
	/** These two, NULL: whoever has the pages reads ahead by himself. */
	void (*warm_up)(struct smr_store *store);
	void (*expect)(struct smr_store *store, const struct smr_eid *eid);
	enum smr_err (*copy_log)(struct smr_store *store, uint64_t *octets);
	enum smr_err (*checkpoint)(struct smr_store *store);

	/* Queries: the first error is put into the query, with the problem's text. Not called once there is one. */
	void (*query_begin)(struct smr_query *q);
	void (*bind_blob)(struct smr_query *q, const void *ptr, size_t len);
	void (*bind_null)(struct smr_query *q);
	void (*bind_text)(struct smr_query *q, const char *text);
	void (*bind_int)(struct smr_query *q, uint64_t value);
	void (*bind_device)(struct smr_query *q, const struct smr_eid *eid, bool is_new);
	bool (*step)(struct smr_query *q);
	void (*query_end)(struct smr_query *q); /* also after an error */
	bool (*column_null)(const struct smr_query *q, int column);
	uint64_t (*column_int)(const struct smr_query *q, int column);
	struct smr_bytes (*column_bytes)(const struct smr_query *q, int column);

	/* Transactions. */
	enum smr_err (*begin)(struct smr_store *store, bool write);
	enum smr_err (*commit_transaction)(struct smr_store *store);
	/** Leaves the problem's text alone unless rolling back fails. */
	void (*roll_back)(struct smr_store *store);
	/** False also when the back end has rolled back by itself, as some failures make it. */
	bool (*in_transaction)(struct smr_store *store);

	/* Where packages lie is the back end's. */
	/** Put the package beside the row, in the place of the one that is there; @p package [out] its number for the row. */
	enum smr_err (*put_package)(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
				    const struct smr_package *package, uint64_t *number);
	/** Overwrite X as well as the back end can. */
	enum smr_err (*purge_package)(struct smr_store *store, const struct smr_eid *eid, uint64_t number);
	/** Is this ICCID in a live subscription of the operator on another device? If not, it is this device's from now on. */
	enum smr_err (*claim_iccid)(struct smr_store *store, uint64_t operator_number, const struct smr_iccid *iccid,
				    const struct smr_eid *eid, bool *taken);

	/** The ring is there: can it read what the store holds? */
	enum smr_err (*use_ring)(struct smr_store *store);
	enum smr_err (*rotate_packages)(struct smr_store *store, bool now, struct smr_store_rotation *out);
	enum smr_err (*lose_packages)(struct smr_store *store, uint64_t *count);

	/** Amid a load: what smr_store_look_ahead says. @p operator_number 0: its ICCIDs are not asked for. */
	enum smr_err (*look_ahead)(struct smr_store *store, const struct smr_store_ahead *list, size_t count,
				   uint64_t operator_number);

	/** Entries of the journal; at most SMR_STORE_JOURNAL. */
	enum smr_err (*put_journal)(struct smr_store *store, const struct smr_eid *eids, size_t count);

	/** Until the transaction ends nobody adds to the relay, and all that was added is seen. */
	enum smr_err (*still_relay)(struct smr_store *store);
};

extern const struct smr_driver smr_driver_sqlite;
extern const struct smr_driver smr_driver_pg;

#endif
