/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file supplier_endorse.h
 * The supplier's station does not take a platform's word for it that its keys are in a TPM: the TPM's vendor vouches for an endorsement key (EK), the
 * holder of the EK shows by a credential that d is in the same TPM, and d certifies t.
 */
#ifndef SMR_SUPPLIER_ENDORSE_H
#define SMR_SUPPLIER_ENDORSE_H

#include "file/endorsement.h"
#include "file/formats.h"
#include "tre/client.h"

/**
 * Between enrol_begin and enrol_finish of a TRE that has proved d.
 *
 * @param challenge  that of enrol_begin; @param hash  what the proof was over.
 * @param record     [in,out] d and t are given; the endorsement certificate is filled in.
 * @param ek         [out] the endorsement key, uncompressed.
 * @return SMR_E_NOT_FOUND: the TPM has no certificate; the errors of smr_endorsement_verify; SMR_E_NOT_ADDRESSEE: the certificate is that of another
 *         TPM than the one with d; SMR_E_SIGNATURE: t is not certified; what the TRE answers. @p problem has words without the device.
 */
enum smr_err smr_supplier_endorse(const struct smr_tpm_roots *roots, struct smr_tre_client *tre,
				  const uint8_t challenge[SMR_HASH_LEN], const uint8_t hash[SMR_HASH_LEN],
				  struct smr_shipment_record *record, uint8_t ek[SMR_POINT_LEN],
				  struct smr_problem *problem) SMR_MUST_USE;

#endif
