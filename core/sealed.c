/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sealed.h"

const uint8_t smr_nonce_zero[SMR_AEAD_NONCE_LEN];

static enum smr_err stick(struct smr_writer *w, enum smr_err err)
{
	if (w->err == SMR_OK)
		w->err = err;
	return w->err;
}

/* Where the plaintext goes if `head` octets stand before it: all that is left but the tag's place. NULL: there is none. A writer never
 * holds more than its room, so the difference cannot wrap. */
static struct smr_space room_behind(const struct smr_writer *w, size_t head)
{
	const size_t rest = head + SMR_AEAD_TAG_LEN;

	if (w->err != SMR_OK || w->out == NULL || w->room - w->len < rest)
		return (struct smr_space){NULL, 0};
	return (struct smr_space){w->out + w->len + head, w->room - w->len - rest};
}

/* What was written of the plaintext does not outlive a failure. */
static enum smr_err clear_failed(enum smr_err err, uint8_t *plain, size_t len)
{
	if (err != SMR_OK)
		smr_wipe(plain, len);
	return err;
}

static enum smr_err write_plain(struct smr_space room, smr_put_plain *put, const void *content, struct smr_bytes *plain)
{
	struct smr_writer w = smr_writer_init(room);

	if (room.ptr == NULL)
		return SMR_E_NO_ROOM;
	put(&w, content);
	return clear_failed(smr_writer_done(&w, plain), room.ptr, w.len);
}

static size_t head_of(size_t len)
{
	struct smr_writer counter = smr_writer_size();

	(void)smr_put_bytes_room(&counter, len);
	return counter.len - len;
}

/* A plaintext written behind the shortest head there is makes way for the one that it needs. NULL: there is no room for that. */
static uint8_t *put_head(struct smr_writer *w, struct smr_bytes plain, struct smr_space room)
{
	const size_t longer = head_of(plain.len + SMR_AEAD_TAG_LEN) - 1;

	if (longer > room.len - plain.len)
		return NULL;
	if (longer > 0)
		memmove(room.ptr + longer, room.ptr, plain.len);
	return smr_put_bytes_room(w, plain.len + SMR_AEAD_TAG_LEN);
}

enum smr_err smr_put_sealed(struct smr_writer *w, const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
			    smr_put_plain *put, const void *content)
{
	struct smr_space room = room_behind(w, 1);
	struct smr_bytes plain;
	uint8_t *at;
	enum smr_err err;

	SMR_TRY(stick(w, write_plain(room, put, content, &plain)));
	at = put_head(w, plain, room);
	if (at == NULL)
		return stick(w, clear_failed(SMR_E_NO_ROOM, room.ptr, plain.len));
	err = smr_aead_seal(key, nonce, ad, smr_bytes_of(at, plain.len), at);
	return stick(w, clear_failed(err, at, plain.len + SMR_AEAD_TAG_LEN));
}

enum smr_err smr_put_sealed_raw(struct smr_writer *w, struct smr_aead_key *key, const uint8_t *nonce,
				smr_put_plain *put, const void *content)
{
	struct smr_space room = room_behind(w, 0);
	struct smr_bytes plain;
	enum smr_err err;

	SMR_TRY(stick(w, write_plain(room, put, content, &plain)));
	err = smr_aead_seal_with(key, nonce, SMR_NONE, plain, room.ptr);
	SMR_TRY(stick(w, clear_failed(err, room.ptr, plain.len + SMR_AEAD_TAG_LEN)));
	w->len += plain.len + SMR_AEAD_TAG_LEN;
	return SMR_OK;
}

static enum smr_err check_room(struct smr_bytes sealed, struct smr_space scratch)
{
	if (sealed.len < SMR_AEAD_TAG_LEN)
		return SMR_E_UNOPENED;
	return scratch.len < sealed.len - SMR_AEAD_TAG_LEN ? SMR_E_NO_ROOM : SMR_OK;
}

enum smr_err smr_open_sealed(const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes sealed,
			     struct smr_space scratch, struct smr_bytes *plain)
{
	SMR_TRY(check_room(sealed, scratch));
	SMR_TRY(smr_aead_open(key, nonce, ad, sealed, scratch.ptr));
	*plain = smr_bytes_of(scratch.ptr, sealed.len - SMR_AEAD_TAG_LEN);
	return SMR_OK;
}

enum smr_err smr_open_sealed_raw(struct smr_aead_key *key, const uint8_t *nonce, struct smr_bytes sealed,
				 struct smr_space scratch, struct smr_bytes *plain)
{
	SMR_TRY(check_room(sealed, scratch));
	SMR_TRY(smr_aead_open_with(key, nonce, SMR_NONE, sealed, scratch.ptr));
	*plain = smr_bytes_of(scratch.ptr, sealed.len - SMR_AEAD_TAG_LEN);
	return SMR_OK;
}
