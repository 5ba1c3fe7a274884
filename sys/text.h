/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file text.h
 * Octets, numbers and durations as text.
 *
 * Hex and base64 run in time that depends on the length alone, so that they may carry keys.
 */
#ifndef SMR_TEXT_H
#define SMR_TEXT_H

#include "base/base.h"

#define SMR_HEX_TEXT(len) (2 * (len) + 1) /* room with the NUL */
#define SMR_BASE64_TEXT(len) (((len) + 2) / 3 * 4 + 1)

/** Lower-case hex with a NUL; @p out has SMR_HEX_TEXT(bytes.len). */
void smr_hex_encode(struct smr_bytes bytes, char *out);
/**
 * Upper or lower case, no spaces.
 * @param out  [in,out] room; on return out->len is the length.
 * @return SMR_E_MALFORMED; SMR_E_NO_ROOM.
 */
enum smr_err smr_hex_decode(struct smr_bytes text, struct smr_space *out) SMR_MUST_USE;
/** Exactly @p len octets, else SMR_E_MALFORMED. */
enum smr_err smr_hex_decode_exact(const char *text, uint8_t *out, size_t len) SMR_MUST_USE;

/** Standard alphabet with padding (RFC 4648 section 4), one line, with a NUL; @p out has SMR_BASE64_TEXT(bytes.len). */
void smr_base64_encode(struct smr_bytes bytes, char *out);
/** Strict: no spaces, padding present, unused bits zero. Errors as for hex. */
enum smr_err smr_base64_decode(struct smr_bytes text, struct smr_space *out) SMR_MUST_USE;

/** Decimal digits only: no sign, no space. SMR_E_MALFORMED: no number, or outside min…max. */
enum smr_err smr_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out) SMR_MUST_USE;
/** A number with its unit: s, m, h or d («90s», «24h»); «0» needs none. Result in seconds. */
enum smr_err smr_parse_duration(const char *text, uint64_t min, uint64_t max, uint64_t *out) SMR_MUST_USE;
/** yes, true, on, 1 / no, false, off, 0. */
enum smr_err smr_parse_bool(const char *text, bool *out) SMR_MUST_USE;

#endif
