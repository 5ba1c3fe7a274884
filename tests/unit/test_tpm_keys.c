/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, counter and seals of a TRE in a software TPM, which has room for three transient objects and three sessions. */
#include "tests/unit/tpm_place.h"

#define PCRS (1u << 8 | 1u << 9)

static const uint8_t other[SMR_TPM_AUTH_LEN] = {3, 2, 1};

static void reopen(void)
{
	smr_tpm_close(tpm);
	tpm = swtpm_open(&swtpm);
}

/* Power off, perhaps a second machine's state in place of this one's, power on. */
static void power_cycle(const char *dir)
{
	smr_tpm_close(tpm);
	swtpm_stop(&swtpm);
	swtpm_start(&swtpm, dir);
	tpm = swtpm_open(&swtpm);
}

static void clear(void)
{
	assert_int_equal(Esys_Clear(tpm->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
			 TSS2_RC_SUCCESS);
	reopen();
}

static void extend(unsigned pcr)
{
	assert_int_equal(smr_tpm_pcr_extend(tpm, pcr, hash), SMR_OK);
}

/* ---- keys ---- */

static void check_quote(const struct smr_tpm_keys *keys, struct smr_attestation *got)
{
	struct smr_pubkey d = {0};
	uint8_t digest[SMR_HASH_LEN];
	uint8_t now[SMR_HASH_LEN];

	assert_int_equal(smr_tpm_quote(tpm, PCRS, hash, got, digest), SMR_OK);
	assert_true(got->quoted);
	assert_int_equal(smr_tpm_pcr_digest(tpm, PCRS, now), SMR_OK);
	assert_memory_equal(digest, now, sizeof(now));
	assert_int_equal(smr_pubkey_import(&d, SMR_ARRAY(keys->d)), SMR_OK);
	assert_int_equal(smr_tpm_quote_verify(&d, &got->quote, hash, digest, got->sig), SMR_OK);
	assert_int_equal(smr_tpm_quote_verify(&d, &got->quote, other, digest, got->sig), SMR_E_SIGNATURE);
	smr_pubkey_wipe(&d);
}

static void test_quote_is_what_verifiers_rebuild(void **state)
{
	struct smr_tpm_keys keys;
	struct smr_attestation first;
	struct smr_attestation second;

	(void)state;
	make_keys(&keys);
	check_quote(&keys, &first);
	extend(8);
	check_quote(&keys, &second);
	assert_true(second.quote.clock_ms >= first.quote.clock_ms);
	assert_int_equal(second.quote.resets, first.quote.resets);
	power_cycle("tpm");
	assert_int_equal(smr_tpm_keys_load(tpm, auth, &keys), SMR_OK);
	check_quote(&keys, &second);
	assert_true(second.quote.resets > first.quote.resets);
}

static void test_agreement_is_that_of_the_other_side(void **state)
{
	struct smr_tpm_keys keys;
	struct smr_privkey own = {0};
	struct smr_pubkey t = {0};
	struct smr_pubkey peer = {0};
	uint8_t ours[SMR_DH_LEN];
	uint8_t theirs[SMR_DH_LEN];

	(void)state;
	make_keys(&keys);
	assert_int_equal(smr_pubkey_import(&t, SMR_ARRAY(keys.t)), SMR_OK);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(smr_privkey_generate(&own), SMR_OK);
		assert_int_equal(smr_pubkey_import(&peer, SMR_ARRAY(own.point)), SMR_OK);
		assert_int_equal(smr_ecdh(&own, &t, ours), SMR_OK);
		assert_int_equal(smr_tpm_agree(tpm, &peer, theirs), SMR_OK);
		assert_memory_equal(ours, theirs, sizeof(ours));
		smr_privkey_wipe(&own);
		smr_pubkey_wipe(&peer);
	}
	smr_pubkey_wipe(&t);
}

static void test_keys_stay_over_a_power_cycle_and_new_ones_replace_them(void **state)
{
	struct smr_tpm_keys first;
	struct smr_tpm_keys again;

	(void)state;
	make_keys(&first);
	power_cycle("tpm");
	assert_int_equal(smr_tpm_keys_load(tpm, auth, &again), SMR_OK);
	assert_memory_equal(&again, &first, sizeof(first));
	make_keys(&again);
	assert_memory_not_equal(again.d, first.d, sizeof(first.d));
	assert_memory_not_equal(again.t, first.t, sizeof(first.t));
}

