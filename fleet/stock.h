/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file stock.h
 * Put a fleet into an RO's store, as the files of a supplier and an operator would, but without the files: everything goes through the
 * loading calls of store/store.h.
 *
 * Live devices are drawn by lot among all rows. The others have rows of exactly the same sizes: a device key that nobody has and random
 * octets for X and W, since nobody will ever ask for them. Rows come in ascending order of their EIDs, as in a supplier's shipment.
 */
#ifndef SMR_FLEET_STOCK_H
#define SMR_FLEET_STOCK_H

#include "fleet/roster.h"

struct smr_stock_wish {
	const char *ro;	   /* the RO's directory */
	const char *store; /* where its store is, or NULL: where its samarad.ini says */
	const char *fleet; /* the fleet's file */
	uint64_t devices;  /* in all, those that are there counted */
	uint64_t live;	   /* in all; UINT64_MAX: all, at most 100,000 */
	bool certificate;  /* of a new fleet */
	unsigned threads;
	bool quiet;
};

struct smr_stock_result {
	uint64_t devices;
	uint64_t live;
	uint64_t added;
	double seconds;
};

/**
 * @return SMR_E_INVALID: a wish that cannot be met (fewer than there are, more live than rows); errors of store and roster. What was
 *         loaded before an error stays, and the next call goes on from there.
 */
enum smr_err smr_stock(const struct smr_stock_wish *wish, struct smr_stock_result *result,
		       struct smr_problem *problem) SMR_MUST_USE;

#endif
