/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file measure.h
 * What runs on this M2ME, as one hash.
 *
 * measurement = SHA-256 of the CBOR array
 *
 *     [ "samara1 measurement", SHA-256(TRE program), SHA-256(agent program), canonical configuration,
 *       [ [ name, SHA-256(content) ]… ] ]
 *
 * with the last list in the order of the `measure` keys, a name being the last part of the path. The canonical
 * configuration is that of smr_m2me_config_canonical. Nothing in it differs between devices of a model that have the
 * same software and configuration. Shared libraries count only where a `measure` key names them.
 *
 * Programs are copied into sealed memory first; the copy is hashed and the copy is run, so that a file that changes
 * after it was hashed changes nothing.
 */
#ifndef SMR_TRE_LINUX_MEASURE_H
#define SMR_TRE_LINUX_MEASURE_H

#include "m2me/config.h"
#include "crypto/crypto.h"

/** A copy of a file that nobody can change any more. */
struct smr_image {
	int fd; /* close-on-exec; -1: none */
	uint8_t hash[SMR_HASH_LEN];
	uint32_t len; /* octets that were hashed */
};
/** @return SMR_E_NOT_FOUND, SMR_E_IO, SMR_E_NO_MEMORY, SMR_E_TOO_MANY (longer than 256 MiB), SMR_E_CRYPTO. */
enum smr_err smr_image_load(const char *path, struct smr_image *out, struct smr_problem *problem) SMR_MUST_USE;
/** The same from an open descriptor, from where it stands; @p name is for display. */
enum smr_err smr_image_take(int fd, const char *name, struct smr_image *out) SMR_MUST_USE;
/** The same of octets in memory. */
enum smr_err smr_image_make(const char *name, struct smr_bytes content, struct smr_image *out) SMR_MUST_USE;
/** The same of a configuration, as a file that loads to it. */
enum smr_err smr_image_of_config(const struct smr_m2me_config *config, struct smr_image *out,
				 struct smr_problem *problem) SMR_MUST_USE;
void smr_image_close(struct smr_image *image);

/** Name under which a file is measured: the last part of its path. */
const char *smr_measured_name(const char *path);

/** Everything that runs here, and what it measures. */
struct smr_measured {
	struct smr_image tre;
	struct smr_image agent;
	struct smr_image config; /* what the agent gets to read: the configuration as it was loaded, paths absolute */
	uint8_t measurement[SMR_HASH_LEN];
};
/**
 * Load, hash and seal programs and configuration.
 * @param tre_path, agent_path  the programs.
 * @param out  but for the measurement; release with smr_measured_close, in every case.
 */
enum smr_err smr_measured_load(const struct smr_m2me_config *config, const char *tre_path, const char *agent_path,
			       struct smr_measured *out, struct smr_problem *problem) SMR_MUST_USE;
/** The measurement of what was loaded. */
enum smr_err smr_measure(const struct smr_m2me_config *config, struct smr_measured *out,
			 struct smr_problem *problem) SMR_MUST_USE;
void smr_measured_close(struct smr_measured *measured);

#endif
