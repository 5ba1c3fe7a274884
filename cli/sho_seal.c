/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samara sho seal: seal subscriptions for the devices of a shipment.
 *
 * Order of durable steps: serials and file numbers are spent and the journal of the run begins; both files are written under
 * hidden names, the journal beside them; they get their names; sho.db commits; the journal goes. A run that was killed
 * anywhere is repeated with the same words: it finds the journal, keeps its serials and numbers and seals only what was not
 * sealed yet. Before the commit nothing is assigned, and the files' names are noted as unfinished, so that the repeated
 * run may replace them. A run with other words throws the journal away and takes fresh serials.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/sho_files.h"
#include "cli/sho_journal.h"
#include "cli/sho_plan.h"
#include "cli/sho_pool.h"
#include "sys/fsio.h"
#include "sys/progress.h"
#include "sys/text.h"

struct sealing {
	const struct smr_args *args;
	const struct smr_party *sho;
	struct smr_sho_db *db;
	struct smr_seal_files files;
	char *full_paths[2];
	struct smr_orders orders;
	struct smr_tpm_roots *roots; /* NULL: nobody vouches for the devices' TPMs, or they have none */
	struct smr_seal_plan plan;
	uint64_t jobs;
	struct smr_seal_run run;
	bool taken_up; /* an interrupted run */
	uint64_t sealed_before;
	/* while sealing */
	struct smr_file_reader *shipment;
	struct smr_seal_journal *journal;
	struct smr_seal_pool *pool;
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
	memcpy(s->files.supplier, info->sender, sizeof(s->files.supplier));
	memcpy(s->plan.origin.supplier, info->sender, sizeof(s->plan.origin.supplier));
	s->plan.origin.number = info->number;
	err = smr_get_shipment_about(smr_bytes_of(info->about, info->about_len), &s->plan.about);
	SMR_WIPE(s->plan.about.gate);
	s->files.shipment = s->plan.about.id;
	s->files.platform = s->plan.about.platform;
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

/* A supplier alone could certify keys of its own making. Where a TPM's vendor vouches for the TPM, its word is not needed. */
static enum smr_err load_tpm_roots(struct sealing *s)
{
	const char *path = smr_arg(s->args, "tpm-roots");
	bool unendorsed = smr_arg_given(s->args, "unendorsed");

	if (s->plan.about.platform != SMR_PLATFORM_TPM && (path != NULL || unendorsed))
		return smr_problem(
			s->problem, SMR_E_INVALID,
			"the supplier of %s says that its devices' keys are in software: if you expect "
			"TPMs, do not seal but ask it; where software is right, leave out --tpm-roots and --unendorsed",
			s->plan.shipment_path);
	if (s->plan.about.platform != SMR_PLATFORM_TPM || (unendorsed && path == NULL))
		return SMR_OK;
	if (path == NULL || unendorsed)
		return smr_problem(
			s->problem, SMR_E_INVALID,
			"the devices of %s have their keys in TPMs: give the certificates of the TPMs' vendors with "
			"--tpm-roots FILE, or take the supplier's word for the keys with --unendorsed",
			s->plan.shipment_path);
	return smr_tpm_roots_open(path, &s->roots, s->problem);
}

/* ---- the run ---- */

static enum smr_err hash_text(struct smr_sha256_state *hash, const char *text)
{
	/* With its NUL, so that texts do not run into each other. */
	return smr_sha256_update(hash, smr_bytes_of(text, strlen(text) + 1));
}

static enum smr_err hash_file(struct smr_sha256_state *hash, const char *path)
{
	uint8_t room[16384];
	struct smr_sha256_state own;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;
	enum smr_err err = smr_sha256_init(&own);

	if (fd < 0)
		return smr_fs_err(errno);
	while (err == SMR_OK && (got = read(fd, room, sizeof(room))) > 0)
		err = smr_sha256_update(&own, smr_bytes_of(room, (size_t)got));
	if (err == SMR_OK && got < 0)
		err = smr_fs_err(errno);
	(void)close(fd);
	SMR_WIPE(room);
	if (err == SMR_OK)
		err = smr_sha256_final(&own, room);
	return err == SMR_OK ? smr_sha256_update(hash, smr_bytes_of(room, SMR_HASH_LEN)) : err;
}

static enum smr_err hash_files(struct sealing *s, struct smr_sha256_state *hash)
{
	const char *path = s->plan.shipment_path;
	enum smr_err err = hash_file(hash, path);

