/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/mcim.c core/evidence.c. Longest: 800. Dictionary: cbor. */
/* The package that carries X and W, and ev. What is accepted has one encoding. */
#include "fuzz/fuzz.h"

#include "core/flight.h"

static void check_same(const struct smr_writer *w, struct smr_bytes octets)
{
	struct smr_bytes encoded;

	FUZZ_CHECK(smr_writer_done(w, &encoded) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(encoded, octets));
}

static void try_package(struct smr_bytes octets)
{
	struct smr_reader r = smr_reader_init(octets);
	uint8_t room[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_package package;

	smr_get_package(&r, &package);
	if (smr_reader_done(&r) != SMR_OK)
		return;
	smr_put_package(&w, &package);
	check_same(&w, octets);
}

static void try_ev(struct smr_bytes octets)
{
	struct smr_reader r = smr_reader_init(octets);
	uint8_t room[1024];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_evidence evidence;

	smr_get_ev(&r, &evidence);
	if (smr_reader_done(&r) != SMR_OK)
		return;
	smr_put_ev(&w, &evidence);
	check_same(&w, octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	try_package(smr_bytes_of(data, len));
	try_ev(smr_bytes_of(data, len));
	return 0;
}
