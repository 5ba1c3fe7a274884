/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attacker: sends datagrams out of a file, over and over, from several addresses, as fast as it can or at a rate. It never looks at
 * an answer. In the file each datagram stands behind its length (two octets, most significant first).
 *
 * usage: flood SECONDS RATE ADDRESS PORT FILE [SOURCES]      RATE 0: as fast as it can. SOURCES: that many addresses from 127.1.0.1 on.
 *        prints one JSON object, also when SIGTERM ends it earlier
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32u
#define DATAGRAMS_MAX 4096u
#define OCTETS_MAX 1500u
#define SOURCES_MAX 256u

struct flood {
	struct iovec datagrams[DATAGRAMS_MAX];
	size_t count;
	int fds[SOURCES_MAX];
	size_t sources;
	size_t next;
	unsigned long sent;
	unsigned long octets;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool load(struct flood *f, const char *path)
{
	FILE *in = fopen(path, "rb");
	int high;

	while (in != NULL && f->count < DATAGRAMS_MAX && (high = getc(in)) != EOF) {
		size_t len = (size_t)high << 8 | (unsigned char)getc(in);
		void *octets = len <= OCTETS_MAX ? malloc(len + 1) : NULL;

		if (octets == NULL || fread(octets, 1, len, in) != len) {
			free(octets);
			break;
		}
		f->datagrams[f->count++] = (struct iovec){octets, len};
	}
	if (in != NULL)
		(void)fclose(in);
	return f->count > 0;
}

static bool open_sources(struct flood *f, const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)strtoul(port, NULL, 10))};

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return false;
	for (size_t i = 0; i < f->sources; i++) {
		struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + (unsigned)i)};

		f->fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (f->fds[i] < 0 || bind(f->fds[i], (struct sockaddr *)&own, sizeof(own)) != 0 ||
		    connect(f->fds[i], (struct sockaddr *)&to, sizeof(to)) != 0)
			return false;
	}
	return true;
}

/** One batch from one source: the next of its file. What the receiver had no room for counts as sent. */
static void send_batch(struct flood *f, size_t source)
{
	struct mmsghdr headers[BATCH];
	int n;

	memset(headers, 0, sizeof(headers));
	for (size_t i = 0; i < BATCH; i++) {
		headers[i].msg_hdr.msg_iov = &f->datagrams[(f->next + i) % f->count];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	n = sendmmsg(f->fds[source], headers, BATCH, 0);
	for (int i = 0; i < n; i++)
		f->octets += f->datagrams[(f->next + (size_t)i) % f->count].iov_len;
	f->next += BATCH;
	f->sent += n > 0 ? (unsigned long)n : 0;
}

static void wait_until(double when)
{
	double left = when - now();
	struct timespec t = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};

	if (left > 0)
		(void)nanosleep(&t, NULL);
}

static void run(struct flood *f, double seconds, double rate)
{
	double start = now();

	for (size_t source = 0; !stopped && now() < start + seconds; source = (source + 1) % f->sources) {
		send_batch(f, source);
		if (rate > 0)
			wait_until(start + (double)f->sent / rate);
	}
	seconds = now() - start;
	(void)printf("{\"seconds\": %.3f, \"sent\": %lu, \"octets\": %lu, \"rate\": %.1f, \"sources\": %zu}\n", seconds,
		     f->sent, f->octets, (double)f->sent / seconds, f->sources);
}

int main(int argc, char **argv)
{
	static struct flood f = {.sources = 1};

	if (argc == 7)
		f.sources = strtoul(argv[6], NULL, 10);
	if (argc < 6 || argc > 7 || strtod(argv[1], NULL) <= 0 || f.sources < 1 || f.sources > SOURCES_MAX) {
		(void)fprintf(stderr, "usage: flood SECONDS RATE ADDRESS PORT FILE [SOURCES]\n");
		return 2;
	}
	if (!load(&f, argv[5]) || !open_sources(&f, argv[3], argv[4])) {
		(void)fprintf(stderr, "flood: no datagrams in %s, or no socket to %s port %s\n", argv[5], argv[3],
			      argv[4]);
		return 1;
	}
	(void)signal(SIGTERM, stop);
	run(&f, strtod(argv[1], NULL), strtod(argv[2], NULL));
	return 0;
}
