/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file spool.h
 * The relay's work without its thread (relay.c): for each operator SPOOL/<operator key id>/evidence-NNNNNNNN.smr goes out and ack-NNNNNNNN.smr
 * comes back (docs/decisions/0007-relay-by-files.md).
 *
 * There may be any number of operators, and any number of files that wait for one whose AuC is away: a round takes so many steps for each and goes
 * on there in the next, in memory of fixed size but for a few octets for each operator. No transaction of the store is open from one
 * operator to the next.
 */
#ifndef SMR_SERVER_SPOOL_H
#define SMR_SERVER_SPOOL_H

#include "server/server.h"

/* For one operator in a round; then the next one has his turn. */
#define SMR_SPOOL_NEW 64u	/* files that are written at most */
#define SMR_SPOOL_OPEN 64u	/* unacknowledged files that are looked for */
#define SMR_SPOOL_LOOK 4096u	/* names that are read in his directory to find acknowledgements */
#define SMR_SPOOL_OPERATORS 16u /* that are read from the store at a time */

struct smr_spool {
	struct smr_server *server;	/* configuration and counters */
	const struct smr_privkey *sign; /* the RO's */
	struct smr_store *store;	/* nobody else's */
	bool (*go_on)(void *context);	/* asked before each file */
	void *context;
	/* its own: zeros at first */
	bool more;
	struct smr_spool_turn *turns;
	size_t turn_count;
	struct smr_store_operator page[SMR_SPOOL_OPERATORS];
};

/**
 * One round: for each operator acknowledgements are taken, lost files are written again, and then new ones. What cannot be done is logged and tried
 * in the next round. It ends after the file under way once go_on says false.
 * @return true: something is known to wait, and the next round should begin at once.
 */
bool smr_spool_round(struct smr_spool *spool);
/** Release what is its own. */
void smr_spool_wipe(struct smr_spool *spool);

#endif
