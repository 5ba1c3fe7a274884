/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/unit/seam.h"

#define PAIR_LEN (SMR_AEAD_KEY_LEN + SMR_AEAD_NONCE_LEN)

static struct seam_counts counts;
static unsigned fail_at;
static bool did_fail;
static uint8_t pairs[SEAM_KEYS_MAX][PAIR_LEN];
static size_t pair_count;

void seam_reset(void)
{
	counts = (struct seam_counts){0};
	fail_at = 0;
	did_fail = false;
	pair_count = 0;
}

void seam_fail_at(unsigned nth)
{
	fail_at = nth;
	did_fail = false;
}

bool seam_did_fail(void)
{
	return did_fail;
}

struct seam_counts seam_counts(void)
{
	return counts;
}

size_t seam_keys(void)
{
	return pair_count;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, PAIR_LEN);
}

size_t seam_keys_repeated(void)
{
	size_t repeated = 0;

	qsort(pairs, pair_count, PAIR_LEN, compare);
	for (size_t i = 1; i < pair_count; i++)
		repeated += memcmp(pairs[i - 1], pairs[i], PAIR_LEN) == 0;
	return repeated;
}

static bool count(unsigned *one)
{
	counts.all++;
	(*one)++;
	if (fail_at == 0 || --fail_at != 0)
		return false;
	did_fail = true;
	return true;
}

/* SEAM(function, counter, parameters, arguments) */
#define SEAM(function, counter, parameters, arguments)                                      \
	enum smr_err __real_##function parameters;                                          \
	enum smr_err __wrap_##function parameters;                                          \
	enum smr_err __wrap_##function parameters                                           \
	{                                                                                   \
		return count(&counts.counter) ? SMR_E_CRYPTO : __real_##function arguments; \
	}

SEAM(smr_random, random, (uint8_t * out, size_t len), (out, len))
SEAM(smr_privkey_generate, generate, (struct smr_privkey * key), (key))
SEAM(smr_pubkey_import, import, (struct smr_pubkey * key, struct smr_bytes point), (key, point))
SEAM(smr_ecdh, ecdh, (const struct smr_privkey *own, const struct smr_pubkey *peer, uint8_t *out), (own, peer, out))
SEAM(smr_ecdsa_sign, sign, (const struct smr_privkey *key, const uint8_t *hash, uint8_t *sig), (key, hash, sig))
SEAM(smr_ecdsa_verify, verify, (const struct smr_pubkey *key, const uint8_t *hash, const uint8_t *sig),
     (key, hash, sig))
SEAM(smr_sha256, sha256, (const struct smr_bytes *parts, size_t n, uint8_t *out), (parts, n, out))
SEAM(smr_hmac_sha256, hmac, (struct smr_bytes key, const struct smr_bytes *parts, size_t n, uint8_t *out),
     (key, parts, n, out))
SEAM(smr_hmac_key_init, hmac, (struct smr_hmac_key * ready, struct smr_bytes key), (ready, key))
SEAM(smr_hmac_with, hmac, (const struct smr_hmac_key *ready, const struct smr_bytes *parts, size_t n, uint8_t *out),
     (ready, parts, n, out))
SEAM(smr_aead_open, open,
     (const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes sealed, uint8_t *out),
     (key, nonce, ad, sealed, out))

SEAM(smr_aead_open_with, open,
     (struct smr_aead_key * key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes sealed, uint8_t *out),
     (key, nonce, ad, sealed, out))
SEAM(smr_aead_key_init, ready, (struct smr_aead_key * key, const uint8_t *octets), (key, octets))

static bool count_seal(const uint8_t *key, const uint8_t *nonce)
{
	if (pair_count < SEAM_KEYS_MAX) {
		memcpy(pairs[pair_count], key, SMR_AEAD_KEY_LEN);
		memcpy(pairs[pair_count] + SMR_AEAD_KEY_LEN, nonce, SMR_AEAD_NONCE_LEN);
		pair_count++;
	}
	return count(&counts.seal);
}

/* SEAM_SEAL(function, type of the key, its octets) */
#define SEAM_SEAL(function, type, octets)                                                                           \
	enum smr_err __real_##function(type key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes plain, \
				       uint8_t *out);                                                               \
	enum smr_err __wrap_##function(type key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes plain, \
				       uint8_t *out);                                                               \
	enum smr_err __wrap_##function(type key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes plain, \
				       uint8_t *out)                                                                \
	{                                                                                                           \
		return count_seal(octets, nonce) ? SMR_E_CRYPTO : __real_##function(key, nonce, ad, plain, out);    \
	}

SEAM_SEAL(smr_aead_seal, const uint8_t *, key)
SEAM_SEAL(smr_aead_seal_with, struct smr_aead_key *, key->octets)
