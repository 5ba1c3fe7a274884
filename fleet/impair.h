/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file impair.h
 * A bad network, the same one for the same seed: what becomes of a datagram, in either direction, and the datagrams that are still on their
 * way. No I/O, no clock.
 */
#ifndef SMR_FLEET_IMPAIR_H
#define SMR_FLEET_IMPAIR_H

#include "fleet/dice.h"
#include "fleet/timers.h"

#define SMR_IMPAIR_DATAGRAM_MAX 1500u
/* How late a datagram comes that others overtake. */
#define SMR_IMPAIR_DELAY_MIN_US 5000u
#define SMR_IMPAIR_DELAY_MAX_US 50000u

struct smr_impair {
	double loss;	  /* share of the datagrams, 0 to 1 */
	double duplicate; /* of those that are not lost */
	double reorder;	  /* of all copies */
	struct smr_dice dice;
	struct smr_timers held;
};

/** One copy of a datagram. */
struct smr_impair_copy {
	uint64_t delay_us; /* 0: at once */
};
/**
 * What becomes of a datagram.
 * @return how many copies of it arrive: 0, 1 or 2.
 */
size_t smr_impair_fate(struct smr_impair *impair, struct smr_impair_copy copies[2]);
/** Does it do anything at all? */
bool smr_impair_active(const struct smr_impair *impair);

/** A datagram on its way. */
struct smr_impair_datagram {
	bool up;	 /* to the server */
	unsigned source; /* whose socket */
	uint16_t len;
	uint8_t octets[SMR_IMPAIR_DATAGRAM_MAX];
};
/** Keep a copy until @p due_us. SMR_E_NO_MEMORY; SMR_E_NO_ROOM: too long for a datagram. */
enum smr_err smr_impair_hold(struct smr_impair *impair, uint64_t due_us, bool up, unsigned source,
			     struct smr_bytes octets) SMR_MUST_USE;
/** The next one that is due, or NULL. Release it with free(). */
struct smr_impair_datagram *smr_impair_due(struct smr_impair *impair, uint64_t now_us);
/** Drops what is on its way. */
void smr_impair_wipe(struct smr_impair *impair);

#endif
