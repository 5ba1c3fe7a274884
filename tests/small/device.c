/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: small-device MEASUREMENT(hex)
 *
 * Obeys lines of standard input and answers each with one line: «ok WORDS stack=N heap=N» or «error NAME …».
 *     enrol SOCKET             serve one connection of `samara supplier enrol` as samara-tre would
 *     flight PORT              M1 to samarad, and what its M2 brings
 *     checkin PORT             C1 to samarad, and what its C2 brings
 *     authenticate RAND AUTN   hex; answers res, ck, ik
 *     restart                  power off and on
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/small/small.h"
#include "tre/linux/dispatch.h"

#define LINE_MAX_LEN 256u
#define SAY_MAX 256u

static struct smr_tre *tre;
static uint8_t message[MESSAGE_MAX]; /* the one buffer for what goes out and comes in */

struct command {
	const char *words[3];
	enum smr_err err;
	char said[SAY_MAX];
};

/* ---- enrolment: the supplier's bench is wired to the chip ---- */

static int wait_for_supplier(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	int client = -1;

	if (listener < 0 || strlen(path) >= sizeof(name.sun_path))
		return -1;
	memcpy(name.sun_path, path, strlen(path));
	if (bind(listener, (const struct sockaddr *)&name, sizeof(name)) == 0 && chmod(path, 0666) == 0 &&
	    listen(listener, 1) == 0)
		client = accept(listener, NULL, NULL);
	(void)close(listener);
	(void)unlink(path);
	return client;
}

static void enrol(struct command *c)
{
	static uint8_t packet[SMR_TRE_PACKET_MAX];
	static uint8_t room[SMR_TRE_PACKET_MAX];
	int client = wait_for_supplier(c->words[1]);
	ssize_t got;

	c->err = client < 0 ? SMR_E_IO : SMR_OK;
	while (client >= 0 && (got = recv(client, packet, sizeof(packet), 0)) > 0) {
		struct smr_bytes answer = SMR_NONE;
		struct smr_tre_done done;

		smr_tre_dispatch(tre, smr_bytes_of(packet, (size_t)got), (struct smr_space){room, sizeof(room)},
				 &answer, &done);
		if (send(client, answer.ptr, answer.len, MSG_NOSIGNAL) != (ssize_t)answer.len)
			c->err = SMR_E_IO;
	}
	if (client >= 0)
		(void)close(client);
}

/* ---- contacts ---- */

static void say_outcome(struct command *c, const struct smr_tre_outcome *outcome)
{
	(void)snprintf(c->said, sizeof(c->said), "refusal=%s package=%s commands=%u receipts=%d flight=%d interval=%u",
		       smr_refusal_name(outcome->refusal), smr_err_name(outcome->package),
		       (unsigned)outcome->commands_done, outcome->has_receipts, outcome->flight_needed,
		       (unsigned)outcome->interval_s);
}

typedef enum smr_err complete_contact(struct smr_tre *, struct smr_bytes, struct smr_tre_outcome *);

static void contact(struct command *c, char path, struct smr_space *up, complete_contact *complete)
{
	uint16_t port = (uint16_t)strtoul(c->words[1], NULL, 10);
	size_t sent = up->len;
	struct smr_tre_outcome outcome;
	uint8_t code = 0;

	if (!transport_ask(port, path, up, &code)) {
		c->err = SMR_E_UNAVAILABLE;
		return;
	}
	if (code != 0x44) { /* 2.04 */
		(void)snprintf(c->said, sizeof(c->said), "code=%u.%02u", (unsigned)code >> 5, (unsigned)code & 31u);
		c->err = SMR_E_REFUSED;
		return;
	}
	c->err = complete(tre, smr_bytes_of(up->ptr, up->len), &outcome);
	if (c->err == SMR_OK) {
		say_outcome(c, &outcome);
		size_t said = strlen(c->said);
		(void)snprintf(c->said + said, sizeof(c->said) - said, " up=%zu down=%zu", sent, up->len);
	}
}

