/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hpke.h"
#include "tests/unit/hex_key.h"

/* RFC 9180 appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode; sequence number 0. */
#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define SK_EPHEMERAL "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb"
#define SK_RECIPIENT "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"
#define PK_RECIPIENT                                                         \
	"04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a82" \
	"6a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0"
#define ENC                                                                  \
	"04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac9" \
	"8536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
#define AD "436f756e742d30"
#define PLAIN "4265617574792069732074727574682c20747275746820626561757479"
#define CIPHER "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434"

/* Appendix A.3.2: the same in mode_psk. */
#define PSK_SK_EPHEMERAL "57427244f6cc016cddf1c19c8973b4060aa13579b4c067fd5d93a5d74e32a90f"
#define PSK_SK_RECIPIENT "438d8bcef33b89e0e9ae5eb0957c353c25a94584b0dd59c991372a75b43cb661"
#define PSK_ENC                                                              \
	"04305d35563527bce037773d79a13deabed0e8e7cde61eecee403496959e89e4d0" \
	"ca701726696d1485137ccb5341b3c1c7aaee90a4a02449725e744b1193b53b5f"
#define PSK_CIPHER "90c4deb5b75318530194e4bb62f890b019b1397bbf9d0d6eb918890e1fb2be1ac2603193b60a49c2126b75d0eb"
#define PSK "0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82"
#define PSK_ID "456e6e796e20447572696e206172616e204d6f726961"

#define PLAIN_LEN 29
#define SEALED_LEN (PLAIN_LEN + SMR_HPKE_OVERHEAD)

struct fixture {
	struct smr_privkey ephemeral;
	struct smr_privkey recipient;
	struct smr_pubkey to;
	uint8_t info[20];
	uint8_t ad[7];
	uint8_t plain[PLAIN_LEN];
	uint8_t sealed[SEALED_LEN];
};

static int set_up(void **state)
{
	static struct fixture f;
	uint8_t point[SMR_POINT_LEN];

	hex_private(&f.ephemeral, SK_EPHEMERAL);
	hex_private(&f.recipient, SK_RECIPIENT);
	assert_int_equal(smr_pubkey_import(&f.to, hex(PK_RECIPIENT, point, sizeof(point))), SMR_OK);
	hex(INFO, f.info, sizeof(f.info));
	hex(AD, f.ad, sizeof(f.ad));
	hex(PLAIN, f.plain, sizeof(f.plain));
	hex(ENC CIPHER, f.sealed, sizeof(f.sealed));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	smr_privkey_wipe(&f->ephemeral);
	smr_privkey_wipe(&f->recipient);
	smr_pubkey_wipe(&f->to);
	return 0;
}

static enum smr_err open_fixture(const struct fixture *f, struct smr_space *out)
{
	return smr_hpke_open(&(struct smr_agreer){.key = &f->recipient}, SMR_ARRAY(f->info), SMR_ARRAY(f->ad),
			     SMR_ARRAY(f->sealed), out);
}

static void test_seal_with_rfc9180_vector_matches(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SEALED_LEN + 5];
	struct smr_space out = {room, sizeof(room)};

	assert_hex(f->recipient.point, SMR_POINT_LEN, PK_RECIPIENT);
	memset(room, 0xee, sizeof(room));
	assert_int_equal(smr_hpke_seal_with(&f->ephemeral, &f->to, NULL, SMR_ARRAY(f->info), SMR_ARRAY(f->ad),
					    SMR_ARRAY(f->plain), &out),
			 SMR_OK);
	assert_hex(out.ptr, out.len, ENC CIPHER);
	assert_int_equal(room[SEALED_LEN], 0xee);
}

static void test_open_rfc9180_vector_matches(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[PLAIN_LEN + 5];
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(open_fixture(f, &out), SMR_OK);
	assert_hex(out.ptr, out.len, PLAIN);
}

static void test_open_in_place_matches(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SEALED_LEN];
	struct smr_space out = {room + SMR_POINT_LEN, PLAIN_LEN};

	memcpy(room, f->sealed, sizeof(room));
	assert_int_equal(smr_hpke_open(&(struct smr_agreer){.key = &f->recipient}, SMR_ARRAY(f->info), SMR_ARRAY(f->ad),
				       SMR_ARRAY(room), &out),
			 SMR_OK);
	assert_hex(out.ptr, out.len, PLAIN);
}

