/* SPDX-License-Identifier: Apache-2.0 */
/* samara-fleet: very many M2MEs from one core. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "fleet/load.h"
#include "fleet/parallel.h"
#include "fleet/show.h"
#include "fleet/sources.h"
#include "fleet/stock.h"
#include "sys/args.h"
#include "sys/text.h"

static int finish(const struct smr_args *args, enum smr_err err, const struct smr_problem *problem)
{
	if (err == SMR_E_INVALID)
		return smr_args_usage(args, "%s", smr_problem_text(problem, err));
	if (err != SMR_OK)
		(void)fprintf(stderr, "samara-fleet %s: %s\n", args->command->path, smr_problem_text(problem, err));
	return smr_exit_code(err);
}

/* ---- values ---- */

static enum smr_err get_real(const struct smr_args *args, const char *name, double max, double *out)
{
	const char *text = smr_arg(args, name);
	char *end = NULL;

	if (text == NULL)
		return SMR_OK;
	*out = strtod(text, &end);
	/* Written so that «nan» is no number either. */
	if (end != text && *end == '\0' && *out >= 0 && *out <= max)
		return SMR_OK;
	(void)fprintf(stderr, "samara-fleet: --%s needs a number from 0 to %g\n", name, max);
	return SMR_E_MALFORMED;
}

static enum smr_err get_uint(const struct smr_args *args, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
	return smr_arg_uint(args, name, min, max, *out, out);
}

static unsigned processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : count > SMR_PARALLEL_THREADS_MAX ? SMR_PARALLEL_THREADS_MAX : (unsigned)count;
}

static enum smr_err get_threads(const struct smr_args *args, unsigned *out)
{
	uint64_t threads = processors();

	SMR_TRY(get_uint(args, "threads", 1, SMR_PARALLEL_THREADS_MAX, &threads));
	*out = (unsigned)threads;
	return SMR_OK;
}

/* ---- stock ---- */

static enum smr_err read_stock(const struct smr_args *args, struct smr_stock_wish *wish)
{
	*wish = (struct smr_stock_wish){.ro = smr_arg(args, "ro"),
					.store = smr_arg(args, "store"),
					.fleet = smr_arg(args, "fleet"),
					.live = UINT64_MAX,
					.certificate = smr_arg_given(args, "certificate"),
					.quiet = args->quiet};
	SMR_TRY(get_uint(args, "devices", 1, SMR_POPULATION_ROWS_MAX, &wish->devices));
	SMR_TRY(get_uint(args, "live", 0, SMR_POPULATION_ROWS_MAX, &wish->live));
	return get_threads(args, &wish->threads);
}

static void show_stock(const struct smr_args *args, const struct smr_stock_result *result)
{
	if (args->json)
		(void)printf("{\"devices\": %llu, \"live\": %llu, \"added\": %llu, \"seconds\": %.3f}\n",
			     (unsigned long long)result->devices, (unsigned long long)result->live,
			     (unsigned long long)result->added, result->seconds);
	else if (!args->quiet)
		(void)printf("%llu devices in the store, %llu of them live; %llu added in %.1f s\n",
			     (unsigned long long)result->devices, (unsigned long long)result->live,
			     (unsigned long long)result->added, result->seconds);
}

static int run_stock(const struct smr_args *args)
{
	struct smr_stock_result result = {0};
	struct smr_problem problem = {{0}};
	struct smr_stock_wish wish;
	enum smr_err err;

	if (read_stock(args, &wish) != SMR_OK)
		return 2;
	err = smr_stock(&wish, &result, &problem);
	if (err == SMR_OK)
		show_stock(args, &result);
	return finish(args, err, &problem);
}

/* ---- run ---- */

static bool get_what(const struct smr_args *args, enum smr_load_do *out)
{
	for (int what = SMR_LOAD_PROVISION; what <= SMR_LOAD_STORM; what++) {
		*out = (enum smr_load_do)what;
		if (strcmp(smr_load_name(*out), smr_arg(args, "do")) == 0)
			return true;
	}
	return false;
}

static enum smr_err read_network(const struct smr_args *args, struct smr_load_wish *wish)
{
	uint64_t sources = wish->sources;

	SMR_TRY(get_real(args, "loss", 1, &wish->loss));
	SMR_TRY(get_real(args, "duplicate", 1, &wish->duplicate));
	SMR_TRY(get_real(args, "reorder", 1, &wish->reorder));
	SMR_TRY(get_uint(args, "resend-after", 1, 600000, &wish->resend_after_ms));
	SMR_TRY(get_uint(args, "patience", 0, 86400, &wish->patience_s));
	SMR_TRY(get_uint(args, "sources", 1, SMR_SOURCES_MAX, &sources));
	wish->sources = (unsigned)sources;
	return SMR_OK;
}

