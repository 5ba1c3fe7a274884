/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metrics.h
 * Counters of the server. One list is the struct, the JSON names and the documentation.
 */
#ifndef SMR_SERVER_METRICS_H
#define SMR_SERVER_METRICS_H

#include <stdatomic.h>
#include <stdio.h>

#include "base/base.h"

/* X(name, what is counted) */
#define SMR_METRICS(X)                                                                            \
	X(datagrams_in, "datagrams received")                                                     \
	X(datagrams_out, "datagrams sent")                                                        \
	X(bytes_in, "octets received, UDP payload")                                               \
	X(bytes_out, "octets sent, UDP payload")                                                  \
	X(dropped_malformed, "not a request of ours: no answer")                                  \
	X(dropped_unopened, "did not open under our keys: no answer")                             \
	X(dropped_unknown, "device unknown, and no certificate of a trusted supplier: no answer") \
	X(dropped_signature, "evidence not signed by the device's key: no answer")                \
	X(dropped_store, "store not available: no answer")                                        \
	X(hints_flight_key, "unknown or ended flight key, answered with the current one")         \
	X(hints_ticket_key, "unknown ticket key, answered with a hint")                           \
	X(flights_opened, "first contacts that public-key work was begun for")                    \
	X(echo_demanded, "answered with an Echo: prove your address")                             \
	X(echo_accepted, "requests whose Echo proved their address")                              \
	X(echo_refused, "requests with an Echo that is old, or not of this address")              \
	X(gate_accepted, "gate MACs of a device of ours")                                         \
	X(gate_refused, "gate MACs of no shipment that was tried")                                \
	X(told_later, "told when to come back, without public-key work")                          \
	X(answers_repeated, "lost answers repeated from memory")                                  \
	X(over_budget, "first contacts beyond the budget of their address prefix")                \
	X(socket_drops, "datagrams that the kernel dropped because a worker's socket was full")   \
	X(batches_loaded, "batches received while the queue was old")                             \
	X(flights_answered, "flights answered with a ticket")                                     \
	X(packages_sent, "of these with a subscription")                                          \
	X(flights_refused, "flights refused, with a reason, encrypted")                           \
	X(boot_logs_shown, "of these with a boot log that explains the measurement")              \
	X(boot_logs_false, "of these with a boot log that does not replay to it")                 \
	X(checkins_answered, "check-ins answered with a ticket")                                  \
	X(checkins_without_store, "of these without any store access")                            \
	X(spare_tickets, "of these answers with a spare ticket")                                  \
	X(checkins_refused, "check-ins refused, with a reason, encrypted")                        \
	X(resends_answered, "repeated requests answered afresh")                                  \
	X(receipts, "receipts taken over for the operators")                                      \
	X(tamper_reports, "check-ins and flights that report tampering")                          \
	X(commits, "group commits")                                                               \
	X(changes, "rows changed by them")                                                        \
	X(purges, "subscriptions overwritten in the store after a receipt or a refusal")          \
	X(conflicts, "changes decided again because the row had moved")                           \
	X(store_round_trips, "batch calls to the store for devices")                              \
	X(security_server_round_trips, "calls to another security server for devices: none exist")

#define SMR_METRICS_LINE 64u

struct smr_metrics {
#define SMR_METRICS_MEMBER(name, what) atomic_ullong name;
	SMR_METRICS(SMR_METRICS_MEMBER)
#undef SMR_METRICS_MEMBER
	/* Two neighbours in an array share no line: who counts does not take it away from another's processor. */
	uint8_t apart[SMR_METRICS_LINE];
};

/** @p n is looked at twice. What did not happen is not written. */
#define SMR_COUNT_UP(metrics, name, n) \
	((void)((n) ? atomic_fetch_add_explicit(&(metrics)->name, (unsigned long long)(n), memory_order_relaxed) : 0))

/** All counters as one JSON object, without a newline: each the sum over @p count sets. */
void smr_metrics_print(const struct smr_metrics *sets, size_t count, FILE *out);

#endif
