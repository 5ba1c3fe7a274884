/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fault.h"

enum smr_err smr_fs_err(int errnum)
{
	switch (errnum) {
	case 0:
		return SMR_OK;
	case ENOENT:
	case ENOTDIR:
		return SMR_E_NOT_FOUND;
	case EEXIST:
		return SMR_E_EXISTS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EROFS:
		return SMR_E_DISK_FULL;
	case ENOMEM:
		return SMR_E_NO_MEMORY;
	default:
		return SMR_E_IO;
	}
}

void smr_blob_wipe(struct smr_blob *blob)
{
	if (blob->ptr != NULL)
		smr_wipe(blob->ptr, blob->len);
	free(blob->ptr);
	*blob = (struct smr_blob){0};
}

/* Not realloc: it would leave what may be a secret in the old place. */
static enum smr_err blob_grow(struct smr_blob *blob, size_t room)
{
	uint8_t *bigger = malloc(room + 1);
	size_t len = blob->len;

	if (bigger == NULL)
		return SMR_E_NO_MEMORY;
	if (len > 0)
		memcpy(bigger, blob->ptr, len);
	smr_blob_wipe(blob);
	*blob = (struct smr_blob){bigger, len};
	return SMR_OK;
}

static enum smr_err read_to_end(int fd, size_t max, struct smr_blob *blob)
{
	size_t room = 0;

	for (;;) {
		ssize_t got;

		if (blob->len == room) {
			/* One octet more than allowed has to fit, to see that the file is too long. */
			room = room == 0 ? 4096 : room * 2;
			if (room > max + 1)
				room = max + 1;
			SMR_TRY(blob_grow(blob, room));
		}
		got = read(fd, blob->ptr + blob->len, room - blob->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return smr_fs_err(errno);
		if (got == 0)
			break;
		blob->len += (size_t)got;
		if (blob->len > max)
			return SMR_E_TOO_MANY;
	}
	blob->ptr[blob->len] = 0;
	return SMR_OK;
}

enum smr_err smr_fs_read_fd(int fd, size_t max, struct smr_blob *out)
{
	struct smr_blob blob = {0};
	enum smr_err err;

	if (max > SIZE_MAX / 4)
		return SMR_E_INVALID;
	err = read_to_end(fd, max, &blob);
	if (err != SMR_OK)
		smr_blob_wipe(&blob);
	*out = blob;
	return err;
}

enum smr_err smr_fs_open_file(const char *path, int *fd)
{
	struct stat st;
	int opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (opened < 0)
		return smr_fs_err(errno);
	if (fstat(opened, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(opened);
		return SMR_E_NO_FILE;
	}
	*fd = opened;
	return SMR_OK;
}

enum smr_err smr_fs_read(const char *path, size_t max, struct smr_blob *out)
{
	enum smr_err err;
	int fd = -1;

	*out = (struct smr_blob){0};
	SMR_TRY(smr_fs_open_file(path, &fd));
	err = smr_fs_read_fd(fd, max, out);
	(void)close(fd);
	return err;
}

enum smr_err smr_fs_write_all(int fd, struct smr_bytes content)
{
	SMR_FAULT("before-write", "file");
	SMR_FAULT_TORN(fd, content);
	while (content.len > 0) {
		ssize_t put = write(fd, content.ptr, content.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return smr_fs_err(errno);
		content.ptr += put;
		content.len -= (size_t)put;
	}
	SMR_FAULT("after-write", "file");
	return SMR_OK;
}

static enum smr_err write_temp(const char *path, struct smr_bytes content, mode_t mode, bool replace)
{
	struct smr_fs_temp temp;
	enum smr_err err;

	SMR_TRY(smr_fs_temp_open(path, mode, replace, &temp));
	err = smr_fs_write_all(temp.fd, content);
	if (err != SMR_OK) {
		smr_fs_temp_abort(&temp);
		return err;
	}
	return smr_fs_temp_commit(&temp);
}

enum smr_err smr_fs_write(const char *path, struct smr_bytes content, mode_t mode)
{
	return write_temp(path, content, mode, true);
}

enum smr_err smr_fs_write_new(const char *path, struct smr_bytes content, mode_t mode)
{
	return write_temp(path, content, mode, false);
}

/* Make what happened to the names in the directory of @p path durable. */
static enum smr_err sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	enum smr_err err = SMR_OK;
	int fd;

	if (dir == NULL)
		return SMR_E_NO_MEMORY;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		err = smr_fs_err(errno);
	if (fd >= 0)
		(void)close(fd);
	free(dir);
	return err;
}

enum smr_err smr_fs_rename(const char *from, const char *to)
{
	SMR_FAULT("before-rename", basename(to));
	if (rename(from, to) != 0)
		return smr_fs_err(errno);
	SMR_FAULT("after-rename", basename(to));
	return sync_parent(to);
}

enum smr_err smr_fs_remove(const char *path)
{
	SMR_FAULT("before-remove", basename(path));
	if (unlink(path) != 0)
		return errno == ENOENT ? SMR_OK : smr_fs_err(errno);
	SMR_FAULT("after-remove", basename(path));
	return sync_parent(path);
}

static enum smr_err overwrite(int fd)
{
	uint8_t zeros[128] = {0};
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size > (off_t)sizeof(zeros))
		return SMR_E_IO;
	SMR_TRY(smr_fs_write_all(fd, smr_bytes_of(zeros, (size_t)st.st_size)));
	return fsync(fd) == 0 ? SMR_OK : smr_fs_err(errno);
}

enum smr_err smr_fs_erase(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	enum smr_err err;

	if (fd < 0)
		return errno == ENOENT ? SMR_OK : smr_fs_err(errno);
	err = overwrite(fd);
	(void)close(fd);
	return err == SMR_OK ? smr_fs_remove(path) : err;
}

static enum smr_err make_parent(const char *path)
{
	size_t len = strlen(path);
	char *parent;
	enum smr_err err;

