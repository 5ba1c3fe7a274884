/* SPDX-License-Identifier: Apache-2.0 */
#include "core/checkin.h"
#include "core/kdf.h"
#include "core/sealed.h"

/* be32(TK id) | lane | nonce | sealed. Another id, lane or nonce opens nothing: no need for associated data. */
#define ID_LEN 4u
#define NONCE_AT (ID_LEN + 1u)
#define CLEAR_LEN (NONCE_AT + SMR_AEAD_NONCE_LEN)

_Static_assert(SMR_TICKET_OVERHEAD == CLEAR_LEN + SMR_AEAD_TAG_LEN, "a ticket is id, lane, nonce and sealed part");

/* Plaintext of a ticket: it contains rk. */
struct plain_room {
	uint8_t octets[SMR_TICKET_MAX - SMR_TICKET_OVERHEAD];
};

static void wipe_plain_room(struct plain_room *room)
{
	SMR_WIPE(*room);
}

/* ---- lanes ---- */

static void empty(struct smr_ticket_lane *lane)
{
	smr_aead_key_wipe(&lane->key);
	SMR_WIPE(*lane);
}

void smr_ticket_lanes_wipe(struct smr_ticket_lanes *lanes)
{
	for (size_t i = 0; i < SMR_COUNT(lanes->places); i++) {
		if (lanes->places[i].is_ready)
			empty(&lanes->places[i]);
	}
}

static struct smr_ticket_lane *place_of(struct smr_ticket_lanes *lanes, uint32_t tk_id, uint8_t number)
{
	size_t place = (tk_id + smr_tk_class(tk_id)) * SMR_TICKET_LANES + number;

	return &lanes->places[place % SMR_TICKET_LANES_READY];
}

/* Not by the id alone: that one and the same key has it always is the store's business. */
static bool is_of(const struct smr_ticket_lane *lane, const struct smr_ticket_key *tk, uint8_t number)
{
	return lane->is_ready && lane->number == number && lane->of.id == tk->id &&
	       smr_equal_ct(lane->of.key, tk->key, sizeof(tk->key));
}

static enum smr_err make_ready(struct smr_ticket_lane *lane, const struct smr_ticket_key *tk, uint8_t number)
{
	uint8_t id[ID_LEN];
	const struct smr_bytes context[] = {SMR_ARRAY(id), smr_bytes_of(&number, sizeof(number))};
	SMR_SECRET key;

	if (lane->is_ready)
		empty(lane);
	smr_put_be32(id, tk->id);
	SMR_TRY(smr_kdf(SMR_ARRAY(tk->key), "ticket", context, SMR_COUNT(context),
			(struct smr_space){key.octets, SMR_AEAD_KEY_LEN}));
	SMR_TRY(smr_aead_key_init(&lane->key, key.octets));
	lane->of = *tk;
	lane->number = number;
	lane->is_ready = true;
	return SMR_OK;
}

static enum smr_err find_lane(const struct smr_ticket_key *tk, struct smr_ticket_lanes *lanes, uint8_t number,
			      struct smr_aead_key **key)
{
	struct smr_ticket_lane *lane = place_of(lanes, tk->id, number);

	if (!is_of(lane, tk, number))
		SMR_TRY(make_ready(lane, tk, number));
	*key = &lane->key;
	return SMR_OK;
}

/* ---- content ---- */

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

/* ---- seal and open ---- */

enum smr_err smr_ticket_seal(const struct smr_ticket_key *tk, struct smr_ticket_lanes *lanes,
			     const struct smr_ticket *ticket, struct smr_space *out)
{
	struct smr_writer w = smr_writer_init(*out);
	uint8_t clear[CLEAR_LEN];
	struct smr_aead_key *key;
	struct smr_bytes sealed;

	smr_put_be32(clear, tk->id);
	SMR_TRY(smr_random(clear + ID_LEN, CLEAR_LEN - ID_LEN));
	clear[ID_LEN] %= SMR_TICKET_LANES;
	SMR_TRY(find_lane(tk, lanes, clear[ID_LEN], &key));
	smr_put_raw(&w, SMR_ARRAY(clear));
	SMR_TRY(smr_put_sealed_raw(&w, key, clear + NONCE_AT, put_plain, ticket));
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

enum smr_err smr_ticket_open(const struct smr_ticket_key *tk, struct smr_ticket_lanes *lanes, struct smr_bytes sealed,
			     struct smr_ticket *out)
{
	__attribute__((cleanup(wipe_plain_room))) struct plain_room room;
	struct smr_aead_key *key;
	struct smr_bytes plain;
	uint32_t id;
	enum smr_err err;

	if (smr_ticket_peek(sealed, &id) != SMR_OK || id != tk->id || sealed.ptr[ID_LEN] >= SMR_TICKET_LANES)
		return SMR_E_UNOPENED;
	SMR_TRY(find_lane(tk, lanes, sealed.ptr[ID_LEN], &key));
	SMR_TRY(smr_open_sealed_raw(key, sealed.ptr + NONCE_AT,
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
