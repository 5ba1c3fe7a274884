/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of a device: whoever has one must not be able to fill the disk with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "core/flight.h"
#include "server/tell.h"
#include "sys/clock.h"

#define ASKED 100u

static const struct smr_eid eid = {{0x89, 0x04}};

static uint64_t second(void)
{
	return smr_clock_ms() / 1000;
}

static void next_second(void)
{
	const uint64_t now = second();

	while (second() == now)
		usleep(1000);
}

/* The rest of what may be said in this second. */
static unsigned rest(void)
{
	unsigned told = 0;

	for (unsigned i = 0; i < ASKED; i++)
		told += smr_may_tell();
	return told;
}

/* @p first is done in the second in which the rest is counted; again when the machine stood still over its end. */
static unsigned rest_after(void (*first)(void))
{
	for (;;) {
		uint64_t began;
		unsigned told;

		next_second();
		began = second();
		first();
		told = rest();
		if (second() == began)
			return told;
	}
}

static void nothing(void)
{
}

static void many_tampered(void)
{
	for (unsigned i = 0; i < ASKED; i++)
		smr_tell_tamper(&eid, 1);
}

static void two_tampered(void)
{
	smr_tell_tamper(&eid, 1);
	smr_tell_tamper(&eid, SMR_TAMPER_TPM_STATE | 4);
}

/* The server's own word about the TPM's state comes back in it; and a device that reports nothing. */
static void none_tampered(void)
{
	for (unsigned i = 0; i < ASKED; i++) {
		smr_tell_tamper(&eid, 0);
		smr_tell_tamper(&eid, SMR_TAMPER_TPM_STATE);
	}
}

static void test_so_many_lines_a_second_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(rest_after(nothing), SMR_TELLS_PER_S);
	assert_int_equal(rest_after(nothing), SMR_TELLS_PER_S);
	assert_int_equal(rest_after(two_tampered), SMR_TELLS_PER_S - 2);
	assert_int_equal(rest_after(many_tampered), 0);
}

static void test_no_event_is_no_line(void **state)
{
	(void)state;
	assert_int_equal(rest_after(none_tampered), SMR_TELLS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_so_many_lines_a_second_and_no_more),
		cmocka_unit_test(test_no_event_is_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
