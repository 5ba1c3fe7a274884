/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file boot_log.h
 * What a measured boot extended into the PCRs, event by event: the content of a release, of the file that samara-boot
 * leaves, and of what a device shows when its measurement was refused. Trusted in a release alone; elsewhere it explains
 * a digest, and its replay (smr_tpm_log_replay) is what says whether it does.
 *
 *     boot-log = [ 1*6 [ pcr: 0..15, digest, name: tstr .size (1..32) ] ]      at most 240 octets
 */
#ifndef SMR_BOOT_LOG_H
#define SMR_BOOT_LOG_H

#include "core/cbor.h"
#include "core/tpm_quote.h"

#define SMR_BOOT_EVENTS_MAX 6u
#define SMR_BOOT_NAME_MAX 32u
#define SMR_BOOT_LOG_MAX 240u /* octets of the encoding */

/** Events in the order in which they were extended. Names are views: into the encoding, if it was read. */
struct smr_boot_log {
	size_t count; /* 1 to SMR_BOOT_EVENTS_MAX */
	struct smr_tpm_event events[SMR_BOOT_EVENTS_MAX];
};

/** Append the encoding. Sticks in @p w: SMR_E_TOO_MANY: more octets or events than a log has; SMR_E_MALFORMED: a name or
 * PCR that smr_get_boot_log would refuse. */
void smr_put_boot_log(struct smr_writer *w, const struct smr_boot_log *log);
/** Read one. SMR_E_MALFORMED sticks in @p r; @p out is empty then. */
void smr_get_boot_log(struct smr_reader *r, struct smr_boot_log *out);

/**
 * A log as a device shows it in M1, to explain a measurement that was refused: with names of at most @p longest octets each, cut
 * between characters.
 *
 *     shown-log = [ 1*6 [ pcr: 0..15, digest, name: tstr .size (0..32) ] ]
 */
void smr_put_shown_log(struct smr_writer *w, const struct smr_boot_log *log, size_t longest);
/** Read one. SMR_E_MALFORMED sticks in @p r; @p out is empty then. */
void smr_get_shown_log(struct smr_reader *r, struct smr_boot_log *out);

/** Names and versions are shown on terminals and in logs: UTF-8 of 1 to @p max octets without control characters. */
bool smr_boot_text_is_good(struct smr_bytes text, size_t max);

#endif
