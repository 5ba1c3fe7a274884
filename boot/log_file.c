/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/log_file.h"

#include <sys/stat.h>

#include "sys/fsio.h"

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* May this boot's log take the place of what is there? */
static enum smr_err check_place(const char *path)
{
	struct smr_blob blob = {0};
	enum smr_err err = is_link(path) ? SMR_E_NO_FILE : smr_fs_read(path, SMR_BOOT_LOG_MAX, &blob);
	struct smr_boot_log former;
	struct smr_reader r;

	if (err == SMR_E_NOT_FOUND)
		return SMR_OK;
	if (err == SMR_OK) {
		r = smr_reader_init(smr_bytes_of(blob.ptr, blob.len));
		smr_get_boot_log(&r, &former);
		err = smr_reader_done(&r);
	}
	smr_blob_wipe(&blob);
	return err == SMR_E_NO_FILE || err == SMR_OK ? err : SMR_E_EXISTS;
}

enum smr_err smr_boot_log_write(const char *path, const struct smr_boot_log *log, struct smr_boot_refusal *refusal)
{
	uint8_t room[SMR_BOOT_LOG_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;
	enum smr_err err = check_place(path);

	if (err != SMR_OK)
		return smr_boot_refuse(refusal, SMR_BOOT_LOG, err, "%s: is there, and is no boot log", path);
	smr_put_boot_log(&w, log);
	err = smr_writer_done(&w, &encoded);
	if (err == SMR_OK)
		err = smr_fs_write(path, encoded, 0644);
	return err == SMR_OK ? SMR_OK : smr_boot_refuse(refusal, SMR_BOOT_LOG, err, "%s: %s", path, smr_err_text(err));
}
