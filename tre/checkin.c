/* SPDX-License-Identifier: Apache-2.0 */
/* The TRE's side of the check-in (design section 3). */
#include "tre/state.h"

void smr_tre_drop_contact(struct smr_tre_durable *draft)
{
	SMR_WIPE(draft->contact);
	SMR_WIPE(draft->spare);
	SMR_WIPE(draft->pending);
}

void smr_tre_fill_outcome(const struct smr_tre_durable *state, struct smr_tre_outcome *outcome)
{
	bool contact = state->contact.ticket_len || state->spare.ticket_len || state->pending.c1_len;

	outcome->has_receipts = state->receipt_count > 0;
	outcome->flight_needed = !contact;
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++) {
		if (state->mcims[i].used)
			outcome->interval_s = state->mcims[i].content.checkin_interval_s;
	}
}

static enum smr_err give_up_contact(struct smr_tre *tre)
{
	struct smr_tre_durable *draft = smr_tre_draft(tre);

	smr_tre_drop_contact(draft);
	SMR_TRY(smr_tre_keep(tre));
	return SMR_E_NOTHING;
}

/** rk is bound to the state it was agreed in: after a change of what runs, or in another term, the next contact is a flight (S9).
 * SMR_E_NOTHING: it is so; what was there for a check-in is gone. */
static enum smr_err check_contact(struct smr_tre *tre)
{
	uint8_t state[SMR_HASH_LEN];

	SMR_TRY(smr_tre_contact_state(tre, state));
	return smr_equal_ct(tre->now.contact_state, state, sizeof(state)) ? SMR_OK : give_up_contact(tre);
}

static enum smr_err copy_out(struct smr_space *out, const uint8_t *ptr, size_t len)
{
	if (out->len < len)
		return SMR_E_NO_ROOM;
	memcpy(out->ptr, ptr, len);
	out->len = len;
	return SMR_OK;
}

static enum smr_err resend(struct smr_tre *tre, struct smr_space *c1)
{
	smr_tre_draft(tre)->pending.resends++;
	SMR_TRY(smr_tre_keep(tre));
	return copy_out(c1, tre->now.pending.c1, tre->now.pending.c1_len);
}

static void fill_report(const struct smr_tre_durable *state, struct smr_report *report)
{
	memset(report, 0, sizeof(*report));
	while (report->receipt_count < SMR_RECEIPTS_MAX && report->receipt_count < state->receipt_count) {
		report->receipts[report->receipt_count] = state->receipts[report->receipt_count];
		report->receipt_count++;
	}
	report->mcim_state = SMR_MCIM_NONE;
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++) {
		if (state->mcims[i].used)
			report->mcim_state = state->mcims[i].state;
	}
	report->tamper = state->tamper;
}

/** Spend the ticket: C1 and what opens its answer replace rk in the draft. */
static enum smr_err spend(struct smr_tre_durable *draft, struct smr_tre_contact *contact)
{
	struct smr_space room = {draft->pending.c1, sizeof(draft->pending.c1)};
	struct smr_report report;

	if (draft->ctr == UINT32_MAX)
		return SMR_E_COUNTER;
	draft->ctr++;
	draft->lineage_count++;
	fill_report(draft, &report);
	SMR_TRY(smr_c1_build(contact->rk, smr_bytes_of(contact->ticket, contact->ticket_len), draft->ctr, &report,
			     &room, &draft->pending.kept));
	draft->pending.c1_len = room.len;
	draft->pending.resends = 0;
	draft->pending.receipts = (uint32_t)report.receipt_count;
	smr_wipe(contact, sizeof(*contact));
	return SMR_OK;
}

enum smr_err smr_tre_checkin_start(struct smr_tre *tre, struct smr_space *c1)
{
	struct smr_tre_durable *draft;
	struct smr_tre_contact *contact;
	enum smr_err err;

	SMR_TRY(smr_tre_ready_enrolled(tre));
	SMR_TRY(check_contact(tre));
	if (tre->now.lineage_count >= SMR_TRE_LINEAGE_MAX)
		return give_up_contact(tre);
	if (tre->now.pending.c1_len && tre->now.pending.resends < SMR_TRE_RESENDS_MAX)
		return resend(tre, c1);
	draft = smr_tre_draft(tre);
	SMR_WIPE(draft->pending); /* unanswered too often: its ticket is spent, a spare one may be left */
	contact = draft->contact.ticket_len ? &draft->contact : &draft->spare;
	if (contact->ticket_len == 0)
		return give_up_contact(tre);
	err = spend(draft, contact);
	if (err != SMR_OK) {
		smr_tre_discard(tre);
		return err;
	}
	SMR_TRY(smr_tre_keep(tre));
	return copy_out(c1, tre->now.pending.c1, tre->now.pending.c1_len);
}

static void take_ticket(struct smr_tre_contact *contact, struct smr_bytes ticket, const uint8_t *rk)
{
	if (ticket.len == 0)
		return;
	memcpy(contact->rk, rk, sizeof(contact->rk));
	memcpy(contact->ticket, ticket.ptr, ticket.len);
	contact->ticket_len = ticket.len;
}

static void accept(struct smr_tre_durable *draft, const struct smr_c2 *c2, const uint8_t *rk, const uint8_t *spare_rk,
		   struct smr_tre_outcome *outcome)
{
	smr_tre_drop_receipts(draft, draft->pending.receipts);
	smr_tre_drop_contact(draft);
	take_ticket(&draft->contact, c2->ticket, rk);
	take_ticket(&draft->spare, c2->spare_ticket, spare_rk);
	smr_tre_take_beacon(draft, &c2->beacon);
	if (c2->flight_key.len) {
		/* A key that we have already, or one that is not the root's, changes nothing. */
		enum smr_err ignored = smr_tre_take_flight_key(draft, c2->flight_key);
		(void)ignored;
	}
	for (size_t i = 0; i < c2->object_count; i++) {
		if (smr_tre_obey(draft, c2->objects[i]) == SMR_OK)
			outcome->commands_done++;
	}
}

enum smr_err smr_tre_checkin_complete(struct smr_tre *tre, struct smr_bytes datagram, struct smr_tre_outcome *outcome)
{
	uint8_t rk[SMR_RK_LEN];
	uint8_t spare_rk[SMR_RK_LEN];
	struct smr_tre_durable *draft;
	struct smr_c2 c2;
	enum smr_err err;

	memset(outcome, 0, sizeof(*outcome));
	outcome->package = SMR_E_NOTHING;
	SMR_TRY(smr_tre_ready_enrolled(tre));
	if (tre->now.pending.c1_len == 0)
		return SMR_E_STATE;
	SMR_TRY(check_contact(tre));
	if (datagram.len > SMR_C2_MAX)
		return SMR_E_UNOPENED;
	err = smr_c2_open(&tre->now.pending.kept, datagram,
			  (struct smr_space){tre->work.opened.answer, sizeof(tre->work.opened.answer)}, &c2, rk,
			  spare_rk);
	if (err == SMR_OK) {
		draft = smr_tre_draft(tre);
		outcome->refusal = c2.refusal;
		if (c2.refusal == SMR_REFUSAL_NONE) {
			accept(draft, &c2, rk, spare_rk, outcome);
		} else {
			smr_tre_drop_contact(draft);
		}
		err = smr_tre_keep(tre);
		smr_tre_fill_outcome(&tre->now, outcome);
	}
	SMR_WIPE(rk);
	SMR_WIPE(spare_rk);
	SMR_WIPE(tre->work);
	return err;
}
