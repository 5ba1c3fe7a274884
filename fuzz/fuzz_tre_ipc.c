/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: tre/ipc.c. Dictionary: cbor. */
/* Packets between the TRE and its clients, both ways. What is accepted has one encoding. */
#include "fuzz/fuzz.h"

#include "tre/ipc.h"

static void try_request(struct smr_bytes packet)
{
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_tre_request request;
	struct smr_bytes again;

	if (smr_tre_request_decode(packet, &request) != SMR_OK)
		return;
	FUZZ_CHECK(smr_tre_request_encode(&request, (struct smr_space){room, sizeof(room)}, &again) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(packet, again));
}

static void try_answer(enum smr_tre_op op, struct smr_bytes packet)
{
	uint8_t room[SMR_TRE_PACKET_MAX];
	struct smr_tre_answer answer;
	struct smr_bytes again;

	if (smr_tre_answer_decode(op, packet, &answer) != SMR_OK)
		return;
	FUZZ_CHECK(smr_tre_answer_encode(op, &answer, (struct smr_space){room, sizeof(room)}, &again) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(packet, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > SMR_TRE_PACKET_MAX)
		return 0;
	try_request(smr_bytes_of(data, len));
	for (unsigned op = SMR_TRE_STATE; op <= SMR_TRE_PREPARE; op++)
		try_answer((enum smr_tre_op)op, smr_bytes_of(data, len));
	return 0;
}
