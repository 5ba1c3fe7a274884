/* SPDX-License-Identifier: Apache-2.0 */
#include "file/vendor.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sys/fsio.h"
#include "sys/text.h"

#define FIELDS_MAX 64u
#define BUFFER_LEN 16384u
#define CHECK_VALUE_LEN 3u
#define QUANTITY_MAX 100000000u

enum column { IMSI, ICCID, EKI, OPC, EOPC, K4, COLUMNS };

/* Names as vendors spell them, in capitals and without «_» and «-». «KI»: K in clear, which is refused. */
static const struct {
	const char *name;
	enum column column;
} column_names[] = {
	{"IMSI", IMSI}, {"ICCID", ICCID}, {"EKI", EKI}, {"EK", EKI},   {"OPC", OPC},	{"TOPC", OPC},
	{"EOPC", EOPC}, {"ETOPC", EOPC},  {"K4", K4},	{"K4IND", K4}, {"K4INDEX", K4},
};
static const char *const clear_names[] = {"KI", "K"};

struct smr_vendor_file {
	char *path;
	FILE *file;
	const struct smr_vendor_key *keys;
	size_t key_count;
	uint64_t line;
	/* header */
	bool has_quantity;
	uint64_t quantity;
	bool has_index;
	uint8_t index;
	bool has_check;
	uint8_t check[CHECK_VALUE_LEN];
	enum smr_aka_alg alg;
	size_t column_of[FIELDS_MAX]; /* field of a line → column, or COLUMNS: not ours */
	size_t field_count;
	/* lines */
	uint64_t cards;
	char text[SMR_VENDOR_LINE_MAX];
	char buffer[BUFFER_LEN];
};

enum smr_err smr_vendor_problem(const struct smr_vendor_file *file, enum smr_err err, struct smr_problem *problem,
				const char *detail)
{
	return smr_problem(problem, err, "%s:%llu: %s", file->path, (unsigned long long)file->line,
			   detail != NULL ? detail : smr_err_text(err));
}

/* ---- lines ---- */

/* A line without its end (LF or CRLF) and without blanks around it; SMR_E_NOTHING at the end of the file. */
static enum smr_err read_line(struct smr_vendor_file *f, struct smr_problem *problem)
{
	size_t len = 0;
	int c;

	f->line++;
	while ((c = getc_unlocked(f->file)) != EOF && c != '\n') {
		if (c == '\0' || (c != '\t' && c != '\r' && iscntrl(c)))
			return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "there is a control character in it");
		if (len + 1 >= sizeof(f->text))
			return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "the line is too long");
		f->text[len++] = (char)c;
	}
	if (ferror(f->file) != 0)
		return smr_vendor_problem(f, SMR_E_IO, problem, NULL);
	if (c == EOF && len == 0)
		return SMR_E_NOTHING;
	if (c == EOF)
		return smr_vendor_problem(f, SMR_E_TRUNCATED, problem, "the last line has no end: the file was cut");
	while (len > 0 && (f->text[len - 1] == '\r' || f->text[len - 1] == ' ' || f->text[len - 1] == '\t'))
		len--;
	f->text[len] = '\0';
	if (strchr(f->text, '\r') != NULL)
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "there is a control character in it");
	return SMR_OK;
}

/* Cut the next word off. NULL: none is left. */
static char *next_word(char **rest, const char *separators)
{
	char *word = *rest + strspn(*rest, separators);
	size_t len = strcspn(word, separators);

	if (len == 0)
		return NULL;
	*rest = word + len + (word[len] != '\0');
	word[len] = '\0';
	return word;
}

/* Compare names as vendors vary them: case, blanks, «_» and «-» do not count. */
static bool is_name(const char *text, const char *name)
{
	for (;; text++) {
		while (*text == ' ' || *text == '_' || *text == '-')
			text++;
		if (*text == '\0' || *name == '\0')
			return *text == *name;
		if (toupper((unsigned char)*text) != *name++)
			return false;
	}
}

/* ---- header ---- */

static const struct smr_vendor_key *find_key(const struct smr_vendor_file *f, uint8_t index)
{
	for (size_t i = 0; i < f->key_count; i++)
		if (f->keys[i].index == index)
			return &f->keys[i];
	return NULL;
}

static enum smr_err check_index(const struct smr_vendor_file *f, const char *text, uint8_t *index,
				struct smr_problem *problem)
{
	uint64_t number;

