/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/ahead.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

/* The cache of a reader holds the way to a leaf; the next commit makes it worthless anyway. */
static const char settings[] = "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -256;";

/* Touches every page that a contact of this device will: its row, its commands, and its package and evidence as long as it has them. */
static const char wanted[] =
	"SELECT p.slot, v.seq, (SELECT sum(length(c.command)) FROM command c WHERE c.eid = d.eid AND c.pending) "
	"FROM device d LEFT JOIN package p ON p.slot = d.package AND d.has_x "
	"LEFT JOIN evidence v ON v.seq = d.evidence WHERE d.place = ?1";

struct reader {
	struct smr_ahead *ahead;
	sqlite3 *db;
	sqlite3_stmt *statement;
	pthread_t thread;
};

struct smr_ahead {
	/* of the thread that looks up */
	bool cold;
	uint64_t looked_up; /* in this window */
	uint64_t waited;

	atomic_uint_fast64_t readers_waited; /* in this window */
	size_t reader_count;
	struct reader readers[SMR_AHEAD_READERS];

	pthread_mutex_t lock;
	pthread_cond_t more;
	bool stopping;
	size_t first;
	size_t count;
	uint64_t queue[SMR_AHEAD_QUEUE]; /* places */
};

uint64_t smr_ahead_waits(void)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

/* ---- readers ---- */

/** False: the end. */
static bool take(struct smr_ahead *ahead, uint64_t *place)
{
	bool taken;

	pthread_mutex_lock(&ahead->lock);
	while (ahead->count == 0 && !ahead->stopping)
		pthread_cond_wait(&ahead->more, &ahead->lock);
	taken = !ahead->stopping;
	if (taken) {
		*place = ahead->queue[ahead->first];
		ahead->first = (ahead->first + 1) % SMR_AHEAD_QUEUE;
		ahead->count--;
	}
	pthread_mutex_unlock(&ahead->lock);
	return taken;
}

/* An error is the look-up's to meet, and to report. */
static void read_one(struct reader *reader, uint64_t place)
{
	(void)sqlite3_bind_int64(reader->statement, 1, (sqlite3_int64)place);
	(void)sqlite3_step(reader->statement);
	(void)sqlite3_reset(reader->statement);
}

static void *run(void *context)
{
	struct reader *reader = context;
	uint64_t place;

	while (take(reader->ahead, &place)) {
		uint64_t before = smr_ahead_waits();

		read_one(reader, place);
		atomic_fetch_add(&reader->ahead->readers_waited, smr_ahead_waits() - before);
	}
	return NULL;
}

static void disconnect(struct reader *reader)
{
	(void)sqlite3_finalize(reader->statement);
	(void)sqlite3_close(reader->db);
}

static bool start(struct reader *reader, const char *path)
{
	if (sqlite3_open_v2(path, &reader->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
	    sqlite3_exec(reader->db, settings, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v3(reader->db, wanted, -1, SQLITE_PREPARE_PERSISTENT, &reader->statement, NULL) ==
		    SQLITE_OK &&
	    pthread_create(&reader->thread, NULL, run, reader) == 0)
		return true;
	disconnect(reader);
	return false;
}

/* ---- the thread that looks up ---- */

struct smr_ahead *smr_ahead_new(const char *path)
{
	struct smr_ahead *ahead = calloc(1, sizeof(*ahead));

	if (ahead == NULL)
		return NULL;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->more, NULL);
	ahead->cold = true;
	while (ahead->reader_count < SMR_AHEAD_READERS) {
		struct reader *reader = &ahead->readers[ahead->reader_count];

		reader->ahead = ahead;
		if (!start(reader, path))
			break;
		ahead->reader_count++;
	}
	return ahead;
}

void smr_ahead_free(struct smr_ahead *ahead)
{
	if (ahead == NULL)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->stopping = true;
	pthread_cond_broadcast(&ahead->more);
	pthread_mutex_unlock(&ahead->lock);
	for (size_t i = 0; i < ahead->reader_count; i++) {
		pthread_join(ahead->readers[i].thread, NULL);
		disconnect(&ahead->readers[i]);
	}
	pthread_cond_destroy(&ahead->more);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}

void smr_ahead_want(struct smr_ahead *ahead, uint64_t place)
{
	if (!ahead->cold || ahead->reader_count == 0)
		return;
	pthread_mutex_lock(&ahead->lock);
	if (ahead->count < SMR_AHEAD_QUEUE) {
		ahead->queue[(ahead->first + ahead->count) % SMR_AHEAD_QUEUE] = place;
		ahead->count++;
		pthread_cond_signal(&ahead->more);
	}
	pthread_mutex_unlock(&ahead->lock);
}

void smr_ahead_judge(struct smr_ahead *ahead, size_t count, uint64_t waits)
{
	ahead->looked_up += count;
	ahead->waited += waits;
	if (ahead->looked_up < SMR_AHEAD_WINDOW)
		return;
	ahead->waited += atomic_exchange(&ahead->readers_waited, 0);
	ahead->cold = ahead->waited * SMR_AHEAD_PART > ahead->looked_up;
	ahead->looked_up = 0;
	ahead->waited = 0;
}

bool smr_ahead_is_cold(const struct smr_ahead *ahead)
{
	return ahead->cold;
}
