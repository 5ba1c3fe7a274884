/* SPDX-License-Identifier: Apache-2.0 */
/* What the confined process can still do, tried from inside, each attempt in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/fsio.h"
#include "tests/unit/scratch.h"
#include "tre/linux/confine.h"

enum { CANNOT_CONFINE = 99, NO_LANDLOCK = 98 };

/* Exit status of @p attempt after confinement, or minus the signal that ended it. */
static int confined(int (*attempt)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct smr_tre_confinement got;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || smr_tre_confine("tre", "run", &got, NULL) != SMR_OK)
			_exit(CANNOT_CONFINE);
		_exit(attempt == NULL ? (got.own_files ? 0 : NO_LANDLOCK) : attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int try_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) < 0;
}

static int try_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0) < 0;
}

static int try_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int try_fork(void)
{
	return fork() < 0;
}

static int try_trace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_setuid(void)
{
	return setuid(getuid());
}

static int try_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int try_own_work(void)
{
	struct smr_blob blob;
	void *memory = malloc(1 << 20);

	if (memory == NULL || smr_fs_write("tre/record", SMR_TEXT("content"), 0600) != SMR_OK ||
	    smr_fs_read("tre/record", 100, &blob) != SMR_OK || unlink("run/tre.sock") != 0)
		return 1;
	smr_blob_wipe(&blob);
	free(memory);
	return 0;
}

static int try_foreign_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES;
}

static int try_write_beside_socket(void)
{
	return open("run/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES;
}

static void make_directories(void)
{
	assert_int_equal(mkdir("tre", 0700), 0);
	assert_int_equal(mkdir("run", 0700), 0);
	scratch_text("run/tre.sock", "");
}

static void test_confined_process_is_killed_by_what_serving_does_not_need(void **state)
{
	int (*const attempts[])(void) = {try_socket, try_unix_socket,	    try_exec,	 try_fork, try_trace,
					 try_setuid, try_executable_memory, try_dumpable};

	(void)state;
	make_directories();
	for (size_t i = 0; i < SMR_COUNT(attempts); i++)
		assert_int_equal(confined(attempts[i]), -SIGSYS);
}

static void test_confined_process_still_does_its_own_work(void **state)
{
	(void)state;
	make_directories();
	assert_int_equal(confined(try_own_work), 0);
}

static void test_confined_process_reaches_no_other_files_where_the_kernel_has_landlock(void **state)
{
	(void)state;
	make_directories();
	if (confined(NULL) == NO_LANDLOCK)
		skip();
	assert_int_equal(confined(try_foreign_file), 0);
	assert_int_equal(confined(try_write_beside_socket), 0);
}

/* Less confined, and it says so; the filter is there all the same. */
static void test_confinement_to_a_missing_directory_is_told(void **state)
{
	(void)state; /* nothing was made */
	assert_int_equal(confined(NULL), NO_LANDLOCK);
	assert_int_equal(confined(try_socket), -SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_confined_process_is_killed_by_what_serving_does_not_need),
		scratch_test(test_confined_process_still_does_its_own_work),
		scratch_test(test_confined_process_reaches_no_other_files_where_the_kernel_has_landlock),
		scratch_test(test_confinement_to_a_missing_directory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
