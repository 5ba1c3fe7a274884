/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ident.h"

#define FILLER 0x0fu

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static unsigned nibble(const uint8_t *packed, size_t i)
{
	return i % 2 == 0 ? packed[i / 2] >> 4 : packed[i / 2] & 0x0fu;
}

/** Pack @p text, of at most 2 * @p len digits, into @p octets, filled up with F. */
static enum smr_err pack(struct smr_bytes text, uint8_t *octets, size_t len)
{
	memset(octets, 0xff, len);
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit;

		if (!is_digit(text.ptr[i]))
			return SMR_E_MALFORMED;
		digit = (unsigned)(text.ptr[i] - '0');
		if (i % 2 == 0)
			octets[i / 2] = (uint8_t)(digit << 4 | FILLER);
		else
			octets[i / 2] = (uint8_t)((octets[i / 2] & 0xf0u) | digit);
	}
	return SMR_OK;
}

/** Text of the digits before the filler; its length. SIZE_MAX: not digits followed by filler. */
static size_t unpack(const uint8_t *octets, size_t len, char *out)
{
	size_t digits = 0;

	while (digits < 2 * len && nibble(octets, digits) <= 9)
		digits++;
	for (size_t i = digits; i < 2 * len; i++) {
		if (nibble(octets, i) != FILLER)
			return SIZE_MAX;
	}
	for (size_t i = 0; i < digits; i++)
		out[i] = (char)('0' + nibble(octets, i));
	out[digits] = '\0';
	return digits;
}

static void show(const uint8_t *octets, size_t len, char *out)
{
	if (unpack(octets, len, out) == SIZE_MAX)
		out[0] = '\0';
}

/* ---- check digits ---- */

/** N mod 97, digit by digit: 32 digits exceed every integer type (ISO 7064). */
static unsigned mod97(struct smr_bytes digits)
{
	unsigned r = 0;

	for (size_t i = 0; i < digits.len; i++)
		r = (r * 10 + (unsigned)(digits.ptr[i] - '0')) % 97;
	return r;
}

static bool all_digits(struct smr_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.ptr[i]))
			return false;
	}
	return true;
}

enum smr_err smr_luhn_digit(struct smr_bytes payload, char *out)
{
	unsigned sum = 0;

	if (payload.len == 0 || !all_digits(payload))
		return SMR_E_MALFORMED;
	for (size_t i = 0; i < payload.len; i++) {
		unsigned digit = (unsigned)(payload.ptr[payload.len - 1 - i] - '0');

		if (i % 2 == 0)
			digit *= 2;
		sum += digit > 9 ? digit - 9 : digit;
	}
	*out = (char)('0' + (10 - sum % 10) % 10);
	return SMR_OK;
}

static enum smr_err check_luhn(struct smr_bytes text)
{
	char digit;

	SMR_TRY(smr_luhn_digit(smr_bytes_of(text.ptr, text.len - 1), &digit));
	return (char)text.ptr[text.len - 1] == digit ? SMR_OK : SMR_E_CHECK_DIGIT;
}

/* ---- EID ---- */

static enum smr_err check_eid_text(struct smr_bytes text)
{
	unsigned check;

	if (text.len != 2 * SMR_EID_LEN || !all_digits(text))
		return SMR_E_MALFORMED;
	check = (unsigned)(text.ptr[30] - '0') * 10 + (unsigned)(text.ptr[31] - '0');
	/* 98 - r is 02 to 98: 00, 01 and 99 satisfy mod 97 for some numbers but are never generated. */
	return mod97(text) == 1 && check >= 2 && check <= 98 ? SMR_OK : SMR_E_CHECK_DIGIT;
}

enum smr_err smr_eid_parse(struct smr_bytes text, struct smr_eid *out)
{
	SMR_TRY(check_eid_text(text));
	return pack(text, out->octets, sizeof(out->octets));
}

enum smr_err smr_eid_make(struct smr_bytes first_30_digits, struct smr_eid *out)
{
	uint8_t text[2 * SMR_EID_LEN];
	unsigned check;

