/* SPDX-License-Identifier: Apache-2.0 */
/* samara-auc: the operator's authentication centre. */
#include <stdio.h>
#include <stdlib.h>

#include "auc/export.h"
#include "auc/load.h"
#include "auc/serve.h"
#include "sys/args.h"
#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"
#include "sys/log.h"
#include "sys/text.h"
#include "sys/unixsock.h"

#include "file/party_cli.h"

struct auc {
	struct smr_party party;
	uint8_t master[SMR_AUC_MASTER_LEN];
	struct smr_auc_db *db;
};

static void close_auc(struct auc *a)
{
	smr_auc_db_close(a->db);
	smr_party_close(&a->party);
	SMR_WIPE(*a);
}

static enum smr_err open_parts(struct auc *a, const char *dir, bool create, struct smr_problem *problem)
{
	char *key_path = smr_fs_join(dir, "keys/master.key");
	char *db_path = smr_fs_join(dir, "auc.db");
	struct smr_space master = {a->master, sizeof(a->master)};
	enum smr_err err = key_path && db_path ? SMR_OK : SMR_E_NO_MEMORY;

	if (err == SMR_OK && create) {
		err = smr_random(a->master, sizeof(a->master));
		if (err == SMR_OK)
			err = smr_secretfile_create(key_path, SMR_ARRAY(a->master), problem);
	} else if (err == SMR_OK) {
		err = smr_secretfile_load(key_path, master, problem);
	}
	if (err == SMR_OK)
		err = smr_auc_db_open(db_path, a->master, create, &a->db, problem);
	free(key_path);
	free(db_path);
	return err;
}

/** @param flags  SMR_PARTY_… */
static enum smr_err open_auc(struct auc *a, const char *dir, unsigned flags, struct smr_problem *problem)
{
	enum smr_err err;

	memset(a, 0, sizeof(*a));
	err = smr_party_open(dir, "auc", flags, &a->party, problem);
	if (err != SMR_OK)
		return err;
	err = open_parts(a, dir, false, problem);
	if (err != SMR_OK)
		close_auc(a);
	return err;
}

static int end(enum smr_err err, const struct smr_problem *problem)
{
	if (err != SMR_OK)
		fprintf(stderr, "samara-auc: %s\n", smr_problem_text(problem, err));
	return smr_exit_code(err);
}

/* ---- init, trust ---- */

static int run_init(const struct smr_args *args)
{
	struct smr_problem problem = {{0}};
	struct auc a = {0};
	enum smr_err err = smr_party_create(args->dir, "auc", smr_arg(args, "name"), true, &a.party, &problem);

	if (err != SMR_OK)
		return end(err, &problem);
	err = open_parts(&a, args->dir, true, &problem);
	if (err == SMR_OK)
		err = smr_party_show(&a.party, args->json, stdout);
	close_auc(&a);
	return end(err, &problem);
}

static int run_trust(const struct smr_args *args)
{
	return smr_party_trust_command(args, "auc");
}

/* ---- load ---- */

static enum smr_err load_one(struct auc *a, const char *path, bool quiet, struct smr_problem *problem)
{
	uint64_t records = 0;
	enum smr_err err = smr_auc_load(a->db, &a->party, path, &records, problem);

	if (err == SMR_E_EXISTS) {
		if (!quiet)
			printf("%s: loaded before, nothing to do\n", path);
		return SMR_OK;
	}
	if (err == SMR_OK && !quiet)
		printf("%s: %llu records\n", path, (unsigned long long)records);
	return err;
}

static int run_load(const struct smr_args *args)
{
	struct smr_problem problem = {{0}};
	struct auc a;
	/* No directory lock: a running AuC and a load meet in the database, whose transactions keep them apart. */
	enum smr_err err = open_auc(&a, args->dir, SMR_PARTY_KEYS, &problem);

	if (err != SMR_OK)
		return end(err, &problem);
	for (size_t i = 0; err == SMR_OK && i < args->positional_count; i++)
		err = load_one(&a, args->positional[i], args->quiet, &problem);
	close_auc(&a);
	return end(err, &problem);
}

/* ---- run ---- */

