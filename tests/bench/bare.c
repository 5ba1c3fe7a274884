/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "bare.h"

#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <stdio.h>

#define SAMPLE 16u /* of so many devices one is timed step by step: reading the clock costs too */

double bare_now(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool bare_prepare(struct bare *b)
{
	b->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	b->point = EC_POINT_new(b->group);
	b->product = EC_POINT_new(b->group);
	b->scalar = BN_secure_new();
	b->x = BN_secure_new();
	b->room = BN_CTX_secure_new();
	return b->point != NULL && b->product != NULL && b->scalar != NULL && b->x != NULL && b->room != NULL;
}

bool bare_draw(struct bare *b)
{
	unsigned char octets[32];

	return RAND_priv_bytes(octets, sizeof(octets)) == 1 && BN_bin2bn(octets, sizeof(octets), b->scalar) != NULL;
}

bool bare_generate(struct bare *b, unsigned char encoded[65])
{
	return bare_draw(b) && EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) == 1 &&
	       EC_POINT_point2oct(b->group, b->product, POINT_CONVERSION_UNCOMPRESSED, encoded, 65, b->room) == 65;
}

bool bare_multiply(struct bare *b, const BIGNUM *scalar)
{
	return EC_POINT_mul(b->group, b->product, NULL, b->point, scalar, b->room) == 1 &&
	       EC_POINT_get_affine_coordinates(b->group, b->product, b->x, NULL, b->room) == 1;
}

static bool one_device(struct bare *b)
{
	bool timed = b->devices % SAMPLE == 0;

	for (size_t i = 0; i < b->loop->count; i++) {
		double before = timed ? bare_now(CLOCK_THREAD_CPUTIME_ID) : 0;

		if (!b->loop->operations[i].run(b))
			return false;
		if (timed)
			b->spent[i] += bare_now(CLOCK_THREAD_CPUTIME_ID) - before;
	}
	b->sampled += timed;
	b->devices++;
	return true;
}

static void *run(void *context)
{
	struct bare *b = context;
	double before = bare_now(CLOCK_THREAD_CPUTIME_ID);

	while (!b->failed && bare_now(CLOCK_MONOTONIC) < b->until)
		b->failed = !one_device(b);
	b->processor = bare_now(CLOCK_THREAD_CPUTIME_ID) - before;
	return NULL;
}

static void restart(struct bare *b, const struct bare_loop *loop, double until)
{
	b->loop = loop;
	b->until = until;
	b->devices = b->sampled = 0;
	for (size_t i = 0; i < BARE_OPERATIONS_MAX; i++)
		b->spent[i] = 0;
}

bool bare_measure(struct bare *all, size_t threads, const struct bare_loop *loop, double seconds)
{
	double until = bare_now(CLOCK_MONOTONIC) + seconds;
	bool failed = false;

	for (size_t i = 0; i < threads; i++) {
		restart(&all[i], loop, until);
		if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0)
			return false;
	}
	for (size_t i = 0; i < threads; i++) {
		(void)pthread_join(all[i].thread, NULL);
		failed |= all[i].failed;
	}
	return !failed;
}

static struct bare sum_of(const struct bare *all, size_t threads)
{
	struct bare sum = {.loop = all->loop};

	for (size_t i = 0; i < threads; i++) {
		sum.devices += all[i].devices;
		sum.sampled += all[i].sampled;
		sum.processor += all[i].processor;
		for (size_t j = 0; j < all->loop->count; j++)
			sum.spent[j] += all[i].spent[j];
	}
	return sum;
}

void bare_report(const struct bare *all, size_t threads, double seconds)
{
	struct bare sum = sum_of(all, threads);

	(void)printf(
		"{\"threads\": %zu, \"devices\": %lu, \"seconds\": %.3f, \"per_second\": %.1f, \"processor_us\": %.2f",
		threads, sum.devices, seconds, (double)sum.devices / seconds,
		sum.processor / (double)sum.devices * 1e6);
	for (size_t j = 0; j < all->loop->count; j++)
		(void)printf(", \"%s_us\": %.2f", all->loop->operations[j].name,
			     sum.spent[j] / (double)sum.sampled * 1e6);
	(void)printf("}");
}
