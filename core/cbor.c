/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cbor.h"

/* Major types (RFC 8949 section 3.1). */
enum {
	MAJOR_UINT = 0,
	MAJOR_NEGATIVE = 1,
	MAJOR_BYTES = 2,
	MAJOR_TEXT = 3,
	MAJOR_ARRAY = 4,
	MAJOR_MAP = 5,
	MAJOR_SIMPLE = 7
};
enum { SIMPLE_FALSE = 0xf4, SIMPLE_TRUE = 0xf5, SIMPLE_NULL = 0xf6 };
#define NESTING_MAX 8

/**
 * Is this UTF-8 as RFC 3629 section 4 has it: shortest forms, no surrogates, nothing above U+10FFFF? Text ends up on
 * terminals and in logs, where a lenient reader of a broken sequence may swallow what follows it.
 */
static bool is_utf8(struct smr_bytes text)
{
	size_t i = 0;

	while (i < text.len) {
		uint8_t first = text.ptr[i++];
		size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
		/* Range of the second octet: it is here that overlong forms, surrogates and the end show. */
		uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
		uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

		if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || more > text.len - i)
			return false;
		for (; more > 0; more--, i++, low = 0x80, high = 0xbf) {
			if (text.ptr[i] < low || text.ptr[i] > high)
				return false;
		}
	}
	return true;
}

/* ---- writer ---- */

struct smr_writer smr_writer_init(struct smr_space space)
{
	return (struct smr_writer){
		.out = space.ptr, .room = space.len, .len = 0, .err = space.ptr ? SMR_OK : SMR_E_INVALID};
}

struct smr_writer smr_writer_size(void)
{
	return (struct smr_writer){.out = NULL, .room = SIZE_MAX, .len = 0, .err = SMR_OK};
}

enum smr_err smr_writer_done(const struct smr_writer *w, struct smr_bytes *out)
{
	if (w->err == SMR_OK && out != NULL)
		*out = smr_bytes_of(w->out, w->len);
	return w->err;
}

/* (1) len <= room always holds, so room - len cannot wrap; out + len stays inside the lent room. */
static uint8_t *advance(struct smr_writer *w, size_t count)
{
	uint8_t *at;

	if (w->err != SMR_OK)
		return NULL;
	if (count > w->room - w->len) {
		w->err = SMR_E_NO_ROOM;
		return NULL;
	}
	at = w->out ? w->out + w->len : NULL;
	w->len += count;
	return at;
}

void smr_put_raw(struct smr_writer *w, struct smr_bytes bytes)
{
	uint8_t *at = advance(w, bytes.len);

	if (at != NULL && bytes.len)
		memcpy(at, bytes.ptr, bytes.len);
}

static void put_head(struct smr_writer *w, unsigned major, uint64_t value)
{
	size_t extra = value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
	unsigned info = extra == 0 ? (unsigned)value : extra == 1 ? 24 : extra == 2 ? 25 : extra == 4 ? 26 : 27;
	uint8_t *head = advance(w, 1 + extra);

	if (head == NULL)
		return;
	head[0] = (uint8_t)(major << 5 | info);
	for (size_t i = 0; i < extra; i++)
		head[1 + i] = (uint8_t)(value >> (8 * (extra - 1 - i)));
}

void smr_put_uint(struct smr_writer *w, uint64_t value)
{
	put_head(w, MAJOR_UINT, value);
}

void smr_put_bytes(struct smr_writer *w, struct smr_bytes bytes)
{
	put_head(w, MAJOR_BYTES, bytes.len);
	smr_put_raw(w, bytes);
}

void smr_put_text(struct smr_writer *w, struct smr_bytes text)
{
	if (w->err == SMR_OK && !is_utf8(text))
		w->err = SMR_E_MALFORMED;
	put_head(w, MAJOR_TEXT, text.len);
	smr_put_raw(w, text);
}

void smr_put_array(struct smr_writer *w, size_t count)
{
	put_head(w, MAJOR_ARRAY, count);
}

void smr_put_map(struct smr_writer *w, size_t count)
{
	put_head(w, MAJOR_MAP, count);
}

