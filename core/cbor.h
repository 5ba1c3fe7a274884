/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cbor.h
 * Strict deterministic CBOR (RFC 8949 section 4.2.1): the one buffer with a cursor through which all wire bytes go.
 *
 * Only what Samara's messages use: unsigned integers, byte and text strings, arrays and maps of definite length, false, true,
 * null; map keys may be negative integers too. Integers and lengths are in their shortest form, map keys strictly ascend in the order of their
 * encodings (unsigned ones first). Everything else is SMR_E_MALFORMED, so that each message has exactly one encoding.
 *
 * Errors stick: after the first one every call is a no-op (writer) or yields 0, empty or false (reader). Check
 * once at the end with smr_writer_done or smr_reader_done.
 */
#ifndef SMR_CBOR_H
#define SMR_CBOR_H

#include "base/base.h"

/** Writes into lent room, or, made with smr_writer_size, only counts. */
struct smr_writer {
	uint8_t *out; /* NULL: counting only */
	size_t room;
	size_t len;
	enum smr_err err;
};

/** Writer into @p space. */
struct smr_writer smr_writer_init(struct smr_space space);
/** Writer that stores nothing and computes the size. */
struct smr_writer smr_writer_size(void);
/** SMR_OK and what was written, or the first error (SMR_E_NO_ROOM). @p out may be NULL. */
enum smr_err smr_writer_done(const struct smr_writer *w, struct smr_bytes *out) SMR_MUST_USE;

void smr_put_uint(struct smr_writer *w, uint64_t value);
void smr_put_bytes(struct smr_writer *w, struct smr_bytes bytes);
/** UTF-8 (RFC 3629); anything else is SMR_E_MALFORMED, as it is when reading. */
void smr_put_text(struct smr_writer *w, struct smr_bytes text);
void smr_put_array(struct smr_writer *w, size_t count);
void smr_put_map(struct smr_writer *w, size_t count);
/** A key of a map, above the one before it; not SMR_KEY_NONE. */
void smr_put_key(struct smr_writer *w, int64_t key);
void smr_put_bool(struct smr_writer *w, bool value);
void smr_put_null(struct smr_writer *w);
/** Octets as they are: an already encoded item or fixed framing. */
void smr_put_raw(struct smr_writer *w, struct smr_bytes bytes);
/** Head of a byte string of @p len octets and the room for them, for filling in place. NULL after an error or when
 * only counting. */
uint8_t *smr_put_bytes_room(struct smr_writer *w, size_t len);

/** No key of a map. */
#define SMR_KEY_NONE INT64_MIN

struct smr_reader {
	const uint8_t *in;
	size_t len;
	size_t pos;
	enum smr_err err;
};

struct smr_reader smr_reader_init(struct smr_bytes bytes);
/** SMR_OK if nothing failed and every octet was consumed; SMR_E_MALFORMED otherwise. */
enum smr_err smr_reader_done(const struct smr_reader *r) SMR_MUST_USE;
/** Make the reader fail (for rules that the caller checks itself). The first error stays. */
void smr_reader_fail(struct smr_reader *r, enum smr_err err);

/** An unsigned integer of at most @p max. */
uint64_t smr_get_uint(struct smr_reader *r, uint64_t max);
/** A byte string of @p min to @p max octets; the view lives as long as the input. */
struct smr_bytes smr_get_bytes(struct smr_reader *r, size_t min, size_t max);
/** A byte string of exactly @p len octets, copied to @p out (zeroed on error). */
void smr_get_fixed(struct smr_reader *r, uint8_t *out, size_t len);
/** The same for text; @p min and @p max count octets. */
struct smr_bytes smr_get_text(struct smr_reader *r, size_t min, size_t max);
/** Head of an array of @p min to @p max items; returns their number. */
size_t smr_get_array(struct smr_reader *r, size_t min, size_t max);
/** Head of a map of at most @p max pairs; returns their number. */
size_t smr_get_map(struct smr_reader *r, size_t max);
bool smr_get_bool(struct smr_reader *r);
/** Consume a null if one is next; tells whether it was. */
bool smr_get_null(struct smr_reader *r);
/** The encoding of the next whole item (in it, at most 8 arrays and maps within each other), consumed and checked for
 * strictness. */
struct smr_bytes smr_get_item(struct smr_reader *r);
/**
 * Walk a map: the next key, which must be above the previous one. Set *key to SMR_KEY_NONE before the first call and
 * call it once per pair. After an error *key is SMR_KEY_NONE again.
 */
void smr_get_key(struct smr_reader *r, int64_t *key);
/** Octets consumed so far, as a view from the start of the input. */
struct smr_bytes smr_reader_consumed(const struct smr_reader *r);

#endif
