/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ring.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/kdf.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"

#define SEED_LEN 32u
#define NAME "package-%llu.key"

struct smr_package_ring {
	pthread_mutex_t lock;
	unsigned holders;
	char *dir;	 /* of the keys */
	uint64_t oldest; /* epoch of the seed; 0: there is none */
	uint8_t seed[SEED_LEN];
};

/* ---- the chain ---- */

static enum smr_err derive(const uint8_t seed[SEED_LEN], const char *label, uint8_t *out, size_t len)
{
	return smr_kdf(smr_bytes_of(seed, SEED_LEN), label, NULL, 0, (struct smr_space){out, len});
}

static enum smr_err walk(uint8_t seed[SEED_LEN], uint64_t steps)
{
	uint8_t next[SEED_LEN];
	enum smr_err err = steps > SMR_RING_STEPS_MAX ? SMR_E_TOO_MANY : SMR_OK;

	for (; err == SMR_OK && steps > 0; steps--) {
		err = derive(seed, "package-next", next, sizeof(next));
		memcpy(seed, next, sizeof(next));
	}
	SMR_WIPE(next);
	return err;
}

static enum smr_err seed_of(struct smr_package_ring *ring, uint64_t epoch, uint8_t seed[SEED_LEN])
{
	uint64_t oldest;

	pthread_mutex_lock(&ring->lock);
	oldest = ring->oldest;
	memcpy(seed, ring->seed, SEED_LEN);
	pthread_mutex_unlock(&ring->lock);
	return oldest == 0 || epoch < oldest ? SMR_E_NOT_FOUND : walk(seed, epoch - oldest);
}

static void keep(struct smr_package_ring *ring, uint64_t epoch, const uint8_t seed[SEED_LEN])
{
	pthread_mutex_lock(&ring->lock);
	ring->oldest = epoch;
	memcpy(ring->seed, seed, SEED_LEN);
	pthread_mutex_unlock(&ring->lock);
}

static enum smr_err derive_of(struct smr_package_ring *ring, uint64_t epoch, const char *label, uint8_t *out,
			      size_t len)
{
	uint8_t seed[SEED_LEN];
	enum smr_err err = seed_of(ring, epoch, seed);

	if (err == SMR_OK)
		err = derive(seed, label, out, len);
	SMR_WIPE(seed);
	return err;
}

enum smr_err smr_package_ring_tag(struct smr_package_ring *ring, uint64_t epoch, uint8_t tag[SMR_RING_TAG_LEN])
{
	return derive_of(ring, epoch, "package-tag", tag, SMR_RING_TAG_LEN);
}

enum smr_err smr_package_ring_seal(struct smr_package_ring *ring, uint64_t epoch, const struct smr_eid *eid,
				   struct smr_bytes x, uint8_t *out)
{
	uint8_t key[SMR_AEAD_KEY_LEN];
	enum smr_err err = derive_of(ring, epoch, "package-key", key, sizeof(key));

	if (err == SMR_OK)
		err = smr_random(out, SMR_AEAD_NONCE_LEN);
	if (err == SMR_OK)
		err = smr_aead_seal(key, out, smr_eid_bytes(eid), x, out + SMR_AEAD_NONCE_LEN);
	SMR_WIPE(key);
	return err;
}

enum smr_err smr_package_ring_unseal(struct smr_package_ring *ring, uint64_t epoch, const struct smr_eid *eid,
				     struct smr_bytes sealed, uint8_t *out)
{
	uint8_t key[SMR_AEAD_KEY_LEN];
	enum smr_err err = sealed.len < SMR_RING_OVERHEAD ? SMR_E_UNOPENED : SMR_OK;

	if (err == SMR_OK)
		err = derive_of(ring, epoch, "package-key", key, sizeof(key));
	if (err == SMR_OK)
		err = smr_aead_open(key, sealed.ptr, smr_eid_bytes(eid),
				    smr_bytes_of(sealed.ptr + SMR_AEAD_NONCE_LEN, sealed.len - SMR_AEAD_NONCE_LEN),
				    out);
	SMR_WIPE(key);
	return err;
}

/* ---- files ---- */

/* 0: it is no key of a package. */
static uint64_t epoch_of(const char *name)
{
	size_t skip = strlen("package-");
	unsigned long long epoch = strlen(name) > skip ? strtoull(name + skip, NULL, 10) : 0;
	char again[48];

	(void)snprintf(again, sizeof(again), NAME, epoch);
	return strcmp(name, again) == 0 ? epoch : 0;
}

static char *path_of(const struct smr_package_ring *ring, uint64_t epoch)
{
	char name[48];

	(void)snprintf(name, sizeof(name), NAME, (unsigned long long)epoch);
	return smr_fs_join(ring->dir, name);
}

