/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file csv.h
 * CSV files (RFC 4180) with a header line, read record by record. Accepts CRLF and LF, a UTF-8 byte order mark,
 * columns in any order. Refuses unknown, repeated and missing columns, short and long records, stray quotes, NUL, and
 * records above SMR_CSV_RECORD_MAX octets. Empty lines are skipped. The buffer is wiped, since a file may hold keys.
 *
 *     static const struct smr_csv_column columns[] = {{"eid", true}, {"imei", false}};
 *     SMR_TRY(smr_csv_open(path, columns, SMR_COUNT(columns), &csv, problem));
 *     while ((err = smr_csv_next(csv, problem)) == SMR_OK)
 *         if (smr_eid_parse(smr_csv_field(csv, 0), &eid) != SMR_OK) return smr_csv_problem(csv, 0, err, problem, NULL);
 */
#ifndef SMR_CSV_H
#define SMR_CSV_H

#include "sys/problem.h"

#define SMR_CSV_RECORD_MAX 4096u
#define SMR_CSV_COLUMNS_MAX 32u

struct smr_csv_column {
	const char *name;
	bool required; /* the header must have it; a field of it may still be empty */
};

struct smr_csv;
/** Open and read the header. «-» is standard input. SMR_E_NOT_FOUND, SMR_E_IO, SMR_E_MALFORMED, SMR_E_NO_MEMORY. */
enum smr_err smr_csv_open(const char *path, const struct smr_csv_column *columns, size_t count, struct smr_csv **out,
			  struct smr_problem *problem) SMR_MUST_USE;
/** The next record. SMR_E_NOTHING after the last; SMR_E_MALFORMED with file, line and column. */
enum smr_err smr_csv_next(struct smr_csv *csv, struct smr_problem *problem) SMR_MUST_USE;
/** Field of column @p index of the caller's table; empty when the file has no such column. Valid until the next call;
 * NUL behind it. */
struct smr_bytes smr_csv_field(const struct smr_csv *csv, size_t index);
/** Does the file have this column? */
bool smr_csv_has(const struct smr_csv *csv, size_t index);
/** Line on which the present record begins, from 1. */
uint64_t smr_csv_line(const struct smr_csv *csv);
/** «path:line: column eid: the check digit is wrong»; returns @p err. @p detail replaces the error's own text unless
 * NULL. */
enum smr_err smr_csv_problem(const struct smr_csv *csv, size_t index, enum smr_err err, struct smr_problem *problem,
			     const char *detail);
/** NULL is allowed. */
void smr_csv_close(struct smr_csv *csv);

#endif
