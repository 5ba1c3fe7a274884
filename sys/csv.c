/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/fsio.h"

#define STREAM_ROOM 16384u
#define NO_COLUMN SIZE_MAX

struct smr_csv {
	char *path;
	FILE *file;
	bool owned;
	const struct smr_csv_column *columns;
	size_t column_count;
	size_t field_of[SMR_CSV_COLUMNS_MAX];  /* column of the caller → field of the file, or NO_COLUMN */
	size_t column_of[SMR_CSV_COLUMNS_MAX]; /* the other way round */
	size_t fields_per_record;	       /* 0: the header is not read yet */
	uint64_t line;			       /* where the present record begins */
	uint64_t next_line;
	char record[SMR_CSV_RECORD_MAX + 1];
	size_t record_len;
	size_t field[SMR_CSV_COLUMNS_MAX]; /* offsets */
	size_t field_count;
	char stream[STREAM_ROOM];
};

/* One character; CR LF reads as LF. A CR elsewhere, or a NUL, is left to the caller to refuse. */
static int next_char(struct smr_csv *csv)
{
	int c = getc_unlocked(csv->file);

	if (c == '\r') {
		int after = getc_unlocked(csv->file);

		if (after == '\n') {
			c = '\n';
		} else if (after != EOF) {
			(void)ungetc(after, csv->file);
		}
	}
	if (c == '\n')
		csv->next_line++;
	return c;
}

static enum smr_err fail(const struct smr_csv *csv, struct smr_problem *problem, const char *what)
{
	size_t field = csv->field_count == 0 ? 0 : csv->field_count - 1;
	unsigned long long line = csv->line;

	if (csv->fields_per_record > field && csv->column_of[field] != NO_COLUMN)
		return smr_problem(problem, SMR_E_MALFORMED, "%s:%llu: column %s: %s", csv->path, line,
				   csv->columns[csv->column_of[field]].name, what);
	return smr_problem(problem, SMR_E_MALFORMED, "%s:%llu: column %zu: %s", csv->path, line, field + 1, what);
}

static const char *keep(struct smr_csv *csv, int c)
{
	if (csv->record_len >= SMR_CSV_RECORD_MAX)
		return "the record is too long";
	csv->record[csv->record_len++] = (char)c;
	return NULL;
}

static const char *begin_field(struct smr_csv *csv)
{
	if (csv->field_count >= SMR_CSV_COLUMNS_MAX)
		return "there are too many columns";
	csv->field[csv->field_count++] = csv->record_len;
	return NULL;
}

/* The rest of a quoted field. On return *c is the character behind the closing quote. */
static const char *read_quoted(struct smr_csv *csv, int *c)
{
	for (;;) {
		const char *what;

		*c = next_char(csv);
		if (*c == '"') {
			*c = next_char(csv);
			if (*c != '"')
				return *c == ',' || *c == '\n' || *c == EOF ? NULL : "text follows a closing quote";
		}
		if (*c == EOF)
			return "a quote is not closed";
		if (*c == '\0')
			return "there is a NUL in it";
		what = keep(csv, *c);
		if (what != NULL)
			return what;
	}
}

static const char *read_plain(struct smr_csv *csv, int *c)
{
	for (; *c != ',' && *c != '\n' && *c != EOF; *c = next_char(csv)) {
		const char *what = *c == '"'		      ? "a quote stands inside an unquoted field"
				   : *c == '\0' || *c == '\r' ? "there is a control character in it"
							      : keep(csv, *c);
		if (what != NULL)
			return what;
	}
	return NULL;
}

/* One field and the separator behind it, which *c becomes. */
static const char *read_field(struct smr_csv *csv, int *c)
{
	const char *what = begin_field(csv);

	if (what != NULL)
		return what;
	what = *c == '"' ? read_quoted(csv, c) : read_plain(csv, c);
	if (what != NULL)
		return what;
	return keep(csv, '\0');
}

static enum smr_err read_record(struct smr_csv *csv, struct smr_problem *problem)
{
	int c;

	csv->record_len = 0;
	csv->field_count = 0;
	do {
		csv->line = csv->next_line;
		c = next_char(csv);
	} while (c == '\n');
	if (c == EOF && ferror(csv->file) == 0)
		return SMR_E_NOTHING;
	for (;;) {
		const char *what = read_field(csv, &c);

		if (ferror(csv->file) != 0)
			return smr_problem(problem, SMR_E_IO, "%s: %s", csv->path, smr_err_text(SMR_E_IO));
		if (what != NULL)
			return fail(csv, problem, what);
		if (c != ',')
			return SMR_OK;
		c = next_char(csv);
	}
}

static size_t find_column(const struct smr_csv *csv, const char *name)
{
	for (size_t i = 0; i < csv->column_count; i++)
		if (strcmp(csv->columns[i].name, name) == 0)
			return i;
	return NO_COLUMN;
}

