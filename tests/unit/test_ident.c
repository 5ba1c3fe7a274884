/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/ident.h"
#include "tests/unit/hex.h"
#include "tests/unit/random.h"

static struct smr_bytes text_of(const char *text)
{
	return smr_bytes_of(text, strlen(text));
}

static enum smr_err eid_parse(const char *text, struct smr_eid *out)
{
	return smr_eid_parse(text_of(text), out);
}

static enum smr_err iccid_parse(const char *text, struct smr_iccid *out)
{
	return smr_iccid_parse(text_of(text), out);
}

static enum smr_err imsi_parse(const char *text, struct smr_imsi *out)
{
	return smr_imsi_parse(text_of(text), out);
}

static enum smr_err imei_parse(const char *text, struct smr_imei *out)
{
	return smr_imei_parse(text_of(text), out);
}

static enum smr_err eid_check_hex(const char *packed)
{
	struct smr_eid eid;

	assert_int_equal(hex(packed, eid.octets, sizeof(eid.octets)).len, sizeof(eid.octets));
	return smr_eid_check(&eid);
}

static enum smr_err iccid_check_hex(const char *packed)
{
	struct smr_iccid iccid;

	assert_int_equal(hex(packed, iccid.octets, sizeof(iccid.octets)).len, sizeof(iccid.octets));
	return smr_iccid_check(&iccid);
}

static enum smr_err imsi_check_hex(const char *packed)
{
	struct smr_imsi imsi;

	assert_int_equal(hex(packed, imsi.octets, sizeof(imsi.octets)).len, sizeof(imsi.octets));
	return smr_imsi_check(&imsi);
}

/* ---- EID ---- */

/* Issued EIDs (SGP.02 form). */
static const char *const eids[] = {
	"89034011560010000000000000000121",
	"89001012012341234012345678901224",
	"89001567010203040506070809101152",
	"89044011112233441122334411223321",
};

static void test_eid_as_issued_is_packed_and_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(eids); i++) {
		struct smr_eid eid;
		char text[SMR_EID_TEXT];

		assert_int_equal(eid_parse(eids[i], &eid), SMR_OK);
		assert_hex(eid.octets, sizeof(eid.octets), eids[i]);
		assert_int_equal(smr_eid_check(&eid), SMR_OK);
		smr_eid_text(&eid, text);
		assert_string_equal(text, eids[i]);
	}
}

static void test_eid_check_digits_are_made_from_the_first_thirty(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(eids); i++) {
		struct smr_eid eid;

		assert_int_equal(smr_eid_make(smr_bytes_of(eids[i], 30), &eid), SMR_OK);
		assert_hex(eid.octets, sizeof(eid.octets), eids[i]);
		assert_int_equal(smr_eid_make(smr_bytes_of(eids[i], 29), &eid), SMR_E_MALFORMED);
		assert_int_equal(smr_eid_make(smr_bytes_of(eids[i], 31), &eid), SMR_E_MALFORMED);
	}
}

static void test_eid_with_one_wrong_digit_is_refused(void **state)
{
	struct smr_eid eid;
	char text[SMR_EID_TEXT];

	(void)state;
	for (size_t at = 0; at < 32; at++)
		for (char digit = '0'; digit <= '9'; digit++) {
			strcpy(text, eids[1]);
			text[at] = digit;
			assert_int_equal(eid_parse(text, &eid), digit == eids[1][at] ? SMR_OK : SMR_E_CHECK_DIGIT);
		}
}

static void test_eid_with_two_neighbours_exchanged_is_refused(void **state)
{
	struct smr_eid eid;
	char text[SMR_EID_TEXT];

	(void)state;
	for (size_t at = 0; at + 1 < 32; at++) {
		strcpy(text, eids[1]);
		text[at] = eids[1][at + 1];
		text[at + 1] = eids[1][at];
		assert_int_equal(eid_parse(text, &eid), text[at] == text[at + 1] ? SMR_OK : SMR_E_CHECK_DIGIT);
	}
}

