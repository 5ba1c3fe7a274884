/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <pthread.h>

#include "sys/log.h"
#include "sys/problem.h"

static char output[65536];
static int saved;

static void catch_begin(void)
{
	int file = open("err", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	saved = dup(STDERR_FILENO);
	assert_true(file >= 0 && dup2(file, STDERR_FILENO) == STDERR_FILENO);
	(void)close(file);
}

static const char *catch_end(void)
{
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	output[scratch_get("err", (uint8_t *)output, sizeof(output) - 1)] = '\0';
	return output;
}

static void test_log_line_is_logfmt(void **state)
{
	const char *line;

	(void)state;
	catch_begin();
	smr_log_init("prog", SMR_LOG_INFO, false);
	smr_log(SMR_LOG_INFO, "flight.answered", "count=%u peer=%s", 3u, SMR_QUOTED("a \"b\" \\"));
	line = catch_end();
	assert_int_equal(strncmp(line, "time=2", 6), 0);
	assert_string_equal(strchr(line, ' '),
			    " level=info program=prog event=flight.answered count=3 peer=\"a \\\"b\\\" \\\\\"\n");
}

static void test_log_below_the_level_is_silent(void **state)
{
	(void)state;
	catch_begin();
	smr_log_init("prog", SMR_LOG_WARN, false);
	smr_log(SMR_LOG_INFO, "a.b", "x=%d", 1);
	smr_log_event(SMR_LOG_DEBUG, "a.b");
	smr_log_event(SMR_LOG_ERROR, "c.d");
	assert_non_null(strstr(catch_end(), "level=error program=prog event=c.d\n"));
	assert_null(strstr(output, "a.b"));
}

static void test_log_json_escapes_and_keeps_types(void **state)
{
	const char *line;

	(void)state;
	catch_begin();
	smr_log_init("prog", SMR_LOG_INFO, true);
	smr_log(SMR_LOG_WARN, "x.y", "n=%d big=%s zero=%s ok=true text=%s raw=%s empty= word", 12, "123456789012345",
		"007", SMR_QUOTED("a \"b\" \\ c=d"), "p\\q\"r");
	line = strchr(catch_end(), ',');
	assert_string_equal(
		line,
		",\"level\":\"warn\",\"program\":\"prog\",\"event\":\"x.y\",\"n\":12,\"big\":\"123456789012345\","
		"\"zero\":\"007\",\"ok\":true,\"text\":\"a \\\"b\\\" \\\\ c=d\",\"raw\":\"p\\\\q\\\"r\",\"empty\":\"\","
		"\"word\":\"\"}\n");
}

static void test_log_cannot_be_made_to_forge_a_line(void **state)
{
	const char *line;

	(void)state;
	catch_begin();
	smr_log_init("prog", SMR_LOG_INFO, false);
	smr_log(SMR_LOG_INFO, "a.b", "x=%s", "1\nlevel=error\r\x1b[2J\xc3\xa4");
	line = catch_end();
	assert_non_null(strstr(line, "x=1?level=error??[2J??\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void test_log_long_fields_are_cut_and_json_stays_closed(void **state)
{
	static char longer[5000];
	const char *line;

	(void)state;
	memset(longer, '\\', sizeof(longer) - 1);
	catch_begin();
	smr_log_init("prog", SMR_LOG_INFO, true);
	smr_log(SMR_LOG_INFO, "a.b", "x=%s", longer);
	smr_log(SMR_LOG_INFO, "a.b", "x=%s y=\"%s\"", SMR_QUOTED(longer), longer);
	line = catch_end();
	for (unsigned i = 0; i < 2; i++) {
		const char *end = strchr(line, '\n');

		assert_non_null(end);
		assert_memory_equal(end - 2, "\"}", 2);
		line = end + 1;
	}
	assert_int_equal(*line, 0);
}

static void test_log_identity_shows_at_debug_only(void **state)
{
	static const char eid[] = "89049032123451234512345678901235";
	char a[SMR_LOG_ID_ROOM];
	char b[SMR_LOG_ID_ROOM];

	(void)state;
	smr_log_init("prog", SMR_LOG_INFO, false);
	(void)smr_log_id(eid, a);
	(void)smr_log_id(eid, b);
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), 9);
	assert_int_equal(a[0], '#');
	(void)smr_log_id("89049032123451234512345678901236", b);
	assert_string_not_equal(a, b);
	smr_log_init("prog", SMR_LOG_DEBUG, false);
	assert_string_equal(SMR_ID(eid), eid);
}

static void test_log_error_names_code_and_reason(void **state)
{
	(void)state;
	catch_begin();
	smr_log_init("prog", SMR_LOG_INFO, false);
	smr_log_error(SMR_LOG_ERROR, "store.failed", SMR_E_DISK_FULL, "samara.db");
	assert_non_null(strstr(catch_end(),
			       "event=store.failed error=DISK_FULL reason=\"the disk is full or read-only\" "
			       "detail=\"samara.db\"\n"));
}

static void test_log_in_the_journal_has_a_priority_and_no_time(void **state)
{
	struct stat st;
	char stream[64];

	(void)state;
	catch_begin();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	smr_log_init("prog", SMR_LOG_INFO, false);
	smr_log_event(SMR_LOG_WARN, "a.b");
	(void)setenv("JOURNAL_STREAM", "1:1", 1);
	smr_log_init("prog", SMR_LOG_INFO, false);
	smr_log_event(SMR_LOG_WARN, "a.b");
	(void)unsetenv("JOURNAL_STREAM");
	smr_log_init("prog", SMR_LOG_INFO, false);
	assert_int_equal(strncmp(catch_end(), "<4>level=warn program=prog event=a.b\ntime=", 42), 0);
}

static void *log_much(void *context)
{
	(void)context;
	for (unsigned i = 0; i < 100; i++)
		smr_log(SMR_LOG_INFO, "thread.line", "text=%s", "0123456789012345678901234567890123456789");
	return NULL;
}

static void test_log_lines_of_threads_do_not_mix(void **state)
{
	pthread_t threads[4];
	unsigned lines = 0;

	(void)state;
	catch_begin();
	smr_log_init("prog", SMR_LOG_INFO, false);
	for (size_t i = 0; i < SMR_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_much, NULL), 0);
	for (size_t i = 0; i < SMR_COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (const char *line = catch_end(); *line != '\0'; lines++) {
		const char *end = strchr(line, '\n');

		assert_non_null(end);
		assert_int_equal(
			strncmp(strchr(line, ' '), " level=info program=prog event=thread.line text=0123456789", 58),
			0);
		assert_int_equal(end - strstr(line, "text="), 45);
		line = end + 1;
	}
	assert_int_equal(lines, 400);
}

static void test_log_level_names_are_parsed(void **state)
{
	enum smr_log_level level = SMR_LOG_INFO;

	(void)state;
	assert_int_equal(smr_log_level_parse("debug", &level), SMR_OK);
	assert_int_equal(level, SMR_LOG_DEBUG);
	assert_int_equal(smr_log_level_parse("loud", &level), SMR_E_MALFORMED);
}

static void test_problem_prefix_stands_before_the_text(void **state)
{
	struct smr_problem problem = {{0}};

	(void)state;
	assert_string_equal(smr_problem_text(NULL, SMR_E_IO), "reading or writing failed");
	assert_string_equal(smr_problem_text(&problem, SMR_E_IO), "reading or writing failed");
	assert_int_equal(smr_problem(&problem, SMR_E_IO, "disk %d", 3), SMR_E_IO);
	assert_int_equal(smr_problem_prefix(&problem, SMR_E_IO, "file %s", "x"), SMR_E_IO);
	assert_string_equal(problem.text, "file x: disk 3");
	for (unsigned i = 0; i < 200; i++)
		(void)smr_problem_prefix(&problem, SMR_E_IO, "more");
	assert_int_equal(strlen(problem.text), SMR_PROBLEM_MAX - 1);
	assert_int_equal(smr_problem(NULL, SMR_E_IO, "x"), SMR_E_IO);
}

static void test_exit_codes_follow_the_class(void **state)
{
	(void)state;
	assert_int_equal(smr_exit_code(SMR_OK), 0);
	assert_int_equal(smr_exit_code(SMR_E_MALFORMED), 1);
	assert_int_equal(smr_exit_code(SMR_E_DISK_FULL), 1);
	assert_int_equal(smr_exit_code(SMR_E_SIGNATURE), 3);
	assert_int_equal(smr_exit_code(SMR_E_BUSY), 4);
	assert_int_equal(smr_exit_code(SMR_E_INVALID), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_log_line_is_logfmt),
		scratch_test(test_log_below_the_level_is_silent),
		scratch_test(test_log_json_escapes_and_keeps_types),
		scratch_test(test_log_cannot_be_made_to_forge_a_line),
		scratch_test(test_log_long_fields_are_cut_and_json_stays_closed),
		scratch_test(test_log_identity_shows_at_debug_only),
		scratch_test(test_log_error_names_code_and_reason),
		scratch_test(test_log_in_the_journal_has_a_priority_and_no_time),
		scratch_test(test_log_lines_of_threads_do_not_mix),
		cmocka_unit_test(test_log_level_names_are_parsed),
		cmocka_unit_test(test_problem_prefix_stands_before_the_text),
		cmocka_unit_test(test_exit_codes_follow_the_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
