/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file memory.h
 * What the agent remembers over a restart, in one small file that is replaced as a whole: how often it failed running,
 * when the next contact is due, and its counters. So a program that crashes again and again keeps its pauses. No
 * identities, no secrets; losing it costs nothing but pauses and counters.
 */
#ifndef SMR_M2ME_MEMORY_H
#define SMR_M2ME_MEMORY_H

#include <stdio.h>

#include "m2me/fsm.h"
#include "m2me/transport.h"
#include "sys/problem.h"

#define SMR_MEMORY_FILE "agent.memory"
#define SMR_STATUS_FILE "status.json"

struct smr_memory {
	uint32_t level;		    /* failures running, the attempt that is under way included */
	bool paused;		    /* until due_unix */
	uint64_t due_unix;	    /* seconds; 0: at once */
	bool with_certificate;	    /* the next flight, with certificate = auto */
	bool flight_wanted;	    /* although there is a ticket */
	uint64_t last_contact_unix; /* accepted by the TRE */
	uint32_t last_refusal;	    /* enum smr_refusal of the last answer */
	enum smr_agent_state state;
	uint64_t flights; /* requests made */
	uint64_t flights_accepted;
	uint64_t checkins;
	uint64_t checkins_accepted;
	struct smr_traffic traffic;
};

/** From DIR. A missing file is all zero and SMR_OK. SMR_E_MALFORMED: all zero too, the problem says so. */
enum smr_err smr_memory_load(const char *dir, struct smr_memory *out, struct smr_problem *problem) SMR_MUST_USE;
/** To DIR, durable; and status.json beside it, for whoever watches (mode 0640). */
enum smr_err smr_memory_save(const char *dir, const struct smr_memory *memory) SMR_MUST_USE;

/** The one JSON object of status.json and `--status --json`, with a line end. */
void smr_memory_json(FILE *out, const struct smr_memory *memory);
/** For people. @param running  an agent is at work. @param now_unix  seconds. */
void smr_memory_print(FILE *out, const struct smr_memory *memory, bool running, uint64_t now_unix);

#endif
