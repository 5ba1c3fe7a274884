/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file release.h
 * A release: what a supplier's devices may boot, signed by the supplier (docs/protocol.md section 2).
 *
 * It is the boot log of the devices that run it, known in advance: samara-boot starts a release only if everything that
 * it is about to extend into the PCRs stands in it, in its order; the list of approved software takes its log over.
 */
#ifndef SMR_RELEASE_H
#define SMR_RELEASE_H

#include "core/boot_log.h"
#include "core/cose.h"
#include "core/ident.h"

#define SMR_RELEASE_PRODUCT_MAX 32u
#define SMR_RELEASE_VERSION_MAX 64u
#define SMR_RELEASE_MAX 464u /* octets of the encoding */

/** The stages of a boot that every release has, in this order; further events are files. */
#define SMR_STAGE_NAME_LAUNCH "launch"
#define SMR_STAGE_NAME_TRE "tre"
#define SMR_STAGE_NAME_AGENT "agent"
#define SMR_STAGE_NAME_CONFIG "config"
/** PCRs: programs in the one; configuration and files in the other. */
#define SMR_BOOT_PCR_PROGRAMS 8u
#define SMR_BOOT_PCR_DATA 9u

/** Texts are views: into the encoding, if it was read. */
struct smr_release {
	struct smr_bytes product; /* what it is for; a device boots no other */
	uint32_t number;	  /* against roll-back: a device that has booted it never boots a lower one */
	struct smr_bytes version; /* for people */
	struct smr_boot_log log;
	/** Octets that each event's digest is over. They decide nothing, since the digest does: they tell a file that was cut from one that was
	 * altered. A release is as good without them. */
	bool has_lengths;
	uint32_t lengths[SMR_BOOT_EVENTS_MAX];
};
/** It names the key that signs it. SMR_E_INVALID: a text that smr_release_open would refuse, or number 0; the log's errors. */
enum smr_err smr_release_sign(struct smr_writer *w, const struct smr_privkey *supplier,
			      const struct smr_release *release) SMR_MUST_USE;
/** SMR_E_SIGNATURE; SMR_E_MALFORMED, also when it names another key than the one that signed it. @p out is filled only with
 * SMR_OK; with an error it is left, or all zero. */
enum smr_err smr_release_open(struct smr_bytes encoded, const struct smr_pubkey *supplier,
			      struct smr_release *out) SMR_MUST_USE;
/** Which key it says that it is signed with, before any check: for who looks for the cause of SMR_E_SIGNATURE. SMR_E_MALFORMED. */
enum smr_err smr_release_peek(struct smr_bytes encoded, struct smr_key_id *out) SMR_MUST_USE;

#endif
