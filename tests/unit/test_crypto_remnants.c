/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the OpenSSL adapter keeps per thread holds no key: the first octets of an AES key schedule are the key itself, so the heap is
 * searched for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypto.h"

#define MASK 0xa5u /* the key that is looked for stands nowhere in clear */

static const uint8_t masked[SMR_AEAD_KEY_LEN] = {0x31, 0x9c, 0x77, 0xe2, 0x05, 0x4b, 0xd8, 0x6a,
						 0x12, 0xf3, 0x88, 0x5d, 0xbe, 0x29, 0x90, 0xc7};

static bool is_key(const volatile uint8_t *at)
{
	for (size_t i = 0; i < sizeof(masked); i++)
		if ((at[i] ^ MASK) != masked[i])
			return false;
	return true;
}

static unsigned keys_on_the_heap(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned found = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from;
		unsigned long to;

		if (strstr(line, "[heap]") == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		for (const uint8_t *at = (const uint8_t *)from; at + sizeof(masked) <= (const uint8_t *)to; at++)
			found += is_key(at);
	}
	(void)fclose(maps);
	return found;
}

static void put_key(uint8_t key[SMR_AEAD_KEY_LEN])
{
	for (size_t i = 0; i < sizeof(masked); i++)
		key[i] = (uint8_t)(masked[i] ^ MASK);
}

/* A sanitizer's allocator has its heap elsewhere: nothing could be found there. */
static void skip_unless_a_key_would_be_found(void)
{
	uint8_t *key = malloc(SMR_AEAD_KEY_LEN);
	unsigned found;

	assert_non_null(key);
	put_key(key);
	found = keys_on_the_heap();
	smr_wipe(key, SMR_AEAD_KEY_LEN);
	free(key);
	if (found == 0)
		skip();
}

static void seal_and_open(void)
{
	static const uint8_t nonce[SMR_AEAD_NONCE_LEN];
	uint8_t octets[40 + SMR_AEAD_TAG_LEN] = {0};
	uint8_t key[SMR_AEAD_KEY_LEN];

	put_key(key);
	assert_int_equal(smr_aead_seal(key, nonce, SMR_NONE, smr_bytes_of(octets, 40), octets), SMR_OK);
	assert_int_equal(smr_aead_open(key, nonce, SMR_NONE, SMR_ARRAY(octets), octets), SMR_OK);
	octets[39] ^= 1; /* no tag any more */
	assert_int_equal(smr_aead_open(key, nonce, SMR_NONE, SMR_ARRAY(octets), octets), SMR_E_UNOPENED);
	SMR_WIPE(key);
}

static void test_key_is_gone_after_each_call(void **state)
{
	(void)state;
	skip_unless_a_key_would_be_found();
	seal_and_open();
	assert_int_equal(keys_on_the_heap(), 0);
}

static void test_key_is_gone_after_a_batch(void **state)
{
	(void)state;
	skip_unless_a_key_would_be_found();
	smr_batch_begin();
	seal_and_open();
	assert_true(keys_on_the_heap() > 0);
	smr_batch_end();
	assert_int_equal(keys_on_the_heap(), 0);
	seal_and_open();
	assert_int_equal(keys_on_the_heap(), 0);
}

static void test_key_that_was_made_ready_is_gone_when_it_is_wiped(void **state)
{
	static const uint8_t nonce[SMR_AEAD_NONCE_LEN];
	uint8_t octets[40 + SMR_AEAD_TAG_LEN] = {0};
	uint8_t key[SMR_AEAD_KEY_LEN];
	struct smr_aead_key ready;

	(void)state;
	skip_unless_a_key_would_be_found();
	put_key(key);
	assert_int_equal(smr_aead_key_init(&ready, key), SMR_OK);
	SMR_WIPE(key);
	assert_int_equal(smr_aead_seal_with(&ready, nonce, SMR_NONE, smr_bytes_of(octets, 40), octets), SMR_OK);
	assert_int_equal(smr_aead_open_with(&ready, nonce, SMR_NONE, SMR_ARRAY(octets), octets), SMR_OK);
	assert_true(keys_on_the_heap() > 0);
	smr_aead_key_wipe(&ready);
	assert_int_equal(keys_on_the_heap(), 0);
	assert_false(is_key(ready.octets));
}

static void test_batch_without_a_call_does_nothing(void **state)
{
	(void)state;
	smr_batch_begin();
	smr_batch_end();
	smr_batch_end();
	seal_and_open();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch_without_a_call_does_nothing),
		cmocka_unit_test(test_key_is_gone_after_each_call),
		cmocka_unit_test(test_key_is_gone_after_a_batch),
		cmocka_unit_test(test_key_that_was_made_ready_is_gone_when_it_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
