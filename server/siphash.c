/* SPDX-License-Identifier: Apache-2.0 */
#include "server/siphash.h"

struct sip {
	uint64_t v[4];
};

static inline uint64_t get_le64(const uint8_t *p)
{
	uint64_t value = 0;

	for (unsigned i = 8; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void round_once(struct sip *s)
{
	s->v[0] += s->v[1];
	s->v[2] += s->v[3];
	s->v[1] = rotate(s->v[1], 13) ^ s->v[0];
	s->v[3] = rotate(s->v[3], 16) ^ s->v[2];
	s->v[0] = rotate(s->v[0], 32);
	s->v[2] += s->v[1];
	s->v[0] += s->v[3];
	s->v[1] = rotate(s->v[1], 17) ^ s->v[2];
	s->v[3] = rotate(s->v[3], 21) ^ s->v[0];
	s->v[2] = rotate(s->v[2], 32);
}

static inline void absorb(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	round_once(s);
	round_once(s);
	s->v[0] ^= word;
}

/** The last word: what is left of the input, and its length in the top octet. */
static uint64_t last_word(struct smr_bytes in)
{
	uint64_t word = (uint64_t)in.len << 56;

	for (size_t i = in.len & ~(size_t)7; i < in.len; i++)
		word |= (uint64_t)in.ptr[i] << (8 * (i & 7));
	return word;
}

uint64_t smr_siphash(const uint8_t key[SMR_SIPHASH_KEY_LEN], struct smr_bytes in)
{
	const uint64_t k0 = get_le64(key);
	const uint64_t k1 = get_le64(key + 8);
	struct sip s = {{k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
			 k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)}};

	for (size_t i = 0; i + 8 <= in.len; i += 8)
		absorb(&s, get_le64(in.ptr + i));
	absorb(&s, last_word(in));
	s.v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		round_once(&s);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}
