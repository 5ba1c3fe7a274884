/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file object.h
 * Signed objects that travel between parties: device certificate, flight key, owner's order, operator's command,
 * and the operator's own receipts (docs/protocol.md, «Objects»).
 *
 * `_sign` appends to a writer, `_open` reads the encoded object, verifies it and only then fills its output: that is
 * untouched unless SMR_OK. `_sign` takes nothing that `_open` would find outside the grammar (SMR_E_INVALID), but does
 * not look at check digits.
 */
#ifndef SMR_OBJECT_H
#define SMR_OBJECT_H

#include "core/attest.h"
#include "core/cose.h"
#include "core/ident.h"

#define SMR_CERTIFICATE_MAX 192u
#define SMR_FLIGHT_KEY_MAX 160u
#define SMR_ORDER_MAX 160u
#define SMR_COMMAND_MAX 160u
#define SMR_RECEIPT_MAC_LEN 16u

/** What a supplier certifies about a device: the compact replacement of an X.509 certificate. */
struct smr_certificate {
	struct smr_eid eid;
	uint8_t d[SMR_POINT_COMPRESSED_LEN]; /* device signature key */
	uint8_t t[SMR_POINT_COMPRESSED_LEN]; /* KEM key that subscriptions are sealed to */
	struct smr_shipment_id shipment;
	enum smr_platform platform; /* how it attests */
};
enum smr_err smr_certificate_sign(struct smr_writer *w, const struct smr_privkey *supplier,
				  const struct smr_certificate *certificate) SMR_MUST_USE;
/** SMR_E_MALFORMED, SMR_E_SIGNATURE; SMR_E_CHECK_DIGIT: of the EID. */
enum smr_err smr_certificate_open(struct smr_bytes encoded, const struct smr_pubkey *supplier,
				  struct smr_certificate *out) SMR_MUST_USE;
/** The claims before any check, to find the supplier's key by shipment id. Trust nothing in them. */
enum smr_err smr_certificate_peek(struct smr_bytes encoded, struct smr_certificate *out) SMR_MUST_USE;

enum smr_flight_key_kind { SMR_FLIGHT_KEY_SHELF = 0, SMR_FLIGHT_KEY_EPOCH = 1 };

/** A server DH key Q as the RO root signs it. Times are seconds since 1970-01-01 UTC; a TRE has no clock and uses
 * the number alone (it accepts only higher ones). */
struct smr_flight_key {
	enum smr_flight_key_kind kind;
	uint32_t number; /* unique under one RO root, never 0; names Q in M1 */
	uint8_t q[SMR_POINT_COMPRESSED_LEN];
	uint64_t not_before;
	uint64_t not_after; /* above not_before */
};
enum smr_err smr_flight_key_sign(struct smr_writer *w, const struct smr_privkey *root,
				 const struct smr_flight_key *key) SMR_MUST_USE;
/** SMR_E_MALFORMED, SMR_E_SIGNATURE; SMR_E_BAD_POINT: Q is not on the curve. */
enum smr_err smr_flight_key_open(struct smr_bytes encoded, const struct smr_pubkey *root,
				 struct smr_flight_key *out) SMR_MUST_USE;

/** Owner's order: «this operator may provision this device, or the devices of this shipment». */
struct smr_order {
	uint64_t serial;
	uint8_t operator_key[SMR_POINT_COMPRESSED_LEN];
	bool whole_shipment;
	struct smr_eid eid;		 /* unless whole_shipment */
	struct smr_shipment_id shipment; /* if whole_shipment */
};
enum smr_err smr_order_sign(struct smr_writer *w, const struct smr_privkey *owner,
			    const struct smr_order *order) SMR_MUST_USE;
/** SMR_E_MALFORMED, SMR_E_SIGNATURE; SMR_E_CHECK_DIGIT: of the EID. */
enum smr_err smr_order_open(struct smr_bytes encoded, const struct smr_pubkey *owner,
			    struct smr_order *out) SMR_MUST_USE;
/** SHA-256 of the encoded order, the form in which W names it. */
enum smr_err smr_order_hash(struct smr_bytes encoded, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** States of an MCIM in its TRE (requirement O5). Values are on the wire. */
enum smr_mcim_state { SMR_MCIM_NONE = 0, SMR_MCIM_ACTIVATED = 1, SMR_MCIM_SUSPENDED = 2 };

/** Operator's command: an absolute state with a serial, for the MCIM that the signer owns. */
struct smr_command {
	struct smr_key_id operator_id;
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
	enum smr_mcim_state state; /* ACTIVATED or SUSPENDED */
};
enum smr_err smr_command_sign(struct smr_writer *w, const struct smr_privkey *operator_key,
			      const struct smr_command *command) SMR_MUST_USE;
/** SMR_E_MALFORMED, SMR_E_SIGNATURE; SMR_E_UNSUPPORTED: a state that is not commanded; SMR_E_CHECK_DIGIT. */
enum smr_err smr_command_open(struct smr_bytes encoded, const struct smr_pubkey *operator_key,
			      struct smr_command *out) SMR_MUST_USE;
/** The claims before any check, to find the MCIM concerned. */
enum smr_err smr_command_peek(struct smr_bytes encoded, struct smr_command *out) SMR_MUST_USE;

/* NONE stands in records of the relay alone: there is no receipt, and evidence that says why (docs/protocol.md section 5). */
enum smr_receipt_kind { SMR_RECEIPT_INSTALL = 1, SMR_RECEIPT_COMMAND = 2, SMR_RECEIPT_NONE = 3 };

/** A receipt as it travels in C1 and to the operator. Only the operator (who holds K) can check its MAC. */
struct smr_receipt {
	enum smr_receipt_kind kind;
	struct smr_iccid iccid;
	uint64_t serial;
	uint32_t result; /* install: 0; command: 0 done, else the smr_err that refused it */
	uint8_t mac[SMR_RECEIPT_MAC_LEN];
};
/** CBOR of a receipt inside a report or a relay record. */
void smr_put_receipt(struct smr_writer *w, const struct smr_receipt *receipt);
void smr_get_receipt(struct smr_reader *r, struct smr_receipt *out);

/**
 * MAC of an install receipt: HMAC under KDF(K, "ack-install") over EID, ICCID, serial, hash(X), hash(ev).
 * @param k  the subscriber key K, 16 or 32 octets.
 */
enum smr_err smr_receipt_install_mac(struct smr_bytes k, const struct smr_eid *eid, const struct smr_iccid *iccid,
				     uint64_t serial, const uint8_t hash_x[SMR_HASH_LEN],
				     const uint8_t hash_ev[SMR_HASH_LEN],
				     uint8_t out[SMR_RECEIPT_MAC_LEN]) SMR_MUST_USE;
/** MAC of a command receipt: HMAC under KDF(K, "ack-cmd") over EID, ICCID, serial, state commanded, result. */
enum smr_err smr_receipt_command_mac(struct smr_bytes k, const struct smr_eid *eid, const struct smr_iccid *iccid,
				     uint64_t serial, enum smr_mcim_state state, uint32_t result,
				     uint8_t out[SMR_RECEIPT_MAC_LEN]) SMR_MUST_USE;

#endif
