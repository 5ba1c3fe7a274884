/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file transport.h
 * The agent's way to the server, as a port: m2me/coap.c is the real one, tests have their own.
 */
#ifndef SMR_M2ME_TRANSPORT_H
#define SMR_M2ME_TRANSPORT_H

#include "base/base.h"

#define SMR_REPLY_MAX 1400u	/* octets of a payload that come up to the agent; longer ones are dropped */
#define SMR_MAX_AGE_DEFAULT 60u /* seconds, when 5.03 names none (RFC 7252, 5.10.5) */

enum smr_m2me_path { SMR_M2ME_FLIGHT, SMR_M2ME_CHECKIN };

enum smr_reply_kind {
	SMR_REPLY_SEALED,  /* 2.04: M2 or C2 */
	SMR_REPLY_UNKNOWN, /* 4.04: flight key (payload: the current one) or ticket key unknown; a hint in clear */
	SMR_REPLY_LATER	   /* 5.03: a hint in clear */
};

struct smr_reply {
	enum smr_reply_kind kind;
	struct smr_bytes payload; /* lives as long as the call it is handed to */
	uint32_t max_age_s;	  /* LATER, as the server wrote it: not capped */
};

/** Who asks. */
struct smr_asker {
	/** Is this the answer? False: somebody else's words, wait on for the real one. */
	bool (*judge)(void *context, const struct smr_reply *reply);
	/** The server wants the address proved: what to send from now on, the same message or with its gate MAC. Called once. */
	struct smr_bytes (*prove)(void *context, struct smr_bytes request);
	void *context;
};

/** Counted at the socket: every UDP datagram, retransmissions too. */
struct smr_traffic {
	uint64_t datagrams_up;
	uint64_t datagrams_down;
	uint64_t bytes_up; /* UDP payload */
	uint64_t bytes_down;
	uint64_t ignored; /* replies that were none: wrong token, other codes, not opened by the TRE */
};

struct smr_transport {
	/**
	 * Send @p request, again and again as identical octets, until @p asker accepts a reply or it is hopeless. A server
	 * that answers with an Echo (RFC 9175) gets the request once more, with it.
	 * @return SMR_OK: accepted; SMR_E_UNAVAILABLE: no answer; SMR_E_NOTHING: told to stop; all else: it could not
	 * be sent.
	 */
	enum smr_err (*exchange)(void *context, enum smr_m2me_path path, struct smr_bytes request,
				 const struct smr_asker *asker);
	/** Totals since the start. */
	void (*traffic)(void *context, struct smr_traffic *out);
	void *context;
};

#endif
