/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file clock.h
 * Time. Code that decides by time takes a `const struct smr_clock *`, so that a test can hand in its own; there is no
 * environment variable and no switch that moves the real one.
 */
#ifndef SMR_CLOCK_H
#define SMR_CLOCK_H

#include <pthread.h>
#include <time.h>

#include "base/base.h"

struct smr_clock {
	uint64_t (*mono_us)(void *context);			 /* microseconds, never backwards */
	uint64_t (*unix_s)(void *context);			 /* seconds since 1970-01-01 UTC */
	void (*sleep_until_us)(void *context, uint64_t mono_us); /* returns early on a signal */
	void *context;
};

/** The machine's clocks: CLOCK_MONOTONIC and CLOCK_REALTIME. */
extern const struct smr_clock smr_clock_system;

/* Shorthands over the machine's clocks, for measuring and logging. */
uint64_t smr_clock_us(void);
uint64_t smr_clock_ms(void);
uint64_t smr_clock_unix(void);

/** A condition variable whose timed waits go by CLOCK_MONOTONIC: by the other clock, setting that back would prolong them by as much. */
void smr_clock_cond_init(pthread_cond_t *cond);
/** For such waits: a time of smr_clock_us, and so many milliseconds from now. */
struct timespec smr_clock_at_us(uint64_t us);
struct timespec smr_clock_after_ms(uint64_t ms);

#endif
