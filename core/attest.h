/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file attest.h
 * How a device vouches for its evidence, and with which key it agrees: a key in memory, or one that never leaves the
 * platform's TPM.
 */
#ifndef SMR_ATTEST_H
#define SMR_ATTEST_H

#include "core/tpm_credential.h"

/** How a device attests, as its supplier states it. Values are on the wire. */
enum smr_platform { SMR_PLATFORM_SOFTWARE = 0, SMR_PLATFORM_TPM = 1 };

/** The two keys of a device. */
enum smr_own_key { SMR_OWN_D = 1, SMR_OWN_T = 2 };

/** The certificate of a TPM's endorsement key (X.509, DER), at most. */
#define SMR_ENDORSEMENT_MAX 1024u

/** CBOR of a platform as an optional last member: whoever has software keys leaves it out. */
void smr_put_platform(struct smr_writer *w, enum smr_platform platform);
/** Read it back where @p present, else SMR_PLATFORM_SOFTWARE. */
enum smr_platform smr_get_platform(struct smr_reader *r, bool present);

/** What vouches for evidence: a signature of d over the hash, or over a quote that has the hash as its qualifying data. */
struct smr_attestation {
	uint8_t sig[SMR_SIG_LEN];
	bool quoted;
	struct smr_tpm_quote quote; /* if quoted */
};

/** Who attests: @p key, or where that is NULL the platform. */
struct smr_attester {
	const struct smr_privkey *key;
	void *context;
	/** Attest @p hash. The measurement in the evidence is the PCRs' at this very moment, or nobody will believe it. */
	enum smr_err (*attest)(void *context, const uint8_t hash[SMR_HASH_LEN], struct smr_attestation *out);
};

/** Attest @p hash. Errors are those of the seam or of the platform. */
enum smr_err smr_attest(const struct smr_attester *attester, const uint8_t hash[SMR_HASH_LEN],
			struct smr_attestation *out) SMR_MUST_USE;

/** Who agrees: @p key, or where that is NULL the platform, with the public point of its key. */
struct smr_agreer {
	const struct smr_privkey *key;
	const uint8_t *point; /* SMR_POINT_LEN octets, uncompressed; without a key */
	void *context;
	/** x coordinate of own·peer, secret. */
	enum smr_err (*agree)(void *context, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN]);
	/** What a credential for one of its keys protects (core/tpm_credential.h), secret. NULL: they are not in a TPM. SMR_E_UNOPENED: made
	 * for another TPM or another key, or altered. */
	enum smr_err (*activate)(void *context, enum smr_own_key key, struct smr_bytes credential,
				 uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN]);
};

/** Agree with @p peer. Errors are those of the seam or of the platform. */
enum smr_err smr_agree(const struct smr_agreer *own, const struct smr_pubkey *peer,
		       uint8_t out[SMR_DH_LEN]) SMR_MUST_USE;
/** The public point, uncompressed. */
const uint8_t *smr_agreer_point(const struct smr_agreer *own);

#endif
