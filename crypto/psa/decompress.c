/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Point decompression on P-256, with a field of its own: PSA has no arithmetic, and behind a PSA service (a secure
 * partition, a chip) there is no other library to ask. docs/decisions/0010-psa-points.md.
 *
 * Numbers are eight limbs of 32 bits, least significant first, always below p. They are public: time varies.
 */
#include "crypto/psa/local.h"

#define LIMBS 8u

struct field {
	uint32_t limb[LIMBS];
};

/* p = 2^256 - 2^224 + 2^192 + 2^96 - 1, SP 800-186 section 3.2.1.3. */
static const struct field prime = {
	{0xffffffff, 0xffffffff, 0xffffffff, 0x00000000, 0x00000000, 0x00000000, 0x00000001, 0xffffffff}};
static const struct field curve_b = {
	{0x27d2604b, 0x3bce3c3e, 0xcc53b0f6, 0x651d06b0, 0x769886bc, 0xb3ebbd55, 0xaa3a93e7, 0x5ac635d8}};
/* (2^256)² mod p, which takes a number into Montgomery form. */
static const struct field montgomery_square = {
	{0x00000003, 0x00000000, 0xffffffff, 0xfffffffb, 0xfffffffe, 0xffffffff, 0xfffffffd, 0x00000004}};
static const struct field unit = {{1}};

static bool is_below_prime(const struct field *a)
{
	for (size_t i = LIMBS; i-- > 0;) {
		if (a->limb[i] != prime.limb[i])
			return a->limb[i] < prime.limb[i];
	}
	return false;
}

/* a - b mod 2^256; returns the borrow. */
static uint32_t subtract(struct field *out, const struct field *a, const struct field *b)
{
	uint64_t borrow = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		uint64_t difference = (uint64_t)a->limb[i] - b->limb[i] - borrow;

		out->limb[i] = (uint32_t)difference;
		borrow = difference >> 63;
	}
	return (uint32_t)borrow;
}

/* a + b mod 2^256; returns the carry. */
static uint32_t add(struct field *out, const struct field *a, const struct field *b)
{
	uint64_t carry = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		carry += (uint64_t)a->limb[i] + b->limb[i];
		out->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return (uint32_t)carry;
}

static void add_mod(struct field *out, const struct field *a, const struct field *b)
{
	if (add(out, a, b) != 0 || !is_below_prime(out))
		(void)subtract(out, out, &prime);
}

static void subtract_mod(struct field *out, const struct field *a, const struct field *b)
{
	if (subtract(out, a, b) != 0)
		(void)add(out, out, &prime);
}

/* t = (t + a·b) for one limb of b, then (t + m·p) / 2^32 with m chosen so that the division is exact. m = t[0], since
 * p = -1 modulo 2^32. Each product with two limbs added is below 2^64. */
static void multiply_step(uint32_t t[LIMBS + 2], const struct field *a, uint32_t b)
{
	uint64_t sum = 0;
	uint32_t m;

	for (size_t i = 0; i < LIMBS; i++) {
		sum += (uint64_t)a->limb[i] * b + t[i];
		t[i] = (uint32_t)sum;
		sum >>= 32;
	}
	sum += t[LIMBS];
	t[LIMBS] = (uint32_t)sum;
	t[LIMBS + 1] = (uint32_t)(sum >> 32);
	m = t[0];
	sum = ((uint64_t)m * prime.limb[0] + t[0]) >> 32;
	for (size_t i = 1; i < LIMBS; i++) {
		sum += (uint64_t)m * prime.limb[i] + t[i];
		t[i - 1] = (uint32_t)sum;
		sum >>= 32;
	}
	sum += t[LIMBS];
	t[LIMBS - 1] = (uint32_t)sum;
	t[LIMBS] = t[LIMBS + 1] + (uint32_t)(sum >> 32);
}

/* Montgomery: a·b / 2^256 mod p. @p out may be one of the factors. */
static void multiply(struct field *out, const struct field *a, const struct field *b)
{
	uint32_t t[LIMBS + 2] = {0};

	for (size_t i = 0; i < LIMBS; i++)
		multiply_step(t, a, b->limb[i]);
	memcpy(out->limb, t, sizeof(out->limb));
	if (t[LIMBS] != 0 || !is_below_prime(out))
		(void)subtract(out, out, &prime);
}

static void square_times(struct field *a, unsigned times)
{
	while (times-- > 0)
		multiply(a, a, a);
}

/* a^((p + 1) / 4), a root of a if it has one, since p = 3 modulo 4. (p + 1) / 4 = 2^254 - 2^222 + 2^190 + 2^94: 32 ones
 * from bit 253 down, then a one at 190 and one at 94. */
static void square_root(struct field *out, const struct field *a)
{
	struct field ones = *a; /* a^(2^n - 1), n doubles */

	for (unsigned n = 1; n < 32; n *= 2) {
		struct field lower = ones;

		square_times(&ones, n);
		multiply(&ones, &ones, &lower);
	}
	square_times(&ones, 222 - 190);
	multiply(&ones, &ones, a);
	square_times(&ones, 190 - 94);
	multiply(&ones, &ones, a);
	square_times(&ones, 94);
	*out = ones;
}

/* x³ - 3x + b, all in Montgomery form. */
static void curve_at(struct field *out, const struct field *x)
{
	struct field cube;
	struct field b;

	multiply(&b, &curve_b, &montgomery_square);
	multiply(&cube, x, x);
	multiply(&cube, &cube, x);
	for (int i = 0; i < 3; i++)
		subtract_mod(&cube, &cube, x);
	add_mod(out, &cube, &b);
}

static void get_field(struct field *out, const uint8_t in[4 * LIMBS])
{
	for (size_t i = 0; i < LIMBS; i++)
		out->limb[i] = smr_get_be32(in + 4 * (LIMBS - 1 - i));
}

static void put_field(uint8_t out[4 * LIMBS], const struct field *a)
{
	for (size_t i = 0; i < LIMBS; i++)
		smr_put_be32(out + 4 * (LIMBS - 1 - i), a->limb[i]);
}

static bool is_zero(const struct field *a)
{
	uint32_t any = 0;

	for (size_t i = 0; i < LIMBS; i++)
		any |= a->limb[i];
	return any == 0;
}

/* A root of the curve's value at x; false: it has none, so no point has this x. */
static bool root_at(struct field *y, const struct field *x)
{
	struct field value;
	struct field check;
	struct field mx;

	multiply(&mx, x, &montgomery_square);
	curve_at(&value, &mx);
	square_root(y, &value);
	multiply(&check, y, y);
	if (memcmp(&check, &value, sizeof(check)) != 0)
		return false;
	multiply(y, y, &unit); /* out of Montgomery form */
	return true;
}

bool smr_psa_decompress(const uint8_t in[SMR_POINT_COMPRESSED_LEN], uint8_t out[SMR_POINT_LEN])
{
	struct field x;
	struct field y;

	get_field(&x, in + 1);
	if (!is_below_prime(&x) || !root_at(&y, &x))
		return false;
	if ((y.limb[0] & 1u) != (in[0] & 1u)) {
		if (is_zero(&y)) /* no point of P-256 has y = 0: its order is odd */
			return false;
		(void)subtract(&y, &prime, &y);
	}
	out[0] = 0x04;
	memmove(out + 1, in + 1, SMR_POINT_COMPRESSED_LEN - 1);
	put_field(out + SMR_POINT_COMPRESSED_LEN, &y);
	return true;
}
