/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED /* EC_KEY: see local.h */
#include <pthread.h>

#include "crypto/openssl/local.h"

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static pthread_key_t slot; /* only for the duty to free: reading goes by `mine` */
static bool slot_exists;
static unsigned forks;
static _Thread_local struct smr_ossl_room *mine;
static _Thread_local bool in_batch;

static void room_free(struct smr_ossl_room *room)
{
	if (room->gcm != NULL)
		room->lib->gcm.freectx(room->gcm);
	EC_KEY_free(room->verifier);
	BN_CTX_free(room->numbers);
	OPENSSL_clear_free(room, sizeof(*room));
}

/* At the thread's end. Another destructor that comes later and needs a room makes a new one. */
static void leave(void *context)
{
	mine = NULL;
	room_free(context);
}

/* Runs in the child, which has one thread. */
static void note_fork(void)
{
	forks++;
}

static void make_slot(void)
{
	slot_exists = pthread_atfork(NULL, NULL, note_fork) == 0 && pthread_key_create(&slot, leave) == 0;
}

unsigned smr_ossl_forks(void)
{
	return forks;
}

static struct smr_ossl_room *room_new(const struct smr_ossl *lib)
{
	struct smr_ossl_room *room = OPENSSL_zalloc(sizeof(*room));

	if (room == NULL)
		return NULL;
	room->lib = lib;
	room->gcm = lib->gcm.newctx(lib->gcm.provider);
	room->numbers = BN_CTX_new();
	room->verifier = EC_KEY_new();
	if (room->gcm == NULL || !smr_ossl_gcm_clear(&lib->gcm, room->gcm) || room->numbers == NULL ||
	    room->verifier == NULL || EC_KEY_set_group(room->verifier, lib->p256) != 1) {
		room_free(room);
		return NULL;
	}
	return room;
}

struct smr_ossl_room *smr_ossl_room(const struct smr_ossl *lib)
{
	if (mine != NULL)
		return mine;
	if (pthread_once(&slot_once, make_slot) != 0 || !slot_exists)
		return NULL;
	mine = room_new(lib);
	if (mine != NULL && pthread_setspecific(slot, mine) != 0) {
		room_free(mine);
		mine = NULL;
	}
	return mine;
}

static void erase_schedule(struct smr_ossl_room *room)
{
	if (smr_ossl_gcm_clear(&room->lib->gcm, room->gcm))
		return;
	/* Never seen. Freeing erases too. */
	(void)pthread_setspecific(slot, NULL);
	leave(room);
}

void smr_ossl_room_forget(struct smr_ossl_room *room)
{
	if (!in_batch)
		erase_schedule(room);
}

void smr_batch_begin(void)
{
	in_batch = true;
}

void smr_batch_end(void)
{
	in_batch = false;
	if (mine != NULL)
		erase_schedule(mine);
}
