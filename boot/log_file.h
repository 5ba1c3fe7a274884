/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file log_file.h
 * The file that explains this boot to the TRE. The configuration names it, which the release does not cover, and root writes it.
 */
#ifndef SMR_BOOT_LOG_FILE_H
#define SMR_BOOT_LOG_FILE_H

#include "boot/refusal.h"
#include "core/boot_log.h"

/**
 * Write it, durably, mode 0644, in the place of a former boot log or of nothing: any other file, and a link, is left as it is.
 * @return any error is a refusal with its reason.
 */
enum smr_err smr_boot_log_write(const char *path, const struct smr_boot_log *log,
				struct smr_boot_refusal *refusal) SMR_MUST_USE;

#endif
