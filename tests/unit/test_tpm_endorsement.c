/* SPDX-License-Identifier: Apache-2.0 */
/* The endorsement key of a software TPM: its certificate, credentials that open in one TPM alone, and d's word for t. */
#include <tss2/tss2_mu.h>

#include "tests/unit/tpm_place.h"
#include "tpm/endorsement.h"

#define CREDENTIAL_MAX 256u

static const uint8_t hidden[SMR_TPM_CREDENTIAL_SECRET_LEN] = "thirty-two octets, to be hidden";
static struct smr_tpm_keys keys;

/* The next machine: another TPM. */
static void other_machine(void)
{
	smr_tpm_close(tpm);
	swtpm_stop(&swtpm);
	swtpm_start(&swtpm, "another");
	tpm = swtpm_open(&swtpm);
}

/* ---- certificate ---- */

static void remove_index(void)
{
	ESYS_TR index = ESYS_TR_NONE;

	assert_int_equal(smr_tpm_find(tpm, SWTPM_INDEX_CERTIFICATE, &index), SMR_OK);
	assert_int_equal(Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_PLATFORM, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					       ESYS_TR_NONE),
			 TSS2_RC_SUCCESS);
}

/* A SEQUENCE of @p len octets in an index with @p after more. */
static void check_certificate(size_t len, size_t after, enum smr_err expected)
{
	uint8_t content[2048];
	uint8_t got[SMR_ENDORSEMENT_MAX];
	struct smr_space room = {got, sizeof(got)};

	memset(content, 0xab, sizeof(content));
	content[0] = 0x30;
	content[1] = len < 259 ? 0x81 : 0x82;
	if (len < 259)
		content[2] = (uint8_t)(len - 3);
	else
		smr_put_be16(content + 2, (uint16_t)(len - 4));
	swtpm_put_certificate(tpm, smr_bytes_of(content, len + after));
	assert_int_equal(smr_tpm_ek_certificate(tpm, &room), expected);
	if (expected == SMR_OK) {
		assert_int_equal(room.len, len);
		assert_memory_equal(got, content, len);
	}
	remove_index();
}

static void test_certificate_is_read_to_its_own_end(void **state)
{
	uint8_t got[SMR_ENDORSEMENT_MAX];
	struct smr_space room = {got, sizeof(got)};

	(void)state;
	assert_int_equal(smr_tpm_ek_certificate(tpm, &room), SMR_E_NOT_FOUND);
	check_certificate(200, 0, SMR_OK);
	check_certificate(600, 0, SMR_OK);
	check_certificate(600, 700, SMR_OK); /* an index that is larger than what is in it */
	check_certificate(SMR_ENDORSEMENT_MAX, 0, SMR_OK);
	check_certificate(SMR_ENDORSEMENT_MAX + 1, 0, SMR_E_NO_ROOM);
}

static void test_index_without_a_certificate_is_malformed(void **state)
{
	static const uint8_t contents[][8] = {
		{0}, {0x30, 0x82, 0xff, 0xff}, {0x30, 0x80}, {0x30, 0x05, 1, 2, 3, 4, 5}, {0x31, 0x82, 0, 4}};
	uint8_t got[SMR_ENDORSEMENT_MAX];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(contents); i++) {
		struct smr_space room = {got, sizeof(got)};

		swtpm_put_certificate(tpm, SMR_ARRAY(contents[i]));
		assert_int_equal(smr_tpm_ek_certificate(tpm, &room), SMR_E_MALFORMED);
		remove_index();
	}
}

static void test_index_that_asks_for_a_value_is_no_certificate(void **state)
{
	static const TPM2B_AUTH value = {.size = 1, .buffer = {1}};
	static const TPM2B_NV_PUBLIC public = {
		.nvPublic = {.nvIndex = SWTPM_INDEX_CERTIFICATE,
			     .nameAlg = TPM2_ALG_SHA256,
			     .attributes = TPMA_NV_OWNERWRITE | TPMA_NV_AUTHREAD | TPMA_NV_NO_DA,
			     .dataSize = 8},
	};
	static const TPM2B_MAX_NV_BUFFER content = {.size = 8, .buffer = {0x30, 0x81, 5}};
	ESYS_TR index = ESYS_TR_NONE;
	uint8_t got[SMR_ENDORSEMENT_MAX];
	struct smr_space room = {got, sizeof(got)};

	(void)state;
	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
					     &value, &public, &index),
			 TSS2_RC_SUCCESS);
	assert_int_equal(Esys_NV_Write(tpm->esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
				       &content, 0),
			 TSS2_RC_SUCCESS);
	smr_tpm_forget(tpm, &index);
	assert_int_equal(smr_tpm_ek_certificate(tpm, &room), SMR_E_MALFORMED);
}

/* ---- credentials ---- */

struct credential {
	uint8_t octets[CREDENTIAL_MAX];
	struct smr_bytes view;
};

