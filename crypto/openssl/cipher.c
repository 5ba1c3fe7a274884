/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-128-GCM and the AES block.
 *
 * GCM uses the thread's own context. Left alone, its key schedule would lie in memory until the thread's next call: that
 * of k1 or k2' (S2 wants them gone), or of a ticket's key. So each call ends with smr_ossl_room_forget. The AES block is
 * for keys that are used seldom: there the context is made and freed per call, and freeing erases the schedule.
 */
#include <limits.h>

#include "crypto/openssl/local.h"

static void free_cipher(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

/* EVP counts in int. The last block's worth is left free for its own sums. */
static bool lengths_fit(struct smr_bytes ad, struct smr_bytes text)
{
	return ad.len <= INT_MAX - 2 * SMR_AES_BLOCK_LEN && text.len <= INT_MAX - 2 * SMR_AES_BLOCK_LEN;
}

static bool absorb(EVP_CIPHER_CTX *ctx, struct smr_bytes ad)
{
	int unused;

	return ad.len == 0 || EVP_CipherUpdate(ctx, NULL, &unused, ad.ptr, (int)ad.len) == 1;
}

static bool transform(EVP_CIPHER_CTX *ctx, struct smr_bytes in, uint8_t *out)
{
	int len = 0;

	return in.len == 0 || (EVP_CipherUpdate(ctx, out, &len, in.ptr, (int)in.len) == 1 && (size_t)len == in.len);
}

/* GCM has no data left at the end: the final call only computes or checks the tag. */
static bool finish(EVP_CIPHER_CTX *ctx)
{
	uint8_t none[SMR_AES_BLOCK_LEN];
	int len = 0;

	return EVP_CipherFinal_ex(ctx, none, &len) == 1 && len == 0;
}

static bool seal(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
		 struct smr_bytes plain, uint8_t *out)
{
	return EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL) == 1 && absorb(ctx, ad) && transform(ctx, plain, out) &&
	       finish(ctx) && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SMR_AEAD_TAG_LEN, out + plain.len) == 1;
}

enum smr_err smr_aead_seal(const uint8_t key[SMR_AEAD_KEY_LEN], const uint8_t nonce[SMR_AEAD_NONCE_LEN],
			   struct smr_bytes ad, struct smr_bytes plain, uint8_t *out)
{
	const struct smr_ossl *lib = smr_ossl_get();
	struct smr_ossl_room *room = lib != NULL ? smr_ossl_room(lib) : NULL;
	bool done;

	if (room == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);
	if (!lengths_fit(ad, plain))
		return SMR_E_INVALID;
	done = seal(room->gcm, key, nonce, ad, plain, out);
	smr_ossl_room_forget(room);
	if (done)
		return SMR_OK;
	smr_wipe(out, plain.len + SMR_AEAD_TAG_LEN);
	return smr_ossl_fail(SMR_E_CRYPTO);
}

static enum smr_err open_body(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
			      struct smr_bytes body, uint8_t tag[SMR_AEAD_TAG_LEN], uint8_t *out)
{
	if (EVP_DecryptInit_ex2(ctx, NULL, key, nonce, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SMR_AEAD_TAG_LEN, tag) != 1 || !absorb(ctx, ad) ||
	    !transform(ctx, body, out))
		return SMR_E_CRYPTO;
	/* The library compares the tag in constant time. */
	return finish(ctx) ? SMR_OK : SMR_E_UNOPENED;
}

enum smr_err smr_aead_open(const uint8_t key[SMR_AEAD_KEY_LEN], const uint8_t nonce[SMR_AEAD_NONCE_LEN],
			   struct smr_bytes ad, struct smr_bytes sealed, uint8_t *out)
{
	const struct smr_ossl *lib = smr_ossl_get();
	struct smr_ossl_room *room = lib != NULL ? smr_ossl_room(lib) : NULL;
	uint8_t tag[SMR_AEAD_TAG_LEN]; /* EVP wants it writable */
	enum smr_err err = SMR_E_CRYPTO;

	if (sealed.len < SMR_AEAD_TAG_LEN)
		return SMR_E_UNOPENED;
	if (!lengths_fit(ad, sealed))
		return SMR_E_INVALID;
	memcpy(tag, sealed.ptr + sealed.len - sizeof(tag), sizeof(tag));
	sealed.len -= sizeof(tag);
	if (room != NULL) {
		err = open_body(room->gcm, key, nonce, ad, sealed, tag, out);
		smr_ossl_room_forget(room);
	}
	if (err == SMR_OK)
		return SMR_OK;
	smr_wipe(out, sealed.len);
	return smr_ossl_fail(err);
}

enum smr_err smr_aes128_encrypt(const uint8_t key[16], const uint8_t in[SMR_AES_BLOCK_LEN],
				uint8_t out[SMR_AES_BLOCK_LEN])
{
	const struct smr_ossl *lib = smr_ossl_get();
	int len = 0;

	if (lib == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);

	SMR_SCOPED(free_cipher) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx == NULL || EVP_EncryptInit_ex2(ctx, lib->ecb, key, NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
	    EVP_EncryptUpdate(ctx, out, &len, in, (int)SMR_AES_BLOCK_LEN) != 1 || len != (int)SMR_AES_BLOCK_LEN) {
		smr_wipe(out, SMR_AES_BLOCK_LEN);
		return smr_ossl_fail(SMR_E_CRYPTO);
	}
	return SMR_OK;
}

enum smr_err smr_aes_block(struct smr_bytes key, enum smr_aes_direction direction, const uint8_t in[SMR_AES_BLOCK_LEN],
			   uint8_t out[SMR_AES_BLOCK_LEN])
{
	const struct smr_ossl *lib = smr_ossl_get();
	int len = 0;

	if (lib == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);
	if (key.len != 16 && key.len != 32)
		return SMR_E_INVALID;

	SMR_SCOPED(free_cipher) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = key.len == 16 ? lib->ecb : lib->ecb256;

	if (ctx == NULL || EVP_CipherInit_ex2(ctx, cipher, key.ptr, NULL, direction == SMR_AES_ENCRYPT, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
	    EVP_CipherUpdate(ctx, out, &len, in, (int)SMR_AES_BLOCK_LEN) != 1 || len != (int)SMR_AES_BLOCK_LEN) {
		smr_wipe(out, SMR_AES_BLOCK_LEN);
		return smr_ossl_fail(SMR_E_CRYPTO);
	}
	return SMR_OK;
}
