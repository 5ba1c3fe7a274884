/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed parts of messages, by themselves: what does not fit, what cannot be written, what is too short to have a tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sealed.h"
#include "tests/unit/seam.h"

static const uint8_t key[SMR_AEAD_KEY_LEN] = {7};
static const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {5};
static const uint8_t other[SMR_AEAD_NONCE_LEN] = {6};
static const uint8_t ad[] = {1, 2, 3};

#define ROOM 320u

static void put_octets(struct smr_writer *w, const void *content)
{
	smr_put_raw(w, *(const struct smr_bytes *)content);
}

/* A plaintext that does not exist: the encoder finds an error of its own. */
static void put_nothing(struct smr_writer *w, const void *content)
{
	(void)content;
	w->err = SMR_E_INVALID;
}

static void put_and_fail(struct smr_writer *w, const void *content)
{
	put_octets(w, content);
	w->err = SMR_E_INVALID;
}

static void must_not_be_called(struct smr_writer *w, const void *content)
{
	(void)w;
	(void)content;
	fail();
}

typedef enum smr_err put_sealed(struct smr_writer *w, smr_put_plain *put, const void *content);

static enum smr_err put_with_head(struct smr_writer *w, smr_put_plain *put, const void *content)
{
	return smr_put_sealed(w, key, nonce, smr_bytes_of(w->out, w->len), put, content);
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

static const struct {
	put_sealed *put;
	unsigned seal; /* which call of the seam seals */
} ways[] = {{put_with_head, 1}, {put_raw, 2}};

/* No two octets near each other are alike. */
static struct smr_bytes text_of(uint8_t room[ROOM], size_t len)
{
	for (size_t i = 0; i < len; i++)
		room[i] = (uint8_t)('a' + i % 26);
	return smr_bytes_of(room, len);
}

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
	smr_put_raw(&w, SMR_ARRAY(ad));
	assert_int_equal(put_with_head(&w, put_octets, &text), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &sealed), SMR_OK);
	sealed = smr_bytes_of(sealed.ptr + sizeof(ad) + 2,
			      sealed.len - sizeof(ad) - 2); /* 25 octets have a head of two */
	assert_int_equal(smr_open_sealed(key, nonce, SMR_ARRAY(ad), sealed, space, &plain), SMR_OK);
	assert_int_equal(plain.len, text.len);
	assert_memory_equal(plain.ptr, text.ptr, text.len);
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
	assert_int_equal(put_raw(&w, put_octets, &text), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &sealed), SMR_OK);
	assert_int_equal(smr_aead_key_init(&ready, key), SMR_OK);
	for (int again = 0; again < 3; again++) { /* what failed leaves the key as it was */
		assert_int_equal(smr_open_sealed_raw(&ready, nonce, sealed, space, &plain), SMR_OK);
		assert_int_equal(plain.len, text.len);
		assert_memory_equal(plain.ptr, text.ptr, text.len);
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
	static const uint8_t untouched[ROOM];
	smr_put_plain *const failing[] = {put_nothing, put_and_fail};
	uint8_t letters[ROOM];
	const struct smr_bytes text = text_of(letters, 200);

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(ways) * SMR_COUNT(failing); i++) {
		uint8_t room[ROOM] = {0};
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
		struct smr_bytes out;

		assert_int_equal(ways[i % SMR_COUNT(ways)].put(&w, failing[i / SMR_COUNT(ways)], &text), SMR_E_INVALID);
		assert_int_equal(smr_writer_done(&w, &out), SMR_E_INVALID);
		assert_memory_equal(room, untouched, sizeof(room));
	}
}

static void test_writer_that_failed_or_only_counts_seals_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(ways); i++) {
		uint8_t room[ROOM];
		struct smr_writer failed = smr_writer_init((struct smr_space){room, sizeof(room)});
		struct smr_writer counts = smr_writer_size();

		failed.err = SMR_E_MALFORMED;
		assert_int_equal(ways[i].put(&failed, must_not_be_called, NULL), SMR_E_MALFORMED);
		assert_int_equal(ways[i].put(&counts, must_not_be_called, NULL), SMR_E_NO_ROOM);
	}
}

