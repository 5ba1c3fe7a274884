/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file party.h
 * A player's directory: its keys, its card, the cards it trusts, its file numbers.
 *
 *     DIR/keys/sign.key   signature key       DIR/<role>.card    own card
 *     DIR/keys/kem.key    KEM key, if any     DIR/trust/<role>-<first 8 hex digits of the fingerprint>.card
 *     DIR/numbers         last number given out per file type, «type number» a line
 */
#ifndef SMR_PARTY_H
#define SMR_PARTY_H

#include "file/card.h"
#include "file/file.h"
#include "sys/problem.h"

enum {
	SMR_PARTY_KEYS = 1, /* load the private keys */
	SMR_PARTY_LOCK = 2  /* one process at a time in this directory (DIR/lock); SMR_E_BUSY */
};

struct smr_party {
	char *dir;
	int lock_fd; /* -1: not locked */
	bool has_keys;
	struct smr_card card;
	struct smr_privkey sign; /* with SMR_PARTY_KEYS */
	struct smr_privkey kem;	 /* with SMR_PARTY_KEYS and card.has_kem */
};

/**
 * Make DIR (mode 0700; an existing empty one keeps its mode), keys and card. The result is open with keys and lock.
 * @return SMR_E_EXISTS: there is a player in it already; SMR_E_INVALID: name empty or longer than SMR_CARD_NAME_MAX.
 */
enum smr_err smr_party_create(const char *dir, const char *role, const char *name, bool with_kem, struct smr_party *out,
			      struct smr_problem *problem) SMR_MUST_USE;
/**
 * Open a player's directory.
 * @param role   the role it must have.
 * @param flags  SMR_PARTY_…
 * @return SMR_E_NOT_FOUND: no such player there (the problem says how to make one); SMR_E_TAMPERED: keys and card do
 * not belong together; SMR_E_BUSY; errors of smr_keyfile_load.
 */
enum smr_err smr_party_open(const char *dir, const char *role, unsigned flags, struct smr_party *out,
			    struct smr_problem *problem) SMR_MUST_USE;
/** Wipes the keys and releases the lock. A zeroed party (lock_fd is not looked at unless dir is set) is allowed. */
void smr_party_close(struct smr_party *party);

/** Accept another party's card: it becomes a file in DIR/trust. Its fingerprint has been compared. Idempotent. */
enum smr_err smr_party_trust(const struct smr_party *party, const struct smr_card *card,
			     struct smr_problem *problem) SMR_MUST_USE;
/** The trusted card of @p role with this signature key. SMR_E_UNTRUSTED_KEY: there is none. */
enum smr_err smr_party_find(const struct smr_party *party, const char *role,
			    const uint8_t sign[SMR_POINT_COMPRESSED_LEN], struct smr_card *out,
			    struct smr_problem *problem) SMR_MUST_USE;
/** Every trusted card of @p role (NULL: all), in the order of file names; stops at the first error of @p each. */
enum smr_err smr_party_each(const struct smr_party *party, const char *role,
			    enum smr_err (*each)(void *context, const struct smr_card *card), void *context,
			    struct smr_problem *problem) SMR_MUST_USE;

/**
 * The next number for a file of @p type: above every number given out before, durable when this returns. Safe
 * against other processes in the directory. A number is spent even when the file is never finished.
 */
enum smr_err smr_party_next_number(const struct smr_party *party, enum smr_file_type type,
				   uint64_t *number) SMR_MUST_USE;
/** Give out @p number itself (a shipment's number is chosen by its supplier); the next one will be above it.
 * SMR_E_SERIAL: this or a higher one was given out before. */
enum smr_err smr_party_claim_number(const struct smr_party *party, enum smr_file_type type,
				    uint64_t number) SMR_MUST_USE;

/**
 * Open a file that must come from a trusted party: smr_file_open with the party's KEM key and the sender's card found.
 * @param role    role the sender must have.
 * @param sender  [out] its card; NULL: not wanted.
 * @return also SMR_E_UNTRUSTED_KEY; the problem names the file and what to do.
 */
enum smr_err smr_party_open_file(const struct smr_party *party, const char *path, enum smr_file_type type,
				 const char *role, struct smr_file_reader **out, struct smr_card *sender,
				 struct smr_problem *problem) SMR_MUST_USE;

#endif
