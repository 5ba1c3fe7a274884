/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off: the table below is not to be filled */
/**
 * @file ipc.h
 * Packets on the socket of samara-tre: the codec that tre/client.c and the server share.
 *
 * Strict CBOR, one array per packet. A request is [op, arguments…], an answer [smr_err, results…]; results are there
 * with SMR_OK alone, but for AUTHENTICATE, whose SMR_E_SQN carries AUTS.
 *
 *     STATE             → health, enrolled, eid, measurement, ctr, has ticket, flight open, check-in open, flight key,
 *                         receipts, tamper, [[iccid, imsi, serial, alg, state, interval]…]
 *     ENROL_BEGIN       eid, challenge → d, t, measurement, signature, [clock, resets, restarts, safe, firmware, pcrs] or null
 *     ENROL_FINISH      certificate, supplier, ro root, shelf key, owner or null, [anchor…], gate or null,
 *                       sealed challenge → answer
 *     FLIGHT_START      with certificate → m1
 *     FLIGHT_COMPLETE   m2 → outcome
 *     FLIGHT_KEY        signed key →
 *     CHECKIN_START     → c1
 *     CHECKIN_COMPLETE  c2 → outcome
 *     AUTHENTICATE      rand, autn → res, ck, ik, amf, separation
 *     FLIGHT_GATE       → gate MAC
 *     ENROL_ENDORSE     challenge → certificate, signature, [clock, resets, restarts, safe, firmware, 0]
 *     ENROL_ACTIVATE    credential → secret
 *     PREPARE           supplier, running release, release to come →
 *
 * outcome: refusal, package (smr_err), commands done, has receipts, flight needed, interval.
 *
 * No malloc, no I/O. A packet may carry a gate key or the results of AUTHENTICATE: wipe it and what was decoded.
 */
/* clang-format on */
#ifndef SMR_TRE_IPC_H
#define SMR_TRE_IPC_H

#include "tre/client.h"

/** A request. What is a view lives as long as the packet it was read from. */
struct smr_tre_request {
	enum smr_tre_op op;
	union {
		struct {
			struct smr_eid eid;
			uint8_t challenge[SMR_HASH_LEN];
		} enrol_begin;
		struct smr_tre_enrolment enrolment;
		struct smr_tre_update update;
		bool with_certificate;
		struct smr_bytes message;	 /* m2, c2, signed flight key or credential */
		uint8_t challenge[SMR_HASH_LEN]; /* of ENROL_ENDORSE */
		struct {
			uint8_t rand[SMR_AKA_RAND_LEN];
			uint8_t autn[SMR_AKA_AUTN_LEN];
		} authenticate;
	} u;
};

/** An answer. Which member of the union counts follows from the operation. */
struct smr_tre_answer {
	enum smr_err err;
	union {
		struct smr_tre_state state;
		struct smr_tre_identity identity;
		struct smr_tre_endorsement endorsement;
		uint8_t activated[SMR_TPM_CREDENTIAL_SECRET_LEN];
		uint8_t enrolled[SMR_HASH_LEN];
		struct smr_bytes message; /* m1 or c1 */
		uint8_t gate_mac[SMR_GATE_MAC_LEN];
		struct smr_tre_outcome outcome;
		struct smr_aka_result aka;
	} u;
};

/** @return SMR_E_NO_ROOM; SMR_E_INVALID: unknown op or more anchors than SMR_TRE_ANCHORS_MAX. */
enum smr_err smr_tre_request_encode(const struct smr_tre_request *request, struct smr_space room,
				    struct smr_bytes *packet) SMR_MUST_USE;
/** @return SMR_E_MALFORMED; SMR_E_UNSUPPORTED: an operation this version does not know. @p out is wiped unless SMR_OK.
 */
enum smr_err smr_tre_request_decode(struct smr_bytes packet, struct smr_tre_request *out) SMR_MUST_USE;

/** The answer to a request of kind @p op. SMR_E_NO_ROOM, SMR_E_INVALID. */
enum smr_err smr_tre_answer_encode(enum smr_tre_op op, const struct smr_tre_answer *answer, struct smr_space room,
				   struct smr_bytes *packet) SMR_MUST_USE;
/** @return SMR_E_MALFORMED: not an answer to such a request; @p out is wiped unless SMR_OK. */
enum smr_err smr_tre_answer_decode(enum smr_tre_op op, struct smr_bytes packet,
				   struct smr_tre_answer *out) SMR_MUST_USE;

/** «flight-start», for logs. Static, never NULL. */
const char *smr_tre_op_name(enum smr_tre_op op);

#endif
