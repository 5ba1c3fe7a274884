/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sealed.h"

static const uint8_t zero_nonce[SMR_AEAD_NONCE_LEN];

static size_t plain_len(smr_put_plain *put, const void *content, enum smr_err *err)
{
	struct smr_writer counter = smr_writer_size();

	put(&counter, content);
	*err = smr_writer_done(&counter, NULL);
	return counter.len;
}

/* `room` was cut to `len` octets and a tag, so the writer below cannot run past it. */
static enum smr_err seal_in_place(uint8_t *room, size_t len, const uint8_t *key, struct smr_bytes ad,
				  smr_put_plain *put, const void *content)
{
	struct smr_writer w = smr_writer_init((struct smr_space){room, len});
	struct smr_bytes plain;
	enum smr_err err;

	put(&w, content);
	err = smr_writer_done(&w, &plain);
	if (err == SMR_OK)
		err = smr_aead_seal(key, zero_nonce, ad, plain, room);
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

enum smr_err smr_put_sealed(struct smr_writer *w, const uint8_t *key, struct smr_bytes ad, smr_put_plain *put,
			    const void *content)
{
	enum smr_err err;
	size_t len = plain_len(put, content, &err);
	uint8_t *room;

	if (err != SMR_OK)
		return stick(w, err);
	room = smr_put_bytes_room(w, len + SMR_AEAD_TAG_LEN);
	if (room == NULL)
		return stick(w, SMR_E_NO_ROOM);
	return stick(w, seal_in_place(room, len, key, ad, put, content));
}

enum smr_err smr_put_sealed_raw(struct smr_writer *w, const uint8_t *key, struct smr_bytes ad, smr_put_plain *put,
				const void *content)
{
	enum smr_err err;
	size_t len = plain_len(put, content, &err);

	if (err != SMR_OK)
		return stick(w, err);
	/* A writer never holds more than its room, so the difference cannot wrap. */
	if (w->err != SMR_OK || w->out == NULL || w->room - w->len < len + SMR_AEAD_TAG_LEN)
		return stick(w, SMR_E_NO_ROOM);
	SMR_TRY(stick(w, seal_in_place(w->out + w->len, len, key, ad, put, content)));
	w->len += len + SMR_AEAD_TAG_LEN;
	return SMR_OK;
}

enum smr_err smr_open_sealed(const uint8_t *key, struct smr_bytes ad, struct smr_bytes sealed, struct smr_space scratch,
			     struct smr_bytes *plain)
{
	if (sealed.len < SMR_AEAD_TAG_LEN)
		return SMR_E_UNOPENED;
	if (scratch.len < sealed.len - SMR_AEAD_TAG_LEN)
		return SMR_E_NO_ROOM;
	SMR_TRY(smr_aead_open(key, zero_nonce, ad, sealed, scratch.ptr));
	*plain = smr_bytes_of(scratch.ptr, sealed.len - SMR_AEAD_TAG_LEN);
	return SMR_OK;
}
