/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/hex.h"
#include "tests/unit/object_rig.h"
#include "tests/unit/seam.h"

/* ---- one face for all kinds ---- */

union content {
	struct smr_certificate certificate;
	struct smr_flight_key flight_key;
	struct smr_order order;
	struct smr_command command;
	struct smr_release release;
};

static enum smr_err sign_certificate(struct smr_writer *w, const struct object_rig *f)
{
	return smr_certificate_sign(w, &f->own, &f->certificate);
}

static enum smr_err sign_flight_key(struct smr_writer *w, const struct object_rig *f)
{
	return smr_flight_key_sign(w, &f->own, &f->flight_key);
}

static enum smr_err sign_order(struct smr_writer *w, const struct object_rig *f)
{
	return smr_order_sign(w, &f->own, &f->order);
}

static enum smr_err sign_shipment_order(struct smr_writer *w, const struct object_rig *f)
{
	return smr_order_sign(w, &f->own, &f->shipment_order);
}

static enum smr_err sign_command(struct smr_writer *w, const struct object_rig *f)
{
	return smr_command_sign(w, &f->own, &f->command);
}

static enum smr_err sign_release(struct smr_writer *w, const struct object_rig *f)
{
	return smr_release_sign(w, &f->own, &f->release);
}

static enum smr_err sign_plain_release(struct smr_writer *w, const struct object_rig *f)
{
	struct smr_release release = f->release;

	release.has_lengths = false;
	return smr_release_sign(w, &f->own, &release);
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

static bool same_certificate(const struct object_rig *f, const union content *got)
{
	const struct smr_certificate *a = &f->certificate;
	const struct smr_certificate *b = &got->certificate;

	return memcmp(&a->eid, &b->eid, sizeof(a->eid)) == 0 && memcmp(a->d, b->d, sizeof(a->d)) == 0 &&
	       memcmp(a->t, b->t, sizeof(a->t)) == 0 && memcmp(&a->shipment, &b->shipment, sizeof(a->shipment)) == 0 &&
	       a->platform == b->platform;
}

static bool same_flight_key(const struct object_rig *f, const union content *got)
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

static bool same_order(const struct object_rig *f, const union content *got)
{
	return orders_equal(&f->order, &got->order);
}

static bool same_shipment_order(const struct object_rig *f, const union content *got)
{
	return orders_equal(&f->shipment_order, &got->order);
}

static bool same_command(const struct object_rig *f, const union content *got)
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

static bool same_but_lengths(const struct smr_release *a, const struct smr_release *b)
{
	bool same = a->log.count == b->log.count && a->number == b->number && smr_bytes_equal(a->product, b->product) &&
		    smr_bytes_equal(a->version, b->version);

	for (size_t i = 0; same && i < a->log.count; i++)
		same = events_equal(&a->log.events[i], &b->log.events[i]);
	return same;
}

static bool same_release(const struct object_rig *f, const union content *got)
{
	return same_but_lengths(&f->release, &got->release) && got->release.has_lengths &&
	       memcmp(f->release.lengths, got->release.lengths, sizeof(f->release.lengths)) == 0;
}

static bool same_plain_release(const struct object_rig *f, const union content *got)
{
	static const uint32_t none[SMR_BOOT_EVENTS_MAX];

	return same_but_lengths(&f->release, &got->release) && !got->release.has_lengths &&
	       memcmp(none, got->release.lengths, sizeof(none)) == 0;
}

static const struct kind {
	const char *label, *payload;
	size_t max;
	unsigned calls; /* of the crypto seam: to sign one, and to open one */
	enum smr_err (*sign)(struct smr_writer *w, const struct object_rig *f);
	enum smr_err (*open)(struct smr_bytes in, const struct smr_pubkey *key, union content *out);
	enum smr_err (*peek)(struct smr_bytes in, union content *out); /* or NULL */
	bool (*same)(const struct object_rig *f, const union content *got);
} kinds[] = {
	{SMR_LABEL_CERTIFICATE, CERTIFICATE_PAYLOAD, SMR_CERTIFICATE_MAX, 2, sign_certificate, open_certificate,
	 peek_certificate, same_certificate},
	{SMR_LABEL_FLIGHT_KEY, FLIGHT_KEY_PAYLOAD, SMR_FLIGHT_KEY_MAX, 2, sign_flight_key, open_flight_key, NULL,
	 same_flight_key},
	{SMR_LABEL_ORDER, ORDER_PAYLOAD, SMR_ORDER_MAX, 2, sign_order, open_order, NULL, same_order},
	{SMR_LABEL_ORDER, SHIPMENT_ORDER_PAYLOAD, SMR_ORDER_MAX, 2, sign_shipment_order, open_order, NULL,
	 same_shipment_order},
	{SMR_LABEL_COMMAND, COMMAND_PAYLOAD, SMR_COMMAND_MAX, 2, sign_command, open_command, peek_command,
	 same_command},
	{SMR_LABEL_RELEASE, RELEASE_PAYLOAD, SMR_RELEASE_MAX, 3, sign_release, open_release, NULL, same_release},
	{SMR_LABEL_RELEASE, PLAIN_RELEASE_PAYLOAD, SMR_RELEASE_MAX, 3, sign_plain_release, open_release, NULL,
	 same_plain_release},
};

struct object {
	uint8_t room[OBJECT_ROOM];
	struct smr_bytes bytes;
};

static void sign(const struct object_rig *f, const struct kind *kind, struct object *object)
{
	struct smr_writer w = smr_writer_init((struct smr_space){object->room, sizeof(object->room)});

	assert_int_equal(kind->sign(&w, f), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &object->bytes), SMR_OK);
}

