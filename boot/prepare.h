/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prepare.h
 * Before an update: the TRE of the running device is told which release comes next, so that what it has sealed opens in that one too.
 * The TRE judges both releases itself; what is here asks it and says its answer in words.
 */
#ifndef SMR_BOOT_PREPARE_H
#define SMR_BOOT_PREPARE_H

#include "boot/release_file.h"
#include "file/card.h"

/**
 * @param socket   of samara-tre.
 * @param running  the release that runs now.
 * @param next     the one to come; both verified under @p supplier.
 * @return any error is a refusal with its reason.
 */
enum smr_err smr_boot_prepare(const char *socket, const struct smr_card *supplier,
			      const struct smr_boot_release *running, const struct smr_boot_release *next,
			      struct smr_boot_refusal *refusal) SMR_MUST_USE;

#endif
