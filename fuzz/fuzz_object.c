/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/certificate.c core/flight_key.c core/order.c core/command.c core/release.c core/boot_log.c. Longest: 500. Dictionary: cbor. */
/* Signed objects: as they come, and as the payload under a good signature. The first octet chooses the kind. */
#include "fuzz/fuzz.h"

#include "core/object.h"
#include "core/release.h"

struct room {
	uint8_t octets[1024];
};

static struct smr_writer writer(struct room *room)
{
	return smr_writer_init((struct smr_space){room->octets, sizeof(room->octets)});
}

/* What was read and signed again has the payload it was read from: one encoding each. */
static void check_payload(enum smr_err err, const struct smr_writer *w, struct smr_bytes payload)
{
	struct smr_bytes encoded;
	struct smr_reader r;

	FUZZ_CHECK(err == SMR_OK && smr_writer_done(w, &encoded) == SMR_OK);
	r = smr_reader_init(encoded);
	FUZZ_CHECK(smr_bytes_equal(smr_get_signed(&r).payload, payload));
}

static bool open_certificate(struct smr_bytes encoded, struct smr_writer *w, enum smr_err *err)
{
	struct smr_certificate out;
	bool peeked = smr_certificate_peek(encoded, &out) == SMR_OK;
	bool opened = smr_certificate_open(encoded, &fuzz_key(FUZZ_SIGNER)->pub, &out) == SMR_OK;

	FUZZ_CHECK(peeked || !opened);
	if (opened)
		*err = smr_certificate_sign(w, &fuzz_key(FUZZ_SIGNER)->own, &out);
	return opened;
}

static bool open_flight_key(struct smr_bytes encoded, struct smr_writer *w, enum smr_err *err)
{
	struct smr_flight_key out;
	bool opened = smr_flight_key_open(encoded, &fuzz_key(FUZZ_SIGNER)->pub, &out) == SMR_OK;

	if (opened)
		*err = smr_flight_key_sign(w, &fuzz_key(FUZZ_SIGNER)->own, &out);
	return opened;
}

static bool open_order(struct smr_bytes encoded, struct smr_writer *w, enum smr_err *err)
{
	struct smr_order out;
	bool opened = smr_order_open(encoded, &fuzz_key(FUZZ_SIGNER)->pub, &out) == SMR_OK;

	if (opened)
		*err = smr_order_sign(w, &fuzz_key(FUZZ_SIGNER)->own, &out);
	return opened;
}

static bool open_command(struct smr_bytes encoded, struct smr_writer *w, enum smr_err *err)
{
	struct smr_command out;
	bool peeked = smr_command_peek(encoded, &out) == SMR_OK;
	bool opened = smr_command_open(encoded, &fuzz_key(FUZZ_SIGNER)->pub, &out) == SMR_OK;

	FUZZ_CHECK(peeked || !opened);
	if (opened)
		*err = smr_command_sign(w, &fuzz_key(FUZZ_SIGNER)->own, &out);
	return opened;
}

static bool open_release(struct smr_bytes encoded, struct smr_writer *w, enum smr_err *err)
{
	struct smr_release out;
	struct smr_key_id key;
	bool peeked = smr_release_peek(encoded, &key) == SMR_OK;
	bool opened = smr_release_open(encoded, &fuzz_key(FUZZ_SIGNER)->pub, &out) == SMR_OK;

	FUZZ_CHECK(peeked || !opened);
	if (opened)
		*err = smr_release_sign(w, &fuzz_key(FUZZ_SIGNER)->own, &out);
	return opened;
}

static const struct {
	const char *label;
	bool (*open)(struct smr_bytes encoded, struct smr_writer *w, enum smr_err *err);
} kinds[] = {
	{SMR_LABEL_CERTIFICATE, open_certificate},
	{SMR_LABEL_FLIGHT_KEY, open_flight_key},
	{SMR_LABEL_ORDER, open_order},
	{SMR_LABEL_COMMAND, open_command},
	{SMR_LABEL_RELEASE, open_release},
};

static void as_payload(unsigned kind, struct smr_bytes payload)
{
	struct room room;
	struct room again;
	struct smr_writer w = writer(&room);
	struct smr_bytes encoded;
	enum smr_err err = SMR_OK;

	if (smr_cose_sign(&w, &fuzz_key(FUZZ_SIGNER)->own, kinds[kind].label, SMR_NONE, payload) != SMR_OK)
		return;
	FUZZ_CHECK(smr_writer_done(&w, &encoded) == SMR_OK);
	w = writer(&again);
	if (kinds[kind].open(encoded, &w, &err))
		check_payload(err, &w, payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct room room;
	struct smr_writer w = writer(&room);
	struct smr_bytes octets;
	enum smr_err err;
	unsigned kind;

	if (len == 0)
		return 0;
	kind = data[0] % SMR_COUNT(kinds);
	octets = smr_bytes_of(data + 1, len - 1);
	(void)kinds[kind].open(octets, &w, &err);
	as_payload(kind, octets);
	return 0;
}
