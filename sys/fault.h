/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fault.h
 * Places where a crash would hurt: right before and right after every durable write and every send. They are there for tests/crash/,
 * which compiles the files that have them once more with SMR_FAULT_POINTS and lets the process die at each of them. In a product
 * nothing of them is left.
 */
#ifndef SMR_FAULT_H
#define SMR_FAULT_H

#include "base/base.h"

#ifdef SMR_FAULT_POINTS
/** A point is passed. @param step  what is about to be or has just been done. @param what  to which file or message. */
void smr_fault(const char *step, const char *what);
/** @p content is about to be written to @p fd: the process may die after half of it. */
void smr_fault_torn(int fd, struct smr_bytes content);
#define SMR_FAULT(step, what) smr_fault(step, what)
#define SMR_FAULT_TORN(fd, content) smr_fault_torn(fd, content)
#else
#define SMR_FAULT(step, what) ((void)0)
#define SMR_FAULT_TORN(fd, content) ((void)0)
#endif

#endif
