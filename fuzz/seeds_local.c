/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "fuzz/seeds.h"
#include "m2me/memory.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"
#include "tre/linux/port.h"
#include "tre/state.h"

/* A file of fuzz_dir() becomes a seed. */
static void take_file(const char *target, const char *name, int choice, const char *file)
{
	char path[256];
	struct smr_blob blob;
	struct smr_bytes content;

	(void)snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), file);
	FUZZ_CHECK(smr_fs_read(path, 65536, &blob) == SMR_OK);
	content = smr_bytes_of(blob.ptr, blob.len);
	if (choice < 0)
		seed_save(target, name, content);
	else
		seed_choice(target, name, (uint8_t)choice, content);
	smr_blob_wipe(&blob);
}

static void keyfiles(void)
{
	static const uint8_t secret[32] = {0x5e};
	struct smr_problem problem;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/private", fuzz_dir());
	FUZZ_CHECK(smr_keyfile_create(path, &fuzz_key(FUZZ_SIGNER)->own, &problem) == SMR_OK);
	take_file("keyfile", "private", -1, "private");
	(void)snprintf(path, sizeof(path), "%s/secret", fuzz_dir());
	FUZZ_CHECK(smr_secretfile_create(path, SMR_ARRAY(secret), &problem) == SMR_OK);
	take_file("keyfile", "secret", -1, "secret");
	seed_text("keyfile", "secret-16", "samara-secret-key 1\nAAAAAAAAAAAAAAAAAAAAAA==\n");
}

static void agent_files(void)
{
	static const uint8_t sealed[] = {0x62, 0x44, 0x12, 0x34, 1, 2, 0xff, 0x82, 0x41, 0x00};
	static const uint8_t unknown[] = {0x62, 0x84, 0x12, 0x34, 1, 2};
	static const uint8_t later[] = {0x52, 0xa3, 0x12, 0x34, 1, 2, 0xd2, 1, 0x0e, 0x10};
	static const uint8_t echo[] = {0x62, 0x81, 0x12, 0x34, 1, 2, 0xd8, 239, 1, 2, 3, 4, 5, 6, 7, 8};
	struct smr_memory memory = {.level = 2, .paused = true, .due_unix = 1800000000, .flights = 3};

	FUZZ_CHECK(smr_memory_save(fuzz_dir(), &memory) == SMR_OK);
	take_file("memory", "paused", -1, SMR_MEMORY_FILE);
	seed_save("coap_reply", "sealed", SMR_ARRAY(sealed));
	seed_save("coap_reply", "unknown", SMR_ARRAY(unknown));
	seed_save("coap_reply", "later", SMR_ARRAY(later));
	seed_save("coap_reply", "echo", SMR_ARRAY(echo));
}

/* The plaintext of a record: of a device that has an MCIM and a check-in under way, and of one that has nothing. */
static void record_plaintexts(void)
{
	static struct smr_tre_durable durable;
	static uint8_t room[SMR_TRE_RECORD_MAX];
	const struct smr_space space = {room, sizeof(room)};
	struct smr_tre_mcim *mcim = &durable.mcims[0];
	struct smr_bytes encoded;

	FUZZ_CHECK(smr_tre_record_encode(&durable, space, &encoded) == SMR_OK);
	seed_choice("record", "plain-empty", 4, encoded);
	durable.has_keys = durable.enrolled = true;
	durable.anchor_count = durable.operator_count = durable.receipt_count = 1;
	durable.contact.ticket_len = durable.pending.c1_len = 40;
	mcim->used = true;
	mcim->state = SMR_MCIM_ACTIVATED;
	mcim->content.aka =
		(struct smr_aka_params){.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1};
	FUZZ_CHECK(smr_sqn_init(&mcim->sqn, NULL, 1u << 28, 0) == SMR_OK);
	FUZZ_CHECK(smr_tre_record_encode(&durable, space, &encoded) == SMR_OK);
	seed_choice("record", "plain-installed", 4, encoded);
}

static void tre_files(void)
{
	static const uint8_t measurement[SMR_HASH_LEN] = {1};
	struct smr_tre_linux linux_port;
	struct smr_problem problem;
	struct smr_tre_port port;
	struct smr_tre *tre = malloc(smr_tre_size());
	struct smr_tre_identity identity;
	struct smr_eid eid;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/tre", fuzz_dir());
	FUZZ_CHECK(tre != NULL && smr_tre_linux_open(&linux_port, path, measurement, &problem) == SMR_OK);
	port = smr_tre_linux_port(&linux_port);
	FUZZ_CHECK(smr_tre_start(tre, &port) == SMR_OK);
	FUZZ_CHECK(smr_eid_parse(SMR_TEXT("89049032123451234512345678901235"), &eid) == SMR_OK);
	FUZZ_CHECK(smr_tre_enrol_begin(tre, &eid, measurement, &identity) == SMR_OK);
	smr_tre_stop(tre);
	free(tre);
	smr_tre_linux_close(&linux_port);
	take_file("record", "record", 0, "tre/record");
	take_file("record", "counter", 1, "tre/counter");
	take_file("record", "key", 2, "tre/storage.key");
	seed_choice("record", "tamper", 3, SMR_TEXT("5\n"));
}

void seeds_local(void)
{
	keyfiles();
	agent_files();
	record_plaintexts();
	tre_files();
	seed_text("numbers", "three", "1 7\n3 18446744073709551615\n9 1\n");
	seed_text("numbers", "empty", "");
	seed_text("sho_csv", "milenage",
		  "iccid,imsi,algorithm,k,opc,amf,sqn,interval,profile\n"
		  "8949000000000000018,262019999999999,milenage,000102030405060708090a0b0c0d0e0f,"
		  "101112131415161718191a1b1c1d1e1f,8000,32,24h,1\n");
	seed_text(
		"sho_csv", "tuak",
		"imsi,iccid,algorithm,k,opc\n262019999999999,8949000000000000018,TUAK,000102030405060708090a0b0c0d0e0f,"
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
}
