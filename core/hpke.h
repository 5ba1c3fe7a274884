/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file hpke.h
 * Sealing to a P-256 key: HPKE (RFC 9180), single shot, DHKEM(P-256, HKDF-SHA256) (0x0010), HKDF-SHA256 (0x0001),
 * AES-128-GCM (0x0001); base mode, or with a pre-shared key mode_psk (section 5.1.2): then who opens needs both. The mode is in
 * the key, so what was sealed in one never opens in the other.
 *
 * The sealed form is enc (65 octets, uncompressed point) followed by the ciphertext with its tag.
 */
#ifndef SMR_HPKE_H
#define SMR_HPKE_H

#include "core/attest.h"

#define SMR_HPKE_OVERHEAD (SMR_POINT_LEN + SMR_AEAD_TAG_LEN)
#define SMR_HPKE_PSK_MIN 32u /* octets of a pre-shared key, section 9.5 */

/** A pre-shared key, secret, and its name, public and not empty. */
struct smr_hpke_psk {
	struct smr_bytes psk;
	struct smr_bytes id;
};

/**
 * Seal @p plain to @p to in base mode. A fresh ephemeral key is made for each call.
 *
 * @param info  application context, public, not sent.
 * @param ad    associated data, public, not sent.
 * @param out   [in,out] room; on return the view's length is plain.len + SMR_HPKE_OVERHEAD.
 * @return SMR_E_NO_ROOM; SMR_E_CRYPTO.
 */
enum smr_err smr_hpke_seal(const struct smr_pubkey *to, struct smr_bytes info, struct smr_bytes ad,
			   struct smr_bytes plain, struct smr_space *out) SMR_MUST_USE;

/**
 * The same with a given ephemeral key and in either mode. A given key must never serve two calls.
 *
 * @param psk  NULL: base mode. SMR_E_INVALID: too short, or without a name.
 */
enum smr_err smr_hpke_seal_with(const struct smr_privkey *ephemeral, const struct smr_pubkey *to,
				const struct smr_hpke_psk *psk, struct smr_bytes info, struct smr_bytes ad,
				struct smr_bytes plain, struct smr_space *out) SMR_MUST_USE;

/**
 * Open what was sealed to @p own in base mode.
 *
 * @param out  [in,out] room; on return the length is sealed.len - SMR_HPKE_OVERHEAD.
 * @return SMR_E_UNOPENED: not for this key, mode, info or ad, or altered, or too short; SMR_E_BAD_POINT: enc is no point of the
 *         curve; SMR_E_NO_ROOM; SMR_E_CRYPTO, or what @p own fails with. On error @p out holds no plaintext.
 */
enum smr_err smr_hpke_open(const struct smr_agreer *own, struct smr_bytes info, struct smr_bytes ad,
			   struct smr_bytes sealed, struct smr_space *out) SMR_MUST_USE;

/**
 * The same in either mode, with enc apart.
 * @param psk     the one that it was sealed with; NULL: base mode. SMR_E_INVALID as above.
 * @param cipher  what follows enc: the ciphertext with its tag.
 */
enum smr_err smr_hpke_open_with(const struct smr_agreer *own, const struct smr_pubkey *enc,
				const struct smr_hpke_psk *psk, struct smr_bytes info, struct smr_bytes ad,
				struct smr_bytes cipher, struct smr_space *out) SMR_MUST_USE;

#endif
