/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file flight.h
 * The flight: M1 (request with evidence) and M2 (answer with the sealed subscription). Design section 2,
 * docs/protocol.md «Flight».
 *
 * Device:  smr_m1_build → send → smr_m2_open.
 * Server:  smr_m1_open (one ECDH) → smr_evidence_verify (one signature) → decide and commit → smr_m2_seal.
 */
#ifndef SMR_FLIGHT_H
#define SMR_FLIGHT_H

#include "core/attest.h"
#include "core/boot_log.h"
#include "core/mcim.h"

#define SMR_SUITE_1 1u
#define SMR_M1_MAX 631u	      /* 640 with CoAP */
#define SMR_M1_SHOWN_MAX 503u /* 512 with CoAP: with a boot log and no certificate */
#define SMR_M2_MAX 1100u      /* all optional members at their limits; what version 1 sends is in docs/protocol.md */
#define SMR_RK_LEN 16u
#define SMR_BEACON_LEN 16u
#define SMR_TICKET_MAX 128u
#define SMR_TICKET_OVERHEAD 33u /* key id, lane, nonce and tag */
#define SMR_EV_MAX 192u
/** The tamper event of a TRE that was told, by an answer to its own request, that its TPM's state was copied or restored. It stays until the
 * device is enrolled anew: else the copy would be let in once its clock has passed what the row remembers. */
#define SMR_TAMPER_TPM_STATE (1u << 31)
/** Encoded evidence: what a quote adds to ev is more than what COSE_Sign1 does. */
#define SMR_EVIDENCE_MAX (SMR_EV_MAX + 104u)

enum smr_freshness_kind { SMR_FRESH_NONE = 0, SMR_FRESH_BEACON = 1, SMR_FRESH_ATTACH = 2 };

/** An epoch beacon: monotonic number and random value. */
struct smr_beacon {
	uint32_t number; /* 0: none */
	uint8_t value[SMR_BEACON_LEN];
};

/** ev: what the TRE states, as a set of EAT claims (RFC 9711). E and Q are attested with it but not sent twice. */
struct smr_evidence {
	struct smr_eid eid;
	uint32_t ctr;
	uint8_t measurement[SMR_HASH_LEN];
	enum smr_freshness_kind fresh_kind;
	struct smr_beacon beacon; /* kind BEACON */
	uint8_t attach_rand[16];  /* kind ATTACH */
	bool have;		  /* an MCIM is installed: */
	struct smr_iccid have_iccid;
	uint64_t have_serial;
	bool failed; /* the last package could not be installed: */
	struct smr_iccid failed_iccid;
	uint64_t failed_serial;
	uint32_t failed_reason; /* an smr_err */
	uint32_t lineage;	/* of a device with a TPM: ctr of the last flight that gave it a ticket; 0: none */
	uint32_t tamper; /* tamper events latched, bit mask; 0 none; of the platform but for SMR_TAMPER_TPM_STATE */
};

/** CBOR of ev, the claims that d attests. */
void smr_put_ev(struct smr_writer *w, const struct smr_evidence *evidence);
/** Read it back; @p out is meaningless if the reader has failed. */
void smr_get_ev(struct smr_reader *r, struct smr_evidence *out);

/** Evidence as it travels, read but not verified. Views into the input. */
struct smr_attested {
	struct smr_bytes whole;
	struct smr_bytes ev;
	struct smr_attestation attestation;
};
/** Evidence from ev and what attests it: COSE_Sign1, or ev with a quote beside it. */
void smr_put_attested(struct smr_writer *w, struct smr_bytes ev, const struct smr_attestation *attestation);
/** Read it back; @p out is meaningless if the reader has failed. */
void smr_get_attested(struct smr_reader *r, struct smr_attested *out);

/** What the device keeps, in RAM only, between M1 and M2. Wipe with smr_flight_wipe. */
struct smr_flight {
	struct smr_privkey e;
	uint8_t dh_eq[SMR_DH_LEN];
	uint8_t hash_m1[SMR_HASH_LEN];
	uint8_t hash_ev[SMR_HASH_LEN];
	uint32_t ctr;
};
void smr_flight_wipe(struct smr_flight *flight);

