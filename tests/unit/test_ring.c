/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of package keys: a chain that goes one way, and its files, whenever somebody was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "store/ring.h"
#include "sys/fsio.h"
#include "tests/unit/scratch.h"

static const struct smr_eid eid = {{0x89, 0x04}};
static const struct smr_eid another = {{0x89, 0x05}};
static const uint8_t x[] = "what only the device may read";
#define SEALED_LEN (sizeof(x) + SMR_RING_OVERHEAD)

struct place {
	const char *dir;
	struct smr_package_ring *ring;
};

static struct smr_package_ring *open_ring(const char *dir)
{
	struct smr_package_ring *ring;

	assert_int_equal(smr_package_ring_open(dir, &ring), SMR_OK);
	return ring;
}

static const char *path_of(const struct place *place, uint64_t epoch)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/keys/package-%u.key", place->dir, (unsigned)epoch);
	return path;
}

static void new_place(struct place *place, const char *name)
{
	char keys[80];

	place->dir = name;
	assert_int_equal(mkdir(name, 0700), 0);
	snprintf(keys, sizeof(keys), "%s/keys", name);
	assert_int_equal(mkdir(keys, 0700), 0);
	place->ring = open_ring(name);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	assert_int_equal(scratch_enter(NULL), 0);
	new_place(place, "ro");
	assert_int_equal(smr_package_ring_make(place->ring, 3, NULL), SMR_OK);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	smr_package_ring_close(place->ring);
	free(place);
	return scratch_leave(NULL);
}

static void seal(const struct place *place, uint64_t epoch, uint8_t sealed[SEALED_LEN])
{
	assert_int_equal(smr_package_ring_seal(place->ring, epoch, &eid, SMR_ARRAY(x), sealed), SMR_OK);
}

static enum smr_err unseal(struct smr_package_ring *ring, uint64_t epoch, const uint8_t sealed[SEALED_LEN])
{
	uint8_t opened[sizeof(x)];
	enum smr_err err = smr_package_ring_unseal(ring, epoch, &eid, smr_bytes_of(sealed, SEALED_LEN), opened);

	if (err == SMR_OK)
		assert_memory_equal(opened, x, sizeof(x));
	return err;
}

static void tag_of(struct smr_package_ring *ring, uint64_t epoch, uint8_t tag[SMR_RING_TAG_LEN])
{
	assert_int_equal(smr_package_ring_tag(ring, epoch, tag), SMR_OK);
}

static void test_sealed_opens_for_its_device_and_epoch_alone(void **state)
{
	const struct place *place = *state;
	uint8_t sealed[SEALED_LEN];
	uint8_t again[SEALED_LEN];
	uint8_t opened[sizeof(x)];

	seal(place, 5, sealed);
	seal(place, 5, again);
	assert_memory_not_equal(sealed, again, sizeof(sealed));
	assert_int_equal(unseal(place->ring, 5, sealed), SMR_OK);
	assert_int_equal(unseal(place->ring, 4, sealed), SMR_E_UNOPENED);
	assert_int_equal(unseal(place->ring, 6, sealed), SMR_E_UNOPENED);
	assert_int_equal(unseal(place->ring, 2, sealed), SMR_E_NOT_FOUND);
	assert_int_equal(unseal(place->ring, 4 + SMR_RING_STEPS_MAX, sealed), SMR_E_TOO_MANY);
	assert_int_equal(smr_package_ring_unseal(place->ring, 5, &another, SMR_ARRAY(sealed), opened), SMR_E_UNOPENED);
	for (size_t len = 0; len < SMR_RING_OVERHEAD; len++)
		assert_int_equal(smr_package_ring_unseal(place->ring, 5, &eid, smr_bytes_of(sealed, len), opened),
				 SMR_E_UNOPENED);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_int_equal(unseal(place->ring, 5, sealed), SMR_E_UNOPENED);
		sealed[i] ^= 1;
	}
}

