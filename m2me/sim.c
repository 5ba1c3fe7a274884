/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fault.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/unixsock.h"
#include "tre/client.h"

#define ANSWER_MS 3000u
#define PING_MS 10000u

/* ---- connecting ---- */

static void disconnect(struct smr_sim *sim, const char *reason)
{
	if (sim->fd < 0)
		return;
	(void)close(sim->fd);
	(void)unlink(sim->own);
	sim->fd = -1;
	sim->attached = false;
	smr_log(SMR_LOG_INFO, "sim.detached", "control=%s reason=%s", SMR_QUOTED(sim->control), reason);
}

static void complain(struct smr_sim *sim, enum smr_err err, const char *advice)
{
	if (!sim->complained)
		smr_log(SMR_LOG_WARN, "sim.unconnected", "control=%s error=%s reason=%s detail=%s",
			SMR_QUOTED(sim->control), smr_err_name(err), SMR_QUOTED(strerror(errno)), SMR_QUOTED(advice));
	sim->complained = true;
}

/* The peer's user has to pass through our directory; what lies in it is protected by its own modes. */
static void make_passable(const char *own)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s", own);
	for (int level = 0; level < 2; level++) {
		char *slash = strrchr(path, '/');

		if (slash == NULL || slash == path)
			return;
		*slash = '\0';
		if (stat(path, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 011) == 011)
			continue;
		if (chmod(path, (st.st_mode & 07777) | 011) == 0)
			smr_log(SMR_LOG_INFO, "sim.directory", "path=%s detail=%s", SMR_QUOTED(path),
				SMR_QUOTED("made passable for the user of the control interface"));
	}
}

/*
 * Sending needs write permission on the receiver's socket file. A peer that is root or ourselves has it anyway; for
 * another user our socket goes to the group of the peer's socket, where we may give it away.
 */
static enum smr_err bind_own(struct smr_sim *sim, const struct stat *peer)
{
	bool other = peer->st_uid != 0 && peer->st_uid != geteuid();
	enum smr_err err;

	if (!other)
		return smr_unix_bind_dgram(sim->own, 0600, SMR_GID_KEEP, &sim->fd);
	make_passable(sim->own);
	err = smr_unix_bind_dgram(sim->own, 0660, peer->st_gid, &sim->fd);
	if (err != SMR_OK)
		err = smr_unix_bind_dgram(sim->own, 0660, SMR_GID_KEEP, &sim->fd);
	return err;
}