/* The main system reaches the TPM too: what it does not have is the authorisation value. */
static void test_keys_are_of_no_use_without_their_authorisation(void **state)
{
	struct smr_tpm_keys keys;
	struct smr_attestation quote;
	uint8_t digest[SMR_HASH_LEN];
	struct smr_privkey own = {0};
	struct smr_pubkey peer = {0};

	(void)state;
	make_keys(&keys);
	reopen();
	assert_int_equal(smr_tpm_quote(tpm, PCRS, hash, &quote, digest), SMR_E_STATE);
	assert_int_equal(smr_tpm_keys_load(tpm, other, &keys), SMR_OK);
	assert_int_equal(smr_tpm_quote(tpm, PCRS, hash, &quote, digest), SMR_E_TPM_CLEARED);
	assert_int_equal(smr_privkey_generate(&own), SMR_OK);
	assert_int_equal(smr_pubkey_import(&peer, SMR_ARRAY(own.point)), SMR_OK);
	assert_int_equal(smr_tpm_agree(tpm, &peer, digest), SMR_E_TPM_CLEARED);
	smr_pubkey_wipe(&peer);
	smr_privkey_wipe(&own);
}

static void test_keys_of_a_cleared_or_another_tpm_are_gone(void **state)
{
	struct smr_tpm_keys keys;

	(void)state;
	make_keys(&keys);
	clear();
	assert_int_equal(smr_tpm_keys_load(tpm, auth, &keys), SMR_E_TPM_CLEARED);
	make_keys(&keys);
	power_cycle("another");
	assert_int_equal(smr_tpm_keys_load(tpm, auth, &keys), SMR_E_TPM_CLEARED);
}

/* ---- counter ---- */

static uint64_t counter(void)
{
	uint64_t value = 0;

	assert_int_equal(smr_tpm_counter_read(tpm, auth, &value), SMR_OK);
	return value;
}

static void test_counter_counts_over_power_cycles(void **state)
{
	uint64_t start = 0;

	(void)state;
	assert_int_equal(smr_tpm_counter_read(tpm, auth, &start), SMR_E_TPM_CLEARED);
	assert_int_equal(smr_tpm_counter_create(tpm, auth, &start), SMR_OK);
	assert_true(counter() == start);
	for (int i = 0; i < 3; i++)
		assert_int_equal(smr_tpm_counter_advance(tpm, auth), SMR_OK);
	power_cycle("tpm");
	assert_true(counter() == start + 3);
	assert_int_equal(smr_tpm_counter_create(tpm, other, &start), SMR_E_EXISTS);
	assert_int_equal(smr_tpm_counter_read(tpm, other, &start), SMR_E_TPM_CLEARED);
	assert_int_equal(smr_tpm_counter_advance(tpm, other), SMR_E_TPM_CLEARED);
	assert_true(counter() == start + 3);
}

/* A power cut came before its first count, or before its maker could note where it started. */
static void test_counter_whose_making_was_interrupted_is_finished_by_its_maker_alone(void **state)
{
	TPM2B_AUTH value = smr_tpm_auth(auth);
	const TPM2B_NV_PUBLIC public = {.nvPublic = {.nvIndex = SMR_TPM_INDEX_COUNTER,
						     .nameAlg = TPM2_ALG_SHA256,
						     .attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE |
								   TPMA_NV_NO_DA |
								   TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT,
						     .dataSize = 8}};
	ESYS_TR index = ESYS_TR_NONE;
	uint64_t start = 0;
	uint64_t again = 0;

	(void)state;
	assert_int_equal(smr_tpm_counter_find(tpm), SMR_E_NOT_FOUND);
	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
					     &value, &public, &index),
			 TSS2_RC_SUCCESS);
	smr_tpm_forget(tpm, &index);
	assert_int_equal(smr_tpm_counter_find(tpm), SMR_OK);
	assert_int_equal(smr_tpm_counter_read(tpm, auth, &start), SMR_E_NOT_FOUND);
	assert_int_equal(smr_tpm_counter_create(tpm, other, &start), SMR_E_EXISTS);
	assert_int_equal(smr_tpm_counter_create(tpm, auth, &start), SMR_OK);
	assert_true(counter() == start);
	assert_int_equal(smr_tpm_counter_create(tpm, auth, &again), SMR_OK);
	assert_true(again == start);
}

/* The owner's hierarchy is open to the main system. What it makes anew starts above all that was. */
static void test_counter_that_was_removed_and_made_anew_never_shows_an_old_value(void **state)
{
	ESYS_TR index = ESYS_TR_NONE;
	uint64_t old = 0;
	uint64_t fresh = 0;

	(void)state;
	assert_int_equal(smr_tpm_counter_create(tpm, auth, &old), SMR_OK);
	assert_int_equal(smr_tpm_counter_advance(tpm, auth), SMR_OK);
	assert_int_equal(smr_tpm_find(tpm, SMR_TPM_INDEX_COUNTER, &index), SMR_OK);
	assert_int_equal(
		Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		TSS2_RC_SUCCESS);
	assert_int_equal(smr_tpm_counter_create(tpm, auth, &fresh), SMR_OK);
	assert_true(fresh > old + 1);
}

