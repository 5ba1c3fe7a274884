/* SPDX-License-Identifier: Apache-2.0 */
/* How samara-launch starts, restarts and ends a program, with a shell in the place of the program; and the sealed copies it starts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sys/log.h"
#include "tests/unit/scratch.h"
#include "tre/linux/child.h"
#include "tre/linux/measure.h"

#define PATIENCE_MS 20000

/* A shell that runs @p script; it writes to SMR_CHILD_FD, which is @p give. */
static enum smr_err start_shell(struct smr_child *child, const char *script, int give)
{
	char name[] = "sh", option[] = "-c";
	char *argv[] = {name, option, strdup(script), NULL};
	const struct smr_child_plan plan = {.image = open("/bin/sh", O_RDONLY | O_CLOEXEC),
					    .argv = argv,
					    .give_fd = give,
					    .uid = geteuid(),
					    .gid = getegid(),
					    .extra_group = getegid()};
	enum smr_err err = smr_child_start(child, &plan, 1000);

	(void)close(plan.image);
	free(argv[2]);
	return err;
}

/* All that the child writes until it ends or closes its descriptor. */
static size_t read_all(int fd, char *out, size_t room)
{
	size_t len = 0;
	ssize_t got;

	while (len < room - 1 && (got = read(fd, out + len, room - 1 - len)) > 0)
		len += (size_t)got;
	out[len] = '\0';
	return len;
}

static void test_child_gets_the_place_of_the_log_and_nothing_else_of_the_environment(void **state)
{
	struct smr_child child = SMR_CHILD_NEW("shell");
	char text[4096];
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(setenv("JOURNAL_STREAM", "8:15", 1), 0);
	assert_int_equal(setenv("SECRET", "value", 1), 0);
	assert_int_equal(start_shell(&child, "exec /usr/bin/env >&3", ends[1]), SMR_OK);
	(void)unsetenv("JOURNAL_STREAM");
	(void)close(ends[1]);
	assert_true(read_all(ends[0], text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "JOURNAL_STREAM=8:15\n"));
	assert_non_null(strstr(text, "PATH=/usr/bin:/bin\n"));
	assert_null(strstr(text, "SECRET"));
	smr_child_reap(&child, 1500);
	(void)close(ends[0]);
}

/* Too long to be passed on whole: the log then goes to stderr, which is right as well. */
static void test_child_gets_no_place_of_the_log_that_is_too_long(void **state)
{
	struct smr_child child = SMR_CHILD_NEW("shell");
	char text[4096];
	char stream[200];
	int ends[2];

	(void)state;
	memset(stream, '8', sizeof(stream) - 1);
	stream[sizeof(stream) - 1] = '\0';
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	assert_int_equal(start_shell(&child, "exec /usr/bin/env >&3", ends[1]), SMR_OK);
	(void)unsetenv("JOURNAL_STREAM");
	(void)close(ends[1]);
	assert_true(read_all(ends[0], text, sizeof(text)) > 0);
	assert_null(strstr(text, "JOURNAL_STREAM"));
	smr_child_reap(&child, 1500);
	(void)close(ends[0]);
}

static void test_child_that_fails_again_and_again_waits_ever_longer_up_to_a_limit(void **state)
{
	struct smr_child child = SMR_CHILD_NEW("shell");
	uint64_t before = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		smr_child_postpone(&child, 7);
		assert_true(child.backoff_ms > before || before == SMR_CHILD_BACKOFF_MAX_MS);
		assert_true(child.backoff_ms >= SMR_CHILD_BACKOFF_MIN_MS &&
			    child.backoff_ms <= SMR_CHILD_BACKOFF_MAX_MS);
		assert_int_equal(child.due_ms, 7 + child.backoff_ms);
		before = child.backoff_ms;
	}
	assert_int_equal(before, SMR_CHILD_BACKOFF_MAX_MS);
}

