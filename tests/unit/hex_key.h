/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as published vectors print them: the scalar in hexadecimal. Include after cmocka.h. */
#ifndef SMR_TESTS_UNIT_HEX_KEY_H
#define SMR_TESTS_UNIT_HEX_KEY_H

#include "crypto/crypto.h"
#include "tests/unit/hex.h"

/** Fails the test on any other text than a scalar; smr_privkey_wipe. */
static inline void hex_private(struct smr_privkey *key, const char *text)
{
	uint8_t scalar[SMR_SCALAR_LEN];

	assert_int_equal(hex(text, scalar, sizeof(scalar)).len, sizeof(scalar));
	assert_int_equal(smr_privkey_import(key, scalar), SMR_OK);
}

#endif
