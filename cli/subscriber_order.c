/* SPDX-License-Identifier: Apache-2.0 */
/* samara subscriber order: «this operator may provision these devices of mine», signed. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "sys/text.h"

struct ordering {
	const struct smr_args *args;
	const struct smr_party *party;
	struct smr_file_writer *file;
	struct smr_order order; /* the operator is the same in all */
	uint64_t count;
	struct smr_problem *problem;
};

/* ---- what is ordered ---- */

/* The id of a trusted supplier's shipment; the owner in it has to be this subscriber. */
static enum smr_err shipment_of_file(const struct smr_party *party, const char *path, struct smr_shipment_id *id,
				     struct smr_problem *problem)
{
	struct smr_shipment_about about;
	struct smr_file_reader *reader;
	const struct smr_file_info *info;
	enum smr_err err;

	SMR_TRY(smr_party_open_file(party, path, SMR_FILE_SHIPMENT, "supplier", &reader, NULL, problem));
	info = smr_file_reader_info(reader);
	err = smr_get_shipment_about(smr_bytes_of(info->about, info->about_len), &about);
	smr_file_close(reader);
	if (err != SMR_OK)
		return smr_cli_fail(path, err, problem);
	*id = about.id;
	SMR_WIPE(about.gate);
	if (about.owner_bound && memcmp(about.owner, party->card.sign, sizeof(about.owner)) == 0)
		return SMR_OK;
	return smr_problem(
		problem, SMR_E_ORDER,
		"%s: the devices of this shipment are not bound to you: an order of yours would have no effect", path);
}

static enum smr_err put_order(struct ordering *o)
{
	uint8_t room[SMR_ORDER_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	o->order.serial++;
	SMR_TRY(smr_order_sign(&w, &o->party->sign, &o->order));
	SMR_TRY(smr_cli_put(o->file, &w));
	o->count++;
	return SMR_OK;
}

static enum smr_err put_devices(struct ordering *o)
{
	const char *word;

	o->order.whole_shipment = false;
	for (size_t i = 0; (word = smr_arg_at(o->args, "eid", i)) != NULL; i++) {
		SMR_TRY(smr_cli_eid(word, &o->order.eid, o->problem));
		SMR_TRY(put_order(o));
	}
	return SMR_OK;
}

static enum smr_err put_shipments(struct ordering *o)
{
	const char *word;

	o->order.whole_shipment = true;
	for (size_t i = 0; (word = smr_arg_at(o->args, "shipment", i)) != NULL; i++) {
		SMR_TRY(shipment_of_file(o->party, word, &o->order.shipment, o->problem));
		SMR_TRY(put_order(o));
	}
	for (size_t i = 0; (word = smr_arg_at(o->args, "shipment-id", i)) != NULL; i++) {
		if (smr_hex_decode_exact(word, o->order.shipment.octets, sizeof(o->order.shipment.octets)) != SMR_OK)
			return smr_problem(o->problem, SMR_E_INVALID, "--shipment-id needs 16 hex digits");
		SMR_TRY(put_order(o));
	}
	return SMR_OK;
}

/* ---- the file ---- */

/* Every order has a serial of its own from the numbers of order files: a run with n orders spends n numbers, and its
 * file has the last one. */
static enum smr_err take_serials(struct ordering *o, size_t count, uint64_t *number)
{
	for (size_t i = 0; i < count; i++) {
		SMR_TRY(smr_party_next_number(o->party, SMR_FILE_ORDERS, number));
		if (i == 0)
			o->order.serial = *number - 1;
	}
	return SMR_OK;
}

static enum smr_err create(struct ordering *o, size_t count, const char *out)
{
	uint8_t room[8];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes about;
	uint64_t number = 0;

	smr_put_empty_about(&w);
	SMR_TRY(smr_writer_done(&w, &about));
	SMR_TRY(take_serials(o, count, &number));
	return smr_file_create(out, SMR_FILE_ORDERS, number, &o->party->sign, about, NULL, &o->file);
}

static enum smr_err write_orders(struct ordering *o, size_t count, const char *out)
{
	enum smr_err err = create(o, count, out);

	if (err == SMR_OK)
		err = put_devices(o);
	if (err == SMR_OK)
		err = put_shipments(o);
	if (err == SMR_OK)
		err = smr_file_commit(o->file);
	else
		smr_file_abort(o->file);
	return err == SMR_OK || o->problem->text[0] != '\0' ? err : smr_cli_fail(out, err, o->problem);
}

static enum smr_err order_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct ordering o = {.args = args, .party = &party, .problem = problem};
	const char *out = smr_arg(args, "out");
	size_t count =
		smr_arg_count(args, "eid") + smr_arg_count(args, "shipment") + smr_arg_count(args, "shipment-id");
	struct smr_card operator;

	if (count == 0)
		return smr_problem(problem, SMR_E_INVALID,
				   "say which devices: --eid EID, --shipment FILE or --shipment-id HEX");
	SMR_TRY(smr_party_open(args->dir, "subscriber", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &party, problem));
	SMR_TRY(smr_cli_card(&party, smr_arg(args, "operator"), "sho", &operator, problem));
	memcpy(o.order.operator_key, operator.sign, sizeof(o.order.operator_key));
	SMR_TRY(write_orders(&o, count, out));
	if (!args->quiet)
		(void)printf("%s: %llu orders for %s\n", out, (unsigned long long)o.count, operator.name);
	return SMR_OK;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, order_action);
}

static const struct smr_option options[] = {
	{"operator", 0, "CARD", SMR_OPT_REQUIRED, "the operator that may provision the devices"},
	{"eid", 0, "EID", SMR_OPT_REPEAT, "one device"},
	{"shipment", 0, "FILE", SMR_OPT_REPEAT, "all devices of this shipment file"},
	{"shipment-id", 0, "HEX", SMR_OPT_REPEAT, "all devices of the shipment of this id"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "file of orders to write"},
};

const struct smr_subcommand smr_cmd_subscriber_order = {
	.path = "subscriber order",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Order: this operator may provision these devices of mine.",
	.details = "Of two orders for one device the later one counts.",
	.example =
		"samara subscriber order --dir owner --operator sho.card --shipment shipment-1.smr --out orders-1.smr",
};
