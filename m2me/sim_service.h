/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sim_service.h
 * External SIMs at work: a thread for all configured control interfaces, so that a look-up of names or a wait for the
 * server never delays an authentication; or one interface until the peer's verdict.
 */
#ifndef SMR_M2ME_SIM_SERVICE_H
#define SMR_M2ME_SIM_SERVICE_H

#include "m2me/config.h"

struct smr_sim_service;

/** @p config outlives the service. With no interface configured *out is NULL and all is well. Signals must be blocked
 * before. */
enum smr_err smr_sim_service_start(const struct smr_m2me_config *config, struct smr_sim_service **out,
				   struct smr_problem *problem) SMR_MUST_USE;
/** End and release; NULL is allowed. */
void smr_sim_service_stop(struct smr_sim_service *service);

/**
 * Serve one interface until the peer reports success or failure.
 * @param stop_fd  readable: end; or -1.
 * @return SMR_OK: success; SMR_E_REFUSED: failure; SMR_E_UNAVAILABLE: nothing within the time; SMR_E_BUSY: told to end.
 */
enum smr_err smr_sim_serve_once(const struct smr_m2me_config *config, const char *control, uint64_t timeout_s,
				int stop_fd, struct smr_problem *problem) SMR_MUST_USE;

#endif
