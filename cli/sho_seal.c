/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samara sho seal: seal subscriptions for the devices of a shipment.
 *
 * Order of durable steps, so that a run killed anywhere can simply be repeated: serials are spent; both files are
 * written under hidden names; they get their names; sho.db commits. Before the commit nothing is assigned, and the
 * files' names are noted as unfinished, so that the next run may replace them.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/sho_plan.h"
#include "cli/sho_pool.h"
#include "sys/fsio.h"
#include "sys/progress.h"
#include "sys/text.h"

struct sealing {
	const struct smr_args *args;
	const struct smr_party *sho;
	struct smr_sho_db *db;
	const char *out;
	const char *auc_out;
	char *full_paths[2];
	struct smr_card ro;
	struct smr_card auc;
	struct smr_pubkey ro_kem;
	struct smr_pubkey auc_kem;
	struct smr_key_id operator_id;
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	struct smr_orders orders;
	struct smr_seal_plan plan;
	uint64_t jobs;
	/* while sealing */
	struct smr_file_reader *shipment;
	struct smr_csv *csv;
	struct smr_seal_pool *pool;
	struct smr_file_writer *batch;
	struct smr_file_writer *subscriptions;
	struct smr_progress progress;
	struct smr_problem *problem;
};

/* ---- the shipment ---- */

static enum smr_err open_shipment(struct sealing *s)
{
	const char *path = s->plan.shipment_path;
	const struct smr_file_info *info;
	struct smr_shipment_id id;
	enum smr_err err;

	SMR_TRY(smr_party_open_file(s->sho, path, SMR_FILE_SHIPMENT, "supplier", &s->shipment, NULL, s->problem));
	info = smr_file_reader_info(s->shipment);
	memcpy(s->supplier, info->sender, sizeof(s->supplier));
	memcpy(s->plan.origin.supplier, info->sender, sizeof(s->plan.origin.supplier));
	s->plan.origin.number = info->number;
	err = smr_get_shipment_about(smr_bytes_of(info->about, info->about_len), &s->plan.about);
	SMR_WIPE(s->plan.about.gate);
	if (err == SMR_OK)
		err = smr_shipment_id_of(info->sender, info->number, &id);
	if (err == SMR_OK && memcmp(&id, &s->plan.about.id, sizeof(id)) != 0)
		return smr_problem(s->problem, SMR_E_MALFORMED,
				   "%s: shipment: the id is not that of this supplier and number", path);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(path, err, s->problem);
}

static enum smr_err load_orders(struct sealing *s)
{
	const char *path;

	if (!s->plan.about.owner_bound) {
		if (smr_arg_given(s->args, "orders"))
			return smr_problem(s->problem, SMR_E_INVALID,
					   "the devices of %s have no owner: leave out --orders",
					   s->plan.shipment_path);
		return SMR_OK;
	}
	if (!smr_arg_given(s->args, "orders"))
		return smr_problem(s->problem, SMR_E_ORDER,
				   "the devices of %s are bound to an owner: give its orders with --orders FILE",
				   s->plan.shipment_path);
	for (size_t i = 0; (path = smr_arg_at(s->args, "orders", i)) != NULL; i++)
		SMR_TRY(smr_orders_load(&s->orders, s->sho, s->plan.about.owner, path, s->problem));
	smr_orders_sort(&s->orders);
	s->plan.orders = &s->orders;
	return SMR_OK;
}

/* ---- sealing ---- */

/* The next planned device: its record in the shipment and its line in the CSV file come in the same order as the
 * serials. */
static enum smr_err fill(struct sealing *s, uint64_t serial, struct smr_seal_job *job)
{
	const struct smr_owner_order *order;
	struct smr_sho_assignment a;
	struct smr_bytes encoded;
	enum smr_err err = smr_sho_db_from(s->db, serial, &a);

