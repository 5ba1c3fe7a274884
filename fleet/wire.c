/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/wire.h"

#define TYPE_ACK 2u
#define TOKEN_LEN 2u
#define POST 0x02u
#define OPTION_URI_PATH 11u
#define OPTION_MAX_AGE 14u
#define OPTION_ECHO 252u
#define MAX_AGE_DEFAULT 60u /* RFC 7252 5.10.5 */
#define MARKER 0xffu

size_t smr_wire_head(enum smr_wire_path path, uint32_t id, const uint8_t *echo, uint8_t *out)
{
	size_t pos = 0;

	out[pos++] = 0x40u | TOKEN_LEN; /* version 1, confirmable */
	out[pos++] = POST;
	smr_put_be32(out + pos, id); /* message id, token */
	pos += 4;
	out[pos++] = (uint8_t)(OPTION_URI_PATH << 4 | 1u);
	out[pos++] = path == SMR_WIRE_FLIGHT ? 'f' : 'c';
	if (echo != NULL) {
		out[pos++] = (uint8_t)(0xd0u | SMR_WIRE_ECHO_LEN); /* delta in one more octet */
		out[pos++] = OPTION_ECHO - OPTION_URI_PATH - 13u;
		memcpy(out + pos, echo, SMR_WIRE_ECHO_LEN);
		pos += SMR_WIRE_ECHO_LEN;
	}
	out[pos++] = MARKER;
	return pos;
}

/** A cursor over the options; pos never exceeds in.len. */
struct cursor {
	struct smr_bytes in;
	size_t pos;
};

static bool extend(struct cursor *c, unsigned nibble, uint32_t *out)
{
	if (nibble == 15 || nibble == 14) /* two more octets: longer than anything an answer carries */
		return false;
	if (nibble == 13 && c->pos == c->in.len)
		return false;
	*out = nibble == 13 ? 13u + c->in.ptr[c->pos++] : nibble;
	return true;
}

static uint32_t number_of(struct smr_bytes value)
{
	uint32_t number = 0;

	for (size_t i = 0; i < value.len; i++)
		number = number << 8 | value.ptr[i];
	return number;
}

static bool read_options(struct cursor *c, struct smr_wire_answer *out, bool *has_echo)
{
	uint32_t number = 0;

	while (c->pos < c->in.len && c->in.ptr[c->pos] != MARKER) {
		uint8_t head = c->in.ptr[c->pos++];
		struct smr_bytes value;
		uint32_t delta;
		uint32_t len;

		if (!extend(c, head >> 4, &delta) || !extend(c, head & 0x0fu, &len) || len > c->in.len - c->pos)
			return false;
		number += delta;
		value = smr_bytes_of(c->in.ptr + c->pos, len);
		c->pos += len;
		if (number == OPTION_MAX_AGE && len <= 4) {
			out->max_age_s = number_of(value);
		} else if (number == OPTION_ECHO && len == SMR_WIRE_ECHO_LEN) {
			memcpy(out->echo, value.ptr, SMR_WIRE_ECHO_LEN);
			*has_echo = true;
		}
	}
	return true;
}

static bool kind_of(uint8_t code, bool has_echo, enum smr_wire_kind *out)
{
	static const struct {
		uint8_t code;
		enum smr_wire_kind kind;
	} kinds[] = {
		{0x44, SMR_WIRE_SEALED}, {0x84, SMR_WIRE_UNKNOWN}, {0x81, SMR_WIRE_CHALLENGE}, {0xa3, SMR_WIRE_LATER}};

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		*out = kinds[i].kind;
		if (kinds[i].code == code)
			return *out != SMR_WIRE_CHALLENGE || has_echo;
	}
	return false;
}

enum smr_err smr_wire_read(struct smr_bytes datagram, struct smr_wire_answer *out)
{
	struct cursor c = {datagram, 6};
	bool has_echo = false;

	memset(out, 0, sizeof(*out));
	out->max_age_s = MAX_AGE_DEFAULT;
	if (datagram.len < 6 || datagram.ptr[0] != (0x40u | TYPE_ACK << 4 | TOKEN_LEN))
		return SMR_E_MALFORMED;
	out->id = smr_get_be32(datagram.ptr + 2);
	if (!read_options(&c, out, &has_echo) || !kind_of(datagram.ptr[1], has_echo, &out->kind))
		return SMR_E_MALFORMED;
	if (c.pos < datagram.len) /* the marker */
		out->payload = smr_bytes_of(datagram.ptr + c.pos + 1, datagram.len - c.pos - 1);
	return SMR_OK;
}
