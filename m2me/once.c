/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/once.h"

#include <inttypes.h>
#include <stdio.h>

#include "sys/problem.h"

#define TRE_PATIENCE_US 5000000u
#define TRE_TURN_US 50000u

static const char *const names[] = {"provision", "flight", "check-in"};

enum smr_err smr_once_parse(const char *word, enum smr_once *out)
{
	for (size_t i = 0; i < SMR_COUNT(names); i++) {
		if (strcmp(word, names[i]) == 0) {
			*out = (enum smr_once)i;
			return SMR_OK;
		}
	}
	return SMR_E_MALFORMED;
}

int smr_once_exit_code(const struct smr_contact *contact)
{
	switch (contact->end) {
	case SMR_CONTACT_NONE:
		return 0;
	case SMR_CONTACT_ACCEPTED:
		return contact->outcome.package == SMR_E_NOTHING ? 0 : smr_exit_code(contact->outcome.package);
	case SMR_CONTACT_REFUSED:
		return 3;
	case SMR_CONTACT_NEW_KEY:
	case SMR_CONTACT_NO_TICKET:
	case SMR_CONTACT_LATER:
	case SMR_CONTACT_UNANSWERED:
	case SMR_CONTACT_TRE_LOST:
	case SMR_CONTACT_STOPPED:
		return 4;
	case SMR_CONTACT_FAILED:
		break;
	}
	return smr_exit_code(contact->err);
}

/* ---- telling ---- */

static const char *advice(const struct smr_contact *c)
{
	switch (c->end) {
	case SMR_CONTACT_NONE:
		return "nothing to do: a subscription is installed";
	case SMR_CONTACT_ACCEPTED:
		if (c->outcome.package != SMR_OK && c->outcome.package != SMR_E_NOTHING)
			return smr_err_text(c->outcome.package);
		return "done";
	case SMR_CONTACT_REFUSED:
		return smr_refusal_text(c->outcome.refusal);
	case SMR_CONTACT_NEW_KEY:
		return "the server keeps naming other flight keys: try again later";
	case SMR_CONTACT_NO_TICKET:
		return "the ticket is of no more use: make a flight (--once flight)";
	case SMR_CONTACT_LATER:
		return "the server asks to come back later";
	case SMR_CONTACT_UNANSWERED:
		return "no answer: check the network, that samarad runs at [server] address, and that the RO knows the "
		       "device";
	case SMR_CONTACT_TRE_LOST:
		return "samara-tre does not answer on [launch] tre-socket: check that it runs";
	case SMR_CONTACT_STOPPED:
		return "told to end before an answer came";
	case SMR_CONTACT_FAILED:
		break;
	}
	return c->err == SMR_E_STATE ? "the TRE is not enrolled, or was started anew meanwhile" : smr_err_text(c->err);
}

static void print_json(const struct smr_agent *agent, enum smr_once what, const struct smr_traffic *used, uint64_t us)
{
	const struct smr_contact *c = &agent->last;
	const struct smr_tre_outcome *o = &c->outcome;
	bool accepted = c->end == SMR_CONTACT_ACCEPTED;

	(void)printf("{\"what\":\"%s\",\"result\":\"%s\",\"exit_code\":%d,\"detail\":\"%s\",\"refusal\":%u,",
		     names[what], smr_contact_end_name(c->end), smr_once_exit_code(c), advice(c), (unsigned)o->refusal);
	(void)printf("\"installed\":%s,\"package\":\"%s\",\"commands_done\":%" PRIu32 ",\"has_receipts\":%s,"
		     "\"flight_needed\":%s,\"interval\":%" PRIu32 ",",
		     accepted && o->package == SMR_OK ? "true" : "false",
		     accepted ? smr_err_name(o->package) : "NOTHING", o->commands_done,
		     o->has_receipts ? "true" : "false", o->flight_needed ? "true" : "false", o->interval_s);
	(void)printf("\"request_bytes\":%zu,\"reply_bytes\":%zu,\"datagrams_up\":%" PRIu64
		     ",\"datagrams_down\":%" PRIu64 ",\"bytes_up\":%" PRIu64 ",\"bytes_down\":%" PRIu64
		     ",\"replies_ignored\":%" PRIu64 ",\"ms\":%" PRIu64 ".%03" PRIu64 "}\n",
		     c->request_len, c->reply_len, used->datagrams_up, used->datagrams_down, used->bytes_up,
		     used->bytes_down, used->ignored, us / 1000, us % 1000);
}

