/* SPDX-License-Identifier: Apache-2.0 */
/* samara sho status: which subscription was sealed for which device. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/sho_db.h"
#include "sys/text.h"

struct listing {
	json_t *array;
	bool json;
	size_t count;
};

static const char *commanded_name(const struct smr_sho_assignment *a)
{
	switch (a->commanded) {
	case SMR_SHO_RESUME:
		return "resume";
	case SMR_SHO_SUSPEND:
		return "suspend";
	case SMR_SHO_WITHDRAW:
		return a->live ? NULL : "withdraw"; /* what was sealed under the ICCID since then is not meant */
	case SMR_SHO_NOTHING:
		break;
	}
	return NULL;
}

static const char *gone_name(const struct smr_sho_assignment *a)
{
	if (a->live)
		return "";
	return a->commanded == SMR_SHO_WITHDRAW ? ", withdrawn" : ", replaced";
}

static enum smr_err add_json(struct listing *l, const struct smr_sho_assignment *a, const char *iccid, const char *imsi,
			     const char *eid)
{
	char hash[SMR_HEX_TEXT(SMR_HASH_LEN)];
	char made[24];
	json_t *line;

	smr_hex_encode(SMR_ARRAY(a->order_hash), hash);
	smr_cli_time(a->made, made);
	line = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:s, s:s?, s:s?}", "iccid", iccid, "imsi", imsi, "eid", eid,
			 "serial", (json_int_t)a->serial, "batch", (json_int_t)a->batch, "live", a->live, "sealed",
			 made, "order", a->has_order ? hash : NULL, "command", commanded_name(a));
	return line != NULL && json_array_append_new(l->array, line) == 0 ? SMR_OK : SMR_E_NO_MEMORY;
}

static enum smr_err show(void *context, const struct smr_sho_assignment *a)
{
	struct listing *l = context;
	char iccid[SMR_ICCID_TEXT];
	char imsi[SMR_IMSI_TEXT];
	char eid[SMR_EID_TEXT];
	const char *commanded = commanded_name(a);

	smr_iccid_text(&a->iccid, iccid);
	smr_imsi_text(&a->imsi, imsi);
	smr_eid_text(&a->eid, eid);
	l->count++;
	if (l->json)
		return add_json(l, a, iccid, imsi, eid);
	(void)printf("%-20s %-15s %s serial %llu, batch %llu%s%s%s\n", iccid, imsi, eid, (unsigned long long)a->serial,
		     (unsigned long long)a->batch, gone_name(a),
		     commanded == NULL ? "" : ", last command: ", commanded == NULL ? "" : commanded);
	return SMR_OK;
}

static enum smr_err list(const struct smr_args *args, struct listing *l, struct smr_problem *problem)
{
	const char *text = smr_arg(args, "iccid");
	struct smr_iccid iccid;
	struct smr_sho_db *db;
	enum smr_err err;

	if (text != NULL)
		SMR_TRY(smr_cli_iccid(text, &iccid, problem));
	SMR_TRY(smr_sho_db_open(args->dir, &db, problem));
	err = smr_sho_db_each(db, text == NULL ? NULL : &iccid, show, l);
	if (err != SMR_OK)
		(void)smr_sho_db_fail(db, err, problem);
	smr_sho_db_close(db);
	if (err == SMR_OK && text != NULL && l->count == 0)
		return smr_problem(problem, SMR_E_NOT_FOUND, "%s was not sealed for any device", text);
	return err;
}

static enum smr_err status_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct listing l = {.json = args->json, .array = json_array()};
	enum smr_err err = smr_party_open(args->dir, "sho", 0, &party, problem);

	if (err == SMR_OK)
		err = list(args, &l, problem);
	if (err == SMR_OK && args->json)
		return smr_cli_json(json_pack("{s:o}", "subscriptions", l.array));
	json_decref(l.array);
	if (err == SMR_OK && l.count == 0)
		(void)printf("nothing was sealed yet\n");
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, status_action);
}

static const struct smr_option options[] = {{"iccid", 0, "ICCID", 0, "only this subscription"}};

const struct smr_subcommand smr_cmd_sho_status = {
	.path = "sho status",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_JSON,
	.summary = "Show which subscription was sealed for which device, and the last command for it.",
	.example = "samara sho status --dir sho --iccid 8988… --json",
};
