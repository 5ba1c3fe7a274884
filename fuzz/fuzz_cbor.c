/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/cbor.c. */
/* The reader: whole items, and its calls in an order that the first octets choose. */
#include "fuzz/fuzz.h"

static void read_items(struct smr_bytes octets)
{
	struct smr_reader r = smr_reader_init(octets);

	while (r.err == SMR_OK && r.pos < r.len) {
		struct smr_bytes item = smr_get_item(&r);
		struct smr_reader again = smr_reader_init(item);

		if (r.err != SMR_OK) {
			FUZZ_CHECK(item.len == 0);
			break;
		}
		/* What was accepted is an item by itself, whole. */
		FUZZ_CHECK(item.len != 0 && smr_get_item(&again).len == item.len);
		FUZZ_CHECK(smr_reader_done(&again) == SMR_OK);
	}
	FUZZ_CHECK(r.pos <= r.len);
}

static void call(struct smr_reader *r, unsigned choice, int64_t *key)
{
	uint8_t fixed[8];

	switch (choice % 9) {
	case 0:
		(void)smr_get_uint(r, UINT32_MAX);
		break;
	case 1:
		FUZZ_CHECK(smr_get_bytes(r, 1, 300).len <= 300);
		break;
	case 2:
		smr_get_fixed(r, fixed, sizeof(fixed));
		break;
	case 3:
		FUZZ_CHECK(smr_get_text(r, 0, 64).len <= 64);
		break;
	case 4:
		FUZZ_CHECK(smr_get_array(r, 0, 10) <= 10);
		break;
	case 5:
		FUZZ_CHECK(smr_get_map(r, 10) <= 10);
		break;
	case 6:
		(void)smr_get_bool(r);
		break;
	case 7:
		(void)smr_get_null(r);
		break;
	default:
		smr_get_key(r, key);
		break;
	}
}

static void read_calls(const uint8_t *choices, size_t count, struct smr_bytes octets)
{
	struct smr_reader r = smr_reader_init(octets);
	int64_t key = SMR_KEY_NONE;

	for (size_t i = 0; i < count; i++)
		call(&r, choices[i], &key);
	FUZZ_CHECK(r.pos <= r.len && smr_reader_consumed(&r).len == r.pos);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t choices = len < 16 ? len / 2 : 8;

	read_items(smr_bytes_of(data, len));
	read_calls(data, choices, smr_bytes_of(data + choices, len - choices));
	return 0;
}
