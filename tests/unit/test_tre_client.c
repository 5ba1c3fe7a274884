/* SPDX-License-Identifier: Apache-2.0 */
/* The client of a TRE's socket, with what a TRE might answer, and what none would, already waiting in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tre/ipc.h"

static const uint8_t message_octets[300] = {0xde, 0xad};

struct packet {
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_bytes octets;
};

static void encode_answer(enum smr_tre_op op, const struct smr_tre_answer *answer, struct packet *packet)
{
	struct smr_space room = {packet->room, sizeof(packet->room)};

	assert_int_equal(smr_tre_answer_encode(op, answer, room, &packet->octets), SMR_OK);
}

struct line {
	struct smr_tre_client client;
	int peer;
};

static void open_line(struct line *line, struct smr_bytes waiting)
{
	const struct timeval short_wait = {.tv_usec = 20000};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_wait, sizeof(short_wait)), 0);
	line->client.fd = ends[0];
	line->peer = ends[1];
	if (waiting.len > 0)
		assert_int_equal(send(line->peer, waiting.ptr, waiting.len, 0), waiting.len);
}

static void close_line(struct line *line)
{
	smr_tre_disconnect(&line->client);
	(void)close(line->peer);
}

static void test_client_answered_returns_result_and_stays_connected(void **state)
{
	struct smr_tre_answer answer = {.u.message = SMR_ARRAY(message_octets)};
	uint8_t octets[SMR_M1_MAX];
	struct smr_space m1 = {octets, sizeof(octets)};
	struct packet packet;
	struct line line;
	uint8_t sent[16];

	(void)state;
	encode_answer(SMR_TRE_FLIGHT_START, &answer, &packet);
	open_line(&line, packet.octets);
	assert_int_equal(smr_tre_client_flight_start(&line.client, true, &m1), SMR_OK);
	assert_int_equal(m1.len, sizeof(message_octets));
	assert_memory_equal(octets, message_octets, m1.len);
	assert_int_equal(recv(line.peer, sent, sizeof(sent), 0), 3);
	assert_memory_equal(sent, "\x82\x04\xf5", 3);
	assert_true(line.client.fd >= 0);
	close_line(&line);
}

static void test_client_hands_over_a_flight_key(void **state)
{
	static const uint8_t sent_octets[] = {0x82, SMR_TRE_FLIGHT_KEY, 0x43, 1, 2, 3};
	static const uint8_t key[] = {1, 2, 3};
	struct smr_tre_answer answer = {0};
	struct packet packet;
	struct line line;
	uint8_t sent[16];

	(void)state;
	encode_answer(SMR_TRE_FLIGHT_KEY, &answer, &packet);
	open_line(&line, packet.octets);
	assert_int_equal(smr_tre_client_flight_key(&line.client, SMR_ARRAY(key)), SMR_OK);
	assert_int_equal(recv(line.peer, sent, sizeof(sent), 0), sizeof(sent_octets));
	assert_memory_equal(sent, sent_octets, sizeof(sent_octets));
	close_line(&line);
}

/* The one error with a result: what the network needs to find the device's sequence number. */
static void test_client_authenticating_is_given_the_result_or_the_resynchronisation(void **state)
{
	static const uint8_t rand[SMR_AKA_RAND_LEN];
	static const enum smr_err errors[] = {SMR_OK, SMR_E_SQN};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(errors); i++) {
		struct smr_tre_answer answer = {
			.err = errors[i], .u.aka = {.res = {7, 8}, .res_len = 8, .ck = {9}, .ik = {10}, .auts = {11}}};
		struct smr_aka_result result;
		struct packet packet;
		struct line line;

		encode_answer(SMR_TRE_AUTHENTICATE, &answer, &packet);
		open_line(&line, packet.octets);
		assert_int_equal(smr_tre_client_authenticate(&line.client, rand, rand, &result), errors[i]);
		assert_int_equal(result.res_len, i == 0 ? 8 : 0);
		assert_int_equal(result.res[1], i == 0 ? 8 : 0);
		assert_int_equal(result.ck[0], i == 0 ? 9 : 0);
		assert_int_equal(result.auts[0], i == 0 ? 0 : 11);
		close_line(&line);
	}
}

