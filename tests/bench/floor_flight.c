/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of a flight: the public-key operations that the server cannot do without for a device that it knows from its shipment, and
 * nothing else. E is decompressed and multiplied with q; D, stored uncompressed, is brought to the curve and a signature verified; f is
 * made, and multiplied with E (design.md: 2 ECDH, 1 key generation, 1 verification, 1 decompression).
 *
 * Three ways through libcrypto are tried in turn, and the fastest is what is measured:
 *   ec     the EC_ functions
 *   power  the same, but the square root of the decompression by a single exponentiation (p = 3 mod 4), with p prepared
 *   evp    EVP, all fetched beforehand, contexts kept, no validation that the import has made unnecessary
 *
 * usage: floor_flight SECONDS [THREADS]      prints one JSON object: microseconds of each way, and the loop of the fastest
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

#define TURNS 8u
#define DEVICES 64 /* different keys and signatures, so that no step meets the same numbers each time */

struct device {
	unsigned char e[33];
	unsigned char d[65];
	unsigned char hash[32];
	unsigned char sig[64];
	unsigned char der[80];
	size_t der_len;
};

struct flight {
	struct device devices[DEVICES];
	BIGNUM *q;
	EC_KEY *d; /* its public point changes, the key stays */
	EC_POINT *d_point;
	BN_MONT_CTX *mont;
	BIGNUM *p, *a, *b, *root; /* root: (p + 1) / 4 */
	EVP_PKEY *params, *peer, *f;
	EVP_PKEY_CTX *derive_q, *keygen;
};

static struct flight *flight_of(const struct bare *b)
{
	return b->own;
}

static const struct device *device_of(const struct bare *b)
{
	return &flight_of(b)->devices[b->devices % DEVICES];
}

/* ---- ec ---- */

static bool ec_import_e(struct bare *b)
{
	return EC_POINT_oct2point(b->group, b->point, device_of(b)->e, 33, b->room) == 1;
}

static bool ec_multiply_q(struct bare *b)
{
	return bare_multiply(b, flight_of(b)->q);
}

static bool ec_import_d(struct bare *b)
{
	struct flight *f = flight_of(b);

	return EC_POINT_oct2point(b->group, f->d_point, device_of(b)->d, 65, b->room) == 1 &&
	       EC_KEY_set_public_key(f->d, f->d_point) == 1;
}

static bool ec_verify(struct bare *b)
{
	const struct device *device = device_of(b);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	bool good = ECDSA_SIG_set0(sig, BN_bin2bn(device->sig, 32, NULL), BN_bin2bn(device->sig + 32, 32, NULL)) == 1 &&
		    ECDSA_do_verify(device->hash, 32, sig, flight_of(b)->d) == 1;

	ECDSA_SIG_free(sig);
	return good;
}

static bool ec_generate_f(struct bare *b)
{
	unsigned char encoded[65];

	return bare_generate(b, encoded);
}

static bool ec_multiply_f(struct bare *b)
{
	return bare_multiply(b, b->scalar);
}

static const struct bare_operation ec[] = {
	{"import_e", ec_import_e}, {"multiply_q", ec_multiply_q}, {"import_d", ec_import_d},
	{"verify", ec_verify},	   {"generate_f", ec_generate_f}, {"multiply_f", ec_multiply_f},
};

/* ---- power ---- */

/* y² = (x² + a)x + b. Montgomery's product of a number and of another one in his form is their plain product. */
static bool power_square(const struct flight *f, BN_CTX *room, const BIGNUM *x, BIGNUM *square)
{
	BIGNUM *xr = BN_CTX_get(room);

	return xr != NULL && BN_to_montgomery(xr, x, f->mont, room) == 1 &&
	       BN_mod_mul_montgomery(square, xr, x, f->mont, room) == 1 &&
	       BN_mod_add_quick(square, square, f->a, f->p) == 1 &&
	       BN_mod_mul_montgomery(square, square, xr, f->mont, room) == 1 &&
	       BN_mod_add_quick(square, square, f->b, f->p) == 1;
}

