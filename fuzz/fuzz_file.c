/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: file/reader.c file/stream.c file/frame.c. Dictionary: cbor. */
/*
 * Files of records: as they come; with a good signature put behind them by a sender with bad intentions (the first octet is the
 * number of records that it claims); and the same with its records sealed well.
 */
#include "fuzz/fuzz.h"

#include "core/hpke.h"
#include "core/sealed.h"
#include "file/formats.h"
#include "file/frame.h"

#define BODY_MAX 8192u

static void decode_clear(enum smr_file_type type, struct smr_bytes record)
{
	const struct smr_pubkey *key = &fuzz_key(FUZZ_SIGNER)->pub;
	struct smr_shipment_record shipment;
	struct smr_reference_record reference;
	struct smr_command_record command;
	struct smr_flight_key flight_key;
	struct smr_ack_record ack;
	struct smr_order order;

	if (type == SMR_FILE_SHIPMENT)
		fuzz_any(smr_get_shipment_record(record, &shipment));
	else if (type == SMR_FILE_REFERENCES)
		fuzz_any(smr_get_reference_record(record, &reference));
	else if (type == SMR_FILE_COMMANDS)
		fuzz_any(smr_get_command_record(record, &command));
	else if (type == SMR_FILE_ACK)
		fuzz_any(smr_get_ack_record(record, &ack));
	else if (type == SMR_FILE_ORDERS)
		fuzz_any(smr_order_open(record, key, &order));
	else if (type == SMR_FILE_FLIGHT_KEYS)
		fuzz_any(smr_flight_key_open(record, key, &flight_key));
}

static void decode(enum smr_file_type type, struct smr_bytes record)
{
	struct smr_subscription_record subscription;
	struct smr_evidence_record evidence;
	struct smr_batch_record batch;

	FUZZ_CHECK(record.len > 0 && record.len <= SMR_FILE_RECORD_MAX);
	if (type == SMR_FILE_BATCH)
		fuzz_any(smr_get_batch_record(record, &batch));
	else if (type == SMR_FILE_SUBSCRIPTIONS)
		fuzz_any(smr_get_subscription_record(record, &subscription));
	else if (type == SMR_FILE_EVIDENCE)
		fuzz_any(smr_get_evidence_record(record, &evidence));
	else
		decode_clear(type, record);
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

/* The header, its seal replaced by a good one. */
static void put_sealed_header(struct smr_writer *w, const struct smr_file_info *info,
			      const uint8_t key[SMR_FILE_KEY_LEN])
{
	uint8_t ad_room[SMR_FILE_HEADER_MAX];
	uint8_t room[SMR_FILE_SEAL_MAX];
	struct smr_space seal = {room, sizeof(room)};
	struct smr_bytes ad;

	FUZZ_CHECK(smr_file_seal_ad(info, (struct smr_space){ad_room, sizeof(ad_room)}, &ad) == SMR_OK);
	FUZZ_CHECK(smr_hpke_seal_with(&fuzz_key(FUZZ_E)->own, &fuzz_key(FUZZ_READER)->pub, NULL,
				      SMR_TEXT(SMR_LABEL_FILE_SEAL), ad, smr_bytes_of(key, SMR_FILE_KEY_LEN),
				      &seal) == SMR_OK);
	smr_put_array(w, 7);
	smr_put_header_members(w, info);
	smr_put_bytes(w, smr_bytes_of(seal.ptr, seal.len));
}

/* The byte strings behind the header as records. */
static void read_resealed(struct smr_bytes body, uint8_t count)
{
	static const uint8_t file_key[SMR_FILE_KEY_LEN] = {0x4b};
	uint8_t room[BODY_MAX + 2048];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_reader r = smr_reader_init(body);
	uint8_t key[SMR_AEAD_KEY_LEN];
	struct smr_file_info info = {0};
	struct smr_bytes record;
	struct smr_bytes sealed;

	if (smr_get_header(&r, &info, &sealed) != SMR_OK)
		return;
	put_sealed_header(&w, &info, file_key);
	for (uint64_t n = 1; r.pos < r.len; n++) {
		record = smr_get_bytes(&r, 0, BODY_MAX);
		FUZZ_CHECK(smr_file_record_key(file_key, n, key) == SMR_OK);
		if (r.err != SMR_OK ||
		    smr_put_sealed(&w, key, smr_nonce_zero, SMR_NONE, fuzz_put_octets, &record) != SMR_OK)
			return;
	}
	if (smr_writer_done(&w, &sealed) == SMR_OK && sealed.len <= BODY_MAX)
		read_signed(sealed, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_file_info info;
	struct smr_bytes octets = smr_bytes_of(data, len);

	read_all(octets, type_of(octets, &info));
	if (len > 1 && len <= BODY_MAX) {
		read_signed(smr_bytes_of(data + 1, len - 1), data[0]);
		read_resealed(smr_bytes_of(data + 1, len - 1), data[0]);
	}
	return 0;
}
