/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/numbers: the last number given out per file type. A lock of its own lets programs that do not hold the
 * directory's lock (a query, a server's helper) number files too. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "file/party.h"
#include "sys/fsio.h"
#include "sys/text.h"

#define TYPES_MAX 32u
#define FILE_MAX 2048u

/* Index: type; 0: none given out. */
struct numbers {
	uint64_t last[TYPES_MAX];
};

static enum smr_err parse_line(char *line, struct numbers *numbers)
{
	char *space = strchr(line, ' ');
	uint64_t type;
	uint64_t number;

	if (space == NULL)
		return SMR_E_MALFORMED;
	*space = '\0';
	SMR_TRY(smr_parse_uint(line, 1, TYPES_MAX - 1, &type));
	SMR_TRY(smr_parse_uint(space + 1, 1, UINT64_MAX, &number));
	if (numbers->last[type] != 0)
		return SMR_E_MALFORMED;
	numbers->last[type] = number;
	return SMR_OK;
}

static enum smr_err parse(struct smr_blob *text, struct numbers *numbers)
{
	char *rest = (char *)text->ptr;

	if (strlen(rest) != text->len)
		return SMR_E_MALFORMED;
	while (*rest != '\0') {
		char *end = strchr(rest, '\n');

		if (end == NULL)
			return SMR_E_MALFORMED;
		*end = '\0';
		SMR_TRY(parse_line(rest, numbers));
		rest = end + 1;
	}
	return SMR_OK;
}

/* A damaged file is an error: to start from 1 again would repeat numbers. */
static enum smr_err load(const char *path, struct numbers *numbers)
{
	struct smr_blob text = {0};
	enum smr_err err = smr_fs_read(path, FILE_MAX, &text);

	*numbers = (struct numbers){0};
	if (err == SMR_E_NOT_FOUND)
		return SMR_OK;
	if (err == SMR_OK)
		err = parse(&text, numbers);
	smr_blob_wipe(&text);
	return err == SMR_E_TOO_MANY ? SMR_E_MALFORMED : err;
}

static enum smr_err save(const char *path, const struct numbers *numbers)
{
	char text[FILE_MAX];
	size_t len = 0;

	for (unsigned type = 1; type < TYPES_MAX; type++)
		if (numbers->last[type] != 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%u %llu\n", type,
						(unsigned long long)numbers->last[type]);
	return smr_fs_write(path, smr_bytes_of(text, len), 0600);
}

/* @param number  [in] 0: the next one; else this one. [out] what was given out. */
static enum smr_err give_out(const char *path, enum smr_file_type type, uint64_t *number)
{
	struct numbers numbers;

	SMR_TRY(load(path, &numbers));
	if (*number == 0) {
		if (numbers.last[type] == UINT64_MAX)
			return SMR_E_TOO_MANY;
		*number = numbers.last[type] + 1;
	}
	if (*number <= numbers.last[type])
		return SMR_E_SERIAL;
	numbers.last[type] = *number;
	return save(path, &numbers);
}

static enum smr_err locked_give_out(const struct smr_party *party, enum smr_file_type type, uint64_t *number)
{
	char *path;
	int lock;
	enum smr_err err;

	if ((unsigned)type == 0 || (unsigned)type >= TYPES_MAX)
		return SMR_E_INVALID;
	path = smr_fs_join(party->dir, "numbers");
	if (path == NULL)
		return SMR_E_NO_MEMORY;
	err = smr_fs_lock_wait(party->dir, ".numbers.lock", &lock);
	if (err == SMR_OK) {
		err = give_out(path, type, number);
		(void)close(lock);
	}
	free(path);
	return err;
}

enum smr_err smr_party_next_number(const struct smr_party *party, enum smr_file_type type, uint64_t *number)
{
	uint64_t next = 0;

	SMR_TRY(locked_give_out(party, type, &next));
	*number = next;
	return SMR_OK;
}

enum smr_err smr_party_claim_number(const struct smr_party *party, enum smr_file_type type, uint64_t number)
{
	return number == 0 ? SMR_E_INVALID : locked_give_out(party, type, &number);
}
