/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file agent.h
 * The agent's loop, one step at a time, over ports: TRE, transport, clock, memory. m2me/fsm.h has the table.
 *
 * An attempt is charged before it is made: the memory that says «paused, one failure more» is durable when the first
 * datagram leaves, and taken back when the TRE has accepted an answer. So whatever ends the process, the pauses grow.
 */
#ifndef SMR_M2ME_AGENT_H
#define SMR_M2ME_AGENT_H

#include "m2me/contact.h"
#include "m2me/memory.h"
#include "sys/clock.h"

struct smr_agent_rules {
	bool certificate_always;
	bool certificate_never; /* neither: by reference and with certificate in turn, until one is answered */
	uint64_t interval_s;	/* 0: the MCIM's policy */
	uint64_t pause_min_ms;
	uint64_t pause_max_ms;
};

struct smr_agent_ports {
	struct smr_tre_link tre;
	struct smr_transport transport;
	const struct smr_clock *clock;
	uint32_t (*random)(void *context);
	/* Durable when it returns. Without it nothing is sent: SMR_E_DISK_FULL and the like end in a pause. */
	enum smr_err (*save)(void *context, const struct smr_memory *memory);
	void *context;
};

struct smr_agent {
	struct smr_agent_rules rules;
	struct smr_agent_ports ports;
	struct smr_memory memory;
	enum smr_agent_state state;
	uint64_t due_ms; /* monotonic; of what memory.due_unix says */
	unsigned hints;	 /* new requests running that nothing but hints caused */
	unsigned prompt; /* check-ins running that were made at once because something waited */
	unsigned tre_waits;
	bool asked;			 /* contact now */
	bool stopped;			 /* a contact was ended because the process is */
	uint32_t interval_s;		 /* as last heard from the TRE */
	struct smr_traffic traffic_base; /* of earlier processes */
	struct smr_contact last;
};

/** @param memory  as loaded. A due time that is farther away than any that is given out is cut: clocks are set back. */
void smr_agent_init(struct smr_agent *agent, const struct smr_agent_rules *rules, const struct smr_agent_ports *ports,
		    const struct smr_memory *memory);
/** Do what is due. @return milliseconds until the next step, 0: at once. */
uint64_t smr_agent_step(struct smr_agent *agent);
/** Contact now, whatever pause there is. */
void smr_agent_ask(struct smr_agent *agent);

/** One contact of a kind, on demand, whatever is due: for --once. The flight goes on through hints, a check-in does not
 * become a flight. The result is in agent->last. */
void smr_agent_flight_once(struct smr_agent *agent);
void smr_agent_checkin_once(struct smr_agent *agent);

#endif
