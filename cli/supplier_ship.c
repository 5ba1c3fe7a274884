/* SPDX-License-Identifier: Apache-2.0 */
/* samara supplier ship: the signed shipment file for the RO and the operators. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/supplier_db.h"
#include "sys/clock.h"

struct shipping {
	struct smr_file_writer *file;
	struct smr_problem *problem;
};

static enum smr_err put_device(void *context, const struct smr_supplier_device *device)
{
	struct shipping *s = context;
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	char eid[SMR_EID_TEXT];

	if (!device->enrolled) {
		smr_eid_text(&device->record.eid, eid);
		return smr_problem(s->problem, SMR_E_STATE,
				   "device %s is not enrolled: run «samara supplier enrol» for it first", eid);
	}
	smr_put_shipment_record(&w, &device->record);
	return smr_cli_put(s->file, &w);
}

static enum smr_err create(const struct smr_party *party, const struct smr_supplier_shipment *shipment, const char *out,
			   struct smr_file_writer **file)
{
	uint8_t room[SMR_FILE_ABOUT_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_shipment_about about = {
		.owner_bound = shipment->owner_bound, .has_gate = shipment->has_gate, .platform = shipment->platform};
	struct smr_bytes encoded;

	SMR_TRY(smr_shipment_id_of(party->card.sign, shipment->number, &about.id));
	memcpy(about.owner, shipment->owner, sizeof(about.owner));
	memcpy(about.gate, shipment->gate, sizeof(about.gate));
	smr_put_shipment_about(&w, &about);
	SMR_WIPE(about.gate);
	SMR_TRY(smr_writer_done(&w, &encoded));
	return smr_file_create(out, SMR_FILE_SHIPMENT, shipment->number, &party->sign, encoded, NULL, file);
}

static enum smr_err write_file(struct smr_supplier_db *db, const struct smr_party *party,
			       const struct smr_supplier_shipment *shipment, const char *out,
			       struct smr_problem *problem)
{
	struct shipping s = {.problem = problem};
	enum smr_err err = create(party, shipment, out, &s.file);

	if (err != SMR_OK)
		return smr_cli_fail(out, err, problem);
	err = smr_supplier_db_devices(db, shipment->number, put_device, &s);
	if (err != SMR_OK) {
		smr_file_abort(s.file);
		return problem->text[0] != '\0' ? err : smr_cli_fail(out, err, problem);
	}
	err = smr_file_commit(s.file);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(out, err, problem);
}

static enum smr_err ship(const struct smr_args *args, const struct smr_party *party, struct smr_supplier_db *db,
			 struct smr_problem *problem)
{
	struct smr_supplier_shipment shipment;
	uint64_t number;
	enum smr_err err;

	SMR_TRY(smr_cli_uint(args, "number", 1, UINT32_MAX, 0, &number, problem));
	err = smr_supplier_db_shipment(db, number, &shipment);
	if (err == SMR_E_NOT_FOUND)
		return smr_problem(problem, err, "there is no shipment %llu: make it with «samara supplier shipment»",
				   (unsigned long long)number);
	if (err == SMR_OK)
		err = write_file(db, party, &shipment, smr_arg(args, "out"), problem);
	else
		return smr_supplier_db_fail(db, err, problem);
	if (err == SMR_OK && shipment.shipped == 0)
		err = smr_supplier_db_shipped(db, number, smr_clock_unix());
	if (err == SMR_OK && !args->quiet)
		(void)printf("%s: shipment %llu, %llu devices\n", smr_arg(args, "out"), (unsigned long long)number,
			     (unsigned long long)shipment.devices);
	SMR_WIPE(shipment);
	return err;
}

static enum smr_err ship_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct smr_supplier_db *db;
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "supplier", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &party, problem));
	SMR_TRY(smr_supplier_db_open(args->dir, &db, problem));
	err = ship(args, &party, db, problem);
	smr_supplier_db_close(db);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, ship_action);
}

static const struct smr_option options[] = {
	{"number", 'n', "N", SMR_OPT_REQUIRED, "number of the shipment"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "shipment file to write"},
};

const struct smr_subcommand smr_cmd_supplier_ship = {
	.path = "supplier ship",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Write the signed shipment file for the RO and the operators.",
	.details = "Refused while a device of the shipment is not enrolled. May be repeated: the content\n"
		   "is the same.",
	.example = "samara supplier ship --dir sup -n 1 --out shipment-1.smr",
};
