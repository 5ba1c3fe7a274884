/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and Diffie-Hellman.
 *
 * Constant time: the scalar meets only EC_POINT_mul with one point, which is what the library's own ECDH does: the
 * fixed-window code of its P-256 module, or the Montgomery ladder where that module is not built in. What is secret
 * here and passes through the heap (numbers, points) is released with the clearing functions.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "crypto/openssl/local.h"

#define POINT_UNCOMPRESSED 0x04u
#define POINT_EVEN_Y 0x02u

/* Order of the group of P-256, SP 800-186 section 3.2.1.3. */
static const uint8_t p256_order[SMR_SCALAR_LEN] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

/* Is 0 < scalar < order? Walks all octets whatever they are; only the answer is public. */
static bool scalar_is_in_range(const uint8_t scalar[SMR_SCALAR_LEN])
{
	uint32_t any = 0;
	uint32_t borrow = 0;

	for (size_t i = SMR_SCALAR_LEN; i-- > 0;) {
		any |= scalar[i];
		borrow = ((uint32_t)scalar[i] - p256_order[i] - borrow) >> 31;
	}
	return (any != 0) & (borrow == 1);
}

void smr_ossl_key_free(struct smr_ossl_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_CTX_free(atomic_load(&key->ecdsa));
	BN_clear_free(key->scalar);
	EC_POINT_clear_free(key->point);
	OPENSSL_clear_free(key, sizeof(*key));
}

static struct smr_ossl_key *key_new(const struct smr_ossl *lib)
{
	struct smr_ossl_key *key = OPENSSL_zalloc(sizeof(*key));

	if (key == NULL)
		return NULL;
	atomic_init(&key->ecdsa, NULL);
	key->point = EC_POINT_new(lib->p256);
	if (key->point == NULL) {
		smr_ossl_key_free(key);
		return NULL;
	}
	return key;
}

static bool point_encode(const struct smr_ossl *lib, const EC_POINT *point, uint8_t out[SMR_POINT_LEN])
{
	return EC_POINT_point2oct(lib->p256, point, POINT_CONVERSION_UNCOMPRESSED, out, SMR_POINT_LEN, NULL) ==
	       SMR_POINT_LEN;
}

/* The context that EC_POINT_mul makes for itself when given none is cleared when it is freed: a kept one would hold
 * remnants of the secret. */
static bool load_scalar(const struct smr_ossl *lib, struct smr_privkey *key)
{
	struct smr_ossl_key *impl = key->impl;

	impl->scalar = BN_secure_new();
	if (impl->scalar == NULL || BN_bin2bn(key->scalar, SMR_SCALAR_LEN, impl->scalar) == NULL)
		return false;
	BN_set_flags(impl->scalar, BN_FLG_CONSTTIME);
	return EC_POINT_mul(lib->p256, impl->point, impl->scalar, NULL, NULL, NULL) == 1 &&
	       point_encode(lib, impl->point, key->point);
}

enum smr_err smr_privkey_import(struct smr_privkey *key, const uint8_t scalar[SMR_SCALAR_LEN])
{
	const struct smr_ossl *lib = smr_ossl_get();

	memset(key, 0, sizeof(*key));
	if (lib == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);
	if (!scalar_is_in_range(scalar))
		return SMR_E_BAD_POINT;
	memcpy(key->scalar, scalar, sizeof(key->scalar));
	key->impl = key_new(lib);
	if (key->impl == NULL || !load_scalar(lib, key)) {
		smr_privkey_wipe(key);
		return smr_ossl_fail(SMR_E_CRYPTO);
	}
	return SMR_OK;
}

/* FIPS 186-5 A.2.2: draw until the candidate is in range. One draw in 2^32 is not, so the loop hardly ever turns;
 * a generator that fails eight times in a row is broken. */
static enum smr_err draw_scalar(uint8_t scalar[SMR_SCALAR_LEN])
{
	for (int attempt = 0; attempt < 8; attempt++) {
		if (RAND_priv_bytes(scalar, SMR_SCALAR_LEN) != 1)
			break;
		if (scalar_is_in_range(scalar))
			return SMR_OK;
	}
	return smr_ossl_fail(SMR_E_CRYPTO);
}

enum smr_err smr_privkey_generate(struct smr_privkey *key)
{
	uint8_t scalar[SMR_SCALAR_LEN];
	enum smr_err err = draw_scalar(scalar);

	if (err == SMR_OK)
		err = smr_privkey_import(key, scalar);
	else
		SMR_WIPE(*key);
	SMR_WIPE(scalar);
	return err;
}

void smr_privkey_wipe(struct smr_privkey *key)
{
	smr_ossl_key_free(key->impl);
	SMR_WIPE(*key);
}

/* The library also decodes the hybrid forms 06 and 07 and the single octet of infinity, which we do not speak. */
static bool point_form_is_ours(struct smr_bytes point)
{
	if (point.len == SMR_POINT_LEN)
		return point.ptr[0] == POINT_UNCOMPRESSED;
	if (point.len == SMR_POINT_COMPRESSED_LEN)
		return (point.ptr[0] | 1u) == (POINT_EVEN_Y | 1u);
	return false;
}

/*
 * y = (x³ - 3x + b)^((p + 1) / 4), which is a root where there is one, p being 3 modulo 4 (SEC 1 section 2.3.4). What the
 * library does for the same takes a half longer, since it prepares its arithmetic modulo p each time. The point is
 * public: variable time. Montgomery's product of a number and one multiplied by R is their plain product.
 */
