/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/text.h"

int smr_cli_run(const struct smr_args *args, smr_cli_action *action)
{
	struct smr_problem problem = {{0}};
	enum smr_err err = smr_process_harden(false);

	if (err == SMR_OK)
		err = action(args, &problem);
	if (err == SMR_OK && fflush(stdout) != 0)
		err = smr_problem(&problem, SMR_E_IO, "standard output: %s", smr_err_text(SMR_E_IO));
	if (err == SMR_E_INVALID)
		return smr_args_usage(args, "%s", smr_problem_text(&problem, err));
	if (err != SMR_OK)
		(void)fprintf(stderr, "samara %s: %s\n", args->command->path, smr_problem_text(&problem, err));
	return smr_exit_code(err);
}

enum smr_err smr_cli_json(json_t *object)
{
	int failed;

	if (object == NULL)
		return SMR_E_NO_MEMORY;
	failed = json_dumpf(object, stdout, JSON_PRESERVE_ORDER);
	json_decref(object);
	(void)putchar('\n');
	return failed == 0 ? SMR_OK : SMR_E_IO;
}

enum smr_err smr_cli_uint(const struct smr_args *args, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
			  uint64_t *out, struct smr_problem *problem)
{
	const char *value = smr_arg(args, name);

	*out = fallback;
	if (value == NULL || smr_parse_uint(value, min, max, out) == SMR_OK)
		return SMR_OK;
	return smr_problem(problem, SMR_E_INVALID, "--%s needs a whole number from %llu to %llu", name,
			   (unsigned long long)min, (unsigned long long)max);
}

enum smr_err smr_cli_duration(const struct smr_args *args, const char *name, uint64_t min, uint64_t max,
			      uint64_t fallback, uint64_t *out, struct smr_problem *problem)
{
	const char *value = smr_arg(args, name);

	*out = fallback;
	if (value == NULL || smr_parse_duration(value, min, max, out) == SMR_OK)
		return SMR_OK;
	return smr_problem(problem, SMR_E_INVALID,
			   "--%s needs a duration like 90s, 15m, 24h or 7d, from %llus to %llus", name,
			   (unsigned long long)min, (unsigned long long)max);
}

enum smr_err smr_cli_eid(const char *text, struct smr_eid *out, struct smr_problem *problem)
{
	enum smr_err err = smr_eid_parse(smr_text_of(text), out);

	if (err == SMR_OK)
		return SMR_OK;
	return smr_problem(problem, SMR_E_INVALID, "--eid %s: %s", text,
			   err == SMR_E_CHECK_DIGIT ? smr_err_text(err) : "an EID has 32 digits");
}

enum smr_err smr_cli_iccid(const char *text, struct smr_iccid *out, struct smr_problem *problem)
{
	enum smr_err err = smr_iccid_parse(smr_text_of(text), out);

	if (err == SMR_OK)
		return SMR_OK;
	return smr_problem(problem, SMR_E_INVALID, "--iccid %s: %s", text,
			   err == SMR_E_CHECK_DIGIT ? smr_err_text(err) : "an ICCID has 19 or 20 digits");
}

enum smr_err smr_cli_card(const struct smr_party *party, const char *path, const char *role, struct smr_card *out,
			  struct smr_problem *problem)
{
	struct smr_card known;
	enum smr_err err = smr_card_read(path, role, out);

	if (err == SMR_E_UNSUPPORTED)
		return smr_problem(problem, err, "%s is not the card of a party of role %s", path, role);
	if (err != SMR_OK)
		return smr_cli_fail(path, err, problem);
	err = smr_party_find(party, role, out->sign, &known, problem);
	if (err != SMR_OK)
		return smr_problem_prefix(problem, err, "%s", path);
	if (known.encoded_len != out->encoded_len || memcmp(known.encoded, out->encoded, known.encoded_len) != 0)
		return smr_problem(problem, SMR_E_UNTRUSTED_KEY,
				   "%s is not the card of this %s that was trusted: compare its fingerprint, then "
				   "accept it with «trust»",
				   path, role);
	return SMR_OK;
}

enum smr_err smr_cli_kem_card(const struct smr_party *party, const char *path, const char *role, struct smr_card *out,
			      struct smr_pubkey *kem, struct smr_problem *problem)
{
	enum smr_err err;

	SMR_TRY(smr_cli_card(party, path, role, out, problem));
	if (!out->has_kem)
		return smr_problem(problem, SMR_E_UNSUPPORTED, "%s has no key to seal to", path);
	err = smr_pubkey_import(kem, SMR_ARRAY(out->kem));
	return err == SMR_OK ? SMR_OK : smr_cli_fail(path, err, problem);
}

enum smr_err smr_cli_free_name(const char *path, struct smr_problem *problem)
{
	if (!smr_fs_exists(path))
		return SMR_OK;
	return smr_problem(problem, SMR_E_EXISTS,
			   "%s exists already and may not have been carried yet; choose another name or remove it",
			   path);
}

char *smr_cli_full_path(const char *path)
{
	char resolved[PATH_MAX];
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	char *full = NULL;

	if (dir != NULL && realpath(dir, resolved) != NULL)
		full = smr_fs_join(resolved, slash == NULL ? path : slash + 1);
	free(dir);
	return full;
}

enum smr_err smr_cli_fail(const char *path, enum smr_err err, struct smr_problem *problem)
{
	return smr_problem(problem, err, "%s: %s", path, smr_err_text(err));
}

enum smr_err smr_cli_record(const char *path, const struct smr_file_reader *reader, const char *field, enum smr_err err,
			    struct smr_problem *problem)
{
	return smr_problem(problem, err, "%s: record %llu: %s%s%s", path, (unsigned long long)smr_file_position(reader),
			   field == NULL ? "" : field, field == NULL ? "" : ": ", smr_err_text(err));
}

enum smr_err smr_cli_put(struct smr_file_writer *file, const struct smr_writer *record)
{
	struct smr_bytes bytes;

	SMR_TRY(smr_writer_done(record, &bytes));
	return smr_file_put(file, bytes);
}

enum smr_err smr_cli_key_id(const uint8_t point[SMR_POINT_COMPRESSED_LEN], struct smr_key_id *out)
{
	struct smr_pubkey key = {0};
	enum smr_err err = smr_pubkey_import(&key, smr_bytes_of(point, SMR_POINT_COMPRESSED_LEN));

	if (err == SMR_OK)
		err = smr_key_id_of(key.point, out);
	smr_pubkey_wipe(&key);
	return err;
}

void smr_cli_time(uint64_t unix_s, char out[24])
{
	time_t t = (time_t)unix_s;
	struct tm utc;

	if (gmtime_r(&t, &utc) == NULL || strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		(void)snprintf(out, 24, "%s", "?");
}
