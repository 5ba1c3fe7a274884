/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sealing for one device cannot do without, and nothing else: make an ephemeral key, bring T to the curve, multiply,
 * sign. Straight on libcrypto, each operation the fastest way it offers, as many threads as asked for, for a number of
 * seconds. Prints one JSON object: devices per second, and microseconds of processor per device and operation.
 *
 * usage: seal_bare SECONDS THREADS
 *        seal_bare points COUNT      prints so many pairs of different points, «d,t», for lists of devices
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

#define POINTS 64 /* different T, so that no step meets the same numbers each time */

struct sealing {
	EC_KEY *signer;
	unsigned char t[POINTS][33];
};

static const unsigned char *t_of(const struct bare *b)
{
	const struct sealing *s = b->own;

	return s->t[b->devices % POINTS];
}

static bool generate(struct bare *b)
{
	unsigned char encoded[65];

	return bare_generate(b, encoded);
}

static bool import(struct bare *b)
{
	return EC_POINT_oct2point(b->group, b->point, t_of(b), 33, b->room) == 1;
}

static bool multiply(struct bare *b)
{
	return bare_multiply(b, b->scalar);
}

static bool sign(struct bare *b)
{
	const struct sealing *s = b->own;
	ECDSA_SIG *sig = ECDSA_do_sign(t_of(b) + 1, 32, s->signer);

	ECDSA_SIG_free(sig);
	return sig != NULL;
}

static const struct bare_operation operations[] = {
	{"generate", generate},
	{"import", import},
	{"multiply", multiply},
	{"sign", sign},
};
static const struct bare_loop loop = {operations, sizeof(operations) / sizeof(operations[0])};

static bool prepare(struct bare *b)
{
	struct sealing *s = calloc(1, sizeof(*s));

	if (s == NULL || !bare_prepare(b))
		return false;
	b->own = s;
	s->signer = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	if (s->signer == NULL || EC_KEY_generate_key(s->signer) != 1)
		return false;
	for (int i = 0; i < POINTS; i++)
		if (!bare_draw(b) || EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) != 1 ||
		    EC_POINT_point2oct(b->group, b->product, POINT_CONVERSION_COMPRESSED, s->t[i], 33, b->room) != 33)
			return false;
	return true;
}

/* ---- points for lists of devices ---- */

/* A random point and its successors: much cheaper than as many keys, and as good for whoever only seals to them. */
static bool print_points(struct bare *b, long count)
{
	char *text = NULL;

	if (!bare_draw(b) || EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) != 1)
		return false;
	for (long i = 0; i < 2 * count; i++) {
		text = EC_POINT_point2hex(b->group, b->product, POINT_CONVERSION_COMPRESSED, b->room);
		if (text == NULL || printf("%s%c", text, i % 2 == 0 ? ',' : '\n') < 0)
			return false;
		OPENSSL_free(text);
		if (EC_POINT_add(b->group, b->product, b->product, EC_GROUP_get0_generator(b->group), b->room) != 1)
			return false;
	}
	return true;
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: seal_bare SECONDS THREADS | seal_bare points COUNT\n");
	return 2;
}

static int measure(struct bare *all, double seconds, size_t threads)
{
	double start;

	for (size_t i = 0; i < threads; i++)
		if (!prepare(&all[i]))
			return 1;
	start = bare_now(CLOCK_MONOTONIC);
	if (!bare_measure(all, threads, &loop, seconds))
		return 1;
	bare_report(all, threads, bare_now(CLOCK_MONOTONIC) - start);
	(void)putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	static struct bare all[BARE_THREADS_MAX];
	long number = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	double seconds = argc == 3 ? strtod(argv[1], NULL) : 0;

	if (number < 1)
		return usage();
	if (strcmp(argv[1], "points") == 0)
		return prepare(&all[0]) && print_points(&all[0], number) ? 0 : 1;
	if (seconds <= 0 || (unsigned long)number > BARE_THREADS_MAX)
		return usage();
	return measure(all, seconds, (size_t)number);
}
