/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/cose.h"
#include "core/hpke.h"
#include "file/frame.h"
#include "sys/fsio.h"

#define BUFFER_LEN 65536u

struct smr_file_writer {
	struct smr_file_info info;
	struct smr_privkey sender;
	uint8_t key[SMR_FILE_KEY_LEN];
	struct smr_sha256_state hash;
	struct smr_fs_temp temp;
	enum smr_err err; /* the first one; a file with a gap must not be committed */
	size_t used;
	uint8_t buffer[BUFFER_LEN];
};

static const uint8_t zero_nonce[SMR_AEAD_NONCE_LEN];

static enum smr_err flush(struct smr_file_writer *writer)
{
	struct smr_bytes part = smr_bytes_of(writer->buffer, writer->used);

	writer->used = 0;
	return smr_fs_write_all(writer->temp.fd, part);
}

/* Room for an item of at most @p len octets in the buffer. */
static enum smr_err reserve(struct smr_file_writer *writer, size_t len, struct smr_writer *w)
{
	if (BUFFER_LEN - writer->used < len)
		SMR_TRY(flush(writer));
	*w = smr_writer_init((struct smr_space){writer->buffer + writer->used, len});
	return SMR_OK;
}

/* The item is complete: it counts for the hash and goes to the disk with the buffer. */
static enum smr_err accept(struct smr_file_writer *writer, const struct smr_writer *w)
{
	struct smr_bytes item;

	SMR_TRY(smr_writer_done(w, &item));
	SMR_TRY(smr_sha256_update(&writer->hash, item));
	writer->used += item.len;
	return SMR_OK;
}

/* A fresh file key, sealed to the recipient. */
static enum smr_err seal_key(struct smr_file_writer *writer, const struct smr_pubkey *to, struct smr_space *seal)
{
	uint8_t room[SMR_FILE_HEADER_MAX];
	struct smr_bytes ad;

	SMR_TRY(smr_random(writer->key, sizeof(writer->key)));
	SMR_TRY(smr_file_seal_ad(&writer->info, (struct smr_space){room, sizeof(room)}, &ad));
	return smr_hpke_seal(to, SMR_TEXT(SMR_LABEL_FILE_SEAL), ad, SMR_ARRAY(writer->key), seal);
}

static enum smr_err write_header(struct smr_file_writer *writer, const struct smr_pubkey *to)
{
	uint8_t room[SMR_FILE_SEAL_MAX];
	struct smr_space seal = {room, sizeof(room)};
	struct smr_writer w;

	if (to != NULL)
		SMR_TRY(seal_key(writer, to, &seal));
	SMR_TRY(reserve(writer, SMR_FILE_HEADER_MAX, &w));
	smr_put_array(&w, 7);
	smr_put_header_members(&w, &writer->info);
	if (to != NULL)
		smr_put_bytes(&w, smr_bytes_of(seal.ptr, seal.len));
	else
		smr_put_null(&w);
	return accept(writer, &w);
}

static void release(struct smr_file_writer *writer)
{
	smr_fs_temp_abort(&writer->temp);
	smr_privkey_wipe(&writer->sender);
	smr_wipe(writer, sizeof(*writer));
	free(writer);
}

static enum smr_err begin(struct smr_file_writer *writer, const char *path, const struct smr_privkey *sender,
			  struct smr_bytes about, const struct smr_pubkey *to)
{
	writer->temp.fd = -1;
	/* A copy of its own: the caller's key may be gone when the end is signed. */
	SMR_TRY(smr_privkey_import(&writer->sender, sender->scalar));
	smr_point_compress(writer->sender.point, writer->info.sender);
	if (about.len > 0)
		memcpy(writer->info.about, about.ptr, about.len);
	writer->info.about_len = about.len;
	writer->info.sealed = to != NULL;
	SMR_TRY(smr_sha256_init(&writer->hash));
	SMR_TRY(smr_fs_temp_open(path, 0640, true, &writer->temp));
	return write_header(writer, to);
}

enum smr_err smr_file_create(const char *path, enum smr_file_type type, uint64_t number,
			     const struct smr_privkey *sender, struct smr_bytes about, const struct smr_pubkey *to,
			     struct smr_file_writer **out)
{
	struct smr_file_writer *writer;
	enum smr_err err;

	*out = NULL;
	if (about.len > SMR_FILE_ABOUT_MAX || (to == NULL && smr_file_type_sealed(type)))
		return SMR_E_INVALID;
	writer = calloc(1, sizeof(*writer));
	if (writer == NULL)
		return SMR_E_NO_MEMORY;
	writer->info.type = type;
	writer->info.number = number;
	err = begin(writer, path, sender, about, to);
	if (err != SMR_OK) {
		release(writer);
		return err;
	}
	*out = writer;
	return SMR_OK;
}

