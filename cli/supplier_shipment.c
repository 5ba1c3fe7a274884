/* SPDX-License-Identifier: Apache-2.0 */
/* samara supplier shipment: take the list of the devices of a shipment. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/supplier_db.h"
#include "sys/clock.h"
#include "sys/csv.h"
#include "sys/text.h"

enum column { EID, IMEI, D, T, ENDORSEMENT };

static const struct smr_csv_column columns[] = {
	{"eid", true}, {"imei", false}, {"d", false}, {"t", false}, {"endorsement", false}};

struct taking {
	struct smr_supplier_db *db;
	struct smr_csv *csv;
	const struct smr_supplier_shipment *shipment;
	uint64_t devices;
	uint64_t enrolled;
	bool renew;	  /* devices of earlier shipments are expected */
	uint64_t renewed; /* how many there are */
	struct smr_problem *problem;
};

/* ---- one line ---- */

static enum smr_err take_point(struct taking *t, size_t column, uint8_t out[SMR_POINT_COMPRESSED_LEN])
{
	uint8_t octets[SMR_POINT_LEN];
	struct smr_space room = {octets, sizeof(octets)};
	struct smr_pubkey key = {0};
	enum smr_err err = smr_hex_decode(smr_csv_field(t->csv, column), &room);

	if (err != SMR_OK)
		return smr_csv_problem(t->csv, column, SMR_E_MALFORMED, t->problem, "a point is 66 or 130 hex digits");
	err = smr_pubkey_import(&key, smr_bytes_of(room.ptr, room.len));
	if (err != SMR_OK)
		return smr_csv_problem(t->csv, column, err, t->problem, NULL);
	smr_point_compress(key.point, out);
	smr_pubkey_wipe(&key);
	return SMR_OK;
}

static enum smr_err take_keys(struct taking *t, struct smr_supplier_device *device)
{
	bool has_d = smr_csv_field(t->csv, D).len > 0;
	bool has_t = smr_csv_field(t->csv, T).len > 0;

	if (!has_d && !has_t)
		return SMR_OK;
	if (!has_d || !has_t)
		return smr_csv_problem(t->csv, has_d ? T : D, SMR_E_MALFORMED, t->problem,
				       "d and t are given together or not at all");
	SMR_TRY(take_point(t, D, device->record.d));
	SMR_TRY(take_point(t, T, device->record.t));
	if (memcmp(device->record.d, device->record.t, sizeof(device->record.d)) == 0)
		return smr_csv_problem(t->csv, T, SMR_E_DUPLICATE, t->problem, "d and t are the same key");
	device->enrolled = true;
	t->enrolled++;
	return SMR_OK;
}

/* The vendor's certificate, where the production line collected it too; the operators verify it. */
static enum smr_err take_endorsement(struct taking *t, struct smr_supplier_device *device)
{
	struct smr_bytes text = smr_csv_field(t->csv, ENDORSEMENT);
	struct smr_space room = {device->record.endorsement, sizeof(device->record.endorsement)};

	if (text.len == 0)
		return SMR_OK;
	if (!device->enrolled || t->shipment->platform != SMR_PLATFORM_TPM)
		return smr_csv_problem(t->csv, ENDORSEMENT, SMR_E_INVALID, t->problem,
				       "an endorsement stands with d and t of a device with a TPM (--platform tpm)");
	if (smr_hex_decode(text, &room) != SMR_OK)
		return smr_csv_problem(t->csv, ENDORSEMENT, SMR_E_MALFORMED, t->problem,
				       "an endorsement is a certificate in DER, at most 1024 octets, in hex digits");
	device->record.endorsement_len = room.len;
	return SMR_OK;
}

static enum smr_err take_line(struct taking *t, struct smr_supplier_device *device)
{
	enum smr_err err = smr_eid_parse(smr_csv_field(t->csv, EID), &device->record.eid);

	if (err != SMR_OK)
		return smr_csv_problem(t->csv, EID, err, t->problem,
				       err == SMR_E_MALFORMED ? "an EID has 32 digits" : NULL);
	device->record.has_imei = smr_csv_field(t->csv, IMEI).len > 0;
	if (device->record.has_imei) {
		err = smr_imei_parse(smr_csv_field(t->csv, IMEI), &device->record.imei);
		if (err != SMR_OK)
			return smr_csv_problem(t->csv, IMEI, err, t->problem,
					       err == SMR_E_MALFORMED ? "an IMEI has 15 digits, an IMEISV 16" : NULL);
	}
	SMR_TRY(take_keys(t, device));
	return take_endorsement(t, device);
}

