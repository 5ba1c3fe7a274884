/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed parts of messages, by themselves: what does not fit, what cannot be written, what is too short to have a tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sealed.h"

static const uint8_t key[SMR_AEAD_KEY_LEN] = {7};
static const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {5};
static const uint8_t other[SMR_AEAD_NONCE_LEN] = {6};
static const uint8_t ad[] = {1, 2, 3};

static void put_text(struct smr_writer *w, const void *content)
{
	smr_put_text(w, *(const struct smr_bytes *)content);
}

/* A plaintext that does not exist: the encoder finds an error of its own. */
static void put_nothing(struct smr_writer *w, const void *content)
{
	(void)content;
	w->err = SMR_E_INVALID;
}

typedef enum smr_err put_sealed(struct smr_writer *w, smr_put_plain *put, const void *content);

static enum smr_err put_with_head(struct smr_writer *w, smr_put_plain *put, const void *content)
{
	return smr_put_sealed(w, key, nonce, SMR_ARRAY(ad), put, content);
}

static enum smr_err put_raw(struct smr_writer *w, smr_put_plain *put, const void *content)
{
	struct smr_aead_key ready;
	enum smr_err err = smr_aead_key_init(&ready, key);

	if (err == SMR_OK)
		err = smr_put_sealed_raw(w, &ready, nonce, put, content);
	smr_aead_key_wipe(&ready);
	return err;
}

static put_sealed *const ways[] = {put_with_head, put_raw};

static void test_sealed_opens_with_the_same_key_nonce_and_data_alone(void **state)
{
	const struct smr_bytes text = SMR_TEXT("plaintext");
	uint8_t room[64];
	uint8_t scratch[64];
	const struct smr_space space = {scratch, sizeof(scratch)};
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes sealed;
	struct smr_bytes plain;

	(void)state;
	assert_int_equal(put_with_head(&w, put_text, &text), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &sealed), SMR_OK);
	sealed = smr_bytes_of(sealed.ptr + 2, sealed.len - 2); /* 26 octets have a head of two */
	assert_int_equal(smr_open_sealed(key, nonce, SMR_ARRAY(ad), sealed, space, &plain), SMR_OK);
	assert_int_equal(plain.len, text.len + 1);
	assert_memory_equal(plain.ptr + 1, text.ptr, text.len);
	assert_int_equal(smr_open_sealed(key, nonce, SMR_NONE, sealed, space, &plain), SMR_E_UNOPENED);
	assert_int_equal(smr_open_sealed(key, other, SMR_ARRAY(ad), sealed, space, &plain), SMR_E_UNOPENED);
	assert_int_equal(
		smr_open_sealed(key, nonce, SMR_ARRAY(ad), sealed, (struct smr_space){scratch, plain.len - 1}, &plain),
		SMR_E_NO_ROOM);
}

static void test_sealed_under_a_ready_key_opens_with_the_same_key_and_nonce_alone(void **state)
{
	const struct smr_bytes text = SMR_TEXT("plaintext");
	uint8_t room[64];
	uint8_t scratch[64];
	const struct smr_space space = {scratch, sizeof(scratch)};
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_aead_key ready;
	struct smr_bytes sealed;
	struct smr_bytes plain;

	(void)state;
	assert_int_equal(put_raw(&w, put_text, &text), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &sealed), SMR_OK);
	assert_int_equal(smr_aead_key_init(&ready, key), SMR_OK);
	for (int again = 0; again < 3; again++) { /* what failed leaves the key as it was */
		assert_int_equal(smr_open_sealed_raw(&ready, nonce, sealed, space, &plain), SMR_OK);
		assert_int_equal(plain.len, text.len + 1);
		assert_memory_equal(plain.ptr + 1, text.ptr, text.len);
		assert_int_equal(smr_open_sealed_raw(&ready, other, sealed, space, &plain), SMR_E_UNOPENED);
		assert_int_equal(
			smr_open_sealed_raw(&ready, nonce, sealed, (struct smr_space){scratch, plain.len - 1}, &plain),
			SMR_E_NO_ROOM);
		assert_int_equal(smr_open_sealed_raw(&ready, nonce, smr_bytes_of(sealed.ptr, SMR_AEAD_TAG_LEN - 1),
						     space, &plain),
				 SMR_E_UNOPENED);
	}
	/* It is the same cipher as without. */
	assert_int_equal(smr_open_sealed(key, nonce, SMR_NONE, sealed, space, &plain), SMR_OK);
	smr_aead_key_wipe(&ready);
	assert_int_equal(smr_open_sealed_raw(&ready, nonce, sealed, space, &plain), SMR_E_CRYPTO);
}

