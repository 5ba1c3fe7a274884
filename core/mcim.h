/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mcim.h
 * The MCIM as the operator seals it to one TRE (X), its authorisation (W), and the package that carries both.
 *
 * X = HPKE seal to T; info "samara1 mcim"; associated data = CBOR [operator point, EID, ICCID, serial]. For a device with a TPM whose
 *     maker the operator trusts: enc, compressed | part of a credential | ciphertext of HPKE in mode_psk, psk_id "samara1 tpm"; the
 *     pre-shared key is what that TPM gives out for the credential, which enc and that part make up, to who may use t. The first octet
 *     tells the forms apart: 04, or 02 and 03.
 * W = detached signature of the operator over CBOR [EID, ICCID, serial, SHA-256(X), SHA-256(order) or null].
 */
#ifndef SMR_MCIM_H
#define SMR_MCIM_H

#include "core/aka/aka.h"
#include "core/hpke.h"
#include "core/object.h"
#include "core/tpm_credential.h"

#define SMR_MCIM_PLAIN_MAX 112u
#define SMR_X_FOR_TPM_HEAD (SMR_POINT_COMPRESSED_LEN + SMR_TPM_PROTECTED_LEN)
#define SMR_X_MAX (SMR_X_FOR_TPM_HEAD + SMR_MCIM_PLAIN_MAX + SMR_AEAD_TAG_LEN)

/** The content of X: a subscription. Wiped by smr_mcim_wipe. */
struct smr_mcim {
	struct smr_imsi imsi;
	struct smr_aka_params aka;
	uint64_t sqn_delta;	     /* SEQ units; TS 33.102 C.2.1; 1 to 2^43 - 1, usually 2^28 */
	uint64_t sqn_age_limit;	     /* SEQ units; 0: none */
	uint32_t checkin_interval_s; /* policy: seconds between check-ins, 60 to 31536000 */
	uint32_t profile;	     /* service profile number that the network enforces; 0: none */
};
void smr_mcim_wipe(struct smr_mcim *mcim);

/** What X is bound to; both ends rebuild it. */
struct smr_mcim_binding {
	uint8_t operator_key[SMR_POINT_COMPRESSED_LEN];
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
};

/**
 * Seal.
 * @param t  the device's KEM key.
 * @param x  [in,out] room, SMR_X_MAX is always enough.
 * @return SMR_E_MALFORMED, _UNSUPPORTED: what smr_mcim_open would refuse; SMR_E_NO_ROOM; SMR_E_CRYPTO.
 */
enum smr_err smr_mcim_seal(const struct smr_pubkey *t, const struct smr_mcim_binding *binding,
			   const struct smr_mcim *mcim, struct smr_space *x) SMR_MUST_USE;
/**
 * Seal so that X opens only in one TPM: that which holds the endorsement key @p ek, if it made @p t there. Who has the private half of
 * @p t elsewhere opens nothing: so the word of whoever certified @p t is not enough to get at the subscription.
 * @param ek  the operator has verified that a TPM's maker vouches for it.
 */
enum smr_err smr_mcim_seal_to_tpm(const struct smr_pubkey *t, const struct smr_pubkey *ek,
				  const struct smr_mcim_binding *binding, const struct smr_mcim *mcim,
				  struct smr_space *x) SMR_MUST_USE;
/**
 * Open in the TRE, in either form: which one it is was the operator's to decide, and W is its word for it.
 * @param out  [out] all zero unless SMR_OK. Secret: smr_mcim_wipe on every path.
 * @return SMR_E_UNOPENED, _BAD_POINT: not for this device, TPM, operator, ICCID or serial, or altered; SMR_E_MALFORMED,
 * _UNSUPPORTED: the operator sealed something this TRE does not understand, or for a TPM and there is none; SMR_E_CRYPTO, or what @p t
 * fails with.
 */
enum smr_err smr_mcim_open(const struct smr_agreer *t, const struct smr_mcim_binding *binding, struct smr_bytes x,
			   struct smr_mcim *out) SMR_MUST_USE;

/** What W states besides the binding. @param order  encoded order, or SMR_NONE. */
enum smr_err smr_w_sign(const struct smr_privkey *operator_key, const struct smr_mcim_binding *binding,
			struct smr_bytes x, struct smr_bytes order, uint8_t w[SMR_SIG_LEN]) SMR_MUST_USE;
enum smr_err smr_w_verify(const struct smr_pubkey *operator_key, const struct smr_mcim_binding *binding,
			  struct smr_bytes x, struct smr_bytes order, const uint8_t w[SMR_SIG_LEN]) SMR_MUST_USE;

/** The package in M2 and in the store of the RO: everything here may be read by anyone. Views into the input. */
struct smr_package {
	struct smr_key_id operator_id;
	struct smr_iccid iccid;
	uint64_t serial;
	struct smr_bytes x;
	uint8_t w[SMR_SIG_LEN];
	struct smr_bytes order; /* encoded order, or empty */
};
void smr_put_package(struct smr_writer *w, const struct smr_package *package);
void smr_get_package(struct smr_reader *r, struct smr_package *out);

#endif
