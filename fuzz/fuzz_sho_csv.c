/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: cli/sho_csv.c sys/csv.c. Dictionary: csv. */
/* The operator's list of subscriptions, with keys. */
#include "fuzz/fuzz.h"

#include "cli/sho_csv.h"

static void check(const struct smr_subscription *s)
{
	FUZZ_CHECK(smr_iccid_check(&s->iccid) == SMR_OK && smr_imsi_check(&s->mcim.imsi) == SMR_OK);
	FUZZ_CHECK(smr_aka_params_check(&s->mcim.aka) == SMR_OK);
	FUZZ_CHECK(s->sqn <= SMR_SQN_MAX);
	FUZZ_CHECK(s->mcim.checkin_interval_s >= SMR_INTERVAL_MIN && s->mcim.checkin_interval_s <= SMR_INTERVAL_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_subscription subscription;
	struct smr_problem problem = {0};
	struct smr_csv *csv;
	enum smr_err err = smr_sho_csv_open(fuzz_dir_file("csv", smr_bytes_of(data, len)), &csv, &problem);

	if (err != SMR_OK) {
		FUZZ_CHECK(problem.text[0] != '\0');
		return 0;
	}
	while ((err = smr_sho_csv_next(csv, &subscription, &problem)) == SMR_OK)
		check(&subscription);
	FUZZ_CHECK(err == SMR_E_NOTHING || problem.text[0] != '\0');
	smr_csv_close(csv);
	return 0;
}
