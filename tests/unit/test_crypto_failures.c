/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation that the crypto adapter causes is made to fail in turn: each must give SMR_E_CRYPTO, leave
 * nothing behind in the thread's error queue, and the same call must succeed when memory is there again. Each call runs
 * in a thread of its own, so that what an adapter keeps per thread has to be made anew. Run under a leak checker this
 * also shows that no failure leaks, and no thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "tests/unit/failing.h"

static struct smr_privkey own;
static struct smr_pubkey peer;
static const uint8_t hash[SMR_HASH_LEN] = {1};
static uint8_t sig[SMR_SIG_LEN];
static uint8_t sealed[64 + SMR_AEAD_TAG_LEN];

static enum smr_err do_generate(void)
{
	struct smr_privkey key;
	enum smr_err err = smr_privkey_generate(&key);

	smr_privkey_wipe(&key); /* after an error there is nothing, and that may be wiped too */
	return err;
}

static enum smr_err do_import(size_t len)
{
	uint8_t compressed[SMR_POINT_COMPRESSED_LEN];
	struct smr_pubkey key;
	enum smr_err err;

	smr_point_compress(own.point, compressed);
	err = smr_pubkey_import(&key, smr_bytes_of(len == SMR_POINT_LEN ? own.point : compressed, len));
	smr_pubkey_wipe(&key);
	return err;
}

static enum smr_err do_import_uncompressed(void)
{
	return do_import(SMR_POINT_LEN);
}

static enum smr_err do_import_compressed(void)
{
	return do_import(SMR_POINT_COMPRESSED_LEN);
}

static enum smr_err do_ecdh(void)
{
	uint8_t out[SMR_DH_LEN];

	return smr_ecdh(&own, &peer, out);
}

static enum smr_err do_first_sign(void)
{
	struct smr_privkey key;
	uint8_t out[SMR_SIG_LEN];
	enum smr_err err = smr_privkey_import(&key, own.scalar);

	if (err == SMR_OK)
		err = smr_ecdsa_sign(&key, hash, out);
	smr_privkey_wipe(&key);
	return err;
}

static enum smr_err do_first_verify(void)
{
	struct smr_pubkey key;
	enum smr_err err = smr_pubkey_import(&key, SMR_ARRAY(own.point));

	if (err == SMR_OK)
		err = smr_ecdsa_verify(&key, hash, sig);
	smr_pubkey_wipe(&key);
	return err;
}

static enum smr_err do_seal(void)
{
	const uint8_t key[SMR_AEAD_KEY_LEN] = {1};
	const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {2};
	const uint8_t plain[64] = {3};

	return smr_aead_seal(key, nonce, SMR_TEXT("ad"), SMR_ARRAY(plain), sealed);
}

static enum smr_err do_open(void)
{
	const uint8_t key[SMR_AEAD_KEY_LEN] = {1};
	const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {2};
	const uint8_t zero[64] = {0};
	uint8_t out[64];
	enum smr_err err = smr_aead_open(key, nonce, SMR_TEXT("ad"), SMR_ARRAY(sealed), out);

	if (err != SMR_OK)
		assert_memory_equal(out, zero, sizeof(out));
	return err;
}

/* The PSA adapter makes nothing ready: there, it is the sealing that fails. */
static enum smr_err do_ready(void)
{
	const uint8_t key[SMR_AEAD_KEY_LEN] = {1};
	const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {2};
	const uint8_t plain[64] = {3};
	uint8_t out[64 + SMR_AEAD_TAG_LEN];
	struct smr_aead_key ready;
	enum smr_err err = smr_aead_key_init(&ready, key);

	if (err == SMR_OK)
		err = smr_aead_seal_with(&ready, nonce, SMR_TEXT("ad"), SMR_ARRAY(plain), out);
	else
		assert_memory_equal(&ready, &(struct smr_aead_key){.impl = NULL}, sizeof(ready));
	smr_aead_key_wipe(&ready);
	return err;
}

static enum smr_err do_block(void)
{
	const uint8_t key[16] = {1};
	uint8_t block[16] = {2};

	return smr_aes128_encrypt(key, block, block);
}

struct attempt {
	enum smr_err (*call)(void);
	long failing; /* allocations that succeed before one fails; below 0: all do */
	enum smr_err err;
	bool left_word;
};