	if (err != SMR_OK || a.serial != serial)
		return smr_sho_db_fail(s->db, err == SMR_OK ? SMR_E_TAMPERED : err, s->problem);
	do {
		err = smr_file_next(s->shipment, &encoded);
		if (err == SMR_OK)
			err = smr_get_shipment_record(encoded, &job->device);
		if (err != SMR_OK)
			return smr_cli_fail(s->plan.shipment_path, err == SMR_E_NOTHING ? SMR_E_TAMPERED : err,
					    s->problem);
	} while (memcmp(&job->device.eid, &a.eid, sizeof(a.eid)) != 0);
	err = smr_sho_csv_next(s->csv, &job->subscription, s->problem);
	if (err == SMR_E_NOTHING || (err == SMR_OK && memcmp(&job->subscription.iccid, &a.iccid, sizeof(a.iccid)) != 0))
		return smr_problem(s->problem, SMR_E_TAMPERED, "%s was changed while it was read", s->plan.csv_path);
	if (err != SMR_OK)
		return err;
	job->serial = serial;
	order = a.has_order ? smr_orders_find(&s->orders, &a.eid, &s->plan.about.id) : NULL;
	job->order = order == NULL ? SMR_NONE : smr_bytes_of(order->encoded, order->encoded_len);
	return SMR_OK;
}

static enum smr_err put_package(struct sealing *s, const struct smr_seal_job *job)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_batch_record record = {
		.eid = job->device.eid,
		.package = {.operator_id = s->operator_id,
			    .iccid = job->subscription.iccid,
			    .serial = job->serial,
			    .x = {job->x, job->x_len},
			    .order = job->order},
		.has_shipment = true,
		.shipment = s->plan.about.id,
	};

	memcpy(record.package.w, job->w, sizeof(record.package.w));
	smr_put_batch_record(&w, &record);
	return smr_cli_put(s->batch, &w);
}

static enum smr_err put_subscription(struct sealing *s, const struct smr_seal_job *job)
{
	const struct smr_subscription *subscription = &job->subscription;
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_subscription_record record = {
		.action = SMR_SUBSCRIPTION_ADD,
		.eid = job->device.eid,
		.iccid = subscription->iccid,
		.serial = job->serial,
		.imsi = subscription->mcim.imsi,
		.aka = subscription->mcim.aka,
		.sqn = subscription->sqn,
	};
	enum smr_err err;

	memcpy(record.amf, subscription->amf, sizeof(record.amf));
	memcpy(record.d, job->device.d, sizeof(record.d));
	memcpy(record.hash_x, job->hash_x, sizeof(record.hash_x));
	memcpy(record.supplier, s->supplier, sizeof(record.supplier));
	smr_put_subscription_record(&w, &record);
	err = smr_cli_put(s->subscriptions, &w);
	smr_subscription_record_wipe(&record);
	SMR_WIPE(room);
	return err;
}

static enum smr_err put(struct sealing *s, const struct smr_seal_job *job)
{
	char eid[SMR_EID_TEXT];
	enum smr_err err = job->err;

	if (err != SMR_OK) {
		smr_eid_text(&job->device.eid, eid);
		return smr_problem(s->problem, err, "%s: device %s: %s%s%s", s->plan.shipment_path, eid,
				   job->field == NULL ? "" : job->field, job->field == NULL ? "" : ": ",
				   smr_err_text(err));
	}
	err = put_package(s, job);
	if (err != SMR_OK)
		return smr_cli_fail(s->out, err, s->problem);
	err = put_subscription(s, job);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(s->auc_out, err, s->problem);
}

static enum smr_err seal_all(struct sealing *s)
{
	uint64_t filled = 0;

	for (uint64_t written = 0; written < s->plan.count; written++) {
		struct smr_seal_job *job;

		while (filled < s->plan.count && (job = smr_seal_pool_room(s->pool)) != NULL) {
			SMR_TRY(fill(s, s->plan.first_serial + filled, job));
			smr_seal_pool_submit(s->pool);
			filled++;
		}
		job = smr_seal_pool_oldest(s->pool);
		SMR_TRY(put(s, job));
		smr_seal_pool_release(s->pool);
		smr_progress_add(&s->progress, 1);
	}
	return SMR_OK;
}

static enum smr_err seal_with_pool(struct sealing *s)
{
	enum smr_err err = smr_seal_pool_new(&s->sho->sign, (unsigned)s->jobs, &s->pool);

	if (err != SMR_OK)
		return smr_problem(s->problem, err, "cannot start threads: %s", smr_err_text(err));
	smr_progress_start(&s->progress, "sealing", s->plan.count, s->args->quiet);
	err = seal_all(s);
	smr_progress_end(&s->progress);
	smr_seal_pool_free(s->pool);
	return err;
}

