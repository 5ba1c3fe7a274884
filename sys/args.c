/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/args_local.h"

#include <stdarg.h>
#include <stdlib.h>

#include "sys/text.h"

#define USAGE_EXIT 2

/* Options that many subcommands have, in the order of the bits SMR_ARGS_…; the last two all of them have. */
static const struct smr_option common_options[] = {
	{"dir", 0, "DIR", SMR_OPT_REQUIRED, "the player's directory"},
	{"json", 0, NULL, 0, "print JSON"},
	{"quiet", 'q', NULL, 0, "no progress, no confirmations"},
	{"help-config", 0, NULL, 0, "print the configuration file's keys"},
	{"help", 'h', NULL, 0, "print this help"},
	{"version", 0, NULL, 0, "print the version"},
};
#define ALWAYS_FROM 4

const struct smr_option *smr_args_option(const struct smr_subcommand *command, size_t index)
{
	size_t i = command->option_count;

	if (index < i)
		return &command->options[index];
	for (size_t common = 0; common < SMR_COUNT(common_options); common++) {
		if (common < ALWAYS_FROM && (command->common & (1u << common)) == 0)
			continue;
		if (i++ == index)
			return &common_options[common];
	}
	return NULL;
}

static const struct smr_option *find_option(const struct smr_subcommand *command, const char *name, size_t len,
					    char letter)
{
	const struct smr_option *option;

	for (size_t i = 0; (option = smr_args_option(command, i)) != NULL; i++) {
		if (letter != 0 && option->letter == letter)
			return option;
		if (letter == 0 && strlen(option->name) == len && memcmp(option->name, name, len) == 0)
			return option;
	}
	return NULL;
}

int smr_args_usage(const struct smr_args *args, const char *format, ...)
{
	const char *path = args->command == NULL ? "" : args->command->path;
	va_list list;

	(void)fprintf(stderr, "%s: ", args->program->name);
	va_start(list, format);
	(void)vfprintf(stderr, format, list);
	va_end(list);
	(void)fprintf(stderr, "\nTry «%s%s%s --help».\n", args->program->name, *path == '\0' ? "" : " ", path);
	return USAGE_EXIT;
}

/* ---- what was given ---- */

const char *smr_arg_at(const struct smr_args *args, const char *name, size_t index)
{
	for (size_t i = 0; i < args->given_count; i++)
		if (strcmp(args->given[i].name, name) == 0 && index-- == 0)
			return args->given[i].value;
	return NULL;
}

const char *smr_arg(const struct smr_args *args, const char *name)
{
	return smr_arg_at(args, name, 0);
}

bool smr_arg_given(const struct smr_args *args, const char *name)
{
	return smr_arg(args, name) != NULL;
}

size_t smr_arg_count(const struct smr_args *args, const char *name)
{
	size_t count = 0;

	while (smr_arg_at(args, name, count) != NULL)
		count++;
	return count;
}

enum smr_err smr_arg_uint(const struct smr_args *args, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
			  uint64_t *out)
{
	const char *value = smr_arg(args, name);

	*out = fallback;
	if (value == NULL)
		return SMR_OK;
	if (smr_parse_uint(value, min, max, out) == SMR_OK)
		return SMR_OK;
	(void)smr_args_usage(args, "--%s needs a whole number from %llu to %llu", name, (unsigned long long)min,
			     (unsigned long long)max);
	return SMR_E_MALFORMED;
}

/* ---- parsing: each step returns 0, or the exit code after it has said why ---- */

static int give(struct smr_args *args, const struct smr_option *option, const char *value)
{
	if (smr_arg_given(args, option->name) && (option->flags & SMR_OPT_REPEAT) == 0)
		return smr_args_usage(args, "--%s is given twice", option->name);
	args->given[args->given_count++] = (struct smr_arg){option->name, value};
	return 0;
}

/* «--name», «--name=value» or «--name value»; *used becomes true when the next word is the value. */
static int take_long(struct smr_args *args, const char *word, const char *next, bool *used)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] == '=' ? word + len + 1 : NULL;
	const struct smr_option *option = find_option(args->command, word, len, 0);

	if (option == NULL)
		return smr_args_usage(args, "unknown option --%.*s", (int)len, word);
	if (option->value == NULL)
		return value == NULL ? give(args, option, "")
				     : smr_args_usage(args, "--%s takes no value", option->name);
	if (value == NULL && (option->flags & SMR_OPT_OPTIONAL) != 0)
		value = "";
	if (value == NULL) {
		*used = next != NULL;
		value = next;
	}
	return value != NULL ? give(args, option, value)
			     : smr_args_usage(args, "--%s needs %s", option->name, option->value);
}

/* «-q», «-n value», «-nvalue». Letters are not bundled. */
static int take_letter(struct smr_args *args, const char *word, const char *next, bool *used)
{
	const struct smr_option *option = find_option(args->command, NULL, 0, word[0]);
	const char *value = word[1] != '\0' ? word + 1 : NULL;

	if (option == NULL)
		return smr_args_usage(args, "unknown option -%c", word[0]);
	if (option->value == NULL)
		return value == NULL ? give(args, option, "") : smr_args_usage(args, "-%c takes no value", word[0]);
	if (value == NULL && (option->flags & SMR_OPT_OPTIONAL) != 0)
		value = "";
	if (value == NULL) {
		*used = next != NULL;
		value = next;
	}
	return value != NULL ? give(args, option, value) : smr_args_usage(args, "-%c needs %s", word[0], option->value);
}

