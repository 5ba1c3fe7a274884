/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file checkin.h
 * The check-in: ticket, C1 and C2. Design section 3, docs/protocol.md «Check-in».
 *
 * Device:  smr_c1_build (rk is spent) → durable record → send → smr_c2_open.
 * Server:  smr_c1_peek (ticket key) → smr_ticket_open → smr_c1_open → decide → smr_c2_keys → smr_c2_seal.
 */
#ifndef SMR_CHECKIN_H
#define SMR_CHECKIN_H

#include "core/flight.h"

#define SMR_C1_MAX 352u
#define SMR_C2_MAX 1160u /* all optional members at their limits; docs/protocol.md says what is sent */
#define SMR_TK_LEN 16u
#define SMR_RECEIPTS_MAX 4u	       /* in one report */
#define SMR_OBJECTS_MAX 4u	       /* in one answer */
#define SMR_OBJECT_MAX SMR_COMMAND_MAX /* octets of each: commands are the only kind so far */

/** A ticket key. Its id: class in the top 8 bits, epoch number in the lower 24, on a circle. */
struct smr_ticket_key {
	uint32_t id;
	uint8_t key[SMR_TK_LEN];
};
#define SMR_TK_EPOCH_MASK 0xffffffu
static inline uint32_t smr_tk_id(uint32_t class, uint32_t epoch)
{
	return (class << 24) | (epoch & SMR_TK_EPOCH_MASK);
}
static inline uint32_t smr_tk_class(uint32_t id)
{
	return id >> 24;
}
static inline uint32_t smr_tk_epoch(uint32_t id)
{
	return id & SMR_TK_EPOCH_MASK;
}
/** How many epochs before @p now @p epoch is, the shorter way around; negative: after it. */
static inline int32_t smr_tk_age(uint32_t epoch, uint32_t now)
{
	uint32_t age = (now - epoch) & SMR_TK_EPOCH_MASK;

	return age <= SMR_TK_EPOCH_MASK / 2 ? (int32_t)age : (int32_t)age - (int32_t)(SMR_TK_EPOCH_MASK + 1);
}
/** Front ends whose clocks differ by so many epochs take each other's tickets. */
#define SMR_TICKET_EPOCHS_AHEAD 2u

/** The server's own state, carried by the device. */
struct smr_ticket {
	struct smr_eid eid;
	uint8_t rk[SMR_RK_LEN];
	uint32_t lineage;      /* ctr of the flight's M1 */
	uint32_t flight_epoch; /* ticket epoch in which the flight was made; never changes on renewal */
	uint32_t policy_generation;
	struct smr_shipment_id shipment;
	uint32_t group;
	uint32_t state; /* SMR_TICKET_* */
};
#define SMR_TICKET_STATE_MAX 23u /* one octet, as all numbers of a ticket have one length */
#define SMR_TICKET_INSTALLED 1u	 /* the install receipt is accepted */

/**
 * A ticket key has lanes: keys derived from it that tickets are sealed under, at random. Random nonces are safe for 2^32 messages
 * under one key (SP 800-38D, 8.3), so a ticket key is for 2^36 tickets.
 */
#define SMR_TICKET_LANES 16u
#define SMR_TICKET_LANES_READY \
	(8u * SMR_TICKET_LANES) /* power of two: those of 8 epochs of a class find a place each */
/** Lanes that one thread has made ready; what it does not find here takes the place of what was. Zeros: empty. */
struct smr_ticket_lanes {
	struct smr_ticket_lane {
		bool is_ready;
		uint8_t number;
		struct smr_ticket_key of;
		struct smr_aead_key key;
	} places[SMR_TICKET_LANES_READY];
};
/** Erase them all. */
void smr_ticket_lanes_wipe(struct smr_ticket_lanes *lanes);

/**
 * Seal in a random lane.
 * @param lanes  the calling thread's.
 * @param out  [in,out] room, SMR_TICKET_MAX is always enough.
 */
enum smr_err smr_ticket_seal(const struct smr_ticket_key *tk, struct smr_ticket_lanes *lanes,
			     const struct smr_ticket *ticket, struct smr_space *out) SMR_MUST_USE;
/** Which key a ticket names. SMR_E_MALFORMED. */
enum smr_err smr_ticket_peek(struct smr_bytes ticket, uint32_t *tk_id) SMR_MUST_USE;
/** SMR_E_UNOPENED: not sealed under this key; SMR_E_MALFORMED: @p out is wiped then. SMR_E_CRYPTO. */
enum smr_err smr_ticket_open(const struct smr_ticket_key *tk, struct smr_ticket_lanes *lanes, struct smr_bytes sealed,
			     struct smr_ticket *out) SMR_MUST_USE;
