/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "sys/text.h"

#define BODY_MAX 1024u
/* Every octet of the body can become two in JSON, and each pair gets four quotes; the rest is the head. */
#define LINE_MAX_OCTETS (3 * BODY_MAX + 512u)

static struct {
	const char *program;
	enum smr_log_level level;
	bool json;
	bool journal;
	pthread_once_t key_once;
	bool has_key;
	uint8_t key[SMR_HASH_LEN];
} settings = {.program = "samara", .level = SMR_LOG_INFO, .key_once = PTHREAD_ONCE_INIT};

struct line {
	char text[LINE_MAX_OCTETS];
	size_t len;
};

static void add_char(struct line *line, char c)
{
	/* One octet stays free for the line end. */
	if (line->len + 1 < sizeof(line->text))
		line->text[line->len++] = c;
}

static void add(struct line *line, const char *text)
{
	for (; *text != '\0'; text++)
		add_char(line, *text);
}

/* Is standard error the journal's stream? (systemd.exec(5), JOURNAL_STREAM) */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(own, stream) == 0;
}

static void make_key(void)
{
	settings.has_key = smr_random(settings.key, sizeof(settings.key)) == SMR_OK;
}

void smr_log_init(const char *program, enum smr_log_level level, bool json)
{
	settings.program = program;
	settings.level = level;
	settings.json = json;
	settings.journal = stderr_is_journal();
}

static const char *level_name(enum smr_log_level level)
{
	switch (level) {
	case SMR_LOG_ERROR:
		return "error";
	case SMR_LOG_WARN:
		return "warn";
	case SMR_LOG_INFO:
		return "info";
	case SMR_LOG_DEBUG:
		return "debug";
	}
	return "error";
}

enum smr_err smr_log_level_parse(const char *text, enum smr_log_level *out)
{
	static const enum smr_log_level levels[] = {SMR_LOG_ERROR, SMR_LOG_WARN, SMR_LOG_INFO, SMR_LOG_DEBUG};

	for (size_t i = 0; i < SMR_COUNT(levels); i++) {
		if (strcmp(text, level_name(levels[i])) == 0) {
			*out = levels[i];
			return SMR_OK;
		}
	}
	return SMR_E_MALFORMED;
}

bool smr_log_enabled(enum smr_log_level level)
{
	return level <= settings.level;
}

static void add_time(struct line *line)
{
	struct timespec now;
	struct tm utc;
	char text[40];
	size_t len;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(text + len, sizeof(text) - len, ".%03ldZ", now.tv_nsec / 1000000);
	add(line, settings.json ? "\"time\":\"" : "time=");
	add(line, text);
	add(line, settings.json ? "\"," : " ");
}

static void add_head(struct line *line, enum smr_log_level level, const char *event)
{
	const char *names[] = {"level", "program", "event"};
	const char *values[] = {level_name(level), settings.program, event};

	if (settings.journal) {
		add_char(line, '<');
		add_char(line, (char)('0' + (int)level));
		add_char(line, '>');
	}
	if (settings.json)
		add_char(line, '{');
	if (!settings.journal)
		add_time(line);
	for (size_t i = 0; i < SMR_COUNT(names); i++) {
		if (i > 0)
			add_char(line, settings.json ? ',' : ' ');
		add(line, settings.json ? "\"" : "");
		add(line, names[i]);
		add(line, settings.json ? "\":\"" : "=");
		add(line, values[i]);
		add(line, settings.json ? "\"" : "");
	}
}

