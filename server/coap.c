/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coap.h"

#define COAP_POST 0x02u
#define TYPE_CON 0u
#define TYPE_NON 1u
#define TYPE_ACK 2u
#define OPTION_URI_PATH 11u
#define OPTION_MAX_AGE 14u
#define OPTION_ECHO 252u
#define PAYLOAD_MARKER 0xffu

/* A cursor over the options. `pos` never exceeds datagram.len: every advance is preceded by a check against what is left. */
struct cursor {
	struct smr_bytes in;
	size_t pos;
};

static size_t left(const struct cursor *c)
{
	return c->in.len - c->pos;
}

/** The extended form of an option's delta or length (RFC 7252 3.1). */
static enum smr_err extend(struct cursor *c, unsigned nibble, uint32_t *out)
{
	if (nibble < 13) {
		*out = nibble;
		return SMR_OK;
	}
	if (nibble == 13 && left(c) >= 1) {
		*out = 13u + c->in.ptr[c->pos++];
		return SMR_OK;
	}
	if (nibble == 14 && left(c) >= 2) {
		*out = 269u + smr_get_be16(c->in.ptr + c->pos);
		c->pos += 2;
		return SMR_OK;
	}
	return SMR_E_MALFORMED;
}

static enum smr_err take_option(uint32_t number, struct smr_bytes value, struct smr_coap_request *out, bool *has_path)
{
	if (number == OPTION_URI_PATH) {
		if (*has_path || value.len != 1 || (value.ptr[0] != 'f' && value.ptr[0] != 'c'))
			return SMR_E_MALFORMED;
		out->path = value.ptr[0] == 'f' ? SMR_COAP_FLIGHT : SMR_COAP_CHECKIN;
		*has_path = true;
		return SMR_OK;
	}
	if (number == OPTION_ECHO && value.len <= SMR_COAP_ECHO_MAX) {
		out->echo = value;
		return SMR_OK;
	}
	/* RFC 7252 5.4.1: an unknown option is ignored when elective (even), and rejects the message when critical (odd). */
	return number % 2 == 1 ? SMR_E_MALFORMED : SMR_OK;
}

static enum smr_err read_options(struct cursor *c, struct smr_coap_request *out)
{
	uint32_t number = 0;
	bool has_path = false;

	while (left(c) > 0 && c->in.ptr[c->pos] != PAYLOAD_MARKER) {
		uint8_t head = c->in.ptr[c->pos++];
		uint32_t delta;
		uint32_t len;

		SMR_TRY(extend(c, head >> 4, &delta));
		SMR_TRY(extend(c, head & 0x0f, &len));
		if (len > left(c))
			return SMR_E_MALFORMED;
		number += delta; /* at most 1500 options of 65804 each: no wrap in 32 bits */
		SMR_TRY(take_option(number, smr_bytes_of(c->in.ptr + c->pos, len), out, &has_path));
		c->pos += len;
	}
	return has_path ? SMR_OK : SMR_E_MALFORMED;
}

enum smr_err smr_coap_read(struct smr_bytes datagram, struct smr_coap_request *out)
{
	struct cursor c = {datagram, 4};
	unsigned type;

	memset(out, 0, sizeof(*out));
	if (datagram.len < 4 || datagram.ptr[0] >> 6 != 1 || datagram.ptr[1] != COAP_POST)
		return SMR_E_MALFORMED;
	type = (datagram.ptr[0] >> 4) & 3u;
	out->token_len = datagram.ptr[0] & 0x0fu;
	if (type > TYPE_NON || out->token_len > SMR_COAP_TOKEN_MAX || out->token_len > left(&c))
		return SMR_E_MALFORMED;
	out->confirmable = type == TYPE_CON;
	out->message_id = smr_get_be16(datagram.ptr + 2);
	memcpy(out->token, datagram.ptr + c.pos, out->token_len);
	c.pos += out->token_len;
	SMR_TRY(read_options(&c, out));
	if (left(&c) < 2) /* the marker and at least one octet */
		return SMR_E_MALFORMED;
	out->payload = smr_bytes_of(datagram.ptr + c.pos + 1, left(&c) - 1);
	return SMR_OK;
}

/** Max-Age as the shortest uint (RFC 7252 3.2). */
static size_t put_max_age(uint8_t *out, uint32_t seconds)
{
	size_t len = seconds > 0xffffff ? 4 : seconds > 0xffff ? 3 : seconds > 0xff ? 2 : 1;

	out[0] = (uint8_t)(0xd0u | len); /* delta in one more octet */
	out[1] = OPTION_MAX_AGE - 13u;
	for (size_t i = 0; i < len; i++)
		out[2 + i] = (uint8_t)(seconds >> (8 * (len - 1 - i)));
	return 2 + len;
}

static size_t put_echo(uint8_t *out, struct smr_bytes echo)
{
	size_t pos = 0;

	out[pos++] = (uint8_t)(0xd0u | (echo.len < 13 ? echo.len : 13));
	out[pos++] = OPTION_ECHO - 13u;
	if (echo.len >= 13)
		out[pos++] = (uint8_t)(echo.len - 13);
	memcpy(out + pos, echo.ptr, echo.len);
	return pos + echo.len;
}

enum smr_err smr_coap_head(const struct smr_coap_request *request, const struct smr_coap_answer *answer,
			   uint16_t own_id, struct smr_space *out)
{
	uint8_t *p = out->ptr;
	size_t pos = 4;

	if (out->len < SMR_COAP_OVERHEAD_MAX || answer->echo.len > SMR_COAP_ECHO_MAX)
		return SMR_E_NO_ROOM;
	p[0] = (uint8_t)(0x40u | (request->confirmable ? TYPE_ACK : TYPE_NON) << 4 | request->token_len);
	p[1] = (uint8_t)answer->code;
	smr_put_be16(p + 2, request->confirmable ? request->message_id : own_id);
	memcpy(p + pos, request->token, request->token_len);
	pos += request->token_len;
	if (answer->max_age_s)
		pos += put_max_age(p + pos, answer->max_age_s);
	else if (answer->echo.len)
		pos += put_echo(p + pos, answer->echo);
	if (answer->payload.len)
		p[pos++] = PAYLOAD_MARKER;
	out->len = pos;
	return SMR_OK;
}
