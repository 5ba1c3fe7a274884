/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the check-in (design section 3, docs/protocol.md section 4). */
#include "server/item.h"
#include "server/tell.h"

static void hint(struct smr_item *item, const struct smr_steps *steps)
{
	struct smr_coap_answer answer = {.code = SMR_COAP_NOT_FOUND};

	SMR_COUNT_UP(steps->metrics, hints_ticket_key, 1);
	smr_item_finish(item, steps, &answer);
}

/** Does this check-in need the store? Only what is reported, or pending, does. */
static bool needs_store(const struct smr_item *item, const struct smr_steps *steps)
{
	return item->c1.report.receipt_count > 0 || smr_pending_has(&steps->pending, &item->ticket.eid);
}

static enum smr_err open_both(struct smr_item *item, const struct smr_steps *steps, const struct smr_ticket_key *tk,
			      struct smr_bytes sealed)
{
	SMR_TRY(smr_ticket_open(tk, steps->lanes, sealed, &item->ticket));
	return smr_c1_open(&item->ticket, item->coap.payload, &item->c1);
}

void smr_checkin_open(struct smr_item *item, const struct smr_steps *steps)
{
	const struct smr_ticket_key *tk;
	struct smr_bytes sealed;
	uint32_t tk_id;

	if (smr_c1_peek(item->coap.payload, &sealed, &tk_id) != SMR_OK) {
		SMR_COUNT_UP(steps->metrics, dropped_malformed, 1);
		return;
	}
	tk = smr_keyring_ticket_key(steps->ring, tk_id);
	if (tk == NULL) {
		hint(item, steps);
		return;
	}
	if (open_both(item, steps, tk, sealed) != SMR_OK) {
		SMR_COUNT_UP(steps->metrics, dropped_unopened, 1);
		smr_item_wipe(item);
		return;
	}
	SMR_COUNT_UP(steps->metrics, tamper_reports, item->c1.report.tamper ? 1 : 0);
	smr_tell_tamper(&item->ticket.eid, item->c1.report.tamper);
	item->verdict = (struct smr_verdict){.counted = true};
	item->ticket_class = smr_tk_class(tk_id);
	item->verdict.refusal =
		smr_ticket_judge(&item->ticket, tk_id, smr_keyring_epoch(steps->ring, item->ticket_class),
				 smr_keyring_lifetime(steps->ring, item->ticket_class));
	if (item->verdict.refusal == SMR_REFUSAL_NONE && needs_store(item, steps)) {
		item->stage = SMR_STAGE_LOOKUP;
		return;
	}
	SMR_COUNT_UP(steps->metrics, checkins_without_store, item->verdict.refusal == SMR_REFUSAL_NONE ? 1 : 0);
	item->stage = SMR_STAGE_ANSWER;
}

static void fill_change(struct smr_item *item)
{
	const struct smr_report *report = &item->c1.report;
	struct smr_store_change *change = item->change;

	smr_change_from(change, item->device, &item->verdict, item->c1.hash_c1);
	for (size_t i = 0; i < report->receipt_count; i++) {
		if (item->verdict.receipts & (1u << i))
			change->receipts[change->receipt_count++] = report->receipts[i];
	}
}

void smr_checkin_judge(struct smr_item *item, const struct smr_steps *steps)
{
	if (item->device->err != SMR_OK) {
		SMR_COUNT_UP(steps->metrics, dropped_unknown, 1);
		smr_item_wipe(item);
		return;
	}
	item->verdict = smr_rules_checkin(&item->device->row, &item->ticket, &item->c1);
	if (item->verdict.commit)
		fill_change(item);
	item->stage = item->verdict.commit ? SMR_STAGE_COMMIT : SMR_STAGE_ANSWER;
}

/** Has this very report brought the receipt of that command? Then it is not sent again. */
static bool is_receipted(const struct smr_report *report, struct smr_bytes object)
{
	struct smr_command command;

	if (smr_command_peek(object, &command) != SMR_OK)
		return true; /* not a command: nothing a device could use */
	for (size_t i = 0; i < report->receipt_count; i++) {
		const struct smr_receipt *receipt = &report->receipts[i];

		if (receipt->kind == SMR_RECEIPT_COMMAND && receipt->serial >= command.serial &&
		    memcmp(&receipt->iccid, &command.iccid, sizeof(command.iccid)) == 0)
			return true;
	}
	return false;
}

static void add_objects(const struct smr_item *item, struct smr_c2 *c2)
{
	const struct smr_store_device *device = item->device;

	if (device == NULL)
		return;
	for (size_t i = 0; i < device->object_count; i++) {
		struct smr_bytes object = smr_bytes_of(device->objects[i], device->object_len[i]);

		if (!is_receipted(&item->c1.report, object))
			c2->objects[c2->object_count++] = object;
	}
}

