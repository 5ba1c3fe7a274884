/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/result.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "fleet/load.h"

bool smr_result_good(const struct smr_load_result *r)
{
	return !r->interrupted && r->sent > 0 && r->accepted >= r->sent && r->bad == 0 && r->unanswered == 0 &&
	       r->waiting == 0;
}

static double rate_of(const struct smr_load_result *r)
{
	return r->seconds > 0 ? (double)r->accepted_in_time / r->seconds : 0;
}

static double ms_at(const struct smr_histogram *histogram, double share)
{
	return (double)smr_histogram_at(histogram, share) / 1000;
}

/* ---- JSON ---- */

static void put_int(json_t *object, const char *name, uint64_t value)
{
	(void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void put_real(json_t *object, const char *name, double value)
{
	(void)json_object_set_new(object, name, json_real(value));
}

static void put_counters(json_t *object, const struct smr_load_result *r)
{
	put_int(object, "devices", r->devices);
	put_int(object, "sent", r->sent);
	put_int(object, "datagrams_up", r->datagrams_up);
	put_int(object, "datagrams_down", r->datagrams_down);
	put_int(object, "bytes_up", r->bytes_up);
	put_int(object, "bytes_down", r->bytes_down);
	put_int(object, "retransmissions", r->retransmissions);
	put_int(object, "answered", r->answered);
	put_int(object, "accepted", r->accepted);
	put_int(object, "accepted_in_time", r->accepted_in_time);
	put_int(object, "installed", r->installed);
	put_int(object, "refused", r->refused);
	put_int(object, "later", r->later);
	put_int(object, "hints", r->hints);
	put_int(object, "challenges", r->challenges);
	put_int(object, "unanswered", r->unanswered);
	put_int(object, "waiting", r->waiting);
	put_int(object, "bad", r->bad);
	put_int(object, "ignored", r->ignored);
	put_int(object, "surplus", r->surplus);
	put_int(object, "unreachable", r->unreachable);
}

static json_t *refusals(const struct smr_load_result *r)
{
	json_t *object = json_object();

	for (size_t i = 0; i < SMR_RESULT_REFUSALS; i++) {
		if (r->refusals[i] > 0)
			put_int(object, smr_refusal_name((enum smr_refusal)i), r->refusals[i]);
	}
	return object;
}

static json_t *percentiles(const struct smr_histogram *histogram)
{
	json_t *object = json_object();

	put_real(object, "p50", ms_at(histogram, 0.5));
	put_real(object, "p90", ms_at(histogram, 0.9));
	put_real(object, "p99", ms_at(histogram, 0.99));
	put_real(object, "p999", ms_at(histogram, 0.999));
	put_real(object, "max", ms_at(histogram, 1));
	return object;
}

/* How long until this share of all devices was served; -1: it was not. */
static double served_s(const struct smr_load_result *r, double share)
{
	double of_served = r->latency.count == 0 ? 2 : share * (double)r->devices / (double)r->latency.count;

	return of_served > 1 ? -1 : (double)smr_histogram_at(&r->latency, of_served) / 1e6;
}

static const struct {
	const char *name;
	double share;
} shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"all", 1}};

static json_t *served(const struct smr_load_result *r)
{
	json_t *object = json_object();

	for (size_t i = 0; i < SMR_COUNT(shares); i++) {
		double seconds = served_s(r, shares[i].share);

		(void)json_object_set_new(object, shares[i].name, seconds < 0 ? json_null() : json_real(seconds));
	}
	return object;
}

static enum smr_err print_json(const struct smr_load_wish *wish, const struct smr_load_result *r)
{
	json_t *object = json_object();
	int failed;

	(void)json_object_set_new(object, "do", json_string(smr_load_name(wish->what)));
	put_real(object, "seconds", r->seconds);
	put_counters(object, r);
	put_real(object, "rate", rate_of(r));
	put_real(object, "offered", r->offered);
	(void)json_object_set_new(object, "refusals", refusals(r));
	(void)json_object_set_new(object, "latency_ms", percentiles(&r->latency));
	(void)json_object_set_new(object, "late_ms", percentiles(&r->late));
	if (wish->what == SMR_LOAD_STORM)
		(void)json_object_set_new(object, "served_s", served(r));
	put_real(object, "cpu_s", r->cpu_s);
	(void)json_object_set_new(object, "interrupted", json_boolean(r->interrupted));
	failed = object == NULL ? -1 : json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	json_decref(object);
	(void)putchar('\n');
	return failed == 0 ? SMR_OK : SMR_E_IO;
}

/* ---- for a person ---- */

static void line(const char *what, uint64_t count, const char *meaning)
{
	if (count > 0)
		(void)printf("%12" PRIu64 "  %s%s%s\n", count, what, meaning[0] == '\0' ? "" : ": ", meaning);
}

static void print_ends(const struct smr_load_result *r)
{
	line("contacts", r->sent, "");
	line("accepted", r->accepted, "");
	line("installed", r->installed, "");
	line("refused", r->refused, "");
	for (size_t i = 0; i < SMR_RESULT_REFUSALS; i++)
		line("  of them", r->refusals[i], smr_refusal_text((enum smr_refusal)i));
	line("unanswered", r->unanswered, r->unreachable > 0 ? "nobody listens there: check --server" : "");
	line("waiting", r->waiting, "told to come back later than the end of this run");
	line("bad", r->bad, "answers that the device they are for cannot use");
	line("later", r->later, "told to come back later");
	line("hints", r->hints, "flight or ticket key unknown");
	line("challenges", r->challenges, "asked to prove the address");
	line("ignored", r->ignored, "no answer, or not that device's");
	line("surplus", r->surplus, "answers that came again, or too late");
}

static void print_times(const struct smr_load_wish *wish, const struct smr_load_result *r)
{
	(void)printf("%12.0f  accepted per second, over %.2f s; offered %.0f\n", rate_of(r), r->seconds, r->offered);
	(void)printf("latency ms: 50 %% %.2f, 90 %% %.2f, 99 %% %.2f, 99.9 %% %.2f, longest %.2f\n",
		     ms_at(&r->latency, 0.5), ms_at(&r->latency, 0.9), ms_at(&r->latency, 0.99),
		     ms_at(&r->latency, 0.999), ms_at(&r->latency, 1));
	(void)printf("sent late ms: 99 %% %.2f, longest %.2f\n", ms_at(&r->late, 0.99), ms_at(&r->late, 1));
	for (size_t i = 0; wish->what == SMR_LOAD_STORM && i < SMR_COUNT(shares); i++) {
		double seconds = served_s(r, shares[i].share);

		if (seconds < 0)
			(void)printf("%.0f %% of all were not served\n", 100 * shares[i].share);
		else
			(void)printf("%.0f %% of all served after %.2f s\n", 100 * shares[i].share, seconds);
	}
	(void)printf("datagrams: %" PRIu64 " up (%" PRIu64 " sent again), %" PRIu64 " down; octets %" PRIu64
		     " up, %" PRIu64 " down; processor %.2f s\n",
		     r->datagrams_up, r->retransmissions, r->datagrams_down, r->bytes_up, r->bytes_down, r->cpu_s);
}

enum smr_err smr_result_print(const struct smr_load_wish *wish, const struct smr_load_result *r, bool json)
{
	if (json)
		return print_json(wish, r);
	if (r->interrupted)
		(void)printf("interrupted: what was measured until then\n");
	print_ends(r);
	print_times(wish, r);
	return SMR_OK;
}
