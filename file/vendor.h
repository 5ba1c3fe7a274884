/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file vendor.h
 * SIM vendor output files: what a card manufacturer hands to an operator for its authentication centre. There is no standard; this reads
 * the known form (docs/operations.md): «*» lines are titles or comments, «key: value» lines are the header, «VAR_OUT: A/B/C» names the
 * columns, and each line after it is one card, its fields apart by spaces or tabs.
 *
 * K comes encrypted, AES-ECB under a transport key that an index names. ECB has no integrity: the header's check value of the
 * transport key, where it is given, is the only guard against the wrong key.
 */
#ifndef SMR_FILE_VENDOR_H
#define SMR_FILE_VENDOR_H

#include "core/mcim.h"
#include "sys/problem.h"

#define SMR_VENDOR_LINE_MAX 1024u
#define SMR_VENDOR_INDEX_MAX 255u

/** A transport key. Secret. */
struct smr_vendor_key {
	uint8_t index; /* 1 to 255; 0 means «not encrypted» and is never a key */
	size_t len;    /* 16 or 32 */
	uint8_t octets[32];
};

/** A card. Secret: wipe it. */
struct smr_vendor_card {
	struct smr_iccid iccid;
	struct smr_imsi imsi;
	struct smr_aka_params aka;
};

struct smr_vendor_file;
/**
 * Open and read the header.
 * @param keys  must outlive the file.
 * @return SMR_E_NOT_FOUND: no such file, or an index without a key; SMR_E_IO; SMR_E_MALFORMED; SMR_E_REFUSED: index 0, keys in clear, or a check value that is not that of the
 * key; SMR_E_UNSUPPORTED: another cipher or algorithm. The problem names file and line.
 */
enum smr_err smr_vendor_open(const char *path, const struct smr_vendor_key *keys, size_t key_count,
			     struct smr_vendor_file **out, struct smr_problem *problem) SMR_MUST_USE;
/**
 * The next card. The problem names line and column, never a value of a key. @p out is wiped unless SMR_OK.
 * @return SMR_E_NOTHING after the last one, when there were as many as the header says; SMR_E_TRUNCATED: fewer, or the last line
 * has no end; SMR_E_TOO_MANY: more; SMR_E_CHECK_DIGIT; else as above.
 */
enum smr_err smr_vendor_next(struct smr_vendor_file *file, struct smr_vendor_card *out,
			     struct smr_problem *problem) SMR_MUST_USE;
/** How many cards the header promises. */
uint64_t smr_vendor_quantity(const struct smr_vendor_file *file);
/** «path:line: text of the detail» at the present line; returns @p err. */
enum smr_err smr_vendor_problem(const struct smr_vendor_file *file, enum smr_err err, struct smr_problem *problem,
				const char *detail);
/** Wipes. NULL is allowed. */
void smr_vendor_close(struct smr_vendor_file *file);

#endif
