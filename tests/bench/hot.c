/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the time of a request goes, step by step, in one thread and without a network: prepared requests go through open, look up,
 * judge, commit and answer as in server/worker.c, over a real store, in random order. Beside them, in the same run, the bare
 * public-key operations of a flight on the fastest way that libcrypto offers. Prints µs of processor per request; under
 * `valgrind --tool=callgrind` it says which functions.
 *
 * usage: hot STORE [--rows N] [--requests N] [--batch N] [--start N] [--rounds N]
 *        STORE is made with N rows when it is not there; --start: the first counter, above those of earlier runs; --rounds: how often
 *        each check-in is made (the server answers an unchanged one as often as it comes)
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <getopt.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/hot.h"

#define BATCH_MAX 1024u
#define SCATTER 2654435761u /* prime: each row once, and neighbours far apart */

enum step { STEP_OPEN, STEP_LOOK_UP, STEP_JUDGE, STEP_COMMIT, STEP_ANSWER, STEPS };
static const char *const step_names[STEPS] = {"open", "look up", "judge", "commit", "answer"};

struct options {
	const char *store;
	uint64_t rows;
	uint64_t requests;
	size_t batch;
	uint32_t start;
	uint64_t rounds;
};

struct run {
	struct hot_world *world;
	const struct options *options;
	struct smr_steps steps;
	double spent[STEPS];
	double best; /* seconds for one request of the quickest batch: other programs disturb it least */
	struct smr_item items[BATCH_MAX];
	struct smr_store_device devices[BATCH_MAX];
	struct smr_store_change changes[BATCH_MAX];
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the program's steps ---- */

static size_t look_up(struct run *r, size_t count)
{
	size_t wanted = 0;

	for (size_t i = 0; i < count; i++) {
		struct smr_item *item = &r->items[i];

		if (item->stage != SMR_STAGE_LOOKUP)
			continue;
		item->device = &r->devices[wanted++];
		item->device->eid = *smr_item_eid(item);
		item->device->want_package = item->coap.path == SMR_COAP_FLIGHT;
		item->device->want_commands = !item->device->want_package;
	}
	if (wanted > 0)
		hot_check(smr_store_lookup(r->world->store, r->devices, wanted), "look up");
	return wanted;
}

static size_t judge(struct run *r, size_t count)
{
	size_t changes = 0;

	for (size_t i = 0; i < count; i++) {
		struct smr_item *item = &r->items[i];

		item->change = &r->changes[changes];
		if (item->stage == SMR_STAGE_LOOKUP)
			smr_item_judge(item, &r->steps);
		changes += item->stage == SMR_STAGE_COMMIT;
	}
	return changes;
}

static void answer(struct run *r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		smr_item_answer(&r->items[i], &r->steps, false);
		if (r->items[i].stage != SMR_STAGE_SEND)
			hot_check(SMR_E_STATE, "no answer");
	}
}

static void one_batch(struct run *r, size_t count)
{
	double at[STEPS + 1];
	size_t changes;

	smr_batch_begin();
	at[STEP_OPEN] = now();
	for (size_t i = 0; i < count; i++) {
		smr_item_read(&r->items[i], &r->steps);
		smr_item_open(&r->items[i], &r->steps);
	}
	at[STEP_LOOK_UP] = now();
	(void)look_up(r, count);
	at[STEP_JUDGE] = now();
	changes = judge(r, count);
	at[STEP_COMMIT] = now();
	if (changes > 0)
		hot_check(smr_store_commit(r->world->store, r->changes, changes), "commit");
	at[STEP_ANSWER] = now();
	answer(r, count);
	smr_batch_end();
	at[STEPS] = now();
	for (int i = 0; i < STEPS; i++)
		r->spent[i] += at[i + 1] - at[i];
	if (r->best <= 0 || (at[STEPS] - at[STEP_OPEN]) / (double)count < r->best)
		r->best = (at[STEPS] - at[STEP_OPEN]) / (double)count;
}

static void drive(struct run *r, struct hot_request *requests, bool check_in_next)
{
	const struct options *o = r->options;

	for (uint64_t first = 0; first < o->requests; first += o->batch) {
		size_t count = o->requests - first < o->batch ? (size_t)(o->requests - first) : o->batch;

		for (size_t i = 0; i < count; i++) {
			memcpy(r->items[i].in, requests[first + i].octets, requests[first + i].len);
			r->items[i].in_len = requests[first + i].len;
		}
		one_batch(r, count);
		for (size_t i = 0; check_in_next && i < count; i++)
			hot_make_c1(r->items[i].out, r->items[i].out_len, o->start + 1, &requests[first + i]);
		if (first / o->batch % 64 == 63) /* as the keeper does */
			hot_check(smr_store_checkpoint(r->world->store), "checkpoint");
	}
}

static double report(const struct run *r, const char *what, uint64_t rounds)
{
	double sum = 0;

	(void)printf("%-10s", what);
	for (int i = 0; i < STEPS; i++) {
		double each = r->spent[i] / (double)(r->options->requests * rounds) * 1e6;

		(void)printf("  %s %.2f", step_names[i], each);
		sum += each;
	}
	(void)printf("  sum %.2f us, quickest batch %.2f\n", sum, r->best * 1e6);
	return sum;
}

/* ---- the bare operations ---- */

