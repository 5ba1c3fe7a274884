/* SPDX-License-Identifier: Apache-2.0 */
#include "file/party.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/fsio.h"
#include "sys/keyfile.h"
#include "sys/text.h"

#define NAME_ROOM 64u

static enum smr_err fail(struct smr_problem *problem, enum smr_err err, const char *path)
{
	return smr_problem(problem, err, "%s: %s", path, smr_err_text(err));
}

/* DIR/NAME in @p out, which the caller frees. */
static enum smr_err path_in(const struct smr_party *party, const char *name, char **out)
{
	*out = smr_fs_join(party->dir, name);
	return *out == NULL ? SMR_E_NO_MEMORY : SMR_OK;
}

static enum smr_err own_card_path(const struct smr_party *party, const char *role, char **out)
{
	char name[NAME_ROOM];

	(void)snprintf(name, sizeof(name), "%s.card", role);
	return path_in(party, name, out);
}

static enum smr_err begin(const char *dir, struct smr_party *party, struct smr_problem *problem)
{
	*party = (struct smr_party){.lock_fd = -1};
	party->dir = strdup(dir);
	return party->dir == NULL ? fail(problem, SMR_E_NO_MEMORY, dir) : SMR_OK;
}

static enum smr_err take_lock(struct smr_party *party, struct smr_problem *problem)
{
	enum smr_err err = smr_fs_lock(party->dir, "lock", &party->lock_fd);

	if (err == SMR_E_BUSY)
		return smr_problem(problem, err, "%s: another process is at work in this directory", party->dir);
	return err == SMR_OK ? SMR_OK : fail(problem, err, party->dir);
}

void smr_party_close(struct smr_party *party)
{
	if (party->dir != NULL && party->lock_fd >= 0)
		(void)close(party->lock_fd);
	smr_privkey_wipe(&party->sign);
	smr_privkey_wipe(&party->kem);
	free(party->dir);
	*party = (struct smr_party){.lock_fd = -1};
}

/* ---- making one ---- */

/* A key that an interrupted attempt left is taken over: without a card nobody has seen it yet. */
static enum smr_err make_key(const struct smr_party *party, const char *name, struct smr_privkey *key,
			     struct smr_problem *problem)
{
	char *path;
	enum smr_err err = path_in(party, name, &path);

	if (err != SMR_OK)
		return fail(problem, err, party->dir);
	if (smr_fs_exists(path)) {
		err = smr_keyfile_load(path, key, problem);
	} else {
		err = smr_privkey_generate(key);
		if (err != SMR_OK)
			(void)fail(problem, err, path);
		else
			err = smr_keyfile_create(path, key, problem);
	}
	free(path);
	return err;
}

static enum smr_err make_dirs(const struct smr_party *party, struct smr_problem *problem)
{
	static const char *const names[] = {"keys", "trust"};

	for (size_t i = 0; i < SMR_COUNT(names); i++) {
		char *path;
		enum smr_err err = path_in(party, names[i], &path);

		if (err == SMR_OK)
			err = smr_fs_mkdir(path, 0700);
		free(path);
		if (err != SMR_OK)
			return fail(problem, err, party->dir);
	}
	return SMR_OK;
}

static enum smr_err refuse_second(const struct smr_party *party, struct smr_problem *problem)
{
	struct smr_fs_list cards;
	enum smr_err err = smr_fs_list(party->dir, ".card", &cards);

	if (err != SMR_OK)
		return fail(problem, err, party->dir);
	if (cards.count > 0)
		err = smr_problem(problem, SMR_E_EXISTS, "%s holds a player already (%s)", party->dir, cards.names[0]);
	smr_fs_list_wipe(&cards);
	return err;
}

/* The card comes last: it is the sign that all is there. */
static enum smr_err make_card(struct smr_party *party, struct smr_problem *problem)
{
	char *path = NULL;
	enum smr_err err = smr_card_make(&party->card, &party->sign);

	if (err == SMR_OK)
		err = own_card_path(party, party->card.role, &path);
	if (err == SMR_OK)
		err = smr_card_write(path, &party->card);
	if (err != SMR_OK)
		(void)fail(problem, err, party->dir);
	free(path);
	return err;
}

static enum smr_err create(struct smr_party *party, bool with_kem, struct smr_problem *problem)
{
	enum smr_err err = smr_fs_mkdir(party->dir, 0700);

