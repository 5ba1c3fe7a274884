/* SPDX-License-Identifier: Apache-2.0 */
/* samara supplier release: sign what devices may boot. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "core/release.h"
#include "sys/csv.h"
#include "sys/fsio.h"
#include "sys/text.h"

enum column { PCR, DIGEST, OCTETS, NAME };

static const struct smr_csv_column columns[] = {{"pcr", true}, {"digest", true}, {"octets", false}, {"name", true}};

/* The events of a boot, with the lengths of what they are of if the file has them, and the octets of their names. */
struct stages {
	struct smr_boot_log log;
	bool has_lengths;
	uint32_t lengths[SMR_BOOT_EVENTS_MAX];
	char names[SMR_BOOT_EVENTS_MAX][SMR_BOOT_NAME_MAX];
};

/* Of a file that has the column: in each line, or the release would have lengths for some of its stages. */
static enum smr_err take_length(struct smr_csv *csv, uint32_t *out, struct smr_problem *problem)
{
	uint64_t octets;

	if (smr_parse_uint((const char *)smr_csv_field(csv, OCTETS).ptr, 0, UINT32_MAX, &octets) != SMR_OK)
		return smr_csv_problem(
			csv, OCTETS, SMR_E_MALFORMED, problem,
			"each line has a length, a number of octets from 0 to 4294967295, or the file no such column");
	*out = (uint32_t)octets;
	return SMR_OK;
}

static enum smr_err take_line(struct smr_csv *csv, struct stages *stages, struct smr_problem *problem)
{
	struct smr_tpm_event *event = &stages->log.events[stages->log.count];
	char *name = stages->names[stages->log.count];
	struct smr_bytes field = smr_csv_field(csv, NAME);
	struct smr_space room = {event->digest, sizeof(event->digest)};
	uint64_t pcr;

	if (smr_parse_uint((const char *)smr_csv_field(csv, PCR).ptr, 0, SMR_TPM_STATIC_PCRS - 1, &pcr) != SMR_OK)
		return smr_csv_problem(csv, PCR, SMR_E_MALFORMED, problem, "a PCR is a number from 0 to 15");
	if (smr_hex_decode(smr_csv_field(csv, DIGEST), &room) != SMR_OK || room.len != sizeof(event->digest))
		return smr_csv_problem(csv, DIGEST, SMR_E_MALFORMED, problem, "a digest is 64 hex digits");
	if (stages->has_lengths)
		SMR_TRY(take_length(csv, &stages->lengths[stages->log.count], problem));
	if (!smr_boot_text_is_good(field, SMR_BOOT_NAME_MAX))
		return smr_csv_problem(csv, NAME, SMR_E_MALFORMED, problem,
				       "a name has 1 to 32 octets, none of them a control character");
	memcpy(name, field.ptr, field.len);
	event->name = smr_bytes_of(name, field.len);
	event->pcr = (uint8_t)pcr;
	stages->log.count++;
	return SMR_OK;
}

static enum smr_err take_lines(struct smr_csv *csv, struct stages *stages, struct smr_problem *problem)
{
	enum smr_err err;

	while ((err = smr_csv_next(csv, problem)) == SMR_OK) {
		if (stages->log.count == SMR_BOOT_EVENTS_MAX)
			return smr_csv_problem(csv, NAME, SMR_E_TOO_MANY, problem, "a release has at most 6 stages");
		SMR_TRY(take_line(csv, stages, problem));
	}
	if (err != SMR_E_NOTHING)
		return err;
	return stages->log.count > 0 ? SMR_OK : smr_problem(problem, SMR_E_MALFORMED, "there is no stage in the file");
}

static enum smr_err read_stages(const char *path, struct stages *stages, struct smr_problem *problem)
{
	struct smr_csv *csv;
	enum smr_err err;

