/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static FILE *report;

void fuzz_failed(const char *file, int line, const char *condition)
{
	(void)fprintf(report != NULL ? report : stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	(void)fflush(report);
	abort();
}

void fuzz_import(struct smr_privkey *key, enum fuzz_number number)
{
	uint8_t scalar[SMR_SCALAR_LEN] = {0};

	scalar[0] = 0x5a;
	scalar[SMR_SCALAR_LEN - 1] = (uint8_t)number;
	FUZZ_CHECK(smr_privkey_import(key, scalar) == SMR_OK);
}

const struct fuzz_key *fuzz_key(enum fuzz_number number)
{
	static struct fuzz_key keys[FUZZ_KEYS];
	struct fuzz_key *key = &keys[number];

	if (key->point[0] == 0) {
		fuzz_import(&key->own, number);
		FUZZ_CHECK(smr_pubkey_import(&key->pub, SMR_ARRAY(key->own.point)) == SMR_OK);
		smr_point_compress(key->own.point, key->point);
	}
	return key;
}

void fuzz_dh(enum fuzz_number own, enum fuzz_number peer, uint8_t out[SMR_DH_LEN])
{
	FUZZ_CHECK(smr_ecdh(&fuzz_key(own)->own, &fuzz_key(peer)->pub, out) == SMR_OK);
}

const char *fuzz_file(struct smr_bytes content)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		FUZZ_CHECK(fd >= 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	FUZZ_CHECK(ftruncate(fd, 0) == 0);
	FUZZ_CHECK(content.len == 0 || pwrite(fd, content.ptr, content.len, 0) == (ssize_t)content.len);
	return path;
}

/* ---- a directory ---- */

static char directory[64];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void remove_directory(void)
{
	(void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
	if (directory[0] != '\0')
		return directory;
	(void)snprintf(directory, sizeof(directory), "%s/samara-fuzz.XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	FUZZ_CHECK(mkdtemp(directory) != NULL);
	FUZZ_CHECK(atexit(remove_directory) == 0);
	return directory;
}

const char *fuzz_dir_file(const char *name, struct smr_bytes content)
{
	static char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(content.len == 0 || write(fd, content.ptr, content.len) == (ssize_t)content.len);
	(void)close(fd);
	return path;
}

void fuzz_put_octets(struct smr_writer *w, const void *content)
{
	const struct smr_bytes *octets = content;

	smr_put_raw(w, *octets);
}

void fuzz_silence(void)
{
	if (report != NULL)
		return;
	report = stderr;
	stdout = fopen("/dev/null", "we");
	stderr = stdout;
	FUZZ_CHECK(stdout != NULL);
}
