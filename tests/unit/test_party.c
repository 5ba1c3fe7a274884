/* SPDX-License-Identifier: Apache-2.0 */
#include "players.h"

#include <sys/wait.h>

#include "file/party.h"

static struct smr_problem problem;

static void create(const char *dir, const char *role, bool with_kem, struct smr_party *out)
{
	assert_int_equal(smr_party_create(dir, role, "Name", with_kem, out, &problem), SMR_OK);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_party_created_opens_again(void **state)
{
	struct smr_party made;
	struct smr_party party;

	(void)state;
	(void)umask(0);
	create("p/ro", "ro", true, &made);
	assert_int_equal(mode_of("p/ro"), 0700);
	assert_int_equal(mode_of("p/ro/keys"), 0700);
	assert_int_equal(mode_of("p/ro/keys/sign.key"), 0600);
	assert_int_equal(mode_of("p/ro/keys/kem.key"), 0600);
	assert_int_equal(mode_of("p/ro/ro.card"), 0644);
	assert_true(made.has_keys);
	smr_party_close(&made);
	assert_int_equal(smr_party_open("p/ro", "ro", SMR_PARTY_KEYS | SMR_PARTY_LOCK, &party, &problem), SMR_OK);
	assert_string_equal(party.card.name, "Name");
	assert_true(party.card.has_kem);
	{
		uint8_t point[SMR_POINT_COMPRESSED_LEN];

		smr_point_compress(party.kem.point, point);
		assert_memory_equal(point, party.card.kem, sizeof(point));
		smr_point_compress(party.sign.point, point);
		assert_memory_equal(point, party.card.sign, sizeof(point));
	}
	smr_party_close(&party);
	smr_party_close(&party);
	assert_int_equal(smr_party_open("p/ro", "ro", 0, &party, &problem), SMR_OK);
	assert_false(party.has_keys);
	smr_party_close(&party);
}

static void test_party_second_in_a_directory_is_refused(void **state)
{
	struct smr_party party;
	struct smr_party second;

	(void)state;
	create("p", "ro", false, &party);
	assert_int_equal(smr_party_create("p", "sho", "x", false, &second, &problem), SMR_E_BUSY);
	smr_party_close(&party);
	assert_int_equal(smr_party_create("p", "ro", "x", false, &second, &problem), SMR_E_EXISTS);
	assert_string_equal(problem.text, "p holds a player already (ro.card)");
}

static void test_party_bad_names_are_invalid(void **state)
{
	struct smr_party party;
	char name[SMR_CARD_NAME_MAX + 2];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(smr_party_create("p", "ro", "", false, &party, &problem), SMR_E_INVALID);
	assert_int_equal(smr_party_create("p", "ro", name, false, &party, &problem), SMR_E_INVALID);
	assert_int_equal(smr_party_create("p", "ro", "a\nb", false, &party, &problem), SMR_E_INVALID);
	/* The name alone was wrong: a better one works, with the keys made meanwhile. */
	create("p", "ro", false, &party);
	smr_party_close(&party);
}

static void test_party_interrupted_creation_can_be_repeated(void **state)
{
	struct smr_party party;
	uint8_t point[SMR_POINT_COMPRESSED_LEN];

	(void)state;
	create("p", "ro", true, &party);
	memcpy(point, party.card.sign, sizeof(point));
	smr_party_close(&party);
	assert_int_equal(unlink("p/ro.card"), 0);
	assert_int_equal(unlink("p/keys/kem.key"), 0);
	create("p", "ro", true, &party);
	assert_memory_equal(party.card.sign, point, sizeof(point));
	smr_party_close(&party);
}

static void test_party_missing_or_other_role_says_what_to_do(void **state)
{
	struct smr_party party;

	(void)state;
	assert_int_equal(smr_party_open("none", "ro", 0, &party, &problem), SMR_E_NOT_FOUND);
	assert_non_null(strstr(problem.text, "init"));
	create("p", "ro", false, &party);
	smr_party_close(&party);
	assert_int_equal(smr_party_open("p", "sho", 0, &party, &problem), SMR_E_NOT_FOUND);
	assert_non_null(strstr(problem.text, "sho.card"));
}

static void test_party_locked_is_busy(void **state)
{
	struct smr_party first;
	struct smr_party second;

	(void)state;
	create("p", "ro", false, &first);
	assert_int_equal(smr_party_open("p", "ro", SMR_PARTY_LOCK, &second, &problem), SMR_E_BUSY);
	assert_int_equal(smr_party_open("p", "ro", SMR_PARTY_KEYS, &second, &problem), SMR_OK);
	smr_party_close(&second);
	smr_party_close(&first);
	assert_int_equal(smr_party_open("p", "ro", SMR_PARTY_LOCK, &second, &problem), SMR_OK);
	smr_party_close(&second);
}

static void test_party_with_foreign_keys_is_tampered(void **state)
{
	struct smr_party party;

	(void)state;
	create("p", "ro", true, &party);
	smr_party_close(&party);
	create("q", "ro", true, &party);
	smr_party_close(&party);
	assert_int_equal(rename("q/keys/kem.key", "p/keys/kem.key"), 0);
	assert_int_equal(smr_party_open("p", "ro", SMR_PARTY_KEYS, &party, &problem), SMR_E_TAMPERED);
	assert_int_equal(rename("q/keys/sign.key", "p/keys/sign.key"), 0);
	assert_int_equal(smr_party_open("p", "ro", SMR_PARTY_KEYS, &party, &problem), SMR_E_TAMPERED);
	assert_int_equal(smr_party_open("p", "ro", 0, &party, &problem), SMR_OK);
	smr_party_close(&party);
	assert_int_equal(chmod("p/keys/sign.key", 0640), 0);
	assert_int_equal(smr_party_open("p", "ro", SMR_PARTY_KEYS, &party, &problem), SMR_E_REFUSED);
}

/* ---- numbers ---- */

static uint64_t next_number(const struct smr_party *party, enum smr_file_type type)
{
	uint64_t number;

	assert_int_equal(smr_party_next_number(party, type, &number), SMR_OK);
	return number;
}

static void test_numbers_ascend_per_type_across_openings(void **state)
{
	struct smr_party party;

	(void)state;
	create("p", "sho", false, &party);
	assert_true(next_number(&party, SMR_FILE_BATCH) == 1);
	assert_true(next_number(&party, SMR_FILE_BATCH) == 2);
	assert_true(next_number(&party, SMR_FILE_COMMANDS) == 1);
	smr_party_close(&party);
	assert_int_equal(smr_party_open("p", "sho", 0, &party, &problem), SMR_OK);
	assert_true(next_number(&party, SMR_FILE_BATCH) == 3);
	assert_int_equal(smr_party_claim_number(&party, SMR_FILE_BATCH, 10), SMR_OK);
	assert_int_equal(smr_party_claim_number(&party, SMR_FILE_BATCH, 10), SMR_E_SERIAL);
	assert_int_equal(smr_party_claim_number(&party, SMR_FILE_BATCH, 4), SMR_E_SERIAL);
	assert_int_equal(smr_party_claim_number(&party, SMR_FILE_BATCH, 0), SMR_E_INVALID);
	assert_true(next_number(&party, SMR_FILE_BATCH) == 11);
	assert_true(next_number(&party, SMR_FILE_COMMANDS) == 2);
	smr_party_close(&party);
}

static void test_numbers_damaged_are_refused_not_restarted(void **state)
{
	static const char *const bad[] = {
		"3", "3 \n", "3 0\n", "3 1\n3 2\n", "x 1\n", "0 1\n", "32 1\n", "3 1 1\n", "3 99999999999999999999\n",
		"\n"};
	struct smr_party party;
	uint64_t number;

	(void)state;
	create("p", "sho", false, &party);
	for (size_t i = 0; i < SMR_COUNT(bad); i++) {
		scratch_text("p/numbers", bad[i]);
		assert_int_equal(smr_party_next_number(&party, SMR_FILE_BATCH, &number), SMR_E_MALFORMED);
	}
	scratch_text("p/numbers", "3 18446744073709551615\n");
	assert_int_equal(smr_party_next_number(&party, SMR_FILE_BATCH, &number), SMR_E_TOO_MANY);
	smr_party_close(&party);
}

static void test_numbers_of_many_processes_are_distinct(void **state)
{
	enum { PROCESSES = 4, EACH = 20 };
	struct smr_party party;
	bool seen[PROCESSES * EACH + 1] = {false};
	int pipes[2];
	uint64_t number;

	(void)state;
	create("p", "sho", false, &party);
	assert_int_equal(pipe(pipes), 0);
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (unsigned n = 0; n < EACH; n++) {
			if (smr_party_next_number(&party, SMR_FILE_BATCH, &number) != SMR_OK ||
			    write(pipes[1], &number, sizeof(number)) != sizeof(number))
				_exit(1);
		}
		_exit(0);
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (unsigned i = 0; i < PROCESSES * EACH; i++) {
		assert_int_equal(read(pipes[0], &number, sizeof(number)), sizeof(number));
		assert_true(number >= 1 && number <= PROCESSES * EACH && !seen[number]);
		seen[number] = true;
	}
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	smr_party_close(&party);
}

/* ---- trust ---- */

static enum smr_err count_card(void *context, const struct smr_card *card)
{
	unsigned *count = context;

	(void)card;
	++*count;
	return SMR_OK;
}

static enum smr_err stop(void *context, const struct smr_card *card)
{
	(void)context;
	(void)card;
	return SMR_E_STATE;
}

static void test_trust_finds_cards_by_role_and_key(void **state)
{
	struct smr_party ro;
	struct smr_party sho;
	struct smr_party supplier;
	struct smr_card found;
	unsigned count = 0;

	(void)state;
	create("ro", "ro", true, &ro);
	create("sho", "sho", true, &sho);
	create("sup", "supplier", false, &supplier);
	assert_int_equal(smr_party_find(&ro, "sho", sho.card.sign, &found, &problem), SMR_E_UNTRUSTED_KEY);
	assert_int_equal(smr_party_trust(&ro, &sho.card, &problem), SMR_OK);
	assert_int_equal(smr_party_trust(&ro, &sho.card, &problem), SMR_OK);
	assert_int_equal(smr_party_trust(&ro, &supplier.card, &problem), SMR_OK);
	assert_int_equal(scratch_count("ro/trust"), 2);
	assert_int_equal(smr_party_find(&ro, "sho", sho.card.sign, &found, &problem), SMR_OK);
	assert_memory_equal(found.kem, sho.card.kem, sizeof(found.kem));
	/* A key is trusted in its role alone. */
	assert_int_equal(smr_party_find(&ro, "supplier", sho.card.sign, &found, &problem), SMR_E_UNTRUSTED_KEY);
	assert_int_equal(smr_party_each(&ro, NULL, count_card, &count, &problem), SMR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(smr_party_each(&ro, "sho", count_card, &count, &problem), SMR_OK);
	assert_int_equal(count, 3);
	assert_int_equal(smr_party_each(&ro, "sho", stop, NULL, &problem), SMR_E_STATE);
	smr_party_close(&ro);
	smr_party_close(&sho);
	smr_party_close(&supplier);
}

static void test_trust_damaged_card_is_an_error_with_its_name(void **state)
{
	struct smr_party ro;
	struct smr_card found;

	(void)state;
	create("ro", "ro", true, &ro);
	scratch_text("ro/trust/sho-00000000.card", "nonsense");
	assert_int_equal(smr_party_find(&ro, "sho", ro.card.sign, &found, &problem), SMR_E_MALFORMED);
	assert_non_null(strstr(problem.text, "ro/trust/sho-00000000.card"));
	smr_party_close(&ro);
}

/* The file name has 32 bits of the fingerprint: another card of that name must not replace the first. */
static void test_trust_name_taken_by_another_card_is_refused(void **state)
{
	struct smr_party ro;
	struct smr_party sho;
	char fingerprint[SMR_FINGERPRINT_TEXT];
	char path[64];

	(void)state;
	create("ro", "ro", true, &ro);
	create("sho", "sho", true, &sho);
	assert_int_equal(smr_card_fingerprint(&sho.card, fingerprint), SMR_OK);
	(void)snprintf(path, sizeof(path), "ro/trust/sho-%.8s.card", fingerprint);
	assert_int_equal(smr_card_write(path, &ro.card), SMR_OK);
	assert_int_equal(smr_party_trust(&ro, &sho.card, &problem), SMR_E_EXISTS);
	smr_party_close(&ro);
	smr_party_close(&sho);
}

static void test_open_file_demands_a_trusted_sender(void **state)
{
	struct smr_party ro;
	struct smr_party sho;
	struct smr_file_writer *writer;
	struct smr_file_reader *reader;
	struct smr_pubkey to = {0};
	struct smr_card sender;

	(void)state;
	create("ro", "ro", true, &ro);
	create("sho", "sho", false, &sho);
	assert_int_equal(smr_pubkey_import(&to, SMR_ARRAY(ro.card.kem)), SMR_OK);
	assert_int_equal(smr_file_create("b.smr", SMR_FILE_BATCH, 1, &sho.sign, SMR_TEXT("\x80"), &to, &writer),
			 SMR_OK);
	assert_int_equal(smr_file_put(writer, SMR_TEXT("r")), SMR_OK);
	assert_int_equal(smr_file_commit(writer), SMR_OK);
	assert_int_equal(smr_party_open_file(&ro, "b.smr", SMR_FILE_BATCH, "sho", &reader, &sender, &problem),
			 SMR_E_UNTRUSTED_KEY);
	assert_null(reader);
	assert_int_equal(strncmp(problem.text, "b.smr: ", 7), 0);
	assert_int_equal(smr_party_trust(&ro, &sho.card, &problem), SMR_OK);
	assert_int_equal(smr_party_open_file(&ro, "b.smr", SMR_FILE_BATCH, "sho", &reader, &sender, &problem), SMR_OK);
	assert_string_equal(sender.role, "sho");
	smr_file_close(reader);
	assert_int_equal(smr_party_open_file(&ro, "b.smr", SMR_FILE_BATCH, "auc", &reader, NULL, &problem),
			 SMR_E_UNTRUSTED_KEY);
	assert_int_equal(smr_party_open_file(&ro, "b.smr", SMR_FILE_ORDERS, "sho", &reader, NULL, &problem),
			 SMR_E_UNSUPPORTED);
	assert_string_equal(problem.text, "b.smr is not a file of type «orders», version 1");
	assert_int_equal(smr_party_open_file(&ro, "none", SMR_FILE_BATCH, "sho", &reader, NULL, &problem),
			 SMR_E_NOT_FOUND);
	assert_int_equal(smr_party_open_file(&sho, "b.smr", SMR_FILE_BATCH, "sho", &reader, NULL, &problem),
			 SMR_E_INVALID);
	smr_pubkey_wipe(&to);
	smr_party_close(&ro);
	smr_party_close(&sho);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_party_created_opens_again),
		scratch_test(test_party_second_in_a_directory_is_refused),
		scratch_test(test_party_bad_names_are_invalid),
		scratch_test(test_party_interrupted_creation_can_be_repeated),
		scratch_test(test_party_missing_or_other_role_says_what_to_do),
		scratch_test(test_party_locked_is_busy),
		scratch_test(test_party_with_foreign_keys_is_tampered),
		scratch_test(test_numbers_ascend_per_type_across_openings),
		scratch_test(test_numbers_damaged_are_refused_not_restarted),
		scratch_test(test_numbers_of_many_processes_are_distinct),
		scratch_test(test_trust_finds_cards_by_role_and_key),
		scratch_test(test_trust_damaged_card_is_an_error_with_its_name),
		scratch_test(test_trust_name_taken_by_another_card_is_refused),
		scratch_test(test_open_file_demands_a_trusted_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
