/* SPDX-License-Identifier: Apache-2.0 */
/* samara supplier publish: the signed list of approved measurements. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "core/release.h"
#include "sys/csv.h"
#include "sys/fsio.h"
#include "sys/text.h"

enum column { MEASUREMENT, VERSION };

static const struct smr_csv_column columns[] = {{"measurement", true}, {"version", true}};

static enum smr_err take_line(struct smr_csv *csv, struct smr_reference_record *record, struct smr_problem *problem)
{
	struct smr_space room = {record->measurement, sizeof(record->measurement)};
	struct smr_bytes version = smr_csv_field(csv, VERSION);
	enum smr_err err = smr_hex_decode(smr_csv_field(csv, MEASUREMENT), &room);

	if (err != SMR_OK || room.len != sizeof(record->measurement))
		return smr_csv_problem(csv, MEASUREMENT, SMR_E_MALFORMED, problem, "a measurement is 64 hex digits");
	if (version.len == 0 || version.len >= sizeof(record->version))
		return smr_csv_problem(csv, VERSION, SMR_E_MALFORMED, problem, "a version has 1 to 64 octets");
	memcpy(record->version, version.ptr, version.len);
	record->version[version.len] = '\0';
	return SMR_OK;
}

static enum smr_err put(struct smr_file_writer *file, const struct smr_reference_record *record)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	smr_put_reference_record(&w, record);
	return smr_cli_put(file, &w);
}

static enum smr_err put_lines(struct smr_csv *csv, struct smr_file_writer *file, uint64_t *count,
			      struct smr_problem *problem)
{
	enum smr_err err;

	while ((err = smr_csv_next(csv, problem)) == SMR_OK) {
		struct smr_reference_record record = {0};

		SMR_TRY(take_line(csv, &record, problem));
		SMR_TRY(put(file, &record));
		(*count)++;
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

static enum smr_err put_measurements(const char *path, struct smr_file_writer *file, uint64_t *count,
				     struct smr_problem *problem)
{
	struct smr_csv *csv;
	enum smr_err err;

	SMR_TRY(smr_csv_open(path, columns, SMR_COUNT(columns), &csv, problem));
	err = put_lines(csv, file, count, problem);
	smr_csv_close(csv);
	return err;
}

/* A release of this very supplier: its boot log and version. */
static enum smr_err put_release(const struct smr_pubkey *own, const char *path, struct smr_file_writer *file,
				struct smr_problem *problem)
{
	struct smr_reference_record record = {0};
	struct smr_blob encoded = {0};
	struct smr_release release;
	enum smr_err err = smr_fs_read(path, SMR_RELEASE_MAX, &encoded);

	if (err == SMR_OK)
		err = smr_release_open(smr_bytes_of(encoded.ptr, encoded.len), own, &release);
	if (err == SMR_OK) {
		record.log = release.log;
		memcpy(record.version, release.version.ptr, release.version.len);
		err = put(file, &record);
	}
	smr_blob_wipe(&encoded);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(path, err, problem);
}

static enum smr_err put_all(const struct smr_party *party, const struct smr_args *args, struct smr_file_writer *file,
			    uint64_t *count, struct smr_problem *problem)
{
	struct smr_pubkey own = {0};
	enum smr_err err = SMR_OK;

	if (smr_arg_given(args, "csv"))
		SMR_TRY(put_measurements(smr_arg(args, "csv"), file, count, problem));
	SMR_TRY(smr_pubkey_import(&own, SMR_ARRAY(party->card.sign)));
	for (size_t i = 0; i < smr_arg_count(args, "release") && err == SMR_OK; i++, (*count)++)
		err = put_release(&own, smr_arg_at(args, "release", i), file, problem);
	smr_pubkey_wipe(&own);
	SMR_TRY(err);
	/* An empty list would leave the earlier one in force at the receivers. */
	return *count > 0 ? SMR_OK : smr_problem(problem, SMR_E_MALFORMED, "there is no measurement in the file");
}

static enum smr_err write_file(const struct smr_party *party, const struct smr_args *args, uint64_t *count,
			       struct smr_problem *problem)
{
	const char *out = smr_arg(args, "out");
	uint8_t room[8];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_file_writer *file = NULL;
	struct smr_bytes about;
	uint64_t number;
	enum smr_err err;

	smr_put_empty_about(&w);
	SMR_TRY(smr_writer_done(&w, &about));
	err = smr_party_next_number(party, SMR_FILE_REFERENCES, &number);
	if (err == SMR_OK)
		err = smr_file_create(out, SMR_FILE_REFERENCES, number, &party->sign, about, NULL, &file);
	if (err == SMR_OK)
		err = put_all(party, args, file, count, problem);
	if (err == SMR_OK)
		err = smr_file_commit(file);
	else
		smr_file_abort(file);
	return err == SMR_OK || problem->text[0] != '\0' ? err : smr_cli_fail(out, err, problem);
}

static enum smr_err publish_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	uint64_t count = 0;

	if (!smr_arg_given(args, "csv") && !smr_arg_given(args, "release"))
		return smr_problem(problem, SMR_E_INVALID, "nothing to approve: give --csv, --release or both");
	SMR_TRY(smr_party_open(args->dir, "supplier", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &party, problem));
	SMR_TRY(write_file(&party, args, &count, problem));
	if (!args->quiet)
		(void)printf("%s: %llu approved measurements\n", smr_arg(args, "out"), (unsigned long long)count);
	return SMR_OK;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, publish_action);
}

static const struct smr_option options[] = {
	{"csv", 0, "FILE", 0, "measurements; - is standard input"},
	{"release", 0, "FILE", SMR_OPT_REPEAT, "a release that devices with a TPM may run"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "file of references to write"},
};

const struct smr_subcommand smr_cmd_supplier_publish = {
	.path = "supplier publish",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Write the signed list of measurements of software that you vouch for.",
	.details = "Columns of the CSV file: measurement (SHA-256 in hex, as «samara-launch --measure»\n"
		   "prints it), version.\n"
		   "A device without a TPM has a measurement, one with a TPM booted a release.\n"
		   "The list replaces the earlier one at the RO and the operators.",
	.example = "samara supplier publish --dir sup --csv approved.csv --release release.smr --out references-1.smr",
};
