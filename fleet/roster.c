/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fsio.h"

#define VERSION 2u

static const char magic[8] = {'s', 'm', 'r', 'f', 'l', 'e', 'e', 't'};

static enum smr_err fail(const char *path, int errnum, struct smr_problem *problem)
{
	return smr_problem(problem, smr_fs_err(errnum), "%s: %s", path, strerror(errnum));
}

static uint64_t len_for(uint64_t live)
{
	return SMR_ROSTER_HEAD_LEN + live * SMR_SLOT_LEN;
}

static enum smr_err map(struct smr_roster *roster, uint64_t len)
{
	void *ptr = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, roster->fd, 0);

	if (ptr == MAP_FAILED)
		return SMR_E_NO_MEMORY;
	roster->len = (size_t)len;
	roster->head = ptr;
	roster->slots = (struct smr_slot *)(void *)((uint8_t *)ptr + SMR_ROSTER_HEAD_LEN);
	return SMR_OK;
}

static void unmap(struct smr_roster *roster)
{
	if (roster->head != NULL)
		(void)munmap(roster->head, roster->len);
	roster->head = NULL;
	roster->slots = NULL;
}

static enum smr_err take(const char *path, int flags, struct smr_roster *roster, struct smr_problem *problem)
{
	*roster = (struct smr_roster){.fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | flags, 0600)};
	if (roster->fd < 0)
		return fail(path, errno, problem);
	if (flock(roster->fd, LOCK_EX | LOCK_NB) == 0)
		return SMR_OK;
	if (errno != EWOULDBLOCK)
		return fail(path, errno, problem);
	return smr_problem(problem, SMR_E_BUSY, "%s: another samara-fleet is at work with it", path);
}

static enum smr_err resize(struct smr_roster *roster, uint64_t len, struct smr_problem *problem)
{
	/* Allocated at once: a full disk shows here, and not as a signal at some write into the mapping. */
	int errnum = posix_fallocate(roster->fd, 0, (off_t)len);

	if (errnum != 0)
		return smr_problem(problem, smr_fs_err(errnum), "the fleet's file cannot grow to %llu octets: %s",
				   (unsigned long long)len, strerror(errnum));
	return map(roster, len);
}

enum smr_err smr_roster_create(const char *path, const struct smr_roster_head *head, struct smr_roster *roster,
			       struct smr_problem *problem)
{
	enum smr_err err = take(path, O_CREAT | O_EXCL, roster, problem);

	if (err == SMR_OK)
		err = resize(roster, SMR_ROSTER_HEAD_LEN, problem);
	if (err != SMR_OK) {
		smr_roster_close(roster);
		return err;
	}
	*roster->head = *head;
	memcpy(roster->head->magic, magic, sizeof(magic));
	roster->head->version = VERSION;
	roster->head->slot_len = SMR_SLOT_LEN;
	return SMR_OK;
}

static enum smr_err check(const char *path, struct smr_roster *roster, struct smr_problem *problem)
{
	struct stat status;
	struct smr_roster_head head = {0};

	if (fstat(roster->fd, &status) != 0 || pread(roster->fd, &head, sizeof(head), 0) < 0)
		return fail(path, errno, problem);
	if (memcmp(head.magic, magic, sizeof(magic)) != 0)
		return smr_problem(problem, SMR_E_MALFORMED, "%s is not a fleet: «samara-fleet stock» makes one", path);
	if (head.version != VERSION || head.slot_len != SMR_SLOT_LEN)
		return smr_problem(problem, SMR_E_MALFORMED,
				   "%s was made by another version of samara-fleet, or on another kind of machine: "
				   "stock a new one",
				   path);
	if ((uint64_t)status.st_size < len_for(head.live))
		return smr_problem(
			problem, SMR_E_TRUNCATED,
			"%s has %llu octets and should have %llu: it was cut off. Its devices are lost; stock a new "
			"fleet into a new store",
			path, (unsigned long long)status.st_size, (unsigned long long)len_for(head.live));
	return map(roster, len_for(head.live));
}

enum smr_err smr_roster_open(const char *path, struct smr_roster *roster, struct smr_problem *problem)
{
	enum smr_err err = take(path, 0, roster, problem);

	if (err == SMR_E_NOT_FOUND)
		(void)smr_problem(problem, err, "%s is missing: «samara-fleet stock» makes it", path);
	if (err == SMR_OK)
		err = check(path, roster, problem);
	if (err != SMR_OK)
		smr_roster_close(roster);
	return err;
}

enum smr_err smr_roster_grow(struct smr_roster *roster, uint64_t live, struct smr_problem *problem)
{
	uint64_t first = roster->head->live;

	if (live <= first)
		return SMR_OK;
	unmap(roster);
	SMR_TRY(resize(roster, len_for(live), problem));
	/* An interrupted attempt may have left something. */
	if (roster->slots != NULL)
		memset(roster->slots + first, 0, (size_t)((live - first) * SMR_SLOT_LEN));
	return SMR_OK;
}

void smr_roster_close(struct smr_roster *roster)
{
	unmap(roster);
	if (roster->fd >= 0)
		(void)close(roster->fd);
	roster->fd = -1;
}
