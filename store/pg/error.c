/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "store/pg/local.h"

/* By SQLSTATE (PostgreSQL's appendix A): a whole code or a class of two characters. The first that fits counts. */
static const struct {
	const char *code;
	enum smr_err err;
} meanings[] = {
	{"25006", SMR_E_DISK_FULL},   /* read_only_sql_transaction */
	{"53100", SMR_E_DISK_FULL},   /* disk_full */
	{"53200", SMR_E_NO_MEMORY},   /* out_of_memory */
	{"53", SMR_E_UNAVAILABLE},    /* too many connections, limits */
	{"40", SMR_E_UNAVAILABLE},    /* serialization failure, deadlock */
	{"55P03", SMR_E_UNAVAILABLE}, /* lock_not_available */
	{"57", SMR_E_UNAVAILABLE},    /* shutting down, starting up, cancelled */
	{"08", SMR_E_UNAVAILABLE},    /* connection */
	{"28", SMR_E_UNAVAILABLE},    /* authorization */
	{"3D", SMR_E_NOT_FOUND},      /* no such data base */
	{"42P01", SMR_E_MALFORMED},   /* undefined_table */
	{"42703", SMR_E_MALFORMED},   /* undefined_column */
	{"22", SMR_E_INVALID},	      /* data */
	{"23", SMR_E_INVALID},	      /* constraints */
	{"42", SMR_E_INVALID},	      /* access rule or syntax */
	{"58", SMR_E_IO},	      /* the server's system */
	{"XX", SMR_E_IO},	      /* damaged */
};

static enum smr_err meaning(const char *sqlstate)
{
	for (size_t i = 0; i < SMR_COUNT(meanings); i++)
		if (strncmp(sqlstate, meanings[i].code, strlen(meanings[i].code)) == 0)
			return meanings[i].err;
	return SMR_E_IO;
}

static size_t first_line(const char *text)
{
	return strcspn(text, "\r\n");
}

enum smr_err smr_pg_fail(struct smr_pg *pg, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	enum smr_err err = sqlstate != NULL ? meaning(sqlstate) : SMR_E_UNAVAILABLE;

	if (words == NULL)
		words = PQresultErrorMessage(result);
	(void)snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", sqlstate != NULL ? sqlstate : "");
	return smr_store_say(&pg->base, err, "PostgreSQL: %.*s%s%s", (int)first_line(words), words,
			     sqlstate != NULL ? ", SQLSTATE " : "", pg->sqlstate);
}

enum smr_err smr_pg_unavailable(struct smr_pg *pg, const char *why)
{
	const char *words = pg->conn != NULL ? PQerrorMessage(pg->conn) : "";

	return smr_store_say(&pg->base, SMR_E_UNAVAILABLE, "PostgreSQL: %s%s%.*s", why, words[0] != '\0' ? ": " : "",
			     (int)first_line(words), words);
}
