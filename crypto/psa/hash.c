/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and HMAC. */
#include "crypto/psa/local.h"

_Static_assert(sizeof(psa_hash_operation_t) <= sizeof(struct smr_sha256_state), "a running SHA-256 fits its struct");
_Static_assert(_Alignof(psa_hash_operation_t) <= _Alignof(struct smr_sha256_state), "and its alignment");

/* Only the library reads and writes the state's octets, never this file: there is no second type to alias with. */
static psa_hash_operation_t *operation_of(struct smr_sha256_state *state)
{
	return (psa_hash_operation_t *)(void *)state->opaque;
}

static enum smr_err left(psa_status_t status)
{
	smr_psa_leave();
	return status == PSA_SUCCESS ? SMR_OK : SMR_E_CRYPTO;
}

enum smr_err smr_sha256_init(struct smr_sha256_state *state)
{
	memset(state, 0, sizeof(*state)); /* PSA: an operation of zeros is one that has not begun */
	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	return left(psa_hash_setup(operation_of(state), PSA_ALG_SHA_256));
}

enum smr_err smr_sha256_update(struct smr_sha256_state *state, struct smr_bytes part)
{
	if (part.len == 0)
		return SMR_OK;
	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	return left(psa_hash_update(operation_of(state), part.ptr, part.len));
}

enum smr_err smr_sha256_final(struct smr_sha256_state *state, uint8_t out[SMR_HASH_LEN])
{
	enum smr_err err = SMR_E_CRYPTO;
	size_t len = 0;

	if (smr_psa_enter())
		err = left(psa_hash_finish(operation_of(state), out, SMR_HASH_LEN, &len));
	SMR_WIPE(*state);
	return err;
}

static psa_status_t hash_all(psa_hash_operation_t *operation, const struct smr_bytes *parts, size_t count,
			     uint8_t out[SMR_HASH_LEN])
{
	psa_status_t status = psa_hash_setup(operation, PSA_ALG_SHA_256);
	size_t len;

	for (size_t i = 0; i < count && status == PSA_SUCCESS; i++) {
		if (parts[i].len != 0)
			status = psa_hash_update(operation, parts[i].ptr, parts[i].len);
	}
	if (status == PSA_SUCCESS)
		status = psa_hash_finish(operation, out, SMR_HASH_LEN, &len);
	return status;
}

enum smr_err smr_sha256(const struct smr_bytes *parts, size_t count, uint8_t out[SMR_HASH_LEN])
{
	psa_hash_operation_t operation = PSA_HASH_OPERATION_INIT;
	psa_status_t status;

	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = hash_all(&operation, parts, count, out);
	(void)psa_hash_abort(&operation); /* also after success: erases what the operation held */
	return left(status);
}

static psa_status_t mac_all(psa_mac_operation_t *operation, psa_key_id_t key, const struct smr_bytes *parts,
			    size_t count, uint8_t out[SMR_HASH_LEN])
{
	psa_status_t status = psa_mac_sign_setup(operation, key, PSA_ALG_HMAC(PSA_ALG_SHA_256));
	size_t len;

	for (size_t i = 0; i < count && status == PSA_SUCCESS; i++) {
		if (parts[i].len != 0)
			status = psa_mac_update(operation, parts[i].ptr, parts[i].len);
	}
	if (status == PSA_SUCCESS)
		status = psa_mac_sign_finish(operation, out, SMR_HASH_LEN, &len);
	return status;
}

static enum smr_err mac_under(struct smr_bytes key, const struct smr_bytes *parts, size_t count,
			      uint8_t out[SMR_HASH_LEN])
{
	const psa_algorithm_t alg = PSA_ALG_HMAC(PSA_ALG_SHA_256);
	psa_mac_operation_t operation = PSA_MAC_OPERATION_INIT;
	psa_status_t status;
	psa_key_id_t id;

	if (!smr_psa_enter())
		return SMR_E_CRYPTO;
	status = smr_psa_import(PSA_KEY_TYPE_HMAC, PSA_KEY_USAGE_SIGN_MESSAGE, alg, key, &id);
	if (status == PSA_SUCCESS)
		status = mac_all(&operation, id, parts, count, out);
	(void)psa_mac_abort(&operation);
	(void)psa_destroy_key(id); /* of 0: nothing */
	if (status != PSA_SUCCESS)
		smr_wipe(out, SMR_HASH_LEN);
	return left(status);
}

enum smr_err smr_hmac_sha256(struct smr_bytes key, const struct smr_bytes *parts, size_t count,
			     uint8_t out[SMR_HASH_LEN])
{
	static const uint8_t zero[1];

	/* PSA has no empty keys; HMAC fills a short key up with zeros: the same key. */
	return mac_under(key.len != 0 ? key : SMR_ARRAY(zero), parts, count, out);
}

/* PSA makes a key ready each time: what is kept is the key, filled up with zeros to the length of a block, or its hash
 * (RFC 2104 section 2). */
#define HMAC_BLOCK_LEN 64u
_Static_assert(HMAC_BLOCK_LEN <= sizeof(struct smr_hmac_key), "a key of one block fits its public struct");

enum smr_err smr_hmac_key_init(struct smr_hmac_key *ready, struct smr_bytes key)
{
	memset(ready, 0, sizeof(*ready));
	if (key.len > HMAC_BLOCK_LEN)
		return smr_sha256(&key, 1, (uint8_t *)ready->opaque);
	if (key.len != 0)
		memcpy(ready->opaque, key.ptr, key.len);
	return SMR_OK;
}

enum smr_err smr_hmac_with(const struct smr_hmac_key *ready, const struct smr_bytes *parts, size_t count,
			   uint8_t out[SMR_HASH_LEN])
{
	return mac_under(smr_bytes_of(ready->opaque, HMAC_BLOCK_LEN), parts, count, out);
}
