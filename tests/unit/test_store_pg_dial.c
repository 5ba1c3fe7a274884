/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting again while the resolver does not answer: the thread that uses the handle never waits for it. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pg_rig.h"

#define NAME "database.invalid"
#define CALLS 500u /* in a row, as of a worker that is asked much */

/* ---- the C library's calls, as seen by libpq and by the store ---- */

static pthread_t user;		 /* of the handles */
static atomic_bool user_asked;	 /* the resolver: what must not be */
static atomic_bool signals_open; /* in a thread that did */
static atomic_uint asked;
static atomic_bool held; /* it does not answer, until somebody posts */
static atomic_int answer;
static sem_t released;
static char socket_path[108]; /* what the name stands for */
static atomic_uint threads;   /* made so far */
static atomic_uint ended;     /* of those */
static atomic_bool no_threads;

struct found {
	struct addrinfo info; /* first: freeaddrinfo frees both */
	struct sockaddr_un address;
};

/* A socket of this machine, under a name of the network. */
static struct addrinfo *server(void)
{
	struct found *found = calloc(1, sizeof(*found));

	if (found == NULL)
		abort();
	found->address.sun_family = AF_UNIX;
	memcpy(found->address.sun_path, socket_path, sizeof(socket_path));
	found->info.ai_family = AF_UNIX;
	found->info.ai_socktype = SOCK_STREAM;
	found->info.ai_addr = (struct sockaddr *)&found->address;
	found->info.ai_addrlen = sizeof(found->address);
	return &found->info;
}

static bool are_all_blocked(void)
{
	static const int some[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGUSR1, SIGCHLD};
	sigset_t set;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (size_t i = 0; i < SMR_COUNT(some); i++)
		if (sigismember(&set, some[i]) != 1)
			return false;
	return true;
}

/* Under a name of its own in C, so that its parameters need not be those of <netdb.h>. */
int resolve(const char *node, const char *service, const struct addrinfo *hints,
	    struct addrinfo **out) __asm__("getaddrinfo");

int resolve(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	(void)service;
	(void)hints;
	if (node == NULL || strcmp(node, NAME) != 0)
		return EAI_NONAME;
	if (pthread_equal(pthread_self(), user)) {
		user_asked = true;
		return EAI_FAIL;
	}
	if (!are_all_blocked())
		signals_open = true;
	asked++;
	if (held)
		while (sem_wait(&released) != 0)
			;
	if (answer == 0)
		*out = server();
	return answer;
}

extern int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*begin)(void *), void *context);
extern int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*begin)(void *), void *context);

struct task {
	void *(*begin)(void *);
	void *context;
};

static void *count_end(void *context)
{
	struct task task = *(struct task *)context;

	free(context);
	(void)task.begin(task.context);
	ended++;
	return NULL;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*begin)(void *), void *context)
{
	struct task *task = no_threads ? NULL : malloc(sizeof(*task));

	if (task == NULL)
		return EAGAIN;
	*task = (struct task){begin, context};
	threads++;
	return __real_pthread_create(thread, attr, count_end, task);
}

/* ---- a store whose server has a name ---- */

static void address_by_name(const struct rig *rig, const char *user_part, char *out, size_t room)
{
	snprintf(out, room, "postgresql://%s@" NAME "/postgres?options=%s", user_part,
		 strstr(rig->path, "options=") + strlen("options="));
}

static int setup(void **state)
{
	struct rig *rig;

	user = pthread_self();
	user_asked = signals_open = held = no_threads = false;
	answer = 0;
	snprintf(socket_path, sizeof(socket_path), "%s/.s.PGSQL.5432",
		 strstr(getenv("SAMARA_TEST_STORE"), "host=") + strlen("host="));
	assert_int_equal(sem_init(&released, 0, 0), 0);
	(void)setup_filled(state);
	rig = *state;
	smr_store_close(rig->store);
	address_by_name(rig, "samara", rig->path, sizeof(rig->path));
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	asked = threads = ended = 0;
	return 0;
}

static void await(const atomic_uint *counter, unsigned value)
{
	for (int tries = 0; *counter < value; tries++) {
		assert_true(tries < 20000);
		usleep(1000);
	}
}

static void let_go(void)
{
	held = false;
	(void)sem_post(&released);
}

static int teardown(void **state)
{
	assert_int_equal(rig_teardown(state), 0);
	await(&ended, threads); /* none is left behind */
	assert_false(user_asked);
	assert_false(signals_open);
	(void)sem_destroy(&released);
	return 0;
}

/* By the socket: no name is asked for. */
static uint64_t ask_server(const char *question)
{
	PGconn *conn = PQconnectdb(getenv("SAMARA_TEST_STORE"));
	uint64_t value;

	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	value = run(conn, question);
	PQfinish(conn);
	return value;
}

static void cut(void)
{
	(void)ask_server("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
			 "WHERE pid <> pg_backend_pid() AND application_name = 'samara'");
}

static enum smr_err look_up(struct smr_store *store)
{
	struct smr_store_device device = {.eid = rig_eid(1)};
	enum smr_err err = smr_store_lookup(store, &device, 1);

	if (err != SMR_OK)
		assert_true(smr_store_problem(store)[0] != '\0');
	return err;
}

/* Calls, each answered at once, until the resolver is asked. */
static void lose(struct smr_store *store)
{
	cut();
	for (int tries = 0; asked == 0; tries++) {
		assert_true(tries < 4000);
		assert_int_equal(look_up(store), SMR_E_UNAVAILABLE);
		assert_false(user_asked);
		usleep(5000);
	}
}