	if (err == SMR_OK) {
		path = s->plan.csv_path;
		err = hash_file(hash, path);
	}
	if (err == SMR_OK && s->roots != NULL) {
		path = smr_arg(s->args, "tpm-roots");
		err = hash_file(hash, path);
	}
	for (size_t i = 0; err == SMR_OK && i < smr_arg_count(s->args, "orders"); i++) {
		path = smr_arg_at(s->args, "orders", i);
		err = hash_file(hash, path);
	}
	return err == SMR_OK ? SMR_OK : smr_cli_fail(path, err, s->problem);
}

static const char *pick_word(const struct smr_seal_pick *pick)
{
	if (pick->except)
		return "except";
	if (pick->renewed)
		return "re-enrolled";
	return pick->reseal ? "reseal" : "eid";
}

/* What else ended subscriptions since, a withdrawal: devices that had one then have none now. */
static enum smr_err hash_past(struct sealing *s, struct smr_sha256_state *hash)
{
	uint8_t encoded[8];
	uint64_t count;
	enum smr_err err = smr_sho_db_count_past(s->db, &count);

	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	smr_put_be64(encoded, count);
	return smr_sha256_update(hash, SMR_ARRAY(encoded));
}

/* Of everything that decides what is sealed for whom and where it goes. Paths: a file that was carried is never made again. */
static enum smr_err compute_digest(struct sealing *s)
{
	struct smr_sha256_state hash;

	SMR_TRY(smr_sha256_init(&hash));
	SMR_TRY(hash_text(&hash, s->full_paths[0]));
	SMR_TRY(hash_text(&hash, s->full_paths[1]));
	SMR_TRY(smr_sha256_update(&hash, SMR_ARRAY(s->sho->card.sign)));
	SMR_TRY(smr_sha256_update(&hash, smr_bytes_of(s->files.ro.encoded, s->files.ro.encoded_len)));
	SMR_TRY(smr_sha256_update(&hash, smr_bytes_of(s->files.auc.encoded, s->files.auc.encoded_len)));
	for (size_t i = 0; i < s->plan.pick_count; i++) {
		SMR_TRY(smr_sha256_update(&hash, smr_eid_bytes(&s->plan.picks[i].eid)));
		SMR_TRY(hash_text(&hash, pick_word(&s->plan.picks[i])));
	}
	SMR_TRY(hash_past(s, &hash));
	SMR_TRY(hash_text(&hash, s->roots != NULL ? "to the TPM" : "to t"));
	SMR_TRY(hash_files(s, &hash));
	return smr_sha256_final(&hash, s->run.digest);
}

/* Did the run that this journal belongs to commit, and was killed before it removed the journal? */
static enum smr_err has_committed(struct sealing *s, const struct smr_seal_run *run, bool *yes)
{
	struct smr_sho_assignment a;
	enum smr_err err = smr_sho_db_from(s->db, run->first_serial, &a);

	*yes = err == SMR_OK && a.serial - run->first_serial < run->reserved;
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

/* Is there an interrupted run of the same words over the same files? */
static enum smr_err take_up(struct sealing *s)
{
	struct smr_seal_run run;
	bool committed;
	enum smr_err err = smr_seal_journal_open(s->args->dir, &s->journal, &run);

	if (err == SMR_E_NOT_FOUND)
		return SMR_OK;
	if (err != SMR_OK)
		return smr_cli_fail("seal.journal", err, s->problem);
	err = has_committed(s, &run, &committed);
	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	s->taken_up = !committed && smr_equal_ct(run.digest, s->run.digest, sizeof(run.digest));
	if (s->taken_up) {
		s->run = run;
		return SMR_OK;
	}
	smr_seal_journal_close(s->journal);
	s->journal = NULL;
	if (!committed && !s->args->quiet)
		(void)fprintf(stderr,
			      "an interrupted run over other files, or from before a withdrawal, is given up\n");
	return SMR_OK;
}

static enum smr_err begin_run(struct sealing *s)
{
	const char *const paths[2] = {s->full_paths[0], s->full_paths[1]};
	enum smr_err err;

