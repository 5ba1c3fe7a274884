/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file seam.h
 * A layer between core/ and the crypto adapter (linked with --wrap): it counts calls, makes one of them fail, and
 * remembers every AEAD key that sealed something.
 */
#ifndef SMR_TESTS_UNIT_SEAM_H
#define SMR_TESTS_UNIT_SEAM_H

#include "crypto/crypto.h"

struct seam_counts {
	unsigned all;
	unsigned random;
	unsigned generate;
	unsigned import;
	unsigned ecdh;
	unsigned sign;
	unsigned verify;
	unsigned sha256;
	unsigned hmac;
	unsigned ready; /* AEAD keys made ready */
	unsigned seal;
	unsigned open;
};

/** Start counting from 0; no call fails. Keys remembered so far are forgotten. */
void seam_reset(void);
/** From now on, the @p nth call (1: the next) fails with SMR_E_CRYPTO. 0: none. */
void seam_fail_at(unsigned nth);
/** Did the call that was to fail happen? */
bool seam_did_fail(void);
struct seam_counts seam_counts(void);

#define SEAM_KEYS_MAX 16384u
/** Keys with nonces of all that was sealed since seam_reset. */
size_t seam_keys(void);
/** How many of them were used more than once. Sorts them. */
size_t seam_keys_repeated(void);

#endif
