/* SPDX-License-Identifier: Apache-2.0 */
/* Where the store is. */
#include <stdio.h>
#include <stdlib.h>

#include "store/local.h"
#include "sys/fsio.h"
#include "sys/ini.h"

static const char *after_scheme(const char *where)
{
	static const char *const schemes[] = {"postgresql://", "postgres://"};

	for (size_t i = 0; i < SMR_COUNT(schemes); i++)
		if (strncmp(where, schemes[i], strlen(schemes[i])) == 0)
			return where + strlen(schemes[i]);
	return NULL;
}

bool smr_store_is_file(const char *where)
{
	return after_scheme(where) == NULL;
}

const char *smr_store_shown(const char *where, char *room, size_t len)
{
	const char *rest = after_scheme(where);
	const char *at;

	if (rest == NULL)
		return where;
	at = strrchr(rest, '@');
	rest = at != NULL ? at + 1 : rest;
	(void)snprintf(room, len, "postgresql://%.*s", (int)strcspn(rest, "?"), rest);
	return room;
}

enum smr_err smr_store_resolve(const char *dir, char **where)
{
	char *full;

	if (!smr_store_is_file(*where))
		return SMR_OK;
	full = smr_fs_join(dir, *where);
	if (full == NULL)
		return SMR_E_NO_MEMORY;
	free(*where);
	*where = full;
	return SMR_OK;
}

struct place {
	char *where;
};

static const struct smr_ini_key keys[] = {SMR_STORE_INI_KEY(struct place, where)};

static enum smr_err read_ini(const char *path, struct place *out, struct smr_problem *problem)
{
	return smr_ini_load_some(smr_fs_exists(path) ? path : NULL, keys, SMR_COUNT(keys), out, problem);
}

enum smr_err smr_store_of(const char *dir, char **where, struct smr_problem *problem)
{
	char *path = smr_fs_join(dir, "samarad.ini");
	struct place place = {NULL};
	enum smr_err err = path == NULL ? SMR_E_NO_MEMORY : read_ini(path, &place, problem);

	free(path);
	if (err == SMR_OK)
		err = smr_store_resolve(dir, &place.where);
	if (err == SMR_OK)
		*where = place.where;
	else
		free(place.where);
	return err;
}
