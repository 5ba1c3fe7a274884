/* SPDX-License-Identifier: Apache-2.0 */
/* An index of the owner's hierarchy that opens to an authorisation value of ours alone: what a TRE's counter and its history have in common. */
#include <time.h>

#include "tpm/inside.h"

/* Some TPMs limit how often their memory is written, or cannot write while others use the flash that it is in. Two writes in a row are ours
 * with each record: it is worth a few seconds. */
#define RATE_TURNS 40u
#define RATE_PAUSE_NS 100000000L

bool smr_tpm_again(TSS2_RC rc, unsigned *turns)
{
	const struct timespec pause = {0, RATE_PAUSE_NS};
	TSS2_RC code = smr_tpm_code(rc);

	if ((code != TPM2_RC_NV_RATE && code != TPM2_RC_NV_UNAVAILABLE) || (*turns)++ >= RATE_TURNS)
		return false;
	(void)nanosleep(&pause, NULL);
	return true;
}

enum smr_err smr_tpm_index_take(struct smr_tpm *tpm, TPM2_HANDLE handle, const uint8_t *auth, ESYS_TR *index)
{
	TPM2B_AUTH value = smr_tpm_auth(auth);
	enum smr_err err = smr_tpm_find(tpm, handle, index);

	if (err == SMR_OK)
		err = smr_tpm_err(Esys_TR_SetAuth(tpm->esys, *index, &value));
	SMR_WIPE(value);
	return err == SMR_E_NOT_FOUND ? SMR_E_TPM_CLEARED : err;
}

enum smr_err smr_tpm_index_define(struct smr_tpm *tpm, TPM2_HANDLE handle, TPM2_NT type, uint16_t size,
				  const uint8_t *auth)
{
	const TPM2B_NV_PUBLIC public = {
		.nvPublic = {.nvIndex = handle,
			     .nameAlg = TPM2_ALG_SHA256,
			     .attributes = (TPMA_NV)type << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD |
					   TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA,
			     .dataSize = size},
	};
	TPM2B_AUTH value = smr_tpm_auth(auth);
	ESYS_TR index = ESYS_TR_NONE;
	TSS2_RC rc = Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, smr_tpm_session(tpm, TPMA_SESSION_DECRYPT),
					 ESYS_TR_NONE, ESYS_TR_NONE, &value, &public, &index);

	SMR_WIPE(value);
	if (rc == TSS2_RC_SUCCESS)
		smr_tpm_forget(tpm, &index);
	return smr_tpm_code(rc) == TPM2_RC_NV_DEFINED ? SMR_E_EXISTS : smr_tpm_hierarchy_err(rc);
}

enum smr_err smr_tpm_index_read(struct smr_tpm *tpm, TPM2_HANDLE handle, const uint8_t *auth, uint8_t *out,
				uint16_t size)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_index_take(tpm, handle, auth, &index);

	if (err == SMR_OK)
		err = smr_tpm_err(Esys_NV_Read(tpm->esys, index, index, smr_tpm_session(tpm, 0), ESYS_TR_NONE,
					       ESYS_TR_NONE, size, 0, &data));
	if (err == SMR_OK && data->size != size)
		err = SMR_E_IO; /* uncovered: a TPM gives as much as it is asked for */
	if (err == SMR_OK)
		memcpy(out, data->buffer, size);
	Esys_Free(data);
	smr_tpm_forget(tpm, &index);
	return err;
}
