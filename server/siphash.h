/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file siphash.h
 * SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, 2012): a keyed hash for tables whose keys a stranger chooses, and for the Echo. A pseudo-random
 * function of 64 bits, some 30 ns for a few words; why it stands beside the crypto seam: docs/decisions/0012-gate-and-echo.md.
 */
#ifndef SMR_SERVER_SIPHASH_H
#define SMR_SERVER_SIPHASH_H

#include "base/base.h"

#define SMR_SIPHASH_KEY_LEN 16u

uint64_t smr_siphash(const uint8_t key[SMR_SIPHASH_KEY_LEN], struct smr_bytes in);

#endif