void smr_put_key(struct smr_writer *w, int64_t key)
{
	if (key < 0)
		put_head(w, MAJOR_NEGATIVE, (uint64_t)(-1 - key));
	else
		put_head(w, MAJOR_UINT, (uint64_t)key);
}

static void put_simple(struct smr_writer *w, uint8_t octet)
{
	smr_put_raw(w, smr_bytes_of(&octet, 1));
}

void smr_put_bool(struct smr_writer *w, bool value)
{
	put_simple(w, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void smr_put_null(struct smr_writer *w)
{
	put_simple(w, SIMPLE_NULL);
}

uint8_t *smr_put_bytes_room(struct smr_writer *w, size_t len)
{
	put_head(w, MAJOR_BYTES, len);
	return advance(w, len);
}

/* ---- reader ---- */

struct smr_reader smr_reader_init(struct smr_bytes bytes)
{
	return (struct smr_reader){.in = bytes.ptr, .len = bytes.len, .pos = 0, .err = SMR_OK};
}

void smr_reader_fail(struct smr_reader *r, enum smr_err err)
{
	if (r->err == SMR_OK)
		r->err = err;
}

static void malformed(struct smr_reader *r)
{
	smr_reader_fail(r, SMR_E_MALFORMED);
}

enum smr_err smr_reader_done(const struct smr_reader *r)
{
	if (r->err != SMR_OK)
		return r->err;
	return r->pos == r->len ? SMR_OK : SMR_E_MALFORMED;
}

struct smr_bytes smr_reader_consumed(const struct smr_reader *r)
{
	return smr_bytes_of(r->in, r->pos);
}

/* (2) pos <= len always holds, so len - pos cannot wrap; the view returned lies inside the input. */
static const uint8_t *take(struct smr_reader *r, size_t count)
{
	const uint8_t *at;

	if (r->err != SMR_OK)
		return NULL;
	if (count > r->len - r->pos) {
		malformed(r);
		return NULL;
	}
	at = r->in + r->pos;
	r->pos += count;
	return at;
}

static int peek(const struct smr_reader *r)
{
	return r->err == SMR_OK && r->pos < r->len ? r->in[r->pos] : -1;
}

/** Argument of an item's head; only its shortest form is accepted. */
static uint64_t argument(struct smr_reader *r, unsigned info)
{
	static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
	const uint8_t *at;
	uint64_t value = 0;
	size_t extra;

	if (info < 24)
		return info;
	if (info > 27) { /* reserved, or indefinite length */
		malformed(r);
		return 0;
	}
	extra = (size_t)1 << (info - 24);
	at = take(r, extra);
	for (size_t i = 0; at != NULL && i < extra; i++)
		value = value << 8 | at[i];
	if (at == NULL || value < least[info - 24]) {
		malformed(r);
		return 0;
	}
	return value;
}

static uint64_t get_head(struct smr_reader *r, unsigned major, uint64_t min, uint64_t max)
{
	const uint8_t *head = take(r, 1);
	uint64_t value;

	if (head == NULL)
		return 0;
	if (*head >> 5 != major) {
		malformed(r);
		return 0;
	}
	value = argument(r, *head & 0x1fu);
	if (r->err == SMR_OK && (value < min || value > max))
		malformed(r);
	return r->err == SMR_OK ? value : 0;
}

uint64_t smr_get_uint(struct smr_reader *r, uint64_t max)
{
	return get_head(r, MAJOR_UINT, 0, max);
}

static struct smr_bytes get_string(struct smr_reader *r, unsigned major, size_t min, size_t max)
{
	size_t len = (size_t)get_head(r, major, min, max);
	const uint8_t *at = take(r, len);

	return at ? smr_bytes_of(at, len) : SMR_NONE;
}

struct smr_bytes smr_get_bytes(struct smr_reader *r, size_t min, size_t max)
{
	return get_string(r, MAJOR_BYTES, min, max);
}

struct smr_bytes smr_get_text(struct smr_reader *r, size_t min, size_t max)
{
	struct smr_bytes text = get_string(r, MAJOR_TEXT, min, max);

	if (is_utf8(text))
		return text;
	malformed(r);
	return SMR_NONE;
}

void smr_get_fixed(struct smr_reader *r, uint8_t *out, size_t len)
{
	struct smr_bytes bytes = smr_get_bytes(r, len, len);

	if (bytes.ptr != NULL) /* not after an error, nor for no octets */
		memcpy(out, bytes.ptr, len);
	else
		memset(out, 0, len);
}

size_t smr_get_array(struct smr_reader *r, size_t min, size_t max)
{
	return (size_t)get_head(r, MAJOR_ARRAY, min, max);
}

size_t smr_get_map(struct smr_reader *r, size_t max)
{
	return (size_t)get_head(r, MAJOR_MAP, 0, max);
}

bool smr_get_bool(struct smr_reader *r)
{
	const uint8_t *at = take(r, 1);

	if (at == NULL || (*at != SIMPLE_FALSE && *at != SIMPLE_TRUE)) {
		malformed(r);
		return false;
	}
	return *at == SIMPLE_TRUE;
}

bool smr_get_null(struct smr_reader *r)
{
	if (peek(r) != SIMPLE_NULL)
		return false;
	r->pos++;
	return true;
}

/* RFC 8949 section 4.2.1: keys are in the order of their encodings, which have -1 - key and a higher major type for negative ones. */
static bool key_above(int64_t key, int64_t last)
{
	if ((key < 0) != (last < 0))
		return key < 0;
	return key < 0 ? key < last : key > last;
}

void smr_get_key(struct smr_reader *r, int64_t *key)
{
	bool negative = peek(r) >> 5 == MAJOR_NEGATIVE;
	/* -1 - INT64_MAX would be SMR_KEY_NONE. */
	uint64_t value = get_head(r, negative ? MAJOR_NEGATIVE : MAJOR_UINT, 0, INT64_MAX - 1);
	int64_t next = negative ? -1 - (int64_t)value : (int64_t)value;

	if (r->err == SMR_OK && *key != SMR_KEY_NONE && !key_above(next, *key))
		malformed(r);
	/* After an error no key, rather than 0: the caller's switch over keys then takes no branch of a member. */
	*key = r->err == SMR_OK ? next : SMR_KEY_NONE;
}

/** Skip an item that lies in @p depth arrays and maps. */
static void skip(struct smr_reader *r, unsigned depth);

static void skip_items(struct smr_reader *r, uint64_t count, unsigned depth)
{
	/* Every item has at least one octet, so an absurd count ends with the input. */
	for (uint64_t i = 0; i < count && r->err == SMR_OK; i++)
		skip(r, depth + 1);
}

static void skip_map(struct smr_reader *r, unsigned depth)
{
	uint64_t count = get_head(r, MAJOR_MAP, 0, UINT64_MAX);
	int64_t key = SMR_KEY_NONE;

	for (uint64_t i = 0; i < count && r->err == SMR_OK; i++) {
		smr_get_key(r, &key);
		skip(r, depth + 1);
	}
}

static void skip(struct smr_reader *r, unsigned depth)
{
	int head = peek(r);

	if (head < 0 || ((head >> 5 == MAJOR_ARRAY || head >> 5 == MAJOR_MAP) && depth >= NESTING_MAX)) {
		malformed(r);
		return;
	}
	switch (head >> 5) {
	case MAJOR_UINT:
		smr_get_uint(r, UINT64_MAX);
		return;
	case MAJOR_BYTES:
		smr_get_bytes(r, 0, SIZE_MAX);
		return;
	case MAJOR_TEXT:
		smr_get_text(r, 0, SIZE_MAX);
		return;
	case MAJOR_ARRAY:
		skip_items(r, get_head(r, MAJOR_ARRAY, 0, UINT64_MAX), depth);
		return;
	case MAJOR_MAP:
		skip_map(r, depth);
		return;
	default:
		if (!smr_get_null(r))
			smr_get_bool(r);
	}
}

struct smr_bytes smr_get_item(struct smr_reader *r)
{
	size_t start = r->pos;

	skip(r, 0);
	return r->err == SMR_OK ? smr_bytes_of(r->in + start, r->pos - start) : SMR_NONE;
}
