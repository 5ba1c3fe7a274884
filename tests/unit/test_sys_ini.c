/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "sys/ini.h"

struct config {
	char *address;
	uint64_t port;
	uint64_t epoch;
	bool verbose;
	unsigned mode;
	struct smr_ini_list measure;
};

static const struct smr_ini_key keys[] = {
	{"listen", "address", SMR_INI_TEXT, offsetof(struct config, address), "0.0.0.0", 1, 15, "address to bind",
	 NULL},
	{"listen", "port", SMR_INI_UINT, offsetof(struct config, port), NULL, 1, 65535, "UDP port", NULL},
	{"tickets", "epoch", SMR_INI_DURATION, offsetof(struct config, epoch), "24h", 60, 31536000, "length", NULL},
	{"tickets", "verbose", SMR_INI_BOOL, offsetof(struct config, verbose), "no", 0, 0, "say more", NULL},
	{"tickets", "mode", SMR_INI_CHOICE, offsetof(struct config, mode), "auto", 0, 0, "certificate",
	 "auto|always|never"},
	{"launch", "measure", SMR_INI_LIST, offsetof(struct config, measure), "", 0, 2, "further files", NULL},
};

static struct config config;
static struct smr_problem problem;

static enum smr_err load(const char *text)
{
	memset(&config, 0xa5, sizeof(config));
	problem.text[0] = '\0';
	scratch_text("c.ini", text);
	return smr_ini_load("c.ini", keys, SMR_COUNT(keys), &config, &problem);
}

static void test_ini_values_of_all_types_are_read(void **state)
{
	(void)state;
	assert_int_equal(load("; comment\n[listen]\n  address = 127.0.0.1\nport=5683 ; inline\n\n[tickets]\nepoch = "
			      "90m\nverbose = yes\n"
			      "mode = never\n[launch]\nmeasure = /a\nmeasure = /b c\n"),
			 SMR_OK);
	assert_string_equal(config.address, "127.0.0.1");
	assert_true(config.port == 5683);
	assert_true(config.epoch == 5400);
	assert_true(config.verbose);
	assert_int_equal(config.mode, 2);
	assert_int_equal(config.measure.count, 2);
	assert_string_equal(config.measure.items[0], "/a");
	assert_string_equal(config.measure.items[1], "/b c");
	smr_ini_wipe(keys, SMR_COUNT(keys), &config);
	assert_null(config.address);
	assert_int_equal(config.measure.count, 0);
}

static void test_ini_missing_keys_take_their_defaults(void **state)
{
	(void)state;
	assert_int_equal(load("[listen]\nport = 1\n"), SMR_OK);
	assert_string_equal(config.address, "0.0.0.0");
	assert_true(config.epoch == 86400);
	assert_false(config.verbose);
	assert_int_equal(config.mode, 0);
	assert_int_equal(config.measure.count, 0);
	smr_ini_wipe(keys, SMR_COUNT(keys), &config);
}

