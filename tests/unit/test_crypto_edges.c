/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edge cases through the crypto seam, whatever library is behind it: tests/vectors/crypto.txt, computed by the second
 * implementation in plain integers (tests/oracle/edges.py). Names of sets say what is special about them.
 *
 * An ES256 signature is malleable: n - s in place of s is accepted, since FIPS 186-5 asks for no more and nothing in
 * Samara is identified by the octets of a signature alone. Signatures have 64 octets by their type here; other lengths
 * are refused where COSE is read (test_cose.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/kdf.h"
#include "tests/unit/vectors.h"

#define DATA_MAX 320u
#define LONG_MAX 70000u
#define HKDF_MAX (255u * SMR_HASH_LEN)

static struct vector_file vectors;

/* Run @p check on every set of a kind; there must be @p count, so that none is lost on the way. */
static void each(const char *kind, size_t count, void (*check)(const struct vector_set *))
{
	size_t seen = 0;

	for (size_t i = 0; i < vectors.count; i++) {
		if (!vector_is(&vectors.sets[i], kind))
			continue;
		seen++;
		check(&vectors.sets[i]);
	}
	assert_int_equal(seen, count);
}

static void expect(const struct vector_set *set, enum smr_err got, enum smr_err wanted)
{
	if (got != wanted)
		fail_msg("%s: %s, expected %s", set->title, smr_err_text(got), smr_err_text(wanted));
}

static void expect_equal(const struct vector_set *set, const char *name, const void *got, size_t len)
{
	if (!equals(set, name, got, len))
		fail_msg("%s: another %s", set->title, name);
}

static uint32_t number_of(const struct vector_set *set, const char *name)
{
	struct smr_bytes value = value_of(set, name);
	uint32_t number = 0;

	for (size_t i = 0; i < value.len; i++)
		number = number << 8 | value.ptr[i];
	return number;
}

/* ---- signatures ---- */

static void check_ecdsa(const struct vector_set *set)
{
	const uint8_t *hash = octets_of(set, "hash", SMR_HASH_LEN);
	const uint8_t *sig = octets_of(set, "sig", SMR_SIG_LEN);
	bool valid = number_of(set, "valid") == 1;
	struct smr_pubkey key;

	expect(set, smr_pubkey_import(&key, value_of(set, "point")), SMR_OK);
	expect(set, smr_ecdsa_verify(&key, hash, sig), valid ? SMR_OK : SMR_E_SIGNATURE);
	smr_pubkey_wipe(&key);
}

static void test_ecdsa_edge_cases_verify_as_computed(void **state)
{
	(void)state;
	each("ecdsa", 44, check_ecdsa);
}

/* What was valid is so for these octets only: each bit of hash and signature counts. */
static void check_ecdsa_bits(const struct vector_set *set)
{
	uint8_t both[SMR_HASH_LEN + SMR_SIG_LEN];
	struct smr_pubkey key;

	if (number_of(set, "valid") != 1 || strstr(set->title, "RFC 6979") == NULL)
		return;
	memcpy(both, octets_of(set, "hash", SMR_HASH_LEN), SMR_HASH_LEN);
	memcpy(both + SMR_HASH_LEN, octets_of(set, "sig", SMR_SIG_LEN), SMR_SIG_LEN);
	expect(set, smr_pubkey_import(&key, value_of(set, "point")), SMR_OK);
	for (size_t bit = 0; bit < 8 * sizeof(both); bit++) {
		both[bit / 8] ^= (uint8_t)(1u << bit % 8);
		expect(set, smr_ecdsa_verify(&key, both, both + SMR_HASH_LEN), SMR_E_SIGNATURE);
		both[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	smr_pubkey_wipe(&key);
}

static void test_ecdsa_every_flipped_bit_is_refused(void **state)
{
	(void)state;
	each("ecdsa", 44, check_ecdsa_bits);
}

static void check_sign_special_hash(const struct vector_set *set)
{
	uint8_t one[SMR_SCALAR_LEN] = {0};
	uint8_t sig[SMR_SIG_LEN];
	struct smr_privkey own = {0};
	struct smr_pubkey key;

	one[SMR_SCALAR_LEN - 1] = 1;
	expect(set, smr_privkey_import(&own, one), SMR_OK);
	expect(set, smr_pubkey_import(&key, SMR_ARRAY(own.point)), SMR_OK);
	expect(set, smr_ecdsa_sign(&own, octets_of(set, "hash", SMR_HASH_LEN), sig), SMR_OK);
	expect(set, smr_ecdsa_verify(&key, octets_of(set, "hash", SMR_HASH_LEN), sig), SMR_OK);
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&key);
}

/* Hashes of 0, n and all ones are among them, under the private key 1. */
static void test_ecdsa_signs_special_hashes(void **state)
{
	(void)state;
	each("ecdsa", 44, check_sign_special_hash);
}

/* ---- points and scalars ---- */

static void check_point(const struct vector_set *set)
{
	struct smr_bytes point = value_or_none(set, "point");
	uint8_t compressed[SMR_POINT_COMPRESSED_LEN];
	struct smr_pubkey key;

	expect(set, smr_pubkey_import(&key, value_or_none(set, "octets")),
	       point.ptr == NULL ? SMR_E_BAD_POINT : SMR_OK);
	if (point.ptr == NULL) {
		assert_null(key.impl);
		return;
	}
	expect_equal(set, "point", key.point, sizeof(key.point));
	smr_point_compress(key.point, compressed);
	assert_int_equal(compressed[0], 2 | (point.ptr[SMR_POINT_LEN - 1] & 1));
	assert_memory_equal(compressed + 1, point.ptr + 1, SMR_POINT_COMPRESSED_LEN - 1);
	smr_pubkey_wipe(&key);
}

static void test_points_are_taken_or_refused_as_computed(void **state)
{
	(void)state;
	each("point", 61, check_point);
}

static void check_scalar(const struct vector_set *set)
{
	bool valid = value_or_none(set, "point").ptr != NULL;
	struct smr_privkey key = {0};

	expect(set, smr_privkey_import(&key, octets_of(set, "scalar", SMR_SCALAR_LEN)),
	       valid ? SMR_OK : SMR_E_BAD_POINT);
	if (valid)
		expect_equal(set, "point", key.point, sizeof(key.point));
	smr_privkey_wipe(&key);
}

static void test_scalars_are_taken_or_refused_as_computed(void **state)
{
	(void)state;
	each("scalar", 10, check_scalar);
}

/* ---- Diffie-Hellman ---- */

static void check_ecdh(const struct vector_set *set)
{
	struct smr_bytes point = value_of(set, "point");
	uint8_t shared[SMR_DH_LEN];
	struct smr_privkey own = {0};
	struct smr_pubkey peer;

	expect(set, smr_privkey_import(&own, octets_of(set, "scalar", SMR_SCALAR_LEN)), SMR_OK);
	expect(set, smr_pubkey_import(&peer, point), SMR_OK);
	expect(set, smr_ecdh(&own, &peer, shared), SMR_OK);
	expect_equal(set, "shared", shared, sizeof(shared));
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&peer);
}

/* The group has prime order and no cofactor: no key that can be imported leads to infinity. */
static void test_ecdh_edge_cases_match(void **state)
{
	(void)state;
	each("ecdh", 20, check_ecdh);
}

/* ---- AES-GCM ---- */

struct gcm {
	const uint8_t *key;
	const uint8_t *nonce;
	struct smr_bytes ad;
	struct smr_bytes plain;
	struct smr_bytes sealed;
};

static struct gcm gcm_of(const struct vector_set *set)
{
	return (struct gcm){
		.key = octets_of(set, "key", SMR_AEAD_KEY_LEN),
		.nonce = octets_of(set, "nonce", SMR_AEAD_NONCE_LEN),
		.ad = value_or_none(set, "ad"),
		.plain = value_or_none(set, "plain"),
		.sealed = value_of(set, "sealed"),
	};
}

static void check_gcm(const struct vector_set *set)
{
	struct gcm g = gcm_of(set);
	uint8_t out[DATA_MAX];

	assert_int_equal(g.sealed.len, g.plain.len + SMR_AEAD_TAG_LEN);
	expect(set, smr_aead_seal(g.key, g.nonce, g.ad, g.plain, out), SMR_OK);
	expect_equal(set, "sealed", out, g.sealed.len);
	expect(set, smr_aead_open(g.key, g.nonce, g.ad, g.sealed, out), SMR_OK);
	assert_true(smr_bytes_equal(g.plain, smr_bytes_of(out, g.plain.len)));
}

static void test_gcm_lengths_match_both_ways(void **state)
{
	(void)state;
	each("gcm", 19, check_gcm);
}

static void expect_unopened(const struct vector_set *set, const struct gcm *g, struct smr_bytes sealed)
{
	uint8_t out[DATA_MAX];
	size_t len = sealed.len < SMR_AEAD_TAG_LEN ? 0 : sealed.len - SMR_AEAD_TAG_LEN;

	memset(out, 0x5a, sizeof(out));
	expect(set, smr_aead_open(g->key, g->nonce, g->ad, sealed, out), SMR_E_UNOPENED);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(out[i], 0);
	assert_int_equal(out[len], 0x5a);
}

static void check_gcm_altered(const struct vector_set *set)
{
	struct gcm g = gcm_of(set);
	uint8_t altered[DATA_MAX + 1];

	memcpy(altered, g.sealed.ptr, g.sealed.len);
	for (size_t bit = 8 * g.plain.len; bit < 8 * g.sealed.len; bit++) {
		altered[bit / 8] ^= (uint8_t)(1u << bit % 8);
		expect_unopened(set, &g, smr_bytes_of(altered, g.sealed.len));
		altered[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < g.sealed.len; len++)
		expect_unopened(set, &g, smr_bytes_of(altered, len));
	altered[g.sealed.len] = 0;
	if (g.plain.len + 1 < DATA_MAX)
		expect_unopened(set, &g, smr_bytes_of(altered, g.sealed.len + 1));
}

static void test_gcm_tag_flipped_truncated_or_extended_is_refused_without_plaintext(void **state)
{
	(void)state;
	each("gcm", 19, check_gcm_altered);
}

static uint8_t *pattern(uint32_t length)
{
	static uint8_t octets[LONG_MAX];

	assert_true(length <= sizeof(octets));
	for (uint32_t i = 0; i < length; i++)
		octets[i] = (uint8_t)(i * 7 + (i >> 8));
	return octets;
}

static void check_gcm_long(const struct vector_set *set)
{
	uint32_t length = number_of(set, "length");
	struct smr_bytes ad = smr_bytes_of(pattern(length), length);
	const uint8_t *key = octets_of(set, "key", SMR_AEAD_KEY_LEN);
	const uint8_t *nonce = octets_of(set, "nonce", SMR_AEAD_NONCE_LEN);
	uint8_t out[DATA_MAX];

	expect(set, smr_aead_seal(key, nonce, ad, SMR_TEXT("plain"), out), SMR_OK);
	expect_equal(set, "sealed", out, 5 + SMR_AEAD_TAG_LEN);
	expect(set, smr_aead_open(key, nonce, ad, value_of(set, "sealed"), out), SMR_OK);
	pattern(length)[length - 1] ^= 1;
	expect(set, smr_aead_open(key, nonce, ad, value_of(set, "sealed"), out), SMR_E_UNOPENED);
}

static void test_gcm_long_associated_data_matches(void **state)
{
	(void)state;
	each("gcm-long", 3, check_gcm_long);
}

/* ---- HKDF, HMAC, SHA-256 ---- */

static void check_hkdf(const struct vector_set *set)
{
	static uint8_t okm[HKDF_MAX];
	struct smr_bytes info = value_or_none(set, "info");
	struct smr_bytes ikm = value_or_none(set, "ikm");
	size_t length = number_of(set, "length");
	uint8_t prk[SMR_HASH_LEN];
	uint8_t hash[SMR_HASH_LEN];
	struct smr_bytes whole = smr_bytes_of(okm, length);

	expect(set, smr_hkdf_extract(value_or_none(set, "salt"), &ikm, 1, prk), SMR_OK);
	expect_equal(set, "prk", prk, sizeof(prk));
	expect(set, smr_hkdf_expand(SMR_ARRAY(prk), &info, 1, (struct smr_space){okm, length}), SMR_OK);
	if (value_or_none(set, "okm_hash").ptr == NULL) {
		assert_true(smr_bytes_equal(value_or_none(set, "okm"), whole));
		return;
	}
	expect(set, smr_sha256(&whole, 1, hash), SMR_OK);
	expect_equal(set, "okm_hash", hash, sizeof(hash));
}

static void test_hkdf_published_and_extreme_lengths_match(void **state)
{
	(void)state;
	each("hkdf", 12, check_hkdf);
}

static void test_hkdf_beyond_255_blocks_is_refused(void **state)
{
	static uint8_t out[HKDF_MAX + 1];
	uint8_t prk[SMR_HASH_LEN] = {1};
	struct smr_bytes info = SMR_TEXT("info");

	(void)state;
	assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), &info, 1, (struct smr_space){out, sizeof(out)}),
			 SMR_E_INVALID);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

