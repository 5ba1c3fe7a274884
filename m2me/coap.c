/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/coap.h"

#include <coap3/coap.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "m2me/coap_reply.h"
#include "sys/clock.h"
#include "sys/fault.h"
#include "sys/log.h"
#include "sys/text.h"

#define TOKEN_LEN 2u
#define CHALLENGES_MAX 2u /* Echo in one exchange; the second for a server that has just started anew */
#define TURN_MS 1000u

struct smr_coap_client {
	struct smr_coap_settings settings;
	char host[256];
	char port[6];
	coap_context_t *context;
	coap_session_t *session;
	size_t unanswered; /* picks among a name's addresses: the next one after a failure */
	/* the running exchange */
	enum smr_m2me_path path;
	struct smr_bytes request;
	uint8_t token[TOKEN_LEN];
	coap_mid_t mid;
	uint8_t echo[SMR_COAP_ECHO_LEN];
	bool has_echo;
	bool last_sent;	 /* libcoap retransmits no more */
	bool challenged; /* send again, with the Echo that came */
	unsigned challenges;
	bool accepted;
	bool gave_up;	   /* libcoap has sent all it may, and waited */
	bool stopped;	   /* libcoap sends no more, but not because of that */
	uint64_t first_ms; /* this token's first datagram */
	uint64_t first_count;
	const struct smr_asker *asker;
};

/* libcoap's log handler takes no context. */
static struct smr_traffic traffic;

/* ---- counting ---- */

/* The only place where libcoap tells of every datagram. tests/system/test_m2me_coap.py compares with the wire. */
static void count_datagram(coap_log_t level, const char *message)
{
	const char *sent = strstr(message, ": sent ");
	const char *received = strstr(message, ": received ");
	const char *number = sent != NULL ? sent + 7 : received != NULL ? received + 11 : NULL;
	char *end = NULL;
	unsigned long bytes = number == NULL ? 0 : strtoul(number, &end, 10);

	if (number != NULL && *message == '*' && strncmp(end, " bytes", 6) == 0) {
		*(sent != NULL ? &traffic.datagrams_up : &traffic.datagrams_down) += 1;
		*(sent != NULL ? &traffic.bytes_up : &traffic.bytes_down) += bytes;
	} else if (level <= LOG_WARNING) {
		smr_log(SMR_LOG_DEBUG, "coap.library", "text=%s", SMR_QUOTED(message));
	}
}

/* ---- replies ---- */

/* The challenge is a hint in clear: it makes us repeat the same message, at most CHALLENGES_MAX times. */
static bool take_challenge(struct smr_coap_client *client, const coap_pdu_t *pdu)
{
	if (client->challenges >= CHALLENGES_MAX || !smr_coap_reply_echo(pdu, client->echo))
		return false;
	client->has_echo = true;
	client->challenged = true;
	client->challenges++;
	return true;
}

static bool is_ours(const struct smr_coap_client *client, const coap_session_t *session, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);

	return session == client->session && token.length == TOKEN_LEN &&
	       memcmp(token.s, client->token, TOKEN_LEN) == 0;
}

static coap_response_t on_reply(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
				const coap_mid_t mid)
{
	struct smr_coap_client *client = coap_session_get_app_data(session);
	struct smr_reply reply;

	(void)sent;
	(void)mid;
	if (client == NULL || client->accepted)
		return COAP_RESPONSE_OK;
	client->stopped = true;
	if (is_ours(client, session, received)) {
		if (take_challenge(client, received))
			return COAP_RESPONSE_OK;
		if (smr_coap_reply_read(received, &reply) && client->asker->judge(client->asker->context, &reply)) {
			client->accepted = true;
			return COAP_RESPONSE_OK;
		}
	}
	traffic.ignored++;
	smr_log(SMR_LOG_DEBUG, "reply.ignored", "code=%d", (int)coap_pdu_get_code(received));
	return COAP_RESPONSE_OK;
}

