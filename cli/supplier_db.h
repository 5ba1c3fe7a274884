/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file supplier_db.h
 * DIR/supplier.db: the shipments of a supplier, their devices in order, and which of them are enrolled. It holds no
 * private key; a shipment's gate key, if it has one, is the only secret (the file's mode is 0600).
 */
#ifndef SMR_SUPPLIER_DB_H
#define SMR_SUPPLIER_DB_H

#include "cli/db.h"
#include "file/card.h"
#include "file/formats.h"
#include "tre/tre.h"

struct smr_supplier_db;

enum smr_err smr_supplier_db_open(const char *dir, struct smr_supplier_db **out,
				  struct smr_problem *problem) SMR_MUST_USE;
void smr_supplier_db_close(struct smr_supplier_db *db);
/** Words for an error of any function below that did not say its own. */
enum smr_err smr_supplier_db_fail(const struct smr_supplier_db *db, enum smr_err err, struct smr_problem *problem);

enum smr_err smr_supplier_db_begin(struct smr_supplier_db *db) SMR_MUST_USE;
/** Commit (durable on return) or roll back. */
enum smr_err smr_supplier_db_end(struct smr_supplier_db *db, bool keep) SMR_MUST_USE;

struct smr_supplier_shipment {
	uint64_t number;
	bool owner_bound;
	uint8_t owner[SMR_POINT_COMPRESSED_LEN];
	bool has_gate;
	uint8_t gate[16];
	enum smr_platform platform; /* of all its devices */
	uint8_t anchors[SMR_TRE_ANCHORS_MAX][SMR_POINT_COMPRESSED_LEN];
	size_t anchor_count;
	uint64_t made;	  /* seconds since 1970 */
	uint64_t shipped; /* 0: not yet */
	uint64_t devices; /* [out] */
	uint64_t enrolled;
};
/** SMR_E_DUPLICATE: the number is taken. */
enum smr_err smr_supplier_db_add(struct smr_supplier_db *db, const struct smr_supplier_shipment *shipment) SMR_MUST_USE;
/** SMR_E_NOT_FOUND. */
enum smr_err smr_supplier_db_shipment(struct smr_supplier_db *db, uint64_t number,
				      struct smr_supplier_shipment *out) SMR_MUST_USE;
/** Numbers in ascending order. */
enum smr_err smr_supplier_db_each(struct smr_supplier_db *db,
				  enum smr_err (*each)(void *context, const struct smr_supplier_shipment *shipment),
				  void *context) SMR_MUST_USE;
enum smr_err smr_supplier_db_shipped(struct smr_supplier_db *db, uint64_t number, uint64_t now) SMR_MUST_USE;

struct smr_supplier_device {
	struct smr_shipment_record record; /* d and t are zero, and there is no endorsement, until it is enrolled */
	bool enrolled;
};
/**
 * Append a device.
 * @param field  [out] with SMR_E_DUPLICATE: «eid», «imei», «d» or «t».
 */
enum smr_err smr_supplier_db_add_device(struct smr_supplier_db *db, uint64_t number, uint64_t position,
					const struct smr_supplier_device *device, const char **field) SMR_MUST_USE;
/** The last shipment before @p number that the device is in, 0: none. */
enum smr_err smr_supplier_db_earlier(struct smr_supplier_db *db, uint64_t number, const struct smr_eid *eid,
				     uint64_t *earlier) SMR_MUST_USE;
/** SMR_E_NOT_FOUND. */
enum smr_err smr_supplier_db_device(struct smr_supplier_db *db, uint64_t number, const struct smr_eid *eid,
				    struct smr_supplier_device *out) SMR_MUST_USE;
enum smr_err smr_supplier_db_devices(struct smr_supplier_db *db, uint64_t number,
				     enum smr_err (*each)(void *context, const struct smr_supplier_device *device),
				     void *context) SMR_MUST_USE;
/** The device whose TPM has this endorsement key, as far as a station found out itself. SMR_E_NOT_FOUND. */
enum smr_err smr_supplier_db_endorsed(struct smr_supplier_db *db, const uint8_t ek[SMR_POINT_LEN],
				      struct smr_eid *out) SMR_MUST_USE;
/**
 * The device proved its keys: take them, and the endorsement, over. Durable on return.
 * @param ek  of its TPM, uncompressed, once verified (it replaces the one that this device had before), or NULL.
 * @return SMR_E_DUPLICATE: another device has one of them.
 */
enum smr_err smr_supplier_db_enrol(struct smr_supplier_db *db, uint64_t number,
				   const struct smr_shipment_record *record, const uint8_t *ek) SMR_MUST_USE;

#endif
