/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file crypto.h
 * The crypto seam: everything Samara asks of a cryptographic library, and nothing else.
 *
 * Adapters: crypto/openssl (servers, Linux TRE), crypto/psa (embedded devices; a program links one of them).
 * One suite: P-256, ES256, SHA-256, AES-128-GCM.
 *
 * A key is a struct that the caller owns. `impl` belongs to the adapter (a prepared library object or a handle);
 * `_wipe` releases it and erases the secret. A zeroed struct may be wiped. Keys must not be copied as structs.
 * All functions are thread-safe on distinct objects; a const key may be used by several threads at once.
 */
#ifndef SMR_CRYPTO_H
#define SMR_CRYPTO_H

#include "base/base.h"

#define SMR_HASH_LEN 32u	     /* SHA-256 */
#define SMR_SCALAR_LEN 32u	     /* P-256 private key */
#define SMR_POINT_LEN 65u	     /* uncompressed: 04 | x | y */
#define SMR_POINT_COMPRESSED_LEN 33u /* 02 or 03 | x */
#define SMR_DH_LEN 32u		     /* x coordinate of the shared point */
#define SMR_SIG_LEN 64u		     /* ES256: r | s, RFC 9053 section 2.1 */
#define SMR_AEAD_KEY_LEN 16u
#define SMR_AEAD_NONCE_LEN 12u
#define SMR_AEAD_TAG_LEN 16u
#define SMR_AES_BLOCK_LEN 16u

/** A P-256 private key with its public half. One key serves DH or signatures, never both. */
struct smr_privkey {
	uint8_t scalar[SMR_SCALAR_LEN];
	uint8_t point[SMR_POINT_LEN];
	void *impl;
};

/** A P-256 public key, checked to be on the curve. */
struct smr_pubkey {
	uint8_t point[SMR_POINT_LEN];
	void *impl;
};

/** A running SHA-256; @p opaque belongs to the adapter. */
struct smr_sha256_state {
	uint64_t opaque[32];
};

/**
 * For a thread that works off many requests at a time. Between begin and end, what the adapter prepares for a key (its
 * schedule) may stay in this thread's memory until the thread's next call takes its place; end erases it. Otherwise
 * every call erases what it has prepared, which is a third of the cost of a short AEAD. Not nested.
 */
void smr_batch_begin(void);
void smr_batch_end(void);

/** Fill @p out with @p len octets from the system's random generator. SMR_E_CRYPTO. */
enum smr_err smr_random(uint8_t *out, size_t len) SMR_MUST_USE;

/** Make a new key. SMR_E_CRYPTO. On error @p key is wiped. */
enum smr_err smr_privkey_generate(struct smr_privkey *key) SMR_MUST_USE;

/** Take a key from its scalar. SMR_E_BAD_POINT: scalar is 0 or not below the group order. */
enum smr_err smr_privkey_import(struct smr_privkey *key, const uint8_t scalar[SMR_SCALAR_LEN]) SMR_MUST_USE;

/** Erase the secret and release what the adapter holds. */
void smr_privkey_wipe(struct smr_privkey *key);

/**
 * Take a public key from 33 (compressed) or 65 (uncompressed) octets.
 * @return SMR_E_BAD_POINT: wrong length or form, coordinate not below p, not on the curve, or infinity.
 */
enum smr_err smr_pubkey_import(struct smr_pubkey *key, struct smr_bytes point) SMR_MUST_USE;

/** Release what the adapter holds. */
void smr_pubkey_wipe(struct smr_pubkey *key);

/** The compressed form of an uncompressed point. */
void smr_point_compress(const uint8_t point[SMR_POINT_LEN], uint8_t out[SMR_POINT_COMPRESSED_LEN]);

/** x coordinate of own·peer, secret. SMR_E_CRYPTO. */
enum smr_err smr_ecdh(const struct smr_privkey *own, const struct smr_pubkey *peer,
		      uint8_t out[SMR_DH_LEN]) SMR_MUST_USE;

/** ES256 signature over a SHA-256 hash. SMR_E_CRYPTO. */
enum smr_err smr_ecdsa_sign(const struct smr_privkey *key, const uint8_t hash[SMR_HASH_LEN],
			    uint8_t sig[SMR_SIG_LEN]) SMR_MUST_USE;

/** Check an ES256 signature. SMR_E_SIGNATURE: not valid (also r or s out of range). */
enum smr_err smr_ecdsa_verify(const struct smr_pubkey *key, const uint8_t hash[SMR_HASH_LEN],
			      const uint8_t sig[SMR_SIG_LEN]) SMR_MUST_USE;

