/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sho_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "sys/clock.h"

#define JOBS 1024u
#define THREADS_MAX 256u
/* A thread takes so many jobs at once: waking somebody costs a tenth of a job. */
#define CHUNK 32u

/* A ring: released ≤ taken ≤ submitted ≤ released + JOBS. A slot belongs to the caller before it is submitted and after
 * it is done, to one thread in between. */
struct smr_seal_pool {
	const struct smr_privkey *sho;
	const struct smr_tpm_roots *roots;
	uint64_t now;
	smr_seal_finish *finish;
	void *context;
	uint8_t operator_key[SMR_POINT_COMPRESSED_LEN];
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t done;
	uint64_t submitted;
	uint64_t flushed; /* jobs below it are taken even where they do not fill a chunk */
	uint64_t taken;
	uint64_t released;
	bool stopping;
	unsigned thread_count;
	pthread_t threads[THREADS_MAX];
	bool finished[JOBS];
	struct smr_seal_job jobs[JOBS];
};

/* ---- one job ---- */

/* The endorsement key of the device's TPM, once a vendor vouches for it. That no other device has it: smr_sho_db_keep_keys. */
static enum smr_err find_ek(const struct smr_seal_pool *pool, struct smr_seal_job *job)
{
	const struct smr_bytes der = smr_bytes_of(job->device.endorsement, job->device.endorsement_len);

	if (pool->roots == NULL)
		return SMR_OK;
	if (der.len == 0)
		return smr_problem(&job->problem, SMR_E_UNTRUSTED_KEY,
				   "the shipment has no endorsement certificate of its TPM: do without a vendor's word "
				   "(--unendorsed), or take a shipment that has it");
	return smr_endorsement_verify(pool->roots, der, pool->now, job->ek, &job->problem);
}

static enum smr_err seal_to(const struct smr_seal_pool *pool, struct smr_seal_job *job, const struct smr_pubkey *t,
			    const struct smr_mcim_binding *binding, struct smr_space *x)
{
	struct smr_pubkey ek = {0};
	enum smr_err err;

	if (pool->roots == NULL)
		return smr_mcim_seal(t, binding, &job->subscription.mcim, x);
	err = smr_pubkey_import(&ek, SMR_ARRAY(job->ek));
	if (err == SMR_OK)
		err = smr_mcim_seal_to_tpm(t, &ek, binding, &job->subscription.mcim, x);
	smr_pubkey_wipe(&ek);
	return err;
}

static enum smr_err seal_x(const struct smr_seal_pool *pool, struct smr_seal_job *job,
			   const struct smr_mcim_binding *binding)
{
	struct smr_space x = {job->x, sizeof(job->x)};
	struct smr_pubkey t = {0};
	enum smr_err err = smr_pubkey_import(&t, SMR_ARRAY(job->device.t));

	job->field = err == SMR_OK ? NULL : "t";
	if (err == SMR_OK)
		err = seal_to(pool, job, &t, binding, &x);
	smr_pubkey_wipe(&t);
	job->x_len = x.len;
	return err;
}

enum smr_err smr_seal_job_input(const struct smr_seal_job *job, uint8_t out[SMR_HASH_LEN])
{
	const struct smr_mcim *m = &job->subscription.mcim;
	uint8_t numbers[4 + 4 * 8] = {(uint8_t)m->aka.alg, m->aka.k_len, m->aka.res_len, m->aka.keccak_iterations};
	const struct smr_bytes parts[] = {smr_eid_bytes(&job->device.eid),
					  SMR_ARRAY(job->device.t),
					  smr_iccid_bytes(&job->subscription.iccid),
					  SMR_ARRAY(m->imsi.octets),
					  SMR_ARRAY(m->aka.k),
					  SMR_ARRAY(m->aka.opc),
					  SMR_ARRAY(numbers),
					  smr_bytes_of(job->device.endorsement, job->device.endorsement_len),
					  job->order};

	smr_put_be64(numbers + 4, m->sqn_delta);
	smr_put_be64(numbers + 12, m->sqn_age_limit);
	smr_put_be64(numbers + 20, m->checkin_interval_s);
	smr_put_be64(numbers + 28, m->profile);
	return smr_sha256(parts, SMR_COUNT(parts), out);
}

static enum smr_err seal(const struct smr_seal_pool *pool, struct smr_seal_job *job)
{
	struct smr_mcim_binding binding = {
		.eid = job->device.eid, .iccid = job->subscription.iccid, .serial = job->serial};
	struct smr_bytes x;

	memcpy(binding.operator_key, pool->operator_key, sizeof(binding.operator_key));
	SMR_TRY(find_ek(pool, job));
	if (!job->sealed_before)
		SMR_TRY(seal_x(pool, job, &binding));
	SMR_TRY(smr_seal_job_input(job, job->input));
	x = smr_bytes_of(job->x, job->x_len);
	SMR_TRY(smr_sha256(&x, 1, job->hash_x));
	if (!job->sealed_before)
		SMR_TRY(smr_w_sign(pool->sho, &binding, x, job->order, job->w));
	return pool->finish(pool->context, job);
}

