/* SPDX-License-Identifier: Apache-2.0 */
/* What response codes mean (TPM 2.0 Library part 2, 6.6; TSS 2.0 overview, 6.2). */
#include "tpm/inside.h"

static bool from_the_tpm(TSS2_RC rc)
{
	TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

	return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

TSS2_RC smr_tpm_code(TSS2_RC rc)
{
	TSS2_RC code = rc & ~TSS2_RC_LAYER_MASK;

	if (!from_the_tpm(rc))
		return rc;
	return code & TPM2_RC_FMT1 ? code & (TPM2_RC_FMT1 | 0x3fu) : code;
}

static enum smr_err of_tpm(TSS2_RC code)
{
	/* A session or an object that was there is not: only a reset takes it from us. */
	if (code >= TPM2_RC_REFERENCE_H0 && code <= TPM2_RC_REFERENCE_S6)
		return SMR_E_TPM_RESET;
	switch (code) {
	case TPM2_RC_INITIALIZE:
		return SMR_E_TPM_RESET;
	case TPM2_RC_LOCKOUT:
		return SMR_E_TPM_LOCKED;
	case TPM2_RC_NV_UNINITIALIZED:
		return SMR_E_NOT_FOUND;
	case TPM2_RC_NV_SPACE:
		return SMR_E_TPM_FULL;
	case TPM2_RC_FAILURE:
		return SMR_E_TPM_FAILED;
	case TPM2_RC_NV_LOCKED:
	case TPM2_RC_HIERARCHY:
		return SMR_E_STATE;
	case TPM2_RC_POLICY_FAIL:
	case TPM2_RC_PCR_CHANGED:
		return SMR_E_MEASUREMENT;
	case TPM2_RC_HANDLE: /* of a persistent object or an index that was there before */
	case TPM2_RC_INTEGRITY:
	case TPM2_RC_AUTH_FAIL:
	case TPM2_RC_BAD_AUTH:
	case TPM2_RC_AUTH_UNAVAILABLE: /* of an index that somebody else made in the place of ours */
	case TPM2_RC_NV_AUTHORIZATION:
		return SMR_E_TPM_CLEARED;
	case TPM2_RC_NV_RATE:
	case TPM2_RC_NV_UNAVAILABLE:
	case TPM2_RC_RETRY:
	case TPM2_RC_YIELDED:
	case TPM2_RC_TESTING:
	case TPM2_RC_OBJECT_MEMORY: /* others' objects and sessions are in all of its places */
	case TPM2_RC_SESSION_MEMORY:
		return SMR_E_BUSY;
	default:
		return SMR_E_IO;
	}
}

enum smr_err smr_tpm_err(TSS2_RC rc)
{
	if (rc == TSS2_RC_SUCCESS)
		return SMR_OK;
	if (from_the_tpm(rc))
		return of_tpm(smr_tpm_code(rc));
	switch (rc & ~TSS2_RC_LAYER_MASK) {
	case TSS2_BASE_RC_IO_ERROR:
	case TSS2_BASE_RC_NO_CONNECTION:
	case TSS2_BASE_RC_BAD_SEQUENCE: /* an earlier command never got its answer */
		return SMR_E_TPM_ABSENT;
	case TSS2_BASE_RC_RSP_AUTH_FAILED:
		return SMR_E_TAMPERED;
	case TSS2_BASE_RC_MEMORY:
		return SMR_E_NO_MEMORY;
	case TSS2_BASE_RC_TRY_AGAIN:
		return SMR_E_BUSY;
	default:
		return SMR_E_IO;
	}
}

enum smr_err smr_tpm_hierarchy_err(TSS2_RC rc)
{
	switch (smr_tpm_code(rc)) {
	case TPM2_RC_BAD_AUTH:
	case TPM2_RC_AUTH_FAIL:
	case TPM2_RC_HIERARCHY:
		return SMR_E_TPM_HIERARCHY;
	default:
		return smr_tpm_err(rc);
	}
}
