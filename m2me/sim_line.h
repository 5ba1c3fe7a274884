/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sim_line.h
 * Lines on the control interface of wpa_supplicant and eapol_test, as far as an external SIM needs them. Strict, no
 * I/O.
 *
 *     <3>CTRL-REQ-SIM-0:UMTS-AUTH:<rand>:<autn> needed for SSID …
 *     CTRL-RSP-SIM-0:UMTS-AUTH:<ik>:<ck>:<res>   |   …:UMTS-AUTS:<auts>   |   …:UMTS-FAIL
 */
#ifndef SMR_M2ME_SIM_LINE_H
#define SMR_M2ME_SIM_LINE_H

#include "core/aka/aka.h"

#define SMR_SIM_LINE_MAX 1024u
#define SMR_SIM_ANSWER_MAX 160u

enum smr_sim_line_kind {
	SMR_SIM_OTHER, /* nothing to us */
	SMR_SIM_OK,
	SMR_SIM_FAIL,
	SMR_SIM_CHALLENGE, /* rand and autn are filled */
	SMR_SIM_TRIPLET,   /* GSM-AUTH: to be refused, it would go round mutual authentication */
	SMR_SIM_GARBLED,   /* a request for us that cannot be read: to be refused */
	SMR_SIM_SUCCESS,
	SMR_SIM_FAILURE,
	SMR_SIM_LEAVING /* the peer ends */
};

struct smr_sim_line {
	enum smr_sim_line_kind kind;
	uint32_t network; /* CHALLENGE, TRIPLET, GARBLED */
	uint8_t rand[SMR_AKA_RAND_LEN];
	uint8_t autn[SMR_AKA_AUTN_LEN];
};

/** Any octets, of any length. */
void smr_sim_line_read(struct smr_bytes line, struct smr_sim_line *out);

/**
 * The answer to a request: @p err is what AUTHENTICATE returned; SMR_E_SQN: AUTS; all but SMR_OK else: failure.
 * @param out  secret with SMR_OK: wipe it. NUL-terminated.
 * @return its length.
 */
size_t smr_sim_line_answer(const struct smr_sim_line *request, enum smr_err err, const struct smr_aka_result *result,
			   char out[SMR_SIM_ANSWER_MAX]);

#endif