/** The next ticket, or the spare one beside it: everything but rk stays as it was; lineage, flight epoch and class never change on
 * renewal. So it does not matter to the row which of the two the device spends: the one that it spends second has the higher counter. */
static enum smr_err renew(const struct smr_item *item, const struct smr_steps *steps, const uint8_t rk[SMR_RK_LEN],
			  struct smr_space *out)
{
	const struct smr_ticket_key *tk = smr_keyring_ticket_current(steps->ring, item->ticket_class);
	struct smr_ticket ticket = item->ticket;
	enum smr_err err;

	if (tk == NULL)
		return SMR_E_UNKNOWN_KEY;
	memcpy(ticket.rk, rk, sizeof(ticket.rk));
	if (item->device != NULL && item->verdict.state == SMR_ROW_INSTALLED)
		ticket.state |= SMR_TICKET_INSTALLED;
	err = smr_ticket_seal(tk, steps->lanes, &ticket, out);
	SMR_WIPE(ticket);
	return err;
}

static enum smr_err put_tickets(const struct smr_item *item, const struct smr_steps *steps,
				const struct smr_c2_keys *keys, uint8_t rooms[2][SMR_TICKET_MAX], struct smr_c2 *c2)
{
	struct smr_space room = {rooms[0], SMR_TICKET_MAX};

	SMR_TRY(renew(item, steps, keys->rk, &room));
	c2->ticket = smr_bytes_of(rooms[0], room.len);
	if (!smr_keyring_gives_spare(steps->ring, item->ticket_class))
		return SMR_OK;
	room = (struct smr_space){rooms[1], SMR_TICKET_MAX};
	SMR_TRY(renew(item, steps, keys->spare_rk, &room));
	c2->spare_ticket = smr_bytes_of(rooms[1], room.len);
	return SMR_OK;
}

/** What is optional goes first to stay within the amplification limit: the spare ticket, then objects, which go on waiting for their
 * receipts. SMR_E_NO_ROOM: too long even without any. */
static enum smr_err seal_within(struct smr_item *item, const uint8_t *r, struct smr_c2 *c2, struct smr_space *out)
{
	const struct smr_checkin *keys = &item->c1.keys;
	enum smr_err err;

	for (;;) {
		*out = smr_item_room_within(item);
		err = smr_c2_seal(keys, r, c2, out);
		if (err == SMR_OK || err == SMR_E_CRYPTO)
			return err;
		if (c2->spare_ticket.len > 0)
			c2->spare_ticket = SMR_NONE;
		else if (c2->object_count > 0)
			c2->object_count--;
		else
			return err;
	}
}

static enum smr_err seal(struct smr_item *item, const struct smr_steps *steps, struct smr_space *out)
{
	uint8_t rooms[2][SMR_TICKET_MAX];
	struct smr_c2 c2 = {.refusal = item->verdict.refusal};
	struct smr_c2_keys keys;
	enum smr_err err = smr_c2_keys(&item->c1.keys, &keys);

	if (err == SMR_OK && c2.refusal == SMR_REFUSAL_NONE) {
		err = put_tickets(item, steps, &keys, rooms, &c2);
		add_objects(item, &c2);
	}
	if (err == SMR_OK)
		err = seal_within(item, keys.r, &c2, out);
	SMR_COUNT_UP(steps->metrics, spare_tickets, err == SMR_OK && c2.spare_ticket.len > 0 ? 1 : 0);
	SMR_WIPE(keys);
	return err;
}

static void count(const struct smr_item *item, const struct smr_steps *steps)
{
	if (item->verdict.refusal != SMR_REFUSAL_NONE) {
		SMR_COUNT_UP(steps->metrics, checkins_refused, 1);
		return;
	}
	SMR_COUNT_UP(steps->metrics, checkins_answered, 1);
	SMR_COUNT_UP(steps->metrics, receipts, item->change ? item->change->receipt_count : 0);
	SMR_COUNT_UP(steps->metrics, resends_answered, item->verdict.counted ? 0 : 1);
}

void smr_checkin_answer(struct smr_item *item, const struct smr_steps *steps, bool store_failed)
{
	struct smr_space room;
	struct smr_coap_answer answer = {.code = SMR_COAP_CHANGED};
	enum smr_err err;

	/* Without the store the request stays unanswered: the TRE sends the same C1 again and loses nothing, while a refusal
	 * would cost it its ticket. */
	if (store_failed) {
		SMR_COUNT_UP(steps->metrics, dropped_store, 1);
		smr_item_wipe(item);
		return;
	}
	err = seal(item, steps, &room);
	if (err == SMR_E_NO_ROOM && !item->proved) {
		smr_item_challenge(item, steps);
		return;
	}
	if (err != SMR_OK) {
		smr_item_wipe(item);
		return;
	}
	count(item, steps);
	answer.payload = smr_bytes_of(room.ptr, room.len);
	smr_item_finish(item, steps, &answer);
}
