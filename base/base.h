/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base.h
 * The few things every layer of Samara shares: views and spaces, wiping, constant-time comparison, big-endian octets.
 *
 * Freestanding: needs no library beyond memcpy, memmove, memset and memcmp.
 *
 * Views do not own. A `smr_bytes` is valid as long as the memory it was cut from; a `smr_space` is room that the
 * caller lends for one call unless the function says otherwise.
 */
#ifndef SMR_BASE_H
#define SMR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/** Every function that can fail is checked by its caller. */
#define SMR_MUST_USE __attribute__((warn_unused_result))

/** A view of bytes owned by somebody else. A length of 0 means «none»; ptr may then be NULL. */
struct smr_bytes {
	const uint8_t *ptr;
	size_t len;
};

/** Room lent by the caller. */
struct smr_space {
	uint8_t *ptr;
	size_t len;
};

/** View of an array whose size the compiler knows. */
#define SMR_ARRAY(a) ((struct smr_bytes){(a), sizeof(a)})
/** View of a string literal without its final NUL. */
#define SMR_TEXT(literal) ((struct smr_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})
#define SMR_NONE ((struct smr_bytes){NULL, 0})
#define SMR_COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline struct smr_bytes smr_bytes_of(const void *ptr, size_t len)
{
	return (struct smr_bytes){(const uint8_t *)ptr, len};
}

/** View of a C string without its NUL. Written out, because core/ has no strlen. */
static inline struct smr_bytes smr_text_of(const char *text)
{
	size_t len = 0;

	while (text[len] != '\0')
		len++;
	return smr_bytes_of(text, len);
}

/** Are the two views of equal length and content? Not constant time: never for secrets or tags. */
static inline bool smr_bytes_equal(struct smr_bytes a, struct smr_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** Overwrite @p len octets at @p ptr in a way the compiler cannot remove. NULL with len 0 is allowed. */
void smr_wipe(void *ptr, size_t len);

/** Wipe an object whose type the compiler knows. */
#define SMR_WIPE(object) smr_wipe(&(object), sizeof(object))

/** Compare @p len octets in time that depends on @p len alone. */
bool smr_equal_ct(const void *a, const void *b, size_t len);

/**
 * A trust decision. Two bit patterns far apart, so that a single flipped bit or a skipped assignment does not
 * read as «yes»: everything that is not SMR_TRUSTED is a no.
 */
enum smr_trust { SMR_UNTRUSTED = 0x3a5c963a, SMR_TRUSTED = 0x45a369c5 };

static inline void smr_put_be16(uint8_t out[2], uint16_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
}

static inline void smr_put_be32(uint8_t out[4], uint32_t value)
{
	smr_put_be16(out, (uint16_t)(value >> 16));
	smr_put_be16(out + 2, (uint16_t)value);
}

static inline void smr_put_be64(uint8_t out[8], uint64_t value)
{
	smr_put_be32(out, (uint32_t)(value >> 32));
	smr_put_be32(out + 4, (uint32_t)value);
}

static inline uint16_t smr_get_be16(const uint8_t in[2])
{
	return (uint16_t)((in[0] << 8) | in[1]);
}

static inline uint32_t smr_get_be32(const uint8_t in[4])
{
	return ((uint32_t)smr_get_be16(in) << 16) | smr_get_be16(in + 2);
}

static inline uint64_t smr_get_be64(const uint8_t in[8])
{
	return ((uint64_t)smr_get_be32(in) << 32) | smr_get_be32(in + 4);
}

#endif
