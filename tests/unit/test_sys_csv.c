/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "sys/csv.h"

static const struct smr_csv_column columns[] = {{"eid", true}, {"imei", true}, {"note", false}};
enum { EID, IMEI, NOTE };

static struct smr_problem problem;

static struct smr_csv *open_text(const char *text)
{
	struct smr_csv *csv = NULL;

	scratch_text("t.csv", text);
	assert_int_equal(smr_csv_open("t.csv", columns, SMR_COUNT(columns), &csv, &problem), SMR_OK);
	return csv;
}

static void assert_field(const struct smr_csv *csv, size_t index, const char *want)
{
	struct smr_bytes field = smr_csv_field(csv, index);

	assert_int_equal(field.len, strlen(want));
	assert_memory_equal(field.ptr, want, field.len);
	assert_int_equal(field.ptr[field.len], 0);
}

/* First error of a whole file, header included. */
static enum smr_err first_error(const char *text, size_t len)
{
	struct smr_csv *csv;
	enum smr_err err;

	scratch_put("t.csv", text, len);
	problem.text[0] = '\0';
	err = smr_csv_open("t.csv", columns, SMR_COUNT(columns), &csv, &problem);
	while (err == SMR_OK)
		err = smr_csv_next(csv, &problem);
	smr_csv_close(csv);
	return err;
}

static void test_csv_columns_in_any_order_are_found(void **state)
{
	struct smr_csv *csv = open_text("imei,eid\n1,2\n3,\n");

	(void)state;
	assert_true(smr_csv_has(csv, IMEI));
	assert_false(smr_csv_has(csv, NOTE));
	assert_int_equal(smr_csv_next(csv, &problem), SMR_OK);
	assert_field(csv, EID, "2");
	assert_field(csv, IMEI, "1");
	assert_field(csv, NOTE, "");
	assert_int_equal(smr_csv_line(csv), 2);
	assert_int_equal(smr_csv_next(csv, &problem), SMR_OK);
	assert_field(csv, EID, "");
	assert_field(csv, IMEI, "3");
	assert_int_equal(smr_csv_next(csv, &problem), SMR_E_NOTHING);
	smr_csv_close(csv);
}

static void test_csv_quotes_line_ends_and_mark_are_read(void **state)
{
	struct smr_csv *csv = open_text("\xef\xbb\xbf"
					"eid,imei,note\r\n"
					"1,\"a,b\",\"say \"\"hi\"\"\"\r\n"
					"\r\n"
					"2,\"two\r\nlines\",\"\"\n"
					"3,x,y");

	(void)state;
	assert_int_equal(smr_csv_next(csv, &problem), SMR_OK);
	assert_field(csv, EID, "1");
	assert_field(csv, IMEI, "a,b");
	assert_field(csv, NOTE, "say \"hi\"");
	assert_int_equal(smr_csv_next(csv, &problem), SMR_OK);
	assert_int_equal(smr_csv_line(csv), 4);
	assert_field(csv, IMEI, "two\nlines");
	assert_field(csv, NOTE, "");
	assert_int_equal(smr_csv_next(csv, &problem), SMR_OK);
	assert_int_equal(smr_csv_line(csv), 6);
	assert_field(csv, NOTE, "y");
	assert_int_equal(smr_csv_next(csv, &problem), SMR_E_NOTHING);
	smr_csv_close(csv);
}

