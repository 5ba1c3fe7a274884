/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/signals.h"

/* ---- in the child ---- */

/* Of the environment only what tells the log where it writes. */
static void clean_environment(char *environment[3], char journal[128])
{
	static char path[] = "PATH=/usr/bin:/bin";
	const char *stream = getenv("JOURNAL_STREAM");

	environment[0] = path;
	if (stream != NULL && (size_t)snprintf(journal, 128, "JOURNAL_STREAM=%s", stream) < 128)
		environment[1] = journal;
}

/* Descriptors 0 to 3 as promised; whatever else is open goes at exec, the image included. */
static bool arrange_descriptors(const struct smr_child_plan *plan, int *image)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* Out of the way of the places that are about to be taken. */
	int give = plan->give_fd < 0 ? null : fcntl(plan->give_fd, F_DUPFD_CLOEXEC, SMR_CHILD_FD + 1);
	unsigned first = plan->give_fd < 0 ? SMR_CHILD_FD : SMR_CHILD_FD + 1;

	*image = fcntl(plan->image, F_DUPFD_CLOEXEC, SMR_CHILD_FD + 1);
	return null >= 0 && give >= 0 && *image >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	       (plan->give_fd < 0 || dup2(give, SMR_CHILD_FD) >= 0) &&
	       close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool become(const struct smr_child_plan *plan)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	size_t groups = plan->extra_group == plan->gid ? 0 : 1;

	if (plan->no_network)
		(void)unshare(CLONE_NEWNET);
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* so that the TRE may lock its memory as an ordinary user */
	return smr_process_drop(plan->uid, plan->gid, &plan->extra_group, groups) == SMR_OK &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0;
}

static _Noreturn void run_program(const struct smr_child_plan *plan, pid_t parent)
{
	char *environment[3] = {NULL};
	char journal[128];
	int image = -1;

	smr_signals_restore();
	/* A key pressed at the terminal is for the supervisor alone, which ends its children in order. */
	(void)setpgid(0, 0);
	(void)umask(077);
	clean_environment(environment, journal);
	if (chdir("/") == 0 && arrange_descriptors(plan, &image) && become(plan)) {
		if (getppid() != parent)
			_exit(0); /* uncovered: the parent would have to die between two calls */
		(void)fexecve(image, plan->argv, environment);
	}
	(void)fprintf(stderr, "samara-launch: %s: %s\n", plan->argv[0], strerror(errno));
	_exit(127);
}

/* ---- in the parent ---- */

enum smr_err smr_child_start(struct smr_child *child, const struct smr_child_plan *plan, uint64_t now_ms)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return smr_fs_err(errno); /* uncovered: no process or no memory left on the machine */
	if (pid == 0)
		run_program(plan, parent);
	child->pidfd = pidfd_open(pid, 0);
	if (child->pidfd < 0) {
		int errnum = errno;

		/* Not reaped yet, so the number is still its own. */
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return smr_fs_err(errnum);
	}
	child->pid = pid;
	child->started_ms = now_ms;
	smr_log(SMR_LOG_INFO, "child.started", "name=%s pid=%d uid=%u", child->name, (int)pid, (unsigned)plan->uid);
	return SMR_OK;
}

void smr_child_postpone(struct smr_child *child, uint64_t now_ms)
{
	if (child->backoff_ms == 0)
		child->backoff_ms = SMR_CHILD_BACKOFF_MIN_MS;
	else if (child->backoff_ms < SMR_CHILD_BACKOFF_MAX_MS / 2)
		child->backoff_ms *= 2;
	else
		child->backoff_ms = SMR_CHILD_BACKOFF_MAX_MS;
	child->due_ms = now_ms + child->backoff_ms;
}

static void collect(struct smr_child *child, siginfo_t *info)
{
	while (waitid(P_PIDFD, (id_t)child->pidfd, info, WEXITED) != 0 && errno == EINTR)
		;
	(void)close(child->pidfd);
	child->pidfd = -1;
	child->pid = 0;
}

void smr_child_reap(struct smr_child *child, uint64_t now_ms)
{
	siginfo_t info = {0};

	collect(child, &info);
	if (now_ms - child->started_ms >= SMR_CHILD_STEADY_MS)
		child->backoff_ms = 0;
	smr_child_postpone(child, now_ms);
	smr_log(SMR_LOG_WARN, "child.ended", "name=%s how=%s status=%d restart-in-ms=%llu", child->name,
		info.si_code == CLD_EXITED ? "exit" : "signal", info.si_status, (unsigned long long)child->backoff_ms);
}

static bool ends_within(const struct smr_child *child, int patience_ms)
{
	struct pollfd fd = {.fd = child->pidfd, .events = POLLIN};

	return poll(&fd, 1, patience_ms) > 0;
}

void smr_child_stop(struct smr_child *child, int patience_ms)
{
	siginfo_t info = {0};

	if (child->pid == 0)
		return;
	(void)pidfd_send_signal(child->pidfd, SIGTERM, NULL, 0);
	if (!ends_within(child, patience_ms)) {
		smr_log(SMR_LOG_WARN, "child.killed", "name=%s after-ms=%d", child->name, patience_ms);
		(void)pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
	}
	collect(child, &info);
	smr_log(SMR_LOG_INFO, "child.stopped", "name=%s how=%s status=%d", child->name,
		info.si_code == CLD_EXITED ? "exit" : "signal", info.si_status);
}
