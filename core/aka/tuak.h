/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tuak.h
 * TUAK (3GPP TS 35.231): the second algorithm set, on Keccak-f[1600], unrelated to MILENAGE's AES.
 *
 * Users go through core/aka/aka.h; this header is for the making of TOPc and for the tests. All octet strings are most
 * significant octet first, as the standard prints them. Lengths are in octets.
 *
 * Every function returns SMR_OK or SMR_E_INVALID: a length or the iteration count is none that the standard knows;
 * its outputs are then wiped. Constant time.
 */
#ifndef SMR_AKA_TUAK_H
#define SMR_AKA_TUAK_H

#include "base/base.h"

#define SMR_TUAK_TOPC_LEN 32u
#define SMR_TUAK_K_MAX 32u
#define SMR_TUAK_MAC_MAX 32u

/** The subscriber's secrets: views owned by the caller. */
struct smr_tuak_key {
	struct smr_bytes k;  /* 16 or 32 octets */
	const uint8_t *topc; /* 32 octets */
	uint8_t iterations;  /* of Keccak-f, 1 to 255; the standard's default is 1 */
};

/** TOPc from TOP (clause 6.2). @p top and @p topc may be the same memory. */
enum smr_err smr_tuak_topc(struct smr_bytes k, uint8_t iterations, const uint8_t top[32],
			   uint8_t topc[SMR_TUAK_TOPC_LEN]) SMR_MUST_USE;

/** f1: MAC-A. @param mac  [out] 8, 16 or 32 octets: mac.len chooses, and another length is another MAC, not a prefix.
 */
enum smr_err smr_tuak_f1(const struct smr_tuak_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			 const uint8_t amf[2], struct smr_space mac) SMR_MUST_USE;

/** f1*: MAC-S. @param mac  as for f1. */
enum smr_err smr_tuak_f1star(const struct smr_tuak_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			     const uint8_t amf[2], struct smr_space mac) SMR_MUST_USE;

/** What f2, f3, f4 and f5 yield for one RAND. Secret: SMR_WIPE it after use. */
struct smr_tuak_output {
	uint8_t res_len; /* [in] 4, 8, 16 or 32 */
	uint8_t ck_len;	 /* [in] 16 or 32 */
	uint8_t ik_len;	 /* [in] 16 or 32 */
	uint8_t res[32]; /* [out] the first res_len octets, the others 0; likewise ck and ik */
	uint8_t ck[32];
	uint8_t ik[32];
	uint8_t ak[6];
};
/** The lengths enter the computation: results of different lengths are unrelated. */
enum smr_err smr_tuak_f2345(const struct smr_tuak_key *key, const uint8_t rand[16],
			    struct smr_tuak_output *out) SMR_MUST_USE;

/** f5*: the anonymity key of a resynchronisation, another one than f5's. */
enum smr_err smr_tuak_f5star(const struct smr_tuak_key *key, const uint8_t rand[16], uint8_t ak[6]) SMR_MUST_USE;

#endif
