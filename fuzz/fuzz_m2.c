/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/m2.c core/answer.c. Longest: 1300. Dictionary: cbor. */
/* M2 at the device. */
#include "fuzz/fuzz.h"

#include "core/flight.h"
#include "core/sealed.h"

static struct smr_flight flight;
static struct smr_m2_keys keys; /* of the server that answers it */

/* Both ends of one flight, made once. */
static void prepare(void)
{
	static bool done;
	struct smr_m1 m1 = {0};

	if (done)
		return;
	done = true;
	fuzz_import(&flight.e, FUZZ_E);
	fuzz_dh(FUZZ_E, FUZZ_Q, flight.dh_eq);
	memset(flight.hash_m1, 0x11, sizeof(flight.hash_m1));
	memcpy(m1.dh_eq, flight.dh_eq, sizeof(m1.dh_eq));
	memcpy(m1.hash_m1, flight.hash_m1, sizeof(m1.hash_m1));
	FUZZ_CHECK(smr_pubkey_import(&m1.e_key, SMR_ARRAY(flight.e.point)) == SMR_OK);
	FUZZ_CHECK(smr_m2_keys(&m1, &keys) == SMR_OK);
	smr_m1_wipe(&m1);
}

/* What a device accepts, a server can have sealed, in these very octets. */
static void check_again(const struct smr_m2 *m2, struct smr_bytes datagram)
{
	uint8_t room[SMR_M2_MAX];
	struct smr_space out = {room, sizeof(room)};

	FUZZ_CHECK(smr_m2_seal(&keys, m2, &out) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(smr_bytes_of(out.ptr, out.len), datagram));
}

static bool open_datagram(struct smr_bytes datagram, struct smr_space scratch, struct smr_m2 *m2)
{
	uint8_t rk[SMR_RK_LEN];

	if (datagram.len > scratch.len || smr_m2_open(&flight, datagram, scratch, m2, rk) != SMR_OK)
		return false;
	FUZZ_CHECK((m2->refusal == SMR_REFUSAL_NONE) == (m2->ticket.len != 0));
	return true;
}

static void open_plaintext(struct smr_bytes plain)
{
	uint8_t scratch[2048];
	uint8_t room[2048];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes datagram;
	struct smr_m2 m2;

	smr_put_array(&w, 2);
	smr_put_bytes(&w, SMR_ARRAY(keys.f));
	if (smr_put_sealed(&w, keys.m2, smr_nonce_zero, SMR_ARRAY(keys.f), fuzz_put_octets, &plain) != SMR_OK ||
	    smr_writer_done(&w, &datagram) != SMR_OK)
		return;
	if (open_datagram(datagram, (struct smr_space){scratch, sizeof(scratch)}, &m2))
		check_again(&m2, datagram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t scratch[2048];
	struct smr_m2 m2;

	prepare();
	(void)open_datagram(smr_bytes_of(data, len), (struct smr_space){scratch, sizeof(scratch)}, &m2);
	open_plaintext(smr_bytes_of(data, len));
	return 0;
}
