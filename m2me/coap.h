/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file coap.h
 * CoAP client (RFC 7252) over libcoap, as the agent's transport: a confirmable POST to «f» or «c», a token of two
 * octets, no other option. 9 octets beside the payload; with Echo (RFC 9175), when the server demanded it, 10 more.
 *
 * libcoap retransmits identical octets. When something that is not the answer makes it stop (a forged acknowledgement,
 * a reset, an ICMP message), the same request is sent again, under a new message id, at the time it was due: a
 * stranger's word does not end an exchange, and does not make it longer.
 *
 * Each exchange has a socket and port of its own, so that two contacts of a device do not share one. One client per
 * process: the count of datagrams comes from libcoap's log, which is the process's.
 */
#ifndef SMR_M2ME_COAP_H
#define SMR_M2ME_COAP_H

#include "m2me/transport.h"
#include "sys/problem.h"

#define SMR_COAP_OVERHEAD 9u
#define SMR_COAP_ECHO_LEN 8u

struct smr_coap_settings {
	const char *
		address; /* coap://HOST[:PORT], HOST a name, an IPv4 or a bracketed IPv6 address; outlives the client */
	const char *bind;	/* local address, or "" ; outlives the client */
	uint64_t ack_timeout_s; /* libcoap takes whole seconds, at least one */
	uint64_t max_retransmit;
	uint64_t patience_ms; /* an exchange ends after this time, whatever happened */
	int stop_fd;	      /* readable: ask stopping(); or -1 */
	bool (*stopping)(void *context);
	void *context;
};

struct smr_coap_client;

/** @return SMR_E_MALFORMED: the address; SMR_E_NO_MEMORY. */
enum smr_err smr_coap_client_new(const struct smr_coap_settings *settings, struct smr_coap_client **out,
				 struct smr_problem *problem) SMR_MUST_USE;
void smr_coap_client_free(struct smr_coap_client *client);
struct smr_transport smr_coap_transport(struct smr_coap_client *client);

/** «coap://host:port» to host (without brackets) and port. SMR_E_MALFORMED. */
enum smr_err smr_coap_address(const char *address, char host[256], char port[6]) SMR_MUST_USE;

#endif