/**
 * Build M1.
 *
 * @param q            the server's flight key; @p q_number names it.
 * @param d            who attests with the device's signature key.
 * @param certificate  encoded certificate, or SMR_NONE when the server knows the device from its shipment.
 * @param log          of a device with a TPM whose measurement was refused: what booted, to be shown. Its names are cut to make it fit
 *                     into SMR_M1_SHOWN_MAX, with certificate SMR_M1_MAX; where that is not enough it is left out. NULL: none.
 * @param m1           [in,out] room of at least SMR_M1_MAX; on return the message (CoAP payload).
 * @param flight       [out] what smr_m2_open needs; release with smr_flight_wipe. Wiped unless SMR_OK.
 * @return SMR_E_INVALID: evidence or certificate that no server would read; SMR_E_NO_ROOM; SMR_E_CRYPTO, or what
 *         @p d fails with.
 */
enum smr_err smr_m1_build(const struct smr_pubkey *q, uint32_t q_number, const struct smr_attester *d,
			  const struct smr_evidence *evidence, struct smr_bytes certificate,
			  const struct smr_boot_log *log, struct smr_space *m1, struct smr_flight *flight) SMR_MUST_USE;

/** What the server knows of a request after opening; views into @p scratch given to smr_m1_open. */
struct smr_m1 {
	uint32_t q_number;
	uint8_t e[SMR_POINT_COMPRESSED_LEN];
	struct smr_pubkey e_key; /* imported; smr_m1_wipe releases it */
	uint8_t q[SMR_POINT_COMPRESSED_LEN];
	uint8_t dh_eq[SMR_DH_LEN];
	uint8_t hash_m1[SMR_HASH_LEN];
	struct smr_evidence evidence; /* claims, unverified until smr_evidence_verify */
	struct smr_attested attested;
	struct smr_bytes certificate; /* empty: by reference */
	struct smr_bytes boot_log;    /* a shown-log, beside a quote alone; empty: none */
};
void smr_m1_wipe(struct smr_m1 *m1);

/** Outer fields only: which key, is it a request at all. Cheap; no crypto. SMR_E_MALFORMED, SMR_E_UNSUPPORTED. */
enum smr_err smr_m1_peek(struct smr_bytes datagram, uint32_t *q_number) SMR_MUST_USE;

/**
 * Open a request with the flight key it names: one point decompression, one ECDH.
 *
 * @param q         private flight key.
 * @param datagram  M1 alone: a gate MAC that followed it has been cut off.
 * @param scratch   room of at least datagram.len; must outlive @p m1; no plaintext stays in it unless SMR_OK.
 * @param m1        [out] release with smr_m1_wipe. Wiped unless SMR_OK (smr_m1_wipe is then allowed, not needed).
 * @return SMR_E_MALFORMED; SMR_E_UNSUPPORTED; SMR_E_BAD_POINT; SMR_E_UNOPENED; SMR_E_NO_ROOM.
 */
enum smr_err smr_m1_open(const struct smr_privkey *q, struct smr_bytes datagram, struct smr_space scratch,
			 struct smr_m1 *m1) SMR_MUST_USE;

/**
 * Check what attests ev, E and Q.
 *
 * @param platform  of the device: one with a TPM is believed a quote alone, whose PCRs hash to the measurement; any other a
 *                  signature alone. A TPM's key signs for the main system too, so that a signature by it says nothing.
 * @return SMR_E_SIGNATURE; SMR_E_CRYPTO.
 */
enum smr_err smr_evidence_verify(const struct smr_m1 *m1, const struct smr_pubkey *d,
				 enum smr_platform platform) SMR_MUST_USE;

/** What has to be on the supplier's list for this evidence to be believed: the measurement; of a device with a TPM the state of the PCRs
 * that its quote selects (smr_tpm_state). Only once it has verified. SMR_E_CRYPTO. */
