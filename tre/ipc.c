/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/ipc.h"

#include "core/release.h"

/* What the array of a request holds, its op included; 0: no such operation. */
static size_t request_items(enum smr_tre_op op)
{
	switch (op) {
	case SMR_TRE_STATE:
	case SMR_TRE_CHECKIN_START:
	case SMR_TRE_FLIGHT_GATE:
		return 1;
	case SMR_TRE_FLIGHT_START:
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_FLIGHT_KEY:
	case SMR_TRE_CHECKIN_COMPLETE:
	case SMR_TRE_ENROL_ENDORSE:
	case SMR_TRE_ENROL_ACTIVATE:
		return 2;
	case SMR_TRE_ENROL_BEGIN:
	case SMR_TRE_AUTHENTICATE:
		return 3;
	case SMR_TRE_PREPARE:
		return 4;
	case SMR_TRE_ENROL_FINISH:
		return 9;
	}
	return 0;
}

const char *smr_tre_op_name(enum smr_tre_op op)
{
	static const char *const names[] = {"unknown",		"state",	   "enrol-begin", "enrol-finish",
					    "flight-start",	"flight-complete", "flight-key",  "checkin-start",
					    "checkin-complete", "authenticate",	   "flight-gate", "enrol-endorse",
					    "enrol-activate",	"prepare"};

	return names[(size_t)op < SMR_COUNT(names) ? (size_t)op : 0];
}

/* ---- requests ---- */

static void put_optional(struct smr_writer *w, bool given, struct smr_bytes bytes)
{
	if (given)
		smr_put_bytes(w, bytes);
	else
		smr_put_null(w);
}

static void put_enrolment(struct smr_writer *w, const struct smr_tre_enrolment *e)
{
	smr_put_bytes(w, e->certificate);
	smr_put_bytes(w, SMR_ARRAY(e->supplier));
	smr_put_bytes(w, SMR_ARRAY(e->ro_root));
	smr_put_bytes(w, e->shelf_key);
	put_optional(w, e->owner_bound, SMR_ARRAY(e->owner));
	smr_put_array(w, e->anchor_count);
	for (size_t i = 0; i < e->anchor_count; i++)
		smr_put_bytes(w, SMR_ARRAY(e->anchors[i]));
	put_optional(w, e->has_gate, SMR_ARRAY(e->gate));
	smr_put_bytes(w, e->sealed_challenge);
}

static void put_arguments(struct smr_writer *w, const struct smr_tre_request *request)
{
	switch (request->op) {
	case SMR_TRE_STATE:
	case SMR_TRE_CHECKIN_START:
	case SMR_TRE_FLIGHT_GATE:
		break;
	case SMR_TRE_ENROL_BEGIN:
		smr_put_bytes(w, smr_eid_bytes(&request->u.enrol_begin.eid));
		smr_put_bytes(w, SMR_ARRAY(request->u.enrol_begin.challenge));
		break;
	case SMR_TRE_ENROL_FINISH:
		put_enrolment(w, &request->u.enrolment);
		break;
	case SMR_TRE_FLIGHT_START:
		smr_put_bool(w, request->u.with_certificate);
		break;
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_FLIGHT_KEY:
	case SMR_TRE_CHECKIN_COMPLETE:
	case SMR_TRE_ENROL_ACTIVATE:
		smr_put_bytes(w, request->u.message);
		break;
	case SMR_TRE_ENROL_ENDORSE:
		smr_put_bytes(w, SMR_ARRAY(request->u.challenge));
		break;
	case SMR_TRE_AUTHENTICATE:
		smr_put_bytes(w, SMR_ARRAY(request->u.authenticate.rand));
		smr_put_bytes(w, SMR_ARRAY(request->u.authenticate.autn));
		break;
	case SMR_TRE_PREPARE:
		smr_put_bytes(w, SMR_ARRAY(request->u.update.supplier));
		smr_put_bytes(w, request->u.update.running);
		smr_put_bytes(w, request->u.update.next);
		break;
	}
}

enum smr_err smr_tre_request_encode(const struct smr_tre_request *request, struct smr_space room,
				    struct smr_bytes *packet)
{
	struct smr_writer w = smr_writer_init(room);

	if (request_items(request->op) == 0)
		return SMR_E_INVALID;
	if (request->op == SMR_TRE_ENROL_FINISH && request->u.enrolment.anchor_count > SMR_TRE_ANCHORS_MAX)
		return SMR_E_INVALID;
	smr_put_array(&w, request_items(request->op));
	smr_put_uint(&w, (uint64_t)request->op);
	put_arguments(&w, request);
	return smr_writer_done(&w, packet);
}

