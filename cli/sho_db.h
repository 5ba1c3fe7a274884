/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sho_db.h
 * DIR/sho.db: which subscription an operator sealed for which device under which serial, and the commands it signed. No
 * keys and no X: what is sealed is in the batch alone, which both sides delete after loading.
 */
#ifndef SMR_SHO_DB_H
#define SMR_SHO_DB_H

#include "cli/db.h"
#include "core/object.h"

struct smr_sho_db;

enum smr_err smr_sho_db_open(const char *dir, struct smr_sho_db **out, struct smr_problem *problem) SMR_MUST_USE;
void smr_sho_db_close(struct smr_sho_db *db);
enum smr_err smr_sho_db_fail(const struct smr_sho_db *db, enum smr_err err, struct smr_problem *problem);
enum smr_err smr_sho_db_begin(struct smr_sho_db *db) SMR_MUST_USE;
/** Commit (durable on return) or roll back. */
enum smr_err smr_sho_db_end(struct smr_sho_db *db, bool keep) SMR_MUST_USE;

/* ---- a run of seal ---- */

/**
 * Before a run: durably, serials from *first on are spent, and the files it will write are noted, so that a run which
 * was interrupted between its files and its commit is told apart from one that ended.
 * @param first  [out] first of @p count serials.
 */
enum smr_err smr_sho_db_reserve(struct smr_sho_db *db, uint64_t count, const char *const *paths, size_t path_count,
				uint64_t *first) SMR_MUST_USE;
/** Note further files, or those of a run that is taken up again; durable on return. */
enum smr_err smr_sho_db_note(struct smr_sho_db *db, const char *const *paths, size_t count) SMR_MUST_USE;
/** Remove the hidden files that a killed run noted. */
enum smr_err smr_sho_db_remove_hidden(struct smr_sho_db *db) SMR_MUST_USE;
/** Was this file left by a run that did not end? */
enum smr_err smr_sho_db_unfinished(struct smr_sho_db *db, const char *path, bool *yes) SMR_MUST_USE;
/** Last step of a run, inside its transaction: serials from @p next on are free again, no file is unfinished. */
enum smr_err smr_sho_db_settle(struct smr_sho_db *db, uint64_t next) SMR_MUST_USE;

/** What an operator said last about a subscription. The first values are those of enum smr_mcim_state. */
enum smr_sho_word { SMR_SHO_NOTHING = 0, SMR_SHO_RESUME = 1, SMR_SHO_SUSPEND = 2, SMR_SHO_WITHDRAW = 3 };

struct smr_sho_assignment {
	uint64_t serial;
	struct smr_iccid iccid;
	struct smr_imsi imsi;
	struct smr_eid eid;
	bool has_order;
	uint8_t order_hash[SMR_HASH_LEN];
	uint64_t made;		     /* seconds since 1970 */
	uint64_t batch;		     /* number of the batch file */
	bool live;		     /* false: another one took its place, or it was withdrawn */
	enum smr_sho_word commanded; /* [out] */
};
/** Which identity is another's already, for SMR_E_DUPLICATE. */
struct smr_sho_taken {
	const char *field; /* «iccid», «imsi» */
	uint64_t serial;   /* of the assignment that has it */
};
/** Begin the transaction of a run. */
enum smr_err smr_sho_db_begin_run(struct smr_sho_db *db) SMR_MUST_USE;
/** The identities of a CSV line that no device takes. SMR_E_DUPLICATE: of another line, taken (serials from @p first_serial on)
 * or not. */
enum smr_err smr_sho_db_see(struct smr_sho_db *db, const struct smr_iccid *iccid, const struct smr_imsi *imsi,
			    uint64_t first_serial, struct smr_sho_taken *taken) SMR_MUST_USE;
/**
 * Assign.
 * @param replaces  the device has a live assignment, which is live no more.
 * @return SMR_E_DUPLICATE: ICCID or IMSI was another device's.
 */
enum smr_err smr_sho_db_assign(struct smr_sho_db *db, const struct smr_sho_assignment *assignment, bool replaces,
			       struct smr_sho_taken *taken) SMR_MUST_USE;
/** Has the device a live assignment? */
enum smr_err smr_sho_db_has_live(struct smr_sho_db *db, const struct smr_eid *eid, bool *yes) SMR_MUST_USE;
/** The shipment whose keys of a device an operator sealed for last. */
struct smr_sho_origin {
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint64_t number; /* 0: nothing is known of this device */
};
/** @param has_live  as smr_sho_db_has_live told: of a device that never had a subscription nothing is searched. */
enum smr_err smr_sho_db_origin(struct smr_sho_db *db, const struct smr_eid *eid, bool has_live,
			       struct smr_sho_origin *out) SMR_MUST_USE;
/** All assignments of this batch are from this shipment. Once per batch. */
enum smr_err smr_sho_db_set_origin(struct smr_sho_db *db, uint64_t batch,
				   const struct smr_sho_origin *origin) SMR_MUST_USE;
/** Keys that no two devices have, told apart where words are needed. */
enum smr_sho_key { SMR_SHO_KEY_T = 0, SMR_SHO_KEY_EK = 1 };
#define SMR_SHO_KEY_X_LEN 32u
/** A device was sealed for under this key: noted until smr_sho_db_keep_keys. @param x  coordinate of the point. */
enum smr_err smr_sho_db_note_key(struct smr_sho_db *db, const struct smr_eid *device, enum smr_sho_key key,
				 const uint8_t x[SMR_SHO_KEY_X_LEN]) SMR_MUST_USE;
/** Two devices that would have one key. */
struct smr_sho_shared_key {
	enum smr_sho_key key;
	struct smr_eid device; /* of this run */
	struct smr_eid other;  /* of this run or an earlier one */
};
/** Towards the end of a run: every key noted is its device's from now on, for good. SMR_E_DUPLICATE: one is another device's. */
enum smr_err smr_sho_db_keep_keys(struct smr_sho_db *db, struct smr_sho_shared_key *shared) SMR_MUST_USE;
/** How many assignments are live no more? */
enum smr_err smr_sho_db_count_past(struct smr_sho_db *db, uint64_t *count) SMR_MUST_USE;
/** The assignment with the lowest serial from @p serial on. SMR_E_NOTHING: none. */
enum smr_err smr_sho_db_from(struct smr_sho_db *db, uint64_t serial, struct smr_sho_assignment *out) SMR_MUST_USE;

/* ---- commands and queries ---- */

/** The live assignment of an ICCID. SMR_E_NOT_FOUND. */
enum smr_err smr_sho_db_by_iccid(struct smr_sho_db *db, const struct smr_iccid *iccid,
				 struct smr_sho_assignment *out) SMR_MUST_USE;
/** The live assignment of a device. SMR_E_NOT_FOUND. */
enum smr_err smr_sho_db_by_eid(struct smr_sho_db *db, const struct smr_eid *eid,
			       struct smr_sho_assignment *out) SMR_MUST_USE;
/** @param serial  of the file. A withdrawn assignment is live no more. */
enum smr_err smr_sho_db_note_command(struct smr_sho_db *db, uint64_t serial, const struct smr_iccid *iccid,
				     enum smr_sho_word word, uint64_t now) SMR_MUST_USE;
/** @param iccid  only its assignments, or NULL for all; in the order of serials. */
enum smr_err smr_sho_db_each(struct smr_sho_db *db, const struct smr_iccid *iccid,
			     enum smr_err (*each)(void *context, const struct smr_sho_assignment *assignment),
			     void *context) SMR_MUST_USE;

#endif
