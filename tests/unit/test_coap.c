/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP as the server reads and writes it: every octet of a head, hostile datagrams, and what RFC 7252 says of options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/coap.h"
#include "tests/unit/hex.h"
#include "tests/unit/random.h"

#define ROOM 1400u

/* Read from memory of exactly that length, so that a sanitizer sees every octet too many. */
static enum smr_err read_exactly(struct smr_bytes datagram, struct smr_coap_request *out)
{
	uint8_t *copy = malloc(datagram.len + 1);
	enum smr_err err;

	assert_non_null(copy);
	if (datagram.len)
		memcpy(copy + 1, datagram.ptr, datagram.len);
	err = smr_coap_read(smr_bytes_of(copy + 1, datagram.len), out);
	if (err == SMR_OK) {
		assert_true(out->token_len <= SMR_COAP_TOKEN_MAX);
		assert_true(out->payload.len > 0 && out->payload.ptr + out->payload.len == copy + 1 + datagram.len);
		assert_true(out->echo.len <= SMR_COAP_ECHO_MAX);
		assert_true(out->echo.len == 0 ||
			    (out->echo.ptr > copy && out->echo.ptr + out->echo.len < out->payload.ptr));
	}
	free(copy);
	return err;
}

static enum smr_err read_hex(const char *text, struct smr_coap_request *out)
{
	uint8_t room[256];

	return read_exactly(hex(text, room, sizeof(room)), out);
}

static void refuse(const char *text)
{
	struct smr_coap_request request;

	if (read_hex(text, &request) != SMR_E_MALFORMED)
		fail_msg("accepted: %s", text);
}

static void test_read_request_yields_its_parts(void **state)
{
	uint8_t room[64];
	struct smr_coap_request request;
	struct smr_bytes in = hex("42021234aabb"
				  "b166"
				  "ff010203",
				  room, sizeof(room));

	(void)state;
	assert_int_equal(smr_coap_read(in, &request), SMR_OK);
	assert_true(request.confirmable);
	assert_int_equal(request.message_id, 0x1234);
	assert_int_equal(request.token_len, 2);
	assert_hex(request.token, 2, "aabb");
	assert_int_equal(request.path, SMR_COAP_FLIGHT);
	assert_int_equal(request.echo.len, 0);
	assert_hex(request.payload.ptr, request.payload.len, "010203");
	in = hex("50020000b163ff00", room, sizeof(room));
	assert_int_equal(smr_coap_read(in, &request), SMR_OK);
	assert_false(request.confirmable);
	assert_int_equal(request.token_len, 0);
	assert_int_equal(request.path, SMR_COAP_CHECKIN);
}

static void test_read_every_token_length_up_to_8_is_taken(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 15; len++) {
		uint8_t in[64] = {(uint8_t)(0x50 | len), 0x02, 0, 1};
		struct smr_coap_request request;
		size_t pos = 4;
		enum smr_err err;

		for (size_t i = 0; i < len; i++)
			in[pos++] = (uint8_t)(0xc0 + i);
		memcpy(in + pos,
		       "\xb1"
		       "f"
		       "\xff"
		       "x",
		       4);
		err = read_exactly(smr_bytes_of(in, pos + 4), &request);
		assert_int_equal(err, len <= 8 ? SMR_OK : SMR_E_MALFORMED);
		if (err == SMR_OK) {
			assert_int_equal(request.token_len, len);
			assert_memory_equal(request.token, in + 4, len);
		}
	}
}

static void test_read_other_than_post_or_version_1_is_malformed(void **state)
{
	struct smr_coap_request request;

	(void)state;
	assert_int_equal(read_hex("50020000b166ff00", &request), SMR_OK);
	refuse("10020000b166ff00"); /* version 0 */
	refuse("90020000b166ff00"); /* version 2 */
	refuse("d0020000b166ff00");
	refuse("50010000b166ff00"); /* GET */
	refuse("50030000b166ff00"); /* PUT */
	refuse("50000000b166ff00"); /* empty */
	refuse("50440000b166ff00"); /* a response */
	refuse("60020000b166ff00"); /* ACK */
	refuse("70020000b166ff00"); /* RST */
}

