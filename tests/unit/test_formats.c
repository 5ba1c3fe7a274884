/* SPDX-License-Identifier: Apache-2.0 */
#include "players.h"

#include "file/formats.h"

#define ROOM 2048u

/*
 * Every format goes through the same mill. `decode` fills an object of the format's type and, when `again` is given,
 * encodes it anew: what decodes has one encoding only.
 */
struct format {
	const char *name;
	void (*encode)(struct smr_writer *w, unsigned variant);
	unsigned variants;
	enum smr_err (*decode)(struct smr_bytes in, struct smr_writer *again);
};

static void fill(uint8_t *out, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(seed + i);
}

static void put_shipment_about(struct smr_writer *w, unsigned variant)
{
	struct smr_shipment_about about = {.owner_bound = (variant & 1) != 0,
					   .has_gate = (variant & 2) != 0,
					   .platform = variant & 4 ? SMR_PLATFORM_TPM : SMR_PLATFORM_SOFTWARE};

	fill(about.id.octets, sizeof(about.id.octets), 3);
	player_point(about.owner, 9);
	fill(about.gate, sizeof(about.gate), 100);
	smr_put_shipment_about(w, &about);
}

static enum smr_err get_shipment_about(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_shipment_about about;

	SMR_TRY(smr_get_shipment_about(in, &about));
	smr_put_shipment_about(again, &about);
	return SMR_OK;
}

static void put_shipment_record(struct smr_writer *w, unsigned variant)
{
	const struct smr_bytes imeis[] = {SMR_TEXT(PLAYER_IMEI), SMR_TEXT("4901542032375101")};
	struct smr_shipment_record record = {.has_imei = variant == 1 || variant == 2};

	player_eid(&record.eid);
	if (record.has_imei)
		assert_int_equal(smr_imei_parse(imeis[variant - 1], &record.imei), SMR_OK);
	player_point(record.d, 4);
	player_point(record.t, 5);
	if (variant == 3) {
		record.endorsement_len = 300;
		fill(record.endorsement, 300, 0x30);
	}
	smr_put_shipment_record(w, &record);
}

static enum smr_err get_shipment_record(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_shipment_record record;

	SMR_TRY(smr_get_shipment_record(in, &record));
	smr_put_shipment_record(again, &record);
	return SMR_OK;
}

static void put_reference(struct smr_writer *w, unsigned variant)
{
	struct smr_reference_record record = {.version = "1.2 (build 7)"};

	if (variant == 1)
		memset(record.version, 'v', sizeof(record.version) - 1);
	else if (variant == 2)
		record.version[0] = '\0';
	fill(record.measurement, sizeof(record.measurement), 50);
	if (variant == 3)
		record.log = (struct smr_boot_log){.count = 3,
						   .events = {{8, {1}, SMR_TEXT("launch")},
							      {8, {2}, SMR_TEXT("tre")},
							      {9, {3}, SMR_TEXT("firmware")}}};
	smr_put_reference_record(w, &record);
}

static enum smr_err get_reference(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_reference_record record;

	SMR_TRY(smr_get_reference_record(in, &record));
	smr_put_reference_record(again, &record);
	return SMR_OK;
}

static void put_batch_about(struct smr_writer *w, unsigned variant)
{
	(void)variant;
	smr_put_batch_about(w, SMR_TEXT("a card, which is checked by whoever uses it"));
}

static enum smr_err get_batch_about(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_bytes card;

	SMR_TRY(smr_get_batch_about(in, &card));
	smr_put_batch_about(again, card);
	return SMR_OK;
}

static void put_batch_record(struct smr_writer *w, unsigned variant)
{
	static uint8_t x[150];
	static uint8_t order[140];
	struct smr_batch_record record = {.package = {.serial = 1000000}};

	fill(x, sizeof(x), 1);
	fill(order, sizeof(order), 2);
	player_eid(&record.eid);
	player_iccid(&record.package.iccid);
	fill(record.package.operator_id.octets, sizeof(record.package.operator_id.octets), 8);
	record.package.x = SMR_ARRAY(x);
	fill(record.package.w, sizeof(record.package.w), 9);
	record.package.order = variant == 1 ? SMR_ARRAY(order) : SMR_NONE;
	record.has_shipment = variant == 2 || variant == 4;
	record.interval_s = variant == 3 ? 1 : variant == 4 ? UINT32_MAX : 0;
	if (record.has_shipment)
		fill(record.shipment.octets, sizeof(record.shipment.octets), 10);
	smr_put_batch_record(w, &record);
}

