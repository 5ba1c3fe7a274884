/* SPDX-License-Identifier: Apache-2.0 */
/* samara ro init: keys, root, store, first flight keys, a configuration to edit. */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ro_keys.h"
#include "sys/clock.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"

/* «samarad --help-config» explains every key; here is what an operator changes first. */
static const char ini[] =
	"# Configuration of samarad. Paths are relative to this directory; «samarad --help-config» lists every key.\n"
	"\n"
	"[listen]\n"
	"# address = 0.0.0.0\n"
	"# port = 5683\n"
	"# threads = 0          ; one per core\n"
	"\n"
	"[relay]\n"
	"# active = yes         ; no: another samarad on this store has the operators' spool\n"
	"# spool = spool        ; shared with the operators' authentication centres\n"
	"# interval = 1s\n"
	"\n"
	"[pending]\n"
	"# stale = 15m          ; without the store check-ins go on so long\n"
	"\n"
	"[flight]\n"
	"# send-next-key = 24h  ; the next flight key goes along when the present one ends within this time\n";

static enum smr_err in_dir(const struct smr_party *ro, const char *name, char **path, struct smr_problem *problem)
{
	*path = smr_fs_join(ro->dir, name);
	return *path != NULL ? SMR_OK : smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
}

/* The root of an earlier attempt stays: a supplier may have seen it. */
static enum smr_err take_root(const struct smr_party *ro, struct smr_privkey *root, struct smr_problem *problem)
{
	char *path;
	enum smr_err err;

	SMR_TRY(in_dir(ro, "keys/root.key", &path, problem));
	if (smr_fs_exists(path)) {
		err = smr_keyfile_load(path, root, problem);
	} else {
		err = smr_privkey_generate(root);
		if (err == SMR_OK)
			err = smr_keyfile_create(path, root, problem);
	}
	free(path);
	return err;
}

/* @p store: NULL is the default. */
static char *ini_text(const char *store)
{
	char *text = NULL;

	if (store == NULL)
		return strdup(ini);
	return asprintf(&text, "%s\n[store]\npath = %s\n", ini, store) < 0 ? NULL : text;
}

static enum smr_err write_ini(const struct smr_party *ro, const char *store, struct smr_problem *problem)
{
	char *text = ini_text(store);
	char *path;
	enum smr_err err = in_dir(ro, "samarad.ini", &path, problem);

	if (err != SMR_OK) {
		free(text);
		return err;
	}
	err = text == NULL ? SMR_E_NO_MEMORY
			   : smr_fs_write_new(path, smr_bytes_of((const uint8_t *)text, strlen(text)), 0644);
	free(text);
	if (err == SMR_E_EXISTS)
		err = SMR_OK;
	if (err != SMR_OK)
		(void)smr_cli_fail(path, err, problem);
	free(path);
	return err;
}

static bool have_kind(const struct smr_ro_keys *keys, enum smr_flight_key_kind kind)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->list[i].key.kind == kind)
			return true;
	return false;
}

static enum smr_err make_keys(const struct smr_party *ro, struct smr_store *store, const struct smr_privkey *root,
			      uint64_t epoch_length, struct smr_problem *problem)
{
	struct smr_ro_keys keys = {0};
	uint64_t now = smr_clock_unix();
	enum smr_err err = smr_ro_keys_read(store, &keys, problem);

	if (err == SMR_OK && !have_kind(&keys, SMR_FLIGHT_KEY_SHELF))
		err = smr_ro_key_make(ro, store, root, SMR_FLIGHT_KEY_SHELF, now, now + SMR_SHELF_KEY_S, problem);
	if (err == SMR_OK && !have_kind(&keys, SMR_FLIGHT_KEY_EPOCH))
		err = smr_ro_key_make(ro, store, root, SMR_FLIGHT_KEY_EPOCH, now, now + epoch_length, problem);
	smr_ro_keys_free(&keys);
	return err;
}

/* An init that is taken up again finds the store where the first one put it, unless it is told. */
static enum smr_err make_store(const struct smr_party *ro, const char *where, struct smr_store **out,
			       struct smr_problem *problem)
{
	if (where == NULL)
		return smr_ro_store_open(ro->dir, SMR_STORE_CREATE, out, problem);
	return smr_ro_store_open_at(where, SMR_STORE_CREATE, out, problem);
}

static enum smr_err furnish(const struct smr_party *ro, uint64_t epoch_length, const char *where,
			    struct smr_problem *problem)
{
	struct smr_privkey root = {0};
	struct smr_store *store = NULL;
	enum smr_err err = take_root(ro, &root, problem);

	if (err == SMR_OK)
		err = make_store(ro, where, &store, problem);
	if (err == SMR_OK)
		err = smr_ro_store_use_ring(ro->dir, &store, problem);
	if (err == SMR_OK) {
		err = make_keys(ro, store, &root, epoch_length, problem);
		if (err == SMR_OK)
			err = write_ini(ro, where, problem);
		if (err == SMR_OK)
			err = smr_ro_keys_publish(ro, store, &root, problem);
		smr_store_close(store);
	}
	smr_privkey_wipe(&root);
	return err;
}

