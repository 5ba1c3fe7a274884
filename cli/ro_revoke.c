/* SPDX-License-Identifier: Apache-2.0 */
/* samara ro revoke: a device gets no answer but «revoked» any more. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ro_keys.h"

static enum smr_err revoke(const struct smr_args *args, struct smr_store *store, const struct smr_eid *eid,
			   struct smr_problem *problem)
{
	bool revoked = !smr_arg_given(args, "undo");
	enum smr_err err = smr_store_revoke(store, eid, revoked);

	if (err == SMR_E_NOT_FOUND)
		return smr_problem(problem, err, "device %s is not known: load its shipment or batch first",
				   smr_arg(args, "eid"));
	if (err != SMR_OK)
		return smr_ro_store_fail(store, err, problem);
	if (!args->quiet)
		(void)printf("device %s: %s\n", smr_arg(args, "eid"), revoked ? "revoked" : "no longer revoked");
	return SMR_OK;
}

static enum smr_err revoke_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY ro = {0};
	struct smr_store *store;
	struct smr_eid eid;
	enum smr_err err;

	SMR_TRY(smr_cli_eid(smr_arg(args, "eid"), &eid, problem));
	SMR_TRY(smr_party_open(args->dir, "ro", 0, &ro, problem));
	SMR_TRY(smr_ro_store_open(args->dir, SMR_STORE_WRITE, &store, problem));
	err = revoke(args, store, &eid, problem);
	smr_store_close(store);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, revoke_action);
}

static const struct smr_option options[] = {
	{"eid", 0, "EID", SMR_OPT_REQUIRED, "the device"},
	{"undo", 0, NULL, 0, "serve it again"},
};

const struct smr_subcommand smr_cmd_ro_revoke = {
	.path = "ro revoke",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Refuse a device from now on.",
	.example = "samara ro revoke --dir ro --eid 8904…",
};
