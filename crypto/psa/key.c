/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, Diffie-Hellman and ECDSA. Scalars are handed to the library and nothing else is done with them here. */
#include "crypto/psa/local.h"

#define POINT_UNCOMPRESSED 0x04u
#define POINT_EVEN_Y 0x02u
#define KEY_PAIR PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1)
#define PUBLIC_KEY PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1)
#define ES256 PSA_ALG_ECDSA(PSA_ALG_SHA_256)

/* A key serves DH or signatures and the seam does not say which; every use imports it for itself. */

static psa_status_t export_both(psa_key_id_t id, struct smr_privkey *key)
{
	size_t len = 0;
	psa_status_t status = psa_export_key(id, key->scalar, sizeof(key->scalar), &len);

	if (status == PSA_SUCCESS && len != sizeof(key->scalar))
		return PSA_ERROR_GENERIC_ERROR;
	if (status == PSA_SUCCESS)
		status = psa_export_public_key(id, key->point, sizeof(key->point), &len);
	return status;
}

static psa_status_t generate(psa_key_id_t *id)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;

	psa_set_key_type(&attributes, KEY_PAIR);
	psa_set_key_bits(&attributes, SMR_PSA_P256_BITS);
	psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT);
	return psa_generate_key(&attributes, id);
}

/* Nothing of a key that could not be made stays in the caller's struct. */
static enum smr_err settle(struct smr_privkey *key, psa_status_t status)
{
	if (status == PSA_SUCCESS) {
		key->impl = key;
		return SMR_OK;
	}
	SMR_WIPE(*key);
	return status == PSA_ERROR_INVALID_ARGUMENT ? SMR_E_BAD_POINT : SMR_E_CRYPTO;
}

enum smr_err smr_privkey_generate(struct smr_privkey *key)
{
	psa_key_id_t id = 0;
	psa_status_t status;

	memset(key, 0, sizeof(*key));
	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = generate(&id);
	if (status == PSA_SUCCESS)
		status = export_both(id, key);
	(void)psa_destroy_key(id);
	smr_psa_leave();
	return settle(key, status) == SMR_OK ? SMR_OK : SMR_E_CRYPTO;
}

enum smr_err smr_privkey_import(struct smr_privkey *key, const uint8_t scalar[SMR_SCALAR_LEN])
{
	uint8_t octets[SMR_SCALAR_LEN]; /* the scalar may be the key's own */
	psa_key_id_t id = 0;
	psa_status_t status;

	memcpy(octets, scalar, sizeof(octets));
	memset(key, 0, sizeof(*key));
	if (!smr_psa_enter()) {
		SMR_WIPE(octets);
		return SMR_E_CRYPTO;
	}
	/* Refuses 0 and what is not below the order. */
	status = smr_psa_import(KEY_PAIR, PSA_KEY_USAGE_EXPORT, PSA_ALG_NONE, SMR_ARRAY(octets), &id);
	SMR_WIPE(octets);
	if (status == PSA_SUCCESS)
		status = export_both(id, key);
	(void)psa_destroy_key(id);
	smr_psa_leave();
	return settle(key, status);
}

void smr_privkey_wipe(struct smr_privkey *key)
{
	SMR_WIPE(*key);
}

static enum smr_err expand(struct smr_bytes in, uint8_t out[SMR_POINT_LEN])
{
	if (in.len == SMR_POINT_LEN && in.ptr[0] == POINT_UNCOMPRESSED) {
		memcpy(out, in.ptr, SMR_POINT_LEN);
		return SMR_OK;
	}
	if (in.len == SMR_POINT_COMPRESSED_LEN && (in.ptr[0] | 1u) == (POINT_EVEN_Y | 1u) &&
	    smr_psa_decompress(in.ptr, out))
		return SMR_OK;
	return SMR_E_BAD_POINT;
}

/* The library refuses coordinates that are not below p and pairs that are not on the curve, also those that the
 * decompression may have got wrong. */