	if (err != SMR_OK)
		return fail(problem, err, party->dir);
	SMR_TRY(take_lock(party, problem));
	SMR_TRY(refuse_second(party, problem));
	SMR_TRY(make_dirs(party, problem));
	SMR_TRY(make_key(party, "keys/sign.key", &party->sign, problem));
	party->card.has_kem = with_kem;
	if (with_kem) {
		SMR_TRY(make_key(party, "keys/kem.key", &party->kem, problem));
		smr_point_compress(party->kem.point, party->card.kem);
	}
	party->has_keys = true;
	return make_card(party, problem);
}

enum smr_err smr_party_create(const char *dir, const char *role, const char *name, bool with_kem, struct smr_party *out,
			      struct smr_problem *problem)
{
	enum smr_err err;

	SMR_TRY(begin(dir, out, problem));
	if (name[0] == '\0' || strlen(name) > SMR_CARD_NAME_MAX || strlen(role) >= sizeof(out->card.role)) {
		smr_party_close(out);
		return smr_problem(problem, SMR_E_INVALID, "a name has 1 to %u octets", SMR_CARD_NAME_MAX);
	}
	memcpy(out->card.role, role, strlen(role) + 1);
	memcpy(out->card.name, name, strlen(name) + 1);
	err = create(out, with_kem, problem);
	if (err != SMR_OK)
		smr_party_close(out);
	return err;
}

/* ---- opening one ---- */

static enum smr_err load_card(struct smr_party *party, const char *role, struct smr_problem *problem)
{
	char *path;
	enum smr_err err = own_card_path(party, role, &path);

	if (err != SMR_OK)
		return fail(problem, err, party->dir);
	err = smr_card_read(path, role, &party->card);
	if (err == SMR_E_NOT_FOUND)
		(void)smr_problem(problem, err,
				  "%s is not the directory of a player of role %s (no %s.card in it): make one with "
				  "«init»",
				  party->dir, role, role);
	else if (err != SMR_OK)
		(void)fail(problem, err, path);
	free(path);
	return err;
}

static enum smr_err load_key(const struct smr_party *party, const char *name,
			     const uint8_t point[SMR_POINT_COMPRESSED_LEN], struct smr_privkey *key,
			     struct smr_problem *problem)
{
	uint8_t own[SMR_POINT_COMPRESSED_LEN];
	char *path;
	enum smr_err err = path_in(party, name, &path);

	if (err != SMR_OK)
		return fail(problem, err, party->dir);
	err = smr_keyfile_load(path, key, problem);
	if (err == SMR_OK) {
		smr_point_compress(key->point, own);
		if (memcmp(own, point, sizeof(own)) != 0)
			err = smr_problem(problem, SMR_E_TAMPERED, "%s does not belong to the card in %s", path,
					  party->dir);
	}
	free(path);
	return err;
}

static enum smr_err open_flags(struct smr_party *party, const char *role, unsigned flags, struct smr_problem *problem)
{
	SMR_TRY(load_card(party, role, problem));
	if ((flags & SMR_PARTY_LOCK) != 0)
		SMR_TRY(take_lock(party, problem));
	if ((flags & SMR_PARTY_KEYS) == 0)
		return SMR_OK;
	SMR_TRY(load_key(party, "keys/sign.key", party->card.sign, &party->sign, problem));
	if (party->card.has_kem)
		SMR_TRY(load_key(party, "keys/kem.key", party->card.kem, &party->kem, problem));
	party->has_keys = true;
	return SMR_OK;
}

enum smr_err smr_party_open(const char *dir, const char *role, unsigned flags, struct smr_party *out,
			    struct smr_problem *problem)
{
	enum smr_err err;

	SMR_TRY(begin(dir, out, problem));
	err = open_flags(out, role, flags, problem);
	if (err != SMR_OK)
		smr_party_close(out);
	return err;
}

/* ---- trust ---- */

static enum smr_err same_card(const char *path, const struct smr_card *card, struct smr_problem *problem)
{
	struct smr_card known;
	enum smr_err err = smr_card_read(path, NULL, &known);

	if (err != SMR_OK)
		return fail(problem, err, path);
	if (known.encoded_len != card->encoded_len || memcmp(known.encoded, card->encoded, card->encoded_len) != 0)
		return smr_problem(problem, SMR_E_EXISTS, "%s is another party's card; remove it first", path);
	return SMR_OK;
}