static void test_another_front_end_with_the_same_file_goes_the_same_way(void **state)
{
	struct place *place = *state;
	struct place second;
	uint8_t sealed[SEALED_LEN];
	uint8_t tag[SMR_RING_TAG_LEN];
	struct smr_blob file;

	new_place(&second, "second");
	assert_int_equal(smr_fs_read(path_of(place, 3), 1000, &file), SMR_OK);
	assert_int_equal(smr_fs_write(path_of(&second, 3), smr_bytes_of(file.ptr, file.len), 0600), SMR_OK);
	smr_blob_wipe(&file);
	seal(place, 9, sealed);
	tag_of(place->ring, 9, tag);
	assert_int_equal(smr_package_ring_fit(second.ring, 9, tag, NULL), SMR_OK);
	assert_int_equal(unseal(second.ring, 9, sealed), SMR_OK);
	smr_package_ring_close(second.ring);
}

static void test_what_is_forgotten_is_in_no_file_and_no_memory(void **state)
{
	struct place *place = *state;
	uint8_t old[SEALED_LEN];
	uint8_t present[SEALED_LEN];
	uint8_t tag[SMR_RING_TAG_LEN];
	struct smr_package_ring *fresh;

	seal(place, 4, old);
	seal(place, 5, present);
	tag_of(place->ring, 6, tag);
	assert_int_equal(smr_package_ring_forget_before(place->ring, 5, NULL), SMR_OK);
	assert_false(smr_fs_exists(path_of(place, 3)));
	assert_true(smr_fs_exists(path_of(place, 5)));
	assert_int_equal(unseal(place->ring, 4, old), SMR_E_NOT_FOUND);
	assert_int_equal(unseal(place->ring, 5, present), SMR_OK);
	fresh = open_ring(place->dir);
	assert_int_equal(smr_package_ring_fit(fresh, 6, tag, NULL), SMR_OK);
	assert_int_equal(unseal(fresh, 4, old), SMR_E_NOT_FOUND);
	assert_int_equal(unseal(fresh, 5, present), SMR_OK);
	smr_package_ring_close(fresh);
}

/* samarad and a command work in one directory: whichever is first, the other one's is done too. */
static void test_two_processes_forget_in_one_directory(void **state)
{
	struct place *place = *state;
	struct smr_package_ring *other = open_ring(place->dir);
	uint8_t sealed[SEALED_LEN];
	uint8_t tag[SMR_RING_TAG_LEN];

	seal(place, 5, sealed);
	tag_of(place->ring, 5, tag);
	assert_int_equal(smr_package_ring_fit(other, 5, tag, NULL), SMR_OK);
	assert_int_equal(smr_package_ring_forget_before(other, 5, NULL), SMR_OK);
	assert_int_equal(smr_package_ring_forget_before(place->ring, 5, NULL), SMR_OK);
	assert_int_equal(smr_package_ring_forget_before(place->ring, 4, NULL), SMR_OK); /* long since */
	assert_int_equal(unseal(place->ring, 5, sealed), SMR_OK);
	assert_int_equal(unseal(other, 5, sealed), SMR_OK);
	smr_package_ring_close(other);
}

/* Killed after the new file, or while the old one was being overwritten: both are there. */
static void test_two_files_of_one_that_was_killed_are_read_and_brought_to_an_end(void **state)
{
	static const uint8_t zeros[65] = {0};
	struct place *place = *state;
	struct smr_blob old;
	uint8_t tag[SMR_RING_TAG_LEN];

	assert_int_equal(smr_fs_read(path_of(place, 3), 1000, &old), SMR_OK);
	tag_of(place->ring, 6, tag);
	assert_int_equal(smr_package_ring_forget_before(place->ring, 5, NULL), SMR_OK);
	for (int overwritten = 0; overwritten <= 1; overwritten++) {
		struct smr_package_ring *fresh = open_ring(place->dir);
		struct smr_bytes content = overwritten ? SMR_ARRAY(zeros) : smr_bytes_of(old.ptr, old.len);

		assert_int_equal(smr_fs_write(path_of(place, 3), content, 0600), SMR_OK);
		assert_int_equal(smr_package_ring_fit(fresh, 6, tag, NULL), SMR_OK);
		assert_int_equal(smr_package_ring_forget_before(fresh, 5, NULL), SMR_OK);
		assert_false(smr_fs_exists(path_of(place, 3)));
		assert_true(smr_fs_exists(path_of(place, 5)));
		smr_package_ring_close(fresh);
	}
	smr_blob_wipe(&old);
}

