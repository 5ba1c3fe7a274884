/* SPDX-License-Identifier: Apache-2.0 */
/* AKA at the USIM: what passes, what is refused, and in which order; and its life with an AuC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/aka/milenage.h"
#include "core/aka/tuak.h"
#include "tests/unit/subscriber.h"
#include "tests/unit/vectors.h"

#define VECTORS "tests/vectors/aka.txt"

static const struct smr_aka_result no_result;

/* A subscriber, a USIM and a challenge for it, with SQN @p sqn while the USIM has seen @p seen. */
struct scene {
	struct smr_aka_params params;
	struct smr_sqn array;
	struct smr_aka_vector vector;
};

static struct scene make_scene(struct rng *rng, uint64_t sqn, uint64_t seen)
{
	struct scene scene = {.params = any_params(rng), .array = usim_at(seen)};
	uint8_t rand[16];

	rng_fill(rng, rand, sizeof(rand));
	assert_int_equal(smr_aka_vector(&scene.params, rand, sqn, amf_eps, &scene.vector), SMR_OK);
	return scene;
}

/* SMR_E_MAC, and neither a result nor an AUTS nor a trace in the array. */
static void assert_earns_nothing(struct scene *scene, const uint8_t rand[16], const uint8_t autn[16])
{
	struct smr_sqn before = scene->array;
	struct smr_aka_result result;

	memset(&result, 0xa5, sizeof(result));
	assert_int_equal(smr_aka_authenticate(&scene->params, &scene->array, rand, autn, &result), SMR_E_MAC);
	assert_memory_equal(&result, &no_result, sizeof(result));
	assert_memory_equal(&scene->array, &before, sizeof(before));
}

static void test_authenticate_mac_before_sqn_forged_old_autn_earns_no_auts(void **state)
{
	struct rng rng = {21};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct scene scene = make_scene(&rng, 40 * 32, 50 * 32);
		struct smr_aka_result result;

		/* Genuine but old: AUTS. The same with a wrong MAC: nothing, though its SQN is as old. */
		assert_int_equal(smr_aka_authenticate(&scene.params, &scene.array, scene.vector.rand, scene.vector.autn,
						      &result),
				 SMR_E_SQN);
		assert_false(all_zero(result.auts, sizeof(result.auts)));
		scene.vector.autn[15] ^= 1;
		assert_earns_nothing(&scene, scene.vector.rand, scene.vector.autn);
	}
}

static void flip_every_bit(struct scene *scene)
{
	for (unsigned bit = 0; bit < 8 * 16; bit++) {
		uint8_t mask = (uint8_t)(1u << bit % 8);

		scene->vector.autn[bit / 8] ^= mask;
		assert_earns_nothing(scene, scene->vector.rand, scene->vector.autn);
		scene->vector.autn[bit / 8] ^= mask;
		scene->vector.rand[bit / 8] ^= mask;
		assert_earns_nothing(scene, scene->vector.rand, scene->vector.autn);
		scene->vector.rand[bit / 8] ^= mask;
	}
}

static void test_authenticate_any_flipped_bit_of_rand_or_autn_is_a_mac_failure(void **state)
{
	struct rng rng = {22};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct scene fresh = make_scene(&rng, 60 * 32, 50 * 32);
		struct scene old = make_scene(&rng, 40 * 32, 50 * 32);
		struct smr_aka_result result;

		flip_every_bit(&fresh);
		flip_every_bit(&old);
		assert_int_equal(smr_aka_authenticate(&fresh.params, &fresh.array, fresh.vector.rand, fresh.vector.autn,
						      &result),
				 SMR_OK);
	}
}

static void test_authenticate_separation_bit_is_shown_as_received(void **state)
{
	struct rng rng = {23};

	(void)state;
	for (unsigned amf0 = 0; amf0 < 256; amf0++) {
		struct scene scene = make_scene(&rng, 60 * 32, 50 * 32);
		const uint8_t amf[2] = {(uint8_t)amf0, (uint8_t)rng_next(&rng)};
		struct smr_aka_result result;
		struct smr_aka_vector vector;

		assert_int_equal(smr_aka_vector(&scene.params, scene.vector.rand, 60 * 32, amf, &vector), SMR_OK);
		assert_int_equal(smr_aka_authenticate(&scene.params, &scene.array, vector.rand, vector.autn, &result),
				 SMR_OK);
		assert_true(result.separation == (amf0 >= 128));
		assert_memory_equal(result.amf, amf, 2);
	}
}

