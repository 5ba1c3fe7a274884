/* SPDX-License-Identifier: Apache-2.0 */
/* samara ro rotate: new flight keys, signed by the root; the next epoch of package keys. Ticket keys rotate by themselves. */
#include <poll.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ro_keys.h"
#include "sys/clock.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"
#include "sys/progress.h"

/* Enough for a year of weekly keys made ahead. */
#define COUNT_MAX 60u

struct rotating {
	const struct smr_args *args;
	const struct smr_party *ro;
	struct smr_store *store;
	struct smr_privkey root;
	uint64_t length;
	uint64_t count;
	struct smr_problem *problem;
};

static enum smr_err load_root(struct rotating *r)
{
	const char *given = smr_arg(r->args, "root");
	char *path = given != NULL ? strdup(given) : smr_fs_join(r->args->dir, "keys/root.key");
	enum smr_err err = path == NULL ? SMR_E_NO_MEMORY : smr_keyfile_load(path, &r->root, r->problem);

	free(path);
	return err;
}

/* Flight keys of two roots in one store would leave devices of the first one without an answer. */
static enum smr_err check_root(struct rotating *r, const struct smr_ro_keys *keys)
{
	struct smr_pubkey root = {0};
	struct smr_flight_key key;
	enum smr_err err;

	if (keys->count == 0)
		return SMR_OK;
	err = smr_pubkey_import(&root, SMR_ARRAY(r->root.point));
	if (err == SMR_OK)
		err = smr_flight_key_open(smr_bytes_of(keys->list[0].encoded, keys->list[0].encoded_len), &root, &key);
	smr_pubkey_wipe(&root);
	return err == SMR_OK
		       ? SMR_OK
		       : smr_problem(r->problem, err, "this is not the root that signed the flight keys of this RO");
}

static enum smr_err add_epoch_keys(struct rotating *r, const struct smr_ro_keys *keys)
{
	const struct smr_flight_key *newest = smr_ro_keys_newest_epoch(keys);
	uint64_t now = smr_clock_unix();
	uint64_t from = now;
	uint64_t length = r->length;

	if (length == 0)
		length = newest != NULL ? newest->not_after - newest->not_before : SMR_EPOCH_KEY_DEFAULT_S;
	if (newest != NULL && newest->not_after > now && !smr_arg_given(r->args, "now"))
		from = newest->not_after;
	for (uint64_t i = 0; i < r->count; i++, from += length)
		SMR_TRY(smr_ro_key_make(r->ro, r->store, &r->root, SMR_FLIGHT_KEY_EPOCH, from, from + length,
					r->problem));
	return SMR_OK;
}

static enum smr_err add_shelf_key(struct rotating *r)
{
	uint64_t now = smr_clock_unix();

	return smr_ro_key_make(r->ro, r->store, &r->root, SMR_FLIGHT_KEY_SHELF, now, now + SMR_SHELF_KEY_S, r->problem);
}

static enum smr_err add_keys(struct rotating *r, bool shelf)
{
	struct smr_ro_keys keys = {0};
	enum smr_err err = smr_ro_keys_read(r->store, &keys, r->problem);

	if (err == SMR_OK)
		err = check_root(r, &keys);
	if (err == SMR_OK && keys.count + r->count > SMR_RO_FLIGHT_KEYS_MAX)
		err = smr_problem(r->problem, SMR_E_TOO_MANY, "there are %zu flight keys already", keys.count);
	if (err == SMR_OK)
		err = shelf ? add_shelf_key(r) : add_epoch_keys(r, &keys);
	smr_ro_keys_free(&keys);
	return err;
}

static enum smr_err rotate(struct rotating *r, bool shelf)
{
	struct smr_ro_keys keys = {0};
	char from[24];
	char until[24];

	SMR_TRY(load_root(r));
	SMR_TRY(add_keys(r, shelf));
	SMR_TRY(smr_ro_keys_publish(r->ro, r->store, &r->root, r->problem));
	if (r->args->quiet)
		return SMR_OK;
	SMR_TRY(smr_ro_keys_read(r->store, &keys, r->problem));
	for (size_t i = keys.count - (size_t)r->count; i < keys.count; i++) {
		smr_cli_time(keys.list[i].key.not_before, from);
		smr_cli_time(keys.list[i].key.not_after, until);
		(void)printf("%s key %u: %s to %s\n", shelf ? "shelf" : "epoch", keys.list[i].key.number, from, until);
	}
	smr_ro_keys_free(&keys);
	return SMR_OK;
}

/* ---- package keys ---- */

static enum smr_err lose_packages(struct rotating *r)
{
	uint64_t count;
	enum smr_err err = smr_store_lose_packages(r->store, &count);

	if (err != SMR_OK)
		return smr_ro_store_fail(r->store, err, r->problem);
	if (!r->args->quiet)
		(void)printf("%llu packages cannot be read any more: their devices wait for «samara sho seal --reseal» "
			     "(«samara ro status --eid» says «reseal»)\n",
			     (unsigned long long)count);
	return SMR_OK;
}

/* Others may hold what is left, or be at it themselves: samarad. */
#define WAIT_MS 200

static void wait_for_others(uint64_t wait_s)
{
	if (wait_s > 0)
		(void)poll(NULL, 0, WAIT_MS);
}

static enum smr_err take_steps(struct rotating *r, bool now, struct smr_progress *progress)
{
	struct smr_store_rotation rotation;
	uint32_t shown = 0;

