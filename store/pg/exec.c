/* SPDX-License-Identifier: Apache-2.0 */
/* Statements in the pipeline. Whatever is queued is answered in order; one Sync at the end closes the round trip. */
#include <stdio.h>

#include "store/pg/local.h"
#include "sys/clock.h"

static enum smr_err lose(struct smr_pg *pg, const char *why)
{
	enum smr_err err = smr_pg_unavailable(pg, why);

	smr_pg_drop(pg);
	return err;
}

/* Sent octets leave by themselves while results are read; here only what the socket takes at once. */
static enum smr_err push(struct smr_pg *pg)
{
	return PQflush(pg->conn) < 0 ? lose(pg, "the connection is lost") : SMR_OK;
}

static enum smr_err prepare(struct smr_pg *pg, uint32_t *name, const char *text, const Oid *types, int count)
{
	char number[16];

	if (pg->uncertain_count == SMR_COUNT(pg->uncertain))
		return smr_store_say(&pg->base, SMR_E_TOO_MANY, "PostgreSQL: too many new statements at once");
	*name = ++pg->next_name;
	pg->uncertain[pg->uncertain_count++] = name;
	(void)snprintf(number, sizeof(number), "%u", *name);
	pg->queued++;
	return PQsendPrepare(pg->conn, number, text, count, types) == 1 ? SMR_OK
									: lose(pg, "a statement cannot be sent");
}

enum smr_err smr_pg_queue(struct smr_pg *pg, uint32_t *name, const char *text, int first, int count)
{
	const struct smr_pg_params *params = &pg->params;
	char number[16];

	SMR_TRY(smr_pg_ready(pg));
	if (*name == 0)
		SMR_TRY(prepare(pg, name, text, params->types + first, count));
	(void)snprintf(number, sizeof(number), "%u", *name);
	if (PQsendQueryPrepared(pg->conn, number, count, params->values + first, params->lengths + first,
				params->formats, 1) != 1)
		return lose(pg, "a statement cannot be sent");
	pg->queued++;
	return push(pg);
}

/* Wait until the next result can be taken without blocking. */
static bool wait_for_result(struct smr_pg *pg, uint64_t until)
{
	while (PQisBusy(pg->conn)) {
		int left = PQflush(pg->conn);

		if (left < 0 || !smr_pg_poll(pg, left == 1, until) || PQconsumeInput(pg->conn) != 1)
			return false;
	}
	return true;
}

static enum smr_err take_one(struct smr_pg *pg, PGresult **result, smr_pg_taker take, void *context)
{
	switch (PQresultStatus(*result)) {
	case PGRES_TUPLES_OK:
		return take != NULL ? take(context, result) : SMR_OK;
	case PGRES_FATAL_ERROR:
		return smr_pg_fail(pg, *result);
	default:
		return SMR_OK; /* a command, or skipped after an error that is known */
	}
}

static enum smr_err read_results(struct smr_pg *pg, uint64_t until, smr_pg_taker take, void *context)
{
	enum smr_err err = SMR_OK;

	for (;;) {
		PGresult *result;
		ExecStatusType status;

		if (!wait_for_result(pg, until))
			return lose(pg, "no answer");
		result = PQgetResult(pg->conn);
		if (result == NULL) {
			if (PQstatus(pg->conn) != CONNECTION_OK)
				return lose(pg, "the connection is lost");
			continue; /* between the results of two statements */
		}
		status = PQresultStatus(result);
		if (status != PGRES_PIPELINE_SYNC && err == SMR_OK)
			err = take_one(pg, &result, take, context);
		PQclear(result);
		if (status == PGRES_PIPELINE_SYNC)
			return err;
	}
}

/* Nobody knows which of the new statements came before the error. Those that did are left behind under their names. */
static void settle_names(struct smr_pg *pg, bool failed)
{
	for (size_t i = 0; failed && i < pg->uncertain_count; i++)
		*pg->uncertain[i] = 0;
	pg->uncertain_count = 0;
}

/* A transaction that has failed is ended at once: nothing of it can be kept. */
static enum smr_err roll_back(struct smr_pg *pg, uint64_t until)
{
	pg->in_transaction = false;
	if (PQsendQueryParams(pg->conn, "ROLLBACK", 0, NULL, NULL, NULL, NULL, 1) != 1 || PQpipelineSync(pg->conn) != 1)
		return lose(pg, "the connection is lost");
	return read_results(pg, until, NULL, NULL);
}

enum smr_err smr_pg_wait(struct smr_pg *pg, uint64_t timeout_ms, smr_pg_taker take, void *context)
{
	uint64_t until = smr_clock_ms() + timeout_ms;
	enum smr_err err;

	pg->sqlstate[0] = '\0';
	if (pg->state != SMR_PG_READY)
		return SMR_E_UNAVAILABLE;
	if (PQpipelineSync(pg->conn) != 1)
		return lose(pg, "the connection is lost");
	pg->queued = 0;
	err = read_results(pg, until, take, context);
	settle_names(pg, err != SMR_OK);
	if (err != SMR_OK && pg->state == SMR_PG_READY && PQstatus(pg->conn) != CONNECTION_OK)
		smr_pg_drop(pg); /* what it said last is the reason */
	if (err == SMR_OK || pg->state != SMR_PG_READY || !pg->in_transaction)
		return err;
	return roll_back(pg, until) == SMR_OK ? err : SMR_E_UNAVAILABLE;
}

enum smr_err smr_pg_queue_params(struct smr_pg *pg, enum smr_sql which)
{
	return smr_pg_queue(pg, &pg->names.statement[which], smr_pg_text(which), 0, pg->params.count);
}

enum smr_err smr_pg_queue_plain(struct smr_pg *pg, enum smr_sql which)
{
	smr_pg_params_clear(&pg->params);
	return smr_pg_queue_params(pg, which);
}

/* ---- columns ---- */

bool smr_pg_null(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) == 1;
}

struct smr_bytes smr_pg_bytes(const PGresult *result, int row, int column)
{
	if (smr_pg_null(result, row, column))
		return SMR_NONE;
	return smr_bytes_of((const uint8_t *)PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

uint64_t smr_pg_int(const PGresult *result, int row, int column)
{
	struct smr_bytes octets = smr_pg_bytes(result, row, column);
	uint64_t value = 0;

	for (size_t i = 0; i < octets.len; i++)
		value = value << 8 | octets.ptr[i];
	return value;
}
