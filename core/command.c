/* SPDX-License-Identifier: Apache-2.0 */
#include "core/object.h"

static bool is_commanded_state(uint64_t state)
{
	return state == SMR_MCIM_ACTIVATED || state == SMR_MCIM_SUSPENDED;
}

enum smr_err smr_command_sign(struct smr_writer *w, const struct smr_privkey *operator_key,
			      const struct smr_command *command)
{
	uint8_t room[SMR_COMMAND_MAX];
	struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	if (!is_commanded_state(command->state))
		return SMR_E_INVALID;
	smr_put_array(&payload, 5);
	smr_put_bytes(&payload, SMR_ARRAY(command->operator_id.octets));
	smr_put_bytes(&payload, smr_eid_bytes(&command->eid));
	smr_put_bytes(&payload, smr_iccid_bytes(&command->iccid));
	smr_put_uint(&payload, command->serial);
	smr_put_uint(&payload, command->state);
	SMR_TRY(smr_writer_done(&payload, &encoded));
	return smr_cose_sign(w, operator_key, SMR_LABEL_COMMAND, SMR_NONE, encoded);
}

static enum smr_err read_claims(struct smr_bytes payload, struct smr_command *out)
{
	struct smr_reader r = smr_reader_init(payload);
	struct smr_command command;
	uint64_t state;

	smr_get_array(&r, 5, 5);
	smr_get_fixed(&r, command.operator_id.octets, sizeof(command.operator_id.octets));
	smr_get_fixed(&r, command.eid.octets, sizeof(command.eid.octets));
	smr_get_fixed(&r, command.iccid.octets, sizeof(command.iccid.octets));
	command.serial = smr_get_uint(&r, UINT64_MAX);
	state = smr_get_uint(&r, UINT32_MAX);
	SMR_TRY(smr_reader_done(&r));
	if (!is_commanded_state(state))
		return SMR_E_UNSUPPORTED;
	command.state = (enum smr_mcim_state)state;
	SMR_TRY(smr_eid_check(&command.eid));
	SMR_TRY(smr_iccid_check(&command.iccid));
	*out = command;
	return SMR_OK;
}

enum smr_err smr_command_open(struct smr_bytes encoded, const struct smr_pubkey *operator_key, struct smr_command *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);

	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(smr_cose_verify(&object, operator_key, SMR_LABEL_COMMAND, SMR_NONE));
	return read_claims(object.payload, out);
}

enum smr_err smr_command_peek(struct smr_bytes encoded, struct smr_command *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);

	SMR_TRY(smr_reader_done(&r));
	return read_claims(object.payload, out);
}
