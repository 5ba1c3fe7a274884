/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file plan_model.h
 * The capacity model: numbers in, numbers out. Each line has its formula, under the same number, in docs/capacity.md; what goes in was
 * measured by `make bench`, is said by whoever plans, or is cited there.
 */
#ifndef SMR_CLI_PLAN_MODEL_H
#define SMR_CLI_PLAN_MODEL_H

#include "base/base.h"

/* X(member, name in bench.json) */
#define SMR_PLAN_MEASURED(X)                                            \
	X(devices_per_second, "provision.devices_per_second")           \
	X(flight_us, "provision.cpu_us_per_device")                     \
	X(flight_round_trips, "provision.store_round_trips_per_device") \
	X(flight_up, "provision.bytes_up")                              \
	X(flight_down, "provision.bytes_down")                          \
	X(check_in_us, "checkin.cpu_us")                                \
	X(check_in_up, "checkin.bytes_up")                              \
	X(check_in_down, "checkin.bytes_down")                          \
	X(store_octets, "store.bytes_per_device")                       \
	X(store_octets_flown, "store.bytes_per_device_flown")           \
	X(memory_octets, "server.rss_bytes_per_device")

struct smr_plan_input {
	double devices;
	double check_in_s; /* from one check-in of a device to the next */
	double flight_s;   /* from one flight to the next: how long a lineage lives */
	double cores;	   /* at hand for provisioning all; 0: those of F3, whole ones */
	double utilisation;
	double header;						  /* octets around the payload of a datagram */
	double uplink, downlink;				  /* bit/s on the air */
	double tx_power, rx_power;				  /* watts */
	double price_core_hour, price_gb_month, price_gb_traffic; /* negative: not known, and the lines are left out */
#define SMR_PLAN_MEMBER(member, name) double member;
	SMR_PLAN_MEASURED(SMR_PLAN_MEMBER)
#undef SMR_PLAN_MEMBER
};

/* X(formula, name in JSON, unit, what it is) */
#define SMR_PLAN_LINES(X)                                                           \
	X(F1, check_ins_per_second, "/s", "check-ins")                              \
	X(F2, flights_per_second, "/s", "flights, once all are provisioned")        \
	X(F3, cores, "cores", "processor cores for both")                           \
	X(F4, provision_all_s, "s", "time to provision all")                        \
	X(F5, store_bytes, "B", "store")                                            \
	X(F6, memory_bytes, "B", "growth of samarad's memory, in each front end")   \
	X(F7, store_round_trips_per_second, "/s", "round trips to the store")       \
	X(F8, uplink_bits_per_second, "bit/s", "bandwidth towards the server")      \
	X(F9, downlink_bits_per_second, "bit/s", "bandwidth towards the devices")   \
	X(F10, traffic_bytes_per_device_year, "B", "traffic of a device in a year") \
	X(F11, check_in_joule, "J", "energy on the air, one check-in")              \
	X(F12, flight_joule, "J", "energy on the air, one flight")                  \
	X(F13, joule_per_device_year, "J", "energy on the air, a device in a year") \
	X(F14, cores_cost_year, "", "cost of cores in a year")                      \
	X(F15, store_cost_year, "", "cost of the store in a year")                  \
	X(F16, traffic_cost_year, "", "cost of traffic in a year")

enum smr_plan_line {
#define SMR_PLAN_ENUM(formula, name, unit, what) SMR_PLAN_##formula,
	SMR_PLAN_LINES(SMR_PLAN_ENUM)
#undef SMR_PLAN_ENUM
		SMR_PLAN_COUNT
};

/** All lines; one whose price is not known is negative. All of @p in but prices and cores must be above 0 (or 0 where measured). */
void smr_plan(const struct smr_plan_input *in, double out[SMR_PLAN_COUNT]);

#endif
