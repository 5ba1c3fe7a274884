/* SPDX-License-Identifier: Apache-2.0 */
/* The crypto seam's keys of P-256: import, Diffie-Hellman, ES256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

#include "crypto/crypto.h"
#include "tests/unit/hex.h"

/* SP 800-186 section 3.2.1.3: order, prime, generator. */
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_LESS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ORDER_PLUS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552"
#define PRIME "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
#define GX "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define GY "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define MINUS_GY "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define ALL "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
/* The square root of b: (0, it) is a point of the curve. */
#define Y_AT_ZERO "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"

/* RFC 6979 section A.2.5: key, and the signatures of "sample" and "test" with SHA-256. */
#define SIGN_KEY "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define SIGN_POINT                                                           \
	"0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" \
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define SAMPLE_SIG                                                         \
	"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" \
	"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define TEST_SIG                                                           \
	"f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367" \
	"019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"

static enum smr_err import_hex(struct smr_pubkey *key, const char *text)
{
	uint8_t octets[80];

	return smr_pubkey_import(key, hex(text, octets, sizeof(octets)));
}

static struct smr_privkey privkey(const char *text)
{
	struct smr_privkey key;
	uint8_t scalar[SMR_SCALAR_LEN];

	hex(text, scalar, sizeof(scalar));
	assert_int_equal(smr_privkey_import(&key, scalar), SMR_OK);
	return key;
}

static struct smr_pubkey pubkey(const char *text)
{
	struct smr_pubkey key;

	assert_int_equal(import_hex(&key, text), SMR_OK);
	return key;
}

static struct smr_pubkey public_half(const struct smr_privkey *own)
{
	struct smr_pubkey key;

	assert_int_equal(smr_pubkey_import(&key, SMR_ARRAY(own->point)), SMR_OK);
	return key;
}

static void sha(const char *text, uint8_t hash[SMR_HASH_LEN])
{
	const struct smr_bytes part = smr_bytes_of(text, strlen(text));

	assert_int_equal(smr_sha256(&part, 1, hash), SMR_OK);
}

static void test_privkey_import_known_scalars_give_known_points(void **state)
{
	static const char *const vectors[][2] = {
		{ONE, "04" GX GY},
		{ORDER_LESS_1, "04" GX MINUS_GY},
		{SIGN_KEY, SIGN_POINT},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(vectors); i++) {
		struct smr_privkey key = privkey(vectors[i][0]);

		assert_hex(key.scalar, sizeof(key.scalar), vectors[i][0]);
		assert_hex(key.point, sizeof(key.point), vectors[i][1]);
		smr_privkey_wipe(&key);
	}
}

static void test_privkey_import_scalar_out_of_range_is_refused(void **state)
{
	static const char *const refused[] = {ZERO, ORDER, ORDER_PLUS_1, ALL,
					      "ffffffff00000001000000000000000000000000000000000000000000000000"};
	const struct smr_privkey wiped = {.impl = NULL};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(refused); i++) {
		struct smr_privkey key;
		uint8_t scalar[SMR_SCALAR_LEN];

		hex(refused[i], scalar, sizeof(scalar));
		assert_int_equal(smr_privkey_import(&key, scalar), SMR_E_BAD_POINT);
		assert_memory_equal(key.scalar, wiped.scalar, sizeof(key.scalar));
		assert_null(key.impl);
	}
}

static void test_privkey_generate_makes_distinct_sound_keys(void **state)
{
	struct smr_privkey keys[8];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(keys); i++) {
		struct smr_privkey again;

		assert_int_equal(smr_privkey_generate(&keys[i]), SMR_OK);
		assert_int_equal(smr_privkey_import(&again, keys[i].scalar), SMR_OK);
		assert_memory_equal(again.point, keys[i].point, SMR_POINT_LEN);
		smr_privkey_wipe(&again);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(keys[i].scalar, keys[j].scalar, SMR_SCALAR_LEN);
	}
	for (size_t i = 0; i < SMR_COUNT(keys); i++)
		smr_privkey_wipe(&keys[i]);
}