/* flight-keys.smr is the last thing that is made: without it an earlier attempt did not end and is taken up again. */
static enum smr_err create_or_resume(const struct smr_args *args, struct smr_party *ro, struct smr_problem *problem)
{
	struct smr_problem ignored = {{0}};
	char *last;
	bool complete;
	enum smr_err err = smr_party_create(args->dir, "ro", smr_arg(args, "name"), true, ro, problem);

	if (err != SMR_E_EXISTS)
		return err;
	last = smr_fs_join(args->dir, "flight-keys.smr");
	complete = last == NULL || smr_fs_exists(last);
	free(last);
	if (complete || smr_party_open(args->dir, "ro", SMR_PARTY_KEYS | SMR_PARTY_LOCK, ro, &ignored) != SMR_OK)
		return err;
	*problem = ignored;
	return SMR_OK;
}

static enum smr_err check_address(const char *where, struct smr_problem *problem)
{
	if (where == NULL || (!smr_store_is_file(where) && !smr_store_has_password(where)))
		return SMR_OK;
	if (smr_store_is_file(where))
		return smr_problem(
			problem, SMR_E_INVALID,
			"--store: this is no address of a PostgreSQL data base (postgresql://user@host/name)");
	return smr_problem(problem, SMR_E_INVALID,
			   "--store: everybody on this machine can read a password here: put it into ~/.pgpass");
}

static enum smr_err init_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY ro = {0};
	const char *where = smr_arg(args, "store");
	uint64_t epoch_length;

	SMR_TRY(check_address(where, problem));
	SMR_TRY(smr_cli_duration(args, "epoch-length", SMR_EPOCH_KEY_MIN_S, SMR_EPOCH_KEY_MAX_S,
				 SMR_EPOCH_KEY_DEFAULT_S, &epoch_length, problem));
	SMR_TRY(create_or_resume(args, &ro, problem));
	SMR_TRY(furnish(&ro, epoch_length, where, problem));
	return smr_party_show(&ro, args->json, stdout);
}

static int run_init(const struct smr_args *args)
{
	return smr_cli_run(args, init_action);
}

/* ---- trust ---- */

static enum smr_err trust_in_store(void *context, const struct smr_card *card)
{
	struct smr_store_party party = {.has_kem = card->has_kem};

	memcpy(party.role, card->role, sizeof(party.role));
	memcpy(party.name, card->name, sizeof(party.name));
	memcpy(party.sign, card->sign, sizeof(party.sign));
	memcpy(party.kem, card->kem, sizeof(party.kem));
	return smr_store_trust(context, &party);
}

static enum smr_err trust_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY ro = {0};
	struct smr_store *store;
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "ro", 0, &ro, problem));
	SMR_TRY(smr_ro_store_open(args->dir, SMR_STORE_WRITE, &store, problem));
	err = smr_party_trust_cards(args, &ro, trust_in_store, store, problem);
	if (err != SMR_OK && problem->text[0] == '\0')
		(void)smr_ro_store_fail(store, err, problem);
	smr_store_close(store);
	return err;
}

static int run_trust(const struct smr_args *args)
{
	return smr_cli_run(args, trust_action);
}

static const struct smr_option init_options[] = {
	{"name", 'n', "NAME", SMR_OPT_REQUIRED, "name on the card"},
	{"epoch-length", 0, "DURATION", 0, "how long the first epoch key is used (7d)"},
	{"store", 0, "ADDRESS", 0, "PostgreSQL data base to put the store into, postgresql://… (a SQLite file in DIR)"},
};

const struct smr_subcommand smr_cmd_ro_init = {
	.path = "ro init",
	.run = run_init,
	.options = init_options,
	.option_count = SMR_COUNT(init_options),
	.common = SMR_ARGS_DIR | SMR_ARGS_JSON,
	.summary = "Make an RO: keys, card, store, first flight keys, samarad.ini.",
	.details = "keys/root.key signs flight keys and is needed by «ro rotate» alone: keep it off the\n"
		   "server between rotations.\n"
		   "Suppliers get flight-keys.smr. An init that was interrupted is simply repeated.",
	.example = "samara ro init --dir ro --name 'Example RO'",
};

const struct smr_subcommand smr_cmd_ro_trust = {
	.path = "ro trust",
	.run = run_trust,
	.options = smr_party_trust_options,
	.option_count = SMR_PARTY_TRUST_OPTIONS,
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.positional = "CARD...",
	.positional_min = 1,
	.positional_max = 64,
	.summary = "Accept the cards of suppliers and operators.",
	.details = "All cards are read and compared before the first one is accepted.",
	.example = "samara ro trust --dir ro --fingerprint HEX supplier.card",
};
