/* SPDX-License-Identifier: Apache-2.0 */
#include "core/rules.h"

/* How a contact's counter stands to the row's. */
enum contact { CONTACT_NEW, CONTACT_RESEND, CONTACT_STALE };

static enum contact judge_ctr(const struct smr_row *row, uint32_t ctr, const uint8_t hash[SMR_HASH_LEN])
{
	/* 0 stands for «never seen» in the row, so no contact may carry it. */
	if (ctr == 0 || ctr < row->ctr)
		return CONTACT_STALE;
	if (ctr == row->ctr)
		return memcmp(hash, row->hash, SMR_HASH_LEN) == 0 ? CONTACT_RESEND : CONTACT_STALE;
	return ctr - row->ctr <= SMR_CTR_JUMP_MAX ? CONTACT_NEW : CONTACT_STALE;
}

static struct smr_verdict unchanged(const struct smr_row *row, enum smr_refusal refusal)
{
	return (struct smr_verdict){
		.refusal = refusal,
		.state = row->state,
		.ctr = row->ctr,
		.lineage = row->lineage,
		.tpm = row->tpm,
	};
}

static bool is_package(const struct smr_row *row, const struct smr_iccid *iccid, uint64_t serial)
{
	return serial == row->serial && memcmp(iccid->octets, row->iccid.octets, sizeof(row->iccid.octets)) == 0;
}

/* ---- flight ---- */

#define CLOCK_LEN 12u /* of the memory: resets and clock, in the order in which they compare */

static struct smr_tpm_memory memory_of(const struct smr_tpm_quote *quote, uint32_t ctr)
{
	struct smr_tpm_memory memory = {.known = quote != NULL};

	if (quote == NULL)
		return memory;
	smr_put_be32(memory.octets, quote->resets);
	smr_put_be64(memory.octets + 4, quote->clock_ms);
	smr_put_be32(memory.octets + CLOCK_LEN, ctr);
	return memory;
}

/*
 * Is the TPM that made this request one whose state was copied or restored? Its own clock goes back then (TPM 2.0 part 1, 36: resets are
 * counted at every reset, also after a loss of power that left the clock behind, so that the pair ascends even where «safe» is not
 * said). Or it makes a second request with a counter that a flight had: it knows nothing of that flight, and must not be told to step
 * past it. A counter that a check-in has pushed further is no such sign by itself, for whoever stole an rk can do that, and the device
 * gets past it; but the ticket that was spent came to the device with a flight that it knows of.
 */
static bool is_another_life(const struct smr_row *row, const struct smr_evidence *evidence,
			    const struct smr_tpm_memory *now, enum contact contact)
{
	uint32_t flight_ctr = smr_get_be32(row->tpm.octets + CLOCK_LEN);

	if (!now->known || !row->tpm.known || contact == CONTACT_RESEND)
		return false;
	if (row->ctr > flight_ctr && evidence->lineage < row->lineage)
		return true;
	return memcmp(now->octets, row->tpm.octets, CLOCK_LEN) <= 0 || evidence->ctr <= flight_ctr;
}

/* What about the device itself forbids an answer, whatever its subscription. */
static enum smr_refusal judge_device(const struct smr_row *row, const struct smr_evidence *evidence)
{
	if (row->revoked)
		return SMR_REFUSAL_REVOKED;
	if (evidence->tamper != 0)
		return SMR_REFUSAL_TAMPER;
	if (!row->measurement_approved)
		return row->log_differs ? SMR_REFUSAL_BOOT_LOG : SMR_REFUSAL_MEASUREMENT;
	return SMR_REFUSAL_NONE;
}

/* The operator has to seal anew, and learns it from the device's own evidence: once, since the row is RESEAL from now on. */
static void reseal(struct smr_verdict *v)
{
	v->refusal = SMR_REFUSAL_RESEAL;
	v->state = SMR_ROW_RESEAL;
	v->missing = true;
}

/*
 * A package waits or is on its way.
 *
 * A TRE that has it already gets a ticket alone: X a second time would only be thrown away, and the evidence that the
 * operator must see is that of the flight which installed it, not this one. That holds for a row that is still
 * SEALED too. Such a row never offered its package, so the TRE has it through another row: of a store that was
 * restored from an older copy, or of the RO that served this device before. Refusing would cost a working
 * subscription. The row goes to OFFERED, because what it now awaits is the receipt; whether the receipt counts is not
 * decided here but by the operator, who holds K and rejects it (so: RESEAL) if it never saw that flight's evidence.
 * A TRE that lies gains a ticket, which it gets anyway.
 */
static void judge_waiting(const struct smr_row *row, const struct smr_evidence *evidence, bool has,
			  struct smr_verdict *v)
{
	if (evidence->failed && is_package(row, &evidence->failed_iccid, evidence->failed_serial)) {
		reseal(v);
		return;
	}
	v->state = SMR_ROW_OFFERED;
	v->send_package = !has;
}

