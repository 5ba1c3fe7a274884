/* SPDX-License-Identifier: Apache-2.0 */
/* Queries and transactions over whatever back end the handle has. */

#include "store/local.h"
#include "sys/fault.h"

struct smr_query smr_query_begin(struct smr_store *store, enum smr_sql which)
{
	struct smr_query q = {.store = store, .which = which};

	store->driver->query_begin(&q);
	return q;
}

void smr_query_blob(struct smr_query *q, const void *ptr, size_t len)
{
	if (q->err == SMR_OK)
		q->store->driver->bind_blob(q, ptr, len);
}

void smr_query_bytes(struct smr_query *q, struct smr_bytes bytes)
{
	if (bytes.len > 0)
		smr_query_blob(q, bytes.ptr, bytes.len);
	else if (q->err == SMR_OK)
		q->store->driver->bind_null(q);
}

void smr_query_text(struct smr_query *q, const char *text)
{
	if (q->err == SMR_OK)
		q->store->driver->bind_text(q, text);
}

void smr_query_int(struct smr_query *q, uint64_t value)
{
	if (q->err == SMR_OK)
		q->store->driver->bind_int(q, value);
}

void smr_query_device(struct smr_query *q, const struct smr_eid *eid)
{
	if (q->err == SMR_OK)
		q->store->driver->bind_device(q, eid, false);
}

void smr_query_new_device(struct smr_query *q, const struct smr_eid *eid)
{
	if (q->err == SMR_OK)
		q->store->driver->bind_device(q, eid, true);
}

void smr_query_ref(struct smr_query *q, uint64_t number)
{
	if (number != 0)
		smr_query_int(q, number);
	else
		smr_query_bytes(q, SMR_NONE);
}

bool smr_query_step(struct smr_query *q)
{
	return q->err == SMR_OK && q->store->driver->step(q);
}

enum smr_err smr_query_end(struct smr_query *q)
{
	q->store->driver->query_end(q);
	return q->err;
}

enum smr_err smr_query_run(struct smr_query *q)
{
	while (smr_query_step(q))
		;
	return smr_query_end(q);
}

enum smr_err smr_query_do(struct smr_store *store, enum smr_sql which)
{
	struct smr_query q = smr_query_begin(store, which);

	return smr_query_run(&q);
}

/* ---- columns ---- */

static void damaged(struct smr_query *q)
{
	if (q->err == SMR_OK)
		q->err = smr_store_say(q->store, SMR_E_IO,
				       "the store is damaged: a column has the wrong length; restore it from a copy");
}

bool smr_column_null(const struct smr_query *q, int column)
{
	return q->store->driver->column_null(q, column);
}

uint64_t smr_column_int(const struct smr_query *q, int column)
{
	return q->store->driver->column_int(q, column);
}

struct smr_bytes smr_column_bytes(const struct smr_query *q, int column)
{
	return q->store->driver->column_bytes(q, column);
}

void smr_column_fixed(struct smr_query *q, int column, void *out, size_t len)
{
	struct smr_bytes bytes = smr_column_bytes(q, column);

	if (bytes.len != len)
		damaged(q);
	else
		memcpy(out, bytes.ptr, len);
}

size_t smr_column_copy(struct smr_query *q, int column, void *out, size_t room)
{
	struct smr_bytes bytes = smr_column_bytes(q, column);

	if (bytes.len > room) {
		damaged(q);
		return 0;
	}
	if (bytes.len > 0)
		memcpy(out, bytes.ptr, bytes.len);
	return bytes.len;
}

void smr_column_text(struct smr_query *q, int column, char *out, size_t room)
{
	out[smr_column_copy(q, column, out, room - 1)] = 0;
}

void smr_column_point(struct smr_query *q, int column, uint8_t out[SMR_POINT_LEN])
{
	out[0] = 4;
	smr_column_fixed(q, column, out + 1, SMR_POINT_LEN - 1);
}

void smr_column_party(struct smr_query *q, int column, struct smr_store_party *out)
{
	memset(out, 0, sizeof(*out));
	smr_column_text(q, column, out->role, sizeof(out->role));
	smr_column_text(q, column + 1, out->name, sizeof(out->name));
	smr_column_fixed(q, column + 2, out->sign, sizeof(out->sign));
	out->has_kem = !smr_column_null(q, column + 3);
	if (out->has_kem)
		smr_column_fixed(q, column + 3, out->kem, sizeof(out->kem));
}

/* ---- transactions ---- */

enum smr_err smr_read_begin(struct smr_store *store)
{
	return store->loading ? SMR_OK : store->driver->begin(store, false);
}

enum smr_err smr_read_end(struct smr_store *store, enum smr_err err)
{
	enum smr_err end = store->loading ? SMR_OK : store->driver->commit_transaction(store);

	return err == SMR_OK ? end : err;
}

enum smr_err smr_write_begin(struct smr_store *store)
{
	if (store->loading)
		return smr_load_check(store);
	store->problem.text[0] = '\0'; /* of an earlier call */
	return store->driver->begin(store, true);
}

enum smr_err smr_write_end(struct smr_store *store, enum smr_err err)
{
	if (store->loading)
		return smr_load_result(store, err);
	if (err == SMR_OK && !store->driver->in_transaction(store))
		err = smr_store_say(store, SMR_E_IO, "the store has rolled the change back");
	SMR_FAULT("before-commit", "store");
	if (err == SMR_OK)
		err = store->driver->commit_transaction(store);
	SMR_FAULT("after-commit", "store");
	if (err != SMR_OK)
		store->driver->roll_back(store);
	return err;
}

enum smr_err smr_bump_sequence(struct smr_store *store)
{
	return smr_query_do(store, SMR_SQL_META_BUMP);
}
