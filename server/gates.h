/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file gates.h
 * Which shipment's device made a gate MAC? The keys of those that were seen last are tried first, and no more than a fixed number: the MAC has
 * no hint in it (docs/decisions/0012-gate-and-echo.md). One of these per worker.
 */
#ifndef SMR_SERVER_GATES_H
#define SMR_SERVER_GATES_H

#include "server/keyring.h"

#define SMR_GATES_MAX 256u

struct smr_gates {
	size_t max; /* keys that are tried: at most SMR_GATES_MAX */
	size_t count;
	uint64_t filled_from; /* generation of a keyring; 0: none yet */
	struct smr_keyring_gate entries[SMR_GATES_MAX];
};

/** Is it the MAC of a device of some shipment, for this M1? That shipment is then the first to be tried. */
bool smr_gates_pass(struct smr_gates *gates, const struct smr_keyring *ring, const uint8_t hash_m1[SMR_HASH_LEN],
		    const uint8_t mac[SMR_GATE_MAC_LEN]);
/** A device of this shipment has been accepted: its key is among those that are tried. */
void smr_gates_seen(struct smr_gates *gates, const struct smr_keyring *ring, const struct smr_shipment_id *shipment);
void smr_gates_wipe(struct smr_gates *gates);

#endif
