/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: sys/args.c. */
/* Command lines: words are separated by NUL. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "sys/args.h"

#define WORDS_MAX 32u

static int run(const struct smr_args *args)
{
	uint64_t number;

	if (args->help_config)
		return 0;
	FUZZ_CHECK(smr_arg(args, "name") != NULL); /* required */
	FUZZ_CHECK(args->positional_count <= 2);
	for (size_t i = 0; i < smr_arg_count(args, "many"); i++)
		FUZZ_CHECK(smr_arg_at(args, "many", i) != NULL);
	if (smr_arg_uint(args, "number", 1, 9, 5, &number) == SMR_OK)
		FUZZ_CHECK(number >= 1 && number <= 9);
	return 0;
}

static const struct smr_option options[] = {
	{"name", 'n', "N", SMR_OPT_REQUIRED, "required"},
	{"many", 'm', "M", SMR_OPT_REPEAT, "repeated"},
	{"number", 0, "N", 0, "a number"},
	{"once", 'o', "X", SMR_OPT_OPTIONAL, "value may be left out"},
	{"flag", 'f', NULL, 0, "flag"},
};

static const struct smr_subcommand commands[] = {
	{"one", run, options, SMR_COUNT(options), 0, NULL, 0, 0, "One.", NULL, NULL},
	{"one two", run, options, SMR_COUNT(options), SMR_ARGS_DIR | SMR_ARGS_JSON | SMR_ARGS_QUIET | SMR_ARGS_CONFIG,
	 "FILE...", 1, 2, "Two.", NULL, "one two"},
};

static const struct smr_program program = {"fuzz", "1", "Fuzzing.", commands, SMR_COUNT(commands)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = malloc(len + 1);
	char name[] = "fuzz";
	char *argv[WORDS_MAX + 2] = {name};
	int argc = 1;

	FUZZ_CHECK(copy != NULL);
	fuzz_silence();
	memcpy(copy, data, len);
	copy[len] = '\0';
	for (size_t pos = 0; pos < len && argc <= (int)WORDS_MAX; pos += strlen(copy + pos) + 1)
		argv[argc++] = copy + pos;
	(void)smr_args_main(&program, argc, argv);
	free(copy);
	return 0;
}
