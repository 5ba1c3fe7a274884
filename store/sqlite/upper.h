/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file upper.h
 * The upper levels of the two large tables, read into the system's cache when a server starts. They are one page in 170 of the store, and each
 * look-up goes through them: with nothing in memory, every other look-up waits for one of them besides its leaves, until most have been met by chance.
 *
 * The pages are found in the file itself, since every way through SQL leads to leaves. (https://www.sqlite.org/fileformat2.html, 1.6: an interior
 * page of a table names its children.) What is read is not used, so that a page that has changed meanwhile, or is newer in the log, or
 * cannot be read makes nothing worse than a look-up that has to wait.
 */
#ifndef SMR_STORE_SQLITE_UPPER_H
#define SMR_STORE_SQLITE_UPPER_H

#include "base/base.h"

/** Threads, with the least priority; a disk answers several requests in hardly more time than one. */
#define SMR_UPPER_WALKERS 4u
/** Pages that they read at most: 128 MiB of pages of 2 KiB, which is enough for 50 million devices. */
#define SMR_UPPER_PAGES_MAX 65536u

struct smr_upper;

/** @param path  of the database. @return NULL: no memory, thread or connection is to be had, or it is no store; one can do without. */
struct smr_upper *smr_upper_start(const char *path);
/** Ends it, wherever it is: waits for one page at most. NULL is allowed. @return pages that were read. */
size_t smr_upper_stop(struct smr_upper *upper);
/** Waits until all is read that will be. @return pages that were read. */
size_t smr_upper_finish(struct smr_upper *upper);

#endif
