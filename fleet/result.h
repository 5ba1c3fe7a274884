/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file result.h
 * What a run measured, and how it is told.
 */
#ifndef SMR_FLEET_RESULT_H
#define SMR_FLEET_RESULT_H

#include "core/flight.h"
#include "fleet/histogram.h"

#define SMR_RESULT_REFUSALS 16u

struct smr_load_result {
	double seconds; /* open loop: while requests arrived; otherwise until the last answer that counted */
	double cpu_s;	/* of this process in that time and until the last answer */
	double offered; /* arrivals per second */
	uint64_t devices;
	/* datagrams, as the devices saw them: what they sent, what reached them */
	uint64_t datagrams_up, datagrams_down, bytes_up, bytes_down, retransmissions;
	/* contacts; each that was sent ends as accepted, refused, bad, unanswered or waiting */
	uint64_t sent;
	uint64_t answered; /* 2.04 */
	uint64_t accepted;
	uint64_t accepted_in_time; /* while the seconds lasted */
	uint64_t installed;
	uint64_t refused;
	uint64_t refusals[SMR_RESULT_REFUSALS]; /* by reason; the last one: any other */
	uint64_t unanswered;
	uint64_t waiting; /* told to come back later than the end of the run */
	uint64_t bad;	  /* not what this device can use: that must not be */
	/* on the way there */
	uint64_t later;	     /* 5.03 */
	uint64_t hints;	     /* 4.04 */
	uint64_t challenges; /* 4.01 */
	uint64_t ignored;    /* answers that the TRE did not open, and what was no answer */
	uint64_t surplus;    /* further answers to what was answered or given up */
	uint64_t unreachable;
	bool interrupted;
	struct smr_histogram latency; /* from when a contact was due to its 2.04 */
	struct smr_histogram late;    /* from when it was due to its first datagram: the generator's own delay */
};

struct smr_load_wish;

/** Did every device get what it came for? */
bool smr_result_good(const struct smr_load_result *result);
/** One line of JSON, or a table for a person, on standard output. */
enum smr_err smr_result_print(const struct smr_load_wish *wish, const struct smr_load_result *result,
			      bool json) SMR_MUST_USE;

#endif
