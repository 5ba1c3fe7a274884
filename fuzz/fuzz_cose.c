/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/cose.c core/cbor.c. Longest: 600. Dictionary: cbor. */
/* COSE_Sign1 by itself: its framing, and signatures that hold for this label, these data and this payload alone. */
#include "fuzz/fuzz.h"

#include "core/cose.h"

/* What is read is a view into the input, and has one encoding. */
static void read_framing(struct smr_bytes octets)
{
	struct smr_reader r = smr_reader_init(octets);
	struct smr_signed object = smr_get_signed(&r);
	const struct smr_pubkey *key = &fuzz_key(FUZZ_SIGNER)->pub;

	if (r.err != SMR_OK) {
		FUZZ_CHECK(object.whole.len == 0 && object.payload.len == 0 && object.signature.len == 0);
		return;
	}
	FUZZ_CHECK(object.whole.ptr == octets.ptr && object.whole.len == r.pos);
	FUZZ_CHECK(object.signature.len == SMR_SIG_LEN && object.payload.len < object.whole.len);
	fuzz_any(smr_cose_verify(&object, key, SMR_LABEL_ORDER, SMR_NONE));
}

/* The first octet says how long the external data are; the rest is signed. */
static void sign_and_change(struct smr_bytes extra, struct smr_bytes payload)
{
	const struct fuzz_key *signer = fuzz_key(FUZZ_SIGNER);
	uint8_t room[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_signed object;
	struct smr_bytes encoded;
	struct smr_reader r;

	if (smr_cose_sign(&w, &signer->own, SMR_LABEL_ORDER, extra, payload) != SMR_OK)
		return;
	FUZZ_CHECK(smr_writer_done(&w, &encoded) == SMR_OK);
	r = smr_reader_init(encoded);
	object = smr_get_signed(&r);
	FUZZ_CHECK(smr_reader_done(&r) == SMR_OK && smr_bytes_equal(object.payload, payload));
	FUZZ_CHECK(smr_cose_verify(&object, &signer->pub, SMR_LABEL_ORDER, extra) == SMR_OK);
	FUZZ_CHECK(smr_cose_verify(&object, &signer->pub, SMR_LABEL_COMMAND, extra) == SMR_E_SIGNATURE);
	if (extra.len > 0)
		FUZZ_CHECK(smr_cose_verify(&object, &signer->pub, SMR_LABEL_ORDER,
					   smr_bytes_of(extra.ptr, extra.len - 1)) == SMR_E_SIGNATURE);
	object.payload.len -= object.payload.len > 0;
	if (payload.len > 0)
		FUZZ_CHECK(smr_cose_verify(&object, &signer->pub, SMR_LABEL_ORDER, extra) == SMR_E_SIGNATURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t extra;

	read_framing(smr_bytes_of(data, len));
	if (len == 0)
		return 0;
	extra = data[0] < len - 1 ? data[0] : len - 1;
	sign_and_change(smr_bytes_of(data + 1, extra), smr_bytes_of(data + 1 + extra, len - 1 - extra));
	return 0;
}