static void test_child_that_ran_long_is_started_again_soon(void **state)
{
	struct smr_child child = SMR_CHILD_NEW("shell");
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	child.backoff_ms = SMR_CHILD_BACKOFF_MAX_MS;
	assert_int_equal(start_shell(&child, "exit 3", null), SMR_OK);
	smr_child_reap(&child, 1000 + SMR_CHILD_STEADY_MS);
	assert_int_equal(child.pid, 0);
	assert_int_equal(child.pidfd, -1);
	assert_int_equal(child.backoff_ms, SMR_CHILD_BACKOFF_MIN_MS);
	(void)close(null);
}

static void test_child_that_does_not_heed_sigterm_is_killed(void **state)
{
	struct smr_child child = SMR_CHILD_NEW("shell");
	char ready[2] = {0};
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(
		start_shell(&child, "trap '' TERM; echo >&3; while read x; do :; done; while :; do :; done", ends[1]),
		SMR_OK);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], ready, 1), 1);
	smr_child_stop(&child, 1);
	assert_int_equal(child.pid, 0);
	smr_child_stop(&child, PATIENCE_MS); /* nothing runs: nothing to do */
	(void)close(ends[0]);
}

static void test_child_without_a_descriptor_left_is_an_error_and_leaves_no_process(void **state)
{
	struct smr_child child = SMR_CHILD_NEW("shell");
	struct rlimit before;
	struct rlimit none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	enum smr_err err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)null + 2; /* one for the image, none for the child's pidfd */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = start_shell(&child, "exit 0", null);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_not_equal(err, SMR_OK);
	assert_int_equal(child.pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	(void)close(null);
}

/* ---- sealed copies ---- */

static void test_image_cannot_be_changed(void **state)
{
	struct smr_image image;
	uint8_t hash[SMR_HASH_LEN];
	const struct smr_bytes content = SMR_TEXT("content");

	(void)state;
	assert_int_equal(smr_image_make("name", content, &image), SMR_OK);
	assert_int_equal(smr_sha256(&content, 1, hash), SMR_OK);
	assert_memory_equal(image.hash, hash, sizeof(hash));
	assert_int_equal(pwrite(image.fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(image.fd, 0), -1);
	assert_int_equal(fcntl(image.fd, F_GET_SEALS) & F_SEAL_SEAL, F_SEAL_SEAL);
	smr_image_close(&image);
	assert_int_equal(image.fd, -1);
	smr_image_close(&image);
}

static void test_image_that_cannot_be_made_is_an_error(void **state)
{
	struct smr_problem problem = {0};
	struct smr_image image;
	char name[300];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_not_equal(smr_image_make(name, SMR_NONE, &image), SMR_OK);
	assert_int_equal(image.fd, -1);
	assert_int_equal(smr_image_load("missing", &image, &problem), SMR_E_NOT_FOUND);
	assert_int_equal(image.fd, -1);
	assert_non_null(strstr(problem.text, "missing"));
}

static void test_image_without_memory_for_it_is_an_error(void **state)
{
	struct rlimit before;
	struct rlimit none;
	struct smr_image image;
	enum smr_err err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	err = smr_image_make("name", SMR_TEXT("content"), &image);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_not_equal(err, SMR_OK);
	assert_int_equal(image.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_gets_the_place_of_the_log_and_nothing_else_of_the_environment),
		cmocka_unit_test(test_child_gets_no_place_of_the_log_that_is_too_long),
		cmocka_unit_test(test_child_that_fails_again_and_again_waits_ever_longer_up_to_a_limit),
		cmocka_unit_test(test_child_that_ran_long_is_started_again_soon),
		cmocka_unit_test(test_child_that_does_not_heed_sigterm_is_killed),
		cmocka_unit_test(test_child_without_a_descriptor_left_is_an_error_and_leaves_no_process),
		cmocka_unit_test(test_image_cannot_be_changed),
		scratch_test(test_image_that_cannot_be_made_is_an_error),
		cmocka_unit_test(test_image_without_memory_for_it_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
