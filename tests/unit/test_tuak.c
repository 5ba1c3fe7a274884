/* SPDX-License-Identifier: Apache-2.0 */
/* TUAK against TS 35.233, and its permutation by way of SHA3-256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/aka/keccak.h"
#include "core/aka/tuak.h"
#include "tests/unit/vectors.h"

#define VECTORS "tests/vectors/aka.txt"
#define SHA3_RATE 136u

/* FIPS 202 sections 4 and 6.1: the sponge around the permutation. */
static void sha3_256(const uint8_t *text, size_t len, uint8_t out[32])
{
	uint8_t state[SMR_KECCAK_STATE_LEN] = {0};
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		state[at++] ^= text[i];
		if (at == SHA3_RATE) {
			smr_keccak_f1600(state);
			at = 0;
		}
	}
	state[at] ^= 0x06;
	state[SHA3_RATE - 1] ^= 0x80;
	smr_keccak_f1600(state);
	memcpy(out, state, 32);
}

static void test_keccak_makes_sha3_256(void **state)
{
	uint8_t text[200];
	uint8_t out[32];

	(void)state;
	memset(text, 0xa3, sizeof(text)); /* all of it: two blocks, NIST's example of 1600 bits */
	sha3_256(text, 0, out);
	assert_hex(out, sizeof(out), "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
	sha3_256((const uint8_t *)"abc", 3, out);
	assert_hex(out, sizeof(out), "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
	sha3_256(text, sizeof(text), out);
	assert_hex(out, sizeof(out), "79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787");
}

static struct smr_tuak_key key_of(const struct vector_set *set)
{
	return (struct smr_tuak_key){value_of(set, "k"), octets_of(set, "topc", 32),
				     octets_of(set, "iterations", 1)[0]};
}

static bool topc_holds(const struct vector_set *set, const struct smr_tuak_key *key)
{
	uint8_t topc[32];

	return smr_tuak_topc(key->k, key->iterations, octets_of(set, "top", 32), topc) == SMR_OK &&
	       equals(set, "topc", topc, 32);
}

static bool macs_hold(const struct vector_set *set, const struct smr_tuak_key *key)
{
	const uint8_t *rand = octets_of(set, "rand", 16);
	const uint8_t *sqn = octets_of(set, "sqn", 6);
	const uint8_t *amf = octets_of(set, "amf", 2);
	size_t len = value_of(set, "f1").len;
	uint8_t mac_a[32];
	uint8_t mac_s[32];

	return smr_tuak_f1(key, rand, sqn, amf, (struct smr_space){mac_a, len}) == SMR_OK &&
	       equals(set, "f1", mac_a, len) &&
	       smr_tuak_f1star(key, rand, sqn, amf, (struct smr_space){mac_s, len}) == SMR_OK &&
	       equals(set, "f1star", mac_s, len);
}

static bool tuak_holds(const struct vector_set *set)
{
	struct smr_tuak_key key = key_of(set);
	const uint8_t *rand = octets_of(set, "rand", 16);
	struct smr_tuak_output out = {
		.res_len = (uint8_t)value_of(set, "f2").len,
		.ck_len = (uint8_t)value_of(set, "f3").len,
		.ik_len = (uint8_t)value_of(set, "f4").len,
	};
	uint8_t ak[6];

	return topc_holds(set, &key) && macs_hold(set, &key) && smr_tuak_f2345(&key, rand, &out) == SMR_OK &&
	       equals(set, "f2", out.res, out.res_len) && equals(set, "f3", out.ck, out.ck_len) &&
	       equals(set, "f4", out.ik, out.ik_len) && equals(set, "f5", out.ak, 6) &&
	       smr_tuak_f5star(&key, rand, ak) == SMR_OK && equals(set, "f5star", ak, 6);
}

static void test_tuak_published_sets_match_in_every_octet(void **state)
{
	(void)state;
	assert_sets_hold(VECTORS, "tuak", 6, tuak_holds);
}

static const uint8_t octets[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};

static const struct smr_tuak_key sound_key = {{octets, 16}, octets, 1};

static bool is_zero(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i] != 0)
			return false;
	}
	return true;
}

/* Of all functions: refuses, and leaves nothing in the output. */
static void assert_key_refused(const struct smr_tuak_key *key)
{
	struct smr_tuak_output out = {.res_len = 8, .ck_len = 16, .ik_len = 16};
	uint8_t room[32];

	memset(room, 0xa5, sizeof(room));
	assert_int_equal(smr_tuak_topc(key->k, key->iterations, octets, room), SMR_E_INVALID);
	assert_true(is_zero(room, 32));
	memset(room, 0xa5, sizeof(room));
	assert_int_equal(smr_tuak_f1(key, octets, octets, octets, (struct smr_space){room, 8}), SMR_E_INVALID);
	assert_true(is_zero(room, 8));
	memset(room, 0xa5, sizeof(room));
	assert_int_equal(smr_tuak_f1star(key, octets, octets, octets, (struct smr_space){room, 8}), SMR_E_INVALID);
	assert_true(is_zero(room, 8));
	memset(room, 0xa5, sizeof(room));
	assert_int_equal(smr_tuak_f5star(key, octets, room), SMR_E_INVALID);
	assert_true(is_zero(room, 6));
	memset(out.ck, 0xa5, sizeof(out.ck));
	assert_int_equal(smr_tuak_f2345(key, octets, &out), SMR_E_INVALID);
	assert_true(is_zero(out.ck, sizeof(out.ck)));
}

