/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: m2me/sim_line.c. Longest: 1100. */
/* Lines of wpa_supplicant's control interface at the agent, and the answer to whatever they ask. */
#include "fuzz/fuzz.h"

#include "m2me/sim_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum smr_err errors[] = {SMR_OK, SMR_E_SQN, SMR_E_MAC};
	const struct smr_aka_result result = {.res_len = 16};
	char answer[SMR_SIM_ANSWER_MAX];
	struct smr_sim_line line;

	smr_sim_line_read(smr_bytes_of(data, len), &line);
	for (size_t i = 0; i < SMR_COUNT(errors); i++) {
		size_t written = smr_sim_line_answer(&line, errors[i], &result, answer);

		FUZZ_CHECK(written < sizeof(answer) && answer[written] == '\0' && strlen(answer) == written);
		/* Nothing but a challenge gets keys. */
		FUZZ_CHECK(line.kind == SMR_SIM_CHALLENGE || strstr(answer, "UMTS-AUTH:") == NULL);
	}
	return 0;
}