/* By the TPM that has the key which it is for, so that nothing of ours takes part. */
static void make_credential(const uint8_t name[SMR_TPM_NAME_LEN], struct credential *out)
{
	TPM2B_DIGEST secret = {.size = sizeof(hidden)};
	TPM2B_NAME object = {.size = SMR_TPM_NAME_LEN};
	TPM2B_ID_OBJECT *id = NULL;
	TPM2B_ENCRYPTED_SECRET *seed = NULL;
	ESYS_TR ek = ESYS_TR_NONE;
	size_t at = 0;

	memcpy(secret.buffer, hidden, sizeof(hidden));
	memcpy(object.name, name, SMR_TPM_NAME_LEN);
	assert_int_equal(smr_tpm_ek(tpm, &ek), SMR_OK);
	assert_int_equal(Esys_MakeCredential(tpm->esys, ek, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &secret, &object,
					     &id, &seed),
			 TSS2_RC_SUCCESS);
	assert_int_equal(Tss2_MU_TPM2B_ID_OBJECT_Marshal(id, out->octets, sizeof(out->octets), &at), TSS2_RC_SUCCESS);
	assert_int_equal(Tss2_MU_TPM2B_ENCRYPTED_SECRET_Marshal(seed, out->octets, sizeof(out->octets), &at),
			 TSS2_RC_SUCCESS);
	out->view = smr_bytes_of(out->octets, at);
	Esys_Free(id);
	Esys_Free(seed);
	smr_tpm_flush(tpm, &ek);
}

static void credential_of(enum smr_own_key key, struct credential *out)
{
	uint8_t name[SMR_TPM_NAME_LEN];

	assert_int_equal(key == SMR_OWN_D ? smr_tpm_name(keys.d, name) : smr_tpm_name_t(keys.t, name), SMR_OK);
	make_credential(name, out);
}

static enum smr_err activate(enum smr_own_key key, struct smr_bytes credential)
{
	static const uint8_t zeros[SMR_TPM_CREDENTIAL_SECRET_LEN];
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN] = {1};
	enum smr_err err = smr_tpm_activate(tpm, key, credential, secret);

	assert_memory_equal(secret, err == SMR_OK ? hidden : zeros, sizeof(secret));
	return err;
}

static void test_credential_opens_for_the_key_it_names_alone(void **state)
{
	struct credential for_d;
	struct credential for_t;

	(void)state;
	make_keys(&keys);
	credential_of(SMR_OWN_D, &for_d);
	credential_of(SMR_OWN_T, &for_t);
	assert_int_equal(for_d.view.len, 140);
	for (int i = 0; i < 4; i++) { /* nothing stays in one of the three places */
		assert_int_equal(activate(SMR_OWN_D, for_d.view), SMR_OK);
		assert_int_equal(activate(SMR_OWN_T, for_t.view), SMR_OK);
		assert_int_equal(activate(SMR_OWN_D, for_t.view), SMR_E_UNOPENED);
		assert_int_equal(activate(SMR_OWN_T, for_d.view), SMR_E_UNOPENED);
	}
	make_keys(&keys); /* other keys in the same TPM */
	assert_int_equal(activate(SMR_OWN_D, for_d.view), SMR_E_UNOPENED);
}

static void test_credential_for_another_tpm_does_not_open(void **state)
{
	uint8_t name[SMR_TPM_NAME_LEN];
	struct credential c;

	(void)state;
	make_keys(&keys);
	assert_int_equal(smr_tpm_name(keys.d, name), SMR_OK);
	credential_of(SMR_OWN_D, &c);
	other_machine();
	assert_int_equal(activate(SMR_OWN_D, c.view), SMR_E_STATE);
	make_keys(&keys);
	assert_int_equal(activate(SMR_OWN_D, c.view), SMR_E_UNOPENED);
	make_credential(name, &c); /* for this TPM, but for the key of the other */
	assert_int_equal(activate(SMR_OWN_D, c.view), SMR_E_UNOPENED);
}

/* By its owner, and undone with @p before. */
static void set_authorisation(ESYS_TR hierarchy, const char *before, const char *after)
{
	TPM2B_AUTH was = {.size = (UINT16)strlen(before)};
	TPM2B_AUTH is = {.size = (UINT16)strlen(after)};

	memcpy(was.buffer, before, was.size);
	memcpy(is.buffer, after, is.size);
	assert_int_equal(Esys_TR_SetAuth(tpm->esys, hierarchy, &was), TSS2_RC_SUCCESS);
	assert_int_equal(
		Esys_HierarchyChangeAuth(tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &is),
		TSS2_RC_SUCCESS);
	assert_int_equal(Esys_TR_SetAuth(tpm->esys, hierarchy, NULL), TSS2_RC_SUCCESS);
}

