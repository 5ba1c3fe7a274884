/* SPDX-License-Identifier: Apache-2.0 */
/* Platform configuration registers of the SHA-256 bank. */
#include "tpm/inside.h"

TPML_PCR_SELECTION smr_tpm_selection(uint32_t pcrs)
{
	return (TPML_PCR_SELECTION){
		.count = 1,
		.pcrSelections[0] = {.hash = TPM2_ALG_SHA256,
				     .sizeofSelect = 3,
				     .pcrSelect = {(BYTE)pcrs, (BYTE)(pcrs >> 8), (BYTE)(pcrs >> 16)}},
	};
}

enum smr_err smr_tpm_pcr_extend(struct smr_tpm *tpm, unsigned pcr, const uint8_t digest[SMR_HASH_LEN])
{
	TPML_DIGEST_VALUES values = {.count = 1, .digests[0].hashAlg = TPM2_ALG_SHA256};

	if (pcr >= SMR_TPM_PCR_COUNT)
		return SMR_E_INVALID;
	memcpy(values.digests[0].digest.sha256, digest, SMR_HASH_LEN);
	return smr_tpm_err(Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR0 + pcr, smr_tpm_session(tpm, 0), ESYS_TR_NONE,
					   ESYS_TR_NONE, &values));
}

/** Add to the hash what one read gives of the PCRs that are still wanted: the lowest, at most eight. */
static enum smr_err read_some(struct smr_tpm *tpm, uint32_t *wanted, struct smr_sha256_state *hash)
{
	TPML_PCR_SELECTION selection = smr_tpm_selection(*wanted);
	TPML_PCR_SELECTION *got = NULL;
	TPML_DIGEST *values = NULL;
	uint32_t left = *wanted;
	enum smr_err err = smr_tpm_err(Esys_PCR_Read(tpm->esys, smr_tpm_session(tpm, TPMA_SESSION_AUDIT), ESYS_TR_NONE,
						     ESYS_TR_NONE, &selection, NULL, &got, &values));

	if (err == SMR_OK && values->count == 0)
		err = SMR_E_TPM_BANK; /* it is not allocated */
	for (UINT32 i = 0; err == SMR_OK && i < values->count; i++) {
		left &= left - 1; /* the lowest one is done */
		err = smr_sha256_update(hash, smr_bytes_of(values->digests[i].buffer, values->digests[i].size));
	}
	*wanted = left;
	Esys_Free(got);
	Esys_Free(values);
	return err;
}

enum smr_err smr_tpm_pcr_digest(struct smr_tpm *tpm, uint32_t pcrs, uint8_t out[SMR_HASH_LEN])
{
	struct smr_sha256_state hash;

	if (pcrs == 0 || pcrs >> SMR_TPM_PCR_COUNT != 0)
		return SMR_E_INVALID;
	SMR_TRY(smr_sha256_init(&hash));
	while (pcrs != 0)
		SMR_TRY(read_some(tpm, &pcrs, &hash));
	return smr_sha256_final(&hash, out);
}
