/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tpm_credential.h
 * A secret that one TPM gives out, and only for one key that it holds: TPM2_MakeCredential in software (TPM 2.0 library, part 1,
 * 24 «Credential protection», annex C for keys on a curve), so that who makes it needs no TPM.
 *
 * The endorsement key is ECC P-256 with SHA-256 as name algorithm and AES-128-CFB for what it protects: template L-2 of the TCG's
 * EK credential profile. The form is exactly what TPM2_ActivateCredential takes, TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET:
 *
 *   0044 0020 integrity (32)  encrypted secret (34)  |  0044 0020 x (32) 0020 y (32)
 */
#ifndef SMR_TPM_CREDENTIAL_H
#define SMR_TPM_CREDENTIAL_H

#include "core/tpm_quote.h"

#define SMR_TPM_ID_OBJECT_LEN 70u
#define SMR_TPM_ENCRYPTED_SECRET_LEN 70u
#define SMR_TPM_CREDENTIAL_LEN (SMR_TPM_ID_OBJECT_LEN + SMR_TPM_ENCRYPTED_SECRET_LEN)
/** What does not follow from the ephemeral key: integrity and encrypted secret. */
#define SMR_TPM_PROTECTED_LEN 66u
/** As much as a TPM takes: the size of the endorsement key's name algorithm. */
#define SMR_TPM_CREDENTIAL_SECRET_LEN 32u

/**
 * Protect @p secret so that only the TPM that holds the endorsement key @p ek gives it out, and only to who may use a key of the name
 * @p name that is loaded there. A fresh ephemeral key is made for each call.
 *
 * @param name  of the key: smr_tpm_name and what follows it in tpm_quote.h.
 * @return SMR_E_CRYPTO. Secret stays @p secret alone: the result is public.
 */
enum smr_err smr_tpm_credential_make(const struct smr_pubkey *ek, const uint8_t name[SMR_TPM_NAME_LEN],
				     const uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN],
				     uint8_t out[SMR_TPM_CREDENTIAL_LEN]) SMR_MUST_USE;

/**
 * The same under a given ephemeral key, and of the result the part that does not follow from that. One ephemeral key serves one credential.
 * @return SMR_E_CRYPTO; then @p out is wiped.
 */
enum smr_err smr_tpm_credential_protect(const struct smr_privkey *ephemeral, const struct smr_pubkey *ek,
					const uint8_t name[SMR_TPM_NAME_LEN],
					const uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN],
					uint8_t out[SMR_TPM_PROTECTED_LEN]) SMR_MUST_USE;
/** The whole credential from its ephemeral point, uncompressed, and that part. */
void smr_tpm_credential_lay_out(const uint8_t point[SMR_POINT_LEN], const uint8_t part[SMR_TPM_PROTECTED_LEN],
				uint8_t out[SMR_TPM_CREDENTIAL_LEN]);

#endif
