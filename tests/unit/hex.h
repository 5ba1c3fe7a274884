/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file hex.h
 * Published vectors are printed in hexadecimal; tests keep them so. Include after cmocka.h.
 */
#ifndef SMR_TESTS_UNIT_HEX_H
#define SMR_TESTS_UNIT_HEX_H

#include "base/base.h"

static inline unsigned hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = memchr(digits, c, 16);

	if (at == NULL)
		fail_msg("not a digit of lower-case hexadecimal: %c", c);
	return (unsigned)(at - digits);
}

/** Octets of @p text into @p out, which has room for @p room. Fails the test on any other text. */
static inline struct smr_bytes hex(const char *text, uint8_t *out, size_t room)
{
	size_t len = strlen(text) / 2;

	assert_int_equal(strlen(text) % 2, 0);
	assert_true(len <= room);
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return smr_bytes_of(out, len);
}

/** Fail the test unless @p got holds exactly the octets of @p text. */
static inline void assert_hex(const void *got, size_t len, const char *text)
{
	uint8_t want[512];
	struct smr_bytes view = hex(text, want, sizeof(want));

	assert_int_equal(len, view.len);
	assert_memory_equal(got, want, len);
}

#endif
