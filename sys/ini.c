/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/ini.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <ini.h>

#include "sys/fsio.h"
#include "sys/text.h"

struct load {
	const char *path;
	FILE *file;
	const struct smr_ini_key *keys;
	size_t count;
	void *config;
	bool *given;
	struct smr_problem *problem;
	bool some; /* what is not in the table is passed over */
	unsigned line;
	enum smr_err err; /* the first one; the parser itself goes on after errors */
};

static void *member(void *config, const struct smr_ini_key *key)
{
	return (uint8_t *)config + key->offset;
}

static enum smr_err bad_value(struct smr_problem *problem, const struct smr_ini_key *key)
{
	switch (key->type) {
	case SMR_INI_UINT:
		return smr_problem(problem, SMR_E_MALFORMED, "a whole number from %llu to %llu is needed",
				   (unsigned long long)key->min, (unsigned long long)key->max);
	case SMR_INI_DURATION:
		return smr_problem(problem, SMR_E_MALFORMED,
				   "a duration such as 90s, 15m, 24h or 30d is needed, from %llus to %llus",
				   (unsigned long long)key->min, (unsigned long long)key->max);
	case SMR_INI_BOOL:
		return smr_problem(problem, SMR_E_MALFORMED, "yes or no is needed");
	case SMR_INI_CHOICE:
		return smr_problem(problem, SMR_E_MALFORMED, "one of %s is needed", key->choices);
	case SMR_INI_LIST:
		return smr_problem(problem, SMR_E_MALFORMED, "%llu to %llu values are needed",
				   (unsigned long long)key->min, (unsigned long long)key->max);
	case SMR_INI_TEXT:
		break;
	}
	return smr_problem(problem, SMR_E_MALFORMED, "%llu to %llu characters are needed", (unsigned long long)key->min,
			   (unsigned long long)key->max);
}

static enum smr_err set_text(char **out, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return SMR_E_NO_MEMORY;
	free(*out);
	*out = copy;
	return SMR_OK;
}

static enum smr_err add_item(struct smr_ini_list *list, const char *value)
{
	char **items = reallocarray(list->items, list->count + 1, sizeof(*items));

	if (items == NULL)
		return SMR_E_NO_MEMORY;
	list->items = items;
	items[list->count] = strdup(value);
	if (items[list->count] == NULL)
		return SMR_E_NO_MEMORY;
	list->count++;
	return SMR_OK;
}

/* Index of @p value in «a|b|c». */
static enum smr_err find_choice(const char *choices, const char *value, unsigned *out)
{
	size_t len = strlen(value);

	for (unsigned i = 0;; i++) {
		size_t choice = strcspn(choices, "|");

		if (choice == len && memcmp(choices, value, len) == 0) {
			*out = i;
			return SMR_OK;
		}
		if (choices[choice] == '\0')
			return SMR_E_MALFORMED;
		choices += choice + 1;
	}
}

static enum smr_err set_value(void *config, const struct smr_ini_key *key, const char *value)
{
	size_t len = strlen(value);

	switch (key->type) {
	case SMR_INI_TEXT:
		if (len < key->min || len > key->max)
			return SMR_E_MALFORMED;
		return set_text(member(config, key), value);
	case SMR_INI_UINT:
		return smr_parse_uint(value, key->min, key->max, member(config, key));
	case SMR_INI_DURATION:
		return smr_parse_duration(value, key->min, key->max, member(config, key));
	case SMR_INI_BOOL:
		return smr_parse_bool(value, member(config, key));
	case SMR_INI_CHOICE:
		return find_choice(key->choices, value, member(config, key));
	case SMR_INI_LIST:
		if (((struct smr_ini_list *)member(config, key))->count >= key->max)
			return SMR_E_MALFORMED;
		return add_item(member(config, key), value);
	}
	return SMR_E_INVALID;
}

static void fail(struct load *load, enum smr_err err)
{
	if (load->err == SMR_OK)
		load->err = smr_problem_prefix(load->problem, err, "%s:%u", load->path, load->line);
}

static bool is_known(const struct load *load, const char *section, const char *name)
{
	for (size_t i = 0; i < load->count; i++)
		if (strcmp(load->keys[i].section, section) == 0 && strcmp(load->keys[i].key, name) == 0)
			return true;
	return false;
}