struct bare {
	EC_GROUP *group;
	EC_KEY *key;
	EC_POINT *point, *product;
	BIGNUM *scalar, *x;
	BN_CTX *room;
	ECDSA_SIG *sig;
	unsigned char hash[32], compressed[33], encoded[65];
};

static bool bare_prepare(struct bare *b)
{
	b->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	b->key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	b->point = EC_POINT_new(b->group);
	b->product = EC_POINT_new(b->group);
	b->scalar = BN_secure_new();
	b->x = BN_secure_new();
	b->room = BN_CTX_secure_new();
	if (b->room == NULL || EC_KEY_generate_key(b->key) != 1)
		return false;
	b->sig = ECDSA_do_sign(b->hash, sizeof(b->hash), b->key);
	return b->sig != NULL &&
	       EC_POINT_point2oct(b->group, EC_KEY_get0_public_key(b->key), POINT_CONVERSION_COMPRESSED, b->compressed,
				  sizeof(b->compressed), b->room) == sizeof(b->compressed);
}

static bool bare_import(struct bare *b)
{
	return EC_POINT_oct2point(b->group, b->point, b->compressed, sizeof(b->compressed), b->room) == 1;
}

static bool bare_multiply(struct bare *b)
{
	return EC_POINT_mul(b->group, b->product, NULL, b->point, b->scalar, b->room) == 1 &&
	       EC_POINT_get_affine_coordinates(b->group, b->product, b->x, NULL, b->room) == 1;
}

static bool bare_generate(struct bare *b)
{
	unsigned char octets[32];

	return RAND_priv_bytes(octets, sizeof(octets)) == 1 && BN_bin2bn(octets, sizeof(octets), b->scalar) != NULL &&
	       EC_POINT_mul(b->group, b->product, b->scalar, NULL, NULL, b->room) == 1 &&
	       EC_POINT_point2oct(b->group, b->product, POINT_CONVERSION_UNCOMPRESSED, b->encoded, sizeof(b->encoded),
				  b->room) == sizeof(b->encoded);
}

static bool bare_verify(struct bare *b)
{
	return ECDSA_do_verify(b->hash, sizeof(b->hash), b->sig, b->key) == 1;
}

static double bare_time(struct bare *b, bool (*operation)(struct bare *b), const char *name)
{
	const int rounds = 2000;
	double start = now();
	double each;

	for (int i = 0; i < rounds; i++)
		if (!operation(b))
			hot_check(SMR_E_CRYPTO, name);
	each = (now() - start) / rounds * 1e6;
	(void)printf("  %s %.2f", name, each);
	return each;
}

static double measure_bare(void)
{
	static struct bare b;
	double sum;

	if (!bare_prepare(&b))
		hot_check(SMR_E_CRYPTO, "bare");
	(void)printf("%-10s", "bare");
	sum = bare_time(&b, bare_generate, "keygen"); /* first: the others use its scalar */
	sum += bare_time(&b, bare_import, "decompress");
	sum += 2 * bare_time(&b, bare_multiply, "ecdh");
	sum += bare_time(&b, bare_verify, "verify");
	(void)printf("  sum, ecdh twice %.2f us\n", sum);
	return sum;
}

/* ---- all ---- */

static void measure(struct run *r)
{
	const struct options *o = r->options;
	struct hot_request *requests = calloc(o->requests, sizeof(*requests));
	double floor;

	hot_check(requests ? SMR_OK : SMR_E_NO_MEMORY, "requests");
	for (uint64_t i = 0; i < o->requests; i++)
		hot_make_m1(r->world, i * SCATTER % o->rows, o->start, &requests[i]);
	r->steps = (struct smr_steps){.ring = r->world->ring,
				      .pending = smr_pending_hold(r->world->pending),
				      .metrics = &r->world->metrics,
				      .message_id = &r->world->message_id,
				      .lanes = &r->world->lanes};
	floor = measure_bare();
	drive(r, requests, true);
	(void)printf("bare operations over flight: %.3f\n", floor / report(r, "flight", 1));
	memset(r->spent, 0, sizeof(r->spent));
	r->best = 0;
	for (uint64_t i = 0; i < o->rounds; i++)
		drive(r, requests, false);
	(void)report(r, "check-in", o->rounds);
	smr_pending_release(&r->steps.pending);
	free(requests);
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: hot STORE [--rows N] [--requests N] [--batch N] [--start N] [--rounds N]\n");
	return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"rows", 1, NULL, 'r'},	{"requests", 1, NULL, 'q'},
					      {"batch", 1, NULL, 'b'},	{"start", 1, NULL, 's'},
					      {"rounds", 1, NULL, 'n'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;

		if (value == 0)
			return false;
		if (c == 'r')
			o->rows = value;
		else if (c == 'q')
			o->requests = value;
		else if (c == 'b')
			o->batch = value;
		else if (c == 'n')
			o->rounds = value;
		else
			o->start = (uint32_t)value;
	}
	o->store = argv[optind];
	return optind + 1 == argc && o->batch <= BATCH_MAX && o->requests <= o->rows;
}

int main(int argc, char **argv)
{
	static struct hot_world world;
	static struct run run;
	struct options options = {NULL, 100000, 20000, 64, 1, 1};

	if (!parse(argc, argv, &options))
		return usage();
	hot_world_open(&world, options.store, options.rows);
	run.world = &world;
	run.options = &options;
	measure(&run);
	hot_world_close(&world);
	return 0;
}
