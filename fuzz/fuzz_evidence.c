/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/evidence.c core/cose.c core/tpm_quote.c. Longest: 300. Dictionary: cbor. */
/* Evidence that the RO relays to the operator: as it comes, and as ev that the device has signed for these points. */
#include "fuzz/fuzz.h"

#include "core/cose.h"
#include "core/flight.h"

static bool verify(struct smr_bytes encoded, enum smr_platform platform, struct smr_relayed *out)
{
	return smr_evidence_verify_relayed(encoded, fuzz_key(FUZZ_E)->point, fuzz_key(FUZZ_Q)->point,
					   &fuzz_key(FUZZ_D)->pub, platform, out) == SMR_OK;
}

static void verify_signed(struct smr_bytes ev)
{
	uint8_t points[2 * SMR_POINT_COMPRESSED_LEN];
	uint8_t room[1024];
	uint8_t again[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_relayed relayed;
	struct smr_bytes encoded;

	memcpy(points, fuzz_key(FUZZ_E)->point, SMR_POINT_COMPRESSED_LEN);
	memcpy(points + SMR_POINT_COMPRESSED_LEN, fuzz_key(FUZZ_Q)->point, SMR_POINT_COMPRESSED_LEN);
	if (smr_cose_sign(&w, &fuzz_key(FUZZ_D)->own, SMR_LABEL_EVIDENCE, SMR_ARRAY(points), ev) != SMR_OK ||
	    smr_writer_done(&w, &encoded) != SMR_OK || !verify(encoded, SMR_PLATFORM_SOFTWARE, &relayed))
		return;
	w = smr_writer_init((struct smr_space){again, sizeof(again)});
	smr_put_ev(&w, &relayed.evidence);
	FUZZ_CHECK(smr_writer_done(&w, &encoded) == SMR_OK && smr_bytes_equal(encoded, ev));
}

/* Whatever is read as evidence has one encoding. */
static void read_attested(struct smr_bytes octets)
{
	uint8_t again[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){again, sizeof(again)});
	struct smr_reader r = smr_reader_init(octets);
	struct smr_attested attested;
	struct smr_bytes encoded;

	smr_get_attested(&r, &attested);
	if (smr_reader_done(&r) != SMR_OK)
		return;
	FUZZ_CHECK(smr_bytes_equal(attested.whole, octets));
	smr_put_attested(&w, attested.ev, &attested.attestation);
	FUZZ_CHECK(smr_writer_done(&w, &encoded) == SMR_OK && smr_bytes_equal(encoded, octets));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_relayed relayed;

	(void)verify(smr_bytes_of(data, len), SMR_PLATFORM_SOFTWARE, &relayed);
	(void)verify(smr_bytes_of(data, len), SMR_PLATFORM_TPM, &relayed);
	read_attested(smr_bytes_of(data, len));
	verify_signed(smr_bytes_of(data, len));
	return 0;
}
