/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file run.h
 * Inside a run: what load.c (who begins when), member.c (what a device does then) and phases.c (before and after) share.
 */
#ifndef SMR_FLEET_RUN_H
#define SMR_FLEET_RUN_H

#include "fleet/device.h"
#include "fleet/impair.h"
#include "fleet/load.h"
#include "fleet/sources.h"
#include "fleet/timers.h"
#include "fleet/wire.h"
#include "sys/progress.h"

enum smr_member_phase {
	SMR_MEMBER_IDLE,
	SMR_MEMBER_READY,   /* its request is prepared */
	SMR_MEMBER_WAITING, /* until its timer */
	SMR_MEMBER_OPEN,    /* its request is out */
	SMR_MEMBER_STORED   /* answered; the answer is opened when the clock has stopped */
};

enum smr_member_end { SMR_MEMBER_ACCEPTED, SMR_MEMBER_INSTALLED, SMR_MEMBER_REFUSED, SMR_MEMBER_BAD };

/** A device that takes part. */
struct smr_member {
	uint64_t slot;
	uint64_t due_us;   /* since when it wants to be served */
	uint64_t timer_us; /* 0: none */
	uint64_t answered_us;
	uint64_t timeout_us; /* until the next retransmission */
	uint8_t *request;    /* payload, and behind it what proves the shipment */
	uint8_t *answer;     /* payload */
	struct smr_parked *parked;
	uint16_t request_len;
	uint16_t proof_len;
	uint16_t answer_len;
	uint16_t source;
	uint8_t phase;	  /* enum smr_member_phase */
	uint8_t path;	  /* enum smr_wire_path */
	uint8_t sent;	  /* datagrams of this exchange */
	uint8_t exchange; /* number, so that an answer to an earlier one is known */
	uint8_t hints;
	uint8_t challenges;
	uint8_t failures; /* running */
	uint8_t refusal;
	uint8_t end;  /* enum smr_member_end, once verified */
	bool begun;   /* its contact is counted in `sent` */
	bool follows; /* its contact comes of another one: a report after a flight */
	bool has_echo;
	uint8_t echo[SMR_WIRE_ECHO_LEN];
};

struct smr_run {
	const struct smr_load_wish *wish;
	struct smr_load_result *result;
	struct smr_problem *problem;
	struct smr_roster *roster;
	struct smr_population population;
	struct smr_engine *engine;
	struct smr_sources *sources;
	struct smr_impair impair;
	struct smr_timers timers;
	struct smr_dice dice;
	struct smr_progress progress;
	int signals;
	_Atomic bool stopped; /* by a signal; any thread may see it first */
	/* flights first, then check-ins */
	struct smr_member *members;
	size_t count;
	size_t flights;
	size_t next_flight; /* not begun yet */
	size_t next_checkin;
	unsigned source; /* for the next new exchange */
	uint64_t open;	 /* contacts begun and not ended */
	uint64_t unborn; /* STORM: devices that have not begun */
	uint64_t start_us;
	uint64_t now_us;
	uint64_t last_answer_us;
	uint64_t end_us;     /* no contact begins from then on; UINT64_MAX: not known yet */
	uint64_t arrival_us; /* of the next contact, open loop */
	bool exhausted;	     /* nothing is left to begin */
	enum smr_err err;    /* a TRE or memory failed: the run ends */
};

/* member.c */
/** Let its TRE make the request: a flight when it has no ticket. Any thread. */
enum smr_err smr_member_make(struct smr_run *run, struct smr_engine *engine, struct smr_member *member) SMR_MUST_USE;
/** Open an answer, or say why not: end, refusal. SMR_E_UNOPENED and its class: not this device's answer. Any thread. */
enum smr_err smr_member_open(struct smr_run *run, struct smr_engine *engine, struct smr_member *member,
			     struct smr_bytes payload, struct smr_tre_outcome *outcome) SMR_MUST_USE;
/** Its contact is due: begin. */
void smr_member_begin(struct smr_run *run, struct smr_member *member, uint64_t due_us);
void smr_member_timer(struct smr_run *run, struct smr_member *member);
void smr_member_answer(struct smr_run *run, struct smr_member *member, const struct smr_wire_answer *answer);
/** Count how an opened contact ended. */
void smr_member_count(struct smr_run *run, const struct smr_member *member);
/** Release what it holds. */
void smr_member_wipe(struct smr_member *member);
/** Wake it at this time. */
void smr_member_sleep(struct smr_run *run, struct smr_member *member, uint64_t until_us);
/** Name of its exchange on the wire, and back: NULL when it is none that is open. */
uint32_t smr_member_id(const struct smr_run *run, const struct smr_member *member);
struct smr_member *smr_member_find(struct smr_run *run, uint32_t id);

/* phases.c */
/** Which devices take part, from the marks in their slots. SMR_E_NOTHING: none. */
enum smr_err smr_run_gather(struct smr_run *run) SMR_MUST_USE;
enum smr_err smr_run_prepare(struct smr_run *run) SMR_MUST_USE;
/** Open all answers that were stored, and count them. */
enum smr_err smr_run_verify(struct smr_run *run) SMR_MUST_USE;

#endif
