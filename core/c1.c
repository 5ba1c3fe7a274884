/* SPDX-License-Identifier: Apache-2.0 */
#include "core/checkin.h"
#include "core/kdf.h"
#include "core/sealed.h"

#define CTR_LEN 4u

_Static_assert(sizeof(struct smr_checkin) == SMR_AEAD_KEY_LEN + SMR_RK_LEN, "the keys of one derivation, in its order");

enum report_key { KEY_RECEIPTS = 1, KEY_STATE = 2, KEY_TAMPER = 3 };

/* C1 = [ ticket, masked ctr, sealed ], as views. */
struct outer {
	struct smr_bytes ticket;
	struct smr_bytes masked_ctr;
	struct smr_bytes ad; /* everything before the last item */
	struct smr_bytes sealed;
};

/* Plaintext of a report. */
struct plain_room {
	uint8_t octets[SMR_C1_MAX];
};

static void wipe_plain_room(struct plain_room *room)
{
	SMR_WIPE(*room);
}

/* rk, from which the keys of a contact come. */
static void wipe_ready(struct smr_hmac_key *ready)
{
	SMR_WIPE(*ready);
}

/* ---- keys ---- */

/* Request key and mask, one after the other. */
static enum smr_err derive_first(const struct smr_hmac_key *rk, struct smr_secret *keys)
{
	return smr_kdf_with(rk, "c1", NULL, 0, (struct smr_space){keys->octets, SMR_AEAD_KEY_LEN + CTR_LEN});
}

static void mask_ctr(const struct smr_secret *keys, const uint8_t in[CTR_LEN], uint8_t out[CTR_LEN])
{
	const uint8_t *mask = keys->octets + SMR_AEAD_KEY_LEN;

	for (size_t i = 0; i < CTR_LEN; i++)
		out[i] = (uint8_t)(in[i] ^ mask[i]);
}

/* rk meets a second request only in a TRE that takes an older record for the last one: then with another ctr, which is kept apart (S10). */
static void request_nonce(const uint8_t ctr[CTR_LEN], uint8_t nonce[SMR_AEAD_NONCE_LEN])
{
	memset(nonce, 0, SMR_AEAD_NONCE_LEN);
	memcpy(nonce + SMR_AEAD_NONCE_LEN - CTR_LEN, ctr, CTR_LEN);
}

static enum smr_err keep(const struct smr_hmac_key *rk, const uint8_t hash_c1[SMR_HASH_LEN], struct smr_checkin *kept)
{
	const struct smr_bytes context = smr_bytes_of(hash_c1, SMR_HASH_LEN);

	return smr_kdf_with(rk, "c2", &context, 1, (struct smr_space){(uint8_t *)kept, sizeof(*kept)});
}

/* ---- report ---- */

static void put_receipts(struct smr_writer *w, const struct smr_report *report)
{
	if (report->receipt_count == 0)
		return;
	smr_put_uint(w, KEY_RECEIPTS);
	smr_put_array(w, report->receipt_count);
	for (size_t i = 0; i < report->receipt_count; i++)
		smr_put_receipt(w, &report->receipts[i]);
}

static void put_plain(struct smr_writer *w, const void *content)
{
	const struct smr_report *report = content;

	smr_put_map(w, 1u + (report->receipt_count != 0) + (report->tamper != 0));
	put_receipts(w, report);
	smr_put_uint(w, KEY_STATE);
	smr_put_uint(w, report->mcim_state);
	if (report->tamper != 0) {
		smr_put_uint(w, KEY_TAMPER);
		smr_put_uint(w, report->tamper);
	}
}

static void get_member(struct smr_reader *r, int64_t key, struct smr_report *out)
{
	switch (key) {
	case KEY_RECEIPTS:
		out->receipt_count = smr_get_array(r, 1, SMR_RECEIPTS_MAX);
		for (size_t i = 0; i < out->receipt_count; i++)
			smr_get_receipt(r, &out->receipts[i]);
		return;
	case KEY_STATE:
		out->mcim_state = (enum smr_mcim_state)smr_get_uint(r, SMR_MCIM_SUSPENDED);
		return;
	case KEY_TAMPER:
		out->tamper = (uint32_t)smr_get_uint(r, UINT32_MAX);
		if (out->tamper == 0) /* absent is said by leaving it out */
			smr_reader_fail(r, SMR_E_MALFORMED);
		return;
	default:
		smr_reader_fail(r, SMR_E_MALFORMED);
	}
}

static enum smr_err read_plain(struct smr_bytes plain, struct smr_report *out)
{
	struct smr_reader r = smr_reader_init(plain);
	size_t pairs = smr_get_map(&r, KEY_TAMPER);
	int64_t key = SMR_KEY_NONE;
	bool state = false;