static void check_hmac(const struct vector_set *set)
{
	struct smr_bytes data = value_or_none(set, "data");
	uint8_t mac[SMR_HASH_LEN];

	expect(set, smr_hmac_sha256(value_or_none(set, "key"), &data, 1, mac), SMR_OK);
	expect_equal(set, "mac", mac, sizeof(mac));
}

static void test_hmac_keys_around_and_above_the_block_match(void **state)
{
	(void)state;
	each("hmac", 20, check_hmac);
}

static void check_sha256(const struct vector_set *set)
{
	struct smr_bytes data = value_or_none(set, "data");
	uint8_t hash[SMR_HASH_LEN];

	expect(set, smr_sha256(&data, 1, hash), SMR_OK);
	expect_equal(set, "hash", hash, sizeof(hash));
}

static void test_sha256_lengths_around_the_padding_match(void **state)
{
	(void)state;
	each("sha256", 15, check_sha256);
}

static int read_vectors(void **state)
{
	(void)state;
	load_vectors(&vectors, "tests/vectors/crypto.txt");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ecdsa_edge_cases_verify_as_computed),
		cmocka_unit_test(test_ecdsa_every_flipped_bit_is_refused),
		cmocka_unit_test(test_ecdsa_signs_special_hashes),
		cmocka_unit_test(test_points_are_taken_or_refused_as_computed),
		cmocka_unit_test(test_scalars_are_taken_or_refused_as_computed),
		cmocka_unit_test(test_ecdh_edge_cases_match),
		cmocka_unit_test(test_gcm_lengths_match_both_ways),
		cmocka_unit_test(test_gcm_tag_flipped_truncated_or_extended_is_refused_without_plaintext),
		cmocka_unit_test(test_gcm_long_associated_data_matches),
		cmocka_unit_test(test_hkdf_published_and_extreme_lengths_match),
		cmocka_unit_test(test_hkdf_beyond_255_blocks_is_refused),
		cmocka_unit_test(test_hmac_keys_around_and_above_the_block_match),
		cmocka_unit_test(test_sha256_lengths_around_the_padding_match),
	};

	return cmocka_run_group_tests(tests, read_vectors, NULL);
}