static void flight(struct command *c)
{
	struct smr_space up = {message, sizeof(message)};

	c->err = smr_tre_flight_start(tre, false, &up);
	if (c->err == SMR_OK)
		contact(c, 'f', &up, smr_tre_flight_complete);
}

static void checkin(struct command *c)
{
	struct smr_space up = {message, sizeof(message)};

	c->err = smr_tre_checkin_start(tre, &up);
	if (c->err == SMR_OK)
		contact(c, 'c', &up, smr_tre_checkin_complete);
}

/* ---- the rest ---- */

static bool from_hex(const char *text, uint8_t *out, size_t len)
{
	if (text == NULL || strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned octet;

		if (sscanf(text + 2 * i, "%2x", &octet) != 1)
			return false;
		out[i] = (uint8_t)octet;
	}
	return true;
}

static void say_hex(struct command *c, const char *name, const uint8_t *octets, size_t len)
{
	size_t at = strlen(c->said);

	at += (size_t)snprintf(c->said + at, sizeof(c->said) - at, "%s%s=", at ? " " : "", name);
	for (size_t i = 0; i < len; i++)
		at += (size_t)snprintf(c->said + at, sizeof(c->said) - at, "%02x", octets[i]);
}

static void authenticate(struct command *c)
{
	uint8_t rand[SMR_AKA_RAND_LEN];
	uint8_t autn[SMR_AKA_AUTN_LEN];
	struct smr_aka_result result;

	if (!from_hex(c->words[1], rand, sizeof(rand)) || !from_hex(c->words[2], autn, sizeof(autn))) {
		c->err = SMR_E_INVALID;
		return;
	}
	c->err = smr_tre_authenticate(tre, rand, autn, &result);
	if (c->err == SMR_OK) {
		say_hex(c, "res", result.res, result.res_len);
		say_hex(c, "ck", result.ck, sizeof(result.ck));
		say_hex(c, "ik", result.ik, sizeof(result.ik));
	}
}

static void restart(struct command *c)
{
	smr_tre_stop(tre);
	c->err = smr_tre_start(tre, memory_port());
}

static void obey(void *argument)
{
	static const struct {
		const char *name;
		size_t words;
		void (*run)(struct command *);
	} commands[] = {{"enrol", 2, enrol},
			{"flight", 2, flight},
			{"checkin", 2, checkin},
			{"authenticate", 3, authenticate},
			{"restart", 1, restart}};
	struct command *c = argument;

	c->err = SMR_E_UNSUPPORTED;
	for (size_t i = 0; c->words[0] != NULL && i < SMR_COUNT(commands); i++)
		if (strcmp(commands[i].name, c->words[0]) == 0 && c->words[commands[i].words - 1] != NULL)
			commands[i].run(c);
}

static void obey_line(char *line)
{
	struct command c = {.words = {strtok(line, " \n"), strtok(NULL, " \n"), strtok(NULL, " \n")}};
	struct gauge gauge = {0, 0};

	if (!gauge_run(obey, &c, &gauge))
		c.err = SMR_E_NO_MEMORY;
	if (c.err == SMR_OK)
		printf("ok %s stack=%zu heap=%zu\n", c.said, gauge.stack, gauge.heap);
	else
		printf("error %s %s\n", smr_err_name(c.err), c.said);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	uint8_t measurement[SMR_HASH_LEN];
	char line[LINE_MAX_LEN];

	tre = malloc(smr_tre_size());
	if (argc != 2 || tre == NULL || !from_hex(argv[1], measurement, sizeof(measurement)))
		return 2;
	memory_init(measurement);
	if (smr_tre_start(tre, memory_port()) != SMR_OK)
		return 1;
	while (fgets(line, sizeof(line), stdin) != NULL)
		obey_line(line);
	smr_tre_stop(tre);
	free(tre);
	return 0;
}
