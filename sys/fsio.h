/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fsio.h
 * Files that survive a power cut: bounded reads, durable atomic writes, directories, locks.
 *
 * Common errors: SMR_E_NOT_FOUND (ENOENT, ENOTDIR), SMR_E_EXISTS, SMR_E_DISK_FULL (ENOSPC, EDQUOT, EFBIG, EROFS),
 * SMR_E_NO_MEMORY, SMR_E_NO_FILE (where a regular file has to be: a pipe, a device, a directory), SMR_E_IO (all else). errno still tells which when a function returns an error.
 */
#ifndef SMR_FSIO_H
#define SMR_FSIO_H

#include <sys/types.h>

#include "base/base.h"

/** The error that an errno value means. */
enum smr_err smr_fs_err(int errnum);

/** Octets on the heap, with a NUL behind them that len does not count. */
struct smr_blob {
	uint8_t *ptr;
	size_t len;
};
/** Wipes and frees; a zeroed blob is allowed. */
void smr_blob_wipe(struct smr_blob *blob);

/**
 * Open for reading. A regular file only, or SMR_E_NO_FILE: nobody writes into a pipe that stands in its place, and who reads would wait for good.
 * A symbolic link is followed.
 */
enum smr_err smr_fs_open_file(const char *path, int *fd) SMR_MUST_USE;
/**
 * Read a whole file, as smr_fs_open_file opens it.
 * @param max  most octets; SMR_E_TOO_MANY: the file is longer.
 * @param out  release with smr_blob_wipe.
 */
enum smr_err smr_fs_read(const char *path, size_t max, struct smr_blob *out) SMR_MUST_USE;
/** The same from an open descriptor, from where it stands. */
enum smr_err smr_fs_read_fd(int fd, size_t max, struct smr_blob *out) SMR_MUST_USE;

/** write() until all is written. */
enum smr_err smr_fs_write_all(int fd, struct smr_bytes content) SMR_MUST_USE;

/**
 * Write a file so that, whatever happens, either the old or the new content is there under @p path, and the new one
 * durably when this returns SMR_OK. An existing file is replaced.
 * @param mode  permission bits, set exactly (umask does not matter).
 */
enum smr_err smr_fs_write(const char *path, struct smr_bytes content, mode_t mode) SMR_MUST_USE;
/** The same, but SMR_E_EXISTS when there is a file already. */
enum smr_err smr_fs_write_new(const char *path, struct smr_bytes content, mode_t mode) SMR_MUST_USE;

/** A file being written beside its final name, for content that is streamed. */
struct smr_fs_temp {
	int fd; /* write here; -1: closed */
	int dir_fd;
	bool replace;
	char *temp; /* names inside dir_fd */
	char *name;
};
/** @param replace  false: commit fails with SMR_E_EXISTS when there is a file (also checked here, early). */
enum smr_err smr_fs_temp_open(const char *path, mode_t mode, bool replace, struct smr_fs_temp *out) SMR_MUST_USE;
/** fsync, rename, fsync the directory. Releases @p temp in every case. On error nothing has become visible, unless the
 * very last step failed (SMR_E_IO): then the whole file is there, but perhaps not after a power cut. */
enum smr_err smr_fs_temp_commit(struct smr_fs_temp *temp) SMR_MUST_USE;
/** Remove and release. After commit, or on a wiped one, it does nothing. */
void smr_fs_temp_abort(struct smr_fs_temp *temp);

/**
 * Remove what a crash left of files that were being written in @p dir and never took their name: as much as can be removed.
 * @param prefix  with which the names of those files begin; "": all. Only for who alone writes such files there, and writes none now.
 */
void smr_fs_remove_leftovers(const char *dir, const char *prefix);

/** Give a file another name in the same directory, durably and in one step; a file of that name is replaced. */
enum smr_err smr_fs_rename(const char *from, const char *to) SMR_MUST_USE;

/** Remove a file durably. A missing one is SMR_OK. */
enum smr_err smr_fs_remove(const char *path) SMR_MUST_USE;

/** Overwrite a small file, of a key, with zeros, and remove it, both durably. In place: on most file systems the key's own
 * blocks are what is written. A missing one is SMR_OK; SMR_E_IO: it is longer than 128 octets. */
enum smr_err smr_fs_erase(const char *path) SMR_MUST_USE;

/** Make a directory with exactly @p mode and its parents (0755). An existing directory is SMR_OK and keeps its mode. */
enum smr_err smr_fs_mkdir(const char *path, mode_t mode) SMR_MUST_USE;

/** Names in a directory, sorted by octets; hidden ones («.…») are left out. */
struct smr_fs_list {
	char **names;
	size_t count;
};
/** @param suffix  only names that end so, or NULL. */
enum smr_err smr_fs_list(const char *path, const char *suffix, struct smr_fs_list *out) SMR_MUST_USE;
void smr_fs_list_wipe(struct smr_fs_list *list);
/**
 * A part of a directory that may be too large to be read as a whole.
 * @param prefix  only names that begin so, or "".
 * @param look    entries that are read at most, of whatever name: so many names at most are in @p out.
 * @param place   [in, out] 0: from the beginning, and afterwards: the end was reached. Else where the part before ended, to go on from there, also
 *        with another process: only a hint, so any value is allowed. What is added or removed meanwhile may be missed in this turn, or found twice;
 *        what stays is found in the next turn.
 */
enum smr_err smr_fs_list_part(const char *path, const char *prefix, const char *suffix, size_t look, long *place,
			      struct smr_fs_list *out) SMR_MUST_USE;

bool smr_fs_exists(const char *path);
/** «dir/name» on the heap (free with free()), or NULL when memory is out. An absolute @p name is returned as it is. */
char *smr_fs_join(const char *dir, const char *name) SMR_MUST_USE;

/**
 * Take the advisory lock DIR/NAME: one process at a time. Held until the descriptor is closed or the process ends.
 * @return SMR_E_BUSY: another process has it.
 */
enum smr_err smr_fs_lock(const char *dir, const char *name, int *fd) SMR_MUST_USE;
/** The same, but wait. */
enum smr_err smr_fs_lock_wait(const char *dir, const char *name, int *fd) SMR_MUST_USE;

#endif
