/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from CK and IK: EAP-AKA' against RFC 5448, the 5G hierarchy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/aka/aka.h"
#include "core/aka/keys.h"
#include "tests/unit/vectors.h"

#define VECTORS "tests/vectors/aka.txt"

/* From K to CK and IK, as the set says. */
static bool quintet_holds(const struct vector_set *set)
{
	struct smr_aka_params params = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1};
	const uint8_t *sqn = octets_of(set, "sqn", 6);
	struct smr_aka_vector vector;
	uint8_t ak[6];

	memcpy(params.k, octets_of(set, "k", 16), 16);
	memcpy(params.opc, octets_of(set, "opc", 16), 16);
	if (smr_aka_vector(&params, octets_of(set, "rand", 16), smr_sqn_get(sqn), octets_of(set, "amf", 2), &vector) !=
	    SMR_OK)
		return false;
	for (size_t i = 0; i < 6; i++)
		ak[i] = vector.autn[i] ^ sqn[i];
	return equals(set, "autn", vector.autn, 16) && equals(set, "ck", vector.ck, 16) &&
	       equals(set, "ik", vector.ik, 16) && equals(set, "res", vector.res, 8) && equals(set, "ak", ak, 6) &&
	       equals(set, "sqn_xor_ak", vector.autn, 6);
}

static bool prime_holds(const struct vector_set *set)
{
	struct smr_aka_prime_keys keys;
	uint8_t ck[16];
	uint8_t ik[16];

	return quintet_holds(set) &&
	       smr_aka_prime_derive(octets_of(set, "ck", 16), octets_of(set, "ik", 16), value_of(set, "network_name"),
				    octets_of(set, "sqn_xor_ak", 6), ck, ik) == SMR_OK &&
	       equals(set, "ck_prime", ck, 16) && equals(set, "ik_prime", ik, 16) &&
	       smr_aka_prime_expand(ck, ik, value_of(set, "identity"), &keys) == SMR_OK &&
	       equals(set, "k_encr", keys.k_encr, 16) && equals(set, "k_aut", keys.k_aut, 32) &&
	       equals(set, "k_re", keys.k_re, 32) && equals(set, "msk", keys.msk, 64) &&
	       equals(set, "emsk", keys.emsk, 64);
}

static void test_aka_prime_published_sets_match_in_every_octet(void **state)
{
	(void)state;
	assert_sets_hold(VECTORS, "prime", 2, prime_holds);
}

static bool anchor_holds(const struct vector_set *set)
{
	struct smr_bytes snn = value_of(set, "snn");
	uint8_t kseaf[32];
	uint8_t kamf[32];

	return smr_5g_kseaf(octets_of(set, "kausf", 32), snn, kseaf) == SMR_OK && equals(set, "kseaf", kseaf, 32) &&
	       smr_5g_kamf(kseaf, value_of(set, "supi"), value_of(set, "abba"), kamf) == SMR_OK &&
	       equals(set, "kamf", kamf, 32);
}

static void test_5g_anchor_keys_cross_check_matches_in_every_octet(void **state)
{
	(void)state;
	assert_sets_hold(VECTORS, "5g-cross", 1, anchor_holds);
}

static bool home_half_holds(const struct vector_set *set)
{
	const uint8_t *ck = octets_of(set, "ck", 16);
	const uint8_t *ik = octets_of(set, "ik", 16);
	const uint8_t *rand = octets_of(set, "rand", 16);
	struct smr_bytes snn = value_of(set, "snn");
	uint8_t name[SMR_5G_SNN_LEN];
	uint8_t kausf[32];
	uint8_t res_star[16];
	uint8_t hres_star[16];

	return smr_5g_snn(value_of(set, "mcc"), value_of(set, "mnc"), name) == SMR_OK &&
	       equals(set, "snn", name, sizeof(name)) &&
	       smr_5g_kausf(ck, ik, snn, octets_of(set, "sqn_xor_ak", 6), kausf) == SMR_OK &&
	       equals(set, "kausf", kausf, 32) &&
	       smr_5g_res_star(ck, ik, snn, rand, value_of(set, "res"), res_star) == SMR_OK &&
	       equals(set, "res_star", res_star, 16) && smr_5g_hres_star(rand, res_star, hres_star) == SMR_OK &&
	       equals(set, "hres_star", hres_star, 16);
}

static bool access_half_holds(const struct vector_set *set)
{
	const uint8_t *kamf = octets_of(set, "kamf", 32);
	uint8_t enc[16];
	uint8_t integrity[16];
	uint8_t kgnb[32];

	return smr_5g_algorithm_key(kamf, SMR_5G_NAS_ENC, 2, enc) == SMR_OK && equals(set, "nas_enc_nea2", enc, 16) &&
	       smr_5g_algorithm_key(kamf, SMR_5G_NAS_INT, 2, integrity) == SMR_OK &&
	       equals(set, "nas_int_nia2", integrity, 16) && smr_5g_kgnb(kamf, 0, SMR_5G_ACCESS_3GPP, kgnb) == SMR_OK &&
	       equals(set, "kgnb", kgnb, 32);
}