static void get_enrolment(struct smr_reader *r, struct smr_tre_enrolment *e)
{
	e->certificate = smr_get_bytes(r, 1, SMR_CERTIFICATE_MAX);
	smr_get_fixed(r, e->supplier, sizeof(e->supplier));
	smr_get_fixed(r, e->ro_root, sizeof(e->ro_root));
	e->shelf_key = smr_get_bytes(r, 1, SMR_FLIGHT_KEY_MAX);
	e->owner_bound = !smr_get_null(r);
	if (e->owner_bound)
		smr_get_fixed(r, e->owner, sizeof(e->owner));
	e->anchor_count = smr_get_array(r, 0, SMR_TRE_ANCHORS_MAX);
	for (size_t i = 0; i < e->anchor_count; i++)
		smr_get_fixed(r, e->anchors[i], sizeof(e->anchors[i]));
	e->has_gate = !smr_get_null(r);
	if (e->has_gate)
		smr_get_fixed(r, e->gate, sizeof(e->gate));
	e->sealed_challenge = smr_get_bytes(r, 1, SMR_TRE_PACKET_MAX);
}

static void get_arguments(struct smr_reader *r, struct smr_tre_request *out)
{
	switch (out->op) {
	case SMR_TRE_STATE:
	case SMR_TRE_CHECKIN_START:
	case SMR_TRE_FLIGHT_GATE:
		break;
	case SMR_TRE_ENROL_BEGIN:
		smr_get_fixed(r, out->u.enrol_begin.eid.octets, sizeof(out->u.enrol_begin.eid.octets));
		smr_get_fixed(r, out->u.enrol_begin.challenge, sizeof(out->u.enrol_begin.challenge));
		break;
	case SMR_TRE_ENROL_FINISH:
		get_enrolment(r, &out->u.enrolment);
		break;
	case SMR_TRE_FLIGHT_START:
		out->u.with_certificate = smr_get_bool(r);
		break;
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_FLIGHT_KEY:
	case SMR_TRE_CHECKIN_COMPLETE:
	case SMR_TRE_ENROL_ACTIVATE:
		/* Octets from elsewhere: the engine, or its platform, judges them, empty ones too. */
		out->u.message = smr_get_bytes(r, 0, SMR_TRE_PACKET_MAX);
		break;
	case SMR_TRE_ENROL_ENDORSE:
		smr_get_fixed(r, out->u.challenge, sizeof(out->u.challenge));
		break;
	case SMR_TRE_AUTHENTICATE:
		smr_get_fixed(r, out->u.authenticate.rand, sizeof(out->u.authenticate.rand));
		smr_get_fixed(r, out->u.authenticate.autn, sizeof(out->u.authenticate.autn));
		break;
	case SMR_TRE_PREPARE:
		smr_get_fixed(r, out->u.update.supplier, sizeof(out->u.update.supplier));
		out->u.update.running = smr_get_bytes(r, 0, SMR_RELEASE_MAX);
		out->u.update.next = smr_get_bytes(r, 0, SMR_RELEASE_MAX);
		break;
	}
}

static enum smr_err read_request(struct smr_bytes packet, struct smr_tre_request *out)
{
	struct smr_reader r = smr_reader_init(packet);
	size_t count = smr_get_array(&r, 1, 16);

	out->op = (enum smr_tre_op)smr_get_uint(&r, UINT16_MAX);
	if (r.err != SMR_OK)
		return SMR_E_MALFORMED;
	if (request_items(out->op) == 0)
		return SMR_E_UNSUPPORTED;
	if (request_items(out->op) != count)
		return SMR_E_MALFORMED;
	get_arguments(&r, out);
	return smr_reader_done(&r) == SMR_OK ? SMR_OK : SMR_E_MALFORMED;
}

enum smr_err smr_tre_request_decode(struct smr_bytes packet, struct smr_tre_request *out)
{
	enum smr_err err = SMR_E_MALFORMED;

	memset(out, 0, sizeof(*out));
	if (packet.len <= SMR_TRE_PACKET_MAX)
		err = read_request(packet, out);
	if (err != SMR_OK)
		smr_wipe(out, sizeof(*out));
	return err;
}

/* ---- answers ---- */

