/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/attest.h"
#include "tests/unit/hex.h"

/* Made by swtpm 0.7.1 and tpm2-tools 5.4: tpm2_pcrextend 8 twice and 9 once, tpm2_createprimary -C e with the attester's template,
 * tpm2_readpublic -n, tpm2_quote -l sha256:8,9 -q extra. */
#define D                                                                    \
	"04c92cef7b4963a2f0e5a47c07583a05b8ba395934d6a804d97602cbd39fd9eb08" \
	"446b7c2656d15912f6fbcb8cbe85fbf43ffe03234bb5060bb81562ff92133804"
#define NAME "000bd0c5564d1c4e681bdf53ccc03d0334b6bc71b79f60798ebb42bf0fca2616e18d"
#define EXTRA "f02c9a4154c24738e9ed7cfa622996d4a0d9ec5e755b2de9e4cb407fe46da7a5"
#define PCR_DIGEST "d49b2d3858c1350f62cf299014c24a7402fb0b821924c226b5aaf9dea0e6e981"
#define ATTEST                                                                                           \
	"ff54434780180022000b711c6e205c4b8bcf168ff4acf3e8de83aae218d81db3f2bb0d22d726927db8e50020" EXTRA \
	"00000000000004f9000000010000000001201910230016363600000001000b030003000020" PCR_DIGEST
#define SIG                                                                \
	"3be3fbd182d346f59cb6d0be4f8eb17047a4179e6af7a8c568c9940afdc41ef8" \
	"f7767541ef417cade8d78c9a125bd375ab9ad13fccadc50097321e269016f29b"

struct fixture {
	struct smr_pubkey d;
	struct smr_tpm_quote quote;
	uint8_t extra[SMR_HASH_LEN];
	uint8_t pcr_digest[SMR_HASH_LEN];
	uint8_t sig[SMR_SIG_LEN];
};

static int set_up(void **state)
{
	static struct fixture f;
	uint8_t point[SMR_POINT_LEN];

	f.quote = (struct smr_tpm_quote){.clock_ms = 0x4f9,
					 .resets = 1,
					 .safe = true,
					 .firmware = 0x2019102300163636,
					 .pcrs = 1u << 8 | 1u << 9};
	hex(EXTRA, f.extra, sizeof(f.extra));
	hex(PCR_DIGEST, f.pcr_digest, sizeof(f.pcr_digest));
	hex(SIG, f.sig, sizeof(f.sig));
	assert_int_equal(smr_pubkey_import(&f.d, hex(D, point, sizeof(point))), SMR_OK);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	smr_pubkey_wipe(&((struct fixture *)*state)->d);
	return 0;
}

static enum smr_err verify(const struct fixture *f, const struct smr_tpm_quote *quote)
{
	return smr_tpm_quote_verify(&f->d, quote, f->extra, f->pcr_digest, f->sig);
}

static void test_name_of_a_tpm_key_is_the_tpms(void **state)
{
	const struct fixture *f = *state;
	uint8_t name[SMR_TPM_NAME_LEN];

	assert_int_equal(smr_tpm_name(f->d.point, name), SMR_OK);
	assert_hex(name, sizeof(name), NAME);
}

static void test_attest_is_rebuilt_octet_by_octet(void **state)
{
	const struct fixture *f = *state;
	uint8_t attest[SMR_TPM_ATTEST_LEN + 1];

	attest[SMR_TPM_ATTEST_LEN] = 0xee;
	assert_int_equal(smr_tpm_attest_rebuild(f->d.point, &f->quote, f->extra, f->pcr_digest, attest), SMR_OK);
	assert_hex(attest, SMR_TPM_ATTEST_LEN, ATTEST);
	assert_int_equal(attest[SMR_TPM_ATTEST_LEN], 0xee);
}

static void test_quote_of_a_tpm_verifies(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(verify(f, &f->quote), SMR_OK);
}