/* Once connected, the kernel lets nobody but the peer send to us; what came before is not the peer's. */
static void drain(int fd)
{
	uint8_t octet;

	while (recv(fd, &octet, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0)
		continue;
}

static bool send_text(struct smr_sim *sim, const char *text, size_t len)
{
	ssize_t sent;

	do
		sent = send(sim->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)len;
}

static void ask(struct smr_sim *sim, const char *command)
{
	if (!send_text(sim, command, strlen(command))) {
		disconnect(sim, "peer-gone");
		return;
	}
	sim->awaiting = true;
	sim->deadline_ms = smr_clock_ms() + ANSWER_MS;
}

static void try_connect(struct smr_sim *sim)
{
	struct stat peer;
	enum smr_err err;

	if (stat(sim->control, &peer) != 0 || !S_ISSOCK(peer.st_mode)) {
		if (errno == EACCES)
			complain(sim, SMR_E_IO, "this user may not look there: share a group with the peer");
		return;
	}
	err = bind_own(sim, &peer);
	if (err != SMR_OK) {
		complain(sim, err, "our own socket cannot be made: check [agent] state");
		return;
	}
	err = smr_unix_connect_dgram(sim->fd, sim->control);
	if (err != SMR_OK) {
		if (err != SMR_E_UNAVAILABLE)
			complain(sim, err, "this user may not write there: share a group with the peer");
		(void)close(sim->fd);
		(void)unlink(sim->own);
		sim->fd = -1;
		return;
	}
	sim->device = peer.st_dev;
	sim->inode = peer.st_ino;
	sim->made = peer.st_mtim;
	drain(sim->fd);
	ask(sim, "ATTACH");
}

/* Inode numbers come back, so the time counts as well; a peer that changes modes afterwards does not move it. */
static bool is_same_peer(const struct smr_sim *sim)
{
	struct stat peer;

	return stat(sim->control, &peer) == 0 && peer.st_dev == sim->device && peer.st_ino == sim->inode &&
	       peer.st_mtim.tv_sec == sim->made.tv_sec && peer.st_mtim.tv_nsec == sim->made.tv_nsec;
}

/* A peer that has gone says nothing: its socket file is another one or missing, or nobody answers a PING. */
static void check_peer(struct smr_sim *sim)
{
	if (!is_same_peer(sim)) {
		smr_sim_read(sim); /* its last words may be the verdict */
		disconnect(sim, "peer-gone");
		return;
	}
	if (smr_clock_ms() < sim->deadline_ms)
		return;
	if (!sim->awaiting) {
		ask(sim, "PING");
		return;
	}
	if (!sim->attached && !sim->complained) {
		smr_log(SMR_LOG_WARN, "sim.unanswered", "control=%s detail=%s", SMR_QUOTED(sim->control),
			SMR_QUOTED(
				"no answer: its user needs write permission on our socket, so share a group with it"));
		sim->complained = true;
	}
	disconnect(sim, "no-answer");
}

void smr_sim_tick(struct smr_sim *sim)
{
	if (sim->fd >= 0)
		check_peer(sim);
	if (sim->fd < 0)
		try_connect(sim);
}

/* ---- challenges ---- */

/* A connection for each: it cannot be stale, and the TRE has few places. */
static enum smr_err authenticate(const struct smr_sim *sim, const struct smr_sim_line *line,
				 struct smr_aka_result *result)
{
	struct smr_tre_client client;
	enum smr_err err = smr_tre_connect(&client, sim->tre_socket);

	if (err != SMR_OK)
		return err;
	SMR_FAULT("before-call", "authenticate");
	err = smr_tre_client_authenticate(&client, line->rand, line->autn, result);
	SMR_FAULT("after-call", "authenticate");
	smr_tre_disconnect(&client);
	return err;
}

static const char *advice_on(enum smr_err err)
{
	switch (err) {
	case SMR_E_MAC:
		return "the network does not know this subscription's key";
	case SMR_E_STATE:
		return "no active subscription: provision it, or ask the operator to resume it";
	case SMR_E_UNAVAILABLE:
		return "samara-tre does not answer: check that samara-launch runs";
	default:
		return "see the log of samara-tre";
	}
}

static void log_result(const struct smr_sim_line *line, enum smr_err err)
{
	if (line->kind == SMR_SIM_TRIPLET)
		smr_log_event(SMR_LOG_WARN, "sim.triplet-refused");
	else if (line->kind == SMR_SIM_GARBLED)
		smr_log_event(SMR_LOG_WARN, "sim.request-garbled");
	else if (err == SMR_OK)
		smr_log_event(SMR_LOG_INFO, "sim.authenticated");
	else if (err == SMR_E_SQN)
		smr_log_event(SMR_LOG_INFO, "sim.resynchronises");
	else
		smr_log_error(SMR_LOG_WARN, "sim.failed", err, advice_on(err));
}

static void answer(struct smr_sim *sim, const struct smr_sim_line *line)
{
	struct smr_aka_result result = {0};
	char text[SMR_SIM_ANSWER_MAX];
	enum smr_err err = SMR_E_UNSUPPORTED;
	size_t len;

	if (line->kind == SMR_SIM_CHALLENGE)
		err = authenticate(sim, line, &result);
	len = smr_sim_line_answer(line, err, &result, text);
	log_result(line, err);
	if (err == SMR_OK)
		sim->authentications++;
	SMR_FAULT("before-send", "response");
	if (!send_text(sim, text, len))
		disconnect(sim, "peer-gone");
	SMR_FAULT("after-send", "response");
	SMR_WIPE(result);
	SMR_WIPE(text);
}

static void heard(struct smr_sim *sim)
{
	sim->awaiting = false;
	sim->deadline_ms = smr_clock_ms() + PING_MS;
}

static void take_ok(struct smr_sim *sim)
{
	if (!sim->attached)
		smr_log(SMR_LOG_INFO, "sim.attached", "control=%s", SMR_QUOTED(sim->control));
	sim->attached = true;
	sim->complained = false;
}

static void take_verdict(struct smr_sim *sim, enum smr_sim_line_kind verdict)
{
	sim->verdict = verdict;
	smr_log_event(verdict == SMR_SIM_SUCCESS ? SMR_LOG_INFO : SMR_LOG_WARN,
		      verdict == SMR_SIM_SUCCESS ? "eap.success" : "eap.failure");
}

static void take_line(struct smr_sim *sim, struct smr_bytes octets)
{
	struct smr_sim_line line;

	smr_sim_line_read(octets, &line);
	heard(sim);
	switch (line.kind) {
	case SMR_SIM_OK:
		take_ok(sim);
		break;
	case SMR_SIM_FAIL:
		smr_log(SMR_LOG_WARN, "sim.rejected", "control=%s", SMR_QUOTED(sim->control));
		break;
	case SMR_SIM_CHALLENGE:
	case SMR_SIM_TRIPLET:
	case SMR_SIM_GARBLED:
		answer(sim, &line);
		break;
	case SMR_SIM_SUCCESS:
	case SMR_SIM_FAILURE:
		take_verdict(sim, line.kind);
		break;
	case SMR_SIM_LEAVING:
		disconnect(sim, "peer-leaves");
		break;
	case SMR_SIM_OTHER:
		break;
	}
}

void smr_sim_read(struct smr_sim *sim)
{
	uint8_t octets[SMR_SIM_LINE_MAX + 1];

	while (sim->fd >= 0) {
		ssize_t got = recv(sim->fd, octets, sizeof(octets), MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got < 0)
			disconnect(sim, "peer-gone");
		else
			take_line(sim, smr_bytes_of(octets, (size_t)got));
	}
}

/* ---- life ---- */

enum smr_err smr_sim_init(struct smr_sim *sim, const char *control, const char *dir, const char *name,
			  const char *tre_socket, struct smr_problem *problem)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	enum smr_err err;

	*sim = (struct smr_sim){.control = control, .tre_socket = tre_socket, .fd = -1};
	err = smr_fs_mkdir(dir, 0711);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s; check the owner of [agent] state", dir, strerror(errno));
	sim->own = smr_fs_join(dir, name);
	if (sim->own == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	if (strlen(sim->own) >= room || strlen(control) >= room) {
		err = smr_problem(problem, SMR_E_INVALID, "%s: the path of a socket has at most %zu octets: shorten it",
				  strlen(control) >= room ? control : sim->own, room - 1);
		smr_sim_wipe(sim);
	}
	return err;
}

void smr_sim_wipe(struct smr_sim *sim)
{
	if (sim->fd >= 0) {
		(void)close(sim->fd);
		(void)unlink(sim->own);
	}
	free(sim->own);
	*sim = (struct smr_sim){.fd = -1};
}
