/* SPDX-License-Identifier: Apache-2.0 */
/* What a tamper event does (docs/decisions/0027-tamper.md). */
#include "tre/state.h"

/** A t of its own that nobody has certified: nothing that was ever sealed for the device opens any more. One in the platform cannot be given up
 * alone; it never leaves there. */
static enum smr_err forget_t(struct smr_tre *tre, struct smr_tre_durable *draft)
{
	if (draft->keys_in_platform)
		return SMR_OK;
	smr_privkey_wipe(&tre->t);
	SMR_TRY(smr_privkey_generate(&tre->t));
	memcpy(draft->t, tre->t.scalar, sizeof(draft->t));
	return SMR_OK;
}

/** d and rk stay: the next message reports the event under them. Receipts are of subscriptions that are not here any more. */
static enum smr_err erase(struct smr_tre *tre, uint32_t events)
{
	struct smr_tre_durable *draft = smr_tre_draft(tre);
	enum smr_err err;

	smr_tre_close_flight(tre);
	draft->tamper |= events;
	SMR_WIPE(draft->mcims);
	SMR_WIPE(draft->receipts);
	draft->receipt_count = 0;
	SMR_WIPE(draft->pending);
	SMR_WIPE(draft->gate);
	draft->has_gate = false;
	err = forget_t(tre, draft);
	if (err != SMR_OK) {
		smr_tre_discard(tre);
		return err;
	}
	return smr_tre_keep(tre);
}

enum smr_err smr_tre_heed_tamper(struct smr_tre *tre)
{
	uint32_t events = 0;

	SMR_TRY(tre->port->tamper(tre->port->context, &events));
	events &= ~SMR_TAMPER_TPM_STATE; /* no event of a platform */
	return events & ~tre->now.tamper ? erase(tre, events) : SMR_OK;
}

enum smr_err smr_tre_check_tamper(struct smr_tre *tre)
{
	if (tre->health != SMR_OK || !tre->now.enrolled)
		return SMR_E_STATE;
	smr_tre_discard(tre); /* as smr_tre_ready; what is erased does not depend on what runs */
	return smr_tre_heed_tamper(tre);
}
