/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to the operator, and when. An install receipt takes the row's evidence with it into `relay`: one record,
 * one piece of evidence. So does the evidence of a flight that says that the package is not there. A device that repeats
 * its receipt because the answer got lost adds nothing to what is durable there already, and a second record could only
 * come without evidence; it is dropped. The same goes for the receipt of a command that has had one, until the operator
 * rejects that one. So nothing that a device repeats makes the relay grow.
 */
#include "store/effects.h"

static bool same_iccid(const struct smr_iccid *a, const struct smr_iccid *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

static void put_relay(struct smr_effects *out, uint64_t operator_number, const struct smr_receipt *receipt,
		      bool takes_evidence)
{
	out->relays[out->relay_count++] =
		(struct smr_relay_effect){operator_number, takes_evidence && out->has_evidence, *receipt};
	if (!takes_evidence || !out->has_evidence)
		return;
	out->evidence_relayed = true;
	out->has_evidence = false;
}

/* The device says under its signature that it does not hold the package: the operator is to see that, and seal anew. */
static void take_missing(const struct smr_store_grip *grip, struct smr_effects *out)
{
	struct smr_receipt none = {.kind = SMR_RECEIPT_NONE, .iccid = grip->iccid, .serial = grip->serial};

	if (grip->operator_number != 0)
		put_relay(out, grip->operator_number, &none, true);
}

/* @p state: of the row, or as an earlier receipt of the same report has left it: a second one is a repeated one. */
static void take_install(const struct smr_store_grip *grip, const struct smr_receipt *receipt,
			 enum smr_row_state *state, struct smr_effects *out)
{
	bool is_ours = grip->operator_number != 0 && receipt->serial == grip->serial &&
		       same_iccid(&receipt->iccid, &grip->iccid);
	bool is_repeated = *state == SMR_ROW_INSTALLED && !out->has_evidence;

	if (!is_ours || is_repeated)
		return;
	put_relay(out, grip->operator_number, receipt, true);
	*state = SMR_ROW_INSTALLED;
}

static bool has_ended(const struct smr_effects *out, const struct smr_iccid *iccid)
{
	for (size_t i = 0; i < out->command_count; i++)
		if (same_iccid(&out->commands[i]->iccid, iccid))
			return true;
	return false;
}

/* Only the answer to what is pending goes on: the MAC is not ours to check, and a device could make any number of
 * others. */
static void take_command(const struct smr_store_grip *grip, const struct smr_receipt *receipt, struct smr_effects *out)
{
	for (size_t i = 0; i < grip->command_count; i++) {
		const struct smr_store_waiting_command *command = &grip->commands[i];

		if (command->serial != receipt->serial || !same_iccid(&command->iccid, &receipt->iccid) ||
		    has_ended(out, &command->iccid))
			continue;
		put_relay(out, command->operator_number, receipt, false);
		out->commands[out->command_count++] = receipt;
	}
}

static enum smr_err take_receipts(const struct smr_store_change *change, struct smr_effects *out, const char **why)
{
	enum smr_row_state state = change->grip.state;

	*why = "too many receipts";
	if (change->receipt_count > SMR_COUNT(change->receipts))
		return SMR_E_INVALID;
	for (size_t i = 0; i < change->receipt_count; i++) {
		const struct smr_receipt *receipt = &change->receipts[i];

		*why = "a receipt of an unknown kind";
		if (receipt->kind == SMR_RECEIPT_INSTALL)
			take_install(&change->grip, receipt, &state, out);
		else if (receipt->kind == SMR_RECEIPT_COMMAND)
			take_command(&change->grip, receipt, out);
		else
			return SMR_E_INVALID;
	}
	return SMR_OK;
}

enum smr_err smr_effects_of(const struct smr_store_change *change, struct smr_effects *out, const char **why)
{
	const struct smr_store_grip *grip = &change->grip;

	*out = (struct smr_effects){.put_evidence = change->keep_evidence,
				    .has_evidence = change->keep_evidence || grip->evidence != 0};
	*why = "evidence that is too long, or missing";
	if (change->keep_evidence && (change->evidence.len == 0 || change->evidence.len > SMR_EVIDENCE_MAX))
		return SMR_E_INVALID;
	if (change->keep_evidence && change->missing)
		take_missing(grip, out);
	SMR_TRY(take_receipts(change, out, why));
	/* X goes with the receipt, and also when the row waits for a new package: that one is never sent again. */
	out->purge_x = grip->has_x && (change->purge_x || change->state == SMR_ROW_RESEAL);
	out->has_x = grip->has_x && !out->purge_x;
	/* The package that a device with a ticket was to come for has been sent. The condition is SMR_SQL_COMMAND_PENDING's. */
	out->journal = out->command_count > 0 ||
		       (grip->state == SMR_ROW_SEALED && grip->lineage != 0 && change->state != SMR_ROW_SEALED);
	return SMR_OK;
}