/* A y² that is no square is seen when the point is put on the curve. */
static bool power_import_e(struct bare *b)
{
	struct flight *f = flight_of(b);
	const unsigned char *e = device_of(b)->e;
	BIGNUM *x, *y, *square;
	bool good;

	BN_CTX_start(b->room);
	x = BN_CTX_get(b->room);
	y = BN_CTX_get(b->room);
	square = BN_CTX_get(b->room);
	good = square != NULL && BN_bin2bn(e + 1, 32, x) != NULL && power_square(f, b->room, x, square) &&
	       BN_mod_exp_mont(y, square, f->root, f->p, b->room, f->mont) == 1;
	if (good && BN_is_odd(y) != (e[0] & 1))
		good = BN_sub(y, f->p, y) == 1;
	good = good && EC_POINT_set_affine_coordinates(b->group, b->point, x, y, b->room) == 1;
	BN_CTX_end(b->room);
	return good;
}

static const struct bare_operation power[] = {
	{"import_e", power_import_e}, {"multiply_q", ec_multiply_q}, {"import_d", ec_import_d},
	{"verify", ec_verify},	      {"generate_f", ec_generate_f}, {"multiply_f", ec_multiply_f},
};

/* ---- evp ---- */

static EVP_PKEY *evp_import(const struct flight *f, const unsigned char *point, size_t len)
{
	EVP_PKEY *key = EVP_PKEY_new();

	if (key != NULL && EVP_PKEY_copy_parameters(key, f->params) == 1 &&
	    EVP_PKEY_set1_encoded_public_key(key, point, len) == 1)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool evp_import_e(struct bare *b)
{
	struct flight *f = flight_of(b);

	EVP_PKEY_free(f->peer);
	f->peer = evp_import(f, device_of(b)->e, 33);
	return f->peer != NULL;
}

static bool evp_derive(EVP_PKEY_CTX *own, EVP_PKEY *peer)
{
	unsigned char x[32];
	size_t len = sizeof(x);

	return EVP_PKEY_derive_set_peer_ex(own, peer, 0) == 1 && EVP_PKEY_derive(own, x, &len) == 1;
}

static bool evp_multiply_q(struct bare *b)
{
	return evp_derive(flight_of(b)->derive_q, flight_of(b)->peer);
}

static bool evp_verify(struct bare *b)
{
	const struct device *device = device_of(b);
	EVP_PKEY *key = evp_import(flight_of(b), device->d, 65);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
		    EVP_PKEY_verify(ctx, device->der, device->der_len, device->hash, 32) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

static bool evp_generate_f(struct bare *b)
{
	struct flight *f = flight_of(b);
	unsigned char encoded[65];
	size_t len;

	EVP_PKEY_free(f->f);
	f->f = NULL;
	return EVP_PKEY_generate(f->keygen, &f->f) == 1 &&
	       EVP_PKEY_get_octet_string_param(f->f, OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof(encoded), &len) == 1;
}

static bool evp_multiply_f(struct bare *b)
{
	struct flight *f = flight_of(b);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, f->f, NULL);
	bool good = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 && evp_derive(ctx, f->peer);

	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* The verification brings D to the curve itself. */
static const struct bare_operation evp[] = {
	{"import_e", evp_import_e},	{"multiply_q", evp_multiply_q}, {"verify", evp_verify},
	{"generate_f", evp_generate_f}, {"multiply_f", evp_multiply_f},
};

/* ---- what they work on ---- */

static bool point_of(struct bare *b, point_conversion_form_t form, unsigned char *out, size_t len)
{
	return bare_draw(b) && EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) == 1 &&
	       EC_POINT_point2oct(b->group, b->product, form, out, len, b->room) == len;
}

static bool make_signature(struct bare *b, struct device *device)
{
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	ECDSA_SIG *sig = NULL;
	unsigned char *der = device->der;
	int len = 0;
	bool good = key != NULL && EC_KEY_generate_key(key) == 1 &&
		    EC_POINT_point2oct(b->group, EC_KEY_get0_public_key(key), POINT_CONVERSION_UNCOMPRESSED, device->d,
				       65, b->room) == 65 &&
		    RAND_bytes(device->hash, 32) == 1 && (sig = ECDSA_do_sign(device->hash, 32, key)) != NULL &&
		    BN_bn2binpad(ECDSA_SIG_get0_r(sig), device->sig, 32) == 32 &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(sig), device->sig + 32, 32) == 32 &&
		    (len = i2d_ECDSA_SIG(sig, &der)) > 0;

	device->der_len = (size_t)len;
	ECDSA_SIG_free(sig);
	EC_KEY_free(key);
	return good;
}

