/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tpm_quote.h
 * What a TPM 2.0 signs when it quotes its PCRs or certifies a key (TPM 2.0 library, part 2, 10.12 TPMS_ATTEST), made from what a
 * verifier knows, and the replay of a boot log.
 *
 * A quote is rebuilt, never parsed: every octet that the TPM signed comes from the signer's public key, the hash that was to
 * be quoted, the digest that is claimed, and the few numbers of smr_tpm_quote, so that no octet has a meaning that its
 * sender chose. For that the key is a primary key of the endorsement hierarchy with one template:
 *
 *   ECC P-256, nameAlg SHA-256; fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign;
 *   no authPolicy; symmetric NULL, scheme ECDSA with SHA-256, kdf NULL.
 *
 * A key of another template or hierarchy has another name, and what it signs does not verify here.
 */
#ifndef SMR_TPM_QUOTE_H
#define SMR_TPM_QUOTE_H

#include "core/cbor.h"
#include "crypto/crypto.h"

/** objectAttributes of the templates of d, above, and of t, below. */
#define SMR_TPM_ATTESTER_ATTRIBUTES 0x00050472u
#define SMR_TPM_AGREER_ATTRIBUTES 0x00020472u
/** A name: algorithm (2 octets) and SHA-256. */
#define SMR_TPM_NAME_LEN (2u + SMR_HASH_LEN)
/** TPMS_ATTEST of a quote over one selection of the SHA-256 bank. */
#define SMR_TPM_ATTEST_LEN 145u
/** PCRs that a selection of three octets can name. */
#define SMR_TPM_PCRS 24u
/** PCRs that only a reset of the platform sets back (PC client profile 4.6.2): 0 to 15. The others can be reset by software
 * that runs later, and say nothing. */
#define SMR_TPM_STATIC_PCRS 16u

/** What the TPM adds of its own (TPMS_CLOCK_INFO, firmwareVersion), and the selection. */
struct smr_tpm_quote {
	uint64_t clock_ms; /* time that the TPM was powered, since it was cleared; never goes back */
	uint32_t resets;   /* times that it was reset, since then */
	uint32_t restarts; /* times that it was resumed, since the reset */
	bool safe;	   /* no higher clock was shown before */
	uint64_t firmware;
	uint32_t pcrs; /* bit n: PCR n of the SHA-256 bank is selected; below 2^24 */
};

/** CBOR of what the TPM adds. */
void smr_put_tpm_quote(struct smr_writer *w, const struct smr_tpm_quote *quote);
/** Read it back; @p out is meaningless if the reader has failed. */
void smr_get_tpm_quote(struct smr_reader *r, struct smr_tpm_quote *out);

/**
 * Name of the key with public point @p d in the template above: nameAlg | SHA-256(TPMT_PUBLIC).
 * MakeCredential and the enrolment go by it.
 */
enum smr_err smr_tpm_name(const uint8_t d[SMR_POINT_LEN], uint8_t out[SMR_TPM_NAME_LEN]) SMR_MUST_USE;

/**
 * The same for the key that agrees, @p t, a primary key of the owner's hierarchy with one template too: ECC P-256, nameAlg SHA-256;
 * fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, decrypt; no authPolicy; symmetric, scheme and kdf NULL.
 */
enum smr_err smr_tpm_name_t(const uint8_t t[SMR_POINT_LEN], uint8_t out[SMR_TPM_NAME_LEN]) SMR_MUST_USE;

/**
 * The TPMS_ATTEST that a quote by @p d signs.
 *
 * @param extra       the qualifying data.
 * @param pcr_digest  SHA-256 of the selected PCRs, in ascending order.
 * @return SMR_E_INVALID: a PCR that does not exist; SMR_E_CRYPTO.
 */
enum smr_err smr_tpm_attest_rebuild(const uint8_t d[SMR_POINT_LEN], const struct smr_tpm_quote *quote,
				    const uint8_t extra[SMR_HASH_LEN], const uint8_t pcr_digest[SMR_HASH_LEN],
				    uint8_t out[SMR_TPM_ATTEST_LEN]) SMR_MUST_USE;

/** SHA-256 of it: what the signature is over. */
enum smr_err smr_tpm_attest_hash(const uint8_t d[SMR_POINT_LEN], const struct smr_tpm_quote *quote,
				 const uint8_t extra[SMR_HASH_LEN], const uint8_t pcr_digest[SMR_HASH_LEN],
				 uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** Is @p sig (r | s) the signature of a quote with exactly these contents? SMR_E_SIGNATURE: no; SMR_E_INVALID; SMR_E_CRYPTO. */
enum smr_err smr_tpm_quote_verify(const struct smr_pubkey *d, const struct smr_tpm_quote *quote,
				  const uint8_t extra[SMR_HASH_LEN], const uint8_t pcr_digest[SMR_HASH_LEN],
				  const uint8_t sig[SMR_SIG_LEN]) SMR_MUST_USE;

/**
 * Is @p sig (r | s) the signature of TPM2_Certify by @p d over @p t? Then t is in the TPM that d is in, with the template of
 * smr_tpm_name_t.
 * @param said  what the TPM added; its PCRs do not count.
 * @return SMR_E_SIGNATURE: no; SMR_E_CRYPTO.
 */
enum smr_err smr_tpm_certify_verify(const struct smr_pubkey *d, const uint8_t t[SMR_POINT_LEN],
				    const struct smr_tpm_quote *said, const uint8_t extra[SMR_HASH_LEN],
				    const uint8_t sig[SMR_SIG_LEN]) SMR_MUST_USE;

/**
 * A state of the PCRs as it is approved: SHA-256("samara1 pcrs" | be32(pcrs) | digest). The set belongs to it: PCRs that software can
 * reset hold any digest that one likes.
 */
enum smr_err smr_tpm_state(uint32_t pcrs, const uint8_t digest[SMR_HASH_LEN], uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** One step of a measured boot: @p digest was extended into PCR @p pcr. */
struct smr_tpm_event {
	uint8_t pcr;
	uint8_t digest[SMR_HASH_LEN];
	struct smr_bytes name; /* UTF-8, for people */
};

/**
 * What the PCRs hold after these events, from zero.
 *
 * @param pcrs    [out] the PCRs that the events name, as in smr_tpm_quote.
 * @param digest  [out] SHA-256 of these, in ascending order: what a quote over them claims.
 * @return SMR_E_INVALID: no event, or a PCR that software can reset; SMR_E_CRYPTO. Outputs are untouched unless SMR_OK.
 */
enum smr_err smr_tpm_log_replay(const struct smr_tpm_event *events, size_t count, uint32_t *pcrs,
				uint8_t digest[SMR_HASH_LEN]) SMR_MUST_USE;

#endif
