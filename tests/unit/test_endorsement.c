/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of endorsement keys, by vendors that are trusted and by others. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "file/endorsement.h"
#include "tests/unit/scratch.h"

#define NOW 1700000000
#define DAY 86400
#define EK "2.23.133.8.1"

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

/* What a certificate says, besides its key and who issued it. */
struct content {
	const char *subject;
	const char *constraints;
	const char *usage; /* extended; NULL: none */
	time_t begin;
	time_t end;
};

static const struct content of_authority = {"vendor", "critical,CA:TRUE", NULL, NOW - 10 * DAY, NOW + 10 * DAY};
static const struct content of_ek = {NULL, "critical,CA:FALSE", EK, NOW - DAY, NOW + DAY};
static struct authority vendor;
static EVP_PKEY *ek;
static struct smr_problem problem;

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *issue(EVP_PKEY *key, const struct content *content, const struct authority *by)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_NAME_new();

	assert_non_null(certificate);
	if (content->subject != NULL)
		assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
							    (const uint8_t *)content->subject, -1, -1, 0),
				 1);
	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
	assert_int_equal(X509_set_subject_name(certificate, name), 1);
	assert_int_equal(X509_set_issuer_name(certificate,
					      by->certificate != NULL ? X509_get_subject_name(by->certificate) : name),
			 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(certificate), content->begin));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(certificate), content->end));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	extend(certificate, NID_basic_constraints, content->constraints);
	if (content->usage != NULL)
		extend(certificate, NID_ext_key_usage, content->usage);
	assert_true(X509_sign(certificate, by->key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return certificate;
}

static void make_authority(struct authority *out, const struct content *content, const struct authority *by)
{
	*out = (struct authority){.key = EVP_EC_gen("P-256")};
	out->certificate = issue(out->key, content, by != NULL ? by : out);
}

static void free_authority(struct authority *a)
{
	X509_free(a->certificate);
	EVP_PKEY_free(a->key);
}

static void write_roots(const struct authority *const *authorities, size_t count)
{
	FILE *file = fopen("roots.pem", "we");

	assert_non_null(file);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(PEM_write_X509(file, authorities[i]->certificate), 1);
	assert_int_equal(fclose(file), 0);
}

static int enter(void **state)
{
	const struct authority *const roots[] = {&vendor};
	int result = scratch_enter(state);

	make_authority(&vendor, &of_authority, NULL);
	ek = EVP_EC_gen("P-256");
	write_roots(roots, 1);
	return result;
}

static int leave(void **state)
{
	EVP_PKEY_free(ek);
	free_authority(&vendor);
	return scratch_leave(state);
}

#define endorsement_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

static struct smr_tpm_roots *open_roots(void)
{
	struct smr_tpm_roots *roots;

	if (smr_tpm_roots_open("roots.pem", &roots, &problem) != SMR_OK)
		fail_msg("%s", problem.text);
	return roots;
}

static enum smr_err verify_der(struct smr_bytes der, uint64_t now)
{
	struct smr_tpm_roots *roots = open_roots();
	uint8_t expected[SMR_POINT_LEN];
	uint8_t got[SMR_POINT_LEN] = {0};
	size_t len = 0;
	enum smr_err err;

	problem.text[0] = '\0';
	err = smr_endorsement_verify(roots, der, now, got, &problem);
	if (err == SMR_OK) {
		assert_int_equal(EVP_PKEY_get_octet_string_param(ek, "pub", expected, sizeof(expected), &len), 1);
		assert_memory_equal(got, expected, sizeof(expected));
	} else {
		assert_int_equal(got[0], 0);
		assert_ptr_equal(strstr(problem.text, "the endorsement certificate"), problem.text);
	}
	smr_tpm_roots_close(roots);
	return err;
}

static enum smr_err verify_at(X509 *certificate, uint64_t now)
{
	uint8_t *der = NULL;
	int len = i2d_X509(certificate, &der);
	enum smr_err err;

	assert_true(len > 0);
	err = verify_der(smr_bytes_of(der, (size_t)len), now);
	OPENSSL_free(der);
	X509_free(certificate);
	return err;
}

/* A certificate for the EK with this content. */
static enum smr_err verify(const struct content *content, const struct authority *by)
{
	return verify_at(issue(ek, content, by), NOW);
}

static void assert_said(const char *words)
{
	if (strstr(problem.text, words) == NULL)
		fail_msg("«%s» is not in «%s»", words, problem.text);
}

/* ---- who issued it ---- */

static void test_certificate_by_a_vendor_gives_its_key(void **state)
{
	(void)state;
	assert_int_equal(verify(&of_ek, &vendor), SMR_OK);
}

static void test_certificate_by_somebody_else_is_unknown(void **state)
{
	struct content content = of_authority;
	struct authority stranger;

	(void)state;
	content.subject = "str\nanger";
	make_authority(&stranger, &content, NULL);
	assert_int_equal(verify(&of_ek, &stranger), SMR_E_UNTRUSTED_KEY);
	assert_said("str\\0Aanger»");
	assert_said("add its certificate");
	content = of_ek;
	content.subject = "itself";
	assert_int_equal(verify(&content, &(struct authority){.key = ek}), SMR_E_UNTRUSTED_KEY);
	assert_said("itself");
	free_authority(&stranger);
}

static void test_certificate_in_a_vendors_name_by_another_key_is_forged(void **state)
{
	struct authority forger;

	(void)state;
	make_authority(&forger, &of_authority, NULL);
	assert_int_equal(verify(&of_ek, &forger), SMR_E_SIGNATURE);
	assert_said("forged");
	free_authority(&forger);
}

static void test_issuing_certificate_counts_when_it_is_in_the_file(void **state)
{
	struct authority issuing;
	const struct authority *const both[] = {&vendor, &issuing};
	struct content content = of_authority;

	(void)state;
	content.subject = "issuing";
	make_authority(&issuing, &content, &vendor);
	assert_int_equal(verify(&of_ek, &issuing), SMR_E_UNTRUSTED_KEY);
	write_roots(both, 2);
	assert_int_equal(verify(&of_ek, &issuing), SMR_OK);
	write_roots(both + 1, 1);
	assert_int_equal(verify(&of_ek, &issuing), SMR_OK);
	assert_int_equal(verify(&of_ek, &vendor), SMR_E_UNTRUSTED_KEY);
	free_authority(&issuing);
}

/* The vendor certified somebody, but not to certify others. */
static void test_certificate_by_one_who_may_not_issue_is_refused(void **state)
{
	struct authority device;
	const struct authority *const both[] = {&vendor, &device};
	struct content content = of_ek;

	(void)state;
	content.subject = "device";
	make_authority(&device, &content, &vendor);
	assert_int_equal(verify(&of_ek, &device), SMR_E_UNTRUSTED_KEY);
	write_roots(both, 2); /* not even when somebody takes it for an issuer */
	assert_int_equal(verify(&of_ek, &device), SMR_E_UNTRUSTED_KEY);
	free_authority(&device);
}

/* ---- when, and for what ---- */

static void test_certificate_out_of_its_time_says_which_way(void **state)
{
	(void)state;
	assert_int_equal(verify_at(issue(ek, &of_ek, &vendor), NOW + 2 * DAY), SMR_E_EXPIRED);
	assert_said("expired on 2023-11-15");
	assert_int_equal(verify_at(issue(ek, &of_ek, &vendor), NOW - 2 * DAY), SMR_E_EXPIRED);
	assert_said("not valid before 2023-11-13");
}

static void test_certificate_of_an_issuer_out_of_its_time_says_so(void **state)
{
	struct content content = of_ek;

	(void)state;
	content.end = NOW + 1000 * DAY;
	assert_int_equal(verify_at(issue(ek, &content, &vendor), NOW + 20 * DAY), SMR_E_EXPIRED);
	assert_said("by somebody whose certificate expired");
}

static void test_certificate_for_another_purpose_is_none(void **state)
{
	static const char *const usages[] = {NULL, "serverAuth", "2.23.133.8.3", "serverAuth,2.23.133.8.1"};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(usages); i++) {
		struct content content = of_ek;
		bool good = i == 3;

		content.usage = usages[i];
		assert_int_equal(verify(&content, &vendor), good ? SMR_OK : SMR_E_UNTRUSTED_KEY);
		if (!good)
			assert_said("another purpose");
	}
}

