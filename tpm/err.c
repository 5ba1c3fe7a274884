/* SPDX-License-Identifier: Apache-2.0 */
/* What response codes mean (TPM 2.0 Library part 2, 6.6; TSS 2.0 overview, 6.2) and what to do about it. */
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
		return SMR_E_TPM_CLEARED;
	case TPM2_RC_NV_RATE:
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

const char *smr_tpm_advice(enum smr_err err)
{
	switch (err) {
	case SMR_E_TPM_ABSENT:
		return "see that the TPM is there, that this user may open it and that nobody else holds it, then "
		       "restart";
	case SMR_E_TPM_RESET:
		return "restart the whole device: a TPM that is reset alone may have been reset by an attacker";
	case SMR_E_TPM_CLEARED:
		return "the keys of this device are gone with the TPM's former state: move the TRE's directory away "
		       "and have the supplier enrol "
		       "the device anew";
	case SMR_E_TPM_LOCKED:
		return "wait until the TPM accepts authorisations again, or let its owner reset the lockout "
		       "(tpm2_dictionarylockout -c)";
	case SMR_E_TPM_FULL:
		return "remove what nobody needs any more from the TPM (tpm2_getcap handles-nv-index, "
		       "tpm2_nvundefine), then try again";
	case SMR_E_TPM_HIERARCHY:
		return "its owner has given the TPM's endorsement or storage hierarchy an authorisation value, or "
		       "disabled it: take the value away (tpm2_changeauth -c e -p VALUE, or -c o), or enable it; "
		       "nothing is lost, and what waits is done then";
	case SMR_E_MEASUREMENT:
		return "what was booted is not what the TRE's state is sealed to, or the TPM was reset since: boot the "
		       "approved software again, and prepare the next update in it (samara-boot --prepare); nothing is "
		       "lost";
	default:
		return NULL;
	}
}
