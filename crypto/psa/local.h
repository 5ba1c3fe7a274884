/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file local.h
 * What the files of the PSA adapter share. Nothing outside crypto/psa includes this.
 *
 * No key outlives a call: each operation imports its key as a volatile PSA key and destroys it before it returns. An
 * embedded library has few key slots (32 in Mbed TLS), and the TRE keeps its keys in its own sealed record anyway.
 * `impl` of a key points to the key itself and only says that the struct was filled.
 */
#ifndef SMR_CRYPTO_PSA_LOCAL_H
#define SMR_CRYPTO_PSA_LOCAL_H

#include <psa/crypto.h>

#include "crypto/crypto.h"

#define SMR_PSA_P256_BITS 256u

/** One call into the library: initialised, and nobody else inside. Leave with smr_psa_leave also after an error.
 * PSA libraries need not be thread-safe (Mbed TLS 2.28 is not); without threads this is psa_crypto_init alone. */
bool smr_psa_enter(void);
void smr_psa_leave(void);

/** Import @p octets as a volatile key for one purpose. 0 of them: not for the library, the caller pads. */
psa_status_t smr_psa_import(psa_key_type_t type, psa_key_usage_t usage, psa_algorithm_t alg, struct smr_bytes octets,
			    psa_key_id_t *id);

/**
 * The uncompressed form of a compressed point, because PSA takes no other: y = sqrt(x³ - 3x + b) mod p. Public input,
 * variable time. Whether the result is on the curve is the library's to say, at import.
 * @return false: x is not below p, or no point has it.
 */
bool smr_psa_decompress(const uint8_t in[SMR_POINT_COMPRESSED_LEN], uint8_t out[SMR_POINT_LEN]);

#endif