/* What the array of an answer holds, the error included. */
static size_t answer_items(enum smr_tre_op op, enum smr_err err)
{
	if (op == SMR_TRE_AUTHENTICATE && err == SMR_E_SQN)
		return 2;
	if (err != SMR_OK)
		return 1;
	switch (op) {
	case SMR_TRE_STATE:
		return 13;
	case SMR_TRE_ENROL_BEGIN:
		return 6;
	case SMR_TRE_ENROL_FINISH:
	case SMR_TRE_FLIGHT_START:
	case SMR_TRE_CHECKIN_START:
	case SMR_TRE_FLIGHT_GATE:
	case SMR_TRE_ENROL_ACTIVATE:
		return 2;
	case SMR_TRE_ENROL_ENDORSE:
		return 4;
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_CHECKIN_COMPLETE:
		return 7;
	case SMR_TRE_FLIGHT_KEY:
	case SMR_TRE_PREPARE:
		return 1;
	case SMR_TRE_AUTHENTICATE:
		return 6;
	}
	return 0; /* uncovered: the decoder lets no other operation through */
}

static void put_state(struct smr_writer *w, const struct smr_tre_state *state)
{
	smr_put_uint(w, (uint64_t)state->health);
	smr_put_bool(w, state->enrolled);
	smr_put_bytes(w, smr_eid_bytes(&state->eid));
	smr_put_bytes(w, SMR_ARRAY(state->measurement));
	smr_put_uint(w, state->ctr);
	smr_put_bool(w, state->has_ticket);
	smr_put_bool(w, state->flight_open);
	smr_put_bool(w, state->checkin_open);
	smr_put_uint(w, state->flight_key);
	smr_put_uint(w, state->receipts);
	smr_put_uint(w, state->tamper);
	smr_put_array(w, state->mcim_count);
	for (size_t i = 0; i < state->mcim_count; i++) {
		smr_put_array(w, 6);
		smr_put_bytes(w, smr_iccid_bytes(&state->mcims[i].iccid));
		smr_put_bytes(w, SMR_ARRAY(state->mcims[i].imsi.octets));
		smr_put_uint(w, state->mcims[i].serial);
		smr_put_uint(w, (uint64_t)state->mcims[i].alg);
		smr_put_uint(w, (uint64_t)state->mcims[i].state);
		smr_put_uint(w, state->mcims[i].interval_s);
	}
}

static void put_outcome(struct smr_writer *w, const struct smr_tre_outcome *outcome)
{
	smr_put_uint(w, (uint64_t)outcome->refusal);
	smr_put_uint(w, (uint64_t)outcome->package);
	smr_put_uint(w, outcome->commands_done);
	smr_put_bool(w, outcome->has_receipts);
	smr_put_bool(w, outcome->flight_needed);
	smr_put_uint(w, outcome->interval_s);
}

static void put_aka(struct smr_writer *w, enum smr_err err, const struct smr_aka_result *aka)
{
	if (err == SMR_E_SQN) {
		smr_put_bytes(w, SMR_ARRAY(aka->auts));
		return;
	}
	smr_put_bytes(w, smr_bytes_of(aka->res, aka->res_len));
	smr_put_bytes(w, SMR_ARRAY(aka->ck));
	smr_put_bytes(w, SMR_ARRAY(aka->ik));
	smr_put_bytes(w, SMR_ARRAY(aka->amf));
	smr_put_bool(w, aka->separation);
}

static void put_identity(struct smr_writer *w, const struct smr_tre_identity *identity)
{
	smr_put_bytes(w, SMR_ARRAY(identity->d));
	smr_put_bytes(w, SMR_ARRAY(identity->t));
	smr_put_bytes(w, SMR_ARRAY(identity->measurement));
	smr_put_bytes(w, SMR_ARRAY(identity->proof.sig));
	if (identity->proof.quoted)
		smr_put_tpm_quote(w, &identity->proof.quote);
	else
		smr_put_null(w);
}

static void put_endorsement(struct smr_writer *w, const struct smr_tre_endorsement *endorsement)
{
	smr_put_bytes(w, endorsement->certificate);
	smr_put_bytes(w, SMR_ARRAY(endorsement->certification.sig));
	smr_put_tpm_quote(w, &endorsement->certification.quote);
}

