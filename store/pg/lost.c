/* SPDX-License-Identifier: Apache-2.0 */
/* Package keys that are lost: a new ring, and devices whose packages cannot be read wait for new ones (packages.c). */
#include <stdlib.h>

#include "store/pg/packages.h"

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

	SMR_TRY(smr_pg_epochs_read(store, &epochs));
	if (epochs.count != 0 && smr_pg_epochs_check(store, &epochs) == SMR_OK)
		return SMR_OK;
	return begin_anew(store, &epochs);
}

static enum smr_err read_lost(struct smr_store *store, struct smr_pg_bucket *w)
{
	struct smr_query q = smr_pg_bucket_query(store, SMR_SQL_PACKAGES_LOST, w);

	w->count = 0;
	while (smr_query_step(&q) && w->count < SMR_PG_PACKAGE_ROWS)
		smr_column_fixed(&q, 0, w->rows[w->count++].eid.octets, SMR_EID_LEN);
	return smr_query_end(&q);
}

static enum smr_err give_up_rows(struct smr_store *store, struct smr_pg_bucket *w)
{
	struct smr_held held;

	SMR_TRY(read_lost(store, w));
	for (size_t i = 0; i < w->count; i++) {
		SMR_TRY(smr_held_get(store, &w->rows[i].eid, &held));
		if (held.found)
			SMR_TRY(smr_held_reseal(store, &w->rows[i].eid, &held));
	}
	return SMR_OK;
}

static enum smr_err give_up_bucket(struct smr_store *store, struct smr_pg_bucket *w, uint64_t *count)
{
	do {
		SMR_TRY(smr_write_begin(store));
		SMR_TRY(smr_write_end(store, give_up_rows(store, w)));
		*count += w->count;
	} while (w->count == SMR_PG_PACKAGE_ROWS);
	return SMR_OK;
}

static enum smr_err give_up_lost(struct smr_store *store, struct smr_pg_again *room, uint64_t oldest, uint64_t *count)
{
	struct smr_pg_bucket w = {.epoch = oldest, .rows = room};
	struct smr_pg_left left;

	for (unsigned range = 0; range < SMR_PG_RANGES; range++) {
		SMR_TRY(smr_pg_find_left(store, oldest, range, &left));
		for (size_t i = 0; i < left.count; i++) {
			w.bucket = left.list[i];
			SMR_TRY(give_up_bucket(store, &w, count));
		}
	}
	return SMR_OK;
}

enum smr_err smr_pg_lose_packages(struct smr_store *store, uint64_t *count)
{
	struct smr_pg_again *room;
	struct smr_pg_epochs epochs;
	enum smr_err err;

	*count = 0;
	SMR_TRY(smr_write_begin(store));
	SMR_TRY(smr_write_end(store, begin_anew_if_lost(store)));
	SMR_TRY(smr_pg_epochs_follow(store, &epochs));
	room = calloc(SMR_PG_PACKAGE_ROWS, sizeof(*room));
	if (room == NULL)
		return SMR_E_NO_MEMORY;
	err = give_up_lost(store, room, epochs.oldest, count);
	free(room);
	return err;
}