/* f5, f5* and f1* of either set, by its own functions. */
static void star_functions(const struct smr_aka_params *params, const uint8_t rand[16], const uint8_t sqn[6],
			   const uint8_t amf[2], uint8_t ak_star[6], uint8_t mac_s[8])
{
	struct smr_milenage_key milenage = {params->k, params->opc};
	struct smr_tuak_key tuak = {{params->k, params->k_len}, params->opc, params->keccak_iterations};

	if (params->alg == SMR_AKA_TUAK) {
		assert_int_equal(smr_tuak_f5star(&tuak, rand, ak_star), SMR_OK);
		assert_int_equal(smr_tuak_f1star(&tuak, rand, sqn, amf, (struct smr_space){mac_s, 8}), SMR_OK);
		return;
	}
	assert_int_equal(smr_milenage_f5star(&milenage, rand, ak_star), SMR_OK);
	assert_int_equal(smr_milenage_f1star(&milenage, rand, sqn, amf, mac_s), SMR_OK);
}

static void assert_auts_is_right(const struct scene *scene, const uint8_t auts[14], uint64_t challenged_with)
{
	static const uint8_t amf_zero[2] = {0, 0};
	uint8_t ms[6];
	uint8_t sqn[6];
	uint8_t ak_star[6];
	uint8_t mac_s[8];
	uint8_t other_mac[8];
	bool differs = false;

	smr_sqn_put(ms, smr_sqn_ms(&scene->array));
	smr_sqn_put(sqn, challenged_with);
	star_functions(&scene->params, scene->vector.rand, ms, amf_eps, ak_star, other_mac);
	star_functions(&scene->params, scene->vector.rand, ms, amf_zero, ak_star, mac_s);
	assert_memory_not_equal(mac_s, other_mac, 8);
	assert_memory_equal(auts + 6, mac_s, 8);
	for (size_t i = 0; i < 6; i++) {
		uint8_t ak = scene->vector.autn[i] ^ sqn[i]; /* f5 */

		assert_int_equal(auts[i], ms[i] ^ ak_star[i]);
		differs = differs || ak != ak_star[i];
	}
	assert_true(differs);
}

static void test_authenticate_auts_uses_amf_0000_and_f5star(void **state)
{
	struct rng rng = {24};

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct scene scene = make_scene(&rng, 40 * 32, 50 * 32); /* challenged with AMF 8000 */
		struct smr_aka_result result;

		assert_int_equal(smr_aka_authenticate(&scene.params, &scene.array, scene.vector.rand, scene.vector.autn,
						      &result),
				 SMR_E_SQN);
		assert_auts_is_right(&scene, result.auts, 40 * 32);
		memset(result.auts, 0, sizeof(result.auts));
		assert_memory_equal(&result, &no_result, sizeof(result));
	}
}

static bool next_numbers_hold(const struct vector_set *set, uint64_t last)
{
	static const char *const names[] = {"next_1", "next_2", "next_3"};
	unsigned ind = octets_of(set, "ind", 1)[0];

	for (size_t i = 0; i < SMR_COUNT(names); i++) {
		uint8_t octets[6];

		if (smr_sqn_next_in_slot(last, ind, &last) != SMR_OK)
			return false;
		smr_sqn_put(octets, last);
		if (!equals(set, names[i], octets, 6))
			return false;
	}
	return true;
}

/* A USIM that has seen nothing is challenged with the SQN 0. */
static bool new_usim_sends_the_auts(const struct vector_set *set, const struct smr_aka_params *params)
{
	const uint8_t *rand = octets_of(set, "rand", 16);
	struct smr_sqn array = usim_at(0);
	struct smr_aka_vector vector;
	struct smr_aka_result result;

	return smr_aka_vector(params, rand, 0, amf_eps, &vector) == SMR_OK &&
	       smr_aka_authenticate(params, &array, rand, vector.autn, &result) == SMR_E_SQN &&
	       equals(set, "auts", result.auts, 14) && equals(set, "mac_s", result.auts + 6, 8);
}

