/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/contact.h"

#include "sys/fault.h"
#include "sys/log.h"

struct exchange {
	const struct smr_tre_link *tre;
	enum smr_m2me_path path;
	struct smr_contact *out;
	uint8_t proven[SMR_FLIGHT_REQUEST_MAX]; /* M1 with its gate MAC */
};

static bool end(struct smr_contact *out, enum smr_contact_end how, enum smr_err err)
{
	out->end = how;
	out->err = err;
	return true;
}

/* An error of the TRE that is about ourselves, not about the octets we handed to it. */
static bool end_with_error(struct smr_contact *out, enum smr_err err)
{
	return end(out, err == SMR_E_UNAVAILABLE ? SMR_CONTACT_TRE_LOST : SMR_CONTACT_FAILED, err);
}

static bool take_sealed(struct exchange *x, struct smr_bytes payload)
{
	struct smr_contact *out = x->out;
	enum smr_err err;

	SMR_FAULT("before-call", "complete");
	if (x->path == SMR_M2ME_FLIGHT)
		err = x->tre->flight_complete(x->tre->context, payload, &out->outcome);
	else
		err = x->tre->checkin_complete(x->tre->context, payload, &out->outcome);
	SMR_FAULT("after-call", "complete");
	/* Not the answer to our request: the real one may still come, and the TRE has kept what opens it. */
	if (smr_err_class(err) == SMR_CLASS_PEER)
		return false;
	out->reply_len = payload.len;
	if (err == SMR_E_NOTHING)
		return end(out, SMR_CONTACT_NO_TICKET, err);
	if (err != SMR_OK)
		return end_with_error(out, err);
	return end(out, out->outcome.refusal == SMR_REFUSAL_NONE ? SMR_CONTACT_ACCEPTED : SMR_CONTACT_REFUSED, SMR_OK);
}

/* Only a key that the RO's root has signed, and that is newer than ours, is worth a new request. */
static bool take_flight_key(struct exchange *x, struct smr_bytes payload)
{
	enum smr_err err = payload.len == 0 ? SMR_E_MALFORMED : x->tre->flight_key(x->tre->context, payload);

	if (err == SMR_OK)
		return end(x->out, SMR_CONTACT_NEW_KEY, SMR_OK);
	if (smr_err_class(err) == SMR_CLASS_PEER || smr_err_class(err) == SMR_CLASS_TRUST) {
		smr_log_error(SMR_LOG_INFO, "hint.ignored", err, "a flight key in clear that the TRE does not accept");
		return false;
	}
	return end_with_error(x->out, err);
}

static bool judge(void *context, const struct smr_reply *reply)
{
	struct exchange *x = context;

	switch (reply->kind) {
	case SMR_REPLY_SEALED:
		return take_sealed(x, reply->payload);
	case SMR_REPLY_UNKNOWN:
		if (x->path == SMR_M2ME_FLIGHT)
			return take_flight_key(x, reply->payload);
		return end(x->out, SMR_CONTACT_NO_TICKET, SMR_E_UNKNOWN_KEY);
	case SMR_REPLY_LATER:
		x->out->max_age_s = reply->max_age_s;
		return end(x->out, SMR_CONTACT_LATER, SMR_E_BUSY);
	}
	return false;
}

/* A server under attack serves devices first that show which shipment they are of. Without a gate key, or without the TRE, the address
 * alone has to do. */
static struct smr_bytes prove(void *context, struct smr_bytes request)
{
	struct exchange *x = context;
	struct smr_space proven = {x->proven, sizeof(x->proven)};
	uint8_t mac[SMR_GATE_MAC_LEN];

	if (x->path != SMR_M2ME_FLIGHT || x->tre->flight_gate(x->tre->context, mac) != SMR_OK ||
	    smr_gate_append(request, mac, &proven) != SMR_OK)
		return request;
	return smr_bytes_of(proven.ptr, proven.len);
}

static void run(struct exchange *x, const struct smr_transport *transport, struct smr_bytes request)
{
	const struct smr_asker asker = {judge, prove, x};
	enum smr_err err = transport->exchange(transport->context, x->path, request, &asker);

	x->out->request_len = request.len;
	if (err == SMR_E_UNAVAILABLE)
		(void)end(x->out, SMR_CONTACT_UNANSWERED, err);
	else if (err == SMR_E_NOTHING)
		(void)end(x->out, SMR_CONTACT_STOPPED, err);
	else if (err != SMR_OK)
		(void)end(x->out, SMR_CONTACT_FAILED, err);
}

void smr_contact_flight(const struct smr_tre_link *tre, const struct smr_transport *transport, bool with_certificate,
			struct smr_contact *out)
{
	uint8_t octets[SMR_M1_MAX];
	struct smr_space m1 = {octets, sizeof(octets)};
	struct exchange x = {.tre = tre, .path = SMR_M2ME_FLIGHT, .out = out};
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	SMR_FAULT("before-call", "flight");
	err = tre->flight_start(tre->context, with_certificate, &m1);
	SMR_FAULT("after-call", "flight");
	if (err != SMR_OK)
		(void)end_with_error(out, err);
	else
		run(&x, transport, smr_bytes_of(m1.ptr, m1.len));
}

void smr_contact_checkin(const struct smr_tre_link *tre, const struct smr_transport *transport, struct smr_contact *out)
{
	uint8_t octets[SMR_C1_MAX];
	struct smr_space c1 = {octets, sizeof(octets)};
	struct exchange x = {.tre = tre, .path = SMR_M2ME_CHECKIN, .out = out};
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	SMR_FAULT("before-call", "check-in");
	err = tre->checkin_start(tre->context, &c1);
	SMR_FAULT("after-call", "check-in");
	if (err == SMR_E_NOTHING)
		(void)end(out, SMR_CONTACT_NO_TICKET, err);
	else if (err != SMR_OK)
		(void)end_with_error(out, err);
	else
		run(&x, transport, smr_bytes_of(c1.ptr, c1.len));
}

const char *smr_contact_end_name(enum smr_contact_end how)
{
	static const char *const names[] = {"none",  "accepted",   "refused",  "new-flight-key", "flight-needed",
					    "later", "unanswered", "tre-lost", "stopped",	 "failed"};

	return (unsigned)how < SMR_COUNT(names) ? names[how] : "unknown";
}
