/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file port.h
 * What a platform gives the TRE: sealed storage, a monotonic counter, the platform's measurement, the tamper line.
 * Random numbers come through the crypto seam; so do keys, unless the platform has a place of its own for them.
 *
 * The TRE writes a record stamped with counter + 1, then advances the counter; a record older than the counter is
 * refused at start, one that is ahead by one is the write that a power cut interrupted and is completed.
 */
#ifndef SMR_TRE_PORT_H
#define SMR_TRE_PORT_H

#include "core/attest.h"
#include "core/boot_log.h"

#define SMR_TRE_TERM_LEN 44u

/**
 * Keys that live in the platform, where it has a place that no key of theirs ever leaves. Points are uncompressed. All take the port's
 * context.
 */
struct smr_tre_keys {
	/** Make d and t; earlier ones are gone then. */
	enum smr_err (*create)(void *context, uint8_t d[SMR_POINT_LEN], uint8_t t[SMR_POINT_LEN]);
	/** The public points of those that were made. */
	enum smr_err (*load)(void *context, uint8_t d[SMR_POINT_LEN], uint8_t t[SMR_POINT_LEN]);
	/** d vouches for @p hash and for the measurement that was given out last. SMR_E_MEASUREMENT: it has changed meanwhile. */
	enum smr_err (*attest)(void *context, const uint8_t hash[SMR_HASH_LEN], struct smr_attestation *out);
	/** t agrees with @p peer: x coordinate, secret. */
	enum smr_err (*agree)(void *context, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN]);
	/**
	 * What shows an outsider where the keys are.
	 * @param certificate    [in,out] room of SMR_ENDORSEMENT_MAX: of the place's endorsement key, by its vendor. SMR_E_NOT_FOUND: none.
	 * @param certification  [out] by d, of t, over @p hash.
	 */
	enum smr_err (*endorse)(void *context, const uint8_t hash[SMR_HASH_LEN], struct smr_space *certificate,
				struct smr_attestation *certification);
	/** Open a credential that was made for the endorsement key and @p key. SMR_E_UNOPENED, _MALFORMED. @p secret is wiped unless
	 * SMR_OK. */
	enum smr_err (*activate)(void *context, enum smr_own_key key, struct smr_bytes credential,
				 uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN]);
};

struct smr_tre_port {
	void *context;
	/** Replace the stored record; durable and atomic: after a power cut either the old or the new one is there. */
	enum smr_err (*store)(void *context, struct smr_bytes record);
	/** Load the record. SMR_E_NOT_FOUND: none yet. @p record [in,out] room, length. */
	enum smr_err (*load)(void *context, struct smr_space *record);
	/** Monotonic counter: never goes back, durable on return. */
	enum smr_err (*counter_read)(void *context, uint64_t *value);
	enum smr_err (*counter_advance)(void *context, uint64_t to);
	/** Key that protects the record; released only in the measured state it was bound to where the platform can do so. */
	enum smr_err (*storage_key)(void *context, uint8_t key[SMR_AEAD_KEY_LEN]);
	/** Hash of what runs on this M2ME. */
	enum smr_err (*measurement)(void *context, uint8_t out[SMR_HASH_LEN]);
	/** Tamper events latched by the platform, bit mask. */
	enum smr_err (*tamper)(void *context, uint32_t *events);
	/**
	 * Release the storage key in a measured state to come as well, durably: the next start in it opens what is stored, and from then on it
	 * alone does. NULL: the key is not bound to a state.
	 *
	 * @param number       of the release that boots to it, against roll-back.
	 * @param measurement  of the PCRs @p pcrs (core/tpm_quote.h) in it.
	 * @return SMR_E_SERIAL: a release of that number does not boot here any more; SMR_E_INVALID: the measurement is of other PCRs;
	 *         SMR_E_MEASUREMENT: the present state is not the one that the key is bound to.
	 */
	enum smr_err (*prepare)(void *context, uint32_t number, uint32_t pcrs, const uint8_t measurement[SMR_HASH_LEN]);
	/**
	 * The term that now is: the same octets as before for as long as check-ins may stand for the flight that brought their ticket. Another
	 * one at each start of the platform, and after a time that its own clock tells, so that a copy of the whole device has to show itself
	 * where the row is looked at (docs/decisions/0025-terms.md). NULL: tickets are bound to the measured state alone.
	 */
	enum smr_err (*term)(void *context, uint8_t out[SMR_TRE_TERM_LEN]);
	const struct smr_tre_keys *keys; /* NULL: the engine makes d and t and keeps them in its record */
	/** What booted, to be shown when the measurement is refused; it explains, and is worth what its replay says. NULL: nothing to show. */
	const struct smr_boot_log *boot_log;
};

#endif
