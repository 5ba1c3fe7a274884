/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fsio.h"

/* ---- one file ---- */

static bool same_moment(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Is what the descriptor shows still as it was, and still what stands at the path? */
static bool was_swapped(int fd, const char *path, const struct stat *before)
{
	struct stat now;
	struct stat there;

	if (fstat(fd, &now) != 0 || lstat(path, &there) != 0)
		return true;
	return now.st_size != before->st_size || !same_moment(&now.st_mtim, &before->st_mtim) ||
	       !same_moment(&now.st_ctim, &before->st_ctim) || there.st_dev != before->st_dev ||
	       there.st_ino != before->st_ino;
}

static enum smr_err refuse_open(const char *path, int errnum, struct smr_boot_refusal *refusal)
{
	enum smr_boot_reason reason = errnum == ELOOP ? SMR_BOOT_STAGE_NO_FILE : SMR_BOOT_STAGE_MISSING;

	return smr_boot_refuse(refusal, reason, smr_fs_err(errnum), "%s: %s", path,
			       errnum == ELOOP ? "a symbolic link" : strerror(errnum));
}

static enum smr_err read_stage(int fd, const char *path, struct smr_image *out, bool *swapped,
			       struct smr_boot_refusal *refusal)
{
	struct stat before;
	enum smr_err err;

	if (fstat(fd, &before) != 0 || !S_ISREG(before.st_mode))
		return smr_boot_refuse(refusal, SMR_BOOT_STAGE_NO_FILE, SMR_E_UNSUPPORTED, "%s: not a regular file",
				       path);
	err = smr_image_take(fd, smr_measured_name(path), out);
	*swapped = was_swapped(fd, path, &before);
	return err == SMR_OK ? SMR_OK
			     : smr_boot_refuse(refusal, SMR_BOOT_STAGE_MISSING, err, "%s: %s", path, smr_err_text(err));
}

/* The file is opened once; what is hashed, and later run, is what was read then. */
static enum smr_err load_file(const char *path, struct smr_image *out, bool *swapped, struct smr_boot_refusal *refusal)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum smr_err err;

	if (fd < 0)
		return refuse_open(path, errno, refusal);
	err = read_stage(fd, path, out, swapped, refusal);
	(void)close(fd);
	return err;
}

/* ---- all of them ---- */

static void add_event(struct smr_boot_stages *s, unsigned pcr, const char *name, const uint8_t digest[SMR_HASH_LEN],
		      uint32_t len)
{
	struct smr_tpm_event *event = &s->log.events[s->log.count];

	s->lengths[s->log.count++] = len;
	event->pcr = (uint8_t)pcr;
	event->name = smr_text_of(name);
	memcpy(event->digest, digest, SMR_HASH_LEN);
}

static enum smr_err add_file(struct smr_boot_stages *s, unsigned pcr, const char *name, const char *path,
			     struct smr_boot_refusal *refusal)
{
	size_t i = s->log.count;

	SMR_TRY(load_file(path, &s->images[i], &s->swapped[i], refusal));
	add_event(s, pcr, name, s->images[i].hash, s->images[i].len);
	return SMR_OK;
}

/* @p configured: path from the configuration; "": beside the others. */
static enum smr_err add_program(struct smr_boot_stages *s, const char *name, const char *configured,
				const char *directory, const char *file, struct smr_boot_refusal *refusal)
{
	char path[PATH_MAX];
	int len = *configured != '\0' ? snprintf(path, sizeof(path), "%s", configured)
				      : snprintf(path, sizeof(path), "%s/%s", directory, file);

	if (len < 0 || (size_t)len >= sizeof(path))
		return smr_boot_refuse(refusal, SMR_BOOT_CONFIG, SMR_E_NO_ROOM, "the path of %s is too long", file);
	return add_file(s, SMR_BOOT_PCR_PROGRAMS, name, path, refusal);
}

static enum smr_err add_config(struct smr_boot_stages *s, struct smr_boot_refusal *refusal)
{
	uint8_t canonical[SMR_M2ME_CANONICAL_MAX];
	struct smr_space room = {canonical, sizeof(canonical)};
	uint8_t digest[SMR_HASH_LEN];
	struct smr_bytes whole;
	enum smr_err err = smr_m2me_config_canonical(&s->config, &room);

	whole = smr_bytes_of(room.ptr, room.len);
	if (err == SMR_OK)
		err = smr_sha256(&whole, 1, digest);
	if (err != SMR_OK)
		return smr_boot_refuse(refusal, SMR_BOOT_CONFIG, err, "configuration: %s", smr_err_text(err));
	add_event(s, SMR_BOOT_PCR_DATA, SMR_STAGE_NAME_CONFIG, digest, (uint32_t)whole.len);
	return SMR_OK;
}

static enum smr_err add_files(struct smr_boot_stages *s, struct smr_boot_refusal *refusal)
{
	const struct smr_ini_list *files = &s->config.measure;

