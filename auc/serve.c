/* SPDX-License-Identifier: Apache-2.0 */
#include "auc/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "auc/relay.h"
#include "auc/sim.h"
#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/fault.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/signals.h"
#include "sys/text.h"
#include "sys/unixsock.h"

#define REQUESTS_PER_TURN 64
#define DIRECTORY_ROOM 512u

struct desk {
	struct smr_auc_serve *serve;
	int sim_fd;
	int signals_fd;
	bool look; /* into the relay directory, at once */
	struct smr_auc_patience patience;
	bool over;
};

/** One datagram of hostapd. Returns false when there is none. */
static bool serve_datagram(struct smr_auc_db *db, int fd)
{
	uint8_t line[SMR_SIM_LINE_MAX];
	uint8_t text[SMR_SIM_LINE_MAX];
	struct smr_space answer = {text, sizeof(text)};
	struct smr_sim_request request;
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(fd, line, sizeof(line), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_len);

	if (n < 0)
		return errno == EINTR;
	if ((size_t)n > sizeof(line) || smr_sim_parse(smr_bytes_of(line, (size_t)n), &request) != SMR_OK) {
		smr_log(SMR_LOG_WARN, "sim.malformed", "bytes=%zd", n);
		return true;
	}
	smr_sim_serve(db, &request, &answer);
	SMR_FAULT("before-send", "vector");
	/* hostapd's socket may be gone, or not writable for us: it then asks again, with a new SQN. An unnamed sender has no address. */
	if (answer.len && from_len > sizeof(sa_family_t) &&
	    sendto(fd, text, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&from, from_len) < 0)
		smr_log(SMR_LOG_WARN, "sim.not_answered", "reason=%s", SMR_QUOTED(strerror(errno)));
	SMR_FAULT("after-send", "vector");
	SMR_WIPE(text);
	return true;
}

static void serve_socket(struct smr_auc_serve *serve, int fd)
{
	for (int i = 0; i < REQUESTS_PER_TURN && serve_datagram(serve->db, fd); i++) {
	}
}

static void take_signals(struct desk *desk)
{
	int number;

	while ((number = smr_signals_read(desk->signals_fd)) != 0) {
		if (number == SIGTERM || number == SIGINT)
			desk->over = true;
		if (number == SIGHUP)
			desk->look = true;
	}
}

/** Where evidence comes and acknowledgements go. False: the path is too long. */
static bool relay_directory(const struct smr_auc_serve *serve, char path[DIRECTORY_ROOM])
{
	char hex[SMR_HEX_TEXT(SMR_KEY_ID_LEN)];

	smr_hex_encode(SMR_ARRAY(serve->operator_id.octets), hex);
	return (size_t)snprintf(path, DIRECTORY_ROOM, "%s/%s", serve->spool, hex) < DIRECTORY_ROOM;
}

/** What came in on the socket and by signals; waits for it up to @p wait_ms. False: the end was asked for. */
static bool attend(struct desk *desk, int wait_ms)
{
	struct pollfd fds[2] = {{desk->sim_fd, POLLIN, 0}, {desk->signals_fd, POLLIN, 0}};

	if (poll(fds, SMR_COUNT(fds), wait_ms) < 0 && errno != EINTR)
		desk->over = true;
	if (fds[1].revents)
		take_signals(desk);
	if (fds[0].revents && !desk->over)
		serve_socket(desk->serve, desk->sim_fd);
	return !desk->over;
}

static bool between_files(void *context)
{
	return attend(context, 0);
}

static uint64_t one_round(struct desk *desk, const char *directory, const struct smr_auc_news *news)
{
	const struct smr_auc_serve *serve = desk->serve;
	enum smr_err err = smr_auc_relay(serve->db, serve->auc, &serve->operator_id, directory, between_files, desk);

	if (err == SMR_OK) {
		desk->patience.wait_ms = 0;
		return serve->relay_interval_ms;
	}
	if (err != SMR_E_BUSY)
		smr_log_error(SMR_LOG_WARN, "relay.failed", err, directory);
	smr_auc_patience_grow(&desk->patience, smr_clock_ms(), news);
	return SMR_AUC_WAIT_MS;
}

/** @param anyway  whatever waits there, and has waited. Returns when to look again, in milliseconds. */
static uint64_t look_at_relay(struct desk *desk, bool anyway)
{
	const struct smr_auc_serve *serve = desk->serve;
	char directory[DIRECTORY_ROOM];
	struct smr_auc_news news;

	if (!relay_directory(serve, directory))
		return SMR_AUC_WAIT_MS;
	if (!smr_fs_exists(directory))
		return serve->relay_interval_ms; /* the RO makes it with its first evidence */
	smr_auc_relay_news(serve->db, serve->auc, directory, &news);
	if (!anyway && !smr_auc_patience_is_over(&desk->patience, smr_clock_ms(), &news))
		return SMR_AUC_WAIT_MS;
	return one_round(desk, directory, &news);
}

static void loop(struct desk *desk)
{
	uint64_t next = smr_clock_ms();
	char directory[DIRECTORY_ROOM];

	if (relay_directory(desk->serve, directory))
		smr_fs_remove_leftovers(directory, "ack-"); /* of an AuC that died amid one */
	while (!desk->over) {
		uint64_t now = smr_clock_ms();

		if (desk->look) /* perhaps since the last round */
			next = now;
		if (attend(desk, now >= next ? 0 : (int)(next - now)) && (desk->look || smr_clock_ms() >= next)) {
			bool asked = desk->look;
			uint64_t pause;

			desk->look = false;
			pause = look_at_relay(desk, asked);
			next = smr_clock_ms() + pause;
		}
	}
}

enum smr_err smr_auc_serve(struct smr_auc_serve *serve, struct smr_problem *problem)
{
	struct desk desk = {.serve = serve};
	enum smr_err err;

	SMR_TRY(smr_signals_open(&desk.signals_fd));
	err = smr_unix_bind_dgram(serve->socket, 0660, serve->socket_group, &desk.sim_fd);
	if (err != SMR_OK) {
		close(desk.signals_fd);
		return smr_problem(problem, err, "cannot bind %s: %s", serve->socket, smr_err_text(err));
	}
	smr_log_event(SMR_LOG_INFO, "samara-auc.ready");
	if (!smr_fs_exists(serve->spool))
		smr_log(SMR_LOG_WARN, "relay.no_spool", "directory=%s hint=%s", SMR_QUOTED(serve->spool),
			SMR_QUOTED("no evidence can come before it is there: name the directory shared with the RO by "
				   "--spool"));
	smr_notify_ready();
	loop(&desk);
	smr_notify_stopping();
	unlink(serve->socket);
	close(desk.sim_fd);
	close(desk.signals_fd);
	smr_log_event(SMR_LOG_INFO, "samara-auc.stopped");
	return SMR_OK;
}
