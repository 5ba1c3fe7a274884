/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tre_rig.h
 * A TRE on a platform of memory, with the parties around it: power can be cut at every port call. Include after cmocka.h.
 */
#ifndef SMR_TESTS_UNIT_TRE_RIG_H
#define SMR_TESTS_UNIT_TRE_RIG_H

#include "core/hpke.h"
#include "tre/tre.h"

struct rig_key {
	struct smr_privkey own;
	struct smr_pubkey pub;
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
};

/** The platform: what survives a power cut is here. */
struct rig_platform {
	uint8_t record[SMR_TRE_RECORD_MAX];
	size_t record_len;
	uint64_t counter;
	uint8_t storage_key[SMR_AEAD_KEY_LEN];
	uint8_t measurement[SMR_HASH_LEN];
	uint32_t tamper;
	unsigned writes;     /* store and counter_advance calls so far */
	unsigned cut_before; /* power fails before this write, from 1; 0: never */
	unsigned cut_after;  /* power fails right after this write took place */
};

struct rig {
	struct rig_platform platform;
	struct smr_tre_port port;
	struct smr_tre *tre;
	struct rig_key supplier, root, q, epoch, owner, op, other_op;
	struct smr_eid eid;
	struct smr_shipment_id shipment;
	uint8_t d[SMR_POINT_COMPRESSED_LEN];
	uint8_t t[SMR_POINT_COMPRESSED_LEN];
	struct smr_aka_params aka; /* of the subscription that rig_package seals */
	struct smr_ticket_key tk;
	struct smr_ticket_lanes lanes;
	struct smr_beacon beacon; /* goes into every answer to a check-in; number 0: none */
	bool send_epoch;	  /* the epoch key too */
	/* the server's memory of the last flight and check-in */
	struct smr_evidence seen;
	uint8_t hash_ev[SMR_HASH_LEN];
	struct smr_report report;
	uint32_t c1_ctr;
};

void rig_init(struct rig *rig);
void rig_free(struct rig *rig);
/** For cmocka: a rig of its own for each test, as its state. */
int rig_set_up(void **state);
int rig_tear_down(void **state);
/** Power off and on. */
enum smr_err rig_restart(struct rig *rig);
/** What the supplier brings to a TRE whose keys rig->d and rig->t are; in memory of its own. */
struct rig_enrolment {
	struct smr_tre_enrolment enrolment;
	uint8_t certificate[SMR_CERTIFICATE_MAX];
	uint8_t shelf[SMR_FLIGHT_KEY_MAX];
	uint8_t sealed[SMR_HASH_LEN + SMR_HPKE_OVERHEAD];
};
/** The first half of enrolment: keys are made. */
enum smr_err rig_enrol_begin(struct rig *rig);
/** What the second half needs. */
void rig_enrolment(struct rig *rig, bool owner_bound, struct rig_enrolment *out);
/** Enrol: bound to the owner, or to the anchor `op`. Fails the test on any error. */
void rig_enrol(struct rig *rig, bool owner_bound);
enum smr_err rig_try_enrol(struct rig *rig, bool owner_bound);

/** A sealed package in memory of its own. */
struct rig_package {
	struct smr_package package;
	uint8_t x[SMR_X_MAX];
	uint8_t order[SMR_ORDER_MAX];
};
/** Seal for the rig's TRE by @p op. @p with_order  the owner's order, number 1, naming this device and @p op. */
void rig_package(struct rig *rig, struct rig_package *out, const struct rig_key *op, uint64_t serial, bool with_order);
/** An order of the owner. */
size_t rig_order(struct rig *rig, uint8_t out[SMR_ORDER_MAX], const struct rig_key *owner, const struct rig_key *op,
		 uint64_t serial, const struct smr_eid *eid);

/** The server's answer to M1: @p package or NULL. Checks the evidence's signature. */
struct smr_space rig_answer(struct rig *rig, struct smr_bytes m1, const struct rig_package *package,
			    enum smr_refusal refusal, uint8_t room[SMR_M2_MAX]);
/** A whole flight. */
enum smr_err rig_flight(struct rig *rig, const struct rig_package *package, struct smr_tre_outcome *outcome);
/** The server's answer to C1, with an object or none. */
struct smr_space rig_answer_checkin(struct rig *rig, struct smr_bytes c1, struct smr_bytes object,
				    enum smr_refusal refusal, uint8_t room[SMR_C2_MAX]);
enum smr_err rig_checkin(struct rig *rig, struct smr_bytes object, struct smr_tre_outcome *outcome);
/** A command signed by @p op. */
size_t rig_command(struct rig *rig, uint8_t out[SMR_COMMAND_MAX], const struct rig_key *op,
		   const struct smr_package *package, uint64_t serial, enum smr_mcim_state state);

#endif
