/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ro_keys.h
 * Flight keys as the RO's root makes them: private half into the store, signed public half to the suppliers.
 */
#ifndef SMR_RO_KEYS_H
#define SMR_RO_KEYS_H

#include "file/party.h"
#include "store/store.h"

#define SMR_SHELF_KEY_S (UINT64_C(20) * 365 * 86400)
#define SMR_EPOCH_KEY_DEFAULT_S (UINT64_C(7) * 86400)
#define SMR_EPOCH_KEY_MIN_S 60u
#define SMR_EPOCH_KEY_MAX_S (UINT64_C(365) * 86400)
#define SMR_RO_FLIGHT_KEYS_MAX 64u /* what samarad holds */

/** All flight keys of a store. Secret; release with smr_ro_keys_free. */
struct smr_ro_keys {
	struct smr_store_flight_key *list;
	size_t count;
};
enum smr_err smr_ro_keys_read(struct smr_store *store, struct smr_ro_keys *out,
			      struct smr_problem *problem) SMR_MUST_USE;
void smr_ro_keys_free(struct smr_ro_keys *keys);
/** The epoch key that ends last, or NULL. */
const struct smr_flight_key *smr_ro_keys_newest_epoch(const struct smr_ro_keys *keys);

/**
 * Make a key, sign it with the root, put both halves into the store. Its number comes from DIR/numbers (of the type of
 * flight-key files): a TRE accepts only higher ones, and erased keys leave no trace of theirs in the store.
 */
enum smr_err smr_ro_key_make(const struct smr_party *ro, struct smr_store *store, const struct smr_privkey *root,
			     enum smr_flight_key_kind kind, uint64_t not_before, uint64_t not_after,
			     struct smr_problem *problem) SMR_MUST_USE;

/** Write DIR/flight-keys.smr anew: the keys of the store that have not ended. */
enum smr_err smr_ro_keys_publish(const struct smr_party *ro, struct smr_store *store, const struct smr_privkey *root,
				 struct smr_problem *problem) SMR_MUST_USE;

/** Open the store that DIR/samarad.ini names; the problem says what to do. */
enum smr_err smr_ro_store_open(const char *dir, enum smr_store_mode mode, struct smr_store **out,
			       struct smr_problem *problem) SMR_MUST_USE;
/** Give it the package keys of @p dir, to load packages, or for what is done with those keys. On failure it is closed. */
enum smr_err smr_ro_store_use_ring(const char *dir, struct smr_store **store, struct smr_problem *problem) SMR_MUST_USE;
/** Open or make the one at @p where. */
enum smr_err smr_ro_store_open_at(const char *where, enum smr_store_mode mode, struct smr_store **out,
				  struct smr_problem *problem) SMR_MUST_USE;
/** The store's words, or those of @p err; returns @p err. */
enum smr_err smr_ro_store_fail(const struct smr_store *store, enum smr_err err, struct smr_problem *problem);

#endif
