/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: sys/text.c core/ident.c. */
/* Text of people and files: hex, base64, numbers, durations, EID, ICCID, IMSI, IMEI. What is accepted prints the same.
 */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "core/ident.h"
#include "sys/text.h"

#define TEXT_MAX 1024u

static void try_base64(struct smr_bytes text)
{
	uint8_t room[TEXT_MAX];
	char again[SMR_BASE64_TEXT(TEXT_MAX)];
	struct smr_space out = {room, sizeof(room)};

	if (smr_base64_decode(text, &out) != SMR_OK)
		return;
	smr_base64_encode(smr_bytes_of(out.ptr, out.len), again);
	FUZZ_CHECK(smr_bytes_equal(smr_text_of(again), text));
}

static void try_hex(struct smr_bytes text)
{
	uint8_t room[TEXT_MAX];
	uint8_t second[TEXT_MAX];
	char again[SMR_HEX_TEXT(TEXT_MAX)];
	struct smr_space out = {room, sizeof(room)};
	struct smr_space same = {second, sizeof(second)};

	if (smr_hex_decode(text, &out) != SMR_OK)
		return;
	FUZZ_CHECK(out.len * 2 == text.len);
	smr_hex_encode(smr_bytes_of(out.ptr, out.len), again);
	FUZZ_CHECK(smr_hex_decode(smr_text_of(again), &same) == SMR_OK);
	FUZZ_CHECK(out.len == same.len && memcmp(room, second, out.len) == 0);
}

static void try_numbers(const char *text)
{
	uint64_t number;
	bool flag;

	if (smr_parse_uint(text, 5, 99, &number) == SMR_OK)
		FUZZ_CHECK(number >= 5 && number <= 99);
	if (smr_parse_uint(text, 0, UINT64_MAX, &number) == SMR_OK)
		FUZZ_CHECK(strtoull(text, NULL, 10) == number);
	if (smr_parse_duration(text, 5, 86400, &number) == SMR_OK)
		FUZZ_CHECK(number >= 5 && number <= 86400);
	fuzz_any(smr_parse_duration(text, 0, UINT64_MAX, &number));
	fuzz_any(smr_parse_bool(text, &flag));
}

static void try_identities(struct smr_bytes text)
{
	char again[SMR_EID_TEXT];
	struct smr_iccid iccid;
	struct smr_imsi imsi;
	struct smr_imei imei;
	struct smr_eid eid;

	if (smr_eid_parse(text, &eid) == SMR_OK) {
		smr_eid_text(&eid, again);
		FUZZ_CHECK(smr_eid_check(&eid) == SMR_OK && smr_bytes_equal(smr_text_of(again), text));
	}
	if (smr_iccid_parse(text, &iccid) == SMR_OK) {
		smr_iccid_text(&iccid, again);
		FUZZ_CHECK(smr_iccid_check(&iccid) == SMR_OK && smr_bytes_equal(smr_text_of(again), text));
	}
	if (smr_imsi_parse(text, &imsi) == SMR_OK) {
		smr_imsi_text(&imsi, again);
		FUZZ_CHECK(smr_imsi_check(&imsi) == SMR_OK && smr_bytes_equal(smr_text_of(again), text));
	}
	if (smr_imei_parse(text, &imei) == SMR_OK) {
		smr_imei_text(&imei, again);
		FUZZ_CHECK(smr_bytes_equal(smr_text_of(again), text));
	}
}

/* Packed, as they come off the wire: printing must not run over, whatever the nibbles. */
static void try_packed(struct smr_bytes octets)
{
	char text[SMR_EID_TEXT];
	struct smr_iccid iccid = {{0}};
	struct smr_imsi imsi = {{0}};
	struct smr_eid eid = {{0}};

	if (octets.len < sizeof(eid))
		return;
	memcpy(&eid, octets.ptr, sizeof(eid));
	memcpy(&iccid, octets.ptr, sizeof(iccid));
	memcpy(&imsi, octets.ptr, sizeof(imsi));
	smr_eid_text(&eid, text);
	fuzz_any(smr_eid_check(&eid));
	smr_iccid_text(&iccid, text);
	fuzz_any(smr_iccid_check(&iccid));
	smr_imsi_text(&imsi, text);
	fuzz_any(smr_imsi_check(&imsi));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[TEXT_MAX + 1];

	if (len > TEXT_MAX)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	try_base64(smr_bytes_of(data, len));
	try_hex(smr_bytes_of(data, len));
	try_numbers(text);
	try_identities(smr_bytes_of(data, len));
	try_packed(smr_bytes_of(data, len));
	return 0;
}