static enum smr_err take_sho(void *context, const struct smr_card *card)
{
	struct smr_key_id *id = context;
	struct smr_pubkey key = {0};
	enum smr_err err = smr_pubkey_import(&key, SMR_ARRAY(card->sign));

	if (err == SMR_OK)
		err = smr_key_id_of(key.point, id);
	smr_pubkey_wipe(&key);
	return err == SMR_OK ? SMR_E_EXISTS : err; /* EXISTS: found, look no further */
}

/** The operator this AuC works for: the one SHO it trusts. */
static enum smr_err find_operator(const struct smr_party *party, struct smr_key_id *id, struct smr_problem *problem)
{
	enum smr_err err = smr_party_each(party, "sho", take_sho, id, problem);

	if (err == SMR_E_EXISTS)
		return SMR_OK;
	if (err != SMR_OK)
		return err;
	return smr_problem(problem, SMR_E_UNTRUSTED_KEY,
			   "this AuC trusts no SHO yet: run «samara-auc trust --dir DIR sho.card» first");
}

/** A path given on the command line is the shell's, relative to where it stands; the default is in DIR. */
static char *path_of(const struct smr_args *args, const char *option, const char *name)
{
	const char *given = smr_arg(args, option);

	return given != NULL ? strdup(given) : smr_fs_join(args->dir, name);
}

static enum smr_err serve(struct auc *a, const struct smr_args *args, struct smr_problem *problem)
{
	char *socket = path_of(args, "sim-socket", "auc.sock");
	char *spool = path_of(args, "spool", "spool");
	struct smr_auc_serve s = {.db = a->db,
				  .auc = &a->party,
				  .dir = args->dir,
				  .socket = socket,
				  .spool = spool,
				  .relay_interval_ms = 200};
	uint64_t gid;
	enum smr_err err = socket && spool ? find_operator(&a->party, &s.operator_id, problem) : SMR_E_NO_MEMORY;

	if (err == SMR_OK)
		err = smr_arg_uint(args, "sim-group", 0, UINT32_MAX - 1, UINT32_MAX, &gid);
	if (err == SMR_OK) {
		s.socket_group = gid == UINT32_MAX ? SMR_GID_KEEP : (gid_t)gid;
		err = smr_auc_serve(&s, problem);
	}
	free(socket);
	free(spool);
	return err;
}

static int run_run(const struct smr_args *args)
{
	struct smr_problem problem = {{0}};
	enum smr_log_level level = SMR_LOG_INFO;
	struct auc a;
	enum smr_err err;

	if (smr_arg_given(args, "log-level") && smr_log_level_parse(smr_arg(args, "log-level"), &level) != SMR_OK)
		return smr_args_usage(args, "--log-level is error, warn, info or debug");
	smr_log_init("samara-auc", level, args->json);
	err = smr_process_harden(true);
	if (err == SMR_E_NO_MEMORY)
		smr_log(SMR_LOG_WARN, "memory.not_locked", "hint=%s",
			SMR_QUOTED("raise RLIMIT_MEMLOCK so that keys are never swapped"));
	else if (err != SMR_OK)
		return end(err, &problem);
	err = open_auc(&a, args->dir, SMR_PARTY_KEYS | SMR_PARTY_LOCK, &problem);
	if (err == SMR_OK) {
		err = serve(&a, args, &problem);
		close_auc(&a);
	}
	return end(err, &problem);
}

/* ---- status ---- */

struct listing {
	bool json;
	bool reseal; /* only what has to be sealed anew */
	size_t count;
};

static const char *state_name(const struct smr_auc_line *line)
{
	static const char *const names[] = {"inactive", "active", "rejected", "withdrawn"};

	if (line->state == SMR_AUC_ACTIVE && line->suspended)
		return "suspended";
	if (line->state == SMR_AUC_ACTIVE && line->exported)
		return "exported";
	return (unsigned)line->state < SMR_COUNT(names) ? names[line->state] : "unknown";
}