enum smr_err smr_evidence_state(const struct smr_evidence *evidence, enum smr_platform platform,
				const struct smr_tpm_quote *quote, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/** What relayed evidence says. */
struct smr_relayed {
	struct smr_evidence evidence;
	struct smr_tpm_quote quote;    /* of a device with a TPM; else zeros */
	uint8_t hash_ev[SMR_HASH_LEN]; /* that install receipts name */
};

/**
 * The same check for who was not there: the operator, from the relayed record.
 * @param e, q      compressed points of that flight.
 * @param out       [out] untouched unless SMR_OK.
 */
enum smr_err smr_evidence_verify_relayed(struct smr_bytes encoded, const uint8_t e[SMR_POINT_COMPRESSED_LEN],
					 const uint8_t q[SMR_POINT_COMPRESSED_LEN], const struct smr_pubkey *d,
					 enum smr_platform platform, struct smr_relayed *out) SMR_MUST_USE;

/** hash(ev): SHA-256 of the signed structure, so that it covers ev, E and Q. */
enum smr_err smr_evidence_hash(struct smr_bytes ev_payload, const uint8_t e[SMR_POINT_COMPRESSED_LEN],
			       const uint8_t q[SMR_POINT_COMPRESSED_LEN], uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;

/* Reasons of a refusal that travels encrypted. Values are on the wire. X(name, value, text) */
#define SMR_REFUSAL_LIST(X)                                                                                           \
	X(NONE, 0, "not refused")                                                                                     \
	X(NO_SUBSCRIPTION, 1, "no operator has sealed a subscription for this device yet: order one, then try again") \
	X(MEASUREMENT, 2, "the measured software is not on the supplier's list: update or repair the device")         \
	X(COUNTER, 3,                                                                                                 \
	  "the request counter is not above the last one seen, or jumped too far: the device steps ahead, try "       \
	  "again; if that does not help, the supplier has to enrol the device anew")                                  \
	X(RESEAL, 4, "the subscription has to be sealed anew by the operator: try again later")                       \
	X(LINEAGE, 5, "the ticket belongs to an earlier flight: make a new flight")                                   \
	X(TICKET_OLD, 6, "the ticket is too old: make a new flight")                                                  \
	X(REVOKED, 7, "the device is revoked: ask the supplier")                                                      \
	X(STORE, 8, "the server cannot store anything at present: try again later")                                   \
	X(TAMPER, 9, "the device reports tampering: ask the supplier")                                                \
	X(BOOT_LOG, 10,                                                                                               \
	  "the boot log does not replay to the quoted PCRs: start the device anew; if that does not help, repair it") \
	X(TPM_STATE, 11,                                                                                              \
	  "the TPM's clock or the request counter went back: its state was copied or restored; only one copy goes "   \
	  "on. Switch that one on, or put the newest state back; where a copy may be in other hands, have the "       \
	  "operator suspend the subscription before anything else; when the state is lost, have the supplier enrol "  \
	  "the device anew. The subscription that it has stays")

enum smr_refusal {
#define SMR_REFUSAL_MEMBER(name, value, text) SMR_REFUSAL_##name = (value),
	SMR_REFUSAL_LIST(SMR_REFUSAL_MEMBER)
#undef SMR_REFUSAL_MEMBER
};
const char *smr_refusal_text(enum smr_refusal reason);
const char *smr_refusal_name(enum smr_refusal reason);

/** Content of M2: either a refusal alone, or a ticket with or without a package. Empty view or false: absent. A
 * refusal read from the wire may be a value that this version has no name for: it is a refusal all the same. */
struct smr_m2 {
	enum smr_refusal refusal;
	bool has_package;
	struct smr_package package;
	struct smr_bytes ticket;
	struct smr_beacon beacon; /* number 0: none */
	struct smr_bytes flight_key;
	struct smr_bytes spare_ticket;
};

/** Keys that come out of a flight on the server's side. */
struct smr_m2_keys {
	uint8_t m2[SMR_AEAD_KEY_LEN];
	uint8_t rk[SMR_RK_LEN];
	uint8_t f[SMR_POINT_LEN];
};

/** Fresh f for this answer: one key generation, one ECDH. The ticket inside M2 needs keys->rk, hence two steps. */
enum smr_err smr_m2_keys(const struct smr_m1 *m1, struct smr_m2_keys *keys) SMR_MUST_USE;

/** Seal the answer. @param out  [in,out] room, SMR_M2_MAX is always enough. SMR_E_INVALID: neither refusal nor
 * ticket, or a member beyond its limit. */
enum smr_err smr_m2_seal(const struct smr_m2_keys *keys, const struct smr_m2 *m2, struct smr_space *out) SMR_MUST_USE;

/**
 * Open M2 on the device.
 *
 * @param flight   kept by the caller on every error (a forged answer must not cost the real one); wiped by the
 *                 caller after SMR_OK, also when that brought a refusal.
 * @param scratch  room of at least datagram.len; must outlive @p m2; no plaintext stays in it unless SMR_OK.
 * @param m2       [out] views into @p scratch; wiped unless SMR_OK.
 * @param rk       [out] rk_0, the key of m2->ticket; zero on error and with a refusal.
 * @return SMR_E_MALFORMED; SMR_E_BAD_POINT; SMR_E_UNOPENED; SMR_E_NO_ROOM.
 */
enum smr_err smr_m2_open(const struct smr_flight *flight, struct smr_bytes datagram, struct smr_space scratch,
			 struct smr_m2 *m2, uint8_t rk[SMR_RK_LEN]) SMR_MUST_USE;

#endif
