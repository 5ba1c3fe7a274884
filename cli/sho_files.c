/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sho_files.h"

#include "cli/cli.h"
#include "sys/fsio.h"

/* ---- begin ---- */

static enum smr_err create_batch(struct smr_seal_files *f, uint64_t number, struct smr_problem *problem)
{
	uint8_t room[SMR_FILE_ABOUT_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes about;
	enum smr_err err;

	smr_put_batch_about(&w, smr_bytes_of(f->auc.encoded, f->auc.encoded_len));
	err = smr_writer_done(&w, &about);
	if (err == SMR_OK)
		err = smr_file_create(f->batch_path, SMR_FILE_BATCH, number, &f->sho->sign, about, &f->ro_kem,
				      &f->batch);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(f->batch_path, err, problem);
}

static enum smr_err create_subscriptions(struct smr_seal_files *f, uint64_t number, struct smr_problem *problem)
{
	uint8_t room[8];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes about;
	enum smr_err err;

	smr_put_empty_about(&w);
	err = smr_writer_done(&w, &about);
	if (err == SMR_OK)
		err = smr_file_create(f->subscriptions_path, SMR_FILE_SUBSCRIPTIONS, number, &f->sho->sign, about,
				      &f->auc_kem, &f->subscriptions);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(f->subscriptions_path, err, problem);
}

enum smr_err smr_seal_files_create(struct smr_seal_files *files, uint64_t batch, uint64_t subscriptions,
				   struct smr_problem *problem)
{
	enum smr_err err = smr_cli_key_id(files->sho->card.sign, &files->operator_id);

	if (err == SMR_OK)
		err = create_batch(files, batch, problem);
	if (err == SMR_OK)
		err = create_subscriptions(files, subscriptions, problem);
	return err;
}

/* ---- records ---- */

_Static_assert(SMR_X_MAX + SMR_SIG_LEN + SMR_ORDER_MAX + 128 + SMR_AEAD_TAG_LEN <= SMR_SEAL_RECORD_MAX,
	       "a package fits");

static enum smr_err prepare(const struct smr_file_writer *file, uint64_t number, const struct smr_writer *w,
			    uint8_t out[SMR_SEAL_RECORD_MAX], size_t *len)
{
	struct smr_space room = {out, SMR_SEAL_RECORD_MAX};
	struct smr_bytes record;

	SMR_TRY(smr_writer_done(w, &record));
	SMR_TRY(smr_file_prepare(file, number, record, &room));
	*len = room.len;
	return SMR_OK;
}

static enum smr_err prepare_package(const struct smr_seal_files *f, struct smr_seal_job *job)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_batch_record record = {
		.eid = job->device.eid,
		.package = {.operator_id = f->operator_id,
			    .iccid = job->subscription.iccid,
			    .serial = job->serial,
			    .x = {job->x, job->x_len},
			    .order = job->order},
		.has_shipment = true,
		.shipment = f->shipment,
		.interval_s = job->subscription.mcim.checkin_interval_s,
	};

	memcpy(record.package.w, job->w, sizeof(record.package.w));
	smr_put_batch_record(&w, &record);
	return prepare(f->batch, job->number, &w, job->package, &job->package_len);
}

static enum smr_err prepare_subscription(const struct smr_seal_files *f, struct smr_seal_job *job)
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
	memcpy(record.supplier, f->supplier, sizeof(record.supplier));
	record.platform = f->platform;
	smr_put_subscription_record(&w, &record);
	err = prepare(f->subscriptions, job->number, &w, job->record, &job->record_len);
	smr_subscription_record_wipe(&record);
	smr_wipe(room, w.len < sizeof(room) ? w.len : sizeof(room));
	return err;
}

enum smr_err smr_seal_files_prepare(void *files, struct smr_seal_job *job)
{
	job->field = NULL;
	SMR_TRY(prepare_package(files, job));
	return prepare_subscription(files, job);
}

enum smr_err smr_seal_files_put(struct smr_seal_files *files, const struct smr_seal_job *job,
				struct smr_problem *problem)
{
	enum smr_err err =
		smr_file_put_prepared(files->batch, job->number, smr_bytes_of(job->package, job->package_len));

	if (err != SMR_OK)
		return smr_cli_fail(files->batch_path, err, problem);
	err = smr_file_put_prepared(files->subscriptions, job->number, smr_bytes_of(job->record, job->record_len));
	return err == SMR_OK ? SMR_OK : smr_cli_fail(files->subscriptions_path, err, problem);
}

/* ---- end ---- */

enum smr_err smr_seal_files_commit(struct smr_seal_files *files, struct smr_problem *problem)
{
	enum smr_err err = smr_file_commit(files->subscriptions);

	files->subscriptions = NULL;
	if (err != SMR_OK)
		return smr_cli_fail(files->subscriptions_path, err, problem);
	err = smr_file_commit(files->batch);
	files->batch = NULL;
	return err == SMR_OK ? SMR_OK : smr_cli_fail(files->batch_path, err, problem);
}

void smr_seal_files_remove(struct smr_seal_files *files, struct smr_problem *problem)
{
	if (smr_fs_remove(files->batch_path) != SMR_OK || smr_fs_remove(files->subscriptions_path) != SMR_OK)
		(void)smr_problem_prefix(problem, SMR_E_IO, "remove %s and %s by hand", files->batch_path,
					 files->subscriptions_path);
}

void smr_seal_files_abort(struct smr_seal_files *files)
{
	smr_file_abort(files->batch);
	smr_file_abort(files->subscriptions);
	files->batch = NULL;
	files->subscriptions = NULL;
}
