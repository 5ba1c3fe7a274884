/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader of CBOR against the second implementation's: the same verdict on every encoding (tests/vectors/cbor.txt). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "crypto/crypto.h"
#include "tests/unit/hex.h"

#define LINE_MAX_LEN 256u

static FILE *vectors;

static bool is_item(struct smr_bytes octets)
{
	struct smr_reader r = smr_reader_init(octets);

	(void)smr_get_item(&r);
	return smr_reader_done(&r) == SMR_OK;
}

static int open_vectors(void **state)
{
	const char *source = getenv("SAMARA_SOURCE");
	char path[4096];

	(void)state;
	if (source == NULL || snprintf(path, sizeof(path), "%s/tests/vectors/cbor.txt", source) >= (int)sizeof(path))
		return -1;
	vectors = fopen(path, "r");
	return vectors == NULL ? -1 : 0;
}

static int close_vectors(void **state)
{
	(void)state;
	return fclose(vectors);
}

/* The lines that begin with @p first, one after the other; false after the last. */
static bool next_line(const char *first, char line[LINE_MAX_LEN])
{
	while (fgets(line, LINE_MAX_LEN, vectors) != NULL) {
		if (strchr(first, line[0]) != NULL)
			return true;
	}
	return false;
}

static void test_item_every_encoding_is_judged_alike(void **state)
{
	uint8_t octets[LINE_MAX_LEN];
	char line[LINE_MAX_LEN];
	size_t taken = 0;
	size_t refused = 0;

	(void)state;
	while (next_line("01", line)) {
		bool wanted = line[0] == '1';

		line[strcspn(line, "\n")] = '\0';
		if (is_item(hex(line + 2, octets, sizeof(octets))) != wanted)
			fail_msg("%s is to be %s", line + 2, wanted ? "taken" : "refused");
		taken += wanted;
		refused += !wanted;
	}
	assert_true(taken > 700);
	assert_true(refused > 1000);
}

static uint32_t hash_of_taken(size_t len, uint8_t hash[SMR_HASH_LEN])
{
	struct smr_sha256_state running;
	uint32_t count = 0;

	assert_int_equal(smr_sha256_init(&running), SMR_OK);
	for (uint32_t n = 0; n < 1u << 8 * len; n++) {
		uint8_t be[4];
		struct smr_bytes octets = smr_bytes_of(be + sizeof(be) - len, len);

		smr_put_be32(be, n);
		if (!is_item(octets))
			continue;
		count++;
		assert_int_equal(smr_sha256_update(&running, octets), SMR_OK);
	}
	assert_int_equal(smr_sha256_final(&running, hash), SMR_OK);
	return count;
}

static void test_item_all_short_strings_are_judged_alike(void **state)
{
	char line[LINE_MAX_LEN];
	uint8_t hash[SMR_HASH_LEN];
	char digits[2 * SMR_HASH_LEN + 1];
	size_t seen = 0;
	uint32_t count;
	size_t len;

	(void)state;
	while (next_line("a", line)) {
		assert_int_equal(sscanf(line, "all %zu %u %64s", &len, &count, digits), 3);
		assert_in_range(len, 1, 2);
		assert_int_equal(hash_of_taken(len, hash), count);
		assert_hex(hash, sizeof(hash), digits);
		seen++;
	}
	assert_int_equal(seen, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_item_every_encoding_is_judged_alike, open_vectors, close_vectors),
		cmocka_unit_test_setup_teardown(test_item_all_short_strings_are_judged_alike, open_vectors,
						close_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
