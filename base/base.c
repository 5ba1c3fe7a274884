/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

void smr_wipe(void *ptr, size_t len)
{
	if (len == 0)
		return;
	memset(ptr, 0, len);
	/* The empty assembly reads the memory as far as the compiler knows, so the memset above has to stay. */
	__asm__ __volatile__("" : : "r"(ptr) : "memory");
}

bool smr_equal_ct(const void *a, const void *b, size_t len)
{
	const uint8_t *left = a;
	const uint8_t *right = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < len; i++)
		difference = (uint8_t)(difference | (left[i] ^ right[i]));
	return difference == 0;
}
