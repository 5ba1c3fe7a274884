/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/credential.h"
#include "tests/unit/hex_key.h"
#include "tests/unit/seam.h"

/* Made by tests/oracle/tpm.py, whose credentials tpm2_activatecredential takes (tests/system/test_quote_by_tpm2_tools.py). */
#define EK_SCALAR "58f1963e33015d46d465ad07f085165d818ec1f7ce9e6941136aa277aa6b5876"
#define NAME "000b5b1c25e6386290523aaab0ab416837e95e1e6721415b88aea6363441109266d7"
#define EPHEMERAL "ca19b9116340d80372bd78bc1b627247aca7e8f4b4e64ce448a64d36d010cc01"
#define SECRET "fd2612fa9c1c52a4a8b16ab32c59a0586a2b574bf6518525f2b7aa2074421a75"
#define CREDENTIAL                                                                                         \
	"004400204c7ed64446bc9de52211af8c43f0b66564c9e7fe6324a6add0b1b973e16887dbc13123732c1892c65da0e516" \
	"1aba672ad2d8a8f4d0e433766cbc70bc717b27aca96900440020efa4ee6cc6419f01e563ae87e283b031b43e91444476" \
	"94e3a6d66f3d3bf045120020ad5935051680d94aebb7ce5d5ce3cef6f89392d9a0e37097559d4820e2255dfa"

struct fixture {
	struct credential_tpm tpm;
	struct smr_pubkey ek;
	struct smr_privkey ephemeral;
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN];
	uint8_t out[SMR_TPM_CREDENTIAL_LEN];
};

static int set_up(void **state)
{
	static struct fixture f;

	hex_private(&f.tpm.ek, EK_SCALAR);
	hex_private(&f.ephemeral, EPHEMERAL);
	assert_int_equal(smr_pubkey_import(&f.ek, SMR_ARRAY(f.tpm.ek.point)), SMR_OK);
	hex(NAME, f.tpm.name, sizeof(f.tpm.name));
	hex(SECRET, f.secret, sizeof(f.secret));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	smr_privkey_wipe(&f->tpm.ek);
	smr_privkey_wipe(&f->ephemeral);
	smr_pubkey_wipe(&f->ek);
	return 0;
}

static void test_credential_with_given_keys_is_the_oracles(void **state)
{
	struct fixture *f = *state;

	uint8_t part[SMR_TPM_PROTECTED_LEN];

	assert_int_equal(smr_tpm_credential_protect(&f->ephemeral, &f->ek, f->tpm.name, f->secret, part), SMR_OK);
	smr_tpm_credential_lay_out(f->ephemeral.point, part, f->out);
	assert_hex(f->out, sizeof(f->out), CREDENTIAL);
}

static void test_credential_gives_its_secret_to_this_key_in_this_tpm_alone(void **state)
{
	struct fixture *f = *state;
	uint8_t got[SMR_TPM_CREDENTIAL_SECRET_LEN];
	struct credential_tpm other = f->tpm;

	assert_int_equal(smr_tpm_credential_make(&f->ek, f->tpm.name, f->secret, f->out), SMR_OK);
	assert_int_equal(credential_activate(&f->tpm, SMR_ARRAY(f->out), got), SMR_OK);
	assert_memory_equal(got, f->secret, sizeof(got));
	other.name[33] ^= 1;
	assert_int_equal(credential_activate(&other, SMR_ARRAY(f->out), got), SMR_E_UNOPENED);
	other.name[33] ^= 1;
	other.ek = f->ephemeral;
	assert_int_equal(credential_activate(&other, SMR_ARRAY(f->out), got), SMR_E_UNOPENED);
}

static void test_credentials_of_one_secret_have_nothing_in_common_but_their_form(void **state)
{
	struct fixture *f = *state;
	uint8_t again[SMR_TPM_CREDENTIAL_LEN];

	assert_int_equal(smr_tpm_credential_make(&f->ek, f->tpm.name, f->secret, f->out), SMR_OK);
	assert_int_equal(smr_tpm_credential_make(&f->ek, f->tpm.name, f->secret, again), SMR_OK);
	assert_memory_equal(again, f->out, 4);
	assert_memory_not_equal(again + 4, f->out + 4, 32);
	assert_memory_not_equal(again + 36, f->out + 36, 34);
	assert_memory_equal(again + 70, f->out + 70, 4);
	assert_memory_not_equal(again + 74, f->out + 74, 32);
}

/* Whatever call of the library fails, nothing of the secret is left behind. */
static void test_credential_when_the_library_fails_leaves_nothing(void **state)
{
	static const uint8_t nothing[SMR_TPM_CREDENTIAL_LEN];
	struct fixture *f = *state;
	unsigned call = 0;
	enum smr_err err;

	for (;;) {
		memset(f->out, 0, sizeof(f->out));
		seam_reset();
		seam_fail_at(++call);
		err = smr_tpm_credential_make(&f->ek, f->tpm.name, f->secret, f->out);
		if (!seam_did_fail())
			break;
		assert_int_equal(err, SMR_E_CRYPTO);
		assert_memory_equal(f->out, nothing, sizeof(nothing));
	}
	assert_int_equal(err, SMR_OK);
	assert_true(call > 6); /* a key, an agreement, the seed, two derived keys, the MAC */
}

#define CREDENTIAL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CREDENTIAL_TEST(test_credential_with_given_keys_is_the_oracles),
		CREDENTIAL_TEST(test_credential_gives_its_secret_to_this_key_in_this_tpm_alone),
		CREDENTIAL_TEST(test_credentials_of_one_secret_have_nothing_in_common_but_their_form),
		CREDENTIAL_TEST(test_credential_when_the_library_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
