/* SPDX-License-Identifier: Apache-2.0 */
#include "core/aka/sqn.h"

void smr_sqn_put(uint8_t out[SMR_SQN_LEN], uint64_t sqn)
{
	smr_put_be16(out, (uint16_t)(sqn >> 32));
	smr_put_be32(out + 2, (uint32_t)sqn);
}

uint64_t smr_sqn_get(const uint8_t in[SMR_SQN_LEN])
{
	return (uint64_t)smr_get_be16(in) << 32 | smr_get_be32(in + 2);
}

static uint64_t highest_of(const uint64_t seq[SMR_SQN_SLOTS])
{
	uint64_t highest = 0;

	for (size_t i = 0; i < SMR_SQN_SLOTS; i++) {
		if (seq[i] > highest)
			highest = seq[i];
	}
	return highest;
}

enum smr_err smr_sqn_init(struct smr_sqn *array, const uint64_t *first, uint64_t delta, uint64_t age_limit)
{
	memset(array, 0, sizeof(*array));
	if (delta > SMR_SQN_SEQ_MAX || age_limit > SMR_SQN_SEQ_MAX)
		return SMR_E_INVALID;
	if (first != NULL) {
		if (highest_of(first) > SMR_SQN_SEQ_MAX)
			return SMR_E_INVALID;
		memcpy(array->seq, first, sizeof(array->seq));
	}
	array->delta = delta != 0 ? delta : SMR_SQN_DELTA_DEFAULT;
	array->age_limit = age_limit;
	array->highest = highest_of(array->seq);
	return SMR_OK;
}

enum smr_err smr_sqn_check(const struct smr_sqn *array)
{
	bool sound = array->delta != 0 && array->delta <= SMR_SQN_SEQ_MAX && array->age_limit <= SMR_SQN_SEQ_MAX &&
		     array->highest <= SMR_SQN_SEQ_MAX && array->highest == highest_of(array->seq);

	return sound ? SMR_OK : SMR_E_MALFORMED;
}

/* C.2.1: no jump above delta, so that a few forged or faulty SQNs cannot use the range up. Plain numbers, no modulus.
 */
static bool jumps_too_far(const struct smr_sqn *array, uint64_t seq)
{
	return seq > array->highest && seq - array->highest > array->delta;
}

/* C.2.2: an optional limit on how long an unused vector stays good. */
static bool is_too_old(const struct smr_sqn *array, uint64_t seq)
{
	return array->age_limit != 0 && seq < array->highest && array->highest - seq >= array->age_limit;
}

enum smr_err smr_sqn_accept(struct smr_sqn *array, uint64_t sqn)
{
	uint64_t seq = smr_sqn_seq(sqn);
	uint64_t *slot = &array->seq[smr_sqn_ind(sqn)];

	if (sqn > SMR_SQN_MAX)
		return SMR_E_INVALID;
	if (jumps_too_far(array, seq) || is_too_old(array, seq) || seq <= *slot)
		return SMR_E_SQN;
	*slot = seq;
	if (seq > array->highest)
		array->highest = seq;
	return SMR_OK;
}

uint64_t smr_sqn_ms(const struct smr_sqn *array)
{
	uint64_t ind = SMR_SQN_SLOTS - 1;

	while (ind > 0 && array->seq[ind] != array->highest)
		ind--;
	return array->highest << SMR_SQN_IND_BITS | ind;
}

enum smr_err smr_sqn_next_in_slot(uint64_t last, unsigned ind, uint64_t *next)
{
	if (last > SMR_SQN_MAX || ind >= SMR_SQN_SLOTS)
		return SMR_E_INVALID;
	if (smr_sqn_seq(last) == SMR_SQN_SEQ_MAX)
		return SMR_E_TOO_MANY;
	*next = (smr_sqn_seq(last) + 1) << SMR_SQN_IND_BITS | ind;
	return SMR_OK;
}

enum smr_err smr_sqn_next(uint64_t last, uint64_t *next)
{
	return smr_sqn_next_in_slot(last, (unsigned)((smr_sqn_ind(last) + 1) % SMR_SQN_SLOTS), next);
}

enum smr_err smr_sqn_resync(uint64_t *last, uint64_t sqn_ms)
{
	if (*last > SMR_SQN_MAX || sqn_ms > SMR_SQN_MAX)
		return SMR_E_INVALID;
	if (smr_sqn_seq(sqn_ms) > smr_sqn_seq(*last))
		*last = sqn_ms;
	return SMR_OK;
}
