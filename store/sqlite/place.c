/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the row of a device lies (docs/decisions/0024-places-of-devices.md): number of the first 20 digits of its EID << 40 | value of the last 12.
 * So two EIDs never have the same place, and those of one prefix lie in their own order.
 */
#include "store/sqlite/local.h"

#define SUFFIX_BITS 40

_Static_assert(UINT64_C(999999999999) < UINT64_C(1) << SUFFIX_BITS, "12 digits have room");
_Static_assert(SMR_SQLITE_PREFIX_MAX == (UINT64_C(1) << (63 - SUFFIX_BITS)) - 1, "places are positive");

/* False: not digits. */
static bool read_suffix(const struct smr_eid *eid, uint64_t *suffix)
{
	uint64_t value = 0;

	for (size_t i = SMR_SQLITE_PREFIX_LEN; i < SMR_EID_LEN; i++) {
		unsigned high = eid->octets[i] >> 4;
		unsigned low = eid->octets[i] & 0x0fu;

		if (high > 9 || low > 9)
			return false;
		value = value * 100 + high * 10 + low;
	}
	*suffix = value;
	return true;
}

static uint64_t place_of(uint64_t number, uint64_t suffix)
{
	return number << SUFFIX_BITS | suffix;
}

/* ---- numbers of prefixes: 0 for one that has none ---- */

static struct smr_sqlite_prefix *slot_of(struct smr_store *store, const struct smr_eid *eid)
{
	/* The first four digits hardly differ. */
	uint64_t mixed = smr_get_be64(eid->octets + SMR_SQLITE_PREFIX_LEN - 8) * UINT64_C(0x9e3779b97f4a7c15);

	return &smr_sqlite_of(store)->prefixes[(mixed >> 32) % SMR_SQLITE_PREFIXES];
}

static bool is_in(const struct smr_sqlite_prefix *slot, const struct smr_eid *eid)
{
	return slot->number != 0 && memcmp(slot->octets, eid->octets, sizeof(slot->octets)) == 0;
}

static enum smr_err ask_number(struct smr_store *store, const struct smr_eid *eid, uint64_t *number)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PREFIX_GET);

	smr_query_blob(&q, eid->octets, SMR_SQLITE_PREFIX_LEN);
	*number = smr_query_step(&q) ? smr_column_int(&q, 0) : 0;
	return smr_query_end(&q);
}

/* A number once given stays. One that is not known may be there all the same: another process has added it. */
static enum smr_err number_of(struct smr_store *store, const struct smr_eid *eid, uint64_t *number)
{
	struct smr_sqlite_prefix *slot = slot_of(store, eid);

	if (is_in(slot, eid)) {
		*number = slot->number;
		return SMR_OK;
	}
	SMR_TRY(ask_number(store, eid, number));
	if (*number != 0) {
		slot->number = *number;
		memcpy(slot->octets, eid->octets, sizeof(slot->octets));
	}
	return SMR_OK;
}

static enum smr_err give_number(struct smr_store *store, const struct smr_eid *eid, uint64_t *number)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PREFIX_PUT);

	smr_query_blob(&q, eid->octets, SMR_SQLITE_PREFIX_LEN);
	SMR_TRY(smr_query_run(&q));
	*number = smr_sqlite_appended(store);
	if (*number > SMR_SQLITE_PREFIX_MAX)
		return smr_store_say(store, SMR_E_TOO_MANY,
				     "the EIDs in this store begin with %llu different groups of 20 digits already, "
				     "which is as many as it can hold: "
				     "use a second store",
				     (unsigned long long)SMR_SQLITE_PREFIX_MAX);
	return SMR_OK;
}

void smr_sqlite_forget_prefixes(void *sqlite)
{
	struct smr_sqlite *mine = sqlite;

	memset(mine->prefixes, 0, sizeof(mine->prefixes));
}

/* ---- places ---- */

enum smr_err smr_sqlite_place(struct smr_store *store, const struct smr_eid *eid, uint64_t *place)
{
	uint64_t suffix;
	uint64_t number;

	*place = 0;
	if (!read_suffix(eid, &suffix))
		return SMR_OK;
	SMR_TRY(number_of(store, eid, &number));
	if (number != 0)
		*place = place_of(number, suffix);
	return SMR_OK;
}

enum smr_err smr_sqlite_new_place(struct smr_store *store, const struct smr_eid *eid, uint64_t *place)
{
	uint64_t suffix;
	uint64_t number;

	*place = 0;
	if (!read_suffix(eid, &suffix))
		return smr_store_say(store, SMR_E_MALFORMED, "this EID does not consist of digits");
	SMR_TRY(number_of(store, eid, &number));
	if (number == 0)
		SMR_TRY(give_number(store, eid, &number));
	*place = place_of(number, suffix);
	return SMR_OK;
}
