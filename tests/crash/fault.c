/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens at a fault point (sys/fault.h): its name goes to the log, and if it is the one that was asked for the process is gone, as by
 * kill -9. From the environment, before anything is confined:
 *   SAMARA_FAULT_LOG=FD         descriptor that gets a line for each point that is passed
 *   SAMARA_FAULT_AT=N           die at the N-th point, from 1
 *   SAMARA_FAULT_AT=N:NAME      die at the N-th passing of this point
 */
#include "tests/crash/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_MAX_LEN 120u

static int log_fd = -1;
static bool armed;
static char wanted[NAME_MAX_LEN]; /* empty: any */
static atomic_long left;

__attribute__((constructor)) static void prepare(void)
{
	const char *log = getenv("SAMARA_FAULT_LOG");
	const char *at = getenv("SAMARA_FAULT_AT");
	char *end = NULL;

	if (log != NULL)
		log_fd = (int)strtol(log, NULL, 10);
	if (at == NULL || *at == '\0')
		return;
	atomic_store(&left, strtol(at, &end, 10));
	if (*end == ':')
		(void)snprintf(wanted, sizeof(wanted), "%s", end + 1);
	armed = true;
}

/* The filter of samara-tre allows tgkill to itself; it ends all threads, and nothing can catch it. */
_Noreturn void smr_fault_die(void)
{
	(void)syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGKILL);
	_exit(137);
}

/* Numbers of files and random names are left out, so that a point has the same name in every run. */
static void name_of(char out[NAME_MAX_LEN], const char *step, const char *what)
{
	size_t len = (size_t)snprintf(out, NAME_MAX_LEN, "%s ", step);

	for (; *what != '\0' && len + 1 < NAME_MAX_LEN; what++)
		if (*what < '0' || *what > '9')
			out[len++] = *what;
	out[len] = '\0';
}

bool smr_fault_is_now(const char *step, const char *what)
{
	char name[NAME_MAX_LEN];
	char line[NAME_MAX_LEN + 2];
	int len;

	name_of(name, step, what);
	len = snprintf(line, sizeof(line), "%s\n", name);
	if (log_fd >= 0)
		(void)!write(log_fd, line, (size_t)len);
	if (!armed || (wanted[0] != '\0' && strcmp(wanted, name) != 0))
		return false;
	return atomic_fetch_sub(&left, 1) == 1;
}

void smr_fault(const char *step, const char *what)
{
	if (smr_fault_is_now(step, what))
		smr_fault_die();
}

void smr_fault_torn(int fd, struct smr_bytes content)
{
	if (!smr_fault_is_now("torn-write", "file"))
		return;
	(void)!write(fd, content.ptr, content.len / 2);
	smr_fault_die();
}