	if (smr_parse_uint(text, 0, SMR_VENDOR_INDEX_MAX, &number) != SMR_OK)
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "the index of a transport key is 1 to 255");
	if (number == 0)
		return smr_vendor_problem(f, SMR_E_REFUSED, problem,
					  "transport key index 0 means that keys are not encrypted: refused");
	*index = (uint8_t)number;
	if (find_key(f, *index) != NULL)
		return SMR_OK;
	return smr_problem(problem, SMR_E_NOT_FOUND, "%s:%llu: no transport key with index %u was given", f->path,
			   (unsigned long long)f->line, *index);
}

static enum smr_err take_quantity(struct smr_vendor_file *f, const char *value, struct smr_problem *problem)
{
	f->has_quantity = true;
	if (smr_parse_uint(value, 1, QUANTITY_MAX, &f->quantity) != SMR_OK)
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "a quantity is a number from 1 to 100000000");
	return SMR_OK;
}

static enum smr_err take_algorithm(struct smr_vendor_file *f, const char *value, struct smr_problem *problem)
{
	if (is_name(value, "MILENAGE"))
		f->alg = SMR_AKA_MILENAGE;
	else if (is_name(value, "TUAK"))
		f->alg = SMR_AKA_TUAK;
	else
		return smr_vendor_problem(f, SMR_E_UNSUPPORTED, problem, "an algorithm is MILENAGE or TUAK");
	return SMR_OK;
}

static enum smr_err take_cipher(struct smr_vendor_file *f, const char *value, struct smr_problem *problem)
{
	if (is_name(value, "AES") || is_name(value, "AES128") || is_name(value, "AES256") || is_name(value, "AESECB"))
		return SMR_OK;
	return smr_vendor_problem(f, SMR_E_UNSUPPORTED, problem, "transport encryption is AES-128 or AES-256 in ECB");
}

static enum smr_err take_check_value(struct smr_vendor_file *f, const char *value, struct smr_problem *problem)
{
	f->has_check = true;
	if (smr_hex_decode_exact(value, f->check, sizeof(f->check)) != SMR_OK)
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "a check value has 6 hex digits");
	return SMR_OK;
}

static enum smr_err take_header(struct smr_vendor_file *f, const char *key, const char *value,
				struct smr_problem *problem)
{
	if (is_name(key, "QUANTITY")) {
		if (f->has_quantity)
			return smr_vendor_problem(f, SMR_E_DUPLICATE, problem, "the quantity occurs twice");
		return take_quantity(f, value, problem);
	}
	if (is_name(key, "TRANSPORTKEY") || is_name(key, "TRANSPORTKEYINDEX")) {
		if (f->has_index)
			return smr_vendor_problem(f, SMR_E_DUPLICATE, problem, "the transport key occurs twice");
		f->has_index = true;
		return check_index(f, value, &f->index, problem);
	}
	if (is_name(key, "TRANSPORTKEYCHECK"))
		return take_check_value(f, value, problem);
	if (is_name(key, "TRANSPORTALGORITHM"))
		return take_cipher(f, value, problem);
	if (is_name(key, "ALGORITHM"))
		return take_algorithm(f, value, problem);
	return SMR_OK; /* customer, batch, dates and the like: of no use here */
}

static enum smr_err name_column(struct smr_vendor_file *f, const char *name, struct smr_problem *problem)
{
	size_t column = COLUMNS;

	for (size_t i = 0; i < SMR_COUNT(clear_names); i++)
		if (is_name(name, clear_names[i]))
			return smr_vendor_problem(f, SMR_E_REFUSED, problem, "column KI holds keys in clear: refused");
	for (size_t i = 0; i < SMR_COUNT(column_names); i++)
		if (is_name(name, column_names[i].name))
			column = column_names[i].column;
	if (f->field_count == FIELDS_MAX)
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "there are too many columns");
	for (size_t i = 0; column != COLUMNS && i < f->field_count; i++)
		if (f->column_of[i] == column)
			return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "a column occurs twice");
	f->column_of[f->field_count++] = column;
	return SMR_OK;
}

static bool has_column(const struct smr_vendor_file *f, enum column column)
{
	for (size_t i = 0; i < f->field_count; i++)
		if (f->column_of[i] == column)
			return true;
	return false;
}

static enum smr_err take_columns(struct smr_vendor_file *f, char *names, struct smr_problem *problem)
{
	char *name;

	while ((name = next_word(&names, "/, \t")) != NULL)
		SMR_TRY(name_column(f, name, problem));
	if (!has_column(f, IMSI) || !has_column(f, ICCID) || !has_column(f, EKI))
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "VAR_OUT needs IMSI, ICCID and EKI");
	if (has_column(f, OPC) == has_column(f, EOPC))
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "VAR_OUT needs one of OPC and EOPC");
	return SMR_OK;
}

