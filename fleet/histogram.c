/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/histogram.h"

/* Cell of a value: below 2 · STEPS the value itself; above, its leading seven bits and by how much they were shifted. */
static size_t cell_of(uint64_t us)
{
	unsigned shift = 0;
	size_t cell;

	while ((us >> shift) >= 2 * SMR_HISTOGRAM_STEPS)
		shift++;
	cell = shift * SMR_HISTOGRAM_STEPS + (size_t)(us >> shift);
	return cell < SMR_HISTOGRAM_CELLS ? cell : SMR_HISTOGRAM_CELLS - 1;
}

/* The highest value that falls into a cell. */
static uint64_t top_of(size_t cell)
{
	size_t shift = cell < 2 * SMR_HISTOGRAM_STEPS ? 0 : cell / SMR_HISTOGRAM_STEPS - 1;
	uint64_t leading = cell - shift * SMR_HISTOGRAM_STEPS;

	return ((leading + 1) << shift) - 1;
}

void smr_histogram_add(struct smr_histogram *histogram, uint64_t us)
{
	histogram->cells[cell_of(us)]++;
	histogram->count++;
	if (us > histogram->max_us)
		histogram->max_us = us;
}

/* How many of all make up that share: the least number that is not below it. 0.07 · 100 is a little above 7 in binary, and still means 7. */
static uint64_t rank_of(uint64_t count, double share)
{
	double exact = share * (double)count * (1 - 1e-12);
	uint64_t rank = (uint64_t)exact;

	if ((double)rank < exact)
		rank++;
	return rank == 0 ? 1 : rank > count ? count : rank;
}

uint64_t smr_histogram_at(const struct smr_histogram *histogram, double share)
{
	uint64_t rank = rank_of(histogram->count, share);
	uint64_t seen = 0;

	if (histogram->count == 0)
		return 0;
	for (size_t cell = 0; cell < SMR_HISTOGRAM_CELLS - 1; cell++) {
		seen += histogram->cells[cell];
		if (seen >= rank)
			return top_of(cell) < histogram->max_us ? top_of(cell) : histogram->max_us;
	}
	return histogram->max_us;
}
