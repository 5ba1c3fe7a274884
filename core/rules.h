/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file rules.h
 * What the RO may do with a device's row: the decisions of design sections 2 and 3 as pure functions. The server
 * asks, the store applies the result only if the row has not changed meanwhile (its revision).
 */
#ifndef SMR_RULES_H
#define SMR_RULES_H

#include "core/checkin.h"

/** Beyond this jump of the counter only a supplier-signed re-enrolment helps. */
#define SMR_CTR_JUMP_MAX (1u << 24)
/** A check-in's counter stays this close to its lineage. Whoever stole an rk can push the row's counter no further than that, and
 * a device whose counter is then refused gets past it with one step (SMR_CTR_STEP). */
#define SMR_CTR_CHECKIN_MAX (1u << 13)
/** How far a TRE steps ahead when its counter was refused under the session's keys. */
#define SMR_CTR_STEP (1u << 14)

/** State of a device's subscription at the RO. Values are in the store. */
enum smr_row_state {
	SMR_ROW_EMPTY = 0,     /* no package */
	SMR_ROW_SEALED = 1,    /* a package waits */
	SMR_ROW_OFFERED = 2,   /* sent to a verified request; the receipt is awaited */
	SMR_ROW_INSTALLED = 3, /* receipt accepted; X purged */
	SMR_ROW_RESEAL = 4     /* the operator has to seal anew */
};

/** Of the last flight of a device with a TPM that counted: be32(resets) | be64(clock, ms) | be32(ctr). A TPM shows each pair of resets and
 * clock once, in ascending order, so that a flight with a lower one is from a state that was copied or restored. */
#define SMR_TPM_MEMORY_LEN 16u
struct smr_tpm_memory {
	bool known;
	uint8_t octets[SMR_TPM_MEMORY_LEN];
};

/** Empty: nothing is known. */
static inline struct smr_bytes smr_tpm_memory_bytes(const struct smr_tpm_memory *memory)
{
	return smr_bytes_of(memory->octets, memory->known ? sizeof(memory->octets) : 0);
}

/** The part of a row that the rules look at. */
struct smr_row {
	enum smr_row_state state;
	bool revoked;
	bool measurement_approved;  /* filled by the caller from the supplier's list, for this request's measurement */
	bool log_differs;	    /* likewise: a boot log was shown that does not replay to it */
	uint32_t ctr;		    /* highest counter accepted, 0: none */
	uint8_t hash[SMR_HASH_LEN]; /* hash(M1) or hash(C1) of the contact with that counter */
	uint32_t lineage;	    /* ctr of the flight whose tickets are valid, 0: none */
	struct smr_shipment_id shipment; /* that the device's keys are from; zeros: unknown */
	struct smr_iccid iccid;		 /* of the package, when state is not EMPTY */
	uint64_t serial;
	struct smr_tpm_memory tpm;
};

/** What to answer and what to make durable before answering. */
struct smr_verdict {
	enum smr_refusal refusal;
	bool send_package;
	bool commit;  /* the row changes as below and must be durable first */
	bool counted; /* a new contact (not a resend) */
	enum smr_row_state state;
	uint32_t ctr;
	uint32_t lineage;
	struct smr_tpm_memory tpm;
	bool keep_evidence; /* store this flight's evidence with the row for the operator */
	bool missing; /* that evidence says that the device does not hold the package: it goes to the operator now */
	bool purge_x; /* the receipt was accepted */
	uint8_t receipts; /* bit i: receipt i of the report goes to the operator */
};

/** A verified request for a flight. Design section 2, «Server» and «Row of a device».
 * @param quote  of a device with a TPM; NULL: it has none. */
struct smr_verdict smr_rules_flight(const struct smr_row *row, const struct smr_evidence *evidence,
				    const struct smr_tpm_quote *quote, const uint8_t hash_m1[SMR_HASH_LEN]);

/** A check-in that touches the store (receipts, pending objects). Design section 3. */
struct smr_verdict smr_rules_checkin(const struct smr_row *row, const struct smr_ticket *ticket,
				     const struct smr_c1 *c1);

/**
 * May a batch put this package into the row?
 *
 * @param same_operator  the row's package, if any, is of the same operator.
 * @return SMR_OK: the row becomes SEALED; SMR_E_SERIAL: not above the row's serial; SMR_E_STATE: another operator's
 *         subscription is live (sealed, offered or installed): one live subscription per device (S5).
 */
enum smr_err smr_rules_load(const struct smr_row *row, uint64_t serial, bool same_operator) SMR_MUST_USE;

#endif
