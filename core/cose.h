/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cose.h
 * COSE_Sign1 with ES256 (RFC 9052 section 4.2, RFC 9053 section 2.1), untagged, protected header {1: -7}, no
 * unprotected headers.
 *
 * The external_aad is `label | 00 | extra`: the label separates the kinds of objects that one key may sign, the
 * extra octets are signed without being sent. Two forms: attached (the whole COSE_Sign1) and detached (only the 64
 * octets of the signature travel; the framing is fixed and the payload is rebuilt by the receiver).
 */
#ifndef SMR_COSE_H
#define SMR_COSE_H

#include "core/cbor.h"
#include "crypto/crypto.h"

/** Octets that attached framing adds to a payload of up to 255 octets (24 and more). */
#define SMR_COSE_OVERHEAD 74u

/* One label per kind of signed object (docs/protocol.md, «Signatures»). */
#define SMR_LABEL_EVIDENCE "samara1 ev"
#define SMR_LABEL_CERTIFICATE "samara1 certificate"
#define SMR_LABEL_FLIGHT_KEY "samara1 flight-key"
#define SMR_LABEL_MCIM "samara1 mcim"
#define SMR_LABEL_ORDER "samara1 order"
#define SMR_LABEL_COMMAND "samara1 cmd"
#define SMR_LABEL_ENROL "samara1 enrol"
#define SMR_LABEL_FILE "samara1 file"
#define SMR_LABEL_CARD "samara1 card"
#define SMR_LABEL_RELEASE "samara1 release"

/** The parts of an attached COSE_Sign1, as views into the input. */
struct smr_signed {
	struct smr_bytes whole;	  /* the encoded COSE_Sign1 */
	struct smr_bytes payload; /* not trustworthy before smr_cose_verify */
	struct smr_bytes signature;
};

/** SHA-256 of the Sig_structure: what is signed. */
enum smr_err smr_cose_hash(const char *label, struct smr_bytes extra, struct smr_bytes payload,
			   uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** Append an attached COSE_Sign1 to @p w. Errors stick in it. A writer that only counts is not signed for. */
enum smr_err smr_cose_sign(struct smr_writer *w, const struct smr_privkey *key, const char *label,
			   struct smr_bytes extra, struct smr_bytes payload) SMR_MUST_USE;

/** The same with a signature that was made elsewhere. */
void smr_put_signed(struct smr_writer *w, struct smr_bytes payload, const uint8_t sig[SMR_SIG_LEN]);

/** Read the framing of an attached COSE_Sign1 from @p r; checks no signature. SMR_E_MALFORMED; SMR_E_UNSUPPORTED: a
 * protected header of another algorithm. All empty after an error. */
struct smr_signed smr_get_signed(struct smr_reader *r);

/** Check the signature of an attached object. SMR_E_SIGNATURE. */
enum smr_err smr_cose_verify(const struct smr_signed *object, const struct smr_pubkey *key, const char *label,
			     struct smr_bytes extra) SMR_MUST_USE;

/** Detached: 64 octets. */
enum smr_err smr_cose_sign_detached(const struct smr_privkey *key, const char *label, struct smr_bytes extra,
				    struct smr_bytes payload, uint8_t sig[SMR_SIG_LEN]) SMR_MUST_USE;
enum smr_err smr_cose_verify_detached(const struct smr_pubkey *key, const char *label, struct smr_bytes extra,
				      struct smr_bytes payload, const uint8_t sig[SMR_SIG_LEN]) SMR_MUST_USE;

#endif