static enum smr_err get_batch_record(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_batch_record record;

	SMR_TRY(smr_get_batch_record(in, &record));
	smr_put_batch_record(again, &record);
	return SMR_OK;
}

static struct smr_subscription_record make_subscription(unsigned variant)
{
	struct smr_subscription_record record = {.action = SMR_SUBSCRIPTION_ADD, .serial = 7, .sqn = 0xffffffffffff};

	player_eid(&record.eid);
	player_iccid(&record.iccid);
	if (variant >= 3) {
		record.action = (enum smr_subscription_action)(variant - 3 + SMR_SUBSCRIPTION_SUSPEND);
		return record;
	}
	assert_int_equal(smr_imsi_parse(SMR_TEXT(PLAYER_IMSI), &record.imsi), SMR_OK);
	record.aka =
		(struct smr_aka_params){.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1};
	if (variant > 0) {
		record.aka.alg = SMR_AKA_TUAK;
		record.aka.k_len = variant == 1 ? 16 : 32;
		record.aka.res_len = 16;
	}
	fill(record.aka.k, record.aka.k_len, 20);
	fill(record.aka.opc, smr_aka_opc_len(record.aka.alg), 60);
	record.amf[0] = 0x80;
	player_point(record.d, 4);
	fill(record.hash_x, sizeof(record.hash_x), 30);
	player_point(record.supplier, 6);
	record.platform = variant == 2 ? SMR_PLATFORM_TPM : SMR_PLATFORM_SOFTWARE;
	return record;
}

static void put_subscription(struct smr_writer *w, unsigned variant)
{
	struct smr_subscription_record record = make_subscription(variant);

	smr_put_subscription_record(w, &record);
}

static enum smr_err get_subscription(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_subscription_record record;

	SMR_TRY(smr_get_subscription_record(in, &record));
	smr_put_subscription_record(again, &record);
	smr_subscription_record_wipe(&record);
	return SMR_OK;
}

static void put_command(struct smr_writer *w, unsigned variant)
{
	static uint8_t command[SMR_COMMAND_MAX];
	struct smr_command_record record = {.serial = 5};

	fill(command, sizeof(command), 1);
	player_eid(&record.eid);
	player_iccid(&record.iccid);
	record.command = smr_bytes_of(command, variant == 0 ? 100 : sizeof(command));
	if (variant == 2)
		record.command = SMR_NONE; /* a withdrawal */
	smr_put_command_record(w, &record);
}

static enum smr_err get_command(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_command_record record;

	SMR_TRY(smr_get_command_record(in, &record));
	smr_put_command_record(again, &record);
	return SMR_OK;
}

static void put_evidence(struct smr_writer *w, unsigned variant)
{
	static uint8_t evidence[200];
	struct smr_evidence_record record = {.serial = 5};

	fill(evidence, sizeof(evidence), 1);
	player_eid(&record.eid);
	player_iccid(&record.iccid);
	record.receipt.kind = variant == 0 ? SMR_RECEIPT_INSTALL : SMR_RECEIPT_COMMAND;
	record.receipt.iccid = record.iccid;
	record.receipt.serial = 5;
	fill(record.receipt.mac, sizeof(record.receipt.mac), 70);
	if (variant == 2)
		record.receipt = (struct smr_receipt){.kind = SMR_RECEIPT_NONE};
	if (variant != 1) {
		record.evidence = SMR_ARRAY(evidence);
		player_point(record.e, 7);
		player_point(record.q, 8);
	}
	smr_put_evidence_record(w, &record);
}

static enum smr_err get_evidence(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_evidence_record record;

	SMR_TRY(smr_get_evidence_record(in, &record));
	smr_put_evidence_record(again, &record);
	return SMR_OK;
}

static void put_evidence_about(struct smr_writer *w, unsigned variant)
{
	const struct smr_key_id id = {{1, 2, 3, 4, 5, 6, 7, 8}};

	(void)variant;
	smr_put_relay_about(w, &id, 0, false);
}

static enum smr_err get_evidence_about(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_key_id id;

	SMR_TRY(smr_get_relay_about(in, false, &id, NULL));
	smr_put_relay_about(again, &id, 0, false);
	return SMR_OK;
}

