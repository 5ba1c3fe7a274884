/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No branch and no address depends on a secret. Secrets are marked as undefined memory, and memcheck (tools/valgrind) reports every jump
 * or access that depends on them. Run without valgrind, only results are checked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <valgrind/memcheck.h>

#include "core/aka/keccak.h"
#include "core/aka/milenage.h"
#include "core/aka/tuak.h"

static void secret(void *ptr, size_t len)
{
	VALGRIND_MAKE_MEM_UNDEFINED(ptr, len);
}

/* Now anybody may see it, so that a test may compare. */
static void published(void *ptr, size_t len)
{
	VALGRIND_MAKE_MEM_DEFINED(ptr, len);
}

static void test_comparison_of_tags_depends_on_their_length_alone(void **state)
{
	(void)state;
	for (size_t differ = 0; differ <= 16; differ++) { /* 16: nowhere */
		uint8_t a[16] = {1, 2, 3};
		uint8_t b[16] = {1, 2, 3};
		bool equal;

		if (differ < sizeof(b))
			b[differ] ^= 0x80;
		secret(a, sizeof(a));
		secret(b, sizeof(b));
		equal = smr_equal_ct(a, b, sizeof(a));
		published(&equal, sizeof(equal));
		assert_int_equal(equal, differ == 16);
	}
}

static void test_wiping_leaves_nothing(void **state)
{
	static const uint8_t nothing[32];
	uint8_t key[32] = {1};

	(void)state;
	secret(key, sizeof(key));
	smr_wipe(key, sizeof(key));
	assert_memory_equal(key, nothing, sizeof(key)); /* defined again: it does not depend on what was there */
}

static void test_keccak_does_not_depend_on_its_state(void **state)
{
	uint8_t permuted[SMR_KECCAK_STATE_LEN] = {0};

	(void)state;
	secret(permuted, sizeof(permuted));
	smr_keccak_f1600(permuted);
	published(permuted, sizeof(permuted));
	assert_int_equal(permuted[0], 0xe7); /* of the all-zero state: F1258F7940E1DDE7 */
	assert_int_equal(permuted[7], 0xf1);
}

static void test_tuak_does_not_depend_on_k_and_topc(void **state)
{
	uint8_t k[32] = {1};
	uint8_t topc[SMR_TUAK_TOPC_LEN] = {2};
	const uint8_t rand[16] = {3};
	const uint8_t sqn[6] = {4};
	const uint8_t amf[2] = {0x80, 0};
	const struct smr_tuak_key key = {SMR_ARRAY(k), topc, 1};
	struct smr_tuak_output out = {.res_len = 8, .ck_len = 16, .ik_len = 16};
	uint8_t mac[8];

	(void)state;
	secret(k, sizeof(k));
	secret(topc, sizeof(topc));
	assert_int_equal(smr_tuak_f1(&key, rand, sqn, amf, (struct smr_space){mac, sizeof(mac)}), SMR_OK);
	assert_int_equal(smr_tuak_f2345(&key, rand, &out), SMR_OK);
	published(&out, sizeof(out));
	assert_memory_not_equal(out.ck, out.ik, 16);
}

static void test_milenage_does_not_depend_on_k_and_opc(void **state)
{
	uint8_t k[SMR_MILENAGE_K_LEN] = {1};
	uint8_t opc[SMR_MILENAGE_OPC_LEN] = {2};
	const uint8_t rand[16] = {3};
	const uint8_t sqn[6] = {4};
	const uint8_t amf[2] = {0x80, 0};
	const struct smr_milenage_key key = {k, opc};
	uint8_t first[8];
	uint8_t second[8];

	(void)state;
	secret(k, sizeof(k));
	secret(opc, sizeof(opc));
	assert_int_equal(smr_milenage_f1(&key, rand, sqn, amf, first), SMR_OK);
	assert_int_equal(smr_milenage_f1star(&key, rand, sqn, amf, second), SMR_OK);
	published(first, sizeof(first));
	published(second, sizeof(second));
	assert_memory_not_equal(first, second, sizeof(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparison_of_tags_depends_on_their_length_alone),
		cmocka_unit_test(test_wiping_leaves_nothing),
		cmocka_unit_test(test_keccak_does_not_depend_on_its_state),
		cmocka_unit_test(test_tuak_does_not_depend_on_k_and_topc),
		cmocka_unit_test(test_milenage_does_not_depend_on_k_and_opc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
