/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: m2me/memory.c. Longest: 300. Dictionary: cbor. */
/* The agent's own file. Whatever stands there, it is all or nothing. */
#include "fuzz/fuzz.h"

#include "m2me/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct smr_memory nothing;
	struct smr_problem problem = {0};
	struct smr_memory memory;
	struct smr_memory again;

	(void)fuzz_dir_file(SMR_MEMORY_FILE, smr_bytes_of(data, len));
	if (smr_memory_load(fuzz_dir(), &memory, &problem) != SMR_OK) {
		FUZZ_CHECK(memcmp(&memory, &nothing, sizeof(memory)) == 0 && problem.text[0] != '\0');
		return 0;
	}
	fuzz_silence();
	smr_memory_print(stdout, &memory, true, 1800000000);
	FUZZ_CHECK(smr_memory_save(fuzz_dir(), &memory) == SMR_OK);
	FUZZ_CHECK(smr_memory_load(fuzz_dir(), &again, &problem) == SMR_OK);
	FUZZ_CHECK(memcmp(&memory, &again, sizeof(memory)) == 0);
	return 0;
}
