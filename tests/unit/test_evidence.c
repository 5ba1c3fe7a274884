/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

static struct smr_bytes encode_ev(const struct smr_evidence *evidence, uint8_t room[SMR_EV_MAX], size_t len)
{
	struct smr_writer w = smr_writer_init((struct smr_space){room, len});
	struct smr_bytes out = SMR_NONE;

	smr_put_ev(&w, evidence);
	if (smr_writer_done(&w, &out) != SMR_OK)
		return SMR_NONE;
	return out;
}

static enum smr_err decode_ev(struct smr_bytes encoded, struct smr_evidence *out)
{
	struct smr_reader r = smr_reader_init(encoded);

	smr_get_ev(&r, out);
	return smr_reader_done(&r);
}

/* ev with every member set, or not, by the bits of @p variant. */
#define EV_VARIANTS 48u
static struct smr_evidence ev_variant(const struct scene *s, unsigned variant)
{
	struct smr_evidence ev = {.eid = s->evidence.eid, .ctr = variant};

	memcpy(ev.measurement, s->evidence.measurement, sizeof(ev.measurement));
	ev.fresh_kind = (enum smr_freshness_kind)(variant % 3);
	if (ev.fresh_kind == SMR_FRESH_BEACON)
		ev.beacon = s->beacon;
	if (ev.fresh_kind == SMR_FRESH_ATTACH)
		memset(ev.attach_rand, 0xa7, sizeof(ev.attach_rand));
	ev.have = variant / 3 & 1;
	if (ev.have) {
		ev.have_iccid = s->package.iccid;
		ev.have_serial = UINT64_MAX;
	}
	ev.failed = variant / 6 & 1;
	if (ev.failed) {
		ev.failed_iccid = s->package.iccid;
		ev.failed_serial = s->package.serial;
		ev.failed_reason = SMR_E_UNOPENED;
	}
	ev.tamper = variant / 12 & 1 ? 0x80000001u : 0;
	ev.lineage = variant / 24 & 1 ? UINT32_MAX : 0;
	return ev;
}

static void test_ev_every_variant_decodes_to_itself(void **state)
{
	for (unsigned i = 0; i < EV_VARIANTS; i++) {
		struct smr_evidence ev = ev_variant(*state, i);
		struct smr_evidence back;
		uint8_t room[SMR_EV_MAX];

		memset(&back, 0x5a, sizeof(back));
		assert_int_equal(decode_ev(encode_ev(&ev, room, sizeof(room)), &back), SMR_OK);
		assert_same_evidence(&ev, &back);
	}
}

static void test_ev_every_truncation_is_malformed(void **state)
{
	for (unsigned i = 0; i < EV_VARIANTS; i++) {
		struct smr_evidence ev = ev_variant(*state, i);
		uint8_t room[SMR_EV_MAX];
		struct smr_bytes whole = encode_ev(&ev, room, sizeof(room));

		for (size_t len = 0; len < whole.len; len++)
			assert_int_equal(decode_ev(smr_bytes_of(room, len), &ev), SMR_E_MALFORMED);
	}
}

static void test_ev_one_octet_short_room_writes_nothing(void **state)
{
	for (unsigned i = 0; i < EV_VARIANTS; i++) {
		struct smr_evidence ev = ev_variant(*state, i);
		uint8_t room[SMR_EV_MAX];
		size_t len = encode_ev(&ev, room, sizeof(room)).len;

		assert_int_equal(encode_ev(&ev, room, len - 1).len, 0);
		assert_int_equal(encode_ev(&ev, room, len).len, len);
	}
}

