/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements that a load makes for each of its records, gathered until there are as many as one statement takes, or until
 * something else is sent: what is asked then sees them all, and the end of the transaction has them all. Nobody waits for
 * them. A device occurs once in what is gathered: whoever comes to it again asks for its row first (ahead.c).
 */
#include <stdlib.h>

#include "store/pg/local.h"
#include "store/pg/sql.h"

struct field {
	Oid type;
	size_t at; /* in the octets; NONE: NULL */
	size_t len;
};
#define NONE SIZE_MAX

struct smr_pg_gathered {
	size_t count; /* rows */
	struct field fields[SMR_PG_ROWS_MAX][SMR_PG_COLUMNS_MAX];
	uint8_t *octets; /* of all fields */
	size_t len;
	size_t room;
};

struct kind {
	enum smr_sql which;
	enum smr_pg_shape shape;
	const char *pick; /* sql.h */
};

static const struct kind kinds[] = {
#define SMR_PG_KIND(name, types, bucket, shape, pick) {SMR_SQL_##name, SMR_PG_##shape, pick},
	SMR_PG_GATHERED_LIST(SMR_PG_KIND)
#undef SMR_PG_KIND
};
_Static_assert(SMR_COUNT(kinds) == SMR_PG_GATHERED, "one place for each");

static size_t kind_of(enum smr_sql which)
{
	size_t kind = 0;

	while (kind < SMR_COUNT(kinds) && kinds[kind].which != which)
		kind++;
	return kind;
}

bool smr_pg_is_gathered(enum smr_sql which)
{
	return kind_of(which) < SMR_COUNT(kinds);
}

/* NULL: no memory. */
static uint8_t *make_room(struct smr_pg_gathered *g, size_t len)
{
	size_t room = g->octets != NULL ? g->room : 4096;
	uint8_t *octets;

	while (room - g->len < len)
		room *= 2;
	octets = g->octets != NULL && room == g->room ? g->octets : realloc(g->octets, room);
	if (octets == NULL)
		return NULL;
	g->octets = octets;
	g->room = room;
	g->len += len;
	return octets + g->len - len;
}

static bool keep(struct smr_pg_gathered *g, struct field *field, const struct smr_pg_params *params, int n)
{
	size_t len = (size_t)params->lengths[n];

	uint8_t *room;

	*field = (struct field){params->types[n], NONE, len};
	if (params->values[n] == NULL)
		return true;
	field->at = g->len;
	room = make_room(g, len);
	if (room == NULL)
		return false;
	memcpy(room, params->values[n], len);
	return true;
}

enum smr_err smr_pg_gather(struct smr_pg *pg, enum smr_sql which)
{
	size_t kind = kind_of(which);
	const char *pick = kinds[kind].pick;
	struct smr_pg_gathered *g = pg->gathered[kind];

	if (g == NULL)
		g = pg->gathered[kind] = calloc(1, sizeof(*g));
	if (g == NULL)
		return SMR_E_NO_MEMORY;
	for (size_t i = 0; pick[i] != '\0'; i++)
		if (!keep(g, &g->fields[g->count][i], &pg->params, pick[i] - '1'))
			return SMR_E_NO_MEMORY;
	return ++g->count == SMR_PG_ROWS_MAX ? smr_pg_gather_send(pg) : SMR_OK;
}

static void put_row(struct smr_pg *pg, const struct smr_pg_gathered *g, size_t row, size_t columns)
{
	for (size_t i = 0; i < columns; i++) {
		const struct field *field = &g->fields[row][i];

		if (field->at == NONE)
			smr_pg_put_null(&pg->params, field->type);
		else
			smr_pg_put_param(&pg->params, field->type, g->octets + field->at, field->len);
	}
}

static enum smr_err send_kind(struct smr_pg *pg, size_t kind)
{
	struct smr_pg_gathered *g = pg->gathered[kind];
	struct smr_pg_rows rows = smr_pg_rows_begin(pg, kinds[kind].shape);

	for (size_t i = 0; i < g->count; i++) {
		put_row(pg, g, i, strlen(kinds[kind].pick));
		smr_pg_rows_next(&rows);
	}
	g->count = 0;
	g->len = 0;
	return smr_pg_rows_end(&rows);
}

/* All kinds, in their order: a row of a device is there before its package is set. */
enum smr_err smr_pg_gather_send(struct smr_pg *pg)
{
	for (size_t kind = 0; kind < SMR_COUNT(kinds); kind++)
		if (pg->gathered[kind] != NULL && pg->gathered[kind]->count > 0)
			SMR_TRY(send_kind(pg, kind));
	return SMR_OK;
}

void smr_pg_gather_forget(struct smr_pg *pg)
{
	for (size_t kind = 0; kind < SMR_COUNT(kinds); kind++) {
		if (pg->gathered[kind] != NULL)
			free(pg->gathered[kind]->octets);
		free(pg->gathered[kind]);
		pg->gathered[kind] = NULL;
	}
}
