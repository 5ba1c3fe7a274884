/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call of AKA to the crypto seam fails in turn (the linker puts the functions below in its place): the error
 * comes through, nothing half made comes out, and the USIM's array is as before. Fails with SMR_E_CRYPTO, after
 * overwriting the output, as a library may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/aka/aka.h"
#include "core/aka/keys.h"
#include "core/aka/milenage.h"

static long until_failure = -1; /* calls that still succeed; -1: all */

static bool fail_now(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

enum smr_err __real_smr_aes128_encrypt(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
enum smr_err __wrap_smr_aes128_encrypt(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
enum smr_err __wrap_smr_aes128_encrypt(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
	if (!fail_now())
		return __real_smr_aes128_encrypt(key, in, out);
	memset(out, 0x5a, 16);
	return SMR_E_CRYPTO;
}

enum smr_err __real_smr_hmac_sha256(struct smr_bytes key, const struct smr_bytes *parts, size_t count, uint8_t out[32]);
enum smr_err __wrap_smr_hmac_sha256(struct smr_bytes key, const struct smr_bytes *parts, size_t count, uint8_t out[32]);
enum smr_err __wrap_smr_hmac_sha256(struct smr_bytes key, const struct smr_bytes *parts, size_t count, uint8_t out[32])
{
	if (!fail_now())
		return __real_smr_hmac_sha256(key, parts, count, out);
	memset(out, 0x5a, 32);
	return SMR_E_CRYPTO;
}

enum smr_err __real_smr_sha256(const struct smr_bytes *parts, size_t count, uint8_t out[32]);
enum smr_err __wrap_smr_sha256(const struct smr_bytes *parts, size_t count, uint8_t out[32]);
enum smr_err __wrap_smr_sha256(const struct smr_bytes *parts, size_t count, uint8_t out[32])
{
	if (!fail_now())
		return __real_smr_sha256(parts, count, out);
	memset(out, 0x5a, 32);
	return SMR_E_CRYPTO;
}

/* Calls under test write here, so that one check serves them all. */
static union {
	uint8_t octets[256];
	struct smr_milenage_output milenage;
	struct smr_gsm_triplet gsm;
	struct smr_aka_vector vector;
	struct smr_aka_result result;
	struct smr_aka_prime_keys prime;
	uint64_t sqn_ms;
} room;
static const uint8_t octets[32] = {1, 2, 3};
static const struct smr_milenage_key key = {octets, octets + 16};
static const struct smr_aka_params params = {
	.alg = SMR_AKA_MILENAGE, .k = {7}, .k_len = 16, .opc = {9}, .res_len = 8, .keccak_iterations = 1};
static struct smr_aka_vector fresh;
static struct smr_aka_vector old;
static struct smr_sqn array;
static uint8_t auts[14];

static enum smr_err call_opc(void)
{
	return smr_milenage_opc(octets, octets, room.octets);
}
static enum smr_err call_f1(void)
{
	return smr_milenage_f1(&key, octets, octets, octets, room.octets);
}
static enum smr_err call_f1star(void)
{
	return smr_milenage_f1star(&key, octets, octets, octets, room.octets);
}
static enum smr_err call_f2345(void)
{
	return smr_milenage_f2345(&key, octets, &room.milenage);
}
static enum smr_err call_f5star(void)
{
	return smr_milenage_f5star(&key, octets, room.octets);
}
static enum smr_err call_gsm(void)
{
	return smr_milenage_gsm(&key, octets, SMR_GSM_SRES_1, &room.gsm);
}
static enum smr_err call_vector(void)
{
	return smr_aka_vector(&params, octets, 64, octets, &room.vector);
}
static enum smr_err call_authenticate(void)
{
	return smr_aka_authenticate(&params, &array, fresh.rand, fresh.autn, &room.result);
}
static enum smr_err call_authenticate_old(void)
{
	enum smr_err err = smr_aka_authenticate(&params, &array, old.rand, old.autn, &room.result);

	return err == SMR_E_SQN ? SMR_OK : err; /* its good end */
}
static enum smr_err call_auts_open(void)
{
	return smr_aka_auts_open(&params, octets, auts, &room.sqn_ms);
}
static enum smr_err call_prime_derive(void)
{
	return smr_aka_prime_derive(octets, octets, SMR_TEXT("WLAN"), octets, room.octets, room.octets + 16);
}
static enum smr_err call_prime_expand(void)
{
	return smr_aka_prime_expand(octets, octets, SMR_TEXT("6"), &room.prime);
}
static enum smr_err call_kausf(void)
{
	return smr_5g_kausf(octets, octets, SMR_TEXT("5G:"), octets, room.octets);
}
static enum smr_err call_res_star(void)
{
	return smr_5g_res_star(octets, octets, SMR_TEXT("5G:"), octets, smr_bytes_of(octets, 8), room.octets);
}
static enum smr_err call_hres_star(void)
{
	return smr_5g_hres_star(octets, octets, room.octets);
}
static enum smr_err call_kseaf(void)
{
	return smr_5g_kseaf(octets, SMR_TEXT("5G:"), room.octets);
}
static enum smr_err call_kamf(void)
{
	return smr_5g_kamf(octets, SMR_TEXT("001"), smr_bytes_of(octets, 2), room.octets);
}
static enum smr_err call_algorithm_key(void)
{
	return smr_5g_algorithm_key(octets, SMR_5G_NAS_ENC, 2, room.octets);
}
static enum smr_err call_kgnb(void)
{
	return smr_5g_kgnb(octets, 0, SMR_5G_ACCESS_3GPP, room.octets);
}

/* Each call, the octets it fills, and how often it asks the seam. */
static const struct {
	enum smr_err (*call)(void);
	size_t fills;
	long asks;
} calls[] = {
	{call_opc, 16, 1},
	{call_f1, 8, 2},
	{call_f1star, 8, 2},
	{call_f2345, sizeof(struct smr_milenage_output), 4},
	{call_f5star, 6, 2},
	{call_gsm, sizeof(struct smr_gsm_triplet), 4},
	{call_vector, sizeof(struct smr_aka_vector), 6},
	{call_authenticate, sizeof(struct smr_aka_result), 6},
	{call_authenticate_old, sizeof(struct smr_aka_result), 10},
	{call_auts_open, sizeof(uint64_t), 4},
	{call_prime_derive, 32, 1},
	{call_prime_expand, sizeof(struct smr_aka_prime_keys), 7},
	{call_kausf, 32, 1},
	{call_res_star, 16, 1},
	{call_hres_star, 16, 1},
	{call_kseaf, 32, 1},
	{call_kamf, 32, 1},
	{call_algorithm_key, 16, 1},
	{call_kgnb, 32, 1},
};

static void prepare(void)
{
	uint64_t first[SMR_SQN_SLOTS] = {[5] = 50};
	struct smr_aka_result result;

	assert_int_equal(smr_sqn_init(&array, first, 0, 0), SMR_OK);
	assert_int_equal(smr_aka_vector(&params, octets, 60 << 5 | 5, octets, &fresh), SMR_OK);
	assert_int_equal(smr_aka_vector(&params, octets, 40 << 5 | 5, octets, &old), SMR_OK);
	assert_int_equal(smr_aka_authenticate(&params, &array, old.rand, old.autn, &result), SMR_E_SQN);
	memcpy(auts, result.auts, sizeof(auts));
}

static void assert_failing_leaves_nothing(size_t i)
{
	static const uint8_t zero[sizeof(room)];
	struct smr_sqn before = array;

	for (long n = 0; n < calls[i].asks; n++) {
		memset(&room, 0xa5, sizeof(room));
		until_failure = n;
		assert_int_equal(calls[i].call(), SMR_E_CRYPTO);
		until_failure = -1;
		assert_memory_equal(room.octets, zero, calls[i].fills);
		assert_int_equal(room.octets[calls[i].fills], 0xa5);
		assert_memory_equal(&array, &before, sizeof(before));
	}
}

static void test_failing_crypto_comes_through_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(calls); i++) {
		prepare();
		assert_failing_leaves_nothing(i);
		until_failure = calls[i].asks; /* and it asks no more often than that */
		assert_int_equal(calls[i].call(), SMR_OK);
		assert_int_equal(until_failure, 0);
		until_failure = -1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failing_crypto_comes_through_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
