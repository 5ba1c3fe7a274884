/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/boot_log.h"
#include "tests/unit/object_rig.h"

static enum smr_err sign_altered(const struct object_rig *f, const struct smr_release *release)
{
	uint8_t room[OBJECT_ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	return smr_release_sign(&w, &f->own, release);
}

static void test_release_outside_its_grammar_is_not_signed(void **state)
{
	const struct object_rig *f = *state;
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
	const struct object_rig *f = *state;
	struct smr_release release = f->release;
	struct smr_release got;
	uint8_t room[OBJECT_ROOM];

	for (size_t count = SMR_BOOT_EVENTS_MAX - 1; count <= SMR_BOOT_EVENTS_MAX; count++) {
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
		size_t most = count == SMR_BOOT_EVENTS_MAX ? SMR_BOOT_LOG_MAX : 1 + count * 38 + SMR_BOOT_NAME_MAX - 1;

		release.log = log_of(count, most);
		assert_int_equal(smr_release_sign(&w, &f->own, &release), SMR_OK);
		assert_int_equal(smr_release_open(smr_bytes_of(room, w.len), &f->pub, &got), SMR_OK);
		assert_int_equal(got.log.count, count);
		release.log = log_of(count, most + 1);
		assert_int_not_equal(sign_altered(f, &release), SMR_OK);
	}
	release.log.count = SMR_BOOT_EVENTS_MAX + 1;
	assert_int_equal(sign_altered(f, &release), SMR_E_TOO_MANY);
}

/* All that a release may say at its longest, which is what SMR_RELEASE_MAX has room for. */
static void test_longest_release_fits(void **state)
{
	static const char text[SMR_RELEASE_VERSION_MAX + 1] =
		"abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopqrstuvwxyz012345";
	const struct object_rig *f = *state;
	struct smr_release release = {
		.product = smr_bytes_of(text, SMR_RELEASE_PRODUCT_MAX),
		.number = UINT32_MAX,
		.version = smr_bytes_of(text, SMR_RELEASE_VERSION_MAX),
		.log = log_of(SMR_BOOT_EVENTS_MAX, SMR_BOOT_LOG_MAX),
		.has_lengths = true,
	};
	struct smr_release got;
	uint8_t room[SMR_RELEASE_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	for (size_t i = 0; i < release.log.count; i++)
		release.lengths[i] = UINT32_MAX - (uint32_t)i;
	assert_int_equal(smr_release_sign(&w, &f->own, &release), SMR_OK);
	assert_int_equal(w.err, SMR_OK);
	assert_int_equal(smr_release_open(smr_bytes_of(room, w.len), &f->pub, &got), SMR_OK);
	assert_true(got.has_lengths);
	assert_memory_equal(got.lengths, release.lengths, sizeof(got.lengths));
}

/* What its lengths would be, had it any, is not in it, and nobody finds what others left in their place. */
static void test_release_without_lengths_has_none(void **state)
{
	const struct object_rig *f = *state;
	struct smr_release release = f->release;
	struct smr_release got;
	uint8_t with[OBJECT_ROOM], without[OBJECT_ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){with, sizeof(with)});
	struct smr_writer other = smr_writer_init((struct smr_space){without, sizeof(without)});

	assert_int_equal(smr_release_sign(&w, &f->own, &release), SMR_OK);
	release.has_lengths = false;
	assert_int_equal(smr_release_sign(&other, &f->own, &release), SMR_OK);
	assert_int_equal(other.len, w.len - strlen(RELEASE_LENGTHS) / 2);
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(smr_release_open(smr_bytes_of(without, other.len), &f->pub, &got), SMR_OK);
	assert_false(got.has_lengths);
	for (size_t i = 0; i < SMR_BOOT_EVENTS_MAX; i++)
		assert_int_equal(got.lengths[i], 0);
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

/* What is said of the key is read whoever signed, and whatever was altered behind it. */
static void assert_says_whose_it_is(const struct object_rig *f, const struct smr_release *release)
{
	struct smr_key_id own, got, untouched = {"nothing"};
	uint8_t room[OBJECT_ROOM];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	const size_t key_at = 10; /* behind framing and array head */

	assert_int_equal(smr_key_id_of(f->own.point, &own), SMR_OK);
	assert_int_equal(smr_release_sign(&w, &f->own, release), SMR_OK);
	assert_memory_equal(room + key_at, &own, sizeof(own));
	room[w.len - 1] ^= 1;
	room[key_at + sizeof(own) + 3] ^= 1;
	assert_int_equal(smr_release_peek(smr_bytes_of(room, w.len), &got), SMR_OK);
	assert_memory_equal(&got, &own, sizeof(own));
	room[key_at] ^= 1;
	assert_int_equal(smr_release_peek(smr_bytes_of(room, w.len), &got), SMR_OK);
	assert_memory_not_equal(&got, &own, sizeof(own));
	got = untouched;
	room[key_at - 1] ^= 1; /* no octet string of eight */
	assert_int_equal(smr_release_peek(smr_bytes_of(room, w.len), &got), SMR_E_MALFORMED);
	assert_int_equal(smr_release_peek(smr_bytes_of(room, w.len - 1), &got), SMR_E_MALFORMED);
	assert_memory_equal(&got, &untouched, sizeof(got));
}

static void test_release_says_whose_it_is_before_any_check(void **state)
{
	const struct object_rig *f = *state;
	struct smr_release release = f->release;

	assert_says_whose_it_is(f, &release);
	release.has_lengths = false;
	assert_says_whose_it_is(f, &release);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release_outside_its_grammar_is_not_signed),
		cmocka_unit_test(test_log_is_as_long_as_a_datagram_has_room_for_and_no_longer),
		cmocka_unit_test(test_longest_release_fits),
		cmocka_unit_test(test_release_without_lengths_has_none),
		cmocka_unit_test(test_log_that_is_too_long_is_not_read),
		cmocka_unit_test(test_release_says_whose_it_is_before_any_check),
		cmocka_unit_test(test_shown_log_has_its_names_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, object_set_up, object_tear_down);
}
