/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection: one per handle, made anew when it is lost, after pauses that grow, by a thread of its own (dial.h).
 * Only opening waits for it; later a call that finds none says SMR_E_UNAVAILABLE at once and sees to it that one is being
 * made, so that a worker without its store still answers what needs none.
 */
#include <poll.h>
#include <stdlib.h>

#include "store/pg/local.h"
#include "sys/clock.h"

#define OPEN_MS 10000u	   /* patience when the store is opened */
#define BACKOFF_MIN_MS 50u /* doubled with every try in vain */
#define BACKOFF_MAX_MS 5000u
#define SESSION_MS 5000u

/* What a session must have, whatever the server's defaults are: durable when COMMIT returns; nobody waits long for a row
 * (contacts; loads wait longer, see query.c); plans without a compiler, which would cost more than it saves. */
static const char session[] =
	"SELECT set_config('default_transaction_isolation', 'read committed', false), "
	"set_config('default_transaction_read_only', $1, false), "
	"set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
	"ELSE current_setting('synchronous_commit') END, false), "
	"set_config('lock_timeout', '200ms', false), set_config('jit', 'off', false), "
	"set_config('client_min_messages', 'error', false), current_setting('fsync')";

/* libpq would write them to stderr. */
static void ignore_notice(void *context, const char *text)
{
	(void)context;
	(void)text;
}

bool smr_pg_poll(struct smr_pg *pg, bool write, uint64_t until)
{
	struct pollfd fd = {PQsocket(pg->conn), (short)(POLLIN | (write ? POLLOUT : 0)), 0};
	uint64_t now = smr_clock_ms();

	/* Interrupted or not: whoever waits looks again. */
	return poll(&fd, 1, until > now ? (int)(until - now) : 0) != 0;
}

void smr_pg_drop(struct smr_pg *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->state = SMR_PG_DOWN;
	pg->in_transaction = false;
	pg->queued = 0;
	pg->names = (struct smr_pg_names){0};
	pg->uncertain_count = 0;
	smr_pg_gather_forget(pg);
	smr_pg_ahead_forget(pg);
	pg->next_try = smr_clock_ms() + pg->backoff;
	pg->backoff = pg->backoff < BACKOFF_MAX_MS / 2 ? pg->backoff * 2 : BACKOFF_MAX_MS;
}

static enum smr_err give_up(struct smr_pg *pg, const char *why)
{
	enum smr_err err = smr_pg_unavailable(pg, why);

	smr_pg_drop(pg);
	return err;
}

static enum smr_err take_session(void *context, PGresult **result)
{
	struct smr_pg *pg = context;
	struct smr_bytes fsync = smr_pg_bytes(*result, 0, 6);

	if (!smr_bytes_equal(fsync, SMR_TEXT("off")))
		return SMR_OK;
	return smr_store_say(&pg->base, SMR_E_UNSUPPORTED,
			     "PostgreSQL: fsync is off on this server: what it says is durable is not");
}

static enum smr_err begin_session(struct smr_pg *pg)
{
	uint32_t once = 0;

	(void)PQsetNoticeProcessor(pg->conn, ignore_notice, NULL);
	if (PQsetnonblocking(pg->conn, 1) != 0 || PQenterPipelineMode(pg->conn) != 1)
		return give_up(pg, "cannot use the connection");
	pg->state = SMR_PG_READY;
	smr_pg_params_clear(&pg->params);
	smr_pg_put_param(&pg->params, SMR_PG_TEXT, pg->base.mode == SMR_STORE_READ ? "on" : "off",
			 pg->base.mode == SMR_STORE_READ ? 2 : 3);
	SMR_TRY(smr_pg_queue(pg, &once, session, 0, 1));
	SMR_TRY(smr_pg_wait(pg, SESSION_MS, take_session, pg));
	pg->backoff = BACKOFF_MIN_MS;
	return SMR_OK;
}

