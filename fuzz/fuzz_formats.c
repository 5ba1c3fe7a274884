/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: file/formats.c file/formats_operator.c file/formats_relay.c. Dictionary: cbor. */
/* Records and abouts of every file type; the first octet chooses. What is accepted has one encoding. */
#include "fuzz/fuzz.h"

#include "file/formats.h"

/* A target each: read; if it is accepted, write it again. */
#define RECORD(name)                                                      \
	static bool try_##name(struct smr_bytes in, struct smr_writer *w) \
	{                                                                 \
		struct smr_##name out;                                    \
                                                                          \
		if (smr_get_##name(in, &out) != SMR_OK)                   \
			return false;                                     \
		smr_put_##name(w, &out);                                  \
		return true;                                              \
	}

RECORD(shipment_about)
RECORD(shipment_record)
RECORD(reference_record)
RECORD(batch_record)
RECORD(subscription_record)
RECORD(command_record)
RECORD(evidence_record)
RECORD(ack_record)

static bool try_empty_about(struct smr_bytes in, struct smr_writer *w)
{
	if (smr_get_empty_about(in) != SMR_OK)
		return false;
	smr_put_empty_about(w);
	return true;
}

static bool try_batch_about(struct smr_bytes in, struct smr_writer *w)
{
	struct smr_bytes card;

	if (smr_get_batch_about(in, &card) != SMR_OK)
		return false;
	smr_put_batch_about(w, card);
	return true;
}

static bool try_evidence_about(struct smr_bytes in, struct smr_writer *w)
{
	struct smr_key_id id;
	uint64_t of;

	if (smr_get_relay_about(in, false, &id, &of) != SMR_OK)
		return false;
	smr_put_relay_about(w, &id, 0, false);
	return true;
}

static bool try_ack_about(struct smr_bytes in, struct smr_writer *w)
{
	struct smr_key_id id;
	uint64_t of;

	if (smr_get_relay_about(in, true, &id, &of) != SMR_OK)
		return false;
	smr_put_relay_about(w, &id, of, true);
	return true;
}

static bool try_flight_keys_about(struct smr_bytes in, struct smr_writer *w)
{
	uint8_t root[SMR_POINT_COMPRESSED_LEN];

	if (smr_get_flight_keys_about(in, root) != SMR_OK)
		return false;
	smr_put_flight_keys_about(w, root);
	return true;
}

static bool (*const formats[])(struct smr_bytes in, struct smr_writer *w) = {
	try_shipment_about, try_shipment_record, try_reference_record,	try_batch_record, try_subscription_record,
	try_command_record, try_evidence_record, try_ack_record,	try_empty_about,  try_batch_about,
	try_evidence_about, try_ack_about,	 try_flight_keys_about,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t room[4096];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes again;

	if (len == 0 || len > sizeof(room) ||
	    !formats[data[0] % SMR_COUNT(formats)](smr_bytes_of(data + 1, len - 1), &w))
		return 0;
	FUZZ_CHECK(smr_writer_done(&w, &again) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(again, smr_bytes_of(data + 1, len - 1)));
	return 0;
}
