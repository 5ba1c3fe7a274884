/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: file/vendor.c. */
/* Output files of SIM vendors. */
#include "fuzz/fuzz.h"

#include "file/vendor.h"

static const struct smr_vendor_key keys[] = {
	{.index = 1, .len = 16, .octets = "transport key 1 "},
	{.index = 2, .len = 32, .octets = "transport key 2 of thirty-two oc"},
};

static void check_card(const struct smr_vendor_card *card)
{
	FUZZ_CHECK(smr_iccid_check(&card->iccid) == SMR_OK);
	FUZZ_CHECK(smr_imsi_check(&card->imsi) == SMR_OK);
	FUZZ_CHECK(smr_aka_params_check(&card->aka) == SMR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *path = fuzz_file(smr_bytes_of(data, len));
	struct smr_problem problem = {{0}};
	struct smr_vendor_file *file;
	struct smr_vendor_card card;
	uint64_t count = 0;
	enum smr_err err = smr_vendor_open(path, keys, SMR_COUNT(keys), &file, &problem);

	if (err != SMR_OK) {
		FUZZ_CHECK(file == NULL && strlen(problem.text) > 0);
		return 0;
	}
	while ((err = smr_vendor_next(file, &card, &problem)) == SMR_OK) {
		check_card(&card);
		count++;
	}
	FUZZ_CHECK(count <= smr_vendor_quantity(file));
	FUZZ_CHECK(err == SMR_E_NOTHING ? count == smr_vendor_quantity(file) : strlen(problem.text) > 0);
	smr_vendor_close(file);
	return 0;
}
