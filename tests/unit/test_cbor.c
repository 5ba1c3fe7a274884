/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/cbor.h"
#include "tests/unit/hex.h"
#include "tests/unit/random.h"

static struct smr_writer writer(uint8_t *room, size_t len)
{
	return smr_writer_init((struct smr_space){room, len});
}

/* The numbers at which the length of a head changes (RFC 8949 appendix A and its neighbours). */
static const struct {
	uint64_t value;
	const char *encoded;
} numbers[] = {
	{0, "00"},
	{1, "01"},
	{10, "0a"},
	{23, "17"},
	{24, "1818"},
	{25, "1819"},
	{100, "1864"},
	{255, "18ff"},
	{256, "190100"},
	{1000, "1903e8"},
	{65535, "19ffff"},
	{65536, "1a00010000"},
	{1000000, "1a000f4240"},
	{4294967295u, "1affffffff"},
	{4294967296u, "1b0000000100000000"},
	{1000000000000u, "1b000000e8d4a51000"},
	{18446744073709551615u, "1bffffffffffffffff"},
};

static void test_uint_at_every_length_is_encoded_as_in_rfc8949(void **state)
{
	uint8_t room[9];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(numbers); i++) {
		struct smr_writer w = writer(room, sizeof(room));
		struct smr_bytes got;

		smr_put_uint(&w, numbers[i].value);
		assert_int_equal(smr_writer_done(&w, &got), SMR_OK);
		assert_hex(got.ptr, got.len, numbers[i].encoded);
	}
}

static void test_uint_at_every_length_is_read_back(void **state)
{
	uint8_t room[9];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(numbers); i++) {
		struct smr_bytes in = hex(numbers[i].encoded, room, sizeof(room));
		struct smr_reader r = smr_reader_init(in);

		assert_true(smr_get_uint(&r, numbers[i].value) == numbers[i].value);
		assert_int_equal(smr_reader_done(&r), SMR_OK);
		if (numbers[i].value == 0)
			continue;
		r = smr_reader_init(in);
		assert_int_equal(smr_get_uint(&r, numbers[i].value - 1), 0);
		assert_int_equal(smr_reader_done(&r), SMR_E_MALFORMED);
	}
}

/* ---- a document with every kind of item, as python3-cbor2 encodes it (canonical) ---- */

#define DOCUMENT                                         \
	"8a1903e84361626363c3a9738201820203a30000181901" \
	"18ff4101f5f4f64018ff"
#define TEXT "\xc3\xa9s"

static void put_document(struct smr_writer *w)
{
	smr_put_array(w, 10);
	smr_put_uint(w, 1000);
	smr_put_bytes(w, SMR_TEXT("abc"));
	smr_put_text(w, SMR_TEXT(TEXT));
	smr_put_array(w, 2);
	smr_put_uint(w, 1);
	smr_put_raw(w, SMR_TEXT("\x82\x02\x03"));
	smr_put_map(w, 3);
	smr_put_uint(w, 0);
	smr_put_uint(w, 0);
	smr_put_uint(w, 25);
	smr_put_uint(w, 1);
	smr_put_uint(w, 255);
	smr_put_bytes(w, SMR_TEXT("\x01"));
	smr_put_bool(w, true);
	smr_put_bool(w, false);
	smr_put_null(w);
	smr_put_bytes(w, SMR_NONE);
	smr_put_uint(w, 255);
}

static bool is_text(struct smr_bytes got, const char *want)
{
	return smr_bytes_equal(got, smr_bytes_of(want, strlen(want)));
}

static bool read_map(struct smr_reader *r)
{
	int64_t key = SMR_KEY_NONE;
	bool same = smr_get_map(r, 3) == 3;

	smr_get_key(r, &key);
	same = same && key == 0 && smr_get_uint(r, 0) == 0;
	smr_get_key(r, &key);
	same = same && key == 25 && smr_get_uint(r, 1) == 1;
	smr_get_key(r, &key);
	return same && key == 255 && is_text(smr_get_bytes(r, 1, 1), "\x01");
}