static void put_results(struct smr_writer *w, enum smr_tre_op op, const struct smr_tre_answer *answer)
{
	switch (op) {
	case SMR_TRE_STATE:
		put_state(w, &answer->u.state);
		break;
	case SMR_TRE_ENROL_BEGIN:
		put_identity(w, &answer->u.identity);
		break;
	case SMR_TRE_ENROL_ENDORSE:
		put_endorsement(w, &answer->u.endorsement);
		break;
	case SMR_TRE_ENROL_ACTIVATE:
		smr_put_bytes(w, SMR_ARRAY(answer->u.activated));
		break;
	case SMR_TRE_ENROL_FINISH:
		smr_put_bytes(w, SMR_ARRAY(answer->u.enrolled));
		break;
	case SMR_TRE_FLIGHT_START:
	case SMR_TRE_CHECKIN_START:
		smr_put_bytes(w, answer->u.message);
		break;
	case SMR_TRE_FLIGHT_GATE:
		smr_put_bytes(w, SMR_ARRAY(answer->u.gate_mac));
		break;
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_CHECKIN_COMPLETE:
		put_outcome(w, &answer->u.outcome);
		break;
	case SMR_TRE_AUTHENTICATE:
		put_aka(w, answer->err, &answer->u.aka);
		break;
	case SMR_TRE_FLIGHT_KEY: /* uncovered: these have no result, so nobody asks for it */
	case SMR_TRE_PREPARE:
		break;
	}
}

static bool encodable(enum smr_tre_op op, const struct smr_tre_answer *answer)
{
	if (answer->err != SMR_OK)
		return true;
	if (op == SMR_TRE_STATE)
		return answer->u.state.mcim_count <= SMR_TRE_MCIMS_MAX;
	if (op == SMR_TRE_AUTHENTICATE)
		return answer->u.aka.res_len <= SMR_AKA_RES_MAX;
	return true;
}

enum smr_err smr_tre_answer_encode(enum smr_tre_op op, const struct smr_tre_answer *answer, struct smr_space room,
				   struct smr_bytes *packet)
{
	struct smr_writer w = smr_writer_init(room);
	size_t items = answer_items(op, answer->err);

	if (items == 0 || !encodable(op, answer))
		return SMR_E_INVALID;
	smr_put_array(&w, items);
	smr_put_uint(&w, (uint64_t)answer->err);
	if (items > 1)
		put_results(&w, op, answer);
	return smr_writer_done(&w, packet);
}

/* Only values of the list: whoever compares or prints an error may rely on it. */
static enum smr_err get_err(struct smr_reader *r)
{
	enum smr_err err = (enum smr_err)smr_get_uint(r, UINT16_MAX);

	switch (err) {
#define ERR_CASE(name, value, text) case SMR_E_##name:
		SMR_ERR_LIST(ERR_CASE)
#undef ERR_CASE
		return err;
	}
	smr_reader_fail(r, SMR_E_MALFORMED);
	return SMR_E_MALFORMED;
}

static void get_mcims(struct smr_reader *r, struct smr_tre_state *out)
{
	out->mcim_count = smr_get_array(r, 0, SMR_TRE_MCIMS_MAX);
	for (size_t i = 0; i < out->mcim_count; i++) {
		(void)smr_get_array(r, 6, 6);
		smr_get_fixed(r, out->mcims[i].iccid.octets, sizeof(out->mcims[i].iccid.octets));
		smr_get_fixed(r, out->mcims[i].imsi.octets, sizeof(out->mcims[i].imsi.octets));
		out->mcims[i].serial = smr_get_uint(r, UINT64_MAX);
		out->mcims[i].alg = (enum smr_aka_alg)smr_get_uint(r, UINT8_MAX);
		out->mcims[i].state = (enum smr_mcim_state)smr_get_uint(r, UINT8_MAX);
		out->mcims[i].interval_s = (uint32_t)smr_get_uint(r, UINT32_MAX);
	}
}

static void get_state(struct smr_reader *r, struct smr_tre_state *out)
{
	out->health = get_err(r);
	out->enrolled = smr_get_bool(r);
	smr_get_fixed(r, out->eid.octets, sizeof(out->eid.octets));
	smr_get_fixed(r, out->measurement, sizeof(out->measurement));
	out->ctr = (uint32_t)smr_get_uint(r, UINT32_MAX);
	out->has_ticket = smr_get_bool(r);
	out->flight_open = smr_get_bool(r);
	out->checkin_open = smr_get_bool(r);
	out->flight_key = (uint32_t)smr_get_uint(r, UINT32_MAX);
	out->receipts = (uint32_t)smr_get_uint(r, UINT32_MAX);
	out->tamper = (uint32_t)smr_get_uint(r, UINT32_MAX);
	get_mcims(r, out);
}

static void get_outcome(struct smr_reader *r, struct smr_tre_outcome *out)
{
	/* A refusal may be a value that this version has no name for: it is one all the same. */
	out->refusal = (enum smr_refusal)smr_get_uint(r, UINT32_MAX);
	out->package = get_err(r);
	out->commands_done = (uint32_t)smr_get_uint(r, UINT32_MAX);
	out->has_receipts = smr_get_bool(r);
	out->flight_needed = smr_get_bool(r);
	out->interval_s = (uint32_t)smr_get_uint(r, UINT32_MAX);
}

