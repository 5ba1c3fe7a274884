/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: sys/csv.c. */
/* CSV files. */
#include "fuzz/fuzz.h"

#include "sys/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct smr_csv_column columns[] = {{"eid", true}, {"imei", false}, {"a", false}};
	struct smr_problem problem;
	struct smr_csv *csv;
	uint64_t line = 0;
	enum smr_err err =
		smr_csv_open(fuzz_file(smr_bytes_of(data, len)), columns, SMR_COUNT(columns), &csv, &problem);

	if (err != SMR_OK) {
		FUZZ_CHECK(strlen(problem.text) > 0);
		return 0;
	}
	while ((err = smr_csv_next(csv, &problem)) == SMR_OK) {
		FUZZ_CHECK(smr_csv_line(csv) > line);
		line = smr_csv_line(csv);
		for (size_t i = 0; i < SMR_COUNT(columns); i++) {
			struct smr_bytes field = smr_csv_field(csv, i);

			FUZZ_CHECK(field.len <= SMR_CSV_RECORD_MAX && (field.len == 0 || field.ptr[field.len] == 0));
		}
	}
	FUZZ_CHECK(err == SMR_E_NOTHING || strlen(problem.text) > 0);
	smr_csv_close(csv);
	return 0;
}
