/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: auc/sim.c. Longest: 300. */
/* hostapd's eap_sim_db datagrams at the authentication centre. */
#include "fuzz/fuzz.h"

#include "auc/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_sim_request request;

	if (smr_sim_parse(smr_bytes_of(data, len), &request) != SMR_OK)
		return 0;
	FUZZ_CHECK(smr_imsi_check(&request.imsi) == SMR_OK);
	FUZZ_CHECK(strlen(request.imsi_text) < sizeof(request.imsi_text));
	FUZZ_CHECK(memmem(data, len, request.imsi_text, strlen(request.imsi_text)) != NULL);
	return 0;
}
