/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sho_files.h
 * The two files that a run of «sho seal» writes: the batch for the RO, sealed to its key, and the subscriptions for the AuC, sealed
 * to that one's. They get their names together, at the end.
 */
#ifndef SMR_SHO_FILES_H
#define SMR_SHO_FILES_H

#include "cli/sho_pool.h"
#include "file/party.h"

struct smr_seal_files {
	/* given */
	const struct smr_party *sho;
	const char *batch_path;
	const char *subscriptions_path;
	struct smr_card ro;
	struct smr_card auc;
	struct smr_pubkey ro_kem;
	struct smr_pubkey auc_kem;
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	enum smr_platform platform; /* of the shipment's devices */
	struct smr_shipment_id shipment;
	/* own */
	struct smr_key_id operator_id;
	struct smr_file_writer *batch;
	struct smr_file_writer *subscriptions;
};

/** Begin both under hidden names. All functions fill the problem. */
enum smr_err smr_seal_files_create(struct smr_seal_files *files, uint64_t batch, uint64_t subscriptions,
				   struct smr_problem *problem) SMR_MUST_USE;
/** Encode and encrypt the records of a sealed device into the job. A smr_seal_finish; @p files is only read. */
enum smr_err smr_seal_files_prepare(void *files, struct smr_seal_job *job) SMR_MUST_USE;
/** Append them, in the order of the jobs' numbers. */
enum smr_err smr_seal_files_put(struct smr_seal_files *files, const struct smr_seal_job *job,
				struct smr_problem *problem) SMR_MUST_USE;
/** Both get their names, durably. On error one of them may have its name: smr_seal_files_remove. */
enum smr_err smr_seal_files_commit(struct smr_seal_files *files, struct smr_problem *problem) SMR_MUST_USE;
/** Take the names away again. */
void smr_seal_files_remove(struct smr_seal_files *files, struct smr_problem *problem);
/** Removes what is still hidden. */
void smr_seal_files_abort(struct smr_seal_files *files);

#endif
