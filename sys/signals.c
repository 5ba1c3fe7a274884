/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sys/fsio.h"

static sigset_t handled(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	return set;
}

enum smr_err smr_signals_open(int *fd)
{
	sigset_t set = handled();
	int opened;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return SMR_E_IO;
	opened = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (opened < 0)
		return smr_fs_err(errno);
	*fd = opened;
	return SMR_OK;
}

int smr_signals_read(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

void smr_signals_restore(void)
{
	sigset_t set = handled();

	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}