	while (len > 0 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0)
		return SMR_E_NOT_FOUND;
	parent = strndup(path, len);
	if (parent == NULL)
		return SMR_E_NO_MEMORY;
	err = smr_fs_mkdir(parent, 0755);
	free(parent);
	return err;
}

enum smr_err smr_fs_mkdir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) != 0) {
		if (errno == EEXIST || errno == EISDIR)
			return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? SMR_OK : SMR_E_EXISTS;
		if (errno != ENOENT)
			return smr_fs_err(errno);
		SMR_TRY(make_parent(path));
		if (mkdir(path, mode) != 0)
			return smr_fs_err(errno);
	}
	if (chmod(path, mode) != 0)
		return smr_fs_err(errno);
	return sync_parent(path);
}

static int by_octets(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t name_len = strlen(name);
	size_t len = suffix == NULL ? 0 : strlen(suffix);

	return len <= name_len && (len == 0 || strcmp(name + name_len - len, suffix) == 0);
}

static enum smr_err list_add(struct smr_fs_list *list, size_t *room, const char *name)
{
	if (list->count == *room) {
		size_t more = *room == 0 ? 16 : *room * 2;
		char **names = reallocarray(list->names, more, sizeof(*names));

		if (names == NULL)
			return SMR_E_NO_MEMORY;
		list->names = names;
		*room = more;
	}
	list->names[list->count] = strdup(name);
	if (list->names[list->count] == NULL)
		return SMR_E_NO_MEMORY;
	list->count++;
	return SMR_OK;
}

static bool is_wanted(const char *name, const char *prefix, const char *suffix)
{
	return name[0] != '.' && strncmp(name, prefix, strlen(prefix)) == 0 && ends_with(name, suffix);
}

/* Returns where the next part begins in @p place, 0 at the end. */
static enum smr_err list_fill(DIR *dir, const char *prefix, const char *suffix, size_t look, long *place,
			      struct smr_fs_list *list)
{
	size_t room = 0;

	for (size_t i = 0; i < look; i++) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			*place = 0;
			return smr_fs_err(errno);
		}
		if (is_wanted(entry->d_name, prefix, suffix))
			SMR_TRY(list_add(list, &room, entry->d_name));
	}
	*place = telldir(dir);
	return SMR_OK;
}

enum smr_err smr_fs_list(const char *path, const char *suffix, struct smr_fs_list *out)
{
	long place = 0;

	return smr_fs_list_part(path, "", suffix, SIZE_MAX, &place, out);
}

enum smr_err smr_fs_list_part(const char *path, const char *prefix, const char *suffix, size_t look, long *place,
			      struct smr_fs_list *out)
{
	enum smr_err err;
	DIR *dir = opendir(path);

	*out = (struct smr_fs_list){0};
	if (dir == NULL)
		return smr_fs_err(errno);
	if (*place != 0)
		seekdir(dir, *place);
	err = list_fill(dir, prefix, suffix, look, place, out);
	(void)closedir(dir);
	if (err != SMR_OK)
		smr_fs_list_wipe(out);
	else if (out->count > 1)
		qsort(out->names, out->count, sizeof(*out->names), by_octets);
	return err;
}

void smr_fs_list_wipe(struct smr_fs_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct smr_fs_list){0};
}

bool smr_fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

char *smr_fs_join(const char *dir, const char *name)
{
	char *path = NULL;

	if (name[0] == '/')
		return strdup(name);
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	return path;
}

static enum smr_err lock(const char *dir, const char *name, int operation, int *fd)
{
	char *path = smr_fs_join(dir, name);
	int lock_fd;

	if (path == NULL)
		return SMR_E_NO_MEMORY;
	lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	free(path);
	if (lock_fd < 0)
		return smr_fs_err(errno);
	while (flock(lock_fd, operation) != 0) {
		int errnum = errno;

		if (errnum == EINTR)
			continue;
		(void)close(lock_fd);
		return errnum == EWOULDBLOCK ? SMR_E_BUSY : smr_fs_err(errnum);
	}
	*fd = lock_fd;
	return SMR_OK;
}

enum smr_err smr_fs_lock(const char *dir, const char *name, int *fd)
{
	return lock(dir, name, LOCK_EX | LOCK_NB, fd);
}

enum smr_err smr_fs_lock_wait(const char *dir, const char *name, int *fd)
{
	return lock(dir, name, LOCK_EX, fd);
}
