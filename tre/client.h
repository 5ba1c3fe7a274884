/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file client.h
 * The socket of samara-tre: the whole interface to a TRE on Linux, for the agent, the supplier's enrolment and tests.
 *
 * SOCK_SEQPACKET, one request and one answer per packet, CBOR: request [op, …], answer [smr_err, …]. The calls mirror
 * tre/tre.h; their errors come back as they are, SMR_E_UNAVAILABLE when the socket does not answer.
 */
#ifndef SMR_TRE_CLIENT_H
#define SMR_TRE_CLIENT_H

#include "tre/tre.h"

#define SMR_TRE_PACKET_MAX 4096u

enum smr_tre_op {
	SMR_TRE_STATE = 1,
	SMR_TRE_ENROL_BEGIN = 2,
	SMR_TRE_ENROL_FINISH = 3,
	SMR_TRE_FLIGHT_START = 4,
	SMR_TRE_FLIGHT_COMPLETE = 5,
	SMR_TRE_FLIGHT_KEY = 6,
	SMR_TRE_CHECKIN_START = 7,
	SMR_TRE_CHECKIN_COMPLETE = 8,
	SMR_TRE_AUTHENTICATE = 9,
	SMR_TRE_FLIGHT_GATE = 10,
	SMR_TRE_ENROL_ENDORSE = 11,
	SMR_TRE_ENROL_ACTIVATE = 12,
	SMR_TRE_PREPARE = 13
};

struct smr_tre_client {
	int fd;
};
enum smr_err smr_tre_connect(struct smr_tre_client *client, const char *path) SMR_MUST_USE;
void smr_tre_disconnect(struct smr_tre_client *client);

enum smr_err smr_tre_client_state(struct smr_tre_client *client, struct smr_tre_state *out) SMR_MUST_USE;
enum smr_err smr_tre_client_enrol_begin(struct smr_tre_client *client, const struct smr_eid *eid,
					const uint8_t challenge[SMR_HASH_LEN],
					struct smr_tre_identity *out) SMR_MUST_USE;
enum smr_err smr_tre_client_enrol_endorse(struct smr_tre_client *client, const uint8_t challenge[SMR_HASH_LEN],
					  struct smr_space room, struct smr_tre_endorsement *out) SMR_MUST_USE;
enum smr_err smr_tre_client_enrol_activate(struct smr_tre_client *client, struct smr_bytes credential,
					   uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN]) SMR_MUST_USE;
enum smr_err smr_tre_client_enrol_finish(struct smr_tre_client *client, const struct smr_tre_enrolment *enrolment,
					 uint8_t answer[SMR_HASH_LEN]) SMR_MUST_USE;
enum smr_err smr_tre_client_flight_start(struct smr_tre_client *client, bool with_certificate,
					 struct smr_space *m1) SMR_MUST_USE;
enum smr_err smr_tre_client_flight_gate(struct smr_tre_client *client, uint8_t mac[SMR_GATE_MAC_LEN]) SMR_MUST_USE;
enum smr_err smr_tre_client_flight_complete(struct smr_tre_client *client, struct smr_bytes m2,
					    struct smr_tre_outcome *outcome) SMR_MUST_USE;
enum smr_err smr_tre_client_flight_key(struct smr_tre_client *client, struct smr_bytes encoded) SMR_MUST_USE;
enum smr_err smr_tre_client_checkin_start(struct smr_tre_client *client, struct smr_space *c1) SMR_MUST_USE;
enum smr_err smr_tre_client_checkin_complete(struct smr_tre_client *client, struct smr_bytes c2,
					     struct smr_tre_outcome *outcome) SMR_MUST_USE;
enum smr_err smr_tre_client_authenticate(struct smr_tre_client *client, const uint8_t rand[16], const uint8_t autn[16],
					 struct smr_aka_result *result) SMR_MUST_USE;
enum smr_err smr_tre_client_prepare(struct smr_tre_client *client, const struct smr_tre_update *update) SMR_MUST_USE;

#endif