static void get_aka(struct smr_reader *r, enum smr_err err, struct smr_aka_result *out)
{
	struct smr_bytes res;

	if (err == SMR_E_SQN) {
		smr_get_fixed(r, out->auts, sizeof(out->auts));
		return;
	}
	res = smr_get_bytes(r, 4, SMR_AKA_RES_MAX);
	if (res.len > 0)
		memcpy(out->res, res.ptr, res.len);
	out->res_len = (uint8_t)res.len;
	smr_get_fixed(r, out->ck, sizeof(out->ck));
	smr_get_fixed(r, out->ik, sizeof(out->ik));
	smr_get_fixed(r, out->amf, sizeof(out->amf));
	out->separation = smr_get_bool(r);
}

static void get_identity(struct smr_reader *r, struct smr_tre_identity *identity)
{
	smr_get_fixed(r, identity->d, sizeof(identity->d));
	smr_get_fixed(r, identity->t, sizeof(identity->t));
	smr_get_fixed(r, identity->measurement, sizeof(identity->measurement));
	smr_get_fixed(r, identity->proof.sig, sizeof(identity->proof.sig));
	identity->proof.quoted = !smr_get_null(r);
	if (identity->proof.quoted)
		smr_get_tpm_quote(r, &identity->proof.quote);
}

static void get_endorsement(struct smr_reader *r, struct smr_tre_endorsement *out)
{
	out->certificate = smr_get_bytes(r, 1, SMR_ENDORSEMENT_MAX);
	smr_get_fixed(r, out->certification.sig, sizeof(out->certification.sig));
	out->certification.quoted = true;
	smr_get_tpm_quote(r, &out->certification.quote);
}

static void get_results(struct smr_reader *r, enum smr_tre_op op, struct smr_tre_answer *out)
{
	switch (op) {
	case SMR_TRE_STATE:
		get_state(r, &out->u.state);
		break;
	case SMR_TRE_ENROL_BEGIN:
		get_identity(r, &out->u.identity);
		break;
	case SMR_TRE_ENROL_ENDORSE:
		get_endorsement(r, &out->u.endorsement);
		break;
	case SMR_TRE_ENROL_ACTIVATE:
		smr_get_fixed(r, out->u.activated, sizeof(out->u.activated));
		break;
	case SMR_TRE_ENROL_FINISH:
		smr_get_fixed(r, out->u.enrolled, sizeof(out->u.enrolled));
		break;
	case SMR_TRE_FLIGHT_START:
		out->u.message = smr_get_bytes(r, 1, SMR_M1_MAX);
		break;
	case SMR_TRE_CHECKIN_START:
		out->u.message = smr_get_bytes(r, 1, SMR_C1_MAX);
		break;
	case SMR_TRE_FLIGHT_GATE:
		smr_get_fixed(r, out->u.gate_mac, sizeof(out->u.gate_mac));
		break;
	case SMR_TRE_FLIGHT_COMPLETE:
	case SMR_TRE_CHECKIN_COMPLETE:
		get_outcome(r, &out->u.outcome);
		break;
	case SMR_TRE_AUTHENTICATE:
		get_aka(r, out->err, &out->u.aka);
		break;
	case SMR_TRE_FLIGHT_KEY: /* uncovered: these have no result, so nobody asks for it */
	case SMR_TRE_PREPARE:
		break;
	}
}

static enum smr_err read_answer(enum smr_tre_op op, struct smr_bytes packet, struct smr_tre_answer *out)
{
	struct smr_reader r = smr_reader_init(packet);
	size_t count = smr_get_array(&r, 1, 16);

	out->err = get_err(&r);
	if (r.err != SMR_OK || answer_items(op, out->err) != count)
		return SMR_E_MALFORMED;
	if (count > 1)
		get_results(&r, op, out);
	return smr_reader_done(&r) == SMR_OK ? SMR_OK : SMR_E_MALFORMED;
}

enum smr_err smr_tre_answer_decode(enum smr_tre_op op, struct smr_bytes packet, struct smr_tre_answer *out)
{
	enum smr_err err = SMR_E_MALFORMED;

	memset(out, 0, sizeof(*out));
	if (packet.len <= SMR_TRE_PACKET_MAX)
		err = read_answer(op, packet, out);
	if (err != SMR_OK)
		smr_wipe(out, sizeof(*out));
	return err;
}
