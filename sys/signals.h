/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file signals.h
 * SIGTERM, SIGINT and SIGHUP as a descriptor that poll() can wait for. SIGPIPE is ignored.
 */
#ifndef SMR_SIGNALS_H
#define SMR_SIGNALS_H

#include "base/base.h"

/** Block the signals for this thread and those it starts later: call before threads start. Close @p fd when done. */
enum smr_err smr_signals_open(int *fd) SMR_MUST_USE;
/** The next signal that arrived, or 0 when there is none (does not wait). */
int smr_signals_read(int fd);
/** Unblock again: in a child before exec. */
void smr_signals_restore(void);

#endif
