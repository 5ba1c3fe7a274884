/* SPDX-License-Identifier: Apache-2.0 */
/* Counters as one line of JSON to whoever may connect to the status socket. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/server.h"
#include "sys/log.h"
#include "sys/unixsock.h"

#define STATUS_TEXT_MAX 4096u

struct smr_status {
	pthread_t thread;
	struct smr_server *server;
	int fd;
};

static void answer(struct smr_status *status, int client)
{
	char text[STATUS_TEXT_MAX];
	FILE *out = fmemopen(text, sizeof(text), "w");
	long len;

	if (out == NULL)
		return;
	fprintf(out,
		"{\"pending\": %zu, \"pending_closed\": %s, \"counters\": ", smr_pending_count(status->server->pending),
		smr_pending_is_closed(status->server->pending) ? "true" : "false");
	smr_metrics_print(status->server->metrics, SMR_COUNT(status->server->metrics), out);
	fputs("}\n", out);
	len = ftell(out);
	fclose(out);
	if (len > 0 && send(client, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		smr_log_event(SMR_LOG_DEBUG, "status.not_sent");
}

static void *run(void *context)
{
	struct smr_status *status = context;
	struct pollfd fds[2] = {{status->fd, POLLIN, 0}, {status->server->stop_fd, POLLIN, 0}};

	while (poll(fds, SMR_COUNT(fds), -1) >= 0 && fds[1].revents == 0) {
		int client = accept4(status->fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		answer(status, client);
		close(client);
	}
	return NULL;
}

enum smr_err smr_status_start(struct smr_server *server, struct smr_status **out)
{
	struct smr_status *status = calloc(1, sizeof(*status));
	enum smr_err err;

	if (status == NULL)
		return SMR_E_NO_MEMORY;
	status->server = server;
	err = smr_unix_listen(server->config->status_socket, 0660, SMR_GID_KEEP, 8, &status->fd);
	if (err == SMR_OK && pthread_create(&status->thread, NULL, run, status) != 0) {
		close(status->fd);
		err = SMR_E_NO_MEMORY;
	}
	if (err != SMR_OK) {
		free(status);
		return err;
	}
	*out = status;
	return SMR_OK;
}

void smr_status_stop(struct smr_status *status)
{
	if (status == NULL)
		return;
	pthread_join(status->thread, NULL);
	unlink(status->server->config->status_socket);
	close(status->fd);
	free(status);
}
