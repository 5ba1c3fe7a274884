/* SPDX-License-Identifier: Apache-2.0 */
/* A software TPM in a directory of the test's, with a connection to it, for tests of a TRE's keys in it. */
#ifndef SMR_TEST_TPM_PLACE_H
#define SMR_TEST_TPM_PLACE_H

#include <signal.h>

#include "tests/unit/scratch.h"
#include "tests/unit/swtpm.h"
#include "tpm/inside.h"
#include "tpm/keys.h"

static const uint8_t auth[SMR_TPM_AUTH_LEN] = {1, 2, 3};
static const uint8_t hash[SMR_HASH_LEN] = {0x77};
static struct swtpm swtpm;
static struct smr_tpm *tpm;

static int enter(void **state)
{
	int result = scratch_enter(state);

	if (result == 0) {
		swtpm_start(&swtpm, "tpm");
		tpm = swtpm_open(&swtpm);
	}
	return result;
}

static int leave(void **state)
{
	smr_tpm_close(tpm);
	tpm = NULL;
	if (swtpm.pid != 0)
		swtpm_stop(&swtpm);
	return scratch_leave(state);
}

#define swtpm_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

static void make_keys(struct smr_tpm_keys *keys)
{
	assert_int_equal(smr_tpm_keys_create(tpm, auth, keys), SMR_OK);
}

#endif
