/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AES block, for keys that are used seldom: a context is made and freed per call, and freeing erases the schedule.
 */
#include "crypto/openssl/local.h"

static void free_cipher(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
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