static void test_client_room_too_small_is_no_room(void **state)
{
	struct smr_tre_answer answer = {.u.message = SMR_ARRAY(message_octets)};
	uint8_t octets[sizeof(message_octets) - 1];
	struct smr_space c1 = {octets, sizeof(octets)};
	struct packet packet;
	struct line line;

	(void)state;
	encode_answer(SMR_TRE_CHECKIN_START, &answer, &packet);
	open_line(&line, packet.octets);
	assert_int_equal(smr_tre_client_checkin_start(&line.client, &c1), SMR_E_NO_ROOM);
	close_line(&line);
}

static void test_client_endorsing_is_given_the_certificate_in_its_own_room(void **state)
{
	const struct smr_tre_answer answer = {
		.u.endorsement = {.certificate = SMR_ARRAY(message_octets), .certification.quote.resets = 7}};
	static const uint8_t challenge[SMR_HASH_LEN];

	(void)state;
	for (size_t len = sizeof(message_octets) - 1; len <= sizeof(message_octets); len++) {
		uint8_t octets[sizeof(message_octets)];
		struct smr_tre_endorsement got = {0};
		struct packet packet;
		struct line line;

		encode_answer(SMR_TRE_ENROL_ENDORSE, &answer, &packet);
		open_line(&line, packet.octets);
		assert_int_equal(
			smr_tre_client_enrol_endorse(&line.client, challenge, (struct smr_space){octets, len}, &got),
			len < sizeof(message_octets) ? SMR_E_NO_ROOM : SMR_OK);
		if (len == sizeof(message_octets)) {
			assert_ptr_equal(got.certificate.ptr, octets);
			assert_true(smr_bytes_equal(got.certificate, SMR_ARRAY(message_octets)));
			assert_int_equal(got.certification.quote.resets, 7);
		}
		close_line(&line);
	}
}

static void test_client_activating_is_given_the_secret(void **state)
{
	const struct smr_tre_answer answer = {.u.activated = {1, 2, 3}};
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN] = {0};
	struct packet packet;
	struct line line;

	(void)state;
	encode_answer(SMR_TRE_ENROL_ACTIVATE, &answer, &packet);
	open_line(&line, packet.octets);
	assert_int_equal(smr_tre_client_enrol_activate(&line.client, SMR_ARRAY(message_octets), secret), SMR_OK);
	assert_memory_equal(secret, answer.u.activated, sizeof(secret));
	close_line(&line);
}

static void test_client_preparing_hands_over_both_releases(void **state)
{
	static const uint8_t running[] = {1, 2};
	static const uint8_t next[] = {3};
	const struct smr_tre_update update = {{2, 4}, SMR_ARRAY(running), SMR_ARRAY(next)};
	const struct smr_tre_answer answer = {.err = SMR_E_SERIAL};
	struct smr_tre_request request;
	struct packet packet;
	struct packet sent;
	struct line line;

	(void)state;
	encode_answer(SMR_TRE_PREPARE, &answer, &packet);
	open_line(&line, packet.octets);
	assert_int_equal(smr_tre_client_prepare(&line.client, &update), SMR_E_SERIAL);
	sent.octets = smr_bytes_of(sent.room, (size_t)recv(line.peer, sent.room, sizeof(sent.room), 0));
	assert_int_equal(smr_tre_request_decode(sent.octets, &request), SMR_OK);
	assert_int_equal(request.op, SMR_TRE_PREPARE);
	assert_memory_equal(request.u.update.supplier, update.supplier, sizeof(update.supplier));
	assert_true(smr_bytes_equal(request.u.update.running, update.running));
	assert_true(smr_bytes_equal(request.u.update.next, update.next));
	close_line(&line);
}

static void test_client_given_error_returns_it_as_it_is(void **state)
{
	struct smr_tre_answer answer = {.err = SMR_E_STATE};
	struct smr_aka_result result;
	struct packet packet;
	struct line line;
	uint8_t rand[16] = {0};

	(void)state;
	encode_answer(SMR_TRE_AUTHENTICATE, &answer, &packet);
	open_line(&line, packet.octets);
	assert_int_equal(smr_tre_client_authenticate(&line.client, rand, rand, &result), SMR_E_STATE);
	assert_true(line.client.fd >= 0);
	close_line(&line);
}

static void test_client_asking_for_a_message_given_error_returns_it_and_leaves_the_room(void **state)
{
	struct smr_tre_answer answer = {.err = SMR_E_COUNTER};
	uint8_t octets[SMR_M1_MAX] = {0x55};
	struct smr_space m1 = {octets, sizeof(octets)};
	struct packet packet;
	struct line line;

	(void)state;
	encode_answer(SMR_TRE_FLIGHT_START, &answer, &packet);
	open_line(&line, packet.octets);
	assert_int_equal(smr_tre_client_flight_start(&line.client, false, &m1), SMR_E_COUNTER);
	assert_int_equal(octets[0], 0x55);
	assert_int_equal(m1.len, sizeof(octets));
	close_line(&line);
}

