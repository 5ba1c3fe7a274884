/* SPDX-License-Identifier: Apache-2.0 */
#include "core/aka/keccak.h"

#define LANES 25u
#define ROUNDS 24u

/* The state and what a round needs besides, in one place so that one wipe clears it. Lane (x, y) is at 5y + x. */
struct work {
	uint64_t lane[LANES];
	uint64_t moved[LANES];
	uint64_t column[5];
};

/* FIPS 202 section 3.2.5 */
static const uint64_t iota[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
	0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
	0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
	0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* FIPS 202 section 3.2.2, table 2, modulo 64 */
static const uint8_t rho[LANES] = {
	0,  1,	62, 28, 27, /* y = 0 */
	36, 44, 6,  55, 20, /* y = 1 */
	3,  10, 43, 25, 39, /* y = 2 */
	41, 45, 15, 21, 8,  /* y = 3 */
	18, 2,	61, 56, 14, /* y = 4 */
};

static uint64_t rotate_left(uint64_t value, unsigned by)
{
	return value << by | value >> ((64 - by) % 64); /* by 0: value | value */
}

static void theta(struct work *w)
{
	for (size_t x = 0; x < 5; x++) {
		w->column[x] = 0;
		for (size_t y = 0; y < 5; y++)
			w->column[x] ^= w->lane[5 * y + x];
	}
	for (size_t x = 0; x < 5; x++) {
		uint64_t parity = w->column[(x + 4) % 5] ^ rotate_left(w->column[(x + 1) % 5], 1);

		for (size_t y = 0; y < 5; y++)
			w->lane[5 * y + x] ^= parity;
	}
}

/* rho turns each lane, pi moves lane (x, y) to (y, 2x + 3y). */
static void rho_and_pi(struct work *w)
{
	for (size_t y = 0; y < 5; y++) {
		for (size_t x = 0; x < 5; x++) {
			size_t to = 5 * ((2 * x + 3 * y) % 5) + y;

			w->moved[to] = rotate_left(w->lane[5 * y + x], rho[5 * y + x]);
		}
	}
}

static void chi(struct work *w)
{
	for (size_t row = 0; row < LANES; row += 5) {
		for (size_t x = 0; x < 5; x++)
			w->lane[row + x] =
				w->moved[row + x] ^ (~w->moved[row + (x + 1) % 5] & w->moved[row + (x + 2) % 5]);
	}
}

static uint64_t get_le64(const uint8_t in[8])
{
	uint64_t value = 0;

	for (size_t i = 8; i-- > 0;)
		value = value << 8 | in[i];
	return value;
}

static void put_le64(uint8_t out[8], uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> 8 * i);
}

void smr_keccak_f1600(uint8_t state[SMR_KECCAK_STATE_LEN])
{
	struct work w;

	for (size_t i = 0; i < LANES; i++)
		w.lane[i] = get_le64(state + 8 * i);
	for (size_t round = 0; round < ROUNDS; round++) {
		theta(&w);
		rho_and_pi(&w);
		chi(&w);
		w.lane[0] ^= iota[round];
	}
	for (size_t i = 0; i < LANES; i++)
		put_le64(state + 8 * i, w.lane[i]);
	SMR_WIPE(w);
}
