/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sim.h
 * The external SIM of one wpa_supplicant or eapol_test: a datagram socket attached to its control interface. Challenges
 * go to the TRE, answers come back; nothing else is ever sent but ATTACH and PING (STATUS kills an eapol_test).
 *
 * No thread here: the caller polls smr_sim_fd and calls smr_sim_tick at least every second.
 */
#ifndef SMR_M2ME_SIM_H
#define SMR_M2ME_SIM_H

#include <sys/types.h>
#include <time.h>

#include "m2me/sim_line.h"
#include "sys/problem.h"

struct smr_sim {
	const char *control;	/* of the peer; outlives the SIM */
	const char *tre_socket; /* outlives the SIM */
	char *own;		/* path of our socket, on the heap */
	int fd;			/* -1: not connected */
	bool attached;
	bool complained; /* of what keeps us from connecting, once */
	dev_t device;	 /* the peer's socket file that we are connected to */
	ino_t inode;
	struct timespec made;
	uint64_t deadline_ms; /* of ATTACH or PING: the next, or its answer */
	bool awaiting;
	unsigned authentications;	/* with SMR_OK */
	enum smr_sim_line_kind verdict; /* SUCCESS or FAILURE, the last one heard; OTHER: none yet */
};

/**
 * @param dir   directory of our own socket; made with mode 0711 when it is missing.
 * @param name  of our socket in it; an earlier one of that name is replaced.
 * @return SMR_E_NO_MEMORY; SMR_E_INVALID: paths too long for a socket.
 */
enum smr_err smr_sim_init(struct smr_sim *sim, const char *control, const char *dir, const char *name,
			  const char *tre_socket, struct smr_problem *problem) SMR_MUST_USE;
void smr_sim_wipe(struct smr_sim *sim);

/** Connect when the peer is there, notice when it is gone. Never waits. */
void smr_sim_tick(struct smr_sim *sim);
/** smr_sim.fd is readable: handle all that came. Waits for the TRE's answers. */
void smr_sim_read(struct smr_sim *sim);

#endif
