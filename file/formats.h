/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file formats.h
 * Records of each file type, encode and decode (docs/protocol.md section 5).
 */
#ifndef SMR_FORMATS_H
#define SMR_FORMATS_H

#include "core/boot_log.h"
#include "core/flight.h"
#include "file/file.h"

/* Encoders append to a writer, whose error sticks. Decoders take one whole encoding; they check check digits of EID,
 * ICCID and IMEI (SMR_E_CHECK_DIGIT; inside a package SMR_E_MALFORMED) and the form of points, not that points are on
 * the curve: smr_pubkey_import does that where a key is used. @p out is filled only with SMR_OK. */

/* About of types 2, 4, 5 and 8: []. */
void smr_put_empty_about(struct smr_writer *w);
enum smr_err smr_get_empty_about(struct smr_bytes encoded) SMR_MUST_USE;

/* Shipment (1): supplier → RO and SHO. */
struct smr_shipment_about {
	struct smr_shipment_id id;
	bool owner_bound;
	uint8_t owner[SMR_POINT_COMPRESSED_LEN];
	bool has_gate;
	uint8_t gate[16];
	enum smr_platform platform; /* of all its devices */
};
struct smr_shipment_record {
	struct smr_eid eid;
	bool has_imei;
	struct smr_imei imei;
	uint8_t d[SMR_POINT_COMPRESSED_LEN];
	uint8_t t[SMR_POINT_COMPRESSED_LEN];
	/* Of a TPM: the certificate of its endorsement key (file/endorsement.h), for whoever does not take the supplier's word for it. */
	size_t endorsement_len; /* 0: none */
	uint8_t endorsement[SMR_ENDORSEMENT_MAX];
};
void smr_put_shipment_about(struct smr_writer *w, const struct smr_shipment_about *about);
enum smr_err smr_get_shipment_about(struct smr_bytes encoded, struct smr_shipment_about *out) SMR_MUST_USE;
void smr_put_shipment_record(struct smr_writer *w, const struct smr_shipment_record *record);
enum smr_err smr_get_shipment_record(struct smr_bytes encoded, struct smr_shipment_record *out) SMR_MUST_USE;
/** SHA-256("samara1 shipment" | supplier point | be64(number)), first 8 octets. */
enum smr_err smr_shipment_id_of(const uint8_t supplier[SMR_POINT_COMPRESSED_LEN], uint64_t number,
				struct smr_shipment_id *out) SMR_MUST_USE;

/* Reference measurements (2): supplier → RO and SHO; about = []. The file replaces the supplier's earlier list. */
struct smr_reference_record {
	uint8_t measurement
		[SMR_HASH_LEN]; /* what is approved: of software; or of a boot log the state of the PCRs (smr_tpm_state) */
	struct smr_boot_log log; /* of devices with a TPM; count 0: software. Views into what was decoded */
	char version[65];
};
/** A log is written where there is one, else the measurement. */
void smr_put_reference_record(struct smr_writer *w, const struct smr_reference_record *record);
enum smr_err smr_get_reference_record(struct smr_bytes encoded, struct smr_reference_record *out) SMR_MUST_USE;

/* Batch (3): SHO → RO, sealed to the RO's transport key; about = [card of the SHO's AuC]. Views into the input. */
struct smr_batch_record {
	struct smr_eid eid;
	struct smr_package package;
	/* From which shipment the keys were taken that it is sealed for. Another one than before: the operator accepts that the
	 * device was enrolled anew. */
	bool has_shipment;
	struct smr_shipment_id shipment;
	uint32_t
		interval_s; /* between check-ins, as sealed in X: the RO chooses the class of its tickets by it. 0: not said */
};
void smr_put_batch_about(struct smr_writer *w, struct smr_bytes auc_card);
enum smr_err smr_get_batch_about(struct smr_bytes encoded, struct smr_bytes *auc_card) SMR_MUST_USE;
void smr_put_batch_record(struct smr_writer *w, const struct smr_batch_record *record);
enum smr_err smr_get_batch_record(struct smr_bytes encoded, struct smr_batch_record *out) SMR_MUST_USE;

