/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/tcti.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/text.h"

#define MAGIC 0x53414d4152410001u
#define HEADER_LEN 10u /* tag, length, code: of commands and of answers */
#define FRAME_MAX 4096u

struct tcti {
	TSS2_TCTI_CONTEXT_COMMON_V1 common; /* first: ESYS knows nothing of the rest */
	int fd;
	bool waiting; /* a command was sent, its answer has not come yet */
	size_t have;  /* octets of the answer */
	uint8_t answer[FRAME_MAX];
};

/* ---- commands and answers ---- */

static struct tcti *of_context(TSS2_TCTI_CONTEXT *context)
{
	return (struct tcti *)(void *)context;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct tcti *tcti = of_context(context);

	if (tcti->waiting)
		return TSS2_TCTI_RC_BAD_SEQUENCE; /* uncovered: ESYS waits for every answer */
	for (size_t at = 0; at < size;) {
		ssize_t written = write(tcti->fd, command + at, size - at);

		if (written <= 0 && errno != EINTR)
			return TSS2_TCTI_RC_IO_ERROR;
		at += written > 0 ? (size_t)written : 0;
	}
	tcti->waiting = true;
	tcti->have = 0;
	return TSS2_RC_SUCCESS;
}

/** Length that the answer says it has, once enough of it is there. */
static size_t length_of(const struct tcti *tcti)
{
	return tcti->have < HEADER_LEN ? HEADER_LEN : smr_get_be32(tcti->answer + 2);
}

static TSS2_RC read_more(struct tcti *tcti, int32_t timeout)
{
	struct pollfd fd = {.fd = tcti->fd, .events = POLLIN};
	ssize_t got;
	int ready = poll(&fd, 1, timeout);

	if (ready == 0 || (ready < 0 && errno == EINTR))
		return TSS2_TCTI_RC_TRY_AGAIN; /* uncovered: ESYS waits without end, and signals come by their descriptor */
	got = read(tcti->fd, tcti->answer + tcti->have, sizeof(tcti->answer) - tcti->have);
	if (got <= 0)
		return TSS2_TCTI_RC_IO_ERROR;
	tcti->have += (size_t)got;
	return TSS2_RC_SUCCESS;
}

/** The whole answer is there, and not a bit more. */
static TSS2_RC complete(struct tcti *tcti, int32_t timeout)
{
	TSS2_RC rc = TSS2_RC_SUCCESS;

	while (rc == TSS2_RC_SUCCESS && (tcti->have < HEADER_LEN || tcti->have < length_of(tcti)))
		rc = length_of(tcti) > sizeof(tcti->answer) ? TSS2_TCTI_RC_MALFORMED_RESPONSE
							    : read_more(tcti, timeout);
	return rc == TSS2_RC_SUCCESS && length_of(tcti) != tcti->have ? TSS2_TCTI_RC_MALFORMED_RESPONSE : rc;
}

/* Without room the answer stays here and its length is told: so ESYS asks first. */
static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *answer, int32_t timeout)
{
	struct tcti *tcti = of_context(context);
	size_t room = answer == NULL ? 0 : *size;
	TSS2_RC rc = tcti->waiting ? complete(tcti, timeout) : TSS2_TCTI_RC_BAD_SEQUENCE;

	if (rc == TSS2_TCTI_RC_TRY_AGAIN)
		return rc; /* uncovered: see read_more */
	if (rc != TSS2_RC_SUCCESS) {
		tcti->waiting = false;
		return rc;
	}
	*size = tcti->have;
	if (answer == NULL)
		return TSS2_RC_SUCCESS;
	if (room < tcti->have)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER; /* uncovered: ESYS has asked */
	memcpy(answer, tcti->answer, tcti->have);
	smr_wipe(tcti->answer, sizeof(tcti->answer));
	tcti->waiting = false;
	return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
	(void)close(of_context(context)->fd);
}

/* ---- opening ---- */

/** «host=A.B.C.D,port=N» */
static bool parse_address(const char *text, struct sockaddr_in *out)
{
	char host[INET_ADDRSTRLEN];
	const char *comma = strchr(text, ',');
	size_t len;
	uint64_t port = 0;

	if (strncmp(text, "host=", 5) != 0 || comma == NULL || strncmp(comma, ",port=", 6) != 0)
		return false;
	len = (size_t)(comma - text) - 5;
	if (len >= sizeof(host) || smr_parse_uint(comma + 6, 1, UINT16_MAX, &port) != SMR_OK)
		return false;
	memcpy(host, text + 5, len);
	host[len] = '\0';
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static int open_socket(const struct sockaddr_in *at)
{
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1; /* uncovered: no descriptor left */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static enum smr_err open_descriptor(const char *where, int *fd)
{
	struct sockaddr_in at;

	if (strncmp(where, "device:/", 8) == 0)
		*fd = open(where + 7, O_RDWR | O_CLOEXEC);
	else if (strncmp(where, "swtpm:", 6) == 0 && parse_address(where + 6, &at))
		*fd = open_socket(&at);
	else
		return SMR_E_INVALID;
	return *fd < 0 ? SMR_E_TPM_ABSENT : SMR_OK;
}

enum smr_err smr_tcti_open(const char *where, TSS2_TCTI_CONTEXT **out)
{
	struct tcti *tcti;
	int fd = -1;

	SMR_TRY(open_descriptor(where, &fd));
	tcti = calloc(1, sizeof(*tcti));
	if (tcti == NULL) {
		(void)close(fd); /* uncovered: out of memory */
		return SMR_E_NO_MEMORY;
	}
	tcti->common = (TSS2_TCTI_CONTEXT_COMMON_V1){
		.magic = MAGIC, .version = 1, .transmit = transmit, .receive = receive, .finalize = finalize};
	tcti->fd = fd;
	*out = (TSS2_TCTI_CONTEXT *)(void *)tcti;
	return SMR_OK;
}

void smr_tcti_close(TSS2_TCTI_CONTEXT *tcti)
{
	if (tcti == NULL)
		return;
	finalize(tcti);
	free(tcti);
}
