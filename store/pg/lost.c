/* SPDX-License-Identifier: Apache-2.0 */
/* Package keys that are lost: a new ring, and devices whose packages cannot be read wait for new ones (packages.c). */
#include "store/pg/packages.h"

#define RANGES 64u /* of buckets, each looked through by one statement */
#define RANGE_BUCKETS (SMR_PG_BUCKETS / RANGES)
#define ROWS 256u /* of one transaction */

/* Buckets of one range in which something is lost. */
struct buckets {
	uint32_t list[RANGE_BUCKETS];
	size_t count;
};

/* A newer file than the store knows was there before the store fell back, or is of an earlier attempt. */
static enum smr_err begin_anew(struct smr_store *store, const struct smr_pg_epochs *epochs)
{
	struct smr_problem why = {{0}};
	uint64_t epoch = 0;
	enum smr_err err = smr_package_ring_newest_file(store->ring, &epoch, &why);

	epoch = epoch > epochs->newest ? epoch : epochs->newest + 1;
	if (err == SMR_OK)
		err = smr_package_ring_make(store->ring, epoch, &why);
	if (err != SMR_OK)
		return smr_store_say(store, err, "%s", smr_problem_text(&why, err));
	SMR_TRY(smr_pg_epochs_put(store, epoch));
	return smr_pg_epochs_end_before(store, epoch);
}

static enum smr_err begin_anew_if_lost(struct smr_store *store)
{
	struct smr_pg_epochs epochs;
	enum smr_err err;

	SMR_TRY(smr_pg_epochs_read(store, &epochs));
	err = epochs.count == 0 ? SMR_E_NOT_FOUND : smr_pg_epochs_check(store, &epochs);
	/* Keys that cannot be read at this moment, or by this user, are not lost. */
	return err == SMR_E_NOT_FOUND || err == SMR_E_UNTRUSTED_KEY ? begin_anew(store, &epochs) : err;
}

static enum smr_err find_buckets(struct smr_store *store, uint64_t oldest, unsigned range, struct buckets *out)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_BUCKETS);

	out->count = 0;
	smr_query_int(&q, range * RANGE_BUCKETS);
	smr_query_int(&q, (range + 1) * RANGE_BUCKETS);
	smr_query_int(&q, oldest);
	while (smr_query_step(&q) && out->count < RANGE_BUCKETS)
		out->list[out->count++] = (uint32_t)smr_column_int(&q, 0);
	return smr_query_end(&q);
}

static enum smr_err read_lost(struct smr_store *store, uint32_t bucket, uint64_t oldest, struct smr_eid eids[ROWS],
			      size_t *count)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGES_LOST);

	smr_query_int(&q, bucket);
	smr_query_int(&q, oldest);
	*count = 0;
	while (smr_query_step(&q) && *count < ROWS)
		smr_column_fixed(&q, 0, eids[(*count)++].octets, SMR_EID_LEN);
	return smr_query_end(&q);
}

static enum smr_err give_up_rows(struct smr_store *store, uint32_t bucket, uint64_t oldest, size_t *count)
{
	struct smr_eid eids[ROWS];
	struct smr_held held;

	SMR_TRY(read_lost(store, bucket, oldest, eids, count));
	for (size_t i = 0; i < *count; i++) {
		SMR_TRY(smr_held_get(store, &eids[i], &held));
		if (held.found)
			SMR_TRY(smr_held_reseal(store, &eids[i], &held));
	}
	return SMR_OK;
}

static enum smr_err give_up_bucket(struct smr_store *store, uint32_t bucket, uint64_t oldest, uint64_t *count)
{
	size_t some = 0;

	do {
		SMR_TRY(smr_write_begin(store));
		SMR_TRY(smr_write_end(store, give_up_rows(store, bucket, oldest, &some)));
		*count += some;
	} while (some == ROWS);
	return SMR_OK;
}

static enum smr_err give_up_lost(struct smr_store *store, uint64_t oldest, uint64_t *count)
{
	struct buckets some = {.count = 0};

	for (unsigned range = 0; range < RANGES; range++) {
		SMR_TRY(find_buckets(store, oldest, range, &some));
		for (size_t i = 0; i < some.count; i++)
			SMR_TRY(give_up_bucket(store, some.list[i], oldest, count));
	}
	return SMR_OK;
}

enum smr_err smr_pg_lose_packages(struct smr_store *store, uint64_t *count)
{
	struct smr_pg_epochs epochs;

	*count = 0;
	SMR_TRY(smr_write_begin(store));
	SMR_TRY(smr_write_end(store, begin_anew_if_lost(store)));
	SMR_TRY(smr_pg_epochs_follow(store, &epochs));
	return give_up_lost(store, epochs.oldest, count);
}
