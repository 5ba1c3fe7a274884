/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and identities for tests of files: keys by number, identities with good check digits. */
#ifndef SMR_TEST_PLAYERS_H
#define SMR_TEST_PLAYERS_H

#include "scratch.h"

#include "core/ident.h"

#define PLAYER_EID "89049032123451234512345678901235"
#define PLAYER_ICCID_PAYLOAD "894900000000000001"
#define PLAYER_IMSI "001010123456789"
#define PLAYER_IMEI "490154203237518"

static inline void player_key(struct smr_privkey *key, uint8_t number)
{
	uint8_t scalar[SMR_SCALAR_LEN] = {0};

	scalar[SMR_SCALAR_LEN - 1] = number;
	assert_int_equal(smr_privkey_import(key, scalar), SMR_OK);
}

static inline void player_public(struct smr_pubkey *key, uint8_t number)
{
	struct smr_privkey private = {0};

	player_key(&private, number);
	assert_int_equal(smr_pubkey_import(key, SMR_ARRAY(private.point)), SMR_OK);
	smr_privkey_wipe(&private);
}

static inline void player_point(uint8_t out[SMR_POINT_COMPRESSED_LEN], uint8_t number)
{
	struct smr_privkey private = {0};

	player_key(&private, number);
	smr_point_compress(private.point, out);
	smr_privkey_wipe(&private);
}

static inline void player_eid(struct smr_eid *out)
{
	assert_int_equal(smr_eid_parse(SMR_TEXT(PLAYER_EID), out), SMR_OK);
}

static inline void player_iccid(struct smr_iccid *out)
{
	char text[] = PLAYER_ICCID_PAYLOAD "0";

	assert_int_equal(smr_luhn_digit(SMR_TEXT(PLAYER_ICCID_PAYLOAD), &text[sizeof(text) - 2]), SMR_OK);
	assert_int_equal(smr_iccid_parse(smr_bytes_of(text, sizeof(text) - 1), out), SMR_OK);
}

#endif