static void print_words(const struct smr_agent *agent, enum smr_once what, const struct smr_traffic *used, uint64_t us)
{
	const struct smr_contact *c = &agent->last;
	const struct smr_tre_outcome *o = &c->outcome;

	(void)printf("%s: %s: %s\n", names[what], smr_contact_end_name(c->end), advice(c));
	if (c->end == SMR_CONTACT_ACCEPTED && o->package == SMR_OK && what != SMR_ONCE_CHECKIN)
		(void)printf("a subscription was installed\n");
	if (o->commands_done != 0)
		(void)printf("%" PRIu32 " commands were obeyed\n", o->commands_done);
	if (o->has_receipts)
		(void)printf("receipts wait to be reported: check in soon\n");
	if (used->datagrams_up != 0)
		(void)printf("%" PRIu64 " datagrams (%" PRIu64 " octets) up, %" PRIu64 " (%" PRIu64
			     " octets) down, %" PRIu64 " ms\n",
			     used->datagrams_up, used->bytes_up, used->datagrams_down, used->bytes_down, us / 1000);
}

/* ---- doing ---- */

/* After a start of everything at once the TRE's socket may be a moment late. */
static void wait_for_tre(const struct smr_agent *agent, struct smr_tre_state *tre)
{
	const struct smr_clock *clock = agent->ports.clock;
	uint64_t deadline = clock->mono_us(clock->context) + TRE_PATIENCE_US;

	while (agent->ports.tre.state(agent->ports.tre.context, tre) == SMR_E_UNAVAILABLE) {
		uint64_t now = clock->mono_us(clock->context);

		if (now >= deadline)
			return;
		clock->sleep_until_us(clock->context, now + TRE_TURN_US);
	}
}

static void provision(struct smr_agent *agent, const struct smr_tre_state *tre)
{
	if (smr_tre_usable(tre) == SMR_OK && tre->mcim_count > 0 && smr_tre_can_check_in(tre) &&
	    !agent->memory.flight_wanted)
		return;
	smr_agent_flight_once(agent);
	if (agent->last.end == SMR_CONTACT_UNANSWERED && !agent->rules.certificate_always &&
	    !agent->rules.certificate_never)
		smr_agent_flight_once(agent); /* the other way: with certificate, or without */
}

static void act(struct smr_agent *agent, enum smr_once what)
{
	struct smr_tre_state tre = {.health = SMR_E_UNAVAILABLE};

	wait_for_tre(agent, &tre);
	if (what == SMR_ONCE_PROVISION)
		provision(agent, &tre);
	else if (what == SMR_ONCE_FLIGHT)
		smr_agent_flight_once(agent);
	else
		smr_agent_checkin_once(agent);
}

static struct smr_traffic difference(const struct smr_traffic *after, const struct smr_traffic *before)
{
	return (struct smr_traffic){after->datagrams_up - before->datagrams_up,
				    after->datagrams_down - before->datagrams_down, after->bytes_up - before->bytes_up,
				    after->bytes_down - before->bytes_down, after->ignored - before->ignored};
}

int smr_once_run(struct smr_agent *agent, enum smr_once what, bool json)
{
	const struct smr_clock *clock = agent->ports.clock;
	struct smr_traffic before = agent->memory.traffic;
	struct smr_traffic used;
	uint64_t start;

	start = clock->mono_us(clock->context);
	act(agent, what);
	used = difference(&agent->memory.traffic, &before);
	(json ? print_json : print_words)(agent, what, &used, clock->mono_us(clock->context) - start);
	return smr_once_exit_code(&agent->last);
}
