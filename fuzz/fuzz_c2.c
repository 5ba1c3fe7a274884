/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/c2.c core/answer.c core/cbor.c. Longest: 1300. Dictionary: cbor. */
/* C2 at the device. */
#include "fuzz/fuzz.h"

#include "core/checkin.h"
#include "core/sealed.h"

static const struct smr_checkin kept = {{0x11}, {0x22}};

static bool open_datagram(struct smr_bytes datagram, struct smr_space scratch, struct smr_c2 *c2)
{
	uint8_t rk[SMR_RK_LEN];
	uint8_t spare[SMR_RK_LEN];

	if (datagram.len > scratch.len || smr_c2_open(&kept, datagram, scratch, c2, rk, spare) != SMR_OK)
		return false;
	FUZZ_CHECK(c2->object_count <= SMR_OBJECTS_MAX);
	FUZZ_CHECK((c2->refusal == SMR_REFUSAL_NONE) == (c2->ticket.len != 0));
	return true;
}

static void open_plaintext(struct smr_bytes plain)
{
	static const uint8_t r[SMR_AEAD_NONCE_LEN] = {0x33};
	uint8_t scratch[2048];
	uint8_t room[2048];
	uint8_t again[SMR_C2_MAX];
	struct smr_space out = {again, sizeof(again)};
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes datagram;
	struct smr_c2 c2;

	smr_put_array(&w, 2);
	smr_put_bytes(&w, SMR_ARRAY(r));
	if (smr_put_sealed(&w, kept.response_key, r, SMR_NONE, fuzz_put_octets, &plain) != SMR_OK ||
	    smr_writer_done(&w, &datagram) != SMR_OK ||
	    !open_datagram(datagram, (struct smr_space){scratch, sizeof(scratch)}, &c2))
		return;
	FUZZ_CHECK(smr_c2_seal(&kept, r, &c2, &out) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(smr_bytes_of(out.ptr, out.len), datagram));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t scratch[2048];
	struct smr_c2 c2;

	(void)open_datagram(smr_bytes_of(data, len), (struct smr_space){scratch, sizeof(scratch)}, &c2);
	open_plaintext(smr_bytes_of(data, len));
	return 0;
}
