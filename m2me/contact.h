/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file contact.h
 * One contact with the server: a request from the TRE, its way up and down, the answer into the TRE. What comes of it
 * is judged by the TRE alone; nothing that a stranger can write in clear ends in more than a new request or a pause.
 */
#ifndef SMR_M2ME_CONTACT_H
#define SMR_M2ME_CONTACT_H

#include "m2me/transport.h"
#include "tre/client.h"

/** The TRE as a port, with the errors of tre/client.h. m2me/trelink.c is the real one. */
struct smr_tre_link {
	enum smr_err (*state)(void *context, struct smr_tre_state *out);
	enum smr_err (*flight_start)(void *context, bool with_certificate, struct smr_space *m1);
	enum smr_err (*flight_gate)(void *context, uint8_t mac[SMR_GATE_MAC_LEN]);
	enum smr_err (*flight_complete)(void *context, struct smr_bytes m2, struct smr_tre_outcome *outcome);
	enum smr_err (*flight_key)(void *context, struct smr_bytes encoded);
	enum smr_err (*checkin_start)(void *context, struct smr_space *c1);
	enum smr_err (*checkin_complete)(void *context, struct smr_bytes c2, struct smr_tre_outcome *outcome);
	void *context;
};

enum smr_contact_end {
	SMR_CONTACT_NONE = 0,  /* there was none */
	SMR_CONTACT_ACCEPTED,  /* outcome counts */
	SMR_CONTACT_REFUSED,   /* outcome counts */
	SMR_CONTACT_NEW_KEY,   /* the TRE took another flight key: ask again */
	SMR_CONTACT_NO_TICKET, /* a flight is needed: the server does not know the ticket's key, or the TRE has none */
	SMR_CONTACT_LATER,     /* the server asks to come back after max_age_s */
	SMR_CONTACT_UNANSWERED,
	SMR_CONTACT_TRE_LOST,
	SMR_CONTACT_STOPPED, /* told to end */
	SMR_CONTACT_FAILED   /* err tells */
};

struct smr_contact {
	enum smr_contact_end end;
	enum smr_err err; /* FAILED, TRE_LOST */
	struct smr_tre_outcome outcome;
	uint32_t max_age_s;
	size_t request_len; /* of M1 or C1; 0: none was sent */
	size_t reply_len;   /* of M2 or C2 */
};

void smr_contact_flight(const struct smr_tre_link *tre, const struct smr_transport *transport, bool with_certificate,
			struct smr_contact *out);
void smr_contact_checkin(const struct smr_tre_link *tre, const struct smr_transport *transport,
			 struct smr_contact *out);

/** «accepted», for logs and --json. Static, never NULL. */
const char *smr_contact_end_name(enum smr_contact_end how);

#endif
