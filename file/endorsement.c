/* SPDX-License-Identifier: Apache-2.0 */
#include "file/endorsement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sys/fsio.h"

#define EK_CERTIFICATE "2.23.133.8.1" /* tcg-kp-EKCertificate */
#define STRENGTH 2		      /* 112 bits: no SHA-1, no RSA below 2,048 */
#define NAME_MAX_LEN 160

struct smr_tpm_roots {
	X509_STORE *store;
	char *path; /* for words */
};

/* ---- roots ---- */

/* PEM may be encrypted; nobody is asked for a password. */
static int no_password(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static enum smr_err add_next(struct smr_tpm_roots *roots, FILE *file)
{
	X509 *certificate = PEM_read_X509(file, NULL, no_password, NULL);
	bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	bool added;

	ERR_clear_error();
	if (certificate == NULL)
		return at_end ? SMR_E_NOTHING : SMR_E_MALFORMED;
	added = X509_STORE_add_cert(roots->store, certificate) == 1;
	X509_free(certificate);
	return added ? SMR_OK : SMR_E_NO_MEMORY;
}

static enum smr_err read_all(struct smr_tpm_roots *roots, FILE *file, struct smr_problem *problem)
{
	unsigned count = 0;
	enum smr_err err;

	while ((err = add_next(roots, file)) == SMR_OK)
		count++;
	if (err == SMR_E_MALFORMED)
		return smr_problem(problem, err, "%s: certificate %u cannot be read", roots->path, count + 1);
	if (err != SMR_E_NOTHING)
		return smr_problem(problem, err, "%s: %s", roots->path,
				   smr_err_text(err)); /* uncovered: out of memory */
	if (ferror(file) != 0)
		return smr_problem(problem, SMR_E_IO, "%s: %s", roots->path, smr_err_text(SMR_E_IO));
	if (count == 0)
		return smr_problem(problem, SMR_E_MALFORMED,
				   "%s: there is no certificate in it: give the TPM vendors' certificates in PEM "
				   "(-----BEGIN CERTIFICATE-----)",
				   roots->path);
	return SMR_OK;
}

static enum smr_err read_file(struct smr_tpm_roots *roots, struct smr_problem *problem)
{
	FILE *file = fopen(roots->path, "re");
	enum smr_err err;

	if (file == NULL)
		return smr_problem(problem, smr_fs_err(errno), "%s: %s", roots->path, strerror(errno));
	err = read_all(roots, file, problem);
	(void)fclose(file);
	return err;
}

static bool prepare(struct smr_tpm_roots *roots, const char *path)
{
	X509_VERIFY_PARAM *rules;

	roots->path = strdup(path);
	roots->store = X509_STORE_new();
	if (roots->path == NULL || roots->store == NULL)
		return false;
	rules = X509_STORE_get0_param(roots->store);
	X509_VERIFY_PARAM_set_auth_level(rules, STRENGTH);
	return X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

enum smr_err smr_tpm_roots_open(const char *path, struct smr_tpm_roots **out, struct smr_problem *problem)
{
	struct smr_tpm_roots *roots = calloc(1, sizeof(*roots));
	enum smr_err err = SMR_E_NO_MEMORY;

	*out = NULL;
	if (roots == NULL || !prepare(roots, path))
		(void)smr_problem(problem, err, "%s", smr_err_text(err)); /* uncovered: out of memory */
	else
		err = read_file(roots, problem);
	if (err != SMR_OK) {
		smr_tpm_roots_close(roots);
		return err;
	}
	*out = roots;
	return SMR_OK;
}

void smr_tpm_roots_close(struct smr_tpm_roots *roots)
{
	if (roots == NULL)
		return;
	X509_STORE_free(roots->store);
	free(roots->path);
	free(roots);
}

/* ---- words ---- */

/* Who issued it, as it says itself; control characters come out escaped. */
static void issuer_of(const X509 *certificate, char out[NAME_MAX_LEN])
{
	BIO *text = BIO_new(BIO_s_mem());
	int len = 0;

	if (text != NULL && X509_NAME_print_ex(text, X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_read(text, out, NAME_MAX_LEN - 1);
	out[len > 0 ? len : 0] = '\0';
	BIO_free(text);
}

/* «2026-11-23» */
static void day_of(const ASN1_TIME *time, char out[12])
{
	struct tm day = {0};

	out[0] = '\0';
	if (ASN1_TIME_to_tm(time, &day) == 1)
		(void)strftime(out, 12, "%Y-%m-%d", &day);
}

/* Both commands that verify have --unendorsed. */
static enum smr_err out_of_time(const struct smr_tpm_roots *roots, const X509_STORE_CTX *ctx, bool over,
				struct smr_problem *problem)
{
	const X509 *certificate = X509_STORE_CTX_get_current_cert(ctx);
	bool of_issuer = X509_STORE_CTX_get_error_depth(ctx) > 0;
	const char *whose = of_issuer ? " is by somebody whose certificate" : "";
	char day[12];

	day_of(over ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate), day);
	if (!over)
		return smr_problem(
			problem, SMR_E_EXPIRED,
			"the endorsement certificate%s is not valid before %s (is this machine's clock right?)", whose,
			day);
	if (of_issuer)
		return smr_problem(problem, SMR_E_EXPIRED,
				   "the endorsement certificate%s expired on %s: add the vendor's newer one to %s, or "
				   "do without its word (--unendorsed)",
				   whose, day, roots->path);
	return smr_problem(problem, SMR_E_EXPIRED,
			   "the endorsement certificate expired on %s: take a newer one of the vendor's for this TPM, "
			   "or do without its word (--unendorsed)",
			   day);
}

static enum smr_err explain(const struct smr_tpm_roots *roots, const X509 *certificate, const X509_STORE_CTX *ctx,
			    struct smr_problem *problem)
{
	int reason = X509_STORE_CTX_get_error(ctx);
	char issuer[NAME_MAX_LEN];

	issuer_of(certificate, issuer);
	switch (reason) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return out_of_time(roots, ctx, reason == X509_V_ERR_CERT_HAS_EXPIRED, problem);
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return smr_problem(
			problem, SMR_E_SIGNATURE,
			"the endorsement certificate is forged: it bears the name of «%s» but not its signature",
			issuer);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return smr_problem(
			problem, SMR_E_UNTRUSTED_KEY,
			"the endorsement certificate is by «%s», for whom nobody in %s vouches: if that is a TPM "
			"vendor, add its certificate as the vendor publishes it",
			issuer, roots->path);
	default:
		return smr_problem(problem, SMR_E_UNTRUSTED_KEY, "the endorsement certificate by «%s»: %s", issuer,
				   X509_verify_cert_error_string(reason));
	}
}

/* ---- verification ---- */

static enum smr_err check_chain(const struct smr_tpm_roots *roots, X509 *certificate, uint64_t now,
				struct smr_problem *problem)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum smr_err err = SMR_OK;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, roots->store, certificate, NULL) != 1) {
		X509_STORE_CTX_free(ctx); /* uncovered: out of memory */
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)now);
	if (X509_verify_cert(ctx) != 1)
		err = explain(roots, certificate, ctx, problem);
	X509_STORE_CTX_free(ctx);
	return err;
}

