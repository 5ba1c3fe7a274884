/* SPDX-License-Identifier: Apache-2.0 */
#include "auc/sim.h"

#include <stdio.h>

#include "sys/log.h"
#include "sys/text.h"

#define WORDS_MAX 4u

/** Split at single spaces. 0: too many words, an empty one, or a character outside printable ASCII. */
static size_t split(struct smr_bytes line, struct smr_bytes words[WORDS_MAX])
{
	size_t count = 0;
	size_t start = 0;

	for (size_t i = 0; i <= line.len; i++) {
		if (i < line.len && line.ptr[i] != ' ') {
			if (line.ptr[i] < 0x21 || line.ptr[i] > 0x7e)
				return 0;
			continue;
		}
		if (count == WORDS_MAX || i == start)
			return 0;
		words[count++] = smr_bytes_of(line.ptr + start, i - start);
		start = i + 1;
	}
	return count;
}

static enum smr_err decode_hex(struct smr_bytes word, uint8_t *out, size_t len)
{
	struct smr_space room = {out, len};

	if (word.len != 2 * len)
		return SMR_E_MALFORMED;
	return smr_hex_decode(word, &room);
}

static bool is_word(struct smr_bytes word, const char *text)
{
	return smr_bytes_equal(word, smr_text_of(text));
}

enum smr_err smr_sim_parse(struct smr_bytes line, struct smr_sim_request *out)
{
	struct smr_bytes words[WORDS_MAX];
	size_t count = split(line, words);

	memset(out, 0, sizeof(*out));
	if (count < 2)
		return SMR_E_MALFORMED;
	SMR_TRY(smr_imsi_parse(words[1], &out->imsi));
	smr_imsi_text(&out->imsi, out->imsi_text);
	if (count == 2 && is_word(words[0], "AKA-REQ-AUTH")) {
		out->verb = SMR_SIM_AKA_REQUEST;
		return SMR_OK;
	}
	if (count == 3 && is_word(words[0], "SIM-REQ-AUTH")) {
		out->verb = SMR_SIM_GSM_REQUEST;
		return SMR_OK;
	}
	if (count != 4 || !is_word(words[0], "AKA-AUTS"))
		return SMR_E_MALFORMED;
	out->verb = SMR_SIM_AKA_AUTS;
	SMR_TRY(decode_hex(words[2], out->auts, sizeof(out->auts)));
	return decode_hex(words[3], out->rand, sizeof(out->rand));
}

/** May this subscription be authenticated? */
static enum smr_err permit(const struct smr_auc_subscription *s)
{
	return s->state == SMR_AUC_ACTIVE && !s->suspended && !s->exported ? SMR_OK : SMR_E_STATE;
}

/** A vector whose SQN is durable. */
static enum smr_err make_vector(struct smr_auc_db *db, const struct smr_imsi *imsi, struct smr_aka_vector *out)
{
	struct smr_auc_subscription s;
	uint8_t rand[SMR_AKA_RAND_LEN];
	uint64_t sqn;
	enum smr_err err = smr_auc_db_by_imsi(db, imsi, &s);

	if (err == SMR_OK)
		err = permit(&s);
	if (err == SMR_OK)
		err = smr_sqn_next(s.sqn, &sqn);
	if (err == SMR_OK)
		err = smr_random(rand, sizeof(rand));
	if (err == SMR_OK)
		err = smr_auc_db_set_sqn(db, imsi, sqn, rand);
	if (err == SMR_OK)
		err = smr_aka_vector(&s.aka, rand, sqn, s.amf, out);
	smr_auc_subscription_wipe(&s);
	return err;
}

static enum smr_err resynchronise(struct smr_auc_db *db, const struct smr_sim_request *request)
{
	struct smr_auc_subscription s;
	uint64_t sqn_ms = 0;
	enum smr_err err = smr_auc_db_by_imsi(db, &request->imsi, &s);

