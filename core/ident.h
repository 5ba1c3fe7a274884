/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ident.h
 * Identities: EID (SGP.02/SGP.29, ISO 7064 MOD 97-10), ICCID (ITU-T E.118, Luhn), IMSI (TS 23.003), IMEI and IMEISV
 * (TS 23.003, Luhn on IMEI), key ids.
 *
 * On the wire digits are packed two to an octet, first digit in the high nibble, unused nibbles F.
 */
#ifndef SMR_IDENT_H
#define SMR_IDENT_H

#include "crypto/crypto.h"

#define SMR_EID_LEN 16u	  /* 32 digits */
#define SMR_ICCID_LEN 10u /* 19 or 20 digits, filler F */
#define SMR_IMSI_LEN 8u	  /* 6 to 15 digits, filler F */
#define SMR_IMEI_LEN 8u	  /* 15 digits and F, or 16 digits (IMEISV) */
#define SMR_KEY_ID_LEN 8u /* first octets of SHA-256 of the compressed point */
#define SMR_SHIPMENT_ID_LEN 8u

#define SMR_EID_TEXT 33u /* room for the text with its NUL */
#define SMR_ICCID_TEXT 21u
#define SMR_IMSI_TEXT 16u
#define SMR_IMEI_TEXT 17u

struct smr_eid {
	uint8_t octets[SMR_EID_LEN];
};
struct smr_iccid {
	uint8_t octets[SMR_ICCID_LEN];
};
struct smr_imsi {
	uint8_t octets[SMR_IMSI_LEN];
};
struct smr_imei {
	uint8_t octets[SMR_IMEI_LEN];
};
struct smr_key_id {
	uint8_t octets[SMR_KEY_ID_LEN];
};
struct smr_shipment_id {
	uint8_t octets[SMR_SHIPMENT_ID_LEN];
};

/** From decimal text. SMR_E_MALFORMED: wrong length or a character that is no digit; SMR_E_CHECK_DIGIT. */
enum smr_err smr_eid_parse(struct smr_bytes text, struct smr_eid *out) SMR_MUST_USE;
/** 19 or 20 digits with their Luhn digit last (SMR_E_CHECK_DIGIT when it is wrong). */
enum smr_err smr_iccid_parse(struct smr_bytes text, struct smr_iccid *out) SMR_MUST_USE;
enum smr_err smr_imsi_parse(struct smr_bytes text, struct smr_imsi *out) SMR_MUST_USE;
/** 15 digits: IMEI with Luhn digit; 16 digits: IMEISV, which has none. */
enum smr_err smr_imei_parse(struct smr_bytes text, struct smr_imei *out) SMR_MUST_USE;

/** To NUL-terminated decimal text; empty for octets that are not digits followed by filler. */
void smr_eid_text(const struct smr_eid *eid, char out[SMR_EID_TEXT]);
void smr_iccid_text(const struct smr_iccid *iccid, char out[SMR_ICCID_TEXT]);
void smr_imsi_text(const struct smr_imsi *imsi, char out[SMR_IMSI_TEXT]);
void smr_imei_text(const struct smr_imei *imei, char out[SMR_IMEI_TEXT]);

/** Packed forms from the wire: SMR_E_MALFORMED or SMR_E_CHECK_DIGIT as for text. */
enum smr_err smr_eid_check(const struct smr_eid *eid) SMR_MUST_USE;
enum smr_err smr_iccid_check(const struct smr_iccid *iccid) SMR_MUST_USE;
enum smr_err smr_imsi_check(const struct smr_imsi *imsi) SMR_MUST_USE;

/** Check digits for those who assign numbers: EID's last two digits from the first 30; Luhn digit of a payload. */
enum smr_err smr_eid_make(struct smr_bytes first_30_digits, struct smr_eid *out) SMR_MUST_USE;
enum smr_err smr_luhn_digit(struct smr_bytes payload_digits, char *out) SMR_MUST_USE;

/** Id of a public key: SHA-256 of the compressed point, first 8 octets. A hint for selection, never a proof. */
enum smr_err smr_key_id_of(const uint8_t point[SMR_POINT_LEN], struct smr_key_id *out) SMR_MUST_USE;

static inline struct smr_bytes smr_eid_bytes(const struct smr_eid *eid)
{
	return smr_bytes_of(eid->octets, sizeof(eid->octets));
}

static inline struct smr_bytes smr_iccid_bytes(const struct smr_iccid *iccid)
{
	return smr_bytes_of(iccid->octets, sizeof(iccid->octets));
}

#endif
