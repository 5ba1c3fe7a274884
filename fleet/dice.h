/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file dice.h
 * Chance for a simulation: fast, and the same for the same seed (splitmix64). Never for a key.
 */
#ifndef SMR_FLEET_DICE_H
#define SMR_FLEET_DICE_H

#include <math.h>

#include "base/base.h"

struct smr_dice {
	uint64_t state;
};

static inline uint64_t smr_dice_next(struct smr_dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/** In [0, 1). */
static inline double smr_dice_share(struct smr_dice *dice)
{
	return (double)(smr_dice_next(dice) >> 11) * 0x1.0p-53;
}

/** 0 to @p below - 1; @p below above 0. The bias is below @p below in 2^64. */
static inline uint64_t smr_dice_below(struct smr_dice *dice, uint64_t below)
{
	return smr_dice_next(dice) % below;
}

/** Time between two arrivals of a Poisson process with this mean. */
static inline double smr_dice_exponential(struct smr_dice *dice, double mean)
{
	return -mean * log(1.0 - smr_dice_share(dice));
}

#endif
