/* SPDX-License-Identifier: Apache-2.0 */
/* The one way to write a durable file: a hidden neighbour is filled, flushed, and takes the name in one step. */
#include "sys/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fault.h"

/* Of a hidden neighbour: «.NAME.RANDOM.tmp». */
#define SUFFIX ".tmp"

/* Split the path: directory opened, base name copied. */
static enum smr_err open_parent(const char *path, struct smr_fs_temp *temp)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	char *dir;

	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return SMR_E_INVALID;
	temp->name = strdup(name);
	dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (temp->name == NULL || dir == NULL) {
		free(dir);
		return SMR_E_NO_MEMORY;
	}
	temp->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return temp->dir_fd < 0 ? smr_fs_err(errno) : SMR_OK;
}

static enum smr_err create_hidden(struct smr_fs_temp *temp, mode_t mode)
{
	char *hidden = NULL;
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return SMR_E_IO;
	if (asprintf(&hidden, ".%.200s.%016llx" SUFFIX, temp->name, (unsigned long long)random) < 0)
		return SMR_E_NO_MEMORY;
	temp->temp = hidden;
	temp->fd = openat(temp->dir_fd, temp->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (temp->fd < 0 || fchmod(temp->fd, mode) != 0)
		return smr_fs_err(errno);
	SMR_FAULT("after-create", temp->name);
	return SMR_OK;
}

enum smr_err smr_fs_temp_open(const char *path, mode_t mode, bool replace, struct smr_fs_temp *out)
{
	struct smr_fs_temp temp = {.fd = -1, .dir_fd = -1, .replace = replace};
	struct stat st;
	enum smr_err err = open_parent(path, &temp);

	if (err == SMR_OK && !replace && fstatat(temp.dir_fd, temp.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		err = SMR_E_EXISTS;
	if (err == SMR_OK)
		err = create_hidden(&temp, mode);
	if (err != SMR_OK)
		smr_fs_temp_abort(&temp);
	*out = temp;
	return err;
}

/* linkat fails when the name is taken, renameat replaces; both are one step for everybody who looks. */
static int take_name(struct smr_fs_temp *temp)
{
	if (temp->replace)
		return renameat(temp->dir_fd, temp->temp, temp->dir_fd, temp->name);
	return linkat(temp->dir_fd, temp->temp, temp->dir_fd, temp->name, 0);
}

enum smr_err smr_fs_temp_commit(struct smr_fs_temp *temp)
{
	enum smr_err err = SMR_OK;
	bool named = false;

	if (temp->fd < 0)
		return SMR_E_INVALID;
	SMR_FAULT("before-flush", temp->name);
	if (fsync(temp->fd) != 0)
		err = smr_fs_err(errno);
	if (close(temp->fd) != 0 && err == SMR_OK)
		err = smr_fs_err(errno);
	temp->fd = -1;
	SMR_FAULT("before-rename", temp->name);
	if (err == SMR_OK) {
		named = take_name(temp) == 0;
		if (!named)
			err = smr_fs_err(errno);
	}
	SMR_FAULT("after-rename", temp->name);
	if (!named || !temp->replace)
		(void)unlinkat(temp->dir_fd, temp->temp, 0);
	if (named && fsync(temp->dir_fd) != 0)
		err = SMR_E_IO;
	SMR_FAULT("after-flush", temp->name);
	free(temp->temp);
	temp->temp = NULL;
	smr_fs_temp_abort(temp);
	return err;
}

void smr_fs_temp_abort(struct smr_fs_temp *temp)
{
	int saved = errno;

	if (temp->temp != NULL)
		(void)unlinkat(temp->dir_fd, temp->temp, 0);
	if (temp->temp != NULL || temp->name != NULL) {
		if (temp->fd >= 0)
			(void)close(temp->fd);
		if (temp->dir_fd >= 0)
			(void)close(temp->dir_fd);
	}
	free(temp->temp);
	free(temp->name);
	*temp = (struct smr_fs_temp){.fd = -1, .dir_fd = -1};
	errno = saved;
}

static bool is_leftover(const char *entry, const char *prefix)
{
	size_t len = strlen(entry);
	size_t end = sizeof(SUFFIX) - 1;

	return entry[0] == '.' && len > end && strcmp(entry + len - end, SUFFIX) == 0 &&
	       strncmp(entry + 1, prefix, strlen(prefix)) == 0;
}

void smr_fs_remove_leftovers(const char *dir, const char *prefix)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;

	if (stream == NULL)
		return;
	while ((entry = readdir(stream)) != NULL)
		if (is_leftover(entry->d_name, prefix))
			(void)unlinkat(dirfd(stream), entry->d_name, 0);
	(void)closedir(stream);
}
