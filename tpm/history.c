/* SPDX-License-Identifier: Apache-2.0 */
/* What a TRE's TPM has been told, in one value that it alone can carry on (TPM 2.0 part 1, 37.2.6: an index that extends). */
#include "sys/fault.h"
#include "tpm/inside.h"
#include "tpm/keys.h"

static enum smr_err remove_index(struct smr_tpm *tpm)
{
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_HISTORY, &index);

	if (err == SMR_E_NOT_FOUND)
		return SMR_OK;
	if (err == SMR_OK)
		err = smr_tpm_hierarchy_err(Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_OWNER, index,
								  smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE));
	if (err != SMR_OK)
		smr_tpm_forget(tpm, &index);
	return err;
}

static enum smr_err define(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN])
{
	SMR_TRY(smr_tpm_index_define(tpm, SMR_TPM_INDEX_HISTORY, TPM2_NT_EXTEND, SMR_HASH_LEN, auth));
	SMR_FAULT("after-define", "history");
	return SMR_OK;
}

enum smr_err smr_tpm_history_create(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN])
{
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_HISTORY, &index);

	smr_tpm_forget(tpm, &index);
	return err == SMR_E_NOT_FOUND ? define(tpm, auth)
				      : err; /* asked first: a full TPM does not say that there is one */
}

enum smr_err smr_tpm_history_begin(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN])
{
	uint8_t value[SMR_HASH_LEN];
	enum smr_err err;

	SMR_TRY(smr_tpm_history_create(tpm, auth));
	err = smr_tpm_history_read(tpm, auth, value);
	if (err == SMR_E_TPM_CLEARED) { /* what an earlier TRE left, or somebody else */
		SMR_TRY(remove_index(tpm));
		SMR_TRY(define(tpm, auth));
		err = SMR_E_NOT_FOUND;
	}
	if (err != SMR_E_NOT_FOUND)
		return err;
	SMR_TRY(smr_random(value, sizeof(value)));
	return smr_tpm_history_extend(tpm, auth, value);
}

enum smr_err smr_tpm_history_read(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN], uint8_t out[SMR_HASH_LEN])
{
	return smr_tpm_index_read(tpm, SMR_TPM_INDEX_HISTORY, auth, out, SMR_HASH_LEN);
}

static TSS2_RC extend(struct smr_tpm *tpm, ESYS_TR index, const TPM2B_MAX_NV_BUFFER *data)
{
	unsigned turns = 0;
	TSS2_RC rc;

	do
		rc = Esys_NV_Extend(tpm->esys, index, index, smr_tpm_session(tpm, TPMA_SESSION_DECRYPT), ESYS_TR_NONE,
				    ESYS_TR_NONE, data);
	while (smr_tpm_again(rc, &turns));
	return rc;
}

enum smr_err smr_tpm_history_extend(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN],
				    const uint8_t by[SMR_HASH_LEN])
{
	TPM2B_MAX_NV_BUFFER data = {.size = SMR_HASH_LEN};
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_index_take(tpm, SMR_TPM_INDEX_HISTORY, auth, &index);

	memcpy(data.buffer, by, SMR_HASH_LEN);
	SMR_FAULT("before-extend", "history");
	if (err == SMR_OK)
		err = smr_tpm_err(extend(tpm, index, &data));
	SMR_FAULT("after-extend", "history");
	smr_tpm_forget(tpm, &index);
	return err;
}

enum smr_err smr_tpm_history_after(const uint8_t now[SMR_HASH_LEN], const uint8_t by[SMR_HASH_LEN],
				   uint8_t out[SMR_HASH_LEN])
{
	const struct smr_bytes parts[] = {{now, SMR_HASH_LEN}, {by, SMR_HASH_LEN}};

	return smr_sha256(parts, SMR_COUNT(parts), out);
}
