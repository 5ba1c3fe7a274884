/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/cose.h"
#include "tests/unit/hex.h"
#include "tests/unit/seam.h"

#define ROOM 512u

#define LABEL SMR_LABEL_ORDER
#define EXTRA SMR_TEXT("extra")
#define PAYLOAD SMR_TEXT("payload")

/* Made with python3-cbor2 and python3-cryptography: label, extra and payload as above. */
#define FOREIGN_KEY "031e3807e95d0b3bd24c422eaef37d38b20ccd2b09a0da58bb98653201b1de4da7"
#define FOREIGN_OBJECT                                                                             \
	"8443a10126a0477061796c6f61645840e7e7e9945c6631b80e247aad74e65a195f98ad719e32be2fd66678c5" \
	"10b7f836b74a967e522d9e39a2a02f7b3b956a4ee0969acc0e241e932980d00602137313"

static const char *const labels[] = {
	SMR_LABEL_EVIDENCE, SMR_LABEL_CERTIFICATE, SMR_LABEL_FLIGHT_KEY, SMR_LABEL_MCIM, SMR_LABEL_ORDER,
	SMR_LABEL_COMMAND,  SMR_LABEL_ENROL,	   SMR_LABEL_FILE,	 SMR_LABEL_CARD, SMR_LABEL_RELEASE,
};

static const struct smr_bytes extras[] = {
	{NULL, 0},
	{(const uint8_t *)"\0", 1},
	{(const uint8_t *)"extrb", 5},
	{(const uint8_t *)"extr", 4},
	{(const uint8_t *)"extra\0", 6},
	{(const uint8_t *)"Extra", 5},
};

struct fixture {
	struct smr_privkey own;
	struct smr_pubkey pub;
	struct smr_pubkey other;
	uint8_t room[ROOM];
	struct smr_bytes object;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct smr_writer w = smr_writer_init((struct smr_space){f.room, sizeof(f.room)});
	struct smr_privkey other = {0};

	assert_int_equal(smr_privkey_generate(&f.own), SMR_OK);
	assert_int_equal(smr_privkey_generate(&other), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.pub, SMR_ARRAY(f.own.point)), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.other, SMR_ARRAY(other.point)), SMR_OK);
	smr_privkey_wipe(&other);
	assert_int_equal(smr_cose_sign(&w, &f.own, LABEL, EXTRA, PAYLOAD), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &f.object), SMR_OK);
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

static enum smr_err verify(struct smr_bytes in, const struct smr_pubkey *key, const char *label, struct smr_bytes extra)
{
	struct smr_reader r = smr_reader_init(in);
	struct smr_signed object = smr_get_signed(&r);

	SMR_TRY(smr_reader_done(&r));
	return smr_cose_verify(&object, key, label, extra);
}

/* ---- what is hashed ---- */

/* Of a Sig_structure made with python3-cbor2. The lengths need heads of one, two, three and five octets. */
static void test_hash_agrees_with_a_second_implementation(void **state)
{
	static uint8_t long_extra[70000], long_payload[65536];
	uint8_t points[66], payload[300], hash[SMR_HASH_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(points); i++)
		points[i] = (uint8_t)i;
	for (size_t i = 0; i < 256; i++)
		payload[i] = (uint8_t)i;
	memset(payload + 256, 0, 44);
	memset(long_extra, 0x41, sizeof(long_extra));
	memset(long_payload, 0x42, sizeof(long_payload));
	assert_int_equal(smr_cose_hash("samara1 order", SMR_NONE, SMR_NONE, hash), SMR_OK);
	assert_hex(hash, sizeof(hash), "c6e7d8b6c3d8fdf2f7773c1e67d673caf7ad03124cbbc2e65220a9e99cd95656");
	assert_int_equal(smr_cose_hash("samara1 order", SMR_NONE, PAYLOAD, hash), SMR_OK);
	assert_hex(hash, sizeof(hash), "b81d98f8cc70865d2edb2732b69c83061cb00c61161acba14a14766b877a654d");
	assert_int_equal(smr_cose_hash("samara1 ev", SMR_ARRAY(points), SMR_ARRAY(payload), hash), SMR_OK);
	assert_hex(hash, sizeof(hash), "9d89c842730d1a423f9be0db415c6eff37b9d9a744a3421674bdc968190c839b");
	assert_int_equal(smr_cose_hash("x", SMR_ARRAY(long_extra), SMR_ARRAY(long_payload), hash), SMR_OK);
	assert_hex(hash, sizeof(hash), "e319d15318a955411c055f261c41291a0b3b427086f8e097d50b5a86c06622cf");
}

