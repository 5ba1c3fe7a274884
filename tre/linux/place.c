/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/place.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/flight.h"
#include "sys/fsio.h"
#include "sys/text.h"

#define TAMPER_MAX 16u

/* ---- record and tamper line ---- */

enum smr_err smr_tre_place_store(const struct smr_tre_place *place, struct smr_bytes record)
{
	return smr_fs_write(place->record_path, record, 0600);
}

enum smr_err smr_tre_place_load(const struct smr_tre_place *place, struct smr_space *record)
{
	struct smr_blob blob;
	enum smr_err err = smr_fs_read(place->record_path, record->len, &blob);

	if (err != SMR_OK)
		return err == SMR_E_TOO_MANY ? SMR_E_TAMPERED : err;
	if (blob.len > 0)
		memcpy(record->ptr, blob.ptr, blob.len);
	record->len = blob.len;
	smr_blob_wipe(&blob);
	return SMR_OK;
}

/* Whatever stands there in place of a number is an event of its own: nobody who respects the line writes it. */
enum smr_err smr_tre_place_tamper(const struct smr_tre_place *place, uint32_t *events)
{
	uint64_t value = 0;
	struct smr_blob blob;
	enum smr_err err = smr_fs_read(place->tamper_path, TAMPER_MAX, &blob);

	if (err == SMR_E_NOT_FOUND) {
		*events = 0;
		return SMR_OK;
	}
	if (err == SMR_OK) {
		if (blob.len > 0 && blob.ptr[blob.len - 1] == '\n')
			blob.ptr[--blob.len] = '\0';
		/* A NUL inside would hide what follows. */
		err = strlen((const char *)blob.ptr) == blob.len
			      ? smr_parse_uint((const char *)blob.ptr, 0, SMR_TAMPER_TPM_STATE - 1, &value)
			      : SMR_E_MALFORMED;
		smr_blob_wipe(&blob);
	} else if (smr_err_class(err) == SMR_CLASS_LIMIT && err != SMR_E_TOO_MANY) {
		return err; /* our own trouble in reading is no event: it would be latched for good */
	}
	*events = err == SMR_OK ? (uint32_t)value : SMR_TRE_LINUX_TAMPER_FILE;
	return SMR_OK;
}

/* ---- life ---- */

static enum smr_err take_directory(const char *dir, struct smr_problem *problem)
{
	struct stat st;
	enum smr_err err = smr_fs_exists(dir) ? SMR_OK : smr_fs_mkdir(dir, 0700);

	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: cannot be made: %s", dir, strerror(errno));
	if (stat(dir, &st) != 0)
		/* uncovered: somebody removes it between two calls */
		return smr_problem(problem, smr_fs_err(errno), "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return smr_problem(problem, SMR_E_REFUSED, "%s: it is no directory", dir);
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return smr_problem(problem, SMR_E_REFUSED,
				   "%s: it has to belong to user %u alone: chown it and chmod it to 0700", dir,
				   (unsigned)geteuid());
	return SMR_OK;
}

enum smr_err smr_tre_place_open(struct smr_tre_place *place, const char *dir, struct smr_problem *problem)
{
	enum smr_err err;

	*place = (struct smr_tre_place){.lock_fd = -1};
	SMR_TRY(take_directory(dir, problem));
	err = smr_fs_lock(dir, "lock", &place->lock_fd);
	if (err == SMR_E_BUSY)
		return smr_problem(problem, err, "%s: another samara-tre works there; one directory is one TRE", dir);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s/lock: %s", dir, strerror(errno));
	smr_fs_remove_leftovers(dir, "");
	place->record_path = smr_fs_join(dir, "record");
	place->tamper_path = smr_fs_join(dir, SMR_TRE_TAMPER_NAME);
	if (place->record_path == NULL || place->tamper_path == NULL)
		/* uncovered: out of memory */
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	return SMR_OK;
}

void smr_tre_place_close(struct smr_tre_place *place)
{
	free(place->record_path);
	free(place->tamper_path);
	if (place->lock_fd >= 0)
		(void)close(place->lock_fd);
	*place = (struct smr_tre_place){.lock_fd = -1};
}
