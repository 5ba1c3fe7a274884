/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/ticket.c core/sealed.c. Longest: 200. Dictionary: cbor. */
/* A ticket that comes back to the server: as it comes, and as what was sealed under the right key. */
#include "fuzz/fuzz.h"

#include "core/checkin.h"
#include "core/kdf.h"
#include "core/sealed.h"

static const struct smr_ticket_key tk = {.id = 0x01000005, .key = {0x71}};
static struct smr_ticket_lanes lanes;

/* What a server takes it can have given out: the content comes back the same. */
static void open_sealed(struct smr_bytes sealed)
{
	uint8_t room[SMR_TICKET_MAX];
	struct smr_space again = {room, sizeof(room)};
	struct smr_ticket reopened;
	struct smr_ticket out;

	if (smr_ticket_open(&tk, &lanes, sealed, &out) != SMR_OK)
		return;
	FUZZ_CHECK(sealed.len <= SMR_TICKET_MAX);
	FUZZ_CHECK(smr_ticket_seal(&tk, &lanes, &out, &again) == SMR_OK);
	FUZZ_CHECK(again.len == sealed.len);
	FUZZ_CHECK(smr_ticket_open(&tk, &lanes, smr_bytes_of(again.ptr, again.len), &reopened) == SMR_OK);
	FUZZ_CHECK(memcmp(&out.eid, &reopened.eid, sizeof(out.eid)) == 0);
	FUZZ_CHECK(memcmp(out.rk, reopened.rk, sizeof(out.rk)) == 0);
	FUZZ_CHECK(out.lineage == reopened.lineage && out.flight_epoch == reopened.flight_epoch);
	FUZZ_CHECK(out.state == reopened.state);
}

static void open_plaintext(struct smr_bytes plain)
{
	static const uint8_t clear[SMR_TICKET_OVERHEAD - SMR_AEAD_TAG_LEN] = {0x01, 0, 0, 0x05,
									      3}; /* lane 3, a nonce of zeros */
	static struct smr_aead_key lane;
	const struct smr_bytes context = smr_bytes_of(clear, 5);
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t room[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes sealed;

	FUZZ_CHECK(smr_kdf(SMR_ARRAY(tk.key), "ticket", &context, 1, (struct smr_space){key, sizeof(key)}) == SMR_OK);
	FUZZ_CHECK(lane.impl != NULL || smr_aead_key_init(&lane, key) == SMR_OK);
	smr_put_raw(&w, SMR_ARRAY(clear));
	if (smr_put_sealed_raw(&w, &lane, clear + 5, fuzz_put_octets, &plain) == SMR_OK &&
	    smr_writer_done(&w, &sealed) == SMR_OK)
		open_sealed(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	open_sealed(smr_bytes_of(data, len));
	open_plaintext(smr_bytes_of(data, len));
	return 0;
}
