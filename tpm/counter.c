/* SPDX-License-Identifier: Apache-2.0 */
/* The counter that stamps a TRE's records. */
#include "sys/fault.h"
#include "tpm/inside.h"
#include "tpm/keys.h"

#define VALUE_LEN 8u
#define ATTRIBUTES ((TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA)

/** Our index, ready for use. Release with smr_tpm_forget. */
static enum smr_err take(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN], ESYS_TR *index)
{
	TPM2B_AUTH value = smr_tpm_auth(auth);
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_COUNTER, index);

	if (err == SMR_OK)
		err = smr_tpm_err(Esys_TR_SetAuth(tpm->esys, *index, &value));
	SMR_WIPE(value);
	return err == SMR_E_NOT_FOUND ? SMR_E_TPM_CLEARED : err;
}

static enum smr_err define(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN])
{
	const TPM2B_NV_PUBLIC public = {
		.nvPublic = {.nvIndex = SMR_TPM_INDEX_COUNTER,
			     .nameAlg = TPM2_ALG_SHA256,
			     .attributes = ATTRIBUTES,
			     .dataSize = VALUE_LEN},
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

enum smr_err smr_tpm_counter_find(struct smr_tpm *tpm)
{
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_COUNTER, &index);

	smr_tpm_forget(tpm, &index);
	return err;
}

enum smr_err smr_tpm_counter_create(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN], uint64_t *value)
{
	enum smr_err err = define(tpm, auth);

	if (err != SMR_OK && err != SMR_E_EXISTS)
		return err;
	SMR_FAULT("after-define", "counter");
	err = smr_tpm_counter_read(tpm, auth, value);
	if (err == SMR_E_NOT_FOUND) { /* it has no value before its first count */
		SMR_TRY(smr_tpm_counter_advance(tpm, auth));
		err = smr_tpm_counter_read(tpm, auth, value);
	}
	return err == SMR_E_TPM_CLEARED ? SMR_E_EXISTS : err;
}

enum smr_err smr_tpm_counter_read(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN], uint64_t *value)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = take(tpm, auth, &index);

	if (err == SMR_OK)
		err = smr_tpm_err(Esys_NV_Read(tpm->esys, index, index, smr_tpm_session(tpm, 0), ESYS_TR_NONE,
					       ESYS_TR_NONE, VALUE_LEN, 0, &data));
	if (err == SMR_OK)
		*value = smr_get_be64(data->buffer);
	Esys_Free(data);
	smr_tpm_forget(tpm, &index);
	return err;
}

enum smr_err smr_tpm_counter_advance(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN])
{
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = take(tpm, auth, &index);

	SMR_FAULT("before-count", "counter");
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_NV_Increment(tpm->esys, index, index, smr_tpm_session(tpm, 0), ESYS_TR_NONE,
						    ESYS_TR_NONE));
	SMR_FAULT("after-count", "counter");
	smr_tpm_forget(tpm, &index);
	return err;
}
