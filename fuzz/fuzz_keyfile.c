/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: sys/keyfile.c sys/text.c. Longest: 200. */
/* Files with private keys and secrets. What is taken is written the same, but for the last line's end. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <unistd.h>

#include "sys/fsio.h"
#include "sys/keyfile.h"

static void check_same(enum smr_err written, const char *path, struct smr_bytes octets)
{
	struct smr_blob blob;
	struct smr_bytes content;

	FUZZ_CHECK(written == SMR_OK && smr_fs_read(path, 4096, &blob) == SMR_OK);
	content = smr_bytes_of(blob.ptr, blob.len);
	if (octets.len > 0 && octets.ptr[octets.len - 1] != '\n')
		content.len--;
	FUZZ_CHECK(smr_bytes_equal(content, octets));
	smr_blob_wipe(&blob);
	FUZZ_CHECK(unlink(path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_bytes octets = smr_bytes_of(data, len);
	const char *path = fuzz_dir_file("key", octets);
	char copy[128];
	uint8_t secret[32];
	struct smr_problem problem;
	struct smr_privkey key;

	(void)snprintf(copy, sizeof(copy), "%s/copy", fuzz_dir());
	if (smr_keyfile_load(path, &key, &problem) == SMR_OK) {
		check_same(smr_keyfile_create(copy, &key, &problem), copy, octets);
		smr_privkey_wipe(&key);
	}
	for (size_t want = 16; want <= sizeof(secret); want += 16) {
		struct smr_space out = {secret, want};

		if (smr_secretfile_load(path, out, &problem) == SMR_OK)
			check_same(smr_secretfile_create(copy, smr_bytes_of(secret, want), &problem), copy, octets);
		else
			FUZZ_CHECK(problem.text[0] != '\0');
	}
	return 0;
}
