/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/kdf.h"
#include "tests/unit/hex.h"

#define MAX_OCTETS (255 * SMR_HASH_LEN)

/* RFC 5869 appendix A, tests 1 to 3. */
static const struct {
	const char *ikm, *salt, *info, *prk, *okm;
} vectors[] = {
	{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	 "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	 "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
	{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
	 "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
	 "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
	 "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	 "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	 "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	 "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
	 "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
	 "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
	{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	 "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
	 "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

static void test_hkdf_rfc5869_vectors_match(void **state)
{
	uint8_t ikm[80], salt[80], info[80], okm[82];
	uint8_t prk[SMR_HASH_LEN];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(vectors); i++) {
		struct smr_bytes key = hex(vectors[i].ikm, ikm, sizeof(ikm));
		struct smr_bytes context = hex(vectors[i].info, info, sizeof(info));
		struct smr_space out = {okm, strlen(vectors[i].okm) / 2};

		assert_int_equal(smr_hkdf_extract(hex(vectors[i].salt, salt, sizeof(salt)), &key, 1, prk), SMR_OK);
		assert_hex(prk, sizeof(prk), vectors[i].prk);
		assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), &context, 1, out), SMR_OK);
		assert_hex(okm, out.len, vectors[i].okm);
	}
}

static void test_hkdf_parts_are_concatenated(void **state)
{
	uint8_t ikm[80], salt[80], info[80], okm[82];
	uint8_t prk[SMR_HASH_LEN];
	struct smr_bytes salt_view = hex(vectors[1].salt, salt, sizeof(salt));

	(void)state;
	hex(vectors[1].ikm, ikm, sizeof(ikm));
	hex(vectors[1].info, info, sizeof(info));
	for (size_t cut = 0; cut <= 80; cut++) {
		const struct smr_bytes keys[] = {smr_bytes_of(ikm, cut), smr_bytes_of(ikm + cut, 80 - cut)};
		const struct smr_bytes parts[] = {smr_bytes_of(info, cut), SMR_NONE,
						  smr_bytes_of(info + cut, 80 - cut)};

		assert_int_equal(smr_hkdf_extract(salt_view, keys, SMR_COUNT(keys), prk), SMR_OK);
		assert_hex(prk, sizeof(prk), vectors[1].prk);
		assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), parts, SMR_COUNT(parts), (struct smr_space){okm, 82}),
				 SMR_OK);
		assert_hex(okm, 82, vectors[1].okm);
	}
}

static void test_expand_shorter_output_is_a_prefix_and_writes_no_further(void **state)
{
	uint8_t prk[SMR_HASH_LEN], whole[82], out[83];

	(void)state;
	hex(vectors[1].prk, prk, sizeof(prk));
	assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), NULL, 0, (struct smr_space){whole, sizeof(whole)}), SMR_OK);
	for (size_t len = 0; len <= sizeof(whole); len++) {
		memset(out, 0xee, sizeof(out));
		assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), NULL, 0, (struct smr_space){out, len}), SMR_OK);
		assert_memory_equal(out, whole, len);
		assert_int_equal(out[len], 0xee);
	}
}

/* 255 blocks is the most that the one-octet counter can number. The hash of all comes from Python's hmac module. */
static void test_expand_at_and_beyond_the_longest_output(void **state)
{
	static uint8_t out[MAX_OCTETS + 1];
	uint8_t prk[SMR_HASH_LEN], hash[SMR_HASH_LEN];
	const struct smr_bytes info = SMR_TEXT("x");
	const struct smr_bytes all = {out, MAX_OCTETS};

	(void)state;
	for (size_t i = 0; i < sizeof(prk); i++)
		prk[i] = (uint8_t)i;
	assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), &info, 1, (struct smr_space){out, MAX_OCTETS}), SMR_OK);
	assert_int_equal(smr_sha256(&all, 1, hash), SMR_OK);
	assert_hex(hash, sizeof(hash), "ad70a9d9d24e2c16178cc3b26e001be8170bc53d3daeb89bc21c73237a2b3f77");
	assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), &info, 1, (struct smr_space){out, MAX_OCTETS + 1}),
			 SMR_E_INVALID);
}

static void test_expand_too_many_parts_is_invalid(void **state)
{
	struct smr_bytes parts[SMR_KDF_CONTEXT_MAX + 4] = {{NULL, 0}};
	uint8_t prk[SMR_HASH_LEN] = {0}, out[16];
	const struct smr_space room = {out, sizeof(out)};

	(void)state;
	assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), parts, SMR_KDF_CONTEXT_MAX + 3, room), SMR_OK);
	assert_int_equal(smr_hkdf_expand(SMR_ARRAY(prk), parts, SMR_KDF_CONTEXT_MAX + 4, room), SMR_E_INVALID);
	assert_int_equal(smr_kdf(SMR_ARRAY(prk), "test", parts, SMR_KDF_CONTEXT_MAX, room), SMR_OK);
	assert_int_equal(smr_kdf(SMR_ARRAY(prk), "test", parts, SMR_KDF_CONTEXT_MAX + 1, room), SMR_E_INVALID);
}

