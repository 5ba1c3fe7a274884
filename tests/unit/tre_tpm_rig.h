/* SPDX-License-Identifier: Apache-2.0 */
/* A TRE with a software TPM of its own, in a directory of the test's; what its owner, and time, may do to both. */
#ifndef SMR_TEST_TRE_TPM_RIG_H
#define SMR_TEST_TRE_TPM_RIG_H

#include "core/cose.h"
#include "sys/fsio.h"
#include "tests/unit/scratch.h"
#include "tests/unit/swtpm.h"
#include "tpm/inside.h"
#include "tre/state.h"
#include "tre/linux/tpm_port.h"

#define DIR_NAME "tre"

static const uint8_t challenge[SMR_HASH_LEN] = {0x43};
static struct swtpm swtpm;
static struct smr_tre_tpm tpm_port;
static struct smr_tre_port port;
static struct smr_tre *tre;

/* ---- life ---- */

static inline enum smr_err start_at(const char *dir)
{
	struct smr_problem problem = {{0}};

	if (smr_tre_tpm_open(&tpm_port, dir, swtpm.tcti, SMR_TRE_TPM_PCRS, &problem) != SMR_OK)
		fail_msg("%s", problem.text);
	port = smr_tre_tpm_port(&tpm_port);
	return smr_tre_start(tre, &port);
}

static inline enum smr_err start(void)
{
	return start_at(DIR_NAME);
}

static inline void stop(void)
{
	smr_tre_stop(tre);
	smr_tre_tpm_close(&tpm_port);
}

static inline enum smr_err restart(void)
{
	stop();
	return start();
}

static inline int enter(void **state)
{
	int result = scratch_enter(state);

	if (result == 0) {
		swtpm_start(&swtpm, "tpm");
		tre = malloc(smr_tre_size());
		assert_non_null(tre);
	}
	return result;
}

static inline int leave(void **state)
{
	stop();
	free(tre);
	if (swtpm.pid != 0)
		swtpm_stop(&swtpm);
	return scratch_leave(state);
}

#define tpm_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

/* Off and on again: the registers are what they are after a boot. */
static inline void power_cycle(const char *state)
{
	swtpm_stop(&swtpm);
	swtpm_start(&swtpm, state);
}

static inline enum smr_err begin(struct smr_tre_identity *out)
{
	struct smr_eid eid;

	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000001"), &eid), SMR_OK);
	return smr_tre_enrol_begin(tre, &eid, challenge, out);
}

static inline void begin_well(struct smr_tre_identity *out)
{
	assert_int_equal(begin(out), SMR_OK);
}

static inline void extend(unsigned pcr)
{
	assert_int_equal(smr_tpm_pcr_extend(tpm_port.tpm, pcr, challenge), SMR_OK);
}

static inline void copy(const char *from, const char *to)
{
	uint8_t content[8192];
	size_t len = scratch_get(from, content, sizeof(content));

	scratch_put(to, content, len);
}

static inline void save(const char *suffix)
{
	char to[64];

	(void)snprintf(to, sizeof(to), "saved-record%s", suffix);
	copy(DIR_NAME "/record", to);
	(void)snprintf(to, sizeof(to), "saved-sealed%s", suffix);
	copy(DIR_NAME "/storage.sealed", to);
}

static inline void restore(const char *suffix)
{
	char from[64];

	(void)snprintf(from, sizeof(from), "saved-record%s", suffix);
	copy(from, DIR_NAME "/record");
	(void)snprintf(from, sizeof(from), "saved-sealed%s", suffix);
	copy(from, DIR_NAME "/storage.sealed");
}

/* Words that say what to do, and differ from one reason to the next. */
static inline void assert_explained(enum smr_err health, const char *part)
{
	char words[SMR_PROBLEM_MAX];

	smr_tre_tpm_explain(health, DIR_NAME, words, sizeof(words));
	assert_non_null(strstr(words, part));
}

/* As its owner may. */
static inline void remove_index(struct smr_tpm *tpm, TPM2_HANDLE handle)
{
	ESYS_TR index = ESYS_TR_NONE;

	assert_int_equal(smr_tpm_find(tpm, handle, &index), SMR_OK);
	assert_int_equal(
		Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		TSS2_RC_SUCCESS);
}

#define OTHERS_INDEX 0x01810000u

/* Others' counters, until there is no room for one more. */
static inline void fill_up(void)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);

	swtpm_fill(tpm, OTHERS_INDEX, TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT,
		   8);
	smr_tpm_close(tpm);
}

static inline void make_room(void)
{
	struct smr_tpm *tpm = swtpm_open(&swtpm);

	for (TPM2_HANDLE i = OTHERS_INDEX; i < OTHERS_INDEX + 3; i++)
		remove_index(tpm, i);
	smr_tpm_close(tpm);
}
/* ---- an update ---- */

static const struct smr_tpm_event to_come[] = {{.pcr = 8, .digest = {2}}, {.pcr = 9, .digest = {3}}};

static inline void boot(const struct smr_tpm_event *events, size_t count)
{
	struct smr_tpm *tpm;

	power_cycle("tpm");
	tpm = swtpm_open(&swtpm);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(smr_tpm_pcr_extend(tpm, events[i].pcr, events[i].digest), SMR_OK);
	smr_tpm_close(tpm);
}

static inline enum smr_err prepare(uint32_t number)
{
	uint8_t digest[SMR_HASH_LEN];
	uint32_t pcrs;

	assert_int_equal(smr_tpm_log_replay(to_come, SMR_COUNT(to_come), &pcrs, digest), SMR_OK);
	return port.prepare(port.context, number, pcrs, digest);
}

#endif
