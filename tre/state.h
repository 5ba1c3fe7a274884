/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file state.h
 * Inside the engine: what a TRE keeps. Not for users of tre.h.
 *
 * Everything durable is one struct. An operation changes it in place and smr_tre_keep makes that durable before anything of it
 * is told; whatever fails on the way is undone by reading back what is stored. So memory never runs ahead of storage, and a
 * small device needs no second copy of the state.
 */
#ifndef SMR_TRE_STATE_H
#define SMR_TRE_STATE_H

#include "tre/tre.h"

#define SMR_TRE_CERTIFICATE_MAX SMR_CERTIFICATE_MAX

/** An installed MCIM. */
struct smr_tre_mcim {
	bool used;
	uint8_t operator_key[SMR_POINT_COMPRESSED_LEN];
	struct smr_iccid iccid;
	uint64_t serial;
	enum smr_mcim_state state;
	struct smr_mcim content;
	struct smr_sqn sqn;
	uint8_t hash_x[SMR_HASH_LEN];
	uint8_t hash_ev[SMR_HASH_LEN]; /* of the flight that installed it */
};

/** The highest serials seen of an operator. They outlive the MCIM: or a withdrawn one could be brought back (S3), and an
 * old command obeyed again by its successor (S11). */
struct smr_tre_operator {
	uint8_t key[SMR_POINT_COMPRESSED_LEN];
	uint64_t mcim_serial;
	uint64_t command_serial;
};

/** A server key the TRE may name in M1. number 0: none. */
struct smr_tre_server_key {
	uint32_t number;
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
};

/** A ticket with its key. ticket_len 0: none. */
struct smr_tre_contact {
	uint8_t rk[SMR_RK_LEN];
	uint8_t ticket[SMR_TICKET_MAX];
	size_t ticket_len;
};

/** The check-in under way: exactly what design section 3 lets a TRE keep. c1_len 0: none. */
struct smr_tre_pending {
	uint8_t c1[SMR_C1_MAX];
	size_t c1_len;
	struct smr_checkin kept;
	uint32_t resends;
	uint32_t receipts; /* how many from the head of the queue it reports */
};

struct smr_tre_durable {
	bool has_keys;	       /* made by enrol_begin */
	bool keys_in_platform; /* d and t are not in this record */
	bool enrolled;
	struct smr_eid eid;
	uint8_t d[SMR_SCALAR_LEN];
	uint8_t t[SMR_SCALAR_LEN];
	uint8_t certificate[SMR_TRE_CERTIFICATE_MAX];
	size_t certificate_len;
	struct smr_shipment_id shipment;
	uint8_t ro_root[SMR_POINT_COMPRESSED_LEN];
	struct smr_tre_server_key shelf;
	struct smr_tre_server_key epoch;
	bool owner_bound;
	uint8_t owner[SMR_POINT_COMPRESSED_LEN];
	uint64_t order_serial; /* highest seen */
	uint8_t anchors[SMR_TRE_ANCHORS_MAX][SMR_POINT_COMPRESSED_LEN];
	size_t anchor_count;
	bool has_gate;
	uint8_t gate[SMR_GATE_KEY_LEN];

	uint32_t ctr;
	struct smr_tre_operator operators[SMR_TRE_ANCHORS_MAX];
	size_t operator_count;
	struct smr_tre_mcim mcims[SMR_TRE_MCIMS_MAX];

	struct smr_tre_contact contact;
	struct smr_tre_contact spare;
	uint8_t contact_state[SMR_HASH_LEN]; /* rk is bound to it (S9): smr_tre_contact_state */
	uint32_t lineage; /* ctr of the flight that gave the last ticket; of keys in the platform alone, else 0 */
	uint32_t lineage_count;
	struct smr_tre_pending pending;
	struct smr_receipt receipts[SMR_TRE_RECEIPTS_MAX];
	size_t receipt_count;
	struct smr_beacon beacon;

	bool failed; /* the last package could not be installed */
	struct smr_iccid failed_iccid;
	uint64_t failed_serial;
	uint32_t failed_reason;
	uint32_t tamper;
};

struct smr_tre {
	const struct smr_tre_port *port;
	enum smr_err health;
	uint64_t counter; /* stamp of the present record */
	struct smr_tre_durable now;
	bool drafting; /* `now` may differ from what is stored */
	uint8_t measurement[SMR_HASH_LEN];
	struct smr_privkey d; /* of keys in the platform the points alone */
	struct smr_privkey t;
	bool show_log; /* the last flight's measurement was refused: the next one shows what booted */
	bool flight_open;
	struct smr_flight flight; /* e lives here alone */
	/* One thing at a time: an opened answer, whose views live here until the state is kept, and the MCIM that it brings; then the
	 * record. */
	union {
		struct {
			uint8_t answer[SMR_C2_MAX];
			struct smr_tre_mcim fresh;
		} opened;
		uint8_t record[SMR_TRE_RECORD_MAX];
	} work;
};