static void test_wipe_key_leaves_zeros_and_may_be_repeated(void **state)
{
	struct smr_privkey own = privkey(SIGN_KEY);
	struct smr_pubkey pub = pubkey(SIGN_POINT);
	const uint8_t zero[sizeof(own)] = {0};

	(void)state;
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&pub);
	assert_memory_equal(&own, zero, sizeof(own));
	assert_memory_equal(&pub, zero, sizeof(pub));
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&pub);
}

static void test_use_of_wiped_keys_fails(void **state)
{
	struct smr_privkey own = privkey(ONE);
	struct smr_pubkey pub = public_half(&own);
	const struct smr_privkey no_own = {.impl = NULL};
	const struct smr_pubkey no_pub = {.impl = NULL};
	uint8_t hash[SMR_HASH_LEN] = {0};
	uint8_t sig[SMR_SIG_LEN] = {0};
	uint8_t out[SMR_DH_LEN];

	(void)state;
	assert_int_equal(smr_ecdh(&no_own, &pub, out), SMR_E_CRYPTO);
	assert_int_equal(smr_ecdh(&own, &no_pub, out), SMR_E_CRYPTO);
	assert_int_equal(smr_ecdsa_sign(&no_own, hash, sig), SMR_E_CRYPTO);
	assert_int_equal(smr_ecdsa_verify(&no_pub, hash, sig), SMR_E_CRYPTO);
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&pub);
}

static void test_pubkey_import_both_forms_give_the_same_point(void **state)
{
	static const char *const vectors[][2] = {
		{"03" GX, "04" GX GY},
		{"02" GX, "04" GX MINUS_GY},
		{"02" ZERO, "04" ZERO Y_AT_ZERO},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(vectors); i++) {
		struct smr_pubkey compressed = pubkey(vectors[i][0]);
		struct smr_pubkey whole = pubkey(vectors[i][1]);
		uint8_t again[SMR_POINT_COMPRESSED_LEN];

		assert_hex(compressed.point, SMR_POINT_LEN, vectors[i][1]);
		assert_memory_equal(compressed.point, whole.point, SMR_POINT_LEN);
		smr_point_compress(whole.point, again);
		assert_hex(again, sizeof(again), vectors[i][0]);
		smr_pubkey_wipe(&compressed);
		smr_pubkey_wipe(&whole);
	}
}

static void test_pubkey_import_what_is_no_point_is_refused(void **state)
{
	static const char *const refused[] = {
		"",		      /* nothing */
		"00",		      /* infinity */
		"04" ZERO ZERO,	      /* infinity as some write it: not on the curve */
		"04" GX ZERO,	      /* off the curve */
		"04" GY GX,	      /* off the curve */
		"04" PRIME Y_AT_ZERO, /* x = p, reduced it would be a point */
		"02" PRIME,	      /* the same compressed */
		"04" ALL ALL,	      /* both coordinates above p */
		"03" ALL,
		"07" GX GY, /* hybrid form, right for this y */
		"06" GX MINUS_GY,
		"06" GX GY,
		"05" GX GY,
		"00" GX GY,
		"02" GX GY, /* compressed form with the length of the other */
		"04" GX,
		"00" GX,
		"01" GX,
		"06" GX,
		"04" GX GY "00",
		"03" GX "00",
		GX GY,
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(refused); i++) {
		struct smr_pubkey key;

		assert_int_equal(import_hex(&key, refused[i]), SMR_E_BAD_POINT);
		assert_null(key.impl);
	}
}

static void test_pubkey_import_every_other_length_is_refused(void **state)
{
	uint8_t octets[SMR_POINT_LEN + 2];

	(void)state;
	for (size_t len = 0; len <= sizeof(octets); len++) {
		for (uint8_t form = 2; form <= 4; form++) {
			struct smr_pubkey key;

			if (len == (form == 4 ? SMR_POINT_LEN : SMR_POINT_COMPRESSED_LEN))
				continue;
			memset(octets, 0, sizeof(octets));
			hex("04" GX GY, octets, sizeof(octets));
			octets[0] = form;
			assert_int_equal(smr_pubkey_import(&key, smr_bytes_of(octets, len)), SMR_E_BAD_POINT);
		}
	}
}

