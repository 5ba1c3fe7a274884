/* SPDX-License-Identifier: Apache-2.0 */
/* Small readers that the decoders of formats*.c share. */
#ifndef SMR_FORMATS_LOCAL_H
#define SMR_FORMATS_LOCAL_H

#include "file/formats.h"

/* Identities with their check digits; a wrong one makes the reader fail with SMR_E_CHECK_DIGIT. */
void smr_get_eid(struct smr_reader *r, struct smr_eid *out);
void smr_get_iccid(struct smr_reader *r, struct smr_iccid *out);
/* 33 octets that begin with 02 or 03. */
void smr_get_point(struct smr_reader *r, uint8_t out[SMR_POINT_COMPRESSED_LEN]);
/* A point, or null: then *has is false and the point all zero. */
void smr_get_point_or_null(struct smr_reader *r, bool *has, uint8_t out[SMR_POINT_COMPRESSED_LEN]);
void smr_put_point_or_null(struct smr_writer *w, bool has, const uint8_t point[SMR_POINT_COMPRESSED_LEN]);
/* [eid, iccid, serial, …: how most records begin, without the array's head. */
void smr_put_subject(struct smr_writer *w, const struct smr_eid *eid, const struct smr_iccid *iccid, uint64_t serial);
void smr_get_subject(struct smr_reader *r, struct smr_eid *eid, struct smr_iccid *iccid, uint64_t *serial);

#endif
