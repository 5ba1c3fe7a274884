/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a load is going to ask for its next records, asked at once: the row of each device, which is locked by that, and
 * who has each ICCID. Each answer is given out once. It is true until then: nobody else writes there (rows are locked, and
 * loads come one after the other), and this load changes a device only after it has taken its row.
 */
#include <stdlib.h>

#include "store/pg/local.h"

struct entry {
	struct smr_store_ahead about;
	uint32_t bucket; /* of the EID */
	PGresult *row;	 /* NULL: not there, or given out */
	PGresult *holder;
};

struct smr_pg_ahead {
	struct entry entries[SMR_STORE_AHEAD_MAX]; /* as they come */
	struct entry *order[SMR_STORE_AHEAD_MAX];  /* as they are asked for, now */
	size_t count;
	size_t asked;
	size_t answered;
	bool of_iccids; /* what is being asked, now */
	uint64_t operator_number;
	size_t next; /* the first that may be taken */
};

void smr_pg_ahead_forget(struct smr_pg *pg)
{
	for (size_t i = 0; pg->ahead != NULL && i < pg->ahead->count; i++) {
		PQclear(pg->ahead->entries[i].row);
		PQclear(pg->ahead->entries[i].holder);
	}
	free(pg->ahead);
	pg->ahead = NULL;
}

/* ---- asking ---- */

/* Contacts lock in this order too. */
static int by_row(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a;
	const struct entry *y = *(struct entry *const *)b;
	int order = (x->bucket > y->bucket) - (x->bucket < y->bucket);

	return order != 0 ? order : memcmp(&x->about.eid, &y->about.eid, sizeof(x->about.eid));
}

static int by_iccid(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a;
	const struct entry *y = *(struct entry *const *)b;

	return memcmp(&x->about.iccid, &y->about.iccid, sizeof(x->about.iccid));
}

/* One of each: who comes second asks for itself, and sees what the first has changed. */
static void put_in_order(struct smr_pg_ahead *ahead, int (*compare)(const void *, const void *))
{
	size_t kept = 0;

	for (size_t i = 0; i < ahead->count; i++)
		ahead->order[i] = &ahead->entries[i];
	qsort(ahead->order, ahead->count, sizeof(ahead->order[0]), compare);
	for (size_t i = 0; i < ahead->count; i++)
		if (kept == 0 || compare(&ahead->order[kept - 1], &ahead->order[i]) != 0)
			ahead->order[kept++] = ahead->order[i];
	ahead->asked = kept;
	ahead->answered = 0;
}

static enum smr_err take_answer(void *context, PGresult **result)
{
	struct smr_pg_ahead *ahead = context;
	struct entry *entry = ahead->order[ahead->answered++];

	*(ahead->of_iccids ? &entry->holder : &entry->row) = *result;
	*result = NULL;
	return SMR_OK;
}

static enum smr_err queue_row(struct smr_pg *pg, const struct entry *entry)
{
	smr_pg_params_clear(&pg->params);
	smr_pg_put_bytes(&pg->params, entry->about.eid.octets, sizeof(entry->about.eid.octets));
	smr_pg_put_int(&pg->params, SMR_PG_INT4, entry->bucket);
	return smr_pg_queue_params(pg, SMR_SQL_ROW_GET);
}

static enum smr_err queue_iccid(struct smr_pg *pg, const struct entry *entry)
{
	const struct smr_iccid *iccid = &entry->about.iccid;
	uint32_t bucket;

	SMR_TRY(smr_pg_bucket(iccid->octets, sizeof(iccid->octets), &bucket));
	smr_pg_params_clear(&pg->params);
	smr_pg_put_bytes(&pg->params, iccid->octets, sizeof(iccid->octets));
	smr_pg_put_int(&pg->params, SMR_PG_INT8, pg->ahead->operator_number);
	smr_pg_put_int(&pg->params, SMR_PG_INT4, bucket);
	return smr_pg_queue_params(pg, SMR_SQL_ICCID_GET);
}

static enum smr_err ask(struct smr_pg *pg, bool of_iccids)
{
	struct smr_pg_ahead *ahead = pg->ahead;

	ahead->of_iccids = of_iccids;
	put_in_order(ahead, of_iccids ? by_iccid : by_row);
	for (size_t i = 0; i < ahead->asked; i++)
		SMR_TRY((of_iccids ? queue_iccid : queue_row)(pg, ahead->order[i]));
	return smr_pg_wait(pg, SMR_PG_OTHER_MS, take_answer, ahead);
}

enum smr_err smr_pg_look_ahead(struct smr_store *store, const struct smr_store_ahead *list, size_t count,
			       uint64_t operator_number)
{
	struct smr_pg *pg = smr_pg_of(store);

	SMR_TRY(smr_pg_gather_send(pg));
	smr_pg_ahead_forget(pg);
	pg->ahead = calloc(1, sizeof(*pg->ahead));
	if (pg->ahead == NULL)
		return SMR_E_NO_MEMORY;
	pg->ahead->operator_number = operator_number;
	for (size_t i = 0; i < count; i++) {
		pg->ahead->entries[i].about = list[i];
		SMR_TRY(smr_pg_bucket(list[i].eid.octets, SMR_EID_LEN, &pg->ahead->entries[i].bucket));
	}
	pg->ahead->count = count;
	SMR_TRY(ask(pg, false));
	return operator_number != 0 ? ask(pg, true) : SMR_OK;
}

/* ---- giving out ---- */

static PGresult *give(PGresult **answer)
{
	PGresult *result = *answer;

	*answer = NULL;
	return result;
}

static PGresult *take_row(struct smr_pg_ahead *ahead, const void *eid)
{
	for (size_t i = ahead->next; i < ahead->count; i++) {
		struct entry *entry = &ahead->entries[i];

		if (entry->row == NULL || memcmp(&entry->about.eid, eid, sizeof(entry->about.eid)) != 0)
			continue;
		if (i == ahead->next)
			ahead->next++;
		return give(&entry->row);
	}
	return NULL;
}

/* Asked for after the row: the entry is the one before the next. */
static PGresult *take_holder(struct smr_pg_ahead *ahead, const void *iccid)
{
	for (size_t i = ahead->next > 0 ? ahead->next - 1 : 0; i < ahead->count; i++) {
		struct entry *entry = &ahead->entries[i];

		if (entry->holder != NULL && memcmp(&entry->about.iccid, iccid, sizeof(entry->about.iccid)) == 0)
			return give(&entry->holder);
	}
	return NULL;
}

PGresult *smr_pg_ahead_take(struct smr_pg *pg, enum smr_sql which)
{
	const struct smr_pg_params *params = &pg->params;

	if (pg->ahead == NULL)
		return NULL;
	if (which == SMR_SQL_ROW_GET)
		return take_row(pg->ahead, params->values[0]);
	if (which == SMR_SQL_ICCID_GET &&
	    smr_get_be64((const uint8_t *)params->values[1]) == pg->ahead->operator_number)
		return take_holder(pg->ahead, params->values[0]);
	return NULL;
}
