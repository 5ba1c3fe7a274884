/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file place.h
 * The directory of a TRE on Linux, whichever port it has: mode 0700, of the TRE's user alone.
 *
 *     record   sealed state, replaced atomically
 *     tamper   optional: tamper events, bits 0 to 30, as a decimal mask, written (by rename) by whoever watches the tamper line; absent: none.
 *              What is no number below 2^31 counts as SMR_TRE_LINUX_TAMPER_FILE: bit 31 is the TRE's own (SMR_TAMPER_TPM_STATE).
 *     lock     held by the one process that works here
 */
#ifndef SMR_TRE_LINUX_PLACE_H
#define SMR_TRE_LINUX_PLACE_H

#include "sys/problem.h"
#include "tre/tre.h"

#define SMR_TRE_TAMPER_NAME "tamper"
#define SMR_TRE_LINUX_TAMPER_FILE (1u << 30)

struct smr_tre_place {
	char *record_path;
	char *tamper_path;
	int lock_fd; /* -1: not taken */
};

/**
 * Take the directory, make it when it is missing. Release with smr_tre_place_close, also after an error.
 * @return SMR_E_BUSY: another process works there; SMR_E_REFUSED: its owner or mode is wrong; SMR_E_IO, SMR_E_DISK_FULL,
 *         SMR_E_NO_MEMORY. @p problem says what to do.
 */
enum smr_err smr_tre_place_open(struct smr_tre_place *place, const char *dir, struct smr_problem *problem) SMR_MUST_USE;
void smr_tre_place_close(struct smr_tre_place *place);

/** What tre/port.h asks of store, load and tamper. */
enum smr_err smr_tre_place_store(const struct smr_tre_place *place, struct smr_bytes record) SMR_MUST_USE;
enum smr_err smr_tre_place_load(const struct smr_tre_place *place, struct smr_space *record) SMR_MUST_USE;
enum smr_err smr_tre_place_tamper(const struct smr_tre_place *place, uint32_t *events) SMR_MUST_USE;

#endif
