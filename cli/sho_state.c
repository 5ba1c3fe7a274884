/* SPDX-License-Identifier: Apache-2.0 */
/* samara sho suspend, resume, withdraw: a signed word for the device or the RO, and the same word for the AuC. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/sho_db.h"
#include "sys/clock.h"

struct commanding {
	const struct smr_args *args;
	const struct smr_party *sho;
	struct smr_sho_db *db;
	enum smr_sho_word word;
	struct smr_sho_assignment target;
	uint64_t serial; /* of the file, and of the command in it; a withdrawal names the subscription's own */
	struct smr_problem *problem;
};

static enum smr_err empty_about(struct smr_space room, struct smr_bytes *about)
{
	struct smr_writer w = smr_writer_init(room);

	smr_put_empty_about(&w);
	return smr_writer_done(&w, about);
}

/* ---- for the RO ---- */

static uint64_t subject_serial(const struct commanding *c)
{
	return c->word == SMR_SHO_WITHDRAW ? c->target.serial : c->serial;
}

static enum smr_err sign_command(const struct commanding *c, struct smr_space room, struct smr_bytes *out)
{
	struct smr_writer w = smr_writer_init(room);
	struct smr_command command = {.eid = c->target.eid,
				      .iccid = c->target.iccid,
				      .serial = c->serial,
				      .state = c->word == SMR_SHO_SUSPEND ? SMR_MCIM_SUSPENDED : SMR_MCIM_ACTIVATED};

	SMR_TRY(smr_cli_key_id(c->sho->card.sign, &command.operator_id));
	SMR_TRY(smr_command_sign(&w, &c->sho->sign, &command));
	return smr_writer_done(&w, out);
}

/* A withdrawal is the RO's to carry out: there is no command for the device in it. */
static enum smr_err put_command(const struct commanding *c, struct smr_file_writer *file)
{
	uint8_t command_room[SMR_COMMAND_MAX];
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_command_record record = {
		.eid = c->target.eid, .iccid = c->target.iccid, .serial = subject_serial(c)};

	if (c->word != SMR_SHO_WITHDRAW)
		SMR_TRY(sign_command(c, (struct smr_space){command_room, sizeof(command_room)}, &record.command));
	smr_put_command_record(&w, &record);
	return smr_cli_put(file, &w);
}

static enum smr_err write_command(const struct commanding *c, const char *path)
{
	uint8_t room[8];
	struct smr_bytes about;
	struct smr_file_writer *file = NULL;
	enum smr_err err = empty_about((struct smr_space){room, sizeof(room)}, &about);

	if (err == SMR_OK)
		err = smr_file_create(path, SMR_FILE_COMMANDS, c->serial, &c->sho->sign, about, NULL, &file);
	if (err == SMR_OK)
		err = put_command(c, file);
	if (err == SMR_OK)
		return smr_file_commit(file);
	smr_file_abort(file);
	return err;
}

/* ---- for the AuC ---- */

static enum smr_subscription_action action_of(enum smr_sho_word word)
{
	if (word == SMR_SHO_WITHDRAW)
		return SMR_SUBSCRIPTION_WITHDRAW;
	return word == SMR_SHO_SUSPEND ? SMR_SUBSCRIPTION_SUSPEND : SMR_SUBSCRIPTION_RESUME;
}

static enum smr_err put_state(const struct commanding *c, struct smr_file_writer *file)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_subscription_record record = {
		.action = action_of(c->word),
		.eid = c->target.eid,
		.iccid = c->target.iccid,
		.serial = subject_serial(c),
	};

	smr_put_subscription_record(&w, &record);
	return smr_cli_put(file, &w);
}

static enum smr_err write_state(const struct commanding *c, const char *path, const struct smr_pubkey *auc)
{
	uint8_t room[8];
	struct smr_bytes about;
	struct smr_file_writer *file = NULL;
	uint64_t number;
	enum smr_err err = empty_about((struct smr_space){room, sizeof(room)}, &about);