/* Of the hundred endings exactly one is right, also where another one leaves the remainder 1 too. */
static void test_eid_has_one_ending_for_each_body(void **state)
{
	unsigned aliases = 0;

	(void)state;
	for (unsigned body = 0; body < 300; body++) {
		struct smr_eid made, got;
		char text[40], made_text[SMR_EID_TEXT];
		unsigned valid = 0;

		snprintf(text, sizeof(text), "%030u", body);
		assert_int_equal(smr_eid_make(text_of(text), &made), SMR_OK);
		smr_eid_text(&made, made_text);
		for (unsigned ending = 0; ending < 100; ending++) {
			snprintf(text, sizeof(text), "%030u%02u", body, ending);
			valid += eid_parse(text, &got) == SMR_OK;
			aliases += (body * 100 + ending) % 97 == 1 && strcmp(text, made_text) != 0;
		}
		assert_int_equal(valid, 1);
		assert_int_equal(eid_parse(made_text, &got), SMR_OK);
	}
	assert_true(aliases > 0);
}

/* The remainder is 1 in each, but no rule makes these endings. */
static void test_eid_ending_in_00_01_or_99_is_refused(void **state)
{
	struct smr_eid eid;

	(void)state;
	assert_int_equal(eid_parse("00000000000000000000000000000001", &eid), SMR_E_CHECK_DIGIT);
	assert_int_equal(eid_parse("00000000000000000000000000000098", &eid), SMR_OK);
	assert_int_equal(eid_parse("00000000000000000000000000006500", &eid),
			 SMR_E_CHECK_DIGIT); /* 6500 = 67 * 97 + 1 */
	assert_int_equal(eid_parse("00000000000000000000000000006597", &eid), SMR_OK);
	assert_int_equal(eid_parse("00000000000000000000000000003299", &eid),
			 SMR_E_CHECK_DIGIT); /* 3299 = 34 * 97 + 1 */
	assert_int_equal(eid_parse("00000000000000000000000000003202", &eid), SMR_OK);
	assert_int_equal(eid_check_hex("00000000000000000000000000000001"), SMR_E_CHECK_DIGIT);
	assert_int_equal(eid_check_hex("00000000000000000000000000006500"), SMR_E_CHECK_DIGIT);
	assert_int_equal(eid_check_hex("00000000000000000000000000003299"), SMR_E_CHECK_DIGIT);
}

static void test_eid_of_wrong_length_or_characters_is_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"8",
		"8903401156001000000000000000012",
		"890340115600100000000000000001210",
		"8903401156001000000000000000012a",
		"89034011560010000 00000000000121",
		"+9034011560010000000000000000121",
		"8903401156001000000000000000012F",
		":9034011560010000000000000000121",
		"/9034011560010000000000000000121",
		("\xb2"
		 "9034011560010000000000000000121"),
	};
	struct smr_eid eid;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		assert_int_equal(eid_parse(bad[i], &eid), SMR_E_MALFORMED);
	assert_int_equal(smr_eid_parse(smr_bytes_of("8903401156001000000000000000012\0", 32), &eid), SMR_E_MALFORMED);
	assert_int_equal(smr_eid_make(SMR_TEXT("89034011560010000000000000000x"), &eid), SMR_E_MALFORMED);
}

static void test_eid_packed_with_anything_but_digits_is_malformed(void **state)
{
	(void)state;
	assert_int_equal(eid_check_hex("89034011560010000000000000000121"), SMR_OK);
	assert_int_equal(eid_check_hex("89034011560010000000000000000122"), SMR_E_CHECK_DIGIT);
	assert_int_equal(eid_check_hex("8903401156001000000000000000012f"), SMR_E_MALFORMED);
	assert_int_equal(eid_check_hex("890340115600100000000000000001ff"), SMR_E_MALFORMED);
	assert_int_equal(eid_check_hex("8903401156001000a000000000000121"), SMR_E_MALFORMED);
	assert_int_equal(eid_check_hex("f9034011560010000000000000000121"), SMR_E_MALFORMED);
	assert_int_equal(eid_check_hex("ffffffffffffffffffffffffffffffff"), SMR_E_MALFORMED);
}

