/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tre.h
 * The engine of the trusted environment: everything a TRE decides and keeps, without an operating system.
 *
 * No malloc, no I/O but through the port, no clock. Not thread-safe: one caller at a time. No function gives out a
 * key other than the public ones and the results of AUTHENTICATE (RES, CK, IK), which are the MCIM's purpose.
 * Whatever a function returns that depends on a state change is returned only after that change is durable.
 *
 * Design sections 2 and 3, «TRE»; docs/protocol.md.
 */
#ifndef SMR_TRE_H
#define SMR_TRE_H

#include "core/checkin.h"
#include "core/gate.h"
#include "tre/port.h"

/* What a platform with little memory may set lower (docs/small-device.md); a device's limits never shrink, or its record could no
 * longer be read. */
#ifndef SMR_TRE_ANCHORS_MAX
#define SMR_TRE_ANCHORS_MAX 8u /* operators' keys, and operators whose serials are remembered */
#endif
#ifndef SMR_TRE_MCIMS_MAX
#define SMR_TRE_MCIMS_MAX 2u
#endif
#ifndef SMR_TRE_RECEIPTS_MAX
#define SMR_TRE_RECEIPTS_MAX 8u /* queued until the server has them; at least the SMR_RECEIPTS_MAX of one report */
#endif
#define SMR_TRE_RESENDS_MAX 4u	  /* of one C1 */
#define SMR_TRE_LINEAGE_MAX 4096u /* check-ins per lineage, then a flight */
/* Sealed state; test_tre_record fills every member to its limit. */
#define SMR_TRE_RECORD_MAX (1360u + 89u * SMR_TRE_ANCHORS_MAX + 542u * SMR_TRE_MCIMS_MAX + 42u * SMR_TRE_RECEIPTS_MAX)

struct smr_tre; /* size: smr_tre_size(); memory lent by the caller for the TRE's life */
size_t smr_tre_size(void);

/**
 * Start: load, check stamp and tag, complete an interrupted write, drop rk if the measured state changed.
 * @return SMR_E_ROLLBACK: stored state older than the counter; SMR_E_TAMPERED: it does not open; both refuse every later call
 *         except smr_tre_state.
 */
enum smr_err smr_tre_start(struct smr_tre *tre, const struct smr_tre_port *port) SMR_MUST_USE;
/** Wipe everything in memory. */
void smr_tre_stop(struct smr_tre *tre);

/* ---- enrolment at the supplier ---- */

/** What the supplier asks and gets first: keys are made inside and proved. */
struct smr_tre_identity {
	uint8_t d[SMR_POINT_COMPRESSED_LEN];
	uint8_t t[SMR_POINT_COMPRESSED_LEN];
	uint8_t measurement[SMR_HASH_LEN]; /* what ran then; a quote states it */
	struct smr_attestation proof;	   /* by d over hash("samara1 enrol", extra = challenge, [eid, d, t]) */
};
/** SMR_E_STATE: enrolled already. A repeated begin makes new keys. */
enum smr_err smr_tre_enrol_begin(struct smr_tre *tre, const struct smr_eid *eid, const uint8_t challenge[SMR_HASH_LEN],
				 struct smr_tre_identity *out) SMR_MUST_USE;

/** Where the keys are, for a supplier that does not take the platform's word for it; between begin and finish alone. */
struct smr_tre_endorsement {
	struct smr_bytes certificate;	      /* of the TPM's endorsement key, by its vendor: X.509, DER */
	struct smr_attestation certification; /* TPM2_Certify of t by d, over the same hash as the proof */
};
/**
 * @param challenge  that of enrol_begin.
 * @param room       of SMR_ENDORSEMENT_MAX, for the certificate.
 * @return SMR_E_UNSUPPORTED: the keys are in software; SMR_E_NOT_FOUND: the vendor left no certificate; SMR_E_STATE: not between begin and finish.
 */
enum smr_err smr_tre_enrol_endorse(struct smr_tre *tre, const uint8_t challenge[SMR_HASH_LEN], struct smr_space room,
				   struct smr_tre_endorsement *out) SMR_MUST_USE;
/**
 * Open a credential that was made for the TPM's endorsement key and for d: so d is in that TPM.
 * @return SMR_E_UNOPENED: made for another TPM or key; SMR_E_MALFORMED; SMR_E_UNSUPPORTED, SMR_E_STATE as above.
 */
enum smr_err smr_tre_enrol_activate(struct smr_tre *tre, struct smr_bytes credential,
				    uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN]) SMR_MUST_USE;

/** What the supplier writes into the TRE. Views into the caller's memory. */
struct smr_tre_enrolment {
	struct smr_bytes certificate;
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint8_t ro_root[SMR_POINT_COMPRESSED_LEN];
	struct smr_bytes shelf_key; /* signed by ro_root */
	bool owner_bound;
	uint8_t owner[SMR_POINT_COMPRESSED_LEN];
	uint8_t anchors[SMR_TRE_ANCHORS_MAX][SMR_POINT_COMPRESSED_LEN];
	size_t anchor_count; /* an unbound device accepts only these operators */
	bool has_gate;
	uint8_t gate[SMR_GATE_KEY_LEN];
	/* HPKE to t, info "samara1 enrol", aad eid: 32 octets, proves possession of t */
	struct smr_bytes sealed_challenge;
};
/** @param answer [out] the opened challenge, hashed: SHA-256("samara1 enrol t" | challenge). Everything is checked first, then durable, then answered. */
enum smr_err smr_tre_enrol_finish(struct smr_tre *tre, const struct smr_tre_enrolment *enrolment,
				  uint8_t answer[SMR_HASH_LEN]) SMR_MUST_USE;

