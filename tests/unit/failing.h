/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file failing.h
 * Make an allocation of the library behind the crypto seam fail. One implementation per adapter: failing_openssl.c, failing_psa.c.
 */
#ifndef SMR_TESTS_UNIT_FAILING_H
#define SMR_TESTS_UNIT_FAILING_H

#include <stdbool.h>

/** Before the library's first allocation. */
bool failing_install(void);
/** @p n more allocations succeed, then one fails; below 0: all succeed. */
void failing_after(long n);
/** Has one failed since the last failing_after of 0 or more? */
bool failing_did(void);
/** Has the library left word of an error behind, for the next user of this thread to stumble over? */
bool failing_left_word(void);

#endif
