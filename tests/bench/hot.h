/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file hot.h
 * What tests/bench/hot.c measures on: a store with devices, all of them with one key, a keyring, and their requests.
 */
#ifndef SMR_TESTS_BENCH_HOT_H
#define SMR_TESTS_BENCH_HOT_H

#include "server/item.h"

/** A request as it would arrive, and what the device needs to make the next one of the answer. */
struct hot_request {
	uint8_t octets[SMR_DATAGRAM_MAX];
	size_t len;
	uint64_t device;
	struct smr_flight flight;
	struct smr_checkin kept;
};

struct hot_world {
	struct smr_store *store;
	struct smr_keyring *ring;
	struct smr_pending *pending;
	struct smr_metrics metrics;
	uint16_t message_id;
	struct smr_ticket_lanes lanes;
	struct smr_privkey q, d;
	struct smr_pubkey q_pub;
	uint8_t x[140]; /* the length of a sealed MILENAGE subscription */
};

/** Print @p what and end the program, unless @p err is SMR_OK. */
void hot_check(enum smr_err err, const char *what);
struct smr_eid hot_eid(uint64_t n);
/** Open the store at @p path, made with @p rows devices, each with a package, if it is not there. */
void hot_world_open(struct hot_world *w, const char *path, uint64_t rows);
void hot_world_close(struct hot_world *w);
/** M1 of device @p n; @p ctr above that of the last one. */
void hot_make_m1(struct hot_world *w, uint64_t n, uint32_t ctr, struct hot_request *out);
/** C1 with nothing to report, with the ticket in @p answer (CoAP and all) to @p request, which it replaces. */
void hot_make_c1(const uint8_t *answer, size_t len, uint32_t ctr, struct hot_request *request);

#endif
