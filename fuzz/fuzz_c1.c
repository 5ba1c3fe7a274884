/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/c1.c core/receipt.c core/cbor.c. Longest: 500. Dictionary: cbor. */
/* C1 at the server: as it comes, and the report as what was sealed. */
#include "fuzz/fuzz.h"

#include "core/checkin.h"
#include "core/kdf.h"
#include "core/sealed.h"

static const struct smr_ticket_key tk = {.id = 0x01000005, .key = {0x71}};
static const struct smr_ticket ticket = {.rk = {0x72}};
static struct smr_ticket_lanes lanes;

static void open_datagram(struct smr_bytes datagram)
{
	struct smr_ticket opened;
	struct smr_bytes sealed;
	struct smr_c1 c1;
	uint32_t id;

	if (smr_c1_peek(datagram, &sealed, &id) == SMR_OK) {
		FUZZ_CHECK(sealed.len <= SMR_TICKET_MAX);
		fuzz_any(smr_ticket_open(&tk, &lanes, sealed, &opened));
	}
	if (smr_c1_open(&ticket, datagram, &c1) == SMR_OK)
		FUZZ_CHECK(c1.report.receipt_count <= SMR_RECEIPTS_MAX);
}

static void open_report(struct smr_bytes plain)
{
	static const uint8_t sealed_ticket[SMR_TICKET_OVERHEAD] = {1};
	static const uint8_t ctr[4] = {0, 0, 0, 9};
	static const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {[SMR_AEAD_NONCE_LEN - 1] = 9};
	uint8_t keys[SMR_AEAD_KEY_LEN + sizeof(ctr)];
	uint8_t masked[sizeof(ctr)];
	uint8_t room[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes datagram;

	FUZZ_CHECK(smr_kdf(SMR_ARRAY(ticket.rk), "c1", NULL, 0, (struct smr_space){keys, sizeof(keys)}) == SMR_OK);
	for (size_t i = 0; i < sizeof(ctr); i++)
		masked[i] = (uint8_t)(keys[SMR_AEAD_KEY_LEN + i] ^ ctr[i]);
	smr_put_array(&w, 3);
	smr_put_bytes(&w, SMR_ARRAY(sealed_ticket));
	smr_put_bytes(&w, SMR_ARRAY(masked));
	if (smr_put_sealed(&w, keys, nonce, smr_bytes_of(w.out, w.len), fuzz_put_octets, &plain) == SMR_OK &&
	    smr_writer_done(&w, &datagram) == SMR_OK)
		open_datagram(datagram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	open_datagram(smr_bytes_of(data, len));
	open_report(smr_bytes_of(data, len));
	return 0;
}
