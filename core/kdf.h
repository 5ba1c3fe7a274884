/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file kdf.h
 * Key derivation: HKDF-SHA-256 (RFC 5869) with Samara's labels (docs/protocol.md, «Keys»).
 */
#ifndef SMR_KDF_H
#define SMR_KDF_H

#include "crypto/crypto.h"

/** Most parts of a context of smr_kdf; smr_hkdf_expand takes three more. */
#define SMR_KDF_CONTEXT_MAX 8u
/** Most octets of «samara1 », label, 00 and context. */
#define SMR_KDF_INFO_MAX 127u

/** HKDF-Extract of the input key material parts, concatenated. @p out is the pseudo-random key. */
enum smr_err smr_hkdf_extract(struct smr_bytes salt, const struct smr_bytes *ikm, size_t count,
			      uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/**
 * HKDF-Expand with info = the parts, concatenated.
 * @param info   at most SMR_KDF_CONTEXT_MAX + 3 parts.
 * @param out    [out] out.len octets, at most 255 * 32; must not overlap @p prk or @p info. Wiped on SMR_E_CRYPTO.
 * @return SMR_E_INVALID: too many parts or octets; SMR_E_CRYPTO.
 */
enum smr_err smr_hkdf_expand(struct smr_bytes prk, const struct smr_bytes *info, size_t count,
			     struct smr_space out) SMR_MUST_USE;

/**
 * Derive a key under a label: HKDF-Expand(secret, "samara1 " | label | 00 | context…).
 *
 * @param secret  a uniformly random key of 16 or 32 octets (a DH result goes through smr_hkdf_extract first).
 * @param label   a NUL-terminated constant; no label is a prefix of «another | 00».
 * @param context parts whose lengths are fixed by the label, so that their concatenation is unambiguous.
 * @param out     [out] at most 32 octets; must not overlap the others. Wiped on SMR_E_CRYPTO.
 * @return SMR_E_INVALID: too many parts or octets, a secret of another length; SMR_E_CRYPTO.
 */
enum smr_err smr_kdf(struct smr_bytes secret, const char *label, const struct smr_bytes *context, size_t count,
		     struct smr_space out) SMR_MUST_USE;

/** The same with a secret that several keys come from, made ready by smr_hmac_key_init. */
enum smr_err smr_kdf_with(const struct smr_hmac_key *secret, const char *label, const struct smr_bytes *context,
			  size_t count, struct smr_space out) SMR_MUST_USE;

#endif
