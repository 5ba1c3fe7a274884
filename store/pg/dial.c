/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pg/dial.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "store/pg/local.h"
#include "sys/clock.h"

#define CONNECT_MS 5000u /* patience with the server, once its name is known */
#define LOOK_MS 20u	 /* so much later at most the thread sees that nobody wants the connection any more */
#define LEAVE_MS 200u	 /* how long it may take to end then, to be waited for */

/* Shared by the handle and the thread. */
struct smr_pg_dial {
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t thread;
	bool resolved; /* by the thread: its steps are short from here on, unless there are several servers */
	bool ended;    /* by the thread, which then leaves it to the handle */
	bool unwanted; /* by the handle: the thread is to end soon */
	bool left;     /* by the handle, which then leaves it to the thread */
	/* the thread's until it has ended */
	char *where;
	PGconn *conn;
	const char *why;
};

static void release(struct smr_pg_dial *dial)
{
	PQfinish(dial->conn);
	smr_pg_forget_address(&dial->where);
	pthread_cond_destroy(&dial->change);
	pthread_mutex_destroy(&dial->lock);
	free(dial);
}

/* ---- the thread ---- */

/* Returns whether somebody still waits. */
static bool note_resolved(struct smr_pg_dial *dial)
{
	bool wanted;

	pthread_mutex_lock(&dial->lock);
	dial->resolved = true;
	wanted = !dial->unwanted;
	pthread_mutex_unlock(&dial->lock);
	return wanted;
}

/* Returns when the first name is resolved. */
static const char *start(struct smr_pg_dial *dial)
{
	const char *const keywords[] = {"dbname", "fallback_application_name", "client_encoding", NULL};
	const char *const values[] = {dial->where, "samara", "UTF8", NULL};

	dial->conn = PQconnectStartParams(keywords, values, 1);
	smr_pg_forget_address(&dial->where);
	return dial->conn == NULL || PQstatus(dial->conn) == CONNECTION_BAD ? "cannot connect" : NULL;
}

/* PQconnectPoll may be called only when its socket is ready; it resolves the name of the next server, if there are several. */
static const char *go_on(struct smr_pg_dial *dial)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	uint64_t until = smr_clock_ms() + CONNECT_MS;

	while (status != PGRES_POLLING_OK) {
		struct pollfd fd = {PQsocket(dial->conn), status == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};

		if (status == PGRES_POLLING_FAILED)
			return "cannot connect";
		if (!note_resolved(dial) || smr_clock_ms() >= until)
			return "no answer to connecting";
		if (poll(&fd, 1, LOOK_MS) > 0)
			status = PQconnectPoll(dial->conn);
	}
	return NULL;
}

static void *run(void *context)
{
	struct smr_pg_dial *dial = context;
	bool left;

	dial->why = start(dial);
	if (dial->why == NULL)
		dial->why = go_on(dial);
	pthread_mutex_lock(&dial->lock);
	dial->ended = true;
	left = dial->left;
	pthread_cond_signal(&dial->change);
	pthread_mutex_unlock(&dial->lock);
	if (left)
		release(dial);
	return NULL;
}

/* It takes no signal: they are for those who wait for them. */
static bool start_thread(struct smr_pg_dial *dial)
{
	sigset_t all;
	sigset_t before;
	bool started;

	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return false;
	started = pthread_create(&dial->thread, NULL, run, dial) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

/* ---- the handle ---- */

struct smr_pg_dial *smr_pg_dial_begin(const char *where)
{
	struct smr_pg_dial *dial = calloc(1, sizeof(*dial));

	if (dial == NULL)
		return NULL;
	pthread_mutex_init(&dial->lock, NULL);
	smr_clock_cond_init(&dial->change);
	dial->where = strdup(where);
	if (dial->where != NULL && start_thread(dial))
		return dial;
	release(dial);
	return NULL;
}

/* With the lock. */
static bool await_end(struct smr_pg_dial *dial, uint64_t until)
{
	struct timespec at = smr_clock_at_us(until * 1000u);

	while (!dial->ended && until != 0)
		if (pthread_cond_timedwait(&dial->change, &dial->lock, &at) != 0)
			break;
	return dial->ended;
}

bool smr_pg_dial_has_ended(struct smr_pg_dial *dial, uint64_t until)
{
	bool ended;

	pthread_mutex_lock(&dial->lock);
	ended = await_end(dial, until);
	pthread_mutex_unlock(&dial->lock);
	return ended;
}

const char *smr_pg_dial_take(struct smr_pg_dial *dial, PGconn **conn)
{
	const char *why;

	(void)pthread_join(dial->thread, NULL); /* it has nothing left to do */
	why = dial->why;
	*conn = dial->conn;
	dial->conn = NULL;
	release(dial);
	return why;
}

/* Past the resolver it is waited for, for a moment: who ends the program next takes libcrypto away, and it may be amid a handshake. */
void smr_pg_dial_leave(struct smr_pg_dial *dial)
{
	bool ended;

	if (dial == NULL)
		return;
	pthread_mutex_lock(&dial->lock);
	dial->unwanted = true;
	ended = await_end(dial, dial->resolved ? smr_clock_ms() + LEAVE_MS : 0);
	dial->left = !ended;
	if (!ended)
		(void)pthread_detach(dial->thread);
	pthread_mutex_unlock(&dial->lock);
	if (!ended)
		return;
	(void)pthread_join(dial->thread, NULL);
	release(dial);
}
