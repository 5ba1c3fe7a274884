/* SPDX-License-Identifier: Apache-2.0 */
#include "core/answer.h"
#include "core/checkin.h"

enum answer_key { KEY_REFUSAL = 0, KEY_OWN = 1, KEY_TICKET = 2, KEY_BEACON = 3, KEY_FLIGHT_KEY = 4, KEY_SPARE = 5 };

#define MEMBERS_MAX 5u /* KEY_OWN to KEY_SPARE */

/* A reason that a later version made up is still a refusal to this one; it only has no text for it. */
#define REFUSAL_MAX 255u

static bool ticket_fits(struct smr_bytes ticket)
{
	return ticket.len >= SMR_TICKET_OVERHEAD && ticket.len <= SMR_TICKET_MAX;
}

static bool answer_fits(const struct smr_answer *answer)
{
	return ticket_fits(answer->ticket) && answer->flight_key.len <= SMR_FLIGHT_KEY_MAX &&
	       (answer->spare_ticket.len == 0 || ticket_fits(answer->spare_ticket));
}

static void put_refusal(struct smr_writer *w, enum smr_refusal refusal)
{
	smr_put_map(w, 1);
	smr_put_uint(w, KEY_REFUSAL);
	smr_put_uint(w, (uint64_t)refusal);
}

static void put_beacon(struct smr_writer *w, const struct smr_beacon *beacon)
{
	if (beacon->number == 0)
		return;
	smr_put_uint(w, KEY_BEACON);
	smr_put_array(w, 2);
	smr_put_uint(w, beacon->number);
	smr_put_bytes(w, SMR_ARRAY(beacon->value));
}

static void put_present(struct smr_writer *w, enum answer_key key, struct smr_bytes value)
{
	if (value.len == 0)
		return;
	smr_put_uint(w, key);
	smr_put_bytes(w, value);
}

static void put_members(struct smr_writer *w, const struct smr_answer *answer, smr_put_own *own, const void *content)
{
	smr_put_map(w, 1u + (own != NULL) + (answer->beacon.number != 0) + (answer->flight_key.len != 0) +
			       (answer->spare_ticket.len != 0));
	if (own != NULL) {
		smr_put_uint(w, KEY_OWN);
		own(w, content);
	}
	put_present(w, KEY_TICKET, answer->ticket);
	put_beacon(w, &answer->beacon);
	put_present(w, KEY_FLIGHT_KEY, answer->flight_key);
	put_present(w, KEY_SPARE, answer->spare_ticket);
}

void smr_put_answer(struct smr_writer *w, const struct smr_answer *answer, smr_put_own *own, const void *content)
{
	if (answer->refusal != SMR_REFUSAL_NONE)
		put_refusal(w, answer->refusal);
	else if (answer_fits(answer))
		put_members(w, answer, own, content);
	else if (w->err == SMR_OK)
		w->err = SMR_E_INVALID;
}

static void get_refusal(struct smr_reader *r, enum smr_refusal *out)
{
	*out = (enum smr_refusal)smr_get_uint(r, REFUSAL_MAX);
	if (*out == SMR_REFUSAL_NONE)
		smr_reader_fail(r, SMR_E_MALFORMED);
}

static void get_beacon(struct smr_reader *r, struct smr_beacon *out)
{
	smr_get_array(r, 2, 2);
	out->number = (uint32_t)smr_get_uint(r, UINT32_MAX);
	smr_get_fixed(r, out->value, sizeof(out->value));
	if (out->number == 0) /* absent is said by leaving it out */
		smr_reader_fail(r, SMR_E_MALFORMED);
}

static void get_member(struct smr_reader *r, int64_t key, struct smr_answer *answer, smr_get_own *own, void *content)
{
	switch (key) {
	case KEY_REFUSAL:
		get_refusal(r, &answer->refusal);
		return;
	case KEY_OWN:
		own(r, content);
		return;
	case KEY_TICKET:
		answer->ticket = smr_get_bytes(r, SMR_TICKET_OVERHEAD, SMR_TICKET_MAX);
		return;
	case KEY_BEACON:
		get_beacon(r, &answer->beacon);
		return;
	case KEY_FLIGHT_KEY:
		answer->flight_key = smr_get_bytes(r, 1, SMR_FLIGHT_KEY_MAX);
		return;
	case KEY_SPARE:
		answer->spare_ticket = smr_get_bytes(r, SMR_TICKET_OVERHEAD, SMR_TICKET_MAX);
		return;
	default:
		smr_reader_fail(r, SMR_E_MALFORMED);
	}
}

void smr_get_answer(struct smr_reader *r, struct smr_answer *answer, smr_get_own *own, void *content)
{
	size_t pairs = smr_get_map(r, MEMBERS_MAX);
	int64_t key = SMR_KEY_NONE;

	memset(answer, 0, sizeof(*answer));
	for (size_t i = 0; i < pairs; i++) {
		smr_get_key(r, &key);
		if (r->err != SMR_OK)
			return;
		get_member(r, key, answer, own, content);
	}
	/* A refusal stands alone; everything else brings a ticket. Key 0 can only be the first, so a refusal among
	 * other members shows as pairs > 1. */
	if (answer->refusal != SMR_REFUSAL_NONE ? pairs != 1 : answer->ticket.len == 0)
		smr_reader_fail(r, SMR_E_MALFORMED);
}
