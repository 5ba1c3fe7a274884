/* SPDX-License-Identifier: Apache-2.0 */
/* The TRE's side of the flight (design section 2). */
#include "core/rules.h"
#include "tre/state.h"

static void state_have(const struct smr_tre_durable *draft, struct smr_evidence *ev)
{
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++) {
		if (!draft->mcims[i].used)
			continue;
		ev->have = true;
		ev->have_iccid = draft->mcims[i].iccid;
		ev->have_serial = draft->mcims[i].serial;
		return;
	}
}

static void state_evidence(const struct smr_tre *tre, const struct smr_tre_durable *draft, struct smr_evidence *ev)
{
	memset(ev, 0, sizeof(*ev));
	ev->eid = draft->eid;
	ev->ctr = draft->ctr;
	memcpy(ev->measurement, tre->measurement, sizeof(ev->measurement));
	if (draft->beacon.number) {
		ev->fresh_kind = SMR_FRESH_BEACON;
		ev->beacon = draft->beacon;
	}
	state_have(draft, ev);
	ev->failed = draft->failed;
	ev->failed_iccid = draft->failed_iccid;
	ev->failed_serial = draft->failed_serial;
	ev->failed_reason = draft->failed_reason;
	ev->tamper = draft->tamper;
	ev->lineage = draft->lineage;
}

static enum smr_err build_request(struct smr_tre *tre, const struct smr_tre_durable *draft, bool with_certificate,
				  struct smr_space *m1)
{
	const struct smr_tre_server_key *key = draft->epoch.number ? &draft->epoch : &draft->shelf;
	const struct smr_attester d = smr_tre_attester(tre);
	struct smr_bytes certificate = SMR_NONE;
	struct smr_pubkey q = {0};
	struct smr_evidence ev;
	enum smr_err err;

	if (with_certificate)
		certificate = smr_bytes_of(draft->certificate, draft->certificate_len);
	state_evidence(tre, draft, &ev);
	err = smr_pubkey_import(&q, SMR_ARRAY(key->point));
	if (err == SMR_OK)
		err = smr_m1_build(&q, key->number, &d, &ev, certificate, tre->show_log ? tre->port->boot_log : NULL,
				   m1, &tre->flight);
	smr_pubkey_wipe(&q);
	return err;
}

/** The ticket that the answer brings will be bound to what the evidence states now, not to what is so when it arrives. One that is bound to
 * something else is of no use any more. */
static enum smr_err bind_contact(struct smr_tre *tre, struct smr_tre_durable *draft)
{
	uint8_t state[SMR_HASH_LEN];

	SMR_TRY(smr_tre_contact_state(tre, state));
	if (!smr_equal_ct(state, draft->contact_state, sizeof(state))) {
		smr_tre_drop_contact(draft);
		memcpy(draft->contact_state, state, sizeof(state));
	}
	return SMR_OK;
}

enum smr_err smr_tre_flight_start(struct smr_tre *tre, bool with_certificate, struct smr_space *m1)
{
	struct smr_tre_durable *draft;
	enum smr_err err;

	SMR_TRY(smr_tre_ready_enrolled(tre));
	smr_tre_close_flight(tre);
	draft = smr_tre_draft(tre);
	err = draft->ctr == UINT32_MAX ? SMR_E_COUNTER : bind_contact(tre, draft);
	if (err == SMR_OK) {
		draft->ctr++;
		err = build_request(tre, draft, with_certificate, m1);
	}
	if (err != SMR_OK) {
		smr_tre_discard(tre);
		return err;
	}
	tre->flight_open = true; /* from here on smr_tre_close_flight erases e */
	err = smr_tre_keep(tre);
	if (err != SMR_OK) {
		smr_tre_close_flight(tre);
		m1->len = 0;
	}
	return err;
}

enum smr_err smr_tre_flight_gate(struct smr_tre *tre, uint8_t mac[SMR_GATE_MAC_LEN])
{
	struct smr_gate_key key;
	enum smr_err err;

	SMR_TRY(smr_tre_ready_enrolled(tre));
	if (!tre->flight_open)
		return SMR_E_STATE;
	if (!tre->now.has_gate)
		return SMR_E_NOTHING;
	err = smr_gate_key_derive(tre->now.gate, &key);
	if (err == SMR_OK)
		err = smr_gate_mac(&key, tre->flight.hash_m1, mac);
	SMR_WIPE(key);
	return err;
}

/** A server that sends no package knows that it is installed, perhaps from our word alone: it may have lost the receipt with an older copy
 * of its store. Its first check-in will tell; a receipt that the operator has is dropped there. */
static enum smr_err repeat_receipt(struct smr_tre_durable *draft)
{
	const struct smr_tre_mcim *live = smr_tre_live_mcim(draft);

	return live != NULL ? smr_tre_queue_install_receipt(draft, live) : SMR_OK;
}

/** Is it this device that failed, and not X? Then the same X comes again, and nobody is told to seal another one. TOO_MANY is the end of what it
 * remembers of operators, and stays. */