static enum smr_err find_key(struct load *load, const char *section, const char *name, size_t *index)
{
	bool known_section = false;

	for (size_t i = 0; i < load->count; i++) {
		if (strcmp(load->keys[i].section, section) != 0)
			continue;
		known_section = true;
		if (strcmp(load->keys[i].key, name) == 0) {
			*index = i;
			return SMR_OK;
		}
	}
	if (!known_section)
		return smr_problem(load->problem, SMR_E_MALFORMED, "unknown section [%s]", section);
	return smr_problem(load->problem, SMR_E_MALFORMED, "unknown key %s in section [%s]", name, section);
}

static enum smr_err take(struct load *load, const char *section, const char *name, const char *value)
{
	const struct smr_ini_key *key;
	enum smr_err err;
	size_t index = 0;

	SMR_TRY(find_key(load, section, name, &index));
	key = &load->keys[index];
	if (load->given[index] && key->type != SMR_INI_LIST)
		return smr_problem(load->problem, SMR_E_MALFORMED, "key %s is given twice", name);
	load->given[index] = true;
	err = set_value(load->config, key, value);
	if (err == SMR_E_MALFORMED)
		return smr_problem_prefix(load->problem, bad_value(load->problem, key), "key %s", name);
	return err == SMR_OK ? SMR_OK : smr_problem(load->problem, err, "key %s: %s", name, smr_err_text(err));
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct load *load = user;
	enum smr_err err;

	if (load->err != SMR_OK || (load->some && !is_known(load, section, name)))
		return 1;
	err = take(load, section, name, value);
	if (err != SMR_OK)
		fail(load, err);
	return 1;
}

static enum smr_err not_understood(struct load *load)
{
	return smr_problem(load->problem, SMR_E_MALFORMED, "neither «[section]» nor «key = value»");
}

/*
 * Lines for libinih. It is not told apart at run time whether the library passes line numbers, so they are counted
 * here. Leading blanks go: an indented line would otherwise continue the value before it. A line that does not fit
 * would silently become two.
 */
static char *on_line(char *line, int room, void *stream)
{
	struct load *load = stream;
	size_t len;
	size_t blank;

	if (load->err != SMR_OK || fgets(line, room, load->file) == NULL)
		return NULL;
	load->line++;
	len = strlen(line);
	if (len + 1 >= (size_t)room && line[len - 1] != '\n') {
		fail(load,
		     smr_problem(load->problem, SMR_E_MALFORMED, "the line is longer than %d characters", room - 2));
		return NULL;
	}
	blank = strspn(line, " \t");
	memmove(line, line + blank, len - blank + 1);
	/* The parser would go on and blame the next line. */
	if (line[0] == '[' && strchr(line, ']') == NULL) {
		fail(load, not_understood(load));
		return NULL;
	}
	return line;
}

static void read_file(struct load *load)
{
	int result = ini_parse_stream(on_line, load, on_pair, load);

	if (load->err != SMR_OK || result == 0)
		return;
	if (result > 0) {
		load->line = (unsigned)result;
		fail(load, not_understood(load));
		return;
	}
	load->err = smr_problem(load->problem, SMR_E_NO_MEMORY, "%s: %s", load->path, smr_err_text(SMR_E_NO_MEMORY));
}

static enum smr_err fill_in(struct load *load)
{
	for (size_t i = 0; i < load->count; i++) {
		const struct smr_ini_key *key = &load->keys[i];
		const struct smr_ini_list *list = member(load->config, key);
		enum smr_err err = SMR_OK;

		if (key->type == SMR_INI_LIST && load->given[i] && list->count < key->min)
			return smr_problem_prefix(load->problem, bad_value(load->problem, key),
						  "%s: key %s in section [%s]", load->path, key->key, key->section);
		if (load->given[i])
			continue;
		if (key->fallback == NULL)
			return smr_problem(load->problem, SMR_E_MALFORMED, "%s: key %s in section [%s] is missing",
					   load->path, key->key, key->section);
		if (key->type != SMR_INI_LIST || key->fallback[0] != '\0')
			err = set_value(load->config, key, key->fallback);
		if (err != SMR_OK)
			return smr_problem(load->problem, err, "default of key %s: %s", key->key, smr_err_text(err));
	}
	return SMR_OK;
}

