/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenSSL adapter draws random octets in stock, per thread: whatever happens to the process, none is given out twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"

#define DRAWS 4096u /* many stocks */
#define LEN 16u

struct draws {
	uint8_t octets[DRAWS][LEN];
};

static void *draw(void *context)
{
	struct draws *d = context;

	for (size_t i = 0; i < DRAWS; i++)
		if (smr_random(d->octets[i], LEN) != SMR_OK)
			abort();
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, LEN);
}

/* @p all is sorted by it. */
static void assert_all_different(struct draws *all, size_t count)
{
	qsort(all, count * DRAWS, LEN, compare);
	for (size_t i = 1; i < count * DRAWS; i++)
		assert_memory_not_equal(all->octets[i - 1], all->octets[i], LEN);
}

static void test_random_draws_of_one_thread_differ(void **state)
{
	static struct draws d;

	(void)state;
	draw(&d);
	assert_all_different(&d, 1);
}

static void test_random_draws_of_several_threads_differ(void **state)
{
	static struct draws d[4];
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, draw, &d[i]), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_all_different(d, 4);
}

static void draw_in_child(struct draws *out)
{
	size_t got = 0;
	int ends[2];
	ssize_t n = 1;
	pid_t pid;
	int status;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		draw(out);
		for (size_t done = 0; n > 0 && done < sizeof(*out); done += (size_t)n)
			n = write(ends[1], (uint8_t *)out + done, sizeof(*out) - done);
		_exit(n > 0 ? 0 : 1);
	}
	close(ends[1]);
	for (; n > 0 && got < sizeof(*out); got += (size_t)n)
		n = read(ends[0], (uint8_t *)out + got, sizeof(*out) - got);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(got, sizeof(*out));
}

/* The thread has a stock when it forks. */
static void test_random_draws_of_parent_and_child_differ(void **state)
{
	static struct draws d[3];

	(void)state;
	draw(&d[0]);
	draw_in_child(&d[1]);
	draw(&d[2]);
	assert_all_different(d, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_draws_of_one_thread_differ),
		cmocka_unit_test(test_random_draws_of_several_threads_differ),
		cmocka_unit_test(test_random_draws_of_parent_and_child_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
