/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Serving: packets, files, memory, the end. Nothing that makes sockets, processes or executable memory. */
static const int allowed[] = {
	/* packets */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt),
	SCMP_SYS(close),
	/* files */
	SCMP_SYS(openat),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(fcntl),
	SCMP_SYS(fchmod),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(linkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	/* memory, random numbers, time */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(getrandom),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(sched_yield),
	/* signals and the end */
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Calls that have to make no executable memory: the third argument is the protection. */
static const int not_executable[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

static int allow_all(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp condition = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int result = 0;

	for (size_t i = 0; result == 0 && i < SMR_COUNT(allowed); i++) {
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
		/* EDOM: newer architectures do not have the older calls. */
		result = result == -EDOM ? 0 : result;
	}
	for (size_t i = 0; result == 0 && i < SMR_COUNT(not_executable); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, not_executable[i], 1, condition);
	return result;
}

static enum smr_err filter_calls(struct smr_problem *problem)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = filter == NULL ? -ENOMEM : allow_all(filter);

	if (result == 0)
		result = seccomp_load(filter);
	if (filter != NULL)
		seccomp_release(filter);
	if (result != 0)
		/* uncovered: a kernel without system call filters */
		return smr_problem(
			problem, SMR_E_IO,
			"the system call filter cannot be installed (%s): the kernel needs CONFIG_SECCOMP_FILTER",
			strerror(-result));
	return SMR_OK;
}

/* ---- Landlock: glibc has no functions for it ---- */

#define FILE_ACCESS                                                                                   \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define HANDLED_ACCESS                                                                                             \
	(FILE_ACCESS | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |               \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static bool permit(int ruleset, const char *dir, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = access};
	bool ok;

	rule.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return false;
	ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	(void)close(rule.parent_fd);
	return ok;
}

/* Where the kernel has it. Files of this user elsewhere are nothing that serving needs. */
static bool confine_files(const char *dir, const char *socket_dir)
{
	const struct landlock_ruleset_attr attributes = {.handled_access_fs = HANDLED_ACCESS};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	bool ok;

	if (ruleset < 0)
		return false; /* uncovered: a kernel without Landlock */
	ok = permit(ruleset, dir, FILE_ACCESS) && permit(ruleset, socket_dir, LANDLOCK_ACCESS_FS_REMOVE_FILE) &&
	     syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	(void)close(ruleset);
	return ok;
}

enum smr_err smr_tre_confine(const char *dir, const char *socket_dir, struct smr_tre_confinement *out,
			     struct smr_problem *problem)
{
	/* Needs CAP_SYS_ADMIN. Without it there is still no socket(): the filter sees to that. */
	out->own_network = unshare(CLONE_NEWNET) == 0;
	out->own_files = confine_files(dir, socket_dir);
	return filter_calls(problem);
}