static void test_read_other_paths_are_malformed(void **state)
{
	(void)state;
	refuse("50020000ff00");		/* none */
	refuse("50020000b0ff00");	/* empty */
	refuse("50020000b167ff00");	/* g */
	refuse("50020000b146ff00");	/* F */
	refuse("50020000b26666ff00");	/* ff */
	refuse("50020000b1660163ff00"); /* f/c */
	refuse("50020000b16600ff00");	/* f/ */
	refuse("50020000b1660166ff00"); /* f/f */
	refuse("50020000b163"
	       "c178"
	       "ff00"); /* c, then option 23 (odd) */
}

/* RFC 7252 5.4.1: elective (even) is ignored, critical (odd) rejects the message. */
static void test_read_unknown_options_follow_their_class(void **state)
{
	struct smr_coap_request request;

	(void)state;
	assert_int_equal(read_hex("50020000b166"
				  "1100"
				  "ff00",
				  &request),
			 SMR_OK); /* 12 Content-Format */
	assert_int_equal(read_hex("50020000"
				  "4101"
				  "7166"
				  "ff00",
				  &request),
			 SMR_OK); /* 4 ETag before the path */
	assert_int_equal(request.path, SMR_COAP_FLIGHT);
	refuse("50020000b166"
	       "2100"
	       "ff00"); /* 13 */
	refuse("50020000"
	       "3161"
	       "8166"
	       "ff00"); /* 3 Uri-Host before the path */
}

static void put_option(uint8_t *out, size_t *pos, uint32_t delta, const uint8_t *value, size_t len)
{
	size_t head = (*pos)++;

	if (delta >= 269) {
		out[head] = 0xe0;
		smr_put_be16(out + *pos, (uint16_t)(delta - 269));
		*pos += 2;
	} else if (delta >= 13) {
		out[head] = 0xd0;
		out[(*pos)++] = (uint8_t)(delta - 13);
	} else {
		out[head] = (uint8_t)(delta << 4);
	}
	if (len >= 269) {
		out[head] |= 0x0e;
		smr_put_be16(out + *pos, (uint16_t)(len - 269));
		*pos += 2;
	} else if (len >= 13) {
		out[head] |= 0x0d;
		out[(*pos)++] = (uint8_t)(len - 13);
	} else {
		out[head] |= (uint8_t)len;
	}
	memcpy(out + *pos, value, len);
	*pos += len;
}

/* A flight with one option of this number and length after its path. */
static size_t with_option(uint8_t *out, uint32_t number, size_t len)
{
	static const uint8_t value[600];
	size_t pos = 4;

	memcpy(out, "\x50\x02\x00\x01", 4);
	put_option(out, &pos, 11, (const uint8_t *)"f", 1);
	put_option(out, &pos, number - 11, value, len);
	out[pos++] = 0xff;
	out[pos++] = 'x';
	return pos;
}

static void test_read_options_of_every_form_of_number_and_length(void **state)
{
	static const uint32_t numbers[] = {12,	13,  23,  24,  25,   26,   60,	  255,	 256,
					   279, 280, 281, 282, 2048, 2049, 65534, 65535, 65815};
	static const size_t lengths[] = {0, 1, 12, 13, 14, 41, 268, 269, 270, 600};
	uint8_t in[ROOM];
	struct smr_coap_request request;

	(void)state;
	for (size_t n = 0; n < SMR_COUNT(numbers); n++) {
		for (size_t l = 0; l < SMR_COUNT(lengths); l++) {
			size_t len = with_option(in, numbers[n], lengths[l]);

			assert_int_equal(read_exactly(smr_bytes_of(in, len), &request),
					 numbers[n] % 2 ? SMR_E_MALFORMED : SMR_OK);
			for (size_t cut = 0; cut + 1 < len;
			     cut++) /* the value holds no marker, so every cut ends inside */
				assert_int_equal(read_exactly(smr_bytes_of(in, cut), &request), SMR_E_MALFORMED);
		}
	}
}

static void test_read_reserved_nibbles_are_malformed(void **state)
{
	(void)state;
	refuse("50020000b166"
	       "f100"
	       "ff00"); /* delta 15 */
	refuse("50020000b166"
	       "1f00"
	       "ff00"); /* length 15 */
	refuse("50020000b166"
	       "f0"
	       "ff00");
	refuse("50020000b166"
	       "1d"); /* the length's octet is missing */
	refuse("50020000b166"
	       "1e00");
	refuse("50020000b166"
	       "d1");
	refuse("50020000b166"
	       "e100");
}

static void test_read_payload_is_required(void **state)
{
	(void)state;
	refuse("50020000b166");
	refuse("50020000b166ff"); /* RFC 7252 3: a marker and no payload is a format error */
}