/* The same octets, cut elsewhere: what is signed must not depend on where one part ends and the next begins. */
static void test_hash_tells_label_extra_and_payload_apart(void **state)
{
	static const struct {
		const char *label, *extra, *payload;
	} cases[] = {
		{"ab", "cd", "ef"}, {"abc", "d", "ef"}, {"a", "bcd", "ef"}, {"ab", "c", "def"},
		{"ab", "cde", "f"}, {"ab", "", "cdef"}, {"ab", "cdef", ""}, {"abcd", "", "ef"},
	};
	uint8_t hash[SMR_COUNT(cases)][SMR_HASH_LEN];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		assert_int_equal(smr_cose_hash(cases[i].label, smr_bytes_of(cases[i].extra, strlen(cases[i].extra)),
					       smr_bytes_of(cases[i].payload, strlen(cases[i].payload)), hash[i]),
				 SMR_OK);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(hash[i], hash[j], SMR_HASH_LEN);
	}
}

static void test_no_label_begins_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(labels); i++)
		for (size_t j = 0; j < SMR_COUNT(labels); j++)
			assert_int_equal(strncmp(labels[i], labels[j], strlen(labels[i]) + 1) == 0, i == j);
}

/* ---- attached ---- */

static void test_object_of_a_second_implementation_verifies(void **state)
{
	uint8_t room[ROOM], point[SMR_POINT_COMPRESSED_LEN];
	struct smr_bytes object = hex(FOREIGN_OBJECT, room, sizeof(room));
	struct smr_pubkey key = {0};

	(void)state;
	assert_int_equal(smr_pubkey_import(&key, hex(FOREIGN_KEY, point, sizeof(point))), SMR_OK);
	assert_int_equal(verify(object, &key, LABEL, EXTRA), SMR_OK);
	for (size_t bit = 0; bit < object.len * 8; bit++) {
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(verify(object, &key, LABEL, EXTRA), SMR_OK);
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	smr_pubkey_wipe(&key);
}

static void test_object_signed_verifies_and_shows_its_parts(void **state)
{
	const struct fixture *f = *state;
	struct smr_reader r = smr_reader_init(f->object);
	struct smr_signed object = smr_get_signed(&r);

	assert_int_equal(smr_reader_done(&r), SMR_OK);
	assert_true(smr_bytes_equal(object.whole, f->object));
	assert_true(smr_bytes_equal(object.payload, PAYLOAD));
	assert_int_equal(object.signature.len, SMR_SIG_LEN);
	assert_ptr_equal(object.signature.ptr, f->room + f->object.len - SMR_SIG_LEN);
	assert_int_equal(smr_cose_verify(&object, &f->pub, LABEL, EXTRA), SMR_OK);
}

static void test_overhead_is_as_stated(void **state)
{
	static const size_t lengths[] = {0, 23, 24, 255, 256};
	static const size_t heads[] = {1, 1, 2, 2, 3};
	const struct fixture *f = *state;
	uint8_t payload[256] = {0};

	for (size_t i = 0; i < SMR_COUNT(lengths); i++) {
		struct smr_writer counter = smr_writer_size();
		struct smr_bytes content = smr_bytes_of(payload, lengths[i]);
		uint8_t room[ROOM];
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

		assert_int_equal(smr_cose_sign(&counter, &f->own, LABEL, SMR_NONE, content), SMR_OK);
		assert_int_equal(smr_cose_sign(&w, &f->own, LABEL, SMR_NONE, content), SMR_OK);
		assert_int_equal(counter.len, w.len);
		assert_int_equal(w.len, lengths[i] + SMR_COSE_OVERHEAD - 2 + heads[i]);
	}
}

static void test_object_in_every_smaller_room_is_refused(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[ROOM];

	for (size_t len = 0; len < f->object.len; len++) {
		struct smr_writer w = smr_writer_init((struct smr_space){room, len});

		memset(room, 0xee, sizeof(room));
		assert_int_equal(smr_cose_sign(&w, &f->own, LABEL, EXTRA, PAYLOAD), SMR_E_NO_ROOM);
		assert_int_equal(smr_writer_done(&w, NULL), SMR_E_NO_ROOM);
		for (size_t i = len; i < sizeof(room); i++)
			assert_int_equal(room[i], 0xee);
	}
}

static void test_sign_after_an_error_of_the_writer_keeps_it(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	w.err = SMR_E_INVALID;
	assert_int_equal(smr_cose_sign(&w, &f->own, LABEL, EXTRA, PAYLOAD), SMR_E_INVALID);
	assert_int_equal(w.len, 0);
}

static void test_object_every_truncation_is_malformed(void **state)
{
	const struct fixture *f = *state;

	for (size_t len = 0; len < f->object.len; len++) {
		struct smr_reader r = smr_reader_init(smr_bytes_of(f->room, len));
		struct smr_signed object = smr_get_signed(&r);

		assert_int_equal(smr_reader_done(&r), SMR_E_MALFORMED);
		assert_int_equal(object.whole.len + object.payload.len + object.signature.len, 0);
		assert_int_equal(smr_cose_verify(&object, &f->pub, LABEL, EXTRA), SMR_E_SIGNATURE);
	}
}

static void test_object_with_an_octet_behind_it_is_malformed(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[ROOM] = {0};

	memcpy(room, f->room, f->object.len);
	assert_int_equal(verify(smr_bytes_of(room, f->object.len + 1), &f->pub, LABEL, EXTRA), SMR_E_MALFORMED);
}

static void test_object_every_flipped_bit_is_refused(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[ROOM];

	memcpy(room, f->room, f->object.len);
	for (size_t bit = 0; bit < f->object.len * 8; bit++) {
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(verify(smr_bytes_of(room, f->object.len), &f->pub, LABEL, EXTRA), SMR_OK);
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* The framing is fixed: the same signature in any other clothes is not an object. */
static void test_object_in_another_framing_is_refused(void **state)
{
	static const char *const framings[] = {
		"d28443a10126a0",   /* tagged */
		"8540a0",	    /* COSE_Sign has five */
		"8443a10126a10126", /* with an unprotected header */
		"8443a10126f6",	    /* null instead of the map */
		"844aa10126182000000000a0",
		"8443a10127a0",
		"8443a10128a0",	  /* other algorithms */
		"8444a1013822a0", /* ES384 */
		"8440a0",
		"8441a0a0",	  /* no algorithm */
		"845803a10126a0", /* long length */
		"9843a10126a0",
		"9f43a10126a0",
		"8343a10126",
		"84a10126a0",
		"844ca2012604456b65793131a0", /* a key id too */
	};
	const struct fixture *f = *state;
	uint8_t room[ROOM];

	for (size_t i = 0; i < SMR_COUNT(framings); i++) {
		size_t head = hex(framings[i], room, sizeof(room)).len;
		enum smr_err err;

		memcpy(room + head, f->room + 6, f->object.len - 6);
		err = verify(smr_bytes_of(room, head + f->object.len - 6), &f->pub, LABEL, EXTRA);
		if (err != SMR_E_MALFORMED && err != SMR_E_UNSUPPORTED)
			fail_msg("%s: %s", framings[i], smr_err_name(err));
	}
}

static void test_signature_of_another_length_is_malformed(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[ROOM] = {0};
	size_t at = f->object.len - SMR_SIG_LEN - 1;

	memcpy(room, f->room, f->object.len);
	for (unsigned len = 0; len < 128; len++) {
		enum smr_err want = len == SMR_SIG_LEN ? SMR_OK : SMR_E_MALFORMED;

		if (len < 24)
			continue; /* another form of head, covered by the truncations */
		room[at] = (uint8_t)len;
		assert_int_equal(verify(smr_bytes_of(room, at + 1 + len), &f->pub, LABEL, EXTRA), want);
	}
}

static void test_attack_object_under_another_key_label_or_extra_is_refused(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(verify(f->object, &f->pub, LABEL, EXTRA), SMR_OK);
	assert_int_equal(verify(f->object, &f->other, LABEL, EXTRA), SMR_E_SIGNATURE);
	for (size_t i = 0; i < SMR_COUNT(labels); i++)
		if (strcmp(labels[i], LABEL) != 0)
			assert_int_equal(verify(f->object, &f->pub, labels[i], EXTRA), SMR_E_SIGNATURE);
	for (size_t i = 0; i < SMR_COUNT(extras); i++)
		assert_int_equal(verify(f->object, &f->pub, LABEL, extras[i]), SMR_E_SIGNATURE);
}

/* ---- detached ---- */

static void test_detached_signature_is_the_attached_one_without_framing(void **state)
{
	const struct fixture *f = *state;
	struct smr_reader r = smr_reader_init(f->object);
	struct smr_signed object = smr_get_signed(&r);
	uint8_t sig[SMR_SIG_LEN];

	assert_int_equal(smr_cose_verify_detached(&f->pub, LABEL, EXTRA, PAYLOAD, object.signature.ptr), SMR_OK);
	assert_int_equal(smr_cose_sign_detached(&f->own, LABEL, EXTRA, PAYLOAD, sig), SMR_OK);
	object.signature = SMR_ARRAY(sig);
	assert_int_equal(smr_cose_verify(&object, &f->pub, LABEL, EXTRA), SMR_OK);
}

static void test_attack_detached_signature_over_anything_else_is_refused(void **state)
{
	const struct fixture *f = *state;
	uint8_t sig[SMR_SIG_LEN];

	assert_int_equal(smr_cose_sign_detached(&f->own, LABEL, EXTRA, PAYLOAD, sig), SMR_OK);
	assert_int_equal(smr_cose_verify_detached(&f->other, LABEL, EXTRA, PAYLOAD, sig), SMR_E_SIGNATURE);
	assert_int_equal(smr_cose_verify_detached(&f->pub, SMR_LABEL_MCIM, EXTRA, PAYLOAD, sig), SMR_E_SIGNATURE);
	assert_int_equal(smr_cose_verify_detached(&f->pub, LABEL, SMR_NONE, PAYLOAD, sig), SMR_E_SIGNATURE);
	assert_int_equal(smr_cose_verify_detached(&f->pub, LABEL, EXTRA, SMR_NONE, sig), SMR_E_SIGNATURE);
	assert_int_equal(smr_cose_verify_detached(&f->pub, LABEL, EXTRA, SMR_TEXT("payloae"), sig), SMR_E_SIGNATURE);
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(smr_cose_verify_detached(&f->pub, LABEL, EXTRA, PAYLOAD, sig), SMR_E_SIGNATURE);
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memset(sig, 0, sizeof(sig));
	assert_int_equal(smr_cose_verify_detached(&f->pub, LABEL, EXTRA, PAYLOAD, sig), SMR_E_SIGNATURE);
}

/* ---- a library that fails ---- */

static void test_any_failing_call_is_passed_on(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[ROOM], sig[SMR_SIG_LEN];

	for (unsigned n = 1; n <= 2; n++) { /* hash, signature */
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

		seam_fail_at(n);
		assert_int_equal(smr_cose_sign(&w, &f->own, LABEL, EXTRA, PAYLOAD), SMR_E_CRYPTO);
		assert_int_equal(smr_writer_done(&w, NULL), SMR_E_CRYPTO);
		seam_fail_at(n);
		assert_int_equal(verify(f->object, &f->pub, LABEL, EXTRA), SMR_E_CRYPTO);
		seam_fail_at(n);
		assert_int_equal(smr_cose_sign_detached(&f->own, LABEL, EXTRA, PAYLOAD, sig), SMR_E_CRYPTO);
	}
	seam_fail_at(0);
}

static void test_counting_spends_no_signature(void **state)
{
	const struct fixture *f = *state;
	struct smr_writer counter = smr_writer_size();

	seam_reset();
	assert_int_equal(smr_cose_sign(&counter, &f->own, LABEL, EXTRA, PAYLOAD), SMR_OK);
	assert_int_equal(seam_counts().all, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_agrees_with_a_second_implementation),
		cmocka_unit_test(test_hash_tells_label_extra_and_payload_apart),
		cmocka_unit_test(test_no_label_begins_another),
		cmocka_unit_test(test_object_of_a_second_implementation_verifies),
		cmocka_unit_test(test_object_signed_verifies_and_shows_its_parts),
		cmocka_unit_test(test_overhead_is_as_stated),
		cmocka_unit_test(test_object_in_every_smaller_room_is_refused),
		cmocka_unit_test(test_sign_after_an_error_of_the_writer_keeps_it),
		cmocka_unit_test(test_object_every_truncation_is_malformed),
		cmocka_unit_test(test_object_with_an_octet_behind_it_is_malformed),
		cmocka_unit_test(test_object_every_flipped_bit_is_refused),
		cmocka_unit_test(test_object_in_another_framing_is_refused),
		cmocka_unit_test(test_signature_of_another_length_is_malformed),
		cmocka_unit_test(test_attack_object_under_another_key_label_or_extra_is_refused),
		cmocka_unit_test(test_detached_signature_is_the_attached_one_without_framing),
		cmocka_unit_test(test_attack_detached_signature_over_anything_else_is_refused),
		cmocka_unit_test(test_any_failing_call_is_passed_on),
		cmocka_unit_test(test_counting_spends_no_signature),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