/* Tells whether everything came out as it went in and the reader agrees. */
static bool read_document(struct smr_bytes in)
{
	struct smr_reader r = smr_reader_init(in);
	uint8_t abc[3];
	bool same = smr_get_array(&r, 10, 10) == 10 && smr_get_uint(&r, 1000) == 1000;

	smr_get_fixed(&r, abc, sizeof(abc));
	same = same && memcmp(abc, "abc", 3) == 0 && is_text(smr_get_text(&r, 0, 10), TEXT);
	same = same && smr_get_array(&r, 2, 2) == 2 && smr_get_uint(&r, 1) == 1;
	same = same && is_text(smr_get_item(&r), "\x82\x02\x03") && read_map(&r);
	same = same && smr_get_bool(&r) && !smr_get_bool(&r) && smr_get_null(&r) && !smr_get_null(&r);
	same = same && smr_get_bytes(&r, 0, 10).len == 0 && smr_get_uint(&r, 255) == 255;
	return smr_reader_done(&r) == SMR_OK && same;
}

static struct smr_bytes document(uint8_t *room, size_t len)
{
	return hex(DOCUMENT, room, len);
}

static void test_document_is_encoded_as_by_a_second_implementation(void **state)
{
	uint8_t room[64];
	struct smr_writer w = writer(room, sizeof(room));
	struct smr_bytes got;

	(void)state;
	put_document(&w);
	assert_int_equal(smr_writer_done(&w, &got), SMR_OK);
	assert_ptr_equal(got.ptr, room);
	assert_hex(got.ptr, got.len, DOCUMENT);
	assert_true(read_document(got));
}

static void test_counting_writer_yields_the_size_and_no_octets(void **state)
{
	struct smr_writer counter = smr_writer_size();

	(void)state;
	put_document(&counter);
	assert_int_equal(smr_writer_done(&counter, NULL), SMR_OK);
	assert_int_equal(counter.len, sizeof(DOCUMENT) / 2);
	assert_null(smr_put_bytes_room(&counter, 1000));
	assert_int_equal(smr_writer_done(&counter, NULL), SMR_OK);
	assert_int_equal(counter.len, sizeof(DOCUMENT) / 2 + 3 + 1000);
}

static void test_counting_writer_beyond_all_memory_has_no_room(void **state)
{
	struct smr_writer counter = smr_writer_size();

	(void)state;
	smr_put_null(&counter);
	assert_null(smr_put_bytes_room(&counter, SIZE_MAX - 5));
	assert_int_equal(smr_writer_done(&counter, NULL), SMR_E_NO_ROOM);
}

static void test_document_in_every_smaller_room_has_no_room_and_stays_inside(void **state)
{
	uint8_t room[64];

	(void)state;
	for (size_t len = 0; len < sizeof(DOCUMENT) / 2; len++) {
		struct smr_writer w = writer(room, len);
		struct smr_bytes got = SMR_NONE;

		memset(room, 0xee, sizeof(room));
		put_document(&w);
		assert_int_equal(smr_writer_done(&w, &got), SMR_E_NO_ROOM);
		assert_int_equal(got.len, 0);
		assert_true(w.len <= len);
		for (size_t i = len; i < sizeof(room); i++)
			assert_int_equal(room[i], 0xee);
	}
}

static void test_writer_error_sticks_though_later_items_would_fit(void **state)
{
	uint8_t room[4] = {0};
	struct smr_writer w = writer(room, sizeof(room));

	(void)state;
	smr_put_bytes(&w, SMR_TEXT("12345"));
	smr_put_null(&w);
	assert_null(smr_put_bytes_room(&w, 0));
	assert_int_equal(smr_writer_done(&w, NULL), SMR_E_NO_ROOM);
	w = writer(NULL, 0); /* no room is not the same as only counting */
	smr_put_null(&w);
	assert_int_not_equal(smr_writer_done(&w, NULL), SMR_OK);
}

static void test_room_of_a_byte_string_is_filled_in_place(void **state)
{
	uint8_t room[28];
	struct smr_writer w = writer(room, sizeof(room));
	struct smr_bytes got;
	uint8_t *place = smr_put_bytes_room(&w, 26);

	(void)state;
	assert_ptr_equal(place, room + 2);
	memset(place, 0x61, 26);
	assert_int_equal(smr_writer_done(&w, &got), SMR_OK);
	assert_hex(got.ptr, got.len,
		   "581a"
		   "6161616161616161616161616161616161616161616161616161");
	w = writer(room, 27);
	assert_null(smr_put_bytes_room(&w, 26));
	assert_int_equal(smr_writer_done(&w, NULL), SMR_E_NO_ROOM);
}

/* ---- hostile input ---- */

