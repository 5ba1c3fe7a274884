/* SPDX-License-Identifier: Apache-2.0 */
/* AES-128-GCM and the AES block. */
#include "crypto/psa/local.h"

static const struct smr_bytes none = {(const uint8_t *)"", 0}; /* PSA libraries may refuse NULL even with length 0 */

static struct smr_bytes present(struct smr_bytes bytes)
{
	return bytes.len == 0 ? none : bytes;
}

/* GCM counts blocks in 32 bits; and the sums of the library must not wrap. */
static bool lengths_fit(struct smr_bytes ad, struct smr_bytes text)
{
	return ad.len <= INT32_MAX - 2 * SMR_AES_BLOCK_LEN && text.len <= INT32_MAX - 2 * SMR_AES_BLOCK_LEN;
}

static psa_status_t import_aes(const uint8_t *octets, psa_key_usage_t usage, psa_algorithm_t alg, psa_key_id_t *id)
{
	return smr_psa_import(PSA_KEY_TYPE_AES, usage, alg, smr_bytes_of(octets, SMR_AEAD_KEY_LEN), id);
}

static psa_status_t seal(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes plain,
			 uint8_t *out)
{
	size_t len = 0;
	psa_key_id_t id;
	psa_status_t status = import_aes(key, PSA_KEY_USAGE_ENCRYPT, PSA_ALG_GCM, &id);

	if (status != PSA_SUCCESS)
		return status;
	status = psa_aead_encrypt(id, PSA_ALG_GCM, nonce, SMR_AEAD_NONCE_LEN, ad.ptr, ad.len, plain.ptr, plain.len, out,
				  plain.len + SMR_AEAD_TAG_LEN, &len);
	(void)psa_destroy_key(id);
	return status;
}

enum smr_err smr_aead_seal(const uint8_t key[SMR_AEAD_KEY_LEN], const uint8_t nonce[SMR_AEAD_NONCE_LEN],
			   struct smr_bytes ad, struct smr_bytes plain, uint8_t *out)
{
	psa_status_t status;

	if (!lengths_fit(ad, plain))
		return SMR_E_INVALID;
	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = seal(key, nonce, present(ad), present(plain), out);
	smr_psa_leave();
	if (status == PSA_SUCCESS)
		return SMR_OK;
	smr_wipe(out, plain.len + SMR_AEAD_TAG_LEN);
	return SMR_E_CRYPTO;
}

static psa_status_t unseal(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes sealed,
			   uint8_t *out)
{
	uint8_t nothing[1]; /* an empty text still wants a place to go */
	size_t room = sealed.len - SMR_AEAD_TAG_LEN;
	size_t len = 0;
	psa_key_id_t id;
	psa_status_t status = import_aes(key, PSA_KEY_USAGE_DECRYPT, PSA_ALG_GCM, &id);

	if (status != PSA_SUCCESS)
		return status;
	/* The library compares the tag in constant time. */
	status = psa_aead_decrypt(id, PSA_ALG_GCM, nonce, SMR_AEAD_NONCE_LEN, ad.ptr, ad.len, sealed.ptr, sealed.len,
				  room == 0 ? nothing : out, room, &len);
	(void)psa_destroy_key(id);
	return status;
}

enum smr_err smr_aead_open(const uint8_t key[SMR_AEAD_KEY_LEN], const uint8_t nonce[SMR_AEAD_NONCE_LEN],
			   struct smr_bytes ad, struct smr_bytes sealed, uint8_t *out)
{
	psa_status_t status;

	if (sealed.len < SMR_AEAD_TAG_LEN)
		return SMR_E_UNOPENED;
	if (!lengths_fit(ad, sealed))
		return SMR_E_INVALID;
	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = unseal(key, nonce, present(ad), sealed, out);
	smr_psa_leave();
	if (status == PSA_SUCCESS)
		return SMR_OK;
	smr_wipe(out, sealed.len - SMR_AEAD_TAG_LEN);
	return status == PSA_ERROR_INVALID_SIGNATURE ? SMR_E_UNOPENED : SMR_E_CRYPTO;
}

