/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP, as little as a device needs of it: a confirmable POST whose answer comes back in the acknowledgement (RFC 7252 sections 3, 5.2.1). */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/small/small.h"

#define HEAD_LEN 4u
#define TOKEN_LEN 4u
#define MARKER 0xffu
#define POST 0x02u
#define URI_PATH 11u
#define PATIENCE_MS 30000

static int open_socket(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool send_request(int fd, const uint8_t token[TOKEN_LEN], char path, const struct smr_space *message)
{
	uint8_t head[HEAD_LEN + TOKEN_LEN + 3] = {0x40 | TOKEN_LEN, POST};
	struct iovec parts[] = {{head, sizeof(head)}, {message->ptr, message->len}};

	memcpy(head + 2, token, 2);
	memcpy(head + HEAD_LEN, token, TOKEN_LEN);
	head[HEAD_LEN + TOKEN_LEN] = URI_PATH << 4 | 1;
	head[HEAD_LEN + TOKEN_LEN + 1] = (uint8_t)path;
	head[HEAD_LEN + TOKEN_LEN + 2] = MARKER;
	return writev(fd, parts, SMR_COUNT(parts)) == (ssize_t)(sizeof(head) + message->len);
}

/* The payload is moved to the front; what stands before it are options that a client of ours may pass over. */
static bool read_answer(const uint8_t *datagram, size_t len, const uint8_t token[TOKEN_LEN], struct smr_space *message,
			uint8_t *code)
{
	size_t at = HEAD_LEN + TOKEN_LEN;

	if (len < at || datagram[0] != (0x60 | TOKEN_LEN) || memcmp(datagram + HEAD_LEN, token, TOKEN_LEN) != 0)
		return false;
	*code = datagram[1];
	while (at < len && datagram[at] != MARKER) {
		if ((datagram[at] & 0x0f) > 12 || (datagram[at] >> 4) > 12)
			return false; /* long options: none that samarad sends */
		at += 1 + (datagram[at] & 0x0fu);
	}
	at = at < len ? at + 1 : len;
	if (len < at || len - at > MESSAGE_MAX)
		return false;
	message->len = len - at;
	memcpy(message->ptr, datagram + at, message->len);
	return true;
}

bool transport_ask(uint16_t port, char path, struct smr_space *message, uint8_t *code)
{
	static uint8_t datagram[MESSAGE_MAX + 64]; /* the network stack's, not ours */
	uint8_t token[TOKEN_LEN];
	int fd = open_socket(port);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	bool answered = false;
	ssize_t got;

	if (fd < 0)
		return false;
	if (smr_random(token, sizeof(token)) == SMR_OK && send_request(fd, token, path, message) &&
	    poll(&wait, 1, PATIENCE_MS) == 1) {
		got = recv(fd, datagram, sizeof(datagram), 0);
		answered = got > 0 && read_answer(datagram, (size_t)got, token, message, code);
	}
	(void)close(fd);
	return answered;
}
