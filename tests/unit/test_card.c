/* SPDX-License-Identifier: Apache-2.0 */
#include "players.h"

#include "file/card.h"
#include "sys/text.h"

static struct smr_card make_card(const char *role, const char *name, uint8_t sign, uint8_t kem)
{
	struct smr_card card = {.has_kem = kem != 0};
	struct smr_privkey key = {0};

	(void)snprintf(card.role, sizeof(card.role), "%s", role);
	(void)snprintf(card.name, sizeof(card.name), "%s", name);
	if (kem != 0)
		player_point(card.kem, kem);
	player_key(&key, sign);
	assert_int_equal(smr_card_make(&card, &key), SMR_OK);
	smr_privkey_wipe(&key);
	return card;
}

static struct smr_bytes encoded_of(const struct smr_card *card)
{
	return smr_bytes_of(card->encoded, card->encoded_len);
}

static void test_card_comes_back(void **state)
{
	static const uint8_t kems[] = {0, 9};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(kems); i++) {
		struct smr_card card = make_card("sho", "Operator Süd", 1, kems[i]);
		struct smr_card out;
		uint8_t point[SMR_POINT_COMPRESSED_LEN];

		assert_int_equal(smr_card_open(encoded_of(&card), &out), SMR_OK);
		assert_string_equal(out.role, "sho");
		assert_string_equal(out.name, "Operator Süd");
		player_point(point, 1);
		assert_memory_equal(out.sign, point, sizeof(point));
		assert_true(out.has_kem == (kems[i] != 0));
		if (out.has_kem)
			assert_memory_equal(out.kem, card.kem, sizeof(out.kem));
		assert_true(smr_bytes_equal(encoded_of(&out), encoded_of(&card)));
	}
}

static void test_card_longest_fits(void **state)
{
	char name[SMR_CARD_NAME_MAX + 1];
	struct smr_card card;

	(void)state;
	memset(name, 'n', SMR_CARD_NAME_MAX);
	name[SMR_CARD_NAME_MAX] = '\0';
	card = make_card("abcdefghijklmno", name, 1, 2);
	assert_int_equal(smr_card_open(encoded_of(&card), &card), SMR_OK);
}

static void test_card_with_any_bit_flipped_is_refused(void **state)
{
	struct smr_card card = make_card("ro", "R", 1, 2);
	struct smr_card out = {.role = "untouched"};

	(void)state;
	for (size_t bit = 0; bit < 8 * card.encoded_len; bit++) {
		card.encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(smr_card_open(encoded_of(&card), &out), SMR_OK);
		card.encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_string_equal(out.role, "untouched");
	assert_int_equal(smr_card_open(encoded_of(&card), &out), SMR_OK);
}

static void test_card_truncated_or_extended_is_refused(void **state)
{
	struct smr_card card = make_card("ro", "R", 1, 2);
	struct smr_card out;

	(void)state;
	for (size_t len = 0; len < card.encoded_len; len++)
		assert_int_not_equal(smr_card_open(smr_bytes_of(card.encoded, len), &out), SMR_OK);
	assert_int_not_equal(smr_card_open(smr_bytes_of(card.encoded, card.encoded_len + 1), &out), SMR_OK);
	assert_int_not_equal(smr_card_open(smr_bytes_of(card.encoded, sizeof(card.encoded)), &out), SMR_OK);
}

/* Cards whose signature is good, but whose content is not. */
static void test_card_with_bad_role_or_name_is_refused(void **state)
{
	static const struct {
		const char *role;
		const char *name;
	} bad[] = {{"", "n"},
		   {"Sho", "n"},
		   {"../x", "n"},
		   {"sho", ""},
		   {"sho", "a\nb"},
		   {"sho", "\x1b[2J"},
		   {"sho", "a\x7f"},
		   {"sho", "\xc2\x9b"
			   "2J"}};
	struct smr_privkey key = {0};
	struct smr_card out;

	(void)state;
	player_key(&key, 1);
	for (size_t i = 0; i < SMR_COUNT(bad); i++) {
		struct smr_card card = {0};
		uint8_t room[128];
		uint8_t signed_room[SMR_CARD_MAX];
		struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});
		struct smr_writer w = smr_writer_init((struct smr_space){signed_room, sizeof(signed_room)});

		(void)snprintf(card.role, sizeof(card.role), "%s", bad[i].role);
		(void)snprintf(card.name, sizeof(card.name), "%s", bad[i].name);
		assert_int_equal(smr_card_make(&card, &key), SMR_E_INVALID);
		smr_point_compress(key.point, card.sign);
		smr_put_array(&payload, 4);
		smr_put_text(&payload, smr_text_of(bad[i].role));
		smr_put_text(&payload, smr_text_of(bad[i].name));
		smr_put_bytes(&payload, SMR_ARRAY(card.sign));
		smr_put_null(&payload);
		assert_int_equal(smr_cose_sign(&w, &key, SMR_LABEL_CARD, SMR_NONE, smr_bytes_of(room, payload.len)),
				 SMR_OK);
		assert_int_equal(smr_card_open(smr_bytes_of(signed_room, w.len), &out), SMR_E_MALFORMED);
	}
	smr_privkey_wipe(&key);
}