static bool is_our_fault(enum smr_err err)
{
	switch (err) {
	case SMR_E_MEASUREMENT: /* of a TPM, or of its answer on the way */
	case SMR_E_TAMPERED:
	case SMR_E_TPM_CLEARED:
	case SMR_E_TPM_RESET:
		return true;
	case SMR_E_NOTHING:
	case SMR_E_TOO_MANY:
		return false;
	default:
		return smr_err_class(err) == SMR_CLASS_LIMIT || smr_err_class(err) == SMR_CLASS_LATER;
	}
}

/** Put what an accepted M2 brings into the draft. */
static enum smr_err accept(struct smr_tre *tre, struct smr_tre_durable *draft, const struct smr_m2 *m2,
			   const uint8_t *rk, struct smr_tre_outcome *outcome)
{
	smr_tre_drop_contact(draft);
	memcpy(draft->contact.rk, rk, SMR_RK_LEN);
	memcpy(draft->contact.ticket, m2->ticket.ptr, m2->ticket.len);
	draft->contact.ticket_len = m2->ticket.len;
	draft->lineage = draft->keys_in_platform ? tre->flight.ctr : 0;
	draft->lineage_count = 0;
	smr_tre_take_beacon(draft, &m2->beacon);
	if (m2->flight_key.len) {
		/* A key that we have already, or one that is not the root's, changes nothing. */
		enum smr_err ignored = smr_tre_take_flight_key(draft, m2->flight_key);
		(void)ignored;
	}
	if (!m2->has_package)
		return repeat_receipt(draft);
	if (draft->tamper != 0)
		return SMR_E_TAMPERED; /* no secret comes to where they were erased */
	outcome->package = smr_tre_install(tre, draft, &m2->package, tre->flight.hash_ev);
	if (is_our_fault(outcome->package))
		return outcome->package;
	draft->failed = outcome->package != SMR_OK && outcome->package != SMR_E_NOTHING;
	draft->failed_iccid = m2->package.iccid;
	draft->failed_serial = draft->failed ? m2->package.serial : 0;
	draft->failed_reason = draft->failed ? (uint32_t)outcome->package : 0;
	return SMR_OK;
}

/** Our counter is not above the row's: whoever stole an rk may have pushed that one, by SMR_CTR_CHECKIN_MAX at most. One step gets past it.
 * Only an answer to this very request gets here, so nobody on the path can make us step. */
static enum smr_err step_ahead(struct smr_tre *tre)
{
	struct smr_tre_durable *draft = smr_tre_draft(tre);

	draft->ctr = draft->ctr < UINT32_MAX - SMR_CTR_STEP ? draft->ctr + SMR_CTR_STEP : UINT32_MAX;
	return smr_tre_keep(tre);
}

/** Another life of this TPM's state has got ahead of ours: the row knows it by its clock. Neither counter nor ticket may be used to pass that one
 * unnoticed, so the ticket goes and every further request says why. The subscription stays as it is. */
static enum smr_err confess(struct smr_tre *tre)
{
	struct smr_tre_durable *draft = smr_tre_draft(tre);

	smr_tre_drop_contact(draft);
	draft->tamper |= SMR_TAMPER_TPM_STATE;
	return smr_tre_keep(tre);
}

/** What a refusal changes. */
static enum smr_err take_refusal(struct smr_tre *tre, enum smr_refusal refusal)
{
	if (refusal == SMR_REFUSAL_COUNTER)
		return step_ahead(tre);
	if (refusal == SMR_REFUSAL_TPM_STATE && tre->now.keys_in_platform)
		return confess(tre);
	return SMR_OK;
}

enum smr_err smr_tre_flight_complete(struct smr_tre *tre, struct smr_bytes datagram, struct smr_tre_outcome *outcome)
{
	uint8_t rk[SMR_RK_LEN];
	struct smr_m2 m2;
	enum smr_err err;

	memset(outcome, 0, sizeof(*outcome));
	outcome->package = SMR_E_NOTHING;
	SMR_TRY(smr_tre_ready_enrolled(tre));
	if (!tre->flight_open)
		return SMR_E_STATE;
	if (datagram.len > SMR_M2_MAX)
		return SMR_E_UNOPENED;
	err = smr_m2_open(&tre->flight, datagram,
			  (struct smr_space){tre->work.opened.answer, sizeof(tre->work.opened.answer)}, &m2, rk);
	if (err != SMR_OK)
		goto out; /* a forged answer must not cost the real one: e stays */
	outcome->refusal = m2.refusal;
	tre->show_log = m2.refusal == SMR_REFUSAL_MEASUREMENT;
	if (m2.refusal == SMR_REFUSAL_NONE) {
		err = accept(tre, smr_tre_draft(tre), &m2, rk, outcome);
		if (err == SMR_OK)
			err = smr_tre_keep(tre);
		else
			smr_tre_discard(tre);
	} else {
		err = take_refusal(tre, m2.refusal);
	}
	smr_tre_close_flight(tre);
	smr_tre_fill_outcome(&tre->now, outcome);
out:
	SMR_WIPE(rk);
	SMR_WIPE(tre->work);
	return err;
}