static void *attempt_in_thread(void *context)
{
	struct attempt *a = context;

	(void)failing_left_word(); /* the library makes the thread's queue now, with memory at hand */
	failing_after(a->failing);
	a->err = a->call();
	failing_after(-1);
	a->left_word = failing_left_word();
	return NULL;
}

static struct attempt attempt(enum smr_err (*call)(void), long failing)
{
	struct attempt a = {call, failing, SMR_OK, false};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, attempt_in_thread, &a), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return a;
}

/* A library that allocates its numbers one by one does so thousands of times in one operation: the later ones are sampled. */
static void fail_each_allocation_of(enum smr_err (*call)(void))
{
	for (long n = 0;; n += n < 256 ? 1 : n / 16) {
		struct attempt a = attempt(call, n);

		assert_true(n < 1000000);
		if (!failing_did()) {
			assert_int_equal(a.err, SMR_OK);
			assert_true(n > 0);
			return;
		}
		if (a.err != SMR_OK) { /* some allocations are only a cache: the call may do without */
			assert_int_equal(a.err, SMR_E_CRYPTO);
			assert_false(a.left_word);
		}
		assert_int_equal(attempt(call, -1).err, SMR_OK);
	}
}

#define FAILURE_TEST(operation)                                                        \
	static void test_##operation##_any_failed_allocation_is_reported(void **state) \
	{                                                                              \
		(void)state;                                                           \
		fail_each_allocation_of(do_##operation);                               \
	}

FAILURE_TEST(generate)
FAILURE_TEST(import_uncompressed)
FAILURE_TEST(import_compressed)
FAILURE_TEST(ecdh)
FAILURE_TEST(first_sign)
FAILURE_TEST(first_verify)
FAILURE_TEST(seal)
FAILURE_TEST(open)
FAILURE_TEST(ready)
FAILURE_TEST(block)

static void test_refusals_leave_no_error_queued(void **state)
{
	const uint8_t bad_point[SMR_POINT_LEN] = {4, 1};
	const uint8_t bad_sig[SMR_SIG_LEN] = {1};
	const uint8_t key[SMR_AEAD_KEY_LEN] = {9};
	struct smr_pubkey none;
	uint8_t out[64];

	(void)state;
	assert_int_equal(smr_pubkey_import(&none, SMR_ARRAY(bad_point)), SMR_E_BAD_POINT);
	assert_false(failing_left_word());
	assert_int_equal(smr_ecdsa_verify(&peer, hash, bad_sig), SMR_E_SIGNATURE);
	assert_false(failing_left_word());
	assert_int_equal(smr_aead_open(key, key, SMR_NONE, SMR_ARRAY(sealed), out), SMR_E_UNOPENED);
	assert_false(failing_left_word());
}

/* Whatever the library allocates once per process or thread happens here, with memory at hand. */
static int warm_up(void **state)
{
	(void)state;
	assert_int_equal(smr_privkey_generate(&own), SMR_OK);
	assert_int_equal(smr_pubkey_import(&peer, SMR_ARRAY(own.point)), SMR_OK);
	assert_int_equal(smr_ecdsa_sign(&own, hash, sig), SMR_OK);
	assert_int_equal(smr_ecdsa_verify(&peer, hash, sig), SMR_OK);
	return do_seal() == SMR_OK ? 0 : -1;
}

static int cool_down(void **state)
{
	(void)state;
	smr_privkey_wipe(&own);
	smr_pubkey_wipe(&peer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generate_any_failed_allocation_is_reported),
		cmocka_unit_test(test_import_uncompressed_any_failed_allocation_is_reported),
		cmocka_unit_test(test_import_compressed_any_failed_allocation_is_reported),
		cmocka_unit_test(test_ecdh_any_failed_allocation_is_reported),
		cmocka_unit_test(test_first_sign_any_failed_allocation_is_reported),
		cmocka_unit_test(test_first_verify_any_failed_allocation_is_reported),
		cmocka_unit_test(test_seal_any_failed_allocation_is_reported),
		cmocka_unit_test(test_open_any_failed_allocation_is_reported),
		cmocka_unit_test(test_ready_any_failed_allocation_is_reported),
		cmocka_unit_test(test_block_any_failed_allocation_is_reported),
		cmocka_unit_test(test_refusals_leave_no_error_queued),
	};

	/* Must come before the library's first allocation. */
	if (!failing_install())
		return 1;
	return cmocka_run_group_tests(tests, warm_up, cool_down);
}
