/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sho_csv.h
 * Subscriptions as CSV: iccid, imsi, algorithm (milenage, tuak), k, opc (hex) and, with their defaults, amf (8000), sqn
 * (decimal, 0), interval (24h), profile (0). The file holds keys: one that others may read is refused.
 */
#ifndef SMR_SHO_CSV_H
#define SMR_SHO_CSV_H

#include "core/mcim.h"
#include "sys/csv.h"

#define SMR_SHO_CSV_HEADER "iccid,imsi,algorithm,k,opc,amf,sqn,interval,profile\n"
#define SMR_INTERVAL_MIN 60u
#define SMR_INTERVAL_MAX 31536000u
#define SMR_INTERVAL_DEFAULT 86400u

enum smr_sho_column {
	SMR_SHO_ICCID,
	SMR_SHO_IMSI,
	SMR_SHO_ALGORITHM,
	SMR_SHO_K,
	SMR_SHO_OPC,
	SMR_SHO_AMF,
	SMR_SHO_SQN,
	SMR_SHO_INTERVAL,
	SMR_SHO_PROFILE,
	SMR_SHO_COLUMNS
};

/** Secret: wipe it. */
struct smr_subscription {
	struct smr_iccid iccid;
	struct smr_mcim mcim;
	uint8_t amf[2];
	uint64_t sqn;
};

/** SMR_E_REFUSED: its group or the world may read or write it; SMR_E_IO: not a regular file; errors of smr_csv_open. */
enum smr_err smr_sho_csv_open(const char *path, struct smr_csv **out, struct smr_problem *problem) SMR_MUST_USE;
/** SMR_E_NOTHING after the last one; the problem names line and column, never a value of a key. @p out is wiped on
 * error. */
enum smr_err smr_sho_csv_next(struct smr_csv *csv, struct smr_subscription *out,
			      struct smr_problem *problem) SMR_MUST_USE;

/** Write the line of a subscription; SMR_SHO_CSV_HEADER comes before the first. */
enum smr_err smr_sho_csv_put(int fd, const struct smr_subscription *subscription) SMR_MUST_USE;

#endif
