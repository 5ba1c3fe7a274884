/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to a TPM, its registers and the lowest version that may boot, against a software TPM. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "crypto/crypto.h"
#include "tests/unit/scratch.h"
#include "tests/unit/swtpm.h"
#include "tpm/inside.h"

static const uint8_t zeros[SMR_HASH_LEN];
static struct swtpm swtpm;

static int enter(void **state)
{
	int result = scratch_enter(state);

	if (result == 0)
		swtpm_start(&swtpm, "tpm");
	return result;
}

static int leave(void **state)
{
	if (swtpm.pid != 0)
		swtpm_stop(&swtpm);
	return scratch_leave(state);
}

#define swtpm_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

static void digest_of(struct smr_tpm *tpm, uint32_t pcrs, uint8_t out[SMR_HASH_LEN])
{
	assert_int_equal(smr_tpm_pcr_digest(tpm, pcrs, out), SMR_OK);
}

/* ---- connection ---- */

static void test_open_of_an_unknown_form_says_how_to_write_it(void **state)
{
	static const char *const wrong[] = {"", "tpm", "mssim:host=127.0.0.1", "device", "/dev/tpmrm0"};
	struct smr_problem problem;
	struct smr_tpm *tpm;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(wrong); i++) {
		assert_int_equal(smr_tpm_open(&tpm, wrong[i], &problem), SMR_E_INVALID);
		assert_null(tpm);
		assert_non_null(strstr(problem.text, "device:/dev/tpmrm0"));
	}
}

static void test_open_without_a_tpm_is_absent_and_says_what_to_do(void **state)
{
	struct smr_problem problem;
	struct smr_tpm *tpm;

	(void)state;
	assert_int_equal(smr_tpm_open(&tpm, "device:/nonexistent/tpm", &problem), SMR_E_TPM_ABSENT);
	assert_non_null(strstr(problem.text, "see that the TPM is there"));
	assert_int_equal(smr_tpm_open(&tpm, "swtpm:host=127.0.0.1,port=1", &problem), SMR_E_TPM_ABSENT);
	assert_null(tpm);
}

static void test_a_tpm_that_goes_away_is_absent(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	uint8_t digest[SMR_HASH_LEN];

	(void)state;
	digest_of(tpm, 1u, digest);
	swtpm_stop(&swtpm);
	assert_int_equal(smr_tpm_pcr_digest(tpm, 1u, digest), SMR_E_TPM_ABSENT);
	smr_tpm_close(tpm);
}