/* One flipped bit of an uncompressed point is never a point: for one x only ±y are, for one y only three x. */
static void test_pubkey_import_any_flipped_bit_is_refused(void **state)
{
	uint8_t octets[SMR_POINT_LEN];

	(void)state;
	hex("04" GX GY, octets, sizeof(octets));
	for (size_t bit = 0; bit < 8 * sizeof(octets); bit++) {
		struct smr_pubkey key;

		octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(smr_pubkey_import(&key, SMR_ARRAY(octets)), SMR_E_BAD_POINT);
		octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_ecdh_cavs_vector_matches(void **state)
{
	/* NIST CAVS 14.1, ECC CDH primitive, P-256, COUNT = 0. */
	struct smr_privkey own = privkey("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534");
	struct smr_pubkey peer = pubkey("04"
					"700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
					"db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac");
	uint8_t out[SMR_DH_LEN];

	(void)state;
	assert_hex(own.point, sizeof(own.point),
		   "04"
		   "ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230"
		   "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141");
	assert_int_equal(smr_ecdh(&own, &peer, out), SMR_OK);
	assert_hex(out, sizeof(out), "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b");
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&peer);
}

static void test_ecdh_extreme_scalars_match(void **state)
{
	struct smr_pubkey generator = pubkey("04" GX GY);
	struct smr_pubkey at_zero = pubkey("04" ZERO Y_AT_ZERO);
	static const char *const scalars[] = {ONE, ORDER_LESS_1};
	uint8_t out[SMR_DH_LEN];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(scalars); i++) {
		struct smr_privkey own = privkey(scalars[i]);

		assert_int_equal(smr_ecdh(&own, &generator, out), SMR_OK);
		assert_hex(out, sizeof(out), GX);
		/* A result of zero is a coordinate like any other and keeps its 32 octets. */
		memset(out, 0xee, sizeof(out));
		assert_int_equal(smr_ecdh(&own, &at_zero, out), SMR_OK);
		assert_hex(out, sizeof(out), ZERO);
		smr_privkey_wipe(&own);
	}
	smr_pubkey_wipe(&generator);
	smr_pubkey_wipe(&at_zero);
}

static void test_ecdh_both_sides_agree_and_strangers_do_not(void **state)
{
	struct smr_privkey a;
	struct smr_privkey b;
	uint8_t left[SMR_DH_LEN];
	uint8_t right[SMR_DH_LEN];

	(void)state;
	for (int i = 0; i < 32; i++) {
		assert_int_equal(smr_privkey_generate(&a), SMR_OK);
		assert_int_equal(smr_privkey_generate(&b), SMR_OK);
		struct smr_pubkey of_a = public_half(&a);
		struct smr_pubkey of_b = public_half(&b);

		assert_int_equal(smr_ecdh(&a, &of_b, left), SMR_OK);
		assert_int_equal(smr_ecdh(&b, &of_a, right), SMR_OK);
		assert_memory_equal(left, right, sizeof(left));
		assert_int_equal(smr_ecdh(&a, &of_a, right), SMR_OK);
		assert_memory_not_equal(left, right, sizeof(left));
		smr_privkey_wipe(&a);
		smr_privkey_wipe(&b);
		smr_pubkey_wipe(&of_a);
		smr_pubkey_wipe(&of_b);
	}
}

static void test_verify_rfc6979_signatures_are_valid_for_their_text_only(void **state)
{
	struct smr_pubkey key = pubkey(SIGN_POINT);
	uint8_t sample[SMR_HASH_LEN];
	uint8_t test[SMR_HASH_LEN];
	uint8_t sample_sig[SMR_SIG_LEN];
	uint8_t test_sig[SMR_SIG_LEN];

	(void)state;
	sha("sample", sample);
	sha("test", test);
	hex(SAMPLE_SIG, sample_sig, sizeof(sample_sig));
	hex(TEST_SIG, test_sig, sizeof(test_sig));
	assert_int_equal(smr_ecdsa_verify(&key, sample, sample_sig), SMR_OK);
	assert_int_equal(smr_ecdsa_verify(&key, test, test_sig), SMR_OK);
	assert_int_equal(smr_ecdsa_verify(&key, test, sample_sig), SMR_E_SIGNATURE);
	assert_int_equal(smr_ecdsa_verify(&key, sample, test_sig), SMR_E_SIGNATURE);
	smr_pubkey_wipe(&key);
}