/* ---- the two files ---- */

static enum smr_err create_batch(struct sealing *s)
{
	uint8_t room[SMR_FILE_ABOUT_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes about;
	enum smr_err err;

	smr_put_batch_about(&w, smr_bytes_of(s->auc.encoded, s->auc.encoded_len));
	err = smr_writer_done(&w, &about);
	if (err == SMR_OK)
		err = smr_file_create(s->out, SMR_FILE_BATCH, s->plan.batch, &s->sho->sign, about, &s->ro_kem,
				      &s->batch);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(s->out, err, s->problem);
}

static enum smr_err create_subscriptions(struct sealing *s)
{
	uint8_t room[8];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes about;
	uint64_t number;
	enum smr_err err;

	smr_put_empty_about(&w);
	err = smr_writer_done(&w, &about);
	if (err == SMR_OK)
		err = smr_party_next_number(s->sho, SMR_FILE_SUBSCRIPTIONS, &number);
	if (err == SMR_OK)
		err = smr_file_create(s->auc_out, SMR_FILE_SUBSCRIPTIONS, number, &s->sho->sign, about, &s->auc_kem,
				      &s->subscriptions);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(s->auc_out, err, s->problem);
}

static void remove_outputs(struct sealing *s)
{
	if (smr_fs_remove(s->out) != SMR_OK || smr_fs_remove(s->auc_out) != SMR_OK)
		(void)smr_problem_prefix(s->problem, SMR_E_IO, "remove %s and %s by hand", s->out, s->auc_out);
}

/* Both files get their names, then the assignments are kept. */
static enum smr_err publish(struct sealing *s)
{
	enum smr_err err = smr_file_commit(s->subscriptions);

	s->subscriptions = NULL;
	if (err != SMR_OK)
		return smr_cli_fail(s->auc_out, err, s->problem);
	err = smr_file_commit(s->batch);
	s->batch = NULL;
	if (err != SMR_OK) {
		(void)smr_cli_fail(s->out, err, s->problem);
	} else {
		err = smr_sho_db_settle(s->db, s->plan.first_serial + s->plan.count);
		if (err == SMR_OK)
			err = smr_sho_db_end(s->db, true);
		if (err == SMR_OK)
			return SMR_OK;
		(void)smr_sho_db_fail(s->db, err, s->problem);
	}
	remove_outputs(s);
	return err;
}

static enum smr_err write_files(struct sealing *s)
{
	enum smr_err err = create_batch(s);

	if (err == SMR_OK)
		err = create_subscriptions(s);
	if (err == SMR_OK)
		err = smr_sho_csv_open(s->plan.csv_path, &s->csv, s->problem);
	if (err == SMR_OK)
		err = seal_with_pool(s);
	smr_csv_close(s->csv);
	if (err == SMR_OK)
		err = publish(s);
	smr_file_abort(s->batch);
	smr_file_abort(s->subscriptions);
	return err;
}

/* ---- one transaction ---- */

static enum smr_err plan_and_write(struct sealing *s)
{
	enum smr_err err = smr_seal_plan(&s->plan, s->shipment, s->problem);

	smr_file_close(s->shipment);
	s->shipment = NULL;
	SMR_TRY(err);
	if (s->plan.count == 0)
		return SMR_E_NOTHING;
	SMR_TRY(open_shipment(s)); /* again, from its first record */
	return write_files(s);
}

/* Nothing was assigned. Serials of which no file tells are free again. */
static void give_back(struct sealing *s, enum smr_err err)
{
	/* A failed commit has rolled back already: then there is no transaction to end. */
	if (smr_sho_db_end(s->db, false) != SMR_OK && s->problem->text[0] == '\0')
		(void)smr_sho_db_fail(s->db, err, s->problem);
	if (smr_fs_exists(s->out) || smr_fs_exists(s->auc_out))
		return;
	if (smr_sho_db_settle(s->db, s->plan.first_serial) != SMR_OK && s->problem->text[0] == '\0')
		(void)smr_sho_db_fail(s->db, err, s->problem);
}

static enum smr_err in_transaction(struct sealing *s)
{
	const char *const paths[2] = {s->full_paths[0], s->full_paths[1]};
	enum smr_err err =
		smr_sho_db_reserve(s->db, smr_file_reader_info(s->shipment)->count, paths, 2, &s->plan.first_serial);

