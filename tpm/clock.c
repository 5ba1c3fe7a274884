/* SPDX-License-Identifier: Apache-2.0 */
/* How long a TPM has run, and how often it was started. */
#include "tpm/inside.h"

enum smr_err smr_tpm_clock_read(struct smr_tpm *tpm, struct smr_tpm_clock *out)
{
	TPMS_TIME_INFO *info = NULL;
	enum smr_err err = smr_tpm_err(Esys_ReadClock(tpm->esys, smr_tpm_session(tpm, TPMA_SESSION_AUDIT), ESYS_TR_NONE,
						      ESYS_TR_NONE, &info));

	if (err == SMR_OK)
		*out = (struct smr_tpm_clock){.ms = info->clockInfo.clock,
					      .resets = info->clockInfo.resetCount,
					      .restarts = info->clockInfo.restartCount};
	Esys_Free(info);
	return err;
}
