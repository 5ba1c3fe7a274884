/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sealed.h"

const uint8_t smr_nonce_zero[SMR_AEAD_NONCE_LEN];

static size_t plain_len(smr_put_plain *put, const void *content, enum smr_err *err)
{
	struct smr_writer counter = smr_writer_size();

	put(&counter, content);
	*err = smr_writer_done(&counter, NULL);
	return counter.len;
}

/* `room` was cut to `len` octets, so the writer below cannot run past it. */
static enum smr_err write_plain(uint8_t *room, size_t len, smr_put_plain *put, const void *content,
				struct smr_bytes *plain)
{
	struct smr_writer w = smr_writer_init((struct smr_space){room, len});

	put(&w, content);
	return smr_writer_done(&w, plain);
}

/* What was written of the plaintext does not outlive a failure. */
static enum smr_err clear_failed(enum smr_err err, uint8_t *room, size_t len)
{
	if (err != SMR_OK)
		smr_wipe(room, len + SMR_AEAD_TAG_LEN);
	return err;
}

static enum smr_err stick(struct smr_writer *w, enum smr_err err)
{
	if (w->err == SMR_OK)
		w->err = err;
	return w->err;
}

enum smr_err smr_put_sealed(struct smr_writer *w, const uint8_t *key, const uint8_t *nonce, struct smr_bytes ad,
			    smr_put_plain *put, const void *content)
{
	enum smr_err err;
	size_t len = plain_len(put, content, &err);
	struct smr_bytes plain;
	uint8_t *room;

	if (err != SMR_OK)
		return stick(w, err);
	room = smr_put_bytes_room(w, len + SMR_AEAD_TAG_LEN);
	if (room == NULL)
		return stick(w, SMR_E_NO_ROOM);
	err = write_plain(room, len, put, content, &plain);
	if (err == SMR_OK)
		err = smr_aead_seal(key, nonce, ad, plain, room);
	return stick(w, clear_failed(err, room, len));
}

enum smr_err smr_put_sealed_raw(struct smr_writer *w, struct smr_aead_key *key, const uint8_t *nonce,
				smr_put_plain *put, const void *content)
{
	enum smr_err err;
	size_t len = plain_len(put, content, &err);
	struct smr_bytes plain;
	uint8_t *room;

	if (err != SMR_OK)
		return stick(w, err);
	/* A writer never holds more than its room, so the difference cannot wrap. */
	if (w->err != SMR_OK || w->out == NULL || w->room - w->len < len + SMR_AEAD_TAG_LEN)
		return stick(w, SMR_E_NO_ROOM);
	room = w->out + w->len;
	err = write_plain(room, len, put, content, &plain);
	if (err == SMR_OK)
		err = smr_aead_seal_with(key, nonce, SMR_NONE, plain, room);
	SMR_TRY(stick(w, clear_failed(err, room, len)));
	w->len += len + SMR_AEAD_TAG_LEN;
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
