/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sqn.h
 * Sequence numbers of AKA (TS 33.102 annex C): what the USIM has seen, and what the AuC uses next.
 *
 * An SQN has 48 bits: SEQ (43) | IND (5). IND is the slot of the USIM's array in which SEQ is compared, so that
 * vectors handed out together may be used in another order, each once.
 *
 * SEQ does not wrap. At 2^43 - 1 the AuC gets an error and the USIM goes on refusing what is not higher; the limit
 * delta makes sure that nobody drives a USIM there: even with K it takes 2^43 / delta authentications.
 */
#ifndef SMR_AKA_SQN_H
#define SMR_AKA_SQN_H

#include "base/base.h"

#define SMR_SQN_LEN 6u
#define SMR_SQN_IND_BITS 5u
#define SMR_SQN_SLOTS 32u
#define SMR_SQN_SEQ_MAX ((UINT64_C(1) << 43) - 1)
#define SMR_SQN_MAX ((UINT64_C(1) << 48) - 1)
#define SMR_SQN_DELTA_DEFAULT (UINT64_C(1) << 28)

/** The six octets of an SQN, big-endian. @param sqn  at most SMR_SQN_MAX; higher bits are lost. */
void smr_sqn_put(uint8_t out[SMR_SQN_LEN], uint64_t sqn);
uint64_t smr_sqn_get(const uint8_t in[SMR_SQN_LEN]);

static inline uint64_t smr_sqn_seq(uint64_t sqn)
{
	return sqn >> SMR_SQN_IND_BITS;
}

static inline uint64_t smr_sqn_ind(uint64_t sqn)
{
	return sqn % SMR_SQN_SLOTS;
}

/* ---- USIM ---- */

/**
 * The USIM's array. Plain data without secrets; the TRE encodes it field by field, makes it durable, and calls
 * smr_sqn_check on what it read back. Restoring an older array would let a used AUTN pass again: the TRE guards the
 * array with its monotonic counter.
 */
struct smr_sqn {
	uint64_t seq[SMR_SQN_SLOTS]; /* SEQ_MS(i): the highest SEQ accepted with IND = i */
	uint64_t delta;		     /* accept only SEQ - highest <= delta; 1 to 2^43 - 1 */
	uint64_t age_limit;	     /* accept only highest - SEQ < age_limit; 0: no limit */
	uint64_t highest;	     /* SEQ_MS: the highest of seq[] */
};

/**
 * Start an array.
 * @param first      32 SEQ values without IND (as sqnInit of TCA's profile package), or NULL for zeros.
 * @param delta      in SEQ units; 0: the default of 2^28.
 * @param age_limit  in SEQ units; 0: none.
 * @return SMR_E_INVALID: a value above 2^43 - 1; @p array is then zeroed and refuses every SQN.
 */
enum smr_err smr_sqn_init(struct smr_sqn *array, const uint64_t *first, uint64_t delta,
			  uint64_t age_limit) SMR_MUST_USE;

/** Is this an array that init and accept can have made? SMR_E_MALFORMED: no (a stored one was damaged). */
enum smr_err smr_sqn_check(const struct smr_sqn *array) SMR_MUST_USE;

/**
 * TS 33.102 C.2: accept @p sqn and remember it, or refuse it and change nothing.
 * @return SMR_E_SQN: jump above delta, older than the age limit, or not above the slot's SEQ; SMR_E_INVALID: not 48
 * bits.
 *
 * Changes memory only: make the array durable BEFORE anything that depends on the acceptance leaves.
 * Only for an SQN whose MAC has been verified.
 */
enum smr_err smr_sqn_accept(struct smr_sqn *array, uint64_t sqn) SMR_MUST_USE;

/** SQN_MS for AUTS: the highest SEQ accepted in any slot, with the IND of the last slot that holds it. */
uint64_t smr_sqn_ms(const struct smr_sqn *array);

/* ---- AuC: its state per subscriber is the SQN used last ---- */

/**
 * The SQN after @p last by profile 2 (C.3.2, not time-based): SEQ + 1, IND + 1 modulo 32. Durable before it is used.
 * @return SMR_E_TOO_MANY: SEQ is at its end, the subscription needs a new K; SMR_E_INVALID: @p last has more than
 * 48 bits. @p next is untouched unless SMR_OK.
 */
enum smr_err smr_sqn_next(uint64_t last, uint64_t *next) SMR_MUST_USE;

/** The same, into slot @p ind (0 to 31): for an AuC that gives each requesting domain a slot of its own (C.3.4). */
enum smr_err smr_sqn_next_in_slot(uint64_t last, unsigned ind, uint64_t *next) SMR_MUST_USE;

/**
 * After a verified AUTS: see to it that the next SEQ is above SEQ_MS.
 *
 * Never lowers @p last: an AUTS played again would otherwise set the AuC back. So a USIM that refuses because of delta
 * (the AuC is more than delta ahead of it) is not helped; the operator then sets the SQN by hand.
 *
 * @param last  [in,out] the SQN used last.
 * @return SMR_E_INVALID: an SQN of more than 48 bits; @p last is then untouched.
 */
enum smr_err smr_sqn_resync(uint64_t *last, uint64_t sqn_ms) SMR_MUST_USE;

#endif
