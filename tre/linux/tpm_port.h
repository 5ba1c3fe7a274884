/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tpm_port.h
 * The TRE's port to Linux with a TPM 2.0. The directory holds what tre/linux/place.h and tre/linux/vault.h say. The measurement is the
 * digest of the PCRs, read at every operation; the counter is one of the TPM; d and t never leave it.
 *
 * What it gives: an older record is noticed, whatever else was restored with it, unless the TPM's own state was restored too (only a
 * software TPM's can be); a directory is of no use on another machine, or under another software. What it cannot give: see docs/tre-tpm.md.
 */
#ifndef SMR_TRE_LINUX_TPM_PORT_H
#define SMR_TRE_LINUX_TPM_PORT_H

#include "tpm/endorsement.h"
#include "tre/linux/history.h"
#include "tre/linux/place.h"
#include "tre/linux/vault.h"

/** PCRs that samara-boot extends. */
#define SMR_TRE_TPM_PCRS (1u << 8 | 1u << 9)

struct smr_tre_tpm {
	struct smr_tre_place place;
	struct smr_tpm *tpm;
	struct smr_tre_vault vault;
	uint32_t pcrs;
	enum smr_err health; /* why there are no secrets */
	struct smr_tre_secrets secrets;
	struct smr_tre_history history;
	uint8_t file[SMR_TRE_HISTORY_FILE_MAX];
	uint8_t measurement[SMR_HASH_LEN]; /* given out last */
	uint8_t start[SMR_HASH_LEN];	   /* smr_tpm_start_id */
};

/**
 * Take the directory and the TPM, and prepare both at first start. Release with smr_tre_tpm_close.
 * @param tcti  as smr_tpm_open.
 * @param pcrs  bit n: PCR n counts in the measurement.
 * @return SMR_OK also where the state may not be used: the calls of the port then say so (SMR_E_MEASUREMENT: sealed to another state;
 *         SMR_E_TPM_CLEARED; SMR_E_TAMPERED; SMR_E_EXISTS: the TPM serves another directory). Else the errors of smr_tre_place_open and
 *         smr_tpm_open; @p problem says what to do.
 */
enum smr_err smr_tre_tpm_open(struct smr_tre_tpm *port, const char *dir, const char *tcti, uint32_t pcrs,
			      struct smr_problem *problem) SMR_MUST_USE;
void smr_tre_tpm_close(struct smr_tre_tpm *port);

/** The port for smr_tre_start; @p port must outlive its use. */
struct smr_tre_port smr_tre_tpm_port(struct smr_tre_tpm *port);

/** What to do about a state that may not be used, as one line for the log. */
void smr_tre_tpm_explain(enum smr_err health, const char *dir, char *words, size_t room);

#endif