/* ---- threads ---- */

static bool has_work(const struct smr_seal_pool *pool)
{
	return pool->submitted - pool->taken >= CHUNK || pool->taken < pool->flushed;
}

/* How many jobs from *first on; 0: the end. Called with the lock held. */
static size_t take(struct smr_seal_pool *pool, uint64_t *first)
{
	uint64_t count;

	while (!has_work(pool) && !pool->stopping)
		(void)pthread_cond_wait(&pool->work, &pool->lock);
	if (pool->stopping)
		return 0;
	count = pool->submitted - pool->taken;
	if (count > CHUNK)
		count = CHUNK;
	*first = pool->taken;
	pool->taken += count;
	return (size_t)count;
}

static void *run(void *context)
{
	struct smr_seal_pool *pool = context;
	uint64_t first = 0;
	size_t count;

	(void)pthread_mutex_lock(&pool->lock);
	while ((count = take(pool, &first)) > 0) {
		(void)pthread_mutex_unlock(&pool->lock);
		for (size_t i = 0; i < count; i++) {
			struct smr_seal_job *job = &pool->jobs[(first + i) % JOBS];

			job->err = seal(pool, job);
		}
		(void)pthread_mutex_lock(&pool->lock);
		for (size_t i = 0; i < count; i++)
			pool->finished[(first + i) % JOBS] = true;
		if (pool->finished[pool->released % JOBS])
			(void)pthread_cond_signal(&pool->done);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

enum smr_err smr_seal_pool_new(const struct smr_privkey *sho, const struct smr_tpm_roots *roots, unsigned threads,
			       smr_seal_finish *finish, void *context, struct smr_seal_pool **out)
{
	struct smr_seal_pool *pool = calloc(1, sizeof(*pool));

	*out = NULL;
	if (pool == NULL)
		return SMR_E_NO_MEMORY;
	pool->sho = sho;
	pool->roots = roots;
	pool->now = smr_clock_unix();
	pool->finish = finish;
	pool->context = context;
	smr_point_compress(sho->point, pool->operator_key);
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->work, NULL);
	(void)pthread_cond_init(&pool->done, NULL);
	while (pool->thread_count < threads && pool->thread_count < THREADS_MAX) {
		if (pthread_create(&pool->threads[pool->thread_count], NULL, run, pool) != 0)
			break;
		pool->thread_count++;
	}
	/* Fewer threads than wished only take longer. */
	if (pool->thread_count == 0) {
		smr_seal_pool_free(pool);
		return SMR_E_NO_MEMORY;
	}
	*out = pool;
	return SMR_OK;
}

struct smr_seal_job *smr_seal_pool_room(struct smr_seal_pool *pool)
{
	/* Only the caller's thread changes these two. */
	return pool->submitted - pool->released == JOBS ? NULL : &pool->jobs[pool->submitted % JOBS];
}

void smr_seal_pool_submit(struct smr_seal_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->finished[pool->submitted % JOBS] = false;
	pool->submitted++;
	if ((pool->submitted - pool->taken) % CHUNK == 0)
		(void)pthread_cond_signal(&pool->work);
	(void)pthread_mutex_unlock(&pool->lock);
}

struct smr_seal_job *smr_seal_pool_oldest(struct smr_seal_pool *pool)
{
	size_t slot = (size_t)(pool->released % JOBS);

	if (pool->released == pool->submitted)
		return NULL;
	(void)pthread_mutex_lock(&pool->lock);
	if (!pool->finished[slot] && pool->flushed <= pool->released) {
		/* The caller waits for it: no further job may come to fill its chunk. */
		pool->flushed = pool->released + 1;
		(void)pthread_cond_signal(&pool->work);
	}
	while (!pool->finished[slot])
		(void)pthread_cond_wait(&pool->done, &pool->lock);
	(void)pthread_mutex_unlock(&pool->lock);
	return &pool->jobs[slot];
}

void smr_seal_pool_release(struct smr_seal_pool *pool)
{
	SMR_WIPE(pool->jobs[pool->released % JOBS]);
	(void)pthread_mutex_lock(&pool->lock);
	pool->released++;
	(void)pthread_mutex_unlock(&pool->lock);
}

void smr_seal_pool_free(struct smr_seal_pool *pool)
{
	if (pool == NULL)
		return;
	(void)pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->work);
	(void)pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->thread_count; i++)
		(void)pthread_join(pool->threads[i], NULL);
	(void)pthread_cond_destroy(&pool->work);
	(void)pthread_cond_destroy(&pool->done);
	(void)pthread_mutex_destroy(&pool->lock);
	smr_wipe(pool, sizeof(*pool));
	free(pool);
}
