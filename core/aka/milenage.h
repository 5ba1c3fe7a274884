/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file milenage.h
 * MILENAGE (3GPP TS 35.206) with its default constants r1..r5 and c1..c5, and the GSM values derived from it
 * (TS 55.205).
 *
 * Users go through core/aka/aka.h, which is the same for every algorithm set; this header is for the GSM values, for
 * the making of OPc and for the tests. All octet strings are most significant octet first, as the standard prints them.
 *
 * Every function returns SMR_OK or SMR_E_CRYPTO; its outputs are wiped unless SMR_OK. Constant time as far as the
 * adapter's AES is. Outputs must not overlap inputs, except where said.
 */
#ifndef SMR_AKA_MILENAGE_H
#define SMR_AKA_MILENAGE_H

#include "crypto/crypto.h"

#define SMR_MILENAGE_K_LEN 16u
#define SMR_MILENAGE_OPC_LEN 16u

/** The subscriber's secrets: views of 16 octets each, owned by the caller. */
struct smr_milenage_key {
	const uint8_t *k;
	const uint8_t *opc;
};

/** OPc = E_K(OP) xor OP (clause 4.1). @p op and @p opc may be the same memory. */
enum smr_err smr_milenage_opc(const uint8_t k[SMR_MILENAGE_K_LEN], const uint8_t op[16],
			      uint8_t opc[SMR_MILENAGE_OPC_LEN]) SMR_MUST_USE;

/** f1: MAC-A, which goes into AUTN. */
enum smr_err smr_milenage_f1(const struct smr_milenage_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			     const uint8_t amf[2], uint8_t mac_a[8]) SMR_MUST_USE;

/** f1*: MAC-S, which goes into AUTS; there @p amf is 0000 (TS 33.102 clause 6.3.3). */
enum smr_err smr_milenage_f1star(const struct smr_milenage_key *key, const uint8_t rand[16], const uint8_t sqn[6],
				 const uint8_t amf[2], uint8_t mac_s[8]) SMR_MUST_USE;

/** What f2, f3, f4 and f5 yield for one RAND. Secret: SMR_WIPE it after use. */
struct smr_milenage_output {
	uint8_t res[8];
	uint8_t ck[16];
	uint8_t ik[16];
	uint8_t ak[6];
};
enum smr_err smr_milenage_f2345(const struct smr_milenage_key *key, const uint8_t rand[16],
				struct smr_milenage_output *out) SMR_MUST_USE;

/** f5*: the anonymity key of a resynchronisation, another one than f5's. */
enum smr_err smr_milenage_f5star(const struct smr_milenage_key *key, const uint8_t rand[16],
				 uint8_t ak[6]) SMR_MUST_USE;

/** TS 55.205 offers two ways from RES to SRES. */
enum smr_gsm_sres {
	SMR_GSM_SRES_1 = 1, /* the xor of the two halves of RES; the usual one */
	SMR_GSM_SRES_2 = 2  /* the first half of RES */
};

/** A GSM triplet without its RAND. Secret: SMR_WIPE it after use. */
struct smr_gsm_triplet {
	uint8_t sres[4];
	uint8_t kc[8];
};

/** A3 and A8 of TS 55.205. @return also SMR_E_INVALID: unknown @p way. */
enum smr_err smr_milenage_gsm(const struct smr_milenage_key *key, const uint8_t rand[16], enum smr_gsm_sres way,
			      struct smr_gsm_triplet *out) SMR_MUST_USE;

#endif