static void test_a_tpm_that_is_reset_in_the_middle_says_so(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	uint8_t digest[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(smr_tpm_pcr_extend(tpm, 8, zeros), SMR_OK);
	swtpm_reset(&swtpm);
	assert_int_equal(smr_tpm_pcr_digest(tpm, 1u << 8, digest), SMR_E_TPM_RESET);
	assert_int_equal(smr_tpm_pcr_extend(tpm, 8, zeros), SMR_E_TPM_RESET);
	smr_tpm_close(tpm);
	tpm = swtpm_open(&swtpm);
	digest_of(tpm, 1u << 8, digest);
	smr_tpm_close(tpm);
}

/* Users that are killed leave their primary key and session loaded; there is room for three of each. */
static void test_what_killed_users_left_loaded_is_flushed(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct smr_tpm *tpm = swtpm_open(&swtpm);

			(void)tpm;
			(void)raise(SIGKILL);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	smr_tpm_close(swtpm_open(&swtpm));
}

/* ---- registers ---- */

static void test_pcr_extend_hashes_the_old_value_with_the_digest(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	uint8_t event[SMR_HASH_LEN] = {0x5a};
	const struct smr_bytes parts[] = {SMR_ARRAY(zeros), SMR_ARRAY(event)};
	uint8_t value[SMR_HASH_LEN];
	const struct smr_bytes both[] = {SMR_ARRAY(value), SMR_ARRAY(zeros)};
	uint8_t expected[SMR_HASH_LEN];
	uint8_t got[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(smr_tpm_pcr_extend(tpm, 8, event), SMR_OK);
	assert_int_equal(smr_sha256(parts, 2, value), SMR_OK);
	assert_int_equal(smr_sha256(both, 1, expected), SMR_OK);
	digest_of(tpm, 1u << 8, got);
	assert_memory_equal(got, expected, sizeof(got));
	assert_int_equal(smr_sha256(both, 2, expected), SMR_OK); /* PCR 9 after PCR 8 */
	digest_of(tpm, 3u << 8, got);
	assert_memory_equal(got, expected, sizeof(got));
	smr_tpm_close(tpm);
}

/* More than the eight that one command reads. */
static void test_pcr_digest_over_many_takes_them_in_order(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	uint8_t values[16][SMR_HASH_LEN];
	const struct smr_bytes all = {values[0], sizeof(values)};
	uint8_t expected[SMR_HASH_LEN];
	uint8_t got[SMR_HASH_LEN];

	(void)state;
	for (unsigned pcr = 0; pcr < 16; pcr++) {
		uint8_t event[SMR_HASH_LEN] = {(uint8_t)pcr};
		const struct smr_bytes parts[] = {SMR_ARRAY(zeros), SMR_ARRAY(event)};

		assert_int_equal(smr_tpm_pcr_extend(tpm, pcr, event), SMR_OK);
		assert_int_equal(smr_sha256(parts, 2, values[pcr]), SMR_OK);
	}
	assert_int_equal(smr_sha256(&all, 1, expected), SMR_OK);
	digest_of(tpm, 0xffffu, got);
	assert_memory_equal(got, expected, sizeof(got));
	smr_tpm_close(tpm);
}

static void test_pcrs_that_do_not_exist_are_invalid(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	uint8_t digest[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(smr_tpm_pcr_extend(tpm, 24, zeros), SMR_E_INVALID);
	assert_int_equal(smr_tpm_pcr_digest(tpm, 0, digest), SMR_E_INVALID);
	assert_int_equal(smr_tpm_pcr_digest(tpm, 1u << 24, digest), SMR_E_INVALID);
	smr_tpm_close(tpm);
}

/* As firmware may leave it: what is extended then is nowhere, and no quote would say anything. */
static void test_registers_that_are_not_allocated_in_sha256_are_named(void **state)
{
	static const TPML_PCR_SELECTION others = {
		.count = 2,
		.pcrSelections = {{.hash = TPM2_ALG_SHA384, .sizeofSelect = 3, .pcrSelect = {0xff, 0xff, 0xff}},
				  {.hash = TPM2_ALG_SHA256, .sizeofSelect = 3}}};
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	uint8_t digest[SMR_HASH_LEN];
	TPMI_YES_NO done = TPM2_NO;
	UINT32 most;
	UINT32 needed;
	UINT32 there;

	(void)state;
	assert_int_equal(Esys_PCR_Allocate(tpm->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
					   &others, &done, &most, &needed, &there),
			 TSS2_RC_SUCCESS);
	assert_int_equal(done, TPM2_YES);
	smr_tpm_close(tpm);
	swtpm_stop(&swtpm);
	swtpm_start(&swtpm, "tpm");
	tpm = swtpm_open(&swtpm);
	assert_int_equal(smr_tpm_pcr_digest(tpm, 3u << 8, digest), SMR_E_TPM_BANK);
	assert_non_null(strstr(smr_tpm_advice(SMR_E_TPM_BANK), "tpm2_pcrallocate"));
	smr_tpm_close(tpm);
}

/* ---- the lowest version ---- */

static uint64_t version_of(struct smr_tpm *tpm)
{
	uint64_t version = 99;

	assert_int_equal(smr_tpm_version_read(tpm, &version), SMR_OK);
	return version;
}

static void test_version_rises_and_never_falls(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);

	(void)state;
	assert_true(version_of(tpm) == 0);
	assert_int_equal(smr_tpm_version_raise(tpm, 0), SMR_OK);
	assert_true(version_of(tpm) == 0);
	assert_int_equal(smr_tpm_version_raise(tpm, 7), SMR_OK);
	assert_int_equal(smr_tpm_version_raise(tpm, 6), SMR_OK);
	assert_true(version_of(tpm) == 7);
	smr_tpm_close(tpm);
	swtpm_stop(&swtpm);
	swtpm_start(&swtpm, "tpm");
	tpm = swtpm_open(&swtpm);
	assert_true(version_of(tpm) == 7);
	assert_int_equal(smr_tpm_version_raise(tpm, UINT64_MAX), SMR_OK);
	assert_true(version_of(tpm) == UINT64_MAX);
	smr_tpm_close(tpm);
}

static void test_version_is_closed_until_the_next_reset(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);

	(void)state;
	assert_int_equal(smr_tpm_version_raise(tpm, 3), SMR_OK);
	assert_int_equal(smr_tpm_version_close(tpm), SMR_OK);
	assert_int_equal(smr_tpm_version_raise(tpm, 4), SMR_E_TPM_HIERARCHY);
	assert_true(version_of(tpm) == 3);
	smr_tpm_close(tpm);
	tpm = swtpm_open(&swtpm);
	assert_int_equal(smr_tpm_version_raise(tpm, 4), SMR_E_TPM_HIERARCHY);
	smr_tpm_close(tpm);
	swtpm_reset(&swtpm);
	tpm = swtpm_open(&swtpm);
	assert_int_equal(smr_tpm_version_raise(tpm, 4), SMR_OK);
	assert_true(version_of(tpm) == 4);
	smr_tpm_close(tpm);
}

static void test_version_that_was_never_raised_can_be_closed_too(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);

	(void)state;
	assert_int_equal(smr_tpm_version_close(tpm), SMR_OK);
	assert_int_equal(smr_tpm_version_raise(tpm, 1), SMR_E_TPM_HIERARCHY);
	assert_true(version_of(tpm) == 0);
	smr_tpm_close(tpm);
}

