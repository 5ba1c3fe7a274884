/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sho_orders.h
 * The orders of a shipment's owner that name this operator, verified, to be found by device.
 */
#ifndef SMR_SHO_ORDERS_H
#define SMR_SHO_ORDERS_H

#include "file/party.h"

struct smr_owner_order {
	bool whole_shipment;
	uint8_t target[SMR_EID_LEN]; /* EID, or the shipment's id and zeros */
	uint64_t serial;
	uint8_t encoded[SMR_ORDER_MAX];
	size_t encoded_len;
};

struct smr_orders {
	struct smr_owner_order *list;
	size_t count;
	size_t room;
};

/**
 * Add the orders of a file, which has to come from the trusted subscriber whose key is @p owner. After the last file
 * call smr_orders_sort.
 * @return SMR_E_ORDER: by another subscriber than the owner, or for another operator than @p sho; the problem says
 * which.
 */
enum smr_err smr_orders_load(struct smr_orders *orders, const struct smr_party *sho,
			     const uint8_t owner[SMR_POINT_COMPRESSED_LEN], const char *path,
			     struct smr_problem *problem) SMR_MUST_USE;
void smr_orders_sort(struct smr_orders *orders);
/** The owner's latest order that covers the device, or NULL. */
const struct smr_owner_order *smr_orders_find(const struct smr_orders *orders, const struct smr_eid *eid,
					      const struct smr_shipment_id *shipment);
void smr_orders_free(struct smr_orders *orders);

#endif
