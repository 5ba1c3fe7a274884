/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file load.h
 * Loading files into the AuC: subscriptions of its SHO, reference measurements of suppliers. One transaction per file.
 */
#ifndef SMR_AUC_LOAD_H
#define SMR_AUC_LOAD_H

#include "auc/db.h"
#include "file/party.h"

/**
 * @param records  [out] how many were applied.
 * @return SMR_E_EXISTS: this file is loaded already, nothing to do; everything else with @p problem naming file and record.
 */
enum smr_err smr_auc_load(struct smr_auc_db *db, const struct smr_party *auc, const char *path, uint64_t *records,
			  struct smr_problem *problem) SMR_MUST_USE;

#endif