static void on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason,
		    const coap_mid_t mid)
{
	struct smr_coap_client *client = coap_session_get_app_data(session);

	(void)sent;
	(void)mid;
	if (client == NULL)
		return;
	if (reason == COAP_NACK_TOO_MANY_RETRIES)
		client->gave_up = true;
	else
		client->stopped = true;
	if (reason == COAP_NACK_ICMP_ISSUE)
		smr_log(SMR_LOG_INFO, "server.unreachable", "detail=%s",
			SMR_QUOTED("the network says that nobody listens there: check that samarad runs and [server] "
				   "address"));
}

/* ---- addresses ---- */

enum smr_err smr_coap_address(const char *address, char host[256], char port[6])
{
	const char *start = address + 7;
	const char *end;
	const char *number;
	uint64_t value = 5683;

	if (strncmp(address, "coap://", 7) != 0)
		return SMR_E_MALFORMED;
	if (*start == '[') {
		start++;
		end = strchr(start, ']');
		number = end == NULL ? NULL : end + 1;
	} else {
		end = start + strcspn(start, ":/?#[]@");
		number = end;
	}
	if (end == NULL || end == start || end - start > 255 || (*number != '\0' && *number != ':'))
		return SMR_E_MALFORMED;
	if (*number == ':')
		SMR_TRY(smr_parse_uint(number + 1, 1, 65535, &value));
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	(void)snprintf(port, 6, "%u", (unsigned)value);
	return SMR_OK;
}

static void copy_address(const struct addrinfo *from, coap_address_t *to)
{
	coap_address_init(to);
	to->size = from->ai_addrlen;
	memcpy(&to->addr, from->ai_addr, from->ai_addrlen < sizeof(to->addr) ? from->ai_addrlen : sizeof(to->addr));
}

static enum smr_err look_up(const char *host, const char *port, int family, int flags, size_t which,
			    coap_address_t *out, int *found_family)
{
	const struct addrinfo hints = {
		.ai_family = family, .ai_socktype = SOCK_DGRAM, .ai_flags = flags | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	const struct addrinfo *it;
	size_t count = 0;
	int result = getaddrinfo(host, port, &hints, &found);

	if (result != 0) {
		smr_log(SMR_LOG_WARN, "address.unknown", "host=%s reason=%s", SMR_QUOTED(host),
			SMR_QUOTED(gai_strerror(result)));
		return SMR_E_UNAVAILABLE;
	}
	for (it = found; it != NULL; it = it->ai_next)
		count++;
	if (count == 0) {
		freeaddrinfo(found);
		return SMR_E_UNAVAILABLE;
	}
	it = found;
	for (which %= count; which > 0; which--)
		it = it->ai_next;
	copy_address(it, out);
	*found_family = it->ai_family;
	freeaddrinfo(found);
	return SMR_OK;
}

static enum smr_err open_session(struct smr_coap_client *client)
{
	const struct smr_coap_settings *s = &client->settings;
	coap_address_t local;
	coap_address_t server;
	int family = AF_UNSPEC;

	if (*s->bind != '\0')
		SMR_TRY(look_up(s->bind, "0", AF_UNSPEC, AI_NUMERICHOST | AI_PASSIVE, 0, &local, &family));
	SMR_TRY(look_up(client->host, client->port, family, 0, client->unanswered, &server, &family));
	client->session =
		coap_new_client_session(client->context, *s->bind != '\0' ? &local : NULL, &server, COAP_PROTO_UDP);
	if (client->session == NULL) {
		smr_log(SMR_LOG_WARN, "socket.failed", "detail=%s",
			SMR_QUOTED("no socket towards the server: check the network and [agent] bind"));
		return SMR_E_IO;
	}
	coap_session_set_app_data(client->session, client);
	return SMR_OK;
}

/* ---- sending ---- */

/* libcoap ignores a number of 0 and keeps what it had: where it must not retransmit, its first time-out never comes. */
static void allow_retransmissions(struct smr_coap_client *client, uint64_t times)
{
	uint64_t timeout_s = times == 0 ? UINT16_MAX : client->settings.ack_timeout_s;

	client->last_sent = times == 0;
	coap_session_set_ack_timeout(client->session, (coap_fixed_point_t){(uint16_t)timeout_s, 0});
	coap_session_set_max_retransmit(client->session, (uint16_t)times);
}

static bool fill(const struct smr_coap_client *client, coap_pdu_t *pdu)
{
	const uint8_t name = client->path == SMR_M2ME_FLIGHT ? 'f' : 'c';

	return coap_add_token(pdu, TOKEN_LEN, client->token) != 0 &&
	       coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, &name) != 0 &&
	       (!client->has_echo || coap_add_option(pdu, COAP_OPTION_ECHO, SMR_COAP_ECHO_LEN, client->echo) != 0) &&
	       coap_add_data(pdu, client->request.len, client->request.ptr) != 0;
}

