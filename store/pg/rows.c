/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements over many rows. Each is prepared for 1, 2, 4 … 256 rows, and any number of rows goes out as a few of these,
 * all in one round trip. The rows are a VALUES list with the bucket in each (docs/decisions/0016-postgresql.md).
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/pg/local.h"

struct shape {
	const char *head;      /* '@' in it and in the tail: the number of rows */
	const char *row;       /* types of the columns; those that are no parameters come last */
	const char *constants; /* the columns behind these, in every row the same */
	const char *tail;
};

#define SLOTS "4096"
_Static_assert(SMR_STORE_JOURNAL == 4096u, "the ring of the journal, in SQL");
#define SAME_ROW(table) table ".bucket = v.bucket AND " table ".eid = v.eid"
#define UPDATE_DEVICE                                                                                  \
	"UPDATE device d SET revision = d.revision + 1, state = v.state, ctr = v.ctr, hash = v.hash, " \
	"lineage = v.lineage, evidence = v.evidence, has_x = v.has_x, tpm_state = v.tpm_state FROM (VALUES "
#define OF_DEVICE                                                                                             \
	") v (bucket, eid, revision, state, ctr, hash, lineage, evidence, has_x, tpm_state) WHERE " SAME_ROW( \
		"d") " AND "                                                                                  \
		     "d.revision = v.revision "

#define NO_HASH "'\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea"

/* Column types: 4 int4, 2 int2, 8 int8, b bytea; + the next of relay_seq, # the number of the row, from 1. ROW_UPDATE fails unless all rows were still what they were. */
static const struct shape shapes[SMR_PG_SHAPES] = {
	[SMR_PG_ROW_UPDATE] = {"WITH u AS (" UPDATE_DEVICE, "4b828b882b", NULL,
			       OF_DEVICE "RETURNING 1) SELECT 1 / (count(*) = @)::int FROM u"},
	[SMR_PG_EVIDENCE_PUT] = {"INSERT INTO evidence (bucket, eid, number, evidence, e, q) VALUES ", "4b8bbb", NULL,
				 ""},
	[SMR_PG_EVIDENCE_DROP] = {"DELETE FROM evidence t USING (VALUES ", "4b8", NULL,
				  ") v (bucket, eid, number) WHERE " SAME_ROW("t") " AND t.number = v.number"},
	[SMR_PG_RELAY_PUT] =
		{"INSERT INTO relay (bucket, eid, operator, iccid, serial, kind, result, mac, evidence, seq) "
		 "VALUES ",
		 "4b8b828b8+", NULL, ""},
	[SMR_PG_PACKAGE_DROP] = {"DELETE FROM package t USING (VALUES ", "4b", NULL,
				 ") v (bucket, eid) WHERE " SAME_ROW("t")},
	[SMR_PG_COMMAND_DONE] = {"UPDATE command t SET pending = 0, result = v.result FROM (VALUES ", "4bb8", NULL,
				 ") v (bucket, eid, iccid, result) WHERE " SAME_ROW("t") " AND t.iccid = v.iccid"},
	/* Numbers of entries ascend in the order of commits: the row of meta stays locked until then (journal.c). */
	[SMR_PG_JOURNAL] =
		{"WITH m AS (UPDATE meta SET value = value + @ WHERE name = 'journal' RETURNING value - @ AS before) "
		 "INSERT INTO journal (slot, entry, bucket, eid) "
		 "SELECT (m.before + v.n) % " SLOTS ", m.before + v.n, v.bucket, v.eid FROM m, (VALUES ",
		 "4b#", NULL,
		 ") v (bucket, eid, n) ON CONFLICT (slot) DO UPDATE "
		 "SET entry = excluded.entry, eid = excluded.eid, bucket = excluded.bucket"},
	/* loads */
	[SMR_PG_DEVICE_ADD] = {"INSERT INTO device (bucket, eid, d, shipment, revision, state, revoked, ctr, lineage, "
			       "has_x, hash) VALUES ",
			       "4bb8", "1, 0, 0, 0, 0, 0, " NO_HASH, ""},
	[SMR_PG_ICCID_PUT] = {"INSERT INTO iccid (bucket, iccid, operator, eid) VALUES ", "4b8b", NULL,
			      " ON CONFLICT (bucket, operator, iccid) DO UPDATE SET eid = excluded.eid"},
	[SMR_PG_PACKAGE_PUT] =
		{"INSERT INTO package (bucket, eid, sealed_x, w, \"order\", epoch, waits) VALUES ", "4bbbb88", NULL,
		 " ON CONFLICT (bucket, eid) DO UPDATE SET sealed_x = excluded.sealed_x, w = excluded.w, "
		 "\"order\" = excluded.\"order\", epoch = excluded.epoch, waits = excluded.waits"},
	[SMR_PG_DEVICE_PACKAGE] =
		{"UPDATE device d SET revision = d.revision + 1, state = 1, operator = v.operator, iccid = v.iccid, "
		 "serial = v.serial, has_x = 1, evidence = NULL, sealed_for = coalesce(v.sealed_for, d.sealed_for), "
		 "interval_s = v.interval_s FROM (VALUES ",
		 "4b8b8b8", NULL,
		 ") v (bucket, eid, operator, iccid, serial, sealed_for, interval_s) WHERE " SAME_ROW("d")},
	[SMR_PG_COMMAND_END_OTHERS] = {"UPDATE command t SET pending = 0, command = NULL FROM (VALUES ", "4bb", NULL,
				       ") v (bucket, eid, iccid) WHERE " SAME_ROW("t") " AND t.iccid <> v.iccid "
										       "AND t.pending <> 0"},
	[SMR_PG_PACKAGE_AGAIN] = {"UPDATE package t SET sealed_x = v.sealed_x, epoch = v.epoch FROM (VALUES ", "4bb8",
				  NULL, ") v (bucket, eid, sealed_x, epoch) WHERE " SAME_ROW("t")},
};

