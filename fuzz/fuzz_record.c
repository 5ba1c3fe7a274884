/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: tre/record.c tre/engine.c tre/linux/port.c. Longest: 8192. Dictionary: cbor. */
/*
 * What lies in a TRE's directory. The first octet chooses: the plaintext of a record; or which of its files holds the octets at
 * the next start, the others being good. A TRE starts with what it wrote itself, or not at all.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sys/fsio.h"
#include "tre/linux/port.h"
#include "tre/state.h"

static const char *const names[] = {"record", "counter", "storage.key", "tamper"};
enum { TAMPER = 3, PLAINTEXT };

static struct smr_blob good[TAMPER]; /* the files of a device whose keys are made */
static char dir[80];

/* A record of this version has one form; one of an earlier version becomes one of this. */
static void decode(struct smr_bytes octets)
{
	static struct smr_tre_durable durable;
	uint8_t rooms[2][SMR_TRE_RECORD_MAX];
	struct smr_bytes again;
	struct smr_bytes thrice;

	if (smr_tre_record_decode(octets, &durable) != SMR_OK)
		return;
	FUZZ_CHECK(smr_tre_record_encode(&durable, (struct smr_space){rooms[0], sizeof(rooms[0])}, &again) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(again, octets) == (octets.ptr[1] == again.ptr[1]));
	FUZZ_CHECK(smr_tre_record_decode(again, &durable) == SMR_OK);
	FUZZ_CHECK(smr_tre_record_encode(&durable, (struct smr_space){rooms[1], sizeof(rooms[1])}, &thrice) == SMR_OK);
	FUZZ_CHECK(smr_bytes_equal(again, thrice));
}

static char *path_of(unsigned which)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, names[which]);
	return path;
}

/* @return the engine's health after a start in the directory; @p made: with new keys. */
static enum smr_err start(bool make)
{
	static const uint8_t measurement[SMR_HASH_LEN] = {1};
	static const uint8_t challenge[SMR_HASH_LEN] = {2};
	static struct smr_tre tre;
	struct smr_tre_linux linux_port;
	struct smr_tre_identity identity;
	struct smr_problem problem;
	struct smr_tre_port port;
	struct smr_eid eid;
	enum smr_err health = smr_tre_linux_open(&linux_port, dir, measurement, &problem);

	if (health != SMR_OK)
		return health;
	port = smr_tre_linux_port(&linux_port);
	health = smr_tre_start(&tre, &port);
	if (make) {
		FUZZ_CHECK(smr_eid_parse(SMR_TEXT("89049032123451234512345678901235"), &eid) == SMR_OK);
		FUZZ_CHECK(smr_tre_enrol_begin(&tre, &eid, challenge, &identity) == SMR_OK);
	}
	if (health == SMR_OK)
		fuzz_any(port.tamper(port.context, &tre.now.tamper));
	smr_tre_stop(&tre);
	smr_tre_linux_close(&linux_port);
	return health;
}

static void prepare(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	(void)snprintf(dir, sizeof(dir), "%s/tre", fuzz_dir());
	FUZZ_CHECK(start(true) == SMR_OK);
	for (unsigned i = 0; i < TAMPER; i++)
		FUZZ_CHECK(smr_fs_read(path_of(i), 65536, &good[i]) == SMR_OK);
}

static void put(unsigned which, struct smr_bytes octets)
{
	FUZZ_CHECK(smr_fs_write(path_of(which), octets, 0600) == SMR_OK);
}

static void start_with(unsigned which, struct smr_bytes octets)
{
	bool same = which == TAMPER || smr_bytes_equal(octets, smr_bytes_of(good[which].ptr, good[which].len));
	enum smr_err health;

	for (unsigned i = 0; i < TAMPER; i++)
		put(i, smr_bytes_of(good[i].ptr, good[i].len));
	put(which, octets);
	health = start(false);
	/* A key file may end without its line's end. */
	FUZZ_CHECK((health == SMR_OK) == same || which == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned which;

	prepare();
	if (len == 0)
		return 0;
	which = data[0] % (PLAINTEXT + 1u);
	if (which == PLAINTEXT)
		decode(smr_bytes_of(data + 1, len - 1));
	else
		start_with(which, smr_bytes_of(data + 1, len - 1));
	return 0;
}