/* What is done with each file of the ring. */
typedef enum smr_err (*each_file)(void *context, const struct smr_package_ring *ring, uint64_t epoch);

static enum smr_err for_each_file(const struct smr_package_ring *ring, each_file each, void *context,
				  struct smr_problem *problem)
{
	struct smr_fs_list list;
	enum smr_err err = smr_fs_list(ring->dir, ".key", &list);

	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s", ring->dir, smr_err_text(err));
	for (size_t i = 0; err == SMR_OK && i < list.count; i++)
		if (epoch_of(list.names[i]) != 0)
			err = each(context, ring, epoch_of(list.names[i]));
	smr_fs_list_wipe(&list);
	return err;
}

static enum smr_err read_seed(const struct smr_package_ring *ring, uint64_t epoch, uint8_t seed[SEED_LEN],
			      struct smr_problem *problem)
{
	char *path = path_of(ring, epoch);
	enum smr_err err =
		path == NULL ? SMR_E_NO_MEMORY : smr_secretfile_load(path, (struct smr_space){seed, SEED_LEN}, problem);

	free(path);
	return err;
}

static enum smr_err write_seed(const struct smr_package_ring *ring, uint64_t epoch, const uint8_t seed[SEED_LEN],
			       struct smr_problem *problem)
{
	char *path = path_of(ring, epoch);
	enum smr_err err =
		path == NULL ? SMR_E_NO_MEMORY : smr_secretfile_create(path, smr_bytes_of(seed, SEED_LEN), problem);

	free(path);
	return err;
}

static enum smr_err take_newest(void *context, const struct smr_package_ring *ring, uint64_t epoch)
{
	uint64_t *newest = context;

	(void)ring;
	*newest = epoch > *newest ? epoch : *newest;
	return SMR_OK;
}

enum smr_err smr_package_ring_newest_file(struct smr_package_ring *ring, uint64_t *epoch, struct smr_problem *problem)
{
	*epoch = 0;
	return for_each_file(ring, take_newest, epoch, problem);
}

/* ---- finding the seed ---- */

struct search {
	uint64_t epoch;
	const uint8_t *tag;
	uint64_t found; /* the oldest file that fits; 0: none */
	bool others;	/* there are files, and they do not fit */
	uint8_t seed[SEED_LEN];
	uint64_t unread;  /* the oldest file that could not be read; 0: none */
	enum smr_err err; /* why */
	struct smr_problem why;
};

static enum smr_err compare(const uint8_t start[SEED_LEN], uint64_t steps, const uint8_t tag[SMR_RING_TAG_LEN],
			    bool *fits)
{
	uint8_t seed[SEED_LEN];
	uint8_t own[SMR_RING_TAG_LEN];
	enum smr_err err;

	memcpy(seed, start, sizeof(seed));
	err = walk(seed, steps);
	if (err == SMR_OK)
		err = derive(seed, "package-tag", own, sizeof(own));
	*fits = err == SMR_OK && smr_equal_ct(own, tag, sizeof(own));
	SMR_WIPE(seed);
	return err;
}

/* A file that was being overwritten when somebody was killed holds no key any more, and is not needed. One that cannot be read for another
 * reason may be the one that is: whoever took it for lost would give up what it opens. */
static enum smr_err try_file(void *context, const struct smr_package_ring *ring, uint64_t epoch)
{
	struct search *s = context;
	uint8_t seed[SEED_LEN];
	bool fits = false;
	struct smr_problem why = {{0}};
	enum smr_err err;

	if (epoch > s->epoch || (s->found != 0 && epoch > s->found))
		return SMR_OK;
	s->others = true;
	err = read_seed(ring, epoch, seed, &why);
	if (err == SMR_OK)
		err = compare(seed, s->epoch - epoch, s->tag, &fits);
	if (fits) {
		s->found = epoch;
		memcpy(s->seed, seed, sizeof(seed));
	}
	SMR_WIPE(seed);
	if (err != SMR_OK && err != SMR_E_MALFORMED && err != SMR_E_TOO_MANY && (s->unread == 0 || epoch < s->unread)) {
		s->unread = epoch;
		s->err = smr_problem(&s->why, err, "%s", smr_problem_text(&why, err));
	}
	return SMR_OK;
}

static enum smr_err search_files(struct smr_package_ring *ring, struct search *s, struct smr_problem *problem)
{
	SMR_TRY(for_each_file(ring, try_file, s, problem));
	/* What only the unread one opens would count as lost. */
	if (s->unread != 0 && (s->found == 0 || s->unread < s->found))
		return smr_problem(problem, s->err, "%s", smr_problem_text(&s->why, s->err));
	if (s->found != 0) {
		keep(ring, s->found, s->seed);
		return SMR_OK;
	}
	return smr_problem(problem, s->others ? SMR_E_UNTRUSTED_KEY : SMR_E_NOT_FOUND,
			   s->others ? "the package keys in %s are not those of this store (epoch %llu)"
				     : "%s holds no package key of epoch %llu",
			   ring->dir, (unsigned long long)s->epoch);
}