static void test_csv_bad_files_are_refused_with_line_and_column(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{"", "t.csv:1: the header line is missing"},
		{"\n\n", "t.csv:1: the header line is missing"},
		{"eid,imei,extra\n", "t.csv:1: unknown column «extra»"},
		{"eid,imei,eid\n", "t.csv:1: column eid occurs twice"},
		{"eid\n", "t.csv:1: column imei is missing"},
		{"eid,imei\n1,2\n1\n", "t.csv:3: 1 columns instead of 2"},
		{"eid,imei\n1,2,3\n", "t.csv:2: 3 columns instead of 2"},
		{"eid,imei\n1,2\n1,x\"y\n", "t.csv:3: column imei: a quote stands inside an unquoted field"},
		{"eid,imei\n\"1\"x,2\n", "t.csv:2: column eid: text follows a closing quote"},
		{"eid,imei\n1,\"2\n", "t.csv:2: column imei: a quote is not closed"},
		{"eid,imei\n1,2\rx\n", "t.csv:2: column imei: there is a control character in it"},
		{"\xef\xbb"
		 "eid,imei\n1,2\n",
		 "t.csv:1: the byte order mark is broken"},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++) {
		assert_int_equal(first_error(bad[i].text, strlen(bad[i].text)), SMR_E_MALFORMED);
		assert_string_equal(problem.text, bad[i].says);
	}
	assert_int_equal(first_error("eid,imei\n1,\0\n", 13), SMR_E_MALFORMED);
	assert_int_equal(first_error("eid,imei\n1,\"\0\"\n", 15), SMR_E_MALFORMED);
}

static void test_csv_longest_record_passes_and_one_more_is_refused(void **state)
{
	static char text[SMR_CSV_RECORD_MAX + 64];
	static const char head[] = "eid,imei\n1,";

	(void)state;
	memcpy(text, head, sizeof(head) - 1);
	/* The two fields are kept with a NUL behind each. */
	memset(text + sizeof(head) - 1, 'x', SMR_CSV_RECORD_MAX);
	assert_int_equal(first_error(text, sizeof(head) - 1 + SMR_CSV_RECORD_MAX - 3), SMR_E_NOTHING);
	assert_int_equal(first_error(text, sizeof(head) - 1 + SMR_CSV_RECORD_MAX - 2), SMR_E_MALFORMED);
	assert_string_equal(problem.text, "t.csv:2: column imei: the record is too long");
}

static void test_csv_too_many_columns_are_refused(void **state)
{
	char text[200] = "eid,imei\n";

	(void)state;
	memset(text + strlen(text), ',', 100);
	assert_int_equal(first_error(text, strlen(text)), SMR_E_MALFORMED);
}

/* No prefix of a good file may crash or read beyond; only those that cut nothing but a line end read as the whole. */
static void test_csv_truncated_anywhere_ends_cleanly(void **state)
{
	static const char text[] = "eid,imei,note\n1,\"a\"\"b\",c\n2,3,4\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		enum smr_err err = first_error(text, len);

		assert_true(err == SMR_E_NOTHING || err == SMR_E_MALFORMED);
	}
}

static void test_csv_problem_of_the_caller_names_line_and_column(void **state)
{
	struct smr_csv *csv = open_text("note,imei,eid\n1,2,3\n");

	(void)state;
	assert_int_equal(smr_csv_next(csv, &problem), SMR_OK);
	assert_int_equal(smr_csv_problem(csv, EID, SMR_E_CHECK_DIGIT, &problem, NULL), SMR_E_CHECK_DIGIT);
	assert_string_equal(problem.text, "t.csv:2: column eid: the check digit is wrong");
	assert_int_equal(smr_csv_problem(csv, NOTE, SMR_E_INVALID, NULL, "x"), SMR_E_INVALID);
	smr_csv_close(csv);
}

static void test_csv_missing_file_is_not_found(void **state)
{
	struct smr_csv *csv;

	(void)state;
	assert_int_equal(smr_csv_open("none.csv", columns, SMR_COUNT(columns), &csv, &problem), SMR_E_NOT_FOUND);
	assert_string_equal(problem.text, "none.csv: No such file or directory");
	assert_null(csv);
	assert_int_equal(smr_csv_open(".", columns, SMR_COUNT(columns), &csv, &problem), SMR_E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_csv_columns_in_any_order_are_found),
		scratch_test(test_csv_quotes_line_ends_and_mark_are_read),
		scratch_test(test_csv_bad_files_are_refused_with_line_and_column),
		scratch_test(test_csv_longest_record_passes_and_one_more_is_refused),
		scratch_test(test_csv_too_many_columns_are_refused),
		scratch_test(test_csv_truncated_anywhere_ends_cleanly),
		scratch_test(test_csv_problem_of_the_caller_names_line_and_column),
		scratch_test(test_csv_missing_file_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
