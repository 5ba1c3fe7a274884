/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sealed.h
 * The AEAD part that ends every message and every ticket, and the keys that live only while it is made or read.
 *
 * Nothing outside core/ includes this.
 */
#ifndef SMR_SEALED_H
#define SMR_SEALED_H

#include "core/cbor.h"
#include "crypto/crypto.h"

/** A key or secret on its way; declare it with SMR_SECRET so that it is wiped however the scope is left. */
struct smr_secret {
	uint8_t octets[SMR_HASH_LEN];
};

static inline void smr_secret_wipe(struct smr_secret *secret)
{
	SMR_WIPE(*secret);
}

#define SMR_SECRET __attribute__((cleanup(smr_secret_wipe))) struct smr_secret

/** For a key that encrypts one plaintext only (docs/protocol.md, «Suite 1»). */
extern const uint8_t smr_nonce_zero[SMR_AEAD_NONCE_LEN];

/** Writes a plaintext. */
typedef void smr_put_plain(struct smr_writer *w, const void *content);

/**
 * Append a byte string with the sealed plaintext, made and sealed in place. Errors stick in @p w too; what was
 * written of the plaintext is wiped then. SMR_E_NO_ROOM, for a writer that only counts too, may come before an error of @p put.
 *
 * @param key    SMR_AEAD_KEY_LEN octets.
 * @param nonce  SMR_AEAD_NONCE_LEN octets, under this key for no other plaintext.
 * @param ad     may be what @p w has written so far.
 * @param content  outside the writer's room, all of which may be written.
 */
enum smr_err smr_put_sealed(struct smr_writer *w, const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
			    smr_put_plain *put, const void *content) SMR_MUST_USE;

/** The same under a key made ready, without associated data and without the head of a byte string. */
enum smr_err smr_put_sealed_raw(struct smr_writer *w, struct smr_aead_key *key, const uint8_t *nonce,
				smr_put_plain *put, const void *content) SMR_MUST_USE;

/**
 * Open into @p scratch.
 * @param plain  [out] view into @p scratch; the caller wipes it if it then finds the plaintext malformed.
 * @return SMR_E_UNOPENED; SMR_E_NO_ROOM: scratch is too small.
 */
enum smr_err smr_open_sealed(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes sealed,
			     struct smr_space scratch, struct smr_bytes *plain) SMR_MUST_USE;

/** The same for what smr_put_sealed_raw appended. */
enum smr_err smr_open_sealed_raw(struct smr_aead_key *key, const uint8_t *nonce, struct smr_bytes sealed,
				 struct smr_space scratch, struct smr_bytes *plain) SMR_MUST_USE;

#endif
