/* SPDX-License-Identifier: Apache-2.0 */
/* The handle, and the calls that each back end has its own way for. */
#include <stdlib.h>

#include "store/local.h"

static const struct smr_driver *driver_for(const char *where)
{
	return smr_store_is_file(where) ? &smr_driver_sqlite : &smr_driver_pg;
}

enum smr_err smr_store_open(const char *where, enum smr_store_mode mode, struct smr_store **out)
{
	const struct smr_driver *driver = driver_for(where);
	struct smr_store *store = calloc(1, driver->handle_size);
	enum smr_err err;

	*out = store;
	if (store == NULL)
		return SMR_E_NO_MEMORY;
	store->driver = driver;
	store->mode = mode;
	err = driver->open(store, where);
	store->open = err == SMR_OK;
	return err;
}

void smr_store_close(struct smr_store *store)
{
	if (store == NULL)
		return;
	if (store->open)
		store->driver->close(store);
	smr_journal_forget_notes(store);
	smr_package_ring_close(store->ring);
	free(store);
}

void smr_store_warm_up(struct smr_store *store)
{
	if (store->driver->warm_up != NULL)
		store->driver->warm_up(store);
}

void smr_store_expect(struct smr_store *store, const struct smr_eid *eid)
{
	if (store->driver->expect != NULL)
		store->driver->expect(store, eid);
}

enum smr_err smr_store_use_ring(struct smr_store *store, struct smr_package_ring *ring)
{
	smr_package_ring_close(store->ring);
	store->ring = smr_package_ring_hold(ring);
	return store->driver->use_ring(store);
}

enum smr_err smr_store_rotate_packages(struct smr_store *store, bool now, struct smr_store_rotation *out)
{
	return store->driver->rotate_packages(store, now, out);
}

enum smr_err smr_store_lose_packages(struct smr_store *store, uint64_t *count)
{
	return store->driver->lose_packages(store, count);
}

uint64_t smr_store_round_trips(const struct smr_store *store)
{
	return store->round_trips;
}

enum smr_err smr_store_lookup(struct smr_store *store, struct smr_store_device *devices, size_t count)
{
	if (count > SMR_STORE_BATCH_MAX)
		return smr_store_say(store, SMR_E_INVALID, "lookup: more than %u devices", SMR_STORE_BATCH_MAX);
	if (count == 0)
		return SMR_OK;
	store->round_trips++;
	return store->driver->lookup(store, devices, count);
}

enum smr_err smr_store_commit(struct smr_store *store, struct smr_store_change *changes, size_t count)
{
	enum smr_err err;

	if (count > SMR_STORE_BATCH_MAX || store->loading)
		return smr_store_say(store, SMR_E_INVALID, "commit: more than %u changes, or amid a load",
				     SMR_STORE_BATCH_MAX);
	if (count == 0)
		return SMR_OK;
	store->round_trips++;
	err = store->driver->commit(store, changes, count);
	for (size_t i = 0; err != SMR_OK && i < count; i++)
		changes[i].err = err;
	return err;
}

enum smr_err smr_store_copy_log(struct smr_store *store, uint64_t *octets)
{
	return store->loading ? SMR_E_INVALID : store->driver->copy_log(store, octets);
}

enum smr_err smr_store_checkpoint(struct smr_store *store)
{
	if (store->loading)
		return SMR_E_INVALID;
	return store->driver->checkpoint(store);
}