static bool chain_holds(const struct vector_set *set)
{
	return home_half_holds(set) && anchor_holds(set) && access_half_holds(set);
}

static void test_5g_chain_matches_in_every_octet(void **state)
{
	(void)state;
	assert_sets_hold(VECTORS, "5g", 1, chain_holds);
}

static const uint8_t octets[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static bool all_zero(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i] != 0)
			return false;
	}
	return true;
}

/* TS 33.501 A.4: FC 6B, three parameters, and of the result the last 16 octets. Here written out in one string. */
static void test_5g_res_star_is_the_low_128_bits(void **state)
{
	uint8_t key[32] = {0};
	uint8_t text[1 + 34 + 18 + 10] = {0x6b};
	struct smr_bytes part = SMR_ARRAY(text);
	struct smr_bytes snn = SMR_TEXT("5G:mnc001.mcc001.3gppnetwork.org");
	uint8_t full[32];
	uint8_t res_star[16];

	(void)state;
	memcpy(text + 1, snn.ptr, 32);
	text[34] = 32;
	memcpy(text + 35, octets, 16);
	text[52] = 16;
	memcpy(text + 53, octets + 3, 8);
	text[62] = 8;
	memset(key, 0x11, 16);
	memset(key + 16, 0x22, 16);
	assert_int_equal(smr_hmac_sha256(SMR_ARRAY(key), &part, 1, full), SMR_OK);
	assert_int_equal(smr_5g_res_star(key, key + 16, snn, octets, smr_bytes_of(octets + 3, 8), res_star), SMR_OK);
	assert_memory_equal(res_star, full + 16, 16);
	assert_memory_not_equal(res_star, full, 16);
}

static void test_5g_hres_star_is_the_low_128_bits(void **state)
{
	struct smr_bytes parts[2] = {smr_bytes_of(octets, 16), smr_bytes_of(octets + 16, 16)};
	uint8_t full[32];
	uint8_t hres_star[16];

	(void)state;
	assert_int_equal(smr_sha256(parts, 2, full), SMR_OK);
	assert_int_equal(smr_5g_hres_star(octets, octets + 16, hres_star), SMR_OK);
	assert_memory_equal(hres_star, full + 16, 16);
}

static void test_5g_res_star_of_another_res_length_is_refused(void **state)
{
	uint8_t room[16];

	(void)state;
	for (size_t len = 0; len <= 32; len++) {
		enum smr_err want = len >= 4 && len <= 16 ? SMR_OK : SMR_E_INVALID;

		memset(room, 0xa5, sizeof(room));
		assert_int_equal(
			smr_5g_res_star(octets, octets, SMR_TEXT("x"), octets, smr_bytes_of(octets, len), room), want);
		assert_true(all_zero(room, sizeof(room)) == (want != SMR_OK));
	}
}

static enum smr_err name_of(const char *mcc, const char *mnc, uint8_t out[SMR_5G_SNN_LEN])
{
	memset(out, 0xa5, SMR_5G_SNN_LEN);
	return smr_5g_snn(smr_bytes_of(mcc, strlen(mcc)), smr_bytes_of(mnc, strlen(mnc)), out);
}

static void test_5g_snn_pads_the_mnc_to_three_digits(void **state)
{
	uint8_t out[SMR_5G_SNN_LEN];

	(void)state;
	assert_int_equal(name_of("999", "70", out), SMR_OK);
	assert_memory_equal(out, "5G:mnc070.mcc999.3gppnetwork.org", sizeof(out));
	assert_int_equal(name_of("310", "410", out), SMR_OK);
	assert_memory_equal(out, "5G:mnc410.mcc310.3gppnetwork.org", sizeof(out));
	assert_int_equal(name_of("310", "041", out), SMR_OK);
	assert_memory_equal(out, "5G:mnc041.mcc310.3gppnetwork.org", sizeof(out));
}

static void test_5g_snn_other_lengths_or_characters_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{"", "01"},	 {"01", "01"},	 {"0010", "01"}, {"001", ""},	{"001", "1"},
		{"001", "0001"}, {"00a", "01"},	 {"001", "0a"},	 {"00/", "01"}, {"00:", "01"},
		{"001", "0/"},	 {"001", ":01"}, {" 01", "01"},	 {"001", "-1"},
	};
	uint8_t out[SMR_5G_SNN_LEN];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++) {
		assert_int_equal(name_of(bad[i][0], bad[i][1], out), SMR_E_INVALID);
		assert_true(all_zero(out, sizeof(out)));
	}
}