static void test_verify_any_flipped_bit_is_refused(void **state)
{
	struct smr_pubkey key = pubkey(SIGN_POINT);
	uint8_t hash[SMR_HASH_LEN];
	uint8_t sig[SMR_SIG_LEN];

	(void)state;
	sha("sample", hash);
	hex(SAMPLE_SIG, sig, sizeof(sig));
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(smr_ecdsa_verify(&key, hash, sig), SMR_E_SIGNATURE);
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(hash); bit++) {
		hash[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(smr_ecdsa_verify(&key, hash, sig), SMR_E_SIGNATURE);
		hash[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(smr_ecdsa_verify(&key, hash, sig), SMR_OK);
	smr_pubkey_wipe(&key);
}

/* FIPS 186-5 section 6.4.2 step 1: r and s must be in [1, n-1]. */
static void test_verify_r_or_s_out_of_range_is_refused(void **state)
{
	static const char *const out_of_range[] = {ZERO, ORDER, ORDER_PLUS_1, ALL};
	struct smr_pubkey key = pubkey(SIGN_POINT);
	uint8_t hash[SMR_HASH_LEN];

	(void)state;
	sha("sample", hash);
	for (size_t i = 0; i < SMR_COUNT(out_of_range); i++) {
		for (size_t half = 0; half < SMR_SIG_LEN; half += SMR_SIG_LEN / 2) {
			uint8_t sig[SMR_SIG_LEN];

			hex(SAMPLE_SIG, sig, sizeof(sig));
			hex(out_of_range[i], sig + half, SMR_SIG_LEN / 2);
			assert_int_equal(smr_ecdsa_verify(&key, hash, sig), SMR_E_SIGNATURE);
			hex(out_of_range[i], sig, SMR_SIG_LEN / 2);
			hex(out_of_range[i], sig + SMR_SIG_LEN / 2, SMR_SIG_LEN / 2);
			assert_int_equal(smr_ecdsa_verify(&key, hash, sig), SMR_E_SIGNATURE);
		}
	}
	smr_pubkey_wipe(&key);
}

/* r = -h/d: for whoever holds d. That the sum is no point is a fault of the signature, not of this machine. */
static void test_verify_sum_at_infinity_is_refused(void **state)
{
	struct smr_privkey own = privkey(ONE);
	struct smr_pubkey key = public_half(&own);
	uint8_t hash[SMR_HASH_LEN];
	uint8_t sig[SMR_SIG_LEN];

	(void)state;
	hex(ONE, hash, sizeof(hash));
	hex(ORDER_LESS_1 ONE, sig, sizeof(sig));
	assert_int_equal(smr_ecdsa_verify(&key, hash, sig), SMR_E_SIGNATURE);
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&key);
}

/* Signatures are made with a fresh nonce, so r and s of every length of leading zeros come along. */
static void test_sign_result_verifies_under_its_own_key_only(void **state)
{
	struct smr_privkey own = privkey(SIGN_KEY);
	struct smr_pubkey pub = pubkey(SIGN_POINT);
	struct smr_pubkey other = pubkey("04" GX GY);
	uint8_t hash[SMR_HASH_LEN] = {0}; /* also the hash of zero */
	uint8_t first[SMR_SIG_LEN];
	uint8_t sig[SMR_SIG_LEN];

	(void)state;
	assert_int_equal(smr_ecdsa_sign(&own, hash, first), SMR_OK);
	for (size_t i = 0; i < 600; i++) {
		assert_int_equal(smr_ecdsa_sign(&own, hash, sig), SMR_OK);
		assert_int_equal(smr_ecdsa_verify(&pub, hash, sig), SMR_OK);
		assert_memory_not_equal(sig, first, SMR_SIG_LEN / 2);
		hash[i % SMR_HASH_LEN]++;
	}
	assert_int_equal(smr_ecdsa_verify(&pub, hash, sig), SMR_E_SIGNATURE);
	assert_int_equal(smr_ecdsa_sign(&own, hash, sig), SMR_OK);
	assert_int_equal(smr_ecdsa_verify(&other, hash, sig), SMR_E_SIGNATURE);
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&pub);
	smr_pubkey_wipe(&other);
}

