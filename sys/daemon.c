/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/daemon.h"

#include <grp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void smr_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = path == NULL ? 0 : strlen(path);
	int fd;

	if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}

static enum smr_err lock_all_memory(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	int flags = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
		if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
			return SMR_E_NO_MEMORY;
		if (limit.rlim_cur != RLIM_INFINITY)
			flags = MCL_CURRENT | MCL_ONFAULT;
	}
	return mlockall(flags) == 0 ? SMR_OK : SMR_E_NO_MEMORY;
}

enum smr_err smr_process_harden(bool lock_memory)
{
	const struct rlimit no_core = {0, 0};

	if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return SMR_E_IO;
	return lock_memory ? lock_all_memory() : SMR_OK;
}

static bool is_exactly(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != gid)
			return false;
	return true;
}

enum smr_err smr_process_drop(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count)
{
	if (geteuid() != 0)
		return is_exactly(uid, gid) ? SMR_OK : SMR_E_REFUSED;
	if (setgroups(group_count, groups) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return SMR_E_IO;
	if (!is_exactly(uid, gid))
		return SMR_E_IO;
	if (uid != 0 && (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0) &&
	    gid != 0)
		return SMR_E_IO;
	return SMR_OK;
}
