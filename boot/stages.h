/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file stages.h
 * What a boot is about to start and read, each file once, as copies in sealed memory; and their comparison with a release.
 *
 * The stages are, in this order: samara-launch (beside the first stage itself), TRE and agent (as the configuration names
 * them, otherwise beside it too), the configuration, and the file of a `measure` key. The digest of the configuration is
 * that of its canonical rendering, which is the same on all devices of a model; all others are of the whole file.
 */
#ifndef SMR_BOOT_STAGES_H
#define SMR_BOOT_STAGES_H

#include "boot/refusal.h"
#include "core/release.h"
#include "m2me/config.h"
#include "tre/linux/measure.h"

/** A log has room for one file beside the others. */
#define SMR_STAGE_FILES_MAX 1u

enum smr_boot_stage { SMR_STAGE_LAUNCH, SMR_STAGE_TRE, SMR_STAGE_AGENT, SMR_STAGE_CONFIG, SMR_STAGE_FILES };

struct smr_boot_stages {
	struct smr_m2me_config config;
	bool has_config;
	struct smr_boot_log log;		      /* one event per stage; names are the configuration's or static */
	uint32_t lengths[SMR_BOOT_EVENTS_MAX];	      /* octets that each event's digest is over */
	struct smr_image images[SMR_BOOT_EVENTS_MAX]; /* of the configuration: none */
	bool swapped[SMR_BOOT_EVENTS_MAX];	      /* the file changed, or was replaced, while it was read */
};

/**
 * Load all stages of the device with this configuration.
 * @param programs  directory of samara-launch, samara-tre and samara-m2me.
 * @param out  release with smr_boot_stages_close, in every case (and if it is all zero).
 * @return any error is a refusal with its reason.
 */
enum smr_err smr_boot_stages_load(const char *config, const char *programs, struct smr_boot_stages *out,
				  struct smr_boot_refusal *refusal) SMR_MUST_USE;
void smr_boot_stages_close(struct smr_boot_stages *stages);

/** Are these exactly the stages of the release, with its digests? Its lengths are for the reason of a refusal alone. */
enum smr_err smr_boot_stages_match(const struct smr_boot_stages *stages, const struct smr_release *release,
				   struct smr_boot_refusal *refusal) SMR_MUST_USE;

#endif
