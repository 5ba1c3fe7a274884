/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file coap.h
 * The little of CoAP (RFC 7252) that the server's path needs: a POST to one of two one-letter paths, and its answer. No I/O.
 */
#ifndef SMR_SERVER_COAP_H
#define SMR_SERVER_COAP_H

#include "base/base.h"

#define SMR_COAP_TOKEN_MAX 8u
#define SMR_COAP_ECHO_MAX 40u
/** Octets that an answer adds to its payload at most: header, token, Max-Age or Echo option, marker. */
#define SMR_COAP_OVERHEAD_MAX (4u + SMR_COAP_TOKEN_MAX + 3u + SMR_COAP_ECHO_MAX + 1u)

enum smr_coap_path { SMR_COAP_FLIGHT, SMR_COAP_CHECKIN };

/* Response codes, class << 5 | detail. */
enum smr_coap_code {
	SMR_COAP_CHANGED = 0x44,      /* 2.04 */
	SMR_COAP_UNAUTHORIZED = 0x81, /* 4.01 */
	SMR_COAP_NOT_FOUND = 0x84,    /* 4.04 */
	SMR_COAP_UNAVAILABLE = 0xa3   /* 5.03 */
};

struct smr_coap_request {
	bool confirmable;
	uint16_t message_id;
	uint8_t token[SMR_COAP_TOKEN_MAX];
	size_t token_len;
	enum smr_coap_path path;
	struct smr_bytes echo;	  /* view; empty: none */
	struct smr_bytes payload; /* view */
};

/**
 * Read a request.
 * @return SMR_E_MALFORMED: not CoAP, not a POST, no such path, an unknown critical option (RFC 7252 5.4.1), no payload. Such
 *         datagrams are dropped.
 */
enum smr_err smr_coap_read(struct smr_bytes datagram, struct smr_coap_request *out) SMR_MUST_USE;

struct smr_coap_answer {
	enum smr_coap_code code;
	uint32_t max_age_s;    /* with UNAVAILABLE; 0: none */
	struct smr_bytes echo; /* with UNAUTHORIZED */
	struct smr_bytes payload;
};
/**
 * Write the head of an answer: everything before the payload. A confirmable request gets its acknowledgement with the answer in it
 * (piggy-backed), another one a non-confirmable message with @p own_id.
 */
enum smr_err smr_coap_head(const struct smr_coap_request *request, const struct smr_coap_answer *answer,
			   uint16_t own_id, struct smr_space *out) SMR_MUST_USE;

#endif