static enum smr_err map_columns(struct smr_csv *csv, struct smr_problem *problem)
{
	for (size_t i = 0; i < csv->column_count; i++)
		csv->field_of[i] = NO_COLUMN;
	for (size_t i = 0; i < csv->field_count; i++) {
		const char *name = csv->record + csv->field[i];
		size_t column = find_column(csv, name);

		if (column == NO_COLUMN)
			return smr_problem(problem, SMR_E_MALFORMED, "%s:%llu: unknown column «%s»", csv->path,
					   (unsigned long long)csv->line, name);
		if (csv->field_of[column] != NO_COLUMN)
			return smr_problem(problem, SMR_E_MALFORMED, "%s:%llu: column %s occurs twice", csv->path,
					   (unsigned long long)csv->line, name);
		csv->field_of[column] = i;
		csv->column_of[i] = column;
	}
	for (size_t i = 0; i < csv->column_count; i++)
		if (csv->columns[i].required && csv->field_of[i] == NO_COLUMN)
			return smr_problem(problem, SMR_E_MALFORMED, "%s:%llu: column %s is missing", csv->path,
					   (unsigned long long)csv->line, csv->columns[i].name);
	csv->fields_per_record = csv->field_count;
	return SMR_OK;
}

/* True unless it begins like a byte order mark and goes on otherwise. */
static bool skip_byte_order_mark(struct smr_csv *csv)
{
	int c = getc_unlocked(csv->file);

	if (c == 0xef) {
		int second = getc_unlocked(csv->file);
		int third = second == 0xbb ? getc_unlocked(csv->file) : EOF;

		return third == 0xbf;
	}
	if (c != EOF)
		(void)ungetc(c, csv->file);
	return true;
}

static enum smr_err read_header(struct smr_csv *csv, struct smr_problem *problem)
{
	enum smr_err err;

	if (!skip_byte_order_mark(csv))
		return smr_problem(problem, SMR_E_MALFORMED, "%s:1: the byte order mark is broken", csv->path);
	err = read_record(csv, problem);
	if (err == SMR_E_NOTHING)
		return smr_problem(problem, SMR_E_MALFORMED, "%s:1: the header line is missing", csv->path);
	if (err != SMR_OK)
		return err;
	err = map_columns(csv, problem);
	csv->field_count = 0;
	return err;
}

enum smr_err smr_csv_open(const char *path, const struct smr_csv_column *columns, size_t count, struct smr_csv **out,
			  struct smr_problem *problem)
{
	struct smr_csv *csv;
	enum smr_err err;

	*out = NULL;
	if (count == 0 || count > SMR_CSV_COLUMNS_MAX)
		return smr_problem(problem, SMR_E_INVALID, "%s", smr_err_text(SMR_E_INVALID));
	csv = calloc(1, sizeof(*csv));
	if (csv == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	csv->owned = strcmp(path, "-") != 0;
	csv->path = strdup(csv->owned ? path : "standard input");
	csv->columns = columns;
	csv->column_count = count;
	csv->next_line = 1;
	csv->file = csv->owned ? fopen(path, "re") : stdin;
	if (csv->file == NULL || csv->path == NULL) {
		int errnum = errno;

		smr_csv_close(csv);
		return smr_problem(problem, smr_fs_err(errnum), "%s: %s", path, strerror(errnum));
	}
	(void)setvbuf(csv->file, csv->stream, _IOFBF, sizeof(csv->stream));
	err = read_header(csv, problem);
	if (err != SMR_OK) {
		smr_csv_close(csv);
		return err;
	}
	*out = csv;
	return SMR_OK;
}

enum smr_err smr_csv_next(struct smr_csv *csv, struct smr_problem *problem)
{
	enum smr_err err = read_record(csv, problem);

	if (err != SMR_OK) {
		csv->field_count = 0;
		return err;
	}
	if (csv->field_count != csv->fields_per_record) {
		size_t found = csv->field_count;

		csv->field_count = 0;
		return smr_problem(problem, SMR_E_MALFORMED, "%s:%llu: %zu columns instead of %zu", csv->path,
				   (unsigned long long)csv->line, found, csv->fields_per_record);
	}
	return SMR_OK;
}

struct smr_bytes smr_csv_field(const struct smr_csv *csv, size_t index)
{
	size_t field = index < csv->column_count ? csv->field_of[index] : NO_COLUMN;

	if (field == NO_COLUMN || field >= csv->field_count)
		return smr_bytes_of("", 0);
	return smr_bytes_of(csv->record + csv->field[field], strlen(csv->record + csv->field[field]));
}

bool smr_csv_has(const struct smr_csv *csv, size_t index)
{
	return index < csv->column_count && csv->field_of[index] != NO_COLUMN;
}

uint64_t smr_csv_line(const struct smr_csv *csv)
{
	return csv->line;
}

enum smr_err smr_csv_problem(const struct smr_csv *csv, size_t index, enum smr_err err, struct smr_problem *problem,
			     const char *detail)
{
	return smr_problem(problem, err, "%s:%llu: column %s: %s", csv->path, (unsigned long long)csv->line,
			   index < csv->column_count ? csv->columns[index].name : "?",
			   detail != NULL ? detail : smr_err_text(err));
}

void smr_csv_close(struct smr_csv *csv)
{
	if (csv == NULL)
		return;
	if (csv->file != NULL && csv->owned)
		(void)fclose(csv->file);
	else if (csv->file != NULL)
		(void)setvbuf(csv->file, NULL, _IONBF, 0);
	free(csv->path);
	smr_wipe(csv, sizeof(*csv));
	free(csv);
}
