/* SPDX-License-Identifier: Apache-2.0 */
#include "server/recent.h"

#include <stdlib.h>

struct entry {
	uint64_t hash; /* of request and address */
	uint64_t put_us;
	size_t len; /* 0: empty */
	uint8_t answer[SMR_RECENT_ANSWER_MAX];
};

struct smr_recent {
	const uint8_t *key;
	size_t count;
	struct entry *entries; /* memory is touched when answers are kept, not before */
};

struct smr_recent *smr_recent_new(size_t entries, const uint8_t *key)
{
	struct smr_recent *recent = calloc(1, sizeof(*recent));

	if (recent == NULL)
		return NULL;
	recent->key = key;
	recent->count = entries ? 2 : 0; /* two places for each hash */
	while (recent->count < entries)
		recent->count *= 2;
	recent->entries = calloc(recent->count ? recent->count : 1, sizeof(*recent->entries));
	if (recent->entries == NULL) {
		free(recent);
		return NULL;
	}
	return recent;
}

void smr_recent_free(struct smr_recent *recent)
{
	if (recent == NULL)
		return;
	free(recent->entries);
	free(recent);
}

static uint64_t hash_of(const struct smr_recent *recent, struct smr_bytes request, const struct smr_address *from)
{
	uint8_t all[sizeof(*from) + 8];

	memcpy(all, from, sizeof(*from));
	smr_put_be64(all + sizeof(*from), smr_siphash(recent->key, request));
	return smr_siphash(recent->key, SMR_ARRAY(all));
}

static struct entry *pair_of(const struct smr_recent *recent, uint64_t hash)
{
	return &recent->entries[hash & (recent->count - 2)];
}

void smr_recent_put(struct smr_recent *recent, struct smr_bytes request, const struct smr_address *from,
		    struct smr_bytes answer, uint64_t now_us)
{
	struct entry *entry;
	uint64_t hash;

	if (recent->count == 0 || answer.len > SMR_RECENT_ANSWER_MAX)
		return;
	hash = hash_of(recent, request, from);
	entry = pair_of(recent, hash);
	if (entry->hash != hash && (entry[1].hash == hash || entry[1].put_us < entry->put_us))
		entry++;
	entry->hash = hash;
	entry->put_us = now_us;
	entry->len = answer.len;
	memcpy(entry->answer, answer.ptr, answer.len);
}

struct smr_bytes smr_recent_get(const struct smr_recent *recent, struct smr_bytes request,
				const struct smr_address *from, uint64_t now_us)
{
	uint64_t hash;

	if (recent->count == 0)
		return SMR_NONE;
	hash = hash_of(recent, request, from);
	for (const struct entry *entry = pair_of(recent, hash), *end = entry + 2; entry < end; entry++) {
		if (entry->len && entry->hash == hash && now_us - entry->put_us < SMR_RECENT_LIFE_S * UINT64_C(1000000))
			return smr_bytes_of(entry->answer, entry->len);
	}
	return SMR_NONE;
}
