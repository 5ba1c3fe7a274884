/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/coap_reply.h"

static uint32_t max_age_of(const coap_pdu_t *pdu)
{
	coap_opt_iterator_t iterator;
	coap_opt_t *option = coap_check_option(pdu, COAP_OPTION_MAXAGE, &iterator);

	return option == NULL ? SMR_MAX_AGE_DEFAULT
			      : coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
}

bool smr_coap_reply_echo(const coap_pdu_t *pdu, uint8_t echo[SMR_COAP_ECHO_LEN])
{
	coap_opt_iterator_t iterator;
	coap_opt_t *option = coap_check_option(pdu, COAP_OPTION_ECHO, &iterator);

	if (coap_pdu_get_code(pdu) != COAP_RESPONSE_CODE_UNAUTHORIZED || option == NULL ||
	    coap_opt_length(option) != SMR_COAP_ECHO_LEN)
		return false;
	memcpy(echo, coap_opt_value(option), SMR_COAP_ECHO_LEN);
	return true;
}

bool smr_coap_reply_read(const coap_pdu_t *pdu, struct smr_reply *reply)
{
	const uint8_t *data = NULL;
	size_t len = 0;

	(void)coap_get_data(pdu, &len, &data);
	if (len > SMR_REPLY_MAX)
		return false;
	*reply = (struct smr_reply){.payload = smr_bytes_of(data, len)};
	switch (coap_pdu_get_code(pdu)) {
	case COAP_RESPONSE_CODE_CHANGED:
		reply->kind = SMR_REPLY_SEALED;
		return len > 0;
	case COAP_RESPONSE_CODE_NOT_FOUND:
		reply->kind = SMR_REPLY_UNKNOWN;
		return true;
	case COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE:
		reply->kind = SMR_REPLY_LATER;
		reply->max_age_s = max_age_of(pdu);
		return true;
	default:
		return false;
	}
}