static void test_client_unanswered_is_unavailable_and_closed(void **state)
{
	struct smr_tre_state out;
	struct line line;

	(void)state;
	open_line(&line, SMR_NONE);
	assert_int_equal(smr_tre_client_state(&line.client, &out), SMR_E_UNAVAILABLE);
	/* Or the late answer would be taken for that of the next request. */
	assert_int_equal(line.client.fd, -1);
	assert_int_equal(smr_tre_client_state(&line.client, &out), SMR_E_UNAVAILABLE);
	close_line(&line);
}

static void test_client_left_alone_is_unavailable(void **state)
{
	struct smr_tre_state out;
	struct line line;

	(void)state;
	open_line(&line, SMR_NONE);
	(void)close(line.peer);
	assert_int_equal(smr_tre_client_state(&line.client, &out), SMR_E_UNAVAILABLE);
	assert_int_equal(line.client.fd, -1);
}

static void test_client_given_nonsense_is_unavailable_and_closed(void **state)
{
	static const uint8_t nonsense[] = {0x81, 0x18, 0x00};
	static uint8_t oversize[SMR_TRE_PACKET_MAX + 1];
	struct smr_bytes waiting[] = {SMR_ARRAY(nonsense), SMR_ARRAY(oversize)};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(waiting); i++) {
		struct smr_tre_state out;
		struct line line;

		open_line(&line, waiting[i]);
		assert_int_equal(smr_tre_client_state(&line.client, &out), SMR_E_UNAVAILABLE);
		assert_int_equal(line.client.fd, -1);
		close_line(&line);
	}
}

static void test_client_message_too_long_is_malformed_before_it_is_sent(void **state)
{
	static uint8_t long_message[SMR_TRE_PACKET_MAX];
	struct smr_tre_outcome outcome;
	struct line line;

	(void)state;
	open_line(&line, SMR_NONE);
	assert_int_equal(smr_tre_client_flight_complete(&line.client, SMR_ARRAY(long_message), &outcome),
			 SMR_E_MALFORMED);
	assert_true(line.client.fd >= 0);
	close_line(&line);
}

static void test_connect_where_nobody_listens_is_unavailable(void **state)
{
	struct smr_tre_client client;
	char long_path[200];

	(void)state;
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(smr_tre_connect(&client, "/nonexistent/tre.sock"), SMR_E_UNAVAILABLE);
	assert_int_equal(client.fd, -1);
	assert_int_equal(smr_tre_connect(&client, long_path), SMR_E_INVALID);
	assert_int_equal(smr_tre_connect(&client, ""), SMR_E_INVALID);
}

static void test_connect_without_a_descriptor_left_is_an_error_of_ours(void **state)
{
	struct smr_tre_client client;
	struct rlimit before;
	struct rlimit none;
	enum smr_err err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = smr_tre_connect(&client, "/nonexistent/tre.sock");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(err, SMR_E_IO);
	assert_int_equal(client.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_answered_returns_result_and_stays_connected),
		cmocka_unit_test(test_client_hands_over_a_flight_key),
		cmocka_unit_test(test_client_authenticating_is_given_the_result_or_the_resynchronisation),
		cmocka_unit_test(test_client_room_too_small_is_no_room),
		cmocka_unit_test(test_client_endorsing_is_given_the_certificate_in_its_own_room),
		cmocka_unit_test(test_client_activating_is_given_the_secret),
		cmocka_unit_test(test_client_preparing_hands_over_both_releases),
		cmocka_unit_test(test_client_given_error_returns_it_as_it_is),
		cmocka_unit_test(test_client_asking_for_a_message_given_error_returns_it_and_leaves_the_room),
		cmocka_unit_test(test_client_unanswered_is_unavailable_and_closed),
		cmocka_unit_test(test_client_left_alone_is_unavailable),
		cmocka_unit_test(test_client_given_nonsense_is_unavailable_and_closed),
		cmocka_unit_test(test_client_message_too_long_is_malformed_before_it_is_sent),
		cmocka_unit_test(test_connect_where_nobody_listens_is_unavailable),
		cmocka_unit_test(test_connect_without_a_descriptor_left_is_an_error_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
