/* SPDX-License-Identifier: Apache-2.0 */
/* How long a TPM has run, and which of its starts this is. */
#include "tpm/inside.h"

enum smr_err smr_tpm_clock_read(struct smr_tpm *tpm, struct smr_tpm_clock *out)
{
	TPMS_TIME_INFO *info = NULL;
	enum smr_err err = smr_tpm_err(
		Esys_ReadClock(tpm->esys, smr_tpm_session(tpm, TPMA_SESSION_AUDIT), ESYS_TR_NONE, ESYS_TR_NONE, &info));

	if (err == SMR_OK)
		*out = (struct smr_tpm_clock){.ms = info->clockInfo.clock, .restarts = info->clockInfo.restartCount};
	Esys_Free(info);
	return err;
}

enum smr_err smr_tpm_start_id(struct smr_tpm *tpm, uint8_t out[SMR_HASH_LEN])
{
	static const TPM2B_SENSITIVE_CREATE sensitive;
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION none;
	/* An HMAC key takes no time to make, unlike one of a curve. */
	static const TPM2B_PUBLIC template = {
		.publicArea = {.type = TPM2_ALG_KEYEDHASH,
			       .nameAlg = TPM2_ALG_SHA256,
			       .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
						   TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
						   TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT,
			       .parameters.keyedHashDetail.scheme = {.scheme = TPM2_ALG_HMAC,
								     .details.hmac.hashAlg = TPM2_ALG_SHA256}},
	};
	TPM2B_PUBLIC *made = NULL;
	ESYS_TR object = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_err(Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_NULL, smr_tpm_session(tpm, 0),
							  ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside,
							  &none, &object, &made, NULL, NULL, NULL));

	if (err == SMR_OK && made->publicArea.unique.keyedHash.size != SMR_HASH_LEN)
		err = SMR_E_IO; /* uncovered: the digest is of nameAlg */
	if (err == SMR_OK)
		memcpy(out, made->publicArea.unique.keyedHash.buffer, SMR_HASH_LEN);
	smr_tpm_flush(tpm, &object);
	Esys_Free(made);
	return err;
}
