/* SPDX-License-Identifier: Apache-2.0 */
/* samara sho make: subscriptions with fresh keys, as CSV of mode 0600. */
#include <strings.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/sho_csv.h"
#include "core/aka/milenage.h"
#include "core/aka/tuak.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"
#include "sys/text.h"

#define COUNT_MAX 10000000u

struct making {
	enum smr_aka_alg alg;
	size_t k_len;
	bool has_op;
	uint8_t op[32]; /* OP or TOP */
	uint64_t count;
	uint64_t interval;
	uint64_t profile;
	char imsi[SMR_IMSI_TEXT];   /* next one */
	char iccid[SMR_ICCID_TEXT]; /* next one, without its check digit */
	struct smr_problem *problem;
};

/* ---- numbers ---- */

/* The next decimal number of the same length; false: there is none. */
static bool count_up(char *digits)
{
	for (size_t i = strlen(digits); i-- > 0;) {
		if (digits[i] != '9') {
			digits[i]++;
			return true;
		}
		digits[i] = '0';
	}
	return false;
}

/* Does the range first … first + count - 1 fit into its digits? */
static enum smr_err check_range(const struct making *m, const char *option, const char *first)
{
	uint64_t room = 0;

	/* Only the last 18 digits can matter: a count has 8. */
	for (const char *c = strlen(first) > 18 ? first + strlen(first) - 18 : first; *c != '\0'; c++)
		room = room * 10 + (uint64_t)('9' - *c);
	if (room >= m->count - 1)
		return SMR_OK;
	return smr_problem(m->problem, SMR_E_INVALID, "--%s %s: %llu numbers from there on do not fit into its digits",
			   option, first, (unsigned long long)m->count);
}

static enum smr_err take_imsi(struct making *m, const char *first)
{
	struct smr_imsi imsi;

	if (smr_imsi_parse(smr_text_of(first), &imsi) != SMR_OK)
		return smr_problem(m->problem, SMR_E_INVALID, "--imsi %s: an IMSI has 6 to 15 digits", first);
	smr_imsi_text(&imsi, m->imsi);
	return check_range(m, "imsi", first);
}

/* 19 or 20 digits with their check digit, or 18 without it. */
static enum smr_err take_iccid(struct making *m, const char *first)
{
	struct smr_iccid iccid;
	size_t len = strlen(first);

	if (len == 18 && strspn(first, "0123456789") == len) {
		memcpy(m->iccid, first, len + 1);
	} else {
		SMR_TRY(smr_cli_iccid(first, &iccid, m->problem));
		smr_iccid_text(&iccid, m->iccid);
		m->iccid[len - 1] = '\0';
	}
	return check_range(m, "iccid", m->iccid);
}

static enum smr_err add_check_digit(const char *payload, char out[SMR_ICCID_TEXT])
{
	size_t len = strlen(payload);

	memcpy(out, payload, len);
	SMR_TRY(smr_luhn_digit(smr_text_of(payload), &out[len]));
	out[len + 1] = '\0';
	return SMR_OK;
}

/* ---- keys ---- */

static enum smr_err make_opc(const struct making *m, const uint8_t *k, uint8_t opc[32])
{
	if (!m->has_op)
		return smr_random(opc, smr_aka_opc_len(m->alg));
	if (m->alg == SMR_AKA_MILENAGE)
		return smr_milenage_opc(k, m->op, opc);
	return smr_tuak_topc(smr_bytes_of(k, m->k_len), 1, m->op, opc);
}

static enum smr_err make_one(const struct making *m, struct smr_subscription *out)
{
	struct smr_aka_params *aka = &out->mcim.aka;
	char iccid[SMR_ICCID_TEXT];

	*out = (struct smr_subscription){.amf = {0x80, 0}};
	out->mcim.checkin_interval_s = (uint32_t)m->interval;
	out->mcim.profile = (uint32_t)m->profile;
	aka->alg = m->alg;
	aka->k_len = (uint8_t)m->k_len;
	SMR_TRY(add_check_digit(m->iccid, iccid));
	SMR_TRY(smr_iccid_parse(smr_text_of(iccid), &out->iccid));
	SMR_TRY(smr_imsi_parse(smr_text_of(m->imsi), &out->mcim.imsi));
	SMR_TRY(smr_random(aka->k, m->k_len));
	return make_opc(m, aka->k, aka->opc);
}

static enum smr_err put_line(const struct making *m, int fd)
{
	struct smr_subscription subscription;
	enum smr_err err = make_one(m, &subscription);

	if (err == SMR_OK)
		err = smr_sho_csv_put(fd, &subscription);
	SMR_WIPE(subscription);
	return err;
}

static enum smr_err put_all(struct making *m, int fd)
{
	SMR_TRY(smr_fs_write_all(fd, SMR_TEXT(SMR_SHO_CSV_HEADER)));
	for (uint64_t i = 0; i < m->count; i++) {
		SMR_TRY(put_line(m, fd));
		/* The last number of a range may be all nines: counting past it is not an error. */
		(void)count_up(m->imsi);
		(void)count_up(m->iccid);
	}
	return SMR_OK;
}