/* Whoever has the owner's hierarchy could prepare an index that he may write at any time. */
static void test_another_index_in_the_place_of_the_version_is_named(void **state)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	static const TPM2B_AUTH nobody;
	static const TPM2B_NV_PUBLIC public = {
		.nvPublic = {.nvIndex = SMR_TPM_INDEX_VERSION,
			     .nameAlg = TPM2_ALG_SHA256,
			     .attributes = TPMA_NV_OWNERWRITE | TPMA_NV_AUTHREAD | TPMA_NV_NO_DA,
			     .dataSize = 8},
	};
	ESYS_TR index = ESYS_TR_NONE;
	uint64_t version = 0;

	(void)state;
	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
					     &nobody, &public, &index),
			 TSS2_RC_SUCCESS);
	assert_int_equal(smr_tpm_version_read(tpm, &version), SMR_E_TPM_INDEX);
	assert_int_equal(smr_tpm_version_raise(tpm, 1), SMR_E_TPM_INDEX);
	assert_non_null(strstr(smr_tpm_advice(SMR_E_TPM_INDEX), "tpm2_nvundefine -C o 0x1405301"));
	smr_tpm_close(tpm);
}

/* Only the platform can have made that one. */
static void test_version_that_asks_for_a_value_is_not_ours(void **state)
{
	static const TPM2B_AUTH value = {.size = 1, .buffer = {1}};
	static const TPM2B_NV_PUBLIC public = {
		.nvPublic = {.nvIndex = SMR_TPM_INDEX_VERSION,
			     .nameAlg = TPM2_ALG_SHA256,
			     .attributes = TPMA_NV_PLATFORMCREATE | TPMA_NV_PPWRITE | TPMA_NV_WRITE_STCLEAR |
					   TPMA_NV_AUTHREAD | TPMA_NV_PPREAD | TPMA_NV_NO_DA,
			     .dataSize = 8},
	};
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	ESYS_TR index = ESYS_TR_NONE;
	uint64_t version = 0;

	(void)state;
	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					     ESYS_TR_NONE, &value, &public, &index),
			 TSS2_RC_SUCCESS);
	smr_tpm_forget(tpm, &index);
	assert_int_equal(smr_tpm_version_raise(tpm, 1), SMR_OK);
	assert_int_equal(smr_tpm_version_read(tpm, &version), SMR_E_TPM_INDEX);
	smr_tpm_close(tpm);
}

