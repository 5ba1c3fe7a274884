/* SPDX-License-Identifier: Apache-2.0 */
/* A thread on a stack that was painted before shows how deep it went; calloc and free of the crypto library are counted by their
 * wrappers (ld --wrap). */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/small/small.h"

#define STACK_LEN 65536u
#define PAINT 0xa5u

static _Alignas(64) uint8_t stack[STACK_LEN];
static size_t heap_now;
static size_t heap_most;

void *__real_calloc(size_t count, size_t size);
void __real_free(void *block);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *block);

void *__wrap_calloc(size_t count, size_t size)
{
	void *block = __real_calloc(count, size);

	heap_now += block != NULL ? malloc_usable_size(block) : 0;
	if (heap_now > heap_most)
		heap_most = heap_now;
	return block;
}

void __wrap_free(void *block)
{
	size_t len = block != NULL ? malloc_usable_size(block) : 0;

	heap_now -= len < heap_now ? len : heap_now;
	__real_free(block);
}

struct job {
	void (*work)(void *argument);
	void *argument;
};

static void *run(void *job)
{
	const struct job *one = job;

	one->work(one->argument);
	return NULL;
}

static void nothing(void *argument)
{
	(void)argument;
}

static size_t untouched(void)
{
	size_t n = 0;

	while (n < sizeof(stack) && stack[n] == PAINT)
		n++;
	return n;
}

/* Octets of the stack that were written. */
static bool depth(struct job *job, size_t *out)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool done;

	memset(stack, PAINT, sizeof(stack));
	if (pthread_attr_init(&attributes) != 0)
		return false;
	done = pthread_attr_setstack(&attributes, stack, sizeof(stack)) == 0 &&
	       pthread_create(&thread, &attributes, run, job) == 0 && pthread_join(thread, NULL) == 0;
	(void)pthread_attr_destroy(&attributes);
	*out = sizeof(stack) - untouched();
	return done;
}

bool gauge_run(void (*work)(void *argument), void *argument, struct gauge *out)
{
	struct job none = {nothing, NULL};
	struct job job = {work, argument};
	size_t own; /* what the thread itself needs of its stack */

	if (!depth(&none, &own))
		return false;
	heap_most = heap_now;
	if (!depth(&job, &out->stack))
		return false;
	out->stack -= own;
	out->heap = heap_most;
	return true;
}
