/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file trelink.h
 * The TRE's socket as the agent's port: connects when it is needed, and again after a loss.
 */
#ifndef SMR_M2ME_TRELINK_H
#define SMR_M2ME_TRELINK_H

#include "m2me/contact.h"

struct smr_tre_socket {
	const char *path; /* outlives the link */
	struct smr_tre_client client;
	bool complained; /* of missing permission, once */
};

/** @p socket is filled and outlives the link; smr_tre_disconnect(&socket->client) at the end. */
struct smr_tre_link smr_tre_link_to(struct smr_tre_socket *socket, const char *path);

#endif
