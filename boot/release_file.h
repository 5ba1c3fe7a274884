/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file release_file.h
 * The release on this device: read once, verified, and judged against what is to be started.
 */
#ifndef SMR_BOOT_RELEASE_FILE_H
#define SMR_BOOT_RELEASE_FILE_H

#include "boot/refusal.h"
#include "core/release.h"

struct smr_boot_release {
	uint8_t encoded[SMR_RELEASE_MAX];
	size_t len;
	struct smr_release content; /* views into encoded */
};

/**
 * Read and verify.
 * @param supplier  whose releases this device boots.
 * @return any error is a refusal with its reason.
 */
enum smr_err smr_boot_release_read(const char *path, const struct smr_pubkey *supplier, struct smr_boot_release *out,
				   struct smr_boot_refusal *refusal) SMR_MUST_USE;

/** Is it for @p product, and not older than @p floor, the highest number that was booted here? */
enum smr_err smr_boot_release_admit(const struct smr_release *release, const char *product, uint64_t floor,
				    struct smr_boot_refusal *refusal) SMR_MUST_USE;

#endif
