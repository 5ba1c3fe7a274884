/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of receipts that wait until the server has them. */
#include "tre/state.h"

static bool same_subject(const struct smr_receipt *a, const struct smr_receipt *b)
{
	return a->kind == b->kind && memcmp(&a->iccid, &b->iccid, sizeof(a->iccid)) == 0;
}

static void remove_at(struct smr_tre_durable *draft, size_t index)
{
	for (size_t i = index; i + 1 < draft->receipt_count; i++)
		draft->receipts[i] = draft->receipts[i + 1];
	draft->receipt_count--;
}

void smr_tre_queue_receipt(struct smr_tre_durable *draft, const struct smr_receipt *receipt)
{
	/* A later state of the same subject makes the earlier receipt pointless. Receipts that an unanswered C1 already
	 * carries stay at the head until its answer: smr_tre_drop_receipts counts on it. */
	size_t first = draft->pending.c1_len ? draft->pending.receipts : 0;

	for (size_t i = first; i < draft->receipt_count; i++) {
		if (same_subject(&draft->receipts[i], receipt)) {
			draft->receipts[i] = *receipt;
			return;
		}
	}
	if (draft->receipt_count == SMR_TRE_RECEIPTS_MAX)
		remove_at(draft, first < SMR_TRE_RECEIPTS_MAX ? first : 0);
	draft->receipts[draft->receipt_count++] = *receipt;
}

void smr_tre_drop_receipts(struct smr_tre_durable *draft, size_t count)
{
	while (count-- > 0 && draft->receipt_count > 0)
		remove_at(draft, 0);
}