static enum smr_err check_point(const uint8_t point[SMR_POINT_LEN])
{
	psa_status_t status;
	psa_key_id_t id;

	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = smr_psa_import(PUBLIC_KEY, 0, PSA_ALG_NONE, smr_bytes_of(point, SMR_POINT_LEN), &id);
	(void)psa_destroy_key(id);
	smr_psa_leave();
	if (status == PSA_SUCCESS)
		return SMR_OK;
	return status == PSA_ERROR_INVALID_ARGUMENT ? SMR_E_BAD_POINT : SMR_E_CRYPTO;
}

enum smr_err smr_pubkey_import(struct smr_pubkey *key, struct smr_bytes point)
{
	uint8_t expanded[SMR_POINT_LEN];
	enum smr_err err = expand(point, expanded);

	memset(key, 0, sizeof(*key));
	if (err == SMR_OK)
		err = check_point(expanded);
	if (err != SMR_OK)
		return err;
	memcpy(key->point, expanded, sizeof(key->point));
	key->impl = key;
	return SMR_OK;
}

void smr_pubkey_wipe(struct smr_pubkey *key)
{
	SMR_WIPE(*key);
}

void smr_point_compress(const uint8_t point[SMR_POINT_LEN], uint8_t out[SMR_POINT_COMPRESSED_LEN])
{
	uint8_t form = (uint8_t)(POINT_EVEN_Y | (point[SMR_POINT_LEN - 1] & 1u));

	memmove(out + 1, point + 1, SMR_POINT_COMPRESSED_LEN - 1);
	out[0] = form;
}

static psa_status_t agree(const struct smr_privkey *own, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	size_t len = 0;
	psa_key_id_t id;
	psa_status_t status = smr_psa_import(KEY_PAIR, PSA_KEY_USAGE_DERIVE, PSA_ALG_ECDH, SMR_ARRAY(own->scalar), &id);

	if (status == PSA_SUCCESS)
		status = psa_raw_key_agreement(PSA_ALG_ECDH, id, peer->point, sizeof(peer->point), out, SMR_DH_LEN,
					       &len);
	(void)psa_destroy_key(id);
	return status;
}

enum smr_err smr_ecdh(const struct smr_privkey *own, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	psa_status_t status;

	if (own->impl == NULL || peer->impl == NULL || !smr_psa_enter())
		return SMR_E_CRYPTO;
	status = agree(own, peer, out);
	smr_psa_leave();
	if (status == PSA_SUCCESS)
		return SMR_OK;
	smr_wipe(out, SMR_DH_LEN);
	return SMR_E_CRYPTO;
}

enum smr_err smr_ecdsa_sign(const struct smr_privkey *key, const uint8_t hash[SMR_HASH_LEN], uint8_t sig[SMR_SIG_LEN])
{
	psa_status_t status;
	psa_key_id_t id;
	size_t len = 0;

	if (key->impl == NULL || !smr_psa_enter())
		return SMR_E_CRYPTO;
	status = smr_psa_import(KEY_PAIR, PSA_KEY_USAGE_SIGN_HASH, ES256, SMR_ARRAY(key->scalar), &id);
	if (status == PSA_SUCCESS)
		status = psa_sign_hash(id, ES256, hash, SMR_HASH_LEN, sig, SMR_SIG_LEN, &len);
	(void)psa_destroy_key(id);
	smr_psa_leave();
	return status == PSA_SUCCESS && len == SMR_SIG_LEN ? SMR_OK : SMR_E_CRYPTO;
}

enum smr_err smr_ecdsa_verify(const struct smr_pubkey *key, const uint8_t hash[SMR_HASH_LEN],
			      const uint8_t sig[SMR_SIG_LEN])
{
	psa_status_t status;
	psa_key_id_t id;

	if (key->impl == NULL || !smr_psa_enter())
		return SMR_E_CRYPTO;
	status = smr_psa_import(PUBLIC_KEY, PSA_KEY_USAGE_VERIFY_HASH, ES256, SMR_ARRAY(key->point), &id);
	if (status == PSA_SUCCESS)
		status = psa_verify_hash(id, ES256, hash, SMR_HASH_LEN, sig, SMR_SIG_LEN);
	(void)psa_destroy_key(id);
	smr_psa_leave();
	if (status == PSA_SUCCESS)
		return SMR_OK;
	return status == PSA_ERROR_INVALID_SIGNATURE ? SMR_E_SIGNATURE : SMR_E_CRYPTO;
}
