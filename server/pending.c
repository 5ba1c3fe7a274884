/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pending.h"

#include <pthread.h>
#include <stdlib.h>

/* Open addressing over EIDs, at most half full. The hash is keyed, because EIDs are chosen by others. */
struct table {
	struct smr_eid *slots;
	uint8_t *used;
	size_t size; /* a power of two */
	size_t count;
	uint64_t key[2];
	enum smr_err err;
};

struct smr_pending {
	pthread_rwlock_t lock;
	struct table table;
};

static uint64_t hash_eid(const struct table *t, const struct smr_eid *eid)
{
	uint64_t a = smr_get_be64(eid->octets) ^ t->key[0];
	uint64_t b = smr_get_be64(eid->octets + 8) ^ t->key[1];

	a *= 0x9e3779b97f4a7c15u;
	a ^= a >> 32;
	a += b;
	a *= 0xd6e8feb86659fd93u;
	return a ^ (a >> 29);
}

static size_t find_slot(const struct table *t, const struct smr_eid *eid)
{
	size_t i = (size_t)hash_eid(t, eid) & (t->size - 1);

	while (t->used[i] && memcmp(&t->slots[i], eid, sizeof(*eid)) != 0)
		i = (i + 1) & (t->size - 1);
	return i;
}

static enum smr_err table_init(struct table *t, size_t size)
{
	memset(t, 0, sizeof(*t));
	t->slots = calloc(size, sizeof(*t->slots));
	t->used = calloc(size, 1);
	t->size = size;
	if (t->slots == NULL || t->used == NULL)
		return SMR_E_NO_MEMORY;
	return smr_random((uint8_t *)t->key, sizeof(t->key));
}

static void table_free(struct table *t)
{
	free(t->slots);
	free(t->used);
}

static void table_add(struct table *t, const struct smr_eid *eid);

static void table_grow(struct table *t)
{
	struct table bigger;

	t->err = table_init(&bigger, t->size * 2);
	if (t->err == SMR_OK) {
		for (size_t i = 0; i < t->size; i++) {
			if (t->used[i])
				table_add(&bigger, &t->slots[i]);
		}
		table_free(t);
		*t = bigger;
	} else {
		table_free(&bigger);
	}
}

static void table_add(struct table *t, const struct smr_eid *eid)
{
	size_t i;

	if (t->err == SMR_OK && (t->count + 1) * 2 > t->size)
		table_grow(t);
	if (t->err != SMR_OK)
		return;
	i = find_slot(t, eid);
	if (!t->used[i]) {
		t->used[i] = 1;
		t->slots[i] = *eid;
		t->count++;
	}
}

static void add_each(void *context, const struct smr_eid *eid)
{
	table_add(context, eid);
}

struct smr_pending *smr_pending_new(void)
{
	struct smr_pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL)
		return NULL;
	pthread_rwlock_init(&pending->lock, NULL);
	if (table_init(&pending->table, 64) != SMR_OK) {
		smr_pending_free(pending);
		return NULL;
	}
	return pending;
}

void smr_pending_free(struct smr_pending *pending)
{
	if (pending == NULL)
		return;
	table_free(&pending->table);
	pthread_rwlock_destroy(&pending->lock);
	free(pending);
}

enum smr_err smr_pending_load(struct smr_pending *pending, struct smr_store *store)
{
	struct table fresh;
	struct table old;
	enum smr_err err = table_init(&fresh, 64);

	if (err == SMR_OK)
		err = smr_store_pending(store, add_each, &fresh);
	if (err == SMR_OK)
		err = fresh.err;
	if (err != SMR_OK) {
		table_free(&fresh);
		return err;
	}
	pthread_rwlock_wrlock(&pending->lock);
	old = pending->table;
	pending->table = fresh;
	pthread_rwlock_unlock(&pending->lock);
	table_free(&old);
	return SMR_OK;
}

bool smr_pending_has(struct smr_pending *pending, const struct smr_eid *eid)
{
	bool has;

	pthread_rwlock_rdlock(&pending->lock);
	has = pending->table.used[find_slot(&pending->table, eid)] != 0;
	pthread_rwlock_unlock(&pending->lock);
	return has;
}

size_t smr_pending_count(struct smr_pending *pending)
{
	size_t count;

	pthread_rwlock_rdlock(&pending->lock);
	count = pending->table.count;
	pthread_rwlock_unlock(&pending->lock);
	return count;
}
