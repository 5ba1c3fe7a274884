/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cbor.h"
#include "sys/fsio.h"

#define PROGRAM_MAX ((size_t)256 << 20)
#define FILE_ROOM 320u /* encoded name of at most 255 octets, and hash */

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* since Linux 6.3, and needed where vm.memfd_noexec is 1 */
#endif

static int make_memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	return fd >= 0 || errno != EINVAL ? fd : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

enum smr_err smr_image_make(const char *name, struct smr_bytes content, struct smr_image *out)
{
	enum smr_err err;

	out->fd = make_memory_file(name);
	if (out->fd < 0)
		return smr_fs_err(errno);
	err = smr_fs_write_all(out->fd, content);
	if (err == SMR_OK && fcntl(out->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		err = smr_fs_err(errno); /* uncovered: a file made for sealing can be sealed */
	if (err == SMR_OK)
		err = smr_sha256(&content, 1, out->hash);
	out->len = (uint32_t)content.len;
	if (err != SMR_OK)
		smr_image_close(out);
	return err;
}

const char *smr_measured_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Takes the blob over. */
static enum smr_err make_of_blob(enum smr_err err, struct smr_blob *blob, const char *name, struct smr_image *out)
{
	out->fd = -1;
	if (err == SMR_OK)
		err = smr_image_make(name, smr_bytes_of(blob->ptr, blob->len), out);
	smr_blob_wipe(blob);
	return err;
}

enum smr_err smr_image_take(int fd, const char *name, struct smr_image *out)
{
	struct smr_blob blob = {0};
	enum smr_err err = smr_fs_read_fd(fd, PROGRAM_MAX, &blob);

	return make_of_blob(err, &blob, name, out);
}

enum smr_err smr_image_load(const char *path, struct smr_image *out, struct smr_problem *problem)
{
	struct smr_blob blob = {0};
	enum smr_err err = smr_fs_read(path, PROGRAM_MAX, &blob);

	err = make_of_blob(err, &blob, smr_measured_name(path), out);
	return err == SMR_OK ? SMR_OK : smr_problem(problem, err, "%s: %s", path, smr_err_text(err));
}

void smr_image_close(struct smr_image *image)
{
	if (image->fd >= 0)
		(void)close(image->fd);
	image->fd = -1;
}

static enum smr_err hash_file(const char *path, uint8_t hash[SMR_HASH_LEN], struct smr_problem *problem)
{
	struct smr_blob blob;
	struct smr_bytes content;
	enum smr_err err = smr_fs_read(path, PROGRAM_MAX, &blob);

	content = smr_bytes_of(blob.ptr, blob.len);
	if (err == SMR_OK)
		err = smr_sha256(&content, 1, hash);
	smr_blob_wipe(&blob);
	return err == SMR_OK ? SMR_OK : smr_problem(problem, err, "%s: %s", path, smr_err_text(err));
}

static enum smr_err put_files(struct smr_writer *w, const struct smr_ini_list *paths, struct smr_problem *problem)
{
	smr_put_array(w, paths->count);
	for (size_t i = 0; i < paths->count; i++) {
		const char *name = smr_measured_name(paths->items[i]);
		uint8_t hash[SMR_HASH_LEN];

		SMR_TRY(hash_file(paths->items[i], hash, problem));
		smr_put_array(w, 2);
		smr_put_bytes(w, smr_bytes_of(name, strlen(name)));
		smr_put_bytes(w, SMR_ARRAY(hash));
	}
	return SMR_OK;
}

static enum smr_err put_measured(struct smr_writer *w, const struct smr_m2me_config *config,
				 const struct smr_measured *measured, struct smr_problem *problem)
{
	uint8_t canonical[SMR_M2ME_CANONICAL_MAX];
	struct smr_space room = {canonical, sizeof(canonical)};
	enum smr_err err = smr_m2me_config_canonical(config, &room);

	if (err != SMR_OK)
		/* uncovered: what the loader accepts fits */
		return smr_problem(problem, err, "configuration: %s", smr_err_text(err));
	smr_put_array(w, 5);
	smr_put_text(w, SMR_TEXT("samara1 measurement"));
	smr_put_bytes(w, SMR_ARRAY(measured->tre.hash));
	smr_put_bytes(w, SMR_ARRAY(measured->agent.hash));
	smr_put_bytes(w, smr_bytes_of(room.ptr, room.len));
	return put_files(w, &config->measure, problem);
}

enum smr_err smr_measure(const struct smr_m2me_config *config, struct smr_measured *out, struct smr_problem *problem)
{
	size_t len = SMR_M2ME_CANONICAL_MAX + 256 + config->measure.count * FILE_ROOM;
	uint8_t *room = malloc(len);
	struct smr_writer w = smr_writer_init((struct smr_space){room, len});
	struct smr_bytes list = SMR_NONE;
	enum smr_err err;

	if (room == NULL)
		/* uncovered: out of memory */
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = put_measured(&w, config, out, problem);
	if (err == SMR_OK) {
		err = smr_writer_done(&w, &list);
		if (err == SMR_OK)
			err = smr_sha256(&list, 1, out->measurement);
		if (err != SMR_OK)
			/* uncovered: the room was counted, and the crypto library works */
			err = smr_problem(problem, err, "measurement: %s", smr_err_text(err));
	}
	free(room);
	return err;
}

enum smr_err smr_image_of_config(const struct smr_m2me_config *config, struct smr_image *out,
				 struct smr_problem *problem)
{
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);
	enum smr_err err = stream == NULL ? SMR_E_NO_MEMORY : smr_m2me_config_write(config, stream);

	if (stream != NULL && fclose(stream) != 0 && err == SMR_OK)
		err = SMR_E_NO_MEMORY; /* uncovered: out of memory */
	if (err == SMR_OK)
		err = smr_image_make("samara-m2me.ini", smr_bytes_of(text, len), out);
	free(text);
	return err == SMR_OK ? SMR_OK : smr_problem(problem, err, "configuration: %s", smr_err_text(err));
}

enum smr_err smr_measured_load(const struct smr_m2me_config *config, const char *tre_path, const char *agent_path,
			       struct smr_measured *out, struct smr_problem *problem)
{
	*out = (struct smr_measured){.tre.fd = -1, .agent.fd = -1, .config.fd = -1};
	SMR_TRY(smr_image_load(tre_path, &out->tre, problem));
	SMR_TRY(smr_image_load(agent_path, &out->agent, problem));
	return smr_image_of_config(config, &out->config, problem);
}

void smr_measured_close(struct smr_measured *measured)
{
	smr_image_close(&measured->tre);
	smr_image_close(&measured->agent);
	smr_image_close(&measured->config);
}