static void test_document_every_truncation_is_malformed(void **state)
{
	uint8_t room[64];
	struct smr_bytes in = document(room, sizeof(room));

	(void)state;
	for (size_t len = 0; len < in.len; len++) {
		struct smr_reader r = smr_reader_init(smr_bytes_of(room, len));

		assert_false(read_document(smr_bytes_of(room, len)));
		assert_int_equal(smr_get_item(&r).len, 0);
		assert_int_equal(smr_reader_done(&r), SMR_E_MALFORMED);
	}
}

static void test_document_every_flipped_bit_is_noticed(void **state)
{
	uint8_t room[64];
	struct smr_bytes in = document(room, sizeof(room));

	(void)state;
	for (size_t bit = 0; bit < in.len * 8; bit++) {
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (read_document(in))
			fail_msg("bit %zu", bit);
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(read_document(in));
}

static void test_document_with_an_octet_behind_it_is_malformed(void **state)
{
	uint8_t room[64] = {0};
	struct smr_bytes in = document(room, sizeof(room));

	(void)state;
	for (unsigned last = 0; last < 256; last++) {
		room[in.len] = (uint8_t)last;
		assert_false(read_document(smr_bytes_of(room, in.len + 1)));
	}
}

/* Each is one item that some decoders take and a strict one must not (RFC 8949 sections 3 and 4.2.1). */
static const char *const breaches[] = {
	"",
	/* not the shortest head */
	"1800",
	"1817",
	"190000",
	"1900ff",
	"1a00000000",
	"1a0000ffff",
	"1b0000000000000000",
	"1b00000000ffffffff",
	"580100",
	"58170000000000000000000000000000000000000000000000",
	"780161",
	"980100",
	"b8010000",
	/* the head ends early, the content ends early */
	"18",
	"19",
	"1903",
	"1a000000",
	"1b00000000000000",
	"41",
	"4200",
	"61",
	"6261",
	"81",
	"8200",
	"a1",
	"a100",
	"a2000001",
	"5bffffffffffffffff",
	"5b7fffffffffffffff00",
	"7bffffffffffffffff",
	"9bffffffffffffffff00",
	"bbffffffffffffffff0000",
	/* reserved; indefinite length, break */
	"1c",
	"1d",
	"1e",
	"1f",
	"5c",
	"7d",
	"9e",
	"bc",
	"1cffffffffffffffffffffffffffffffff",
	"dcffffffffffffffffffffffffffffffff",
	"5f4100ff",
	"7f6161ff",
	"9f00ff",
	"bf0000ff",
	"5fff",
	"9fff",
	"ff",
	/* negative; tagged */
	"20",
	"37",
	"3818",
	"3903e7",
	"3bffffffffffffffff",
	"c000",
	"c11a514b67b0",
	"d81800",
	"d9d9f780",
	/* undefined, simple values, floating point */
	"f7",
	"e0",
	"f0",
	"f3",
	"f8ff",
	"f818",
	"f814",
	"f90000",
	"f97e00",
	"fa47c35000",
	"fb3ff199999999999a",
	/* keys that repeat, descend (-1 comes before -2) or are no integers; the last two stand for «none yet» in smr_get_key, and would be below it */
	"a200000000",
	"a201000000",
	"a318190018180000",
	"a2010001f6",
	"a220000000",
	"a220002000",
	"a221002000",
	"a2382000381f00",
	"a1610000",
	"a14100",
	"a1f500",
	"a1f600",
	"a18000",
	"a1a000",
	"a13800f6",
	"a13b7fffffffffffffff00",
	"a11bffffffffffffffff00",
	/* not UTF-8 (RFC 3629): stray and missing octets, overlong, surrogates, above U+10FFFF */
	"6180",
	"61ff",
	"62c328",
	"61c3",
	"62e282",
	"63f09f98",
	"63e28028",
	"64f09f9828",
	"62c080",
	"62c1bf",
	"63e08080",
	"63e09fbf",
	"64f0808080",
	"64f08fbfbf",
	"63eda080",
	"63edbfbf",
	"64f4908080",
	"64f5808080",
	"64f8888080",
	/* two items; breaches inside others */
	"810000",
	"0000",
	"f6f6",
	"811c",
	"8181ff",
	"a1001f",
	"82001800",
	"a100a200000000",
};

static void test_item_outside_the_strict_subset_is_malformed(void **state)
{
	uint8_t room[64];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(breaches); i++) {
		struct smr_reader r = smr_reader_init(hex(breaches[i], room, sizeof(room)));

		smr_get_item(&r);
		if (smr_reader_done(&r) != SMR_E_MALFORMED)
			fail_msg("%s", breaches[i]);
	}
}

