/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file aka.h
 * Authentication and key agreement (TS 33.102 clause 6.3), the same for every algorithm set: the AuC makes vectors and
 * opens AUTS, the USIM part of an MCIM answers challenges.
 *
 * Over AUTN a MAC has 8 octets, and CK and IK have 16 each, also with TUAK.
 * CK comes before IK here and on a card; external interfaces may want IK first.
 */
#ifndef SMR_AKA_AKA_H
#define SMR_AKA_AKA_H

#include "core/aka/sqn.h"

/** Numbers as in PE-AKAParameter of TCA's profile package. */
enum smr_aka_alg {
	SMR_AKA_MILENAGE = 1, /* TS 35.206, default constants */
	SMR_AKA_TUAK = 2      /* TS 35.231 */
};

#define SMR_AKA_RAND_LEN 16u
#define SMR_AKA_AUTN_LEN 16u
#define SMR_AKA_AUTS_LEN 14u
#define SMR_AKA_RES_MAX 16u
#define SMR_AKA_RES_DEFAULT 8u

/** A subscriber's keys and algorithm. Secret: smr_aka_params_wipe on every path. */
struct smr_aka_params {
	enum smr_aka_alg alg;
	uint8_t k[32];
	uint8_t k_len;		   /* MILENAGE 16; TUAK 16 or 32 */
	uint8_t opc[32];	   /* OPc (the first 16 octets) or TOPc (32) */
	uint8_t res_len;	   /* MILENAGE 4 to 8, usually 8 (shorter: its first octets); TUAK 4, 8 or 16 */
	uint8_t keccak_iterations; /* TUAK 1 to 255, usually 1; MILENAGE 1 */
};

/** Octets of `opc` that the algorithm uses: 16 or 32; 0 for an unknown one. */
uint8_t smr_aka_opc_len(enum smr_aka_alg alg);

/** Can these be worked with? SMR_E_UNSUPPORTED: unknown algorithm; SMR_E_MALFORMED: a length or count that it does not
 * have. All functions below check by themselves. */
enum smr_err smr_aka_params_check(const struct smr_aka_params *params) SMR_MUST_USE;
void smr_aka_params_wipe(struct smr_aka_params *params);

/* ---- AuC ---- */

/** An authentication vector (quintet). Secret but for rand and autn: SMR_WIPE it after use. */
struct smr_aka_vector {
	uint8_t rand[SMR_AKA_RAND_LEN];
	uint8_t autn[SMR_AKA_AUTN_LEN]; /* SQN xor AK (6) | AMF (2) | MAC-A (8) */
	uint8_t res[SMR_AKA_RES_MAX];	/* XRES: the first res_len octets, the others 0 */
	uint8_t res_len;
	uint8_t ck[16];
	uint8_t ik[16];
};

/**
 * Make a vector.
 * @param rand  fresh from the random generator.
 * @param sqn   from smr_sqn_next, durable before the vector leaves: an SQN must not be used twice.
 * @param amf   its first bit is the separation bit: 1 for EPS, 5G and EAP-AKA' (TS 33.102 annex H).
 * @param out   [out] wiped unless SMR_OK.
 * @return SMR_E_INVALID: sqn above 48 bits; SMR_E_CRYPTO; errors of smr_aka_params_check.
 */
enum smr_err smr_aka_vector(const struct smr_aka_params *params, const uint8_t rand[SMR_AKA_RAND_LEN], uint64_t sqn,
			    const uint8_t amf[2], struct smr_aka_vector *out) SMR_MUST_USE;

/**
 * Open the USIM's demand to resynchronise (clause 6.3.5).
 * @param rand    the RAND that this AuC sent for this subscriber; with another one the MAC does not hold.
 * @param sqn_ms  [out] for smr_sqn_resync; 0 unless SMR_OK.
 * @return SMR_E_MAC: not from this USIM for this RAND, to be ignored; SMR_E_CRYPTO; errors of smr_aka_params_check.
 */
enum smr_err smr_aka_auts_open(const struct smr_aka_params *params, const uint8_t rand[SMR_AKA_RAND_LEN],
			       const uint8_t auts[SMR_AKA_AUTS_LEN], uint64_t *sqn_ms) SMR_MUST_USE;

/* ---- USIM ---- */

/** The answer to a challenge. Secret but for auts, amf and separation: SMR_WIPE it after use. */
struct smr_aka_result {
	uint8_t res[SMR_AKA_RES_MAX]; /* the first res_len octets, the others 0 */
	uint8_t res_len;
	uint8_t ck[16];
	uint8_t ik[16];
	uint8_t amf[2];			/* of the accepted AUTN */
	bool separation;		/* its separation bit: EAP-AKA', EPS and 5G must not go on without it */
	uint8_t auts[SMR_AKA_AUTS_LEN]; /* with SMR_E_SQN only: (SQN_MS xor AK*) (6) | MAC-S (8) */
};

/**
 * Answer a challenge (clause 6.3.3): AK, SQN, XMAC; the MAC is judged first, so that a forged AUTN earns nothing, not
 * even an AUTS; only then is the SQN judged. AUTS is made with AMF 0000 and f5*.
 *
 * @param array   [in,out] changed only with SMR_OK, and only in memory: the caller makes it durable BEFORE any octet of
 *                @p result goes anywhere. Otherwise a power cut between the two lets the same AUTN pass twice.
 * @param result  [out] SMR_OK: all but auts; SMR_E_SQN: auts alone, the rest zero; else all zero.
 * @return SMR_E_MAC: AUTN is not from the AuC; SMR_E_SQN: it is, but was used, is too old or jumps too far: send auts;
 * SMR_E_CRYPTO; errors of smr_aka_params_check.
 */
enum smr_err smr_aka_authenticate(const struct smr_aka_params *params, struct smr_sqn *array,
				  const uint8_t rand[SMR_AKA_RAND_LEN], const uint8_t autn[SMR_AKA_AUTN_LEN],
				  struct smr_aka_result *result) SMR_MUST_USE;

#endif
