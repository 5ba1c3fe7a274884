/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of AKA by the published sets, with both algorithm sets, and the parameters that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/aka/tuak.h"
#include "tests/unit/subscriber.h"
#include "tests/unit/vectors.h"

#define VECTORS "tests/vectors/aka.txt"

static struct smr_aka_params params_of(enum smr_aka_alg alg, struct smr_bytes k, const uint8_t *opc, uint8_t res_len)
{
	struct smr_aka_params params = {
		.alg = alg, .k_len = (uint8_t)k.len, .res_len = res_len, .keccak_iterations = 1};

	memcpy(params.k, k.ptr, k.len);
	memcpy(params.opc, opc, smr_aka_opc_len(alg));
	return params;
}

static bool vector_holds(const struct vector_set *set, const struct smr_aka_vector *vector, const char *res,
			 const char *ck, const char *ik)
{
	return equals(set, "rand", vector->rand, 16) && equals(set, "autn", vector->autn, 16) &&
	       equals(set, res, vector->res, vector->res_len) && equals(set, ck, vector->ck, 16) &&
	       equals(set, ik, vector->ik, 16);
}

/* The USIM comes to the same from RAND and AUTN, and accepts them once. */
static bool usim_agrees(const struct smr_aka_params *params, uint64_t sqn, const struct smr_aka_vector *vector)
{
	struct smr_sqn array = usim_at(sqn - SMR_SQN_SLOTS);
	struct smr_aka_result result;
	bool agrees;

	agrees = smr_aka_authenticate(params, &array, vector->rand, vector->autn, &result) == SMR_OK &&
		 result.res_len == vector->res_len && memcmp(result.res, vector->res, sizeof(result.res)) == 0 &&
		 memcmp(result.ck, vector->ck, 16) == 0 && memcmp(result.ik, vector->ik, 16) == 0 &&
		 memcmp(result.amf, vector->autn + 6, 2) == 0 && result.separation == (vector->autn[6] >= 0x80) &&
		 all_zero(result.auts, sizeof(result.auts));
	return agrees && smr_aka_authenticate(params, &array, vector->rand, vector->autn, &result) == SMR_E_SQN;
}

static bool set_holds(const struct vector_set *set, const char *res, const char *ck, const char *ik)
{
	struct smr_aka_params params =
		params_of(SMR_AKA_MILENAGE, smr_bytes_of(octets_of(set, "k", 16), 16), octets_of(set, "opc", 16), 8);
	uint64_t sqn = smr_sqn_get(octets_of(set, "sqn", 6));
	struct smr_aka_vector vector;

	return smr_aka_vector(&params, octets_of(set, "rand", 16), sqn, octets_of(set, "amf", 2), &vector) == SMR_OK &&
	       vector_holds(set, &vector, res, ck, ik) && usim_agrees(&params, sqn, &vector);
}

static bool milenage_set_holds(const struct vector_set *set)
{
	return set_holds(set, "f2", "f3", "f4");
}

static bool quintet_holds(const struct vector_set *set)
{
	return set_holds(set, "res", "ck", "ik");
}

static size_t for_each(const char *kind, bool (*holds)(const struct vector_set *))
{
	static struct vector_file file;
	size_t seen = 0;

	load_vectors(&file, VECTORS);
	for (size_t i = 0; i < file.count; i++) {
		if (!vector_is(&file.sets[i], kind))
			continue;
		seen++;
		if (!holds(&file.sets[i]))
			fail_msg("%s does not match", file.sets[i].title);
	}
	return seen;
}

static void test_vector_milenage_sets_come_out_and_the_usim_agrees(void **state)
{
	(void)state;
	assert_int_equal(for_each("milenage", milenage_set_holds), 21);
	assert_int_equal(for_each("prime", quintet_holds), 2);
	assert_sets_hold(VECTORS, "vector", 1, quintet_holds);
}

static size_t tuak_sets_tried;

