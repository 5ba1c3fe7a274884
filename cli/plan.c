/* SPDX-License-Identifier: Apache-2.0 */
/* samara plan: what so many devices need, from what was measured here. */
#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/plan_model.h"

#define DEVICES_MAX 1000000000000u
#define YEAR_S (365u * 86400u)

/* ---- what goes in ---- */

struct measured {
	const char *name;
	size_t offset;
};

static const struct measured measured[] = {
#define MEASURED(member, name) {name, offsetof(struct smr_plan_input, member)},
	SMR_PLAN_MEASURED(MEASURED)
#undef MEASURED
};

static double *member(struct smr_plan_input *in, size_t offset)
{
	return (double *)(void *)((char *)in + offset);
}

static enum smr_err take_measured(const json_t *bench, const char *path, struct smr_plan_input *in,
				  struct smr_problem *problem)
{
	for (size_t i = 0; i < SMR_COUNT(measured); i++) {
		const json_t *value = json_object_get(bench, measured[i].name);

		if (!json_is_number(value) || json_number_value(value) < 0)
			return smr_problem(problem, SMR_E_MALFORMED,
					   "%s: no figure «%s»; write the file anew with «make bench»", path,
					   measured[i].name);
		*member(in, measured[i].offset) = json_number_value(value);
	}
	if (in->devices_per_second <= 0)
		return smr_problem(problem, SMR_E_MALFORMED, "%s: provision.devices_per_second is not above 0", path);
	return SMR_OK;
}

static enum smr_err read_bench(const char *path, struct smr_plan_input *in, struct smr_problem *problem)
{
	json_error_t error;
	json_t *bench = json_load_file(path, 0, &error);
	enum smr_err err;

	if (bench == NULL && error.line < 0)
		return smr_problem(problem, SMR_E_NOT_FOUND,
				   "%s; measure with «make bench», or name another file with --bench", error.text);
	if (bench == NULL)
		return smr_problem(problem, SMR_E_MALFORMED, "%s: line %d: %s", path, error.line, error.text);
	err = take_measured(bench, path, in, problem);
	json_decref(bench);
	return err;
}

/** A decimal number above 0 (a price: or 0), from an option. */
static enum smr_err decimal(const struct smr_args *args, const char *name, double min, double fallback, double *out,
			    struct smr_problem *problem)
{
	const char *text = smr_arg(args, name);
	char *end;

	*out = fallback;
	if (text == NULL)
		return SMR_OK;
	*out = strtod(text, &end);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && isfinite(*out) && *out >= min)
		return SMR_OK;
	return smr_problem(problem, SMR_E_INVALID, "--%s needs a decimal number%s", name, min > 0 ? " above 0" : "");
}

static enum smr_err whole(const struct smr_args *args, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
			  double *out, struct smr_problem *problem)
{
	uint64_t value;

	SMR_TRY(smr_cli_uint(args, name, min, max, fallback, &value, problem));
	*out = (double)value;
	return SMR_OK;
}

static enum smr_err duration(const struct smr_args *args, const char *name, uint64_t fallback, double *out,
			     struct smr_problem *problem)
{
	uint64_t seconds;

	SMR_TRY(smr_cli_duration(args, name, 1, 10 * YEAR_S, fallback, &seconds, problem));
	*out = (double)seconds;
	return SMR_OK;
}

#define LEAST 1e-9 /* of what is divided by or multiplied with */

static enum smr_err read_options(const struct smr_args *args, struct smr_plan_input *in, struct smr_problem *problem)
{
	SMR_TRY(whole(args, "devices", 1, DEVICES_MAX, 1, &in->devices, problem));
	SMR_TRY(duration(args, "check-in", 86400, &in->check_in_s, problem));
	SMR_TRY(duration(args, "flight", 30 * 86400, &in->flight_s, problem));
	SMR_TRY(whole(args, "cores", 1, 1000000, 0, &in->cores, problem));
	SMR_TRY(whole(args, "utilisation", 1, 100, 70, &in->utilisation, problem));
	SMR_TRY(whole(args, "header", 0, 1000, 28, &in->header, problem));
	SMR_TRY(decimal(args, "uplink", LEAST, 160, &in->uplink, problem));
	SMR_TRY(decimal(args, "downlink", LEAST, 160, &in->downlink, problem));
	SMR_TRY(decimal(args, "tx-power", LEAST, 0.545, &in->tx_power, problem));
	SMR_TRY(decimal(args, "rx-power", LEAST, 0.090, &in->rx_power, problem));
	SMR_TRY(decimal(args, "price-core-hour", 0, -1, &in->price_core_hour, problem));
	SMR_TRY(decimal(args, "price-gb-month", 0, -1, &in->price_gb_month, problem));
	SMR_TRY(decimal(args, "price-gb-traffic", 0, -1, &in->price_gb_traffic, problem));
	in->utilisation /= 100;
	return SMR_OK;
}

