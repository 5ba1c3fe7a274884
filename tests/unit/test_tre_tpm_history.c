/* SPDX-License-Identifier: Apache-2.0 */
/* A record is bound to the history of its TPM (tre/linux/history.h). */
#include "tests/unit/tre_tpm_rig.h"

/* What only a copied TPM can bring about: it counts as the other one, and has lived another life. */
static void test_record_of_another_life_of_the_same_length_is_a_rollback(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	stop();
	swtpm_stop(&swtpm);
	copy("tpm/tpm2-00.permall", "saved-tpm");
	save("");
	swtpm_start(&swtpm, "tpm");
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	begin_well(&identity);
	stop();
	save("-original");
	swtpm_stop(&swtpm);
	copy("tpm/tpm2-00.permall", "saved-tpm-original");
	copy("saved-tpm", "tpm/tpm2-00.permall");
	restore("");
	swtpm_start(&swtpm, "tpm");
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	begin_well(&identity);
	stop();
	save("-copy");
	restore("-original");
	assert_int_equal(start(), SMR_E_ROLLBACK);
	stop();
	restore("-copy");
	assert_int_equal(start(), SMR_OK);
	stop();
	swtpm_stop(&swtpm);
	copy("saved-tpm-original", "tpm/tpm2-00.permall");
	swtpm_start(&swtpm, "tpm");
	assert_int_equal(start(), SMR_E_ROLLBACK);
	stop();
	restore("-original");
	assert_int_equal(start(), SMR_OK);
}

/* The owner may remove the index, and make one of his own there: he lacks its value, and what it opens to. */
static void test_history_that_the_owner_removed_or_replaced_is_refused(void **state)
{
	static const uint8_t others[SMR_TPM_AUTH_LEN] = {1};
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	remove_index(tpm_port.tpm, SMR_TPM_INDEX_HISTORY);
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
	assert_int_equal(smr_tpm_history_begin(tpm_port.tpm, others), SMR_OK);
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
	remove_index(tpm_port.tpm, SMR_TPM_INDEX_HISTORY);
	assert_int_equal(smr_tpm_index_define(tpm_port.tpm, SMR_TPM_INDEX_HISTORY, TPM2_NT_ORDINARY, 8, others),
			 SMR_OK);
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
}

static size_t without_tail(uint8_t content[8192])
{
	return scratch_get(DIR_NAME "/record", content, 8192) - SMR_TRE_HISTORY_TAIL;
}

/* As if the history had never begun: the newest record without what binds it. */
static void test_record_that_lost_its_tail_is_refused(void **state)
{
	uint8_t content[8192];
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	scratch_put(DIR_NAME "/record", content, without_tail(content));
	assert_int_equal(restart(), SMR_E_TAMPERED);
	remove_index(tpm_port.tpm, SMR_TPM_INDEX_HISTORY);
	assert_int_equal(restart(), SMR_E_TAMPERED);
}

/* A device of the time before: its record stands alone, under the former key, and the TPM has no history. */
static void record_as_before(void)
{
	uint8_t content[8192];
	struct smr_tre_identity identity;

	assert_int_equal(start(), SMR_OK);
	memcpy(tpm_port.secrets.key, tpm_port.secrets.unbound_key, sizeof(tpm_port.secrets.key));
	begin_well(&identity);
	scratch_put(DIR_NAME "/record", content, without_tail(content));
	remove_index(tpm_port.tpm, SMR_TPM_INDEX_HISTORY);
}

static void test_record_of_before_is_taken_and_the_next_one_is_bound(void **state)
{
	struct smr_tre_identity identity;
	struct smr_tre_state found;

	(void)state;
	record_as_before();
	assert_int_equal(restart(), SMR_OK);
	assert_true(tre->now.has_keys);
	assert_int_equal(restart(), SMR_OK); /* nothing was written yet */
	save("-before");
	(void)smr_tre_draft(tre);
	smr_tre_discard(tre);
	assert_int_equal(tre->health, SMR_OK);
	begin_well(&identity);
	assert_int_equal(restart(), SMR_OK);
	smr_tre_state(tre, &found);
	assert_int_equal(found.health, SMR_OK);
	restore("-before");
	assert_int_equal(restart(), SMR_E_TAMPERED); /* from here on there is a history */
}

static void test_full_tpm_ends_the_start_of_a_device_of_before_and_loses_nothing(void **state)
{
	struct smr_problem problem = {{0}};

	(void)state;
	record_as_before();
	stop();
	fill_up();
	assert_int_equal(smr_tre_tpm_open(&tpm_port, DIR_NAME, swtpm.tcti, SMR_TRE_TPM_PCRS, &problem), SMR_E_TPM_FULL);
	assert_non_null(strstr(problem.text, "tpm2_nvundefine"));
	make_room();
	assert_int_equal(start(), SMR_OK);
	assert_true(tre->now.has_keys);
}

/* The release that keeps a history is the one that was prepared: until there is room the secret stays with the former one. */
static void test_full_tpm_leaves_the_secret_with_the_release_of_before(void **state)
{
	struct smr_problem problem = {{0}};

	(void)state;
	record_as_before();
	assert_int_equal(prepare(1), SMR_OK);
	stop();
	fill_up();
	boot(to_come, SMR_COUNT(to_come));
	assert_int_equal(smr_tre_tpm_open(&tpm_port, DIR_NAME, swtpm.tcti, SMR_TRE_TPM_PCRS, &problem), SMR_E_TPM_FULL);
	assert_non_null(strstr(problem.text, "tpm2_nvundefine"));
	assert_true(smr_fs_exists(DIR_NAME "/storage.next"));
	make_room();
	assert_int_equal(start(), SMR_OK);
	assert_true(tre->now.has_keys);
	assert_false(smr_fs_exists(DIR_NAME "/storage.next"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tpm_test(test_record_of_another_life_of_the_same_length_is_a_rollback),
		tpm_test(test_history_that_the_owner_removed_or_replaced_is_refused),
		tpm_test(test_record_that_lost_its_tail_is_refused),
		tpm_test(test_record_of_before_is_taken_and_the_next_one_is_bound),
		tpm_test(test_full_tpm_ends_the_start_of_a_device_of_before_and_loses_nothing),
		tpm_test(test_full_tpm_leaves_the_secret_with_the_release_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
