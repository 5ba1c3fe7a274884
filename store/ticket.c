/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of tickets and their keys. The keys are few; to erase one the whole table is written anew, as with flight keys
 * (keys.c).
 */
#include <stdlib.h>

#include "store/local.h"

/* ---- classes ---- */

static void read_class(struct smr_query *q, struct smr_store_ticket_class *out)
{
	out->number = (uint8_t)smr_column_int(q, 0);
	out->up_to_s = (uint32_t)smr_column_int(q, 1);
	out->epoch_s = (uint32_t)smr_column_int(q, 2);
	out->lifetime = (uint32_t)smr_column_int(q, 3);
	out->retired = smr_column_int(q, 4) != 0;
	if (out->epoch_s == 0 && q->err == SMR_OK)
		q->err = smr_store_say(q->store, SMR_E_IO, "the store is damaged: a ticket class without epochs");
}

enum smr_err smr_store_ticket_classes(struct smr_store *store, struct smr_store_ticket_class *classes, size_t *count)
{
	struct smr_query q = smr_query_begin(store, SMR_SQL_TICKET_CLASSES);
	size_t room = *count;

	*count = 0;
	while (smr_query_step(&q)) {
		if (*count == room)
			q.err = smr_store_say(store, SMR_E_NO_ROOM, "there are more than %zu ticket classes", room);
		else
			read_class(&q, &classes[(*count)++]);
	}
	return smr_query_end(&q);
}

static enum smr_err check_class(struct smr_store *store, const struct smr_store_ticket_class *class)
{
	if (class->up_to_s == 0 || class->epoch_s == 0 || class->lifetime == 0 ||
	    class->lifetime > SMR_STORE_LIFETIME_MAX)
		return smr_store_say(store, SMR_E_INVALID,
				     "a ticket class needs an interval, an epoch, and 1 to %u epochs of life",
				     SMR_STORE_LIFETIME_MAX);
	return SMR_OK;
}

/* The lowest number that no class has, and how many keys all classes together may come to have. */
static enum smr_err find_number(struct smr_store *store, struct smr_store_ticket_class *added)
{
	struct smr_store_ticket_class classes[SMR_STORE_TICKET_CLASSES];
	size_t count = SMR_COUNT(classes);
	size_t keys = SMR_STORE_CLASS_KEYS(added->lifetime);
	unsigned number = 0;

	SMR_TRY(smr_store_ticket_classes(store, classes, &count));
	for (size_t i = 0; i < count; i++) {
		bool same = !classes[i].retired && classes[i].up_to_s == added->up_to_s;

		if (same && classes[i].epoch_s == added->epoch_s && classes[i].lifetime == added->lifetime)
			return smr_store_say(store, SMR_E_EXISTS, "this class is there already");
		keys += SMR_STORE_CLASS_KEYS(classes[i].lifetime);
		number += classes[i].number == number;
	}
	if (number >= SMR_STORE_TICKET_CLASSES || keys > SMR_STORE_TICKET_KEYS_MAX)
		return smr_store_say(
			store, SMR_E_NO_ROOM,
			"there are too many ticket classes: wait until the tickets of those that were replaced "
			"have ended, or choose a shorter lifetime");
	added->number = (uint8_t)number;
	return SMR_OK;
}

static enum smr_err put_class(struct smr_store *store, struct smr_store_ticket_class *added)
{
	struct smr_query q;

	SMR_TRY(check_class(store, added));
	SMR_TRY(find_number(store, added));
	q = smr_query_begin(store, SMR_SQL_TICKET_CLASS_RETIRE);
	smr_query_int(&q, added->up_to_s);
	SMR_TRY(smr_query_run(&q));
	q = smr_query_begin(store, SMR_SQL_TICKET_CLASS_PUT);
	smr_query_int(&q, added->number);
	smr_query_int(&q, added->up_to_s);
	smr_query_int(&q, added->epoch_s);
	smr_query_int(&q, added->lifetime);
	SMR_TRY(smr_query_run(&q));
	return smr_bump_sequence(store);
}

