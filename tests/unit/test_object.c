/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/object.h"
#include "core/release.h"
#include "tests/unit/hex.h"
#include "tests/unit/seam.h"

#define ROOM 512u

struct fixture {
	struct smr_privkey own; /* signs every kind, as one careless party might */
	struct smr_pubkey pub;
	struct smr_pubkey other;
	struct smr_certificate certificate;
	struct smr_flight_key flight_key;
	struct smr_order order;
	struct smr_order shipment_order;
	struct smr_command command;
	struct smr_release release;
};

/* Payloads as python3-cbor2 encodes them. The point is not checked for the curve where nobody computes with it. */
#define POINT "0272da71976234ce833a6907425867b82e074d44ef907dfb4b3e21c1c2256ebcd1"
#define EID "89044011112233441122334411223321"
#define ICCID "8949000000000000018f"
#define CERTIFICATE_PAYLOAD "8450" EID "5821" POINT "5821" POINT "48534849504d454e54"
#define FLIGHT_KEY_PAYLOAD "85011ac0ffee015821" POINT "1a6955b9001b0000000200000000"
#define ORDER_PAYLOAD "8319012c5821" POINT "50" EID
#define SHIPMENT_ORDER_PAYLOAD "8319012c5821" POINT "48534849504d454e54"
#define COMMAND_PAYLOAD "85486f70657261746f7250" EID "4a" ICCID "1a0001117002"
#define LOG_DIGEST(octet) \
	octet octet octet octet octet octet octet octet octet octet octet octet octet octet octet octet
#define RELEASE_LOG                                                                                        \
	"84"                                                                                               \
	"83085820" LOG_DIGEST("0101") "666c61756e6368"                                                     \
				      "83085820" LOG_DIGEST("0202") "63747265"                             \
								    "83085820" LOG_DIGEST(                 \
									    "0303") "656167656e74"         \
										    "83095820" LOG_DIGEST( \
											    "0404") "66636f6e666967"
#define RELEASE_HEAD "84666d326d652d3107"
#define RELEASE_PAYLOAD RELEASE_HEAD "65312e342e32" RELEASE_LOG

static void fill(struct fixture *f)
{
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
	struct smr_eid eid;

	hex(POINT, point, sizeof(point));
	assert_int_equal(smr_eid_parse(SMR_TEXT(EID), &eid), SMR_OK);
	f->certificate = (struct smr_certificate){.eid = eid, .shipment = {"SHIPMENT"}};
	memcpy(f->certificate.d, point, sizeof(point));
	memcpy(f->certificate.t, point, sizeof(point));
	f->flight_key = (struct smr_flight_key){
		.kind = SMR_FLIGHT_KEY_EPOCH,
		.number = 0xc0ffee01u,
		.not_before = 1767225600u,
		.not_after = UINT64_C(1) << 33,
	};
	memcpy(f->flight_key.q, point, sizeof(point));
	f->order = (struct smr_order){.serial = 300, .eid = eid};
	memcpy(f->order.operator_key, point, sizeof(point));
	f->shipment_order = (struct smr_order){.serial = 300, .whole_shipment = true, .shipment = {"SHIPMENT"}};
	memcpy(f->shipment_order.operator_key, point, sizeof(point));
	f->command = (struct smr_command){
		.operator_id = {"operator"},
		.eid = eid,
		.serial = 70000,
		.state = SMR_MCIM_SUSPENDED,
	};
	hex(ICCID, f->command.iccid.octets, sizeof(f->command.iccid.octets));
	f->release = (struct smr_release){
		.product = SMR_TEXT("m2me-1"),
		.number = 7,
		.version = SMR_TEXT("1.4.2"),
		.log = {4,
			{{8, {0}, SMR_TEXT("launch")},
			 {8, {0}, SMR_TEXT("tre")},
			 {8, {0}, SMR_TEXT("agent")},
			 {9, {0}, SMR_TEXT("config")}}},
	};
	for (size_t i = 0; i < f->release.log.count; i++)
		memset(f->release.log.events[i].digest, (int)i + 1, SMR_HASH_LEN);
}

static int set_up(void **state)
{
	static struct fixture f;
	struct smr_privkey other = {0};

	assert_int_equal(smr_privkey_generate(&f.own), SMR_OK);
	assert_int_equal(smr_privkey_generate(&other), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.pub, SMR_ARRAY(f.own.point)), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.other, SMR_ARRAY(other.point)), SMR_OK);
	smr_privkey_wipe(&other);
	fill(&f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	smr_privkey_wipe(&f->own);
	smr_pubkey_wipe(&f->pub);
	smr_pubkey_wipe(&f->other);
	return 0;
}

/* ---- one face for all kinds ---- */

union content {
	struct smr_certificate certificate;
	struct smr_flight_key flight_key;
	struct smr_order order;
	struct smr_command command;
	struct smr_release release;
};

static enum smr_err sign_certificate(struct smr_writer *w, const struct fixture *f)
{
	return smr_certificate_sign(w, &f->own, &f->certificate);
}

static enum smr_err sign_flight_key(struct smr_writer *w, const struct fixture *f)
{
	return smr_flight_key_sign(w, &f->own, &f->flight_key);
}

static enum smr_err sign_order(struct smr_writer *w, const struct fixture *f)
{
	return smr_order_sign(w, &f->own, &f->order);
}