static void test_seal_every_length_opens_again(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SEALED_LEN];
	uint8_t opened[PLAIN_LEN];
	uint8_t last[SMR_POINT_LEN] = {0};

	for (size_t len = 0; len <= PLAIN_LEN; len++) {
		struct smr_space sealed = {room, sizeof(room)};
		struct smr_space out = {opened, sizeof(opened)};

		assert_int_equal(smr_hpke_seal(&f->to, SMR_NONE, SMR_NONE, smr_bytes_of(f->plain, len), &sealed),
				 SMR_OK);
		assert_int_equal(sealed.len, len + SMR_HPKE_OVERHEAD);
		assert_memory_not_equal(last, room, SMR_POINT_LEN); /* a fresh ephemeral key for each */
		memcpy(last, room, SMR_POINT_LEN);
		assert_int_equal(smr_hpke_open(&(struct smr_agreer){.key = &f->recipient}, SMR_NONE, SMR_NONE,
					       smr_bytes_of(room, sealed.len), &out),
				 SMR_OK);
		assert_int_equal(out.len, len);
		assert_memory_equal(opened, f->plain, len);
	}
}

static void test_seal_every_smaller_room_is_refused_untouched(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SEALED_LEN];

	for (size_t len = 0; len < SEALED_LEN; len++) {
		struct smr_space out = {room, len};

		memset(room, 0xee, sizeof(room));
		assert_int_equal(smr_hpke_seal(&f->to, SMR_NONE, SMR_NONE, SMR_ARRAY(f->plain), &out), SMR_E_NO_ROOM);
		assert_int_equal(
			smr_hpke_seal_with(&f->ephemeral, &f->to, NULL, SMR_NONE, SMR_NONE, SMR_ARRAY(f->plain), &out),
			SMR_E_NO_ROOM);
		assert_int_equal(out.len, len);
		for (size_t i = 0; i < sizeof(room); i++)
			assert_int_equal(room[i], 0xee);
	}
}

static void test_seal_absurd_length_does_not_wrap(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SEALED_LEN];
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(smr_hpke_seal(&f->to, SMR_NONE, SMR_NONE, smr_bytes_of(f->plain, SIZE_MAX - 8), &out),
			 SMR_E_NO_ROOM);
}

static void test_open_every_smaller_room_is_refused(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[PLAIN_LEN];

	for (size_t len = 0; len < PLAIN_LEN; len++) {
		struct smr_space out = {room, len};

		assert_int_equal(open_fixture(f, &out), SMR_E_NO_ROOM);
	}
}

static void test_open_every_shorter_length_is_refused_without_plaintext(void **state)
{
	const struct fixture *f = *state;

	for (size_t len = 0; len < SEALED_LEN; len++) {
		uint8_t room[PLAIN_LEN] = {0};
		const uint8_t zero[PLAIN_LEN] = {0};
		struct smr_space out = {room, sizeof(room)};

		assert_int_equal(smr_hpke_open(&(struct smr_agreer){.key = &f->recipient}, SMR_ARRAY(f->info),
					       SMR_ARRAY(f->ad), smr_bytes_of(f->sealed, len), &out),
				 SMR_E_UNOPENED);
		assert_memory_equal(room, zero, sizeof(room));
	}
}

static void assert_refused(const struct fixture *f, enum smr_err want)
{
	uint8_t room[PLAIN_LEN] = {0};
	const uint8_t zero[PLAIN_LEN] = {0};
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(open_fixture(f, &out), want);
	assert_memory_equal(room, zero, sizeof(room));
}

