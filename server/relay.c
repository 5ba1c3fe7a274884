/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of the relay (design section 3): round after round (spool.h), with an interval between them while nothing is known to wait. */
#include <stdlib.h>

#include "server/spool.h"
#include "sys/clock.h"
#include "sys/fsio.h"

struct smr_relay {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	struct smr_spool spool;
};

static bool is_going_on(void *context)
{
	struct smr_relay *relay = context;
	bool stopping;

	pthread_mutex_lock(&relay->lock);
	stopping = relay->stopping;
	pthread_mutex_unlock(&relay->lock);
	return !stopping;
}

static void wait_interval(struct smr_relay *relay)
{
	struct timespec until = smr_clock_after_ms(relay->spool.server->config->relay_interval_s * 1000u);

	pthread_mutex_lock(&relay->lock);
	if (!relay->stopping)
		pthread_cond_timedwait(&relay->wake, &relay->lock, &until);
	pthread_mutex_unlock(&relay->lock);
}

/* The first round is for what came while there was no server; what is left when this one stops is for the next one's first round. */
static void *run(void *context)
{
	struct smr_relay *relay = context;

	while (is_going_on(relay))
		if (!smr_spool_round(&relay->spool))
			wait_interval(relay);
	return NULL;
}

static void release(struct smr_relay *relay)
{
	smr_store_close(relay->spool.store);
	smr_spool_wipe(&relay->spool);
	pthread_mutex_destroy(&relay->lock);
	pthread_cond_destroy(&relay->wake);
	free(relay);
}

enum smr_err smr_relay_start(struct smr_server *server, const struct smr_privkey *sign, struct smr_relay **out)
{
	struct smr_relay *relay = calloc(1, sizeof(*relay));
	enum smr_err err;

	if (relay == NULL)
		return SMR_E_NO_MEMORY;
	relay->spool = (struct smr_spool){.server = server, .sign = sign, .go_on = is_going_on, .context = relay};
	pthread_mutex_init(&relay->lock, NULL);
	smr_clock_cond_init(&relay->wake);
	err = smr_fs_exists(server->config->spool) ? SMR_OK : smr_fs_mkdir(server->config->spool, 02770);
	if (err == SMR_OK)
		err = smr_store_open(server->config->store, SMR_STORE_WRITE, &relay->spool.store);
	if (err == SMR_OK && pthread_create(&relay->thread, NULL, run, relay) != 0)
		err = SMR_E_NO_MEMORY;
	if (err != SMR_OK) {
		release(relay);
		return err;
	}
	*out = relay;
	return SMR_OK;
}

void smr_relay_stop(struct smr_relay *relay)
{
	if (relay == NULL)
		return;
	pthread_mutex_lock(&relay->lock);
	relay->stopping = true;
	pthread_cond_signal(&relay->wake);
	pthread_mutex_unlock(&relay->lock);
	pthread_join(relay->thread, NULL);
	release(relay);
}