static void test_tuak_key_of_another_length_or_no_iteration_is_refused(void **state)
{
	struct smr_tuak_key key = sound_key;

	(void)state;
	for (key.k.len = 0; key.k.len <= 32; key.k.len++) {
		if (key.k.len != 16 && key.k.len != 32)
			assert_key_refused(&key);
	}
	key = sound_key;
	key.iterations = 0;
	assert_key_refused(&key);
}

static void test_tuak_mac_of_another_length_is_refused(void **state)
{
	uint8_t mac[40];

	(void)state;
	for (size_t len = 0; len <= sizeof(mac); len++) {
		bool known = len == 8 || len == 16 || len == 32;
		enum smr_err want = known ? SMR_OK : SMR_E_INVALID;

		memset(mac, 0xa5, sizeof(mac));
		assert_int_equal(smr_tuak_f1(&sound_key, octets, octets, octets, (struct smr_space){mac, len}), want);
		assert_true(is_zero(mac, len) == !known);
		if (len < sizeof(mac))
			assert_int_equal(mac[len], 0xa5);
	}
}

static void test_tuak_result_of_another_length_is_refused(void **state)
{
	(void)state;
	for (unsigned len = 0; len <= 255; len++) {
		struct smr_tuak_output res = {.res_len = (uint8_t)len, .ck_len = 16, .ik_len = 16};
		struct smr_tuak_output ck = {.res_len = 8, .ck_len = (uint8_t)len, .ik_len = 16};
		struct smr_tuak_output ik = {.res_len = 8, .ck_len = 16, .ik_len = (uint8_t)len};
		bool res_known = len == 4 || len == 8 || len == 16 || len == 32;
		bool key_known = len == 16 || len == 32;

		assert_int_equal(smr_tuak_f2345(&sound_key, octets, &res), res_known ? SMR_OK : SMR_E_INVALID);
		assert_int_equal(smr_tuak_f2345(&sound_key, octets, &ck), key_known ? SMR_OK : SMR_E_INVALID);
		assert_int_equal(smr_tuak_f2345(&sound_key, octets, &ik), key_known ? SMR_OK : SMR_E_INVALID);
	}
}

/* The lengths are in INSTANCE: asking for a longer result must not reveal the shorter one. */
static void test_tuak_results_of_different_lengths_are_unrelated(void **state)
{
	static const uint8_t lengths[] = {4, 8, 16, 32};
	struct smr_tuak_output out[SMR_COUNT(lengths)];
	uint8_t macs[3][32];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(lengths); i++) {
		out[i] = (struct smr_tuak_output){.res_len = lengths[i], .ck_len = 16, .ik_len = 16};
		assert_int_equal(smr_tuak_f2345(&sound_key, octets, &out[i]), SMR_OK);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(out[i].res, out[j].res, 4);
	}
	for (size_t i = 0; i < 3; i++) {
		struct smr_space mac = {macs[i], lengths[i + 1]};

		assert_int_equal(smr_tuak_f1(&sound_key, octets, octets, octets, mac), SMR_OK);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(macs[i], macs[j], 8);
	}
}

static void test_tuak_short_key_is_not_the_long_one_with_zeros(void **state)
{
	uint8_t padded[32] = {0};
	uint8_t from_short[32];
	uint8_t from_long[32];

	(void)state;
	memcpy(padded, octets, 16);
	assert_int_equal(smr_tuak_topc(smr_bytes_of(padded, 16), 1, octets, from_short), SMR_OK);
	assert_int_equal(smr_tuak_topc(smr_bytes_of(padded, 32), 1, octets, from_long), SMR_OK);
	assert_memory_not_equal(from_short, from_long, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keccak_makes_sha3_256),
		cmocka_unit_test(test_tuak_published_sets_match_in_every_octet),
		cmocka_unit_test(test_tuak_key_of_another_length_or_no_iteration_is_refused),
		cmocka_unit_test(test_tuak_mac_of_another_length_is_refused),
		cmocka_unit_test(test_tuak_result_of_another_length_is_refused),
		cmocka_unit_test(test_tuak_results_of_different_lengths_are_unrelated),
		cmocka_unit_test(test_tuak_short_key_is_not_the_long_one_with_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
