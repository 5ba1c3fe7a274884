/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: the channel carries, it does not authorise (design section 3, S11). */
#include "tre/state.h"

static struct smr_tre_mcim *find_mcim(struct smr_tre_durable *draft, const struct smr_iccid *iccid)
{
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++) {
		if (draft->mcims[i].used && memcmp(&draft->mcims[i].iccid, iccid, sizeof(*iccid)) == 0)
			return &draft->mcims[i];
	}
	return NULL;
}

/** Verify under the key of the operator that owns the MCIM, whoever the command says it is from. */
static enum smr_err open_command(const struct smr_tre_mcim *mcim, struct smr_bytes encoded, struct smr_command *out)
{
	struct smr_pubkey operator_key = {0};
	enum smr_err err = smr_pubkey_import(&operator_key, SMR_ARRAY(mcim->operator_key));

	if (err == SMR_OK)
		err = smr_command_open(encoded, &operator_key, out);
	smr_pubkey_wipe(&operator_key);
	return err;
}

/**
 * The signature is the owner's: is the command for this TRE and not one of the past? A serial is judged once. Below the last one there is
 * nothing to say, not even a refusal: the operator could take it for the answer to what took effect. The last one again is
 * answered again, if it is the same command.
 */
static enum smr_err judge(const struct smr_tre_durable *draft, const struct smr_tre_operator *memory,
			  const struct smr_tre_mcim *mcim, const struct smr_command *command)
{
	if (memcmp(&command->eid, &draft->eid, sizeof(draft->eid)) != 0)
		return SMR_E_NOT_ADDRESSEE;
	if (command->serial < memory->command_serial)
		return SMR_E_SERIAL;
	if (command->serial == memory->command_serial && command->state != mcim->state)
		return SMR_E_SERIAL;
	return SMR_OK;
}

static enum smr_err queue_receipt(struct smr_tre_durable *draft, const struct smr_tre_mcim *mcim,
				  const struct smr_command *command)
{
	struct smr_receipt receipt = {.kind = SMR_RECEIPT_COMMAND, .iccid = mcim->iccid, .serial = command->serial};
	struct smr_bytes k = smr_bytes_of(mcim->content.aka.k, mcim->content.aka.k_len);

	SMR_TRY(smr_receipt_command_mac(k, &draft->eid, &mcim->iccid, command->serial, command->state, receipt.result,
					receipt.mac));
	smr_tre_queue_receipt(draft, &receipt);
	return SMR_OK;
}

enum smr_err smr_tre_obey(struct smr_tre_durable *draft, struct smr_bytes encoded)
{
	struct smr_command command;
	struct smr_tre_operator *memory;
	struct smr_tre_mcim *mcim;

	SMR_TRY(smr_command_peek(encoded, &command));
	mcim = find_mcim(draft, &command.iccid);
	if (mcim == NULL)
		return SMR_E_NOT_FOUND;
	SMR_TRY(open_command(mcim, encoded, &command));
	memory = smr_tre_operator(draft, mcim->operator_key);
	if (memory == NULL)
		return SMR_E_TOO_MANY;
	SMR_TRY(judge(draft, memory, mcim, &command));
	mcim->state = command.state;
	memory->command_serial = command.serial;
	return queue_receipt(draft, mcim, &command);
}
