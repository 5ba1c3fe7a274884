/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/evidence.c core/cose.c. Longest: 300. Dictionary: cbor. */
/* Evidence that the RO relays to the operator: as it comes, and as ev that the device has signed for these points. */
#include "fuzz/fuzz.h"

#include "core/cose.h"
#include "core/flight.h"

/* Only what d signed is told; and a device that was not lied to can have signed it. */
static bool verify(struct smr_bytes encoded, struct smr_evidence *out)
{
	uint8_t hash[SMR_HASH_LEN];

	return smr_evidence_verify_relayed(encoded, fuzz_key(FUZZ_E)->point, fuzz_key(FUZZ_Q)->point,
					   &fuzz_key(FUZZ_D)->pub, out, hash) == SMR_OK;
}

static void verify_signed(struct smr_bytes ev)
{
	uint8_t points[2 * SMR_POINT_COMPRESSED_LEN];
	uint8_t room[1024];
	uint8_t again[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_evidence evidence;
	struct smr_bytes encoded;

	memcpy(points, fuzz_key(FUZZ_E)->point, SMR_POINT_COMPRESSED_LEN);
	memcpy(points + SMR_POINT_COMPRESSED_LEN, fuzz_key(FUZZ_Q)->point, SMR_POINT_COMPRESSED_LEN);
	if (smr_cose_sign(&w, &fuzz_key(FUZZ_D)->own, SMR_LABEL_EVIDENCE, SMR_ARRAY(points), ev) != SMR_OK ||
	    smr_writer_done(&w, &encoded) != SMR_OK || !verify(encoded, &evidence))
		return;
	w = smr_writer_init((struct smr_space){again, sizeof(again)});
	smr_put_ev(&w, &evidence);
	FUZZ_CHECK(smr_writer_done(&w, &encoded) == SMR_OK && smr_bytes_equal(encoded, ev));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_evidence evidence;

	(void)verify(smr_bytes_of(data, len), &evidence);
	verify_signed(smr_bytes_of(data, len));
	return 0;
}
