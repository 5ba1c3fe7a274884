/* SPDX-License-Identifier: Apache-2.0 */
/* --help-json: the table of a program as JSON, from which its man pages and completions are made. By hand, since every program links this
 * file and the TRE has no use for a JSON library. */
#include "sys/args_local.h"

static void text(FILE *out, const char *key, const char *value)
{
	(void)fprintf(out, "\"%s\":", key);
	if (value == NULL) {
		(void)fputs("null", out);
		return;
	}
	(void)fputc('"', out);
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			(void)fprintf(out, "\\%c", c);
		else if (c < 0x20)
			(void)fprintf(out, "\\u%04x", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

static void flag(FILE *out, const char *key, bool set)
{
	(void)fprintf(out, ",\"%s\":%s", key, set ? "true" : "false");
}

static void option_json(FILE *out, const struct smr_option *option)
{
	char letter[2] = {option->letter, '\0'};

	(void)fputc('{', out);
	text(out, "name", option->name);
	(void)fputc(',', out);
	text(out, "letter", option->letter == 0 ? NULL : letter);
	(void)fputc(',', out);
	text(out, "value", option->value);
	flag(out, "required", (option->flags & SMR_OPT_REQUIRED) != 0);
	flag(out, "repeat", (option->flags & SMR_OPT_REPEAT) != 0);
	flag(out, "optional", (option->flags & SMR_OPT_OPTIONAL) != 0);
	(void)fputc(',', out);
	text(out, "help", option->help);
	(void)fputc('}', out);
}

static void command_json(FILE *out, const struct smr_subcommand *command)
{
	const struct {
		const char *key;
		const char *value;
	} texts[] = {{"path", command->path},
		     {"positional", command->positional},
		     {"summary", command->summary},
		     {"details", command->details},
		     {"example", command->example}};
	const struct smr_option *option;

	(void)fputc('{', out);
	for (size_t i = 0; i < SMR_COUNT(texts); i++) {
		text(out, texts[i].key, texts[i].value);
		(void)fputc(',', out);
	}
	(void)fputs("\"options\":[", out);
	for (size_t i = 0; (option = smr_args_option(command, i)) != NULL; i++) {
		(void)fputs(i == 0 ? "" : ",", out);
		option_json(out, option);
	}
	(void)fputs("]}", out);
}

void smr_args_json(FILE *out, const struct smr_program *program)
{
	(void)fputc('{', out);
	text(out, "program", program->name);
	(void)fputc(',', out);
	text(out, "version", program->version);
	(void)fputc(',', out);
	text(out, "summary", program->summary);
	(void)fputs(",\"commands\":[", out);
	for (size_t i = 0; i < program->command_count; i++) {
		(void)fputs(i == 0 ? "\n" : ",\n", out);
		command_json(out, &program->commands[i]);
	}
	(void)fputs("\n]}\n", out);
}
