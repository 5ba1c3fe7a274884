/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file population.h
 * Who a simulated fleet is: supplier, operator and devices, all their names and keys from one seed. The same seed makes the same people
 * anywhere, so nothing of them needs to be kept but the seed. They are for measuring and testing: whoever has the seed has every key.
 *
 * A device has a row number, from 0. Its EID, ICCID and IMSI count with it.
 */
#ifndef SMR_FLEET_POPULATION_H
#define SMR_FLEET_POPULATION_H

#include "core/mcim.h"

#define SMR_POPULATION_SEED_LEN 32u
#define SMR_POPULATION_ROWS_MAX UINT64_C(10000000000) /* an IMSI has ten digits for them */
#define SMR_POPULATION_SHIPMENT 1u		      /* the supplier's number of the one shipment */
#define SMR_POPULATION_INTERVAL_S 86400u	      /* between check-ins, as the MCIMs say */

struct smr_population {
	uint8_t seed[SMR_POPULATION_SEED_LEN];
	struct smr_privkey supplier;
	struct smr_privkey operator_key;
	uint8_t supplier_point[SMR_POINT_COMPRESSED_LEN];
	uint8_t operator_point[SMR_POINT_COMPRESSED_LEN];
	uint8_t auc_sign[SMR_POINT_COMPRESSED_LEN];
	uint8_t auc_kem[SMR_POINT_COMPRESSED_LEN];
	uint8_t nobody[SMR_POINT_COMPRESSED_LEN]; /* a device key whose private half does not exist any more */
	struct smr_key_id operator_id;
	struct smr_shipment_id shipment;
	uint8_t gate[16];
	uint8_t storage_key[SMR_AEAD_KEY_LEN]; /* of all TREs of this fleet */
	uint8_t measurement[SMR_HASH_LEN];     /* what all devices of this fleet run */
	uint32_t tag;			       /* eight digits that all its EIDs have in common */
};

/** SMR_E_CRYPTO. Release with smr_population_wipe after SMR_OK. */
enum smr_err smr_population_init(struct smr_population *population,
				 const uint8_t seed[SMR_POPULATION_SEED_LEN]) SMR_MUST_USE;
void smr_population_wipe(struct smr_population *population);

/** Names only: cheap. SMR_E_INVALID: @p row is not below SMR_POPULATION_ROWS_MAX. */
enum smr_err smr_population_eid(const struct smr_population *population, uint64_t row,
				struct smr_eid *eid) SMR_MUST_USE;
enum smr_err smr_population_iccid(uint64_t row, struct smr_iccid *iccid) SMR_MUST_USE;
/** The serial of a device's MCIM. */
uint64_t smr_population_serial(uint64_t row);

/** A device with its secrets and its subscription. Wipe it. */
struct smr_population_device {
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
	struct smr_privkey d;
	struct smr_privkey t;
	uint8_t d_point[SMR_POINT_COMPRESSED_LEN];
	uint8_t t_point[SMR_POINT_COMPRESSED_LEN];
	struct smr_mcim mcim;
};
enum smr_err smr_population_device(const struct smr_population *population, uint64_t row,
				   struct smr_population_device *out) SMR_MUST_USE;
void smr_population_device_wipe(struct smr_population_device *device);

/** Its certificate, signed by the supplier. */
enum smr_err smr_population_certify(const struct smr_population *population, const struct smr_population_device *device,
				    struct smr_space *certificate) SMR_MUST_USE;
/** Its subscription, sealed by the operator: X and W as in a batch. @p x  [in,out] room, SMR_X_MAX is enough. */
enum smr_err smr_population_seal(const struct smr_population *population, const struct smr_population_device *device,
				 struct smr_space *x, uint8_t w[SMR_SIG_LEN]) SMR_MUST_USE;

#endif