static const char *type_name(char type)
{
	switch (type) {
	case '2':
		return "int2";
	case '4':
		return "int4";
	case '8':
		return "int8";
	default:
		return "bytea";
	}
}

static size_t params_per_row(const struct shape *shape)
{
	return strcspn(shape->row, "+#");
}

static void write_row(FILE *out, const struct shape *shape, size_t row)
{
	size_t n = row * params_per_row(shape);

	fputs(row == 0 ? "(" : ", (", out);
	for (const char *c = shape->row; *c != '\0'; c++) {
		if (c != shape->row)
			fputs(", ", out);
		if (*c == '+')
			fputs("nextval('relay_seq')", out);
		else if (*c == '#')
			fprintf(out, "%zu", row + 1);
		else
			fprintf(out, "$%zu::%s", ++n, type_name(*c));
	}
	if (shape->constants != NULL)
		fprintf(out, ", %s", shape->constants);
	fputc(')', out);
}

static void write_counted(FILE *out, const char *text, size_t rows)
{
	for (; *text != '\0'; text++) {
		if (*text == '@')
			fprintf(out, "%zu", rows);
		else
			fputc(*text, out);
	}
}

/* NULL: no memory. */
static char *text_of(const struct shape *shape, size_t rows)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	write_counted(out, shape->head, rows);
	for (size_t i = 0; i < rows; i++)
		write_row(out, shape, i);
	write_counted(out, shape->tail, rows);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static enum smr_err queue(struct smr_pg_rows *rows, size_t first, unsigned size)
{
	const struct shape *shape = &shapes[rows->shape];
	size_t width = params_per_row(shape);
	uint32_t *name = &rows->pg->names.shape[rows->shape][size];
	char *text = NULL;
	enum smr_err err;

	if (*name == 0) {
		text = text_of(shape, (size_t)1 << size);
		if (text == NULL)
			return SMR_E_NO_MEMORY;
	}
	err = smr_pg_queue(rows->pg, name, text, (int)(first * width), (int)(width << size));
	free(text);
	return err;
}

static void flush(struct smr_pg_rows *rows)
{
	size_t done = 0;

	for (unsigned size = SMR_PG_SIZES; size-- > 0;) {
		if (rows->err == SMR_OK && (rows->count & (size_t)1 << size) != 0) {
			rows->err = queue(rows, done, size);
			done += (size_t)1 << size;
		}
	}
	rows->count = 0;
	smr_pg_params_clear(&rows->pg->params);
}

struct smr_pg_rows smr_pg_rows_begin(struct smr_pg *pg, enum smr_pg_shape shape)
{
	smr_pg_params_clear(&pg->params);
	return (struct smr_pg_rows){.pg = pg, .shape = shape};
}

void smr_pg_rows_next(struct smr_pg_rows *rows)
{
	if (++rows->count == SMR_PG_ROWS_MAX)
		flush(rows);
}

enum smr_err smr_pg_rows_end(struct smr_pg_rows *rows)
{
	flush(rows);
	return rows->err;
}