static void test_read_echo_is_handed_out_up_to_40_octets(void **state)
{
	uint8_t in[ROOM];
	struct smr_coap_request request;

	(void)state;
	for (size_t len = 0; len <= 60; len++) {
		size_t total = with_option(in, 252, len);

		assert_int_equal(smr_coap_read(smr_bytes_of(in, total), &request),
				 SMR_OK); /* elective: too long is ignored */
		assert_int_equal(request.echo.len, len <= SMR_COAP_ECHO_MAX ? len : 0);
		assert_int_equal(request.payload.len, 1);
	}
}

static void test_read_truncated_anywhere_is_malformed_or_a_shorter_payload(void **state)
{
	uint8_t in[ROOM];
	size_t total = with_option(in, 252, 8);
	struct smr_coap_request request;

	(void)state;
	memset(in + total, 0x77, 20);
	for (size_t len = 0; len <= total + 20; len++)
		assert_int_equal(read_exactly(smr_bytes_of(in, len), &request), len < total ? SMR_E_MALFORMED : SMR_OK);
}

static void test_read_flipped_bits_and_noise_stay_in_bounds(void **state)
{
	uint8_t in[ROOM];
	size_t total = with_option(in, 252, 40);
	struct smr_coap_request request;
	struct rng rng = {7252};
	unsigned accepted = 0;

	(void)state;
	for (size_t bit = 0; bit < 8 * total; bit++) {
		in[bit / 8] ^= (uint8_t)(1u << bit % 8);
		accepted += read_exactly(smr_bytes_of(in, total), &request) == SMR_OK;
		in[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(accepted > 0 && accepted < 8 * total);
	for (int i = 0; i < 20000; i++) {
		size_t len = rng_below(&rng, 48);

		rng_fill(&rng, in, len);
		if (len > 2) {
			in[0] = (uint8_t)(0x40 | (in[0] & 0x1f));
			in[1] = 0x02;
		}
		(void)!read_exactly(smr_bytes_of(in, len), &request);
	}
}

/* ---- answers ---- */

static const struct smr_coap_request con = {
	.confirmable = true, .message_id = 0x1234, .token = {0xaa, 0xbb}, .token_len = 2};
static const struct smr_coap_request non = {
	.confirmable = false, .message_id = 0x1234, .token = {0xaa, 0xbb}, .token_len = 2};

static void assert_head(const struct smr_coap_request *request, const struct smr_coap_answer *answer, const char *text)
{
	uint8_t room[SMR_COAP_OVERHEAD_MAX];
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(smr_coap_head(request, answer, 0x9abc, &out), SMR_OK);
	assert_hex(room, out.len, text);
}

static void test_head_of_changed_is_exact(void **state)
{
	struct smr_coap_answer answer = {.code = SMR_COAP_CHANGED, .payload = SMR_TEXT("x")};
	struct smr_coap_request bare = {.confirmable = true, .message_id = 0xffff};
	struct smr_coap_request full = {.token = {1, 2, 3, 4, 5, 6, 7, 8}, .token_len = 8};

	(void)state;
	assert_head(&con, &answer, "62441234aabbff"); /* piggy-backed: the request's message id */
	assert_head(&non, &answer, "52449abcaabbff"); /* an id of our own */
	assert_head(&bare, &answer, "6044ffffff");
	assert_head(&full, &answer, "58449abc0102030405060708ff");
}

static void test_head_of_hints_is_exact(void **state)
{
	struct smr_coap_answer answer = {.code = SMR_COAP_NOT_FOUND};

	(void)state;
	assert_head(&con, &answer, "62841234aabb"); /* no payload, no marker */
	answer.payload = SMR_TEXT("key");
	assert_head(&non, &answer, "52849abcaabbff");
}

static void test_head_max_age_is_the_shortest_uint(void **state)
{
	static const struct {
		uint32_t seconds;
		const char *text;
	} cases[] = {
		{0, "62a31234aabb"},
		{1, "62a31234aabbd10101"},
		{255, "62a31234aabbd101ff"},
		{256, "62a31234aabbd2010100"},
		{65535, "62a31234aabbd201ffff"},
		{65536, "62a31234aabbd301010000"},
		{86400, "62a31234aabbd301015180"},
		{0xffffff, "62a31234aabbd301ffffff"},
		{0x1000000, "62a31234aabbd40101000000"},
		{0xffffffff, "62a31234aabbd401ffffffff"},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_coap_answer answer = {.code = SMR_COAP_UNAVAILABLE, .max_age_s = cases[i].seconds};

		assert_head(&con, &answer, cases[i].text);
	}
}

static void test_head_echo_has_either_form_of_length(void **state)
{
	static const uint8_t cookie[41] = {0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6,
					   0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc};
	struct smr_coap_answer answer = {.code = SMR_COAP_UNAUTHORIZED, .echo = {cookie, 8}};
	uint8_t room[SMR_COAP_OVERHEAD_MAX];
	struct smr_space out = {room, sizeof(room)};

	(void)state;
	assert_head(&con, &answer, "62811234aabbd8efc0c1c2c3c4c5c6c7");
	answer.echo.len = 12;
	assert_head(&con, &answer, "62811234aabbdcefc0c1c2c3c4c5c6c7c8c9cacb");
	answer.echo.len = 13;
	assert_head(&con, &answer, "62811234aabbddef00c0c1c2c3c4c5c6c7c8c9cacbcc");
	answer.echo.len = 40;
	assert_int_equal(smr_coap_head(&con, &answer, 0, &out), SMR_OK);
	assert_hex(room, 9, "62811234aabbddef1b");
	assert_int_equal(out.len, 4 + 2 + 3 + 40);
	answer.echo.len = 41;
	out.len = sizeof(room);
	assert_int_equal(smr_coap_head(&con, &answer, 0, &out), SMR_E_NO_ROOM);
}

/* What is written as Echo is read as Echo: a client sends it back as it is. */
static void test_head_echo_is_read_back(void **state)
{
	static const uint8_t cookie[40] = {1, 2, 3};

	(void)state;
	for (size_t len = 1; len <= sizeof(cookie); len++) {
		struct smr_coap_answer answer = {.code = SMR_COAP_UNAUTHORIZED, .echo = {cookie, len}};
		uint8_t in[ROOM] = {0x50, 0x02, 0, 0, 0xb1, 'f'};
		uint8_t room[SMR_COAP_OVERHEAD_MAX];
		struct smr_space out = {room, sizeof(room)};
		struct smr_coap_request request;
		size_t pos = 6;

		assert_int_equal(smr_coap_head(&con, &answer, 0, &out), SMR_OK);
		memcpy(in + pos, room + 6, out.len - 6);
		in[pos + 1] = (uint8_t)(in[pos + 1] - 11); /* after Uri-Path the delta is less */
		pos += out.len - 6;
		in[pos++] = 0xff;
		in[pos++] = 'x';
		assert_int_equal(smr_coap_read(smr_bytes_of(in, pos), &request), SMR_OK);
		assert_int_equal(request.echo.len, len);
		assert_memory_equal(request.echo.ptr, cookie, len);
	}
}

static void test_head_one_octet_short_has_no_room(void **state)
{
	struct smr_coap_answer answer = {.code = SMR_COAP_CHANGED, .payload = SMR_TEXT("x")};
	uint8_t room[SMR_COAP_OVERHEAD_MAX];

	(void)state;
	for (size_t len = 0; len < sizeof(room); len++) {
		struct smr_space out = {room, len};

		assert_int_equal(smr_coap_head(&con, &answer, 0, &out), SMR_E_NO_ROOM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_request_yields_its_parts),
		cmocka_unit_test(test_read_every_token_length_up_to_8_is_taken),
		cmocka_unit_test(test_read_other_than_post_or_version_1_is_malformed),
		cmocka_unit_test(test_read_other_paths_are_malformed),
		cmocka_unit_test(test_read_unknown_options_follow_their_class),
		cmocka_unit_test(test_read_options_of_every_form_of_number_and_length),
		cmocka_unit_test(test_read_reserved_nibbles_are_malformed),
		cmocka_unit_test(test_read_payload_is_required),
		cmocka_unit_test(test_read_echo_is_handed_out_up_to_40_octets),
		cmocka_unit_test(test_read_truncated_anywhere_is_malformed_or_a_shorter_payload),
		cmocka_unit_test(test_read_flipped_bits_and_noise_stay_in_bounds),
		cmocka_unit_test(test_head_of_changed_is_exact),
		cmocka_unit_test(test_head_of_hints_is_exact),
		cmocka_unit_test(test_head_max_age_is_the_shortest_uint),
		cmocka_unit_test(test_head_echo_has_either_form_of_length),
		cmocka_unit_test(test_head_echo_is_read_back),
		cmocka_unit_test(test_head_one_octet_short_has_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