static const char *const accepted[] = {
	"00",
	"17",
	"1818",
	"1bffffffffffffffff",
	"40",
	"4100",
	"60",
	"6161",
	"80",
	"8100",
	"a0",
	"a10000",
	"a2000001f6",
	"a21700181800",
	"a11b7ffffffffffffffe00",
	"a13b7ffffffffffffffe00",
	"a300002000390100f6",
	"f4",
	"f5",
	"f6",
	"8180",
	"81a0",
	"a10080",
	/* the ends of the ranges of UTF-8 */
	"617f",
	"62c280",
	"62c3a9",
	"62dfbf",
	"63e0a080",
	"63e282ac",
	"63ed9fbf",
	"63ee8080",
	"63efbfbf",
	"64f0908080",
	"64f09f9880",
	"64f48fbfbf",
};

static void test_item_of_the_strict_subset_is_taken_whole(void **state)
{
	uint8_t room[64];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(accepted); i++) {
		struct smr_bytes in = hex(accepted[i], room, sizeof(room) - 1);
		struct smr_reader r = smr_reader_init(in);
		struct smr_bytes item = smr_get_item(&r);

		if (smr_reader_done(&r) != SMR_OK || item.ptr != room || item.len != in.len)
			fail_msg("%s", accepted[i]);
		room[in.len] = 0x00; /* what follows is not part of it */
		r = smr_reader_init(smr_bytes_of(room, in.len + 1));
		assert_int_equal(smr_get_item(&r).len, in.len);
		assert_int_equal(smr_get_uint(&r, 0), 0);
		assert_int_equal(smr_reader_done(&r), SMR_OK);
	}
}

/* Every item that a decoder takes must be what an encoder makes of its content: one encoding for each message. */
static void test_no_two_octet_item_has_two_encodings(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 0x10000; value++) {
		uint8_t in[2] = {(uint8_t)(value >> 8), (uint8_t)value};
		uint8_t room[9];
		struct smr_reader r = smr_reader_init(SMR_ARRAY(in));
		uint64_t number = smr_get_uint(&r, UINT64_MAX);
		struct smr_writer w = writer(room, sizeof(room));
		struct smr_bytes got;

		if (smr_reader_done(&r) != SMR_OK)
			continue;
		smr_put_uint(&w, number);
		assert_int_equal(smr_writer_done(&w, &got), SMR_OK);
		assert_true(smr_bytes_equal(got, SMR_ARRAY(in)));
	}
}

static void test_item_nested_deeper_than_eight_is_malformed(void **state)
{
	static const uint8_t opener[] = {0x81, 0xa1};
	uint8_t room[2 * 64 + 1];

	(void)state;
	for (size_t kind = 0; kind < 2; kind++)
		for (size_t depth = 1; depth <= 64; depth++) {
			struct smr_reader r;
			size_t len = 0;

			for (size_t i = 0; i < depth; i++) {
				room[len++] = opener[kind];
				if (opener[kind] == 0xa1)
					room[len++] = 0x00;
			}
			room[len++] = 0x00;
			r = smr_reader_init(smr_bytes_of(room, len));
			assert_int_equal(smr_get_item(&r).len, depth <= 8 ? len : 0);
			assert_int_equal(smr_reader_done(&r), depth <= 8 ? SMR_OK : SMR_E_MALFORMED);
		}
}

/* Random octets with a bias to heads: nothing is read outside the input (sanitizers look), and what is taken is strict.
 */
static void test_item_of_random_octets_never_leaves_the_input(void **state)
{
	struct rng rng = {2026};
	uint8_t room[24];
	unsigned taken = 0;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		size_t len = rng_below(&rng, sizeof(room) + 1);
		struct smr_reader r = smr_reader_init(smr_bytes_of(room, len));
		struct smr_bytes item;

		for (size_t i = 0; i < len; i++)
			room[i] = (uint8_t)(rng_below(&rng, 8) << 5 | rng_below(&rng, 5));
		item = smr_get_item(&r);
		assert_true(item.len <= len);
		assert_int_equal(item.len != 0, r.err == SMR_OK);
		taken += item.len > 3;
	}
	assert_true(taken > 1000);
}

/* ---- limits and sticking errors of the reader ---- */

