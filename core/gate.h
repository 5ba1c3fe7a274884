/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file gate.h
 * The gate MAC: while a server demands it, a first contact shows with it that it comes from a device of some shipment, before anything
 * costly is done for it. docs/protocol.md «Under attack»; proofs/gate_*.pv.
 *
 * It is no part of M1, and nothing but processor time hangs on it: whoever has a shipment's gate key is treated as everybody is
 * while nothing is demanded. To whoever has not, its octets are random: they tell no shipment and link no two contacts.
 */
#ifndef SMR_GATE_H
#define SMR_GATE_H

#include "core/flight.h"

#define SMR_GATE_KEY_LEN 16u /* what the devices of a shipment share */
#define SMR_GATE_MAC_LEN 12u
#define SMR_GATE_ITEM_LEN (1u + SMR_GATE_MAC_LEN)
/** Octets of an M1 with its gate MAC. */
#define SMR_FLIGHT_REQUEST_MAX (SMR_M1_MAX + SMR_GATE_ITEM_LEN)

/** A gate key, ready to make MACs. Wipe it. */
struct smr_gate_key {
	uint8_t octets[SMR_HASH_LEN];
};

enum smr_err smr_gate_key_derive(const uint8_t shipment_key[SMR_GATE_KEY_LEN], struct smr_gate_key *out) SMR_MUST_USE;
enum smr_err smr_gate_mac(const struct smr_gate_key *key, const uint8_t hash_m1[SMR_HASH_LEN],
			  uint8_t mac[SMR_GATE_MAC_LEN]) SMR_MUST_USE;

/** Put a MAC behind an M1. @param request  [in,out] room; on return M1 and MAC. SMR_E_NO_ROOM. */
enum smr_err smr_gate_append(struct smr_bytes m1, const uint8_t mac[SMR_GATE_MAC_LEN],
			     struct smr_space *request) SMR_MUST_USE;
/** Take them apart again. @param mac  [out] empty: there is none. Both are views. SMR_E_MALFORMED: something else follows M1. */
enum smr_err smr_gate_split(struct smr_bytes request, struct smr_bytes *m1, struct smr_bytes *mac) SMR_MUST_USE;

#endif
