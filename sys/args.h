/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file args.h
 * The command line. One table of subcommands is dispatch, parsing, `--help` and usage errors.
 *
 *     static const struct smr_option ship_options[] = {
 *         {"number", 'n', "N", SMR_OPT_REQUIRED, "shipment number"},
 *         {"anchor", 0, "CARD", SMR_OPT_REPEAT, "operator the devices accept"},
 *         {"gate", 0, NULL, 0, "give the shipment a gate key"},
 *     };
 *     static const struct smr_subcommand commands[] = {
 *         {"supplier ship", run_ship, ship_options, SMR_COUNT(ship_options), SMR_ARGS_DIR | SMR_ARGS_JSON,
 *          NULL, 0, 0, "Write the signed shipment file.", NULL, "samara supplier ship --dir sup -n 1 --out s1.smr"},
 *     };
 *     static const struct smr_program program = {"samara", "0.1.0", "…", commands, SMR_COUNT(commands)};
 *     int main(int argc, char **argv) { return smr_args_main(&program, argc, argv); }
 *
 * Long options take «--name value» or «--name=value», letters «-n value» or «-nvalue»; «--» ends options; a value may
 * be «-». Options and positional arguments mix. Always there: --help (-h), --version, and, as the only word, --help-json
 * (the whole table, for man pages and completions). Exit code of wrong usage: 2.
 */
#ifndef SMR_ARGS_H
#define SMR_ARGS_H

#include <stdio.h>

#include "base/base.h"

enum {
	SMR_OPT_REQUIRED = 1, /* the option must be given */
	SMR_OPT_REPEAT = 2,   /* may be given several times */
	SMR_OPT_OPTIONAL = 4  /* its value may be left out («--once» or «--once=x»); it then reads as "" */
};

struct smr_option {
	const char *name;  /* without dashes */
	char letter;	   /* or 0 */
	const char *value; /* name of its value in the help; NULL: a flag */
	unsigned flags;
	const char *help;
};

enum {
	SMR_ARGS_DIR = 1,   /* --dir DIR, required: the player's directory */
	SMR_ARGS_JSON = 2,  /* --json */
	SMR_ARGS_QUIET = 4, /* --quiet (-q) */
	SMR_ARGS_CONFIG = 8 /* --help-config: the program prints its table of configuration keys (args->help_config is
			     * set and required options are not demanded) */
};

struct smr_args;
struct smr_subcommand {
	const char *path; /* words after the program's name: «ro status»; "": the program itself */
	int (*run)(const struct smr_args *args); /* returns the exit code */
	const struct smr_option *options;
	size_t option_count;
	unsigned common;	/* SMR_ARGS_… */
	const char *positional; /* «FILE...» for the help, or NULL */
	size_t positional_min;
	size_t positional_max;
	const char *summary; /* one line */
	const char *details; /* further lines of the help, or NULL */
	const char *example; /* lines, or NULL */
};

struct smr_program {
	const char *name;
	const char *version;
	const char *summary;
	const struct smr_subcommand *commands;
	size_t command_count;
};

/** What was given. Strings point into argv. */
struct smr_args {
	const struct smr_program *program;
	const struct smr_subcommand *command;
	const char *dir; /* NULL when the subcommand has none */
	bool json;
	bool quiet;
	bool help_config;
	const char **positional;
	size_t positional_count;
	struct smr_arg {
		const char *name;
		const char *value;
	} * given;
	size_t given_count;
};

/** Value of an option, NULL when it was not given; "" for a flag. Of a repeated one the first. */
const char *smr_arg(const struct smr_args *args, const char *name);
bool smr_arg_given(const struct smr_args *args, const char *name);
size_t smr_arg_count(const struct smr_args *args, const char *name);
const char *smr_arg_at(const struct smr_args *args, const char *name, size_t index);
/** A number from an option, or @p fallback. A bad one is reported on stderr and is SMR_E_MALFORMED (exit code 2). */
enum smr_err smr_arg_uint(const struct smr_args *args, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
			  uint64_t *out) SMR_MUST_USE;

/** Parse, print help or usage errors, or run. Returns the exit code for main. */
int smr_args_main(const struct smr_program *program, int argc, char **argv);
/** For a run function that finds a usage error itself: prints it with a hint at --help and returns 2. */
int smr_args_usage(const struct smr_args *args, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Help of the program (@p command NULL) or of a subcommand. */
void smr_args_help(FILE *out, const struct smr_program *program, const struct smr_subcommand *command);

#endif