static enum smr_err send_request(struct smr_coap_client *client)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, client->mid,
					coap_session_max_pdu_size(client->session));

	if (pdu == NULL)
		return SMR_E_NO_MEMORY;
	if (!fill(client, pdu)) {
		coap_delete_pdu(pdu);
		return SMR_E_NO_ROOM;
	}
	client->stopped = false;
	/* A send that the kernel refuses is a lost datagram: the retransmissions may fare better. */
	SMR_FAULT("before-send", "request");
	if (coap_send(client->session, pdu) == COAP_INVALID_MID)
		client->stopped = true;
	SMR_FAULT("after-send", "request");
	return SMR_OK;
}

static enum smr_err send_first(struct smr_coap_client *client)
{
	client->first_ms = smr_clock_ms();
	client->first_count = traffic.datagrams_up;
	client->mid = coap_new_message_id(client->session);
	allow_retransmissions(client, client->settings.max_retransmit);
	return send_request(client);
}

static uint64_t sent_times(const struct smr_coap_client *client)
{
	uint64_t counted = traffic.datagrams_up - client->first_count;

	return counted == 0 ? 1 : counted;
}

/* The n-th retransmission is due after ACK_TIMEOUT · (2^n - 1), without the random part: these are rare. */
static uint64_t next_due_ms(const struct smr_coap_client *client)
{
	return client->first_ms + 1000 * client->settings.ack_timeout_s * ((UINT64_C(1) << sent_times(client)) - 1);
}

/*
 * Under a new message id: libcoap has seen an acknowledgement of the old one, whoever sent it, and drops the next as a
 * duplicate. Token and payload stay.
 */
static enum smr_err take_over(struct smr_coap_client *client)
{
	uint64_t times = sent_times(client);

	if (smr_clock_ms() < next_due_ms(client))
		return SMR_OK;
	if (times > client->settings.max_retransmit) {
		client->gave_up = true;
		return SMR_OK;
	}
	client->mid = coap_new_message_id(client->session);
	/* One is sent here, libcoap has the rest of what is allowed. */
	allow_retransmissions(client, client->settings.max_retransmit - times);
	return send_request(client);
}

/* ---- waiting ---- */

/** Where libcoap may send nothing more, it does not say either that it gives up. */
static bool has_given_up(const struct smr_coap_client *client)
{
	return client->gave_up || (client->last_sent && smr_clock_ms() >= next_due_ms(client));
}

static bool told_to_stop(const struct smr_coap_client *client)
{
	return client->settings.stopping != NULL && client->settings.stopping(client->settings.context);
}

static uint64_t turn_ms(const struct smr_coap_client *client, uint64_t deadline_ms)
{
	uint64_t now = smr_clock_ms();
	uint64_t until = client->stopped && next_due_ms(client) < deadline_ms ? next_due_ms(client) : deadline_ms;
	uint64_t wait = until > now ? until - now : 1;

	return wait < TURN_MS ? wait : TURN_MS;
}

