/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/pg/local.h"

/* The handle begins with the base. */
struct smr_pg *smr_pg_of(struct smr_store *store)
{
	return (struct smr_pg *)store;
}

/* Nothing that one session could do: the server writes its log on by itself, and only VACUUM, which it starts by itself
 * too, takes what was deleted out of its pages (docs/decisions/0009-life-of-remnants.md). */
static enum smr_err checkpoint(struct smr_store *store)
{
	return smr_pg_ready(smr_pg_of(store));
}

static enum smr_err copy_log(struct smr_store *store, uint64_t *octets)
{
	*octets = 0;
	return checkpoint(store);
}

/* ---- packages: one row beside the device's; X is in packages.c ---- */

static enum smr_err purge_package(struct smr_store *store, const struct smr_eid *eid, uint64_t number)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_PURGE);

	(void)number;
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	return smr_query_run(&q);
}

/* ---- ICCIDs: a table of their own, since they lie in other buckets than the devices that have them ---- */

static enum smr_err holder_of(struct smr_store *store, uint64_t operator_number, const struct smr_iccid *iccid,
			      struct smr_eid *holder, bool *found)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ICCID_GET);

	smr_query_blob(&q, iccid->octets, sizeof(iccid->octets));
	smr_query_int(&q, operator_number);
	*found = smr_query_step(&q);
	if (*found)
		smr_column_fixed(&q, 0, holder->octets, sizeof(holder->octets));
	return smr_query_end(&q);
}

static enum smr_err claim(struct smr_store *store, uint64_t operator_number, const struct smr_iccid *iccid,
			  const struct smr_eid *eid)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ICCID_PUT);

	smr_query_blob(&q, iccid->octets, sizeof(iccid->octets));
	smr_query_int(&q, operator_number);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	return smr_query_run(&q);
}

static bool is_live(const struct smr_held *held, uint64_t operator_number, const struct smr_iccid *iccid)
{
	return held->found && held->operator_number == operator_number &&
	       memcmp(&held->row.iccid, iccid, sizeof(*iccid)) == 0 && held->row.state != SMR_ROW_EMPTY &&
	       held->row.state != SMR_ROW_RESEAL;
}

static enum smr_err claim_iccid(struct smr_store *store, uint64_t operator_number, const struct smr_iccid *iccid,
				const struct smr_eid *eid, bool *taken)
{
	struct smr_eid holder;
	struct smr_held held;
	bool found;

	*taken = false;
	SMR_TRY(holder_of(store, operator_number, iccid, &holder, &found));
	if (found && memcmp(&holder, eid, sizeof(holder)) == 0)
		return SMR_OK;
	if (found) {
		SMR_TRY(smr_held_get(store, &holder, &held));
		*taken = is_live(&held, operator_number, iccid);
	}
	return *taken ? SMR_OK : claim(store, operator_number, iccid, eid);
}

/* The row of meta stays locked until the commit: whatever else is in the transaction comes before. */
static enum smr_err put_journal(struct smr_store *store, const struct smr_eid *eids, size_t count)
{
	struct smr_pg *pg = smr_pg_of(store);
	struct smr_pg_rows rows;
	uint32_t bucket;

	SMR_TRY(smr_pg_gather_send(pg));
	rows = smr_pg_rows_begin(pg, SMR_PG_JOURNAL);
	for (size_t i = 0; i < count; i++) {
		SMR_TRY(smr_pg_bucket(eids[i].octets, sizeof(eids[i].octets), &bucket));
		smr_pg_put_int(&pg->params, SMR_PG_INT4, bucket);
		smr_pg_put_bytes(&pg->params, eids[i].octets, sizeof(eids[i].octets));
		smr_pg_rows_next(&rows);
	}
	return smr_pg_rows_end(&rows);
}

/* Sequences are given out when a row is inserted and seen when its transaction has ended, which may be another order.
 * Once nobody else has rows on their way, all that is above the highest sequence is still to come. */
static enum smr_err still_relay(struct smr_store *store)
{
	return smr_query_do(store, SMR_SQL_RELAY_STILL);
}

const struct smr_driver smr_driver_pg = {
	.handle_size = sizeof(struct smr_pg),
	.open = smr_pg_open,
	.close = smr_pg_close,
	.lookup = smr_pg_lookup,
	.commit = smr_pg_commit,
	.copy_log = copy_log,
	.checkpoint = checkpoint,
	.query_begin = smr_pg_query_begin,
	.bind_blob = smr_pg_bind_blob,
	.bind_null = smr_pg_bind_null,
	.bind_text = smr_pg_bind_text,
	.bind_int = smr_pg_bind_int,
	.bind_device = smr_pg_bind_device,
	.step = smr_pg_step,
	.query_end = smr_pg_query_end,
	.column_null = smr_pg_column_null,
	.column_int = smr_pg_column_int,
	.column_bytes = smr_pg_column_bytes,
	.begin = smr_pg_begin,
	.commit_transaction = smr_pg_commit_transaction,
	.roll_back = smr_pg_roll_back,
	.in_transaction = smr_pg_in_transaction,
	.put_package = smr_pg_put_package,
	.purge_package = purge_package,
	.claim_iccid = claim_iccid,
	.use_ring = smr_pg_use_ring,
	.rotate_packages = smr_pg_rotate_packages,
	.lose_packages = smr_pg_lose_packages,
	.look_ahead = smr_pg_look_ahead,
	.put_journal = put_journal,
	.still_relay = still_relay,
};