	if (err == SMR_OK)
		err = smr_party_next_number(s->sho, SMR_FILE_BATCH, &s->plan.batch);
	if (err == SMR_OK)
		err = smr_sho_db_begin(s->db);
	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	err = plan_and_write(s);
	if (err == SMR_OK)
		return SMR_OK;
	give_back(s, err);
	return err;
}

/* ---- what is given ---- */

static enum smr_err check_output(struct sealing *s, const char *path, char **full)
{
	bool unfinished = false;
	enum smr_err err;

	*full = smr_cli_full_path(path);
	if (*full == NULL)
		return smr_cli_fail(path, SMR_E_NOT_FOUND, s->problem);
	err = smr_sho_db_unfinished(s->db, *full, &unfinished);
	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	return unfinished ? SMR_OK : smr_cli_free_name(path, s->problem);
}

static enum smr_err check_outputs(struct sealing *s)
{
	SMR_TRY(check_output(s, s->out, &s->full_paths[0]));
	SMR_TRY(check_output(s, s->auc_out, &s->full_paths[1]));
	if (strcmp(s->full_paths[0], s->full_paths[1]) == 0)
		return smr_problem(s->problem, SMR_E_INVALID, "--out and --auc-out name the same file");
	return SMR_OK;
}

static enum smr_err add_picks(struct sealing *s, const char *option, struct smr_seal_pick kind)
{
	const char *word;

	for (size_t i = 0; (word = smr_arg_at(s->args, option, i)) != NULL; i++) {
		struct smr_seal_pick *pick = &s->plan.picks[s->plan.pick_count];

		*pick = kind;
		SMR_TRY(smr_cli_eid(word, &pick->eid, s->problem));
		s->plan.pick_count++;
	}
	return SMR_OK;
}

static enum smr_err take_picks(struct sealing *s)
{
	size_t most = smr_arg_count(s->args, "eid") + smr_arg_count(s->args, "reseal") +
		      smr_arg_count(s->args, "re-enrolled");

	s->plan.picks = calloc(most + 1, sizeof(*s->plan.picks));
	if (s->plan.picks == NULL)
		return SMR_E_NO_MEMORY;
	SMR_TRY(add_picks(s, "eid", (struct smr_seal_pick){0}));
	SMR_TRY(add_picks(s, "reseal", (struct smr_seal_pick){.reseal = true}));
	SMR_TRY(add_picks(s, "re-enrolled", (struct smr_seal_pick){.reseal = true, .renewed = true}));
	qsort(s->plan.picks, s->plan.pick_count, sizeof(*s->plan.picks), smr_seal_pick_compare);
	for (size_t i = 1; i < s->plan.pick_count; i++)
		if (smr_seal_pick_compare(&s->plan.picks[i - 1], &s->plan.picks[i]) == 0)
			return smr_problem(s->problem, SMR_E_INVALID,
					   "a device is named twice in --eid, --reseal and --re-enrolled");
	return SMR_OK;
}

static enum smr_err take_args(struct sealing *s)
{
	const struct smr_args *args = s->args;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	s->out = smr_arg(args, "out");
	s->auc_out = smr_arg(args, "auc-out");
	s->plan.shipment_path = smr_arg(args, "shipment");
	s->plan.csv_path = smr_arg(args, "subscriptions");
	SMR_TRY(smr_cli_uint(args, "jobs", 1, 256, cores > 0 && cores <= 256 ? (uint64_t)cores : 1, &s->jobs,
			     s->problem));
	SMR_TRY(take_picks(s));
	SMR_TRY(smr_cli_kem_card(s->sho, smr_arg(args, "ro"), "ro", &s->ro, &s->ro_kem, s->problem));
	SMR_TRY(smr_cli_kem_card(s->sho, smr_arg(args, "auc"), "auc", &s->auc, &s->auc_kem, s->problem));
	return smr_cli_key_id(s->sho->card.sign, &s->operator_id);
}

static void report(const struct sealing *s)
{
	const struct smr_seal_plan *p = &s->plan;

	if (p->count == 0)
		(void)printf("nothing to seal: %llu devices have their subscription already\n",
			     (unsigned long long)p->already);
	else
		(void)printf("%s, %s: %llu subscriptions sealed\n", s->out, s->auc_out, (unsigned long long)p->count);
	if (p->count > 0 && p->already > 0)
		(void)printf("%llu devices have their subscription already\n", (unsigned long long)p->already);
	if (p->uncovered > 0)
		(void)printf("%llu devices are covered by no order and were left out\n",
			     (unsigned long long)p->uncovered);
	if (p->renewed > 0)
		(void)printf("%llu devices were enrolled anew and were left out: name them with --re-enrolled\n",
			     (unsigned long long)p->renewed);
	if (p->history > 0)
		(void)printf("%llu devices were enrolled anew in a later shipment and were left out\n",
			     (unsigned long long)p->history);
	if (p->missing > 0)
		(void)printf("%llu devices are still without one: no subscription was left\n",
			     (unsigned long long)p->missing);
	if (p->surplus > 0)
		(void)printf("the last %llu subscriptions of the file were not used\n", (unsigned long long)p->surplus);
}

static enum smr_err seal(struct sealing *s)
{
	enum smr_err err;

