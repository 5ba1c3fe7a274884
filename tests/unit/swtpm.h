/* SPDX-License-Identifier: Apache-2.0 */
/* A software TPM of the test's own: on loopback, two neighbouring free ports, its state in a directory of the test's. */
#ifndef SMR_TEST_SWTPM_H
#define SMR_TEST_SWTPM_H

#include <sys/types.h>

#include "tpm/tpm.h"

struct swtpm {
	pid_t pid;     /* 0: does not run */
	uint16_t port; /* of the commands; the next one is the control channel's */
	char tcti[64];
};

/** Start one over the state in @p dir, which is made when it is missing; every failure ends the test. */
void swtpm_start(struct swtpm *tpm, const char *dir);
/** Power off: the process is ended and waited for; the state stays. */
void swtpm_stop(struct swtpm *tpm);
/** Reset it, as a reset line would, without the connection noticing. */
void swtpm_reset(const struct swtpm *tpm);
/** The connection, or the end of the test. */
struct smr_tpm *swtpm_open(const struct swtpm *tpm);
/** Somebody else's indices, one after the other from @p first, until none fits any more. */
void swtpm_fill(struct smr_tpm *tpm, uint32_t first, uint32_t attributes, uint16_t size);
#define SWTPM_INDEX_CERTIFICATE 0x01c0000au /* TCG EK credential profile, ECC P-256 */
/** What a vendor leaves as the certificate of the endorsement key; there is none yet. */
void swtpm_put_certificate(struct smr_tpm *tpm, struct smr_bytes content);

#endif