/* The check value is the beginning of a block of zeros, encrypted. */
static enum smr_err check_key(const struct smr_vendor_file *f, struct smr_problem *problem)
{
	static const uint8_t zeros[SMR_AES_BLOCK_LEN];
	const struct smr_vendor_key *key = find_key(f, f->index);
	uint8_t block[SMR_AES_BLOCK_LEN];

	if (!f->has_check)
		return SMR_OK;
	SMR_TRY(smr_aes_block(smr_bytes_of(key->octets, key->len), SMR_AES_ENCRYPT, zeros, block));
	if (smr_equal_ct(block, f->check, sizeof(f->check)))
		return SMR_OK;
	return smr_problem(problem, SMR_E_REFUSED,
			   "%s: transport key %u is another one than the file's: its check value differs", f->path,
			   f->index);
}

static enum smr_err end_header(const struct smr_vendor_file *f, struct smr_problem *problem)
{
	if (!f->has_quantity)
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "the header has no Quantity");
	if (!f->has_index)
		return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "the header has no TransportKey");
	return check_key(f, problem);
}

static enum smr_err read_header(struct smr_vendor_file *f, struct smr_problem *problem)
{
	enum smr_err err;

	while ((err = read_line(f, problem)) == SMR_OK) {
		char *colon = strchr(f->text, ':');

		if (f->text[0] == '\0' || f->text[0] == '*')
			continue;
		if (colon == NULL)
			return smr_vendor_problem(f, SMR_E_MALFORMED, problem, "a line of the header is «key: value»");
		*colon = '\0';
		colon += 1 + strspn(colon + 1, " \t");
		if (is_name(f->text, "VAROUT")) {
			SMR_TRY(take_columns(f, colon, problem));
			return end_header(f, problem);
		}
		SMR_TRY(take_header(f, f->text, colon, problem));
	}
	return err == SMR_E_NOTHING
		       ? smr_vendor_problem(f, SMR_E_TRUNCATED, problem, "the header does not end in VAR_OUT")
		       : err;
}

enum smr_err smr_vendor_open(const char *path, const struct smr_vendor_key *keys, size_t key_count,
			     struct smr_vendor_file **out, struct smr_problem *problem)
{
	struct smr_vendor_file *f = calloc(1, sizeof(*f));
	enum smr_err err;

	*out = NULL;
	if (f == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	f->path = strdup(path);
	f->file = fopen(path, "re");
	f->keys = keys;
	f->key_count = key_count;
	f->alg = SMR_AKA_MILENAGE;
	if (f->path == NULL || f->file == NULL) {
		err = smr_problem(problem, smr_fs_err(errno), "%s: %s", path, strerror(errno));
	} else {
		(void)setvbuf(f->file, f->buffer, _IOFBF, sizeof(f->buffer));
		err = read_header(f, problem);
	}
	if (err != SMR_OK) {
		smr_vendor_close(f);
		return err;
	}
	*out = f;
	return SMR_OK;
}

/* ---- cards ---- */

static enum smr_err bad(const struct smr_vendor_file *f, const char *column, enum smr_err err, const char *detail,
			struct smr_problem *problem)
{
	return smr_problem(problem, err, "%s:%llu: column %s: %s", f->path, (unsigned long long)f->line, column,
			   detail != NULL ? detail : smr_err_text(err));
}

static enum smr_err split(struct smr_vendor_file *f, const char *fields[COLUMNS], struct smr_problem *problem)
{
	char *rest = f->text;
	char *word;
	size_t count = 0;

	while ((word = next_word(&rest, " \t")) != NULL) {
		if (count < f->field_count && f->column_of[count] != COLUMNS)
			fields[f->column_of[count]] = word;
		count++;
	}
	if (count == f->field_count)
		return SMR_OK;
	return smr_problem(problem, SMR_E_MALFORMED, "%s:%llu: %zu columns instead of %zu", f->path,
			   (unsigned long long)f->line, count, f->field_count);
}

static enum smr_err take_identities(const struct smr_vendor_file *f, const char *const fields[COLUMNS],
				    struct smr_vendor_card *out, struct smr_problem *problem)
{
	enum smr_err err = smr_imsi_parse(smr_text_of(fields[IMSI]), &out->imsi);

