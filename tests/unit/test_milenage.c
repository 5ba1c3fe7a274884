/* SPDX-License-Identifier: Apache-2.0 */
/* MILENAGE and the GSM values against TS 35.208, TS 35.207 and TS 55.205. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/aka/milenage.h"
#include "tests/unit/vectors.h"

#define VECTORS "tests/vectors/aka.txt"

static bool macs_hold(const struct vector_set *set, const struct smr_milenage_key *key)
{
	const uint8_t *rand = octets_of(set, "rand", 16);
	const uint8_t *sqn = octets_of(set, "sqn", 6);
	const uint8_t *amf = octets_of(set, "amf", 2);
	uint8_t mac_a[8];
	uint8_t mac_s[8];

	return smr_milenage_f1(key, rand, sqn, amf, mac_a) == SMR_OK && equals(set, "f1", mac_a, 8) &&
	       smr_milenage_f1star(key, rand, sqn, amf, mac_s) == SMR_OK && equals(set, "f1star", mac_s, 8);
}

static bool autn_holds(const struct vector_set *set, const uint8_t ak[6])
{
	uint8_t autn[16];

	for (size_t i = 0; i < 6; i++)
		autn[i] = octets_of(set, "sqn", 6)[i] ^ ak[i];
	memcpy(autn + 6, octets_of(set, "amf", 2), 2);
	memcpy(autn + 8, octets_of(set, "f1", 8), 8);
	return equals(set, "autn", autn, 16);
}

static bool milenage_holds(const struct vector_set *set)
{
	struct smr_milenage_key key = {octets_of(set, "k", 16), octets_of(set, "opc", 16)};
	const uint8_t *rand = octets_of(set, "rand", 16);
	struct smr_milenage_output out;
	uint8_t opc[16];
	uint8_t ak[6];

	return smr_milenage_opc(key.k, octets_of(set, "op", 16), opc) == SMR_OK && equals(set, "opc", opc, 16) &&
	       macs_hold(set, &key) && smr_milenage_f2345(&key, rand, &out) == SMR_OK &&
	       equals(set, "f2", out.res, 8) && equals(set, "f3", out.ck, 16) && equals(set, "f4", out.ik, 16) &&
	       equals(set, "f5", out.ak, 6) && smr_milenage_f5star(&key, rand, ak) == SMR_OK &&
	       equals(set, "f5star", ak, 6) && autn_holds(set, out.ak);
}

static void test_milenage_published_sets_match_in_every_octet(void **state)
{
	(void)state;
	assert_sets_hold(VECTORS, "milenage", 21, milenage_holds);
}

static bool gsm_holds(const struct vector_set *set)
{
	struct smr_milenage_key key = {octets_of(set, "ki", 16), octets_of(set, "opc", 16)};
	const uint8_t *rand = octets_of(set, "rand", 16);
	struct smr_gsm_triplet first;
	struct smr_gsm_triplet second;

	return smr_milenage_gsm(&key, rand, SMR_GSM_SRES_1, &first) == SMR_OK &&
	       smr_milenage_gsm(&key, rand, SMR_GSM_SRES_2, &second) == SMR_OK && equals(set, "sres1", first.sres, 4) &&
	       equals(set, "sres2", second.sres, 4) && equals(set, "kc", first.kc, 8) &&
	       equals(set, "kc", second.kc, 8);
}

static void test_gsm_published_sets_match_in_every_octet(void **state)
{
	(void)state;
	assert_sets_hold(VECTORS, "gsm", 19, gsm_holds);
}

static void test_gsm_unknown_way_is_refused_and_yields_nothing(void **state)
{
	static const uint8_t zero[16];
	struct smr_milenage_key key = {zero, zero};
	struct smr_gsm_triplet out;

	(void)state;
	for (unsigned way = 0; way < 5; way++) {
		if (way == SMR_GSM_SRES_1 || way == SMR_GSM_SRES_2)
			continue;
		memset(&out, 0xa5, sizeof(out));
		assert_int_equal(smr_milenage_gsm(&key, zero, (enum smr_gsm_sres)way, &out), SMR_E_INVALID);
		assert_memory_equal(&out, zero, sizeof(out));
	}
}

static void test_opc_in_place_is_the_same(void **state)
{
	/* TS 35.208 set 1 */
	static const char op[] = "cdc202d5123e20f62b6d676ac72cb318";
	uint8_t k[16];
	uint8_t block[16];

	(void)state;
	(void)hex("465b5ce8b199b49faa5f0a2ee238a6bc", k, sizeof(k));
	(void)hex(op, block, sizeof(block));
	assert_int_equal(smr_milenage_opc(k, block, block), SMR_OK);
	assert_hex(block, sizeof(block), "cd63cb71954a9f4e48a5994e37a02baf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_milenage_published_sets_match_in_every_octet),
		cmocka_unit_test(test_gsm_published_sets_match_in_every_octet),
		cmocka_unit_test(test_gsm_unknown_way_is_refused_and_yields_nothing),
		cmocka_unit_test(test_opc_in_place_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