static void test_quote_with_any_number_changed_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct smr_tpm_quote changed[7];

	for (size_t i = 0; i < SMR_COUNT(changed); i++)
		changed[i] = f->quote;
	changed[0].clock_ms++;
	changed[1].resets++;
	changed[2].restarts++;
	changed[3].safe = false;
	changed[4].firmware ^= 1;
	changed[5].pcrs = 1u << 8;
	changed[6].pcrs = 1u << 16 | 1u << 17; /* the same digest in PCRs that software can reset */
	for (size_t i = 0; i < SMR_COUNT(changed); i++)
		assert_int_equal(verify(f, &changed[i]), SMR_E_SIGNATURE);
	changed[0].pcrs = 1u << SMR_TPM_PCRS;
	assert_int_equal(verify(f, &changed[0]), SMR_E_INVALID);
}

static void test_quote_with_any_bit_of_its_hashes_or_signature_changed_is_refused(void **state)
{
	struct fixture *f = *state;
	struct {
		uint8_t *octets;
		size_t len;
	} parts[] = {{f->extra, sizeof(f->extra)}, {f->pcr_digest, sizeof(f->pcr_digest)}, {f->sig, sizeof(f->sig)}};

	for (size_t part = 0; part < SMR_COUNT(parts); part++) {
		for (size_t bit = 0; bit < 8 * parts[part].len; bit++) {
			parts[part].octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(verify(f, &f->quote), SMR_E_SIGNATURE);
			parts[part].octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	assert_int_equal(verify(f, &f->quote), SMR_OK);
}

/* d signs hashes of data of others too (TPM2_Hash): that the hash was to be quoted must not be enough. */
static void test_plain_signature_of_the_hash_is_no_quote(void **state)
{
	const struct fixture *f = *state;
	struct smr_privkey d;
	struct smr_pubkey pub;
	struct smr_attestation plain;

	assert_int_equal(smr_privkey_generate(&d), SMR_OK);
	assert_int_equal(smr_pubkey_import(&pub, SMR_ARRAY(d.point)), SMR_OK);
	assert_int_equal(smr_attest(&(struct smr_attester){.key = &d}, f->extra, &plain), SMR_OK);
	assert_false(plain.quoted);
	assert_int_equal(smr_ecdsa_verify(&pub, f->extra, plain.sig), SMR_OK);
	assert_int_equal(smr_tpm_quote_verify(&pub, &f->quote, f->extra, f->pcr_digest, plain.sig), SMR_E_SIGNATURE);
	smr_pubkey_wipe(&pub);
	smr_privkey_wipe(&d);
}

/* ---- boot log ---- */

static struct smr_tpm_event event(uint8_t pcr, const char *content)
{
	struct smr_tpm_event e = {.pcr = pcr};
	struct smr_bytes text = smr_text_of(content);

	assert_int_equal(smr_sha256(&text, 1, e.digest), SMR_OK);
	return e;
}

static void test_log_replays_to_what_the_tpm_quoted(void **state)
{
	const struct smr_tpm_event log[] = {event(8, "launcher"), event(9, "firmware"), event(8, "tre")};
	uint8_t digest[SMR_HASH_LEN];
	uint32_t pcrs;

	(void)state;
	assert_int_equal(smr_tpm_log_replay(log, SMR_COUNT(log), &pcrs, digest), SMR_OK);
	assert_int_equal(pcrs, 1u << 8 | 1u << 9);
	assert_hex(digest, sizeof(digest), PCR_DIGEST);
}

static void test_log_in_another_order_or_place_replays_to_something_else(void **state)
{
	const struct smr_tpm_event logs[][3] = {
		{event(8, "tre"), event(8, "launcher"), event(9, "firmware")},
		{event(9, "launcher"), event(9, "tre"), event(8, "firmware")},
		{event(8, "launcher"), event(8, "tre"), event(9, "Firmware")},
	};
	uint8_t digest[SMR_HASH_LEN];
	uint8_t quoted[SMR_HASH_LEN];
	uint32_t pcrs;

	(void)state;
	hex(PCR_DIGEST, quoted, sizeof(quoted));
	for (size_t i = 0; i < SMR_COUNT(logs); i++) {
		assert_int_equal(smr_tpm_log_replay(logs[i], 3, &pcrs, digest), SMR_OK);
		assert_memory_not_equal(digest, quoted, sizeof(digest));
	}
	assert_int_equal(smr_tpm_log_replay(logs[0], 2, &pcrs, digest), SMR_OK);
	assert_int_equal(pcrs, 1u << 8);
}

static void test_log_of_pcrs_that_software_can_reset_is_refused(void **state)
{
	uint8_t digest[SMR_HASH_LEN] = {0};
	uint32_t pcrs = 7;

	(void)state;
	for (unsigned pcr = 0; pcr < 256; pcr++) {
		const struct smr_tpm_event log[] = {event(8, "launcher"), event((uint8_t)pcr, "x")};

		assert_int_equal(smr_tpm_log_replay(log, 2, &pcrs, digest),
				 pcr < SMR_TPM_STATIC_PCRS ? SMR_OK : SMR_E_INVALID);
	}
	assert_int_equal(smr_tpm_log_replay(NULL, 0, &pcrs, digest), SMR_E_INVALID);
}

/* ---- keys of a platform ---- */

struct platform {
	const struct smr_privkey *key;
	enum smr_err err;
};

static enum smr_err platform_attest(void *context, const uint8_t hash[SMR_HASH_LEN], struct smr_attestation *out)
{
	const struct platform *p = context;

	out->quoted = true;
	memcpy(out->sig, hash, SMR_HASH_LEN);
	return p->err;
}

static enum smr_err platform_agree(void *context, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	const struct platform *p = context;

	return p->err == SMR_OK ? smr_ecdh(p->key, peer, out) : p->err;
}

static void test_platform_is_asked_only_without_a_key(void **state)
{
	const struct fixture *f = *state;
	struct smr_privkey key;
	struct platform p = {&key, SMR_E_UNAVAILABLE};
	struct smr_attester attester = {.context = &p, .attest = platform_attest};
	struct smr_agreer agreer = {.context = &p, .agree = platform_agree, .point = key.point};
	struct smr_attestation out;
	uint8_t ours[SMR_DH_LEN];
	uint8_t shared[SMR_DH_LEN];

	assert_int_equal(smr_privkey_generate(&key), SMR_OK);
	assert_int_equal(smr_attest(&attester, f->extra, &out), SMR_E_UNAVAILABLE);
	assert_int_equal(smr_agree(&agreer, &f->d, shared), SMR_E_UNAVAILABLE);
	p.err = SMR_OK;
	assert_int_equal(smr_attest(&attester, f->extra, &out), SMR_OK);
	assert_true(out.quoted);
	assert_memory_equal(out.sig, f->extra, SMR_HASH_LEN);
	assert_int_equal(smr_agree(&agreer, &f->d, shared), SMR_OK);
	assert_ptr_equal(smr_agreer_point(&agreer), key.point);
	agreer = (struct smr_agreer){.key = &key};
	assert_int_equal(smr_agree(&agreer, &f->d, ours), SMR_OK);
	assert_memory_equal(ours, shared, sizeof(ours));
	assert_ptr_equal(smr_agreer_point(&agreer), key.point);
	smr_privkey_wipe(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_of_a_tpm_key_is_the_tpms),
		cmocka_unit_test(test_attest_is_rebuilt_octet_by_octet),
		cmocka_unit_test(test_quote_of_a_tpm_verifies),
		cmocka_unit_test(test_quote_with_any_number_changed_is_refused),
		cmocka_unit_test(test_quote_with_any_bit_of_its_hashes_or_signature_changed_is_refused),
		cmocka_unit_test(test_plain_signature_of_the_hash_is_no_quote),
		cmocka_unit_test(test_log_replays_to_what_the_tpm_quoted),
		cmocka_unit_test(test_log_in_another_order_or_place_replays_to_something_else),
		cmocka_unit_test(test_log_of_pcrs_that_software_can_reset_is_refused),
		cmocka_unit_test(test_platform_is_asked_only_without_a_key),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