static void recover(struct smr_store *store)
{
	for (int tries = 0; look_up(store) != SMR_OK; tries++) {
		assert_true(tries < 4000);
		assert_false(user_asked);
		usleep(5000);
	}
	assert_int_equal(rig_get(store, 1).err, SMR_OK);
}

/* ---- tests ---- */

static void test_calls_while_the_resolver_hangs_fail_at_once_and_have_one_thread(void **state)
{
	struct rig *rig = *state;

	held = true;
	lose(rig->store);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(look_up(rig->store), SMR_E_UNAVAILABLE);
	assert_int_equal(threads, 1);
	assert_int_equal(asked, 1);
	assert_int_equal(ended, 0);
	assert_non_null(strstr(smr_store_problem(rig->store), "still connecting"));
	let_go();
	recover(rig->store);
	assert_int_equal(threads, 1);
}

static void test_close_while_the_resolver_hangs_does_not_wait_for_it(void **state)
{
	struct rig *rig = *state;

	held = true;
	lose(rig->store);
	smr_store_close(rig->store);
	assert_int_equal(ended, 0);
	let_go();
	await(&ended, 1);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	recover(rig->store);
}

/* At whatever step the thread is, one of the two releases what they share, and the server sees the connection end. */
static void test_close_amid_connecting_leaves_nothing_behind(void **state)
{
	struct rig *rig = *state;

	for (unsigned round = 0; round < 15; round++) {
		asked = 0;
		held = true;
		lose(rig->store);
		let_go();
		if (round % 3 == 1)
			await(&ended, threads);
		else if (round % 3 == 2)
			(void)look_up(rig->store);
		smr_store_close(rig->store);
		await(&ended, threads);
		while (sem_trywait(&released) == 0)
			;
		rig->store = rig_another(rig, SMR_STORE_WRITE);
	}
	smr_store_close(rig->store);
	while (ask_server("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'samara'") != 0)
		usleep(2000);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
}

/* Takes connections, and says nothing. */
static int silent_server(const struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(socket_path, sizeof(socket_path), "%s/silent", rig->dir);
	memcpy(address.sun_path, socket_path, sizeof(socket_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_close_while_the_server_does_not_answer_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	char before[sizeof(socket_path)];
	char octets[2000];
	int fd;
	int peer;

	memcpy(before, socket_path, sizeof(before));
	fd = silent_server(rig);
	lose(rig->store);
	peer = accept(fd, NULL, NULL);
	assert_true(recv(peer, octets, sizeof(octets), 0) > 0);
	assert_int_equal(look_up(rig->store), SMR_E_UNAVAILABLE);
	smr_store_close(rig->store);
	while (recv(peer, octets, sizeof(octets), 0) > 0)
		;
	await(&ended, 1);
	assert_int_equal(unlink(socket_path), 0);
	close(peer);
	close(fd);
	memcpy(socket_path, before, sizeof(before));
	rig->store = rig_another(rig, SMR_STORE_WRITE);
}

static void test_name_that_is_not_known_is_asked_for_again(void **state)
{
	struct rig *rig = *state;

	answer = EAI_AGAIN;
	lose(rig->store);
	while (asked < 3)
		assert_int_equal(look_up(rig->store), SMR_E_UNAVAILABLE);
	answer = 0;
	recover(rig->store);
}

static void test_name_that_is_not_known_shows_no_password(void **state)
{
	struct rig *rig = *state;
	struct smr_store *store;
	char address[400];

	address_by_name(rig, "samara:s3cr3t", address, sizeof(address));
	answer = EAI_NONAME;
	assert_int_equal(smr_store_open(address, SMR_STORE_WRITE, &store), SMR_E_UNAVAILABLE);
	assert_non_null(strstr(smr_store_problem(store), NAME));
	assert_null(strstr(smr_store_problem(store), "s3cr3t"));
	smr_store_close(store);
}

static void test_no_thread_to_connect_in_is_tried_again(void **state)
{
	struct rig *rig = *state;
	struct smr_store *store;

	no_threads = true;
	cut();
	while (strstr(smr_store_problem(rig->store), "no thread") == NULL)
		assert_int_equal(look_up(rig->store), SMR_E_UNAVAILABLE);
	assert_int_equal(smr_store_open(rig->path, SMR_STORE_WRITE, &store), SMR_E_NO_MEMORY);
	smr_store_close(store);
	no_threads = false;
	recover(rig->store);
}

static void test_signals_of_who_connects_are_as_before(void **state)
{
	struct rig *rig = *state;
	sigset_t set;

	lose(rig->store);
	recover(rig->store);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	assert_int_equal(sigismember(&set, SIGTERM), 0);
	assert_int_equal(sigismember(&set, SIGUSR1), 0);
}

static void test_libpq_is_safe_for_threads(void **state)
{
	(void)state;
	assert_int_equal(PQisthreadsafe(), 1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_calls_while_the_resolver_hangs_fail_at_once_and_have_one_thread),
		WITH(test_close_while_the_resolver_hangs_does_not_wait_for_it),
		WITH(test_close_amid_connecting_leaves_nothing_behind),
		WITH(test_close_while_the_server_does_not_answer_ends_the_connection),
		WITH(test_name_that_is_not_known_is_asked_for_again),
		WITH(test_name_that_is_not_known_shows_no_password),
		WITH(test_no_thread_to_connect_in_is_tried_again),
		WITH(test_signals_of_who_connects_are_as_before),
		cmocka_unit_test(test_libpq_is_safe_for_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