const char *smr_file_hidden_name(const struct smr_file_writer *writer)
{
	return writer->temp.temp;
}

static enum smr_err put_sealed(const struct smr_file_writer *writer, uint64_t number, struct smr_writer *w,
			       struct smr_bytes record)
{
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t *room = smr_put_bytes_room(w, record.len + SMR_AEAD_TAG_LEN);
	enum smr_err err;

	if (room == NULL)
		return w->err;
	err = smr_file_record_key(writer->key, number, key);
	if (err == SMR_OK)
		err = smr_aead_seal(key, zero_nonce, SMR_NONE, record, room);
	SMR_WIPE(key);
	return err;
}

static enum smr_err encode(const struct smr_file_writer *writer, uint64_t number, struct smr_bytes record,
			   struct smr_writer *w)
{
	if (writer->info.sealed)
		return put_sealed(writer, number, w, record);
	smr_put_bytes(w, record);
	return SMR_OK;
}

static enum smr_err put_record(struct smr_file_writer *writer, struct smr_bytes record)
{
	struct smr_writer w;

	SMR_TRY(reserve(writer, SMR_FILE_ITEM_MAX, &w));
	SMR_TRY(encode(writer, writer->info.count + 1, record, &w));
	SMR_TRY(accept(writer, &w));
	writer->info.count++;
	return SMR_OK;
}

enum smr_err smr_file_put(struct smr_file_writer *writer, struct smr_bytes record)
{
	if (record.len == 0 || record.len > SMR_FILE_RECORD_MAX)
		return SMR_E_INVALID;
	if (writer->err == SMR_OK)
		writer->err = put_record(writer, record);
	return writer->err;
}

enum smr_err smr_file_prepare(const struct smr_file_writer *writer, uint64_t number, struct smr_bytes record,
			      struct smr_space *out)
{
	struct smr_writer w = smr_writer_init(*out);
	struct smr_bytes item;

	if (record.len == 0 || record.len > SMR_FILE_RECORD_MAX)
		return SMR_E_INVALID;
	SMR_TRY(encode(writer, number, record, &w));
	SMR_TRY(smr_writer_done(&w, &item));
	out->len = item.len;
	return SMR_OK;
}

static enum smr_err put_item(struct smr_file_writer *writer, struct smr_bytes item)
{
	struct smr_writer w;

	SMR_TRY(reserve(writer, SMR_FILE_ITEM_MAX, &w));
	smr_put_raw(&w, item);
	SMR_TRY(accept(writer, &w));
	writer->info.count++;
	return SMR_OK;
}

enum smr_err smr_file_put_prepared(struct smr_file_writer *writer, uint64_t number, struct smr_bytes prepared)
{
	if (number != writer->info.count + 1 || prepared.len == 0 || prepared.len > SMR_FILE_ITEM_MAX)
		return SMR_E_INVALID;
	if (writer->err == SMR_OK)
		writer->err = put_item(writer, prepared);
	return writer->err;
}

static enum smr_err write_end(struct smr_file_writer *writer)
{
	uint8_t room[SMR_FILE_END_MAX];
	uint8_t hash[SMR_HASH_LEN];
	uint8_t sig[SMR_SIG_LEN];
	struct smr_bytes payload;
	struct smr_writer w;

	SMR_TRY(smr_sha256_final(&writer->hash, hash));
	SMR_TRY(smr_file_end_payload(&writer->info, hash, (struct smr_space){room, sizeof(room)}, &payload));
	SMR_TRY(smr_cose_sign_detached(&writer->sender, SMR_LABEL_FILE, SMR_NONE, payload, sig));
	SMR_TRY(reserve(writer, 128, &w));
	smr_put_array(&w, 2);
	smr_put_uint(&w, writer->info.count);
	smr_put_bytes(&w, SMR_ARRAY(sig));
	SMR_TRY(smr_writer_done(&w, NULL));
	writer->used += w.len;
	return flush(writer);
}

enum smr_err smr_file_commit(struct smr_file_writer *writer)
{
	enum smr_err err = writer->err;

	if (err == SMR_OK)
		err = write_end(writer);
	if (err == SMR_OK)
		err = smr_fs_temp_commit(&writer->temp);
	release(writer);
	return err;
}

void smr_file_abort(struct smr_file_writer *writer)
{
	if (writer != NULL)
		release(writer);
}
