/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file coap_reply.h
 * What a CoAP message says to the agent, whoever sent it: nothing in it is trusted before the TRE has opened it.
 */
#ifndef SMR_M2ME_COAP_REPLY_H
#define SMR_M2ME_COAP_REPLY_H

#include <coap3/coap.h>

#include "m2me/coap.h"

/** One of the answers of docs/protocol.md, «Transport»? @param reply  [out] views into @p pdu; undefined otherwise. */
bool smr_coap_reply_read(const coap_pdu_t *pdu, struct smr_reply *reply);
/** 4.01 with an Echo of our length? @param echo  [out] untouched otherwise. */
bool smr_coap_reply_echo(const coap_pdu_t *pdu, uint8_t echo[SMR_COAP_ECHO_LEN]);

#endif