	/* Where another authentication centre counts, this SQN stays as it was handed over. */
	if (err == SMR_OK && s.exported)
		err = SMR_E_STATE;
	/* Only for the RAND that this AuC sent last: an AUTS of another day says nothing about today. */
	if (err == SMR_OK && !smr_equal_ct(s.last_rand, request->rand, sizeof(s.last_rand)))
		err = SMR_E_REPLAY;
	if (err == SMR_OK)
		err = smr_aka_auts_open(&s.aka, request->rand, request->auts, &sqn_ms);
	if (err == SMR_OK)
		err = smr_sqn_resync(&s.sqn, sqn_ms);
	if (err == SMR_OK)
		err = smr_auc_db_set_sqn(db, &request->imsi, s.sqn, request->rand);
	smr_auc_subscription_wipe(&s);
	return err;
}

/* hostapd's line has IK before CK, as has wpa_supplicant's; a card's answer has CK first. */
static void write_vector(const char *imsi, const struct smr_aka_vector *v, struct smr_space *answer)
{
	char rand[SMR_HEX_TEXT(SMR_AKA_RAND_LEN)];
	char autn[SMR_HEX_TEXT(SMR_AKA_AUTN_LEN)];
	char ik[SMR_HEX_TEXT(16)];
	char ck[SMR_HEX_TEXT(16)];
	char res[SMR_HEX_TEXT(SMR_AKA_RES_MAX)];
	int n;

	smr_hex_encode(SMR_ARRAY(v->rand), rand);
	smr_hex_encode(SMR_ARRAY(v->autn), autn);
	smr_hex_encode(SMR_ARRAY(v->ik), ik);
	smr_hex_encode(SMR_ARRAY(v->ck), ck);
	smr_hex_encode(smr_bytes_of(v->res, v->res_len), res);
	n = snprintf((char *)answer->ptr, answer->len, "AKA-RESP-AUTH %s %s %s %s %s %s", imsi, rand, autn, ik, ck,
		     res);
	answer->len = n > 0 && (size_t)n < answer->len ? (size_t)n : 0;
	SMR_WIPE(ik);
	SMR_WIPE(ck);
	SMR_WIPE(res);
}

static void write_failure(const char *verb, const char *imsi, struct smr_space *answer)
{
	int n = snprintf((char *)answer->ptr, answer->len, "%s %s FAILURE", verb, imsi);

	answer->len = n > 0 && (size_t)n < answer->len ? (size_t)n : 0;
}

static void serve_request(struct smr_auc_db *db, const struct smr_sim_request *request, struct smr_space *answer)
{
	struct smr_aka_vector vector;
	enum smr_err err = make_vector(db, &request->imsi, &vector);

	if (err == SMR_OK) {
		write_vector(request->imsi_text, &vector, answer);
		smr_log(SMR_LOG_INFO, "vector.given", "imsi=%s", SMR_ID(request->imsi_text));
	} else {
		write_failure("AKA-RESP-AUTH", request->imsi_text, answer);
		smr_log_error(SMR_LOG_WARN, "vector.refused", err, SMR_ID(request->imsi_text));
	}
	SMR_WIPE(vector);
}

void smr_sim_serve(struct smr_auc_db *db, const struct smr_sim_request *request, struct smr_space *answer)
{
	enum smr_err err;

	switch (request->verb) {
	case SMR_SIM_AKA_REQUEST:
		serve_request(db, request, answer);
		return;
	case SMR_SIM_AKA_AUTS:
		err = resynchronise(db, request);
		if (err == SMR_OK)
			smr_log(SMR_LOG_INFO, "sqn.resynchronised", "imsi=%s", SMR_ID(request->imsi_text));
		else
			smr_log_error(SMR_LOG_WARN, "sqn.not_resynchronised", err, SMR_ID(request->imsi_text));
		answer->len = 0;
		return;
	case SMR_SIM_GSM_REQUEST:
		write_failure("SIM-RESP-AUTH", request->imsi_text, answer);
		return;
	}
	answer->len = 0;
}
