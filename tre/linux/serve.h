/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file serve.h
 * The socket: several clients, one request at a time, in turn.
 */
#ifndef SMR_TRE_LINUX_SERVE_H
#define SMR_TRE_LINUX_SERVE_H

#include "tre/tre.h"

#define SMR_TRE_CLIENTS_MAX 8u

/**
 * Serve until SIGTERM or SIGINT. A client that stalls, sends nonsense or does not read its answers costs the others
 * nothing; one beyond SMR_TRE_CLIENTS_MAX is closed at once.
 *
 * Who has lost its TPM serves no longer: a process that is confined opens nothing, so that the next one has to open it anew.
 *
 * @param listener  listening SOCK_SEQPACKET socket.
 * @param signals   from smr_signals_open.
 * @param tamper    inotify on the TRE's directory: whenever its tamper file is replaced there, and at first, the line is looked at.
 * @return SMR_OK after a signal; SMR_E_TPM_ABSENT, SMR_E_TPM_RESET: so an answer that was sent said; SMR_E_IO.
 */
enum smr_err smr_tre_serve(struct smr_tre *tre, int listener, int signals, int tamper) SMR_MUST_USE;

#endif
