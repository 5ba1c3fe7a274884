/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: m2me/coap_reply.c. Longest: 1500. Dictionary: coap. */
/* Datagrams that come to the agent: through libcoap's parser, as in coap.c, to what the agent makes of them. */
#include "fuzz/fuzz.h"

#include "m2me/coap_reply.h"

static void read_reply(const coap_pdu_t *pdu)
{
	uint8_t echo[SMR_COAP_ECHO_LEN];
	struct smr_reply reply;
	coap_pdu_code_t code = coap_pdu_get_code(pdu);

	if (smr_coap_reply_echo(pdu, echo))
		FUZZ_CHECK(code == COAP_RESPONSE_CODE_UNAUTHORIZED);
	if (!smr_coap_reply_read(pdu, &reply))
		return;
	FUZZ_CHECK(reply.payload.len <= SMR_REPLY_MAX);
	FUZZ_CHECK(reply.kind != SMR_REPLY_SEALED || (code == COAP_RESPONSE_CODE_CHANGED && reply.payload.len > 0));
	FUZZ_CHECK(reply.kind == SMR_REPLY_LATER || reply.max_age_s == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 0, len);

	fuzz_silence();
	coap_set_log_level(LOG_EMERG);
	if (pdu == NULL)
		return 0;
	if (len >= 4 && coap_pdu_parse(COAP_PROTO_UDP, data, len, pdu) != 0)
		read_reply(pdu);
	coap_delete_pdu(pdu);
	return 0;
}
