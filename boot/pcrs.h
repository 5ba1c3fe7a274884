/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pcrs.h
 * What the first stage does with the TPM: it finds the registers as a reset left them, extends them with what it starts,
 * and leaves nobody after it the means to bring them, or the lowest number that may boot, anywhere else.
 */
#ifndef SMR_BOOT_PCRS_H
#define SMR_BOOT_PCRS_H

#include "boot/refusal.h"
#include "core/boot_log.h"
#include "tpm/tpm.h"

/**
 * Connect; the registers of a boot have to be zeros.
 * @param out  release with smr_tpm_close; NULL unless SMR_OK.
 */
enum smr_err smr_boot_pcrs_begin(const char *tcti, struct smr_tpm **out, struct smr_boot_refusal *refusal) SMR_MUST_USE;

/** The highest number that was booted here; 0: none yet. */
enum smr_err smr_boot_pcrs_floor(struct smr_tpm *tpm, uint64_t *floor, struct smr_boot_refusal *refusal) SMR_MUST_USE;

/** Raise that number to @p number, close it until the next reset, extend the log, and see that the registers are what it replays to. */
enum smr_err smr_boot_pcrs_extend(struct smr_tpm *tpm, uint32_t number, const struct smr_boot_log *log,
				  struct smr_boot_refusal *refusal) SMR_MUST_USE;

/**
 * After any refusal, also of smr_boot_pcrs_begin: extend the registers with what stands in no release, so that until the next reset nobody
 * can bring them to a state that is approved, and close the number with the platform hierarchy. As much as the TPM still does: each of the
 * three is tried whatever became of the others, over a connection of its own that needs no hierarchy of the owner's (smr_tpm_open_bare).
 * No other connection may be open.
 */
void smr_boot_pcrs_spoil(const char *tcti);

#endif
