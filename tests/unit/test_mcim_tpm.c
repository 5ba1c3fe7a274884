/* SPDX-License-Identifier: Apache-2.0 */
/* X that opens in one TPM alone: with a key in the test's hands that stands for the TPM's endorsement key. The same with a TPM: test_tpm_keys.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/mcim.h"
#include "tests/unit/credential.h"
#include "tests/unit/seam.h"

struct fixture {
	struct smr_privkey t;
	struct smr_pubkey t_pub;
	struct smr_pubkey ek_pub;
	struct credential_tpm tpm;
	struct smr_mcim_binding binding;
	struct smr_mcim mcim;
	uint8_t room[SMR_X_MAX];
	struct smr_bytes x;
};

static enum smr_err activate(void *context, enum smr_own_key key, struct smr_bytes credential,
			     uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	assert_int_equal(key, SMR_OWN_T);
	return credential_activate(context, credential, secret);
}

static struct smr_agreer agreer(struct fixture *f)
{
	return (struct smr_agreer){.key = &f->t, .context = &f->tpm, .activate = activate};
}

static void seal_again(struct fixture *f)
{
	struct smr_space x = {f->room, sizeof(f->room)};

	assert_int_equal(smr_mcim_seal_to_tpm(&f->t_pub, &f->ek_pub, &f->binding, &f->mcim, &x), SMR_OK);
	f->x = smr_bytes_of(x.ptr, x.len);
}

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.binding.serial = 5,
			     .mcim = {.aka = {SMR_AKA_MILENAGE, {1}, 16, {2}, 8, 1},
				      .sqn_delta = UINT64_C(1) << 28,
				      .checkin_interval_s = 3600}};
	hex("001010123456789f", f.mcim.imsi.octets, sizeof(f.mcim.imsi.octets));
	hex("89044011112233441122334411223321", f.binding.eid.octets, sizeof(f.binding.eid.octets));
	hex("8949000000000000018f", f.binding.iccid.octets, sizeof(f.binding.iccid.octets));
	f.binding.operator_key[0] = 2;
	assert_int_equal(smr_privkey_generate(&f.t), SMR_OK);
	assert_int_equal(smr_privkey_generate(&f.tpm.ek), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.t_pub, SMR_ARRAY(f.t.point)), SMR_OK);
	assert_int_equal(smr_pubkey_import(&f.ek_pub, SMR_ARRAY(f.tpm.ek.point)), SMR_OK);
	assert_int_equal(smr_tpm_name_t(f.t.point, f.tpm.name), SMR_OK);
	seal_again(&f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	smr_privkey_wipe(&f->t);
	smr_privkey_wipe(&f->tpm.ek);
	smr_pubkey_wipe(&f->t_pub);
	smr_pubkey_wipe(&f->ek_pub);
	return 0;
}

static void assert_not_opened(const struct smr_agreer *t, const struct smr_mcim_binding *binding, struct smr_bytes x,
			      enum smr_err want)
{
	static const struct smr_mcim nothing;
	struct smr_mcim got;
	enum smr_err err;

	memset(&got, 0x5a, sizeof(got));
	err = smr_mcim_open(t, binding, x, &got);
	if (err != want)
		fail_msg("%s", smr_err_name(err));
	assert_memory_equal(&got, &nothing, sizeof(got));
}

static void test_x_opens_with_t_in_its_tpm(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);
	struct smr_mcim got;

	assert_int_equal(smr_mcim_open(&t, &f->binding, f->x, &got), SMR_OK);
	assert_memory_equal(got.aka.k, f->mcim.aka.k, sizeof(got.aka.k));
	assert_memory_equal(&got.imsi, &f->mcim.imsi, sizeof(got.imsi));
	assert_int_equal(f->tpm.asked, 1);
	smr_mcim_wipe(&got);
}

static void test_x_for_a_tpm_is_as_long_as_it_says(void **state)
{
	struct fixture *f = *state;
	uint8_t room[SMR_X_MAX];
	struct smr_space x = {room, sizeof(room)};

	assert_int_equal(smr_mcim_seal(&f->t_pub, &f->binding, &f->mcim, &x), SMR_OK);
	assert_int_equal(f->x.len, x.len + SMR_X_FOR_TPM_HEAD - SMR_POINT_LEN);
	for (size_t len = 0; len < f->x.len; len++) {
		struct smr_space small = {room, len};

		assert_int_equal(smr_mcim_seal_to_tpm(&f->t_pub, &f->ek_pub, &f->binding, &f->mcim, &small),
				 SMR_E_NO_ROOM);
		assert_int_equal(small.len, len);
	}
}

/* What this is for: a supplier certified a T whose private half somebody has in software, beside the true endorsement of some TPM. */
static void test_attack_private_half_of_t_without_the_tpm_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer software = {.key = &f->t};
	uint8_t base[SMR_POINT_LEN + SMR_X_MAX]; /* as if it were sealed in base mode */
	struct smr_pubkey enc = {0};
	size_t len = f->x.len - SMR_X_FOR_TPM_HEAD;

	assert_int_equal(smr_pubkey_import(&enc, smr_bytes_of(f->x.ptr, SMR_POINT_COMPRESSED_LEN)), SMR_OK);
	memcpy(base, enc.point, SMR_POINT_LEN);
	memcpy(base + SMR_POINT_LEN, f->x.ptr + SMR_X_FOR_TPM_HEAD, len);
	smr_pubkey_wipe(&enc);
	assert_not_opened(&software, &f->binding, f->x, SMR_E_UNSUPPORTED);
	assert_not_opened(&software, &f->binding, smr_bytes_of(base, SMR_POINT_LEN + len), SMR_E_UNOPENED);
}