static enum smr_err sign_shipment_order(struct smr_writer *w, const struct fixture *f)
{
	return smr_order_sign(w, &f->own, &f->shipment_order);
}

static enum smr_err sign_command(struct smr_writer *w, const struct fixture *f)
{
	return smr_command_sign(w, &f->own, &f->command);
}

static enum smr_err sign_release(struct smr_writer *w, const struct fixture *f)
{
	return smr_release_sign(w, &f->own, &f->release);
}

static enum smr_err open_certificate(struct smr_bytes in, const struct smr_pubkey *key, union content *out)
{
	return smr_certificate_open(in, key, &out->certificate);
}

static enum smr_err peek_certificate(struct smr_bytes in, union content *out)
{
	return smr_certificate_peek(in, &out->certificate);
}

static enum smr_err open_flight_key(struct smr_bytes in, const struct smr_pubkey *key, union content *out)
{
	return smr_flight_key_open(in, key, &out->flight_key);
}

static enum smr_err open_order(struct smr_bytes in, const struct smr_pubkey *key, union content *out)
{
	return smr_order_open(in, key, &out->order);
}

static enum smr_err open_command(struct smr_bytes in, const struct smr_pubkey *key, union content *out)
{
	return smr_command_open(in, key, &out->command);
}

static enum smr_err open_release(struct smr_bytes in, const struct smr_pubkey *key, union content *out)
{
	return smr_release_open(in, key, &out->release);
}

static enum smr_err peek_command(struct smr_bytes in, union content *out)
{
	return smr_command_peek(in, &out->command);
}

static bool same_certificate(const struct fixture *f, const union content *got)
{
	const struct smr_certificate *a = &f->certificate;
	const struct smr_certificate *b = &got->certificate;

	return memcmp(&a->eid, &b->eid, sizeof(a->eid)) == 0 && memcmp(a->d, b->d, sizeof(a->d)) == 0 &&
	       memcmp(a->t, b->t, sizeof(a->t)) == 0 && memcmp(&a->shipment, &b->shipment, sizeof(a->shipment)) == 0 &&
	       a->platform == b->platform;
}

static bool same_flight_key(const struct fixture *f, const union content *got)
{
	const struct smr_flight_key *a = &f->flight_key, *b = &got->flight_key;

	return a->kind == b->kind && a->number == b->number && memcmp(a->q, b->q, sizeof(a->q)) == 0 &&
	       a->not_before == b->not_before && a->not_after == b->not_after;
}

static bool orders_equal(const struct smr_order *a, const struct smr_order *b)
{
	return a->serial == b->serial && memcmp(a->operator_key, b->operator_key, sizeof(a->operator_key)) == 0 &&
	       a->whole_shipment == b->whole_shipment && memcmp(&a->eid, &b->eid, sizeof(a->eid)) == 0 &&
	       memcmp(&a->shipment, &b->shipment, sizeof(a->shipment)) == 0;
}

static bool same_order(const struct fixture *f, const union content *got)
{
	return orders_equal(&f->order, &got->order);
}

static bool same_shipment_order(const struct fixture *f, const union content *got)
{
	return orders_equal(&f->shipment_order, &got->order);
}

static bool same_command(const struct fixture *f, const union content *got)
{
	const struct smr_command *a = &f->command, *b = &got->command;

	return memcmp(&a->operator_id, &b->operator_id, sizeof(a->operator_id)) == 0 &&
	       memcmp(&a->eid, &b->eid, sizeof(a->eid)) == 0 && memcmp(&a->iccid, &b->iccid, sizeof(a->iccid)) == 0 &&
	       a->serial == b->serial && a->state == b->state;
}

static bool events_equal(const struct smr_tpm_event *a, const struct smr_tpm_event *b)
{
	return a->pcr == b->pcr && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0 &&
	       smr_bytes_equal(a->name, b->name);
}

static bool same_release(const struct fixture *f, const union content *got)
{
	const struct smr_release *a = &f->release, *b = &got->release;
	bool same = a->log.count == b->log.count && a->number == b->number && smr_bytes_equal(a->product, b->product) &&
		    smr_bytes_equal(a->version, b->version);

	for (size_t i = 0; same && i < a->log.count; i++)
		same = events_equal(&a->log.events[i], &b->log.events[i]);
	return same;
}

static const struct kind {
	const char *label, *payload;
	size_t max;
	enum smr_err (*sign)(struct smr_writer *w, const struct fixture *f);
	enum smr_err (*open)(struct smr_bytes in, const struct smr_pubkey *key, union content *out);
	enum smr_err (*peek)(struct smr_bytes in, union content *out); /* or NULL */
	bool (*same)(const struct fixture *f, const union content *got);
} kinds[] = {
	{SMR_LABEL_CERTIFICATE, CERTIFICATE_PAYLOAD, SMR_CERTIFICATE_MAX, sign_certificate, open_certificate,
	 peek_certificate, same_certificate},
	{SMR_LABEL_FLIGHT_KEY, FLIGHT_KEY_PAYLOAD, SMR_FLIGHT_KEY_MAX, sign_flight_key, open_flight_key, NULL,
	 same_flight_key},
	{SMR_LABEL_ORDER, ORDER_PAYLOAD, SMR_ORDER_MAX, sign_order, open_order, NULL, same_order},
	{SMR_LABEL_ORDER, SHIPMENT_ORDER_PAYLOAD, SMR_ORDER_MAX, sign_shipment_order, open_order, NULL,
	 same_shipment_order},
	{SMR_LABEL_COMMAND, COMMAND_PAYLOAD, SMR_COMMAND_MAX, sign_command, open_command, peek_command, same_command},
	{SMR_LABEL_RELEASE, RELEASE_PAYLOAD, SMR_RELEASE_MAX, sign_release, open_release, NULL, same_release},
};

