/* SPDX-License-Identifier: Apache-2.0 */
/* AUTHENTICATE with the MCIM in use (TS 31.102 7.1.2, TS 33.102 6.3.3). */
#include "tre/state.h"

enum smr_err smr_tre_authenticate(struct smr_tre *tre, const uint8_t rand[16], const uint8_t autn[16],
				  struct smr_aka_result *result)
{
	struct smr_tre_mcim *mcim;
	enum smr_err err;

	memset(result, 0, sizeof(*result));
	SMR_TRY(smr_tre_ready_enrolled(tre));
	mcim = smr_tre_live_mcim(&tre->now);
	if (mcim == NULL || mcim->state != SMR_MCIM_ACTIVATED)
		return SMR_E_STATE;
	/* An error changes nothing, so there is nothing to undo; an AUTS may be in the result. */
	SMR_TRY(smr_aka_authenticate(&mcim->content.aka, &mcim->sqn, rand, autn, result));
	(void)smr_tre_draft(tre);
	/* The SQN is durable before RES, CK and IK leave: otherwise a power cut here would let the same AUTN pass twice. */
	err = smr_tre_keep(tre);
	if (err != SMR_OK)
		smr_wipe(result, sizeof(*result));
	return err;
}
