/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resolver that a test stops while the program runs. libpq's calls come here, since the program has the symbol. The environment says
 *   SAMARA_RESOLVER=FD              of a file with two int32: does the resolver hang? How many calls do so now?
 *   SAMARA_RESOLVER_SOCKET=PATH     what database.invalid stands for: that of a PostgreSQL
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <time.h>

#define NAME "database.invalid"

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

struct found {
	struct addrinfo info; /* first: freeaddrinfo frees both */
	struct sockaddr_un address;
};

enum { HANGS, HANGING };

static _Atomic int32_t *state;
static resolver *of_the_system;

__attribute__((constructor)) static void prepare(void)
{
	const char *fd = getenv("SAMARA_RESOLVER");
	void *map = fd != NULL ? mmap(NULL, 2 * sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED,
				      (int)strtol(fd, NULL, 10), 0)
			       : MAP_FAILED;

	*(void **)&of_the_system = dlsym(RTLD_NEXT, "getaddrinfo");
	if (map == MAP_FAILED || of_the_system == NULL || getenv("SAMARA_RESOLVER_SOCKET") == NULL)
		abort();
	state = map;
}

static void hang(void)
{
	const struct timespec moment = {0, 1000000};

	atomic_fetch_add(&state[HANGING], 1);
	while (atomic_load(&state[HANGS]) != 0)
		(void)nanosleep(&moment, NULL);
	atomic_fetch_sub(&state[HANGING], 1);
}

/* Under a name of its own in C: <netdb.h> says more about the parameters. */
resolver resolve __asm__("getaddrinfo");

int resolve(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	struct found *found;

	if (node == NULL || strcmp(node, NAME) != 0)
		return of_the_system(node, service, hints, out);
	hang();
	found = calloc(1, sizeof(*found));
	if (found == NULL)
		return EAI_MEMORY;
	found->address.sun_family = AF_UNIX;
	(void)snprintf(found->address.sun_path, sizeof(found->address.sun_path), "%s",
		       getenv("SAMARA_RESOLVER_SOCKET"));
	found->info.ai_family = AF_UNIX;
	found->info.ai_socktype = SOCK_STREAM;
	found->info.ai_addr = (struct sockaddr *)&found->address;
	found->info.ai_addrlen = sizeof(found->address);
	*out = &found->info;
	return 0;
}