/* Every flipped bit either makes it malformed or another statement: no statement has two encodings. */
static void test_ev_every_flipped_bit_is_another_statement(void **state)
{
	for (unsigned i = 0; i < EV_VARIANTS; i++) {
		struct smr_evidence ev = ev_variant(*state, i);
		uint8_t room[SMR_EV_MAX];
		uint8_t again[SMR_EV_MAX];
		struct smr_bytes whole = encode_ev(&ev, room, sizeof(room));

		for (size_t bit = 0; bit < whole.len * 8; bit++) {
			room[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (decode_ev(whole, &ev) == SMR_OK)
				assert_bytes_equal(encode_ev(&ev, again, sizeof(again)), whole);
			room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* EID and what precedes it: the claims set of two or three claims. */
#define MAP2 0xa2
#define UEID 0x19, 0x01, 0x00, 0x51, 0x01
#define EID16 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
#define OWN 0x3a, 0x00, 0x01, 0x00, 0x00

/* The tails that may follow EID and own claims' head, ctr and measurement, and do not follow the grammar. */
static void test_ev_with_a_breach_of_the_grammar_is_malformed(void **state)
{
	static const struct {
		uint8_t items;
		uint8_t len;
		uint8_t tail[16];
	} breaches[] = {
		{4, 1, {0xf6}},							/* have is missing */
		{5, 2, {0xf6, 0xf6}},						/* extra is missing */
		{5, 3, {0xf6, 0xf6, 0xa0}},					/* empty extra */
		{5, 5, {0xf6, 0xf6, 0xa1, 0x02, 0x00}},				/* tamper 0 */
		{5, 5, {0xf6, 0xf6, 0xa1, 0x03, 0x00}},				/* lineage 0 */
		{5, 5, {0xf6, 0xf6, 0xa1, 0x04, 0x01}},				/* unknown key */
		{5, 5, {0xf6, 0xf6, 0xa1, 0x00, 0x01}},				/* unknown key */
		{5, 5, {0xf6, 0xf6, 0xa1, 0x21, 0x01}},				/* unknown key */
		{5, 9, {0xf6, 0xf6, 0xa2, 0x02, 0x01, 0x01, 0x82, 0x05, 0x01}}, /* keys descend */
		{5, 7, {0xf6, 0xf6, 0xa2, 0x02, 0x01, 0x02, 0x01}},		/* key twice */
		{5, 6, {0xf6, 0xf6, 0xa1, 0x02, 0x18, 0x17}},			/* not the shortest form */
		{4, 3, {0x81, 0x02, 0xf6}},					/* an attach without its RAND */
		{4, 4, {0x82, 0x01, 0x01, 0xf6}},				/* a beacon without its value */
		{4, 4, {0xf6, 0x82, 0x40, 0x01}},				/* ICCID of no octets */
		{4, 3, {0xf6, 0xf6, 0xf6}},					/* one item too many */
		{5, 6, {0xf6, 0xf6, 0xa1, 0x02, 0x01, 0x00}},			/* an item after the end */
		{4, 2, {0xf7, 0xf6}},						/* undefined instead of null */
	};
	static const uint8_t claims[] = {MAP2, UEID, EID16, OWN};
	struct smr_evidence ev;
	uint8_t room[SMR_EV_MAX] = {MAP2, UEID, EID16, OWN, 0x84, 0x05, 0x58, 0x20};
	size_t head = sizeof(claims) + 4 + SMR_HASH_LEN;

	(void)state;
	room[head] = room[head + 1] = 0xf6;
	assert_int_equal(decode_ev(smr_bytes_of(room, head + 2), &ev), SMR_OK);
	assert_int_equal(ev.ctr, 5);
	assert_int_equal(ev.eid.octets[15], 16);
	for (size_t i = 0; i < SMR_COUNT(breaches); i++) {
		room[sizeof(claims)] = (uint8_t)(0x80 | breaches[i].items);
		memcpy(room + head, breaches[i].tail, breaches[i].len);
		if (decode_ev(smr_bytes_of(room, head + breaches[i].len), &ev) == SMR_OK)
			fail_msg("breach %zu was accepted", i);
	}
}

/* Claims sets with the right own claims, of no freshness or of an attach, and something wrong before them. */
static void test_ev_of_other_claims_is_malformed(void **state)
{
#define NONCE 0x0a, 0x50, EID16
	static const struct {
		bool fresh;
		uint8_t len;
		uint8_t claims[64];
	} sets[] = {
		{true, 40 + 5, {0xa3, NONCE, UEID, EID16, OWN}}, /* as it has to be */
		{false, 22 + 5, {MAP2, UEID, EID16, OWN}},
		{false, 40 + 5, {0xa3, NONCE, UEID, EID16, OWN}},		    /* a nonce that is nothing */
		{true, 22 + 5, {MAP2, UEID, EID16, OWN}},			    /* an attach without its RAND */
		{false, 22 + 5, {0xa3, UEID, EID16, OWN}},			    /* a claim is missing */
		{false, 5 + 1, {0xa1, OWN}},					    /* no UEID */
		{false, 22 + 5, {MAP2, 0x19, 0x01, 0x00, 0x51, 0x02, EID16, OWN}},  /* a UEID of another type */
		{false, 21 + 5, {MAP2, 0x19, 0x01, 0x00, 0x50, EID16, OWN}},	    /* a UEID without its type */
		{false, 22 + 5, {MAP2, 0x19, 0x01, 0x01, 0x51, 0x01, EID16, OWN}},  /* another claim */
		{false, 22 + 5, {MAP2, UEID, EID16, 0x3a, 0x00, 0x01, 0x00, 0x01}}, /* another claim */
		{true, 39 + 5, {0xa3, 0x0a, 0x4f, 1,  2,  3,  4,  5,	6,     7,  8,
				9,    10,   11,	  12, 13, 14, 15, UEID, EID16, OWN}}, /* a short nonce */
	};
	struct smr_evidence ev;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(sets); i++) {
		uint8_t room[SMR_EV_MAX];
		uint8_t own[4 + SMR_HASH_LEN + 4] = {0x84, 0x05, 0x58, 0x20};
		size_t own_len = 4 + SMR_HASH_LEN;

		if (sets[i].fresh)
			own[own_len++] = 0x81;
		own[own_len++] = sets[i].fresh ? 0x02 : 0xf6;
		own[own_len++] = 0xf6;
		memcpy(room, sets[i].claims, sets[i].len);
		memcpy(room + sets[i].len, own, own_len);
		assert_int_equal(decode_ev(smr_bytes_of(room, sets[i].len + own_len), &ev),
				 i < 2 ? SMR_OK : SMR_E_MALFORMED);
	}
}

static void test_ev_with_beacon_number_0_is_malformed(void **state)
{
	struct smr_evidence ev = ev_variant(*state, 1);
	uint8_t room[SMR_EV_MAX];
	struct smr_bytes encoded;

	ev.beacon.number = 0;
	encoded = encode_ev(&ev, room, sizeof(room));
	assert_int_equal(decode_ev(encoded, &ev), SMR_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ev_every_variant_decodes_to_itself),
		cmocka_unit_test(test_ev_every_truncation_is_malformed),
		cmocka_unit_test(test_ev_one_octet_short_room_writes_nothing),
		cmocka_unit_test(test_ev_every_flipped_bit_is_another_statement),
		cmocka_unit_test(test_ev_with_a_breach_of_the_grammar_is_malformed),
		cmocka_unit_test(test_ev_of_other_claims_is_malformed),
		cmocka_unit_test(test_ev_with_beacon_number_0_is_malformed),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
