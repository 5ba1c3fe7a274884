/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file small.h
 * The device of the small_device test: base/, core/ and tre/ as compiled for a Cortex-M33, over the PSA adapter and a platform of
 * memory, with just enough of a transport to fly. Linked as a static ARM program and run by qemu-arm.
 */
#ifndef SMR_TESTS_SMALL_H
#define SMR_TESTS_SMALL_H

#include "tre/tre.h"

/* memory.c: a platform whose record, counter and key survive smr_tre_stop, as flash would. */
void memory_init(const uint8_t measurement[SMR_HASH_LEN]);
const struct smr_tre_port *memory_port(void);

/* transport.c: one datagram up, one down. */
#define MESSAGE_MAX SMR_C2_MAX /* the largest of M1, M2, C1 and C2 */
/**
 * Send @p message to a path of one letter at 127.0.0.1:@p port and wait for the answer, which takes its place.
 * @param message  [in,out] in a room of MESSAGE_MAX.
 * @param code     [out] CoAP code of the answer.
 * @return false: no answer within half a minute, or none of CoAP.
 */
bool transport_ask(uint16_t port, char path, struct smr_space *message, uint8_t *code);

/* gauge.c: what a piece of work took of stack and of the heap. */
struct gauge {
	size_t stack; /* octets, the crypto library's included */
	size_t heap;  /* the most that was in use at once; all of it is the crypto library's */
};
/** Run @p work on a stack of its own and measure it. false: it could not be started. */
bool gauge_run(void (*work)(void *argument), void *argument, struct gauge *out);

#endif
