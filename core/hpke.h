/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file hpke.h
 * Sealing to a P-256 key: HPKE (RFC 9180), base mode, single shot, DHKEM(P-256, HKDF-SHA256) (0x0010),
 * HKDF-SHA256 (0x0001), AES-128-GCM (0x0001).
 *
 * The sealed form is enc (65 octets, uncompressed point) followed by the ciphertext with its tag.
 */
#ifndef SMR_HPKE_H
#define SMR_HPKE_H

#include "core/attest.h"

#define SMR_HPKE_OVERHEAD (SMR_POINT_LEN + SMR_AEAD_TAG_LEN)

/**
 * Seal @p plain to @p to. A fresh ephemeral key is made for each call.
 *
 * @param info  application context, public, not sent.
 * @param ad    associated data, public, not sent.
 * @param out   [in,out] room; on return the view's length is plain.len + SMR_HPKE_OVERHEAD.
 * @return SMR_E_NO_ROOM; SMR_E_CRYPTO.
 */
enum smr_err smr_hpke_seal(const struct smr_pubkey *to, struct smr_bytes info, struct smr_bytes ad,
			   struct smr_bytes plain, struct smr_space *out) SMR_MUST_USE;

/**
 * The same with a given ephemeral key, for batch use (keys prepared ahead) and for published vectors.
 * A given key must never serve two calls.
 */
enum smr_err smr_hpke_seal_with(const struct smr_privkey *ephemeral, const struct smr_pubkey *to, struct smr_bytes info,
				struct smr_bytes ad, struct smr_bytes plain, struct smr_space *out) SMR_MUST_USE;

/**
 * Open what was sealed to @p own.
 *
 * @param out  [in,out] room; on return the length is sealed.len - SMR_HPKE_OVERHEAD.
 * @return SMR_E_UNOPENED: not for this key, info or ad, or altered, or too short; SMR_E_BAD_POINT: enc is no
 *         point of the curve; SMR_E_NO_ROOM; SMR_E_CRYPTO, or what @p own fails with. On error @p out holds no plaintext.
 */
enum smr_err smr_hpke_open(const struct smr_agreer *own, struct smr_bytes info, struct smr_bytes ad,
			   struct smr_bytes sealed, struct smr_space *out) SMR_MUST_USE;

#endif