_Static_assert(SMR_C2_MAX >= SMR_M2_MAX, "the room for an answer is enough for either");
_Static_assert(SMR_TRE_RECEIPTS_MAX >= SMR_RECEIPTS_MAX, "a report is cut from the queue");

/* record.c */
enum smr_err smr_tre_record_encode(const struct smr_tre_durable *state, struct smr_space room,
				   struct smr_bytes *out) SMR_MUST_USE;
enum smr_err smr_tre_record_decode(struct smr_bytes encoded, struct smr_tre_durable *out) SMR_MUST_USE;

/* engine.c */
/** Healthy? Also notices a changed measured state and drops what is bound to the old one. */
enum smr_err smr_tre_ready(struct smr_tre *tre) SMR_MUST_USE;
/** The same, enrolled, and what a tamper event asks for done. */
enum smr_err smr_tre_ready_enrolled(struct smr_tre *tre) SMR_MUST_USE;
/** The present state, to be changed. Every path ends in smr_tre_keep or smr_tre_discard. */
struct smr_tre_durable *smr_tre_draft(struct smr_tre *tre);
/** Make the changed state durable. On error the present state is what is stored: the old one, or, where the platform failed after it
 * had written, the new one, as after a power cut at that point. Overwrites tre->work. */
enum smr_err smr_tre_keep(struct smr_tre *tre) SMR_MUST_USE;
/** What a ticket that is got now is bound to: the measured state, and the platform's term where it has terms. */
enum smr_err smr_tre_contact_state(const struct smr_tre *tre, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;
/** Undo what was changed since smr_tre_draft, from storage; if that cannot be read the TRE is out of order until it starts anew.
 * Overwrites tre->work. */
void smr_tre_discard(struct smr_tre *tre);
/** Import d and t of the present state. */
enum smr_err smr_tre_import_keys(struct smr_tre *tre) SMR_MUST_USE;
/** Who vouches with d, who agrees with t: they refer to @p tre. */
struct smr_attester smr_tre_attester(const struct smr_tre *tre);
struct smr_agreer smr_tre_agreer(const struct smr_tre *tre);
void smr_tre_close_flight(struct smr_tre *tre);

/* install.c */
/** Check and install a package into the draft. SMR_OK: installed; SMR_E_NOTHING: it was there already, receipt repeated. */
enum smr_err smr_tre_install(struct smr_tre *tre, struct smr_tre_durable *draft, const struct smr_package *package,
			     const uint8_t hash_ev[SMR_HASH_LEN]) SMR_MUST_USE;

/** Queue the receipt of an installed MCIM, the first time or again: the same octets, over the evidence of the flight that installed it. */
enum smr_err smr_tre_queue_install_receipt(struct smr_tre_durable *draft, const struct smr_tre_mcim *mcim) SMR_MUST_USE;
/** What is remembered of an operator. NULL: nothing yet, and no room for one more. */
struct smr_tre_operator *smr_tre_operator(struct smr_tre_durable *draft, const uint8_t key[SMR_POINT_COMPRESSED_LEN]);

/* command.c */
/** Obey a command in the draft, queue its receipt. SMR_E_SIGNATURE, SMR_E_MALFORMED, SMR_E_NOT_FOUND: ignored without receipt. */
enum smr_err smr_tre_obey(struct smr_tre_durable *draft, struct smr_bytes encoded) SMR_MUST_USE;

/* tamper.c */
/** Look at the platform's tamper line. Of an event that is new: latched, and the secrets erased, durably, before anything else is done. */
enum smr_err smr_tre_heed_tamper(struct smr_tre *tre) SMR_MUST_USE;

/* receipts.c */
/** Queue a receipt; replaces an earlier one of the same kind and ICCID. */
void smr_tre_queue_receipt(struct smr_tre_durable *draft, const struct smr_receipt *receipt);
/** The first @p count were taken over by the server. */
void smr_tre_drop_receipts(struct smr_tre_durable *draft, size_t count);

/* keys.c */
/** Verify a signed flight key under the RO root and take it if its number is higher. Changes nothing unless SMR_OK. */
enum smr_err smr_tre_take_flight_key(struct smr_tre_durable *draft, struct smr_bytes encoded) SMR_MUST_USE;
void smr_tre_take_beacon(struct smr_tre_durable *draft, const struct smr_beacon *beacon);
struct smr_tre_mcim *smr_tre_live_mcim(struct smr_tre_durable *state);

/* checkin.c */
/** Neither ticket, nor spare one, nor a check-in under way any more: the next contact is a flight. */
void smr_tre_drop_contact(struct smr_tre_durable *draft);
void smr_tre_fill_outcome(const struct smr_tre_durable *state, struct smr_tre_outcome *outcome);

#endif