static enum smr_err write_csv(struct making *m, const char *path)
{
	struct smr_fs_temp temp;
	enum smr_err err = smr_fs_temp_open(path, 0600, false, &temp);

	if (err == SMR_E_EXISTS)
		return smr_problem(m->problem, err, "%s exists already; keys are never overwritten", path);
	if (err != SMR_OK)
		return smr_cli_fail(path, err, m->problem);
	err = put_all(m, temp.fd);
	if (err == SMR_OK)
		err = smr_fs_temp_commit(&temp);
	else
		smr_fs_temp_abort(&temp);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(path, err, m->problem);
}

/* ---- the command ---- */

static enum smr_err take_algorithm(const struct smr_args *args, struct making *m)
{
	const char *name = smr_arg(args, "algorithm");
	uint64_t bits;

	if (strcasecmp(name, "milenage") != 0 && strcasecmp(name, "tuak") != 0)
		return smr_problem(m->problem, SMR_E_INVALID, "--algorithm is milenage or tuak");
	m->alg = strcasecmp(name, "tuak") == 0 ? SMR_AKA_TUAK : SMR_AKA_MILENAGE;
	SMR_TRY(smr_cli_uint(args, "k-bits", 128, 256, m->alg == SMR_AKA_TUAK ? 256 : 128, &bits, m->problem));
	if (bits != 128 && (bits != 256 || m->alg != SMR_AKA_TUAK))
		return smr_problem(m->problem, SMR_E_INVALID, "--k-bits is 128, or for TUAK 128 or 256");
	m->k_len = (size_t)bits / 8;
	return SMR_OK;
}

static enum smr_err take_op(const struct smr_args *args, struct making *m)
{
	const char *path = smr_arg(args, "op-file");
	struct smr_space room = {m->op, smr_aka_opc_len(m->alg)};

	m->has_op = path != NULL;
	return m->has_op ? smr_secretfile_load(path, room, m->problem) : SMR_OK;
}

static enum smr_err make(const struct smr_args *args, struct making *m)
{
	const char *path = args->positional_count > 0 ? args->positional[0] : smr_arg(args, "out");

	if (path == NULL || (args->positional_count > 0 && smr_arg_given(args, "out")))
		return smr_problem(m->problem, SMR_E_INVALID, "name one CSV file to write");
	SMR_TRY(smr_cli_uint(args, "count", 1, COUNT_MAX, 0, &m->count, m->problem));
	SMR_TRY(smr_cli_duration(args, "interval", SMR_INTERVAL_MIN, SMR_INTERVAL_MAX, SMR_INTERVAL_DEFAULT,
				 &m->interval, m->problem));
	SMR_TRY(smr_cli_uint(args, "profile", 0, UINT32_MAX, 0, &m->profile, m->problem));
	SMR_TRY(take_algorithm(args, m));
	SMR_TRY(take_imsi(m, smr_arg(args, "imsi")));
	SMR_TRY(take_iccid(m, smr_arg(args, "iccid")));
	SMR_TRY(take_op(args, m));
	SMR_TRY(write_csv(m, path));
	if (!args->quiet)
		(void)printf("%s: %llu subscriptions\n", path, (unsigned long long)m->count);
	return SMR_OK;
}

static enum smr_err make_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct making m = {.problem = problem};
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "sho", 0, &party, problem));
	err = make(args, &m);
	SMR_WIPE(m.op);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, make_action);
}

static const struct smr_option options[] = {
	{"count", 'n', "N", SMR_OPT_REQUIRED, "how many"},
	{"imsi", 0, "FIRST", SMR_OPT_REQUIRED, "first IMSI of the range"},
	{"iccid", 0, "FIRST", SMR_OPT_REQUIRED, "first ICCID: 19 or 20 digits, or 18 without check digit"},
	{"algorithm", 0, "milenage|tuak", SMR_OPT_REQUIRED, "authentication algorithm"},
	{"k-bits", 0, "BITS", 0, "length of K: 128; TUAK 256 (default) or 128"},
	{"op-file", 0, "FILE", 0, "secret file with OP or TOP; without it each OPc is random"},
	{"interval", 0, "DURATION", 0, "time between check-ins (24h)"},
	{"profile", 0, "N", 0, "service profile number (0)"},
	{"out", 'o', "CSV", 0, "file to write, instead of the argument"},
};

const struct smr_subcommand smr_cmd_sho_make = {
	.path = "sho make",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.positional = "CSV",
	.positional_max = 1,
	.summary = "Make subscriptions with fresh keys.",
	.details = "The CSV file has mode 0600 and is never overwritten. Remove it once «sho seal» has\n"
		   "used it: the AuC then holds the keys.",
	.example = "samara sho make --dir sho -n 1000 --imsi 901700000000000 --iccid 8988211000000000000 --algorithm "
		   "milenage "
		   "subs.csv",
};