static void put_ack_about(struct smr_writer *w, unsigned variant)
{
	const struct smr_key_id id = {{1, 2, 3, 4, 5, 6, 7, 8}};

	smr_put_relay_about(w, &id, variant == 0 ? 17 : UINT64_MAX, true);
}

static enum smr_err get_ack_about(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_key_id id;
	uint64_t of;

	SMR_TRY(smr_get_relay_about(in, true, &id, &of));
	smr_put_relay_about(again, &id, of, true);
	return SMR_OK;
}

static void put_ack(struct smr_writer *w, unsigned variant)
{
	struct smr_ack_record record = {.serial = 300, .kind = SMR_RECEIPT_INSTALL, .verdict = SMR_ACK_REJECTED};

	if (variant == 1) {
		record.kind = SMR_RECEIPT_COMMAND;
		record.verdict = SMR_ACK_ACCEPTED;
	}
	if (variant == 2)
		record.kind = SMR_RECEIPT_NONE;
	player_eid(&record.eid);
	player_iccid(&record.iccid);
	smr_put_ack_record(w, &record);
}

static enum smr_err get_ack(struct smr_bytes in, struct smr_writer *again)
{
	struct smr_ack_record record;

	SMR_TRY(smr_get_ack_record(in, &record));
	smr_put_ack_record(again, &record);
	return SMR_OK;
}

static void put_keys_about(struct smr_writer *w, unsigned variant)
{
	uint8_t root[SMR_POINT_COMPRESSED_LEN];

	(void)variant;
	player_point(root, 3);
	smr_put_flight_keys_about(w, root);
}

static enum smr_err get_keys_about(struct smr_bytes in, struct smr_writer *again)
{
	uint8_t root[SMR_POINT_COMPRESSED_LEN];

	SMR_TRY(smr_get_flight_keys_about(in, root));
	smr_put_flight_keys_about(again, root);
	return SMR_OK;
}

static void put_empty(struct smr_writer *w, unsigned variant)
{
	(void)variant;
	smr_put_empty_about(w);
}

static enum smr_err get_empty(struct smr_bytes in, struct smr_writer *again)
{
	SMR_TRY(smr_get_empty_about(in));
	smr_put_empty_about(again);
	return SMR_OK;
}

static const struct format formats[] = {
	{"shipment about", put_shipment_about, 8, get_shipment_about},
	{"shipment record", put_shipment_record, 4, get_shipment_record},
	{"reference", put_reference, 4, get_reference},
	{"batch about", put_batch_about, 1, get_batch_about},
	{"batch record", put_batch_record, 5, get_batch_record},
	{"subscription", put_subscription, 6, get_subscription},
	{"command", put_command, 3, get_command},
	{"evidence about", put_evidence_about, 1, get_evidence_about},
	{"evidence", put_evidence, 3, get_evidence},
	{"acknowledgement about", put_ack_about, 2, get_ack_about},
	{"acknowledgement", put_ack, 3, get_ack},
	{"flight keys about", put_keys_about, 1, get_keys_about},
	{"empty about", put_empty, 1, get_empty},
};

static uint8_t encoded[ROOM];
static uint8_t again[ROOM];

/* Decode, and encode what was understood: has to be the input itself. */
static enum smr_err decode(const struct format *format, struct smr_bytes in)
{
	struct smr_writer w = smr_writer_init((struct smr_space){again, sizeof(again)});
	struct smr_bytes out;

	SMR_TRY(format->decode(in, &w));
	assert_int_equal(smr_writer_done(&w, &out), SMR_OK);
	assert_true(smr_bytes_equal(in, out));
	return SMR_OK;
}

static struct smr_bytes encode(const struct format *format, unsigned variant)
{
	struct smr_writer w = smr_writer_init((struct smr_space){encoded, sizeof(encoded)});
	struct smr_bytes out;

	format->encode(&w, variant);
	assert_int_equal(smr_writer_done(&w, &out), SMR_OK);
	return out;
}

/* Calls @p check for every variant of every format. */
static void for_each(void (*check)(const struct format *format, unsigned variant, struct smr_bytes in))
{
	for (size_t i = 0; i < SMR_COUNT(formats); i++)
		for (unsigned variant = 0; variant < formats[i].variants; variant++)
			check(&formats[i], variant, encode(&formats[i], variant));
}

