/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file keys.h
 * What a TRE keeps in a TPM: its two keys, a counter, and a secret that is sealed to a measured state.
 *
 * Errors are those of tpm.h. An authorisation value is SMR_TPM_AUTH_LEN random octets; it never crosses the bus in clear.
 */
#ifndef SMR_TPM_KEYS_H
#define SMR_TPM_KEYS_H

#include "core/attest.h"
#include "tpm/tpm.h"

#define SMR_TPM_AUTH_LEN 32u

/* ---- keys ---- */

/** The two keys of a TRE. Public points, uncompressed. */
struct smr_tpm_keys {
	uint8_t d[SMR_POINT_LEN];
	uint8_t t[SMR_POINT_LEN];
};

/**
 * Make d and t; earlier ones are removed.
 *
 * d is a primary key of the endorsement hierarchy in the template of core/tpm_quote.h, t one of the owner's, for agreement alone. Random
 * octets that are forgotten at once go into both, so that nobody who has the hierarchies can make them a second time with an authorisation
 * of his own. Both stay in the TPM, and no key of theirs ever leaves it.
 */
enum smr_err smr_tpm_keys_create(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN],
				 struct smr_tpm_keys *out) SMR_MUST_USE;
/** Find them. SMR_E_TPM_CLEARED: they are not there. */
enum smr_err smr_tpm_keys_load(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN],
			       struct smr_tpm_keys *out) SMR_MUST_USE;

/**
 * d quotes PCRs. After keys_create or keys_load.
 * @param hash        qualifying data.
 * @param pcr_digest  [out] what the quote states of these PCRs.
 * @return SMR_E_STATE: no keys are loaded; SMR_E_TPM_CLEARED: they are another's.
 */
enum smr_err smr_tpm_quote(struct smr_tpm *tpm, uint32_t pcrs, const uint8_t hash[SMR_HASH_LEN],
			   struct smr_attestation *out, uint8_t pcr_digest[SMR_HASH_LEN]) SMR_MUST_USE;
/**
 * d certifies t: TPM2_Certify, for smr_tpm_certify_verify.
 * @param hash  qualifying data.
 * @return SMR_E_STATE: no keys are loaded; SMR_E_TPM_CLEARED: they are another's.
 */
enum smr_err smr_tpm_certify(struct smr_tpm *tpm, const uint8_t hash[SMR_HASH_LEN],
			     struct smr_attestation *out) SMR_MUST_USE;
/** t agrees: x coordinate, secret. SMR_E_STATE; SMR_E_TPM_CLEARED. */
enum smr_err smr_tpm_agree(struct smr_tpm *tpm, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN]) SMR_MUST_USE;

/* ---- counter ---- */

/** Is there a counter, whoever's? SMR_E_NOT_FOUND: none. */
enum smr_err smr_tpm_counter_find(struct smr_tpm *tpm) SMR_MUST_USE;
/**
 * Make the counter: one index of the owner's hierarchy that counts up and can be read and counted with @p auth alone. Whoever removes it
 * and makes another cannot give it a value that was there before: no counter of a TPM starts below the highest that it ever had.
 * One with this very @p auth is taken as it is, also one whose making a power cut interrupted.
 * @param value  [out] where it stands: where it starts, if it was not counted yet.
 * @return SMR_E_EXISTS: there is another's, this TPM serves a TRE already.
 */
enum smr_err smr_tpm_counter_create(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN],
				    uint64_t *value) SMR_MUST_USE;
/** SMR_E_TPM_CLEARED: there is none, or another's; SMR_E_NOT_FOUND: it was never counted. */
enum smr_err smr_tpm_counter_read(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN],
				  uint64_t *value) SMR_MUST_USE;
/** One up, durable on return. SMR_E_TPM_CLEARED. */
enum smr_err smr_tpm_counter_advance(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN]) SMR_MUST_USE;

/* ---- history ---- */

/**
 * The history is one index that is extended, never set, and that opens to @p auth alone: of a TPM that does what it is to do, only who knows all
 * that it was extended by since can bring an earlier state to its value. Begin it, for a TPM that serves no TRE yet: its first value is random.
 * One that was begun with this very @p auth goes on; any other is removed.
 */
enum smr_err smr_tpm_history_begin(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN]) SMR_MUST_USE;
/** Only make room for it, for a TRE that recorded before there was a history; one that is there stays, whoever's. SMR_E_TPM_FULL. */
enum smr_err smr_tpm_history_create(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN]) SMR_MUST_USE;
/** SMR_E_NOT_FOUND: it was never extended, which counts as 32 zeros; SMR_E_TPM_CLEARED: there is none, or another's. */
enum smr_err smr_tpm_history_read(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN],
				  uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;
/** Durable on return. SMR_E_TPM_CLEARED. */
enum smr_err smr_tpm_history_extend(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN],
				    const uint8_t by[SMR_HASH_LEN]) SMR_MUST_USE;
/** What it will be once it is extended. */
enum smr_err smr_tpm_history_after(const uint8_t now[SMR_HASH_LEN], const uint8_t by[SMR_HASH_LEN],
				   uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/* ---- sealing ---- */

#define SMR_TPM_SECRET_MAX 64u
#define SMR_TPM_SEALED_MAX 512u

/**
 * Seal a secret so that it opens in this TPM alone, and only while the PCRs have the values that are named.
 *
 * @param pcr_digest  of the PCRs @p pcrs: the present one, or of a state to come.
 * @param sealed      [in,out] room of SMR_TPM_SEALED_MAX; the sealed form begins with the name of the key that it is sealed under.
 */
enum smr_err smr_tpm_seal(struct smr_tpm *tpm, uint32_t pcrs, const uint8_t pcr_digest[SMR_HASH_LEN],
			  struct smr_bytes secret, struct smr_space *sealed) SMR_MUST_USE;
/**
 * @param secret  [in,out] room; wiped unless SMR_OK.
 * @return SMR_E_MEASUREMENT: the PCRs have other values; SMR_E_TPM_CLEARED: sealed by another TPM, or before this one was cleared;
 *         SMR_E_TAMPERED: altered; SMR_E_NO_ROOM.
 */
enum smr_err smr_tpm_unseal(struct smr_tpm *tpm, uint32_t pcrs, struct smr_bytes sealed,
			    struct smr_space *secret) SMR_MUST_USE;

#endif