enum smr_err smr_store_put_ticket_class(struct smr_store *store, struct smr_store_ticket_class *added)
{
	added->retired = false;
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, put_class(store, added));
}

/* ---- keys ---- */

/* All of the table, and the time that it is looked at. */
struct keys {
	struct smr_store_ticket_class classes[SMR_STORE_TICKET_CLASSES];
	size_t class_count;
	uint64_t now;
	struct smr_ticket_key *list; /* the caller's room */
	size_t room;
	size_t count;  /* of those in use */
	bool has_old;  /* there are others */
	size_t stored; /* how many of the list are in the store already */
};

static const struct smr_store_ticket_class *class_of(const struct keys *k, uint32_t id)
{
	for (size_t i = 0; i < k->class_count; i++)
		if (k->classes[i].number == smr_tk_class(id))
			return &k->classes[i];
	return NULL;
}

static uint32_t epoch_of(const struct smr_store_ticket_class *class, uint64_t now)
{
	return (uint32_t)(now / class->epoch_s) & SMR_TK_EPOCH_MASK;
}

static bool is_in_use(const struct keys *k, uint32_t id)
{
	const struct smr_store_ticket_class *class = class_of(k, id);
	int32_t age;

	if (class == NULL)
		return false;
	age = smr_tk_age(smr_tk_epoch(id), epoch_of(class, k->now));
	return age <= (int32_t) class->lifetime && age >= -(int32_t)SMR_TICKET_EPOCHS_AHEAD;
}

/* NULL: no room, and the problem says so. */
static struct smr_ticket_key *add_key(struct smr_store *store, struct keys *k, uint32_t id)
{
	if (k->count == k->room) {
		(void)smr_store_say(store, SMR_E_NO_ROOM, "there are more than %zu ticket keys", k->room);
		return NULL;
	}
	k->list[k->count].id = id;
	return &k->list[k->count++];
}

static enum smr_err read_keys(struct smr_store *store, struct keys *k)
{
	struct smr_query q;

	k->class_count = SMR_COUNT(k->classes);
	k->count = 0;
	k->has_old = false;
	SMR_TRY(smr_store_ticket_classes(store, k->classes, &k->class_count));
	q = smr_query_begin(store, SMR_SQL_TICKET_KEYS);
	while (smr_query_step(&q)) {
		uint32_t id = (uint32_t)smr_column_int(&q, 0);
		struct smr_ticket_key *key;

		if (!is_in_use(k, id)) {
			k->has_old = true;
			continue;
		}
		key = add_key(store, k, id);
		if (key != NULL)
			smr_column_fixed(&q, 1, key->key, SMR_TK_LEN);
		else
			q.err = SMR_E_NO_ROOM;
	}
	k->stored = k->count;
	return smr_query_end(&q);
}

static bool has_key(const struct keys *k, uint32_t id)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->list[i].id == id)
			return true;
	return false;
}

static enum smr_err make_key(struct smr_store *store, struct keys *k, uint32_t id)
{
	struct smr_ticket_key *key;

	if (has_key(k, id))
		return SMR_OK;
	key = add_key(store, k, id);
	return key != NULL ? smr_random(key->key, SMR_TK_LEN) : SMR_E_NO_ROOM;
}

/* This epoch's and the next one's: that one is there when a front end's clock, or ours, gets to it first. */
static enum smr_err make_keys(struct smr_store *store, struct keys *k)
{
	for (size_t i = 0; i < k->class_count; i++) {
		const struct smr_store_ticket_class *class = &k->classes[i];
		uint32_t epoch = epoch_of(class, k->now);

		if (class->retired)
			continue;
		SMR_TRY(make_key(store, k, smr_tk_id(class->number, epoch)));
		SMR_TRY(make_key(store, k, smr_tk_id(class->number, epoch + 1)));
	}
	return SMR_OK;
}

/*
 * Is now about when somebody last made keys? If not, either nobody was here for long or the clock is wrong, and only the first of
 * these is a reason to erase anything. The class with the shortest epochs knows best.
 */
