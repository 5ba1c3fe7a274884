/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file relay.h
 * The operator's end of the relay: evidence files of a trusted RO in, signed acknowledgements out, in one directory.
 */
#ifndef SMR_AUC_RELAY_H
#define SMR_AUC_RELAY_H

#include <time.h>

#include "auc/db.h"
#include "file/party.h"

/**
 * Take every evidence file in @p directory that has no acknowledgement yet. Each is one transaction; its acknowledgement
 * appears after that. A file that was judged before (its acknowledgement was lost) is judged again, with the same result.
 * @param operator_id  key id of our operator; files for another one are refused and renamed to «….refused».
 * @param between  called before each file, outside any transaction, so that who wants a vector does not wait for all of
 * them. False: leave the rest for another time. NULL: there is nothing else to do.
 * @return SMR_E_BUSY: a file waits for something (a card to be trusted, a file to be loaded): look again a little later.
 */
enum smr_err smr_auc_relay(struct smr_auc_db *db, const struct smr_party *auc, const struct smr_key_id *operator_id,
			   const char *directory, bool (*between)(void *context), void *context) SMR_MUST_USE;

/* ---- what waits ---- */

#define SMR_AUC_WAIT_MS 3000u
#define SMR_AUC_WAIT_MAX_MS 192000u

/** What may have made a file acceptable that was not. */
struct smr_auc_news {
	struct timespec directory; /* when a file last came or went */
	struct timespec trust;	   /* likewise a card */
	uint64_t data;		   /* smr_auc_db_changes */
};
void smr_auc_relay_news(struct smr_auc_db *db, const struct smr_party *auc, const char *directory,
			struct smr_auc_news *out);

/**
 * To verify all of a file only to find that one of its records still waits costs as much as to judge it. So each time it is
 * left alone twice as long, from SMR_AUC_WAIT_MS to SMR_AUC_WAIT_MAX_MS, unless there is news. Begins as zeros.
 */
struct smr_auc_patience {
	uint64_t wait_ms; /* 0: nothing waits */
	uint64_t until_ms;
	struct smr_auc_news seen;
};
/** A round has left something waiting. @param seen  news of before that round. */
void smr_auc_patience_grow(struct smr_auc_patience *patience, uint64_t now_ms, const struct smr_auc_news *seen);
/** Is it time for another round? */
bool smr_auc_patience_is_over(const struct smr_auc_patience *patience, uint64_t now_ms,
			      const struct smr_auc_news *news);

#endif
