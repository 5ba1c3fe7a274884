/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file wire.h
 * CoAP (RFC 7252) as the devices' agent speaks it: a confirmable POST to «f» or «c» with a token of two octets and, when it was asked for, an
 * Echo of eight (RFC 9175); and the answers of docs/protocol.md, «Transport». No I/O.
 */
#ifndef SMR_FLEET_WIRE_H
#define SMR_FLEET_WIRE_H

#include "base/base.h"

#define SMR_WIRE_ECHO_LEN 8u
#define SMR_WIRE_HEAD_MAX (4u + 2u + 2u + 2u + SMR_WIRE_ECHO_LEN + 1u)

enum smr_wire_path { SMR_WIRE_FLIGHT, SMR_WIRE_CHECKIN };

/**
 * Everything before the payload.
 * @param id    32 bits that name the exchange: message id and token.
 * @param echo  SMR_WIRE_ECHO_LEN octets, or NULL.
 * @param out   room of SMR_WIRE_HEAD_MAX.
 * @return its length.
 */
size_t smr_wire_head(enum smr_wire_path path, uint32_t id, const uint8_t *echo, uint8_t *out);

enum smr_wire_kind {
	SMR_WIRE_SEALED,    /* 2.04 */
	SMR_WIRE_UNKNOWN,   /* 4.04: flight or ticket key unknown */
	SMR_WIRE_CHALLENGE, /* 4.01 with an Echo of our length */
	SMR_WIRE_LATER	    /* 5.03 */
};
struct smr_wire_answer {
	enum smr_wire_kind kind;
	uint32_t id;
	uint32_t max_age_s; /* LATER */
	uint8_t echo[SMR_WIRE_ECHO_LEN];
	struct smr_bytes payload; /* view */
};
/** SMR_E_MALFORMED: not an answer to any of our requests. */
enum smr_err smr_wire_read(struct smr_bytes datagram, struct smr_wire_answer *out) SMR_MUST_USE;

#endif
