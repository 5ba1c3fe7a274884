/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file card.h
 * A party's card: role, name and public keys, signed by itself (docs/protocol.md section 5). Trust in a card comes
 * from comparing its fingerprint out of band.
 */
#ifndef SMR_CARD_H
#define SMR_CARD_H

#include "core/object.h"

#define SMR_CARD_MAX 320u
#define SMR_CARD_NAME_MAX 64u
#define SMR_FINGERPRINT_TEXT 65u

/** role: "supplier", "subscriber", "sho", "auc", "ro": lower-case letters. name: UTF-8 without control characters. */
struct smr_card {
	char role[16];
	char name[SMR_CARD_NAME_MAX + 1];
	uint8_t sign[SMR_POINT_COMPRESSED_LEN];
	bool has_kem;
	uint8_t kem[SMR_POINT_COMPRESSED_LEN];
	uint8_t encoded[SMR_CARD_MAX]; /* as signed */
	size_t encoded_len;
};
/** Make and sign. card->role, name and kem are given; sign and encoded are filled. SMR_E_INVALID: bad role or name. */
enum smr_err smr_card_make(struct smr_card *card, const struct smr_privkey *sign) SMR_MUST_USE;
/** SMR_E_MALFORMED, SMR_E_SIGNATURE. @p out is filled only with SMR_OK. */
enum smr_err smr_card_open(struct smr_bytes encoded, struct smr_card *out) SMR_MUST_USE;
/**
 * File of one card: base64 text between two marker lines, so that it can be mailed; what stands around it is ignored.
 * @param role  that it must have, or NULL.
 * @return errors of smr_card_open; SMR_E_UNSUPPORTED: a card of another role; SMR_E_NOT_FOUND, SMR_E_IO.
 */
enum smr_err smr_card_read(const char *path, const char *role, struct smr_card *out) SMR_MUST_USE;
enum smr_err smr_card_write(const char *path, const struct smr_card *card) SMR_MUST_USE;
/** SHA-256 of the encoded card as hex text. */
enum smr_err smr_card_fingerprint(const struct smr_card *card, char out[SMR_FINGERPRINT_TEXT]) SMR_MUST_USE;

#endif
