/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ro_keys.h"

#include <stdlib.h>

#include "cli/cli.h"
#include "sys/clock.h"
#include "sys/fsio.h"

enum smr_err smr_ro_store_fail(const struct smr_store *store, enum smr_err err, struct smr_problem *problem)
{
	const char *words = smr_store_problem(store);

	return smr_problem(problem, err, "the store: %s", words[0] != '\0' ? words : smr_err_text(err));
}

enum smr_err smr_ro_store_open_at(const char *where, enum smr_store_mode mode, struct smr_store **out,
				  struct smr_problem *problem)
{
	char room[200];
	const char *shown = smr_store_shown(where, room, sizeof(room));
	enum smr_err err = smr_store_open(where, mode, out);
	const char *words = *out != NULL ? smr_store_problem(*out) : "";

	if (err == SMR_E_NOT_FOUND && smr_store_is_file(where))
		(void)smr_problem(problem, err, "%s is missing: «samara ro init» makes it", shown);
	else if (err != SMR_OK && smr_store_is_file(where))
		(void)smr_cli_fail(shown, err, problem);
	else if (err != SMR_OK)
		(void)smr_problem(problem, err, "%s: %s", shown, words[0] != '\0' ? words : smr_err_text(err));
	if (err != SMR_OK) {
		smr_store_close(*out);
		*out = NULL;
	}
	return err;
}

enum smr_err smr_ro_store_open(const char *dir, enum smr_store_mode mode, struct smr_store **out,
			       struct smr_problem *problem)
{
	char *where = NULL;
	enum smr_err err;

	*out = NULL;
	err = smr_store_of(dir, &where, problem);
	if (err == SMR_OK)
		err = smr_ro_store_open_at(where, mode, out, problem);
	else if (problem->text[0] == '\0')
		(void)smr_problem(problem, err, "%s", smr_err_text(err));
	free(where);
	return err;
}

enum smr_err smr_ro_store_use_ring(const char *dir, struct smr_store **store, struct smr_problem *problem)
{
	struct smr_package_ring *ring;
	enum smr_err err = smr_package_ring_open(dir, &ring);

	if (err == SMR_OK)
		err = smr_store_use_ring(*store, ring);
	smr_package_ring_close(ring);
	if (err == SMR_OK)
		return SMR_OK;
	(void)smr_ro_store_fail(*store, err, problem);
	smr_store_close(*store);
	*store = NULL;
	return err;
}

/* ---- reading ---- */

enum smr_err smr_ro_keys_read(struct smr_store *store, struct smr_ro_keys *out, struct smr_problem *problem)
{
	enum smr_err err;

	out->count = SMR_RO_FLIGHT_KEYS_MAX;
	out->list = calloc(out->count, sizeof(*out->list));
	if (out->list == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = smr_store_flight_keys(store, out->list, &out->count);
	if (err == SMR_OK)
		return SMR_OK;
	out->count = 0;
	smr_ro_keys_free(out);
	return smr_ro_store_fail(store, err, problem);
}

void smr_ro_keys_free(struct smr_ro_keys *keys)
{
	if (keys->list != NULL)
		smr_wipe(keys->list, SMR_RO_FLIGHT_KEYS_MAX * sizeof(*keys->list));
	free(keys->list);
	*keys = (struct smr_ro_keys){0};
}

const struct smr_flight_key *smr_ro_keys_newest_epoch(const struct smr_ro_keys *keys)
{
	const struct smr_flight_key *newest = NULL;

	for (size_t i = 0; i < keys->count; i++) {
		const struct smr_flight_key *key = &keys->list[i].key;

		if (key->kind == SMR_FLIGHT_KEY_EPOCH && (newest == NULL || key->not_after >= newest->not_after))
			newest = key;
	}
	return newest;
}

/* ---- making ---- */

static enum smr_err make(struct smr_store_flight_key *entry, const struct smr_privkey *root)
{
	struct smr_writer w = smr_writer_init((struct smr_space){entry->encoded, sizeof(entry->encoded)});
	struct smr_privkey q = {0};
	struct smr_bytes encoded;
	enum smr_err err = smr_privkey_generate(&q);