struct thread_work {
	pthread_barrier_t *start;
	const struct smr_privkey *own;
	const struct smr_pubkey *pub;
	const uint8_t *shared;
	int failures;
};

/* cmocka's assertions may not leave a thread: count instead. */
static void *work_in_thread(void *argument)
{
	struct thread_work *work = argument;
	uint8_t hash[SMR_HASH_LEN] = {1};
	uint8_t sig[SMR_SIG_LEN];
	uint8_t out[SMR_DH_LEN];

	pthread_barrier_wait(work->start);
	for (int i = 0; i < 10; i++) {
		hash[1] = (uint8_t)i;
		work->failures += smr_ecdsa_sign(work->own, hash, sig) != SMR_OK;
		work->failures += smr_ecdsa_verify(work->pub, hash, sig) != SMR_OK;
		sig[i] ^= 1;
		work->failures += smr_ecdsa_verify(work->pub, hash, sig) != SMR_E_SIGNATURE;
		work->failures += smr_ecdh(work->own, work->pub, out) != SMR_OK;
		work->failures += memcmp(out, work->shared, sizeof(out)) != 0;
	}
	return NULL;
}

/* The first use of a key by several threads at once is the delicate moment, so each round has fresh keys. */
static void test_const_keys_used_by_several_threads_work(void **state)
{
	(void)state;
	for (int round = 0; round < 16; round++) {
		pthread_t threads[4];
		struct thread_work work[4];
		pthread_barrier_t start;
		struct smr_privkey own = privkey(SIGN_KEY);
		struct smr_pubkey pub = pubkey(SIGN_POINT);
		uint8_t shared[SMR_DH_LEN];

		assert_int_equal(smr_ecdh(&own, &pub, shared), SMR_OK);
		assert_int_equal(pthread_barrier_init(&start, NULL, SMR_COUNT(threads)), 0);
		for (size_t i = 0; i < SMR_COUNT(threads); i++) {
			work[i] = (struct thread_work){&start, &own, &pub, shared, 0};
			assert_int_equal(pthread_create(&threads[i], NULL, work_in_thread, &work[i]), 0);
		}
		for (size_t i = 0; i < SMR_COUNT(threads); i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_int_equal(work[i].failures, 0);
		}
		pthread_barrier_destroy(&start);
		smr_privkey_wipe(&own);
		smr_pubkey_wipe(&pub);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privkey_import_known_scalars_give_known_points),
		cmocka_unit_test(test_privkey_import_scalar_out_of_range_is_refused),
		cmocka_unit_test(test_privkey_generate_makes_distinct_sound_keys),
		cmocka_unit_test(test_wipe_key_leaves_zeros_and_may_be_repeated),
		cmocka_unit_test(test_use_of_wiped_keys_fails),
		cmocka_unit_test(test_pubkey_import_both_forms_give_the_same_point),
		cmocka_unit_test(test_pubkey_import_what_is_no_point_is_refused),
		cmocka_unit_test(test_pubkey_import_every_other_length_is_refused),
		cmocka_unit_test(test_pubkey_import_any_flipped_bit_is_refused),
		cmocka_unit_test(test_ecdh_cavs_vector_matches),
		cmocka_unit_test(test_ecdh_extreme_scalars_match),
		cmocka_unit_test(test_ecdh_both_sides_agree_and_strangers_do_not),
		cmocka_unit_test(test_verify_rfc6979_signatures_are_valid_for_their_text_only),
		cmocka_unit_test(test_verify_any_flipped_bit_is_refused),
		cmocka_unit_test(test_verify_r_or_s_out_of_range_is_refused),
		cmocka_unit_test(test_verify_sum_at_infinity_is_refused),
		cmocka_unit_test(test_sign_result_verifies_under_its_own_key_only),
		cmocka_unit_test(test_const_keys_used_by_several_threads_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
