/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: file/numbers.c. Longest: 300. */
/* DIR/numbers: no number is given out twice, whatever stands in the file. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "file/party.h"

static void take_two(const struct smr_party *party, enum smr_file_type type)
{
	uint64_t first;
	uint64_t second;

	if (smr_party_next_number(party, type, &first) != SMR_OK)
		return;
	FUZZ_CHECK(first > 0);
	if (first < UINT64_MAX)
		FUZZ_CHECK(smr_party_next_number(party, type, &second) == SMR_OK && second == first + 1);
	FUZZ_CHECK(smr_party_claim_number(party, type, first) == SMR_E_SERIAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char dir[64];
	struct smr_party party = {.dir = dir, .lock_fd = -1};

	memcpy(dir, fuzz_dir(), strlen(fuzz_dir()) + 1);
	(void)fuzz_dir_file("numbers", smr_bytes_of(data, len));
	take_two(&party, SMR_FILE_SHIPMENT);
	(void)fuzz_dir_file("numbers", smr_bytes_of(data, len));
	take_two(&party, SMR_FILE_FLIGHT_KEYS);
	return 0;
}