	if (err == SMR_OK) {
		memcpy(entry->scalar, q.scalar, sizeof(entry->scalar));
		smr_point_compress(q.point, entry->key.q);
		err = smr_flight_key_sign(&w, root, &entry->key);
	}
	smr_privkey_wipe(&q);
	if (err == SMR_OK)
		err = smr_writer_done(&w, &encoded);
	if (err == SMR_OK)
		entry->encoded_len = encoded.len;
	return err;
}

static enum smr_err take_number(const struct smr_party *ro, uint32_t *out)
{
	uint64_t number;

	SMR_TRY(smr_party_next_number(ro, SMR_FILE_FLIGHT_KEYS, &number));
	*out = (uint32_t)number;
	return number <= UINT32_MAX ? SMR_OK : SMR_E_TOO_MANY;
}

enum smr_err smr_ro_key_make(const struct smr_party *ro, struct smr_store *store, const struct smr_privkey *root,
			     enum smr_flight_key_kind kind, uint64_t not_before, uint64_t not_after,
			     struct smr_problem *problem)
{
	struct smr_store_flight_key entry = {.key = {.kind = kind, .not_before = not_before, .not_after = not_after}};
	enum smr_err err = take_number(ro, &entry.key.number);

	if (err == SMR_OK)
		err = make(&entry, root);
	if (err != SMR_OK) {
		(void)smr_problem(problem, err, "cannot make a flight key: %s", smr_err_text(err));
	} else {
		err = smr_store_add_flight_key(store, &entry);
		if (err != SMR_OK)
			(void)smr_ro_store_fail(store, err, problem);
	}
	SMR_WIPE(entry);
	return err;
}

/* ---- publishing ---- */

static enum smr_err put_keys(struct smr_file_writer *file, const struct smr_ro_keys *keys)
{
	uint64_t now = smr_clock_unix();

	for (size_t i = 0; i < keys->count; i++)
		if (keys->list[i].key.not_after > now)
			SMR_TRY(smr_file_put(file, smr_bytes_of(keys->list[i].encoded, keys->list[i].encoded_len)));
	return SMR_OK;
}

static enum smr_err write_file(const struct smr_party *ro, const char *path, const struct smr_privkey *root,
			       const struct smr_ro_keys *keys)
{
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
	uint8_t room[64];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_file_writer *file = NULL;
	struct smr_bytes about;
	uint64_t number;
	enum smr_err err;

	smr_point_compress(root->point, point);
	smr_put_flight_keys_about(&w, point);
	SMR_TRY(smr_writer_done(&w, &about));
	SMR_TRY(smr_party_next_number(ro, SMR_FILE_FLIGHT_KEYS, &number));
	SMR_TRY(smr_file_create(path, SMR_FILE_FLIGHT_KEYS, number, &ro->sign, about, NULL, &file));
	err = put_keys(file, keys);
	if (err == SMR_OK)
		return smr_file_commit(file);
	smr_file_abort(file);
	return err;
}

enum smr_err smr_ro_keys_publish(const struct smr_party *ro, struct smr_store *store, const struct smr_privkey *root,
				 struct smr_problem *problem)
{
	char *path = smr_fs_join(ro->dir, "flight-keys.smr");
	struct smr_ro_keys keys = {0};
	enum smr_err err = path == NULL ? SMR_E_NO_MEMORY : smr_ro_keys_read(store, &keys, problem);

	if (err == SMR_OK) {
		err = write_file(ro, path, root, &keys);
		if (err != SMR_OK)
			(void)smr_cli_fail(path, err, problem);
	}
	smr_ro_keys_free(&keys);
	free(path);
	return err;
}
