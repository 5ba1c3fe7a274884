/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of a check-in: a UDP server that answers each datagram with one of another length, by recvmmsg and sendmmsg in batches as
 * samarad's workers do, and nothing else. It has a core of its own, the sender of its load another; a window of requests is always
 * outstanding, so that its batches are full. Only the server's processor time counts.
 *
 * usage: floor_udp SECONDS REQUEST-OCTETS ANSWER-OCTETS [WINDOW] [SERVER-CPU SENDER-CPU]      prints one JSON object
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64u
#define OCTETS_MAX 1500u
#define WARM_UP_S 0.3
#define BUFFER (8 << 20)

struct shared {
	atomic_ulong echoes;
	atomic_ulong batches;
};

struct messages {
	struct mmsghdr headers[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_in from[BATCH];
	unsigned char octets[BATCH][OCTETS_MAX];
};

struct options {
	double seconds;
	size_t request, answer;
	unsigned long window;
	int server_cpu, sender_cpu;
};

static double now(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* one core: both share it, and the figure says so by its rate */
}

static int loopback_socket(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int size = BUFFER;
	socklen_t len = sizeof(*address);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)address, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, &len) != 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/** With the address of each datagram, or for a connected socket. */
static void lay_out(struct messages *m, size_t len, bool addressed)
{
	for (size_t i = 0; i < BATCH; i++) {
		m->parts[i] = (struct iovec){m->octets[i], len};
		m->headers[i].msg_hdr = (struct msghdr){.msg_name = addressed ? &m->from[i] : NULL,
							.msg_namelen = addressed ? sizeof(m->from[i]) : 0,
							.msg_iov = &m->parts[i],
							.msg_iovlen = 1};
	}
}

static void set_lengths(struct messages *m, size_t count, size_t len)
{
	for (size_t i = 0; i < count; i++)
		m->parts[i].iov_len = len;
}

static void send_all(int fd, struct messages *m, size_t count)
{
	size_t done = 0;

	while (done < count) {
		int n = sendmmsg(fd, m->headers + done, (unsigned)(count - done), 0);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return;
	}
}

static void serve(int fd, size_t answer, struct shared *shared)
{
	static struct messages m;

	lay_out(&m, OCTETS_MAX, true);
	for (;;) {
		int n = recvmmsg(fd, m.headers, BATCH, MSG_WAITFORONE, NULL);

		if (n <= 0)
			continue;
		set_lengths(&m, (size_t)n, answer);
		send_all(fd, &m, (size_t)n);
		set_lengths(&m, (size_t)n, OCTETS_MAX);
		(void)atomic_fetch_add_explicit(&shared->echoes, (unsigned long)n, memory_order_relaxed);
		(void)atomic_fetch_add_explicit(&shared->batches, 1, memory_order_relaxed);
	}
}

/* ---- the load ---- */

struct load {
	int fd;
	struct messages out, in;
	unsigned long window;
	unsigned long outstanding;
};

static void fill_window(struct load *l)
{
	while (l->outstanding < l->window) {
		size_t count = l->window - l->outstanding < BATCH ? l->window - l->outstanding : BATCH;

		send_all(l->fd, &l->out, count);
		l->outstanding += count;
	}
}

/** Send as much as comes back; after 50 ms of silence something was lost, and the window is filled anew. */
static void drive(struct load *l, double until)
{
	while (now(CLOCK_MONOTONIC) < until) {
		int n;

		fill_window(l);
		n = recvmmsg(l->fd, l->in.headers, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0)
			l->outstanding = 0;
		else
			l->outstanding -= (unsigned long)n < l->outstanding ? (unsigned long)n : l->outstanding;
	}
}

static void measure(const struct options *o, const struct sockaddr_in *to, pid_t server, const struct shared *shared)
{
	static struct load l;
	struct timeval patience = {0, 50000};
	struct sockaddr_in own;
	clockid_t clock;
	double cpu, start, seconds;
	unsigned long echoes, batches;

	l.fd = loopback_socket(&own);
	l.window = o->window;
	lay_out(&l.out, o->request, false);
	lay_out(&l.in, OCTETS_MAX, false);
	(void)connect(l.fd, (const struct sockaddr *)to,
		      sizeof(*to)); /* a connected sender costs less, so that batches are fuller */
	(void)setsockopt(l.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)clock_getcpuclockid(server, &clock);
	drive(&l, now(CLOCK_MONOTONIC) + WARM_UP_S);
	start = now(CLOCK_MONOTONIC);
	cpu = now(clock);
	echoes = atomic_load(&shared->echoes);
	batches = atomic_load(&shared->batches);
	drive(&l, start + o->seconds);
	seconds = now(CLOCK_MONOTONIC) - start;
	cpu = now(clock) - cpu;
	echoes = atomic_load(&shared->echoes) - echoes;
	batches = atomic_load(&shared->batches) - batches;
	(void)printf("{\"seconds\": %.3f, \"echoes\": %lu, \"per_second\": %.1f, \"processor_us\": %.4f, "
		     "\"per_cpu_second\": %.1f, \"mean_batch\": %.1f, \"request\": %zu, \"answer\": %zu}\n",
		     seconds, echoes, (double)echoes / seconds, cpu / (double)echoes * 1e6, (double)echoes / cpu,
		     (double)echoes / (double)batches, o->request, o->answer);
}

static int run(const struct options *o)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_in address;
	int fd = loopback_socket(&address);
	pid_t server;

	if (shared == MAP_FAILED || fd < 0 || (server = fork()) < 0) {
		perror("floor_udp");
		return 1;
	}
	if (server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(o->server_cpu);
		serve(fd, o->answer, shared);
	}
	pin(o->sender_cpu);
	measure(o, &address, server, shared);
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.window = 1024, .server_cpu = 0, .sender_cpu = 1};
	bool good = argc == 4 || argc == 5 || argc == 7;

	if (good) {
		o.seconds = strtod(argv[1], NULL);
		o.request = strtoul(argv[2], NULL, 10);
		o.answer = strtoul(argv[3], NULL, 10);
		if (argc > 4)
			o.window = strtoul(argv[4], NULL, 10);
		if (argc > 6) {
			o.server_cpu = (int)strtol(argv[5], NULL, 10);
			o.sender_cpu = (int)strtol(argv[6], NULL, 10);
		}
	}
	if (!good || o.seconds <= 0 || o.request < 1 || o.request > OCTETS_MAX || o.answer < 1 ||
	    o.answer > OCTETS_MAX || o.window < 1) {
		(void)fprintf(
			stderr,
			"usage: floor_udp SECONDS REQUEST-OCTETS ANSWER-OCTETS [WINDOW] [SERVER-CPU SENDER-CPU]\n");
		return 2;
	}
	return run(&o);
}
