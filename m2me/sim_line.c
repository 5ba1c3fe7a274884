/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/sim_line.h"

#include <stdio.h>

#include "sys/text.h"

/* What is left of a line. Every take checks the length first, so that in.ptr + in.len never moves. */
static bool take(struct smr_bytes *in, struct smr_bytes text)
{
	if (in->len < text.len || memcmp(in->ptr, text.ptr, text.len) != 0)
		return false;
	in->ptr += text.len;
	in->len -= text.len;
	return true;
}

/* wpa_supplicant's level, «<3>»; answers to commands have none. */
static void skip_level(struct smr_bytes *in)
{
	if (in->len >= 3 && in->ptr[0] == '<' && in->ptr[1] >= '0' && in->ptr[1] <= '9' && in->ptr[2] == '>') {
		in->ptr += 3;
		in->len -= 3;
	}
}

/* Decimal, no leading zero, at most nine digits. */
static bool take_network(struct smr_bytes *in, uint32_t *out)
{
	size_t digits = 0;

	*out = 0;
	while (digits < in->len && in->ptr[digits] >= '0' && in->ptr[digits] <= '9' && digits < 10) {
		*out = *out * 10 + (uint32_t)(in->ptr[digits] - '0');
		digits++;
	}
	if (digits == 0 || digits > 9 || (digits > 1 && in->ptr[0] == '0'))
		return false;
	in->ptr += digits;
	in->len -= digits;
	return true;
}

static bool take_hex(struct smr_bytes *in, uint8_t *out, size_t len)
{
	struct smr_space room = {out, len};

	if (in->len < 2 * len || smr_hex_decode(smr_bytes_of(in->ptr, 2 * len), &room) != SMR_OK || room.len != len)
		return false;
	in->ptr += 2 * len;
	in->len -= 2 * len;
	return true;
}

static bool take_challenge(struct smr_bytes *in, struct smr_sim_line *out)
{
	return take_hex(in, out->rand, sizeof(out->rand)) && take(in, SMR_TEXT(":")) &&
	       take_hex(in, out->autn, sizeof(out->autn)) && (in->len == 0 || take(in, SMR_TEXT(" needed for ")));
}

static void read_request(struct smr_bytes in, struct smr_sim_line *out)
{
	if (!take_network(&in, &out->network) || !take(&in, SMR_TEXT(":")))
		return;
	out->kind = SMR_SIM_GARBLED;
	if (take(&in, SMR_TEXT("GSM-AUTH:")))
		out->kind = SMR_SIM_TRIPLET;
	else if (take(&in, SMR_TEXT("UMTS-AUTH:")) && take_challenge(&in, out))
		out->kind = SMR_SIM_CHALLENGE;
}

static bool begins(struct smr_bytes in, struct smr_bytes text)
{
	return take(&in, text) && (in.len == 0 || in.ptr[0] == ' ' || in.ptr[0] == '\n');
}

void smr_sim_line_read(struct smr_bytes line, struct smr_sim_line *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = SMR_SIM_OTHER;
	if (line.len > SMR_SIM_LINE_MAX)
		return;
	if (smr_bytes_equal(line, SMR_TEXT("OK\n")))
		out->kind = SMR_SIM_OK;
	else if (smr_bytes_equal(line, SMR_TEXT("FAIL\n")))
		out->kind = SMR_SIM_FAIL;
	skip_level(&line);
	if (take(&line, SMR_TEXT("CTRL-REQ-SIM-")))
		read_request(line, out);
	else if (begins(line, SMR_TEXT("CTRL-EVENT-EAP-SUCCESS")))
		out->kind = SMR_SIM_SUCCESS;
	else if (begins(line, SMR_TEXT("CTRL-EVENT-EAP-FAILURE")))
		out->kind = SMR_SIM_FAILURE;
	else if (begins(line, SMR_TEXT("CTRL-EVENT-TERMINATING")))
		out->kind = SMR_SIM_LEAVING;
	if (out->kind != SMR_SIM_CHALLENGE) {
		memset(out->rand, 0, sizeof(out->rand));
		memset(out->autn, 0, sizeof(out->autn));
	}
}

static void hex_of(const uint8_t *octets, size_t len, char *out)
{
	smr_hex_encode(smr_bytes_of(octets, len), out);
}

static int write_keys(const struct smr_aka_result *result, char *out, size_t room)
{
	char ik[SMR_HEX_TEXT(16)];
	char ck[SMR_HEX_TEXT(16)];
	char res[SMR_HEX_TEXT(SMR_AKA_RES_MAX)];
	int len;

	hex_of(result->ik, sizeof(result->ik), ik);
	hex_of(result->ck, sizeof(result->ck), ck);
	hex_of(result->res, result->res_len, res);
	len = snprintf(out, room, "UMTS-AUTH:%s:%s:%s", ik, ck, res);
	SMR_WIPE(ik);
	SMR_WIPE(ck);
	SMR_WIPE(res);
	return len;
}

size_t smr_sim_line_answer(const struct smr_sim_line *request, enum smr_err err, const struct smr_aka_result *result,
			   char out[SMR_SIM_ANSWER_MAX])
{
	int head = snprintf(out, SMR_SIM_ANSWER_MAX, "CTRL-RSP-SIM-%u:", (unsigned)request->network);
	char *rest = out + head;
	size_t room = SMR_SIM_ANSWER_MAX - (size_t)head;
	char auts[SMR_HEX_TEXT(SMR_AKA_AUTS_LEN)];
	bool fits = request->kind == SMR_SIM_CHALLENGE && result->res_len <= SMR_AKA_RES_MAX;
	int len;

	if (request->kind == SMR_SIM_TRIPLET) {
		len = snprintf(rest, room, "GSM-FAIL");
	} else if (fits && err == SMR_OK) {
		len = write_keys(result, rest, room);
	} else if (fits && err == SMR_E_SQN) {
		hex_of(result->auts, sizeof(result->auts), auts);
		len = snprintf(rest, room, "UMTS-AUTS:%s", auts);
	} else {
		len = snprintf(rest, room, "UMTS-FAIL");
	}
	return (size_t)(head + len);
}