static int take_words(struct smr_args *args, char **words, int count)
{
	bool options = true;

	for (int i = 0; i < count; i++) {
		const char *next = i + 1 < count ? words[i + 1] : NULL;
		bool used = false;
		int code = 0;

		if (options && strcmp(words[i], "--") == 0)
			options = false;
		else if (options && strncmp(words[i], "--", 2) == 0)
			code = take_long(args, words[i] + 2, next, &used);
		else if (options && words[i][0] == '-' && words[i][1] != '\0')
			code = take_letter(args, words[i] + 1, next, &used);
		else
			args->positional[args->positional_count++] = words[i];
		if (code != 0)
			return code;
		i += used;
	}
	return 0;
}

static int check_complete(struct smr_args *args)
{
	const struct smr_subcommand *command = args->command;
	const struct smr_option *option;

	for (size_t i = 0; (option = smr_args_option(command, i)) != NULL; i++) {
		if ((option->flags & SMR_OPT_REQUIRED) != 0 && !smr_arg_given(args, option->name))
			return smr_args_usage(args, "--%s %s is missing", option->name, option->value);
	}
	if (args->positional_count < command->positional_min)
		return smr_args_usage(args, "%s is missing", command->positional);
	if (args->positional_count > command->positional_max)
		return smr_args_usage(args, "unexpected argument «%s»", args->positional[command->positional_max]);
	return 0;
}

static int run(struct smr_args *args, char **words, int count)
{
	int code = take_words(args, words, count);

	if (code != 0)
		return code;
	if (smr_arg_given(args, "help")) {
		smr_args_help(stdout, args->program, args->command);
		return 0;
	}
	if (smr_arg_given(args, "version")) {
		(void)printf("%s %s\n", args->program->name, args->program->version);
		return 0;
	}
	args->dir = smr_arg(args, "dir");
	args->json = smr_arg_given(args, "json");
	args->quiet = smr_arg_given(args, "quiet");
	args->help_config = smr_arg_given(args, "help-config");
	if (!args->help_config)
		code = check_complete(args);
	return code != 0 ? code : args->command->run(args);
}

static int run_with_room(const struct smr_program *program, const struct smr_subcommand *command, char **words,
			 int count)
{
	struct smr_args args = {.program = program, .command = command};
	int code = 1;

	args.given = calloc((size_t)count + 1, sizeof(*args.given));
	args.positional = calloc((size_t)count + 1, sizeof(*args.positional));
	if (args.given != NULL && args.positional != NULL)
		code = run(&args, words, count);
	else
		(void)fprintf(stderr, "%s: out of memory\n", program->name);
	free(args.given);
	free(args.positional);
	return code;
}

/* Words of the subcommand at the beginning of argv: does @p path consist of the first *count of them? */
static bool path_matches(const char *path, char **words, int count, int *used)
{
	*used = 0;
	while (*path != '\0') {
		size_t len = strcspn(path, " ");

		if (*used == count || strlen(words[*used]) != len || memcmp(words[*used], path, len) != 0)
			return false;
		(*used)++;
		path += len + (path[len] == ' ');
	}
	return true;
}

/* No subcommand: help or version was asked for, possibly of a group («samara ro --help»); or the usage is wrong. */
static int without_command(const struct smr_program *program, char **words, int count)
{
	struct smr_args args = {.program = program};
	char group[64] = "";

	for (int i = 0; i < count && words[i][0] != '-'; i++) {
		size_t len = strlen(group);

		(void)snprintf(group + len, sizeof(group) - len, "%s%s", len == 0 ? "" : " ", words[i]);
	}
	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
			smr_args_help_group(stdout, program, group);
			return 0;
		}
		if (strcmp(words[i], "--version") == 0) {
			(void)printf("%s %s\n", program->name, program->version);
			return 0;
		}
	}
	if (group[0] == '\0')
		return smr_args_usage(&args, "a command is missing");
	for (size_t i = 0; i < program->command_count; i++)
		if (smr_args_path_begins(program->commands[i].path, group))
			return smr_args_usage(&args, "«%s» needs a further word", group);
	return smr_args_usage(&args, "unknown command «%s»", group);
}

int smr_args_main(const struct smr_program *program, int argc, char **argv)
{
	const struct smr_subcommand *best = NULL;
	int best_used = -1;

	if (argc == 2 && strcmp(argv[1], "--help-json") == 0) {
		smr_args_json(stdout, program);
		return 0;
	}
	for (size_t i = 0; i < program->command_count; i++) {
		int used;

		if (path_matches(program->commands[i].path, argv + 1, argc - 1, &used) && used > best_used) {
			best = &program->commands[i];
			best_used = used;
		}
	}
	if (best == NULL)
		return without_command(program, argv + 1, argc - 1);
	return run_with_room(program, best, argv + 1 + best_used, argc - 1 - best_used);
}
