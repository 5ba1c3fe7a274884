/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file keyring.h
 * Everything a worker needs to open, appraise and seal that is the same for all devices: flight keys, ticket keys, approved measurements,
 * suppliers. An immutable snapshot, made from the store and replaced as a whole when something was loaded or an epoch ended.
 */
#ifndef SMR_SERVER_KEYRING_H
#define SMR_SERVER_KEYRING_H

#include "core/gate.h"
#include "server/echo.h"
#include "store/store.h"

#define SMR_KEYRING_FLIGHT_KEYS 64u
/** Seconds between the check-ins of a device whose operator does not say. */
#define SMR_KEYRING_INTERVAL_DEFAULT 86400u
#define SMR_KEYRING_NO_SPARE UINT64_MAX
#define SMR_KEYRING_SUPPLIERS_TRIED 4u

struct smr_keyring;

struct smr_keyring_times {
	uint64_t now; /* seconds since 1970 */
	uint64_t send_next_key_s;
	uint64_t
		spare_from_s; /* classes for intervals that reach so far get spare tickets; 0: all, SMR_KEYRING_NO_SPARE: none */
};

/** Build from the store. Also erases ended flight keys and old ticket keys there. The first reference is the caller's. */
enum smr_err smr_keyring_load(struct smr_store *store, const struct smr_keyring_times *times,
			      struct smr_keyring **out) SMR_MUST_USE;
struct smr_keyring *smr_keyring_hold(struct smr_keyring *ring);
/** Wipes the keys with the last reference. NULL is allowed. */
void smr_keyring_release(struct smr_keyring *ring);
/** Which one this is, from 1, and never again in this process: the address of a keyring that was released is another's soon. */
uint64_t smr_keyring_generation(const struct smr_keyring *ring);

/** Private key of a number, or NULL: unknown or over. */
const struct smr_privkey *smr_keyring_flight_key(const struct smr_keyring *ring, uint32_t number);
/** Signed key that devices should use now: the answer to an unknown number. Empty: there is none. */
struct smr_bytes smr_keyring_current(const struct smr_keyring *ring);
/** Signed key to send along because the one used, @p number, is older than the current one, or that one ends soon: the current one,
 * or the one that takes over from it. Empty: nothing to send. */
struct smr_bytes smr_keyring_next(const struct smr_keyring *ring, uint32_t number);

/** Ticket key of an id, or NULL: unknown or too old. */
const struct smr_ticket_key *smr_keyring_ticket_key(const struct smr_keyring *ring, uint32_t id);
/** Class for the tickets of a device that checks in every @p interval_s seconds (0: unknown): the one for the shortest intervals
 * that reach this one, or else for the longest. */
uint32_t smr_keyring_class_for(const struct smr_keyring *ring, uint32_t interval_s);
/** Key that new tickets of a class are sealed under; NULL: there is no such class. */
const struct smr_ticket_key *smr_keyring_ticket_current(const struct smr_keyring *ring, uint32_t class);
/** When this snapshot stops being right: the next second at which a key begins or ends or a ticket epoch begins. */
uint64_t smr_keyring_valid_until(const struct smr_keyring *ring);
/** When the last epoch key in stock ends; 0: there is none. */
uint64_t smr_keyring_last_end(const struct smr_keyring *ring);
/** Do tickets of this class come with a spare one? */
bool smr_keyring_gives_spare(const struct smr_keyring *ring, uint32_t class);
/** Of a class that some key of the snapshot belongs to: the present epoch, and how many of them a lineage lives. */
uint32_t smr_keyring_epoch(const struct smr_keyring *ring, uint32_t class);
uint32_t smr_keyring_lifetime(const struct smr_keyring *ring, uint32_t class);

/** What stands behind a shipment. */
struct smr_keyring_shipment {
	struct smr_shipment_id id;
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	enum smr_platform platform; /* of its devices */
};
/** NULL: this snapshot does not know it. One that was loaded a moment ago it may not know yet. */
const struct smr_keyring_shipment *smr_keyring_shipment(const struct smr_keyring *ring,
							const struct smr_shipment_id *shipment);
/** Is this state (smr_evidence_state) on the list of the supplier? */
bool smr_keyring_approves(const struct smr_keyring *ring, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
			  const uint8_t state[SMR_HASH_LEN]);
/** Does any boot log on the list of the supplier have this event, by PCR and digest? */
bool smr_keyring_knows_event(const struct smr_keyring *ring, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
			     const struct smr_tpm_event *event);
/**
 * Verify a certificate: under the supplier of the shipment that it names, if that is loaded, else under the trusted suppliers,
 * SMR_KEYRING_SUPPLIERS_TRIED of them at most (each costs as much as a verification of evidence, and anybody can ask for it).
 * With more of them than that, and shipments that are not loaded, a device is answered when its supplier's turn comes: a later
 * request, which it makes anyway, tries the next ones.
 * @param out  undefined on error.
 * @param supplier  [out] whose it is; lives as long as the ring.
 * @return SMR_E_UNTRUSTED_KEY: none of these signed it, or the shipment's is not trusted.
 */
enum smr_err smr_keyring_certificate(const struct smr_keyring *ring, struct smr_bytes certificate,
				     struct smr_certificate *out, const uint8_t **supplier) SMR_MUST_USE;

/** A shipment's gate key, ready for use. */
struct smr_keyring_gate {
	struct smr_shipment_id shipment;
	struct smr_gate_key key;
};
size_t smr_keyring_gate_count(const struct smr_keyring *ring);
/** Gate keys one after the other, @p i from 0; NULL: no more. */
const struct smr_keyring_gate *smr_keyring_gate_at(const struct smr_keyring *ring, size_t i);
/** Gate key of a shipment; NULL: it has none. */
const struct smr_keyring_gate *smr_keyring_gate_of(const struct smr_keyring *ring,
						   const struct smr_shipment_id *shipment);

/** Key of the Echoes that are made now (@p age 0) and of those made in the last epoch (1): the same at all front ends, since it comes from the
 * ticket key. NULL: there is none. */
const uint8_t *smr_keyring_echo_key(const struct smr_keyring *ring, unsigned age);

#endif