static void check_round_trip(const struct format *format, unsigned variant, struct smr_bytes in)
{
	(void)variant;
	assert_true(in.len <= SMR_FILE_RECORD_MAX);
	assert_int_equal(decode(format, in), SMR_OK);
}

static void test_formats_come_back(void **state)
{
	(void)state;
	for_each(check_round_trip);
}

static void check_short_room(const struct format *format, unsigned variant, struct smr_bytes in)
{
	struct smr_writer size = smr_writer_size();
	uint8_t room[ROOM];

	format->encode(&size, variant);
	assert_int_equal(size.len, in.len);
	for (size_t len = 0; len < in.len; len++) {
		struct smr_writer w = smr_writer_init((struct smr_space){room, len});

		format->encode(&w, variant);
		assert_int_equal(smr_writer_done(&w, NULL), SMR_E_NO_ROOM);
	}
}

static void test_formats_encoder_one_octet_short_has_no_room(void **state)
{
	(void)state;
	for_each(check_short_room);
}

static void check_truncated(const struct format *format, unsigned variant, struct smr_bytes in)
{
	(void)variant;
	for (size_t len = 0; len < in.len; len++) {
		/* On the heap, so that the sanitizer sees a read beyond the end. */
		uint8_t *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, in.ptr, len);
		copy = realloc(copy, len == 0 ? 1 : len);
		assert_non_null(copy);
		assert_int_not_equal(decode(format, smr_bytes_of(copy, len)), SMR_OK);
		free(copy);
	}
}

static void test_formats_truncated_anywhere_are_refused(void **state)
{
	(void)state;
	for_each(check_truncated);
}

static void check_extended(const struct format *format, unsigned variant, struct smr_bytes in)
{
	(void)variant;
	encoded[in.len] = 0;
	assert_int_not_equal(decode(format, smr_bytes_of(in.ptr, in.len + 1)), SMR_OK);
}

static void test_formats_with_something_behind_are_refused(void **state)
{
	(void)state;
	for_each(check_extended);
}

/* A flipped bit is refused or yields another value, never two encodings of one: decode() compares. */
static void check_flipped(const struct format *format, unsigned variant, struct smr_bytes in)
{
	(void)variant;
	for (size_t bit = 0; bit < 8 * in.len; bit++) {
		encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)decode(format, in);
		encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_formats_with_any_bit_flipped_have_one_encoding(void **state)
{
	(void)state;
	for_each(check_flipped);
}

static void test_formats_do_not_read_as_one_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(formats); i++) {
		for (size_t j = 0; j < SMR_COUNT(formats); j++) {
			struct smr_bytes in = encode(&formats[i], 0);

			/* The batch's about takes any octets for a card; the type in the file's header tells them
			 * apart. */
			if (i != j && formats[j].decode != get_batch_about)
				assert_int_not_equal(decode(&formats[j], in), SMR_OK);
		}
	}
}

/* Replace a digit of an identity inside a record. */
static void assert_digit_matters(const struct format *format, struct smr_bytes needle, enum smr_err want)
{
	struct smr_bytes in = encode(format, format->variants > 1 ? 1 : 0);
	const uint8_t *found = memmem(in.ptr, in.len, needle.ptr, needle.len);

	assert_non_null(found);
	encoded[(size_t)(found - in.ptr) + 3] ^= 1;
	assert_int_equal(decode(format, in), want);
}

static void test_formats_wrong_check_digits_are_refused(void **state)
{
	struct smr_eid eid;
	struct smr_iccid iccid;
	struct smr_imei imei;

	(void)state;
	player_eid(&eid);
	player_iccid(&iccid);
	assert_int_equal(smr_imei_parse(SMR_TEXT(PLAYER_IMEI), &imei), SMR_OK);
	assert_digit_matters(&formats[1], SMR_ARRAY(eid.octets), SMR_E_CHECK_DIGIT);
	assert_digit_matters(&formats[1], SMR_ARRAY(imei.octets), SMR_E_CHECK_DIGIT);
	for (size_t i = 0; i < SMR_COUNT(formats); i++) {
		if (formats[i].encode != put_batch_record && formats[i].encode != put_subscription &&
		    formats[i].encode != put_command && formats[i].encode != put_ack)
			continue;
		assert_digit_matters(&formats[i], SMR_ARRAY(eid.octets), SMR_E_CHECK_DIGIT);
		/* A package's own reader has one word for all that is wrong with it. */
		assert_digit_matters(&formats[i], SMR_ARRAY(iccid.octets),
				     formats[i].encode == put_batch_record ? SMR_E_MALFORMED : SMR_E_CHECK_DIGIT);
	}
}

