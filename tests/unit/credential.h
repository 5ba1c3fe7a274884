/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of core/tpm_credential.h, as a TPM does it with an endorsement key that the test holds. */
#ifndef SMR_TEST_CREDENTIAL_H
#define SMR_TEST_CREDENTIAL_H

#include "core/tpm_credential.h"
#include "tests/unit/hex.h"

/** What a software TPM has: its endorsement key, and the one key that is loaded. */
struct credential_tpm {
	struct smr_privkey ek;
	uint8_t name[SMR_TPM_NAME_LEN];
	unsigned asked;
};

/* HMAC(seed, 1 | label | 0 | context | bits) */
static inline void credential_kdfa(const uint8_t seed[32], const char *label, struct smr_bytes context, uint8_t bits,
				   uint8_t out[32])
{
	const uint8_t one[4] = {0, 0, 0, 1};
	const uint8_t length[4] = {0, 0, bits == 0, bits}; /* 0: 256 */
	const struct smr_bytes parts[] = {SMR_ARRAY(one), smr_bytes_of(label, strlen(label) + 1), context,
					  SMR_ARRAY(length)};

	assert_int_equal(smr_hmac_sha256(smr_bytes_of(seed, 32), parts, SMR_COUNT(parts), out), SMR_OK);
}

static inline void credential_seed(const struct smr_privkey *ek, const uint8_t point[SMR_POINT_LEN], uint8_t seed[32])
{
	const uint8_t one[4] = {0, 0, 0, 1};
	uint8_t z[SMR_DH_LEN];
	struct smr_pubkey peer = {0};
	const struct smr_bytes parts[] = {SMR_ARRAY(one),
					  SMR_ARRAY(z),
					  {(const uint8_t *)"IDENTITY", 9},
					  smr_bytes_of(point + 1, 32),
					  smr_bytes_of(ek->point + 1, 32)};

	assert_int_equal(smr_pubkey_import(&peer, smr_bytes_of(point, SMR_POINT_LEN)), SMR_OK);
	assert_int_equal(smr_ecdh(ek, &peer, z), SMR_OK);
	assert_int_equal(smr_sha256(parts, SMR_COUNT(parts), seed), SMR_OK);
	smr_pubkey_wipe(&peer);
}

/** For smr_agreer.activate, with a struct credential_tpm as its context. */
static inline enum smr_err credential_activate(struct credential_tpm *tpm, struct smr_bytes credential,
					       uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	const uint8_t *octets = credential.ptr;
	const struct smr_bytes protected[] = {smr_bytes_of(octets + 36, 34), SMR_ARRAY(tpm->name)};
	uint8_t point[SMR_POINT_LEN] = {4};
	uint8_t seed[32], key[32], mac[32], stream[16] = {0}, plain[34];

	tpm->asked++;
	assert_int_equal(credential.len, SMR_TPM_CREDENTIAL_LEN);
	memcpy(point + 1, octets + 74, 32);
	memcpy(point + 33, octets + 108, 32);
	credential_seed(&tpm->ek, point, seed);
	credential_kdfa(seed, "INTEGRITY", SMR_NONE, 0, key);
	assert_int_equal(smr_hmac_sha256(SMR_ARRAY(key), protected, 2, mac), SMR_OK);
	if (memcmp(mac, octets + 4, sizeof(mac)) != 0)
		return SMR_E_UNOPENED;
	credential_kdfa(seed, "STORAGE", SMR_ARRAY(tpm->name), 128, key);
	for (size_t i = 0; i < sizeof(plain); i++) {
		if (i % 16 == 0)
			assert_int_equal(smr_aes128_encrypt(key, i == 0 ? stream : octets + 36 + i - 16, stream),
					 SMR_OK);
		plain[i] = octets[36 + i] ^ stream[i % 16];
	}
	assert_int_equal(smr_get_be16(plain), SMR_TPM_CREDENTIAL_SECRET_LEN);
	memcpy(secret, plain + 2, SMR_TPM_CREDENTIAL_SECRET_LEN);
	return SMR_OK;
}

#endif
