/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC on the library's own SHA256_* functions. OpenSSL 3 calls them deprecated in favour of EVP, but
 * they are the same code without its dispatch: an HMAC costs 0.26 µs instead of 1 µs and more through EVP_MAC
 * or EVP_KDF, and a check-in derives about ten. They also make a running hash a plain struct that can be copied
 * and wiped, and they cannot fail for want of memory.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "crypto/crypto.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct smr_sha256_state), "a running SHA-256 fits its public struct");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct smr_sha256_state), "and its alignment");

#define HMAC_BLOCK_LEN 64u

/* Only the library reads and writes the state's octets, never this file: there is no second type to alias with. */
static SHA256_CTX *context_of(struct smr_sha256_state *state)
{
	return (SHA256_CTX *)(void *)state->opaque;
}

enum smr_err smr_sha256_init(struct smr_sha256_state *state)
{
	return SHA256_Init(context_of(state)) == 1 ? SMR_OK : SMR_E_CRYPTO;
}

enum smr_err smr_sha256_update(struct smr_sha256_state *state, struct smr_bytes part)
{
	if (part.len == 0)
		return SMR_OK;
	return SHA256_Update(context_of(state), part.ptr, part.len) == 1 ? SMR_OK : SMR_E_CRYPTO;
}

enum smr_err smr_sha256_final(struct smr_sha256_state *state, uint8_t out[SMR_HASH_LEN])
{
	int done = SHA256_Final(out, context_of(state));

	smr_wipe(context_of(state), sizeof(SHA256_CTX));
	return done == 1 ? SMR_OK : SMR_E_CRYPTO;
}

static void wipe_context(SHA256_CTX *ctx)
{
	smr_wipe(ctx, sizeof(*ctx));
}

static bool update_all(SHA256_CTX *ctx, const struct smr_bytes *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len != 0 && SHA256_Update(ctx, parts[i].ptr, parts[i].len) != 1)
			return false;
	}
	return true;
}

static bool hash_all(const struct smr_bytes *parts, size_t count, uint8_t out[SMR_HASH_LEN])
{
	__attribute__((cleanup(wipe_context))) SHA256_CTX ctx;

	return SHA256_Init(&ctx) == 1 && update_all(&ctx, parts, count) && SHA256_Final(out, &ctx) == 1;
}

enum smr_err smr_sha256(const struct smr_bytes *parts, size_t count, uint8_t out[SMR_HASH_LEN])
{
	return hash_all(parts, count, out) ? SMR_OK : SMR_E_CRYPTO;
}

/* RFC 2104 section 2. Each state has hashed its block of the masked key. */
struct hmac_states {
	SHA256_CTX inner;
	SHA256_CTX outer;
};
_Static_assert(sizeof(struct hmac_states) <= sizeof(struct smr_hmac_key), "a prepared HMAC key fits its public struct");
_Static_assert(_Alignof(struct hmac_states) <= _Alignof(struct smr_hmac_key), "and its alignment");

struct hmac_pad {
	uint8_t octets[HMAC_BLOCK_LEN];
};

static void wipe_pad(struct hmac_pad *pad)
{
	smr_wipe(pad, sizeof(*pad));
}

static void wipe_ready(struct smr_hmac_key *ready)
{
	smr_wipe(ready, sizeof(*ready));
}

static bool hash_masked(SHA256_CTX *ctx, struct smr_bytes key, uint8_t mask)
{
	__attribute__((cleanup(wipe_pad))) struct hmac_pad pad;

	memset(pad.octets, 0, sizeof(pad.octets));
	if (key.len != 0)
		memcpy(pad.octets, key.ptr, key.len);
	for (size_t i = 0; i < sizeof(pad.octets); i++)
		pad.octets[i] ^= mask;
	return SHA256_Init(ctx) == 1 && SHA256_Update(ctx, pad.octets, sizeof(pad.octets)) == 1;
}

enum smr_err smr_hmac_key_init(struct smr_hmac_key *ready, struct smr_bytes key)
{
	struct hmac_states *states = (struct hmac_states *)(void *)ready->opaque;
	__attribute__((cleanup(wipe_pad))) struct hmac_pad shorter;

	if (key.len > HMAC_BLOCK_LEN) { /* RFC 2104 section 2: a key longer than the block is hashed first */
		if (!hash_all(&key, 1, shorter.octets))
			return SMR_E_CRYPTO;
		key = smr_bytes_of(shorter.octets, SMR_HASH_LEN);
	}
	return hash_masked(&states->inner, key, 0x36) && hash_masked(&states->outer, key, 0x5c) ? SMR_OK : SMR_E_CRYPTO;
}

enum smr_err smr_hmac_with(const struct smr_hmac_key *ready, const struct smr_bytes *parts, size_t count,
			   uint8_t out[SMR_HASH_LEN])
{
	const struct hmac_states *states = (const struct hmac_states *)(const void *)ready->opaque;
	__attribute__((cleanup(wipe_context))) SHA256_CTX ctx = states->inner;
	uint8_t inner[SMR_HASH_LEN];
	bool done = update_all(&ctx, parts, count) && SHA256_Final(inner, &ctx) == 1;

	ctx = states->outer;
	done = done && SHA256_Update(&ctx, inner, sizeof(inner)) == 1 && SHA256_Final(out, &ctx) == 1;
	SMR_WIPE(inner);
	return done ? SMR_OK : SMR_E_CRYPTO;
}

enum smr_err smr_hmac_sha256(struct smr_bytes key, const struct smr_bytes *parts, size_t count,
			     uint8_t out[SMR_HASH_LEN])
{
	__attribute__((cleanup(wipe_ready))) struct smr_hmac_key ready;

	SMR_TRY(smr_hmac_key_init(&ready, key));
	return smr_hmac_with(&ready, parts, count, out);
}