	s->run.reserved = smr_file_reader_info(s->shipment)->count;
	err = smr_sho_db_reserve(s->db, s->run.reserved, paths, 2, &s->run.first_serial);
	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	err = smr_party_next_number(s->sho, SMR_FILE_BATCH, &s->run.batch);
	if (err == SMR_OK)
		err = smr_party_next_number(s->sho, SMR_FILE_SUBSCRIPTIONS, &s->run.subscriptions);
	if (err != SMR_OK)
		return smr_cli_fail("numbers", err, s->problem);
	return smr_seal_journal_create(s->args->dir, &s->run, &s->journal, s->problem);
}

/* ---- sealing ---- */

static enum smr_err keep_in_journal(struct sealing *s, const struct smr_seal_job *job)
{
	struct smr_seal_entry entry = {.serial = job->serial, .x_len = job->x_len};

	if (job->sealed_before)
		return SMR_OK;
	memcpy(entry.input, job->input, sizeof(entry.input));
	memcpy(entry.w, job->w, sizeof(entry.w));
	memcpy(entry.x, job->x, job->x_len);
	return smr_seal_journal_add(s->journal, &entry);
}

static enum smr_err note_keys(struct sealing *s, const struct smr_seal_job *job)
{
	const struct smr_eid *device = &job->device.eid;
	enum smr_err err = smr_sho_db_note_key(s->db, device, SMR_SHO_KEY_T, job->device.t + 1);

	if (err == SMR_OK && s->roots != NULL)
		err = smr_sho_db_note_key(s->db, device, SMR_SHO_KEY_EK, job->ek + 1);
	return err == SMR_OK ? SMR_OK : smr_sho_db_fail(s->db, err, s->problem);
}

#define FOR_THE_OTHERS "Nothing was sealed: ask the supplier, and seal for the others with --except"

/* One TPM, or one t in it, under the names of many devices would open what is sealed for each of them. */
static enum smr_err keep_keys(struct sealing *s)
{
	struct smr_sho_shared_key shared;
	char device[SMR_EID_TEXT];
	char other[SMR_EID_TEXT];
	enum smr_err err = smr_sho_db_keep_keys(s->db, &shared);

	if (err == SMR_OK)
		return SMR_OK;
	if (err != SMR_E_DUPLICATE)
		return smr_sho_db_fail(s->db, err, s->problem);
	smr_eid_text(&shared.device, device);
	smr_eid_text(&shared.other, other);
	return smr_problem(
		s->problem, SMR_E_UNTRUSTED_KEY,
		"%s: device %s: its %s is that of device %s: at most one of the two can have it. " FOR_THE_OTHERS,
		s->plan.shipment_path, device,
		shared.key == SMR_SHO_KEY_EK ? "TPM (by its endorsement key)" : "KEM key", other);
}

/* A run is good as a whole or not at all. */
static enum smr_err refuse_device(struct sealing *s, const struct smr_seal_job *job)
{
	char eid[SMR_EID_TEXT];

	smr_eid_text(&job->device.eid, eid);
	if (job->problem.text[0] != '\0')
		return smr_problem(s->problem, job->err, "%s: device %s: %s. " FOR_THE_OTHERS, s->plan.shipment_path,
				   eid, job->problem.text);
	return smr_problem(s->problem, job->err, "%s: device %s: %s%s%s", s->plan.shipment_path, eid,
			   job->field == NULL ? "" : job->field, job->field == NULL ? "" : ": ",
			   smr_err_text(job->err));
}

static enum smr_err write_job(struct sealing *s, const struct smr_seal_job *job)
{
	enum smr_err err;

	if (job->err != SMR_OK)
		return refuse_device(s, job);
	SMR_TRY(smr_seal_files_put(&s->files, job, s->problem));
	err = keep_in_journal(s, job);
	return err == SMR_OK ? note_keys(s, job) : smr_cli_fail("seal.journal", err, s->problem);
}

/* SMR_E_NOTHING: none is under way. */
static enum smr_err write_oldest(struct sealing *s)
{
	struct smr_seal_job *job = smr_seal_pool_oldest(s->pool);
	enum smr_err err;

	if (job == NULL)
		return SMR_E_NOTHING;
	err = write_job(s, job);
	smr_seal_pool_release(s->pool);
	smr_progress_add(&s->progress, 1);
	return err;
}

static enum smr_err use_journal(struct sealing *s, struct smr_seal_job *job)
{
	struct smr_seal_entry entry = {.serial = job->serial};
	enum smr_err err;