/* Numbers that every JSON reader holds exactly, true and false stay bare; long digit strings are identities. */
static bool is_bare(const char *value, size_t len)
{
	if ((len == 4 && memcmp(value, "true", 4) == 0) || (len == 5 && memcmp(value, "false", 5) == 0))
		return true;
	if (len == 0 || len > 14 || (len > 1 && value[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (value[i] < '0' || value[i] > '9')
			return false;
	return true;
}

/* A value in quotes, its escapes being the same in logfmt and JSON. Returns what follows it. */
static const char *add_json_quoted(struct line *line, const char *value)
{
	add_char(line, '"');
	for (value++; *value != '\0' && *value != '"'; value++) {
		if (*value == '\\') {
			if (value[1] != '"' && value[1] != '\\') {
				add(line, "\\\\");
				continue;
			}
			add_char(line, *value++);
		}
		add_char(line, *value);
	}
	add_char(line, '"');
	return *value == '"' ? value + 1 : value;
}

static const char *add_json_plain(struct line *line, const char *value)
{
	size_t len = strcspn(value, " ");
	bool bare = is_bare(value, len);

	if (!bare)
		add_char(line, '"');
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '"' || value[i] == '\\')
			add_char(line, '\\');
		add_char(line, value[i]);
	}
	if (!bare)
		add_char(line, '"');
	return value + len;
}

/* «key=value» pairs to members of the object. A word without «=» becomes a key with an empty value. */
static void add_json_body(struct line *line, const char *body)
{
	for (;;) {
		body += strspn(body, " ");
		if (*body == '\0')
			return;
		add(line, ",\"");
		for (; *body != '\0' && *body != '=' && *body != ' '; body++)
			add_char(line, *body == '"' || *body == '\\' ? '?' : *body);
		add(line, "\":");
		if (*body == '=')
			body++;
		body = *body == '"' ? add_json_quoted(line, body) : add_json_plain(line, body);
	}
}

static void finish(struct line *line)
{
	size_t written = 0;

	for (size_t i = 0; i < line->len; i++)
		if (line->text[i] < ' ' || line->text[i] > '~')
			line->text[i] = '?';
	line->text[line->len++] = '\n';
	/* One write() so that lines of threads and processes do not mix; a log that cannot be written is no reason to
	 * stop. */
	while (written < line->len) {
		ssize_t put = write(STDERR_FILENO, line->text + written, line->len - written);

		if (put <= 0)
			return;
		written += (size_t)put;
	}
}

static void emit(enum smr_log_level level, const char *event, const char *body)
{
	struct line line = {.len = 0};

	add_head(&line, level, event);
	if (settings.json) {
		add_json_body(&line, body);
		add_char(&line, '}');
	} else if (*body != '\0') {
		add_char(&line, ' ');
		add(&line, body);
	}
	finish(&line);
}

void smr_log(enum smr_log_level level, const char *event, const char *format, ...)
{
	char body[BODY_MAX];
	va_list args;

	if (!smr_log_enabled(level))
		return;
	va_start(args, format);
	(void)vsnprintf(body, sizeof(body), format, args);
	va_end(args);
	emit(level, event, body);
}

void smr_log_event(enum smr_log_level level, const char *event)
{
	if (smr_log_enabled(level))
		emit(level, event, "");
}

void smr_log_error(enum smr_log_level level, const char *event, enum smr_err err, const char *detail)
{
	if (detail == NULL)
		smr_log(level, event, "error=%s reason=%s", smr_err_name(err), SMR_QUOTED(smr_err_text(err)));
	else
		smr_log(level, event, "error=%s reason=%s detail=%s", smr_err_name(err), SMR_QUOTED(smr_err_text(err)),
			SMR_QUOTED(detail));
}

const char *smr_log_id(const char *identity, char out[SMR_LOG_ID_ROOM])
{
	const struct smr_bytes part = smr_text_of(identity);
	uint8_t hash[SMR_HASH_LEN];

	if (smr_log_enabled(SMR_LOG_DEBUG)) {
		(void)snprintf(out, SMR_LOG_ID_ROOM, "%s", identity);
		return out;
	}
	(void)pthread_once(&settings.key_once, make_key);
	if (!settings.has_key || smr_hmac_sha256(SMR_ARRAY(settings.key), &part, 1, hash) != SMR_OK) {
		(void)snprintf(out, SMR_LOG_ID_ROOM, "hidden");
		return out;
	}
	out[0] = '#';
	smr_hex_encode(smr_bytes_of(hash, 4), out + 1);
	return out;
}

const char *smr_log_quote(const char *text, char out[SMR_LOG_TEXT_ROOM])
{
	size_t len = 0;

	out[len++] = '"';
	/* Room for an escaped character, the closing quote and the NUL. */
	for (; *text != '\0' && len + 4 <= SMR_LOG_TEXT_ROOM; text++) {
		if (*text == '"' || *text == '\\')
			out[len++] = '\\';
		out[len++] = *text;
	}
	out[len++] = '"';
	out[len] = '\0';
	return out;
}
