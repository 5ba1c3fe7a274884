/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan_model.h"

#include <math.h>

#define YEAR_S (365.0 * 86400.0)
#define YEAR_HOURS (365.0 * 24.0)
#define MONTHS 12.0
#define GB 1e9

static double load(const struct smr_plan_input *in, const double *f)
{
	return (f[SMR_PLAN_F1] * in->check_in_us + f[SMR_PLAN_F2] * in->flight_us) * 1e-6;
}

static double bits(const struct smr_plan_input *in, const double *f, double check_in, double flight)
{
	return 8 * (f[SMR_PLAN_F1] * (check_in + in->header) + f[SMR_PLAN_F2] * (flight + in->header));
}

/** Joule of a datagram each way. */
static double on_air(const struct smr_plan_input *in, double up, double down)
{
	return 8 * (up + in->header) / in->uplink * in->tx_power +
	       8 * (down + in->header) / in->downlink * in->rx_power;
}

static double priced(double price, double amount)
{
	return price < 0 ? -1 : price * amount;
}

static void plan_server(const struct smr_plan_input *in, double *f)
{
	f[SMR_PLAN_F1] = in->devices / in->check_in_s;
	f[SMR_PLAN_F2] = in->devices / in->flight_s;
	f[SMR_PLAN_F3] = load(in, f) / in->utilisation;
	f[SMR_PLAN_F4] = in->devices / ((in->cores > 0 ? in->cores : ceil(f[SMR_PLAN_F3])) * in->utilisation *
					in->devices_per_second);
	f[SMR_PLAN_F5] = in->devices * fmax(in->store_octets, in->store_octets_flown);
	f[SMR_PLAN_F6] = in->devices * in->memory_octets;
	f[SMR_PLAN_F7] = f[SMR_PLAN_F2] * in->flight_round_trips;
}

static void plan_air(const struct smr_plan_input *in, double *f)
{
	const double check_ins = YEAR_S / in->check_in_s;
	const double flights = YEAR_S / in->flight_s;

	f[SMR_PLAN_F8] = bits(in, f, in->check_in_up, in->flight_up);
	f[SMR_PLAN_F9] = bits(in, f, in->check_in_down, in->flight_down);
	f[SMR_PLAN_F10] = (f[SMR_PLAN_F8] + f[SMR_PLAN_F9]) / 8 * YEAR_S / in->devices;
	f[SMR_PLAN_F11] = on_air(in, in->check_in_up, in->check_in_down);
	f[SMR_PLAN_F12] = on_air(in, in->flight_up, in->flight_down);
	f[SMR_PLAN_F13] = check_ins * f[SMR_PLAN_F11] + flights * f[SMR_PLAN_F12];
}

void smr_plan(const struct smr_plan_input *in, double out[SMR_PLAN_COUNT])
{
	plan_server(in, out);
	plan_air(in, out);
	out[SMR_PLAN_F14] = priced(in->price_core_hour, ceil(out[SMR_PLAN_F3]) * YEAR_HOURS);
	out[SMR_PLAN_F15] = priced(in->price_gb_month, out[SMR_PLAN_F5] / GB * MONTHS);
	out[SMR_PLAN_F16] = priced(in->price_gb_traffic, out[SMR_PLAN_F10] / GB * in->devices);
}