/* libcoap's descriptor covers its sockets and its timer, which has to be set before each wait. */
static void wait_turn(struct smr_coap_client *client, uint64_t deadline_ms)
{
	coap_tick_t now;
	struct pollfd fds[] = {{.fd = coap_context_get_coap_fd(client->context), .events = POLLIN},
			       {.fd = client->settings.stop_fd, .events = POLLIN}};

	coap_ticks(&now);
	(void)coap_io_prepare_epoll(client->context, now);
	(void)poll(fds, SMR_COUNT(fds), (int)turn_ms(client, deadline_ms));
	(void)coap_io_process(client->context, COAP_IO_NO_WAIT);
}

static enum smr_err answer_challenge(struct smr_coap_client *client)
{
	client->challenged = false;
	if (client->challenges == 1)
		client->request = client->asker->prove(client->asker->context, client->request);
	SMR_TRY(smr_random(client->token, TOKEN_LEN));
	return send_first(client);
}

static enum smr_err converse(struct smr_coap_client *client)
{
	uint64_t deadline_ms = smr_clock_ms() + client->settings.patience_ms;

	SMR_TRY(smr_random(client->token, TOKEN_LEN));
	SMR_TRY(send_first(client));
	while (!client->accepted) {
		if (told_to_stop(client))
			return SMR_E_NOTHING;
		if (has_given_up(client) || smr_clock_ms() >= deadline_ms)
			return SMR_E_UNAVAILABLE;
		wait_turn(client, deadline_ms);
		if (client->challenged)
			SMR_TRY(answer_challenge(client));
		else if (client->stopped && !client->accepted)
			SMR_TRY(take_over(client));
	}
	return SMR_OK;
}

static enum smr_err exchange(void *context, enum smr_m2me_path path, struct smr_bytes request,
			     const struct smr_asker *asker)
{
	struct smr_coap_client *client = context;
	enum smr_err err;

	client->path = path;
	client->request = request;
	client->asker = asker;
	client->has_echo = client->challenged = client->accepted = client->gave_up = client->stopped = false;
	client->challenges = 0;
	SMR_TRY(open_session(client));
	err = converse(client);
	coap_session_set_app_data(client->session, NULL);
	/* Or libcoap would go on sending the request again, although its contact is over and the next one may be under way. */
	coap_session_disconnected(client->session, COAP_NACK_NOT_DELIVERABLE);
	coap_session_release(client->session);
	client->session = NULL;
	if (err == SMR_E_UNAVAILABLE)
		client->unanswered++;
	return err;
}

static void get_traffic(void *context, struct smr_traffic *out)
{
	(void)context;
	*out = traffic;
}

struct smr_transport smr_coap_transport(struct smr_coap_client *client)
{
	return (struct smr_transport){exchange, get_traffic, client};
}

/* ---- life ---- */

enum smr_err smr_coap_client_new(const struct smr_coap_settings *settings, struct smr_coap_client **out,
				 struct smr_problem *problem)
{
	struct smr_coap_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	client->settings = *settings;
	if (smr_coap_address(settings->address, client->host, client->port) != SMR_OK) {
		free(client);
		return smr_problem(problem, SMR_E_MALFORMED, "[server] address «%s»: write it as coap://HOST:PORT",
				   settings->address);
	}
	coap_startup();
	coap_set_show_pdu_output(0);
	coap_set_log_handler(count_datagram);
	coap_set_log_level(LOG_DEBUG);
	client->context = coap_new_context(NULL);
	if (client->context == NULL) {
		smr_coap_client_free(client);
		return smr_problem(problem, SMR_E_NO_MEMORY, "libcoap cannot start: %s", smr_err_text(SMR_E_NO_MEMORY));
	}
	coap_register_response_handler(client->context, on_reply);
	coap_register_nack_handler(client->context, on_nack);
	*out = client;
	return SMR_OK;
}

void smr_coap_client_free(struct smr_coap_client *client)
{
	if (client == NULL)
		return;
	if (client->context != NULL)
		coap_free_context(client->context);
	coap_cleanup();
	free(client);
}
