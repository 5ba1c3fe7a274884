/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file dispatch.h
 * One packet in, one packet out: a request decoded, done by the engine, answered.
 */
#ifndef SMR_TRE_LINUX_DISPATCH_H
#define SMR_TRE_LINUX_DISPATCH_H

#include "tre/ipc.h"

/** What became of a packet, for the log. */
struct smr_tre_done {
	enum smr_tre_op op; /* 0: it was no request */
	enum smr_err result;
};

/**
 * Every packet gets an answer: what is no request gets SMR_E_MALFORMED or SMR_E_UNSUPPORTED.
 * @param packet  untrusted octets.
 * @param room    SMR_TRE_PACKET_MAX octets; may hold results of AUTHENTICATE afterwards: wipe it.
 */
void smr_tre_dispatch(struct smr_tre *tre, struct smr_bytes packet, struct smr_space room, struct smr_bytes *answer,
		      struct smr_tre_done *done);

#endif
