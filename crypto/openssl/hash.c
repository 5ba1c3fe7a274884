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
#define LAST_MAX (HMAC_BLOCK_LEN - 9u) /* beside the end mark and the length */

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

/* RFC 2104 section 2. What each of the two hashes has come to after its block of the masked key. */
struct hmac_states {
	SHA_LONG inner[SHA256_DIGEST_LENGTH / sizeof(SHA_LONG)];
	SHA_LONG outer[SHA256_DIGEST_LENGTH / sizeof(SHA_LONG)];
};
_Static_assert(sizeof(struct hmac_states) <= sizeof(struct smr_hmac_key), "a prepared HMAC key fits its public struct");
_Static_assert(_Alignof(struct hmac_states) <= _Alignof(struct smr_hmac_key), "and its alignment");

struct hmac_block {
	uint8_t octets[HMAC_BLOCK_LEN];
};

static void wipe_block(struct hmac_block *block)
{
	smr_wipe(block, sizeof(*block));
}

static void wipe_ready(struct smr_hmac_key *ready)
{
	smr_wipe(ready, sizeof(*ready));
}

/** The hash as it was after its first block. */
static void resume(SHA256_CTX *ctx, const SHA_LONG state[8])
{
	memset(ctx, 0, sizeof(*ctx));
	memcpy(ctx->h, state, sizeof(ctx->h));
	ctx->Nl = 8 * HMAC_BLOCK_LEN;
	ctx->md_len = SHA256_DIGEST_LENGTH;
}

/**
 * The text of a derivation, and always the inner hash, fit one block with the end mark and the length (FIPS 180-4 section 5.1.1). It
 * is laid out here: the library would copy it into its own buffer and erase that each time.
 */
static void hash_last(const SHA_LONG state[8], struct hmac_block *block, size_t len, uint8_t out[SMR_HASH_LEN])
{
	__attribute__((cleanup(wipe_context))) SHA256_CTX ctx;

	memcpy(ctx.h, state, sizeof(ctx.h));
	memset(block->octets + len, 0, sizeof(block->octets) - len);
	block->octets[len] = 0x80;
	smr_put_be32(block->octets + HMAC_BLOCK_LEN - 4, (uint32_t)(8 * (HMAC_BLOCK_LEN + len)));
	SHA256_Transform(&ctx, block->octets);
	for (size_t i = 0; i < SMR_COUNT(ctx.h); i++)
		smr_put_be32(out + 4 * i, ctx.h[i]);
}

/** @return false: it does not fit. */
static bool gather(const struct smr_bytes *parts, size_t count, struct hmac_block *block, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > LAST_MAX - *len)
			return false;
		if (parts[i].len != 0)
			memcpy(block->octets + *len, parts[i].ptr, parts[i].len);
		*len += parts[i].len;
	}
	return true;
}

static void hash_masked(struct smr_bytes key, uint8_t mask, SHA_LONG state[8])
{
	__attribute__((cleanup(wipe_context))) SHA256_CTX ctx;
	__attribute__((cleanup(wipe_block))) struct hmac_block block = {{0}};

	if (key.len != 0)
		memcpy(block.octets, key.ptr, key.len);
	for (size_t i = 0; i < sizeof(block.octets); i++)
		block.octets[i] ^= mask;
	(void)SHA256_Init(&ctx); /* it only sets numbers */
	SHA256_Transform(&ctx, block.octets);
	memcpy(state, ctx.h, sizeof(ctx.h));
}

enum smr_err smr_hmac_key_init(struct smr_hmac_key *ready, struct smr_bytes key)
{
	struct hmac_states *states = (struct hmac_states *)(void *)ready->opaque;
	__attribute__((cleanup(wipe_block))) struct hmac_block shorter;

	if (key.len > HMAC_BLOCK_LEN) { /* RFC 2104 section 2: a key longer than the block is hashed first */
		if (!hash_all(&key, 1, shorter.octets))
			return SMR_E_CRYPTO;
		key = smr_bytes_of(shorter.octets, SMR_HASH_LEN);
	}
	hash_masked(key, 0x36, states->inner);
	hash_masked(key, 0x5c, states->outer);
	return SMR_OK;
}

/* A text of more than one block. */
static bool hash_long(const SHA_LONG state[8], const struct smr_bytes *parts, size_t count, uint8_t out[SMR_HASH_LEN])
{
	__attribute__((cleanup(wipe_context))) SHA256_CTX ctx;

	resume(&ctx, state);
	return update_all(&ctx, parts, count) && SHA256_Final(out, &ctx) == 1;
}

enum smr_err smr_hmac_with(const struct smr_hmac_key *ready, const struct smr_bytes *parts, size_t count,
			   uint8_t out[SMR_HASH_LEN])
{
	const struct hmac_states *states = (const struct hmac_states *)(const void *)ready->opaque;
	__attribute__((cleanup(wipe_block))) struct hmac_block block;
	size_t len;

	if (gather(parts, count, &block, &len))
		hash_last(states->inner, &block, len, block.octets);
	else if (!hash_long(states->inner, parts, count, block.octets))
		return SMR_E_CRYPTO;
	hash_last(states->outer, &block, SMR_HASH_LEN, out);
	return SMR_OK;
}

enum smr_err smr_hmac_sha256(struct smr_bytes key, const struct smr_bytes *parts, size_t count,
			     uint8_t out[SMR_HASH_LEN])
{
	__attribute__((cleanup(wipe_ready))) struct smr_hmac_key ready;

	SMR_TRY(smr_hmac_key_init(&ready, key));
	return smr_hmac_with(&ready, parts, count, out);
}