static void print_line(void *context, const struct smr_auc_line *line)
{
	struct listing *listing = context;
	const char *alg = line->alg == SMR_AKA_TUAK ? "TUAK" : "MILENAGE";

	if (listing->reseal && !line->reseal)
		return;
	if (listing->json)
		printf("%s{\"imsi\": \"%s\", \"iccid\": \"%s\", \"eid\": \"%s\", \"serial\": %llu, \"state\": \"%s\", "
		       "\"algorithm\": \"%s\", "
		       "\"sqn\": %llu, \"receipt_serial\": %llu, \"receipt_result\": %u, \"reseal\": %s, \"why\": "
		       "\"%s\"}",
		       listing->count ? ", " : "", line->imsi, line->iccid, line->eid, (unsigned long long)line->serial,
		       state_name(line), alg, (unsigned long long)line->sqn, (unsigned long long)line->receipt_serial,
		       line->receipt_result, line->reseal ? "true" : "false", line->why);
	else
		printf("%-15s %-20s %s %-9s %-8s serial %llu%s%s%s\n", line->imsi, line->iccid, line->eid,
		       state_name(line), alg, (unsigned long long)line->serial, line->why[0] ? ": " : "", line->why,
		       line->reseal ? "; seal anew with «samara sho seal --reseal»" : "");
	listing->count++;
}

static int run_status(const struct smr_args *args)
{
	struct smr_problem problem = {{0}};
	struct listing listing = {args->json, smr_arg_given(args, "reseal"), 0};
	struct auc a;
	enum smr_err err = open_auc(&a, args->dir, 0, &problem);

	if (err != SMR_OK)
		return end(err, &problem);
	if (args->json)
		printf("{\"subscriptions\": [");
	err = smr_auc_db_each(a.db, smr_arg(args, "imsi"), print_line, &listing);
	if (args->json)
		printf("]}\n");
	else if (listing.count == 0)
		printf("no subscriptions%s\n", listing.reseal	       ? " have to be sealed anew"
					       : smr_arg(args, "imsi") ? " with this IMSI"
								       : "; load a file of the SHO");
	close_auc(&a);
	return end(err, &problem);
}

/* ---- export ---- */

static enum smr_err take_imsis(const struct smr_args *args, struct smr_imsi **out, size_t *count,
			       struct smr_problem *problem)
{
	*count = smr_arg_count(args, "imsi");
	*out = calloc(*count + 1, sizeof(**out));
	if (*out == NULL)
		return SMR_E_NO_MEMORY;
	for (size_t i = 0; i < *count; i++) {
		const char *text = smr_arg_at(args, "imsi", i);

		if (smr_imsi_parse(smr_text_of(text), &(*out)[i]) != SMR_OK)
			return smr_problem(problem, SMR_E_INVALID, "--imsi %s: an IMSI has 6 to 15 digits", text);
	}
	return SMR_OK;
}

static enum smr_err export(const struct smr_args *args, struct smr_export *x, struct smr_problem *problem) {
	struct auc a; enum smr_err err;

	SMR_TRY(open_auc(&a, args->dir, 0, problem));
	x->db = a.db;
	err = smr_auc_export(x, problem);
	close_auc(&a);
	SMR_TRY(err);
	smr_log(SMR_LOG_INFO, "subscriptions.exported", "format=%s count=%llu left_out=%llu again=%d file=%s",
		smr_arg(args, "format"), (unsigned long long)x->count, (unsigned long long)x->left_out, x->again,
		SMR_QUOTED(x->path));
	return SMR_OK;
}

static int run_export(const struct smr_args *args)
{
	struct smr_problem problem = {{0}};
	struct smr_export x = {.path = smr_arg(args, "out"),
			       .again = smr_arg_given(args, "again"),
			       .skip_unsupported = smr_arg_given(args, "skip-unsupported")};
	struct smr_imsi *imsis = NULL;
	enum smr_err err;

	if (smr_export_format_parse(smr_arg(args, "format"), &x.format) != SMR_OK)
		return smr_args_usage(args, "--format is osmo-hlr or open5gs");
	smr_log_init("samara-auc", SMR_LOG_INFO, false);
	err = take_imsis(args, &imsis, &x.imsi_count, &problem);
	x.imsis = imsis;
	if (err == SMR_E_INVALID) {
		free(imsis);
		return smr_args_usage(args, "%s", problem.text);
	}
	if (err == SMR_OK)
		err = export(args, &x, &problem);
	free(imsis);
	if (err == SMR_OK)
		printf("%s: %llu subscriptions, for which this AuC gives no vectors any more; %llu left out\n", x.path,
		       (unsigned long long)x.count, (unsigned long long)x.left_out);
	return end(err, &problem);
}

