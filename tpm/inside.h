/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file inside.h
 * What the files of tpm/ share. Not for users of tpm.h.
 */
#ifndef SMR_TPM_INSIDE_H
#define SMR_TPM_INSIDE_H

#include <tss2/tss2_esys.h>

#include "tpm/tpm.h"

struct smr_tpm {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR parent;	 /* the primary key of the storage hierarchy: parent of what is sealed, salt of the sessions */
	ESYS_TR session; /* HMAC, salted */
	ESYS_TR d;	 /* the TRE's keys, once found */
	ESYS_TR t;
};

/* Handles and indices that are Samara's: owner's persistent objects, endorsement's persistent objects, owner's and platform's
 * non-volatile indices (TCG registry of reserved handles). */
#define SMR_TPM_HANDLE_T 0x81005301u
#define SMR_TPM_HANDLE_D 0x81015301u
#define SMR_TPM_INDEX_COUNTER 0x01805301u
#define SMR_TPM_INDEX_HISTORY 0x01805302u
#define SMR_TPM_INDEX_VERSION 0x01405301u

/** What the two keys that others are wrapped under have in common, the owner's and the vendor's: P-256, with AES-128-CFB for what they protect. */
#define SMR_TPM_STORAGE_P256                                                                               \
	{                                                                                                  \
		.symmetric = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB},    \
		.scheme.scheme = TPM2_ALG_NULL, .curveID = TPM2_ECC_NIST_P256, .kdf.scheme = TPM2_ALG_NULL \
	}

/** The error that a response code of any layer means. */
enum smr_err smr_tpm_err(TSS2_RC rc);
/** The same for a command that a hierarchy authorises with its value, which is to be empty: SMR_E_TPM_HIERARCHY when it is not, or when the
 * hierarchy is disabled. */
enum smr_err smr_tpm_hierarchy_err(TSS2_RC rc);
/** The response code of the TPM itself without the number of the parameter, handle or session that it names. */
TSS2_RC smr_tpm_code(TSS2_RC rc);

/** The session for one command. @p attributes  TPMA_SESSION_DECRYPT: the command's first parameter is secret, TPMA_SESSION_ENCRYPT: the
 * answer's is, TPMA_SESSION_AUDIT: a command that nobody authorises; 0. */
ESYS_TR smr_tpm_session(struct smr_tpm *tpm, TPMA_SESSION attributes);
/** A policy session, salted like the other; release with smr_tpm_flush. */
enum smr_err smr_tpm_policy(struct smr_tpm *tpm, TPM2_SE kind, ESYS_TR *session) SMR_MUST_USE;
/** A second session like the first, for a command that two keys authorise; release with smr_tpm_flush. */
enum smr_err smr_tpm_second(struct smr_tpm *tpm, ESYS_TR *session) SMR_MUST_USE;
/** The vendor's key (tpm/endorsement.h): the same every time. Transient: release with smr_tpm_flush. */
enum smr_err smr_tpm_ek(struct smr_tpm *tpm, ESYS_TR *ek) SMR_MUST_USE;
/** Flush a transient object or a session; ESYS_TR_NONE is allowed. */
void smr_tpm_flush(struct smr_tpm *tpm, ESYS_TR *object);
/** An existing persistent object or index. SMR_E_NOT_FOUND. Release with smr_tpm_forget. */
enum smr_err smr_tpm_find(struct smr_tpm *tpm, TPM2_HANDLE handle, ESYS_TR *object) SMR_MUST_USE;
/** Close what smr_tpm_find opened; it stays in the TPM. */
void smr_tpm_forget(struct smr_tpm *tpm, ESYS_TR *object);
/** An index that opens to @p auth, SMR_TPM_AUTH_LEN octets, ready for use; SMR_E_TPM_CLEARED: there is none. Release with smr_tpm_forget. */
enum smr_err smr_tpm_index_take(struct smr_tpm *tpm, TPM2_HANDLE handle, const uint8_t *auth,
				ESYS_TR *index) SMR_MUST_USE;
/** One of the owner's hierarchy, of @p size octets, that is read and written with @p auth alone. SMR_E_EXISTS: there is one, whoever's. */
enum smr_err smr_tpm_index_define(struct smr_tpm *tpm, TPM2_HANDLE handle, TPM2_NT type, uint16_t size,
				  const uint8_t *auth) SMR_MUST_USE;
/** SMR_E_TPM_CLEARED: there is none, or it does not open to @p auth; SMR_E_NOT_FOUND: it was never written. */
enum smr_err smr_tpm_index_read(struct smr_tpm *tpm, TPM2_HANDLE handle, const uint8_t *auth, uint8_t *out,
				uint16_t size) SMR_MUST_USE;
/** Has the TPM refused a write to its memory for now? Then some time has passed: try again. @p turns  0 at first; there is an end to it. */
bool smr_tpm_again(TSS2_RC rc, unsigned *turns);
/** An authorisation value of SMR_TPM_AUTH_LEN octets in the library's form; wipe it. */
TPM2B_AUTH smr_tpm_auth(const uint8_t *auth);
/** The selection of PCRs in the SHA-256 bank. */
TPML_PCR_SELECTION smr_tpm_selection(uint32_t pcrs);

#endif