enum smr_err smr_package_ring_fit(struct smr_package_ring *ring, uint64_t epoch, const uint8_t tag[SMR_RING_TAG_LEN],
				  struct smr_problem *problem)
{
	struct search s = {.epoch = epoch, .tag = tag};
	uint8_t own[SMR_RING_TAG_LEN];
	enum smr_err err;

	if (smr_package_ring_tag(ring, epoch, own) == SMR_OK && smr_equal_ct(own, tag, sizeof(own)))
		return SMR_OK;
	err = search_files(ring, &s, problem);
	SMR_WIPE(s.seed);
	return err;
}

/* ---- moving on ---- */

enum smr_err smr_package_ring_make(struct smr_package_ring *ring, uint64_t epoch, struct smr_problem *problem)
{
	struct smr_problem ignored;
	uint8_t seed[SEED_LEN];
	enum smr_err err = smr_random(seed, sizeof(seed));

	if (err == SMR_OK)
		err = write_seed(ring, epoch, seed, &ignored);
	if (err == SMR_E_EXISTS)
		err = read_seed(ring, epoch, seed, problem);
	else if (err != SMR_OK)
		(void)smr_problem(problem, err, "%s", smr_problem_text(&ignored, err));
	if (err == SMR_OK)
		keep(ring, epoch, seed);
	SMR_WIPE(seed);
	return err;
}

struct removal {
	uint64_t before;
	struct smr_problem *problem;
};

static enum smr_err remove_old(void *context, const struct smr_package_ring *ring, uint64_t epoch)
{
	const struct removal *r = context;
	char *path = epoch < r->before ? path_of(ring, epoch) : NULL;
	enum smr_err err;

	if (path == NULL)
		return epoch < r->before ? SMR_E_NO_MEMORY : SMR_OK;
	err = smr_fs_erase(path);
	if (err != SMR_OK)
		(void)smr_problem(r->problem, err, "%s has to be overwritten and removed: %s", path, smr_err_text(err));
	free(path);
	return err;
}

/* Another process of the same directory may have been first: its file says the same. */
static enum smr_err move_to(struct smr_package_ring *ring, uint64_t epoch, const uint8_t seed[SEED_LEN],
			    struct smr_problem *problem)
{
	struct removal removal = {epoch, problem};
	struct smr_problem ignored;
	enum smr_err err = write_seed(ring, epoch, seed, &ignored);

	if (err != SMR_OK && err != SMR_E_EXISTS)
		return smr_problem(problem, err, "%s", smr_problem_text(&ignored, err));
	SMR_TRY(for_each_file(ring, remove_old, &removal, problem));
	keep(ring, epoch, seed);
	return SMR_OK;
}

enum smr_err smr_package_ring_forget_before(struct smr_package_ring *ring, uint64_t epoch, struct smr_problem *problem)
{
	uint8_t seed[SEED_LEN];
	enum smr_err err = seed_of(ring, epoch, seed);

	if (err == SMR_OK)
		err = move_to(ring, epoch, seed, problem);
	SMR_WIPE(seed);
	return err == SMR_E_NOT_FOUND ? SMR_OK : err; /* it has gone on already */
}

/* ---- the handle ---- */

enum smr_err smr_package_ring_open(const char *dir, struct smr_package_ring **out)
{
	struct smr_package_ring *ring = calloc(1, sizeof(*ring));

	*out = ring;
	if (ring == NULL)
		return SMR_E_NO_MEMORY;
	ring->dir = smr_fs_join(dir, "keys");
	ring->holders = 1;
	pthread_mutex_init(&ring->lock, NULL);
	if (ring->dir != NULL)
		return SMR_OK;
	smr_package_ring_close(ring);
	*out = NULL;
	return SMR_E_NO_MEMORY;
}

struct smr_package_ring *smr_package_ring_hold(struct smr_package_ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->holders++;
	pthread_mutex_unlock(&ring->lock);
	return ring;
}

void smr_package_ring_close(struct smr_package_ring *ring)
{
	bool last;

	if (ring == NULL)
		return;
	pthread_mutex_lock(&ring->lock);
	last = --ring->holders == 0;
	pthread_mutex_unlock(&ring->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&ring->lock);
	free(ring->dir);
	smr_wipe(ring, sizeof(*ring));
	free(ring);
}
