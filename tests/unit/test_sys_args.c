/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "sys/args.h"

static const struct smr_option ship_options[] = {
	{"number", 'n', "N", SMR_OPT_REQUIRED, "shipment number"},
	{"anchor", 'a', "CARD", SMR_OPT_REPEAT, "operator that the devices accept"},
	{"once", 0, "WHAT", SMR_OPT_OPTIONAL, "one thing only"},
	{"gate", 'g', NULL, 0, "gate key"},
};

static struct {
	unsigned runs;
	const char *path;
	const char *dir;
	const char *number;
	const char *once;
	const char *anchors[3];
	size_t anchor_count;
	bool gate;
	bool json;
	bool quiet;
	bool help_config;
	const char *positional[4];
	size_t positional_count;
	uint64_t parsed;
	enum smr_err parse_err;
} seen;

static int record(const struct smr_args *args)
{
	seen.runs++;
	seen.path = args->command->path;
	seen.dir = args->dir;
	seen.number = smr_arg(args, "number");
	seen.once = smr_arg(args, "once");
	seen.anchor_count = smr_arg_count(args, "anchor");
	for (size_t i = 0; i < seen.anchor_count && i < 3; i++)
		seen.anchors[i] = smr_arg_at(args, "anchor", i);
	seen.gate = smr_arg_given(args, "gate");
	seen.json = args->json;
	seen.quiet = args->quiet;
	seen.help_config = args->help_config;
	seen.positional_count = args->positional_count;
	for (size_t i = 0; i < args->positional_count && i < 4; i++)
		seen.positional[i] = args->positional[i];
	if (seen.number != NULL)
		seen.parse_err = smr_arg_uint(args, "number", 1, 10, 0, &seen.parsed);
	return 42;
}

static const struct smr_subcommand commands[] = {
	{"supplier ship", record, ship_options, SMR_COUNT(ship_options), SMR_ARGS_DIR | SMR_ARGS_JSON | SMR_ARGS_QUIET,
	 "FILE...", 1, 2, "Write the shipment.", "Details.", "prog supplier ship --dir d -n 1 f"},
	{"supplier", record, NULL, 0, 0, NULL, 0, 0, "Overview.", NULL, NULL},
	{"serve", record, NULL, 0, SMR_ARGS_DIR | SMR_ARGS_CONFIG, NULL, 0, 0, "Serve.", NULL, NULL},
	{"ro status", record, NULL, 0, SMR_ARGS_JSON, NULL, 0, 0, "Show.", NULL, NULL},
};
static const struct smr_program program = {"prog", "1.2", "Tests the arguments.", commands, SMR_COUNT(commands)};

static char output[8192];

