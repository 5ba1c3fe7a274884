/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ring.h
 * The ring of package keys: what each X is encrypted under before it reaches a back end that cannot overwrite, so that
 * whatever remains of a purged X becomes unreadable with its key (docs/decisions/0009-life-of-remnants.md).
 *
 * The ring is a chain. Epochs are numbered; each has a seed, and the next one's follows from it:
 *
 *     seed(n + 1) = KDF(seed(n), "package-next")        key(n) = KDF(seed(n), "package-key"), AES-128-GCM
 *
 * So front ends that have once been given the same seed need no other exchange, and to forget an epoch is to go on to the
 * next one and to overwrite what was before: the way back does not exist. The store says which epoch it is, and shows a
 * tag of its seed, by which a ring that belongs to another store is known.
 *
 * A seed lies in DIR/keys/package-N.key (sys/keyfile.h, 32 octets): the oldest epoch that is still needed. While the ring
 * moves on there are two files for a moment; whoever is killed then leaves both, and the next move ends it.
 *
 * Thread-safe: all handles of a process share one ring, so that all forget at once.
 */
#ifndef SMR_STORE_RING_H
#define SMR_STORE_RING_H

#include "core/ident.h"
#include "sys/problem.h"

#define SMR_RING_TAG_LEN 16u
/** What encryption adds: nonce and tag. */
#define SMR_RING_OVERHEAD (SMR_AEAD_NONCE_LEN + SMR_AEAD_TAG_LEN)
/** Epochs that a ring can be behind: eleven years of days. */
#define SMR_RING_STEPS_MAX 4096u

struct smr_package_ring;

/** A ring without a seed yet. @param dir  the RO's directory. Release with smr_package_ring_close. */
enum smr_err smr_package_ring_open(const char *dir, struct smr_package_ring **out) SMR_MUST_USE;
/** Another holder of the same ring; returns @p ring. */
struct smr_package_ring *smr_package_ring_hold(struct smr_package_ring *ring);
/** The last holder wipes it. NULL is allowed. */
void smr_package_ring_close(struct smr_package_ring *ring);

/**
 * Take the seed that the store's tag of @p epoch fits, from memory or from the files.
 * @return SMR_E_NOT_FOUND: there is no file of @p epoch or one before; SMR_E_UNTRUSTED_KEY: there is, and it is of another store.
 *         The problem names the file. Another error: a file that may be needed cannot be read, by this user or at this moment.
 */
enum smr_err smr_package_ring_fit(struct smr_package_ring *ring, uint64_t epoch, const uint8_t tag[SMR_RING_TAG_LEN],
				  struct smr_problem *problem) SMR_MUST_USE;
/** Begin a new ring with @p epoch: a random seed, or the one that is in its file since an earlier attempt. */
enum smr_err smr_package_ring_make(struct smr_package_ring *ring, uint64_t epoch,
				   struct smr_problem *problem) SMR_MUST_USE;
/** Number of the newest file; 0: there is none. */
enum smr_err smr_package_ring_newest_file(struct smr_package_ring *ring, uint64_t *epoch,
					  struct smr_problem *problem) SMR_MUST_USE;
/** Forget all before @p epoch: its file is durable before those of earlier ones are overwritten and removed. */
enum smr_err smr_package_ring_forget_before(struct smr_package_ring *ring, uint64_t epoch,
					    struct smr_problem *problem) SMR_MUST_USE;

/** SMR_E_NOT_FOUND: the ring has no seed, or has gone on; SMR_E_TOO_MANY: it is too far behind. Also of the calls below. */
enum smr_err smr_package_ring_tag(struct smr_package_ring *ring, uint64_t epoch,
				  uint8_t tag[SMR_RING_TAG_LEN]) SMR_MUST_USE;
/** @param out  x.len + SMR_RING_OVERHEAD octets. */
enum smr_err smr_package_ring_seal(struct smr_package_ring *ring, uint64_t epoch, const struct smr_eid *eid,
				   struct smr_bytes x, uint8_t *out) SMR_MUST_USE;
/** @param out  sealed.len - SMR_RING_OVERHEAD octets. SMR_E_UNOPENED: altered, or of another device. */
enum smr_err smr_package_ring_unseal(struct smr_package_ring *ring, uint64_t epoch, const struct smr_eid *eid,
				     struct smr_bytes sealed, uint8_t *out) SMR_MUST_USE;

#endif
