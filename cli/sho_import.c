/* SPDX-License-Identifier: Apache-2.0 */
/* samara sho import: subscriptions from a SIM vendor's output file, as CSV of mode 0600 for «sho seal». */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/sho_csv.h"
#include "cli/sho_db.h"
#include "file/vendor.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"
#include "sys/text.h"

struct importing {
	const struct smr_args *args;
	const char *path;
	struct smr_vendor_key *keys;
	size_t key_count;
	uint64_t interval;
	uint64_t profile;
	struct smr_sho_db *db;
	struct smr_vendor_file *file;
	uint64_t count;
	struct smr_problem *problem;
};

/* ---- transport keys ---- */

/* 16 octets or 32: the file says it by its length. */
static enum smr_err load_key(const char *path, struct smr_vendor_key *key, struct smr_problem *problem)
{
	enum smr_err err;

	key->len = 16;
	err = smr_secretfile_load(path, (struct smr_space){key->octets, 16}, problem);
	if (err != SMR_E_MALFORMED)
		return err;
	key->len = 32;
	return smr_secretfile_load(path, (struct smr_space){key->octets, 32}, problem);
}

static enum smr_err take_key(struct importing *m, const char *word)
{
	const char *equals = strchr(word, '=');
	struct smr_vendor_key *key = &m->keys[m->key_count];
	char digits[4] = "";
	uint64_t index;

	if (equals != NULL && equals - word < (ptrdiff_t)sizeof(digits))
		memcpy(digits, word, (size_t)(equals - word));
	if (smr_parse_uint(digits, 1, SMR_VENDOR_INDEX_MAX, &index) != SMR_OK)
		return smr_problem(m->problem, SMR_E_INVALID,
				   "--transport-key %s: it is INDEX=FILE, with the index (1 to 255) that the vendor's "
				   "file names",
				   word);
	for (size_t i = 0; i < m->key_count; i++)
		if (m->keys[i].index == index)
			return smr_problem(m->problem, SMR_E_INVALID, "--transport-key: index %u is given twice",
					   (unsigned)index);
	key->index = (uint8_t)index;
	m->key_count++;
	return load_key(equals + 1, key, m->problem);
}

static enum smr_err take_keys(struct importing *m)
{
	size_t count = smr_arg_count(m->args, "transport-key");

	m->keys = calloc(count, sizeof(*m->keys));
	if (m->keys == NULL)
		return SMR_E_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		SMR_TRY(take_key(m, smr_arg_at(m->args, "transport-key", i)));
	return SMR_OK;
}

/* ---- cards ---- */

static enum smr_err put_card(struct importing *m, const struct smr_vendor_card *card, int fd)
{
	struct smr_subscription subscription = {.iccid = card->iccid, .amf = {0x80, 0}};
	struct smr_sho_taken taken;
	enum smr_err err = smr_sho_db_see(m->db, &card->iccid, &card->imsi, UINT64_MAX, &taken);

	if (err == SMR_E_DUPLICATE)
		return smr_vendor_problem(m->file, err, m->problem,
					  strcmp(taken.field, "imsi") == 0
						  ? "column IMSI: it occurs twice in this file"
						  : "column ICCID: it occurs twice in this file");
	if (err != SMR_OK)
		return smr_sho_db_fail(m->db, err, m->problem);
	subscription.mcim.imsi = card->imsi;
	subscription.mcim.aka = card->aka;
	subscription.mcim.checkin_interval_s = (uint32_t)m->interval;
	subscription.mcim.profile = (uint32_t)m->profile;
	err = smr_sho_csv_put(fd, &subscription);
	SMR_WIPE(subscription);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(smr_arg(m->args, "out"), err, m->problem);
}

static enum smr_err put_all(struct importing *m, int fd)
{
	struct smr_vendor_card card;
	enum smr_err err = smr_fs_write_all(fd, SMR_TEXT(SMR_SHO_CSV_HEADER));

