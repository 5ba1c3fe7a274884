/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file endorsement.h
 * Does a TPM's vendor vouch for an endorsement key? X.509 (RFC 5280) by libcrypto. A library of its own, for programs that work offline: what
 * answers devices decodes no X.509.
 */
#ifndef SMR_FILE_ENDORSEMENT_H
#define SMR_FILE_ENDORSEMENT_H

#include "core/attest.h"
#include "sys/problem.h"

/** Certificates of vendors whose word is taken. Thread-safe: it is only read. */
struct smr_tpm_roots;

/**
 * Read a file of certificates in PEM. Every one of them is trusted to issue, and nothing else is: for a vendor it holds either the root alone, or,
 * since TPMs carry their own certificate only, the issuing certificates as well or instead.
 *
 * @param out  [out] release with smr_tpm_roots_close; NULL unless SMR_OK.
 * @return SMR_E_NOT_FOUND, _IO; SMR_E_MALFORMED: there is none in it, or one that cannot be read.
 */
enum smr_err smr_tpm_roots_open(const char *path, struct smr_tpm_roots **out, struct smr_problem *problem) SMR_MUST_USE;
/** NULL is allowed. */
void smr_tpm_roots_close(struct smr_tpm_roots *roots);

/**
 * Verify the certificate of an endorsement key.
 *
 * It is one if it says so (extended key usage 2.23.133.8.1, TCG EK credential profile 2.5, 3.1.2): else any certificate that a vendor ever gave
 * out would do.
 *
 * @param der      the certificate and nothing behind it.
 * @param now      seconds since 1970.
 * @param ek       [out] its key, uncompressed; untouched unless SMR_OK.
 * @param problem  what is wrong with it, after «the endorsement certificate»; the caller says whose it is (smr_problem_prefix).
 * @return SMR_E_MALFORMED; SMR_E_UNTRUSTED_KEY: nobody in @p roots vouches for it, or it is no endorsement certificate; SMR_E_SIGNATURE: whose name it
 *         bears did not sign it; SMR_E_EXPIRED: its time, or its issuer's, is over or has not come; SMR_E_UNSUPPORTED: a key of another kind than
 *         ECC P-256; SMR_E_NO_MEMORY. Thread-safe.
 */
enum smr_err smr_endorsement_verify(const struct smr_tpm_roots *roots, struct smr_bytes der, uint64_t now,
				    uint8_t ek[SMR_POINT_LEN], struct smr_problem *problem) SMR_MUST_USE;

#endif