/* A TPM keeps some room for counters alone. */
static void test_counter_in_a_full_tpm_says_so(void **state)
{
	const TPMA_NV ordinary = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE;
	const TPMA_NV counting = ordinary | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT;
	uint64_t value = 0;

	(void)state;
	swtpm_fill(tpm, 0x01800000u, ordinary, 2048);
	swtpm_fill(tpm, 0x01810000u, ordinary, 1);
	swtpm_fill(tpm, 0x01820000u, counting, 8);
	assert_int_equal(smr_tpm_counter_create(tpm, auth, &value), SMR_E_TPM_FULL);
}

/* Somebody guesses at a key that is protected against that, until the TPM shuts all such keys. Ours are not among them: their values are
 * 256 random bits, and the TRE goes on. */
static void test_lockout_by_others_does_not_lock_us_out(void **state)
{
	const TPM2B_AUTH right = {.size = 1, .buffer = {'a'}};
	const TPM2B_AUTH wrong = {.size = 1, .buffer = {'b'}};
	const TPM2B_NV_PUBLIC public = {.nvPublic = {.nvIndex = 0x01800000u,
						     .nameAlg = TPM2_ALG_SHA256,
						     .attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE,
						     .dataSize = 8}};
	struct smr_attestation quote;
	struct smr_tpm_keys keys;
	ESYS_TR index = ESYS_TR_NONE;
	TPM2B_MAX_NV_BUFFER *data = NULL;
	enum smr_err err = SMR_OK;
	uint64_t start = 0;

	(void)state;
	make_keys(&keys);
	assert_int_equal(smr_tpm_counter_create(tpm, auth, &start), SMR_OK);
	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
					     &right, &public, &index),
			 TSS2_RC_SUCCESS);
	assert_int_equal(Esys_TR_SetAuth(tpm->esys, index, &wrong), TSS2_RC_SUCCESS);
	for (int i = 0; i < 100 && err != SMR_E_TPM_LOCKED; i++)
		err = smr_tpm_err(Esys_NV_Read(tpm->esys, index, index, smr_tpm_session(tpm, 0), ESYS_TR_NONE,
					       ESYS_TR_NONE, 8, 0, &data));
	assert_int_equal(err, SMR_E_TPM_LOCKED);
	smr_tpm_forget(tpm, &index);
	reopen();
	assert_int_equal(smr_tpm_keys_load(tpm, auth, &keys), SMR_OK);
	check_quote(&keys, &quote);
	assert_true(counter() == start);
}

/* ---- seals ---- */

struct sealed {
	uint8_t octets[SMR_TPM_SEALED_MAX];
	struct smr_bytes view;
};

static const uint8_t secret[40] = "a secret of forty octets";

static void seal_to(struct sealed *sealed, const uint8_t digest[SMR_HASH_LEN])
{
	struct smr_space room = {sealed->octets, sizeof(sealed->octets)};

	assert_int_equal(smr_tpm_seal(tpm, PCRS, digest, SMR_ARRAY(secret), &room), SMR_OK);
	sealed->view = smr_bytes_of(room.ptr, room.len);
}

static void seal_now(struct sealed *sealed)
{
	uint8_t digest[SMR_HASH_LEN];

	assert_int_equal(smr_tpm_pcr_digest(tpm, PCRS, digest), SMR_OK);
	seal_to(sealed, digest);
}

static enum smr_err unseal_of(struct smr_bytes sealed, uint32_t pcrs)
{
	static const uint8_t zeros[sizeof(secret)];
	uint8_t out[sizeof(secret)] = {1};
	struct smr_space room = {out, sizeof(out)};
	enum smr_err err = smr_tpm_unseal(tpm, pcrs, sealed, &room);

	if (err == SMR_OK) {
		assert_int_equal(room.len, sizeof(secret));
		assert_memory_equal(out, secret, sizeof(secret));
	} else {
		assert_memory_equal(out, zeros, sizeof(out));
	}
	return err;
}

static void test_sealed_opens_in_the_same_state_alone(void **state)
{
	struct sealed sealed;

	(void)state;
	extend(8);
	seal_now(&sealed);
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_OK);
	assert_int_equal(unseal_of(sealed.view, 1u << 8), SMR_E_MEASUREMENT);
	extend(9);
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_E_MEASUREMENT);
	power_cycle("tpm");
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_E_MEASUREMENT);
	extend(8);
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_OK);
}

static void test_sealed_to_a_state_to_come_opens_when_it_has_come(void **state)
{
	struct sealed sealed;
	uint8_t digest[SMR_HASH_LEN];

	(void)state;
	extend(9);
	assert_int_equal(smr_tpm_pcr_digest(tpm, PCRS, digest), SMR_OK);
	power_cycle("tpm");
	seal_to(&sealed, digest);
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_E_MEASUREMENT);
	extend(9);
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_OK);
}

