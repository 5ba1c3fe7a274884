/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sho_journal.h
 * DIR/seal.journal: what a run of «sho seal» has sealed so far, so that a run which was killed is taken up where it ended.
 *
 * The expensive part alone is kept, X and W per device; both output files are written anew from it. Every entry is encrypted
 * under DIR/keys/seal.key, which lives as long as the run: at its end the key is overwritten and removed before the journal
 * is, so that the SHO keeps no X that could be read (S2). Nothing is fsynced: an entry that a power cut tore does not open,
 * and the journal ends before it.
 *
 * A journal belongs to a run: to its inputs and outputs, by their digest, and to the serials and file numbers it was given.
 */
#ifndef SMR_SHO_JOURNAL_H
#define SMR_SHO_JOURNAL_H

#include "core/mcim.h"
#include "sys/problem.h"

/** What a run was given once and keeps when it is taken up again. */
struct smr_seal_run {
	uint8_t digest[SMR_HASH_LEN]; /* of everything that decides what is sealed for whom and where it goes */
	uint64_t first_serial;
	uint64_t reserved; /* serials from first_serial on */
	uint64_t batch;	   /* numbers of the two files */
	uint64_t subscriptions;
};

struct smr_seal_entry {
	uint64_t serial;
	uint8_t input[SMR_HASH_LEN]; /* of the device and the subscription that were sealed */
	uint8_t w[SMR_SIG_LEN];
	uint8_t x[SMR_X_MAX];
	size_t x_len;
};

struct smr_seal_journal;

/**
 * Open what an interrupted run left.
 * @param run  [out] as it was noted.
 * @return SMR_E_NOT_FOUND: there is none, or one of which nothing can be read (it is then to be discarded); SMR_E_IO.
 */
enum smr_err smr_seal_journal_open(const char *dir, struct smr_seal_journal **out,
				   struct smr_seal_run *run) SMR_MUST_USE;
/** Begin one; what was there is discarded. The problem is filled. */
enum smr_err smr_seal_journal_create(const char *dir, const struct smr_seal_run *run, struct smr_seal_journal **out,
				     struct smr_problem *problem) SMR_MUST_USE;

/**
 * The entry for this serial and input, if the next one is it. The first that is not ends the journal there, and from then
 * on entries are added.
 * @param entry  [in] serial and input [out] w and x.
 * @return SMR_E_NOTHING: not sealed yet.
 */
enum smr_err smr_seal_journal_next(struct smr_seal_journal *journal, struct smr_seal_entry *entry) SMR_MUST_USE;
enum smr_err smr_seal_journal_add(struct smr_seal_journal *journal, const struct smr_seal_entry *entry) SMR_MUST_USE;

/** Close, keeping the file for a later run. NULL is allowed. */
void smr_seal_journal_close(struct smr_seal_journal *journal);
/** Overwrite and remove the key, then the journal. None there is SMR_OK. */
enum smr_err smr_seal_journal_discard(const char *dir) SMR_MUST_USE;

#endif
