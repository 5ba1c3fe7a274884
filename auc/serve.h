/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file serve.h
 * `samara-auc run`: hostapd's socket and the relay directory in one loop.
 */
#ifndef SMR_AUC_SERVE_H
#define SMR_AUC_SERVE_H

#include <sys/types.h>

#include "auc/db.h"
#include "file/party.h"

struct smr_auc_serve {
	struct smr_auc_db *db;
	const struct smr_party *auc;
	const char *dir;    /* the AuC's directory */
	const char *socket; /* path of the eap_sim_db socket */
	gid_t socket_group; /* SMR_GID_KEEP: leave */
	const char *spool;  /* relay root; our operator's files are in SPOOL/<key id> */
	struct smr_key_id operator_id;
	uint64_t relay_interval_ms;
};
/** Serve until SIGTERM or SIGINT. SIGHUP looks into the relay directory at once. */
enum smr_err smr_auc_serve(struct smr_auc_serve *serve, struct smr_problem *problem) SMR_MUST_USE;

#endif
