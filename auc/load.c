/* SPDX-License-Identifier: Apache-2.0 */
#include "auc/load.h"

struct loading {
	struct smr_auc_db *db;
	struct smr_file_reader *reader;
	const char *path;
	uint64_t records;
	struct smr_problem *problem;
};

static enum smr_err apply_subscription(struct loading *l, struct smr_bytes encoded)
{
	struct smr_subscription_record record;
	enum smr_err err = smr_get_subscription_record(encoded, &record);

	if (err == SMR_OK) {
		if (record.action == SMR_SUBSCRIPTION_ADD)
			err = smr_auc_db_add(l->db, &record);
		else if (record.action == SMR_SUBSCRIPTION_WITHDRAW)
			err = smr_auc_db_withdraw(l->db, &record.iccid, record.serial);
		else
			err = smr_auc_db_suspend(l->db, &record.iccid, record.serial,
						 record.action == SMR_SUBSCRIPTION_SUSPEND);
	}
	smr_subscription_record_wipe(&record);
	return err;
}

static enum smr_err apply_reference(struct loading *l, struct smr_bytes encoded)
{
	struct smr_reference_record record;

	SMR_TRY(smr_get_reference_record(encoded, &record));
	return smr_auc_db_add_reference(l->db, smr_file_reader_info(l->reader)->sender, &record);
}

static enum smr_err apply_all(struct loading *l)
{
	const struct smr_file_info *info = smr_file_reader_info(l->reader);
	struct smr_bytes record;
	enum smr_err err;

	while ((err = smr_file_next(l->reader, &record)) == SMR_OK) {
		err = info->type == SMR_FILE_SUBSCRIPTIONS ? apply_subscription(l, record) : apply_reference(l, record);
		if (err != SMR_OK)
			return smr_problem(l->problem, err, "%s: record %llu: %s; nothing of the file was loaded",
					   l->path, (unsigned long long)smr_file_position(l->reader),
					   smr_err_text(err));
		l->records++;
	}
	return err == SMR_E_NOTHING ? SMR_OK : smr_problem(l->problem, err, "%s: %s", l->path, smr_err_text(err));
}

/** A list of references replaces the supplier's earlier one, so an older one must not come after a newer. */
static enum smr_err replace_references(struct loading *l)
{
	const struct smr_file_info *info = smr_file_reader_info(l->reader);
	uint64_t last;

	SMR_TRY(smr_auc_db_last_file(l->db, info, &last));
	if (info->number < last)
		return smr_problem(l->problem, SMR_E_SERIAL,
				   "%s has number %llu, but number %llu of this supplier is loaded", l->path,
				   (unsigned long long)info->number, (unsigned long long)last);
	return smr_auc_db_clear_references(l->db, info->sender);
}

static enum smr_err load_in_transaction(struct loading *l)
{
	const struct smr_file_info *info = smr_file_reader_info(l->reader);

	if (info->type == SMR_FILE_REFERENCES)
		SMR_TRY(replace_references(l));
	SMR_TRY(smr_auc_db_note_file(l->db, info));
	return apply_all(l);
}

static enum smr_err load_open_file(struct loading *l)
{
	enum smr_err err = smr_auc_db_begin(l->db);

	if (err == SMR_OK)
		err = load_in_transaction(l);
	else
		return smr_problem(l->problem, err, "%s: the AuC's database: %s", l->path, smr_auc_db_problem(l->db));
	if (err == SMR_OK) {
		err = smr_auc_db_end(l->db, true);
		if (err != SMR_OK)
			smr_problem(l->problem, err, "%s: cannot commit: %s; nothing was loaded", l->path,
				    smr_auc_db_problem(l->db));
		return err;
	}
	if (smr_auc_db_end(l->db, false) != SMR_OK)
		smr_problem_prefix(l->problem, err, "roll-back failed");
	return err;
}

enum smr_err smr_auc_load(struct smr_auc_db *db, const struct smr_party *auc, const char *path, uint64_t *records,
			  struct smr_problem *problem)
{
	struct loading l = {.db = db, .path = path, .problem = problem};
	enum smr_err err = smr_party_open_file(auc, path, SMR_FILE_SUBSCRIPTIONS, "sho", &l.reader, NULL, problem);

	if (err == SMR_E_UNSUPPORTED) /* another type of file: the only other one an AuC loads */
		err = smr_party_open_file(auc, path, SMR_FILE_REFERENCES, "supplier", &l.reader, NULL, problem);
	if (err != SMR_OK)
		return err;
	err = load_open_file(&l);
	*records = err == SMR_OK ? l.records : 0;
	smr_file_close(l.reader);
	return err;
}
