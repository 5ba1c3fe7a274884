/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file history.h
 * Which life of the TPM a record belongs to. The stamp says how many records there were; a TPM whose state was copied counts as well as the
 * original. So each record is also bound to all that came before it: it names the value that the TPM's history (tpm/keys.h) has once it is
 * extended by 32 random octets, which stand in this very record and in no other. Whoever has an older state of the TPM and the newest record
 * lacks the octets of the records between, and the TRE does not take the one for the other's.
 *
 *     file = record | value of the history (32) | extended by (32) | HMAC-SHA-256 (32) over all before it
 *
 * The file is written first, then the counter goes up, then the history is extended; a file that is one step ahead is the write that a power cut
 * interrupted. Who had the state of the TPM just before the newest record has with it what the newest one is worth: no more than a copy made now.
 */
#ifndef SMR_TRE_LINUX_HISTORY_H
#define SMR_TRE_LINUX_HISTORY_H

#include "tre/linux/vault.h"
#include "tre/tre.h"

#define SMR_TRE_HISTORY_TAIL (3u * SMR_HASH_LEN)
#define SMR_TRE_HISTORY_FILE_MAX (SMR_TRE_RECORD_MAX + SMR_TRE_HISTORY_TAIL)

struct smr_tre_history {
	struct smr_tpm *tpm;
	const struct smr_tre_secrets *secrets;
	uint8_t by[SMR_HASH_LEN];
	bool ahead; /* a file was bound, the TPM does not know of it yet */
	bool unbound; /* what was taken is of the time before there was a history: it opens to another key, and the next one is bound */
};

/** @p tpm and @p secrets have to outlive it. */
struct smr_tre_history smr_tre_history_of(struct smr_tpm *tpm, const struct smr_tre_secrets *secrets);

/** Before the first use. @p file is what is stored, or empty: what is not bound yet will be, and needs the TPM's room for that. SMR_E_TPM_FULL. */
enum smr_err smr_tre_history_open(const struct smr_tre_history *history, struct smr_bytes file) SMR_MUST_USE;
/** @p file  [in,out] room of SMR_TRE_HISTORY_FILE_MAX. */
enum smr_err smr_tre_history_bind(struct smr_tre_history *history, struct smr_bytes record,
				  struct smr_space *file) SMR_MUST_USE;
/** The bound file is stored, and the counter counts it: tell the TPM. Nothing, where none is ahead. */
enum smr_err smr_tre_history_follow(struct smr_tre_history *history) SMR_MUST_USE;
/**
 * Is the file of this TPM's life? One that is a step ahead is followed.
 *
 * @param file  [in,out] becomes the record.
 * @return SMR_E_ROLLBACK: older, or of another life; SMR_E_TAMPERED: altered; SMR_E_TPM_CLEARED: the owner has removed the history.
 */
enum smr_err smr_tre_history_take(struct smr_tre_history *history, struct smr_space *file) SMR_MUST_USE;

#endif