	SMR_TRY(take_args(s));
	SMR_TRY(check_outputs(s));
	SMR_TRY(open_shipment(s));
	SMR_TRY(load_orders(s));
	err = in_transaction(s);
	if ((err == SMR_OK || err == SMR_E_NOTHING) && !s->args->quiet)
		report(s);
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err seal_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct sealing s = {.args = args, .sho = &party, .problem = problem};
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "sho", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &party, problem));
	SMR_TRY(smr_sho_db_open(args->dir, &s.db, problem));
	s.plan.sho = &party;
	s.plan.db = s.db;
	err = seal(&s);
	smr_file_close(s.shipment);
	smr_orders_free(&s.orders);
	smr_pubkey_wipe(&s.ro_kem);
	smr_pubkey_wipe(&s.auc_kem);
	free(s.plan.picks);
	free(s.full_paths[0]);
	free(s.full_paths[1]);
	smr_sho_db_close(s.db);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, seal_action);
}

static const struct smr_option options[] = {
	{"shipment", 0, "FILE", SMR_OPT_REQUIRED, "shipment file of a trusted supplier"},
	{"subscriptions", 0, "CSV", SMR_OPT_REQUIRED, "subscriptions, as «sho make» writes them; mode 0600"},
	{"orders", 0, "FILE", SMR_OPT_REPEAT, "orders of the devices' owner"},
	{"ro", 0, "CARD", SMR_OPT_REQUIRED, "the RO that will release the subscriptions"},
	{"auc", 0, "CARD", SMR_OPT_REQUIRED, "the own authentication centre"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "batch to write, for the RO"},
	{"auc-out", 0, "FILE", SMR_OPT_REQUIRED, "file to write for the AuC"},
	{"eid", 0, "EID", SMR_OPT_REPEAT, "only this device"},
	{"reseal", 0, "EID", SMR_OPT_REPEAT, "this device anew, although it has a subscription"},
	{"re-enrolled", 0, "EID", SMR_OPT_REPEAT, "this device anew, for the new keys that this shipment brings"},
	{"jobs", 'j', "N", 0, "threads (default: one per core)"},
};

const struct smr_subcommand smr_cmd_sho_seal = {
	.path = "sho seal",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Seal subscriptions for the devices of a shipment.",
	.details = "Devices take the lines of the CSV file in the order of the shipment; those that have\n"
		   "a subscription already, or that no order of their owner covers, are passed over.\n"
		   "With --eid, --reseal or --re-enrolled only the devices named are sealed for.\n"
		   "--re-enrolled is the operator's consent to the keys of a device that was reset and\n"
		   "enrolled anew: its subscription of before ends.\n"
		   "A run that was interrupted is simply repeated.",
	.example = "samara sho seal --dir sho --shipment s1.smr --subscriptions subs.csv --orders o1.smr \\\n"
		   "    --ro ro.card --auc auc.card --out batch-1.smr --auc-out subscriptions-1.smr",
};