static bool says_endorsement(const X509 *certificate)
{
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
	ASN1_OBJECT *wanted = OBJ_txt2obj(EK_CERTIFICATE, 1);
	bool found = false;

	for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
		found = found || OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted) == 0;
	ASN1_OBJECT_free(wanted);
	EXTENDED_KEY_USAGE_free(usages);
	return found;
}

static enum smr_err take_key(const X509 *certificate, uint8_t ek[SMR_POINT_LEN])
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	struct smr_pubkey imported = {0};
	uint8_t point[SMR_POINT_LEN];
	char curve[32] = "";
	size_t len = 0;

	if (key == NULL || EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1 ||
	    strcmp(curve, SN_X9_62_prime256v1) != 0 ||
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof(point), &len) != 1 ||
	    smr_pubkey_import(&imported, smr_bytes_of(point, len)) != SMR_OK)
		return SMR_E_UNSUPPORTED;
	memcpy(ek, imported.point, SMR_POINT_LEN);
	smr_pubkey_wipe(&imported);
	return SMR_OK;
}

static enum smr_err check(const struct smr_tpm_roots *roots, X509 *certificate, uint64_t now, uint8_t ek[SMR_POINT_LEN],
			  struct smr_problem *problem)
{
	uint8_t point[SMR_POINT_LEN];

	SMR_TRY(check_chain(roots, certificate, now, problem));
	if (!says_endorsement(certificate))
		return smr_problem(problem, SMR_E_UNTRUSTED_KEY,
				   "the endorsement certificate is none: its vendor gave it out for another purpose");
	if (take_key(certificate, point) != SMR_OK)
		return smr_problem(problem, SMR_E_UNSUPPORTED,
				   "the endorsement certificate is for a key of another kind than ECC P-256");
	memcpy(ek, point, sizeof(point));
	return SMR_OK;
}

enum smr_err smr_endorsement_verify(const struct smr_tpm_roots *roots, struct smr_bytes der, uint64_t now,
				    uint8_t ek[SMR_POINT_LEN], struct smr_problem *problem)
{
	const uint8_t *at = der.ptr;
	X509 *certificate = der.len <= SMR_ENDORSEMENT_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
	enum smr_err err;

	if (certificate == NULL || at != der.ptr + der.len)
		err = smr_problem(problem, SMR_E_MALFORMED, "the endorsement certificate cannot be read as X.509");
	else
		err = check(roots, certificate, now, ek, problem);
	X509_free(certificate);
	ERR_clear_error();
	return err;
}
