/* SPDX-License-Identifier: Apache-2.0 */
/* samara supplier status: shipments, and the devices of one. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/supplier_db.h"
#include "sys/text.h"

struct listing {
	const struct smr_party *party;
	json_t *array;
	bool json;
	size_t count;
};

static enum smr_err shipment_json(struct listing *l, const struct smr_supplier_shipment *s, const char *id)
{
	char owner[SMR_HEX_TEXT(SMR_POINT_COMPRESSED_LEN)];
	json_t *line;

	smr_hex_encode(SMR_ARRAY(s->owner), owner);
	line = json_pack("{s:I, s:s, s:I, s:I, s:b, s:s?, s:I, s:b}", "number", (json_int_t)s->number, "id", id,
			 "devices", (json_int_t)s->devices, "enrolled", (json_int_t)s->enrolled, "shipped",
			 s->shipped != 0, "owner", s->owner_bound ? owner : NULL, "anchors",
			 (json_int_t)s->anchor_count, "gate", s->has_gate);
	return line != NULL && json_array_append_new(l->array, line) == 0 ? SMR_OK : SMR_E_NO_MEMORY;
}

static enum smr_err show_shipment(void *context, const struct smr_supplier_shipment *s)
{
	struct listing *l = context;
	struct smr_shipment_id shipment;
	char id[SMR_HEX_TEXT(SMR_SHIPMENT_ID_LEN)];
	char when[24] = "";

	SMR_TRY(smr_shipment_id_of(l->party->card.sign, s->number, &shipment));
	smr_hex_encode(SMR_ARRAY(shipment.octets), id);
	l->count++;
	if (l->json)
		return shipment_json(l, s, id);
	if (s->shipped != 0)
		smr_cli_time(s->shipped, when);
	(void)printf("shipment %llu (%s): %llu devices, %llu enrolled, %s%s%s%s\n", (unsigned long long)s->number, id,
		     (unsigned long long)s->devices, (unsigned long long)s->enrolled,
		     s->owner_bound ? "bound to an owner" : "without owner", s->has_gate ? ", gate key" : "",
		     s->shipped != 0 ? ", shipped " : ", not shipped", when);
	return SMR_OK;
}

static enum smr_err show_device(void *context, const struct smr_supplier_device *device)
{
	struct listing *l = context;
	char eid[SMR_EID_TEXT];
	char imei[SMR_IMEI_TEXT] = "";
	json_t *line;

	smr_eid_text(&device->record.eid, eid);
	if (device->record.has_imei)
		smr_imei_text(&device->record.imei, imei);
	l->count++;
	if (!l->json) {
		(void)printf("%s %-16s %s%s\n", eid, imei, device->enrolled ? "enrolled" : "not enrolled",
			     device->record.endorsement_len > 0 ? ", has an endorsement certificate" : "");
		return SMR_OK;
	}
	line = json_pack("{s:s, s:s?, s:b, s:b}", "eid", eid, "imei", imei[0] != '\0' ? imei : NULL, "enrolled",
			 device->enrolled, "endorsed", device->record.endorsement_len > 0);
	return line != NULL && json_array_append_new(l->array, line) == 0 ? SMR_OK : SMR_E_NO_MEMORY;
}

static enum smr_err show(const struct smr_args *args, struct smr_supplier_db *db, struct listing *l,
			 struct smr_problem *problem)
{
	uint64_t number;
	struct smr_supplier_shipment shipment;
	enum smr_err err;

	if (!smr_arg_given(args, "number"))
		return smr_supplier_db_each(db, show_shipment, l);
	SMR_TRY(smr_cli_uint(args, "number", 1, UINT32_MAX, 0, &number, problem));
	err = smr_supplier_db_shipment(db, number, &shipment);
	SMR_WIPE(shipment);
	if (err == SMR_E_NOT_FOUND)
		return smr_problem(problem, err, "there is no shipment %llu", (unsigned long long)number);
	return err == SMR_OK ? smr_supplier_db_devices(db, number, show_device, l) : err;
}

static enum smr_err status_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct listing l = {.party = &party, .json = args->json, .array = json_array()};
	struct smr_supplier_db *db;
	const char *what = smr_arg_given(args, "number") ? "devices" : "shipments";
	enum smr_err err = smr_party_open(args->dir, "supplier", 0, &party, problem);

	if (err == SMR_OK)
		err = smr_supplier_db_open(args->dir, &db, problem);
	if (err == SMR_OK) {
		err = show(args, db, &l, problem);
		if (err != SMR_OK && problem->text[0] == '\0')
			(void)smr_supplier_db_fail(db, err, problem);
		smr_supplier_db_close(db);
	}
	if (err != SMR_OK || !args->json) {
		json_decref(l.array);
		if (err == SMR_OK && l.count == 0)
			(void)printf("no %s\n", what);
		return err;
	}
	return smr_cli_json(json_pack("{s:o}", what, l.array));
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, status_action);
}

static const struct smr_option options[] = {{"number", 'n', "N", 0, "the devices of this shipment"}};

const struct smr_subcommand smr_cmd_supplier_status = {
	.path = "supplier status",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_JSON,
	.summary = "Show the shipments, or which devices of one are enrolled.",
	.example = "samara supplier status --dir sup --json",
};