	if (err != SMR_OK)
		return bad(f, "IMSI", err, "an IMSI has 6 to 15 digits", problem);
	err = smr_iccid_parse(smr_text_of(fields[ICCID]), &out->iccid);
	if (err != SMR_OK)
		return bad(f, "ICCID", err, err == SMR_E_MALFORMED ? "an ICCID has 19 or 20 digits" : NULL, problem);
	return SMR_OK;
}

static enum smr_err decrypt(const struct smr_vendor_key *key, uint8_t *octets, size_t len)
{
	for (size_t at = 0; at < len; at += SMR_AES_BLOCK_LEN)
		SMR_TRY(smr_aes_block(smr_bytes_of(key->octets, key->len), SMR_AES_DECRYPT, octets + at, octets + at));
	return SMR_OK;
}

static enum smr_err take_k(const struct smr_vendor_file *f, const char *text, const struct smr_vendor_key *key,
			   struct smr_aka_params *aka, struct smr_problem *problem)
{
	struct smr_space k = {aka->k, sizeof(aka->k)};
	bool tuak = f->alg == SMR_AKA_TUAK;

	if (smr_hex_decode(smr_text_of(text), &k) != SMR_OK || (k.len != 16 && !(tuak && k.len == 32)))
		return bad(f, "EKI", SMR_E_MALFORMED,
			   tuak ? "eK of TUAK is 32 or 64 hex digits" : "eK of MILENAGE is 32 hex digits", problem);
	aka->k_len = (uint8_t)k.len;
	return decrypt(key, aka->k, k.len);
}

static enum smr_err take_opc(const struct smr_vendor_file *f, const char *const fields[COLUMNS],
			     const struct smr_vendor_key *key, struct smr_aka_params *aka, struct smr_problem *problem)
{
	const char *text = fields[EOPC] != NULL ? fields[EOPC] : fields[OPC];
	size_t len = smr_aka_opc_len(f->alg);

	if (smr_hex_decode_exact(text, aka->opc, len) != SMR_OK)
		return bad(f, fields[EOPC] != NULL ? "EOPC" : "OPC", SMR_E_MALFORMED,
			   len == 32 ? "TOPc is 64 hex digits" : "OPc is 32 hex digits", problem);
	return fields[EOPC] != NULL ? decrypt(key, aka->opc, len) : SMR_OK;
}

static enum smr_err take_card(struct smr_vendor_file *f, struct smr_vendor_card *out, struct smr_problem *problem)
{
	const char *fields[COLUMNS] = {NULL};
	const struct smr_vendor_key *key;
	uint8_t index = f->index;

	SMR_TRY(split(f, fields, problem));
	SMR_TRY(take_identities(f, fields, out, problem));
	if (fields[K4] != NULL)
		SMR_TRY(check_index(f, fields[K4], &index, problem));
	key = find_key(f, index);
	out->aka = (struct smr_aka_params){.alg = f->alg, .res_len = SMR_AKA_RES_DEFAULT, .keccak_iterations = 1};
	SMR_TRY(take_k(f, fields[EKI], key, &out->aka, problem));
	SMR_TRY(take_opc(f, fields, key, &out->aka, problem));
	return smr_aka_params_check(&out->aka) == SMR_OK ? SMR_OK
							 : smr_vendor_problem(f, SMR_E_UNSUPPORTED, problem, NULL);
}

static enum smr_err end_cards(const struct smr_vendor_file *f, struct smr_problem *problem)
{
	if (f->cards == f->quantity)
		return SMR_E_NOTHING;
	return smr_problem(problem, SMR_E_TRUNCATED, "%s: %llu cards, but the header says %llu", f->path,
			   (unsigned long long)f->cards, (unsigned long long)f->quantity);
}

static enum smr_err next_card(struct smr_vendor_file *f, struct smr_vendor_card *out, struct smr_problem *problem)
{
	enum smr_err err;

	do {
		err = read_line(f, problem);
	} while (err == SMR_OK && (f->text[0] == '\0' || f->text[0] == '*'));
	if (err != SMR_OK)
		return err == SMR_E_NOTHING ? end_cards(f, problem) : err;
	if (f->cards == f->quantity)
		return smr_problem(problem, SMR_E_TOO_MANY, "%s:%llu: there are more cards than the header says, %llu",
				   f->path, (unsigned long long)f->line, (unsigned long long)f->quantity);
	f->cards++;
	return take_card(f, out, problem);
}

enum smr_err smr_vendor_next(struct smr_vendor_file *file, struct smr_vendor_card *out, struct smr_problem *problem)
{
	enum smr_err err;

	*out = (struct smr_vendor_card){0};
	err = next_card(file, out, problem);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	return err;
}

uint64_t smr_vendor_quantity(const struct smr_vendor_file *file)
{
	return file->quantity;
}

void smr_vendor_close(struct smr_vendor_file *file)
{
	if (file == NULL)
		return;
	if (file->file != NULL)
		(void)fclose(file->file);
	free(file->path);
	smr_wipe(file, sizeof(*file));
	free(file);
}