/* ---- flight ---- */

/** A new request: ctr is durable before it is returned; an earlier request's e is erased.
 * @param m1 [in,out] room of SMR_M1_MAX. */
enum smr_err smr_tre_flight_start(struct smr_tre *tre, bool with_certificate, struct smr_space *m1) SMR_MUST_USE;

struct smr_tre_outcome {
	enum smr_refusal refusal; /* NONE: accepted */
	/* Flight: why a package was not installed; SMR_OK: installed; SMR_E_NOTHING: none came, or kept as it was. */
	enum smr_err package;
	uint32_t commands_done;
	bool has_receipts; /* something waits to be reported: check in soon */
	bool flight_needed;
	uint32_t interval_s; /* until the next check-in by the MCIM's policy; 0: no MCIM */
};
/** Open M2 and act. SMR_E_UNOPENED: not the answer to our request; the request stays open. SMR_E_STATE: no request is open.
 * A package that fails its checks is reported in outcome->package and in the next ev. What the platform could not do for it (a TPM that is
 * busy, closed or gone) is returned, and nothing has changed: the same package comes again with the next flight. */
enum smr_err smr_tre_flight_complete(struct smr_tre *tre, struct smr_bytes datagram,
				     struct smr_tre_outcome *outcome) SMR_MUST_USE;

/** The gate MAC of the open request, for a server that demands it. SMR_E_STATE: no request is open; SMR_E_NOTHING: the shipment has no
 * gate key. */
enum smr_err smr_tre_flight_gate(struct smr_tre *tre, uint8_t mac[SMR_GATE_MAC_LEN]) SMR_MUST_USE;

/** The signed answer to an unknown key id. SMR_E_SIGNATURE; SMR_E_SERIAL: number not above the highest epoch key seen. */
enum smr_err smr_tre_flight_key(struct smr_tre *tre, struct smr_bytes encoded) SMR_MUST_USE;

/* ---- check-in ---- */

/** C1: a new one, or the identical octets of the one that is unanswered (at most SMR_TRE_RESENDS_MAX times; then the spare ticket, else
 * SMR_E_NOTHING: make a flight). Durable before it is returned. */
enum smr_err smr_tre_checkin_start(struct smr_tre *tre, struct smr_space *c1) SMR_MUST_USE;
enum smr_err smr_tre_checkin_complete(struct smr_tre *tre, struct smr_bytes datagram,
				      struct smr_tre_outcome *outcome) SMR_MUST_USE;

/* ---- use of the MCIM ---- */

/** AUTHENTICATE (TS 31.102 7.1.2) with the activated MCIM. The SQN array is durable before the result is returned.
 * @return SMR_OK; SMR_E_SQN: result->auts is filled; SMR_E_MAC; SMR_E_STATE: suspended or none; */
enum smr_err smr_tre_authenticate(struct smr_tre *tre, const uint8_t rand[16], const uint8_t autn[16],
				  struct smr_aka_result *result) SMR_MUST_USE;

/* ---- update of what is measured ---- */

/** Views into the caller's memory. */
struct smr_tre_update {
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN]; /* who signed this device's certificate and both releases */
	struct smr_bytes running;		    /* the release that runs now (core/release.h) */
	struct smr_bytes next;			    /* the one to come */
};
/**
 * Prepare for an approved update, where the stored state opens in one measured state alone: after the next start it opens in the present
 * one or in that of the next release. Durable on return; an earlier preparation is replaced.
 *
 * @return SMR_E_UNSUPPORTED: the platform does not bind what is stored to a state; SMR_E_SIGNATURE: the certificate or a release is not
 *         signed by that key; SMR_E_MALFORMED; SMR_E_BAD_POINT; SMR_E_MEASUREMENT: @p update->running is not what runs; SMR_E_NOT_ADDRESSEE:
 *         the next one is for another product; SMR_E_SERIAL: its number is lower than that of the running one, or than what was booted
 *         here; SMR_E_STATE: not enrolled; the platform's errors.
 */
enum smr_err smr_tre_prepare(struct smr_tre *tre, const struct smr_tre_update *update) SMR_MUST_USE;

/* ---- tamper ---- */

/**
 * Look at the platform's tamper line now: whoever is told of an event does not wait for the next message. Every operation of an enrolled TRE does
 * so first. Of a new event the subscriptions, the key t that others seal for (unless it is the platform's own) and the gate key are erased, durably;
 * what reports it stays: d and the ticket. Only a new enrolment makes the device one that is served again.
 *
 * @return SMR_E_STATE: not enrolled, or not in order: there is nothing that is served; the platform's errors, and then it has to be called again.
 */
enum smr_err smr_tre_check_tamper(struct smr_tre *tre) SMR_MUST_USE;

/* ---- state, for display: no secrets ---- */

struct smr_tre_state {
	enum smr_err health; /* SMR_OK, SMR_E_ROLLBACK, SMR_E_TAMPERED */
	bool enrolled;
	struct smr_eid eid;
	uint8_t measurement[SMR_HASH_LEN];
	uint32_t ctr;
	bool has_ticket;
	bool flight_open;
	bool checkin_open;
	uint32_t flight_key; /* number that the next request will name */
	uint32_t receipts;   /* queued */
	uint32_t tamper;
	size_t mcim_count;
	struct {
		struct smr_iccid iccid;
		struct smr_imsi imsi;
		uint64_t serial;
		enum smr_aka_alg alg;
		enum smr_mcim_state state;
		uint32_t interval_s;
	} mcims[SMR_TRE_MCIMS_MAX];
};
void smr_tre_state(const struct smr_tre *tre, struct smr_tre_state *out);

#endif
