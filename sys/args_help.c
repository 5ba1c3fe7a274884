/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sys/args_local.h"

#define HEAD_COLUMNS 22

static void help_option(FILE *out, const struct smr_option *option)
{
	char text[80];
	bool optional = (option->flags & SMR_OPT_OPTIONAL) != 0;

	(void)snprintf(text, sizeof(text), "--%s%s%s%s", option->name,
		       option->value == NULL ? ""
		       : optional	     ? "[="
					     : " ",
		       option->value == NULL ? "" : option->value, option->value != NULL && optional ? "]" : "");
	if (option->letter != 0)
		(void)fprintf(out, "  -%c, ", option->letter);
	else
		(void)fputs("      ", out);
	(void)fprintf(out, strlen(text) > HEAD_COLUMNS ? "%s\n                             " : "%-22s ", text);
	(void)fputs(option->help, out);
	(void)fprintf(out, "%s%s\n", (option->flags & SMR_OPT_REQUIRED) != 0 ? " (required)" : "",
		      (option->flags & SMR_OPT_REPEAT) != 0 ? " (may be repeated)" : "");
}

static void help_command(FILE *out, const struct smr_program *program, const struct smr_subcommand *command)
{
	const struct smr_option *option;

	(void)fprintf(out, "Usage: %s%s%s [options]%s%s\n%s\n\nOptions:\n", program->name,
		      command->path[0] == '\0' ? "" : " ", command->path, command->positional == NULL ? "" : " ",
		      command->positional == NULL ? "" : command->positional, command->summary);
	for (size_t i = 0; (option = smr_args_option(command, i)) != NULL; i++)
		help_option(out, option);
	if (command->details != NULL)
		(void)fprintf(out, "\n%s\n", command->details);
	if (command->example != NULL)
		(void)fprintf(out, "\nExample:\n%s\n", command->example);
}

bool smr_args_path_begins(const char *path, const char *words)
{
	size_t len = strlen(words);

	return strncmp(path, words, len) == 0 && (len == 0 || path[len] == '\0' || path[len] == ' ');
}

void smr_args_help_group(FILE *out, const struct smr_program *program, const char *words)
{
	(void)fprintf(out, "Usage: %s%s%s COMMAND [options]\n%s\n\nCommands:\n", program->name,
		      *words == '\0' ? "" : " ", words, program->summary);
	for (size_t i = 0; i < program->command_count; i++)
		if (smr_args_path_begins(program->commands[i].path, words))
			(void)fprintf(out, "  %-24s %s\n", program->commands[i].path, program->commands[i].summary);
	(void)fprintf(out,
		      "\n«%s COMMAND --help» explains one of them. --version prints the version, --help-json\n"
		      "all of this for programs.\n",
		      program->name);
}

void smr_args_help(FILE *out, const struct smr_program *program, const struct smr_subcommand *command)
{
	if (command != NULL)
		help_command(out, program, command);
	else
		smr_args_help_group(out, program, "");
}
