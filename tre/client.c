/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tre/ipc.h"

#define TIMEOUT_S 5

/* The waits of connect, send and recv are all bounded by the kernel. */
static bool bound_waits(int fd)
{
	const struct timeval limit = {.tv_sec = TIMEOUT_S};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0;
}

enum smr_err smr_tre_connect(struct smr_tre_client *client, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd;

	client->fd = -1;
	if (len == 0 || len >= sizeof(address.sun_path))
		return SMR_E_INVALID;
	memcpy(address.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return SMR_E_IO;
	if (!bound_waits(fd) || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		int errnum = errno;

		(void)close(fd);
		/* EACCES and the like will not pass by waiting; errno tells the caller which it was. */
		errno = errnum;
		return errnum == EACCES || errnum == EPERM ? SMR_E_IO : SMR_E_UNAVAILABLE;
	}
	client->fd = fd;
	return SMR_OK;
}

void smr_tre_disconnect(struct smr_tre_client *client)
{
	if (client->fd >= 0)
		(void)close(client->fd);
	client->fd = -1;
}

static enum smr_err send_packet(int fd, struct smr_bytes packet)
{
	ssize_t sent;

	do
		sent = send(fd, packet.ptr, packet.len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)packet.len ? SMR_OK : SMR_E_UNAVAILABLE;
}

static enum smr_err receive_packet(int fd, struct smr_space room, struct smr_bytes *packet)
{
	ssize_t got;

	do
		got = recv(fd, room.ptr, room.len, MSG_TRUNC);
	while (got < 0 && errno == EINTR);
	if (got <= 0 || (size_t)got > room.len)
		return SMR_E_UNAVAILABLE;
	*packet = smr_bytes_of(room.ptr, (size_t)got);
	return SMR_OK;
}

/*
 * One request, one answer. After any failure of the exchange itself the connection is closed: an answer that comes late
 * would be taken for that of the next request.
 */
static enum smr_err exchange(struct smr_tre_client *client, const struct smr_tre_request *request,
			     struct smr_space room, struct smr_tre_answer *answer)
{
	struct smr_bytes packet = SMR_NONE;
	enum smr_err err;

	if (client->fd < 0)
		return SMR_E_UNAVAILABLE;
	SMR_TRY(smr_tre_request_encode(request, room, &packet));
	err = send_packet(client->fd, packet);
	if (err == SMR_OK)
		err = receive_packet(client->fd, room, &packet);
	if (err == SMR_OK && smr_tre_answer_decode(request->op, packet, answer) != SMR_OK)
		err = SMR_E_UNAVAILABLE;
	if (err != SMR_OK)
		smr_tre_disconnect(client);
	return err;
}

/* For all operations but those that return a message: nothing of the packet outlives the call. */
static enum smr_err call(struct smr_tre_client *client, const struct smr_tre_request *request,
			 struct smr_tre_answer *answer)
{
	uint8_t room[SMR_TRE_PACKET_MAX];
	enum smr_err err = exchange(client, request, (struct smr_space){room, sizeof(room)}, answer);

	SMR_WIPE(room);
	return err == SMR_OK ? answer->err : err;
}

static enum smr_err call_for_message(struct smr_tre_client *client, const struct smr_tre_request *request,
				     struct smr_space *out)
{
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_tre_answer answer;
	enum smr_err err = exchange(client, request, (struct smr_space){room, sizeof(room)}, &answer);

	if (err == SMR_OK)
		err = answer.err;
	if (err != SMR_OK)
		return err;
	if (answer.u.message.len > out->len)
		return SMR_E_NO_ROOM;
	memcpy(out->ptr, answer.u.message.ptr, answer.u.message.len);
	out->len = answer.u.message.len;
	return SMR_OK;
}

enum smr_err smr_tre_client_state(struct smr_tre_client *client, struct smr_tre_state *out)
{
	const struct smr_tre_request request = {.op = SMR_TRE_STATE};
	struct smr_tre_answer answer;

	SMR_TRY(call(client, &request, &answer));
	*out = answer.u.state;
	return SMR_OK;
}

enum smr_err smr_tre_client_enrol_begin(struct smr_tre_client *client, const struct smr_eid *eid,
					const uint8_t challenge[SMR_HASH_LEN], struct smr_tre_identity *out)
{
	struct smr_tre_request request = {.op = SMR_TRE_ENROL_BEGIN, .u.enrol_begin.eid = *eid};
	struct smr_tre_answer answer;

	memcpy(request.u.enrol_begin.challenge, challenge, SMR_HASH_LEN);
	SMR_TRY(call(client, &request, &answer));
	*out = answer.u.identity;
	return SMR_OK;
}

enum smr_err smr_tre_client_enrol_endorse(struct smr_tre_client *client, const uint8_t challenge[SMR_HASH_LEN],
					  struct smr_space out_room, struct smr_tre_endorsement *out)
{
	struct smr_tre_request request = {.op = SMR_TRE_ENROL_ENDORSE};
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_tre_answer answer;
	struct smr_bytes certificate;

	memcpy(request.u.challenge, challenge, SMR_HASH_LEN);
	SMR_TRY(exchange(client, &request, (struct smr_space){room, sizeof(room)}, &answer));
	SMR_TRY(answer.err);
	certificate = answer.u.endorsement.certificate;
	if (certificate.len > out_room.len)
		return SMR_E_NO_ROOM;
	*out = answer.u.endorsement;
	memcpy(out_room.ptr, certificate.ptr, certificate.len);
	out->certificate = smr_bytes_of(out_room.ptr, certificate.len);
	return SMR_OK;
}

enum smr_err smr_tre_client_enrol_activate(struct smr_tre_client *client, struct smr_bytes credential,
					   uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	const struct smr_tre_request request = {.op = SMR_TRE_ENROL_ACTIVATE, .u.message = credential};
	struct smr_tre_answer answer;

	SMR_TRY(call(client, &request, &answer));
	memcpy(secret, answer.u.activated, SMR_TPM_CREDENTIAL_SECRET_LEN);
	SMR_WIPE(answer);
	return SMR_OK;
}

enum smr_err smr_tre_client_enrol_finish(struct smr_tre_client *client, const struct smr_tre_enrolment *enrolment,
					 uint8_t answer[SMR_HASH_LEN])
{
	struct smr_tre_request request = {.op = SMR_TRE_ENROL_FINISH, .u.enrolment = *enrolment};
	struct smr_tre_answer result;
	enum smr_err err = call(client, &request, &result);

	SMR_WIPE(request); /* the gate key */
	if (err == SMR_OK)
		memcpy(answer, result.u.enrolled, SMR_HASH_LEN);
	return err;
}

enum smr_err smr_tre_client_flight_start(struct smr_tre_client *client, bool with_certificate, struct smr_space *m1)
{
	const struct smr_tre_request request = {.op = SMR_TRE_FLIGHT_START, .u.with_certificate = with_certificate};

	return call_for_message(client, &request, m1);
}

enum smr_err smr_tre_client_flight_gate(struct smr_tre_client *client, uint8_t mac[SMR_GATE_MAC_LEN])
{
	const struct smr_tre_request request = {.op = SMR_TRE_FLIGHT_GATE};
	struct smr_tre_answer answer;

	SMR_TRY(call(client, &request, &answer));
	memcpy(mac, answer.u.gate_mac, SMR_GATE_MAC_LEN);
	return SMR_OK;
}

static enum smr_err complete(struct smr_tre_client *client, enum smr_tre_op op, struct smr_bytes message,
			     struct smr_tre_outcome *outcome)
{
	const struct smr_tre_request request = {.op = op, .u.message = message};
	struct smr_tre_answer answer;

	/* No answer of a server is that long; a packet of ours could not carry it. */
	if (message.len > SMR_TRE_PACKET_MAX - 8)
		return SMR_E_MALFORMED;
	SMR_TRY(call(client, &request, &answer));
	if (outcome != NULL)
		*outcome = answer.u.outcome;
	return SMR_OK;
}

enum smr_err smr_tre_client_flight_complete(struct smr_tre_client *client, struct smr_bytes m2,
					    struct smr_tre_outcome *outcome)
{
	return complete(client, SMR_TRE_FLIGHT_COMPLETE, m2, outcome);
}

enum smr_err smr_tre_client_flight_key(struct smr_tre_client *client, struct smr_bytes encoded)
{
	return complete(client, SMR_TRE_FLIGHT_KEY, encoded, NULL);
}

enum smr_err smr_tre_client_checkin_start(struct smr_tre_client *client, struct smr_space *c1)
{
	const struct smr_tre_request request = {.op = SMR_TRE_CHECKIN_START};

	return call_for_message(client, &request, c1);
}

enum smr_err smr_tre_client_checkin_complete(struct smr_tre_client *client, struct smr_bytes c2,
					     struct smr_tre_outcome *outcome)
{
	return complete(client, SMR_TRE_CHECKIN_COMPLETE, c2, outcome);
}

enum smr_err smr_tre_client_authenticate(struct smr_tre_client *client, const uint8_t rand[16], const uint8_t autn[16],
					 struct smr_aka_result *result)
{
	struct smr_tre_request request = {.op = SMR_TRE_AUTHENTICATE};
	struct smr_tre_answer answer = {0};
	enum smr_err err;

	memset(result, 0, sizeof(*result));
	memcpy(request.u.authenticate.rand, rand, SMR_AKA_RAND_LEN);
	memcpy(request.u.authenticate.autn, autn, SMR_AKA_AUTN_LEN);
	err = call(client, &request, &answer);
	if (err == SMR_OK || err == SMR_E_SQN)
		*result = answer.u.aka;
	SMR_WIPE(answer);
	return err;
}

enum smr_err smr_tre_client_prepare(struct smr_tre_client *client, const struct smr_tre_update *update)
{
	const struct smr_tre_request request = {.op = SMR_TRE_PREPARE, .u.update = *update};
	struct smr_tre_answer answer;

	return call(client, &request, &answer);
}