static void test_sealed_by_another_tpm_or_before_a_clear_does_not_open(void **state)
{
	struct sealed sealed;

	(void)state;
	seal_now(&sealed);
	power_cycle("another");
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_E_TPM_CLEARED);
	seal_now(&sealed);
	clear();
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_E_TPM_CLEARED);
}

static void test_sealed_altered_or_cut_anywhere_is_tampered(void **state)
{
	struct sealed sealed;

	(void)state;
	seal_now(&sealed);
	for (size_t i = 0; i < sealed.view.len; i++) {
		sealed.octets[i] ^= 0x10;
		assert_int_equal(unseal_of(sealed.view, PCRS), SMR_E_TAMPERED);
		sealed.octets[i] ^= 0x10;
		assert_int_equal(unseal_of(smr_bytes_of(sealed.octets, i), PCRS), SMR_E_TAMPERED);
	}
	assert_int_equal(unseal_of(sealed.view, PCRS), SMR_OK);
}

/* With a hash that fits: the TPM itself finds out. */
static void test_sealed_altered_with_its_hash_is_tampered(void **state)
{
	struct sealed sealed;

	(void)state;
	seal_now(&sealed);
	for (size_t i = SMR_TPM_NAME_LEN; i < sealed.view.len - SMR_HASH_LEN; i += 7) {
		struct smr_bytes all = {sealed.octets, sealed.view.len - SMR_HASH_LEN};

		sealed.octets[i] ^= 0x10;
		assert_int_equal(smr_sha256(&all, 1, sealed.octets + all.len), SMR_OK);
		assert_int_equal(unseal_of(sealed.view, PCRS), SMR_E_TAMPERED);
		sealed.octets[i] ^= 0x10;
	}
}

static void test_seal_without_room_fails(void **state)
{
	static const uint8_t digest[SMR_HASH_LEN];
	static const uint8_t too_long[SMR_TPM_SECRET_MAX + 1];
	struct sealed sealed;
	struct smr_space room;
	uint8_t small[8];

	(void)state;
	seal_now(&sealed);
	for (size_t len = 0; len < sealed.view.len; len += 11) {
		uint8_t out[SMR_TPM_SEALED_MAX];

		room = (struct smr_space){out, len};
		assert_int_equal(smr_tpm_seal(tpm, PCRS, digest, SMR_ARRAY(secret), &room), SMR_E_NO_ROOM);
	}
	assert_int_equal(smr_tpm_seal(tpm, PCRS, digest, SMR_ARRAY(too_long), &room), SMR_E_INVALID);
	room = (struct smr_space){small, sizeof(small)};
	assert_int_equal(smr_tpm_unseal(tpm, PCRS, sealed.view, &room), SMR_E_NO_ROOM);
}

/* Everything many times over: nothing stays in one of the three places. */
static void test_nothing_stays_loaded(void **state)
{
	struct smr_attestation quote;
	struct smr_tpm_keys keys;
	struct sealed sealed;

	(void)state;
	for (int i = 0; i < 8; i++) {
		make_keys(&keys);
		check_quote(&keys, &quote);
		seal_now(&sealed);
		assert_int_equal(unseal_of(sealed.view, PCRS), SMR_OK);
		assert_int_equal(unseal_of(sealed.view, 1u << 8), SMR_E_MEASUREMENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		swtpm_test(test_quote_is_what_verifiers_rebuild),
		swtpm_test(test_agreement_is_that_of_the_other_side),
		swtpm_test(test_keys_stay_over_a_power_cycle_and_new_ones_replace_them),
		swtpm_test(test_keys_are_of_no_use_without_their_authorisation),
		swtpm_test(test_keys_of_a_cleared_or_another_tpm_are_gone),
		swtpm_test(test_counter_counts_over_power_cycles),
		swtpm_test(test_counter_that_was_removed_and_made_anew_never_shows_an_old_value),
		swtpm_test(test_counter_in_a_full_tpm_says_so),
		swtpm_test(test_counter_whose_making_was_interrupted_is_finished_by_its_maker_alone),
		swtpm_test(test_lockout_by_others_does_not_lock_us_out),
		swtpm_test(test_sealed_opens_in_the_same_state_alone),
		swtpm_test(test_sealed_to_a_state_to_come_opens_when_it_has_come),
		swtpm_test(test_sealed_by_another_tpm_or_before_a_clear_does_not_open),
		swtpm_test(test_sealed_altered_or_cut_anywhere_is_tampered),
		swtpm_test(test_sealed_altered_with_its_hash_is_tampered),
		swtpm_test(test_seal_without_room_fails),
		swtpm_test(test_nothing_stays_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