/* Nothing is made ready here: no key outlives a call (local.h). */
enum smr_err smr_aead_key_init(struct smr_aead_key *key, const uint8_t octets[SMR_AEAD_KEY_LEN])
{
	memcpy(key->octets, octets, sizeof(key->octets));
	key->impl = key;
	return SMR_OK;
}

void smr_aead_key_wipe(struct smr_aead_key *key)
{
	SMR_WIPE(*key);
}

enum smr_err smr_aead_seal_with(struct smr_aead_key *key, const uint8_t nonce[SMR_AEAD_NONCE_LEN], struct smr_bytes ad,
				struct smr_bytes plain, uint8_t *out)
{
	return key->impl != NULL ? smr_aead_seal(key->octets, nonce, ad, plain, out) : SMR_E_CRYPTO;
}

enum smr_err smr_aead_open_with(struct smr_aead_key *key, const uint8_t nonce[SMR_AEAD_NONCE_LEN], struct smr_bytes ad,
				struct smr_bytes sealed, uint8_t *out)
{
	return key->impl != NULL ? smr_aead_open(key->octets, nonce, ad, sealed, out) : SMR_E_CRYPTO;
}

enum smr_err smr_aes128_encrypt(const uint8_t key[16], const uint8_t in[SMR_AES_BLOCK_LEN],
				uint8_t out[SMR_AES_BLOCK_LEN])
{
	psa_status_t status;
	psa_key_id_t id;
	size_t len = 0;

	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = import_aes(key, PSA_KEY_USAGE_ENCRYPT, PSA_ALG_ECB_NO_PADDING, &id);
	if (status == PSA_SUCCESS)
		status = psa_cipher_encrypt(id, PSA_ALG_ECB_NO_PADDING, in, SMR_AES_BLOCK_LEN, out, SMR_AES_BLOCK_LEN,
					    &len);
	(void)psa_destroy_key(id);
	smr_psa_leave();
	if (status == PSA_SUCCESS && len == SMR_AES_BLOCK_LEN)
		return SMR_OK;
	smr_wipe(out, SMR_AES_BLOCK_LEN);
	return SMR_E_CRYPTO;
}

/* Apart from the block above, so that a device that only encrypts links no decryption. */
static psa_status_t cipher_block(struct smr_bytes key, enum smr_aes_direction direction, const uint8_t *in,
				 uint8_t *out)
{
	bool encrypt = direction == SMR_AES_ENCRYPT;
	size_t len = 0;
	psa_key_id_t id;
	psa_status_t status = smr_psa_import(PSA_KEY_TYPE_AES, encrypt ? PSA_KEY_USAGE_ENCRYPT : PSA_KEY_USAGE_DECRYPT,
					     PSA_ALG_ECB_NO_PADDING, key, &id);

	if (status == PSA_SUCCESS && encrypt)
		status = psa_cipher_encrypt(id, PSA_ALG_ECB_NO_PADDING, in, SMR_AES_BLOCK_LEN, out, SMR_AES_BLOCK_LEN,
					    &len);
	else if (status == PSA_SUCCESS)
		status = psa_cipher_decrypt(id, PSA_ALG_ECB_NO_PADDING, in, SMR_AES_BLOCK_LEN, out, SMR_AES_BLOCK_LEN,
					    &len);
	(void)psa_destroy_key(id);
	return status == PSA_SUCCESS && len != SMR_AES_BLOCK_LEN ? PSA_ERROR_GENERIC_ERROR : status;
}

enum smr_err smr_aes_block(struct smr_bytes key, enum smr_aes_direction direction, const uint8_t in[SMR_AES_BLOCK_LEN],
			   uint8_t out[SMR_AES_BLOCK_LEN])
{
	psa_status_t status;

	if (key.len != 16 && key.len != 32)
		return SMR_E_INVALID;
	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = cipher_block(key, direction, in, out);
	smr_psa_leave();
	if (status == PSA_SUCCESS)
		return SMR_OK;
	smr_wipe(out, SMR_AES_BLOCK_LEN);
	return SMR_E_CRYPTO;
}