static void test_5g_algorithm_keys_differ_by_type_and_algorithm(void **state)
{
	uint8_t keys[6 * 16][16];
	size_t count = 0;

	(void)state;
	for (unsigned type = SMR_5G_NAS_ENC; type <= SMR_5G_UP_INT; type++) {
		for (uint8_t algorithm = 0; algorithm < 16; algorithm++) {
			assert_int_equal(
				smr_5g_algorithm_key(octets, (enum smr_5g_key_type)type, algorithm, keys[count]),
				SMR_OK);
			for (size_t i = 0; i < count; i++)
				assert_memory_not_equal(keys[i], keys[count], 16);
			count++;
		}
	}
	for (unsigned type = 0; type < 10; type++) {
		bool known = type >= 1 && type <= 6;

		assert_int_equal(smr_5g_algorithm_key(octets, (enum smr_5g_key_type)type, 2, keys[0]),
				 known ? SMR_OK : SMR_E_INVALID);
		assert_true(all_zero(keys[0], 16) == !known);
	}
	assert_int_equal(smr_5g_algorithm_key(octets, SMR_5G_NAS_ENC, 16, keys[0]), SMR_E_INVALID);
	assert_true(all_zero(keys[0], 16));
}

static void test_5g_kgnb_depends_on_count_and_access(void **state)
{
	uint8_t keys[4][32];

	(void)state;
	assert_int_equal(smr_5g_kgnb(octets, 0, SMR_5G_ACCESS_3GPP, keys[0]), SMR_OK);
	assert_int_equal(smr_5g_kgnb(octets, 1, SMR_5G_ACCESS_3GPP, keys[1]), SMR_OK);
	assert_int_equal(smr_5g_kgnb(octets, 0x01000000, SMR_5G_ACCESS_3GPP, keys[2]), SMR_OK);
	assert_int_equal(smr_5g_kgnb(octets, 0, SMR_5G_ACCESS_NON_3GPP, keys[3]), SMR_OK);
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(keys[i], keys[j], 32);
	}
	assert_int_equal(smr_5g_kgnb(octets, 0, (enum smr_5g_access)0, keys[0]), SMR_E_INVALID);
	assert_true(all_zero(keys[0], 32));
	assert_int_equal(smr_5g_kgnb(octets, 0, (enum smr_5g_access)3, keys[1]), SMR_E_INVALID);
	assert_true(all_zero(keys[1], 32));
}

/* A length that two octets cannot say must not be cut silently: two inputs would then share a key. */
static void test_derive_parameter_above_65535_octets_is_refused(void **state)
{
	static uint8_t big[65536];
	struct smr_bytes fits = smr_bytes_of(big, 65535);
	struct smr_bytes over = smr_bytes_of(big, 65536);
	uint8_t out[32];
	uint8_t other[32];

	(void)state;
	assert_int_equal(smr_5g_kseaf(octets, fits, out), SMR_OK);
	assert_int_equal(smr_5g_kseaf(octets, over, out), SMR_E_INVALID);
	assert_true(all_zero(out, sizeof(out)));
	memset(out, 0xa5, sizeof(out));
	memset(other, 0xa5, sizeof(other));
	assert_int_equal(smr_aka_prime_derive(octets, octets, over, octets, out, other), SMR_E_INVALID);
	assert_true(all_zero(out, 16) && all_zero(other, 16));
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(smr_5g_res_star(octets, octets, over, octets, smr_bytes_of(octets, 8), out), SMR_E_INVALID);
	assert_true(all_zero(out, 16));
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(smr_5g_kamf(octets, SMR_NONE, over, out), SMR_E_INVALID);
	assert_true(all_zero(out, 32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aka_prime_published_sets_match_in_every_octet),
		cmocka_unit_test(test_5g_anchor_keys_cross_check_matches_in_every_octet),
		cmocka_unit_test(test_5g_chain_matches_in_every_octet),
		cmocka_unit_test(test_5g_res_star_is_the_low_128_bits),
		cmocka_unit_test(test_5g_hres_star_is_the_low_128_bits),
		cmocka_unit_test(test_5g_res_star_of_another_res_length_is_refused),
		cmocka_unit_test(test_5g_snn_pads_the_mnc_to_three_digits),
		cmocka_unit_test(test_5g_snn_other_lengths_or_characters_are_refused),
		cmocka_unit_test(test_5g_algorithm_keys_differ_by_type_and_algorithm),
		cmocka_unit_test(test_5g_kgnb_depends_on_count_and_access),
		cmocka_unit_test(test_derive_parameter_above_65535_octets_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