static void test_certificate_of_another_kind_of_key_is_unsupported(void **state)
{
	EVP_PKEY *others[] = {EVP_EC_gen("P-384"), EVP_RSA_gen(2048), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(others); i++) {
		assert_int_equal(verify_at(issue(others[i], &of_ek, &vendor), NOW), SMR_E_UNSUPPORTED);
		assert_said("ECC P-256");
		EVP_PKEY_free(others[i]);
	}
}

/* ---- octets ---- */

static void test_certificate_altered_cut_or_longer_is_refused(void **state)
{
	X509 *certificate = issue(ek, &of_ek, &vendor);
	uint8_t room[SMR_ENDORSEMENT_MAX + 1] = {0};
	uint8_t *at = room;
	size_t len = (size_t)i2d_X509(certificate, &at);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		room[i] ^= 0x01;
		assert_int_not_equal(verify_der(smr_bytes_of(room, len), NOW), SMR_OK);
		room[i] ^= 0x01;
		assert_int_equal(verify_der(smr_bytes_of(room, i), NOW), SMR_E_MALFORMED);
	}
	assert_int_equal(verify_der(smr_bytes_of(room, len + 1), NOW), SMR_E_MALFORMED);
	assert_int_equal(verify_der(SMR_ARRAY(room), NOW), SMR_E_MALFORMED);
	assert_int_equal(verify_der(smr_bytes_of(room, len), NOW), SMR_OK);
	X509_free(certificate);
}

