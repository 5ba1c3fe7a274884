/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/dispatch.h"

/* Room for what an answer refers to: M1, C1 or a certificate. */
struct message {
	uint8_t octets[SMR_ENDORSEMENT_MAX];
	struct smr_space space;
};

_Static_assert(SMR_M1_MAX <= SMR_ENDORSEMENT_MAX && SMR_C1_MAX <= SMR_ENDORSEMENT_MAX, "there is room for each");

static enum smr_err start(struct smr_tre *tre, const struct smr_tre_request *request, struct message *message,
			  struct smr_tre_answer *answer)
{
	enum smr_err err;

	message->space = (struct smr_space){message->octets, sizeof(message->octets)};
	if (request->op == SMR_TRE_FLIGHT_START)
		err = smr_tre_flight_start(tre, request->u.with_certificate, &message->space);
	else
		err = smr_tre_checkin_start(tre, &message->space);
	if (err == SMR_OK)
		answer->u.message = smr_bytes_of(message->space.ptr, message->space.len);
	return err;
}

static enum smr_err act(struct smr_tre *tre, const struct smr_tre_request *request, struct message *message,
			struct smr_tre_answer *answer)
{
	switch (request->op) {
	case SMR_TRE_STATE:
		smr_tre_state(tre, &answer->u.state);
		return SMR_OK;
	case SMR_TRE_ENROL_BEGIN:
		return smr_tre_enrol_begin(tre, &request->u.enrol_begin.eid, request->u.enrol_begin.challenge,
					   &answer->u.identity);
	case SMR_TRE_ENROL_FINISH:
		return smr_tre_enrol_finish(tre, &request->u.enrolment, answer->u.enrolled);
	case SMR_TRE_ENROL_ENDORSE:
		return smr_tre_enrol_endorse(tre, request->u.challenge,
					     (struct smr_space){message->octets, sizeof(message->octets)},
					     &answer->u.endorsement);
	case SMR_TRE_ENROL_ACTIVATE:
		return smr_tre_enrol_activate(tre, request->u.message, answer->u.activated);
	case SMR_TRE_FLIGHT_START:
	case SMR_TRE_CHECKIN_START:
		return start(tre, request, message, answer);
	case SMR_TRE_FLIGHT_GATE:
		return smr_tre_flight_gate(tre, answer->u.gate_mac);
	case SMR_TRE_FLIGHT_COMPLETE:
		return smr_tre_flight_complete(tre, request->u.message, &answer->u.outcome);
	case SMR_TRE_FLIGHT_KEY:
		return smr_tre_flight_key(tre, request->u.message);
	case SMR_TRE_CHECKIN_COMPLETE:
		return smr_tre_checkin_complete(tre, request->u.message, &answer->u.outcome);
	case SMR_TRE_AUTHENTICATE:
		return smr_tre_authenticate(tre, request->u.authenticate.rand, request->u.authenticate.autn,
					    &answer->u.aka);
	case SMR_TRE_PREPARE:
		return smr_tre_prepare(tre, &request->u.update);
	}
	return SMR_E_UNSUPPORTED; /* uncovered: the decoder lets no other operation through */
}

/* The error alone always fits. */
static void refuse(enum smr_tre_op op, enum smr_err err, struct smr_space room, struct smr_bytes *packet)
{
	const struct smr_tre_answer refusal = {.err = err};

	if (smr_tre_answer_encode(op, &refusal, room, packet) != SMR_OK)
		*packet = SMR_NONE;
}

void smr_tre_dispatch(struct smr_tre *tre, struct smr_bytes packet, struct smr_space room, struct smr_bytes *answer,
		      struct smr_tre_done *done)
{
	struct smr_tre_request request;
	struct smr_tre_answer result = {0};
	struct message message;

	*done = (struct smr_tre_done){0};
	done->result = smr_tre_request_decode(packet, &request);
	if (done->result != SMR_OK) {
		refuse(SMR_TRE_STATE, done->result, room, answer);
		return;
	}
	done->op = request.op;
	done->result = act(tre, &request, &message, &result);
	result.err = done->result;
	if (smr_tre_answer_encode(request.op, &result, room, answer) != SMR_OK) {
		done->result = SMR_E_INVALID;
		refuse(request.op, SMR_E_INVALID, room, answer);
	}
	SMR_WIPE(request);
	SMR_WIPE(result);
}
