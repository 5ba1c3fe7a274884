/* SPDX-License-Identifier: Apache-2.0 */
/* Header, end and record keys of a file: what its writer and its reader share (docs/protocol.md section 5). */
#ifndef SMR_FILE_FRAME_H
#define SMR_FILE_FRAME_H

#include "core/cbor.h"
#include "file/file.h"

#define SMR_FILE_KEY_LEN 16u
#define SMR_FILE_SEAL_MAX 128u
#define SMR_FILE_HEADER_MAX (SMR_FILE_ABOUT_MAX + SMR_FILE_SEAL_MAX + 96u)
/* A record on disk: sealed, with the head of its byte string. */
#define SMR_FILE_ITEM_MAX SMR_FILE_PREPARED_MAX

/* Types that hold what others must not read: shipping one in clear is refused at both ends. */
bool smr_file_type_sealed(enum smr_file_type type);

/* The header's first six members, without the head of an array: [6] is the associated data of the seal, [7] the header.
 */
void smr_put_header_members(struct smr_writer *w, const struct smr_file_info *info);
/* Associated data of the seal, encoded into @p room. */
enum smr_err smr_file_seal_ad(const struct smr_file_info *info, struct smr_space room,
			      struct smr_bytes *out) SMR_MUST_USE;
#define SMR_LABEL_FILE_SEAL "samara1 file"

/* The header from @p r; @p seal is empty when the file is in clear. SMR_E_UNSUPPORTED: another version. */
enum smr_err smr_get_header(struct smr_reader *r, struct smr_file_info *info, struct smr_bytes *seal) SMR_MUST_USE;

/* Payload of the signature at the end: [type, number, count, hash]. */
#define SMR_FILE_END_MAX 64u
enum smr_err smr_file_end_payload(const struct smr_file_info *info, const uint8_t hash[SMR_HASH_LEN],
				  struct smr_space room, struct smr_bytes *out) SMR_MUST_USE;

/* AEAD key of record @p number, counted from 1. */
enum smr_err smr_file_record_key(const uint8_t file_key[SMR_FILE_KEY_LEN], uint64_t number,
				 uint8_t out[SMR_AEAD_KEY_LEN]) SMR_MUST_USE;

#endif
