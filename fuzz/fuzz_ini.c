/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: sys/ini.c m2me/config.c. */
/* Configuration files: one of every type of value, and the device's own. */
#include "fuzz/fuzz.h"

#include <stddef.h>

#include "m2me/config.h"
#include "sys/ini.h"

struct config {
	char *text;
	uint64_t number;
	uint64_t duration;
	bool flag;
	unsigned choice;
	struct smr_ini_list list;
};

static const struct smr_ini_key keys[] = {
	{"a", "text", SMR_INI_TEXT, offsetof(struct config, text), NULL, 1, 20, "text", NULL},
	{"a", "number", SMR_INI_UINT, offsetof(struct config, number), "7", 1, 65535, "number", NULL},
	{"b", "duration", SMR_INI_DURATION, offsetof(struct config, duration), "24h", 60, 31536000, "duration", NULL},
	{"b", "flag", SMR_INI_BOOL, offsetof(struct config, flag), "no", 0, 0, "flag", NULL},
	{"b", "choice", SMR_INI_CHOICE, offsetof(struct config, choice), "one", 0, 0, "choice", "one|two|three"},
	{"b", "list", SMR_INI_LIST, offsetof(struct config, list), "", 0, 4, "list", NULL},
};

static void load_own(const char *path)
{
	uint8_t room[SMR_M2ME_CANONICAL_MAX];
	struct smr_space canonical = {room, sizeof(room)};
	struct smr_m2me_config config;
	struct smr_problem problem;

	if (smr_m2me_config_load(path, &config, &problem) != SMR_OK) {
		FUZZ_CHECK(strlen(problem.text) > 0);
		return;
	}
	FUZZ_CHECK(smr_m2me_config_canonical(&config, &canonical) == SMR_OK && canonical.len > 0);
	smr_m2me_config_wipe(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *path = fuzz_file(smr_bytes_of(data, len));
	struct smr_problem problem;
	struct config config;

	if (smr_ini_load(path, keys, SMR_COUNT(keys), &config, &problem) == SMR_OK) {
		FUZZ_CHECK(strlen(config.text) >= 1 && strlen(config.text) <= 20);
		FUZZ_CHECK(config.number >= 1 && config.number <= 65535);
		FUZZ_CHECK(config.duration >= 60 && config.choice <= 2 && config.list.count <= 4);
		smr_ini_wipe(keys, SMR_COUNT(keys), &config);
	} else {
		FUZZ_CHECK(strlen(problem.text) > 0);
	}
	load_own(path);
	return 0;
}
