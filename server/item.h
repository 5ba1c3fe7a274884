/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file item.h
 * One request on its way through the pipeline, and the steps of the two protocols. A step looks at one item and says where it goes
 * next; batching, the store and the network are the worker's (worker.c).
 *
 *     read ─► open ─► look up (batch) ─► judge ─► commit (batch, committer) ─► answer ─► send (batch)
 *                                               └► prepare: seal the answer meanwhile
 */
#ifndef SMR_SERVER_ITEM_H
#define SMR_SERVER_ITEM_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "server/coap.h"
#include "server/keyring.h"
#include "server/metrics.h"
#include "server/pending.h"

/** Larger datagrams are no requests of ours; answers stay below the IPv6 minimum MTU. */
#define SMR_DATAGRAM_MAX 1232u
#define SMR_ITEM_TRIES_MAX 4u
/** Design section 3, «Under attack»: an answer is at most so many times as long as its request, UDP payload against UDP payload. */
#define SMR_AMPLIFICATION_MAX 3u

enum smr_stage {
	SMR_STAGE_FREE,	    /* dropped, or done */
	SMR_STAGE_RECEIVED, /* a datagram */
	SMR_STAGE_READ,	    /* a request, not opened yet */
	SMR_STAGE_LOOKUP,   /* opened; its device's row is wanted */
	SMR_STAGE_COMMIT,   /* judged; its change must be durable first */
	SMR_STAGE_ANSWER,   /* may be answered */
	SMR_STAGE_SEND	    /* the answer is in out */
};

struct smr_item {
	enum smr_stage stage;
	unsigned tries;
	struct sockaddr_storage from;
	socklen_t from_len;
	bool proved;	     /* the address, by an Echo: its answers may be of any length */
	uint8_t control[64]; /* IP_PKTINFO as received: answers leave from the address that was asked */
	size_t control_len;
	uint8_t in[SMR_DATAGRAM_MAX];
	size_t in_len;
	uint8_t out[SMR_DATAGRAM_MAX];
	size_t out_len;

	struct smr_coap_request coap;
	uint8_t scratch[SMR_DATAGRAM_MAX];
	struct smr_m1 m1;	  /* flight */
	struct smr_ticket ticket; /* check-in */
	uint32_t ticket_class;
	uint32_t sealed_len; /* flight: of an answer that stands in its room already (smr_item_prepare); 0: none does */
	struct smr_c1 c1;
	struct smr_store_device *device;
	struct smr_store_change *change;
	struct smr_verdict verdict;
};

struct smr_admission;

/** What all steps may use. */
struct smr_steps {
	const struct smr_keyring *ring;	 /* held for the batch */
	struct smr_pending_view pending; /* held for the batch too */
	struct smr_metrics *metrics;
	uint16_t *message_id;
	struct smr_admission *admission; /* NULL: everybody is admitted */
	struct smr_ticket_lanes *lanes;	 /* this thread's */
};

/** EID that the store is asked for. */
const struct smr_eid *smr_item_eid(const struct smr_item *item);
/** Wipe keys and plaintext; the item is FREE. */
void smr_item_wipe(struct smr_item *item);
/** Put a finished answer into out. @p payload may already stand at its place in out (see smr_item_room). */
void smr_item_finish(struct smr_item *item, const struct smr_steps *steps, const struct smr_coap_answer *answer);
/** Where the payload of a 2.04 answer goes, so that sealing writes it in place. */
struct smr_space smr_item_room(struct smr_item *item);
/** The same, but for an address that has not proved itself no more than keeps the answer within SMR_AMPLIFICATION_MAX times the request. What is too long for it is not
 * sealed at all (SMR_E_NO_ROOM comes before anything is encrypted), so the same keys may then serve an answer without its
 * optional members; what is too long even so has to wait for the address to be proved (smr_item_challenge). */
struct smr_space smr_item_room_within(struct smr_item *item);

/** Finish with a 4.01: the same request again, with the Echo that is in it. */
void smr_item_challenge(struct smr_item *item, const struct smr_steps *steps);

/** Which path, which options; the item is READ, or FREE when it is no request. */
void smr_item_read(struct smr_item *item, const struct smr_steps *steps);
/** Open what was READ, as flight or check-in. */
void smr_item_open(struct smr_item *item, const struct smr_steps *steps);
/** With the row in item->device. May fill item->change. */
void smr_item_judge(struct smr_item *item, const struct smr_steps *steps);
/** While the change of a COMMIT item is being made durable: do the work of the answer that follows if it will be. Nothing leaves, and nothing that the
 * committer reads is touched. */
void smr_item_prepare(struct smr_item *item, const struct smr_steps *steps);
/** Seal the answer, unless it was prepared. @p store_failed  the change could not be made durable. */
void smr_item_answer(struct smr_item *item, const struct smr_steps *steps, bool store_failed);

/* flight.c */
void smr_flight_open(struct smr_item *item, const struct smr_steps *steps);
void smr_flight_judge(struct smr_item *item, const struct smr_steps *steps);
void smr_flight_prepare(struct smr_item *item, const struct smr_steps *steps);
void smr_flight_answer(struct smr_item *item, const struct smr_steps *steps, bool store_failed);
/* checkin.c */
void smr_checkin_open(struct smr_item *item, const struct smr_steps *steps);
void smr_checkin_judge(struct smr_item *item, const struct smr_steps *steps);
void smr_checkin_answer(struct smr_item *item, const struct smr_steps *steps, bool store_failed);

/** The part of a change that follows from a verdict. */
void smr_change_from(struct smr_store_change *change, const struct smr_store_device *device,
		     const struct smr_verdict *verdict, const uint8_t hash[SMR_HASH_LEN]);

#endif
