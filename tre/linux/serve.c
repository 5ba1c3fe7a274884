/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/fault.h"
#include "sys/log.h"
#include "sys/signals.h"
#include "sys/unixsock.h"
#include "tre/linux/dispatch.h"
#include "tre/linux/place.h"

enum { SIGNALS, LISTENER, TAMPER, FIRST_CLIENT };

struct service {
	struct smr_tre *tre;
	enum smr_err lost;				       /* why there is no TPM any more */
	struct pollfd fds[FIRST_CLIENT + SMR_TRE_CLIENTS_MAX]; /* fd -1: a free place, which poll passes over */
};

static void drop_client(struct pollfd *client, const char *reason)
{
	(void)close(client->fd);
	*client = (struct pollfd){.fd = -1};
	smr_log(SMR_LOG_DEBUG, "client.closed", "reason=%s", reason);
}

static struct pollfd *free_place(struct service *s)
{
	for (size_t i = FIRST_CLIENT; i < SMR_COUNT(s->fds); i++)
		if (s->fds[i].fd < 0)
			return &s->fds[i];
	return NULL;
}

static void accept_client(struct service *s)
{
	struct pollfd *place = free_place(s);
	struct smr_unix_peer peer = {0};
	int fd = accept4(s->fds[LISTENER].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return; /* uncovered: no descriptor or no memory left; poll asks again */
	if (place == NULL) {
		(void)close(fd);
		smr_log(SMR_LOG_WARN, "client.refused", "reason=too-many max=%u", SMR_TRE_CLIENTS_MAX);
		return;
	}
	*place = (struct pollfd){.fd = fd, .events = POLLIN};
	if (smr_unix_peer(fd, &peer) == SMR_OK)
		smr_log(SMR_LOG_INFO, "client.accepted", "uid=%u pid=%d", (unsigned)peer.uid, (int)peer.pid);
}

static void log_done(const struct smr_tre_done *done)
{
	/* Asking for the state changes nothing and is asked often. */
	enum smr_log_level level = done->op == SMR_TRE_STATE && done->result == SMR_OK ? SMR_LOG_DEBUG : SMR_LOG_INFO;

	smr_log(level, "request.done", "op=%s result=%s", smr_tre_op_name(done->op), smr_err_name(done->result));
}

static bool is_lost(enum smr_err err)
{
	return err == SMR_E_TPM_ABSENT || err == SMR_E_TPM_RESET;
}

static void answer_packet(struct service *s, struct pollfd *client, struct smr_bytes packet)
{
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_bytes answer = SMR_NONE;
	struct smr_tre_done done;
	ssize_t sent;

	smr_tre_dispatch(s->tre, packet, (struct smr_space){room, sizeof(room)}, &answer, &done);
	log_done(&done);
	if (is_lost(done.result))
		s->lost = done.result;
	SMR_FAULT("before-send", "answer");
	/* Does not wait: who asks and does not read is gone. */
	sent = send(client->fd, answer.ptr, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	SMR_FAULT("after-send", "answer");
	smr_wipe(room, answer.len);
	if (sent != (ssize_t)answer.len)
		drop_client(client, "does-not-read");
}

/* One packet of one client. One that does not fit is judged by what was cut off: it is malformed. */
static void serve_client(struct service *s, struct pollfd *client)
{
	uint8_t room[SMR_TRE_PACKET_MAX + 1];
	ssize_t got = recv(client->fd, room, sizeof(room), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return; /* uncovered: poll said that there is something */
	if (got <= 0) {
		drop_client(client, got == 0 ? "left" : "error");
		return;
	}
	answer_packet(s, client, smr_bytes_of(room, (size_t)got));
	smr_wipe(room, (size_t)got);
}

static void serve_ready(struct service *s)
{
	for (size_t i = FIRST_CLIENT; i < SMR_COUNT(s->fds); i++)
		if (s->fds[i].fd >= 0 && s->fds[i].revents != 0)
			serve_client(s, &s->fds[i]);
	if (s->fds[LISTENER].revents != 0)
		accept_client(s);
}

static void check_tamper(struct service *s)
{
	enum smr_err err = smr_tre_check_tamper(s->tre);

	if (is_lost(err))
		s->lost = err;
	else if (err != SMR_OK && err != SMR_E_STATE)
		smr_log_error(SMR_LOG_ERROR, "tamper.unheeded", err, "the next request looks again");
}

/* Its own record is replaced in the same directory with each contact. What the kernel had no room to say may have been about the tamper file. */
static bool is_about_tamper(const struct inotify_event *event)
{
	return event->mask & IN_Q_OVERFLOW || (event->len > 0 && strcmp(event->name, SMR_TRE_TAMPER_NAME) == 0);
}

static void take_notice(struct service *s)
{
	_Alignas(struct inotify_event) uint8_t room[4096];
	ssize_t got = read(s->fds[TAMPER].fd, room, sizeof(room));
	bool tamper = false;

	for (ssize_t at = 0; at < got;) {
		const struct inotify_event *event = (const struct inotify_event *)(const void *)(room + at);

		tamper |= is_about_tamper(event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (tamper)
		check_tamper(s);
}

static bool told_to_end(int signals)
{
	int number;

	while ((number = smr_signals_read(signals)) != 0)
		if (number == SIGTERM || number == SIGINT)
			return true;
	return false;
}

static enum smr_err serve_until_told(struct service *s)
{
	check_tamper(s);
	while (s->lost == SMR_OK) {
		if (poll(s->fds, SMR_COUNT(s->fds), -1) < 0) {
			if (errno == EINTR)
				continue; /* uncovered: signals come by their descriptor */
			return SMR_E_IO;
		}
		if (s->fds[SIGNALS].revents != 0 && told_to_end(s->fds[SIGNALS].fd))
			return SMR_OK;
		if (s->fds[TAMPER].revents != 0)
			take_notice(s);
		serve_ready(s);
	}
	return s->lost;
}

enum smr_err smr_tre_serve(struct smr_tre *tre, int listener, int signals, int tamper)
{
	struct service s = {.tre = tre};
	enum smr_err err;

	for (size_t i = 0; i < SMR_COUNT(s.fds); i++)
		s.fds[i] = (struct pollfd){.fd = -1};
	s.fds[SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
	s.fds[LISTENER] = (struct pollfd){.fd = listener, .events = POLLIN};
	s.fds[TAMPER] = (struct pollfd){.fd = tamper, .events = POLLIN};
	err = serve_until_told(&s);
	for (size_t i = FIRST_CLIENT; i < SMR_COUNT(s.fds); i++)
		if (s.fds[i].fd >= 0)
			drop_client(&s.fds[i], "end");
	return err;
}