	if (err == SMR_OK)
		err = smr_party_next_number(c->sho, SMR_FILE_SUBSCRIPTIONS, &number);
	if (err == SMR_OK)
		err = smr_file_create(path, SMR_FILE_SUBSCRIPTIONS, number, &c->sho->sign, about, auc, &file);
	if (err == SMR_OK)
		err = put_state(c, file);
	if (err == SMR_OK)
		return smr_file_commit(file);
	smr_file_abort(file);
	return err;
}

/* ---- the command ---- */

static enum smr_err find_device(struct commanding *c, const char *text)
{
	struct smr_eid eid;
	enum smr_err err;

	SMR_TRY(smr_cli_eid(text, &eid, c->problem));
	err = smr_sho_db_by_eid(c->db, &eid, &c->target);
	if (err == SMR_E_NOT_FOUND)
		return smr_problem(c->problem, err,
				   "device %s has no live subscription of this operator (see «samara sho status»)",
				   text);
	return err == SMR_OK ? SMR_OK : smr_sho_db_fail(c->db, err, c->problem);
}

static enum smr_err find_target(struct commanding *c)
{
	const char *text = smr_arg(c->args, "iccid");
	struct smr_iccid iccid;
	enum smr_err err;

	if (c->word == SMR_SHO_WITHDRAW && smr_arg_given(c->args, "iccid") == smr_arg_given(c->args, "eid"))
		return smr_problem(c->problem, SMR_E_INVALID,
				   "name the subscription with --iccid, or its device with --eid");
	if (text == NULL)
		return find_device(c, smr_arg(c->args, "eid"));
	SMR_TRY(smr_cli_iccid(text, &iccid, c->problem));
	err = smr_sho_db_by_iccid(c->db, &iccid, &c->target);
	if (err == SMR_E_NOT_FOUND)
		return smr_problem(
			c->problem, err,
			"%s was not sealed for any device, or another one took its place (see «samara sho status»)",
			text);
	return err == SMR_OK ? SMR_OK : smr_sho_db_fail(c->db, err, c->problem);
}

/* The serial is spent before anything is written; a run that fails later is repeated with a higher one. */
static enum smr_err write_both(struct commanding *c, const struct smr_pubkey *auc)
{
	const char *out = smr_arg(c->args, "out");
	const char *auc_out = smr_arg(c->args, "auc-out");
	enum smr_err err = smr_party_next_number(c->sho, SMR_FILE_COMMANDS, &c->serial);

	if (err != SMR_OK)
		return smr_cli_fail(c->args->dir, err, c->problem);
	err = write_state(c, auc_out, auc);
	if (err != SMR_OK)
		return smr_cli_fail(auc_out, err, c->problem);
	err = write_command(c, out);
	if (err != SMR_OK)
		return smr_cli_fail(out, err, c->problem);
	err = smr_sho_db_note_command(c->db, c->serial, &c->target.iccid, c->word, smr_clock_unix());
	return err == SMR_OK ? SMR_OK : smr_sho_db_fail(c->db, err, c->problem);
}

static void report(const struct commanding *c, const char *out, const char *auc_out)
{
	static const char *const words[] = {"nothing", "resume", "suspend", "withdraw"};

	(void)printf("%s, %s: command %llu: %s\n", out, auc_out, (unsigned long long)c->serial, words[c->word]);
	if (c->word == SMR_SHO_WITHDRAW)
		(void)printf(
			"load %s at the AuC first, then let the RO load %s; «samara sho seal» seals for the device "
			"again\n",
			auc_out, out);
}

static enum smr_err command(struct commanding *c)
{
	const char *out = smr_arg(c->args, "out");
	const char *auc_out = smr_arg(c->args, "auc-out");
	struct smr_pubkey kem = {0};
	struct smr_card auc;
	enum smr_err err;