/**
 * Lineage rule: refused when the flight is older than @p lifetime epochs or claims to be younger than its key.
 * @param now    current ticket epoch of the key's class.
 * @return SMR_REFUSAL_NONE or SMR_REFUSAL_TICKET_OLD.
 */
enum smr_refusal smr_ticket_judge(const struct smr_ticket *ticket, uint32_t tk_id, uint32_t now, uint32_t lifetime);

/** What a TRE reports. */
struct smr_report {
	struct smr_receipt receipts[SMR_RECEIPTS_MAX];
	size_t receipt_count;
	enum smr_mcim_state mcim_state;
	uint32_t tamper;
};

/** KDF(rk, "c2", hash(C1)): what the device keeps durably once C1 is built; rk itself is erased by then. */
struct smr_checkin {
	uint8_t response_key[SMR_AEAD_KEY_LEN];
	uint8_t next[SMR_RK_LEN]; /* the next contact's keys come from it and r */
};

/**
 * Build C1.
 * @param rk  this contact's key; the caller erases it once the record with @p kept and the message is durable.
 * @param c1  [in,out] room, SMR_C1_MAX is always enough.
 * @return SMR_E_INVALID: a report or ticket that no server would read; SMR_E_NO_ROOM; SMR_E_CRYPTO.
 */
enum smr_err smr_c1_build(const uint8_t rk[SMR_RK_LEN], struct smr_bytes ticket, uint32_t ctr,
			  const struct smr_report *report, struct smr_space *c1, struct smr_checkin *kept) SMR_MUST_USE;

/** Outer fields: the sealed ticket (view) and which ticket key it names. No crypto. */
enum smr_err smr_c1_peek(struct smr_bytes datagram, struct smr_bytes *ticket, uint32_t *tk_id) SMR_MUST_USE;

/** What the server knows of a check-in after opening. Wipe it. */
struct smr_c1 {
	uint32_t ctr;
	struct smr_report report;
	uint8_t hash_c1[SMR_HASH_LEN];
	struct smr_checkin keys;
};
/** Open with the rk of the ticket. SMR_E_MALFORMED, SMR_E_UNOPENED. @p out is wiped unless SMR_OK. */
enum smr_err smr_c1_open(const struct smr_ticket *ticket, struct smr_bytes datagram, struct smr_c1 *out) SMR_MUST_USE;

/** Content of C2: a refusal alone, or a ticket and what is pending. */
struct smr_c2 {
	enum smr_refusal refusal;
	struct smr_bytes objects[SMR_OBJECTS_MAX]; /* encoded signed objects */
	size_t object_count;
	struct smr_bytes ticket;
	struct smr_bytes spare_ticket;
	struct smr_beacon beacon; /* number 0: none */
	struct smr_bytes flight_key;
};

/** A fresh r, and KDF(next, "rk", r): the keys of the next ticket and of a spare one. Of one r comes one C2. */
struct smr_c2_keys {
	uint8_t r[SMR_AEAD_NONCE_LEN];
	uint8_t rk[SMR_RK_LEN]; /* rk' */
	uint8_t spare_rk[SMR_RK_LEN];
};
/** SMR_E_CRYPTO: @p out is wiped. */
enum smr_err smr_c2_keys(const struct smr_checkin *keys, struct smr_c2_keys *out) SMR_MUST_USE;
/** Seal under the response key with r as the nonce. @param out  [in,out] room; what is too long for it is not sealed at all (SMR_E_NO_ROOM), so that
 * the same r may serve an answer without its optional members. */
enum smr_err smr_c2_seal(const struct smr_checkin *keys, const uint8_t r[SMR_AEAD_NONCE_LEN], const struct smr_c2 *c2,
			 struct smr_space *out) SMR_MUST_USE;

/**
 * Open C2 on the device.
 * @param scratch  room of at least datagram.len; must outlive @p c2.
 * @param rk, spare_rk  [out] keys that belong to c2->ticket and c2->spare_ticket; zero without that ticket.
 * @return SMR_E_MALFORMED, SMR_E_UNOPENED: @p kept stays with the caller, the real answer may still come.
 */
enum smr_err smr_c2_open(const struct smr_checkin *kept, struct smr_bytes datagram, struct smr_space scratch,
			 struct smr_c2 *c2, uint8_t rk[SMR_RK_LEN], uint8_t spare_rk[SMR_RK_LEN]) SMR_MUST_USE;

#endif