static void test_lengths_outside_their_limits_are_malformed(void **state)
{
	static const struct {
		const char *in;
		size_t min, max;
		bool fits;
	} cases[] = {
		{"43616263", 3, 3, true},  {"43616263", 0, 3, true},  {"43616263", 3, 9, true},
		{"43616263", 4, 9, false}, {"43616263", 0, 2, false}, {"40", 0, 0, true},
		{"40", 1, 9, false},
	};
	uint8_t room[8];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		for (unsigned major = 2; major <= 3; major++) {
			struct smr_bytes in = hex(cases[i].in, room, sizeof(room));
			struct smr_reader r = smr_reader_init(in);
			size_t len;

			room[0] = (uint8_t)(major << 5 | (room[0] & 0x1f));
			len = (major == 2 ? smr_get_bytes : smr_get_text)(&r, cases[i].min, cases[i].max).len;
			assert_int_equal(len, cases[i].fits ? in.len - 1 : 0);
			assert_int_equal(smr_reader_done(&r), cases[i].fits ? SMR_OK : SMR_E_MALFORMED);
		}
}

static void test_counts_outside_their_limits_are_malformed(void **state)
{
	static const uint8_t three[] = {0x83, 0, 0, 0}, pairs[] = {0xa2, 0, 0, 1, 0};
	struct smr_reader r = smr_reader_init(SMR_ARRAY(three));

	(void)state;
	assert_int_equal(smr_get_array(&r, 1, 3), 3);
	r = smr_reader_init(SMR_ARRAY(three));
	assert_int_equal(smr_get_array(&r, 4, 9), 0);
	assert_int_equal(r.err, SMR_E_MALFORMED);
	r = smr_reader_init(SMR_ARRAY(three));
	assert_int_equal(smr_get_array(&r, 1, 2), 0);
	assert_int_equal(r.err, SMR_E_MALFORMED);
	r = smr_reader_init(SMR_ARRAY(pairs));
	assert_int_equal(smr_get_map(&r, 2), 2);
	r = smr_reader_init(SMR_ARRAY(pairs));
	assert_int_equal(smr_get_map(&r, 1), 0);
	assert_int_equal(r.err, SMR_E_MALFORMED);
}

enum getter { GET_UINT, GET_BYTES, GET_TEXT, GET_FIXED, GET_ARRAY, GET_MAP, GET_BOOL, GET_NULL, GETTERS };

/* One call of each kind; tells whether it yielded anything at all. */
static bool get_one(struct smr_reader *r, enum getter getter)
{
	uint8_t fixed[1] = {0xee};

	switch (getter) {
	case GET_UINT:
		return smr_get_uint(r, UINT64_MAX) != 0;
	case GET_BYTES:
		return smr_get_bytes(r, 0, SIZE_MAX).ptr != NULL;
	case GET_TEXT:
		return smr_get_text(r, 0, SIZE_MAX).ptr != NULL;
	case GET_FIXED:
		smr_get_fixed(r, fixed, 1);
		return fixed[0] != 0;
	case GET_ARRAY:
		return smr_get_array(r, 0, SIZE_MAX) != 0;
	case GET_MAP:
		return smr_get_map(r, SIZE_MAX) != 0;
	case GET_BOOL:
		return smr_get_bool(r);
	case GET_NULL:
		return smr_get_null(r);
	default:
		fail();
		return false;
	}
}

/* An item of another kind than asked for is malformed; a null that is not there is an answer, not an error. */
static void test_item_of_another_kind_is_malformed(void **state)
{
	static const char *const items[GETTERS] = {"01", "4101", "6161", "4101", "8101", "a10001", "f5", "f6"};
	uint8_t room[8];

	(void)state;
	for (unsigned item = 0; item < GETTERS; item++)
		for (unsigned getter = 0; getter < GETTERS; getter++) {
			bool bytes = item == GET_BYTES || item == GET_FIXED;
			bool match = item == getter || (bytes && (getter == GET_BYTES || getter == GET_FIXED));
			struct smr_reader r = smr_reader_init(hex(items[item], room, sizeof(room)));

			assert_int_equal(get_one(&r, (enum getter)getter), match);
			assert_int_equal(r.err, match || getter == GET_NULL ? SMR_OK : SMR_E_MALFORMED);
			assert_int_equal(r.pos != 0, match || r.err != SMR_OK);
		}
}

