/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file random.h
 * Reproducible numbers for property tests (splitmix64): a failure comes back with the same seed.
 */
#ifndef SMR_TESTS_UNIT_RANDOM_H
#define SMR_TESTS_UNIT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state; /* the seed */
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

static inline void rng_fill(struct rng *rng, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)rng_next(rng);
}

#endif
