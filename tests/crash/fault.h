/* SPDX-License-Identifier: Apache-2.0 */
/** @file fault.h  For points that are not in our own sources: see fault.c. */
#ifndef SMR_TESTS_FAULT_H
#define SMR_TESTS_FAULT_H

#include "sys/fault.h"

/** A point is passed; true: it is the one to die at. */
bool smr_fault_is_now(const char *step, const char *what) SMR_MUST_USE;
/** Gone, as by kill -9. */
_Noreturn void smr_fault_die(void);

#endif
