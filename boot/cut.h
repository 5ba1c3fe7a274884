/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cut.h
 * Was a file cut? A release has the digests of its stages and not their lengths, so that it is the file itself that tells.
 */
#ifndef SMR_BOOT_CUT_H
#define SMR_BOOT_CUT_H

#include <stdbool.h>

/**
 * For who looks for the cause, no more: who alters a file can alter what it says of itself.
 * @param fd  a file whose content is not that of the release.
 * @return true: it is empty, or a program (ELF) that ends before the table of its sections does, which linkers put last.
 */
bool smr_boot_is_cut(int fd);

#endif
