/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sources.h
 * The devices' way to the network: some sockets, each with a port of its own and, towards a server on loopback, an address in a network of its
 * own (127.0.1.1, 127.0.2.1, …), as if it were a cell with many devices behind it. Datagrams go out and come in by the batch.
 */
#ifndef SMR_FLEET_SOURCES_H
#define SMR_FLEET_SOURCES_H

#include <sys/socket.h>

#include "sys/problem.h"

#define SMR_SOURCES_MAX 250u
#define SMR_SOURCES_BATCH 64u
#define SMR_SOURCES_DATAGRAM_MAX 1500u

struct smr_sources;

/**
 * @param server  «ADDRESS:PORT», an IPv6 address in brackets; no names.
 * @return SMR_E_INVALID: not that; SMR_E_IO: no socket.
 */
enum smr_err smr_sources_open(const char *server, unsigned count, struct smr_sources **out,
			      struct smr_problem *problem) SMR_MUST_USE;
/** NULL is allowed. */
void smr_sources_close(struct smr_sources *sources);

/**
 * Send head and payload as one datagram from a source, not at once: with the next smr_sources_flush, or when there is no more room. Both are
 * copied. More than SMR_SOURCES_DATAGRAM_MAX octets are lost, as they would be on the way.
 */
void smr_sources_send(struct smr_sources *sources, unsigned source, struct smr_bytes head, struct smr_bytes payload);
void smr_sources_flush(struct smr_sources *sources);

/** @param arrived_us  smr_clock_us when the batch was read: what is done with one datagram does not make the next one late. */
typedef void smr_sources_received(void *context, unsigned source, struct smr_bytes datagram, uint64_t arrived_us);
/** Hand out what has arrived, at most a batch from each source. @return how many datagrams. */
size_t smr_sources_receive(struct smr_sources *sources, smr_sources_received *each, void *context);
/** Wait until something arrives, @p stop_fd is readable or @p wait_us are over. */
void smr_sources_wait(struct smr_sources *sources, int stop_fd, uint64_t wait_us);
/** Datagrams that the kernel refused because nobody listens there (ICMP). */
uint64_t smr_sources_unreachable(const struct smr_sources *sources);

#endif