/* ---- what comes out ---- */

static const struct line {
	const char *formula, *name, *unit, *what;
} lines[SMR_PLAN_COUNT] = {
#define LINE(formula, name, unit, what) {#formula, #name, unit, what},
	SMR_PLAN_LINES(LINE)
#undef LINE
};

static enum smr_err print_json(const double *values)
{
	json_t *all = json_array();

	for (size_t i = 0; i < SMR_PLAN_COUNT; i++)
		if (values[i] >= 0 &&
		    json_array_append_new(all, json_pack("{s:s, s:s, s:f, s:s, s:s}", "formula", lines[i].formula,
							 "name", lines[i].name, "value", values[i], "unit",
							 lines[i].unit, "what", lines[i].what)) != 0)
			break;
	return smr_cli_json(json_pack("{s:o}", "lines", all));
}

/** «1.24 M»: three digits and a prefix. */
static void scaled(double value, char out[32])
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t prefix = 0;

	while (value >= 999.5 && prefix + 1 < SMR_COUNT(prefixes)) {
		value /= 1000;
		prefix++;
	}
	(void)snprintf(out, 32, "%.3g%s%s", value, prefix > 0 ? " " : "", prefixes[prefix]);
}

static void time_text(double seconds, char out[32])
{
	if (seconds >= 2 * 86400)
		(void)snprintf(out, 32, "%.3g days", seconds / 86400);
	else if (seconds >= 2 * 3600)
		(void)snprintf(out, 32, "%.3g hours", seconds / 3600);
	else
		(void)snprintf(out, 32, "%.3g seconds", seconds);
}

static void print_text(const double *values)
{
	for (size_t i = 0; i < SMR_PLAN_COUNT; i++) {
		char text[32];
		const bool is_time = strcmp(lines[i].unit, "s") == 0;

		if (values[i] < 0)
			continue;
		if (is_time)
			time_text(values[i], text);
		else
			scaled(values[i], text);
		(void)printf("%-4s %-46s %s%s%s\n", lines[i].formula, lines[i].what, text,
			     is_time || lines[i].unit[0] == '\0' || strpbrk(text, "kMGTPE") != NULL ? "" : " ",
			     is_time ? "" : lines[i].unit);
	}
}

static enum smr_err plan_action(const struct smr_args *args, struct smr_problem *problem)
{
	struct smr_plan_input in = {0};
	const char *bench = smr_arg(args, "bench");
	double values[SMR_PLAN_COUNT];

	SMR_TRY(read_options(args, &in, problem));
	SMR_TRY(read_bench(bench != NULL ? bench : "build/bench.json", &in, problem));
	smr_plan(&in, values);
	if (args->json)
		return print_json(values);
	print_text(values);
	return SMR_OK;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, plan_action);
}

static const struct smr_option options[] = {
	{"devices", 0, "N", SMR_OPT_REQUIRED, "how many there will be"},
	{"check-in", 0, "DURATION", 0, "from one check-in of a device to the next (24h)"},
	{"flight", 0, "DURATION", 0, "from one flight to the next: epoch times lifetime in samarad.ini (30d)"},
	{"bench", 0, "FILE", 0, "what was measured (build/bench.json)"},
	{"cores", 0, "N", 0, "cores at hand while all are provisioned (those needed afterwards)"},
	{"utilisation", 0, "PERCENT", 0, "how busy a core is to be (70, where the bench looks at the latency)"},
	{"header", 0, "OCTETS", 0, "around each datagram's payload (28: IPv4 and UDP)"},
	{"uplink", 0, "BIT/S", 0, "data rate of a device on the air (160: the least at the edge of coverage)"},
	{"downlink", 0, "BIT/S", 0, "data rate to a device on the air (160)"},
	{"tx-power", 0, "WATT", 0, "what a device draws while it sends (0.545)"},
	{"rx-power", 0, "WATT", 0, "what it draws while it receives (0.09)"},
	{"price-core-hour", 0, "PRICE", 0, "of one core for an hour; without it no cost of cores"},
	{"price-gb-month", 0, "PRICE", 0, "of 10^9 octets stored for a month; without it no cost of the store"},
	{"price-gb-traffic", 0, "PRICE", 0, "of 10^9 octets carried; without it no cost of traffic"},
};

const struct smr_subcommand smr_cmd_plan = {
	.path = "plan",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_JSON,
	.summary = "Say what so many devices need: cores, store, bandwidth, time, energy on the air, cost.",
	.details = "Each line begins with the number of its formula in docs/capacity.md. What goes in was measured\n"
		   "on this machine («make bench»), is given here, or is cited there.",
	.example = "samara plan --devices 1000000000 --check-in 24h",
};
