/* SPDX-License-Identifier: Apache-2.0 */
#include "core/checkin.h"
#include "core/kdf.h"
#include "core/sealed.h"

#define ID_LEN 4u
#define CLEAR_LEN (ID_LEN + SMR_TICKET_SALT_LEN) /* be32(TK id) | salt: the associated data */

_Static_assert(SMR_TICKET_OVERHEAD == CLEAR_LEN + SMR_AEAD_TAG_LEN, "a ticket is id, salt and sealed part");

/* Plaintext of a ticket: it contains rk. */
struct plain_room {
	uint8_t octets[SMR_TICKET_MAX - SMR_TICKET_OVERHEAD];
};

static void wipe_plain_room(struct plain_room *room)
{
	SMR_WIPE(*room);
}

enum smr_err smr_ticket_key_ready(struct smr_ticket_key *tk)
{
	SMR_TRY(smr_hmac_key_init(&tk->ready, SMR_ARRAY(tk->key)));
	tk->is_ready = true;
	return SMR_OK;
}

static enum smr_err derive(const struct smr_ticket_key *tk, const uint8_t *salt, struct smr_secret *key)
{
	const struct smr_bytes context = smr_bytes_of(salt, SMR_TICKET_SALT_LEN);
	const struct smr_space out = {key->octets, SMR_AEAD_KEY_LEN};

	return tk->is_ready ? smr_kdf_with(&tk->ready, "ticket", &context, 1, out)
			    : smr_kdf(SMR_ARRAY(tk->key), "ticket", &context, 1, out);
}

/* Numbers of a ticket have one length: a length that grew with them would tell contacts of one device from those of another (S7). */
static void put_u32(struct smr_writer *w, uint32_t value)
{
	uint8_t octets[4];

	smr_put_be32(octets, value);
	smr_put_bytes(w, SMR_ARRAY(octets));
}

static uint32_t get_u32(struct smr_reader *r)
{
	uint8_t octets[4];

	smr_get_fixed(r, octets, sizeof(octets));
	return smr_get_be32(octets);
}

static void put_plain(struct smr_writer *w, const void *content)
{
	const struct smr_ticket *ticket = content;

	smr_put_array(w, 8);
	smr_put_bytes(w, smr_eid_bytes(&ticket->eid));
	smr_put_bytes(w, SMR_ARRAY(ticket->rk));
	put_u32(w, ticket->lineage);
	put_u32(w, ticket->flight_epoch);
	put_u32(w, ticket->policy_generation);
	smr_put_bytes(w, SMR_ARRAY(ticket->shipment.octets));
	put_u32(w, ticket->group);
	smr_put_uint(w, ticket->state);
}

static enum smr_err read_plain(struct smr_bytes plain, struct smr_ticket *out)
{
	struct smr_reader r = smr_reader_init(plain);

	smr_get_array(&r, 8, 8);
	smr_get_fixed(&r, out->eid.octets, sizeof(out->eid.octets));
	smr_get_fixed(&r, out->rk, sizeof(out->rk));
	out->lineage = get_u32(&r);
	out->flight_epoch = get_u32(&r);
	out->policy_generation = get_u32(&r);
	smr_get_fixed(&r, out->shipment.octets, sizeof(out->shipment.octets));
	out->group = get_u32(&r);
	out->state = (uint32_t)smr_get_uint(&r, SMR_TICKET_STATE_MAX);
	return smr_reader_done(&r);
}

enum smr_err smr_ticket_seal(const struct smr_ticket_key *tk, const struct smr_ticket *ticket, struct smr_space *out)
{
	struct smr_writer w = smr_writer_init(*out);
	uint8_t clear[CLEAR_LEN];
	struct smr_bytes sealed;
	SMR_SECRET key;

	smr_put_be32(clear, tk->id);
	SMR_TRY(smr_random(clear + ID_LEN, SMR_TICKET_SALT_LEN));
	SMR_TRY(derive(tk, clear + ID_LEN, &key));
	smr_put_raw(&w, SMR_ARRAY(clear));
	SMR_TRY(smr_put_sealed_raw(&w, key.octets, SMR_ARRAY(clear), put_plain, ticket));
	SMR_TRY(smr_writer_done(&w, &sealed));
	out->len = sealed.len;
	return SMR_OK;
}

enum smr_err smr_ticket_peek(struct smr_bytes ticket, uint32_t *tk_id)
{
	if (ticket.len < SMR_TICKET_OVERHEAD || ticket.len > SMR_TICKET_MAX)
		return SMR_E_MALFORMED;
	*tk_id = smr_get_be32(ticket.ptr);
	return SMR_OK;
}

enum smr_err smr_ticket_open(const struct smr_ticket_key *tk, struct smr_bytes sealed, struct smr_ticket *out)
{
	__attribute__((cleanup(wipe_plain_room))) struct plain_room room;
	struct smr_bytes plain;
	uint32_t id;
	enum smr_err err;
	SMR_SECRET key;

	if (smr_ticket_peek(sealed, &id) != SMR_OK || id != tk->id)
		return SMR_E_UNOPENED;
	SMR_TRY(derive(tk, sealed.ptr + ID_LEN, &key));
	SMR_TRY(smr_open_sealed(key.octets, smr_bytes_of(sealed.ptr, CLEAR_LEN),
				smr_bytes_of(sealed.ptr + CLEAR_LEN, sealed.len - CLEAR_LEN),
				(struct smr_space){room.octets, sizeof(room.octets)}, &plain));
	err = read_plain(plain, out);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	return err;
}

enum smr_refusal smr_ticket_judge(const struct smr_ticket *ticket, uint32_t tk_id, uint32_t now, uint32_t lifetime)
{
	int32_t age = smr_tk_age(ticket->flight_epoch, now);
	bool too_old = age > 0 && (uint32_t)age > lifetime;
	/* One that is ahead of us was made by a front end whose clock is ahead of ours. */
	bool too_new = age < -(int32_t)SMR_TICKET_EPOCHS_AHEAD || ticket->flight_epoch > SMR_TK_EPOCH_MASK;

	/* Whoever holds a leaked ticket key can write any flight epoch into a ticket, but none later than that key:
	 * so what the key can forge dies L epochs after it. */
	if (smr_tk_age(ticket->flight_epoch, smr_tk_epoch(tk_id)) < 0 || too_old || too_new)
		return SMR_REFUSAL_TICKET_OLD;
	return SMR_REFUSAL_NONE;
}
