/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file bare.h
 * The frame of the floors: operations of one device in a bare loop, straight on libcrypto, nothing else around them. Some threads for
 * some seconds; rate by the wall clock, processor time per device, and of one device in sixteen each operation by itself.
 */
#ifndef SMR_BENCH_BARE_H
#define SMR_BENCH_BARE_H

#include <openssl/ec.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define BARE_OPERATIONS_MAX 8u
#define BARE_THREADS_MAX 256u

/** What one thread works with. */
struct bare {
	EC_GROUP *group;
	EC_POINT *point; /* the peer's, as imported */
	EC_POINT *product;
	BIGNUM *scalar;
	BIGNUM *x;
	BN_CTX *room;
	void *own;	       /* the caller's */
	unsigned long devices; /* done so far: chooses the next input */
	unsigned long sampled;
	double processor;
	double spent[BARE_OPERATIONS_MAX];
	pthread_t thread;
	const struct bare_loop *loop;
	double until;
	bool failed;
};

/** One operation. False ends the measurement as failed. */
typedef bool bare_run(struct bare *b);
struct bare_operation {
	const char *name;
	bare_run *run;
};
struct bare_loop {
	const struct bare_operation *operations;
	size_t count;
};

/** Seconds on a clock. */
double bare_now(clockid_t clock);
/** Give a thread its group, points and numbers. They live as long as the process. */
bool bare_prepare(struct bare *b);

/** A random scalar. */
bool bare_draw(struct bare *b);
/** A new key: scalar and point, and the point's 65 octets. */
bool bare_generate(struct bare *b, unsigned char encoded[65]);
/** x of scalar · b->point. */
bool bare_multiply(struct bare *b, const BIGNUM *scalar);

/** Run the loop on @p threads prepared threads at once. */
bool bare_measure(struct bare *all, size_t threads, const struct bare_loop *loop, double seconds);
/** Print what the threads did as one JSON object, without a newline. */
void bare_report(const struct bare *all, size_t threads, double seconds);

#endif
