/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sho_plan.h
 * The plan of «sho seal»: which device gets which subscription under which serial, noted in sho.db's open transaction.
 * Each device is handed on as soon as it is planned, so that sealing goes on meanwhile. An error anywhere, also in what
 * is left at the end, is one of the whole: the caller then throws away what was sealed.
 */
#ifndef SMR_SHO_PLAN_H
#define SMR_SHO_PLAN_H

#include "cli/sho_csv.h"
#include "cli/sho_db.h"
#include "cli/sho_orders.h"
#include "file/formats.h"

/** A device named on the command line. */
struct smr_seal_pick {
	struct smr_eid eid;
	bool reseal;  /* also if it has a live subscription */
	bool renewed; /* also if it was enrolled anew: the operator accepts its new keys */
	bool except;  /* not for it, but for the rest of the shipment; all picks are so, or none is */
	bool found;
};

/** A device with its subscription. */
struct smr_seal_planned {
	const struct smr_shipment_record *device;
	const struct smr_subscription *subscription;
	uint64_t serial;
	struct smr_bytes order; /* encoded, lives as long as the plan's orders; empty: none */
};

struct smr_seal_plan {
	/* given */
	const struct smr_party *sho;
	struct smr_sho_db *db; /* inside a transaction */
	const char *shipment_path;
	const char *csv_path;
	struct smr_shipment_about about;
	struct smr_sho_origin origin;	 /* supplier and number of the shipment */
	const struct smr_orders *orders; /* sorted */
	struct smr_seal_pick *picks;	 /* sorted by EID; none: all devices */
	size_t pick_count;
	uint64_t first_serial;
	uint64_t batch;
	enum smr_err (*planned)(void *context, const struct smr_seal_planned *planned); /* fills the problem */
	void *context;
	/* counted */
	uint64_t count; /* assigned: serials from first_serial on, in the order of the shipment and of the CSV lines */
	uint64_t already;   /* have a live subscription */
	uint64_t uncovered; /* no order of the owner covers them */
	uint64_t renewed;   /* enrolled anew in this shipment; nobody named them with --re-enrolled */
	uint64_t history;   /* enrolled anew in a later shipment */
	uint64_t missing;   /* no subscription was left for them */
	uint64_t surplus;   /* subscriptions that were not needed */
};

/** For qsort and bsearch. */
int smr_seal_pick_compare(const void *a, const void *b);

/** @param reader  the shipment, opened and trusted, before its first record. */
enum smr_err smr_seal_plan(struct smr_seal_plan *plan, struct smr_file_reader *reader,
			   struct smr_problem *problem) SMR_MUST_USE;

#endif
