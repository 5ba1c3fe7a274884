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
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 256
#define POINTS 64 /* different T, so that no step meets the same numbers each time */
#define SAMPLE 16 /* of so many devices one is timed step by step: reading the clock costs too */

enum operation { GENERATE, IMPORT, MULTIPLY, SIGN, OPERATIONS };
static const char *const names[OPERATIONS] = {"generate", "import", "multiply", "sign"};

struct bench {
	pthread_t thread;
	double until;
	unsigned long devices;
	unsigned long sampled;
	double processor;
	double spent[OPERATIONS];
	EC_GROUP *group;
	EC_KEY *signer;
	unsigned char t[POINTS][33];
	EC_POINT *point;
	EC_POINT *product;
	BIGNUM *scalar;
	BIGNUM *x;
	BN_CTX *room;
	bool failed;
};

static double now(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool draw(struct bench *b)
{
	unsigned char octets[32];

	return RAND_priv_bytes(octets, sizeof(octets)) == 1 && BN_bin2bn(octets, sizeof(octets), b->scalar) != NULL;
}

static bool generate(struct bench *b)
{
	unsigned char encoded[65];

	return draw(b) && EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) == 1 &&
	       EC_POINT_point2oct(b->group, b->product, POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof(encoded),
				  b->room) == sizeof(encoded);
}

static bool import(struct bench *b, const unsigned char *t)
{
	return EC_POINT_oct2point(b->group, b->point, t, 33, b->room) == 1;
}

static bool multiply(struct bench *b)
{
	return EC_POINT_mul(b->group, b->product, NULL, b->point, b->scalar, b->room) == 1 &&
	       EC_POINT_get_affine_coordinates(b->group, b->product, b->x, NULL, b->room) == 1;
}

static bool sign(struct bench *b, const unsigned char *hash)
{
	ECDSA_SIG *sig = ECDSA_do_sign(hash, 32, b->signer);

	ECDSA_SIG_free(sig);
	return sig != NULL;
}

static bool step(struct bench *b, enum operation operation, const unsigned char *t)
{
	switch (operation) {
	case GENERATE:
		return generate(b);
	case IMPORT:
		return import(b, t);
	case MULTIPLY:
		return multiply(b);
	case SIGN:
		return sign(b, t + 1);
	case OPERATIONS:
		break;
	}
	return false;
}

static bool one_device(struct bench *b, const unsigned char *t)
{
	bool timed = b->devices % SAMPLE == 0;

	for (int i = 0; i < OPERATIONS; i++) {
		double before = timed ? now(CLOCK_THREAD_CPUTIME_ID) : 0;

		if (!step(b, (enum operation)i, t))
			return false;
		if (timed)
			b->spent[i] += now(CLOCK_THREAD_CPUTIME_ID) - before;
	}
	b->sampled += timed;
	b->devices++;
	return true;
}

static bool prepare(struct bench *b)
{
	b->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	b->signer = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	b->point = EC_POINT_new(b->group);
	b->product = EC_POINT_new(b->group);
	b->scalar = BN_secure_new();
	b->x = BN_secure_new();
	b->room = BN_CTX_secure_new();
	if (b->room == NULL || b->x == NULL || b->scalar == NULL || EC_KEY_generate_key(b->signer) != 1)
		return false;
	for (int i = 0; i < POINTS; i++)
		if (!draw(b) || EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) != 1 ||
		    EC_POINT_point2oct(b->group, b->product, POINT_CONVERSION_COMPRESSED, b->t[i], 33, b->room) != 33)
			return false;
	return true;
}

static void *run(void *context)
{
	struct bench *b = context;

	while (!b->failed && now(CLOCK_MONOTONIC) < b->until)
		b->failed = !one_device(b, b->t[b->devices % POINTS]);
	b->processor = now(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static void report(const struct bench *all, long threads, double seconds)
{
	struct bench sum = {0};

	for (long i = 0; i < threads; i++) {
		sum.devices += all[i].devices;
		sum.sampled += all[i].sampled;
		sum.processor += all[i].processor;
		for (int j = 0; j < OPERATIONS; j++)
			sum.spent[j] += all[i].spent[j];
	}
	(void)printf(
		"{\"threads\": %ld, \"devices\": %lu, \"seconds\": %.3f, \"per_second\": %.1f, \"processor_us\": %.2f",
		threads, sum.devices, seconds, (double)sum.devices / seconds,
		sum.processor / (double)sum.devices * 1e6);
	for (int j = 0; j < OPERATIONS; j++)
		(void)printf(", \"%s_us\": %.2f", names[j], sum.spent[j] / (double)sum.sampled * 1e6);
	(void)printf("}\n");
}

/* ---- points for lists of devices ---- */

/* A random point and its successors: much cheaper than as many keys, and as good for whoever only seals to them. */
static bool print_points(struct bench *b, long count)
{
	char *text = NULL;

	if (!draw(b) || EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) != 1)
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

static int measure(struct bench *all, double seconds, long threads)
{
	double start;

	for (long i = 0; i < threads; i++)
		if (!prepare(&all[i]))
			return 1;
	start = now(CLOCK_MONOTONIC);
	for (long i = 0; i < threads; i++) {
		all[i].until = start + seconds;
		if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0)
			return 1;
	}
	for (long i = 0; i < threads; i++) {
		(void)pthread_join(all[i].thread, NULL);
		if (all[i].failed)
			return 1;
	}
	report(all, threads, now(CLOCK_MONOTONIC) - start);
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench all[THREADS_MAX];
	long number = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	double seconds = argc == 3 ? strtod(argv[1], NULL) : 0;

	if (number < 1)
		return usage();
	if (strcmp(argv[1], "points") == 0)
		return prepare(&all[0]) && print_points(&all[0], number) ? 0 : 1;
	if (seconds <= 0 || number > THREADS_MAX)
		return usage();
	return measure(all, seconds, number);
}
