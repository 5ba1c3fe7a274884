/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file device.h
 * A simulated device: the real TRE engine over a slot of the fleet's file. Between two calls a device is nothing but its slot, and, while
 * a flight is open, what its TRE has to keep in memory for it.
 */
#ifndef SMR_FLEET_DEVICE_H
#define SMR_FLEET_DEVICE_H

#include "fleet/roster.h"
#include "tre/tre.h"

/** Memory of one TRE at work; one per thread. */
struct smr_engine;
/** @p population outlives it. SMR_E_NO_MEMORY. */
enum smr_err smr_engine_new(const struct smr_population *population, struct smr_engine **out) SMR_MUST_USE;
/** NULL is allowed. */
void smr_engine_free(struct smr_engine *engine);

/** Enrol the device of slot->row in an empty slot, with what the head says. */
enum smr_err smr_device_enrol(struct smr_engine *engine, const struct smr_roster_head *head, struct smr_slot *slot,
			      const struct smr_population_device *device) SMR_MUST_USE;

/** An open flight: e and what belongs to it. It moves with its pointer; release with smr_parked_free. */
struct smr_parked;
void smr_parked_free(struct smr_parked *parked);

/* The calls of tre/tre.h, on a device. What is open in *parked before a flight starts is given up. All errors are those of the TRE, also
 * SMR_E_NO_ROOM when its record outgrows the slot. */
/** @param m1    [in,out] room of SMR_FLIGHT_REQUEST_MAX; on return M1.
 *  @param proof [out] octets of the gate MAC that lies behind it there, for a server that demands it. */
enum smr_err smr_device_fly(struct smr_engine *engine, struct smr_slot *slot, bool with_certificate,
			    struct smr_space *m1, size_t *proof, struct smr_parked **parked) SMR_MUST_USE;
/** @p parked is taken unless the TRE goes on waiting for the real answer (errors of class PEER). */
enum smr_err smr_device_land(struct smr_engine *engine, struct smr_slot *slot, struct smr_bytes m2,
			     struct smr_parked **parked, struct smr_tre_outcome *outcome) SMR_MUST_USE;
enum smr_err smr_device_flight_key(struct smr_engine *engine, struct smr_slot *slot,
				   struct smr_bytes encoded) SMR_MUST_USE;
enum smr_err smr_device_check_in(struct smr_engine *engine, struct smr_slot *slot, struct smr_space *c1) SMR_MUST_USE;
enum smr_err smr_device_checked_in(struct smr_engine *engine, struct smr_slot *slot, struct smr_bytes c2,
				   struct smr_tre_outcome *outcome) SMR_MUST_USE;
/** What a display would show. */
enum smr_err smr_device_state(struct smr_engine *engine, struct smr_slot *slot, struct smr_tre_state *out) SMR_MUST_USE;

#endif
