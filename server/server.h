/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file server.h
 * What the threads of samarad share.
 */
#ifndef SMR_SERVER_H
#define SMR_SERVER_H

#include <pthread.h>

#include "server/committer.h"
#include "server/keyring.h"
#include "server/metrics.h"
#include "server/pending.h"

/** When first contacts have to prove their address; values of `demand`, in the order of its choices. */
enum smr_demand { SMR_DEMAND_AUTO, SMR_DEMAND_ALWAYS, SMR_DEMAND_NEVER };
/** Does this one relay? Of several on one store, one with the operators' spool is enough. */
enum smr_relay_use { SMR_RELAY_YES, SMR_RELAY_NO };
/** What becomes of those without a gate MAC then. */
enum smr_gate_use { SMR_GATE_PREFER, SMR_GATE_REQUIRE };
/** Which devices get spare tickets: those that check in less often than once a day, all, none. */
enum smr_server_spare { SMR_SPARE_RARE, SMR_SPARE_ALWAYS, SMR_SPARE_NEVER };

struct smr_server_config {
	/* [listen] */
	char *address;
	uint64_t port;
	uint64_t threads;	 /* 0: one per core */
	uint64_t batch;		 /* datagrams taken and answered at a time, at most */
	uint64_t receive_buffer; /* octets, of each worker's socket */
	/* [store] */
	char *store;
	/* [relay] */
	unsigned relay; /* enum smr_relay_use */
	char *spool;
	uint64_t relay_interval_s;
	uint64_t relay_batch;
	/* [tickets] */
	unsigned spare; /* enum smr_server_spare */
	/* [pending] */
	uint64_t stale_s;
	/* [flight] */
	uint64_t send_next_key_s;
	/* [overload] */
	unsigned demand; /* enum smr_demand */
	unsigned gate;	 /* enum smr_gate_use */
	uint64_t target_ms;
	uint64_t hold_s;
	uint64_t prefix_rate;
	uint64_t gate_keys;
	uint64_t answers;
	uint64_t later_min_s;
	uint64_t later_max_s;
	/* [status] */
	char *status_socket;
};

#define SMR_WORKERS_MAX 256u

struct smr_server {
	const struct smr_server_config *config;
	struct smr_metrics
		metrics[1 + SMR_WORKERS_MAX]; /* the first set is everybody's but the workers', of whom each has one */
	struct smr_committer *committer;
	struct smr_pending *pending;
	pthread_rwlock_t ring_lock;
	struct smr_keyring *ring;
	struct smr_package_ring *packages; /* NULL: none, as with SQLite in tests */
	int stop_fd;			   /* eventfd, readable when the server is to stop receiving */
};

/** The present keyring; release it after the batch. */
struct smr_keyring *smr_server_ring(struct smr_server *server);
/** Put a new keyring in place; takes over the caller's reference. */
void smr_server_set_ring(struct smr_server *server, struct smr_keyring *ring);

/* worker.c: one per core */
#define SMR_WORKER_BATCH_MAX 64u
struct smr_worker;
/** @param metrics  what it counts in, its alone. */
enum smr_err smr_worker_start(struct smr_server *server, struct smr_metrics *metrics, int udp_fd,
			      struct smr_worker **out) SMR_MUST_USE;
/** Wait until it has answered everything it received (after stop_fd became readable), and free it. */
void smr_worker_join(struct smr_worker *worker);

/* keeper.c: reloads keys and the pending set, rotates epochs, also of package keys, checkpoints the store */
struct smr_keeper;
enum smr_err smr_keeper_start(struct smr_server *server, struct smr_keeper **out) SMR_MUST_USE;
/** Look at once instead of within a second. */
void smr_keeper_wake(struct smr_keeper *keeper);
void smr_keeper_stop(struct smr_keeper *keeper);

/* relay.c: evidence and receipts to the operators, their acknowledgements back */
struct smr_relay;
enum smr_err smr_relay_start(struct smr_server *server, const struct smr_privkey *sign,
			     struct smr_relay **out) SMR_MUST_USE;
/** It ends after the file under way. What waits stays in the store, and is the first that the next server relays. */
void smr_relay_stop(struct smr_relay *relay);

/* status.c: counters as JSON to whoever connects */
struct smr_status;
enum smr_err smr_status_start(struct smr_server *server, struct smr_status **out) SMR_MUST_USE;
void smr_status_stop(struct smr_status *status);

#endif
