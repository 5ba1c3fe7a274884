/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file shown_log.h
 * The boot log that a device shows after its measurement was refused. It decides nothing: either it replays to what the TPM quoted, and
 * then tells the RO what runs there, or the device is told that it does not.
 */
#ifndef SMR_SERVER_SHOWN_LOG_H
#define SMR_SERVER_SHOWN_LOG_H

#include "core/flight.h"
#include "server/keyring.h"

/** Does it replay to the digest and the PCRs of the quote beside it? @param m1  with a log, verified. */
bool smr_shown_log_replays(const struct smr_m1 *m1);
/** Log, as «boot-log.unknown», the first event that is in no boot log of the supplier's list; with none such, that their combination is (tell.h says how often).
 * @param m1  with a log that replays. */
void smr_shown_log_tell(const struct smr_m1 *m1, const struct smr_keyring *ring,
			const uint8_t supplier[SMR_POINT_COMPRESSED_LEN]);

#endif
