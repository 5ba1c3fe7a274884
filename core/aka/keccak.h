/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file keccak.h
 * The permutation Keccak-f[1600] (FIPS 202 section 3), for TUAK alone: the crypto seam has no SHA-3, and TUAK uses the
 * bare permutation rather than a hash.
 */
#ifndef SMR_AKA_KECCAK_H
#define SMR_AKA_KECCAK_H

#include "base/base.h"

#define SMR_KECCAK_STATE_LEN 200u

/**
 * Permute the state once, all 24 rounds.
 * @param state  octet i holds bits 8i to 8i + 7, lowest bit first: lane (x, y) is little-endian at 8(5y + x).
 *
 * Constant time. Leaves no copy of the state behind.
 */
void smr_keccak_f1600(uint8_t state[SMR_KECCAK_STATE_LEN]);

#endif
