/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/sources.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/text.h"

#define BUFFER_OCTETS (16 * 1024 * 1024)

struct smr_sources {
	struct sockaddr_storage server;
	socklen_t server_len;
	unsigned count;
	uint64_t unreachable;
	struct pollfd fds[SMR_SOURCES_MAX + 1]; /* the last one is the caller's */
	/* the batch that is being filled, of one source */
	unsigned source;
	size_t pending;
	struct mmsghdr out[SMR_SOURCES_BATCH];
	struct iovec filled[SMR_SOURCES_BATCH];
	uint8_t going[SMR_SOURCES_BATCH][SMR_SOURCES_DATAGRAM_MAX];
	/* what arrives */
	struct mmsghdr in[SMR_SOURCES_BATCH];
	struct iovec rooms[SMR_SOURCES_BATCH];
	uint8_t octets[SMR_SOURCES_BATCH][SMR_SOURCES_DATAGRAM_MAX];
};

/* ---- addresses ---- */

static bool take_address(struct smr_sources *s, const char *host, uint16_t port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)&s->server;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&s->server;

	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		s->server_len = sizeof(*four);
		return true;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) != 1)
		return false;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	s->server_len = sizeof(*six);
	return true;
}

static bool parse(struct smr_sources *s, const char *text)
{
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	char host[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t len;

	if (colon == NULL || smr_parse_uint(colon + 1, 1, 65535, &port) != SMR_OK)
		return false;
	len = (size_t)(colon - text);
	if (brackets) {
		if (len < 2 || text[len - 1] != ']')
			return false;
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return take_address(s, host, (uint16_t)port);
}

static bool on_loopback(const struct smr_sources *s)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&s->server;

	return s->server.ss_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

/* ---- sockets ---- */

static bool bind_own(const struct smr_sources *s, int fd, unsigned number)
{
	const struct sockaddr_in own = {.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(0x7f000001u + ((number + 1) << 8))};

	return !on_loopback(s) || bind(fd, (const struct sockaddr *)(const void *)&own, sizeof(own)) == 0;
}

/* As large as is allowed: what a fleet has no room for would look like a loss of the network's. */
static void enlarge(int fd)
{
	const int octets = BUFFER_OCTETS;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof(octets)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
}

static int open_one(const struct smr_sources *s, unsigned number)
{
	int fd = socket(s->server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	enlarge(fd);
	if (bind_own(s, fd, number) &&
	    connect(fd, (const struct sockaddr *)(const void *)&s->server, s->server_len) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void prepare_batches(struct smr_sources *s)
{
	for (size_t i = 0; i < SMR_SOURCES_BATCH; i++) {
		s->rooms[i] = (struct iovec){s->octets[i], sizeof(s->octets[i])};
		s->in[i].msg_hdr = (struct msghdr){.msg_iov = &s->rooms[i], .msg_iovlen = 1};
		s->filled[i].iov_base = s->going[i];
		s->out[i].msg_hdr = (struct msghdr){.msg_iov = &s->filled[i], .msg_iovlen = 1};
	}
}

enum smr_err smr_sources_open(const char *server, unsigned count, struct smr_sources **out, struct smr_problem *problem)
{
	struct smr_sources *s = calloc(1, sizeof(*s));

	*out = s;
	if (s == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	if (!parse(s, server))
		return smr_problem(problem, SMR_E_INVALID, "--server %s: write it as 127.0.0.1:5683 or [::1]:5683",
				   server);
	prepare_batches(s);
	while (s->count < count) {
		int fd = open_one(s, s->count);

		if (fd < 0)
			return smr_problem(problem, SMR_E_IO, "no socket towards %s: %s", server, strerror(errno));
		s->fds[s->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return SMR_OK;
}

void smr_sources_close(struct smr_sources *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->count; i++)
		(void)close(s->fds[i].fd);
	free(s);
}

/* ---- sending ---- */

void smr_sources_flush(struct smr_sources *s)
{
	const struct timespec moment = {0, 100000};
	size_t done = 0;

	while (done < s->pending) {
		int sent = sendmmsg(s->fds[s->source].fd, s->out + done, (unsigned)(s->pending - done), 0);

		if (sent > 0) {
			done += (size_t)sent;
			continue;
		}
		/* The error of an earlier datagram is told with this one, which has not gone yet. */
		if (errno == ECONNREFUSED)
			s->unreachable++;
		else if (errno == EAGAIN || errno == ENOBUFS)
			(void)nanosleep(&moment, NULL);
		else if (errno != EINTR)
			done++; /* refused: lost, as datagrams are */
	}
	s->pending = 0;
}

/* Copied: what a device wanted to say may be over before the batch goes. */
void smr_sources_send(struct smr_sources *s, unsigned source, struct smr_bytes head, struct smr_bytes payload)
{
	uint8_t *out;

	if (s->pending == SMR_SOURCES_BATCH || (s->pending > 0 && s->source != source))
		smr_sources_flush(s);
	if (head.len + payload.len > SMR_SOURCES_DATAGRAM_MAX)
		return;
	s->source = source;
	out = s->going[s->pending];
	if (head.len > 0)
		memcpy(out, head.ptr, head.len);
	if (payload.len > 0)
		memcpy(out + head.len, payload.ptr, payload.len);
	s->filled[s->pending++].iov_len = head.len + payload.len;
}

/* ---- receiving ---- */

static size_t receive_from(struct smr_sources *s, unsigned source, smr_sources_received *each, void *context)
{
	uint64_t arrived_us;
	int got = recvmmsg(s->fds[source].fd, s->in, SMR_SOURCES_BATCH, MSG_DONTWAIT, NULL);

	if (got < 0) {
		s->unreachable += errno == ECONNREFUSED;
		return 0;
	}
	arrived_us = smr_clock_us();
	for (int i = 0; i < got; i++) {
		if (!(s->in[i].msg_hdr.msg_flags & MSG_TRUNC))
			each(context, source, smr_bytes_of(s->octets[i], s->in[i].msg_len), arrived_us);
	}
	return (size_t)got;
}

size_t smr_sources_receive(struct smr_sources *s, smr_sources_received *each, void *context)
{
	size_t got = 0;

	if (poll(s->fds, s->count, 0) <= 0)
		return 0;
	for (unsigned i = 0; i < s->count; i++) {
		if (s->fds[i].revents != 0)
			got += receive_from(s, i, each, context);
	}
	return got;
}

void smr_sources_wait(struct smr_sources *s, int stop_fd, uint64_t wait_us)
{
	const struct timespec wait = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};

	s->fds[s->count] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
	(void)ppoll(s->fds, s->count + 1, &wait, NULL);
}

uint64_t smr_sources_unreachable(const struct smr_sources *s)
{
	return s->unreachable;
}