/* Sign any payload as a party could that does not keep to the grammar. */
static struct smr_bytes forge(const struct object_rig *f, const char *label, struct smr_bytes payload,
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
	const struct object_rig *f = *state;

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
	const struct object_rig *f = *state;

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
	const struct object_rig *f = *state;

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
	struct object_rig big = *(const struct object_rig *)*state;

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
	const struct object_rig *f = *state;

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
	const struct object_rig *f = *state;

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
	const struct object_rig *f = *state;

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
	const struct object_rig *f = *state;

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
	const struct object_rig *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		uint8_t payload[OBJECT_ROOM];

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

static void assert_payload_refused(const struct object_rig *f, const struct kind *kind, const char *payload)
{
	uint8_t room[OBJECT_ROOM];
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
	const struct object_rig *f = *state;
	char payload[2 * OBJECT_ROOM];

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
		{5, "86" RELEASE_KEY "666d326d652d310065312e342e32" RELEASE_REST}, /* number 0 */
		{5, "86" RELEASE_KEY
		    "666d326d652d311b000000010000000065312e342e32" RELEASE_REST},     /* number above 32 bits */
		{5, "86" RELEASE_KEY "600765312e342e32" RELEASE_REST},		      /* no product */
		{5, "85666d326d652d310765312e342e32" RELEASE_REST},		      /* no key */
		{5, "8648bc609618bfe80ad9666d326d652d310765312e342e32" RELEASE_REST}, /* another than signs it */
		{5, "8647bc609618bfe80a666d326d652d310765312e342e32" RELEASE_REST},   /* seven octets of it */
		{5, RELEASE_HEAD "60" RELEASE_REST},				      /* no version */
		{5, RELEASE_HEAD "65312e340a32" RELEASE_REST},			      /* a line feed in it */
		{5, RELEASE_HEAD "65312ec28532" RELEASE_REST},			      /* next line, C1 */
		{5, RELEASE_HEAD "65312e342e32"
				 "80"
				 "80"}, /* an empty log */
		{5, RELEASE_HEAD "65312e342e32"
				 "8183105820" LOG_DIGEST("0101") "666c61756e6368"
								 "8100"}, /* PCR 16 */
		{5, RELEASE_HEAD "65312e342e32"
				 "8183085820" LOG_DIGEST("0101") "60"
								 "8100"}, /* an event without name */
		{5, RELEASE_HEAD "65312e342e32"
				 "8183085820" LOG_DIGEST("0101") "62610a"
								 "8100"},
		{5, RELEASE_HEAD "65312e342e32"
				 "818308581f01666c61756e6368"
				 "8100"},
		{5, "84666d326d652d310765312e342e32" RELEASE_LOG},   /* neither key nor lengths */
		{5, PLAIN_RELEASE_HEAD RELEASE_LOG RELEASE_LENGTHS}, /* lengths behind five items */
		{5, PLAIN_RELEASE_HEAD RELEASE_LOG "80"},
		{5, PLAIN_RELEASE_HEAD RELEASE_LOG "00"},
		{5, PLAIN_RELEASE_HEAD RELEASE_LENGTHS},      /* in the place of the log */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG}, /* six items of which one is missing */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "f6"},
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "80"},
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "8317181a1a00011170"},	       /* one too few */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "8517181a1a000111701affffffff00"}, /* one too many */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG
				 "8317181a1a000111701affffffff"}, /* four behind a head for three */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "8517181a1a000111701affffffff"}, /* and for five */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG
				 "8717181a1a000111701affffffff000000"},			     /* more than a log has */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "8418171a1a000111701affffffff"}, /* not the shortest form */
		{5,
		 RELEASE_HEAD "65312e342e32" RELEASE_LOG "9f17181a1a000111701affffffffff"}, /* of no definite length */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "8417181a1a000111701b0000000100000000"}, /* above 32 bits */
		{5, RELEASE_HEAD "65312e342e32" RELEASE_LOG "8437181a1a000111701affffffff"},	     /* negative */
		{5, "87" RELEASE_KEY "666d326d652d310765312e342e32" RELEASE_REST "00"}, /* a seventh item */
		{4, "9f486f70657261746f7250" EID "4a" ICCID "1a0001117002ff"},
	};
	const struct object_rig *f = *state;

	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		assert_payload_refused(f, &kinds[cases[i].kind], cases[i].payload);
}