static size_t column_of(const char *field)
{
	for (size_t i = 0; i < SMR_COUNT(columns); i++)
		if (strcmp(columns[i].name, field) == 0)
			return i;
	return EID;
}

/* A device is in a second shipment because it was reset and gets new keys, or by mistake. */
static enum smr_err check_earlier(struct taking *t, const struct smr_eid *eid)
{
	uint64_t earlier;
	char detail[160];
	enum smr_err err = smr_supplier_db_earlier(t->db, t->shipment->number, eid, &earlier);

	if (err != SMR_OK)
		return smr_supplier_db_fail(t->db, err, t->problem);
	if (earlier == 0)
		return SMR_OK;
	t->renewed++;
	if (t->renew)
		return SMR_OK;
	(void)snprintf(detail, sizeof(detail),
		       "it is in shipment %llu already; when it was reset and is to be enrolled anew, give --re-enrol",
		       (unsigned long long)earlier);
	return smr_csv_problem(t->csv, EID, SMR_E_DUPLICATE, t->problem, detail);
}

static enum smr_err take_devices(struct taking *t)
{
	enum smr_err err;

	while ((err = smr_csv_next(t->csv, t->problem)) == SMR_OK) {
		struct smr_supplier_device device = {0};
		const char *field = "eid";

		SMR_TRY(take_line(t, &device));
		SMR_TRY(check_earlier(t, &device.record.eid));
		err = smr_supplier_db_add_device(t->db, t->shipment->number, t->devices++, &device, &field);
		if (err == SMR_E_DUPLICATE)
			return smr_csv_problem(t->csv, column_of(field), err, t->problem, NULL);
		if (err != SMR_OK)
			return smr_supplier_db_fail(t->db, err, t->problem);
	}
	if (err == SMR_E_NOTHING && t->devices == 0)
		return smr_problem(t->problem, SMR_E_MALFORMED, "there is no device in the file");
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

/* ---- the shipment ---- */

/* Whose orders the devices will obey, or which operators they accept: written into each TRE at its enrolment. */
static enum smr_err take_trust(const struct smr_args *args, const struct smr_party *party,
			       struct smr_supplier_shipment *shipment, struct smr_problem *problem)
{
	struct smr_card card;
	const char *path;

	shipment->owner_bound = smr_arg_given(args, "owner");
	if (shipment->owner_bound) {
		SMR_TRY(smr_cli_card(party, smr_arg(args, "owner"), "subscriber", &card, problem));
		memcpy(shipment->owner, card.sign, sizeof(shipment->owner));
	}
	for (size_t i = 0; (path = smr_arg_at(args, "anchor", i)) != NULL; i++) {
		if (i == SMR_TRE_ANCHORS_MAX)
			return smr_problem(problem, SMR_E_INVALID, "a TRE holds at most %u anchors",
					   SMR_TRE_ANCHORS_MAX);
		SMR_TRY(smr_cli_card(party, path, "sho", &card, problem));
		memcpy(shipment->anchors[shipment->anchor_count++], card.sign, sizeof(card.sign));
	}
	if (shipment->owner_bound && shipment->anchor_count > 0)
		return smr_problem(
			problem, SMR_E_INVALID,
			"give --owner or --anchor, not both: an owner-bound device goes by its owner's orders");
	return SMR_OK;
}

/* Devices that are still to be enrolled need something to go by. */
static enum smr_err check_trust(const struct taking *t)
{
	if (t->enrolled == t->devices || t->shipment->owner_bound || t->shipment->anchor_count > 0)
		return SMR_OK;
	return smr_problem(t->problem, SMR_E_INVALID,
			   "give --owner CARD (its orders name the operator) or --anchor CARD (operators that the "
			   "devices accept)");
}

static enum smr_err claim(struct taking *t, const struct smr_party *party)
{
	uint64_t number = t->shipment->number;
	enum smr_err err = smr_party_claim_number(party, SMR_FILE_SHIPMENT, number);

	if (err == SMR_E_SERIAL)
		return smr_problem(t->problem, err,
				   "--number %llu: this or a higher number was given out before; numbers ascend",
				   (unsigned long long)number);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(party->dir, err, t->problem);
}

static enum smr_err fill(struct taking *t, const struct smr_party *party)
{
	enum smr_err err = smr_supplier_db_add(t->db, t->shipment);

	if (err == SMR_E_DUPLICATE)
		return smr_problem(t->problem, SMR_E_EXISTS, "there is a shipment %llu already",
				   (unsigned long long)t->shipment->number);
	if (err != SMR_OK)
		return smr_supplier_db_fail(t->db, err, t->problem);
	SMR_TRY(take_devices(t));
	SMR_TRY(check_trust(t));
	return claim(t, party);
}

/* All or nothing: one transaction, and the number is spent only when every line was good. */
static enum smr_err take(struct taking *t, const struct smr_party *party, const char *path)
{
	enum smr_err err;