	for (size_t i = 0; i < pairs && r.err == SMR_OK; i++) {
		smr_get_key(&r, &key);
		get_member(&r, key, out);
		state = state || key == KEY_STATE;
	}
	if (!state)
		smr_reader_fail(&r, SMR_E_MALFORMED);
	return smr_reader_done(&r);
}

/* ---- device ---- */

static bool inputs_fit(struct smr_bytes ticket, const struct smr_report *report)
{
	return ticket.len >= SMR_TICKET_OVERHEAD && ticket.len <= SMR_TICKET_MAX &&
	       report->receipt_count <= SMR_RECEIPTS_MAX && (unsigned)report->mcim_state <= SMR_MCIM_SUSPENDED;
}

enum smr_err smr_c1_build(const uint8_t rk[SMR_RK_LEN], struct smr_bytes ticket, uint32_t ctr,
			  const struct smr_report *report, struct smr_space *c1, struct smr_checkin *kept)
{
	struct smr_writer w = smr_writer_init(*c1);
	uint8_t clear_ctr[CTR_LEN];
	uint8_t masked[CTR_LEN];
	uint8_t nonce[SMR_AEAD_NONCE_LEN];
	uint8_t hash[SMR_HASH_LEN];
	__attribute__((cleanup(wipe_ready))) struct smr_hmac_key ready;
	SMR_SECRET keys;
	struct smr_bytes message;

	if (!inputs_fit(ticket, report))
		return SMR_E_INVALID;
	smr_put_be32(clear_ctr, ctr);
	SMR_TRY(smr_hmac_key_init(&ready, smr_bytes_of(rk, SMR_RK_LEN)));
	SMR_TRY(derive_first(&ready, &keys));
	mask_ctr(&keys, clear_ctr, masked);
	request_nonce(clear_ctr, nonce);
	smr_put_array(&w, 3);
	smr_put_bytes(&w, ticket);
	smr_put_bytes(&w, SMR_ARRAY(masked));
	SMR_TRY(smr_put_sealed(&w, keys.octets, nonce, smr_bytes_of(w.out, w.len), put_plain, report));
	SMR_TRY(smr_writer_done(&w, &message));
	SMR_TRY(smr_sha256(&message, 1, hash));
	SMR_TRY(keep(&ready, hash, kept));
	c1->len = message.len;
	return SMR_OK;
}

/* ---- server ---- */

static enum smr_err read_outer(struct smr_bytes datagram, struct outer *out)
{
	struct smr_reader r = smr_reader_init(datagram);

	smr_get_array(&r, 3, 3);
	out->ticket = smr_get_bytes(&r, SMR_TICKET_OVERHEAD, SMR_TICKET_MAX);
	out->masked_ctr = smr_get_bytes(&r, CTR_LEN, CTR_LEN);
	out->ad = smr_reader_consumed(&r);
	out->sealed = smr_get_bytes(&r, SMR_AEAD_TAG_LEN, SMR_C1_MAX);
	return smr_reader_done(&r);
}

enum smr_err smr_c1_peek(struct smr_bytes datagram, struct smr_bytes *ticket, uint32_t *tk_id)
{
	struct outer outer;

	SMR_TRY(read_outer(datagram, &outer));
	SMR_TRY(smr_ticket_peek(outer.ticket, tk_id));
	*ticket = outer.ticket;
	return SMR_OK;
}

static enum smr_err open_report(const struct smr_hmac_key *rk, const struct outer *outer, struct smr_c1 *out)
{
	__attribute__((cleanup(wipe_plain_room))) struct plain_room room;
	SMR_SECRET keys;
	uint8_t nonce[SMR_AEAD_NONCE_LEN];
	uint8_t ctr[CTR_LEN];
	struct smr_bytes plain;

	SMR_TRY(derive_first(rk, &keys));
	mask_ctr(&keys, outer->masked_ctr.ptr, ctr);
	request_nonce(ctr, nonce);
	SMR_TRY(smr_open_sealed(keys.octets, nonce, outer->ad, outer->sealed,
				(struct smr_space){room.octets, sizeof(room.octets)}, &plain));
	out->ctr = smr_get_be32(ctr);
	return read_plain(plain, &out->report);
}

static enum smr_err open_c1(const struct smr_ticket *ticket, struct smr_bytes datagram, struct smr_c1 *out)
{
	__attribute__((cleanup(wipe_ready))) struct smr_hmac_key rk;
	struct outer outer;

	SMR_TRY(read_outer(datagram, &outer));
	SMR_TRY(smr_hmac_key_init(&rk, SMR_ARRAY(ticket->rk)));
	SMR_TRY(open_report(&rk, &outer, out));
	SMR_TRY(smr_sha256(&datagram, 1, out->hash_c1));
	return keep(&rk, out->hash_c1, &out->keys);
}

enum smr_err smr_c1_open(const struct smr_ticket *ticket, struct smr_bytes datagram, struct smr_c1 *out)
{
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	err = open_c1(ticket, datagram, out);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	return err;
}