static enum smr_err decode_subscription(const struct smr_subscription_record *record)
{
	struct smr_writer w = smr_writer_init((struct smr_space){encoded, sizeof(encoded)});
	struct smr_subscription_record out;
	struct smr_bytes in;

	smr_put_subscription_record(&w, record);
	assert_int_equal(smr_writer_done(&w, &in), SMR_OK);
	return smr_get_subscription_record(in, &out);
}

static void test_subscription_out_of_range_is_refused(void **state)
{
	struct smr_subscription_record record = make_subscription(0);

	(void)state;
	assert_int_equal(decode_subscription(&record), SMR_OK);
	record.sqn = 0x1000000000000;
	assert_int_equal(decode_subscription(&record), SMR_E_MALFORMED);
	record = make_subscription(0);
	record.aka.k_len = 32;
	assert_int_equal(decode_subscription(&record), SMR_E_MALFORMED);
	record = make_subscription(0);
	record.aka.res_len = 16;
	assert_int_equal(decode_subscription(&record), SMR_E_MALFORMED);
	record = make_subscription(2);
	record.aka.keccak_iterations = 0;
	assert_int_equal(decode_subscription(&record), SMR_E_MALFORMED);
	record = make_subscription(0);
	record.d[0] = 4;
	assert_int_equal(decode_subscription(&record), SMR_E_MALFORMED);
	record = make_subscription(3);
	record.action = (enum smr_subscription_action)5;
	assert_int_equal(decode_subscription(&record), SMR_E_MALFORMED);
	record.action = (enum smr_subscription_action)0;
	assert_int_equal(decode_subscription(&record), SMR_E_MALFORMED);
}

static void test_subscription_fields_come_back(void **state)
{
	struct smr_subscription_record record = make_subscription(2);
	struct smr_subscription_record out;

	(void)state;
	assert_int_equal(smr_get_subscription_record(encode(&formats[5], 2), &out), SMR_OK);
	assert_int_equal(out.action, SMR_SUBSCRIPTION_ADD);
	assert_memory_equal(&out.imsi, &record.imsi, sizeof(out.imsi));
	assert_int_equal(out.aka.alg, SMR_AKA_TUAK);
	assert_int_equal(out.aka.k_len, 32);
	assert_memory_equal(out.aka.k, record.aka.k, 32);
	assert_memory_equal(out.aka.opc, record.aka.opc, 32);
	assert_true(out.sqn == 0xffffffffffff);
	assert_memory_equal(out.hash_x, record.hash_x, sizeof(out.hash_x));
	assert_memory_equal(out.supplier, record.supplier, sizeof(out.supplier));
}

static void test_evidence_with_a_part_missing_is_refused(void **state)
{
	struct smr_evidence_record record = {.serial = 1};
	struct smr_writer w = smr_writer_init((struct smr_space){encoded, sizeof(encoded)});
	struct smr_bytes in;

	(void)state;
	player_eid(&record.eid);
	player_iccid(&record.iccid);
	record.receipt.kind = SMR_RECEIPT_COMMAND;
	record.receipt.iccid = record.iccid;
	record.receipt.kind = SMR_RECEIPT_NONE; /* and nothing that it could be about */
	smr_put_evidence_record(&w, &record);
	assert_int_equal(smr_writer_done(&w, &in), SMR_OK);
	assert_int_equal(smr_get_evidence_record(in, &record), SMR_E_MALFORMED);
	record.receipt.kind = SMR_RECEIPT_COMMAND;
	w = smr_writer_init((struct smr_space){encoded, sizeof(encoded)});
	/* By hand: evidence there, points not. */
	smr_put_array(&w, 7);
	smr_put_bytes(&w, smr_eid_bytes(&record.eid));
	smr_put_bytes(&w, smr_iccid_bytes(&record.iccid));
	smr_put_uint(&w, 1);
	smr_put_bytes(&w, SMR_TEXT("evidence"));
	smr_put_null(&w);
	smr_put_null(&w);
	smr_put_receipt(&w, &record.receipt);
	assert_int_equal(smr_writer_done(&w, &in), SMR_OK);
	assert_int_equal(smr_get_evidence_record(in, &record), SMR_E_MALFORMED);
}