/* Plaintexts in byte strings with heads of 1, 2 and 3, and none. */
static const struct {
	size_t plain;
	uint8_t head[3];
	size_t head_len;
} cases[] = {
	{0, {0x50}, 1},	       {7, {0x57}, 1},	       {8, {0x58, 24}, 2},
	{239, {0x58, 255}, 2}, {240, {0x59, 1, 0}, 3}, {260, {0x59, 1, 20}, 3},
};

/* Octets behind what @p w had written already that @p way needs for case @p i. */
static size_t needed(size_t way, size_t i)
{
	return (ways[way].put == put_with_head ? cases[i].head_len : 0) + cases[i].plain + SMR_AEAD_TAG_LEN;
}

static void expect_sealed(size_t way, size_t i, struct smr_bytes out, struct smr_bytes text)
{
	const size_t head = needed(way, i) - text.len - SMR_AEAD_TAG_LEN;
	const struct smr_bytes sealed = smr_bytes_of(out.ptr + sizeof(ad) + head, out.len - sizeof(ad) - head);
	uint8_t scratch[ROOM];
	struct smr_bytes plain;

	assert_int_equal(out.len, sizeof(ad) + needed(way, i));
	assert_memory_equal(out.ptr, ad, sizeof(ad));
	assert_memory_equal(out.ptr + sizeof(ad), cases[i].head, head);
	assert_int_equal(smr_open_sealed(key, nonce, head == 0 ? SMR_NONE : SMR_ARRAY(ad), sealed,
					 (struct smr_space){scratch, sizeof(scratch)}, &plain),
			 SMR_OK);
	assert_true(smr_bytes_equal(plain, text));
}

/* In each room up to the one that it needs: whatever the length of its head, it fits exactly, or nothing of it is left. */
static void seal_in_rooms(size_t way, size_t i)
{
	static const uint8_t untouched[ROOM];
	uint8_t letters[ROOM];
	const struct smr_bytes text = text_of(letters, cases[i].plain);

	for (size_t len = 0; len <= needed(way, i); len++) {
		uint8_t room[ROOM] = {0};
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(ad) + len});
		const enum smr_err expected = len < needed(way, i) ? SMR_E_NO_ROOM : SMR_OK;
		struct smr_bytes out;

		smr_put_raw(&w, SMR_ARRAY(ad));
		assert_int_equal(ways[way].put(&w, put_octets, &text), expected);
		assert_int_equal(smr_writer_done(&w, &out), expected);
		if (expected == SMR_OK)
			expect_sealed(way, i, out, text);
		else
			assert_memory_equal(room + sizeof(ad), untouched, sizeof(room) - sizeof(ad));
	}
}

static void test_sealed_takes_exactly_its_room_and_leaves_nothing_in_less(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases) * SMR_COUNT(ways); i++)
		seal_in_rooms(i % SMR_COUNT(ways), i / SMR_COUNT(ways));
}

static void fail_to_seal(size_t way, size_t i)
{
	static const uint8_t untouched[ROOM];
	uint8_t letters[ROOM];
	const struct smr_bytes text = text_of(letters, cases[i].plain);
	const size_t head = needed(way, i) - text.len - SMR_AEAD_TAG_LEN;
	uint8_t room[ROOM] = {0};
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	seam_reset();
	seam_fail_at(ways[way].seal);
	assert_int_equal(ways[way].put(&w, put_octets, &text), SMR_E_CRYPTO);
	assert_true(seam_did_fail());
	assert_int_equal(w.err, SMR_E_CRYPTO);
	assert_memory_equal(room + head, untouched, sizeof(room) - head);
	seam_reset();
}

static void test_sealing_that_fails_leaves_no_plaintext(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(cases) * SMR_COUNT(ways); i++)
		fail_to_seal(i % SMR_COUNT(ways), i / SMR_COUNT(ways));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed_opens_with_the_same_key_nonce_and_data_alone),
		cmocka_unit_test(test_sealed_under_a_ready_key_opens_with_the_same_key_and_nonce_alone),
		cmocka_unit_test(test_sealed_shorter_than_a_tag_does_not_open),
		cmocka_unit_test(test_plaintext_that_cannot_be_written_sticks_and_seals_nothing),
		cmocka_unit_test(test_writer_that_failed_or_only_counts_seals_nothing),
		cmocka_unit_test(test_sealing_that_fails_leaves_no_plaintext),
		cmocka_unit_test(test_sealed_takes_exactly_its_room_and_leaves_nothing_in_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