	if (!s->taken_up)
		return SMR_OK;
	err = smr_seal_job_input(job, entry.input);
	if (err == SMR_OK)
		err = smr_seal_journal_next(s->journal, &entry);
	if (err != SMR_OK)
		return err == SMR_E_NOTHING ? SMR_OK : smr_cli_fail("seal.journal", err, s->problem);
	memcpy(job->w, entry.w, sizeof(job->w));
	memcpy(job->x, entry.x, entry.x_len);
	job->x_len = entry.x_len;
	job->sealed_before = true;
	s->sealed_before++;
	return SMR_OK;
}

static enum smr_err seal_planned(void *context, const struct smr_seal_planned *planned)
{
	struct sealing *s = context;
	struct smr_seal_job *job;

	while ((job = smr_seal_pool_room(s->pool)) == NULL)
		SMR_TRY(write_oldest(s));
	job->device = *planned->device;
	job->subscription = *planned->subscription;
	job->serial = planned->serial;
	job->number = planned->serial - s->plan.first_serial + 1;
	job->order = planned->order;
	SMR_TRY(use_journal(s, job));
	smr_seal_pool_submit(s->pool);
	return SMR_OK;
}

static enum smr_err plan_and_seal(struct sealing *s)
{
	enum smr_err err = smr_seal_plan(&s->plan, s->shipment, s->problem);

	while (err == SMR_OK)
		err = write_oldest(s);
	return err == SMR_E_NOTHING ? keep_keys(s) : err;
}

static enum smr_err seal_with_pool(struct sealing *s)
{
	enum smr_err err = smr_seal_pool_new(&s->sho->sign, s->roots, (unsigned)s->jobs, smr_seal_files_prepare,
					     &s->files, &s->pool);
	bool named = s->plan.pick_count > 0 && !s->plan.picks[0].except;
	uint64_t most = named ? s->plan.pick_count : s->run.reserved;

	if (err != SMR_OK)
		return smr_problem(s->problem, err, "cannot start threads: %s", smr_err_text(err));
	smr_progress_start(&s->progress, "sealing", most, s->args->quiet);
	err = plan_and_seal(s);
	smr_progress_end(&s->progress);
	smr_seal_pool_free(s->pool);
	return err;
}

/* Both files get their names, then the assignments are kept. */
static enum smr_err publish(struct sealing *s)
{
	enum smr_err err = smr_seal_files_commit(&s->files, s->problem);

	if (err == SMR_OK) {
		err = smr_sho_db_settle(s->db, s->plan.first_serial + s->plan.count);
		if (err == SMR_OK)
			err = smr_sho_db_end(s->db, true);
		if (err == SMR_OK)
			return SMR_OK;
		(void)smr_sho_db_fail(s->db, err, s->problem);
	}
	smr_seal_files_remove(&s->files, s->problem);
	return err;
}

/* ---- one transaction ---- */

static char *hidden_path(const char *full_path, const struct smr_file_writer *writer)
{
	const char *slash = strrchr(full_path, '/');
	char *path = NULL;

	if (asprintf(&path, "%.*s/%s", (int)(slash - full_path), full_path, smr_file_hidden_name(writer)) < 0)
		return NULL;
	return path;
}

/* Both files begin, and their hidden names are noted: whoever takes up or gives up a killed run removes them. */
static enum smr_err create_files(struct sealing *s)
{
	char *paths[4] = {s->full_paths[0], s->full_paths[1], NULL, NULL};
	enum smr_err err = smr_sho_db_remove_hidden(s->db);

	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	SMR_TRY(smr_seal_files_create(&s->files, s->run.batch, s->run.subscriptions, s->problem));
	paths[2] = hidden_path(paths[0], s->files.batch);
	paths[3] = hidden_path(paths[1], s->files.subscriptions);
	err = paths[2] == NULL || paths[3] == NULL
		      ? SMR_E_NO_MEMORY
		      : smr_sho_db_note(s->db, (const char *const *)paths, SMR_COUNT(paths));
	free(paths[2]);
	free(paths[3]);
	return err == SMR_OK ? SMR_OK : smr_sho_db_fail(s->db, err, s->problem);
}

static enum smr_err in_transaction(struct sealing *s)
{
	enum smr_err err = smr_sho_db_begin_run(s->db);

	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	s->plan.first_serial = s->run.first_serial;
	s->plan.batch = s->run.batch;
	s->plan.planned = seal_planned;
	s->plan.context = s;
	err = seal_with_pool(s);
	if (err == SMR_OK && s->plan.count == 0)
		err = SMR_E_NOTHING;
	if (err == SMR_OK)
		err = publish(s);
	/* A failed commit has rolled back already: then there is no transaction to end. */
	if (err != SMR_OK && smr_sho_db_end(s->db, false) != SMR_OK && s->problem->text[0] == '\0')
		(void)smr_sho_db_fail(s->db, err, s->problem);
	return err;
}

/* Nothing was assigned. Where the disk failed, what was sealed is kept for another attempt. Else serials of which no file
 * tells are free again. */
static void give_back(struct sealing *s, enum smr_err err)
{
	bool left = smr_fs_exists(s->files.batch_path) || smr_fs_exists(s->files.subscriptions_path);

	if (err == SMR_E_DISK_FULL || err == SMR_E_IO)
		return;
	if (smr_seal_journal_discard(s->args->dir) != SMR_OK && s->problem->text[0] == '\0')
		(void)smr_cli_fail("seal.journal", SMR_E_IO, s->problem);
	if (!left && smr_sho_db_settle(s->db, s->run.first_serial) != SMR_OK && s->problem->text[0] == '\0')
		(void)smr_sho_db_fail(s->db, err, s->problem);
}

static enum smr_err run_to_end(struct sealing *s)
{
	enum smr_err err = create_files(s);

