/* SPDX-License-Identifier: Apache-2.0 */
/* Where packages lie: rows that never move (schema.c says why). */
#include "store/sqlite/local.h"

static void bind_package(struct smr_query *q, const struct smr_package *package)
{
	smr_query_bytes(q, package->x);
	smr_query_blob(q, package->w, sizeof(package->w));
	smr_query_bytes(q, package->order);
}

/* Only a package of the same lengths may take the place of another. */
static enum smr_err fits_slot(struct smr_store *store, uint64_t slot, const struct smr_package *package, bool *fits)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_SIZES);

	*fits = false;
	smr_query_int(&q, slot);
	if (smr_query_step(&q))
		*fits = smr_column_int(&q, 0) == package->x.len && smr_column_int(&q, 1) == package->order.len;
	return smr_query_end(&q);
}

static enum smr_err append_package(struct smr_store *store, const struct smr_package *package, uint64_t *slot)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_INSERT);

	bind_package(&q, package);
	SMR_TRY(smr_query_run(&q));
	*slot = smr_sqlite_appended(store);
	return SMR_OK;
}

enum smr_err smr_sqlite_put_package(struct smr_store *store, const struct smr_eid *eid, const struct smr_held *held,
				    const struct smr_package *package, uint64_t *slot)
{
	struct smr_query q;
	bool fits;

	if (held->package == 0)
		return append_package(store, package, slot);
	SMR_TRY(fits_slot(store, held->package, package, &fits));
	if (!fits) {
		if (held->has_x)
			SMR_TRY(smr_sqlite_purge_package(store, eid, held->package));
		return append_package(store, package, slot);
	}
	*slot = held->package;
	q = smr_query_begin(store, SMR_SQL_PACKAGE_OVERWRITE);
	smr_query_int(&q, *slot);
	bind_package(&q, package);
	return smr_query_run(&q);
}

enum smr_err smr_sqlite_purge_package(struct smr_store *store, const struct smr_eid *eid, uint64_t slot)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_PACKAGE_PURGE);

	(void)eid;
	smr_query_int(&q, slot);
	return smr_query_run(&q);
}

enum smr_err smr_sqlite_claim_iccid(struct smr_store *store, uint64_t operator_number, const struct smr_iccid *iccid,
				    const struct smr_eid *eid, bool *taken)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_ROW_ICCID_TAKEN);

	smr_query_blob(&q, iccid->octets, sizeof(iccid->octets));
	smr_query_int(&q, operator_number);
	smr_query_blob(&q, eid->octets, sizeof(eid->octets));
	*taken = smr_query_step(&q);
	return smr_query_end(&q);
}
