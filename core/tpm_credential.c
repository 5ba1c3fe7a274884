/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tpm_credential.h"

#define COORDINATE_LEN SMR_SCALAR_LEN
#define KEY_LEN 16u
/* TPM2B_DIGEST with the secret, which is what is encrypted. */
#define IDENTITY_LEN (2u + SMR_TPM_CREDENTIAL_SECRET_LEN)

/* Labels of part 1, 24.4 and C.6.4. The NUL belongs to them (11.4.10). */
static const uint8_t label_identity[] = "IDENTITY";
static const uint8_t label_storage[] = "STORAGE";
static const uint8_t label_integrity[] = "INTEGRITY";

struct secret {
	uint8_t octets[SMR_HASH_LEN];
};

static void wipe_secret(struct secret *secret)
{
	SMR_WIPE(*secret);
}

/* KDFa (part 1, 11.4.10.2) of at most one hash: HMAC(key, 1 | label | contextU | bits). */
static enum smr_err kdfa(const struct secret *key, struct smr_bytes label, struct smr_bytes context, uint32_t bits,
			 struct secret *out)
{
	static const uint8_t counter[4] = {0, 0, 0, 1};
	uint8_t length[4];
	const struct smr_bytes parts[] = {SMR_ARRAY(counter), label, context, SMR_ARRAY(length)};

	smr_put_be32(length, bits);
	return smr_hmac_sha256(SMR_ARRAY(key->octets), parts, SMR_COUNT(parts), out->octets);
}

/* The seed that both ends come to (part 1, C.6.4): KDFe (11.4.10.3) over x of the shared point, of the ephemeral and of the static key. */
static enum smr_err agree_on_seed(const struct smr_privkey *ephemeral, const struct smr_pubkey *ek, struct secret *seed)
{
	static const uint8_t counter[4] = {0, 0, 0, 1};
	__attribute__((cleanup(wipe_secret))) struct secret z;
	const struct smr_bytes parts[] = {SMR_ARRAY(counter), SMR_ARRAY(z.octets), SMR_ARRAY(label_identity),
					  smr_bytes_of(ephemeral->point + 1, COORDINATE_LEN),
					  smr_bytes_of(ek->point + 1, COORDINATE_LEN)};

	SMR_TRY(smr_ecdh(ephemeral, ek, z.octets));
	return smr_sha256(parts, SMR_COUNT(parts), seed->octets);
}

/* AES-128 in CFB mode, from an IV of zeros, in place. */
static enum smr_err encrypt_cfb(const uint8_t key[KEY_LEN], uint8_t *text, size_t len)
{
	uint8_t stream[SMR_AES_BLOCK_LEN] = {0};
	enum smr_err err = SMR_OK;

	for (size_t at = 0; err == SMR_OK && at < len; at += SMR_AES_BLOCK_LEN) {
		size_t part = len - at < SMR_AES_BLOCK_LEN ? len - at : SMR_AES_BLOCK_LEN;

		err = smr_aes128_encrypt(key, stream, stream);
		for (size_t i = 0; err == SMR_OK && i < part; i++) {
			text[at + i] ^= stream[i];
			stream[i] = text[at + i];
		}
	}
	SMR_WIPE(stream);
	return err;
}

/* encIdentity (part 1, 24.4). */
static enum smr_err encrypt_identity(const struct secret *seed, const uint8_t name[SMR_TPM_NAME_LEN],
				     const uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN], uint8_t out[IDENTITY_LEN])
{
	__attribute__((cleanup(wipe_secret))) struct secret key;

	SMR_TRY(kdfa(seed, SMR_ARRAY(label_storage), smr_bytes_of(name, SMR_TPM_NAME_LEN), 8 * KEY_LEN, &key));
	smr_put_be16(out, SMR_TPM_CREDENTIAL_SECRET_LEN);
	memcpy(out + 2, secret, SMR_TPM_CREDENTIAL_SECRET_LEN);
	return encrypt_cfb(key.octets, out, IDENTITY_LEN);
}