	if (err == SMR_OK)
		err = in_transaction(s);
	smr_seal_files_abort(&s->files);
	smr_seal_journal_close(s->journal);
	s->journal = NULL;
	if (err != SMR_OK) {
		give_back(s, err);
		return err;
	}
	err = smr_seal_journal_discard(s->args->dir);
	return err == SMR_OK
		       ? SMR_OK
		       : smr_problem(
				 s->problem, err,
				 "everything was sealed, but remove keys/seal.key and seal.journal in %s by hand: %s",
				 s->args->dir, smr_err_text(err));
}

/* ---- what is given ---- */

static enum smr_err check_output(struct sealing *s, const char *path, const char *full)
{
	bool unfinished = false;
	enum smr_err err = smr_sho_db_unfinished(s->db, full, &unfinished);

	if (err != SMR_OK)
		return smr_sho_db_fail(s->db, err, s->problem);
	return unfinished ? SMR_OK : smr_cli_free_name(path, s->problem);
}

static enum smr_err take_output(struct sealing *s, const char *option, const char **path, char **full)
{
	*path = smr_arg(s->args, option);
	*full = smr_cli_full_path(*path);
	return *full == NULL ? smr_cli_fail(*path, SMR_E_NOT_FOUND, s->problem) : SMR_OK;
}

static enum smr_err take_outputs(struct sealing *s)
{
	SMR_TRY(take_output(s, "out", &s->files.batch_path, &s->full_paths[0]));
	SMR_TRY(take_output(s, "auc-out", &s->files.subscriptions_path, &s->full_paths[1]));
	if (strcmp(s->full_paths[0], s->full_paths[1]) == 0)
		return smr_problem(s->problem, SMR_E_INVALID, "--out and --auc-out name the same file");
	SMR_TRY(check_output(s, s->files.batch_path, s->full_paths[0]));
	return check_output(s, s->files.subscriptions_path, s->full_paths[1]);
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
	size_t named = smr_arg_count(s->args, "eid") + smr_arg_count(s->args, "reseal") +
		       smr_arg_count(s->args, "re-enrolled");
	size_t most = named + smr_arg_count(s->args, "except");

