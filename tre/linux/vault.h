/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file vault.h
 * The secret of a TRE with a TPM. It opens in this TPM alone, and only in a measured state that it was sealed to; the key that protects the
 * record, and the authorisation values of the TPM's counter, of d and of t come from it and are nowhere else. In the TRE's directory:
 *
 *     storage.sealed   the secret, and where the counter started
 *     storage.next     the same, sealed to the state that an approved update boots to. The first start in that state puts it in the place of
 *                      storage.sealed, which is then gone: going back needs an approval too
 *     storage.first    the secret of a first start that is not finished: the counter is not there yet, or not known to have started
 *
 * Whatever the moment of a power cut: the secret opens in the former state or in that to come, and a first start is finished by the next
 * one. Who restores storage.first later gets nothing by it: all keys but those of the TPM's indices come from the counter's start too, which is another
 * one once anything was recorded.
 */
#ifndef SMR_TRE_LINUX_VAULT_H
#define SMR_TRE_LINUX_VAULT_H

#include "tpm/keys.h"

/** What comes out of the secret. Wipe it. */
struct smr_tre_secrets {
	uint8_t key[SMR_AEAD_KEY_LEN];	       /* protects the record */
	uint8_t unbound_key[SMR_AEAD_KEY_LEN]; /* did, before records were bound to the history (tre/linux/history.h) */
	uint8_t key_auth[SMR_TPM_AUTH_LEN];    /* of d and t */
	uint8_t counter_auth[SMR_TPM_AUTH_LEN];
	uint8_t history_auth[SMR_TPM_AUTH_LEN];
	uint8_t history_key[SMR_HASH_LEN]; /* vouches for what a record says of the history */
	uint64_t base;			   /* where the TPM's counter started */
};

struct smr_tre_vault {
	struct smr_tpm *tpm;
	uint32_t pcrs; /* bit n: PCR n counts in the measured state */
	char *sealed;  /* paths */
	char *next;
	char *first;
};

/** SMR_E_NO_MEMORY. Release with smr_tre_vault_close, also after an error. @p tpm has to stay open. */
enum smr_err smr_tre_vault_open(struct smr_tre_vault *vault, struct smr_tpm *tpm, uint32_t pcrs,
				const char *dir) SMR_MUST_USE;
void smr_tre_vault_close(struct smr_tre_vault *vault);

/**
 * Open the secret; make it, and the counter, where nothing is there yet.
 *
 * @param unused  nothing was ever recorded in this directory.
 * @param out     [out] wiped unless SMR_OK.
 * @return SMR_E_MEASUREMENT: sealed to another state; SMR_E_TPM_CLEARED: by another TPM, or before it was cleared; SMR_E_TAMPERED: altered,
 *         or missing though it was used; SMR_E_EXISTS: the TPM serves another directory; the errors of tpm.h and fsio.h.
 */
enum smr_err smr_tre_vault_take(struct smr_tre_vault *vault, bool unused, struct smr_tre_secrets *out) SMR_MUST_USE;

/**
 * Seal the secret a second time, to a state to come; durable on return. An earlier preparation is replaced.
 * @param digest  of the PCRs @p vault goes by.
 * @return SMR_E_MEASUREMENT: the present state is not the one that it opens in; SMR_E_TAMPERED; the errors of tpm.h and fsio.h.
 */
enum smr_err smr_tre_vault_prepare(const struct smr_tre_vault *vault, const uint8_t digest[SMR_HASH_LEN]) SMR_MUST_USE;

#endif
