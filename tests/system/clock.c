/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks that a test moves while the program runs. By the linker's --wrap: for the program's own calls CLOCK_REALTIME and CLOCK_MONOTONIC are ahead
 * by what stands in a file, which the environment names by its descriptor: SAMARA_CLOCK=FD, two int64, in seconds.
 *
 * The kernel knows nothing of it. The stamps of datagrams, which it makes by CLOCK_REALTIME, are moved along, and timed waits by CLOCK_MONOTONIC
 * are moved back. A timed wait by CLOCK_REALTIME is not: it lasts as much longer as the clock is ahead, as it does on a machine whose clock is
 * set back by as much while it waits.
 */
#include <linux/sockios.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { REAL, MONOTONIC };

static _Atomic int64_t at_rest[2];
static _Atomic int64_t *ahead = at_rest;

int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);

__attribute__((constructor)) static void prepare(void)
{
	const char *fd = getenv("SAMARA_CLOCK");
	void *map;

	if (fd == NULL)
		return;
	map = mmap(NULL, sizeof(at_rest), PROT_READ, MAP_SHARED, (int)strtol(fd, NULL, 10), 0);
	if (map == MAP_FAILED)
		abort();
	ahead = map;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
	int rc = __real_clock_gettime(id, out);

	if (rc == 0 && id == CLOCK_REALTIME)
		out->tv_sec += atomic_load(&ahead[REAL]);
	if (rc == 0 && id == CLOCK_MONOTONIC)
		out->tv_sec += atomic_load(&ahead[MONOTONIC]);
	return rc;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;
	int rc;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	rc = __real_ioctl(fd, request, argument);
	if (rc == 0 && request == SIOCGSTAMPNS)
		((struct timespec *)argument)->tv_sec += atomic_load(&ahead[REAL]);
	return rc;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	struct timespec moved = *until;

	moved.tv_sec -= atomic_load(&ahead[MONOTONIC]);
	return __real_pthread_cond_timedwait(cond, mutex, &moved);
}