static void test_sealed_shorter_than_a_tag_does_not_open(void **state)
{
	static const uint8_t octets[SMR_AEAD_TAG_LEN - 1];
	uint8_t scratch[64];
	struct smr_bytes plain;

	(void)state;
	for (size_t len = 0; len <= sizeof(octets); len++)
		assert_int_equal(smr_open_sealed(key, nonce, SMR_ARRAY(ad), smr_bytes_of(octets, len),
						 (struct smr_space){scratch, sizeof(scratch)}, &plain),
				 SMR_E_UNOPENED);
}

static void test_plaintext_that_cannot_be_written_sticks_and_seals_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(ways); i++) {
		uint8_t room[64] = {0};
		static const uint8_t untouched[64];
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
		struct smr_bytes out;

		assert_int_equal(ways[i](&w, put_nothing, NULL), SMR_E_INVALID);
		assert_int_equal(smr_writer_done(&w, &out), SMR_E_INVALID);
		assert_memory_equal(room, untouched, sizeof(room));
	}
}

/* Sealed in each room up to the one that it needs, and in that one: whatever the length of its head, it fits exactly, or nothing of it is left. */
static void seal_in_rooms(put_sealed *way, size_t text_len, size_t needed)
{
	static const uint8_t letters[] = "----------------------------------------------------------------"
					 "----------------------------------------------------------------"
					 "----------------------------------------------------------------"
					 "----------------------------------------------------------------";
	static const uint8_t untouched[320];
	const struct smr_bytes text = smr_bytes_of(letters, text_len);

	for (size_t len = 0; len <= needed; len++) {
		uint8_t room[sizeof(untouched)] = {0};
		struct smr_writer w = smr_writer_init((struct smr_space){room, len});
		const enum smr_err expected = len < needed ? SMR_E_NO_ROOM : SMR_OK;
		struct smr_bytes out;

		assert_int_equal(way(&w, put_text, &text), expected);
		assert_int_equal(smr_writer_done(&w, &out), expected);
		if (expected == SMR_OK)
			assert_int_equal(out.len, needed);
		else
			assert_memory_equal(room, untouched, sizeof(room));
	}
}

static void test_sealed_takes_exactly_its_room_and_leaves_nothing_in_less(void **state)
{
	/* Texts with heads of 1, 2 and 3, in byte strings with heads of 1, 2 and 3. */
	static const struct {
		size_t text, plain, head;
	} cases[] = {{0, 1, 1}, {6, 7, 1}, {7, 8, 2}, {23, 24, 2}, {237, 239, 2}, {238, 240, 3}, {256, 259, 3}};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		const size_t sealed = cases[i].plain + SMR_AEAD_TAG_LEN;

		seal_in_rooms(put_with_head, cases[i].text, cases[i].head + sealed);
		seal_in_rooms(put_raw, cases[i].text, sealed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed_opens_with_the_same_key_nonce_and_data_alone),
		cmocka_unit_test(test_sealed_under_a_ready_key_opens_with_the_same_key_and_nonce_alone),
		cmocka_unit_test(test_sealed_shorter_than_a_tag_does_not_open),
		cmocka_unit_test(test_plaintext_that_cannot_be_written_sticks_and_seals_nothing),
		cmocka_unit_test(test_sealed_takes_exactly_its_room_and_leaves_nothing_in_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
