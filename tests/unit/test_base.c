/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"

static void test_wipe_range_clears_it_and_nothing_else(void **state)
{
	(void)state;
	for (size_t start = 0; start < 8; start++) {
		for (size_t len = 0; start + len <= 8; len++) {
			uint8_t octets[8] = {1, 2, 3, 4, 5, 6, 7, 8};

			smr_wipe(octets + start, len);
			for (size_t i = 0; i < 8; i++)
				assert_int_equal(octets[i], i >= start && i < start + len ? 0 : i + 1);
		}
	}
	smr_wipe(NULL, 0);
}

static void test_equal_ct_any_flipped_bit_differs(void **state)
{
	uint8_t a[33];
	uint8_t b[33];

	(void)state;
	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)(i * 7);
	assert_true(smr_equal_ct(a, b, sizeof(a)));
	for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(smr_equal_ct(a, b, sizeof(a)));
		assert_true(smr_equal_ct(a, b, bit / 8));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(smr_equal_ct(NULL, NULL, 0));
}

static void test_bytes_equal_compares_length_and_content(void **state)
{
	const uint8_t octets[] = {1, 2, 3, 1, 2, 4};

	(void)state;
	assert_true(smr_bytes_equal(smr_bytes_of(octets, 2), smr_bytes_of(octets + 3, 2)));
	assert_false(smr_bytes_equal(smr_bytes_of(octets, 3), smr_bytes_of(octets + 3, 3)));
	assert_false(smr_bytes_equal(smr_bytes_of(octets, 2), smr_bytes_of(octets, 3)));
	assert_true(smr_bytes_equal(SMR_NONE, smr_bytes_of(octets, 0)));
	assert_false(smr_bytes_equal(SMR_NONE, smr_bytes_of(octets, 1)));
}

static void test_text_leaves_the_nul_out(void **state)
{
	(void)state;
	assert_int_equal(SMR_TEXT("abc").len, 3);
	assert_int_equal(SMR_TEXT("").len, 0);
}

static void test_put_values_are_big_endian_and_come_back(void **state)
{
	const uint8_t want[8] = {0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8};
	uint8_t out[9] = {0};

	(void)state;
	smr_put_be64(out, 0x8192a3b4c5d6e7f8u);
	assert_memory_equal(out, want, 8);
	assert_true(smr_get_be64(want) == 0x8192a3b4c5d6e7f8u);
	assert_true(smr_get_be32(want) == 0x8192a3b4u);
	assert_true(smr_get_be16(want) == 0x8192u);
	memset(out, 0, sizeof(out));
	smr_put_be32(out, 0x8192a3b4u);
	assert_memory_equal(out, want, 4);
	assert_int_equal(out[4], 0);
	memset(out, 0, sizeof(out));
	smr_put_be16(out, 0x8192u);
	assert_memory_equal(out, want, 2);
	assert_int_equal(out[2], 0);
}

#define LISTED(name, value, text) {SMR_E_##name, #name, text},
static const struct {
	enum smr_err err;
	const char *name;
	const char *text;
} listed[] = {SMR_ERR_LIST(LISTED)};
#undef LISTED

static void test_errors_have_distinct_values_names_and_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(listed); i++) {
		assert_string_equal(smr_err_name(listed[i].err), listed[i].name);
		assert_string_equal(smr_err_text(listed[i].err), listed[i].text);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(listed[i].err, listed[j].err);
			assert_string_not_equal(listed[i].text, listed[j].text);
		}
	}
}

static void test_error_class_is_the_high_byte(void **state)
{
	(void)state;
	assert_int_equal(smr_err_class(SMR_OK), SMR_CLASS_OK);
	assert_int_equal(smr_err_class(SMR_E_MALFORMED), SMR_CLASS_PEER);
	assert_int_equal(smr_err_class(SMR_E_CRYPTO), SMR_CLASS_LIMIT);
	assert_int_equal(smr_err_class(SMR_E_SIGNATURE), SMR_CLASS_TRUST);
	assert_int_equal(smr_err_class(SMR_E_BUSY), SMR_CLASS_LATER);
	assert_int_equal(smr_err_class(SMR_E_INVALID), SMR_CLASS_CALLER);
	for (size_t i = 0; i < SMR_COUNT(listed); i++)
		assert_in_range(smr_err_class(listed[i].err), SMR_CLASS_OK, SMR_CLASS_CALLER);
}

static void test_unlisted_error_still_has_name_and_text(void **state)
{
	enum smr_err unlisted = SMR_OK;
	const unsigned value = 0xfffe;

	(void)state;
	memcpy(&unlisted, &value, sizeof(unlisted));
	assert_string_equal(smr_err_name(unlisted), "UNKNOWN");
	assert_string_equal(smr_err_text(unlisted), "unknown error");
}

static enum smr_err two_steps(enum smr_err first, int *reached)
{
	SMR_TRY(first);
	*reached = 1;
	return SMR_OK;
}

static void test_try_error_returns_it_at_once(void **state)
{
	int reached = 0;

	(void)state;
	assert_int_equal(two_steps(SMR_E_IO, &reached), SMR_E_IO);
	assert_int_equal(reached, 0);
	assert_int_equal(two_steps(SMR_OK, &reached), SMR_OK);
	assert_int_equal(reached, 1);
}

/* A yes must not be one flipped bit, or a byte stuck at a common value, away from a no. */
static void test_trust_patterns_are_far_apart(void **state)
{
	unsigned differ = (unsigned)SMR_TRUSTED ^ (unsigned)SMR_UNTRUSTED;

	(void)state;
	assert_true(__builtin_popcount(differ) >= 16);
	assert_true(SMR_TRUSTED != 0 && (unsigned)SMR_TRUSTED != 0xffffffffu && SMR_TRUSTED != 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wipe_range_clears_it_and_nothing_else),
		cmocka_unit_test(test_equal_ct_any_flipped_bit_differs),
		cmocka_unit_test(test_bytes_equal_compares_length_and_content),
		cmocka_unit_test(test_text_leaves_the_nul_out),
		cmocka_unit_test(test_put_values_are_big_endian_and_come_back),
		cmocka_unit_test(test_errors_have_distinct_values_names_and_texts),
		cmocka_unit_test(test_error_class_is_the_high_byte),
		cmocka_unit_test(test_unlisted_error_still_has_name_and_text),
		cmocka_unit_test(test_try_error_returns_it_at_once),
		cmocka_unit_test(test_trust_patterns_are_far_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
