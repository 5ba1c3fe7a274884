/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "m2me/sim_line.h"

#define RAND "000102030405060708090a0b0c0d0e0f"
#define AUTN "F0E0D0C0B0A090807060504030201000"
#define REQUEST "<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND ":" AUTN " needed for SSID "

static struct smr_sim_line read_text(const char *text)
{
	struct smr_sim_line line;

	smr_sim_line_read(smr_bytes_of(text, strlen(text)), &line);
	return line;
}

static void test_challenge_as_the_peers_write_it_is_read(void **state)
{
	struct smr_sim_line line = read_text(REQUEST);
	uint8_t want[16];

	(void)state;
	assert_int_equal(line.kind, SMR_SIM_CHALLENGE);
	assert_int_equal(line.network, 0);
	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = (uint8_t)i;
	assert_memory_equal(line.rand, want, 16);
	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = (uint8_t)((15 - i) << 4);
	assert_memory_equal(line.autn, want, 16);
	assert_int_equal(read_text("CTRL-REQ-SIM-0:UMTS-AUTH:" RAND ":" AUTN).kind, SMR_SIM_CHALLENGE);
	assert_int_equal(read_text("<3>CTRL-REQ-SIM-17:UMTS-AUTH:" RAND ":" AUTN " needed for SSID home").network, 17);
}

