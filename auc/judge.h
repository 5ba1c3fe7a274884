/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file judge.h
 * The operator's own check (requirement V1, design section 3 «Relay»): an RO relays evidence and receipts, nothing it says is
 * believed. Activation needs the device's signature over ev, an approved measurement, and the MAC under K over that very ev and X.
 */
#ifndef SMR_AUC_JUDGE_H
#define SMR_AUC_JUDGE_H

#include "auc/db.h"

/**
 * Judge one record and apply the result to the database (inside the caller's transaction).
 * @param verdict  [out] what the acknowledgement says.
 * @return SMR_OK: judged, either way; SMR_E_NOT_FOUND: the subscription or its supplier's references are not loaded yet; SMR_CLASS_LIMIT and SMR_CLASS_LATER errors: our own trouble, nothing could be judged.
 */
enum smr_err smr_auc_judge(struct smr_auc_db *db, const struct smr_evidence_record *record,
			   enum smr_ack_verdict *verdict) SMR_MUST_USE;

#endif