static const struct smr_option export_options[] = {
	{"format", 0, "NAME", SMR_OPT_REQUIRED, "osmo-hlr (SQL) or open5gs (JSON, one document a line)"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "file to write, mode 0600; it holds keys in clear"},
	{"imsi", 0, "IMSI", SMR_OPT_REPEAT, "only this subscription (default: all that are active)"},
	{"again", 0, NULL, 0, "also those exported before, for a file that was lost"},
	{"skip-unsupported", 0, NULL, 0, "leave out TUAK, instead of refusing"},
};
static const struct smr_option init_options[] = {{"name", 'n', "NAME", SMR_OPT_REQUIRED, "name on the card"}};
static const struct smr_option run_options[] = {
	{"sim-socket", 0, "PATH", 0, "hostapd's eap_sim_db socket (default: DIR/auc.sock)"},
	{"sim-group", 0, "GID", 0, "group that may use that socket"},
	{"spool", 0, "DIR", 0, "directory shared with the RO (default: DIR/spool)"},
	{"log-level", 0, "error|warn|info|debug", 0, "what to log (default: info); debug shows identities"},
};
static const struct smr_option status_options[] = {
	{"imsi", 0, "IMSI", 0, "only this subscription"},
	{"reseal", 0, NULL, 0, "only those that have to be sealed anew: rejected, or lost by their device"},
};

static const struct smr_subcommand commands[] = {
	{"init", run_init, init_options, SMR_COUNT(init_options), SMR_ARGS_DIR | SMR_ARGS_JSON, NULL, 0, 0,
	 "Make an authentication centre: keys, card, database.", NULL,
	 "samara-auc init --dir auc --name 'Example AuC'"},
	{"trust", run_trust, smr_party_trust_options, SMR_PARTY_TRUST_OPTIONS, SMR_ARGS_DIR, "CARD...", 1, 64,
	 "Trust the cards of the SHO, the RO and the suppliers.", NULL,
	 "samara-auc trust --dir auc --fingerprint HEX sho.card"},
	{"load", run_load, NULL, 0, SMR_ARGS_DIR | SMR_ARGS_QUIET, "FILE...", 1, 4096,
	 "Load subscriptions of the SHO and reference measurements of suppliers; a file whole or not at all.", NULL,
	 "samara-auc load --dir auc subscriptions-1.smr references.smr"},
	{"run", run_run, run_options, SMR_COUNT(run_options), SMR_ARGS_DIR | SMR_ARGS_JSON, NULL, 0, 0,
	 "Serve hostapd and take in evidence. --json writes the log as JSON.", NULL,
	 "samara-auc run --dir auc --sim-socket /run/samara/auc.sock --spool /srv/samara/spool"},
	{"export", run_export, export_options, SMR_COUNT(export_options), SMR_ARGS_DIR, NULL, 0, 0,
	 "Hand active subscriptions over to an osmo-hlr or an Open5GS.",
	 "The file holds keys in clear: remove it once it is loaded. From here on the other side counts\n"
	 "their SQN, and this AuC gives no vectors for them; a reseal makes them its own again.",
	 "samara-auc export --dir auc --format osmo-hlr --out subs.sql && sqlite3 /var/lib/osmocom/hlr.db <subs.sql"},
	{"status", run_status, status_options, SMR_COUNT(status_options), SMR_ARGS_DIR | SMR_ARGS_JSON, NULL, 0, 0,
	 "Show subscriptions and why one is not active; never a key.", NULL, "samara-auc status --dir auc --json"},
};

static const struct smr_program program = {"samara-auc", SAMARA_VERSION, "The operator's authentication centre.",
					   commands, SMR_COUNT(commands)};

int main(int argc, char **argv)
{
	return smr_args_main(&program, argc, argv);
}