	SMR_TRY(smr_csv_open(path, columns, SMR_COUNT(columns), &t->csv, t->problem));
	err = smr_supplier_db_begin(t->db);
	if (err != SMR_OK) {
		smr_csv_close(t->csv);
		return smr_supplier_db_fail(t->db, err, t->problem);
	}
	err = fill(t, party);
	smr_csv_close(t->csv);
	if (err == SMR_OK) {
		err = smr_supplier_db_end(t->db, true);
		return err == SMR_OK ? SMR_OK : smr_supplier_db_fail(t->db, err, t->problem);
	}
	if (smr_supplier_db_end(t->db, false) != SMR_OK)
		return smr_problem_prefix(t->problem, err, "roll-back failed");
	return err;
}

static enum smr_err take_platform(const struct smr_args *args, struct smr_supplier_shipment *shipment,
				  struct smr_problem *problem)
{
	const char *name = smr_arg_given(args, "platform") ? smr_arg(args, "platform") : "software";

	if (strcmp(name, "tpm") == 0)
		shipment->platform = SMR_PLATFORM_TPM;
	else if (strcmp(name, "software") != 0)
		return smr_problem(problem, SMR_E_INVALID, "--platform %s: give «software» or «tpm»", name);
	return SMR_OK;
}

static enum smr_err make(const struct smr_args *args, const struct smr_party *party,
			 struct smr_supplier_shipment *shipment, struct smr_problem *problem)
{
	struct taking t = {.shipment = shipment, .renew = smr_arg_given(args, "re-enrol"), .problem = problem};
	enum smr_err err;

	SMR_TRY(take_trust(args, party, shipment, problem));
	SMR_TRY(take_platform(args, shipment, problem));
	shipment->has_gate = smr_arg_given(args, "gate");
	if (shipment->has_gate)
		SMR_TRY(smr_random(shipment->gate, sizeof(shipment->gate)));
	SMR_TRY(smr_supplier_db_open(args->dir, &t.db, problem));
	err = take(&t, party, smr_arg(args, "csv"));
	smr_supplier_db_close(t.db);
	if (err == SMR_OK && !args->quiet)
		(void)printf("shipment %llu: %llu devices, %llu of them enrolled\n",
			     (unsigned long long)shipment->number, (unsigned long long)t.devices,
			     (unsigned long long)t.enrolled);
	if (err == SMR_OK && !args->quiet && t.renewed > 0)
		(void)printf("%llu of them were shipped before and are enrolled anew\n", (unsigned long long)t.renewed);
	return err;
}

static enum smr_err shipment_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct smr_supplier_shipment shipment = {.made = smr_clock_unix()};
	enum smr_err err;

	SMR_TRY(smr_cli_uint(args, "number", 1, UINT32_MAX, 0, &shipment.number, problem));
	SMR_TRY(smr_party_open(args->dir, "supplier", SMR_PARTY_LOCK, &party, problem));
	err = make(args, &party, &shipment, problem);
	SMR_WIPE(shipment);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, shipment_action);
}

static const struct smr_option options[] = {
	{"number", 'n', "N", SMR_OPT_REQUIRED, "number of the shipment, above all earlier ones"},
	{"csv", 0, "FILE", SMR_OPT_REQUIRED, "list of devices; - is standard input"},
	{"owner", 0, "CARD", 0, "the devices are bound to this owner and go by its orders"},
	{"anchor", 0, "CARD", SMR_OPT_REPEAT, "operator that the devices accept; for devices without owner"},
	{"gate", 0, NULL, 0, "give the shipment a gate key"},
	{"platform", 0, "NAME", 0, "how its devices attest: software (keys in memory; the default) or tpm (a TPM 2.0)"},
	{"re-enrol", 0, NULL, 0, "devices of earlier shipments may be in it: they were reset and get new keys"},
};

const struct smr_subcommand smr_cmd_supplier_shipment = {
	.path = "supplier shipment",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Take the list of the devices of a new shipment.",
	.details = "Columns of the CSV file: eid, imei (may be empty or missing) and, when the\n"
		   "production line collected the keys itself, d and t (points of P-256 in hex,\n"
		   "compressed or not), for devices with a TPM also endorsement (the certificate of the\n"
		   "TPM's endorsement key, DER in hex). The list is taken whole or not at all.",
	.example = "samara supplier shipment --dir sup -n 1 --csv devices.csv --owner owner.card",
};
