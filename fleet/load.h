/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file load.h
 * Drive live devices against a server and measure what comes back.
 *
 * Open loop: contacts are due at a rate that the server has no influence on, and latency counts from the moment a contact was due, however
 * late it could be sent. Closed loop: a number of contacts is open at any time. A device has one contact at a time.
 *
 * Devices behave as samara-m2me does: identical octets again after --resend-after and twice as long each further time (RFC 7252 4.2), a
 * challenge is answered (RFC 9175), «come back later» is obeyed with jitter, a hint in clear leads to a flight, three times running at most.
 */
#ifndef SMR_FLEET_LOAD_H
#define SMR_FLEET_LOAD_H

#include "fleet/result.h"
#include "fleet/roster.h"

enum smr_load_do { SMR_LOAD_PROVISION, SMR_LOAD_CHECKIN, SMR_LOAD_MIXED, SMR_LOAD_STORM };

struct smr_load_wish {
	const char *server; /* «ADDRESS:PORT» */
	enum smr_load_do what;
	double rate;	  /* contacts per second; 0: closed loop */
	bool even;	  /* arrivals at equal distances instead of Poisson's */
	uint64_t window;  /* contacts open at a time, when there is no rate */
	uint64_t count;	  /* devices at most; 0: all */
	uint64_t seconds; /* contacts begin so long at most; 0: each device has one */
	uint64_t first;	  /* slot of the first device; UINT64_MAX: whichever can do it, from the first slot on */
	double ratio;	  /* MIXED: share of flights */
	bool prepare;
	bool verify_after;
	bool certificate; /* show it, also where the RO knows the device */
	bool receipts;	  /* after an accepted flight report at once */
	double loss, duplicate, reorder;
	uint64_t resend_after_ms;
	uint64_t patience_s; /* wait so long for answers when nothing more is begun */
	double spread_s;     /* STORM: devices begin within this time */
	unsigned sources;
	unsigned threads; /* that prepare and verify */
	uint64_t cpu;	  /* processor of the thread that drives, while the clock runs; UINT64_MAX: any */
	uint64_t seed;	  /* of arrivals, losses, jitter */
	bool quiet;
};

/** «provision». Static. */
const char *smr_load_name(enum smr_load_do what);

/**
 * @param result  [out] what was measured, also after SMR_OK with devices that were not served.
 * @return SMR_E_NOTHING: no device can do that; SMR_E_INVALID, SMR_E_IO, SMR_E_NO_MEMORY; errors of a TRE that cannot start.
 */
enum smr_err smr_load_run(const struct smr_load_wish *wish, struct smr_roster *roster, struct smr_load_result *result,
			  struct smr_problem *problem) SMR_MUST_USE;

#endif
