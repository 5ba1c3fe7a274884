/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file gates.h
 * Which shipment's device made a gate MAC? The MAC has no hint in it, and no more than a fixed number of keys is tried
 * (docs/decisions/0012-gate-and-echo.md). Where there are more shipments than that, three quarters of the tries go to those that
 * were seen last and the rest goes round all of them, so that each one's turn comes. One of these per worker.
 */
#ifndef SMR_SERVER_GATES_H
#define SMR_SERVER_GATES_H

#include "server/keyring.h"

#define SMR_GATES_MIN 8u
#define SMR_GATES_MAX 256u
/** The quick round gives each group of keys so long, microseconds: devices of a shipment with many are found within seconds. */
#define SMR_GATES_QUICK_US 100000u

struct smr_gates {
	size_t max; /* keys that are tried: SMR_GATES_MIN to SMR_GATES_MAX */
	/* The slow round gives each group so long: longer than any device that was sent away stays away, so that one that comes
	 * again at all comes while its key is tried. */
	uint64_t slow_us;
	size_t kept; /* of entries: what the turns leave */
	size_t count;
	uint64_t filled_from; /* generation of a keyring; 0: none yet */
	struct smr_keyring_gate entries[SMR_GATES_MAX];
};

/** Is it the MAC of a device of some shipment, for this M1? That shipment is then the first to be tried.
 * @param now_us  monotonic: says whose turn it is, at all workers of a machine the same. */
bool smr_gates_pass(struct smr_gates *gates, const struct smr_keyring *ring, uint64_t now_us,
		    const uint8_t hash_m1[SMR_HASH_LEN], const uint8_t mac[SMR_GATE_MAC_LEN]);
/** A device of this shipment has been accepted: its key is among those that are tried. */
void smr_gates_seen(struct smr_gates *gates, const struct smr_keyring *ring, const struct smr_shipment_id *shipment);
void smr_gates_wipe(struct smr_gates *gates);

#endif
