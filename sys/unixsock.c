/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/unixsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/fsio.h"

static enum smr_err make_address(const char *path, struct sockaddr_un *address)
{
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(address->sun_path))
		return SMR_E_INVALID;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, len + 1);
	return SMR_OK;
}

static enum smr_err connect_err(int errnum)
{
	switch (errnum) {
	case ECONNREFUSED:
	case ENOENT:
	case ENOTDIR:
	case EAGAIN:
		return SMR_E_UNAVAILABLE;
	default:
		return smr_fs_err(errnum);
	}
}

static enum smr_err connect_to(int fd, const char *path)
{
	struct sockaddr_un address;

	SMR_TRY(make_address(path, &address));
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		if (errno != EINTR)
			return connect_err(errno);
	return SMR_OK;
}

/* A name that is taken: by a live socket (busy), by one whose process is gone (removed), or by something else. */
static enum smr_err clear_stale(const char *path, int type)
{
	struct stat st;
	enum smr_err err;
	int fd;

	if (lstat(path, &st) != 0)
		return smr_fs_err(errno);
	if (!S_ISSOCK(st.st_mode))
		return SMR_E_EXISTS;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return smr_fs_err(errno);
	err = connect_to(fd, path);
	if (err == SMR_E_UNAVAILABLE && errno == ECONNREFUSED)
		err = unlink(path) == 0 ? SMR_OK : smr_fs_err(errno);
	else
		err = SMR_E_BUSY;
	(void)close(fd);
	return err;
}

static enum smr_err bind_name(int fd, const char *path, int type, mode_t mode, gid_t gid)
{
	struct sockaddr_un address;

	SMR_TRY(make_address(path, &address));
	/* The file takes over the socket's own mode: closed to others until group and mode are right. */
	if (fchmod(fd, 0600) != 0)
		return smr_fs_err(errno);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		if (errno != EADDRINUSE)
			return smr_fs_err(errno);
		SMR_TRY(clear_stale(path, type));
		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
			return errno == EADDRINUSE ? SMR_E_BUSY : smr_fs_err(errno);
	}
	if ((gid != SMR_GID_KEEP && chown(path, (uid_t)-1, gid) != 0) || chmod(path, mode) != 0) {
		enum smr_err err = smr_fs_err(errno);

		(void)unlink(path);
		return err;
	}
	return SMR_OK;
}

static enum smr_err open_bound(const char *path, int type, mode_t mode, gid_t gid, int *fd)
{
	enum smr_err err;
	int opened = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (opened < 0)
		return smr_fs_err(errno);
	err = bind_name(opened, path, type, mode, gid);
	if (err != SMR_OK) {
		(void)close(opened);
		return err;
	}
	*fd = opened;
	return SMR_OK;
}

enum smr_err smr_unix_listen(const char *path, mode_t mode, gid_t gid, int backlog, int *fd)
{
	int opened = -1;

	SMR_TRY(open_bound(path, SOCK_SEQPACKET, mode, gid, &opened));
	if (listen(opened, backlog) != 0) {
		enum smr_err err = smr_fs_err(errno);

		(void)unlink(path);
		(void)close(opened);
		return err;
	}
	*fd = opened;
	return SMR_OK;
}

enum smr_err smr_unix_connect(const char *path, int *fd)
{
	enum smr_err err;
	int opened = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (opened < 0)
		return smr_fs_err(errno);
	err = connect_to(opened, path);
	if (err != SMR_OK) {
		(void)close(opened);
		return err;
	}
	*fd = opened;
	return SMR_OK;
}

enum smr_err smr_unix_bind_dgram(const char *path, mode_t mode, gid_t gid, int *fd)
{
	return open_bound(path, SOCK_DGRAM, mode, gid, fd);
}

enum smr_err smr_unix_connect_dgram(int fd, const char *path)
{
	return connect_to(fd, path);
}

enum smr_err smr_unix_peer(int fd, struct smr_unix_peer *out)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0 || len != sizeof(credentials))
		return SMR_E_IO;
	*out = (struct smr_unix_peer){credentials.pid, credentials.uid, credentials.gid};
	return SMR_OK;
}
