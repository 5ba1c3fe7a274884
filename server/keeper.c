/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper: notices what was loaded into the store and what time has ended, and renews the shared snapshots. */
#include <stdlib.h>

#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#define LOOK_EVERY_MS 200u
#define TRUNCATE_EVERY_MS \
	5000u		     /* when something was overwritten: docs/decisions/0009-life-of-remnants.md promises ten */
#define LOG_MAX (256u << 20) /* octets; it is truncated then in any case */
#define WARN_EVERY_MS 3600000u
#define PACKAGES_AGAIN_MS 10000u
/* After a step of encrypting packages anew: contacts and other duties are to have the store most of the time. */
#define PACKAGES_REST_MS(took_ms) (3 * (took_ms) + 5)
#define REMNANTS_MS 60000u /* older ones are worth a word */

struct smr_keeper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	bool woken;
	struct smr_server *server;
	struct smr_store *store;
	uint64_t sequence;
	uint64_t made_at; /* the present keyring, seconds since 1970 */
	uint64_t valid_until;
	uint64_t truncate_at_ms;    /* the log; not earlier */
	uint64_t remnants_since_ms; /* 0: there are none in the log */
	unsigned long long purges;  /* counted when it was truncated last */
	uint64_t remnants_warn_at_ms;
	uint64_t keys_end; /* when the last epoch key in stock ends; 0: there is none */
	uint64_t keys_warn_at_ms;
	uint64_t packages_at_ms; /* when package keys are to be looked at again */
	bool failing;
};

struct smr_keyring *smr_server_ring(struct smr_server *server)
{
	struct smr_keyring *ring;

	pthread_rwlock_rdlock(&server->ring_lock);
	ring = smr_keyring_hold(server->ring);
	pthread_rwlock_unlock(&server->ring_lock);
	return ring;
}

void smr_server_set_ring(struct smr_server *server, struct smr_keyring *ring)
{
	struct smr_keyring *old;

	pthread_rwlock_wrlock(&server->ring_lock);
	old = server->ring;
	server->ring = ring;
	pthread_rwlock_unlock(&server->ring_lock);
	smr_keyring_release(old);
}

static uint64_t spare_from_s(const struct smr_server_config *config)
{
	static const uint64_t from_s[] = {SMR_KEYRING_INTERVAL_DEFAULT + 1, 0, SMR_KEYRING_NO_SPARE};

	return from_s[config->spare];
}

static enum smr_err renew(struct smr_keeper *k, uint64_t now)
{
	const struct smr_server_config *config = k->server->config;
	struct smr_keyring_times times = {now, config->send_next_key_s, spare_from_s(config)};
	struct smr_keyring *ring;

	SMR_TRY(smr_keyring_load(k->store, &times, &ring));
	k->made_at = now;
	k->valid_until = smr_keyring_valid_until(ring);
	k->keys_end = smr_keyring_last_end(ring);
	smr_server_set_ring(k->server, ring);
	return SMR_OK;
}

/** A device that has an epoch key does not go back to the shelf key: without a successor it is stranded until somebody rotates. */
static void warn_of_end(struct smr_keeper *k, uint64_t now)
{
	uint64_t now_ms = smr_clock_ms();

	if (now + k->server->config->send_next_key_s < k->keys_end || now_ms < k->keys_warn_at_ms)
		return;
	k->keys_warn_at_ms = now_ms + WARN_EVERY_MS;
	smr_log(SMR_LOG_WARN, "flight-keys.end", "in_s=%llu hint=%s",
		(unsigned long long)(k->keys_end > now ? k->keys_end - now : 0),
		SMR_QUOTED("no successor is in stock: run «samara ro rotate flight»"));
}

/** Something that was overwritten stands in the log. All times of the log are monotonic: a clock that is set back must not prolong its life. */
static void note_remnants(struct smr_keeper *k)
{
	if (k->remnants_since_ms == 0)
		k->remnants_since_ms = smr_clock_ms();
}

static void warn_of_remnants(struct smr_keeper *k, uint64_t now_ms)
{
	if (now_ms < k->remnants_since_ms + REMNANTS_MS || now_ms < k->remnants_warn_at_ms)
		return;
	k->remnants_warn_at_ms = now_ms + REMNANTS_MS;
	smr_log(SMR_LOG_WARN, "store.log_not_truncated", "for_s=%llu hint=%s",
		(unsigned long long)((now_ms - k->remnants_since_ms) / 1000),
		SMR_QUOTED("another program holds the store open: what was purged stays in its log until it ends"));
}

/** Bounds the size of the log, and the life of what the store has overwritten: X after its receipt, ended flight keys. */
static enum smr_err truncate_log(struct smr_keeper *k, uint64_t now_ms)
{
	/* What comes later stays for the next time. */
	unsigned long long purges = atomic_load(&k->server->metrics[0].purges);
	enum smr_err err = smr_store_checkpoint(k->store);

	k->truncate_at_ms = now_ms + TRUNCATE_EVERY_MS;
	if (err == SMR_OK) {
		k->remnants_since_ms = 0;
		k->purges = purges;
	}
	if (err != SMR_E_BUSY)
		return err;
	warn_of_remnants(k, now_ms);
	return SMR_OK; /* readers were in the way: the next one does the rest */
}

/** Commits wait while the log is truncated, so that is done only when something in it has to go. */
static enum smr_err care_for_log(struct smr_keeper *k)
{
	uint64_t now_ms = smr_clock_ms();
	uint64_t octets;

	SMR_TRY(smr_store_copy_log(k->store, &octets));
	if (octets > LOG_MAX || atomic_load(&k->server->metrics[0].purges) != k->purges)
		note_remnants(k);
	return k->remnants_since_ms != 0 && now_ms >= k->truncate_at_ms ? truncate_log(k, now_ms) : SMR_OK;
}