/* A KEM key that is no point would make every later sealing to this party fail, or worse. */
static void test_card_with_bad_kem_key_is_refused(void **state)
{
	struct smr_card card = {.role = "ro", .name = "R", .has_kem = true};
	struct smr_privkey key = {0};
	struct smr_card out;

	(void)state;
	player_key(&key, 1);
	memset(card.kem, 0xff, sizeof(card.kem));
	card.kem[0] = 2;
	assert_int_equal(smr_card_make(&card, &key), SMR_OK);
	assert_int_equal(smr_card_open(encoded_of(&card), &out), SMR_E_MALFORMED);
	smr_privkey_wipe(&key);
}

static void test_card_file_survives_the_mail(void **state)
{
	struct smr_card card = make_card("ro", "R", 1, 2);
	struct smr_card out;
	char text[2048];
	char mailed[4096] = "Dear customer,\r\n\r\n> ";
	size_t len;

	(void)state;
	assert_int_equal(smr_card_write("c", &card), SMR_OK);
	len = scratch_get("c", (uint8_t *)text, sizeof(text));
	for (size_t i = 0, at = strlen(mailed); i < len; i++) {
		if (text[i] == '\n')
			mailed[at++] = '\r';
		mailed[at++] = text[i];
		mailed[at] = '\0';
		assert_true(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	}
	(void)snprintf(mailed + strlen(mailed), 64, "\r\n-- \r\nregards");
	scratch_text("m", mailed);
	assert_int_equal(smr_card_read("c", "ro", &out), SMR_OK);
	assert_true(smr_bytes_equal(encoded_of(&out), encoded_of(&card)));
	assert_int_equal(smr_card_read("m", NULL, &out), SMR_OK);
	assert_true(smr_bytes_equal(encoded_of(&out), encoded_of(&card)));
}

static void test_card_file_errors_are_told_apart(void **state)
{
	struct smr_card card = make_card("ro", "R", 1, 2);
	struct smr_card out;
	char text[2048];
	size_t len;

	(void)state;
	assert_int_equal(smr_card_write("c", &card), SMR_OK);
	assert_int_equal(smr_card_read("c", "sho", &out), SMR_E_UNSUPPORTED);
	assert_int_equal(smr_card_read("none", NULL, &out), SMR_E_NOT_FOUND);
	len = scratch_get("c", (uint8_t *)text, sizeof(text));
	/* The end mark is whole one octet before the file is. */
	for (size_t cut = 0; cut < len - 1; cut++) {
		scratch_put("t", text, cut);
		assert_int_equal(smr_card_read("t", NULL, &out), SMR_E_MALFORMED);
	}
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 20; i++) {
		int fd = open("big", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
		(void)close(fd);
	}
	assert_int_equal(smr_card_read("big", NULL, &out), SMR_E_MALFORMED);
}

static void test_card_fingerprint_is_its_hash(void **state)
{
	struct smr_card card = make_card("ro", "R", 1, 2);
	const struct smr_bytes part = encoded_of(&card);
	char fingerprint[SMR_FINGERPRINT_TEXT];
	uint8_t hash[SMR_HASH_LEN];
	uint8_t shown[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(smr_card_fingerprint(&card, fingerprint), SMR_OK);
	assert_int_equal(smr_sha256(&part, 1, hash), SMR_OK);
	assert_int_equal(smr_hex_decode_exact(fingerprint, shown, sizeof(shown)), SMR_OK);
	assert_memory_equal(shown, hash, sizeof(hash));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_card_comes_back),
		cmocka_unit_test(test_card_longest_fits),
		cmocka_unit_test(test_card_with_any_bit_flipped_is_refused),
		cmocka_unit_test(test_card_truncated_or_extended_is_refused),
		cmocka_unit_test(test_card_with_bad_role_or_name_is_refused),
		cmocka_unit_test(test_card_with_bad_kem_key_is_refused),
		scratch_test(test_card_file_survives_the_mail),
		scratch_test(test_card_file_errors_are_told_apart),
		cmocka_unit_test(test_card_fingerprint_is_its_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