/* The main system has the TPM activate the credential for a key that it made there. */
static void test_attack_credential_for_another_key_of_the_tpm_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);
	struct smr_privkey other = {0};

	assert_int_equal(smr_privkey_generate(&other), SMR_OK);
	assert_int_equal(smr_tpm_name_t(other.point, f->tpm.name), SMR_OK);
	assert_not_opened(&t, &f->binding, f->x, SMR_E_UNOPENED);
	assert_int_equal(smr_tpm_name(f->t.point, f->tpm.name), SMR_OK); /* the same point as a key of another kind */
	assert_not_opened(&t, &f->binding, f->x, SMR_E_UNOPENED);
	smr_privkey_wipe(&other);
}

static void test_attack_x_in_another_tpm_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);

	smr_privkey_wipe(&f->tpm.ek);
	assert_int_equal(smr_privkey_generate(&f->tpm.ek), SMR_OK);
	assert_not_opened(&t, &f->binding, f->x, SMR_E_UNOPENED);
}

/* A credential is public and opens in the same TPM for the same key: it must not lend itself to another X. */
static void test_attack_credential_of_another_x_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);
	uint8_t head[SMR_X_FOR_TPM_HEAD];

	memcpy(head, f->room, sizeof(head));
	seal_again(f);
	memcpy(f->room, head, sizeof(head));
	assert_not_opened(&t, &f->binding, f->x, SMR_E_UNOPENED);
}

/* The mirror image of enc has the same x coordinate, so that the TPM gives the key out; HPKE tells the two apart. */
static void test_attack_mirrored_enc_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);

	f->room[0] ^= 1;
	assert_not_opened(&t, &f->binding, f->x, SMR_E_UNOPENED);
	assert_int_equal(f->tpm.asked, 1);
}

static void test_x_altered_or_of_another_binding_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);
	struct smr_mcim_binding other = f->binding;

	other.serial++;
	assert_not_opened(&t, &other, f->x, SMR_E_UNOPENED);
	for (size_t bit = 8 * SMR_POINT_COMPRESSED_LEN; bit < 8 * f->x.len; bit++) {
		f->room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_not_opened(&t, &f->binding, f->x, SMR_E_UNOPENED);
		f->room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < f->x.len; len++)
		assert_not_opened(&t, &f->binding, smr_bytes_of(f->room, len), SMR_E_UNOPENED);
}

static void test_x_altered_in_its_point_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);
	struct smr_mcim got;

	for (size_t bit = 0; bit < 8 * SMR_POINT_COMPRESSED_LEN; bit++) {
		enum smr_err err;

		f->room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		err = smr_mcim_open(&t, &f->binding, f->x, &got);
		assert_true(err == SMR_E_UNOPENED || err == SMR_E_BAD_POINT || err == SMR_E_MALFORMED);
		f->room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_x_too_short_or_too_long_never_reaches_the_tpm(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);
	uint8_t room[SMR_X_MAX + 1] = {2};

	for (size_t len = 0; len < SMR_X_FOR_TPM_HEAD + SMR_AEAD_TAG_LEN; len++)
		assert_not_opened(&t, &f->binding, smr_bytes_of(f->room, len), SMR_E_UNOPENED);
	assert_not_opened(&t, &f->binding, SMR_ARRAY(room), SMR_E_MALFORMED);
	assert_int_equal(f->tpm.asked, 0);
}

static void test_x_with_any_failing_call_is_neither_sealed_nor_opened(void **state)
{
	struct fixture *f = *state;
	const struct smr_agreer t = agreer(f);
	uint8_t room[SMR_X_MAX];
	unsigned call = 0;

	for (;;) {
		struct smr_space x = {room, sizeof(room)};
		enum smr_err err;

		seam_reset();
		seam_fail_at(++call);
		err = smr_mcim_seal_to_tpm(&f->t_pub, &f->ek_pub, &f->binding, &f->mcim, &x);
		if (!seam_did_fail())
			break;
		assert_int_equal(err, SMR_E_CRYPTO);
		assert_null(memmem(room, sizeof(room), f->mcim.aka.k, 8));
	}
	assert_true(call > 15);
	seam_reset();
	seam_fail_at(1); /* the point */
	assert_not_opened(&t, &f->binding, f->x, SMR_E_CRYPTO);
	seam_fail_at(0);
}

#define TPM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TPM_TEST(test_x_opens_with_t_in_its_tpm),
		TPM_TEST(test_x_for_a_tpm_is_as_long_as_it_says),
		TPM_TEST(test_attack_private_half_of_t_without_the_tpm_opens_nothing),
		TPM_TEST(test_attack_credential_for_another_key_of_the_tpm_opens_nothing),
		TPM_TEST(test_attack_x_in_another_tpm_opens_nothing),
		TPM_TEST(test_attack_credential_of_another_x_opens_nothing),
		TPM_TEST(test_x_altered_or_of_another_binding_opens_nothing),
		TPM_TEST(test_attack_mirrored_enc_opens_nothing),
		TPM_TEST(test_x_altered_in_its_point_opens_nothing),
		TPM_TEST(test_x_too_short_or_too_long_never_reaches_the_tpm),
		TPM_TEST(test_x_with_any_failing_call_is_neither_sealed_nor_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