/* Subscriptions (4): SHO → AuC, sealed to the AuC; about = []. What the AuC needs to authenticate, and to judge
 * evidence. */
enum smr_subscription_action {
	SMR_SUBSCRIPTION_ADD = 1,     /* a sealed subscription, inactive until evidence and receipt are verified */
	SMR_SUBSCRIPTION_SUSPEND = 2, /* no vectors */
	SMR_SUBSCRIPTION_RESUME = 3,
	SMR_SUBSCRIPTION_WITHDRAW = 4 /* never active, or not any more; serial of the MCIM */
};
struct smr_subscription_record {
	enum smr_subscription_action action;
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial; /* of the MCIM; for SUSPEND and RESUME: of the command */
	/* the rest for ADD only */
	struct smr_imsi imsi;
	struct smr_aka_params aka;
	uint8_t amf[2];
	uint64_t sqn;			     /* 48 bits; never lowers what the AuC holds */
	uint8_t d[SMR_POINT_COMPRESSED_LEN]; /* the device's signature key, from the shipment */
	uint8_t hash_x[SMR_HASH_LEN];
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN]; /* whose reference measurements apply */
	enum smr_platform platform;		    /* of the device, from the shipment */
};
void smr_put_subscription_record(struct smr_writer *w, const struct smr_subscription_record *record);
enum smr_err smr_get_subscription_record(struct smr_bytes encoded, struct smr_subscription_record *out) SMR_MUST_USE;
void smr_subscription_record_wipe(struct smr_subscription_record *record);

/* Commands (5): SHO → RO; about = []: to the device, or about its package. Views into the input. */
struct smr_command_record {
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
	struct smr_bytes command; /* encoded signed command; empty: withdraw the package, serial is that of the MCIM */
};
void smr_put_command_record(struct smr_writer *w, const struct smr_command_record *record);
enum smr_err smr_get_command_record(struct smr_bytes encoded, struct smr_command_record *out) SMR_MUST_USE;

/* Evidence and receipts (6): RO → AuC, sealed to the AuC; about = [operator key id]. Views into the input. */
struct smr_evidence_record {
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
	struct smr_bytes evidence; /* encoded COSE_Sign1 over ev; empty for command receipts */
	uint8_t e[SMR_POINT_COMPRESSED_LEN];
	uint8_t q[SMR_POINT_COMPRESSED_LEN];
	struct smr_receipt receipt; /* of kind NONE: there is none, the evidence says that the package is not there */
};
void smr_put_evidence_record(struct smr_writer *w, const struct smr_evidence_record *record);
enum smr_err smr_get_evidence_record(struct smr_bytes encoded, struct smr_evidence_record *out) SMR_MUST_USE;

/* Acknowledgement (7): AuC → RO; about = [operator key id, number of the evidence file]. */
enum smr_ack_verdict { SMR_ACK_ACCEPTED = 0, SMR_ACK_REJECTED = 1 /* reseal */ };
struct smr_ack_record {
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
	enum smr_receipt_kind kind;
	enum smr_ack_verdict verdict;
};
void smr_put_relay_about(struct smr_writer *w, const struct smr_key_id *operator_id, uint64_t of, bool has_of);
enum smr_err smr_get_relay_about(struct smr_bytes encoded, bool has_of, struct smr_key_id *operator_id,
				 uint64_t *of) SMR_MUST_USE;
void smr_put_ack_record(struct smr_writer *w, const struct smr_ack_record *record);
enum smr_err smr_get_ack_record(struct smr_bytes encoded, struct smr_ack_record *out) SMR_MUST_USE;

/* Orders (8): owner → SHO; a record is an encoded order. Flight keys (9): RO → supplier; about = [root], a record is an
 * encoded flight key. */
void smr_put_flight_keys_about(struct smr_writer *w, const uint8_t root[SMR_POINT_COMPRESSED_LEN]);
enum smr_err smr_get_flight_keys_about(struct smr_bytes encoded, uint8_t root[SMR_POINT_COMPRESSED_LEN]) SMR_MUST_USE;

#endif