	if (strcmp(out, auc_out) == 0)
		return smr_problem(c->problem, SMR_E_INVALID, "--out and --auc-out name the same file");
	SMR_TRY(smr_cli_free_name(out, c->problem));
	SMR_TRY(smr_cli_free_name(auc_out, c->problem));
	SMR_TRY(find_target(c));
	SMR_TRY(smr_cli_kem_card(c->sho, smr_arg(c->args, "auc"), "auc", &auc, &kem, c->problem));
	err = write_both(c, &kem);
	smr_pubkey_wipe(&kem);
	if (err == SMR_OK && !c->args->quiet)
		report(c, out, auc_out);
	return err;
}

static enum smr_err state_action(const struct smr_args *args, enum smr_sho_word word, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct commanding c = {.args = args, .sho = &party, .word = word, .problem = problem};
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "sho", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &party, problem));
	SMR_TRY(smr_sho_db_open(args->dir, &c.db, problem));
	err = command(&c);
	smr_sho_db_close(c.db);
	return err;
}

static enum smr_err suspend_action(const struct smr_args *args, struct smr_problem *problem)
{
	return state_action(args, SMR_SHO_SUSPEND, problem);
}

static enum smr_err resume_action(const struct smr_args *args, struct smr_problem *problem)
{
	return state_action(args, SMR_SHO_RESUME, problem);
}

static enum smr_err withdraw_action(const struct smr_args *args, struct smr_problem *problem)
{
	return state_action(args, SMR_SHO_WITHDRAW, problem);
}

static int run_withdraw(const struct smr_args *args)
{
	return smr_cli_run(args, withdraw_action);
}

static int run_suspend(const struct smr_args *args)
{
	return smr_cli_run(args, suspend_action);
}

static int run_resume(const struct smr_args *args)
{
	return smr_cli_run(args, resume_action);
}

static const struct smr_option options[] = {
	{"iccid", 0, "ICCID", SMR_OPT_REQUIRED, "the subscription"},
	{"auc", 0, "CARD", SMR_OPT_REQUIRED, "the own authentication centre"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "file of commands to write, for the RO"},
	{"auc-out", 0, "FILE", SMR_OPT_REQUIRED, "file to write for the AuC"},
};

const struct smr_subcommand smr_cmd_sho_suspend = {
	.path = "sho suspend",
	.run = run_suspend,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Suspend a subscription, in its device and at the AuC.",
	.details = "The device obeys at its next check-in; its receipt comes back to the AuC.",
	.example = "samara sho suspend --dir sho --iccid 8988… --auc auc.card --out commands-1.smr --auc-out "
		   "subscriptions-2.smr",
};

const struct smr_subcommand smr_cmd_sho_resume = {
	.path = "sho resume",
	.run = run_resume,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Resume a suspended subscription.",
	.example = "samara sho resume --dir sho --iccid 8988… --auc auc.card --out commands-2.smr --auc-out "
		   "subscriptions-3.smr",
};

static const struct smr_option withdraw_options[] = {
	{"iccid", 0, "ICCID", 0, "the subscription"},
	{"eid", 0, "EID", 0, "or its device"},
	{"auc", 0, "CARD", SMR_OPT_REQUIRED, "the own authentication centre"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "file to write for the RO"},
	{"auc-out", 0, "FILE", SMR_OPT_REQUIRED, "file to write for the AuC"},
};

const struct smr_subcommand smr_cmd_sho_withdraw = {
	.path = "sho withdraw",
	.run = run_withdraw,
	.options = withdraw_options,
	.option_count = SMR_COUNT(withdraw_options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Take a sealed subscription back, best before its device has installed it.",
	.details = "The AuC never activates it any more (an active one stops at once), the RO deletes the\n"
		   "package. A device that has it already keeps an MCIM that no network serves, until a new\n"
		   "subscription is sealed for it. There is no way back but sealing anew.",
	.example = "samara sho withdraw --dir sho --iccid 8988… --auc auc.card --out commands-3.smr --auc-out "
		   "subscriptions-4.smr",
};
