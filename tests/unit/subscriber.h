/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file subscriber.h
 * Subscribers and USIMs for the tests of AKA. Include after cmocka.h.
 */
#ifndef SMR_TESTS_UNIT_SUBSCRIBER_H
#define SMR_TESTS_UNIT_SUBSCRIBER_H

#include "core/aka/aka.h"
#include "tests/unit/random.h"

/* With the separation bit. */
static const uint8_t amf_eps[2] = {0x80, 0x00};

static inline bool all_zero(const void *at, size_t len)
{
	const uint8_t *octets = at;

	for (size_t i = 0; i < len; i++) {
		if (octets[i] != 0)
			return false;
	}
	return true;
}

/* A subscriber of either set, with any permitted lengths. */
static inline struct smr_aka_params any_params(struct rng *rng)
{
	static const uint8_t tuak_res[] = {4, 8, 16};
	struct smr_aka_params params = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .keccak_iterations = 1};

	rng_fill(rng, params.k, sizeof(params.k));
	rng_fill(rng, params.opc, sizeof(params.opc));
	params.res_len = (uint8_t)(4 + rng_below(rng, 5));
	if (rng_below(rng, 2) == 0) {
		params.alg = SMR_AKA_TUAK;
		params.k_len = rng_below(rng, 2) == 0 ? 16 : 32;
		params.res_len = tuak_res[rng_below(rng, 3)];
		params.keccak_iterations = (uint8_t)(1 + rng_below(rng, 3));
	}
	assert_int_equal(smr_aka_params_check(&params), SMR_OK);
	return params;
}

/* A USIM that accepts exactly the SQNs above @p sqn. */
static inline struct smr_sqn usim_at(uint64_t sqn)
{
	uint64_t first[SMR_SQN_SLOTS];
	struct smr_sqn array;

	for (size_t i = 0; i < SMR_SQN_SLOTS; i++)
		first[i] = smr_sqn_seq(sqn);
	assert_int_equal(smr_sqn_init(&array, first, 0, 0), SMR_OK);
	return array;
}

#endif
