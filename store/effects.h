/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file effects.h
 * What a change of a row brings about beside the row, decided without the store: a back end only writes it down.
 */
#ifndef SMR_STORE_EFFECTS_H
#define SMR_STORE_EFFECTS_H

#include "store/store.h"

struct smr_effects {
	bool put_evidence;     /* of the change; it takes the place of the row's, if there is one */
	bool evidence_relayed; /* and has left the row for the relay: one of the records below has it */
	bool has_evidence;     /* the row, in the end */
	bool purge_x;	       /* X is there, and is to be overwritten */
	bool has_x;	       /* the row, in the end */
	struct smr_relay_effect {
		uint64_t operator_number;
		bool with_evidence;
		struct smr_receipt receipt;
	} relays[SMR_RECEIPTS_MAX + 1];
	size_t relay_count;
	/* Receipts that end their commands. */
	const struct smr_receipt *commands[SMR_RECEIPTS_MAX];
	size_t command_count;
	bool journal; /* what is pending for the device changes: smr_journal_note */
};

/** @param out views into @p change. @return SMR_E_INVALID; @p why says what. */
enum smr_err smr_effects_of(const struct smr_store_change *change, struct smr_effects *out,
			    const char **why) SMR_MUST_USE;

#endif
