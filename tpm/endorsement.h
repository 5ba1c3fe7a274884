/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file endorsement.h
 * What a TPM's vendor vouches for: its endorsement key (EK), and through that, that a key is in this TPM and in no other.
 *
 * Supported is the EK of TCG's EK credential profile (2.5, B.3.4) with template L-2, ECC P-256, and its certificate in index 0x01C0000A: nearly
 * every TPM 2.0 has them. The key is made anew from its template for each use, and flushed; its policy is the endorsement hierarchy's
 * authorisation. Errors are those of tpm.h and the following.
 */
#ifndef SMR_TPM_ENDORSEMENT_H
#define SMR_TPM_ENDORSEMENT_H

#include "core/attest.h"
#include "tpm/tpm.h"

/**
 * The EK's certificate as the vendor left it in the TPM: X.509, DER. It is not looked at here, but for its length.
 *
 * @param out  [in,out] room of SMR_ENDORSEMENT_MAX.
 * @return SMR_E_NOT_FOUND: there is none for P-256; SMR_E_MALFORMED: no certificate; SMR_E_NO_ROOM: a longer one.
 */
enum smr_err smr_tpm_ek_certificate(struct smr_tpm *tpm, struct smr_space *out) SMR_MUST_USE;

/**
 * Open a credential (TPM2_ActivateCredential), which opens only in the TPM that has the EK it was made for, and only if the key that it names is
 * loaded there. After smr_tpm_keys_create or smr_tpm_keys_load (tpm/keys.h).
 *
 * @param key         the one that it names.
 * @param credential  TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET, one after the other (core/tpm_credential.h).
 * @param secret      [out] secret; all zero unless SMR_OK.
 * @return SMR_E_UNOPENED: for another TPM or key, or altered; SMR_E_MALFORMED; SMR_E_STATE: no keys are loaded.
 */
enum smr_err smr_tpm_activate(struct smr_tpm *tpm, enum smr_own_key key, struct smr_bytes credential,
			      uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN]) SMR_MUST_USE;

#endif