/* Those whose lengths fit AUTN and this face; test_tuak.c has them all. */
static bool tuak_set_holds(const struct vector_set *set)
{
	struct smr_bytes res = value_of(set, "f2");
	uint64_t sqn = smr_sqn_get(octets_of(set, "sqn", 6));
	struct smr_aka_params params =
		params_of(SMR_AKA_TUAK, value_of(set, "k"), octets_of(set, "topc", 32), (uint8_t)res.len);
	struct smr_aka_vector vector;

	if (value_of(set, "f1").len != 8 || value_of(set, "f3").len != 16 || value_of(set, "f4").len != 16)
		return true;
	tuak_sets_tried++;
	return smr_aka_vector(&params, octets_of(set, "rand", 16), sqn, octets_of(set, "amf", 2), &vector) == SMR_OK &&
	       equals(set, "f1", vector.autn + 8, 8) && equals(set, "f2", vector.res, res.len) &&
	       equals(set, "f3", vector.ck, 16) && equals(set, "f4", vector.ik, 16) &&
	       usim_agrees(&params, sqn, &vector);
}

static void test_vector_tuak_set_that_fits_comes_out_and_the_usim_agrees(void **state)
{
	(void)state;
	assert_int_equal(for_each("tuak", tuak_set_holds), 6);
	assert_int_equal(tuak_sets_tried, 1);
}

/* The choice of algorithm, lengths and iterations reaches the algorithm. */
static void test_vector_tuak_parameters_reach_the_algorithm(void **state)
{
	struct rng rng = {11};
	uint8_t rand[16];
	uint8_t sqn[6];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct smr_aka_params params = any_params(&rng);
		struct smr_tuak_key key = {{params.k, params.k_len}, params.opc, params.keccak_iterations};
		struct smr_tuak_output out = {.res_len = params.res_len, .ck_len = 16, .ik_len = 16};
		struct smr_aka_vector vector;
		uint8_t mac[8];

		if (params.alg != SMR_AKA_TUAK)
			continue;
		rng_fill(&rng, rand, sizeof(rand));
		rng_fill(&rng, sqn, sizeof(sqn));
		assert_int_equal(smr_aka_vector(&params, rand, smr_sqn_get(sqn), amf_eps, &vector), SMR_OK);
		assert_int_equal(smr_tuak_f2345(&key, rand, &out), SMR_OK);
		assert_int_equal(smr_tuak_f1(&key, rand, sqn, amf_eps, (struct smr_space){mac, 8}), SMR_OK);
		assert_memory_equal(vector.res, out.res, sizeof(vector.res));
		assert_memory_equal(vector.ck, out.ck, 16);
		assert_memory_equal(vector.ik, out.ik, 16);
		assert_memory_equal(vector.autn + 8, mac, 8);
	}
}

static void test_vector_short_res_is_the_front_of_the_long_one(void **state)
{
	struct rng rng = {12};
	struct smr_aka_params params = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1};
	struct smr_aka_vector full;
	struct smr_aka_vector cut;
	uint8_t rand[16];

	(void)state;
	rng_fill(&rng, rand, sizeof(rand));
	assert_int_equal(smr_aka_vector(&params, rand, 32, amf_eps, &full), SMR_OK);
	for (params.res_len = 4; params.res_len <= 8; params.res_len++) {
		assert_int_equal(smr_aka_vector(&params, rand, 32, amf_eps, &cut), SMR_OK);
		assert_int_equal(cut.res_len, params.res_len);
		assert_memory_equal(cut.res, full.res, cut.res_len);
		assert_true(all_zero(cut.res + cut.res_len, sizeof(cut.res) - cut.res_len));
		assert_true(usim_agrees(&params, 32, &cut));
	}
}

static void test_vector_sqn_above_48_bits_is_refused(void **state)
{
	struct rng rng = {13};
	struct smr_aka_params params = any_params(&rng);
	struct smr_aka_vector vector;

	(void)state;
	memset(&vector, 0xa5, sizeof(vector));
	assert_int_equal(smr_aka_vector(&params, params.k, SMR_SQN_MAX + 1, amf_eps, &vector), SMR_E_INVALID);
	assert_true(all_zero(&vector, sizeof(vector)));
	assert_int_equal(smr_aka_vector(&params, params.k, SMR_SQN_MAX, amf_eps, &vector), SMR_OK);
}

