/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file roster.h
 * The fleet's file: seed, what the devices were given at enrolment, and for each live device a slot with its TRE's record and counter. It is
 * mapped into memory; nothing waits for a disk. One process at a time.
 *
 * A slot belongs to a row of the population by lot: devices in the order of their slots come in random order of their EIDs.
 * The file is for the machine that made it (its byte order, its alignment).
 */
#ifndef SMR_FLEET_ROSTER_H
#define SMR_FLEET_ROSTER_H

#include "fleet/population.h"
#include "sys/problem.h"

#define SMR_ROSTER_HEAD_LEN 4096u
#define SMR_SLOT_LEN 2048u
#define SMR_SLOT_RECORD_MAX (SMR_SLOT_LEN - 32u)

/** What is to be seen of a TRE from outside. */
enum {
	SMR_SLOT_INSTALLED = 1, /* has an MCIM */
	SMR_SLOT_TICKET = 2	/* can check in */
};

struct smr_slot {
	uint64_t row;
	uint64_t counter; /* the TRE's monotonic counter */
	uint32_t record_len;
	uint32_t marks; /* SMR_SLOT_… */
	uint32_t
		promised; /* counter of the last answered contact that the store had to know of: a flight, or a check-in with receipts */
	uint32_t asked; /* counter of the last new check-in */
	uint8_t record[SMR_SLOT_RECORD_MAX];
};
_Static_assert(sizeof(struct smr_slot) == SMR_SLOT_LEN, "slots lie one behind the other in the file");

/** Everything whose octets are in the file. */
struct smr_roster_head {
	char magic[8];
	uint32_t version;
	uint32_t slot_len;
	uint8_t seed[SMR_POPULATION_SEED_LEN];
	uint8_t root[SMR_POINT_COMPRESSED_LEN]; /* of the RO */
	uint8_t shelf[SMR_POINT_COMPRESSED_LEN];
	uint32_t shelf_number;
	uint32_t certificate;	 /* 1: the RO does not know the devices, they show a certificate */
	uint64_t rows;		 /* in the store */
	uint64_t rows_under_way; /* how many there will be when the load that was begun last is in */
	uint64_t live;
};
_Static_assert(sizeof(struct smr_roster_head) <= SMR_ROSTER_HEAD_LEN, "the head has its place");

struct smr_roster {
	int fd;
	size_t len;
	struct smr_roster_head *head;
	struct smr_slot *slots;
};

/** A new file (mode 0600) without devices; @p roster is open. SMR_E_EXISTS. */
enum smr_err smr_roster_create(const char *path, const struct smr_roster_head *head, struct smr_roster *roster,
			       struct smr_problem *problem) SMR_MUST_USE;
/** SMR_E_NOT_FOUND; SMR_E_MALFORMED: not a fleet, or of another version or machine; SMR_E_TRUNCATED; SMR_E_BUSY: another process has it. */
enum smr_err smr_roster_open(const char *path, struct smr_roster *roster, struct smr_problem *problem) SMR_MUST_USE;
/** Room for @p live devices, the new ones zero; head->live stays as it is until the caller has filled them. Views of head and slots move. */
enum smr_err smr_roster_grow(struct smr_roster *roster, uint64_t live, struct smr_problem *problem) SMR_MUST_USE;
void smr_roster_close(struct smr_roster *roster);

#endif