/* integrityHMAC (part 1, 24.5): over encIdentity and the name, which is not sent. */
static enum smr_err protect(const struct secret *seed, const uint8_t name[SMR_TPM_NAME_LEN],
			    const uint8_t identity[IDENTITY_LEN], uint8_t mac[SMR_HASH_LEN])
{
	__attribute__((cleanup(wipe_secret))) struct secret key;
	const struct smr_bytes parts[] = {smr_bytes_of(identity, IDENTITY_LEN), smr_bytes_of(name, SMR_TPM_NAME_LEN)};

	SMR_TRY(kdfa(seed, SMR_ARRAY(label_integrity), SMR_NONE, 8 * SMR_HASH_LEN, &key));
	return smr_hmac_sha256(SMR_ARRAY(key.octets), parts, SMR_COUNT(parts), mac);
}

enum smr_err smr_tpm_credential_protect(const struct smr_privkey *ephemeral, const struct smr_pubkey *ek,
					const uint8_t name[SMR_TPM_NAME_LEN],
					const uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN],
					uint8_t out[SMR_TPM_PROTECTED_LEN])
{
	__attribute__((cleanup(wipe_secret))) struct secret seed;
	uint8_t *identity = out + SMR_HASH_LEN;
	enum smr_err err = agree_on_seed(ephemeral, ek, &seed);

	_Static_assert(SMR_TPM_PROTECTED_LEN == SMR_HASH_LEN + IDENTITY_LEN, "integrityHMAC, encIdentity");
	if (err == SMR_OK)
		err = encrypt_identity(&seed, name, secret, identity);
	if (err == SMR_OK)
		err = protect(&seed, name, identity, out);
	if (err != SMR_OK) /* the secret may lie there in clear */
		smr_wipe(out, SMR_TPM_PROTECTED_LEN);
	return err;
}

void smr_tpm_credential_lay_out(const uint8_t point[SMR_POINT_LEN], const uint8_t part[SMR_TPM_PROTECTED_LEN],
				uint8_t out[SMR_TPM_CREDENTIAL_LEN])
{
	uint8_t *encrypted =
		out + SMR_TPM_ID_OBJECT_LEN; /* TPM2B_ENCRYPTED_SECRET: under a key on a curve the ephemeral point */

	_Static_assert(SMR_TPM_ID_OBJECT_LEN == 2 + 2 + SMR_TPM_PROTECTED_LEN, "TPM2B_ID_OBJECT");
	_Static_assert(SMR_TPM_ENCRYPTED_SECRET_LEN == 2 + 2 * (2 + COORDINATE_LEN), "TPM2B_ENCRYPTED_SECRET");
	smr_put_be16(out, SMR_TPM_ID_OBJECT_LEN - 2);
	smr_put_be16(out + 2, SMR_HASH_LEN);
	memcpy(out + 4, part, SMR_TPM_PROTECTED_LEN);
	smr_put_be16(encrypted, SMR_TPM_ENCRYPTED_SECRET_LEN - 2);
	smr_put_be16(encrypted + 2, COORDINATE_LEN);
	memcpy(encrypted + 4, point + 1, COORDINATE_LEN);
	smr_put_be16(encrypted + 4 + COORDINATE_LEN, COORDINATE_LEN);
	memcpy(encrypted + 6 + COORDINATE_LEN, point + 1 + COORDINATE_LEN, COORDINATE_LEN);
}

enum smr_err smr_tpm_credential_make(const struct smr_pubkey *ek, const uint8_t name[SMR_TPM_NAME_LEN],
				     const uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN],
				     uint8_t out[SMR_TPM_CREDENTIAL_LEN])
{
	__attribute__((cleanup(smr_privkey_wipe))) struct smr_privkey ephemeral = {0};
	uint8_t part[SMR_TPM_PROTECTED_LEN];

	SMR_TRY(smr_privkey_generate(&ephemeral));
	SMR_TRY(smr_tpm_credential_protect(&ephemeral, ek, name, secret, part));
	smr_tpm_credential_lay_out(ephemeral.point, part, out);
	return SMR_OK;
}
