/* SPDX-License-Identifier: Apache-2.0 */
/* The counter that stamps a TRE's records. */
#include "sys/fault.h"
#include "tpm/inside.h"
#include "tpm/keys.h"

#define VALUE_LEN 8u

enum smr_err smr_tpm_counter_find(struct smr_tpm *tpm)
{
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_COUNTER, &index);

	smr_tpm_forget(tpm, &index);
	return err;
}

enum smr_err smr_tpm_counter_create(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN], uint64_t *value)
{
	enum smr_err err = smr_tpm_index_define(tpm, SMR_TPM_INDEX_COUNTER, TPM2_NT_COUNTER, VALUE_LEN, auth);

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
	uint8_t octets[VALUE_LEN];

	SMR_TRY(smr_tpm_index_read(tpm, SMR_TPM_INDEX_COUNTER, auth, octets, sizeof(octets)));
	*value = smr_get_be64(octets);
	return SMR_OK;
}

static TSS2_RC increment(struct smr_tpm *tpm, ESYS_TR index)
{
	unsigned turns = 0;
	TSS2_RC rc;

	do
		rc = Esys_NV_Increment(tpm->esys, index, index, smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE);
	while (smr_tpm_again(rc, &turns));
	return rc;
}

enum smr_err smr_tpm_counter_advance(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN])
{
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_index_take(tpm, SMR_TPM_INDEX_COUNTER, auth, &index);

	SMR_FAULT("before-count", "counter");
	if (err == SMR_OK)
		err = smr_tpm_err(increment(tpm, index));
	SMR_FAULT("after-count", "counter");
	smr_tpm_forget(tpm, &index);
	return err;
}