static void test_reference_version_with_control_characters_is_refused(void **state)
{
	struct smr_reference_record record = {.version = "1\x1b[2J"};
	struct smr_writer w = smr_writer_init((struct smr_space){encoded, sizeof(encoded)});
	struct smr_bytes in;

	(void)state;
	smr_put_reference_record(&w, &record);
	assert_int_equal(smr_writer_done(&w, &in), SMR_OK);
	assert_int_equal(smr_get_reference_record(in, &record), SMR_E_MALFORMED);
}

static void test_shipment_id_depends_on_supplier_and_number(void **state)
{
	uint8_t supplier[SMR_POINT_COMPRESSED_LEN];
	uint8_t message[16 + SMR_POINT_COMPRESSED_LEN + 8] = "samara1 shipment";
	const struct smr_bytes part = SMR_ARRAY(message);
	uint8_t hash[SMR_HASH_LEN];
	struct smr_shipment_id id;
	struct smr_shipment_id other;

	(void)state;
	player_point(supplier, 1);
	memcpy(message + 16, supplier, sizeof(supplier));
	message[sizeof(message) - 1] = 7;
	assert_int_equal(smr_sha256(&part, 1, hash), SMR_OK);
	assert_int_equal(smr_shipment_id_of(supplier, 7, &id), SMR_OK);
	assert_memory_equal(id.octets, hash, sizeof(id.octets));
	assert_int_equal(smr_shipment_id_of(supplier, 8, &other), SMR_OK);
	assert_memory_not_equal(&id, &other, sizeof(id));
	player_point(supplier, 2);
	assert_int_equal(smr_shipment_id_of(supplier, 7, &other), SMR_OK);
	assert_memory_not_equal(&id, &other, sizeof(id));
}

/* The PCRs and their digest are nobody's word, and a digest of other PCRs is another state. */
static void test_reference_of_a_boot_log_is_the_state_that_it_replays_to(void **state)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_tpm_event events[] = {{8, {1}, SMR_NONE}, {8, {2}, SMR_NONE}, {9, {3}, SMR_NONE}};
	uint8_t digest[SMR_HASH_LEN], approved[SMR_HASH_LEN], other[SMR_HASH_LEN];
	struct smr_reference_record record;
	struct smr_bytes in = SMR_NONE;
	uint32_t pcrs;

	(void)state;
	put_reference(&w, 3);
	assert_int_equal(smr_writer_done(&w, &in), SMR_OK);
	assert_int_equal(smr_get_reference_record(in, &record), SMR_OK);
	assert_int_equal(record.log.count, 3);
	assert_int_equal(smr_tpm_log_replay(events, 3, &pcrs, digest), SMR_OK);
	assert_int_equal(smr_tpm_state(pcrs, digest, approved), SMR_OK);
	assert_memory_equal(record.measurement, approved, sizeof(approved));
	assert_int_equal(smr_tpm_state(pcrs << 8, digest, other), SMR_OK);
	assert_memory_not_equal(other, approved, sizeof(approved));
	assert_memory_not_equal(digest, approved, sizeof(approved));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_of_a_boot_log_is_the_state_that_it_replays_to),
		cmocka_unit_test(test_formats_come_back),
		cmocka_unit_test(test_formats_encoder_one_octet_short_has_no_room),
		cmocka_unit_test(test_formats_truncated_anywhere_are_refused),
		cmocka_unit_test(test_formats_with_something_behind_are_refused),
		cmocka_unit_test(test_formats_with_any_bit_flipped_have_one_encoding),
		cmocka_unit_test(test_formats_do_not_read_as_one_another),
		cmocka_unit_test(test_formats_wrong_check_digits_are_refused),
		cmocka_unit_test(test_subscription_out_of_range_is_refused),
		cmocka_unit_test(test_subscription_fields_come_back),
		cmocka_unit_test(test_evidence_with_a_part_missing_is_refused),
		cmocka_unit_test(test_reference_version_with_control_characters_is_refused),
		cmocka_unit_test(test_shipment_id_depends_on_supplier_and_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