static enum smr_err read_numbers(const struct smr_args *args, struct smr_load_wish *wish)
{
	SMR_TRY(get_real(args, "rate", 1e7, &wish->rate));
	SMR_TRY(get_uint(args, "window", 1, 1u << 24, &wish->window));
	SMR_TRY(get_uint(args, "count", 1, UINT32_MAX, &wish->count));
	SMR_TRY(get_uint(args, "seconds", 1, 604800, &wish->seconds));
	SMR_TRY(get_uint(args, "first", 0, UINT32_MAX, &wish->first));
	SMR_TRY(get_real(args, "ratio", 1, &wish->ratio));
	SMR_TRY(get_real(args, "spread", 86400, &wish->spread_s));
	SMR_TRY(get_uint(args, "seed", 0, UINT64_MAX, &wish->seed));
	SMR_TRY(get_uint(args, "cpu", 0, CPU_SETSIZE - 1, &wish->cpu));
	SMR_TRY(read_network(args, wish));
	return get_threads(args, &wish->threads);
}

static void read_flags(const struct smr_args *args, struct smr_load_wish *wish)
{
	wish->even = smr_arg_given(args, "even");
	wish->prepare = smr_arg_given(args, "prepare");
	wish->verify_after = smr_arg_given(args, "verify-after");
	wish->certificate = smr_arg_given(args, "certificate");
	wish->receipts = smr_arg_given(args, "receipts");
	wish->quiet = args->quiet;
}

static const char *contradiction(const struct smr_args *args, const struct smr_load_wish *wish)
{
	if (smr_arg_given(args, "rate") && smr_arg_given(args, "window"))
		return "--rate is an open loop and --window a closed one: choose";
	if (smr_arg_given(args, "rate") && wish->rate == 0)
		return "--rate is a number of contacts per second, above 0";
	if (wish->receipts && wish->verify_after)
		return "--receipts needs each answer opened at once, --verify-after does not";
	if (wish->what == SMR_LOAD_STORM && (smr_arg_given(args, "rate") || smr_arg_given(args, "window")))
		return "in a storm nobody waits for a turn: no --rate, no --window";
	return NULL;
}

static enum smr_err load(const struct smr_args *args, const struct smr_load_wish *wish, bool *good,
			 struct smr_problem *problem)
{
	static struct smr_load_result result; /* some tens of kilobytes of histograms */
	struct smr_roster roster = {.fd = -1};
	enum smr_err err = smr_roster_open(smr_arg(args, "fleet"), &roster, problem);

	if (err == SMR_OK)
		err = smr_load_run(wish, &roster, &result, problem);
	if (err == SMR_OK)
		err = smr_result_print(wish, &result, args->json);
	*good = smr_result_good(&result);
	smr_roster_close(&roster);
	return err;
}

static int run_load(const struct smr_args *args)
{
	struct smr_load_wish wish = {.server = smr_arg(args, "server"),
				     .window = 64,
				     .first = UINT64_MAX,
				     .ratio = 0.1,
				     .resend_after_ms = 2000,
				     .patience_s = 10,
				     .sources = 16,
				     .cpu = UINT64_MAX,
				     .seed = 1};
	struct smr_problem problem = {{0}};
	bool good = false;
	enum smr_err err;

	if (!get_what(args, &wish.what))
		return smr_args_usage(args, "--do is provision, check-in, mixed or storm");
	if (read_numbers(args, &wish) != SMR_OK)
		return 2;
	read_flags(args, &wish);
	if (contradiction(args, &wish) != NULL)
		return smr_args_usage(args, "%s", contradiction(args, &wish));
	err = load(args, &wish, &good, &problem);
	if (err != SMR_OK)
		return finish(args, err, &problem);
	return good ? 0 : 1;
}

/* ---- show ---- */

static int run_show(const struct smr_args *args)
{
	struct smr_roster roster = {.fd = -1};
	struct smr_problem problem = {{0}};
	uint64_t first = 0;
	uint64_t count = UINT64_MAX;
	enum smr_err err;

	if (get_uint(args, "first", 0, UINT32_MAX, &first) != SMR_OK ||
	    get_uint(args, "count", 1, UINT32_MAX, &count) != SMR_OK)
		return 2;
	err = smr_roster_open(smr_arg(args, "fleet"), &roster, &problem);
	if (err == SMR_OK)
		err = smr_show(&roster, first, count, args->json, &problem);
	smr_roster_close(&roster);
	return finish(args, err, &problem);
}

/* ---- the table ---- */

