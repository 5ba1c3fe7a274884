/* SPDX-License-Identifier: Apache-2.0 */
/* What args.c, args_help.c and args_json.c share. */
#ifndef SMR_ARGS_LOCAL_H
#define SMR_ARGS_LOCAL_H

#include "sys/args.h"

/* The options of a subcommand one by one, its own first, then the common ones; NULL after the last. */
const struct smr_option *smr_args_option(const struct smr_subcommand *command, size_t index);
/* Does the subcommand's path begin with these words? */
bool smr_args_path_begins(const char *path, const char *words);
/* Help of all subcommands that begin with these words. */
void smr_args_help_group(FILE *out, const struct smr_program *program, const char *words);
/* The whole table as JSON. */
void smr_args_json(FILE *out, const struct smr_program *program);

#endif