struct object {
	uint8_t room[ROOM];
	struct smr_bytes bytes;
};

static void sign(const struct fixture *f, const struct kind *kind, struct object *object)
{
	struct smr_writer w = smr_writer_init((struct smr_space){object->room, sizeof(object->room)});

	assert_int_equal(kind->sign(&w, f), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &object->bytes), SMR_OK);
}

/* Sign any payload as a party could that does not keep to the grammar. */
static struct smr_bytes forge(const struct fixture *f, const char *label, struct smr_bytes payload,
			      struct object *object)
{
	struct smr_writer w = smr_writer_init((struct smr_space){object->room, sizeof(object->room)});

	assert_int_equal(smr_cose_sign(&w, &f->own, label, SMR_NONE, payload), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &object->bytes), SMR_OK);
	return object->bytes;
}

static bool untouched(const union content *content)
{
	static const union content nothing;

	return memcmp(content, &nothing, sizeof(nothing)) == 0;
}

/* SMR_OK: with any error. Nothing is filled. */
static void assert_refused(const struct kind *kind, struct smr_bytes in, const struct smr_pubkey *key,
			   enum smr_err want)
{
	union content got;
	enum smr_err err;

	memset(&got, 0, sizeof(got));
	err = kind->open(in, key, &got);
	if (want == SMR_OK ? err == SMR_OK : err != want)
		fail_msg("%s: %s instead of %s", kind->label, smr_err_name(err), smr_err_name(want));
	assert_true(untouched(&got));
}

/* ---- every kind ---- */

static void test_object_signed_opens_to_what_went_in(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		union content got;

		memset(&got, 0, sizeof(got));
		sign(f, &kinds[i], &object);
		assert_int_equal(kinds[i].open(object.bytes, &f->pub, &got), SMR_OK);
		assert_true(kinds[i].same(f, &got));
		if (kinds[i].peek == NULL)
			continue;
		memset(&got, 0, sizeof(got));
		assert_int_equal(kinds[i].peek(object.bytes, &got), SMR_OK);
		assert_true(kinds[i].same(f, &got));
	}
}

static void test_object_payload_is_encoded_as_by_a_second_implementation(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct smr_signed parts;
		struct smr_reader r;
		struct object object;

		sign(f, &kinds[i], &object);
		r = smr_reader_init(object.bytes);
		parts = smr_get_signed(&r);
		assert_hex(parts.payload.ptr, parts.payload.len, kinds[i].payload);
	}
}

static void test_object_is_counted_as_it_is_written_and_within_its_bound(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct smr_writer counter = smr_writer_size();
		struct object object;

		sign(f, &kinds[i], &object);
		assert_int_equal(kinds[i].sign(&counter, f), SMR_OK);
		assert_int_equal(counter.len, object.bytes.len);
		assert_int_equal(object.bytes.len, strlen(kinds[i].payload) / 2 + SMR_COSE_OVERHEAD);
		assert_true(object.bytes.len <= kinds[i].max);
	}
}

static void test_object_with_the_greatest_numbers_stays_within_its_bound(void **state)
{
	struct fixture big = *(const struct fixture *)*state;

	big.flight_key.number = UINT32_MAX;
	big.flight_key.not_before = UINT64_MAX - 1;
	big.flight_key.not_after = UINT64_MAX;
	big.release.number = UINT32_MAX;
	big.order.serial = big.shipment_order.serial = big.command.serial = UINT64_MAX;
	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		union content got;

		memset(&got, 0, sizeof(got));
		sign(&big, &kinds[i], &object);
		assert_true(object.bytes.len <= kinds[i].max);
		assert_int_equal(kinds[i].open(object.bytes, &big.pub, &got), SMR_OK);
		assert_true(kinds[i].same(&big, &got));
	}
}

static void test_object_in_every_smaller_room_is_refused(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		size_t size;

		sign(f, &kinds[i], &object);
		size = object.bytes.len;
		for (size_t len = 0; len < size; len++) {
			struct smr_writer w = smr_writer_init((struct smr_space){object.room, len});

			memset(object.room, 0xee, sizeof(object.room));
			assert_int_equal(kinds[i].sign(&w, f), SMR_E_NO_ROOM);
			for (size_t at = len; at < sizeof(object.room); at++)
				assert_int_equal(object.room[at], 0xee);
		}
	}
}

static void test_object_every_truncation_is_malformed(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		union content got;

		memset(&got, 0, sizeof(got));
		sign(f, &kinds[i], &object);
		for (size_t len = 0; len < object.bytes.len; len++) {
			assert_refused(&kinds[i], smr_bytes_of(object.room, len), &f->pub, SMR_E_MALFORMED);
			if (kinds[i].peek != NULL)
				assert_int_equal(kinds[i].peek(smr_bytes_of(object.room, len), &got), SMR_E_MALFORMED);
		}
		object.room[object.bytes.len] = 0; /* nor with an octet more */
		assert_refused(&kinds[i], smr_bytes_of(object.room, object.bytes.len + 1), &f->pub, SMR_E_MALFORMED);
		if (kinds[i].peek != NULL)
			assert_int_equal(kinds[i].peek(smr_bytes_of(object.room, object.bytes.len + 1), &got),
					 SMR_E_MALFORMED);
		assert_true(untouched(&got));
	}
}