static void test_reader_after_an_error_yields_nothing(void **state)
{
	static const char *const items[GETTERS] = {"01", "4101", "6161", "4101", "8101", "a10001", "f5", "f6"};
	uint8_t room[8];

	(void)state;
	for (unsigned getter = 0; getter < GETTERS; getter++) {
		struct smr_reader r = smr_reader_init(hex(items[getter], room, sizeof(room)));
		int64_t key = SMR_KEY_NONE;

		smr_reader_fail(&r, SMR_E_UNSUPPORTED);
		smr_reader_fail(&r, SMR_E_SIGNATURE); /* the first stays */
		assert_false(get_one(&r, (enum getter)getter));
		assert_int_equal(smr_get_item(&r).len, 0);
		smr_get_key(&r, &key);
		assert_true(key == SMR_KEY_NONE); /* no member of any map */
		assert_int_equal(r.pos, 0);
		assert_int_equal(smr_reader_done(&r), SMR_E_UNSUPPORTED);
	}
}

static void test_keys_must_ascend(void **state)
{
	static const uint8_t good[] = {0, 1, 0x18, 0x18, 0x20, 0x21, 0x3a, 0, 1, 0, 0};
	static const uint8_t same[] = {5, 5}, down[] = {5, 4}, zeros[] = {0, 0};
	struct smr_reader r = smr_reader_init(SMR_ARRAY(good));
	int64_t key = SMR_KEY_NONE;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		static const int64_t want[] = {0, 1, 24, -1, -2, -65537};

		smr_get_key(&r, &key);
		assert_true(key == want[i]);
	}
	assert_int_equal(smr_reader_done(&r), SMR_OK);
	for (unsigned i = 0; i < 3; i++) {
		r = smr_reader_init(i == 0 ? SMR_ARRAY(same) : i == 1 ? SMR_ARRAY(down) : SMR_ARRAY(zeros));
		key = SMR_KEY_NONE;
		smr_get_key(&r, &key);
		smr_get_key(&r, &key);
		assert_int_equal(smr_reader_done(&r), SMR_E_MALFORMED);
	}
}

static void test_consumed_is_the_view_from_the_start(void **state)
{
	uint8_t room[64];
	struct smr_bytes in = document(room, sizeof(room));
	struct smr_reader r = smr_reader_init(in);

	(void)state;
	assert_int_equal(smr_reader_consumed(&r).len, 0);
	smr_get_array(&r, 10, 10);
	smr_get_uint(&r, 1000);
	assert_ptr_equal(smr_reader_consumed(&r).ptr, room);
	assert_int_equal(smr_reader_consumed(&r).len, 4);
	assert_int_equal(smr_reader_done(&r), SMR_E_MALFORMED); /* there is more */
}

/* What the reader would refuse is not written either. */
static void test_text_that_is_not_utf8_is_not_written(void **state)
{
	uint8_t room[16];
	struct smr_writer w = writer(room, sizeof(room));

	(void)state;
	smr_put_text(&w, SMR_TEXT("gr\xfc\xdf"));
	assert_int_equal(smr_writer_done(&w, NULL), SMR_E_MALFORMED);
	assert_int_equal(w.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uint_at_every_length_is_encoded_as_in_rfc8949),
		cmocka_unit_test(test_uint_at_every_length_is_read_back),
		cmocka_unit_test(test_document_is_encoded_as_by_a_second_implementation),
		cmocka_unit_test(test_counting_writer_yields_the_size_and_no_octets),
		cmocka_unit_test(test_counting_writer_beyond_all_memory_has_no_room),
		cmocka_unit_test(test_document_in_every_smaller_room_has_no_room_and_stays_inside),
		cmocka_unit_test(test_writer_error_sticks_though_later_items_would_fit),
		cmocka_unit_test(test_room_of_a_byte_string_is_filled_in_place),
		cmocka_unit_test(test_document_every_truncation_is_malformed),
		cmocka_unit_test(test_document_every_flipped_bit_is_noticed),
		cmocka_unit_test(test_document_with_an_octet_behind_it_is_malformed),
		cmocka_unit_test(test_item_outside_the_strict_subset_is_malformed),
		cmocka_unit_test(test_item_of_the_strict_subset_is_taken_whole),
		cmocka_unit_test(test_no_two_octet_item_has_two_encodings),
		cmocka_unit_test(test_item_nested_deeper_than_eight_is_malformed),
		cmocka_unit_test(test_item_of_random_octets_never_leaves_the_input),
		cmocka_unit_test(test_lengths_outside_their_limits_are_malformed),
		cmocka_unit_test(test_counts_outside_their_limits_are_malformed),
		cmocka_unit_test(test_item_of_another_kind_is_malformed),
		cmocka_unit_test(test_reader_after_an_error_yields_nothing),
		cmocka_unit_test(test_keys_must_ascend),
		cmocka_unit_test(test_consumed_is_the_view_from_the_start),
		cmocka_unit_test(test_text_that_is_not_utf8_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
