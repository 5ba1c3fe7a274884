/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/clock.h"

static uint64_t system_mono_us(void *context)
{
	(void)context;
	return smr_clock_us();
}

static uint64_t system_unix_s(void *context)
{
	(void)context;
	return smr_clock_unix();
}

static void system_sleep_until_us(void *context, uint64_t mono_us)
{
	struct timespec until = {(time_t)(mono_us / 1000000u), (long)(mono_us % 1000000u * 1000u)};

	(void)context;
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

const struct smr_clock smr_clock_system = {
	.mono_us = system_mono_us,
	.unix_s = system_unix_s,
	.sleep_until_us = system_sleep_until_us,
};

uint64_t smr_clock_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t smr_clock_ms(void)
{
	return smr_clock_us() / 1000u;
}

uint64_t smr_clock_unix(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}

void smr_clock_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

struct timespec smr_clock_at_us(uint64_t us)
{
	return (struct timespec){(time_t)(us / 1000000u), (long)(us % 1000000u * 1000u)};
}

struct timespec smr_clock_after_ms(uint64_t ms)
{
	return smr_clock_at_us(smr_clock_us() + ms * 1000u);
}
