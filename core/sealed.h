/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sealed.h
 * The AEAD part that ends every message and every ticket, and the keys that live only while it is made or read.
 *
 * The nonce is always 12 zero octets: each key encrypts one plaintext only (docs/protocol.md, «Suite 1»). Nothing
 * outside core/ includes this.
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

/** Writes a plaintext. Called twice, first with a writer that only counts: it must write the same both times. */
typedef void smr_put_plain(struct smr_writer *w, const void *content);

/**
 * Append a byte string with the sealed plaintext, made and sealed in place. Errors stick in @p w too; what was
 * written of the plaintext is wiped then.
 *
 * @param key  SMR_AEAD_KEY_LEN octets.
 * @param ad   may be what @p w has written so far.
 */
enum smr_err smr_put_sealed(struct smr_writer *w, const uint8_t *key, struct smr_bytes ad, smr_put_plain *put,
			    const void *content) SMR_MUST_USE;

/** The same without the head of a byte string. */
enum smr_err smr_put_sealed_raw(struct smr_writer *w, const uint8_t *key, struct smr_bytes ad, smr_put_plain *put,
				const void *content) SMR_MUST_USE;

/**
 * Open into @p scratch.
 * @param plain  [out] view into @p scratch; the caller wipes it if it then finds the plaintext malformed.
 * @return SMR_E_UNOPENED; SMR_E_NO_ROOM: scratch is too small.
 */
enum smr_err smr_open_sealed(const uint8_t *key, struct smr_bytes ad, struct smr_bytes sealed, struct smr_space scratch,
			     struct smr_bytes *plain) SMR_MUST_USE;

#endif