/* ---- ICCID ---- */

static void test_iccid_of_19_or_20_digits_is_packed_and_comes_back(void **state)
{
	static const struct {
		const char *text, *packed;
	} cases[] = {
		{"8949000000000000018", "8949000000000000018f"},
		{"8988211000000000011", "8988211000000000011f"},
		{"89490000000000000122", "89490000000000000122"},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_iccid iccid;
		char text[SMR_ICCID_TEXT];

		assert_int_equal(iccid_parse(cases[i].text, &iccid), SMR_OK);
		assert_hex(iccid.octets, sizeof(iccid.octets), cases[i].packed);
		assert_int_equal(smr_iccid_check(&iccid), SMR_OK);
		smr_iccid_text(&iccid, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_iccid_with_one_wrong_digit_is_refused(void **state)
{
	static const char *const good[] = {"8949000000000000018", "89490000000000000122"};
	struct smr_iccid iccid;
	char text[SMR_ICCID_TEXT];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(good); i++)
		for (size_t at = 0; at < strlen(good[i]); at++)
			for (char digit = '0'; digit <= '9'; digit++) {
				strcpy(text, good[i]);
				text[at] = digit;
				assert_int_equal(iccid_parse(text, &iccid),
						 digit == good[i][at] ? SMR_OK : SMR_E_CHECK_DIGIT);
			}
}

static void test_iccid_of_wrong_length_or_characters_is_malformed(void **state)
{
	/* The 18 and 21 digits end in a right Luhn digit: it is their number that is wrong. */
	static const char *const bad[] = {
		"",
		"0",
		"894900000000000007",
		"894900000000000001230",
		"894900000000000001f",
		"8949000000000000018f",
		"8949 00000000000018",
		"894900000000000001\xb8",
	};
	struct smr_iccid iccid;
	char digit;

	(void)state;
	assert_int_equal(smr_luhn_digit(SMR_TEXT("89490000000000000"), &digit), SMR_OK);
	assert_int_equal(digit, '7');
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		assert_int_equal(iccid_parse(bad[i], &iccid), SMR_E_MALFORMED);
}

static void test_iccid_packed_has_filler_at_the_end_alone(void **state)
{
	(void)state;
	assert_int_equal(iccid_check_hex("8949000000000000018f"), SMR_OK);
	assert_int_equal(iccid_check_hex("8949000000000000017f"), SMR_E_CHECK_DIGIT);
	assert_int_equal(iccid_check_hex("89490000000000000180"), SMR_E_CHECK_DIGIT);
	assert_int_equal(iccid_check_hex("894900000000000007ff"), SMR_E_MALFORMED); /* 18 digits */
	assert_int_equal(iccid_check_hex("89490000000000000f18"), SMR_E_MALFORMED);
	assert_int_equal(iccid_check_hex("894900000000000001f8"), SMR_E_MALFORMED);
	assert_int_equal(iccid_check_hex("f8949000000000000018"), SMR_E_MALFORMED);
	assert_int_equal(iccid_check_hex("8949000000000000018e"), SMR_E_MALFORMED);
	assert_int_equal(iccid_check_hex("8949000000000a00018f"), SMR_E_MALFORMED);
	assert_int_equal(iccid_check_hex("ffffffffffffffffffff"), SMR_E_MALFORMED);
	assert_int_equal(iccid_check_hex("00000000000000000000"), SMR_OK); /* twenty zeros do satisfy Luhn */
}

/* ---- IMSI ---- */

static void test_imsi_of_6_to_15_digits_is_packed_and_comes_back(void **state)
{
	static const struct {
		const char *text, *packed;
	} cases[] = {
		{"001010", "001010ffffffffff"},		 {"0010101", "0010101fffffffff"},
		{"26201123456789", "26201123456789ff"},	 {"001010123456789", "001010123456789f"},
		{"999999999999999", "999999999999999f"},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_imsi imsi;
		char text[SMR_IMSI_TEXT];

		assert_int_equal(imsi_parse(cases[i].text, &imsi), SMR_OK);
		assert_hex(imsi.octets, sizeof(imsi.octets), cases[i].packed);
		assert_int_equal(smr_imsi_check(&imsi), SMR_OK);
		smr_imsi_text(&imsi, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_imsi_of_wrong_length_or_characters_is_malformed(void **state)
{
	static const char *const bad[] = {"",
					  "0",
					  "00101",
					  "0010101234567890",
					  "00101012345678901",
					  "00101012345678a",
					  "00101 123456789",
					  "-01010123456789"};
	struct smr_imsi imsi;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		assert_int_equal(imsi_parse(bad[i], &imsi), SMR_E_MALFORMED);
}

static void test_imsi_packed_has_filler_at_the_end_alone(void **state)
{
	(void)state;
	assert_int_equal(imsi_check_hex("001010ffffffffff"), SMR_OK);
	assert_int_equal(imsi_check_hex("001010123456789f"), SMR_OK);
	assert_int_equal(imsi_check_hex("0010101234567890"), SMR_E_MALFORMED); /* 16 digits */
	assert_int_equal(imsi_check_hex("00101fffffffffff"), SMR_E_MALFORMED);
	assert_int_equal(imsi_check_hex("00101f123456789f"), SMR_E_MALFORMED);
	assert_int_equal(imsi_check_hex("001010fffffffff0"), SMR_E_MALFORMED);
	assert_int_equal(imsi_check_hex("001010123456789e"), SMR_E_MALFORMED);
	assert_int_equal(imsi_check_hex("ffffffffffffffff"), SMR_E_MALFORMED);
}

/* ---- IMEI and IMEISV ---- */

static void test_imei_and_imeisv_are_packed_and_come_back(void **state)
{
	static const struct {
		const char *text, *packed;
	} cases[] = {
		{"356938035643809", "356938035643809f"},
		{"490154203237518", "490154203237518f"},
		{"4901542032375101", "4901542032375101"}, /* IMEISV: no check digit, ends in a version */
		{"4901542032375100", "4901542032375100"},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_imei imei;
		char text[SMR_IMEI_TEXT];

		assert_int_equal(imei_parse(cases[i].text, &imei), SMR_OK);
		assert_hex(imei.octets, sizeof(imei.octets), cases[i].packed);
		smr_imei_text(&imei, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_imei_wrong_is_refused(void **state)
{
	static const char *const bad[] = {"", "49015420323751", "49015420323751011", "49015420323751a",
					  "490154203237510x"};
	struct smr_imei imei;
	char text[SMR_IMEI_TEXT] = "490154203237518";

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		assert_int_equal(imei_parse(bad[i], &imei), SMR_E_MALFORMED);
	for (char digit = '0'; digit <= '9'; digit++) {
		text[14] = digit;
		assert_int_equal(imei_parse(text, &imei), digit == '8' ? SMR_OK : SMR_E_CHECK_DIGIT);
	}
}

/* ---- Luhn ---- */

static void test_luhn_digit_as_published(void **state)
{
	static const struct {
		const char *payload;
		char want;
	} cases[] = {
		{"49015420323751", '8'},
		{"35693803564380", '9'},
		{"7992739871", '3'},
		{"0", '0'},
		{"5", '9'},
		{"1", '8'},
		{"00", '0'},
		{"894900000000000001", '8'},
	};
	char digit;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		assert_int_equal(smr_luhn_digit(text_of(cases[i].payload), &digit), SMR_OK);
		assert_int_equal(digit, cases[i].want);
	}
	assert_int_equal(smr_luhn_digit(SMR_NONE, &digit), SMR_E_MALFORMED);
	assert_int_equal(smr_luhn_digit(SMR_TEXT("12a"), &digit), SMR_E_MALFORMED);
}

/* ---- octets that nobody checked ---- */

static bool is_printable(const char *text, size_t room)
{
	const char *end = memchr(text, '\0', room);

	for (const char *c = text; end != NULL && c < end; c++)
		if (*c < '0' || *c > '9')
			return false;
	return end != NULL;
}

/* They may be printed before they are checked: the text ends in its room, and is digits or nothing. */
static void test_text_of_any_octets_ends_in_its_room(void **state)
{
	struct rng rng = {7};

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t octets[SMR_EID_LEN];
		char text[SMR_EID_TEXT];
		struct smr_iccid iccid;
		struct smr_eid eid;
		struct smr_imsi imsi;
		struct smr_imei imei;

		rng_fill(&rng, octets, sizeof(octets));
		for (size_t i = 0; round % 2 != 0 && i < sizeof(octets); i++) /* digits alone: the longest texts */
			octets[i] = (uint8_t)(rng_below(&rng, 10) << 4 | rng_below(&rng, 10));
		memcpy(&eid, octets, sizeof(eid));
		memcpy(&iccid, octets, sizeof(iccid));
		memcpy(&imsi, octets, sizeof(imsi));
		memcpy(&imei, octets, sizeof(imei));
		memset(text, 0x7f, sizeof(text));
		smr_eid_text(&eid, text);
		assert_true(is_printable(text, SMR_EID_TEXT));
		memset(text, 0x7f, sizeof(text));
		smr_iccid_text(&iccid, text);
		assert_true(is_printable(text, SMR_ICCID_TEXT));
		memset(text, 0x7f, sizeof(text));
		smr_imsi_text(&imsi, text);
		assert_true(is_printable(text, SMR_IMSI_TEXT));
		memset(text, 0x7f, sizeof(text));
		smr_imei_text(&imei, text);
		assert_true(is_printable(text, SMR_IMEI_TEXT));
	}
}

/* ---- key ids ---- */

/* A published key (TS 33.501 annex C.4.4) and its id by sha256sum over the compressed form. */
static void test_key_id_is_the_hash_of_the_compressed_point(void **state)
{
	uint8_t point[SMR_POINT_LEN];
	struct smr_key_id id;

	(void)state;
	hex("0472da71976234ce833a6907425867b82e074d44ef907dfb4b3e21c1c2256ebcd1"
	    "5a7ded52fcbb097a4ed250e036c7b9c8c7004c4eedc4f068cd7bf8d3f900e3b4",
	    point, sizeof(point));
	assert_int_equal(smr_key_id_of(point, &id), SMR_OK);
	assert_hex(id.octets, sizeof(id.octets), "a0dfd42ef8dc9498");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eid_as_issued_is_packed_and_comes_back),
		cmocka_unit_test(test_eid_check_digits_are_made_from_the_first_thirty),
		cmocka_unit_test(test_eid_with_one_wrong_digit_is_refused),
		cmocka_unit_test(test_eid_with_two_neighbours_exchanged_is_refused),
		cmocka_unit_test(test_eid_has_one_ending_for_each_body),
		cmocka_unit_test(test_eid_ending_in_00_01_or_99_is_refused),
		cmocka_unit_test(test_eid_of_wrong_length_or_characters_is_malformed),
		cmocka_unit_test(test_eid_packed_with_anything_but_digits_is_malformed),
		cmocka_unit_test(test_iccid_of_19_or_20_digits_is_packed_and_comes_back),
		cmocka_unit_test(test_iccid_with_one_wrong_digit_is_refused),
		cmocka_unit_test(test_iccid_of_wrong_length_or_characters_is_malformed),
		cmocka_unit_test(test_iccid_packed_has_filler_at_the_end_alone),
		cmocka_unit_test(test_imsi_of_6_to_15_digits_is_packed_and_comes_back),
		cmocka_unit_test(test_imsi_of_wrong_length_or_characters_is_malformed),
		cmocka_unit_test(test_imsi_packed_has_filler_at_the_end_alone),
		cmocka_unit_test(test_imei_and_imeisv_are_packed_and_come_back),
		cmocka_unit_test(test_imei_wrong_is_refused),
		cmocka_unit_test(test_luhn_digit_as_published),
		cmocka_unit_test(test_text_of_any_octets_ends_in_its_room),
		cmocka_unit_test(test_key_id_is_the_hash_of_the_compressed_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