	SMR_TRY(smr_csv_open(path, columns, SMR_COUNT(columns), &csv, problem));
	stages->has_lengths = smr_csv_has(csv, OCTETS);
	err = take_lines(csv, stages, problem);
	smr_csv_close(csv);
	return err;
}

static enum smr_err write_release(const struct smr_party *party, const struct smr_release *release, const char *out,
				  struct smr_problem *problem)
{
	uint8_t room[SMR_RELEASE_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;
	enum smr_err err = smr_release_sign(&w, &party->sign, release);

	if (err == SMR_E_TOO_MANY)
		return smr_problem(problem, err, "the stages need more than %u octets: give the files shorter names",
				   SMR_BOOT_LOG_MAX);
	if (err == SMR_OK)
		err = smr_writer_done(&w, &encoded);
	if (err == SMR_OK)
		err = smr_fs_write(out, encoded, 0644);
	return err == SMR_OK ? SMR_OK : smr_cli_fail(out, err, problem);
}

static enum smr_err text_option(const struct smr_args *args, const char *name, size_t max, struct smr_bytes *out,
				struct smr_problem *problem)
{
	*out = smr_text_of(smr_arg(args, name));
	if (smr_boot_text_is_good(*out, max))
		return SMR_OK;
	return smr_problem(problem, SMR_E_INVALID, "--%s has 1 to %zu octets, none of them a control character", name,
			   max);
}

static enum smr_err release_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct stages stages = {0};
	struct smr_release release = {0};
	uint64_t number;
	enum smr_err err;

	SMR_TRY(text_option(args, "product", SMR_RELEASE_PRODUCT_MAX, &release.product, problem));
	SMR_TRY(text_option(args, "release", SMR_RELEASE_VERSION_MAX, &release.version, problem));
	SMR_TRY(smr_cli_uint(args, "number", 1, UINT32_MAX, 0, &number, problem));
	SMR_TRY(smr_party_open(args->dir, "supplier", SMR_PARTY_KEYS, &party, problem));
	SMR_TRY(read_stages(smr_arg(args, "csv"), &stages, problem));
	release.number = (uint32_t)number;
	release.log = stages.log;
	release.has_lengths = stages.has_lengths;
	memcpy(release.lengths, stages.lengths, sizeof(release.lengths));
	err = write_release(&party, &release, smr_arg(args, "out"), problem);
	if (err == SMR_OK && !args->quiet)
		(void)printf("%s: %s %s, number %u, %zu stages%s\n", smr_arg(args, "out"), smr_arg(args, "product"),
			     smr_arg(args, "release"), release.number, release.log.count,
			     release.has_lengths ? "" : ", without their lengths");
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, release_action);
}

static const struct smr_option options[] = {
	{"product", 0, "NAME", SMR_OPT_REQUIRED, "what it is for; devices boot nothing that is for another product"},
	{"release", 0, "TEXT", SMR_OPT_REQUIRED, "its name for people, as 1.4.2"},
	{"number", 'n', "N", SMR_OPT_REQUIRED, "against roll-back: who has booted it never boots a lower one"},
	{"csv", 0, "FILE", SMR_OPT_REQUIRED, "its stages; - is standard input"},
	{"out", 'o', "FILE", SMR_OPT_REQUIRED, "release to write"},
};

const struct smr_subcommand smr_cmd_supplier_release = {
	.path = "supplier release",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Sign what devices may boot.",
	.details = "Columns of the CSV file: pcr, digest (SHA-256 in hex), octets (that the digest is over),\n"
		   "name, as «samara-boot --measure» prints them. Leave the column octets out for devices\n"
		   "whose present TRE reads no release with lengths: the release is as good, but that a\n"
		   "stage was cut is not told from that it was altered. Raise the number when an earlier\n"
		   "release must not run any more; releases that may replace each other have the same.",
	.example =
		"samara-boot --config m2me.ini --measure |\n"
		"    samara supplier release --dir sup --product m2me-1 --release 1.4.2 -n 7 --csv - --out release.smr",
};
