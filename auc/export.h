/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file export.h
 * `samara-auc export`: hand subscriptions with their keys over to a network that has its own HLR or UDM.
 *
 * Two authentication centres that both count SQN for one USIM disturb each other. So a subscription that is exported is the other
 * one's from then on: before the file gets its name, it is noted durably that this AuC gives no vector for it any more. The file
 * carries the last SQN given out, or for Open5GS, which uses what it finds, the next one: the other side goes on above it, never
 * below. A reseal makes the subscription this AuC's again.
 */
#ifndef SMR_AUC_EXPORT_H
#define SMR_AUC_EXPORT_H

#include "auc/db.h"

enum smr_export_format {
	SMR_EXPORT_OSMO_HLR, /* SQL for a database of osmo-hlr, schema version 6 */
	SMR_EXPORT_OPEN5GS   /* documents for Open5GS's collection «subscribers», one a line */
};

struct smr_export {
	struct smr_auc_db *db;
	enum smr_export_format format;
	const char *path;	      /* never overwritten; mode 0600 */
	const struct smr_imsi *imsis; /* these and no others; none: all that are active */
	size_t imsi_count;
	bool again;	       /* also those that were exported before, for a file that was lost */
	bool skip_unsupported; /* leave out what the other side cannot do, instead of refusing */
	/* counted */
	uint64_t count;
	uint64_t left_out; /* not active, suspended, exported before, or unsupported */
};

/** «osmo-hlr», «open5gs». SMR_E_INVALID: neither. */
enum smr_err smr_export_format_parse(const char *text, enum smr_export_format *out) SMR_MUST_USE;
/**
 * Write the file. On error nothing is noted and there is no file, unless the problem says otherwise.
 * @return SMR_E_EXISTS; SMR_E_NOT_FOUND: an IMSI that is not known; SMR_E_STATE: one that is not active, or was exported before;
 * SMR_E_UNSUPPORTED: an algorithm that the other side does not have; SMR_E_NOTHING: there was none to export.
 */
enum smr_err smr_auc_export(struct smr_export *export, struct smr_problem *problem) SMR_MUST_USE;

#endif