/* What nobody would open is not signed. */
static void test_content_outside_its_grammar_is_not_signed(void **state)
{
	const struct object_rig *f = *state;
	struct smr_command command = f->command;
	struct smr_flight_key key = f->flight_key;
	uint8_t room[OBJECT_ROOM];
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

static void test_shelf_key_opens_too(void **state)
{
	const struct object_rig *f = *state;
	struct smr_flight_key key = f->flight_key, got;
	uint8_t room[OBJECT_ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	key.kind = SMR_FLIGHT_KEY_SHELF;
	assert_int_equal(smr_flight_key_sign(&w, &f->own, &key), SMR_OK);
	assert_int_equal(smr_flight_key_open(smr_bytes_of(room, w.len), &f->pub, &got), SMR_OK);
	assert_int_equal(got.kind, SMR_FLIGHT_KEY_SHELF);
}

/* W names the order as it was issued: another signature over the same content is another order. */
static void test_order_hash_covers_the_whole_object(void **state)
{
	const struct object_rig *f = *state;
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

/* ---- a library that fails ---- */

static void test_object_with_any_failing_call_is_neither_signed_nor_opened(void **state)
{
	const struct object_rig *f = *state;

	for (size_t i = 0; i < SMR_COUNT(kinds); i++) {
		struct object object;
		uint8_t room[OBJECT_ROOM];

		sign(f, &kinds[i], &object);
		for (unsigned n = 1; n <= kinds[i].calls; n++) {
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
		cmocka_unit_test(test_shelf_key_opens_too),
		cmocka_unit_test(test_order_hash_covers_the_whole_object),
		cmocka_unit_test(test_object_with_any_failing_call_is_neither_signed_nor_opened),
	};

	return cmocka_run_group_tests(tests, object_set_up, object_tear_down);
}
