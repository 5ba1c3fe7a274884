/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file histogram.h
 * A histogram of times from a microsecond to eleven days in fixed memory: exact below 128 µs, above that every octave in 64 steps, so that
 * a value is at most 1.6 % too high. What is asked of it is an upper end: no percentile is flattered.
 */
#ifndef SMR_FLEET_HISTOGRAM_H
#define SMR_FLEET_HISTOGRAM_H

#include "base/base.h"

#define SMR_HISTOGRAM_STEPS 64u
#define SMR_HISTOGRAM_OCTAVES 34u
#define SMR_HISTOGRAM_CELLS (SMR_HISTOGRAM_STEPS * (SMR_HISTOGRAM_OCTAVES + 1u))

struct smr_histogram {
	uint64_t count;
	uint64_t max_us; /* exact */
	uint64_t cells[SMR_HISTOGRAM_CELLS];
};

/** Times beyond the last cell count in it. */
void smr_histogram_add(struct smr_histogram *histogram, uint64_t us);
/**
 * The time within which @p share (0 to 1) of all that was added lies.
 * @return microseconds, never above the longest; 0 when nothing was added.
 */
uint64_t smr_histogram_at(const struct smr_histogram *histogram, double share);

#endif
