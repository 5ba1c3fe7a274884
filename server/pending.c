/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pending.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sys/clock.h"

__extension__ typedef unsigned __int128 wide;

/* Fingerprints are below this prime, so 61 bits; the two lowest stand for slots without one. */
#define PRIME ((UINT64_C(1) << 61) - 1)
#define EMPTY 0u
#define GONE 1u
#define SLOTS_MIN 64u
#define KEY_WORDS 4u

/*
 * Open addressing, at most three quarters full. One thread writes, any number read meanwhile: a slot goes from EMPTY to a
 * fingerprint to GONE and back to a fingerprint, but never to EMPTY again, so a search never misses what was there before it began.
 */
struct smr_pending_table {
	atomic_uint references;
	size_t size;
	atomic_size_t count; /* fingerprints */
	size_t gone;	     /* the writer's alone */
	_Atomic uint64_t slots[];
};

struct smr_pending {
	pthread_mutex_t lock; /* of the pointer: taken once per batch */
	struct smr_pending_table *table;
	uint64_t key[KEY_WORDS];
	uint64_t stale_ms;
	_Atomic uint64_t confirmed_ms; /* of smr_clock_ms; 0: never */
	/* the writer's alone */
	bool loaded;
	uint64_t journal;
	enum smr_err err; /* of the callbacks */
	struct smr_pending_table *filling;
};

/* ---- fingerprints ---- */

static uint64_t reduce(wide value)
{
	uint64_t sum = (uint64_t)(value & PRIME) + (uint64_t)(value >> 61);

	return sum >= PRIME ? sum - PRIME : sum;
}

/* A polynomial over the prime field, strongly universal: three words of the EID, each below the prime, and four random ones. */
static uint64_t fingerprint(const uint64_t key[KEY_WORDS], const struct smr_eid *eid)
{
	uint64_t a = smr_get_be64(eid->octets) >> 16;
	uint64_t b = smr_get_be64(eid->octets + 6) >> 24;
	uint64_t c = smr_get_be64(eid->octets + 8) & ((UINT64_C(1) << 40) - 1);
	uint64_t sum = reduce((wide)a * key[0]) + reduce((wide)b * key[1]) + reduce((wide)c * key[2]) + key[3];
	uint64_t print = reduce(sum);

	return print > GONE ? print : print + 2;
}

static size_t first_slot(const struct smr_pending_table *t, uint64_t print)
{
	return (size_t)((wide)print * t->size >> 61);
}

static size_t next_slot(const struct smr_pending_table *t, size_t i)
{
	return i + 1 == t->size ? 0 : i + 1;
}

/* ---- the table ---- */

static struct smr_pending_table *table_new(size_t count)
{
	size_t size = count + count / 2 + SLOTS_MIN;
	struct smr_pending_table *t;

	if (size > (SIZE_MAX - sizeof(*t)) / sizeof(t->slots[0]))
		return NULL;
	t = calloc(1, sizeof(*t) + size * sizeof(t->slots[0]));
	if (t == NULL)
		return NULL;
	atomic_init(&t->references, 1);
	t->size = size;
	return t;
}

static void table_release(struct smr_pending_table *t)
{
	if (t != NULL && atomic_fetch_sub(&t->references, 1) == 1)
		free(t);
}

static bool is_full(const struct smr_pending_table *t)
{
	return (atomic_load_explicit(&t->count, memory_order_relaxed) + t->gone + 1) * 4 > t->size * 3;
}

/* The slot with this fingerprint, or t->size. */
static size_t find(const struct smr_pending_table *t, uint64_t print)
{
	for (size_t i = first_slot(t, print);; i = next_slot(t, i)) {
		uint64_t found = atomic_load_explicit(&t->slots[i], memory_order_acquire);

		if (found == print)
			return i;
		if (found == EMPTY)
			return t->size;
	}
}

static void put(struct smr_pending_table *t, uint64_t print)
{
	size_t i = first_slot(t, print);
	uint64_t found;

	if (find(t, print) != t->size)
		return;
	while ((found = atomic_load_explicit(&t->slots[i], memory_order_relaxed)) > GONE)
		i = next_slot(t, i);
	t->gone -= found == GONE;
	atomic_store_explicit(&t->slots[i], print, memory_order_release);
	atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
}

static void take_out(struct smr_pending_table *t, uint64_t print)
{
	size_t i = find(t, print);

	if (i == t->size)
		return;
	t->gone++;
	atomic_store_explicit(&t->slots[i], GONE, memory_order_release);
	atomic_fetch_sub_explicit(&t->count, 1, memory_order_relaxed);
}

/* The same content with room for more, or for less: memory follows the number of devices both ways. */
static struct smr_pending_table *laid_out_anew(const struct smr_pending_table *old)
{
	struct smr_pending_table *t = table_new(atomic_load_explicit(&old->count, memory_order_relaxed) * 5 / 4);

	for (size_t i = 0; t != NULL && i < old->size; i++) {
		uint64_t print = atomic_load_explicit(&old->slots[i], memory_order_relaxed);

		if (print > GONE)
			put(t, print);
	}
	return t;
}

