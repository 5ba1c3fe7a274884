/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file keys.h
 * Keys that grow out of CK and IK: EAP-AKA' (RFC 9048, TS 33.402 annex A) and the 5G hierarchy (TS 33.501 annex A).
 *
 * All 3GPP derivations are the KDF of TS 33.220 annex B: HMAC-SHA-256(key, FC | P0 | L0 | P1 | L1 …), each L in two
 * octets. Every function returns SMR_OK, SMR_E_CRYPTO, or SMR_E_INVALID: a parameter above 65535 octets or as said;
 * outputs are wiped unless SMR_OK. All outputs but HRES* and the SNN are secret. Outputs must not overlap inputs.
 *
 * `sqn_xor_ak` is the first six octets of AUTN, as they came or went.
 */
#ifndef SMR_AKA_KEYS_H
#define SMR_AKA_KEYS_H

#include "crypto/crypto.h"

#define SMR_SQN_XOR_AK_LEN 6u

/* ---- EAP-AKA' ---- */

/** CK' and IK' from CK and IK (FC 20). @param network_name  of AT_KDF_INPUT, for instance "WLAN"; may be empty. */
enum smr_err smr_aka_prime_derive(const uint8_t ck[16], const uint8_t ik[16], struct smr_bytes network_name,
				  const uint8_t sqn_xor_ak[SMR_SQN_XOR_AK_LEN], uint8_t ck_prime[16],
				  uint8_t ik_prime[16]) SMR_MUST_USE;

/** The keys of an EAP-AKA' run. Secret: SMR_WIPE after use. The first 32 octets of emsk are KAUSF (TS 33.501 6.1.3.1).
 */
struct smr_aka_prime_keys {
	uint8_t k_encr[16];
	uint8_t k_aut[32];
	uint8_t k_re[32];
	uint8_t msk[64];
	uint8_t emsk[64];
};

/** MK = PRF'(IK' | CK', "EAP-AKA'" | identity), cut up (RFC 9048 section 3.3). @param identity  as sent in EAP,
 * with its leading digit. */
enum smr_err smr_aka_prime_expand(const uint8_t ck_prime[16], const uint8_t ik_prime[16], struct smr_bytes identity,
				  struct smr_aka_prime_keys *out) SMR_MUST_USE;

/* ---- 5G ---- */

#define SMR_5G_SNN_LEN 32u

/**
 * Serving network name "5G:mnc001.mcc001.3gppnetwork.org": ASCII, no NUL.
 * @param mcc  three digits. @param mnc  two or three digits; two get a leading zero (TS 24.501 clause 9.12.1).
 * @return SMR_E_INVALID: other lengths or characters.
 */
enum smr_err smr_5g_snn(struct smr_bytes mcc, struct smr_bytes mnc, uint8_t out[SMR_5G_SNN_LEN]) SMR_MUST_USE;

/** KAUSF of 5G AKA (A.2, FC 6A). */
enum smr_err smr_5g_kausf(const uint8_t ck[16], const uint8_t ik[16], struct smr_bytes snn,
			  const uint8_t sqn_xor_ak[SMR_SQN_XOR_AK_LEN], uint8_t kausf[32]) SMR_MUST_USE;

/** RES* or XRES* (A.4, FC 6B): the LOW 128 bits. @param res  4 to 16 octets, else SMR_E_INVALID. */
enum smr_err smr_5g_res_star(const uint8_t ck[16], const uint8_t ik[16], struct smr_bytes snn, const uint8_t rand[16],
			     struct smr_bytes res, uint8_t res_star[16]) SMR_MUST_USE;

/** HRES* or HXRES* (A.5): the low 128 bits of SHA-256(RAND | RES*). */
enum smr_err smr_5g_hres_star(const uint8_t rand[16], const uint8_t res_star[16], uint8_t hres_star[16]) SMR_MUST_USE;

/** KSEAF (A.6, FC 6C). */
enum smr_err smr_5g_kseaf(const uint8_t kausf[32], struct smr_bytes snn, uint8_t kseaf[32]) SMR_MUST_USE;

/** KAMF (A.7, FC 6D). @param supi  for an IMSI its digits alone. @param abba  two octets 0000 at present. */
enum smr_err smr_5g_kamf(const uint8_t kseaf[32], struct smr_bytes supi, struct smr_bytes abba,
			 uint8_t kamf[32]) SMR_MUST_USE;

/** What an algorithm key is for (A.8). */
enum smr_5g_key_type {
	SMR_5G_NAS_ENC = 1, /* from KAMF, as is the next */
	SMR_5G_NAS_INT = 2,
	SMR_5G_RRC_ENC = 3, /* from KgNB, as are the next */
	SMR_5G_RRC_INT = 4,
	SMR_5G_UP_ENC = 5,
	SMR_5G_UP_INT = 6
};

/** An algorithm's key (A.8, FC 69): the low 128 bits. @param algorithm  its identity, 0 to 15 (NEA2 and NIA2: 2).
 * @return SMR_E_INVALID: also for another type or identity. */
enum smr_err smr_5g_algorithm_key(const uint8_t key[32], enum smr_5g_key_type type, uint8_t algorithm,
				  uint8_t out[16]) SMR_MUST_USE;

enum smr_5g_access { SMR_5G_ACCESS_3GPP = 1, SMR_5G_ACCESS_NON_3GPP = 2 };

/** KgNB (access 3GPP) or KN3IWF (A.9, FC 6E). @return SMR_E_INVALID: also for another access. */
enum smr_err smr_5g_kgnb(const uint8_t kamf[32], uint32_t uplink_nas_count, enum smr_5g_access access,
			 uint8_t kgnb[32]) SMR_MUST_USE;

#endif