static const struct smr_option stock_options[] = {
	{"ro", 0, "DIR", SMR_OPT_REQUIRED, "the RO's directory, made by «samara ro init»"},
	{"store", 0, "WHERE", 0, "the RO's store, a file or postgresql://… (default: as samarad.ini in DIR says)"},
	{"fleet", 'f', "FILE", SMR_OPT_REQUIRED, "the fleet's file; made when it is not there"},
	{"devices", 'n', "N", SMR_OPT_REQUIRED, "rows in the store, in all"},
	{"live", 0, "M", 0, "how many of them are devices that can fly, in all (default: all, at most 100000)"},
	{"certificate", 0, NULL, 0, "a fleet that the RO knows from no shipment: its devices show their certificate"},
	{"threads", 0, "N", 0, "threads that seal (default: one per core)"},
};

static const struct smr_option run_options[] = {
	{"fleet", 'f', "FILE", SMR_OPT_REQUIRED, "the fleet's file"},
	{"server", 's', "ADDRESS:PORT", SMR_OPT_REQUIRED, "where samarad listens"},
	{"do", 0, "provision|check-in|mixed|storm", SMR_OPT_REQUIRED, "what the devices want"},
	{"rate", 0, "R", 0, "open loop: contacts due per second"},
	{"even", 0, NULL, 0, "at equal distances (default: Poisson)"},
	{"window", 0, "W", 0, "closed loop: contacts open at a time (default: 64)"},
	{"count", 0, "N", 0, "devices at most (default: all)"},
	{"seconds", 0, "S", 0, "begin no contact after this time; check-ins go round until then"},
	{"first", 0, "I", 0, "from this device on, whatever its state (default: those that can do it)"},
	{"ratio", 0, "SHARE", 0, "mixed: share of flights (default: 0.1)"},
	{"spread", 0, "S", 0, "storm: devices begin within this time (default: 0)"},
	{"prepare", 0, NULL, 0, "make the requests before the clock starts"},
	{"verify-after", 0, NULL, 0, "open the answers after it has stopped"},
	{"receipts", 0, NULL, 0, "after an accepted flight report the installation at once"},
	{"certificate", 0, NULL, 0, "show the certificate also where the RO knows the device"},
	{"loss", 0, "SHARE", 0, "datagrams lost, each way (default: 0)"},
	{"duplicate", 0, "SHARE", 0, "datagrams that arrive twice, each way"},
	{"reorder", 0, "SHARE", 0, "datagrams that are overtaken, each way"},
	{"resend-after", 0, "MS", 0, "milliseconds until the first retransmission (default: 2000)"},
	{"patience", 0, "S", 0, "seconds to wait for answers at the end (default: 10)"},
	{"sources", 0, "N", 0, "sockets, each with an address of its own on loopback (default: 16)"},
	{"threads", 0, "N", 0, "threads that prepare and verify (default: one per core)"},
	{"cpu", 0, "N", 0, "drive on this processor alone; preparing and verifying use all"},
	{"seed", 0, "N", 0, "of arrivals, losses and jitter (default: 1)"},
};

static const struct smr_option show_options[] = {
	{"fleet", 'f', "FILE", SMR_OPT_REQUIRED, "the fleet's file"},
	{"first", 0, "I", 0, "from this device on (default: 0)"},
	{"count", 0, "N", 0, "devices at most (default: all)"},
};

static const struct smr_subcommand commands[] = {
	{"stock", run_stock, stock_options, SMR_COUNT(stock_options), SMR_ARGS_JSON | SMR_ARGS_QUIET, NULL, 0, 0,
	 "Put a fleet with sealed subscriptions into an RO's store.",
	 "Live devices are spread at random over all rows. The others have rows of the same sizes and keys that nobody "
	 "has.\n"
	 "Called again it adds rows: --devices and --live are what there shall be in all.",
	 "samara-fleet stock --ro ro --fleet fleet --devices 1000000 --live 50000"},
	{"run", run_load, run_options, SMR_COUNT(run_options), SMR_ARGS_JSON | SMR_ARGS_QUIET, NULL, 0, 0,
	 "Drive live devices against a server and measure.",
	 "Exit code 0: every device got what it came for; 1: not all did.\n"
	 "Latency counts from the moment a contact was due. SIGINT ends the run; what was measured is shown.",
	 "samara-fleet run --fleet fleet --server 127.0.0.1:5683 --do provision --rate 2000 --seconds 10"},
	{"show", run_show, show_options, SMR_COUNT(show_options), SMR_ARGS_JSON, NULL, 0, 0,
	 "What live devices hold: a line for each.",
	 "--json: an object a line. «promised» is the counter of the last answered contact that the store had to know "
	 "of.",
	 "samara-fleet show --fleet fleet --count 10"},
};

static const struct smr_program program = {"samara-fleet", SAMARA_VERSION,
					   "Very many M2MEs in one process, to measure and to test a server.", commands,
					   SMR_COUNT(commands)};

int main(int argc, char **argv)
{
	return smr_args_main(&program, argc, argv);
}
