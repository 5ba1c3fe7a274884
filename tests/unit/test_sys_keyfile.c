/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "sys/keyfile.h"

/* RFC 6979 appendix A.2.5: private key x of P-256 and the x coordinate of its public key. */
static const uint8_t scalar[SMR_SCALAR_LEN] = {0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21,
					       0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8,
					       0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21};
static const uint8_t public_x[] = {0x60, 0xfe, 0xd4, 0xba, 0x25, 0x5a, 0x9d, 0x31, 0xc9, 0x61, 0xeb,
				   0x74, 0xc6, 0x35, 0x6d, 0x68, 0xc0, 0x49, 0xb8, 0x92, 0x3b, 0x61,
				   0xfa, 0x6c, 0xe6, 0x69, 0x62, 0x2e, 0x60, 0xf2, 0x9f, 0xb6};
#define KEY_TEXT "samara-private-key 1\nya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n"

static struct smr_problem problem;

static enum smr_err load(const char *path)
{
	struct smr_privkey key = {0};
	enum smr_err err;

	problem.text[0] = '\0';
	err = smr_keyfile_load(path, &key, &problem);
	smr_privkey_wipe(&key);
	/* Whatever is said, no part of the key is in it. */
	assert_null(strstr(problem.text, "ya+p"));
	assert_true((err == SMR_OK) == (problem.text[0] == '\0'));
	return err;
}

static enum smr_err load_text(const char *text, size_t len)
{
	scratch_put("k.key", text, len);
	return load("k.key");
}

static void test_keyfile_created_is_private_and_loads_again(void **state)
{
	struct smr_privkey key = {0};
	struct smr_privkey again = {0};
	struct stat st;
	uint8_t text[200];

	(void)state;
	(void)umask(0);
	assert_int_equal(smr_privkey_import(&key, scalar), SMR_OK);
	assert_int_equal(smr_keyfile_create("k.key", &key, &problem), SMR_OK);
	assert_int_equal(stat("k.key", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(scratch_get("k.key", text, sizeof(text)), sizeof(KEY_TEXT) - 1);
	assert_memory_equal(text, KEY_TEXT, sizeof(KEY_TEXT) - 1);
	assert_int_equal(smr_keyfile_load("k.key", &again, &problem), SMR_OK);
	assert_memory_equal(again.scalar, scalar, sizeof(scalar));
	assert_memory_equal(again.point + 1, public_x, sizeof(public_x));
	smr_privkey_wipe(&key);
	smr_privkey_wipe(&again);
}

static void test_keyfile_existing_is_never_overwritten(void **state)
{
	struct smr_privkey key = {0};
	uint8_t text[8];

	(void)state;
	scratch_text("k.key", "old");
	assert_int_equal(smr_privkey_import(&key, scalar), SMR_OK);
	assert_int_equal(smr_keyfile_create("k.key", &key, &problem), SMR_E_EXISTS);
	assert_int_equal(scratch_get("k.key", text, sizeof(text)), 3);
	assert_int_equal(scratch_count("."), 1);
	smr_privkey_wipe(&key);
}

static void test_keyfile_open_to_others_is_refused(void **state)
{
	(void)state;
	scratch_text("k.key", KEY_TEXT);
	for (unsigned mode = 0; mode < 0100; mode++) {
		assert_int_equal(chmod("k.key", 0600 | mode), 0);
		assert_int_equal(load("k.key"), mode == 0 ? SMR_OK : SMR_E_REFUSED);
		if (mode != 0)
			assert_non_null(strstr(problem.text, "chmod 600 k.key"));
	}
	assert_int_equal(chmod("k.key", 0400), 0);
	assert_int_equal(load("k.key"), SMR_OK);
}

static void test_keyfile_other_than_regular_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(load("d"), SMR_E_REFUSED);
	assert_int_equal(mkfifo("f", 0600), 0);
	assert_int_equal(load("f"), SMR_E_REFUSED);
	assert_int_equal(load("none"), SMR_E_NOT_FOUND);
}

static void test_keyfile_truncated_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(KEY_TEXT) - 2; len++)
		assert_int_equal(load_text(KEY_TEXT, len), SMR_E_MALFORMED);
	/* Without its last line end it is whole. */
	assert_int_equal(load_text(KEY_TEXT, sizeof(KEY_TEXT) - 2), SMR_OK);
}

static void test_keyfile_with_anything_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"samara-private-key 2\nya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n",
		"samara-secret-key 1\nya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n",
		"samara-private-key 1\r\nya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n",
		"samara-private-key 1\nya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n\n",
		"samara-private-key 1\nya+p2EW6dRZrXCFXZ7HWkw==\n",
		"samara-private-key 1\n\nya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n",
		" samara-private-key 1\nya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n",
	};
	char much[4096];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		assert_int_equal(load_text(bad[i], strlen(bad[i])), SMR_E_MALFORMED);
	memset(much, 'A', sizeof(much));
	memcpy(much, KEY_TEXT, 21);
	assert_int_equal(load_text(much, sizeof(much)), SMR_E_MALFORMED);
	/* A scalar of zero is base64 of the right length, but no key. */
	assert_int_equal(load_text("samara-private-key 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 66),
			 SMR_E_BAD_POINT);
}

static void test_keyfile_dash_reads_standard_input(void **state)
{
	int saved = dup(STDIN_FILENO);
	int pipe_fds[2];

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], KEY_TEXT, sizeof(KEY_TEXT) - 1), sizeof(KEY_TEXT) - 1);
	(void)close(pipe_fds[1]);
	assert_int_equal(dup2(pipe_fds[0], STDIN_FILENO), STDIN_FILENO);
	(void)close(pipe_fds[0]);
	assert_int_equal(load("-"), SMR_OK);
	assert_int_equal(load("-"), SMR_E_MALFORMED);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	(void)close(saved);
}

static void test_secretfile_both_lengths_come_back_and_are_not_confused(void **state)
{
	const uint8_t secret[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 255};
	uint8_t out[32];

	(void)state;
	for (size_t len = 0; len <= 32; len++) {
		enum smr_err want = len == 16 || len == 32 ? SMR_OK : SMR_E_INVALID;

		(void)unlink("s.key");
		assert_int_equal(smr_secretfile_create("s.key", smr_bytes_of(secret, len), &problem), want);
		if (want != SMR_OK)
			continue;
		assert_int_equal(smr_secretfile_load("s.key", (struct smr_space){out, len}, &problem), SMR_OK);
		assert_memory_equal(out, secret, len);
		assert_int_equal(smr_secretfile_load("s.key", (struct smr_space){out, 48 - len}, &problem),
				 SMR_E_MALFORMED);
		assert_int_equal(smr_secretfile_load("s.key", (struct smr_space){out, 20}, &problem), SMR_E_INVALID);
		assert_int_equal(load("s.key"), SMR_E_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_keyfile_created_is_private_and_loads_again),
		scratch_test(test_keyfile_existing_is_never_overwritten),
		scratch_test(test_keyfile_open_to_others_is_refused),
		scratch_test(test_keyfile_other_than_regular_is_refused),
		scratch_test(test_keyfile_truncated_anywhere_is_refused),
		scratch_test(test_keyfile_with_anything_else_is_refused),
		scratch_test(test_keyfile_dash_reads_standard_input),
		scratch_test(test_secretfile_both_lengths_come_back_and_are_not_confused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
