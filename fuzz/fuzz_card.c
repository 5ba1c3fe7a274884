/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: file/card.c sys/text.c. Longest: 1024. Dictionary: card. */
/* Cards: the encoding, the payload under a good signature, and the text file that is mailed. */
#include "fuzz/fuzz.h"

#include "file/card.h"

static void check(const struct smr_card *card)
{
	FUZZ_CHECK(card->encoded_len <= sizeof(card->encoded));
	FUZZ_CHECK(memchr(card->role, 0, sizeof(card->role)) != NULL);
	FUZZ_CHECK(memchr(card->name, 0, sizeof(card->name)) != NULL);
}

static void open_payload(struct smr_bytes payload)
{
	uint8_t room[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;
	struct smr_card card;

	if (smr_cose_sign(&w, &fuzz_key(FUZZ_SIGNER)->own, SMR_LABEL_CARD, SMR_NONE, payload) == SMR_OK &&
	    smr_writer_done(&w, &encoded) == SMR_OK && smr_card_open(encoded, &card) == SMR_OK)
		check(&card);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_bytes octets = smr_bytes_of(data, len);
	struct smr_card card;

	if (smr_card_open(octets, &card) == SMR_OK)
		check(&card);
	open_payload(octets);
	if (smr_card_read(fuzz_file(octets), NULL, &card) == SMR_OK)
		check(&card);
	return 0;
}