/* The firmware's business; nothing of it is said to be cleared. */
static void test_version_needs_a_platform_hierarchy_that_is_open(void **state)
{
	static const TPM2B_AUTH value = {.size = 1, .buffer = {1}};
	struct smr_tpm *tpm = swtpm_open(&swtpm);
	bool enabled = false;

	(void)state;
	assert_int_equal(smr_tpm_version_raise(tpm, 1), SMR_OK);
	assert_int_equal(Esys_HierarchyChangeAuth(tpm->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE,
						  ESYS_TR_NONE, &value),
			 TSS2_RC_SUCCESS);
	assert_int_equal(Esys_TR_SetAuth(tpm->esys, ESYS_TR_RH_PLATFORM, NULL), TSS2_RC_SUCCESS);
	assert_int_equal(smr_tpm_version_raise(tpm, 2), SMR_E_TPM_HIERARCHY);
	assert_int_equal(smr_tpm_version_close(tpm), SMR_E_TPM_HIERARCHY);
	assert_int_equal(smr_tpm_platform_enabled(tpm, &enabled), SMR_OK);
	assert_true(enabled);
	smr_tpm_close(tpm);
	swtpm_reset(&swtpm);
	tpm = swtpm_open(&swtpm);
	assert_int_equal(smr_tpm_version_close(tpm), SMR_OK);
	assert_int_equal(smr_tpm_version_close(tpm), SMR_E_TPM_HIERARCHY);
	assert_int_equal(smr_tpm_platform_enabled(tpm, &enabled), SMR_OK);
	assert_false(enabled);
	smr_tpm_close(tpm);
}

/* ---- errors ---- */

static void test_response_codes_have_their_meaning(void **state)
{
	static const struct {
		TSS2_RC rc;
		enum smr_err err;
	} table[] = {
		{TSS2_RC_SUCCESS, SMR_OK},
		{TPM2_RC_LOCKOUT, SMR_E_TPM_LOCKED},
		{TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_LOCKOUT, SMR_E_TPM_LOCKED},
		{TPM2_RC_NV_SPACE, SMR_E_TPM_FULL},
		{TPM2_RC_NV_UNINITIALIZED, SMR_E_NOT_FOUND},
		{TPM2_RC_INITIALIZE, SMR_E_TPM_RESET},
		{TPM2_RC_REFERENCE_S0, SMR_E_TPM_RESET},
		{TPM2_RC_REFERENCE_H1, SMR_E_TPM_RESET},
		{TPM2_RC_HANDLE | TPM2_RC_1, SMR_E_TPM_CLEARED},
		{TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1, SMR_E_TPM_CLEARED},
		{TPM2_RC_AUTH_FAIL | TPM2_RC_S | TPM2_RC_1, SMR_E_TPM_CLEARED},
		{TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1, SMR_E_TPM_CLEARED},
		{TPM2_RC_POLICY_FAIL | TPM2_RC_S | TPM2_RC_1, SMR_E_MEASUREMENT},
		{TPM2_RC_PCR_CHANGED, SMR_E_MEASUREMENT},
		{TPM2_RC_NV_LOCKED, SMR_E_STATE},
		{TPM2_RC_HIERARCHY | TPM2_RC_1, SMR_E_STATE},
		{TPM2_RC_NV_RATE, SMR_E_BUSY},
		{TPM2_RC_NV_UNAVAILABLE, SMR_E_BUSY},
		{TPM2_RC_RETRY, SMR_E_BUSY},
		{TPM2_RC_OBJECT_MEMORY, SMR_E_BUSY},
		{TPM2_RC_SESSION_MEMORY, SMR_E_BUSY},
		{TPM2_RC_FAILURE, SMR_E_TPM_FAILED},
		{TSS2_TCTI_RC_IO_ERROR, SMR_E_TPM_ABSENT},
		{TSS2_TCTI_RC_NO_CONNECTION, SMR_E_TPM_ABSENT},
		{TSS2_ESYS_RC_BAD_SEQUENCE, SMR_E_TPM_ABSENT},
		{TSS2_ESYS_RC_RSP_AUTH_FAILED, SMR_E_TAMPERED},
		{TSS2_ESYS_RC_MEMORY, SMR_E_NO_MEMORY},
		{TSS2_ESYS_RC_TRY_AGAIN, SMR_E_BUSY},
		{TSS2_ESYS_RC_GENERAL_FAILURE, SMR_E_IO},
	};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(table); i++)
		if (smr_tpm_err(table[i].rc) != table[i].err)
			fail_msg("%08x is %s, not %s", table[i].rc, smr_err_name(smr_tpm_err(table[i].rc)),
				 smr_err_name(table[i].err));
}

