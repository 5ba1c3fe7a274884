/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversions of single characters use no table and no branch on the character: a key's octets must not show in
 * the cache or in the branch predictor. (x >> 8) of a negative int is all ones, of a small positive one 0.
 */
#include "sys/text.h"

/* All ones if low <= c <= high, else 0. */
static int in_range(int c, int low, int high)
{
	return ((low - 1 - c) & (c - (high + 1))) >> 8;
}

static char hex_digit(int nibble)
{
	return (char)('0' + nibble + ((9 - nibble) >> 8 & ('a' - '0' - 10)));
}

/* 0 to 15, or -1. */
static int hex_value(int c)
{
	return -1 + (in_range(c, '0', '9') & (c - '0' + 1)) + (in_range(c, 'a', 'f') & (c - 'a' + 11)) +
	       (in_range(c, 'A', 'F') & (c - 'A' + 11));
}

void smr_hex_encode(struct smr_bytes bytes, char *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		out[2 * i] = hex_digit(bytes.ptr[i] >> 4);
		out[2 * i + 1] = hex_digit(bytes.ptr[i] & 15);
	}
	out[2 * bytes.len] = '\0';
}

enum smr_err smr_hex_decode(struct smr_bytes text, struct smr_space *out)
{
	int bad = 0;

	if (text.len % 2 != 0)
		return SMR_E_MALFORMED;
	if (out->len < text.len / 2)
		return SMR_E_NO_ROOM;
	for (size_t i = 0; i < text.len / 2; i++) {
		int high = hex_value(text.ptr[2 * i]);
		int low = hex_value(text.ptr[2 * i + 1]);

		bad |= high | low;
		out->ptr[i] = (uint8_t)(((unsigned)high << 4 | (unsigned)low) & 0xff);
	}
	if (bad < 0) {
		smr_wipe(out->ptr, text.len / 2);
		return SMR_E_MALFORMED;
	}
	out->len = text.len / 2;
	return SMR_OK;
}

enum smr_err smr_hex_decode_exact(const char *text, uint8_t *out, size_t len)
{
	struct smr_space space = {out, len};

	if (strlen(text) != 2 * len)
		return SMR_E_MALFORMED;
	return smr_hex_decode(smr_text_of(text), &space);
}

static char base64_digit(int v)
{
	return (char)(v + 'A' + ((25 - v) >> 8 & ('a' - 26 - 'A')) - ((51 - v) >> 8 & ('a' - '0' + 26)) -
		      ((61 - v) >> 8 & ('0' - 52 + 62 - '+')) + ((62 - v) >> 8 & ('/' - '+' - 1)));
}

/* 0 to 63, or -1. */
static int base64_value(int c)
{
	return -1 + (in_range(c, 'A', 'Z') & (c - 'A' + 1)) + (in_range(c, 'a', 'z') & (c - 'a' + 27)) +
	       (in_range(c, '0', '9') & (c - '0' + 53)) + (in_range(c, '+', '+') & 63) + (in_range(c, '/', '/') & 64);
}

void smr_base64_encode(struct smr_bytes bytes, char *out)
{
	size_t i = 0;

	for (; i < bytes.len; i += 3) {
		size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
		unsigned group = (unsigned)bytes.ptr[i] << 16;

		if (have > 1)
			group |= (unsigned)bytes.ptr[i + 1] << 8;
		if (have > 2)
			group |= bytes.ptr[i + 2];
		*out++ = base64_digit((int)(group >> 18));
		*out++ = base64_digit((int)(group >> 12 & 63));
		*out++ = have > 1 ? base64_digit((int)(group >> 6 & 63)) : '=';
		*out++ = have > 2 ? base64_digit((int)(group & 63)) : '=';
	}
	*out = '\0';
}

/* One group of four characters, of which @p digits are no padding, to digits - 1 octets. Returns < 0 if it is bad. */
static int base64_group(const uint8_t *text, size_t digits, uint8_t *out)
{
	unsigned group = 0;
	int bad = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < digits ? base64_value(text[i]) : 0;

		bad |= value;
		group = group << 6 | ((unsigned)value & 63);
	}
	for (size_t i = 0; i + 1 < digits; i++)
		out[i] = (uint8_t)(group >> (16 - 8 * i) & 0xff);
	/* Bits behind the last octet have to be 0, so that each value has one text. */
	if (digits < 4)
		bad |= -(int)(group & (digits == 3 ? 0xffu : 0xffffu));
	return bad;
}

enum smr_err smr_base64_decode(struct smr_bytes text, struct smr_space *out)
{
	size_t padding = 0;
	size_t len;
	int bad = 0;

	if (text.len % 4 != 0)
		return SMR_E_MALFORMED;
	while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	len = text.len / 4 * 3 - padding;
	if (out->len < len)
		return SMR_E_NO_ROOM;
	for (size_t i = 0; i < text.len; i += 4)
		bad |= base64_group(text.ptr + i, i + 4 == text.len ? 4 - padding : 4, out->ptr + i / 4 * 3);
	if (bad < 0) {
		smr_wipe(out->ptr, len);
		return SMR_E_MALFORMED;
	}
	out->len = len;
	return SMR_OK;
}

enum smr_err smr_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (*text == '\0')
		return SMR_E_MALFORMED;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return SMR_E_MALFORMED;
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
			return SMR_E_MALFORMED;
	}
	if (value < min || value > max)
		return SMR_E_MALFORMED;
	*out = value;
	return SMR_OK;
}

static uint64_t seconds_of_unit(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

enum smr_err smr_parse_duration(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char digits[24];
	size_t len = strlen(text);
	uint64_t unit;
	uint64_t value;

	if (strcmp(text, "0") == 0)
		return smr_parse_uint(text, min, max, out);
	if (len < 2 || len > sizeof(digits))
		return SMR_E_MALFORMED;
	memcpy(digits, text, len - 1);
	digits[len - 1] = '\0';
	unit = seconds_of_unit(text[len - 1]);
	if (unit == 0)
		return SMR_E_MALFORMED;
	SMR_TRY(smr_parse_uint(digits, 0, UINT64_MAX, &value));
	if (__builtin_mul_overflow(value, unit, &value) || value < min || value > max)
		return SMR_E_MALFORMED;
	*out = value;
	return SMR_OK;
}

enum smr_err smr_parse_bool(const char *text, bool *out)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < SMR_COUNT(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i % 2 == 1;
			return SMR_OK;
		}
	}
	return SMR_E_MALFORMED;
}