static enum smr_err follow(struct smr_keeper *k, struct smr_store_position *position)
{
	uint64_t as_of_ms = smr_clock_ms();

	SMR_TRY(smr_store_position(k->store, position));
	return smr_pending_follow(k->server->pending, k->store, position, as_of_ms);
}

/** Is the present keyring that of this time? One that a clock made which was ahead, and was set back since, is not. */
static bool is_right(const struct smr_keeper *k, uint64_t now)
{
	return now >= k->made_at && now < k->valid_until;
}

static enum smr_err care_for_packages(struct smr_keeper *k)
{
	uint64_t began_ms = smr_clock_ms();
	struct smr_store_rotation rotation;
	uint64_t now_ms;

	if (k->server->packages == NULL || began_ms < k->packages_at_ms)
		return SMR_OK;
	k->packages_at_ms = began_ms + PACKAGES_AGAIN_MS; /* when it fails */
	SMR_TRY(smr_store_rotate_packages(k->store, false, &rotation));
	now_ms = smr_clock_ms();
	k->packages_at_ms =
		now_ms + (rotation.wait_s != 0 ? 1000 * rotation.wait_s : PACKAGES_REST_MS(now_ms - began_ms));
	return SMR_OK;
}

/** Has anything been loaded, has a key begun or ended, were we asked to look? */
static enum smr_err care_for_keys(struct smr_keeper *k, bool woken)
{
	uint64_t now = smr_clock_unix();
	struct smr_store_position position;

	SMR_TRY(follow(k, &position));
	if (position.sequence != k->sequence || woken)
		k->packages_at_ms = 0; /* another front end may have moved on */
	if (position.sequence != k->sequence || woken || !is_right(k, now)) {
		SMR_TRY(renew(k, now));
		if (position.sequence != k->sequence)
			smr_log(SMR_LOG_INFO, "keys.reloaded", "pending=%zu", smr_pending_count(k->server->pending));
		k->sequence = position.sequence;
		note_remnants(k); /* keys that ended, packages that a load took back */
	}
	warn_of_end(k, now);
	return SMR_OK;
}

/** Each whatever became of the others: a log that nobody copies fills the disk, and what was overwritten lives on in it. */
static enum smr_err look(struct smr_keeper *k, bool woken)
{
	enum smr_err keys = care_for_keys(k, woken);
	enum smr_err log = care_for_log(k);
	enum smr_err packages = care_for_packages(k);

	if (keys != SMR_OK)
		return keys;
	return log != SMR_OK ? log : packages;
}

/** Until the next look: sooner while packages are being encrypted anew, one step a look. */
static uint64_t pause_ms(const struct smr_keeper *k)
{
	uint64_t now_ms = smr_clock_ms();

	if (k->server->packages == NULL || k->packages_at_ms >= now_ms + LOOK_EVERY_MS)
		return LOOK_EVERY_MS;
	return k->packages_at_ms > now_ms ? k->packages_at_ms - now_ms : 0;
}

static bool wait_a_little(struct smr_keeper *k, bool *woken)
{
	struct timespec until = smr_clock_after_ms(pause_ms(k));
	bool stopping;

	pthread_mutex_lock(&k->lock);
	if (!k->stopping && !k->woken)
		pthread_cond_timedwait(&k->wake, &k->lock, &until);
	*woken = k->woken;
	k->woken = false;
	stopping = k->stopping;
	pthread_mutex_unlock(&k->lock);
	return !stopping;
}

static void *run(void *context)
{
	struct smr_keeper *k = context;
	bool warmed_up = false;
	bool woken;

	while (wait_a_little(k, &woken)) {
		enum smr_err err = look(k, woken);

		/* Not before all others have the threads that they need. */
		if (!warmed_up)
			smr_store_warm_up(k->store);
		warmed_up = true;
		if (err != SMR_OK && !k->failing)
			smr_log_error(SMR_LOG_WARN, "keys.not_reloaded", err, smr_store_problem(k->store));
		k->failing = err != SMR_OK;
	}
	return NULL;
}

enum smr_err smr_keeper_start(struct smr_server *server, struct smr_keeper **out)
{
	struct smr_keeper *k = calloc(1, sizeof(*k));
	struct smr_store_position position = {0};
	enum smr_err err;

	if (k == NULL)
		return SMR_E_NO_MEMORY;
	k->server = server;
	note_remnants(k); /* what a killed server left */
	pthread_mutex_init(&k->lock, NULL);
	smr_clock_cond_init(&k->wake);
	err = smr_store_open(server->config->store, SMR_STORE_WRITE, &k->store);
	if (err == SMR_OK && server->packages != NULL)
		err = smr_store_use_ring(k->store, server->packages);
	if (err == SMR_OK)
		err = follow(k, &position);
	k->sequence = position.sequence;
	if (err == SMR_OK)
		err = renew(k, smr_clock_unix());
	if (err == SMR_OK && pthread_create(&k->thread, NULL, run, k) != 0)
		err = SMR_E_NO_MEMORY;
	if (err != SMR_OK) {
		if (k->store != NULL)
			smr_store_close(k->store);
		free(k);
		return err;
	}
	*out = k;
	return SMR_OK;
}

void smr_keeper_wake(struct smr_keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	keeper->woken = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
}

void smr_keeper_stop(struct smr_keeper *keeper)
{
	if (keeper == NULL)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	smr_store_close(keeper->store);
	pthread_mutex_destroy(&keeper->lock);
	pthread_cond_destroy(&keeper->wake);
	free(keeper);
}