/* Expected values computed with Python's hmac module from the definition in kdf.h. */
static void test_kdf_known_values_match(void **state)
{
	static const uint8_t first[] = {0xa0, 0xa1, 0xa2}, second[] = {0xb0, 0xb1};
	const struct smr_bytes context[] = {SMR_ARRAY(first), SMR_ARRAY(second)};
	uint8_t secret[32], out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	assert_int_equal(smr_kdf(SMR_ARRAY(secret), "test", context, 2, (struct smr_space){out, 32}), SMR_OK);
	assert_hex(out, 32, "0a28eae475cdc91118a43610e8fee17095136591e1ee2257345ab0945ab335f8");
	assert_int_equal(smr_kdf(smr_bytes_of(secret, 16), "test", NULL, 0, (struct smr_space){out, 16}), SMR_OK);
	assert_hex(out, 16, "c495f8773349e402d3051131f4b2e0f1");
}

static void test_kdf_with_a_ready_secret_gives_the_same(void **state)
{
	const struct smr_bytes context[] = {SMR_TEXT("one"), SMR_TEXT("two")};
	uint8_t secret[32] = {7}, a[33], b[33];
	struct smr_hmac_key ready;

	(void)state;
	for (size_t len = 16; len <= 32; len += 16) {
		assert_int_equal(smr_hmac_key_init(&ready, smr_bytes_of(secret, len)), SMR_OK);
		for (size_t n = 0; n <= 33; n++) {
			enum smr_err want = n <= 32 ? SMR_OK : SMR_E_INVALID;

			assert_int_equal(
				smr_kdf(smr_bytes_of(secret, len), "test", context, 2, (struct smr_space){a, n}), want);
			assert_int_equal(smr_kdf_with(&ready, "test", context, 2, (struct smr_space){b, n}), want);
			if (want == SMR_OK)
				assert_memory_equal(a, b, n);
		}
	}
}

static void test_kdf_longest_info_and_one_octet_more(void **state)
{
	static const uint8_t octets[SMR_KDF_INFO_MAX] = {1};
	const size_t fixed = sizeof("samara1 test"); /* with the 00 */
	struct smr_bytes context = smr_bytes_of(octets, SMR_KDF_INFO_MAX - fixed);
	uint8_t secret[32] = {7}, out[32];
	struct smr_hmac_key ready;

	(void)state;
	assert_int_equal(smr_hmac_key_init(&ready, SMR_ARRAY(secret)), SMR_OK);
	assert_int_equal(smr_kdf(SMR_ARRAY(secret), "test", &context, 1, (struct smr_space){out, 32}), SMR_OK);
	assert_int_equal(smr_kdf_with(&ready, "test", &context, 1, (struct smr_space){out, 32}), SMR_OK);
	context.len++;
	assert_int_equal(smr_kdf(SMR_ARRAY(secret), "test", &context, 1, (struct smr_space){out, 32}), SMR_E_INVALID);
	assert_int_equal(smr_kdf_with(&ready, "test", &context, 1, (struct smr_space){out, 32}), SMR_E_INVALID);
}

static void test_kdf_label_and_context_do_not_run_together(void **state)
{
	const struct smr_bytes context = SMR_TEXT("c");
	const struct smr_bytes tail = SMR_TEXT("\0c");
	uint8_t secret[32] = {1}, a[32], b[32];

	(void)state;
	assert_int_equal(smr_kdf(SMR_ARRAY(secret), "ab", &context, 1, (struct smr_space){a, 32}), SMR_OK);
	assert_int_equal(smr_kdf(SMR_ARRAY(secret), "abc", NULL, 0, (struct smr_space){b, 32}), SMR_OK);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(smr_kdf(SMR_ARRAY(secret), "ab", &tail, 1, (struct smr_space){b, 32}), SMR_OK);
	assert_memory_not_equal(a, b, 32);
}

static void test_kdf_secret_of_another_length_is_invalid(void **state)
{
	uint8_t secret[40] = {0}, out[16];

	(void)state;
	for (size_t len = 0; len <= sizeof(secret); len++) {
		enum smr_err want = len == 16 || len == 32 ? SMR_OK : SMR_E_INVALID;

		assert_int_equal(smr_kdf(smr_bytes_of(secret, len), "test", NULL, 0, (struct smr_space){out, 16}),
				 want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hkdf_rfc5869_vectors_match),
		cmocka_unit_test(test_hkdf_parts_are_concatenated),
		cmocka_unit_test(test_expand_shorter_output_is_a_prefix_and_writes_no_further),
		cmocka_unit_test(test_expand_at_and_beyond_the_longest_output),
		cmocka_unit_test(test_expand_too_many_parts_is_invalid),
		cmocka_unit_test(test_kdf_known_values_match),
		cmocka_unit_test(test_kdf_with_a_ready_secret_gives_the_same),
		cmocka_unit_test(test_kdf_longest_info_and_one_octet_more),
		cmocka_unit_test(test_kdf_label_and_context_do_not_run_together),
		cmocka_unit_test(test_kdf_secret_of_another_length_is_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
