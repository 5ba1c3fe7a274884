/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flight keys. They are few, and to erase one the whole table is written anew: SQLite then zeroes all
 * its pages, so that no copy of the erased key stays behind in a page that was rebalanced once (see sqlite/schema.c).
 */
#include <stdlib.h>

#include "store/local.h"

/* ---- flight keys ---- */

static void read_flight_key(struct smr_query *q, struct smr_store_flight_key *out)
{
	memset(out, 0, sizeof(*out));
	out->key.number = (uint32_t)smr_column_int(q, 0);
	out->key.kind = (enum smr_flight_key_kind)smr_column_int(q, 1);
	smr_column_fixed(q, 2, out->key.q, sizeof(out->key.q));
	out->key.not_before = smr_column_int(q, 3);
	out->key.not_after = smr_column_int(q, 4);
	smr_column_fixed(q, 5, out->scalar, sizeof(out->scalar));
	out->encoded_len = smr_column_copy(q, 6, out->encoded, sizeof(out->encoded));
}

enum smr_err smr_store_flight_keys(struct smr_store *store, struct smr_store_flight_key *keys, size_t *count)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_FLIGHT_KEYS);
	size_t room = *count;
	enum smr_err err;

	*count = 0;
	while (smr_query_step(&q)) {
		if (*count == room)
			q.err = smr_store_say(store, SMR_E_NO_ROOM, "there are more than %zu flight keys", room);
		else
			read_flight_key(&q, &keys[(*count)++]);
	}
	err = smr_query_end(&q);
	if (err != SMR_OK)
		smr_wipe(keys, room * sizeof(*keys));
	return err;
}

static enum smr_err put_flight_key(struct smr_store *store, const struct smr_store_flight_key *key)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_FLIGHT_KEY_PUT);

	smr_query_int(&q, key->key.number);
	smr_query_int(&q, (uint64_t)key->key.kind);
	smr_query_blob(&q, key->key.q, sizeof(key->key.q));
	smr_query_int(&q, key->key.not_before);
	smr_query_int(&q, key->key.not_after);
	smr_query_blob(&q, key->scalar, sizeof(key->scalar));
	smr_query_blob(&q, key->encoded, key->encoded_len);
	return smr_query_run(&q);
}

static enum smr_err add_flight_key(struct smr_store *store, const struct smr_store_flight_key *key)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_FLIGHT_KEY_GET);
	bool known;

	if (key->encoded_len == 0 || key->encoded_len > sizeof(key->encoded))
		return smr_store_say(store, SMR_E_INVALID, "the signed flight key is too long, or missing");
	smr_query_int(&q, key->key.number);
	known = smr_query_step(&q);
	SMR_TRY(smr_query_end(&q));
	if (known)
		return smr_store_say(store, SMR_E_EXISTS, "there is a flight key with number %u", key->key.number);
	SMR_TRY(put_flight_key(store, key));
	return smr_bump_sequence(store);
}

enum smr_err smr_store_add_flight_key(struct smr_store *store, const struct smr_store_flight_key *key)
{
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, add_flight_key(store, key));
}

static bool is_over(const struct smr_store_flight_key *key, uint64_t now)
{
	return key->key.kind == SMR_FLIGHT_KEY_EPOCH && key->key.not_after <= now;
}

/* Walks over the keys: counts all and those that are over, and copies the others when there is a place for them. */
static enum smr_err sift_flight_keys(struct smr_store *store, uint64_t now, struct smr_store_flight_key *kept,
				     size_t *keep, size_t *over)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_FLIGHT_KEYS);
	struct smr_store_flight_key key;

	*keep = 0;
	*over = 0;
	while (smr_query_step(&q)) {
		read_flight_key(&q, &key);
		if (is_over(&key, now)) {
			++*over;
			continue;
		}
		if (kept != NULL)
			kept[*keep] = key;
		++*keep;
	}
	SMR_WIPE(key);
	return smr_query_end(&q);
}

static enum smr_err rewrite_flight_keys(struct smr_store *store, const struct smr_store_flight_key *kept, size_t count)
{
	SMR_TRY(smr_query_do(store, SMR_SQL_FLIGHT_KEY_CLEAR));
	for (size_t i = 0; i < count; i++)
		SMR_TRY(put_flight_key(store, &kept[i]));
	return smr_bump_sequence(store);
}

static enum smr_err erase_flight_keys(struct smr_store *store, uint64_t now, size_t *erased)
{
	struct smr_store_flight_key *kept;
	size_t keep;
	enum smr_err err;

	SMR_TRY(sift_flight_keys(store, now, NULL, &keep, erased));
	if (*erased == 0)
		return SMR_OK;
	kept = calloc(keep + 1, sizeof(*kept));
	if (kept == NULL)
		return SMR_E_NO_MEMORY;
	err = sift_flight_keys(store, now, kept, &keep, erased);
	if (err == SMR_OK)
		err = rewrite_flight_keys(store, kept, keep);
	smr_wipe(kept, (keep + 1) * sizeof(*kept));
	free(kept);
	return err;
}

enum smr_err smr_store_erase_flight_keys(struct smr_store *store, uint64_t now, size_t *erased)
{
	size_t keep;
	enum smr_err err;

	/* A look first: it is called often and finds nothing to erase nearly always. */
	SMR_TRY(sift_flight_keys(store, now, NULL, &keep, erased));
	if (*erased == 0)
		return SMR_OK;
	err = smr_write_begin(store);
	if (err == SMR_OK)
		err = smr_write_end(store, erase_flight_keys(store, now, erased));
	if (err != SMR_OK)
		*erased = 0;
	return err;
}