/* Only the pointers: the rest of the struct is the caller's. */
static void clear(const struct smr_ini_key *keys, size_t count, void *config)
{
	for (size_t i = 0; i < count; i++) {
		if (keys[i].type == SMR_INI_TEXT)
			*(char **)member(config, &keys[i]) = NULL;
		else if (keys[i].type == SMR_INI_LIST)
			*(struct smr_ini_list *)member(config, &keys[i]) = (struct smr_ini_list){0};
	}
}

static enum smr_err open_file(const char *path, FILE **out, struct smr_problem *problem)
{
	int fd = -1;
	enum smr_err err = smr_fs_open_file(path, &fd);

	if (err == SMR_E_NO_FILE)
		return smr_problem(problem, err, "%s: %s: put the configuration itself there", path, smr_err_text(err));
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s", path, strerror(errno));
	*out = fdopen(fd, "r");
	if (*out != NULL)
		return SMR_OK;
	(void)close(fd); /* uncovered: out of memory */
	return smr_problem(problem, SMR_E_NO_MEMORY, "%s: %s", path, smr_err_text(SMR_E_NO_MEMORY));
}

static enum smr_err load_keys(const char *path, const struct smr_ini_key *keys, size_t count, void *config, bool some,
			      struct smr_problem *problem)
{
	struct load load = {
		.path = path, .keys = keys, .count = count, .config = config, .some = some, .problem = problem};

	clear(keys, count, config);
	if (path == NULL)
		load.path = "configuration";
	else
		SMR_TRY(open_file(path, &load.file, problem));
	load.given = calloc(count + 1, sizeof(*load.given));
	if (load.given == NULL)
		load.err = smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	else if (load.file != NULL)
		read_file(&load);
	if (load.file != NULL && ferror(load.file) != 0 && load.err == SMR_OK)
		load.err = smr_problem(problem, SMR_E_IO, "%s: %s", load.path, smr_err_text(SMR_E_IO));
	if (load.err == SMR_OK && load.given != NULL)
		load.err = fill_in(&load);
	if (load.file != NULL)
		(void)fclose(load.file);
	free(load.given);
	if (load.err != SMR_OK)
		smr_ini_wipe(keys, count, config);
	return load.err;
}

enum smr_err smr_ini_load(const char *path, const struct smr_ini_key *keys, size_t count, void *config,
			  struct smr_problem *problem)
{
	return load_keys(path, keys, count, config, false, problem);
}

enum smr_err smr_ini_load_some(const char *path, const struct smr_ini_key *keys, size_t count, void *config,
			       struct smr_problem *problem)
{
	return load_keys(path, keys, count, config, true, problem);
}

void smr_ini_wipe(const struct smr_ini_key *keys, size_t count, void *config)
{
	for (size_t i = 0; i < count; i++) {
		if (keys[i].type == SMR_INI_TEXT) {
			free(*(char **)member(config, &keys[i]));
		} else if (keys[i].type == SMR_INI_LIST) {
			struct smr_ini_list *list = member(config, &keys[i]);

			for (size_t item = 0; item < list->count; item++)
				free(list->items[item]);
			free(list->items);
		}
	}
	clear(keys, count, config);
}

void smr_ini_help(FILE *out, const struct smr_ini_key *keys, size_t count)
{
	const char *section = "";

	for (size_t i = 0; i < count; i++) {
		const struct smr_ini_key *key = &keys[i];

		if (strcmp(section, key->section) != 0) {
			(void)fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", key->section);
			section = key->section;
		}
		(void)fprintf(out, "# %s", key->help);
		if (key->type == SMR_INI_CHOICE)
			(void)fprintf(out, " (%s)", key->choices);
		else if (key->type == SMR_INI_UINT)
			(void)fprintf(out, " (%llu to %llu)", (unsigned long long)key->min,
				      (unsigned long long)key->max);
		(void)fprintf(out, "%s%s\n", key->type == SMR_INI_LIST ? " (may be repeated)" : "",
			      key->fallback == NULL ? " (required)" : "");
		if (key->fallback == NULL || key->fallback[0] == '\0')
			(void)fprintf(out, "#%s =\n", key->key);
		else
			(void)fprintf(out, "%s = %s\n", key->key, key->fallback);
	}
}