	if (named > 0 && most > named)
		return smr_problem(s->problem, SMR_E_INVALID,
				   "--except is for all but some: it does not go with --eid, --reseal and "
				   "--re-enrolled, which name some");
	s->plan.picks = calloc(most + 1, sizeof(*s->plan.picks));
	if (s->plan.picks == NULL)
		return SMR_E_NO_MEMORY;
	SMR_TRY(add_picks(s, "eid", (struct smr_seal_pick){0}));
	SMR_TRY(add_picks(s, "except", (struct smr_seal_pick){.except = true}));
	SMR_TRY(add_picks(s, "reseal", (struct smr_seal_pick){.reseal = true}));
	SMR_TRY(add_picks(s, "re-enrolled", (struct smr_seal_pick){.reseal = true, .renewed = true}));
	qsort(s->plan.picks, s->plan.pick_count, sizeof(*s->plan.picks), smr_seal_pick_compare);
	for (size_t i = 1; i < s->plan.pick_count; i++)
		if (smr_seal_pick_compare(&s->plan.picks[i - 1], &s->plan.picks[i]) == 0)
			return smr_problem(s->problem, SMR_E_INVALID,
					   "a device is named twice in --eid, --except, --reseal and --re-enrolled");
	return SMR_OK;
}

static enum smr_err take_args(struct sealing *s)
{
	const struct smr_args *args = s->args;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	s->plan.shipment_path = smr_arg(args, "shipment");
	s->plan.csv_path = smr_arg(args, "subscriptions");
	SMR_TRY(smr_cli_uint(args, "jobs", 1, 256, cores > 0 && cores <= 256 ? (uint64_t)cores : 1, &s->jobs,
			     s->problem));
	SMR_TRY(take_picks(s));
	SMR_TRY(smr_cli_kem_card(s->sho, smr_arg(args, "ro"), "ro", &s->files.ro, &s->files.ro_kem, s->problem));
	return smr_cli_kem_card(s->sho, smr_arg(args, "auc"), "auc", &s->files.auc, &s->files.auc_kem, s->problem);
}

static void report(const struct sealing *s)
{
	const struct smr_seal_plan *p = &s->plan;

	if (p->count == 0)
		(void)printf("nothing to seal: %llu devices have their subscription already\n",
			     (unsigned long long)p->already);
	else
		(void)printf("%s, %s: %llu subscriptions sealed\n", s->files.batch_path, s->files.subscriptions_path,
			     (unsigned long long)p->count);
	if (s->sealed_before > 0)
		(void)printf("%llu of them by the run that was interrupted\n", (unsigned long long)s->sealed_before);
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
	SMR_TRY(take_outputs(s));
	SMR_TRY(open_shipment(s));
	SMR_TRY(load_orders(s));
	SMR_TRY(load_tpm_roots(s));
	SMR_TRY(compute_digest(s));
	SMR_TRY(take_up(s));
	if (!s->taken_up)
		SMR_TRY(begin_run(s));
	err = run_to_end(s);
	if ((err == SMR_OK || err == SMR_E_NOTHING) && !s->args->quiet)
		report(s);
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err seal_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct sealing s = {.args = args, .sho = &party, .files.sho = &party, .problem = problem};
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "sho", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &party, problem));
	SMR_TRY(smr_sho_db_open(args->dir, &s.db, problem));
	s.plan.sho = &party;
	s.plan.db = s.db;
	err = seal(&s);
	smr_file_close(s.shipment);
	smr_orders_free(&s.orders);
	smr_tpm_roots_close(s.roots);
	smr_seal_journal_close(s.journal);
	smr_pubkey_wipe(&s.files.ro_kem);
	smr_pubkey_wipe(&s.files.auc_kem);
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
	{"tpm-roots", 0, "FILE", 0,
	 "certificates of TPM vendors (PEM): each subscription then opens in that device's TPM alone"},
	{"unendorsed", 0, NULL, 0, "take the supplier's word for keys in TPMs"},
	{"ro", 0, "CARD", SMR_OPT_REQUIRED, "the RO that will release the subscriptions"},
	{"auc", 0, "CARD", SMR_OPT_REQUIRED, "the own authentication centre"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "batch to write, for the RO"},
	{"auc-out", 0, "FILE", SMR_OPT_REQUIRED, "file to write for the AuC"},
	{"eid", 0, "EID", SMR_OPT_REPEAT, "only this device"},
	{"except", 0, "EID", SMR_OPT_REPEAT, "all devices but this one"},
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
		   "Of devices with TPMs --tpm-roots or --unendorsed has to be given.\n"
		   "With --eid, --reseal or --re-enrolled only the devices named are sealed for.\n"
		   "A device that cannot be sealed for ends the run; --except seals for the others.\n"
		   "--re-enrolled is the operator's consent to the keys of a device that was reset and\n"
		   "enrolled anew: its subscription of before ends.\n"
		   "A run that was interrupted is repeated with the same words: it goes on where it was.",
	.example = "samara sho seal --dir sho --shipment s1.smr --subscriptions subs.csv --orders o1.smr \\\n"
		   "    --ro ro.card --auc auc.card --out batch-1.smr --auc-out subscriptions-1.smr",
};
