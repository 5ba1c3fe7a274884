/* SPDX-License-Identifier: Apache-2.0 */
/* Run a target over a corpus without libFuzzer: every file, and every beginning of it; with --whole no beginnings, over several directories. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"

#define INPUT_MAX 65536u
/* Beginnings of a longer file are tried in this many steps, to keep the test short. */
#define STEPS_MAX 256u

static size_t read_file(const char *dir, const char *name, uint8_t room[INPUT_MAX])
{
	char path[4096];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "rbe");
	FUZZ_CHECK(file != NULL);
	len = fread(room, 1, INPUT_MAX, file);
	(void)fclose(file);
	return len;
}

/* From a copy of just the right size, so that a sanitizer sees any read beyond the end. */
static void run(const uint8_t *octets, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);

	FUZZ_CHECK(copy != NULL);
	memcpy(copy, octets, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void replay(const uint8_t *octets, size_t len, bool whole)
{
	size_t step = len / STEPS_MAX + 1;

	for (size_t part = 0; part < len && !whole; part += step)
		run(octets, part);
	run(octets, len);
}

/* @return how many files there were. */
static unsigned replay_directory(const char *name, bool whole)
{
	static uint8_t room[INPUT_MAX];
	const struct dirent *entry;
	unsigned count = 0;
	DIR *dir = opendir(name);

	if (dir == NULL)
		return 0;
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		replay(room, read_file(name, entry->d_name, room), whole);
		count++;
	}
	(void)closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	bool whole = argc > 1 && strcmp(argv[1], "--whole") == 0;
	unsigned count = 0;

	for (int i = whole ? 2 : 1; i < argc; i++)
		count += replay_directory(argv[i], whole);
	if (count == 0) {
		/* An empty corpus tests nothing. */
		(void)fprintf(stderr, "usage: %s [--whole] DIRECTORY ...    (with files in it)\n",
			      argc > 0 ? argv[0] : "replay");
		return 2;
	}
	return 0;
}
