/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tcti.h
 * The way to a TPM, for ESYS (TSS 2.0 TCTI specification, version 1): one descriptor, opened once. The libraries' own connect anew for
 * every command, or are loaded by name at run time; a TRE that has confined itself can do neither.
 *
 *     device:/dev/tpmrm0                a character device of the kernel's driver
 *     swtpm:host=127.0.0.1,port=2321    the software TPM: octets of commands and answers over TCP; host is an IPv4 address
 */
#ifndef SMR_TPM_TCTI_H
#define SMR_TPM_TCTI_H

#include <tss2/tss2_tcti.h>

#include "base/base.h"

/**
 * Open it. Release with smr_tcti_close.
 * @return SMR_E_INVALID: no such form; SMR_E_TPM_ABSENT: nobody is there, or this user may not; SMR_E_NO_MEMORY.
 */
enum smr_err smr_tcti_open(const char *where, TSS2_TCTI_CONTEXT **out) SMR_MUST_USE;
void smr_tcti_close(TSS2_TCTI_CONTEXT *tcti);

#endif
