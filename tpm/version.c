/* SPDX-License-Identifier: Apache-2.0 */
/* The lowest version that may boot: an index of the platform, open for reading, locked for writing once the first stage is done. */
#include "tpm/inside.h"

#define VERSION_LEN 8u
/* Everybody reads it (an empty authorisation value); the platform alone writes it, until the lock, and removes it. */
#define ATTRIBUTES                                                                                              \
	(TPMA_NV_PLATFORMCREATE | TPMA_NV_PPWRITE | TPMA_NV_WRITE_STCLEAR | TPMA_NV_AUTHREAD | TPMA_NV_PPREAD | \
	 TPMA_NV_NO_DA)

static enum smr_err define(struct smr_tpm *tpm, ESYS_TR *index)
{
	static const TPM2B_AUTH nobody;
	const TPM2B_NV_PUBLIC public = {
		.nvPublic = {.nvIndex = SMR_TPM_INDEX_VERSION,
			     .nameAlg = TPM2_ALG_SHA256,
			     .attributes = ATTRIBUTES,
			     .dataSize = VERSION_LEN},
	};

	return smr_tpm_hierarchy_err(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_PLATFORM, smr_tpm_session(tpm, 0),
							 ESYS_TR_NONE, ESYS_TR_NONE, &nobody, &public, index));
}

/** Is it ours? Whoever holds the owner's hierarchy could have put another one there before the first boot. */
static enum smr_err check(struct smr_tpm *tpm, ESYS_TR index, bool *written)
{
	const TPMA_NV changing = TPMA_NV_WRITTEN | TPMA_NV_WRITELOCKED | TPMA_NV_READLOCKED;
	TPM2B_NV_PUBLIC *public = NULL;
	enum smr_err err = smr_tpm_err(Esys_NV_ReadPublic(tpm->esys, index, smr_tpm_session(tpm, TPMA_SESSION_AUDIT),
							  ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL));

	if (err == SMR_OK &&
	    ((public->nvPublic.attributes & ~changing) != ATTRIBUTES || public->nvPublic.dataSize != VERSION_LEN))
		err = SMR_E_TPM_INDEX;
	*written = err == SMR_OK && (public->nvPublic.attributes & TPMA_NV_WRITTEN) != 0;
	Esys_Free(public);
	return err;
}

static enum smr_err read_value(struct smr_tpm *tpm, ESYS_TR index, uint64_t *version)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	bool written;
	enum smr_err err = check(tpm, index, &written);

	if (err != SMR_OK || !written)
		return err;
	err = smr_tpm_err(Esys_NV_Read(tpm->esys, index, index, smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE,
				       VERSION_LEN, 0, &data));
	if (err == SMR_OK)
		*version = smr_get_be64(data->buffer);
	Esys_Free(data);
	/* Ours opens to an empty value. */
	return err == SMR_E_TPM_CLEARED ? SMR_E_TPM_INDEX : err;
}

enum smr_err smr_tpm_version_read(struct smr_tpm *tpm, uint64_t *version)
{
	ESYS_TR index;
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_VERSION, &index);

	*version = 0;
	if (err == SMR_E_NOT_FOUND)
		return SMR_OK;
	if (err == SMR_OK)
		err = read_value(tpm, index, version);
	smr_tpm_forget(tpm, &index);
	return err;
}

static enum smr_err write_value(struct smr_tpm *tpm, ESYS_TR index, uint64_t to)
{
	TPM2B_MAX_NV_BUFFER data = {.size = VERSION_LEN};

	smr_put_be64(data.buffer, to);
	return smr_tpm_hierarchy_err(Esys_NV_Write(tpm->esys, ESYS_TR_RH_PLATFORM, index, smr_tpm_session(tpm, 0),
						   ESYS_TR_NONE, ESYS_TR_NONE, &data, 0));
}

enum smr_err smr_tpm_version_raise(struct smr_tpm *tpm, uint64_t to)
{
	uint64_t now = 0;
	ESYS_TR index;
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_VERSION, &index);

	if (err == SMR_E_NOT_FOUND)
		err = define(tpm, &index);
	else if (err == SMR_OK)
		err = read_value(tpm, index, &now);
	if (err == SMR_OK && to > now)
		err = write_value(tpm, index, to);
	smr_tpm_forget(tpm, &index);
	return err;
}

enum smr_err smr_tpm_version_close(struct smr_tpm *tpm)
{
	ESYS_TR index;
	enum smr_err closed;
	enum smr_err err = smr_tpm_find(tpm, SMR_TPM_INDEX_VERSION, &index);

	if (err == SMR_OK)
		err = smr_tpm_hierarchy_err(Esys_NV_WriteLock(tpm->esys, ESYS_TR_RH_PLATFORM, index,
							      smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE));
	else if (err == SMR_E_NOT_FOUND)
		err = SMR_OK; /* never raised: with the hierarchy off nobody defines it either */
	smr_tpm_forget(tpm, &index);
	/* Whatever the lock did: without the hierarchy nobody writes the index either. */
	closed = smr_tpm_hierarchy_err(Esys_HierarchyControl(tpm->esys, ESYS_TR_RH_PLATFORM, smr_tpm_session(tpm, 0),
							     ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_RH_PLATFORM, TPM2_NO));
	return err != SMR_OK ? err : closed;
}

enum smr_err smr_tpm_platform_enabled(struct smr_tpm *tpm, bool *enabled)
{
	TPMS_CAPABILITY_DATA *found = NULL;
	TPMI_YES_NO more;
	enum smr_err err = smr_tpm_err(Esys_GetCapability(tpm->esys, smr_tpm_session(tpm, TPMA_SESSION_AUDIT),
							  ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES,
							  TPM2_PT_STARTUP_CLEAR, 1, &more, &found));

	if (err == SMR_OK)
		*enabled = (found->data.tpmProperties.tpmProperty[0].value & TPMA_STARTUP_CLEAR_PHENABLE) != 0;
	Esys_Free(found);
	return err;
}
