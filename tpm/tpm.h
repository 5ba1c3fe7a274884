/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tpm.h
 * A TPM 2.0 over tpm2-tss (ESYS): the connection, PCRs, and what the first stage of the boot keeps in it. Keys and seals: tpm/keys.h.
 *
 * One connection is one user of the TPM: what an earlier one left loaded is flushed when it opens (behind /dev/tpmrm0 the kernel shows
 * each user its own alone). At most three transient objects are loaded at any time, which is all that small TPMs have.
 *
 * Every command goes under one HMAC session that is salted to a primary key of the storage hierarchy: who sits on the bus can neither
 * alter a command or an answer nor read what is secret in it. The session ends with a reset of the TPM; so whoever resets it under a
 * running program is noticed at the next call (SMR_E_TPM_RESET).
 *
 * Errors that any call may return: SMR_E_TPM_ABSENT: no answer; SMR_E_TPM_RESET; SMR_E_TPM_CLEARED: cleared, or another TPM;
 * SMR_E_TPM_LOCKED: locked out after others' wrong authorisations; SMR_E_TPM_FULL: no non-volatile memory left; SMR_E_TAMPERED: the answer
 * was altered on its way; SMR_E_TPM_HIERARCHY: its owner, or the platform's firmware, has closed a hierarchy; SMR_E_TPM_FAILED: it has failed
 * its own test; SMR_E_BUSY: also when others' objects are in all of its places, or its memory cannot be written for now; SMR_E_NO_MEMORY;
 * SMR_E_IO: anything else. smr_tpm_advice says what to do.
 *
 * Not thread-safe: one caller at a time. Blocks until the TPM answers.
 */
#ifndef SMR_TPM_H
#define SMR_TPM_H

#include "crypto/crypto.h"
#include "tpm/advice.h"

struct smr_tpm;

#define SMR_TPM_PCR_COUNT 24u

/**
 * Connect, start the TPM up if nobody has yet, open the session.
 *
 * @param out   [out] release with smr_tpm_close; NULL unless SMR_OK.
 * @param tcti  «device:/dev/tpmrm0», or «swtpm:host=127.0.0.1,port=2321»; see tpm/tcti.h.
 * @return SMR_E_INVALID: no such form; the errors above. @p problem says what to do.
 */
enum smr_err smr_tpm_open(struct smr_tpm **out, const char *tcti, struct smr_problem *problem) SMR_MUST_USE;
/**
 * Connect for nothing but to extend registers and to close the platform hierarchy: without a session, since there is no secret in that, so that
 * neither who has closed the storage hierarchy nor who holds all places for sessions prevents it. No other call goes with it.
 */
enum smr_err smr_tpm_open_bare(struct smr_tpm **out, const char *tcti) SMR_MUST_USE;
/** Flush what is loaded and disconnect. NULL is allowed. */
void smr_tpm_close(struct smr_tpm *tpm);

/** Extend a PCR of the SHA-256 bank. SMR_E_INVALID: there is none of that number. */
enum smr_err smr_tpm_pcr_extend(struct smr_tpm *tpm, unsigned pcr, const uint8_t digest[SMR_HASH_LEN]) SMR_MUST_USE;

/**
 * SHA-256 over the values of a set of PCRs of the SHA-256 bank, the lowest first: what a quote of that set states.
 * @param pcrs  bit n: PCR n. SMR_E_INVALID: none, or one that does not exist; SMR_E_TPM_BANK: the TPM has not all of them in that bank.
 */
enum smr_err smr_tpm_pcr_digest(struct smr_tpm *tpm, uint32_t pcrs, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** TPM 2.0 part 1, 36: the clock runs while the TPM does, and is durable; a cleared TPM begins anew. */
struct smr_tpm_clock {
	uint64_t ms;
	uint32_t restarts; /* since its last reset: starts that went on with a saved state, or that kept PCRs alone */
};
enum smr_err smr_tpm_clock_read(struct smr_tpm *tpm, struct smr_tpm_clock *out) SMR_MUST_USE;
/**
 * What no other reset of any TPM has had: drawn from the seed of its null hierarchy (part 1, 14.3), which is random at each reset. The count of
 * resets is not: two lives of one copied state count alike.
 */
enum smr_err smr_tpm_start_id(struct smr_tpm *tpm, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/* ---- the lowest version that may boot ---- */

/**
 * A number in the TPM's non-volatile memory that only rises. It is defined by the platform hierarchy, which software that was started
 * later no longer has (smr_tpm_version_close), so nobody but the first stage can write it or remove it.
 *
 * @param version  [out] 0: never raised.
 * @return SMR_E_TPM_INDEX: there is something else in its place.
 */
enum smr_err smr_tpm_version_read(struct smr_tpm *tpm, uint64_t *version) SMR_MUST_USE;
/** Raise it; durable on return. A lower or equal number changes nothing. SMR_E_TPM_INDEX; SMR_E_TPM_HIERARCHY: closed since the last reset; or
 * the platform's firmware has given its hierarchy an authorisation value, or disabled it. */
enum smr_err smr_tpm_version_raise(struct smr_tpm *tpm, uint64_t to) SMR_MUST_USE;
/** Until the next reset of the TPM nobody raises it, removes it or uses the platform hierarchy. Before anything else is started.
 * SMR_E_TPM_HIERARCHY: as above. */
enum smr_err smr_tpm_version_close(struct smr_tpm *tpm) SMR_MUST_USE;
/** Which of the two it was: false: the platform hierarchy is disabled; true: then it has an authorisation value. */
enum smr_err smr_tpm_platform_enabled(struct smr_tpm *tpm, bool *enabled) SMR_MUST_USE;

#endif
