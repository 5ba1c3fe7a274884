/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/cose.h"
#include "core/hpke.h"
#include "file/frame.h"
#include "file/stream.h"

_Static_assert(SMR_STREAM_LOOK >= SMR_FILE_HEADER_MAX && SMR_STREAM_LOOK >= SMR_FILE_ITEM_MAX,
	       "an item fits the look-ahead");

struct smr_file_reader {
	struct smr_file_info info;
	struct smr_stream stream;
	uint8_t key[SMR_FILE_KEY_LEN];
	uint64_t position;
	enum smr_err err; /* sticks: after SMR_E_NOTHING or a failure nothing more is handed out */
	uint8_t plain[SMR_FILE_RECORD_MAX];
};

static const uint8_t zero_nonce[SMR_AEAD_NONCE_LEN];

/* Length of the byte string that @p view begins with, head included. SMR_E_TRUNCATED: the file ends inside it. */
static enum smr_err record_len(struct smr_bytes view, size_t *len)
{
	size_t extra = view.ptr[0] == 0x58 ? 1 : view.ptr[0] == 0x59 ? 2 : 0;
	size_t content = view.ptr[0] - 0x40u;

	if (view.ptr[0] < 0x40 || (view.ptr[0] > 0x57 && extra == 0))
		return SMR_E_MALFORMED;
	if (view.len < 1 + extra)
		return SMR_E_TRUNCATED;
	if (extra == 1)
		content = view.ptr[1];
	else if (extra == 2)
		content = smr_get_be16(view.ptr + 1);
	*len = 1 + extra + content;
	if (*len > SMR_FILE_ITEM_MAX)
		return SMR_E_MALFORMED;
	return view.len < *len ? SMR_E_TRUNCATED : SMR_OK;
}

/* The record at the beginning of @p view and its encoded length. */
static enum smr_err parse_record(const struct smr_file_info *info, struct smr_bytes view, struct smr_bytes *record,
				 size_t *len)
{
	size_t overhead = info->sealed ? SMR_AEAD_TAG_LEN : 0;
	struct smr_reader r;

	SMR_TRY(record_len(view, len));
	r = smr_reader_init(smr_bytes_of(view.ptr, *len));
	*record = smr_get_bytes(&r, 1 + overhead, SMR_FILE_RECORD_MAX + overhead);
	return smr_reader_done(&r);
}

static bool is_end(struct smr_bytes view)
{
	return view.ptr[0] == 0x82; /* an array of two; records are byte strings */
}

static enum smr_err parse_header(struct smr_file_reader *reader, struct smr_bytes view, struct smr_bytes *seal,
				 size_t *len)
{
	struct smr_reader r = smr_reader_init(view);
	enum smr_err err = smr_get_header(&r, &reader->info, seal);

	/* Too short to hold any header, it is rather cut than wrong. */
	if (err == SMR_E_MALFORMED && view.len < 64)
		return SMR_E_TRUNCATED;
	*len = smr_reader_consumed(&r).len;
	return err;
}

static enum smr_err parse_end(struct smr_bytes view, uint64_t *count, uint8_t sig[SMR_SIG_LEN])
{
	struct smr_reader r = smr_reader_init(view);

	(void)smr_get_array(&r, 2, 2);
	*count = smr_get_uint(&r, UINT64_MAX);
	smr_get_fixed(&r, sig, SMR_SIG_LEN);
	if (smr_reader_done(&r) == SMR_OK)
		return SMR_OK;
	/* Shorter than any end: 82, count, head and 64 octets. */
	return view.len < 4 + SMR_SIG_LEN ? SMR_E_TRUNCATED : SMR_E_MALFORMED;
}

/* Walk over the records up to the end; the stream then stands at the end. */
static enum smr_err hash_records(struct smr_file_reader *reader, struct smr_sha256_state *hash, struct smr_bytes *end)
{
	struct smr_bytes record;
	size_t len;

	for (;;) {
		SMR_TRY(smr_stream_look(&reader->stream, end));
		if (end->len == 0)
			return SMR_E_TRUNCATED;
		if (is_end(*end))
			return SMR_OK;
		SMR_TRY(parse_record(&reader->info, *end, &record, &len));
		SMR_TRY(smr_sha256_update(hash, smr_bytes_of(end->ptr, len)));
		smr_stream_skip(&reader->stream, len);
		reader->info.count++;
	}
}

static enum smr_err verify_end(const struct smr_file_info *info, const uint8_t hash[SMR_HASH_LEN],
			       const uint8_t sig[SMR_SIG_LEN])
{
	struct smr_pubkey sender = {0};
	uint8_t room[SMR_FILE_END_MAX];
	struct smr_bytes payload;
	enum smr_err err;

	SMR_TRY(smr_file_end_payload(info, hash, (struct smr_space){room, sizeof(room)}, &payload));
	err = smr_pubkey_import(&sender, SMR_ARRAY(info->sender));
	if (err == SMR_OK)
		err = smr_cose_verify_detached(&sender, SMR_LABEL_FILE, SMR_NONE, payload, sig);
	smr_pubkey_wipe(&sender);
	return err == SMR_E_BAD_POINT ? SMR_E_MALFORMED : err;
}

static enum smr_err hash_header(struct smr_file_reader *reader, struct smr_sha256_state *hash)
{
	struct smr_bytes view;
	struct smr_bytes seal;
	size_t len;