	if (first_30_digits.len != 30 || !all_digits(first_30_digits))
		return SMR_E_MALFORMED;
	memcpy(text, first_30_digits.ptr, 30);
	text[30] = text[31] = '0';
	check = 98 - mod97(SMR_ARRAY(text));
	text[30] = (uint8_t)('0' + check / 10);
	text[31] = (uint8_t)('0' + check % 10);
	return smr_eid_parse(SMR_ARRAY(text), out);
}

void smr_eid_text(const struct smr_eid *eid, char out[SMR_EID_TEXT])
{
	show(eid->octets, sizeof(eid->octets), out);
}

enum smr_err smr_eid_check(const struct smr_eid *eid)
{
	char text[SMR_EID_TEXT];
	size_t len = unpack(eid->octets, sizeof(eid->octets), text);

	return len == SIZE_MAX ? SMR_E_MALFORMED : check_eid_text(smr_bytes_of(text, len));
}

/* ---- ICCID ---- */

static enum smr_err check_iccid_text(struct smr_bytes text)
{
	if ((text.len != 19 && text.len != 20) || !all_digits(text))
		return SMR_E_MALFORMED;
	return check_luhn(text);
}

enum smr_err smr_iccid_parse(struct smr_bytes text, struct smr_iccid *out)
{
	SMR_TRY(check_iccid_text(text));
	return pack(text, out->octets, sizeof(out->octets));
}

void smr_iccid_text(const struct smr_iccid *iccid, char out[SMR_ICCID_TEXT])
{
	show(iccid->octets, sizeof(iccid->octets), out);
}

enum smr_err smr_iccid_check(const struct smr_iccid *iccid)
{
	char text[SMR_ICCID_TEXT];
	size_t len = unpack(iccid->octets, sizeof(iccid->octets), text);

	return len == SIZE_MAX ? SMR_E_MALFORMED : check_iccid_text(smr_bytes_of(text, len));
}

/* ---- IMSI ---- */

enum smr_err smr_imsi_parse(struct smr_bytes text, struct smr_imsi *out)
{
	if (text.len < 6 || text.len > 15)
		return SMR_E_MALFORMED;
	return pack(text, out->octets, sizeof(out->octets));
}

void smr_imsi_text(const struct smr_imsi *imsi, char out[SMR_IMSI_TEXT])
{
	char text[2 * SMR_IMSI_LEN + 1];
	size_t len = unpack(imsi->octets, sizeof(imsi->octets), text);

	if (len > 15)
		len = 0;
	memcpy(out, text, len);
	out[len] = '\0';
}

enum smr_err smr_imsi_check(const struct smr_imsi *imsi)
{
	char text[2 * SMR_IMSI_LEN + 1];
	size_t len = unpack(imsi->octets, sizeof(imsi->octets), text);

	return len == SIZE_MAX || len < 6 || len > 15 ? SMR_E_MALFORMED : SMR_OK;
}

/* ---- IMEI ---- */

enum smr_err smr_imei_parse(struct smr_bytes text, struct smr_imei *out)
{
	if ((text.len != 15 && text.len != 16) || !all_digits(text))
		return SMR_E_MALFORMED;
	if (text.len == 15)
		SMR_TRY(check_luhn(text));
	return pack(text, out->octets, sizeof(out->octets));
}

void smr_imei_text(const struct smr_imei *imei, char out[SMR_IMEI_TEXT])
{
	show(imei->octets, sizeof(imei->octets), out);
}

/* ---- keys ---- */

enum smr_err smr_key_id_of(const uint8_t point[SMR_POINT_LEN], struct smr_key_id *out)
{
	uint8_t compressed[SMR_POINT_COMPRESSED_LEN];
	uint8_t hash[SMR_HASH_LEN];
	const struct smr_bytes part = {compressed, sizeof(compressed)};

	smr_point_compress(point, compressed);
	SMR_TRY(smr_sha256(&part, 1, hash));
	memcpy(out->octets, hash, sizeof(out->octets));
	return SMR_OK;
}