/** @param opening  whoever opens has to be told why it failed; later it is the store that is not there, for the moment. */
static enum smr_err start(struct smr_pg *pg, bool opening)
{
	pg->dial = smr_pg_dial_begin(pg->where);
	if (pg->dial == NULL) {
		enum smr_err err = give_up(pg, "no thread, or no memory, to connect with");

		return opening ? SMR_E_NO_MEMORY : err;
	}
	pg->state = SMR_PG_CONNECTING;
	return SMR_OK;
}

/* The session's statement is the only thing here that is waited for, but for what opening gives it: @p until, else 0. */
static enum smr_err go_on(struct smr_pg *pg, uint64_t until)
{
	const char *why;

	if (pg->state == SMR_PG_DOWN)
		SMR_TRY(start(pg, until != 0));
	if (!smr_pg_dial_has_ended(pg->dial, until))
		return smr_pg_unavailable(pg, "still connecting: no answer yet, from the server or from a name server");
	why = smr_pg_dial_take(pg->dial, &pg->conn);
	pg->dial = NULL;
	return why != NULL ? give_up(pg, why) : begin_session(pg);
}

enum smr_err smr_pg_ready(struct smr_pg *pg)
{
	if (pg->state == SMR_PG_READY && PQstatus(pg->conn) == CONNECTION_OK)
		return SMR_OK;
	if (pg->state == SMR_PG_READY)
		return give_up(pg, "the connection is lost");
	if (pg->state == SMR_PG_DOWN && smr_clock_ms() < pg->next_try)
		return SMR_E_UNAVAILABLE; /* the problem's text says since when it is down, and why */
	return go_on(pg, 0);
}

/* An '@' or ':' in a password that is not written as %HH makes a port of what follows it. */
static bool has_good_port(const PQconninfoOption *options)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, "port") == 0 && options->val != NULL)
			return options->val[strspn(options->val, "0123456789,")] == '\0';
	return true;
}

bool smr_store_has_password(const char *where)
{
	PQconninfoOption *options = smr_store_is_file(where) ? NULL : PQconninfoParse(where, NULL);
	bool found = false;

	for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
		found = found || (strcmp(o->keyword, "password") == 0 && o->val != NULL);
	PQconninfoFree(options);
	return found;
}

/* libpq's own words could show a part of the password. */
static enum smr_err check_address(struct smr_pg *pg, const char *where)
{
	PQconninfoOption *options = PQconninfoParse(where, NULL);
	bool good = options != NULL && has_good_port(options);

	PQconninfoFree(options);
	if (!good)
		return smr_store_say(&pg->base, SMR_E_INVALID,
				     "this is no address of a PostgreSQL data base (postgresql://user@host/name; "
				     "special characters as %%HH)");
	return SMR_OK;
}

void smr_pg_forget_address(char **where)
{
	if (*where != NULL)
		smr_wipe(*where, strlen(*where));
	free(*where);
	*where = NULL;
}

static enum smr_err open_now(struct smr_pg *pg)
{
	pg->backoff = BACKOFF_MIN_MS;
	SMR_TRY(go_on(pg, smr_clock_ms() + OPEN_MS));
	return smr_pg_settle(pg);
}

enum smr_err smr_pg_open(struct smr_store *store, const char *where)
{
	struct smr_pg *pg = smr_pg_of(store);
	enum smr_err err = check_address(pg, where);

	if (err == SMR_OK) {
		pg->where = strdup(where);
		err = pg->where == NULL ? SMR_E_NO_MEMORY : open_now(pg);
	}
	if (err != SMR_OK)
		smr_pg_close(store);
	return err;
}

void smr_pg_close(struct smr_store *store)
{
	struct smr_pg *pg = smr_pg_of(store);

	smr_pg_dial_leave(pg->dial);
	pg->dial = NULL;
	PQfinish(pg->conn);
	pg->conn = NULL;
	smr_pg_gather_forget(pg);
	smr_pg_ahead_forget(pg);
	smr_pg_forget_address(&pg->where);
}
