/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file recent.h
 * Answers given lately, for requests that come again octet by octet from the same address and port because the answer was lost (RFC 7252 4.5):
 * while the server is busy they get the same answer once more, for a microsecond. Fixed number of entries; an answer lives
 * SMR_RECENT_LIFE_S, or until newer ones need its place.
 */
#ifndef SMR_SERVER_RECENT_H
#define SMR_SERVER_RECENT_H

#include "server/address.h"
#include "server/siphash.h"

#define SMR_RECENT_ANSWER_MAX 720u /* M2 with TUAK, order and flight key; longer ones are not kept */
#define SMR_RECENT_LIFE_S 45u	   /* MAX_TRANSMIT_SPAN: a client does not repeat itself later (RFC 7252 4.8.2) */

struct smr_recent;

/** @param entries  rounded up to a power of two; 0: keeps nothing. @param key  SMR_SIPHASH_KEY_LEN, outlives it. NULL: no memory. */
struct smr_recent *smr_recent_new(size_t entries, const uint8_t *key);
void smr_recent_free(struct smr_recent *recent);
void smr_recent_put(struct smr_recent *recent, struct smr_bytes request, const struct smr_address *from,
		    struct smr_bytes answer, uint64_t now_us);
/** The answer to this very datagram, or empty. The view lives until the next put. */
struct smr_bytes smr_recent_get(const struct smr_recent *recent, struct smr_bytes request,
				const struct smr_address *from, uint64_t now_us);

#endif
