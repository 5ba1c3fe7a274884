/* SPDX-License-Identifier: Apache-2.0 */
#include "server/item.h"

#include "sys/clock.h"

const struct smr_eid *smr_item_eid(const struct smr_item *item)
{
	return item->coap.path == SMR_COAP_FLIGHT ? &item->m1.evidence.eid : &item->ticket.eid;
}

void smr_item_wipe(struct smr_item *item)
{
	/* Each path leaves what is the other's as it was: wiped. */
	if (item->coap.path == SMR_COAP_FLIGHT) {
		smr_m1_wipe(&item->m1);
		smr_wipe(item->scratch, item->in_len < sizeof(item->scratch) ? item->in_len : sizeof(item->scratch));
	} else {
		SMR_WIPE(item->ticket);
		SMR_WIPE(item->c1);
	}
	item->stage = SMR_STAGE_FREE;
	item->tries = 0;
	item->device = NULL;
	item->change = NULL;
	item->sealed_len = 0;
}

struct smr_space smr_item_room(struct smr_item *item)
{
	size_t head = 4 + item->coap.token_len + 1;

	return (struct smr_space){item->out + head, sizeof(item->out) - head};
}

struct smr_space smr_item_room_within(struct smr_item *item)
{
	struct smr_space room = smr_item_room(item);
	size_t head = sizeof(item->out) - room.len;
	size_t limit = SMR_AMPLIFICATION_MAX * item->in_len;

	if (!item->proved && limit < sizeof(item->out))
		room.len = limit > head ? limit - head : 0;
	return room;
}

void smr_item_finish(struct smr_item *item, const struct smr_steps *steps, const struct smr_coap_answer *answer)
{
	uint8_t head[SMR_COAP_OVERHEAD_MAX];
	struct smr_space room = {head, sizeof(head)};

	if (smr_coap_head(&item->coap, answer, (*steps->message_id)++, &room) != SMR_OK ||
	    room.len + answer->payload.len > sizeof(item->out)) {
		smr_item_wipe(item);
		return;
	}
	if (answer->payload.len)
		memmove(item->out + room.len, answer->payload.ptr, answer->payload.len);
	memcpy(item->out, head, room.len);
	item->out_len = room.len + answer->payload.len;
	smr_item_wipe(item);
	item->stage = SMR_STAGE_SEND;
}

/** Has the sender read what went to its address a moment ago? */
static bool is_proved(const struct smr_item *item, const struct smr_steps *steps)
{
	struct smr_address from;
	bool good = false;

	if (item->coap.echo.len == 0)
		return false;
	from = smr_address_of(&item->from);
	for (unsigned age = 0; age < 2 && !good; age++) {
		const uint8_t *key = smr_keyring_echo_key(steps->ring, age);

		good = key != NULL && smr_echo_good(key, smr_clock_unix(), &from, item->coap.echo);
	}
	SMR_COUNT_UP(steps->metrics, echo_accepted, good ? 1 : 0);
	SMR_COUNT_UP(steps->metrics, echo_refused, good ? 0 : 1);
	return good;
}

void smr_item_challenge(struct smr_item *item, const struct smr_steps *steps)
{
	const uint8_t *key = smr_keyring_echo_key(steps->ring, 0);
	struct smr_coap_answer answer = {.code = SMR_COAP_UNAUTHORIZED};
	struct smr_address from = smr_address_of(&item->from);
	uint8_t echo[SMR_ECHO_LEN];

	if (key == NULL) { /* nor is there a key for tickets: nobody can be served */
		smr_item_wipe(item);
		return;
	}
	smr_echo_make(key, smr_clock_unix(), &from, echo);
	answer.echo = SMR_ARRAY(echo);
	SMR_COUNT_UP(steps->metrics, echo_demanded, 1);
	smr_item_finish(item, steps, &answer);
}

void smr_item_read(struct smr_item *item, const struct smr_steps *steps)
{
	item->stage = SMR_STAGE_FREE;
	if (smr_coap_read(smr_bytes_of(item->in, item->in_len), &item->coap) != SMR_OK) {
		SMR_COUNT_UP(steps->metrics, dropped_malformed, 1);
		return;
	}
	item->proved = is_proved(item, steps);
	item->stage = SMR_STAGE_READ;
}

void smr_item_open(struct smr_item *item, const struct smr_steps *steps)
{
	if (item->stage != SMR_STAGE_READ)
		return;
	item->stage = SMR_STAGE_FREE;
	if (item->coap.path == SMR_COAP_FLIGHT)
		smr_flight_open(item, steps);
	else
		smr_checkin_open(item, steps);
}

void smr_item_judge(struct smr_item *item, const struct smr_steps *steps)
{
	if (item->coap.path == SMR_COAP_FLIGHT)
		smr_flight_judge(item, steps);
	else
		smr_checkin_judge(item, steps);
}

void smr_item_prepare(struct smr_item *item, const struct smr_steps *steps)
{
	if (item->coap.path == SMR_COAP_FLIGHT)
		smr_flight_prepare(item, steps);
}

void smr_item_answer(struct smr_item *item, const struct smr_steps *steps, bool store_failed)
{
	if (item->coap.path == SMR_COAP_FLIGHT)
		smr_flight_answer(item, steps, store_failed);
	else
		smr_checkin_answer(item, steps, store_failed);
}

void smr_change_from(struct smr_store_change *change, const struct smr_store_device *device,
		     const struct smr_verdict *verdict, const uint8_t hash[SMR_HASH_LEN])
{
	memset(change, 0, sizeof(*change));
	change->eid = device->eid;
	change->revision = device->revision;
	change->grip = device->grip;
	change->state = verdict->state;
	change->ctr = verdict->ctr;
	change->lineage = verdict->lineage;
	change->tpm = verdict->tpm;
	change->purge_x = verdict->purge_x;
	memcpy(change->hash, hash, sizeof(change->hash));
}