/* ---- following the store ---- */

static void publish(struct smr_pending *pending, struct smr_pending_table *fresh)
{
	struct smr_pending_table *old;

	pthread_mutex_lock(&pending->lock);
	old = pending->table;
	pending->table = fresh;
	pthread_mutex_unlock(&pending->lock);
	table_release(old);
}

static void make_room(struct smr_pending *pending)
{
	struct smr_pending_table *bigger;

	if (!is_full(pending->filling))
		return;
	bigger = laid_out_anew(pending->filling);
	if (bigger == NULL) {
		pending->err = SMR_E_NO_MEMORY;
		return;
	}
	if (pending->filling == pending->table)
		publish(pending, bigger);
	else
		table_release(pending->filling);
	pending->filling = bigger;
}

static void apply(void *context, const struct smr_eid *eid, bool is_pending)
{
	struct smr_pending *pending = context;
	uint64_t print = fingerprint(pending->key, eid);

	if (!is_pending) {
		take_out(pending->filling, print);
		return;
	}
	make_room(pending);
	if (pending->err == SMR_OK)
		put(pending->filling, print);
}

static enum smr_err load(struct smr_pending *pending, struct smr_store *store)
{
	uint64_t journal;
	enum smr_err err;

	pending->err = SMR_OK;
	pending->filling = table_new(0);
	if (pending->filling == NULL)
		return SMR_E_NO_MEMORY;
	err = smr_store_pending(store, &journal, apply, pending);
	if (err == SMR_OK)
		err = pending->err;
	if (err != SMR_OK) {
		table_release(pending->filling);
		return err;
	}
	publish(pending, pending->filling);
	pending->journal = journal;
	pending->loaded = true;
	return SMR_OK;
}

static enum smr_err catch_up(struct smr_pending *pending, struct smr_store *store)
{
	uint64_t journal = pending->journal;

	pending->err = SMR_OK;
	pending->filling = pending->table;
	SMR_TRY(smr_store_pending_since(store, &journal, apply, pending));
	SMR_TRY(pending->err);
	pending->journal = journal;
	return SMR_OK;
}

enum smr_err smr_pending_follow(struct smr_pending *pending, struct smr_store *store,
				const struct smr_store_position *position, uint64_t as_of_ms)
{
	enum smr_err err = SMR_OK;

	if (!pending->loaded)
		err = load(pending, store);
	else if (position->journal != pending->journal)
		err = catch_up(pending, store);
	if (pending->loaded && err == SMR_E_NOT_FOUND)
		err = load(pending, store);
	if (err == SMR_OK)
		atomic_store(&pending->confirmed_ms, as_of_ms + 1);
	return err;
}

/* ---- reading ---- */

/* Not a flag that the writer sets: the writer may be hanging in a call to the store. */
bool smr_pending_is_closed(struct smr_pending *pending)
{
	uint64_t confirmed_ms = atomic_load(&pending->confirmed_ms);

	return confirmed_ms == 0 || smr_clock_ms() > confirmed_ms + pending->stale_ms;
}

struct smr_pending_view smr_pending_hold(struct smr_pending *pending)
{
	struct smr_pending_view view = {.key = pending->key, .closed = smr_pending_is_closed(pending)};

	pthread_mutex_lock(&pending->lock);
	view.table = pending->table;
	atomic_fetch_add(&view.table->references, 1);
	pthread_mutex_unlock(&pending->lock);
	return view;
}

void smr_pending_release(struct smr_pending_view *view)
{
	table_release(view->table);
	view->table = NULL;
}

bool smr_pending_has(const struct smr_pending_view *view, const struct smr_eid *eid)
{
	return view->closed || find(view->table, fingerprint(view->key, eid)) != view->table->size;
}

size_t smr_pending_count(struct smr_pending *pending)
{
	struct smr_pending_view view = smr_pending_hold(pending);
	size_t count = atomic_load_explicit(&view.table->count, memory_order_relaxed);

	smr_pending_release(&view);
	return count;
}

size_t smr_pending_size(struct smr_pending *pending)
{
	struct smr_pending_view view = smr_pending_hold(pending);
	size_t size = sizeof(*view.table) + view.table->size * sizeof(view.table->slots[0]);

	smr_pending_release(&view);
	return size;
}

/* ---- life ---- */

struct smr_pending *smr_pending_new(uint64_t stale_ms)
{
	struct smr_pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL)
		return NULL;
	pthread_mutex_init(&pending->lock, NULL);
	pending->stale_ms = stale_ms;
	pending->table = table_new(0);
	if (pending->table == NULL || smr_random((uint8_t *)pending->key, sizeof(pending->key)) != SMR_OK) {
		smr_pending_free(pending);
		return NULL;
	}
	for (size_t i = 0; i < KEY_WORDS; i++)
		pending->key[i] = reduce(pending->key[i]);
	return pending;
}

void smr_pending_free(struct smr_pending *pending)
{
	if (pending == NULL)
		return;
	table_release(pending->table);
	pthread_mutex_destroy(&pending->lock);
	smr_wipe(pending->key, sizeof(pending->key));
	free(pending);
}
