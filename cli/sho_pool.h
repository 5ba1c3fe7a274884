/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sho_pool.h
 * Sealing on several cores. One caller fills jobs and takes them back in the order in which it submitted them; a fixed
 * number of jobs is under way, so memory does not grow with the work.
 *
 *     for (;;) {
 *         while (more && (job = smr_seal_pool_room(pool)) != NULL) { fill(job); smr_seal_pool_submit(pool); }
 *         job = smr_seal_pool_oldest(pool);          waits; NULL: nothing is under way
 *         use(job); smr_seal_pool_release(pool);
 *     }
 */
#ifndef SMR_SHO_POOL_H
#define SMR_SHO_POOL_H

#include "cli/sho_csv.h"
#include "core/mcim.h"
#include "file/endorsement.h"
#include "file/formats.h"

/* More than a package with an order, or a subscription, takes in its file. */
#define SMR_SEAL_RECORD_MAX 1024u

struct smr_seal_job {
	/* given */
	struct smr_shipment_record device;
	struct smr_subscription subscription;
	uint64_t serial;
	uint64_t number;	/* of the device in the run, from 1 */
	struct smr_bytes order; /* encoded, or empty; lives longer than the job */
	bool sealed_before;	/* x and w are given: an interrupted run made them */
	/* done */
	enum smr_err err;
	const char *field;	    /* what the error is about, or NULL */
	struct smr_problem problem; /* more words on it, or none */
	uint8_t x[SMR_X_MAX];
	size_t x_len;
	uint8_t ek[SMR_POINT_LEN]; /* of the device's TPM, if it was sealed to that; else zero */
	uint8_t hash_x[SMR_HASH_LEN];
	uint8_t input[SMR_HASH_LEN]; /* of what was sealed: device, subscription, order */
	uint8_t w[SMR_SIG_LEN];
	/* records as they will lie in the two files */
	uint8_t package[SMR_SEAL_RECORD_MAX];
	size_t package_len;
	uint8_t record[SMR_SEAL_RECORD_MAX];
	size_t record_len;
};

/** The last part of a job, on the thread that sealed it. */
typedef enum smr_err smr_seal_finish(void *context, struct smr_seal_job *job);

struct smr_seal_pool;
/**
 * @param sho      the operator's key.
 * @param roots    vendors of the devices' TPMs: what is sealed then opens in a TPM that one of them endorsed, and nowhere else. NULL: devices
 *                 without TPMs, or the supplier's word is enough. Both outlive the pool.
 * @param threads  1 to 256.
 * @param finish   called with @p context on any thread.
 */
enum smr_err smr_seal_pool_new(const struct smr_privkey *sho, const struct smr_tpm_roots *roots, unsigned threads,
			       smr_seal_finish *finish, void *context, struct smr_seal_pool **out) SMR_MUST_USE;
/** A job to fill, or NULL when all are under way. */
struct smr_seal_job *smr_seal_pool_room(struct smr_seal_pool *pool);
/** Hand over the job that room returned last. */
void smr_seal_pool_submit(struct smr_seal_pool *pool);
/** The job submitted first, once it is done: it is done or the caller waits for it. NULL: none is under way. */
struct smr_seal_job *smr_seal_pool_oldest(struct smr_seal_pool *pool);
/** Wipe it and make room. */
void smr_seal_pool_release(struct smr_seal_pool *pool);
/** The job's input hash, which sealing also computes. */
enum smr_err smr_seal_job_input(const struct smr_seal_job *job, uint8_t out[SMR_HASH_LEN]) SMR_MUST_USE;
/** Stops the threads, wipes all jobs. NULL is allowed. */
void smr_seal_pool_free(struct smr_seal_pool *pool);

#endif