static void test_events_of_eapol_test_are_known(void **state)
{
	static const struct {
		const char *text;
		enum smr_sim_line_kind kind;
	} cases[] = {
		{"OK\n", SMR_SIM_OK},
		{"FAIL\n", SMR_SIM_FAIL},
		{"OK", SMR_SIM_OTHER},
		{"PONG\n", SMR_SIM_OTHER},
		{"", SMR_SIM_OTHER},
		{"<3>CTRL-EVENT-EAP-STARTED EAP authentication started", SMR_SIM_OTHER},
		{"<3>CTRL-EVENT-EAP-SUCCESS EAP authentication completed successfully", SMR_SIM_SUCCESS},
		{"<3>CTRL-EVENT-EAP-SUCCESS", SMR_SIM_SUCCESS},
		{"<3>CTRL-EVENT-EAP-SUCCESSFUL", SMR_SIM_OTHER},
		{"<3>CTRL-EVENT-EAP-FAILURE EAP authentication failed", SMR_SIM_FAILURE},
		{"<2>CTRL-EVENT-TERMINATING ", SMR_SIM_LEAVING},
		{"<3>x CTRL-EVENT-EAP-SUCCESS ", SMR_SIM_OTHER},
		{"<33>CTRL-EVENT-EAP-SUCCESS ", SMR_SIM_OTHER},
		{"<3> CTRL-EVENT-EAP-SUCCESS ", SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-0:GSM-AUTH:" RAND ":" RAND " needed for SSID ", SMR_SIM_TRIPLET},
		{"<3>CTRL-REQ-SIM-0:GSM-AUTH:", SMR_SIM_TRIPLET},
		{"<3>CTRL-REQ-IDENTITY-0:Identity needed for SSID ", SMR_SIM_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		assert_int_equal(read_text(cases[i].text).kind, cases[i].kind);
}

static void test_requests_that_cannot_be_read_are_garbled_or_not_for_us(void **state)
{
	static const struct {
		const char *text;
		enum smr_sim_line_kind kind;
	} cases[] = {
		{"<3>CTRL-REQ-SIM-", SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-:UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM--1:UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-00:UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-01:UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-1234567890:UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-99999999999999999999:UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-123456789:UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_CHALLENGE},
		{"<3>CTRL-REQ-SIM-0", SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-0 UMTS-AUTH:" RAND ":" AUTN, SMR_SIM_OTHER},
		{"<3>CTRL-REQ-SIM-0:", SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:PIN", SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:umts-auth:" RAND ":" AUTN, SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND, SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND ":", SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND "0:" AUTN, SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND ":" AUTN "00", SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND ":" AUTN "\n", SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND ":" AUTN " needed by", SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH: " RAND ":" AUTN, SMR_SIM_GARBLED},
		{"<3>CTRL-REQ-SIM-0:UMTS-AUTH:" AUTN ":0x0102030405060708090a0b0c0d0e0f", SMR_SIM_GARBLED},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		if (read_text(cases[i].text).kind != cases[i].kind)
			fail_msg("%s", cases[i].text);
}

/* Every octet of the request's fixed part and digits matters; what follows the SSID's introduction does not. */
static void test_every_changed_octet_is_noticed(void **state)
{
	static const char request[] = REQUEST;
	const size_t checked = sizeof(request) - 1 - strlen("SSID ");
	struct smr_sim_line right = read_text(request);

	(void)state;
	for (size_t i = 0; i < checked; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char text[sizeof(request)];
			struct smr_sim_line line;
			bool letter_case = bit == 5 && i >= 28 && i < 28 + 65;

			memcpy(text, request, sizeof(text));
			text[i] = (char)(text[i] ^ (1 << bit));
			smr_sim_line_read(smr_bytes_of(text, sizeof(text) - 1), &line);
			/* The level and the case of hex digits are free. */
			if (i == 1 || letter_case)
				continue;
			assert_memory_not_equal(&line, &right, sizeof(line));
		}
	}
}

static void test_every_truncation_is_no_challenge(void **state)
{
	static const char request[] = "<3>CTRL-REQ-SIM-0:UMTS-AUTH:" RAND ":" AUTN;

	(void)state;
	for (size_t len = 0; len < sizeof(request) - 1; len++) {
		char *exact = malloc(len == 0 ? 1 : len);
		struct smr_sim_line line;

		assert_non_null(exact);
		memcpy(exact, request, len);
		smr_sim_line_read(smr_bytes_of(exact, len), &line); /* a sanitizer sees an octet too far */
		assert_int_not_equal(line.kind, SMR_SIM_CHALLENGE);
		free(exact);
	}
}

static void test_nul_and_overlong_lines_are_nothing(void **state)
{
	char text[SMR_SIM_LINE_MAX + 1];
	struct smr_sim_line line;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, REQUEST, strlen(REQUEST));
	smr_sim_line_read(smr_bytes_of(text, SMR_SIM_LINE_MAX), &line);
	assert_int_equal(line.kind, SMR_SIM_CHALLENGE);
	smr_sim_line_read(smr_bytes_of(text, sizeof(text)), &line);
	assert_int_equal(line.kind, SMR_SIM_OTHER);
	memcpy(text, "<3>CTRL-REQ-SIM-0\0", 18);
	smr_sim_line_read(smr_bytes_of(text, 100), &line);
	assert_int_equal(line.kind, SMR_SIM_OTHER);
	smr_sim_line_read(SMR_NONE, &line);
	assert_int_equal(line.kind, SMR_SIM_OTHER);
}

static void fill(struct smr_aka_result *result, uint8_t res_len)
{
	memset(result, 0, sizeof(*result));
	memset(result->res, 0xa1, res_len);
	result->res_len = res_len;
	memset(result->ck, 0xc1, 16);
	memset(result->ik, 0xd1, 16);
	memset(result->auts, 0xe1, SMR_AKA_AUTS_LEN);
}

static void assert_answer(const char *request, enum smr_err err, uint8_t res_len, const char *want)
{
	struct smr_sim_line line = read_text(request);
	char out[SMR_SIM_ANSWER_MAX];
	struct smr_aka_result result;
	size_t len;

	fill(&result, res_len);
	memset(out, '#', sizeof(out));
	len = smr_sim_line_answer(&line, err, &result, out);
	assert_string_equal(out, want);
	assert_int_equal(len, strlen(want));
}

#define D1 "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1"
#define C1 "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1"
#define A1 "a1a1a1a1a1a1a1a1"

static void test_answer_has_ik_before_ck(void **state)
{
	(void)state;
	assert_answer(REQUEST, SMR_OK, 8, "CTRL-RSP-SIM-0:UMTS-AUTH:" D1 ":" C1 ":" A1);
	assert_answer("CTRL-REQ-SIM-123456789:UMTS-AUTH:" RAND ":" AUTN, SMR_OK, 16,
		      "CTRL-RSP-SIM-123456789:UMTS-AUTH:" D1 ":" C1 ":" A1 A1);
	assert_answer(REQUEST, SMR_OK, 4, "CTRL-RSP-SIM-0:UMTS-AUTH:" D1 ":" C1 ":a1a1a1a1");
}

static void test_answer_to_an_error_carries_no_key(void **state)
{
	static const enum smr_err errors[] = {SMR_E_MAC, SMR_E_STATE, SMR_E_UNAVAILABLE, SMR_E_CRYPTO, SMR_E_INVALID};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(errors); i++)
		assert_answer(REQUEST, errors[i], 8, "CTRL-RSP-SIM-0:UMTS-FAIL");
	assert_answer(REQUEST, SMR_E_SQN, 8, "CTRL-RSP-SIM-0:UMTS-AUTS:e1e1e1e1e1e1e1e1e1e1e1e1e1e1");
}

static void test_answer_to_a_triplet_or_garbled_request_is_failure_whatever_the_result(void **state)
{
	(void)state;
	assert_answer("CTRL-REQ-SIM-3:GSM-AUTH:" RAND, SMR_OK, 8, "CTRL-RSP-SIM-3:GSM-FAIL");
	assert_answer("CTRL-REQ-SIM-3:GSM-AUTH:" RAND, SMR_E_SQN, 8, "CTRL-RSP-SIM-3:GSM-FAIL");
	assert_answer("CTRL-REQ-SIM-3:UMTS-AUTH:" RAND, SMR_OK, 8, "CTRL-RSP-SIM-3:UMTS-FAIL");
	assert_answer("CTRL-REQ-SIM-3:UMTS-AUTH:" RAND, SMR_E_SQN, 8, "CTRL-RSP-SIM-3:UMTS-FAIL");
}

static void test_answer_with_an_impossible_res_is_failure(void **state)
{
	struct smr_sim_line line = read_text(REQUEST);
	char out[SMR_SIM_ANSWER_MAX];
	struct smr_aka_result result;

	(void)state;
	fill(&result, 8);
	result.res_len = SMR_AKA_RES_MAX + 1;
	(void)smr_sim_line_answer(&line, SMR_OK, &result, out);
	assert_string_equal(out, "CTRL-RSP-SIM-0:UMTS-FAIL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenge_as_the_peers_write_it_is_read),
		cmocka_unit_test(test_events_of_eapol_test_are_known),
		cmocka_unit_test(test_requests_that_cannot_be_read_are_garbled_or_not_for_us),
		cmocka_unit_test(test_every_changed_octet_is_noticed),
		cmocka_unit_test(test_every_truncation_is_no_challenge),
		cmocka_unit_test(test_nul_and_overlong_lines_are_nothing),
		cmocka_unit_test(test_answer_has_ik_before_ck),
		cmocka_unit_test(test_answer_to_an_error_carries_no_key),
		cmocka_unit_test(test_answer_to_a_triplet_or_garbled_request_is_failure_whatever_the_result),
		cmocka_unit_test(test_answer_with_an_impossible_res_is_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
