/* SPDX-License-Identifier: Apache-2.0 */
/* Files of records: as they come, and with a good signature put behind them by a sender with bad intentions (the first
 * octet is the number of records that it claims). */
#include "fuzz/fuzz.h"

#include "file/formats.h"
#include "file/frame.h"

#define BODY_MAX 8192u

/* Of the types that are not sealed; a sealed one that was altered opens no record. */
static void decode(enum smr_file_type type, struct smr_bytes record)
{
	struct smr_shipment_record shipment;
	struct smr_reference_record reference;
	struct smr_command_record command;
	struct smr_ack_record ack;

	FUZZ_CHECK(record.len > 0 && record.len <= SMR_FILE_RECORD_MAX);
	if (type == SMR_FILE_SHIPMENT)
		fuzz_any(smr_get_shipment_record(record, &shipment));
	else if (type == SMR_FILE_REFERENCES)
		fuzz_any(smr_get_reference_record(record, &reference));
	else if (type == SMR_FILE_COMMANDS)
		fuzz_any(smr_get_command_record(record, &command));
	else if (type == SMR_FILE_ACK)
		fuzz_any(smr_get_ack_record(record, &ack));
}

static void read_all(struct smr_bytes octets, enum smr_file_type type)
{
	struct smr_file_reader *reader;
	struct smr_bytes record;
	const struct smr_file_info *info;
	uint64_t count = 0;
	enum smr_err err = smr_file_open(fuzz_file(octets), type, &fuzz_key(FUZZ_READER)->own, &reader);

	if (err != SMR_OK) {
		FUZZ_CHECK(reader == NULL);
		return;
	}
	info = smr_file_reader_info(reader);
	FUZZ_CHECK(info->type == type && info->about_len <= sizeof(info->about));
	for (err = smr_file_next(reader, &record); err == SMR_OK; err = smr_file_next(reader, &record)) {
		count++;
		FUZZ_CHECK(smr_file_position(reader) == count);
		decode(type, record);
	}
	FUZZ_CHECK(count == info->count || err != SMR_E_NOTHING);
	smr_file_close(reader);
}

static enum smr_file_type type_of(struct smr_bytes octets, struct smr_file_info *info)
{
	struct smr_reader r = smr_reader_init(octets);
	struct smr_bytes seal;

	memset(info, 0, sizeof(*info));
	if (smr_get_header(&r, info, &seal) != SMR_OK || info->type == 0)
		return SMR_FILE_SHIPMENT;
	return info->type;
}

static void read_signed(struct smr_bytes body, uint8_t count)
{
	uint8_t room[BODY_MAX + SMR_FILE_END_MAX + 80];
	uint8_t end[SMR_FILE_END_MAX];
	uint8_t hash[SMR_HASH_LEN];
	uint8_t sig[SMR_SIG_LEN];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_file_info info;
	struct smr_bytes payload;
	struct smr_bytes whole;
	enum smr_file_type type = type_of(body, &info);

	info.count = count;
	FUZZ_CHECK(smr_sha256(&body, 1, hash) == SMR_OK);
	if (smr_file_end_payload(&info, hash, (struct smr_space){end, sizeof(end)}, &payload) != SMR_OK)
		return;
	FUZZ_CHECK(smr_cose_sign_detached(&fuzz_key(FUZZ_SIGNER)->own, SMR_LABEL_FILE, SMR_NONE, payload, sig) ==
		   SMR_OK);
	smr_put_raw(&w, body);
	smr_put_array(&w, 2);
	smr_put_uint(&w, count);
	smr_put_bytes(&w, SMR_ARRAY(sig));
	FUZZ_CHECK(smr_writer_done(&w, &whole) == SMR_OK);
	read_all(whole, type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_file_info info;
	struct smr_bytes octets = smr_bytes_of(data, len);

	read_all(octets, type_of(octets, &info));
	if (len > 1 && len <= BODY_MAX)
		read_signed(smr_bytes_of(data + 1, len - 1), data[0]);
	return 0;
}