	do {
		SMR_TRY(smr_store_rotate_packages(r->store, now, &rotation));
		now = false;
		if (rotation.part > shown) {
			smr_progress_add(progress, rotation.part - shown);
			shown = rotation.part;
		}
		if (!rotation.done)
			wait_for_others(rotation.wait_s);
	} while (!rotation.done);
	return SMR_OK;
}

static enum smr_err to_the_end(struct rotating *r, bool now, const char *label)
{
	struct smr_progress progress;
	enum smr_err err;

	smr_progress_start(&progress, label, SMR_STORE_ROTATION_PARTS, r->args->quiet);
	err = take_steps(r, now, &progress);
	smr_progress_end(&progress);
	return err == SMR_OK ? SMR_OK : smr_ro_store_fail(r->store, err, r->problem);
}

/* First what is under way, begun by samarad or by a run that was broken off. To end only that would not do: what was purged may have
 * been under the very key that it goes to, and «twice» would forget too little. */
static enum smr_err next_epoch(struct rotating *r)
{
	SMR_TRY(to_the_end(r, false, "ending what is under way, part"));
	return to_the_end(r, true, "encrypting packages anew, part");
}

/* Without the keys nothing but --lost is possible, which does not ask for them. */
static enum smr_err rotate_packages(struct rotating *r)
{
	struct smr_package_ring *ring;
	enum smr_err err = smr_package_ring_open(r->args->dir, &ring);
	bool lost = smr_arg_given(r->args, "lost");

	if (err == SMR_OK)
		err = smr_store_use_ring(r->store, ring);
	smr_package_ring_close(ring);
	if (err != SMR_OK && !(lost && (err == SMR_E_NOT_FOUND || err == SMR_E_UNTRUSTED_KEY)))
		return smr_ro_store_fail(r->store, err, r->problem);
	return lost ? lose_packages(r) : next_epoch(r);
}

static enum smr_err check_packages_args(const struct rotating *r)
{
	static const char *const others[] = {"now", "count", "epoch-length", "root"};

	for (size_t i = 0; i < SMR_COUNT(others); i++)
		if (smr_arg_given(r->args, others[i]))
			return smr_problem(r->problem, SMR_E_INVALID, "--%s is not for «packages»", others[i]);
	return SMR_OK;
}

/* ---- flight keys ---- */

static enum smr_err take_args(struct rotating *r, bool *shelf)
{
	const char *what = r->args->positional[0];

	*shelf = strcmp(what, "shelf") == 0;
	if (!*shelf && strcmp(what, "flight") != 0)
		return smr_problem(r->problem, SMR_E_INVALID, "«%s»: what rotates is «flight», «shelf» or «packages»",
				   what);
	if (smr_arg_given(r->args, "lost"))
		return smr_problem(r->problem, SMR_E_INVALID, "--lost is for «packages»");
	SMR_TRY(smr_cli_uint(r->args, "count", 1, COUNT_MAX, 1, &r->count, r->problem));
	if (*shelf && (r->count > 1 || smr_arg_given(r->args, "now") || smr_arg_given(r->args, "epoch-length")))
		return smr_problem(r->problem, SMR_E_INVALID, "--count, --now and --epoch-length are for «flight»");
	return smr_cli_duration(r->args, "epoch-length", SMR_EPOCH_KEY_MIN_S, SMR_EPOCH_KEY_MAX_S, 0, &r->length,
				r->problem);
}

static enum smr_err rotate_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY ro = {0};
	struct rotating r = {.args = args, .ro = &ro, .problem = problem};
	bool packages = strcmp(args->positional[0], "packages") == 0;
	bool shelf = false;
	enum smr_err err;

	SMR_TRY(packages ? check_packages_args(&r) : take_args(&r, &shelf));
	SMR_TRY(smr_party_open(args->dir, "ro", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &ro, problem));
	SMR_TRY(smr_ro_store_open(args->dir, SMR_STORE_WRITE, &r.store, problem));
	err = packages ? rotate_packages(&r) : rotate(&r, shelf);
	smr_privkey_wipe(&r.root);
	smr_store_close(r.store);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, rotate_action);
}

static const struct smr_option options[] = {
	{"now", 0, NULL, 0, "use the new key at once, not when the present one ends"},
	{"count", 'n', "N", 0, "make several, one after the other (1)"},
	{"epoch-length", 0, "DURATION", 0, "how long each is used (as long as the last one)"},
	{"lost", 0, NULL, 0, "packages: the keys are lost; give up what cannot be read, for it to be sealed anew"},
	{"root", 0, "FILE", 0, "root key, when it is not in DIR/keys/root.key; - is standard input"},
};

const struct smr_subcommand smr_cmd_ro_rotate = {
	.path = "ro rotate",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.positional = "flight|shelf|packages",
	.positional_min = 1,
	.positional_max = 1,
	.summary = "Make the next epoch key (flight) or a new shelf key, signed by the root; or encrypt packages anew.",
	.details = "samarad notices by itself. flight-keys.smr is written anew for the suppliers. Ticket\n"
		   "keys rotate by themselves.\n"
		   "packages: with a store in PostgreSQL, end what is under way, then begin the next epoch of package\n"
		   "keys and end that; samarad does it once a day. It may be broken off: samarad, or this once more,\n"
		   "goes on from there. What was purged is unreadable after the second time.",
	.example = "samara ro rotate --dir ro flight --count 4",
};