static void judge_subscription(const struct smr_row *row, const struct smr_evidence *evidence, struct smr_verdict *v)
{
	bool has = evidence->have && is_package(row, &evidence->have_iccid, evidence->have_serial);

	switch (row->state) {
	case SMR_ROW_SEALED:
	case SMR_ROW_OFFERED:
		judge_waiting(row, evidence, has, v);
		return;
	case SMR_ROW_INSTALLED:
		/* X is purged: a TRE that lost its MCIM cannot be given it again. */
		if (!has)
			reseal(v);
		return;
	case SMR_ROW_RESEAL:
		v->refusal = SMR_REFUSAL_RESEAL;
		return;
	case SMR_ROW_EMPTY:
		break;
	}
	v->refusal = SMR_REFUSAL_NO_SUBSCRIPTION; /* also for a state that nobody defined */
}

struct smr_verdict smr_rules_flight(const struct smr_row *row, const struct smr_evidence *evidence,
				    const struct smr_tpm_quote *quote, const uint8_t hash_m1[SMR_HASH_LEN])
{
	enum contact contact = judge_ctr(row, evidence->ctr, hash_m1);
	struct smr_tpm_memory tpm = memory_of(quote, evidence->ctr);
	struct smr_verdict v = unchanged(row, SMR_REFUSAL_COUNTER);

	/* Nothing is committed: what the original goes by is not for the other one to change. */
	if (is_another_life(row, evidence, &tpm, contact) || (quote != NULL && evidence->tamper & SMR_TAMPER_TPM_STATE))
		return unchanged(row, SMR_REFUSAL_TPM_STATE);
	if (contact == CONTACT_STALE)
		return v;
	v.counted = contact == CONTACT_NEW;
	v.tpm = v.counted ? tpm : row->tpm;
	v.ctr = evidence->ctr;
	v.refusal = judge_device(row, evidence);
	if (v.refusal == SMR_REFUSAL_NONE)
		judge_subscription(row, evidence, &v);
	if (v.refusal == SMR_REFUSAL_NONE)
		v.lineage = evidence->ctr; /* a ticket is sent */
	/* A resend is judged by the row as it is now, which may have become another since: it then changes it too. */
	v.commit = v.counted || v.state != row->state || v.lineage != row->lineage;
	v.keep_evidence = (v.send_package || v.missing) && v.commit;
	return v;
}

/* ---- check-in ---- */

/* May this receipt go to the operator? An install receipt for the package on offer makes the row INSTALLED; repeated
 * later it goes again (the operator takes it once). For any other package it proves nothing that this row could use. */
static bool judge_receipt(const struct smr_row *row, const struct smr_receipt *receipt, struct smr_verdict *v)
{
	if (receipt->kind == SMR_RECEIPT_COMMAND)
		return true;
	if (receipt->kind != SMR_RECEIPT_INSTALL || receipt->result != 0 ||
	    !is_package(row, &receipt->iccid, receipt->serial))
		return false;
	if (v->state == SMR_ROW_OFFERED) {
		v->state = SMR_ROW_INSTALLED;
		v->purge_x = true;
	}
	return v->state == SMR_ROW_INSTALLED;
}

/* Refusals commit nothing here, unlike those of a flight: the key of an older lineage may have leaked, and must not
 * be able to push the counter away from the device. */
struct smr_verdict smr_rules_checkin(const struct smr_row *row, const struct smr_ticket *ticket,
				     const struct smr_c1 *c1)
{
	struct smr_verdict v = unchanged(row, SMR_REFUSAL_NONE);
	enum contact contact;

	if (row->revoked)
		return unchanged(row, SMR_REFUSAL_REVOKED);
	/* A new package waits: only a flight brings it, and a refusal makes the TRE fly. Its receipts stay with it. */
	if (row->lineage == 0 || ticket->lineage != row->lineage || row->state == SMR_ROW_SEALED)
		return unchanged(row, SMR_REFUSAL_LINEAGE);
	/* The counter of a device enrolled anew began anew: tickets of its earlier keys may name a lineage that is in use again. */
	if (memcmp(&ticket->shipment, &row->shipment, sizeof(row->shipment)) != 0)
		return unchanged(row, SMR_REFUSAL_LINEAGE);
	contact = judge_ctr(row, c1->ctr, c1->hash_c1);
	if (c1->ctr < row->lineage || c1->ctr - row->lineage > SMR_CTR_CHECKIN_MAX)
		contact = CONTACT_STALE;
	if (contact == CONTACT_STALE)
		return unchanged(row, SMR_REFUSAL_COUNTER);
	if (contact == CONTACT_RESEND)
		return v; /* answered, counts nothing */
	v.counted = true;
	v.commit = true;
	v.ctr = c1->ctr;
	for (size_t i = 0; i < c1->report.receipt_count; i++)
		if (judge_receipt(row, &c1->report.receipts[i], &v))
			v.receipts = (uint8_t)(v.receipts | 1u << i);
	return v;
}

/* ---- batch ---- */

static bool is_live(enum smr_row_state state)
{
	return state == SMR_ROW_SEALED || state == SMR_ROW_OFFERED || state == SMR_ROW_INSTALLED;
}

enum smr_err smr_rules_load(const struct smr_row *row, uint64_t serial, bool same_operator)
{
	if (row->state == SMR_ROW_EMPTY)
		return SMR_OK;
	/* Serials are each operator's own: another operator's says nothing about the row's. */
	if (!same_operator)
		return is_live(row->state) ? SMR_E_STATE : SMR_OK;
	return serial > row->serial ? SMR_OK : SMR_E_SERIAL;
}