/* Run with standard output and error caught in `output`. */
static int run(const struct smr_program *which, ...)
{
	char *argv[32] = {(char[]){"prog"}};
	int argc = 1;
	int saved[2] = {dup(1), dup(2)};
	int file = open("out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	va_list words;
	int code;

	va_start(words, which);
	while ((argv[argc] = va_arg(words, char *)) != NULL)
		argc++;
	va_end(words);
	seen.runs = 0;
	(void)fflush(stdout);
	assert_true(file >= 0 && dup2(file, 1) == 1 && dup2(file, 2) == 2);
	code = smr_args_main(which, argc, argv);
	(void)fflush(stdout);
	(void)dup2(saved[0], 1);
	(void)dup2(saved[1], 2);
	(void)close(saved[0]);
	(void)close(saved[1]);
	(void)close(file);
	output[scratch_get("out", (uint8_t *)output, sizeof(output) - 1)] = '\0';
	return code;
}
#define RUN(...) run(&program, __VA_ARGS__, (char *)NULL)

static void assert_usage(int code, const char *says)
{
	assert_int_equal(code, 2);
	assert_int_equal(seen.runs, 0);
	assert_non_null(strstr(output, says));
	assert_non_null(strstr(output, "--help"));
}

static void test_args_all_forms_are_understood(void **state)
{
	(void)state;
	assert_int_equal(RUN("supplier", "ship", "one", "--dir", "d", "--number=7", "-a", "x", "-ay", "--anchor", "-",
			     "-g", "--json", "-q", "--once", "--", "--two"),
			 42);
	assert_int_equal(seen.runs, 1);
	assert_string_equal(seen.path, "supplier ship");
	assert_string_equal(seen.dir, "d");
	assert_string_equal(seen.number, "7");
	assert_int_equal(seen.anchor_count, 3);
	assert_string_equal(seen.anchors[0], "x");
	assert_string_equal(seen.anchors[1], "y");
	assert_string_equal(seen.anchors[2], "-");
	assert_string_equal(seen.once, "");
	assert_true(seen.gate && seen.json && seen.quiet);
	assert_int_equal(seen.positional_count, 2);
	assert_string_equal(seen.positional[0], "one");
	assert_string_equal(seen.positional[1], "--two");
	assert_int_equal(seen.parse_err, SMR_OK);
	assert_true(seen.parsed == 7);
}

static void test_args_optional_value_is_taken_only_behind_equals(void **state)
{
	(void)state;
	assert_int_equal(RUN("supplier", "ship", "--dir=d", "-n1", "--once=x=y", "f"), 42);
	assert_string_equal(seen.once, "x=y");
	assert_false(seen.gate || seen.json || seen.quiet);
	assert_int_equal(RUN("supplier", "ship", "--dir=d", "-n1", "--once", "f"), 42);
	assert_string_equal(seen.once, "");
	assert_string_equal(seen.positional[0], "f");
}

static void test_args_longest_path_wins(void **state)
{
	(void)state;
	assert_int_equal(RUN("supplier"), 42);
	assert_string_equal(seen.path, "supplier");
	assert_int_equal(RUN("ro", "status", "--json"), 42);
	assert_string_equal(seen.path, "ro status");
	assert_null(seen.dir);
}

static void test_args_wrong_usage_exits_2_and_says_what(void **state)
{
	(void)state;
	assert_usage(RUN("supplier", "ship", "--dir", "d", "f"), "--number N is missing");
	assert_usage(RUN("supplier", "ship", "-n", "1", "f"), "--dir DIR is missing");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1"), "FILE... is missing");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1", "f", "g", "h"), "unexpected argument «h»");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1", "f", "--nope"), "unknown option --nope");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1", "f", "--numb=3"), "unknown option --numb");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1", "f", "-z"), "unknown option -z");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1", "-n", "2", "f"), "--number is given twice");
	assert_usage(RUN("supplier", "ship", "f", "--dir", "d", "-n"), "-n needs N");
	assert_usage(RUN("supplier", "ship", "f", "-n1", "--dir"), "--dir needs DIR");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1", "f", "--gate=1"), "--gate takes no value");
	assert_usage(RUN("supplier", "ship", "--dir", "d", "-n", "1", "f", "-gx"), "-g takes no value");
	assert_usage(RUN("ro", "status", "--quiet"), "unknown option --quiet");
	assert_usage(RUN("ro", "status", "--help-config"), "unknown option --help-config");
	assert_usage(RUN("ro"), "«ro» needs a further word");
	assert_usage(RUN("rosy"), "unknown command «rosy»");
	assert_usage(run(&program, (char *)NULL), "a command is missing");
}

static void test_args_bad_number_is_reported(void **state)
{
	(void)state;
	assert_int_equal(RUN("supplier", "ship", "--dir", "d", "-n", "11", "f"), 42);
	assert_int_equal(seen.parse_err, SMR_E_MALFORMED);
	assert_non_null(strstr(output, "--number needs a whole number from 1 to 10"));
}