	if (files->count > SMR_STAGE_FILES_MAX)
		return smr_boot_refuse(refusal, SMR_BOOT_CONFIG, SMR_E_TOO_MANY,
				       "the configuration has %zu «measure» keys, and a boot has room for %u",
				       files->count, SMR_STAGE_FILES_MAX);
	for (size_t i = 0; i < files->count; i++) {
		const char *name = smr_measured_name(files->items[i]);

		if (!smr_boot_text_is_good(smr_text_of(name), SMR_BOOT_NAME_MAX))
			return smr_boot_refuse(
				refusal, SMR_BOOT_CONFIG, SMR_E_MALFORMED,
				"«measure»: the name of a file has 1 to %u octets, none of them a control character",
				SMR_BOOT_NAME_MAX);
		SMR_TRY(add_file(s, SMR_BOOT_PCR_DATA, name, files->items[i], refusal));
	}
	return SMR_OK;
}

enum smr_err smr_boot_stages_load(const char *config, const char *programs, struct smr_boot_stages *out,
				  struct smr_boot_refusal *refusal)
{
	struct smr_problem problem = {0};
	enum smr_err err;

	*out = (struct smr_boot_stages){0};
	for (size_t i = 0; i < SMR_COUNT(out->images); i++)
		out->images[i].fd = -1;
	err = smr_m2me_config_load(config, &out->config, &problem);
	if (err != SMR_OK)
		return smr_boot_refuse(refusal, SMR_BOOT_CONFIG, err, "%s", smr_problem_text(&problem, err));
	out->has_config = true;
	SMR_TRY(add_program(out, SMR_STAGE_NAME_LAUNCH, "", programs, "samara-launch", refusal));
	SMR_TRY(add_program(out, SMR_STAGE_NAME_TRE, out->config.tre_binary, programs, "samara-tre", refusal));
	SMR_TRY(add_program(out, SMR_STAGE_NAME_AGENT, out->config.agent_binary, programs, "samara-m2me", refusal));
	SMR_TRY(add_config(out, refusal));
	return add_files(out, refusal);
}

void smr_boot_stages_close(struct smr_boot_stages *stages)
{
	for (size_t i = 0; i < stages->log.count; i++)
		smr_image_close(&stages->images[i]);
	if (stages->has_config)
		smr_m2me_config_wipe(&stages->config);
	stages->has_config = false;
}

/* ---- against a release ---- */

static bool same_stage(const struct smr_tpm_event *a, const struct smr_tpm_event *b)
{
	return a->pcr == b->pcr && smr_bytes_equal(a->name, b->name);
}

/* The canonical configuration is written anew from what the file says and never cut: a shorter one may have a shorter address. */
static bool is_cut(const struct smr_boot_stages *s, size_t i, const struct smr_release *release)
{
	return release->has_lengths && i != SMR_STAGE_CONFIG && s->lengths[i] < release->lengths[i];
}

/* The stage that the content of stage @p i is released as, where files were exchanged with each other; or NULL. An empty file is nobody's. */
static const struct smr_tpm_event *released_as(const struct smr_boot_stages *s, size_t i,
					       const struct smr_boot_log *released)
{
	for (size_t n = 0; s->lengths[i] > 0 && n < released->count; n++)
		if (memcmp(s->log.events[i].digest, released->events[n].digest, SMR_HASH_LEN) == 0)
			return &released->events[n];
	return NULL;
}

/* For who looks for the cause: that it is refused is decided. */
static enum smr_err refuse_content(const struct smr_boot_stages *s, size_t i, const struct smr_release *release,
				   struct smr_boot_refusal *refusal)
{
	const struct smr_bytes name = s->log.events[i].name;
	const struct smr_tpm_event *other = released_as(s, i, &release->log);

	if (s->swapped[i])
		return smr_boot_refuse(refusal, SMR_BOOT_STAGE_SWAPPED, SMR_E_TAMPERED,
				       "stage %.*s: changed while it was read", (int)name.len, (const char *)name.ptr);
	if (other != NULL)
		return smr_boot_refuse(refusal, SMR_BOOT_STAGE_ALTERED, SMR_E_TAMPERED,
				       "stage %.*s: is the file of stage %.*s", (int)name.len, (const char *)name.ptr,
				       (int)other->name.len, (const char *)other->name.ptr);
	if (is_cut(s, i, release))
		return smr_boot_refuse(refusal, SMR_BOOT_STAGE_CUT, SMR_E_TRUNCATED,
				       "stage %.*s: ends after %u octets, and the release has %u", (int)name.len,
				       (const char *)name.ptr, s->lengths[i], release->lengths[i]);
	return smr_boot_refuse(refusal, SMR_BOOT_STAGE_ALTERED, SMR_E_TAMPERED,
			       "stage %.*s: is not what the release says", (int)name.len, (const char *)name.ptr);
}

enum smr_err smr_boot_stages_match(const struct smr_boot_stages *stages, const struct smr_release *release,
				   struct smr_boot_refusal *refusal)
{
	const struct smr_boot_log *own = &stages->log;
	const struct smr_boot_log *released = &release->log;
	bool same = own->count == released->count;

	for (size_t i = 0; same && i < own->count; i++)
		same = same_stage(&own->events[i], &released->events[i]);
	if (!same)
		return smr_boot_refuse(refusal, SMR_BOOT_RELEASE_STAGES, SMR_E_NOT_ADDRESSEE,
				       "the release is for other stages than this device has");
	for (size_t i = 0; i < own->count; i++)
		if (memcmp(own->events[i].digest, released->events[i].digest, SMR_HASH_LEN) != 0)
			return refuse_content(stages, i, release, refusal);
	return SMR_OK;
}