	SMR_TRY(smr_stream_look(&reader->stream, &view));
	SMR_TRY(parse_header(reader, view, &seal, &len));
	smr_stream_skip(&reader->stream, len);
	return smr_sha256_update(hash, smr_bytes_of(view.ptr, len));
}

/* First walk: form, count, signature. */
static enum smr_err verify(struct smr_file_reader *reader)
{
	struct smr_sha256_state hash;
	struct smr_bytes view;
	uint8_t digest[SMR_HASH_LEN];
	uint8_t sig[SMR_SIG_LEN];
	uint64_t count;

	SMR_TRY(smr_sha256_init(&hash));
	SMR_TRY(hash_header(reader, &hash));
	SMR_TRY(hash_records(reader, &hash, &view));
	SMR_TRY(parse_end(view, &count, sig));
	if (count != reader->info.count)
		return SMR_E_MALFORMED;
	SMR_TRY(smr_sha256_final(&hash, digest));
	return verify_end(&reader->info, digest, sig);
}

static enum smr_err open_seal(struct smr_file_reader *reader, const struct smr_privkey *own, struct smr_bytes seal)
{
	struct smr_space key = {reader->key, sizeof(reader->key)};
	const struct smr_agreer kem = {.key = own};
	uint8_t room[SMR_FILE_HEADER_MAX];
	struct smr_bytes ad;
	enum smr_err err;

	if (own == NULL)
		return SMR_E_INVALID;
	SMR_TRY(smr_file_seal_ad(&reader->info, (struct smr_space){room, sizeof(room)}, &ad));
	err = smr_hpke_open(&kem, SMR_TEXT(SMR_LABEL_FILE_SEAL), ad, seal, &key);
	return err == SMR_E_BAD_POINT ? SMR_E_MALFORMED : err;
}

/* Second walk begins: the same header again, and the key of the records. */
static enum smr_err restart(struct smr_file_reader *reader, const struct smr_privkey *own)
{
	struct smr_bytes view;
	struct smr_bytes seal;
	size_t len;

	smr_stream_rewind(&reader->stream);
	SMR_TRY(smr_stream_look(&reader->stream, &view));
	SMR_TRY(parse_header(reader, view, &seal, &len));
	if (reader->info.sealed)
		SMR_TRY(open_seal(reader, own, seal));
	smr_stream_skip(&reader->stream, len);
	return SMR_OK;
}

static enum smr_err check_type(const struct smr_file_info *info, enum smr_file_type type)
{
	if (info->type != type)
		return SMR_E_UNSUPPORTED;
	return !info->sealed && smr_file_type_sealed(type) ? SMR_E_MALFORMED : SMR_OK;
}

enum smr_err smr_file_open(const char *path, enum smr_file_type type, const struct smr_privkey *own,
			   struct smr_file_reader **out)
{
	struct smr_file_reader *reader = calloc(1, sizeof(*reader));
	enum smr_err err;

	*out = NULL;
	if (reader == NULL)
		return SMR_E_NO_MEMORY;
	err = smr_stream_open(path, &reader->stream);
	if (err == SMR_OK)
		err = verify(reader);
	if (err == SMR_OK)
		err = check_type(&reader->info, type);
	if (err == SMR_OK)
		err = restart(reader, own);
	if (err != SMR_OK) {
		smr_file_close(reader);
		return err;
	}
	*out = reader;
	return SMR_OK;
}

const struct smr_file_info *smr_file_reader_info(const struct smr_file_reader *reader)
{
	return &reader->info;
}

uint64_t smr_file_position(const struct smr_file_reader *reader)
{
	return reader->position;
}

static enum smr_err open_record(struct smr_file_reader *reader, struct smr_bytes sealed, struct smr_bytes *record)
{
	uint8_t key[SMR_AEAD_KEY_LEN];
	enum smr_err err = smr_file_record_key(reader->key, reader->position + 1, key);

	if (err == SMR_OK)
		err = smr_aead_open(key, zero_nonce, SMR_NONE, sealed, reader->plain);
	SMR_WIPE(key);
	*record = smr_bytes_of(reader->plain, sealed.len - SMR_AEAD_TAG_LEN);
	return err;
}

static enum smr_err next(struct smr_file_reader *reader, struct smr_bytes *record)
{
	struct smr_bytes view;
	size_t len;

	if (reader->position == reader->info.count)
		return SMR_E_NOTHING;
	SMR_TRY(smr_stream_look(&reader->stream, &view));
	SMR_TRY(view.len == 0 ? SMR_E_TAMPERED : parse_record(&reader->info, view, record, &len));
	if (reader->info.sealed)
		SMR_TRY(open_record(reader, *record, record));
	smr_stream_skip(&reader->stream, len);
	reader->position++;
	return SMR_OK;
}

enum smr_err smr_file_next(struct smr_file_reader *reader, struct smr_bytes *record)
{
	struct smr_bytes found = SMR_NONE;

	*record = SMR_NONE;
	if (reader->err == SMR_OK)
		reader->err = next(reader, &found);
	if (reader->err == SMR_OK)
		*record = found;
	return reader->err;
}

void smr_file_close(struct smr_file_reader *reader)
{
	if (reader == NULL)
		return;
	smr_stream_close(&reader->stream);
	smr_wipe(reader, sizeof(*reader));
	free(reader);
}
