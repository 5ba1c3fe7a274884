/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: m2me/memory.c. Longest: 300. Dictionary: cbor. */
/* The agent's own file. Whatever stands there, it is all or nothing. */
#include "fuzz/fuzz.h"

#include "m2me/memory.h"
#include "sys/fsio.h"

/* What is saved and loaded again is the same file. */
static void save_twice(struct smr_memory *memory)
{
	struct smr_problem problem;
	struct smr_blob first;
	struct smr_blob second;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/" SMR_MEMORY_FILE, fuzz_dir());
	FUZZ_CHECK(smr_memory_save(fuzz_dir(), memory) == SMR_OK && smr_fs_read(path, 4096, &first) == SMR_OK);
	FUZZ_CHECK(smr_memory_load(fuzz_dir(), memory, &problem) == SMR_OK);
	FUZZ_CHECK(smr_memory_save(fuzz_dir(), memory) == SMR_OK && smr_fs_read(path, 4096, &second) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(smr_bytes_of(first.ptr, first.len), smr_bytes_of(second.ptr, second.len)));
	smr_blob_wipe(&first);
	smr_blob_wipe(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_problem problem = {0};
	struct smr_memory memory;

	(void)fuzz_dir_file(SMR_MEMORY_FILE, smr_bytes_of(data, len));
	if (smr_memory_load(fuzz_dir(), &memory, &problem) != SMR_OK) {
		FUZZ_CHECK(memory.level == 0 && memory.due_unix == 0 && memory.traffic.ignored == 0);
		FUZZ_CHECK(problem.text[0] != '\0');
		return 0;
	}
	fuzz_silence();
	smr_memory_print(stdout, &memory, true, 1800000000);
	save_twice(&memory);
	return 0;
}