/** SHA-256 of the parts one after the other. */
enum smr_err smr_sha256(const struct smr_bytes *parts, size_t count, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** SHA-256 in pieces: init, any number of updates, final. `final` may be followed only by init. A state may be
 * copied as a struct to fork the hash. */
enum smr_err smr_sha256_init(struct smr_sha256_state *state) SMR_MUST_USE;
enum smr_err smr_sha256_update(struct smr_sha256_state *state, struct smr_bytes part) SMR_MUST_USE;
enum smr_err smr_sha256_final(struct smr_sha256_state *state, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** HMAC-SHA-256 over the parts one after the other; key of any length, also 0. */
enum smr_err smr_hmac_sha256(struct smr_bytes key, const struct smr_bytes *parts, size_t count,
			     uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** An HMAC key made ready for several MACs: half of the work of a short one is the key's. Secret like the key: SMR_WIPE. */
struct smr_hmac_key {
	uint64_t opaque[28];
};
enum smr_err smr_hmac_key_init(struct smr_hmac_key *ready, struct smr_bytes key) SMR_MUST_USE;
/** As smr_hmac_sha256. */
enum smr_err smr_hmac_with(const struct smr_hmac_key *ready, const struct smr_bytes *parts, size_t count,
			   uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** AES-128-GCM. @p out receives plain.len + 16 octets and may be plain.ptr itself (in place), not otherwise overlap. */
enum smr_err smr_aead_seal(const uint8_t key[SMR_AEAD_KEY_LEN], const uint8_t nonce[SMR_AEAD_NONCE_LEN],
			   struct smr_bytes ad, struct smr_bytes plain, uint8_t *out) SMR_MUST_USE;

/**
 * AES-128-GCM. @p out receives sealed.len - 16 octets and may be sealed.ptr itself.
 * @return SMR_E_UNOPENED: tag wrong or shorter than a tag; @p out then holds no plaintext (zeroed).
 */
enum smr_err smr_aead_open(const uint8_t key[SMR_AEAD_KEY_LEN], const uint8_t nonce[SMR_AEAD_NONCE_LEN],
			   struct smr_bytes ad, struct smr_bytes sealed, uint8_t *out) SMR_MUST_USE;

/**
 * An AES-128-GCM key made ready for many messages: half of the work of a short one is the key's. Unlike the other keys it serves one
 * thread at a time, as what goes on within a message is kept beside it. It stays ready until it is wiped, also outside a batch.
 */
struct smr_aead_key {
	uint8_t octets[SMR_AEAD_KEY_LEN];
	void *impl;
};
/** SMR_E_CRYPTO: @p key is wiped. */
enum smr_err smr_aead_key_init(struct smr_aead_key *key, const uint8_t octets[SMR_AEAD_KEY_LEN]) SMR_MUST_USE;
/** Erase the secret and release what the adapter holds. */
void smr_aead_key_wipe(struct smr_aead_key *key);
/** As smr_aead_seal and smr_aead_open. */
enum smr_err smr_aead_seal_with(struct smr_aead_key *key, const uint8_t nonce[SMR_AEAD_NONCE_LEN], struct smr_bytes ad,
				struct smr_bytes plain, uint8_t *out) SMR_MUST_USE;
enum smr_err smr_aead_open_with(struct smr_aead_key *key, const uint8_t nonce[SMR_AEAD_NONCE_LEN], struct smr_bytes ad,
				struct smr_bytes sealed, uint8_t *out) SMR_MUST_USE;

/** One AES-128 block (MILENAGE, TS 35.206). @p in and @p out may be the same. */
enum smr_err smr_aes128_encrypt(const uint8_t key[16], const uint8_t in[SMR_AES_BLOCK_LEN],
				uint8_t out[SMR_AES_BLOCK_LEN]) SMR_MUST_USE;

enum smr_aes_direction { SMR_AES_DECRYPT = 0, SMR_AES_ENCRYPT = 1 };
/** One AES block either way, for keys that were encrypted for transport (AES-ECB). @p key has 16 or 32 octets, else SMR_E_INVALID;
 * @p in and @p out may be the same. */
enum smr_err smr_aes_block(struct smr_bytes key, enum smr_aes_direction direction, const uint8_t in[SMR_AES_BLOCK_LEN],
			   uint8_t out[SMR_AES_BLOCK_LEN]) SMR_MUST_USE;

#endif