static bool solve(const struct smr_ossl *lib, BN_CTX *numbers, const BIGNUM *x, BIGNUM *y)
{
	BIGNUM *xr = BN_CTX_get(numbers);
	BIGNUM *square = BN_CTX_get(numbers);

	return square != NULL && BN_to_montgomery(xr, x, lib->field, numbers) == 1 &&
	       BN_mod_mul_montgomery(square, xr, x, lib->field, numbers) == 1 &&
	       BN_mod_add_quick(square, square, lib->a, lib->p) == 1 &&
	       BN_mod_mul_montgomery(square, square, xr, lib->field, numbers) == 1 &&
	       BN_mod_add_quick(square, square, lib->b, lib->p) == 1 &&
	       BN_mod_exp_mont(y, square, lib->root, lib->p, numbers, lib->field) == 1;
}

/* The library checks that the pair is on the curve, which it is not where there was no root. */
static bool decompress(const struct smr_ossl *lib, BN_CTX *numbers, const uint8_t in[SMR_POINT_COMPRESSED_LEN],
		       EC_POINT *point, uint8_t out[SMR_POINT_LEN])
{
	BIGNUM *x = BN_CTX_get(numbers);
	BIGNUM *y = BN_CTX_get(numbers);

	if (y == NULL || BN_bin2bn(in + 1, SMR_SCALAR_LEN, x) == NULL || BN_cmp(x, lib->p) >= 0 ||
	    !solve(lib, numbers, x, y))
		return false;
	if (BN_is_odd(y) != (in[0] & 1) && BN_sub(y, lib->p, y) != 1)
		return false;
	out[0] = POINT_UNCOMPRESSED;
	memcpy(out + 1, in + 1, SMR_SCALAR_LEN);
	return EC_POINT_set_affine_coordinates(lib->p256, point, x, y, numbers) == 1 &&
	       BN_bn2binpad(y, out + 1 + SMR_SCALAR_LEN, SMR_SCALAR_LEN) == (int)SMR_SCALAR_LEN;
}

/* Refuses coordinates that are not below p and pairs that are not on the curve. Nothing more is needed: the group has
 * prime order, so every point of the curve but infinity generates all of it. */
static bool decode(const struct smr_ossl *lib, BN_CTX *numbers, struct smr_bytes in, EC_POINT *point,
		   uint8_t out[SMR_POINT_LEN])
{
	bool done;

	if (in.len == SMR_POINT_LEN) {
		memcpy(out, in.ptr, SMR_POINT_LEN);
		return EC_POINT_oct2point(lib->p256, point, in.ptr, in.len, numbers) == 1;
	}
	BN_CTX_start(numbers);
	done = decompress(lib, numbers, in.ptr, point, out);
	BN_CTX_end(numbers);
	return done;
}

enum smr_err smr_pubkey_import(struct smr_pubkey *key, struct smr_bytes point)
{
	const struct smr_ossl *lib = smr_ossl_get();
	const struct smr_ossl_room *room = lib != NULL ? smr_ossl_room(lib) : NULL;
	struct smr_ossl_key *impl;

	memset(key, 0, sizeof(*key));
	if (room == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);
	if (!point_form_is_ours(point))
		return SMR_E_BAD_POINT;
	key->impl = impl = key_new(lib);
	if (impl == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);
	if (!decode(lib, room->numbers, point, impl->point, key->point)) {
		smr_pubkey_wipe(key);
		return smr_ossl_fail(SMR_E_BAD_POINT);
	}
	return SMR_OK;
}

void smr_pubkey_wipe(struct smr_pubkey *key)
{
	smr_ossl_key_free(key->impl);
	SMR_WIPE(*key);
}

void smr_point_compress(const uint8_t point[SMR_POINT_LEN], uint8_t out[SMR_POINT_COMPRESSED_LEN])
{
	uint8_t form = (uint8_t)(POINT_EVEN_Y | (point[SMR_POINT_LEN - 1] & 1u));

	memmove(out + 1, point + 1, SMR_POINT_COMPRESSED_LEN - 1);
	out[0] = form;
}

enum smr_err smr_ecdh(const struct smr_privkey *own, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	const struct smr_ossl *lib = smr_ossl_get();
	const struct smr_ossl_key *mine = own->impl;
	const struct smr_ossl_key *theirs = peer->impl;

	if (lib == NULL || mine == NULL || theirs == NULL)
		return smr_ossl_fail(SMR_E_CRYPTO);

	SMR_SCOPED(smr_ossl_free_point) EC_POINT *product = EC_POINT_new(lib->p256);
	SMR_SCOPED(smr_ossl_free_number) BIGNUM *x = BN_secure_new();

	/* The coordinates of infinity do not exist, so the second call also refuses that (unreachable) product. */
	if (product == NULL || x == NULL ||
	    EC_POINT_mul(lib->p256, product, NULL, theirs->point, mine->scalar, NULL) != 1 ||
	    EC_POINT_get_affine_coordinates(lib->p256, product, x, NULL, NULL) != 1 ||
	    BN_bn2binpad(x, out, SMR_DH_LEN) != (int)SMR_DH_LEN) {
		smr_wipe(out, SMR_DH_LEN);
		return smr_ossl_fail(SMR_E_CRYPTO);
	}
	return SMR_OK;
}