static void test_object_every_flipped_bit_is_refused(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;

		sign(f, &kinds[i], &object);
		for (size_t bit = 0; bit < object.bytes.len * 8; bit++) {
			object.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_refused(&kinds[i], object.bytes, &f->pub, SMR_OK);
			object.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void test_attack_object_under_another_key_is_refused(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;

		sign(f, &kinds[i], &object);
		assert_refused(&kinds[i], object.bytes, &f->other, SMR_E_SIGNATURE);
	}
}

/* One key signs them all: nothing signed as one kind passes as another, not even with that kind's payload. */
static void test_attack_object_of_another_kind_is_refused(void **state)
{
	static const char *const labels[] = {
		SMR_LABEL_EVIDENCE,
		SMR_LABEL_CERTIFICATE,
		SMR_LABEL_FLIGHT_KEY,
		SMR_LABEL_MCIM,
		SMR_LABEL_ORDER,
		SMR_LABEL_COMMAND,
		SMR_LABEL_ENROL,
		SMR_LABEL_FILE,
		SMR_LABEL_CARD,
		SMR_LABEL_RELEASE,
		"",
		"samara1",
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		uint8_t payload[ROOM];

		for (size_t j = 0; j < SMR_COUNT(kinds); j++) {
			sign(f, &kinds[j], &object);
			if (strcmp(kinds[i].label, kinds[j].label) != 0)
				assert_refused(&kinds[i], object.bytes, &f->pub, SMR_E_SIGNATURE);
		}
		for (size_t j = 0; j < SMR_COUNT(labels); j++) {
			forge(f, labels[j], hex(kinds[i].payload, payload, sizeof(payload)), &object);
			if (strcmp(kinds[i].label, labels[j]) != 0)
				assert_refused(&kinds[i], object.bytes, &f->pub, SMR_E_SIGNATURE);
		}
	}
}

/* ---- payloads that the right key signed and that break the grammar ---- */

static void assert_payload_refused(const struct fixture *f, const struct kind *kind, const char *payload)
{
	uint8_t room[ROOM];
	struct object object;
	union content got;
	enum smr_err err;

	memset(&got, 0, sizeof(got));
	forge(f, kind->label, hex(payload, room, sizeof(room)), &object);
	err = kind->open(object.bytes, &f->pub, &got);
	if (smr_err_class(err) != SMR_CLASS_PEER)
		fail_msg("%s: %s", payload, smr_err_name(err));
	assert_true(untouched(&got));
	if (kind->peek != NULL) {
		assert_int_equal(kind->peek(object.bytes, &got), err);
		assert_true(untouched(&got));
	}
}

static void test_payload_every_truncation_is_malformed(void **state)
{
	const struct fixture *f = *state;
	char payload[2 * ROOM];

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		size_t digits = strlen(kinds[i].payload);

		for (size_t len = 0; len < digits; len += 2) {
			memcpy(payload, kinds[i].payload, len);
			payload[len] = '\0';
			assert_payload_refused(f, &kinds[i], payload);
		}
		memcpy(payload, kinds[i].payload, digits);
		strcpy(payload + digits, "00");
		assert_payload_refused(f, &kinds[i], payload);
	}
}

