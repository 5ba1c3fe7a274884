/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sim.h
 * hostapd's eap_sim_db protocol: text in UNIX datagrams. One request, one answer, no state but the database's.
 *
 *     AKA-REQ-AUTH <IMSI>             ->  AKA-RESP-AUTH <IMSI> <RAND> <AUTN> <IK> <CK> <RES>   or   … FAILURE
 *     AKA-AUTS <IMSI> <AUTS> <RAND>   ->  no answer; a new AKA-REQ-AUTH follows
 *     SIM-REQ-AUTH <IMSI> <n>         ->  SIM-RESP-AUTH <IMSI> FAILURE   (triplets have no mutual authentication)
 */
#ifndef SMR_AUC_SIM_H
#define SMR_AUC_SIM_H

#include "auc/db.h"

#define SMR_SIM_LINE_MAX 256u

enum smr_sim_verb { SMR_SIM_AKA_REQUEST, SMR_SIM_AKA_AUTS, SMR_SIM_GSM_REQUEST };

struct smr_sim_request {
	enum smr_sim_verb verb;
	struct smr_imsi imsi;
	char imsi_text[SMR_IMSI_TEXT];
	uint8_t auts[SMR_AKA_AUTS_LEN];
	uint8_t rand[SMR_AKA_RAND_LEN];
};

/** Parse one datagram. SMR_E_MALFORMED: not one of the three forms; such datagrams get no answer. */
enum smr_err smr_sim_parse(struct smr_bytes line, struct smr_sim_request *out) SMR_MUST_USE;

/**
 * Serve one request: for a vector the SQN is durable before the answer exists.
 * @param answer  [in,out] room of SMR_SIM_LINE_MAX; length 0: no answer. Holds keys: wipe it after sending.
 */
void smr_sim_serve(struct smr_auc_db *db, const struct smr_sim_request *request, struct smr_space *answer);

#endif
