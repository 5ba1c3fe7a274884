/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing goes through EVP: its nonce generation (drawn from the private generator and mixed with the key and the hash)
 * and its blinded, constant-time inversion are the library's, and nothing here touches the scalar but to hand it over.
 *
 * Verifying knows no secret. It uses the EC_KEY functions, which OpenSSL 3 calls deprecated: they are the code that EVP
 * ends in, and spare each request the making of an EVP key for a device that is seen once: a fifth of the verification.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "crypto/openssl/local.h"

#define DER_SIG_MAX 72u /* SEQUENCE of two INTEGERs of at most 33 octets, each with a header of 2 */
#define HALF (SMR_SIG_LEN / 2)

static void free_sig(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

static EVP_PKEY *make_private_pkey(const struct smr_privkey *key)
{
	const struct smr_ossl_key *impl = key->impl;
	uint8_t native[SMR_SCALAR_LEN]; /* OSSL_PARAM numbers are in the machine's own octet order */
	uint8_t point[SMR_POINT_LEN];	/* a copy because OSSL_PARAM wants it writable */
	char name[] = SN_X9_62_prime256v1;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native)),
		OSSL_PARAM_construct_end(),
	};
	SMR_SCOPED(smr_ossl_free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	memcpy(point, key->point, sizeof(point));
	if (ctx != NULL && BN_bn2nativepad(impl->scalar, native, sizeof(native)) == (int)sizeof(native) &&
	    EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params); /* on failure pkey stays NULL */
	SMR_WIPE(native);
	return pkey;
}

/* Takes over @p pkey. */
static EVP_PKEY_CTX *make_context(EVP_PKEY *pkey, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *ctx;

	if (pkey == NULL)
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	EVP_PKEY_free(pkey); /* the context holds it from here */
	if (ctx == NULL)
		return NULL;
	if (init(ctx) != 1) {
		EVP_PKEY_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* Two threads may both find the key without a context and both make one: the first to publish wins. */
static EVP_PKEY_CTX *publish(struct smr_ossl_key *impl, EVP_PKEY_CTX *made)
{
	EVP_PKEY_CTX *present = NULL;

	if (made == NULL || atomic_compare_exchange_strong(&impl->ecdsa, &present, made))
		return made;
	EVP_PKEY_CTX_free(made);
	return present;
}

static EVP_PKEY_CTX *signing_context(const struct smr_privkey *key)
{
	struct smr_ossl_key *impl = key->impl;
	EVP_PKEY_CTX *ctx = atomic_load(&impl->ecdsa);

	if (ctx == NULL)
		ctx = publish(impl, make_context(make_private_pkey(key), EVP_PKEY_sign_init));
	return ctx == NULL ? NULL : EVP_PKEY_CTX_dup(ctx);
}

static bool raw_from_der(const uint8_t *der, size_t len, uint8_t raw[SMR_SIG_LEN])
{
	SMR_SCOPED(free_sig) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	return sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, HALF) == (int)HALF &&
	       BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + HALF, HALF) == (int)HALF;
}

enum smr_err smr_ecdsa_sign(const struct smr_privkey *key, const uint8_t hash[SMR_HASH_LEN], uint8_t sig[SMR_SIG_LEN])
{
	uint8_t der[DER_SIG_MAX];
	size_t len = sizeof(der);

	if (smr_ossl_get() == NULL || key->impl == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);

	SMR_SCOPED(smr_ossl_free_pkey_ctx) EVP_PKEY_CTX *ctx = signing_context(key);

	if (ctx == NULL || EVP_PKEY_sign(ctx, der, &len, hash, SMR_HASH_LEN) != 1 || !raw_from_der(der, len, sig))
		return smr_ossl_fail(SMR_E_CRYPTO);
	return SMR_OK;
}

/*
 * Whoever holds the private key can choose r so that the sum of the two products is the point at infinity (FIPS 186-5
 * section 6.4.2: reject). The library reports it as a failure of its own, which callers would blame on this machine.
 */
static bool sum_at_infinity(void)
{
	unsigned long first = ERR_peek_error();

	return ERR_GET_LIB(first) == ERR_LIB_EC && ERR_GET_REASON(first) == EC_R_POINT_AT_INFINITY;
}

static ECDSA_SIG *sig_from_raw(const uint8_t raw[SMR_SIG_LEN])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, HALF, NULL);
	BIGNUM *s = BN_bin2bn(raw + HALF, HALF, NULL);

	if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return NULL;
	}
	return sig;
}

enum smr_err smr_ecdsa_verify(const struct smr_pubkey *key, const uint8_t hash[SMR_HASH_LEN],
			      const uint8_t sig[SMR_SIG_LEN])
{
	const struct smr_ossl *lib = smr_ossl_get();
	const struct smr_ossl_key *impl = key->impl;
	struct smr_ossl_room *room = lib != NULL ? smr_ossl_room(lib) : NULL;
	int verdict;

	if (room == NULL || impl == NULL || EC_KEY_set_public_key(room->verifier, impl->point) != 1)
		return smr_ossl_fail(SMR_E_CRYPTO);

	SMR_SCOPED(free_sig) ECDSA_SIG *numbers = sig_from_raw(sig);

	if (numbers == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);
	/* 1 is valid, 0 is not (r or s out of range included), anything else is a failure of the library, but for one. */
	verdict = ECDSA_do_verify(hash, SMR_HASH_LEN, numbers, room->verifier);
	if (verdict == 1)
		return SMR_OK;
	return smr_ossl_fail(verdict == 0 || sum_at_infinity() ? SMR_E_SIGNATURE : SMR_E_CRYPTO);
}
