/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "sys/text.h"

static void test_hex_every_octet_comes_back(void **state)
{
	uint8_t octets[256];
	uint8_t again[256];
	char text[SMR_HEX_TEXT(256)];
	struct smr_space room = {again, sizeof(again)};

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	smr_hex_encode(SMR_ARRAY(octets), text);
	assert_int_equal(strlen(text), 512);
	for (size_t i = 0; i < sizeof(octets); i++) {
		char want[3];

		(void)snprintf(want, sizeof(want), "%02x", (unsigned)i);
		assert_memory_equal(text + 2 * i, want, 2);
	}
	assert_int_equal(smr_hex_decode(smr_text_of(text), &room), SMR_OK);
	assert_int_equal(room.len, 256);
	assert_memory_equal(again, octets, 256);
	assert_int_equal(smr_hex_decode_exact("ABCDEFabcdef", again, 6), SMR_OK);
	assert_memory_equal(again, "\xab\xcd\xef\xab\xcd\xef", 6);
}

static void test_hex_every_other_character_is_refused(void **state)
{
	uint8_t out;

	(void)state;
	for (int c = 1; c < 256; c++) {
		bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
		char first[3] = {(char)c, '0', 0};
		char second[3] = {'0', (char)c, 0};

		assert_int_equal(smr_hex_decode_exact(first, &out, 1), good ? SMR_OK : SMR_E_MALFORMED);
		assert_int_equal(smr_hex_decode_exact(second, &out, 1), good ? SMR_OK : SMR_E_MALFORMED);
	}
}

static void test_hex_wrong_length_or_room_is_refused(void **state)
{
	uint8_t out[2];
	struct smr_space room = {out, 1};

	(void)state;
	assert_int_equal(smr_hex_decode_exact("00", out, 2), SMR_E_MALFORMED);
	assert_int_equal(smr_hex_decode_exact("000000", out, 2), SMR_E_MALFORMED);
	assert_int_equal(smr_hex_decode(SMR_TEXT("000"), &room), SMR_E_MALFORMED);
	assert_int_equal(smr_hex_decode(SMR_TEXT("0000"), &room), SMR_E_NO_ROOM);
}

/* RFC 4648 section 10. */
static const struct {
	const char *plain;
	const char *text;
} rfc4648[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
};

static void test_base64_vectors_of_rfc_4648(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(rfc4648); i++) {
		char text[SMR_BASE64_TEXT(8)];
		uint8_t plain[8];
		struct smr_space room = {plain, sizeof(plain)};

		smr_base64_encode(smr_text_of(rfc4648[i].plain), text);
		assert_string_equal(text, rfc4648[i].text);
		assert_int_equal(smr_base64_decode(smr_text_of(rfc4648[i].text), &room), SMR_OK);
		assert_int_equal(room.len, strlen(rfc4648[i].plain));
		assert_memory_equal(plain, rfc4648[i].plain, room.len);
	}
}

static void test_base64_all_characters_in_order(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t octets[48];
	uint8_t again[48];
	char text[SMR_BASE64_TEXT(48)];
	struct smr_space room = {again, sizeof(again)};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		unsigned group = (4 * i) << 18 | (4 * i + 1) << 12 | (4 * i + 2) << 6 | (4 * i + 3);

		octets[3 * i] = (uint8_t)(group >> 16);
		octets[3 * i + 1] = (uint8_t)(group >> 8 & 0xff);
		octets[3 * i + 2] = (uint8_t)(group & 0xff);
	}
	smr_base64_encode(SMR_ARRAY(octets), text);
	assert_string_equal(text, alphabet);
	assert_int_equal(smr_base64_decode(smr_text_of(alphabet), &room), SMR_OK);
	assert_memory_equal(again, octets, sizeof(octets));
}

static void test_base64_every_other_character_is_refused(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
			    c == '/';

		for (size_t at = 0; at < 4; at++) {
			uint8_t text[8] = {'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A'};
			uint8_t out[6];
			struct smr_space room = {out, sizeof(out)};

			text[at] = (uint8_t)c;
			assert_int_equal(smr_base64_decode(SMR_ARRAY(text), &room), good ? SMR_OK : SMR_E_MALFORMED);
		}
	}
}

static void test_base64_loose_forms_are_refused(void **state)
{
	static const char *const bad[] = {
		"Zg", "Zg=", "Zm9", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "=Zg=", "Zm9v\n", "Z g="};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++) {
		struct smr_space room = {out, sizeof(out)};

		assert_int_equal(smr_base64_decode(smr_text_of(bad[i]), &room), SMR_E_MALFORMED);
	}
	for (size_t len = 0; len < 5; len++) {
		struct smr_space room = {out, len};

		assert_int_equal(smr_base64_decode(SMR_TEXT("Zm9vYmE="), &room), SMR_E_NO_ROOM);
	}
}

static void test_uint_bounds_are_kept(void **state)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "+1", "-1", "0x1", "1a", "18446744073709551616", "99999999999999999999"};
	uint64_t out = 7;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		assert_int_equal(smr_parse_uint(bad[i], 0, UINT64_MAX, &out), SMR_E_MALFORMED);
	assert_int_equal(smr_parse_uint("4", 5, 9, &out), SMR_E_MALFORMED);
	assert_int_equal(smr_parse_uint("10", 5, 9, &out), SMR_E_MALFORMED);
	assert_true(out == 7);
	assert_int_equal(smr_parse_uint("5", 5, 9, &out), SMR_OK);
	assert_true(out == 5);
	assert_int_equal(smr_parse_uint("18446744073709551615", 0, UINT64_MAX, &out), SMR_OK);
	assert_true(out == UINT64_MAX);
}

static void test_duration_units_multiply(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = {{"0", 0}, {"0s", 0}, {"90s", 90}, {"15m", 900}, {"24h", 86400}, {"30d", 2592000}};
	static const char *const bad[] = {"",
					  "s",
					  "1",
					  "90",
					  "1w",
					  "1.5h",
					  "-1s",
					  "1 s",
					  "1ms",
					  "99999999999999999999d",
					  "18446744073709551615d",
					  "111111111111111111111111s"};
	uint64_t out;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(good); i++) {
		assert_int_equal(smr_parse_duration(good[i].text, 0, UINT64_MAX, &out), SMR_OK);
		assert_true(out == good[i].seconds);
	}
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		assert_int_equal(smr_parse_duration(bad[i], 0, UINT64_MAX, &out), SMR_E_MALFORMED);
	assert_int_equal(smr_parse_duration("1m", 61, 100, &out), SMR_E_MALFORMED);
	assert_int_equal(smr_parse_duration("2m", 61, 100, &out), SMR_E_MALFORMED);
}

static void test_bool_words(void **state)
{
	bool out = false;

	(void)state;
	assert_int_equal(smr_parse_bool("yes", &out), SMR_OK);
	assert_true(out);
	assert_int_equal(smr_parse_bool("off", &out), SMR_OK);
	assert_false(out);
	assert_int_equal(smr_parse_bool("maybe", &out), SMR_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex_every_octet_comes_back),
		cmocka_unit_test(test_hex_every_other_character_is_refused),
		cmocka_unit_test(test_hex_wrong_length_or_room_is_refused),
		cmocka_unit_test(test_base64_vectors_of_rfc_4648),
		cmocka_unit_test(test_base64_all_characters_in_order),
		cmocka_unit_test(test_base64_every_other_character_is_refused),
		cmocka_unit_test(test_base64_loose_forms_are_refused),
		cmocka_unit_test(test_uint_bounds_are_kept),
		cmocka_unit_test(test_duration_units_multiply),
		cmocka_unit_test(test_bool_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
