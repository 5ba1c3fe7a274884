/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "tests/unit/failing.h"

static long until_failure = -1; /* allocations that still succeed; -1: all */
static bool did_fail;

static bool fail_now(void)
{
	if (until_failure < 0)
		return false;
	if (until_failure-- > 0)
		return false;
	until_failure = -1;
	did_fail = true;
	return true;
}

static void *failing_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size == 0 || fail_now() ? NULL : malloc(size);
}

static void *failing_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size == 0) {
		free(old);
		return NULL;
	}
	return fail_now() ? NULL : realloc(old, size);
}

static void plain_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	free(block);
}

bool failing_install(void)
{
	return CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) == 1;
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
	return ERR_peek_error() != 0;
}
