/* SPDX-License-Identifier: Apache-2.0 */
#include "file/frame.h"

#include "core/hpke.h"
#include "core/kdf.h"

#define MAGIC SMR_TEXT("samara")
#define VERSION 1u

const char *smr_file_type_name(enum smr_file_type type)
{
	switch (type) {
	case SMR_FILE_SHIPMENT:
		return "shipment";
	case SMR_FILE_REFERENCES:
		return "references";
	case SMR_FILE_BATCH:
		return "batch";
	case SMR_FILE_SUBSCRIPTIONS:
		return "subscriptions";
	case SMR_FILE_COMMANDS:
		return "commands";
	case SMR_FILE_EVIDENCE:
		return "evidence";
	case SMR_FILE_ACK:
		return "acknowledgement";
	case SMR_FILE_ORDERS:
		return "orders";
	case SMR_FILE_FLIGHT_KEYS:
		return "flight keys";
	}
	return "unknown";
}

bool smr_file_type_sealed(enum smr_file_type type)
{
	return type == SMR_FILE_BATCH || type == SMR_FILE_SUBSCRIPTIONS || type == SMR_FILE_EVIDENCE;
}

void smr_put_header_members(struct smr_writer *w, const struct smr_file_info *info)
{
	smr_put_text(w, MAGIC);
	smr_put_uint(w, VERSION);
	smr_put_uint(w, (uint64_t)info->type);
	smr_put_uint(w, info->number);
	smr_put_bytes(w, SMR_ARRAY(info->sender));
	smr_put_bytes(w, smr_bytes_of(info->about, info->about_len));
}

enum smr_err smr_file_seal_ad(const struct smr_file_info *info, struct smr_space room, struct smr_bytes *out)
{
	struct smr_writer w = smr_writer_init(room);

	smr_put_array(&w, 6);
	smr_put_header_members(&w, info);
	return smr_writer_done(&w, out);
}

enum smr_err smr_get_header(struct smr_reader *r, struct smr_file_info *info, struct smr_bytes *seal)
{
	struct smr_bytes about;
	uint64_t version;

	*seal = SMR_NONE;
	(void)smr_get_array(r, 7, 7);
	if (!smr_bytes_equal(smr_get_text(r, MAGIC.len, MAGIC.len), MAGIC))
		smr_reader_fail(r, SMR_E_MALFORMED);
	version = smr_get_uint(r, UINT32_MAX);
	if (r->err == SMR_OK && version != VERSION)
		smr_reader_fail(r, SMR_E_UNSUPPORTED);
	info->type = (enum smr_file_type)smr_get_uint(r, UINT16_MAX);
	info->number = smr_get_uint(r, UINT64_MAX);
	smr_get_fixed(r, info->sender, sizeof(info->sender));
	about = smr_get_bytes(r, 0, sizeof(info->about));
	info->sealed = !smr_get_null(r);
	if (info->sealed)
		*seal = smr_get_bytes(r, SMR_HPKE_OVERHEAD + SMR_FILE_KEY_LEN, SMR_HPKE_OVERHEAD + SMR_FILE_KEY_LEN);
	if (r->err != SMR_OK)
		return r->err;
	if (about.len > 0)
		memcpy(info->about, about.ptr, about.len);
	info->about_len = about.len;
	return SMR_OK;
}

enum smr_err smr_file_end_payload(const struct smr_file_info *info, const uint8_t hash[SMR_HASH_LEN],
				  struct smr_space room, struct smr_bytes *out)
{
	struct smr_writer w = smr_writer_init(room);

	smr_put_array(&w, 4);
	smr_put_uint(&w, (uint64_t)info->type);
	smr_put_uint(&w, info->number);
	smr_put_uint(&w, info->count);
	smr_put_bytes(&w, smr_bytes_of(hash, SMR_HASH_LEN));
	return smr_writer_done(&w, out);
}

enum smr_err smr_file_record_key(const uint8_t file_key[SMR_FILE_KEY_LEN], uint64_t number,
				 uint8_t out[SMR_AEAD_KEY_LEN])
{
	uint8_t encoded[8];
	const struct smr_bytes context = SMR_ARRAY(encoded);

	smr_put_be64(encoded, number);
	return smr_kdf(smr_bytes_of(file_key, SMR_FILE_KEY_LEN), "record", &context, 1,
		       (struct smr_space){out, SMR_AEAD_KEY_LEN});
}
