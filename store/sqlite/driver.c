/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/sqlite/local.h"

/* The handle begins with the base. */
struct smr_sqlite *smr_sqlite_of(struct smr_store *store)
{
	return (struct smr_sqlite *)store;
}

/* Nothing is far away. */
static enum smr_err look_ahead(struct smr_store *store, const struct smr_store_ahead *list, size_t count,
			       uint64_t operator_number)
{
	(void)store;
	(void)list;
	(void)count;
	(void)operator_number;
	return SMR_OK;
}

/* X is overwritten where it stands: there are no package keys. */
static enum smr_err use_ring(struct smr_store *store)
{
	(void)store;
	return SMR_OK;
}

static enum smr_err rotate_packages(struct smr_store *store, bool now, struct smr_store_rotation *out)
{
	(void)store;
	(void)now;
	*out = (struct smr_store_rotation){.done = true, .part = SMR_STORE_ROTATION_PARTS, .wait_s = UINT32_MAX};
	return SMR_OK;
}

static enum smr_err lose_packages(struct smr_store *store, uint64_t *count)
{
	(void)store;
	*count = 0;
	return SMR_OK;
}

static enum smr_err put_entry(struct smr_store *store, const struct smr_eid *eid)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_JOURNAL_BUMP);
	uint64_t entry = smr_query_step(&q) ? smr_column_int(&q, 0) : 0;

	SMR_TRY(smr_query_run(&q));
	q = smr_query_begin(store, SMR_SQL_JOURNAL_PUT);
	smr_query_int(&q, entry % SMR_STORE_JOURNAL);
	smr_query_int(&q, entry);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	return smr_query_run(&q);
}

static enum smr_err put_journal(struct smr_store *store, const struct smr_eid *eids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		SMR_TRY(put_entry(store, &eids[i]));
	return SMR_OK;
}

/* There is one writer at a time: whoever asks is it. */
static enum smr_err still_relay(struct smr_store *store)
{
	(void)store;
	return SMR_OK;
}

const struct smr_driver smr_driver_sqlite = {
	.handle_size = sizeof(struct smr_sqlite),
	.open = smr_sqlite_open,
	.close = smr_sqlite_close,
	.lookup = smr_sqlite_lookup,
	.commit = smr_sqlite_commit,
	.warm_up = smr_sqlite_warm_up,
	.expect = smr_sqlite_expect,
	.copy_log = smr_sqlite_copy_log,
	.checkpoint = smr_sqlite_checkpoint,
	.query_begin = smr_sqlite_query_begin,
	.bind_blob = smr_sqlite_bind_blob,
	.bind_null = smr_sqlite_bind_null,
	.bind_text = smr_sqlite_bind_text,
	.bind_int = smr_sqlite_bind_int,
	.bind_device = smr_sqlite_bind_device,
	.step = smr_sqlite_step,
	.query_end = smr_sqlite_query_end,
	.column_null = smr_sqlite_column_null,
	.column_int = smr_sqlite_column_int,
	.column_bytes = smr_sqlite_column_bytes,
	.begin = smr_sqlite_begin,
	.commit_transaction = smr_sqlite_commit_transaction,
	.roll_back = smr_sqlite_roll_back,
	.in_transaction = smr_sqlite_in_transaction,
	.put_package = smr_sqlite_put_package,
	.purge_package = smr_sqlite_purge_package,
	.claim_iccid = smr_sqlite_claim_iccid,
	.use_ring = use_ring,
	.rotate_packages = rotate_packages,
	.lose_packages = lose_packages,
	.look_ahead = look_ahead,
	.put_journal = put_journal,
	.still_relay = still_relay,
};