	if (err != SMR_OK)
		return smr_cli_fail(smr_arg(m->args, "out"), err, m->problem);
	while ((err = smr_vendor_next(m->file, &card, m->problem)) == SMR_OK) {
		err = put_card(m, &card, fd);
		SMR_WIPE(card);
		SMR_TRY(err);
		m->count++;
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err write_csv(struct importing *m)
{
	const char *path = smr_arg(m->args, "out");
	struct smr_fs_temp temp;
	enum smr_err err = smr_fs_temp_open(path, 0600, false, &temp);

	if (err == SMR_E_EXISTS)
		return smr_problem(m->problem, err, "%s exists already; keys are never overwritten", path);
	if (err != SMR_OK)
		return smr_cli_fail(path, err, m->problem);
	err = put_all(m, temp.fd);
	if (err != SMR_OK) {
		smr_fs_temp_abort(&temp);
		return err;
	}
	err = smr_fs_temp_commit(&temp);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(path, err, m->problem);
}

/* PINs and OPc stand in it as they are. */
static enum smr_err check_mode(const char *path, struct smr_problem *problem)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return smr_problem(problem, smr_fs_err(errno), "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return smr_problem(problem, SMR_E_IO, "%s is not a regular file", path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return smr_problem(
			problem, SMR_E_REFUSED,
			"%s holds what only the operator may know, but others may use it: «chmod 600» it first", path);
	return SMR_OK;
}

/* ---- the command ---- */

static enum smr_err import_file(struct importing *m)
{
	SMR_TRY(smr_cli_duration(m->args, "interval", SMR_INTERVAL_MIN, SMR_INTERVAL_MAX, SMR_INTERVAL_DEFAULT,
				 &m->interval, m->problem));
	SMR_TRY(smr_cli_uint(m->args, "profile", 0, UINT32_MAX, 0, &m->profile, m->problem));
	SMR_TRY(take_keys(m));
	SMR_TRY(check_mode(m->path, m->problem));
	SMR_TRY(smr_sho_db_open(m->args->dir, &m->db, m->problem));
	SMR_TRY(smr_vendor_open(m->path, m->keys, m->key_count, &m->file, m->problem));
	SMR_TRY(write_csv(m));
	if (!m->args->quiet)
		(void)printf("%s: %llu subscriptions\n", smr_arg(m->args, "out"), (unsigned long long)m->count);
	return SMR_OK;
}

static enum smr_err import_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct importing m = {.args = args, .path = smr_arg(args, "vendor-file"), .problem = problem};
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "sho", 0, &party, problem));
	err = import_file(&m);
	smr_vendor_close(m.file);
	smr_sho_db_close(m.db);
	if (m.keys != NULL)
		smr_wipe(m.keys, m.key_count * sizeof(*m.keys));
	free(m.keys);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, import_action);
}

static const struct smr_option options[] = {
	{"vendor-file", 0, "FILE", SMR_OPT_REQUIRED, "output file of the SIM vendor; mode 0600"},
	{"transport-key", 0, "INDEX=FILE", SMR_OPT_REQUIRED | SMR_OPT_REPEAT,
	 "secret file of the transport key (AES-128 or AES-256) with that index"},
	{"interval", 0, "DURATION", 0, "time between check-ins (24h)"},
	{"profile", 0, "N", 0, "service profile number (0)"},
	{"out", 'o', "CSV", SMR_OPT_REQUIRED, "file to write, mode 0600, for «sho seal»"},
};

const struct smr_subcommand smr_cmd_sho_import = {
	.path = "sho import",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Take subscriptions over from a SIM vendor's output file.",
	.details = "K is decrypted with the transport key whose index the file names; index 0, «not\n"
		   "encrypted», is refused. The file is taken whole or not at all. Remove both files once\n"
		   "«sho seal» has used the CSV file.",
	.example = "samara sho import --dir sho --vendor-file batch-7.out --transport-key 3=k4-3.key --out subs.csv",
};