static void test_closed_hierarchy_is_told_as_such_and_costs_nothing(void **state)
{
	struct smr_problem problem = {{0}};
	struct smr_tpm_keys others;
	struct credential c;

	(void)state;
	make_keys(&keys);
	credential_of(SMR_OWN_T, &c);
	set_authorisation(ESYS_TR_RH_ENDORSEMENT, "", "owner");
	assert_int_equal(activate(SMR_OWN_T, c.view), SMR_E_TPM_HIERARCHY);
	assert_int_equal(smr_tpm_keys_load(tpm, auth, &others), SMR_OK);
	set_authorisation(ESYS_TR_RH_ENDORSEMENT, "owner", "");
	assert_int_equal(activate(SMR_OWN_T, c.view), SMR_OK);
	assert_int_equal(Esys_HierarchyControl(tpm->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					       ESYS_TR_NONE, TPM2_RH_ENDORSEMENT, TPM2_NO),
			 TSS2_RC_SUCCESS);
	assert_int_equal(activate(SMR_OWN_T, c.view), SMR_E_TPM_HIERARCHY);
	assert_int_equal(smr_tpm_keys_create(tpm, auth, &others), SMR_E_TPM_HIERARCHY);
	set_authorisation(ESYS_TR_RH_OWNER, "", "owner");
	smr_tpm_close(tpm);
	assert_int_equal(smr_tpm_open(&tpm, swtpm.tcti, &problem), SMR_E_TPM_HIERARCHY);
	assert_non_null(strstr(problem.text, "tpm2_changeauth"));
}

static void test_credential_altered_or_cut_anywhere_does_not_open(void **state)
{
	struct credential c;

	(void)state;
	make_keys(&keys);
	credential_of(SMR_OWN_D, &c);
	for (size_t i = 0; i < c.view.len; i++)
		assert_int_equal(activate(SMR_OWN_D, smr_bytes_of(c.octets, i)), SMR_E_MALFORMED);
	for (size_t i = 0; i < c.view.len; i += 3) { /* each part: lengths, MAC, encrypted secret, point */
		enum smr_err err;

		c.octets[i] ^= 0x10;
		err = activate(SMR_OWN_D, c.view);
		assert_true(err == SMR_E_UNOPENED || err == SMR_E_MALFORMED);
		c.octets[i] ^= 0x10;
	}
	c.octets[c.view.len] = 0;
	assert_int_equal(activate(SMR_OWN_D, smr_bytes_of(c.octets, c.view.len + 1)), SMR_E_MALFORMED);
	assert_int_equal(activate(SMR_OWN_D, c.view), SMR_OK);
}

/* ---- certification ---- */

static enum smr_err verify(const struct smr_attestation *got, const uint8_t *d, const uint8_t *t, const uint8_t *extra)
{
	struct smr_pubkey key = {0};
	enum smr_err err;

	assert_int_equal(smr_pubkey_import(&key, smr_bytes_of(d, SMR_POINT_LEN)), SMR_OK);
	err = smr_tpm_certify_verify(&key, t, &got->quote, extra, got->sig);
	smr_pubkey_wipe(&key);
	return err;
}

static void test_certification_is_of_these_keys_and_this_hash(void **state)
{
	struct smr_attestation got;
	struct smr_tpm_keys first;
	uint8_t digest[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(smr_tpm_certify(tpm, hash, &got), SMR_E_STATE);
	make_keys(&keys);
	first = keys;
	assert_int_equal(smr_tpm_certify(tpm, hash, &got), SMR_OK);
	assert_int_equal(verify(&got, keys.d, keys.t, hash), SMR_OK);
	assert_int_equal(verify(&got, keys.d, keys.t, auth), SMR_E_SIGNATURE);
	assert_int_equal(verify(&got, keys.d, keys.d, hash), SMR_E_SIGNATURE);
	got.quote.clock_ms++;
	assert_int_equal(verify(&got, keys.d, keys.t, hash), SMR_E_SIGNATURE);
	assert_int_equal(smr_tpm_quote(tpm, 1u << 8, hash, &got, digest), SMR_OK);
	assert_int_equal(verify(&got, keys.d, keys.t, hash), SMR_E_SIGNATURE); /* a quote is no certification */
	make_keys(&keys);
	assert_int_equal(smr_tpm_certify(tpm, hash, &got), SMR_OK);
	assert_int_equal(verify(&got, keys.d, first.t, hash), SMR_E_SIGNATURE);
	assert_int_equal(verify(&got, first.d, keys.t, hash), SMR_E_SIGNATURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		swtpm_test(test_certificate_is_read_to_its_own_end),
		swtpm_test(test_index_without_a_certificate_is_malformed),
		swtpm_test(test_index_that_asks_for_a_value_is_no_certificate),
		swtpm_test(test_credential_opens_for_the_key_it_names_alone),
		swtpm_test(test_credential_for_another_tpm_does_not_open),
		swtpm_test(test_closed_hierarchy_is_told_as_such_and_costs_nothing),
		swtpm_test(test_credential_altered_or_cut_anywhere_does_not_open),
		swtpm_test(test_certification_is_of_these_keys_and_this_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
