/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file echo.h
 * The Echo (RFC 9175): whoever sends it back has read what went to its address. No state: a time window in clear and a MAC over window, address
 * and port. docs/decisions/0012-gate-and-echo.md.
 */
#ifndef SMR_SERVER_ECHO_H
#define SMR_SERVER_ECHO_H

#include "server/address.h"

#define SMR_ECHO_LEN 8u
#define SMR_ECHO_KEY_LEN 16u
#define SMR_ECHO_WINDOW_S 64u
#define SMR_ECHO_WINDOWS \
	2u /* good for so many windows after its own; and for one before, by another front end's clock */

void smr_echo_make(const uint8_t key[SMR_ECHO_KEY_LEN], uint64_t unix_s, const struct smr_address *address,
		   uint8_t out[SMR_ECHO_LEN]);
/** Constant time in: key. */
bool smr_echo_good(const uint8_t key[SMR_ECHO_KEY_LEN], uint64_t unix_s, const struct smr_address *address,
		   struct smr_bytes echo);

#endif
