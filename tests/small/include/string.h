/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file string.h
 * What a compiler without a C library has to be given: the four functions that base/, core/ and tre/ use.
 * Only for tools/small, which builds these layers for a target that has no <string.h>.
 */
#ifndef SMR_SMALL_STRING_H
#define SMR_SMALL_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int octet, size_t len);
int memcmp(const void *a, const void *b, size_t len);

#endif
