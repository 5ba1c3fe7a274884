/* SPDX-License-Identifier: Apache-2.0 */
/* Mbed TLS allocates with calloc alone; a program's own calloc stands before the C library's. It is made of malloc, so that a sanitizer
 * sees the block; the detour by volatile keeps the compiler from making calloc of malloc and memset. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/failing.h"

static long until_failure = -1; /* allocations that still succeed; -1: all */
static bool did_fail;
static void *(*volatile zeroing)(void *, int, size_t) = memset;

void *calloc(size_t count, size_t size)
{
	void *block;

	if (until_failure >= 0 && until_failure-- == 0) {
		did_fail = true;
		return NULL;
	}
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	block = malloc(count * size);
	return block == NULL ? NULL : zeroing(block, 0, count * size);
}

bool failing_install(void)
{
	return true;
}

void failing_after(long n)
{
	if (n >= 0)
		did_fail = false;
	until_failure = n;
}

bool failing_did(void)
{
	return did_fail;
}

bool failing_left_word(void)
{
	return false; /* the library keeps none */
}