static void flip_every_bit(const struct fixture *f, uint8_t *field, size_t len, enum smr_err want)
{
	for (size_t bit = 0; bit < 8 * len; bit++) {
		field[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_refused(f, want);
		field[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_open_any_flipped_bit_is_refused_without_plaintext(void **state)
{
	struct fixture *f = *state;

	flip_every_bit(f, f->info, sizeof(f->info), SMR_E_UNOPENED);
	flip_every_bit(f, f->ad, sizeof(f->ad), SMR_E_UNOPENED);
	flip_every_bit(f, f->sealed, SMR_POINT_LEN, SMR_E_BAD_POINT);
	flip_every_bit(f, f->sealed + SMR_POINT_LEN, SEALED_LEN - SMR_POINT_LEN, SMR_E_UNOPENED);
}

/* The mirror image of enc gives the same DH result: only kem_context tells the two apart (section 4.1). */
static void test_open_mirrored_enc_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t compressed[SMR_POINT_COMPRESSED_LEN];
	struct smr_pubkey mirrored;

	smr_point_compress(f->sealed, compressed);
	compressed[0] ^= 1;
	assert_int_equal(smr_pubkey_import(&mirrored, SMR_ARRAY(compressed)), SMR_OK);
	memcpy(f->sealed, mirrored.point, SMR_POINT_LEN);
	assert_refused(f, SMR_E_UNOPENED);
	smr_pubkey_wipe(&mirrored);
}

static void test_open_by_another_key_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct smr_privkey other;
	uint8_t room[PLAIN_LEN];
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(smr_privkey_generate(&other), SMR_OK);
	assert_int_equal(smr_hpke_open(&(struct smr_agreer){.key = &other}, SMR_ARRAY(f->info), SMR_ARRAY(f->ad),
				       SMR_ARRAY(f->sealed), &out),
			 SMR_E_UNOPENED);
	smr_privkey_wipe(&other);
}

static void test_seal_to_a_wiped_key_fails(void **state)
{
	const struct fixture *f = *state;
	const struct smr_pubkey none = {.impl = NULL};
	uint8_t room[SEALED_LEN];
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(smr_hpke_seal(&none, SMR_NONE, SMR_NONE, SMR_ARRAY(f->plain), &out), SMR_E_CRYPTO);
	assert_int_equal(out.len, sizeof(room));
}

/* ---- mode_psk ---- */

struct psk_fixture {
	struct smr_privkey ephemeral;
	struct smr_privkey recipient;
	struct smr_pubkey to;
	uint8_t key[32];
	uint8_t id[22];
	uint8_t sealed[SEALED_LEN];
};

static void open_psk_fixture(struct psk_fixture *p)
{
	hex_private(&p->ephemeral, PSK_SK_EPHEMERAL);
	hex_private(&p->recipient, PSK_SK_RECIPIENT);
	assert_int_equal(smr_pubkey_import(&p->to, SMR_ARRAY(p->recipient.point)), SMR_OK);
	hex(PSK, p->key, sizeof(p->key));
	hex(PSK_ID, p->id, sizeof(p->id));
	hex(PSK_ENC PSK_CIPHER, p->sealed, sizeof(p->sealed));
}

static void close_psk_fixture(struct psk_fixture *p)
{
	smr_privkey_wipe(&p->ephemeral);
	smr_privkey_wipe(&p->recipient);
	smr_pubkey_wipe(&p->to);
}

static enum smr_err open_with(const struct psk_fixture *p, const struct fixture *f, const struct smr_hpke_psk *psk)
{
	uint8_t room[PLAIN_LEN] = {0};
	struct smr_space out = {room, sizeof(room)};
	struct smr_pubkey enc = {0};
	enum smr_err err;

	assert_int_equal(smr_pubkey_import(&enc, smr_bytes_of(p->sealed, SMR_POINT_LEN)), SMR_OK);
	err = smr_hpke_open_with(&(struct smr_agreer){.key = &p->recipient}, &enc, psk, SMR_ARRAY(f->info),
				 SMR_ARRAY(f->ad), smr_bytes_of(p->sealed + SMR_POINT_LEN, SEALED_LEN - SMR_POINT_LEN),
				 &out);
	smr_pubkey_wipe(&enc);

	if (err == SMR_OK)
		assert_hex(room, sizeof(room), PLAIN);
	return err;
}

static void test_psk_rfc9180_vector_matches_both_ways(void **state)
{
	const struct fixture *f = *state;
	struct psk_fixture p = {0};
	const struct smr_hpke_psk psk = {SMR_ARRAY(p.key), SMR_ARRAY(p.id)};
	uint8_t room[SEALED_LEN];
	struct smr_space out = {room, sizeof(room)};

	open_psk_fixture(&p);
	assert_int_equal(open_with(&p, f, &psk), SMR_OK);
	assert_int_equal(smr_hpke_seal_with(&p.ephemeral, &p.to, &psk, SMR_ARRAY(f->info), SMR_ARRAY(f->ad),
					    SMR_ARRAY(f->plain), &out),
			 SMR_OK);
	assert_hex(out.ptr, out.len, PSK_ENC PSK_CIPHER);
	close_psk_fixture(&p);
}

/* Without the pre-shared key, with another one or under another name it does not open: so nobody is talked into base mode. */
static void test_psk_sealed_opens_neither_without_it_nor_with_another(void **state)
{
	const struct fixture *f = *state;
	struct psk_fixture p = {0};
	const struct smr_hpke_psk psk = {SMR_ARRAY(p.key), SMR_ARRAY(p.id)};
	const struct smr_hpke_psk renamed = {SMR_ARRAY(p.key), SMR_TEXT("samara1 tpm")};

	open_psk_fixture(&p);
	assert_int_equal(open_with(&p, f, NULL), SMR_E_UNOPENED);
	assert_int_equal(open_with(&p, f, &renamed), SMR_E_UNOPENED);
	for (size_t bit = 0; bit < 8 * sizeof(p.key); bit++) {
		p.key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(open_with(&p, f, &psk), SMR_E_UNOPENED);
		p.key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(open_with(&p, f, &psk), SMR_OK);
	close_psk_fixture(&p);
}

static void test_base_sealed_does_not_open_with_a_psk(void **state)
{
	const struct fixture *f = *state;
	uint8_t key[32] = {0};
	const struct smr_hpke_psk psk = {SMR_ARRAY(key), SMR_TEXT("samara1 tpm")};
	uint8_t room[PLAIN_LEN];
	struct smr_space out = {room, sizeof(room)};

	struct smr_pubkey enc = {0};

	assert_int_equal(smr_pubkey_import(&enc, smr_bytes_of(f->sealed, SMR_POINT_LEN)), SMR_OK);
	assert_int_equal(smr_hpke_open_with(&(struct smr_agreer){.key = &f->recipient}, &enc, &psk, SMR_ARRAY(f->info),
					    SMR_ARRAY(f->ad),
					    smr_bytes_of(f->sealed + SMR_POINT_LEN, SEALED_LEN - SMR_POINT_LEN), &out),
			 SMR_E_UNOPENED);
	smr_pubkey_wipe(&enc);
}

/* Section 9.5: 32 octets at least; section 5.1: a key and a name, or neither. */
static void test_open_with_too_little_is_refused_before_anything_is_computed(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[PLAIN_LEN];
	const uint8_t cipher[SMR_AEAD_TAG_LEN + 2] = {0};
	struct smr_space out = {room, 1};

	assert_int_equal(smr_hpke_open_with(&(struct smr_agreer){.key = &f->recipient}, &f->to, NULL, SMR_NONE,
					    SMR_NONE, smr_bytes_of(cipher, SMR_AEAD_TAG_LEN - 1), &out),
			 SMR_E_UNOPENED);
	assert_int_equal(smr_hpke_open_with(&(struct smr_agreer){.key = &f->recipient}, &f->to, NULL, SMR_NONE,
					    SMR_NONE, SMR_ARRAY(cipher), &out),
			 SMR_E_NO_ROOM);
}

static void test_psk_too_short_or_without_name_is_invalid(void **state)
{
	const struct fixture *f = *state;
	const uint8_t key[32] = {0};
	const struct smr_hpke_psk bad[] = {
		{smr_bytes_of(key, 31), SMR_TEXT("samara1 tpm")},
		{SMR_NONE, SMR_TEXT("samara1 tpm")},
		{SMR_ARRAY(key), SMR_NONE},
		{SMR_NONE, SMR_NONE},
	};

	for (size_t i = 0; i < SMR_COUNT(bad); i++) {
		uint8_t room[SEALED_LEN];
		struct smr_space out = {room, sizeof(room)};

		assert_int_equal(smr_hpke_seal_with(&f->ephemeral, &f->to, &bad[i], SMR_NONE, SMR_NONE,
						    SMR_ARRAY(f->plain), &out),
				 SMR_E_INVALID);
		assert_int_equal(smr_hpke_open_with(&(struct smr_agreer){.key = &f->recipient}, &f->to, &bad[i],
						    SMR_NONE, SMR_NONE, SMR_ARRAY(f->plain), &out),
				 SMR_E_INVALID);
	}
}

#define HPKE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HPKE_TEST(test_seal_with_rfc9180_vector_matches),
		HPKE_TEST(test_open_rfc9180_vector_matches),
		HPKE_TEST(test_open_in_place_matches),
		HPKE_TEST(test_seal_every_length_opens_again),
		HPKE_TEST(test_seal_every_smaller_room_is_refused_untouched),
		HPKE_TEST(test_seal_absurd_length_does_not_wrap),
		HPKE_TEST(test_open_every_smaller_room_is_refused),
		HPKE_TEST(test_open_every_shorter_length_is_refused_without_plaintext),
		HPKE_TEST(test_open_any_flipped_bit_is_refused_without_plaintext),
		HPKE_TEST(test_open_mirrored_enc_is_refused),
		HPKE_TEST(test_open_by_another_key_is_refused),
		HPKE_TEST(test_seal_to_a_wiped_key_fails),
		HPKE_TEST(test_psk_rfc9180_vector_matches_both_ways),
		HPKE_TEST(test_psk_sealed_opens_neither_without_it_nor_with_another),
		HPKE_TEST(test_base_sealed_does_not_open_with_a_psk),
		HPKE_TEST(test_open_with_too_little_is_refused_before_anything_is_computed),
		HPKE_TEST(test_psk_too_short_or_without_name_is_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