static bool auts_holds(const struct vector_set *set)
{
	struct smr_aka_params params = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1};
	const uint8_t *auts = octets_of(set, "auts", 14);
	uint8_t ms[6];
	uint64_t last = 0;
	uint64_t sqn_ms;

	memcpy(params.k, octets_of(set, "k", 16), 16);
	memcpy(params.opc, octets_of(set, "opc", 16), 16);
	if (!new_usim_sends_the_auts(set, &params) ||
	    smr_aka_auts_open(&params, octets_of(set, "rand", 16), auts, &sqn_ms) != SMR_OK)
		return false;
	smr_sqn_put(ms, sqn_ms);
	for (size_t i = 0; i < 6; i++) {
		if ((auts[i] ^ ms[i]) != octets_of(set, "f5star", 6)[i])
			return false;
	}
	return equals(set, "sqn_ms", ms, 6) && smr_sqn_resync(&last, sqn_ms) == SMR_OK && next_numbers_hold(set, last);
}

static void test_auts_published_set_matches_in_every_octet(void **state)
{
	(void)state;
	assert_sets_hold(VECTORS, "auts", 1, auts_holds);
}

static void test_auts_open_flipped_bit_or_other_rand_is_a_mac_failure(void **state)
{
	struct rng rng = {25};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct scene scene = make_scene(&rng, 40 * 32, 50 * 32 + 7);
		struct smr_aka_result result;
		uint64_t sqn_ms;

		assert_int_equal(smr_aka_authenticate(&scene.params, &scene.array, scene.vector.rand, scene.vector.autn,
						      &result),
				 SMR_E_SQN);
		assert_int_equal(smr_aka_auts_open(&scene.params, scene.vector.rand, result.auts, &sqn_ms), SMR_OK);
		assert_true(sqn_ms == smr_sqn_ms(&scene.array));
		for (unsigned bit = 0; bit < 8 * 14 + 8 * 16; bit++) {
			uint8_t *octet = bit < 8 * 14 ? &result.auts[bit / 8] : &scene.vector.rand[bit / 8 - 14];

			*octet ^= (uint8_t)(1u << bit % 8);
			sqn_ms = 1;
			assert_int_equal(smr_aka_auts_open(&scene.params, scene.vector.rand, result.auts, &sqn_ms),
					 SMR_E_MAC);
			assert_true(sqn_ms == 0);
			*octet ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* What an AuC and a USIM hold between authentications. */
struct pair {
	struct smr_aka_params params;
	struct smr_sqn array;
	uint64_t last; /* AuC */
	struct smr_aka_vector used[64];
	size_t used_count;
};

static struct smr_aka_vector next_vector(struct pair *pair, struct rng *rng)
{
	struct smr_aka_vector vector;
	uint8_t rand[16];

	rng_fill(rng, rand, sizeof(rand));
	assert_int_equal(smr_sqn_next(pair->last, &pair->last), SMR_OK);
	assert_int_equal(smr_aka_vector(&pair->params, rand, pair->last, amf_eps, &vector), SMR_OK);
	return vector;
}

static void assert_agree(struct pair *pair, const struct smr_aka_vector *vector)
{
	struct smr_aka_result result;

	assert_int_equal(smr_aka_authenticate(&pair->params, &pair->array, vector->rand, vector->autn, &result),
			 SMR_OK);
	assert_int_equal(result.res_len, vector->res_len);
	assert_memory_equal(result.res, vector->res, sizeof(vector->res));
	assert_memory_equal(result.ck, vector->ck, 16);
	assert_memory_equal(result.ik, vector->ik, 16);
	pair->used[pair->used_count++ % SMR_COUNT(pair->used)] = *vector;
}

/* Refused as used or old; the AuC learns where the USIM stands and can go on from there. */
static void assert_resynchronises(struct pair *pair, const struct smr_aka_vector *vector)
{
	struct smr_sqn before = pair->array;
	struct smr_aka_result result;
	uint64_t sqn_ms;

	assert_int_equal(smr_aka_authenticate(&pair->params, &pair->array, vector->rand, vector->autn, &result),
			 SMR_E_SQN);
	assert_memory_equal(&pair->array, &before, sizeof(before));
	assert_int_equal(smr_aka_auts_open(&pair->params, vector->rand, result.auts, &sqn_ms), SMR_OK);
	assert_true(sqn_ms == smr_sqn_ms(&pair->array));
	assert_int_equal(smr_sqn_resync(&pair->last, sqn_ms), SMR_OK);
}

/* Vectors fetched together and used in any order: each passes once. */
static void use_a_batch_in_any_order(struct pair *pair, struct rng *rng)
{
	struct smr_aka_vector batch[SMR_SQN_SLOTS];
	size_t count = 1 + rng_below(rng, SMR_SQN_SLOTS);

	for (size_t i = 0; i < count; i++)
		batch[i] = next_vector(pair, rng);
	for (size_t i = count; i > 1; i--) {
		size_t other = rng_below(rng, i);
		struct smr_aka_vector swap = batch[other];

		batch[other] = batch[i - 1];
		batch[i - 1] = swap;
	}
	for (size_t i = 0; i < count; i++)
		assert_agree(pair, &batch[i]);
	for (size_t i = 0; i < count; i++)
		assert_resynchronises(pair, &batch[i]);
}

static void replay_any(struct pair *pair, struct rng *rng)
{
	size_t held = pair->used_count < SMR_COUNT(pair->used) ? pair->used_count : SMR_COUNT(pair->used);

	if (held != 0)
		assert_resynchronises(pair, &pair->used[rng_below(rng, held)]);
}

/* The AuC comes back from an old backup: its first vector is refused, and one resynchronisation repairs it. */
static void lose_the_auc_state(struct pair *pair, struct rng *rng)
{
	uint64_t back = (1 + rng_below(rng, 100)) * SMR_SQN_SLOTS;
	struct smr_aka_vector vector;

	pair->last = pair->last > back ? pair->last - back : 0;
	if (smr_sqn_seq(pair->last) + 1 > pair->array.seq[(smr_sqn_ind(pair->last) + 1) % SMR_SQN_SLOTS])
		return; /* its next slot is free: no failure to repair */
	vector = next_vector(pair, rng);
	assert_resynchronises(pair, &vector);
	vector = next_vector(pair, rng);
	assert_agree(pair, &vector);
}

static void live(struct pair *pair, struct rng *rng, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		struct smr_aka_vector vector;

		switch (rng_below(rng, 8)) {
		case 0:
			use_a_batch_in_any_order(pair, rng);
			break;
		case 1:
			replay_any(pair, rng);
			break;
		case 2:
			lose_the_auc_state(pair, rng);
			break;
		case 3:
			(void)next_vector(pair, rng); /* lost on the way */
			break;
		default:
			vector = next_vector(pair, rng);
			assert_agree(pair, &vector);
		}
		/* In step again whatever happened: the next SEQ is above all the USIM has seen. */
		assert_int_equal(smr_sqn_resync(&pair->last, smr_sqn_ms(&pair->array)), SMR_OK);
	}
}

static void test_auc_and_usim_agree_over_a_long_life_and_replays_never_pass(void **state)
{
	struct rng rng = {2026};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct pair pair = {.params = any_params(&rng), .array = usim_at(0)};

		live(&pair, &rng, 400);
		assert_true(pair.used_count > 400);
		assert_int_equal(smr_sqn_check(&pair.array), SMR_OK);
	}
}