static void test_ini_errors_name_file_line_and_key(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{"[listen]\nport = 1\npart = 2\n", "c.ini:3: unknown key part in section [listen]"},
		{"[listen]\nport = 1\n[nowhere]\nport = 2\n", "c.ini:4: unknown section [nowhere]"},
		{"port = 1\n", "c.ini:1: unknown section []"},
		{"[listen]\n\nport = 1\nport = 2\n", "c.ini:4: key port is given twice"},
		{"[listen]\nport = 0\n", "c.ini:2: key port: a whole number from 1 to 65535 is needed"},
		{"[listen]\nport = 65536\n", "c.ini:2: key port: a whole number from 1 to 65535 is needed"},
		{"[listen]\nport =\n", "c.ini:2: key port: a whole number from 1 to 65535 is needed"},
		{"[listen]\naddress =\nport = 1\n", "c.ini:2: key address: 1 to 15 characters are needed"},
		{"[listen]\naddress = 1234567890123456\nport = 1\n",
		 "c.ini:2: key address: 1 to 15 characters are needed"},
		{"[tickets]\nepoch = 5s\n",
		 "c.ini:2: key epoch: a duration such as 90s, 15m, 24h or 30d is needed, from 60s to 31536000s"},
		{"[tickets]\nverbose = perhaps\n", "c.ini:2: key verbose: yes or no is needed"},
		{"[tickets]\nmode = alw\n", "c.ini:2: key mode: one of auto|always|never is needed"},
		{"[launch]\nmeasure=a\nmeasure=b\nmeasure=c\n", "c.ini:4: key measure: 0 to 2 values are needed"},
		{"[listen]\nport\n", "c.ini:2: neither «[section]» nor «key = value»"},
		{"[listen\nport = 1\n", "c.ini:1: neither «[section]» nor «key = value»"},
		{"[tickets]\nepoch = 1h\n", "c.ini: key port in section [listen] is missing"},
		{"[listen]\nport = 1\n indented = 2\n", "c.ini:3: unknown key indented in section [listen]"},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++) {
		assert_int_equal(load(bad[i].text), SMR_E_MALFORMED);
		assert_string_equal(problem.text, bad[i].says);
		assert_null(config.address);
		assert_int_equal(config.measure.count, 0);
	}
}

/* libinih would silently read the rest of a long line as a line of its own. */
static void test_ini_line_beyond_the_buffer_is_refused(void **state)
{
	char text[600] = "[listen]\nport = 1\n[launch]\nmeasure = ";

	(void)state;
	memset(text + strlen(text), 'x', 300);
	assert_int_equal(load(text), SMR_E_MALFORMED);
	assert_non_null(strstr(problem.text, "c.ini:4: the line is longer than"));
}

static void test_ini_missing_file_is_not_found(void **state)
{
	(void)state;
	assert_int_equal(smr_ini_load("none.ini", keys, SMR_COUNT(keys), &config, &problem), SMR_E_NOT_FOUND);
	assert_string_equal(problem.text, "none.ini: No such file or directory");
	assert_int_equal(smr_ini_load(".", keys, SMR_COUNT(keys), &config, &problem), SMR_E_NO_FILE);
}

static void test_ini_no_file_means_defaults(void **state)
{
	(void)state;
	assert_int_equal(smr_ini_load(NULL, keys, 1, &config, &problem), SMR_OK);
	assert_string_equal(config.address, "0.0.0.0");
	smr_ini_wipe(keys, 1, &config);
	assert_int_equal(smr_ini_load(NULL, keys, SMR_COUNT(keys), &config, &problem), SMR_E_MALFORMED);
	assert_string_equal(problem.text, "configuration: key port in section [listen] is missing");
}

/* What --help-config prints is itself a configuration, once the required keys are filled in. */
static void test_ini_help_is_a_loadable_file(void **state)
{
	char text[2048];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	smr_ini_help(out, keys, SMR_COUNT(keys));
	(void)fclose(out);
	assert_non_null(strstr(text, "# UDP port (1 to 65535) (required)\n#port =\n"));
	assert_non_null(strstr(text, "# certificate (auto|always|never)\nmode = auto\n"));
	assert_non_null(strstr(text, "# further files (may be repeated)\n#measure =\n"));
	assert_int_equal(load(text), SMR_E_MALFORMED);
	memcpy(strstr(text, "#port ="), "port =7", 7);
	assert_int_equal(load(text), SMR_OK);
	assert_true(config.port == 7);
	smr_ini_wipe(keys, SMR_COUNT(keys), &config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_ini_values_of_all_types_are_read),
		scratch_test(test_ini_missing_keys_take_their_defaults),
		scratch_test(test_ini_errors_name_file_line_and_key),
		scratch_test(test_ini_line_beyond_the_buffer_is_refused),
		scratch_test(test_ini_missing_file_is_not_found),
		scratch_test(test_ini_no_file_means_defaults),
		scratch_test(test_ini_help_is_a_loadable_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