static bool prepare_ec(struct bare *b, struct flight *f)
{
	f->q = BN_secure_new();
	f->d = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	f->d_point = EC_POINT_new(b->group);
	f->p = BN_new();
	f->a = BN_new();
	f->b = BN_new();
	f->root = BN_new();
	f->mont = BN_MONT_CTX_new();
	return f->q != NULL && f->d != NULL && f->mont != NULL && bare_draw(b) && BN_copy(f->q, b->scalar) != NULL &&
	       EC_GROUP_get_curve(b->group, f->p, f->a, f->b, b->room) == 1 && BN_copy(f->root, f->p) != NULL &&
	       BN_add_word(f->root, 1) == 1 && BN_rshift(f->root, f->root, 2) == 1 &&
	       BN_MONT_CTX_set(f->mont, f->p, b->room) == 1;
}

static bool prepare_evp(struct flight *f)
{
	EVP_PKEY *q = EVP_EC_gen("P-256");

	f->params = EVP_EC_gen("P-256");
	f->keygen = EVP_PKEY_CTX_new_from_pkey(NULL, f->params, NULL);
	f->derive_q = EVP_PKEY_CTX_new_from_pkey(NULL, q, NULL);
	EVP_PKEY_free(q);
	return f->keygen != NULL && f->derive_q != NULL && EVP_PKEY_keygen_init(f->keygen) == 1 &&
	       EVP_PKEY_derive_init(f->derive_q) == 1;
}

static bool prepare(struct bare *b)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (f == NULL || !bare_prepare(b))
		return false;
	b->own = f;
	if (!prepare_ec(b, f) || !prepare_evp(f))
		return false;
	for (int i = 0; i < DEVICES; i++)
		if (!point_of(b, POINT_CONVERSION_COMPRESSED, f->devices[i].e, 33) ||
		    !make_signature(b, &f->devices[i]))
			return false;
	return true;
}

/* ---- the ways ---- */

static const struct way {
	const char *name;
	struct bare_loop loop;
} ways[] = {
	{"ec", {ec, sizeof(ec) / sizeof(ec[0])}},
	{"power", {power, sizeof(power) / sizeof(power[0])}},
	{"evp", {evp, sizeof(evp) / sizeof(evp[0])}},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/** Microseconds of each way, in many short turns: one longer stretch of each would compare the machine's better and worse moments. */
static bool compare(struct bare *b, double seconds, double us[WAYS])
{
	double processor[WAYS] = {0};
	unsigned long devices[WAYS] = {0};

	for (size_t turn = 0; turn < TURNS * WAYS; turn++) {
		size_t way = turn % WAYS;

		if (!bare_measure(b, 1, &ways[way].loop, seconds / (double)(TURNS * WAYS)))
			return false;
		processor[way] += b->processor;
		devices[way] += b->devices;
	}
	for (size_t i = 0; i < WAYS; i++)
		us[i] = processor[i] / (double)devices[i] * 1e6;
	return true;
}

static size_t fastest(const double us[WAYS])
{
	size_t best = 0;

	for (size_t i = 1; i < WAYS; i++)
		if (us[i] < us[best])
			best = i;
	return best;
}

static int measure(struct bare *all, double seconds, size_t threads)
{
	double us[WAYS];
	const struct way *best;
	double start;

	for (size_t i = 0; i < threads; i++)
		if (!prepare(&all[i]))
			return 1;
	if (!compare(all, seconds * 3 / 8, us))
		return 1;
	best = &ways[fastest(us)];
	(void)printf("{\"ways\": {");
	for (size_t i = 0; i < WAYS; i++)
		(void)printf("%s\"%s\": %.2f", i ? ", " : "", ways[i].name, us[i]);
	(void)printf("}, \"fastest\": \"%s\", \"loop\": ", best->name);
	start = bare_now(CLOCK_MONOTONIC);
	if (!bare_measure(all, threads, &best->loop, seconds * 5 / 8))
		return 1;
	bare_report(all, threads, bare_now(CLOCK_MONOTONIC) - start);
	(void)printf("}\n");
	return 0;
}

int main(int argc, char **argv)
{
	static struct bare all[BARE_THREADS_MAX];
	double seconds = argc >= 2 ? strtod(argv[1], NULL) : 0;
	long threads = argc == 3 ? strtol(argv[2], NULL, 10) : 1;

	if (argc > 3 || seconds <= 0 || threads < 1 || (unsigned long)threads > BARE_THREADS_MAX) {
		(void)fprintf(stderr, "usage: floor_flight SECONDS [THREADS]\n");
		return 2;
	}
	return measure(all, seconds, (size_t)threads);
}