static bool time_flows(const struct keys *k)
{
	const struct smr_store_ticket_class *shortest = NULL;

	for (size_t i = 0; i < k->class_count; i++)
		if (!k->classes[i].retired && (shortest == NULL || k->classes[i].epoch_s < shortest->epoch_s))
			shortest = &k->classes[i];
	for (size_t i = 0; shortest != NULL && i < k->stored; i++)
		if (smr_tk_class(k->list[i].id) == shortest->number &&
		    smr_tk_age(smr_tk_epoch(k->list[i].id), epoch_of(shortest, k->now)) <=
			    (int32_t)SMR_TICKET_EPOCHS_AHEAD)
			return true;
	return false;
}

static enum smr_err write_keys(struct smr_store *store, const struct keys *k, size_t first)
{
	for (size_t i = first; i < k->count; i++) {
		struct smr_query q = smr_query_begin(store, SMR_SQL_TICKET_KEY_PUT);

		smr_query_int(&q, k->list[i].id);
		smr_query_blob(&q, k->list[i].key, sizeof(k->list[i].key));
		SMR_TRY(smr_query_run(&q));
	}
	return SMR_OK;
}

/* A replaced class goes with its last key: then nobody holds a ticket of it that could be opened. */
static enum smr_err end_classes(struct smr_store *store, const struct keys *k)
{
	for (size_t i = 0; i < k->class_count; i++) {
		bool held = !k->classes[i].retired;
		struct smr_query q;

		for (size_t j = 0; !held && j < k->count; j++)
			held = smr_tk_class(k->list[j].id) == k->classes[i].number;
		if (held)
			continue;
		q = smr_query_begin(store, SMR_SQL_TICKET_CLASS_END);
		smr_query_int(&q, k->classes[i].number);
		SMR_TRY(smr_query_run(&q));
	}
	return SMR_OK;
}

static enum smr_err renew_keys(struct smr_store *store, struct keys *k)
{
	/* Again, inside the transaction: another front end may have made the same keys meanwhile. */
	SMR_TRY(read_keys(store, k));
	SMR_TRY(make_keys(store, k));
	if (!k->has_old || !time_flows(k))
		return write_keys(store, k, k->stored);
	SMR_TRY(smr_query_do(store, SMR_SQL_TICKET_KEY_CLEAR));
	SMR_TRY(write_keys(store, k, 0));
	return end_classes(store, k);
}

static bool is_complete(const struct keys *k)
{
	for (size_t i = 0; i < k->class_count; i++) {
		const struct smr_store_ticket_class *class = &k->classes[i];
		uint32_t epoch = epoch_of(class, k->now);

		if (!class->retired &&
		    !(has_key(k, smr_tk_id(class->number, epoch)) && has_key(k, smr_tk_id(class->number, epoch + 1))))
			return false;
	}
	return !k->has_old || !time_flows(k);
}

static enum smr_err ticket_keys(struct smr_store *store, struct keys *k)
{
	SMR_TRY(read_keys(store, k));
	if (is_complete(k))
		return SMR_OK;
	SMR_TRY(smr_write_begin(store));
	return smr_write_end(store, renew_keys(store, k));
}

static int compare_keys(const void *a, const void *b)
{
	uint32_t x = ((const struct smr_ticket_key *)a)->id;
	uint32_t y = ((const struct smr_ticket_key *)b)->id;

	return (x > y) - (x < y);
}

enum smr_err smr_store_ticket_keys(struct smr_store *store, uint64_t now, struct smr_ticket_key *keys, size_t *count)
{
	struct keys k = {.now = now, .list = keys, .room = *count};
	enum smr_err err = ticket_keys(store, &k);

	if (err != SMR_OK) {
		smr_wipe(keys, k.room * sizeof(*keys));
		*count = 0;
		return err;
	}
	qsort(keys, k.count, sizeof(*keys), compare_keys);
	*count = k.count;
	return SMR_OK;
}
