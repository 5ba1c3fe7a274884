/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/m1.c core/evidence.c core/boot_log.c core/cose.c core/gate.c. Longest: 600. Dictionary: cbor. */
/* M1 at the server: the first octets of the internet that reach a key. */
#include "fuzz/fuzz.h"

#include "core/cose.h"
#include "core/gate.h"
#include "core/kdf.h"
#include "core/sealed.h"

static void open_datagram(struct smr_bytes datagram)
{
	uint8_t scratch[2048];
	struct smr_m1 m1;
	uint32_t number;
	bool peeked = smr_m1_peek(datagram, &number) == SMR_OK;

	if (datagram.len > sizeof(scratch))
		return;
	if (smr_m1_open(&fuzz_key(FUZZ_Q)->own, datagram, (struct smr_space){scratch, sizeof(scratch)}, &m1) != SMR_OK)
		return;
	FUZZ_CHECK(peeked && m1.q_number == number);
	FUZZ_CHECK(m1.certificate.len <= SMR_CERTIFICATE_MAX);
	FUZZ_CHECK(m1.boot_log.len == 0 || m1.attested.attestation.quoted);
	fuzz_any(smr_evidence_verify(&m1, &fuzz_key(FUZZ_D)->pub, SMR_PLATFORM_SOFTWARE));
	smr_m1_wipe(&m1);
}

/* k1 between E and Q, as docs/protocol.md has it. */
static void derive(uint8_t k1[SMR_AEAD_KEY_LEN])
{
	const struct smr_bytes context[] = {SMR_ARRAY(fuzz_key(FUZZ_E)->point), SMR_ARRAY(fuzz_key(FUZZ_Q)->point)};
	uint8_t dh[SMR_DH_LEN];
	uint8_t prk[SMR_HASH_LEN];
	const struct smr_bytes ikm = SMR_ARRAY(dh);

	fuzz_dh(FUZZ_E, FUZZ_Q, dh);
	FUZZ_CHECK(smr_hkdf_extract(SMR_TEXT("samara1 flight"), &ikm, 1, prk) == SMR_OK);
	FUZZ_CHECK(smr_kdf(SMR_ARRAY(prk), "k1", context, 2, (struct smr_space){k1, SMR_AEAD_KEY_LEN}) == SMR_OK);
}

static void open_plaintext(struct smr_bytes plain)
{
	static uint8_t k1[SMR_AEAD_KEY_LEN];
	static bool derived;
	uint8_t room[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes datagram;

	if (!derived)
		derive(k1);
	derived = true;
	smr_put_array(&w, 4);
	smr_put_uint(&w, SMR_SUITE_1);
	smr_put_uint(&w, 1);
	smr_put_bytes(&w, SMR_ARRAY(fuzz_key(FUZZ_E)->point));
	if (smr_put_sealed(&w, k1, smr_nonce_zero, smr_bytes_of(w.out, w.len), fuzz_put_octets, &plain) == SMR_OK &&
	    smr_writer_done(&w, &datagram) == SMR_OK)
		open_datagram(datagram);
}

/* The octets as ev that the device signed for this flight. */
static void open_signed(struct smr_bytes ev)
{
	uint8_t points[2 * SMR_POINT_COMPRESSED_LEN];
	uint8_t room[512];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes plain;

	memcpy(points, fuzz_key(FUZZ_E)->point, SMR_POINT_COMPRESSED_LEN);
	memcpy(points + SMR_POINT_COMPRESSED_LEN, fuzz_key(FUZZ_Q)->point, SMR_POINT_COMPRESSED_LEN);
	smr_put_array(&w, 1);
	if (smr_cose_sign(&w, &fuzz_key(FUZZ_D)->own, SMR_LABEL_EVIDENCE, SMR_ARRAY(points), ev) == SMR_OK &&
	    smr_writer_done(&w, &plain) == SMR_OK)
		open_plaintext(plain);
}

/* A request comes apart in one way only. */
static void split(struct smr_bytes request)
{
	uint8_t room[1024];
	struct smr_space again = {room, sizeof(room)};
	struct smr_bytes m1;
	struct smr_bytes mac;

	if (request.len > sizeof(room) || smr_gate_split(request, &m1, &mac) != SMR_OK)
		return;
	FUZZ_CHECK(m1.ptr == request.ptr && (mac.len == 0 || mac.len == SMR_GATE_MAC_LEN));
	if (mac.len == 0) {
		FUZZ_CHECK(m1.len == request.len);
		return;
	}
	FUZZ_CHECK(smr_gate_append(m1, mac.ptr, &again) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(smr_bytes_of(again.ptr, again.len), request));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	split(smr_bytes_of(data, len));
	open_datagram(smr_bytes_of(data, len));
	open_plaintext(smr_bytes_of(data, len));
	open_signed(smr_bytes_of(data, len));
	return 0;
}