static void test_write_that_is_refused_for_now_is_tried_again_and_not_for_ever(void **state)
{
	static const TSS2_RC for_now[] = {TPM2_RC_NV_RATE, TPM2_RC_NV_UNAVAILABLE,
					  TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_NV_UNAVAILABLE};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(for_now); i++) {
		unsigned none = 0;
		unsigned many = UINT_MAX - 1;

		assert_true(smr_tpm_again(for_now[i], &none));
		assert_int_equal(none, 1);
		assert_false(smr_tpm_again(for_now[i], &many));
	}
	assert_false(smr_tpm_again(TPM2_RC_NV_SPACE, &(unsigned){0}));
	assert_false(smr_tpm_again(TSS2_RC_SUCCESS, &(unsigned){0}));
}

/* What its caller does or asks for: the header of the call says what it means, and nobody but the caller can say what to do. */
static bool is_the_callers(const char *name)
{
	static const char *const names[] = {"INVALID", "STATE",	    "NOT_FOUND", "EXISTS",
					    "NO_ROOM", "MALFORMED", "UNOPENED"};

	for (size_t i = 0; i < SMR_COUNT(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static const char *advice_of(const char *name)
{
#define NAMED(member, value, text)      \
	if (strcmp(name, #member) == 0) \
		return smr_tpm_advice(SMR_E_##member);
	SMR_ERR_LIST(NAMED)
#undef NAMED
	fail_msg("there is no SMR_E_%s", name);
	return NULL;
}

/** Every error that a header names. */
static size_t read_header(const char *name)
{
	static char text[32768];
	char path[512];
	char found[32];
	size_t count = 0;
	size_t len;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/tpm/%s", getenv("SAMARA_SOURCE"), name);
	f = fopen(path, "re");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	assert_true(feof(f));
	text[len] = '\0';
	(void)fclose(f);
	for (const char *at = text; (at = strstr(at, "SMR_E_")) != NULL; count++) {
		at += strlen("SMR_E_");
		assert_int_equal(sscanf(at, "%31[A-Z_]", found), 1);
		if ((advice_of(found) == NULL) != is_the_callers(found))
			fail_msg("%s: what to do about SMR_E_%s?", name, found);
	}
	return count;
}

static void test_every_error_that_the_headers_name_has_advice(void **state)
{
	static const char *const headers[] = {"tpm.h", "keys.h", "endorsement.h", "tcti.h", "inside.h"};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(headers); i++)
		assert_true(read_header(headers[i]) > 0);
	assert_null(smr_tpm_advice(SMR_E_SQN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_of_an_unknown_form_says_how_to_write_it),
		cmocka_unit_test(test_open_without_a_tpm_is_absent_and_says_what_to_do),
		swtpm_test(test_a_tpm_that_goes_away_is_absent),
		swtpm_test(test_a_tpm_that_is_reset_in_the_middle_says_so),
		swtpm_test(test_what_killed_users_left_loaded_is_flushed),
		swtpm_test(test_pcr_extend_hashes_the_old_value_with_the_digest),
		swtpm_test(test_pcr_digest_over_many_takes_them_in_order),
		swtpm_test(test_pcrs_that_do_not_exist_are_invalid),
		swtpm_test(test_registers_that_are_not_allocated_in_sha256_are_named),
		swtpm_test(test_version_rises_and_never_falls),
		swtpm_test(test_version_is_closed_until_the_next_reset),
		swtpm_test(test_version_that_was_never_raised_can_be_closed_too),
		swtpm_test(test_another_index_in_the_place_of_the_version_is_named),
		swtpm_test(test_version_that_asks_for_a_value_is_not_ours),
		swtpm_test(test_version_needs_a_platform_hierarchy_that_is_open),
		cmocka_unit_test(test_response_codes_have_their_meaning),
		cmocka_unit_test(test_write_that_is_refused_for_now_is_tried_again_and_not_for_ever),
		cmocka_unit_test(test_every_error_that_the_headers_name_has_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