static void test_authenticate_other_subscriber_is_a_mac_failure(void **state)
{
	struct rng rng = {26};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct scene scene = make_scene(&rng, 60 * 32, 50 * 32);
		struct smr_aka_params own = scene.params;

		scene.params.k[rng_below(&rng, own.k_len)] ^= 1;
		assert_earns_nothing(&scene, scene.vector.rand, scene.vector.autn);
		scene.params = own;
		scene.params.opc[rng_below(&rng, smr_aka_opc_len(own.alg))] ^= 1;
		assert_earns_nothing(&scene, scene.vector.rand, scene.vector.autn);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authenticate_mac_before_sqn_forged_old_autn_earns_no_auts),
		cmocka_unit_test(test_authenticate_any_flipped_bit_of_rand_or_autn_is_a_mac_failure),
		cmocka_unit_test(test_authenticate_separation_bit_is_shown_as_received),
		cmocka_unit_test(test_authenticate_auts_uses_amf_0000_and_f5star),
		cmocka_unit_test(test_authenticate_other_subscriber_is_a_mac_failure),
		cmocka_unit_test(test_auts_published_set_matches_in_every_octet),
		cmocka_unit_test(test_auts_open_flipped_bit_or_other_rand_is_a_mac_failure),
		cmocka_unit_test(test_auc_and_usim_agree_over_a_long_life_and_replays_never_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
