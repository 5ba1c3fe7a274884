/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of its own for every test, as the working directory, so that names in tests are short. */
#ifndef SMR_TEST_SCRATCH_H
#define SMR_TEST_SCRATCH_H

#include <dirent.h>
#include <ftw.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"

static char scratch_dir[4096];

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static inline int scratch_enter(void **state)
{
	const char *build = getenv("SAMARA_BUILD");

	(void)state;
	(void)snprintf(scratch_dir, sizeof(scratch_dir), "%s/scratch.XXXXXX", build != NULL ? build : "/tmp");
	return mkdtemp(scratch_dir) == NULL || chdir(scratch_dir) != 0;
}

static inline int scratch_leave(void **state)
{
	(void)state;
	if (chdir("/") != 0)
		return 1;
	return nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_put(const char *name, const void *content, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	(void)close(fd);
}

static inline void scratch_text(const char *name, const char *text)
{
	scratch_put(name, text, strlen(text));
}

static inline size_t scratch_get(const char *name, uint8_t *out, size_t room)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	assert_true(fd >= 0);
	len = read(fd, out, room);
	assert_true(len >= 0);
	(void)close(fd);
	return (size_t)len;
}

/* Number of entries, hidden ones too. */
static inline size_t scratch_count(const char *dir)
{
	DIR *d = opendir(dir);
	size_t count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	(void)closedir(d);
	return count - 2;
}

#define scratch_test(function) cmocka_unit_test_setup_teardown(function, scratch_enter, scratch_leave)

#endif
