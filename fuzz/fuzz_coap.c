/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: server/coap.c. Longest: 1300. */
/* The CoAP header at the server. */
#include "fuzz/fuzz.h"

#include "server/coap.h"

static bool inside(struct smr_bytes view, const uint8_t *data, size_t len)
{
	return view.len == 0 || (view.ptr >= data && view.len <= len && view.ptr + view.len <= data + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum smr_coap_code codes[] = {SMR_COAP_CHANGED, SMR_COAP_UNAUTHORIZED, SMR_COAP_UNAVAILABLE};
	struct smr_coap_request request;
	uint8_t room[SMR_COAP_OVERHEAD_MAX];

	if (smr_coap_read(smr_bytes_of(data, len), &request) != SMR_OK)
		return 0;
	FUZZ_CHECK(request.token_len <= SMR_COAP_TOKEN_MAX);
	FUZZ_CHECK(inside(request.echo, data, len) && inside(request.payload, data, len) && request.payload.len > 0);
	for (size_t i = 0; i < SMR_COUNT(codes); i++) {
		const struct smr_coap_answer answer = {codes[i], i == 2 ? 0x01000000 : 0, request.echo,
						       request.payload};
		struct smr_space out = {room, sizeof(room)};

		FUZZ_CHECK(smr_coap_head(&request, &answer, 1, &out) == SMR_OK);
		FUZZ_CHECK(out.len <= sizeof(room));
	}
	return 0;
}