static enum smr_err try_roots(const char *content)
{
	struct smr_tpm_roots *roots;
	enum smr_err err;

	scratch_put("tried.pem", (const uint8_t *)content, strlen(content));
	err = smr_tpm_roots_open("tried.pem", &roots, &problem);
	assert_null(roots);
	assert_said("tried.pem");
	return err;
}

static void test_roots_without_a_certificate_or_with_a_broken_one_are_refused(void **state)
{
	struct smr_tpm_roots *roots;
	uint8_t good[4096];
	size_t len = scratch_get("roots.pem", good, sizeof(good) - 1);

	(void)state;
	assert_int_equal(smr_tpm_roots_open("missing.pem", &roots, &problem), SMR_E_NOT_FOUND);
	assert_int_equal(try_roots(""), SMR_E_MALFORMED);
	assert_said("no certificate");
	assert_int_equal(try_roots("vendor\n"), SMR_E_MALFORMED);
	good[len] = '\0';
	good[len / 2] = '!';
	assert_int_equal(try_roots((char *)good), SMR_E_MALFORMED);
	assert_said("certificate 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		endorsement_test(test_certificate_by_a_vendor_gives_its_key),
		endorsement_test(test_certificate_by_somebody_else_is_unknown),
		endorsement_test(test_certificate_in_a_vendors_name_by_another_key_is_forged),
		endorsement_test(test_issuing_certificate_counts_when_it_is_in_the_file),
		endorsement_test(test_certificate_by_one_who_may_not_issue_is_refused),
		endorsement_test(test_certificate_out_of_its_time_says_which_way),
		endorsement_test(test_certificate_of_an_issuer_out_of_its_time_says_so),
		endorsement_test(test_certificate_for_another_purpose_is_none),
		endorsement_test(test_certificate_of_another_kind_of_key_is_unsupported),
		endorsement_test(test_certificate_altered_cut_or_longer_is_refused),
		endorsement_test(test_roots_without_a_certificate_or_with_a_broken_one_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
