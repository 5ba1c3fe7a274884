/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, signals, privileges, progress: what a service does with its own process. */
#include "scratch.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/progress.h"
#include "sys/signals.h"
#include "sys/unixsock.h"

static void test_listen_mode_is_exact_and_messages_keep_their_bounds(void **state)
{
	struct smr_unix_peer peer;
	struct stat st;
	char octets[8];
	int server;
	int client;
	int accepted;

	(void)state;
	(void)umask(077);
	assert_int_equal(smr_unix_listen("s", 0666, SMR_GID_KEEP, 4, &server), SMR_OK);
	assert_int_equal(stat("s", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(smr_unix_connect("s", &client), SMR_OK);
	accepted = accept(server, NULL, NULL);
	assert_true(accepted >= 0);
	assert_int_equal(write(client, "ab", 2), 2);
	assert_int_equal(write(client, "cde", 3), 3);
	assert_int_equal(read(accepted, octets, sizeof(octets)), 2);
	assert_int_equal(read(accepted, octets, sizeof(octets)), 3);
	assert_int_equal(smr_unix_peer(accepted, &peer), SMR_OK);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(fcntl(server, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	(void)close(accepted);
	(void)close(client);
	(void)close(server);
}

static void test_listen_replaces_a_stale_socket_and_nothing_else(void **state)
{
	int first;
	int second;

	(void)state;
	assert_int_equal(smr_unix_listen("s", 0600, SMR_GID_KEEP, 1, &first), SMR_OK);
	assert_int_equal(smr_unix_listen("s", 0600, SMR_GID_KEEP, 1, &second), SMR_E_BUSY);
	assert_int_equal(smr_unix_bind_dgram("s", 0600, SMR_GID_KEEP, &second), SMR_E_BUSY);
	(void)close(first);
	assert_int_equal(smr_unix_connect("s", &second), SMR_E_UNAVAILABLE);
	assert_int_equal(smr_unix_listen("s", 0600, SMR_GID_KEEP, 1, &second), SMR_OK);
	(void)close(second);
	scratch_text("f", "precious");
	assert_int_equal(smr_unix_listen("f", 0600, SMR_GID_KEEP, 1, &second), SMR_E_EXISTS);
	assert_true(access("f", F_OK) == 0);
	assert_int_equal(smr_unix_listen("none/s", 0600, SMR_GID_KEEP, 1, &second), SMR_E_NOT_FOUND);
	assert_int_equal(smr_unix_connect("none", &second), SMR_E_UNAVAILABLE);
}

static void test_socket_path_too_long_is_refused(void **state)
{
	char path[109];
	int fd;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	assert_int_equal(smr_unix_listen(path, 0600, SMR_GID_KEEP, 1, &fd), SMR_E_INVALID);
	assert_int_equal(smr_unix_connect(path, &fd), SMR_E_INVALID);
	assert_int_equal(smr_unix_connect("", &fd), SMR_E_INVALID);
	path[107] = '\0';
	assert_int_equal(smr_unix_listen(path, 0600, SMR_GID_KEEP, 1, &fd), SMR_OK);
	(void)close(fd);
}

static void test_dgram_sockets_talk(void **state)
{
	char octets[8];
	int a;
	int b;

	(void)state;
	assert_int_equal(smr_unix_bind_dgram("a", 0660, getgid(), &a), SMR_OK);
	assert_int_equal(smr_unix_bind_dgram("b", 0660, SMR_GID_KEEP, &b), SMR_OK);
	assert_int_equal(smr_unix_connect_dgram(b, "a"), SMR_OK);
	assert_int_equal(send(b, "xyz", 3, 0), 3);
	assert_int_equal(read(a, octets, sizeof(octets)), 3);
	assert_int_equal(smr_unix_connect_dgram(b, "none"), SMR_E_UNAVAILABLE);
	(void)close(a);
	(void)close(b);
}

static void test_notify_reaches_the_service_manager(void **state)
{
	char octets[64];
	int fd;

	(void)state;
	smr_notify_ready();
	assert_int_equal(smr_unix_bind_dgram("n", 0600, SMR_GID_KEEP, &fd), SMR_OK);
	/* A relative name is none of the two forms that sd_notify(3) knows. */
	(void)setenv("NOTIFY_SOCKET", "n", 1);
	smr_notify_ready();
	assert_int_equal(recv(fd, octets, sizeof(octets), MSG_DONTWAIT), -1);
	(void)setenv("NOTIFY_SOCKET", "/proc/self/cwd/n", 1);
	smr_notify_stopping();
	assert_int_equal(recv(fd, octets, sizeof(octets), MSG_DONTWAIT), 10);
	assert_memory_equal(octets, "STOPPING=1", 10);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)close(fd);
}

static void test_signals_arrive_on_the_descriptor(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(smr_signals_open(&fd), SMR_OK);
	assert_int_equal(smr_signals_read(fd), 0);
	(void)raise(SIGHUP);
	(void)raise(SIGPIPE);
	assert_int_equal(smr_signals_read(fd), SIGHUP);
	(void)raise(SIGTERM);
	assert_int_equal(smr_signals_read(fd), SIGTERM);
	assert_int_equal(smr_signals_read(fd), 0);
	smr_signals_restore();
	(void)close(fd);
}

/* Run in a child; what it returns is its exit code. */
static int in_child(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int harden_child(void)
{
	struct rlimit core;
	enum smr_err err = smr_process_harden(true);

	if (err != SMR_OK && err != SMR_E_NO_MEMORY)
		return 1;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
		return 2;
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 3;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static void test_harden_leaves_no_core_and_no_tracing(void **state)
{
	(void)state;
	assert_int_equal(in_child(harden_child), 0);
}

static int drop_child(void)
{
	const gid_t extra = 4712;
	gid_t groups[4];

	if (smr_process_drop(4711, 4711, &extra, 1) != SMR_OK)
		return 1;
	if (getuid() != 4711 || geteuid() != 4711 || getgid() != 4711 || getegid() != 4711)
		return 2;
	if (getgroups(4, groups) != 1 || groups[0] != extra)
		return 3;
	if (seteuid(0) == 0 || setegid(0) == 0)
		return 4;
	/* Once more as the same user is fine, as another is refused. */
	if (smr_process_drop(4711, 4711, NULL, 0) != SMR_OK)
		return 5;
	return smr_process_drop(4713, 4711, NULL, 0) == SMR_E_REFUSED ? 0 : 6;
}

static void test_drop_has_no_way_back(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_child), 0);
}

static void test_clock_goes_forward_and_sleeps_long_enough(void **state)
{
	uint64_t start = smr_clock_us();

	(void)state;
	smr_clock_system.sleep_until_us(NULL, start + 20000);
	assert_true(smr_clock_us() >= start + 20000);
	assert_true(smr_clock_system.mono_us(NULL) >= start);
	assert_true(smr_clock_system.unix_s(NULL) > 1700000000u);
}

static void test_progress_line_shows_share_rate_and_rest(void **state)
{
	struct smr_progress progress;
	char line[200];

	(void)state;
	smr_progress_start(&progress, "sealing", 1000, true);
	smr_progress_add(&progress, 250);
	progress.terminal = true;
	smr_progress_line(&progress, progress.start_ms + 5000, line, sizeof(line));
	assert_string_equal(line, "sealing [#######.......................] 250 of 1000 (25 %), 50/s, 15 s left");
	progress.terminal = false;
	smr_progress_line(&progress, progress.start_ms + 5000, line, sizeof(line));
	assert_string_equal(line, "sealing 250 of 1000 (25 %), 50/s, 15 s left");
	smr_progress_add(&progress, 750);
	smr_progress_line(&progress, progress.start_ms + 10000, line, sizeof(line));
	assert_string_equal(line, "sealing 1000 of 1000 (100 %), 100/s, 10.0 s");
	for (size_t room = 1; room < 40; room++) {
		memset(line, 'x', sizeof(line));
		smr_progress_line(&progress, progress.start_ms + 10000, line, room);
		assert_true(strlen(line) == room - 1);
	}
	smr_progress_end(&progress);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_listen_mode_is_exact_and_messages_keep_their_bounds),
		scratch_test(test_listen_replaces_a_stale_socket_and_nothing_else),
		scratch_test(test_socket_path_too_long_is_refused),
		scratch_test(test_dgram_sockets_talk),
		scratch_test(test_notify_reaches_the_service_manager),
		scratch_test(test_signals_arrive_on_the_descriptor),
		cmocka_unit_test(test_harden_leaves_no_core_and_no_tracing),
		cmocka_unit_test(test_drop_has_no_way_back),
		cmocka_unit_test(test_clock_goes_forward_and_sleeps_long_enough),
		cmocka_unit_test(test_progress_line_shows_share_rate_and_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