static void test_args_help_needs_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(RUN("supplier", "ship", "--help"), 0);
	assert_int_equal(seen.runs, 0);
	assert_non_null(strstr(output, "Usage: prog supplier ship [options] FILE..."));
	assert_non_null(strstr(output, "-n, --number N"));
	assert_non_null(strstr(output, "--once[=WHAT]"));
	assert_non_null(strstr(output, "--dir DIR"));
	assert_non_null(strstr(output, "(may be repeated)"));
	assert_non_null(strstr(output, "prog supplier ship --dir d -n 1 f"));
	assert_null(strstr(output, "--help-config"));
	assert_int_equal(RUN("--help"), 0);
	assert_non_null(strstr(output, "supplier ship"));
	assert_non_null(strstr(output, "ro status"));
	assert_int_equal(RUN("ro", "-h"), 0);
	assert_non_null(strstr(output, "ro status"));
	assert_null(strstr(output, "supplier ship"));
}

static void test_args_help_json_is_the_whole_table_with_quotes_escaped(void **state)
{
	static const struct smr_option quoted[] = {{"odd", 'o', "A|B", SMR_OPT_OPTIONAL, "say \"\\\"\n"}};
	static const struct smr_subcommand only[] = {
		{"", record, quoted, 1, 0, NULL, 0, 0, "Only.", NULL, "line 1\nline 2"}};
	static const struct smr_program odd = {"odd", "3", "s", only, 1};

	(void)state;
	assert_int_equal(run(&odd, "--help-json", (char *)NULL), 0);
	assert_non_null(strstr(output, "{\"program\":\"odd\",\"version\":\"3\",\"summary\":\"s\",\"commands\":["));
	assert_non_null(strstr(output, "{\"name\":\"odd\",\"letter\":\"o\",\"value\":\"A|B\",\"required\":false,"
				       "\"repeat\":false,\"optional\":true,\"help\":\"say \\\"\\\\\\\"\\u000a\"}"));
	assert_non_null(strstr(output, "\"positional\":null"));
	assert_non_null(strstr(output, "\"example\":\"line 1\\u000aline 2\""));
	assert_int_equal(run(&odd, "--help-json", "x", (char *)NULL), 2);
}

static void test_args_version_is_printed(void **state)
{
	(void)state;
	assert_int_equal(RUN("--version"), 0);
	assert_string_equal(output, "prog 1.2\n");
	assert_int_equal(RUN("ro", "status", "--version"), 0);
	assert_string_equal(output, "prog 1.2\n");
}

static void test_args_help_config_demands_nothing(void **state)
{
	(void)state;
	assert_int_equal(RUN("serve", "--help-config"), 42);
	assert_true(seen.help_config);
	assert_null(seen.dir);
}

static void test_args_program_without_subcommands_runs(void **state)
{
	static const struct smr_subcommand only[] = {
		{"", record, NULL, 0, SMR_ARGS_DIR, NULL, 0, 0, "Only.", NULL, NULL}};
	static const struct smr_program single = {"single", "3", "s", only, 1};

	(void)state;
	assert_int_equal(run(&single, "--dir", "x", (char *)NULL), 42);
	assert_string_equal(seen.dir, "x");
	assert_int_equal(run(&single, "stray", "--dir", "x", (char *)NULL), 2);
	assert_non_null(strstr(output, "unexpected argument «stray»"));
	assert_int_equal(run(&single, "--help", (char *)NULL), 0);
	assert_non_null(strstr(output, "Usage: single [options]\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_args_all_forms_are_understood),
		scratch_test(test_args_optional_value_is_taken_only_behind_equals),
		scratch_test(test_args_longest_path_wins),
		scratch_test(test_args_wrong_usage_exits_2_and_says_what),
		scratch_test(test_args_bad_number_is_reported),
		scratch_test(test_args_help_needs_nothing_else),
		scratch_test(test_args_help_json_is_the_whole_table_with_quotes_escaped),
		scratch_test(test_args_version_is_printed),
		scratch_test(test_args_help_config_demands_nothing),
		scratch_test(test_args_program_without_subcommands_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
