/* SPDX-License-Identifier: Apache-2.0 */
#include "core/answer.h"
#include "core/checkin.h"
#include "core/kdf.h"
#include "core/sealed.h"

static enum smr_err derive_next(const struct smr_checkin *keys, const uint8_t r[SMR_AEAD_NONCE_LEN], uint8_t *rk,
				uint8_t *spare_rk)
{
	const struct smr_bytes context = smr_bytes_of(r, SMR_AEAD_NONCE_LEN);
	SMR_SECRET both; /* rk' | spare rk */

	SMR_TRY(smr_kdf(SMR_ARRAY(keys->next), "rk", &context, 1, (struct smr_space){both.octets, 2 * SMR_RK_LEN}));
	memcpy(rk, both.octets, SMR_RK_LEN);
	memcpy(spare_rk, both.octets + SMR_RK_LEN, SMR_RK_LEN);
	return SMR_OK;
}

/* ---- server ---- */

enum smr_err smr_c2_keys(const struct smr_checkin *keys, struct smr_c2_keys *out)
{
	enum smr_err err = smr_random(out->r, sizeof(out->r));

	if (err == SMR_OK)
		err = derive_next(keys, out->r, out->rk, out->spare_rk);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	return err;
}

static void put_objects(struct smr_writer *w, const void *content)
{
	const struct smr_c2 *c2 = content;

	smr_put_array(w, c2->object_count);
	for (size_t i = 0; i < c2->object_count; i++)
		smr_put_bytes(w, c2->objects[i]);
}

static void put_plain(struct smr_writer *w, const void *content)
{
	const struct smr_c2 *c2 = content;
	const struct smr_answer answer = {c2->refusal, c2->ticket, c2->beacon, c2->flight_key, c2->spare_ticket};

	smr_put_answer(w, &answer, c2->object_count == 0 ? NULL : put_objects, c2);
}

static bool objects_fit(const struct smr_c2 *c2)
{
	if (c2->object_count > SMR_OBJECTS_MAX)
		return false;
	for (size_t i = 0; i < c2->object_count; i++)
		if (c2->objects[i].len == 0 || c2->objects[i].len > SMR_OBJECT_MAX)
			return false;
	return true;
}

enum smr_err smr_c2_seal(const struct smr_checkin *keys, const uint8_t r[SMR_AEAD_NONCE_LEN], const struct smr_c2 *c2,
			 struct smr_space *out)
{
	struct smr_writer w = smr_writer_init(*out);
	struct smr_bytes message;

	if (!objects_fit(c2))
		return SMR_E_INVALID;
	smr_put_array(&w, 2);
	smr_put_bytes(&w, smr_bytes_of(r, SMR_AEAD_NONCE_LEN));
	SMR_TRY(smr_put_sealed(&w, keys->response_key, r, SMR_NONE, put_plain, c2));
	SMR_TRY(smr_writer_done(&w, &message));
	out->len = message.len;
	return SMR_OK;
}

/* ---- device ---- */

static void get_objects(struct smr_reader *r, void *content)
{
	struct smr_c2 *c2 = content;

	c2->object_count = smr_get_array(r, 1, SMR_OBJECTS_MAX);
	for (size_t i = 0; i < c2->object_count; i++)
		c2->objects[i] = smr_get_bytes(r, 1, SMR_OBJECT_MAX);
}

static enum smr_err read_plain(struct smr_bytes plain, struct smr_c2 *c2)
{
	struct smr_reader r = smr_reader_init(plain);
	struct smr_answer answer;

	smr_get_answer(&r, &answer, get_objects, c2);
	c2->refusal = answer.refusal;
	c2->ticket = answer.ticket;
	c2->beacon = answer.beacon;
	c2->flight_key = answer.flight_key;
	c2->spare_ticket = answer.spare_ticket;
	return smr_reader_done(&r);
}

static enum smr_err open_c2(const struct smr_checkin *kept, struct smr_bytes datagram, struct smr_space scratch,
			    struct smr_c2 *c2, uint8_t rk[SMR_RK_LEN], uint8_t spare_rk[SMR_RK_LEN])
{
	struct smr_reader reader = smr_reader_init(datagram);
	struct smr_bytes r, sealed, plain;
	enum smr_err err;

	smr_get_array(&reader, 2, 2);
	r = smr_get_bytes(&reader, SMR_AEAD_NONCE_LEN, SMR_AEAD_NONCE_LEN);
	sealed = smr_get_bytes(&reader, SMR_AEAD_TAG_LEN, SMR_C2_MAX);
	SMR_TRY(smr_reader_done(&reader));
	SMR_TRY(smr_open_sealed(kept->response_key, r.ptr, SMR_NONE, sealed, scratch, &plain));
	err = read_plain(plain, c2);
	if (err == SMR_OK && c2->ticket.len != 0)
		err = derive_next(kept, r.ptr, rk, spare_rk);
	if (c2->spare_ticket.len == 0)
		smr_wipe(spare_rk, SMR_RK_LEN);
	if (err != SMR_OK)
		smr_wipe(scratch.ptr, plain.len);
	return err;
}

enum smr_err smr_c2_open(const struct smr_checkin *kept, struct smr_bytes datagram, struct smr_space scratch,
			 struct smr_c2 *c2, uint8_t rk[SMR_RK_LEN], uint8_t spare_rk[SMR_RK_LEN])
{
	enum smr_err err;

	/* Zero unless their ticket is there. */
	memset(c2, 0, sizeof(*c2));
	memset(rk, 0, SMR_RK_LEN);
	memset(spare_rk, 0, SMR_RK_LEN);
	err = open_c2(kept, datagram, scratch, c2, rk, spare_rk);
	if (err != SMR_OK) {
		SMR_WIPE(*c2);
		smr_wipe(rk, SMR_RK_LEN);
		smr_wipe(spare_rk, SMR_RK_LEN);
	}
	return err;
}
