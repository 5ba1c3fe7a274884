/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db.h
 * What the authentication centre keeps: subscriptions with their keys encrypted at rest, SQN, reference measurements, and which
 * files it has loaded. SQLite, WAL, synchronous=FULL; one process at a time (the caller holds the party's lock).
 *
 * Subscriber keys are under KDF(master, "auc-k", salt), bound to the IMSI; the master key is DIR/keys/master.key.
 */
#ifndef SMR_AUC_DB_H
#define SMR_AUC_DB_H

#include "file/formats.h"
#include "sys/problem.h"

#define SMR_AUC_MASTER_LEN 16u

struct smr_auc_db;

/** @param create  make it (mode 0600) when it is not there. */
enum smr_err smr_auc_db_open(const char *path, const uint8_t master[SMR_AUC_MASTER_LEN], bool create,
			     struct smr_auc_db **out, struct smr_problem *problem) SMR_MUST_USE;
void smr_auc_db_close(struct smr_auc_db *db);
/** Words of the last failure. */
const char *smr_auc_db_problem(const struct smr_auc_db *db);

/** Another number than before: another process has changed something, a load for instance. What this handle changes does not count. */
uint64_t smr_auc_db_changes(struct smr_auc_db *db);

enum smr_err smr_auc_db_begin(struct smr_auc_db *db) SMR_MUST_USE;
/** Commit (durable when it returns SMR_OK) or roll back. */
enum smr_err smr_auc_db_end(struct smr_auc_db *db, bool keep) SMR_MUST_USE;

enum smr_auc_state {
	SMR_AUC_INACTIVE = 0,
	SMR_AUC_ACTIVE = 1,
	SMR_AUC_REJECTED = 2, /* evidence or receipt did not hold, or the device could not install it: seal anew */
	SMR_AUC_WITHDRAWN =
		3 /* by the operator, or another one took its place: only a higher serial leaves this state */
};

struct smr_auc_subscription {
	struct smr_eid eid;
	struct smr_iccid iccid;
	struct smr_imsi imsi;
	uint64_t serial;
	enum smr_auc_state state;
	bool suspended;
	uint64_t state_serial; /* of the last suspend or resume */
	bool exported;	       /* handed over to another authentication centre: no vectors here */
	struct smr_aka_params aka;
	uint8_t amf[2];
	uint64_t sqn; /* last one given out, 48 bits */
	uint8_t last_rand[SMR_AKA_RAND_LEN];
	uint8_t d[SMR_POINT_COMPRESSED_LEN];
	uint8_t hash_x[SMR_HASH_LEN];
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	enum smr_platform platform;
	uint32_t ctr; /* of the newest evidence that was judged and held, 0: none */
};
void smr_auc_subscription_wipe(struct smr_auc_subscription *subscription);

/** SMR_E_NOT_FOUND; SMR_E_TAMPERED: the key does not open (wrong master key, or the row was altered). */
enum smr_err smr_auc_db_by_imsi(struct smr_auc_db *db, const struct smr_imsi *imsi,
				struct smr_auc_subscription *out) SMR_MUST_USE;
enum smr_err smr_auc_db_by_iccid(struct smr_auc_db *db, const struct smr_iccid *iccid,
				 struct smr_auc_subscription *out) SMR_MUST_USE;

/**
 * Add a subscription, inactive. For an ICCID that is known the serial must be higher (a reseal); the SQN never becomes lower than what
 * was given out, and it is no longer an exported one. A device has one live subscription: when @p record names another key D of the
 * device than an older one of its subscriptions (it was enrolled anew), that one is withdrawn at once; one that is older than another of
 * its device's is added withdrawn.
 * @return SMR_E_SERIAL; SMR_E_DUPLICATE: the IMSI belongs to another ICCID; SMR_E_MALFORMED: a serial above 2^63 - 1.
 */
enum smr_err smr_auc_db_add(struct smr_auc_db *db, const struct smr_subscription_record *record) SMR_MUST_USE;
/** Suspend or resume. SMR_E_NOT_FOUND; SMR_E_SERIAL: not above the last one. */
enum smr_err smr_auc_db_suspend(struct smr_auc_db *db, const struct smr_iccid *iccid, uint64_t serial,
				bool suspended) SMR_MUST_USE;
/** The operator takes it back: it never activates any more, and an active one stops. A higher serial than @p serial is left alone.
 * SMR_E_NOT_FOUND: neither is there. */
enum smr_err smr_auc_db_withdraw(struct smr_auc_db *db, const struct smr_iccid *iccid, uint64_t serial) SMR_MUST_USE;
/** Activation or rejection, with the words that say why. An active one stays active, a withdrawn one withdrawn. Activation withdraws the
 * older ones of the same device. */
enum smr_err smr_auc_db_judged(struct smr_auc_db *db, const struct smr_iccid *iccid, enum smr_auc_state state,
			       const char *why) SMR_MUST_USE;
/** The device's evidence with this counter held. */
enum smr_err smr_auc_db_seen(struct smr_auc_db *db, const struct smr_iccid *iccid, uint32_t ctr) SMR_MUST_USE;
/** An active one that its device does not hold any more, with the words that say so; a reseal takes them away. */
enum smr_err smr_auc_db_lost(struct smr_auc_db *db, const struct smr_iccid *iccid, const char *why) SMR_MUST_USE;
/** SQN and RAND of a vector; durable on return unless inside begin and end. */
enum smr_err smr_auc_db_set_sqn(struct smr_auc_db *db, const struct smr_imsi *imsi, uint64_t sqn,
				const uint8_t rand[SMR_AKA_RAND_LEN]) SMR_MUST_USE;
/** Note, inside begin and end, that a subscription is another authentication centre's from now on. */
enum smr_err smr_auc_db_note_exported(struct smr_auc_db *db, const struct smr_iccid *iccid,
				      const char *format) SMR_MUST_USE;
/** All subscriptions with their keys, in the order of IMSIs; the first error of @p each ends it and is returned. */
enum smr_err smr_auc_db_each_with_key(struct smr_auc_db *db,
				      enum smr_err (*each)(void *context,
							   const struct smr_auc_subscription *subscription),
				      void *context) SMR_MUST_USE;
/** A verified receipt of a command. */
enum smr_err smr_auc_db_receipt(struct smr_auc_db *db, const struct smr_iccid *iccid, uint64_t serial,
				uint32_t result) SMR_MUST_USE;

/** Replace a supplier's list of approved measurements: clear, then add each. */
enum smr_err smr_auc_db_clear_references(struct smr_auc_db *db,
					 const uint8_t supplier[SMR_POINT_COMPRESSED_LEN]) SMR_MUST_USE;
enum smr_err smr_auc_db_add_reference(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
				      const struct smr_reference_record *record) SMR_MUST_USE;
/** SMR_OK; SMR_E_MEASUREMENT: not on the list. */
enum smr_err smr_auc_db_approved(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
				 const uint8_t measurement[SMR_HASH_LEN]) SMR_MUST_USE;

/** Has any list of this supplier been loaded? SMR_E_NOT_FOUND: none. */
enum smr_err smr_auc_db_has_references(struct smr_auc_db *db,
				       const uint8_t supplier[SMR_POINT_COMPRESSED_LEN]) SMR_MUST_USE;

/** Note that a file is loaded. SMR_E_EXISTS: it was already. */
enum smr_err smr_auc_db_note_file(struct smr_auc_db *db, const struct smr_file_info *info) SMR_MUST_USE;
/** Highest number loaded of this sender and type; 0: none. */
enum smr_err smr_auc_db_last_file(struct smr_auc_db *db, const struct smr_file_info *info,
				  uint64_t *number) SMR_MUST_USE;

/** One line of status; no keys. */
struct smr_auc_line {
	char imsi[SMR_IMSI_TEXT];
	char iccid[SMR_ICCID_TEXT];
	char eid[SMR_EID_TEXT];
	uint64_t serial;
	enum smr_auc_state state;
	bool suspended;
	bool exported;
	unsigned alg;
	uint64_t sqn;
	uint64_t receipt_serial; /* of the last command receipt; 0: none */
	uint32_t receipt_result;
	const char *why; /* valid during the call */
	bool reseal;	 /* the operator has to seal anew before the device can use it */
};
/** @param imsi  only this one, or NULL for all in order. */
enum smr_err smr_auc_db_each(struct smr_auc_db *db, const char *imsi,
			     void (*each)(void *context, const struct smr_auc_line *line), void *context) SMR_MUST_USE;

#endif
