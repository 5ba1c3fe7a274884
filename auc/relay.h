/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file relay.h
 * The operator's end of the relay: evidence files of a trusted RO in, signed acknowledgements out, in one directory.
 */
#ifndef SMR_AUC_RELAY_H
#define SMR_AUC_RELAY_H

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

#endif