enum smr_err smr_party_trust(const struct smr_party *party, const struct smr_card *card, struct smr_problem *problem)
{
	char fingerprint[SMR_FINGERPRINT_TEXT];
	char name[NAME_ROOM];
	char *path = NULL;
	enum smr_err err = smr_card_fingerprint(card, fingerprint);

	(void)snprintf(name, sizeof(name), "trust/%s-%.8s.card", card->role, fingerprint);
	if (err == SMR_OK)
		err = path_in(party, name, &path);
	if (err != SMR_OK)
		return fail(problem, err, party->dir);
	if (smr_fs_exists(path)) {
		err = same_card(path, card, problem);
	} else {
		err = smr_card_write(path, card);
		if (err != SMR_OK)
			(void)fail(problem, err, path);
	}
	free(path);
	return err;
}

typedef enum smr_err each_fn(void *context, const struct smr_card *card);

static enum smr_err visit(const char *trust, const char *name, const char *role, each_fn *each, void *context,
			  struct smr_problem *problem)
{
	struct smr_card card;
	char *path = smr_fs_join(trust, name);
	enum smr_err err = path == NULL ? SMR_E_NO_MEMORY : smr_card_read(path, NULL, &card);

	if (err != SMR_OK)
		(void)fail(problem, err, path == NULL ? trust : path);
	else if (role == NULL || strcmp(card.role, role) == 0)
		err = each(context, &card);
	free(path);
	return err;
}

enum smr_err smr_party_each(const struct smr_party *party, const char *role, each_fn *each, void *context,
			    struct smr_problem *problem)
{
	struct smr_fs_list list = {0};
	char *trust;
	enum smr_err err = path_in(party, "trust", &trust);

	if (err == SMR_OK)
		err = smr_fs_list(trust, ".card", &list);
	if (err != SMR_OK) {
		free(trust);
		return fail(problem, err, party->dir);
	}
	for (size_t i = 0; i < list.count && err == SMR_OK; i++)
		err = visit(trust, list.names[i], role, each, context, problem);
	smr_fs_list_wipe(&list);
	free(trust);
	return err;
}

struct search {
	const uint8_t *sign;
	struct smr_card *out;
};

/* SMR_E_EXISTS ends the walk: found. */
static enum smr_err compare(void *context, const struct smr_card *card)
{
	const struct search *search = context;

	if (memcmp(card->sign, search->sign, sizeof(card->sign)) != 0)
		return SMR_OK;
	*search->out = *card;
	return SMR_E_EXISTS;
}

enum smr_err smr_party_find(const struct smr_party *party, const char *role,
			    const uint8_t sign[SMR_POINT_COMPRESSED_LEN], struct smr_card *out,
			    struct smr_problem *problem)
{
	struct search search = {sign, out};
	char key[SMR_HEX_TEXT(SMR_POINT_COMPRESSED_LEN)];
	enum smr_err err = smr_party_each(party, role, compare, &search, problem);

	if (err == SMR_E_EXISTS)
		return SMR_OK;
	if (err != SMR_OK)
		return err;
	smr_hex_encode(smr_bytes_of(sign, SMR_POINT_COMPRESSED_LEN), key);
	return smr_problem(problem, SMR_E_UNTRUSTED_KEY,
			   "the key %s is not that of a trusted %s: compare the fingerprint of its card, then accept "
			   "it with «trust»",
			   key, role);
}

enum smr_err smr_party_open_file(const struct smr_party *party, const char *path, enum smr_file_type type,
				 const char *role, struct smr_file_reader **out, struct smr_card *sender,
				 struct smr_problem *problem)
{
	const struct smr_privkey *own = party->has_keys && party->card.has_kem ? &party->kem : NULL;
	struct smr_file_reader *reader;
	struct smr_card card;
	enum smr_err err = smr_file_open(path, type, own, &reader);

	*out = NULL;
	if (err == SMR_E_UNSUPPORTED)
		return smr_problem(problem, err, "%s is not a file of type «%s», version 1", path,
				   smr_file_type_name(type));
	if (err != SMR_OK)
		return fail(problem, err, path);
	err = smr_party_find(party, role, smr_file_reader_info(reader)->sender, &card, problem);
	if (err != SMR_OK) {
		smr_file_close(reader);
		return smr_problem_prefix(problem, err, "%s", path);
	}
	if (sender != NULL)
		*sender = card;
	*out = reader;
	return SMR_OK;
}