static bool params_are_known(const struct smr_aka_params *params)
{
	if (params->alg == SMR_AKA_MILENAGE)
		return params->k_len == 16 && params->res_len >= 4 && params->res_len <= 8 &&
		       params->keccak_iterations == 1;
	return (params->k_len == 16 || params->k_len == 32) &&
	       (params->res_len == 4 || params->res_len == 8 || params->res_len == 16) && params->keccak_iterations > 0;
}

/* By all entrances, and nothing comes out. */
static void assert_params_refused(const struct smr_aka_params *params, enum smr_err want)
{
	static const uint8_t octets[16];
	struct smr_sqn array = usim_at(0);
	struct smr_sqn before = array;
	struct smr_aka_vector vector;
	struct smr_aka_result result;
	uint64_t sqn_ms = 1;

	memset(&vector, 0xa5, sizeof(vector));
	memset(&result, 0xa5, sizeof(result));
	assert_int_equal(smr_aka_params_check(params), want);
	assert_int_equal(smr_aka_vector(params, octets, 32, amf_eps, &vector), want);
	assert_int_equal(smr_aka_authenticate(params, &array, octets, octets, &result), want);
	assert_int_equal(smr_aka_auts_open(params, octets, octets, &sqn_ms), want);
	assert_true(all_zero(&vector, sizeof(vector)));
	assert_true(all_zero(&result, sizeof(result)));
	assert_memory_equal(&array, &before, sizeof(array));
	assert_true(sqn_ms == 0);
}

static void test_params_of_other_lengths_are_malformed(void **state)
{
	static const enum smr_aka_alg algs[] = {SMR_AKA_MILENAGE, SMR_AKA_TUAK};

	(void)state;
	for (unsigned i = 0; i < 2 * 34 * 34 * 3; i++) {
		static const uint8_t iterations[] = {0, 1, 255};
		struct smr_aka_params params = {.alg = algs[i % 2],
						.k_len = (uint8_t)(i / 2 % 34),
						.res_len = (uint8_t)(i / 68 % 34),
						.keccak_iterations = iterations[i / 2312]};

		if (params_are_known(&params))
			assert_int_equal(smr_aka_params_check(&params), SMR_OK);
		else
			assert_params_refused(&params, SMR_E_MALFORMED);
	}
}

static void test_params_of_unknown_algorithm_are_unsupported(void **state)
{
	static const int algs[] = {0, 3, 4, 255, 256, 257};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(algs); i++) {
		struct smr_aka_params params = {
			.alg = (enum smr_aka_alg)algs[i], .k_len = 16, .res_len = 8, .keccak_iterations = 1};

		assert_int_equal(smr_aka_opc_len(params.alg), 0);
		assert_params_refused(&params, SMR_E_UNSUPPORTED);
	}
	assert_int_equal(smr_aka_opc_len(SMR_AKA_MILENAGE), 16);
	assert_int_equal(smr_aka_opc_len(SMR_AKA_TUAK), 32);
}

static void test_params_wipe_leaves_nothing(void **state)
{
	struct rng rng = {14};
	struct smr_aka_params params = any_params(&rng);

	(void)state;
	smr_aka_params_wipe(&params);
	assert_true(all_zero(&params, sizeof(params)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector_milenage_sets_come_out_and_the_usim_agrees),
		cmocka_unit_test(test_vector_tuak_set_that_fits_comes_out_and_the_usim_agrees),
		cmocka_unit_test(test_vector_tuak_parameters_reach_the_algorithm),
		cmocka_unit_test(test_vector_short_res_is_the_front_of_the_long_one),
		cmocka_unit_test(test_vector_sqn_above_48_bits_is_refused),
		cmocka_unit_test(test_params_of_other_lengths_are_malformed),
		cmocka_unit_test(test_params_of_unknown_algorithm_are_unsupported),
		cmocka_unit_test(test_params_wipe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