/* Two files are there: the older one may be needed for what is of its epoch, the newer one is not missed beside it. */
static void test_file_that_may_be_needed_and_cannot_be_read_now_is_not_passed_over(void **state)
{
	struct place *place = *state;
	struct smr_package_ring *fresh = open_ring(place->dir);
	struct smr_problem problem = {{0}};
	struct smr_blob old;
	uint8_t tag[SMR_RING_TAG_LEN];

	assert_int_equal(smr_fs_read(path_of(place, 3), 1000, &old), SMR_OK);
	tag_of(place->ring, 6, tag);
	assert_int_equal(smr_package_ring_forget_before(place->ring, 5, NULL), SMR_OK);
	assert_int_equal(smr_fs_write(path_of(place, 3), smr_bytes_of(old.ptr, old.len), 0644), SMR_OK);
	assert_int_equal(smr_package_ring_fit(fresh, 6, tag, &problem), SMR_E_REFUSED);
	assert_non_null(strstr(problem.text, path_of(place, 3)));
	assert_int_equal(chmod(path_of(place, 3), 0600), 0);
	assert_int_equal(chmod(path_of(place, 5), 0644), 0);
	assert_int_equal(smr_package_ring_fit(fresh, 6, tag, &problem), SMR_OK);
	tag_of(fresh, 3, tag);
	smr_package_ring_close(fresh);
	smr_blob_wipe(&old);
}

static void test_keys_that_are_missing_or_of_another_store_are_named(void **state)
{
	struct place *place = *state;
	struct place second;
	struct smr_problem problem = {{0}};
	uint8_t tag[SMR_RING_TAG_LEN];

	new_place(&second, "second");
	tag_of(place->ring, 4, tag);
	assert_int_equal(smr_package_ring_fit(second.ring, 4, tag, &problem), SMR_E_NOT_FOUND);
	assert_non_null(strstr(problem.text, "holds no package key of epoch 4"));
	assert_int_equal(smr_package_ring_make(second.ring, 5, NULL), SMR_OK); /* later than what is asked for */
	assert_int_equal(smr_package_ring_fit(second.ring, 4, tag, &problem), SMR_E_NOT_FOUND);
	assert_int_equal(smr_package_ring_make(second.ring, 2, NULL), SMR_OK);
	assert_int_equal(smr_package_ring_fit(second.ring, 4, tag, &problem), SMR_E_UNTRUSTED_KEY);
	assert_non_null(strstr(problem.text, "not those of this store"));
	smr_package_ring_close(second.ring);
}

/* An attempt that was killed has left its file: nobody knows whether it was used. */
static void test_make_takes_the_file_that_is_there(void **state)
{
	struct place *place = *state;
	struct smr_package_ring *again = open_ring(place->dir);
	uint8_t first[SMR_RING_TAG_LEN];
	uint8_t second[SMR_RING_TAG_LEN];
	uint64_t newest;

	assert_int_equal(smr_package_ring_make(again, 3, NULL), SMR_OK);
	tag_of(place->ring, 3, first);
	tag_of(again, 3, second);
	assert_memory_equal(first, second, sizeof(first));
	assert_int_equal(smr_package_ring_newest_file(again, &newest, NULL), SMR_OK);
	assert_int_equal(newest, 3);
	smr_package_ring_close(again);
}

#define RING(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING(test_sealed_opens_for_its_device_and_epoch_alone),
		RING(test_another_front_end_with_the_same_file_goes_the_same_way),
		RING(test_what_is_forgotten_is_in_no_file_and_no_memory),
		RING(test_two_processes_forget_in_one_directory),
		RING(test_two_files_of_one_that_was_killed_are_read_and_brought_to_an_end),
		RING(test_file_that_may_be_needed_and_cannot_be_read_now_is_not_passed_over),
		RING(test_keys_that_are_missing_or_of_another_store_are_named),
		RING(test_make_takes_the_file_that_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