static void test_payload_outside_its_grammar_is_refused(void **state)
{
	static const struct {
		unsigned kind;
		const char *payload;
	} cases[] = {
		{0, "8350" EID "5821" POINT "5821" POINT},
		{0, "8550" EID "5821" POINT "5821" POINT "48534849504d454e54"
		    "00"},
		{0, "844f"
		    "890440111122334411223344112233"
		    "5821" POINT "5821" POINT "48534849504d454e54"},
		{0, "8450" EID "5820" POINT "5821" POINT "48534849504d454e54"},
		{0, "8450" EID "5821" POINT "5821" POINT "47534849504d454e"},
		{0, "8450" EID "5821" POINT "f6"
		    "48534849504d454e54"},
		{0, "8450"
		    "89044011112233441122334411223322"
		    "5821" POINT "5821" POINT "48534849504d454e54"},			/* check digits */
		{1, "85021ac0ffee015821" POINT "1a6955b9001b0000000200000000"},		/* kind 2 */
		{1, "85011b00000001000000005821" POINT "1a6955b9001b0000000200000000"}, /* number above 32 bits */
		{1, "8501005821" POINT "1a6955b9001b0000000200000000"},			/* number 0 */
		{1, "85011ac0ffee015821" POINT "1b00000002000000001a6955b900"},		/* ends before it begins */
		{1, "85011ac0ffee015821" POINT "1a6955b9001a6955b900"},			/* lasts no time */
		{1, "85011ac0ffee015821" POINT "1b000000006955b9001b0000000200000000"}, /* not the shortest form */
		{1, "85011ac0ffee015821"
		    "0472da71976234ce833a6907425867b82e074d44ef907dfb4b3e21c1c2256ebcd1"
		    "1a6955b9001b0000000200000000"}, /* no form of a point */
		{1, "85011ac0ffee015821"
		    "02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
		    "1a6955b9001b0000000200000000"}, /* coordinate is p */
		{2, "8319012c5821" POINT "40"},
		{2, "8319012c5821" POINT "4f"
		    "890440111122334411223344112233"},
		{2, "8319012c5821" POINT "51" EID "00"},
		{2, "8319012c5821" POINT "47534849504d454e"},
		{2, "8319012c5821" POINT "49"
		    "534849504d454e5400"},
		{2, "8319012c5821" POINT "4c"
		    "534849504d454e5400000000"},
		{2, "8319012c5821" POINT "f6"},
		{2, "8319012c5821" POINT "50"
		    "89044011112233441122334411223322"},		     /* check digits */
		{2, "8319002c5821" POINT "50" EID},			     /* serial not in its shortest form */
		{4, "85486f70657261746f7250" EID "4a" ICCID "1a0001117000"}, /* state «none» */
		{4, "85486f70657261746f7250" EID "4a" ICCID "1a0001117003"},
		{4, "85486f70657261746f7250" EID "4a" ICCID "1a0001117020"},
		{4, "85486f70657261746f7250" EID "4a" ICCID "1a000111701b0000000100000002"},
		{4, "85486f70657261746f7250" EID "4a"
		    "8949000000000000017f"
		    "1a0001117002"}, /* check digit */
		{4, "85486f70657261746f7250" EID "49"
		    "894900000000000001"
		    "1a0001117002"},
		{4, "85476f70657261746f50" EID "4a" ICCID "1a0001117002"},
		{5, "84666d326d652d310065312e342e32" RELEASE_LOG},		   /* number 0 */
		{5, "84666d326d652d311b000000010000000065312e342e32" RELEASE_LOG}, /* number above 32 bits */
		{5, "84600765312e342e32" RELEASE_LOG},				   /* no product */
		{5, RELEASE_HEAD "60" RELEASE_LOG},				   /* no version */
		{5, RELEASE_HEAD "65312e340a32" RELEASE_LOG},			   /* a line feed in it */
		{5, RELEASE_HEAD "65312ec28532" RELEASE_LOG},			   /* next line, C1 */
		{5, RELEASE_HEAD "65312e342e32"
				 "80"}, /* an empty log */
		{5, RELEASE_HEAD "65312e342e32"
				 "8183105820" LOG_DIGEST("0101") "666c61756e6368"}, /* PCR 16 */
		{5, RELEASE_HEAD "65312e342e32"
				 "8183085820" LOG_DIGEST("0101") "60"}, /* an event without name */
		{5, RELEASE_HEAD "65312e342e32"
				 "8183085820" LOG_DIGEST("0101") "62610a"},
		{5, RELEASE_HEAD "65312e342e32"
				 "818308581f"
				 "01666c61756e6368"},
		{4, "9f486f70657261746f7250" EID "4a" ICCID "1a0001117002ff"},
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		assert_payload_refused(f, &kinds[cases[i].kind], cases[i].payload);
}

/* What nobody would open is not signed. */
static void test_content_outside_its_grammar_is_not_signed(void **state)
{
	const struct fixture *f = *state;
	struct smr_command command = f->command;
	struct smr_flight_key key = f->flight_key;
	uint8_t room[ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	command.state = SMR_MCIM_NONE;
	assert_int_equal(smr_command_sign(&w, &f->own, &command), SMR_E_INVALID);
	command.state = (enum smr_mcim_state)3;
	assert_int_equal(smr_command_sign(&w, &f->own, &command), SMR_E_INVALID);
	key.kind = (enum smr_flight_key_kind)2;
	assert_int_equal(smr_flight_key_sign(&w, &f->own, &key), SMR_E_INVALID);
	key = f->flight_key;
	key.number = 0;
	assert_int_equal(smr_flight_key_sign(&w, &f->own, &key), SMR_E_INVALID);
	key = f->flight_key;
	key.not_after = key.not_before;
	assert_int_equal(smr_flight_key_sign(&w, &f->own, &key), SMR_E_INVALID);
	assert_int_equal(w.len, 0);
}

static enum smr_err sign_altered(const struct fixture *f, const struct smr_release *release)
{
	uint8_t room[ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	return smr_release_sign(&w, &f->own, release);
}

static void test_release_outside_its_grammar_is_not_signed(void **state)
{
	const struct fixture *f = *state;
	struct smr_release release = f->release;

	release.number = 0;
	assert_int_equal(sign_altered(f, &release), SMR_E_INVALID);
	release = f->release;
	release.product = SMR_TEXT("123456789012345678901234567890123");
	assert_int_equal(sign_altered(f, &release), SMR_E_INVALID);
	release = f->release;
	release.version = SMR_TEXT("1\n");
	assert_int_equal(sign_altered(f, &release), SMR_E_INVALID);
	release = f->release;
	release.log.count = 0;
	assert_int_equal(sign_altered(f, &release), SMR_E_TOO_MANY);
	release = f->release;
	release.log.events[3].pcr = 16;
	assert_int_equal(sign_altered(f, &release), SMR_E_MALFORMED);
	release = f->release;
	release.log.events[0].name = SMR_NONE;
	assert_int_equal(sign_altered(f, &release), SMR_E_MALFORMED);
}

/* A log of @p count events whose encoding has @p octets; the last name takes what is left over. */
static struct smr_boot_log log_of(size_t count, size_t octets)
{
	static const char name[SMR_BOOT_NAME_MAX + 1] = "abcdefghijklmnopqrstuvwxyz012345";
	struct smr_boot_log log = {.count = count};

	for (size_t i = 0; i < count; i++)
		log.events[i] = (struct smr_tpm_event){.pcr = 9, .name = smr_bytes_of(name, 1)};
	log.events[count - 1].name.len = octets - 1 - count * 37 - (count - 1);
	return log;
}

static void test_log_is_as_long_as_a_datagram_has_room_for_and_no_longer(void **state)
{
	const struct fixture *f = *state;
	struct smr_release release = f->release;
	struct smr_release got;
	struct object object;

	(void)state;
	for (size_t count = SMR_BOOT_EVENTS_MAX - 1; count <= SMR_BOOT_EVENTS_MAX; count++) {
		struct smr_writer w = smr_writer_init((struct smr_space){object.room, sizeof(object.room)});
		size_t most = count == SMR_BOOT_EVENTS_MAX ? SMR_BOOT_LOG_MAX : 1 + count * 38 + SMR_BOOT_NAME_MAX - 1;

		release.log = log_of(count, most);
		assert_int_equal(smr_release_sign(&w, &f->own, &release), SMR_OK);
		assert_int_equal(smr_release_open(smr_bytes_of(object.room, w.len), &f->pub, &got), SMR_OK);
		assert_int_equal(got.log.count, count);
		release.log = log_of(count, most + 1);
		assert_int_not_equal(sign_altered(f, &release), SMR_OK);
	}
	release.log.count = SMR_BOOT_EVENTS_MAX + 1;
	assert_int_equal(sign_altered(f, &release), SMR_E_TOO_MANY);
}

/* Whoever signs it: a log of one octet more than there is room for is not read. */
static void test_log_that_is_too_long_is_not_read(void **state)
{
	struct smr_boot_log log = log_of(SMR_BOOT_EVENTS_MAX, SMR_BOOT_LOG_MAX + 1);
	struct smr_boot_log got;
	uint8_t room[SMR_BOOT_LOG_MAX + 1];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_reader r;

	(void)state;
	smr_put_array(&w, log.count);
	for (size_t i = 0; i < log.count; i++) {
		smr_put_array(&w, 3);
		smr_put_uint(&w, log.events[i].pcr);
		smr_put_bytes(&w, SMR_ARRAY(log.events[i].digest));
		smr_put_text(&w, log.events[i].name);
	}
	assert_int_equal(w.len, sizeof(room));
	r = smr_reader_init(SMR_ARRAY(room));
	smr_get_boot_log(&r, &got);
	assert_int_equal(r.err, SMR_E_MALFORMED);
	assert_int_equal(got.count, 0);
}

static void assert_shown(const struct smr_boot_log *log, size_t longest, const char *name)
{
	uint8_t room[SMR_BOOT_LOG_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_boot_log got;
	struct smr_reader r;

	smr_put_shown_log(&w, log, longest);
	assert_int_equal(w.err, SMR_OK);
	r = smr_reader_init(smr_bytes_of(room, w.len));
	smr_get_shown_log(&r, &got);
	assert_int_equal(smr_reader_done(&r), SMR_OK);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.events[0].name.len, strlen(name));
	if (*name != '\0') {
		assert_memory_equal(got.events[0].name.ptr, name, strlen(name));
		return;
	}
	r = smr_reader_init(smr_bytes_of(room, w.len)); /* in a release every event has a name */
	smr_get_boot_log(&r, &got);
	assert_int_equal(r.err, SMR_E_MALFORMED);
}

static void test_shown_log_has_its_names_cut_between_characters(void **state)
{
	struct smr_boot_log log = {.count = 1, .events = {{.pcr = 9, .name = SMR_TEXT("a\xc3\xa4\xe2\x82\xac")}}};

	(void)state;
	assert_shown(&log, 32, "a\xc3\xa4\xe2\x82\xac");
	assert_shown(&log, 6, "a\xc3\xa4\xe2\x82\xac");
	assert_shown(&log, 5, "a\xc3\xa4");
	assert_shown(&log, 3, "a\xc3\xa4");
	assert_shown(&log, 2, "a");
	assert_shown(&log, 1, "a");
	assert_shown(&log, 0, "");
}

static void test_shelf_key_opens_too(void **state)
{
	const struct fixture *f = *state;
	struct smr_flight_key key = f->flight_key, got;
	uint8_t room[ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	key.kind = SMR_FLIGHT_KEY_SHELF;
	assert_int_equal(smr_flight_key_sign(&w, &f->own, &key), SMR_OK);
	assert_int_equal(smr_flight_key_open(smr_bytes_of(room, w.len), &f->pub, &got), SMR_OK);
	assert_int_equal(got.kind, SMR_FLIGHT_KEY_SHELF);
}

/* W names the order as it was issued: another signature over the same content is another order. */
static void test_order_hash_covers_the_whole_object(void **state)
{
	const struct fixture *f = *state;
	uint8_t a[SMR_HASH_LEN], b[SMR_HASH_LEN];
	struct object object;

	sign(f, &kinds[2], &object);
	assert_int_equal(smr_order_hash(object.bytes, a), SMR_OK);
	assert_int_equal(smr_sha256(&object.bytes, 1, b), SMR_OK);
	assert_memory_equal(a, b, sizeof(a));
	for (size_t i = 0; i < object.bytes.len; i++) {
		object.room[i] ^= 1;
		assert_int_equal(smr_order_hash(object.bytes, b), SMR_OK);
		assert_memory_not_equal(a, b, sizeof(a));
		object.room[i] ^= 1;
	}
}

/* ---- receipts ---- */

#define RECEIPT "85024a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d"

static struct smr_receipt receipt(void)
{
	struct smr_receipt r = {.kind = SMR_RECEIPT_COMMAND, .serial = 7, .result = SMR_E_SERIAL};

	hex(ICCID, r.iccid.octets, sizeof(r.iccid.octets));
	memset(r.mac, 0x4d, sizeof(r.mac));
	return r;
}

static enum smr_err read_receipt(const char *encoded, struct smr_receipt *out)
{
	uint8_t room[ROOM];
	struct smr_reader r = smr_reader_init(hex(encoded, room, sizeof(room)));

	smr_get_receipt(&r, out);
	return smr_reader_done(&r);
}

static void test_receipt_is_encoded_as_by_a_second_implementation(void **state)
{
	struct smr_receipt in = receipt(), got;
	struct smr_writer counter = smr_writer_size();
	uint8_t room[ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	(void)state;
	smr_put_receipt(&w, &in);
	smr_put_receipt(&counter, &in);
	assert_int_equal(smr_writer_done(&w, NULL), SMR_OK);
	assert_int_equal(counter.len, w.len);
	assert_hex(room, w.len, RECEIPT);
	assert_int_equal(read_receipt(RECEIPT, &got), SMR_OK);
	assert_int_equal(got.kind, in.kind);
	assert_memory_equal(&got.iccid, &in.iccid, sizeof(in.iccid));
	assert_true(got.serial == in.serial && got.result == in.result);
	assert_memory_equal(got.mac, in.mac, sizeof(in.mac));
	for (size_t len = 0; len < w.len; len++) {
		struct smr_writer small = smr_writer_init((struct smr_space){room, len});

		smr_put_receipt(&small, &in);
		assert_int_equal(smr_writer_done(&small, NULL), SMR_E_NO_ROOM);
	}
}

static void test_receipt_outside_its_grammar_is_malformed(void **state)
{
	static const char *const bad[] = {
		"85004a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d", /* kind */
		"85034a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",
		"84024a" ICCID "07190306",
		"86024a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d00",
		"85024a" ICCID "071b0000000100000000504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d", /* result above 32 bits */
		"85024a" ICCID "071903064f4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",		 /* MAC */
		"85024a8949000000000000017f07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",	 /* check digit */
		"85024989490000000000000107190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",
	};
	char cut[sizeof(RECEIPT)];
	struct smr_receipt got;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		if (read_receipt(bad[i], &got) != SMR_E_MALFORMED)
			fail_msg("%s", bad[i]);
	for (size_t len = 0; len < sizeof(RECEIPT) - 1; len += 2) {
		memcpy(cut, RECEIPT, len);
		cut[len] = '\0';
		assert_int_equal(read_receipt(cut, &got), SMR_E_MALFORMED);
	}
	assert_int_equal(read_receipt(RECEIPT "00", &got), SMR_E_MALFORMED);
}

struct mac_input {
	uint8_t k[32];
	size_t k_len;
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
	uint32_t result;
	enum smr_mcim_state state;
	uint8_t hash_x[SMR_HASH_LEN], hash_ev[SMR_HASH_LEN];
};

static struct mac_input mac_input(size_t k_len, uint64_t serial, uint32_t result)
{
	struct mac_input in = {.k_len = k_len, .serial = serial, .result = result, .state = SMR_MCIM_SUSPENDED};

	for (size_t i = 0; i < sizeof(in.k); i++)
		in.k[i] = (uint8_t)i;
	hex(EID, in.eid.octets, sizeof(in.eid.octets));
	hex(ICCID, in.iccid.octets, sizeof(in.iccid.octets));
	memset(in.hash_x, 0x58, sizeof(in.hash_x));
	memset(in.hash_ev, 0x45, sizeof(in.hash_ev));
	return in;
}

static enum smr_err install_mac(const struct mac_input *in, uint8_t out[SMR_RECEIPT_MAC_LEN])
{
	return smr_receipt_install_mac(smr_bytes_of(in->k, in->k_len), &in->eid, &in->iccid, in->serial, in->hash_x,
				       in->hash_ev, out);
}

static enum smr_err command_mac(const struct mac_input *in, uint8_t out[SMR_RECEIPT_MAC_LEN])
{
	return smr_receipt_command_mac(smr_bytes_of(in->k, in->k_len), &in->eid, &in->iccid, in->serial, in->state,
				       in->result, out);
}

static void test_receipt_macs_agree_with_a_second_implementation(void **state)
{
	struct mac_input in = mac_input(16, 7, 0);
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	(void)state;
	assert_int_equal(install_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "fafdbb9ceaeda01471c7b143d4d61621");
	assert_int_equal(command_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "00c2b8ae8b8f51eafb7ca7f308676bb2");
	in = mac_input(32, UINT64_C(1) << 40, 0);
	assert_int_equal(install_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "0ab919653041fb5abb1a4c4186f834d8");
	in = mac_input(32, 7, SMR_E_SERIAL);
	assert_int_equal(command_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "02c24ef783ee72e61e8edf90c6c4a071");
}

/* Every bit of what a receipt is about counts, and of nothing else. */
static void test_receipt_mac_changes_with_every_bit_of_its_input(void **state)
{
	struct mac_input in = mac_input(32, 7, 9);
	const struct {
		uint8_t *at;
		size_t len;
		bool install, command;
	} parts[] = {
		{in.k, sizeof(in.k), true, true},
		{in.eid.octets, sizeof(in.eid.octets), true, true},
		{in.iccid.octets, sizeof(in.iccid.octets), true, true},
		{(uint8_t *)&in.serial, sizeof(in.serial), true, true},
		{(uint8_t *)&in.result, sizeof(in.result), false, true},
		{(uint8_t *)&in.state, sizeof(in.state), false, true},
		{in.hash_x, sizeof(in.hash_x), true, false},
		{in.hash_ev, sizeof(in.hash_ev), true, false},
	};
	uint8_t install[SMR_RECEIPT_MAC_LEN], command[SMR_RECEIPT_MAC_LEN], got[SMR_RECEIPT_MAC_LEN];

	(void)state;
	assert_int_equal(install_mac(&in, install), SMR_OK);
	assert_int_equal(command_mac(&in, command), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(parts); i++)
		for (size_t bit = 0; bit < 8 * parts[i].len; bit++) {
			parts[i].at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(install_mac(&in, got), SMR_OK);
			assert_int_equal(memcmp(got, install, sizeof(got)) != 0, parts[i].install);
			assert_int_equal(command_mac(&in, got), SMR_OK);
			assert_int_equal(memcmp(got, command, sizeof(got)) != 0, parts[i].command);
			parts[i].at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
}

static void test_receipt_mac_with_k_of_another_length_is_refused(void **state)
{
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	(void)state;
	for (size_t len = 0; len <= 32; len++) {
		struct mac_input in = mac_input(len, 7, 0);
		enum smr_err want = len == 16 || len == 32 ? SMR_OK : SMR_E_INVALID;

		assert_int_equal(install_mac(&in, mac), want);
		assert_int_equal(command_mac(&in, mac), want);
	}
}

/* ---- a library that fails ---- */

static void test_object_with_any_failing_call_is_neither_signed_nor_opened(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		uint8_t room[ROOM];

		sign(f, &kinds[i], &object);
		for (unsigned n = 1; n <= 2; n++) {
			struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

			seam_fail_at(n);
			assert_int_equal(kinds[i].sign(&w, f), SMR_E_CRYPTO);
			assert_int_equal(smr_writer_done(&w, NULL), SMR_E_CRYPTO);
			seam_fail_at(n);
			assert_refused(&kinds[i], object.bytes, &f->pub, SMR_E_CRYPTO);
		}
	}
	seam_fail_at(0);
}

static void test_receipt_mac_with_any_failing_call_is_not_given(void **state)
{
	struct mac_input in = mac_input(16, 7, 0);
	uint8_t mac[SMR_RECEIPT_MAC_LEN] = {0}, zeros[SMR_RECEIPT_MAC_LEN] = {0};

	(void)state;
	for (unsigned n = 1; n <= 2; n++) { /* KDF, HMAC */
		seam_fail_at(n);
		assert_int_equal(install_mac(&in, mac), SMR_E_CRYPTO);
		seam_fail_at(n);
		assert_int_equal(command_mac(&in, mac), SMR_E_CRYPTO);
		assert_memory_equal(mac, zeros, sizeof(mac));
	}
	seam_fail_at(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object_signed_opens_to_what_went_in),
		cmocka_unit_test(test_object_payload_is_encoded_as_by_a_second_implementation),
		cmocka_unit_test(test_object_is_counted_as_it_is_written_and_within_its_bound),
		cmocka_unit_test(test_object_with_the_greatest_numbers_stays_within_its_bound),
		cmocka_unit_test(test_object_in_every_smaller_room_is_refused),
		cmocka_unit_test(test_object_every_truncation_is_malformed),
		cmocka_unit_test(test_object_every_flipped_bit_is_refused),
		cmocka_unit_test(test_attack_object_under_another_key_is_refused),
		cmocka_unit_test(test_attack_object_of_another_kind_is_refused),
		cmocka_unit_test(test_payload_every_truncation_is_malformed),
		cmocka_unit_test(test_payload_outside_its_grammar_is_refused),
		cmocka_unit_test(test_content_outside_its_grammar_is_not_signed),
		cmocka_unit_test(test_release_outside_its_grammar_is_not_signed),
		cmocka_unit_test(test_log_is_as_long_as_a_datagram_has_room_for_and_no_longer),
		cmocka_unit_test(test_log_that_is_too_long_is_not_read),
		cmocka_unit_test(test_shown_log_has_its_names_cut_between_characters),
		cmocka_unit_test(test_shelf_key_opens_too),
		cmocka_unit_test(test_order_hash_covers_the_whole_object),
		cmocka_unit_test(test_receipt_is_encoded_as_by_a_second_implementation),
		cmocka_unit_test(test_receipt_outside_its_grammar_is_malformed),
		cmocka_unit_test(test_receipt_macs_agree_with_a_second_implementation),
		cmocka_unit_test(test_receipt_mac_changes_with_every_bit_of_its_input),
		cmocka_unit_test(test_receipt_mac_with_k_of_another_length_is_refused),
		cmocka_unit_test(test_object_with_any_failing_call_is_neither_signed_nor_opened),
		cmocka_unit_test(test_receipt_mac_with_any_failing_call_is_not_given),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
