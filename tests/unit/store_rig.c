/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_rig.h"
#include "random.h"
#include "sys/fsio.h"

#define SENDER_SEED 7u

static const char *pg_address(void)
{
	return getenv("SAMARA_TEST_STORE");
}

bool rig_is_pg(void)
{
	return pg_address() != NULL;
}

static void pg_sql(const char *address, const char *script)
{
	PGconn *conn = PQconnectdb(address);
	PGresult *result;

	if (PQstatus(conn) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(conn));
	PQclear(PQexec(conn, "SET client_min_messages = error"));
	result = PQexec(conn, script);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s", PQerrorMessage(conn));
	PQclear(result);
	PQfinish(conn);
}

/* A schema called like the directory. */
static void make_address(struct rig *rig)
{
	const char *schema = strrchr(rig->dir, '/') + 1;
	char script[160];

	if (!rig_is_pg()) {
		snprintf(rig->path, sizeof(rig->path), "%s/samara.db", rig->dir);
		return;
	}
	snprintf(script, sizeof(script), "CREATE SCHEMA \"%s\"", schema);
	pg_sql(pg_address(), script);
	snprintf(rig->path, sizeof(rig->path), "%s&options=-csearch_path%%3D%%22%s%%22", pg_address(), schema);
}

static void remove_store(const struct rig *rig)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[300];

	if (rig_is_pg())
		return; /* it goes with the whole PostgreSQL, which is faster */
	for (size_t i = 0; i < SMR_COUNT(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", rig->path, suffixes[i]);
		(void)unlink(path);
	}
}

void rig_use_ring(const struct rig *rig, struct smr_store *store)
{
	struct smr_package_ring *ring;
	enum smr_err err;

	assert_int_equal(smr_package_ring_open(rig->dir, &ring), SMR_OK);
	err = smr_store_use_ring(store, ring);
	if (err != SMR_OK)
		fail_msg("%s", smr_store_problem(store));
	smr_package_ring_close(ring);
}

struct smr_store *rig_another(const struct rig *rig, enum smr_store_mode mode)
{
	struct smr_store *store;

	assert_int_equal(smr_store_open(rig->path, mode, &store), SMR_OK);
	rig_use_ring(rig, store);
	return store;
}

int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct smr_privkey key;
	const char *tmp = getenv("TMPDIR");
	char keys[80];

	assert_non_null(rig);
	snprintf(rig->dir, sizeof(rig->dir), "%s/samara-store-XXXXXX", tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
	assert_non_null(mkdtemp(rig->dir));
	make_address(rig);
	snprintf(keys, sizeof(keys), "%s/keys", rig->dir);
	assert_int_equal(mkdir(keys, 0700), 0);
	assert_int_equal(smr_privkey_generate(&key), SMR_OK);
	memcpy(rig->d_point, key.point, sizeof(rig->d_point));
	smr_point_compress(key.point, rig->d);
	smr_privkey_wipe(&key);
	memset(&rig->shipment, 0x51, sizeof(rig->shipment));
	rig->store = rig_another(rig, SMR_STORE_CREATE);
	*state = rig;
	return 0;
}

static void remove_keys(const struct rig *rig)
{
	struct smr_fs_list list;
	char path[400];

	snprintf(path, sizeof(path), "%s/keys", rig->dir);
	assert_int_equal(smr_fs_list(path, NULL, &list), SMR_OK);
	for (size_t i = 0; i < list.count; i++) {
		snprintf(path, sizeof(path), "%s/keys/%s", rig->dir, list.names[i]);
		(void)unlink(path);
	}
	smr_fs_list_wipe(&list);
	snprintf(path, sizeof(path), "%s/keys", rig->dir);
	assert_int_equal(rmdir(path), 0);
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;

	smr_store_close(rig->store);
	remove_store(rig);
	remove_keys(rig);
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig);
	return 0;
}

struct smr_eid rig_eid(uint64_t n)
{
	struct smr_eid eid = {{0x89, 0x04, 0x90, 0x32}};

	for (size_t i = sizeof(eid.octets) - 1; n > 0 && i >= 8; i--, n /= 100)
		eid.octets[i] = (uint8_t)(n / 10 % 10 << 4 | n % 10);
	return eid;
}

struct smr_iccid rig_iccid(uint64_t n)
{
	struct smr_iccid iccid = {{0x89, 0x49}};

	smr_put_be64(iccid.octets + 2, n);
	return iccid;
}

struct smr_key_id rig_operator(unsigned which)
{
	struct smr_key_id id;

	memset(id.octets, 0xa0 + (int)which, sizeof(id.octets));
	return id;
}

struct smr_file_info rig_info(enum smr_file_type type, uint64_t number)
{
	struct smr_file_info info = {.type = type, .number = number};

	memset(info.sender, SENDER_SEED, sizeof(info.sender));
	return info;
}

struct smr_store_party rig_party(const char *role, uint8_t seed)
{
	struct smr_store_party party = {.has_kem = true};

	snprintf(party.role, sizeof(party.role), "%s", role);
	snprintf(party.name, sizeof(party.name), "party %u", seed);
	memset(party.sign, seed, sizeof(party.sign));
	memset(party.kem, seed + 1, sizeof(party.kem));
	return party;
}

void rig_x(uint64_t n, uint64_t serial, uint8_t *out, size_t len)
{
	struct rng rng = {n * 0x10001u + serial};

	rng_fill(&rng, out, len);
}

struct smr_bytes rig_evidence(uint64_t n, uint32_t ctr, uint8_t room[RIG_EVIDENCE_LEN])
{
	struct rng rng = {n << 32 | ctr};

	rng_fill(&rng, room, RIG_EVIDENCE_LEN);
	return smr_bytes_of(room, RIG_EVIDENCE_LEN);
}

/* ---- loading ---- */

void rig_load_begin(struct rig *rig, enum smr_file_type type)
{
	struct smr_file_info info = rig_info(type, ++rig->number);

	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
}

void rig_load_keep(struct rig *rig)
{
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_OK);
}

enum smr_err rig_put_device(struct rig *rig, uint64_t n)
{
	struct smr_shipment_record record = {.eid = rig_eid(n)};

	memcpy(record.d, rig->d, sizeof(record.d));
	return smr_store_put_device(rig->store, &rig->shipment, &record);
}

enum smr_err rig_put_package(struct rig *rig, unsigned operator_index, uint64_t n, uint64_t serial, size_t x_len,
			     struct smr_bytes order)
{
	uint8_t x[SMR_X_MAX + 1];
	struct smr_batch_record record = {.eid = rig_eid(n)};

	rig_x(n, serial, x, x_len);
	record.package.operator_id = rig_operator(operator_index);
	record.package.iccid = rig_iccid(n);
	record.package.serial = serial;
	record.package.x = smr_bytes_of(x, x_len);
	record.package.order = order;
	memset(record.package.w, (int)(n & 0x7f), sizeof(record.package.w));
	return smr_store_put_package(rig->store, &record);
}

enum smr_err rig_put_command(struct rig *rig, uint64_t n, uint64_t serial)
{
	uint8_t command[120];
	struct smr_key_id operator_id = rig_operator(0);
	struct smr_command_record record = {.eid = rig_eid(n), .iccid = rig_iccid(n), .serial = serial};

	memset(command, (int)(serial & 0xff), sizeof(command));
	record.command = SMR_ARRAY(command);
	return smr_store_put_command(rig->store, &operator_id, &record);
}

void rig_fill(struct rig *rig, uint64_t first, uint64_t count)
{
	struct smr_store_shipment shipment = {.about = {.id = rig->shipment}};

	memset(shipment.supplier, SENDER_SEED, sizeof(shipment.supplier));
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(smr_store_put_shipment(rig->store, &shipment), SMR_OK);
	for (uint64_t n = first; n < first + count; n++)
		assert_int_equal(rig_put_device(rig, n), SMR_OK);
	rig_load_keep(rig);
	rig_load_begin(rig, SMR_FILE_BATCH);
	for (unsigned i = 0; i < RIG_OPERATORS; i++) {
		struct smr_key_id id = rig_operator(i);
		struct smr_store_party auc = rig_party("auc", (uint8_t)(0x30 + i));

		assert_int_equal(smr_store_put_auc(rig->store, &id, &auc), SMR_OK);
	}
	for (uint64_t n = first; n < first + count; n++)
		assert_int_equal(rig_put_package(rig, 0, n, 1000 + n, RIG_X_LEN, SMR_NONE), SMR_OK);
	rig_load_keep(rig);
}

void rig_reseal(struct rig *rig, uint64_t n, uint64_t serial, size_t x_len)
{
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(rig_put_package(rig, 0, n, serial, x_len, SMR_NONE), SMR_OK);
	rig_load_keep(rig);
}

/* ---- contacts ---- */

struct smr_store_device rig_get(struct smr_store *store, uint64_t n)
{
	struct smr_store_device device = {.eid = rig_eid(n), .want_package = true, .want_commands = true};

	assert_int_equal(smr_store_lookup(store, &device, 1), SMR_OK);
	return device;
}

struct smr_store_change rig_change(struct smr_store *store, uint64_t n)
{
	struct smr_store_device device = rig_get(store, n);
	struct smr_store_change change = {.eid = device.eid,
					  .revision = device.revision,
					  .grip = device.grip,
					  .state = device.row.state,
					  .ctr = device.row.ctr + 1,
					  .lineage = device.row.lineage,
					  .tpm = device.row.tpm,
					  .err = SMR_E_INVALID};

	assert_int_equal(device.err, SMR_OK);
	memset(change.hash, (int)(change.ctr & 0xff), sizeof(change.hash));
	return change;
}

struct smr_receipt rig_receipt(enum smr_receipt_kind kind, uint64_t n, uint64_t serial)
{
	struct smr_receipt receipt = {.kind = kind, .iccid = rig_iccid(n), .serial = serial};

	memset(receipt.mac, (int)(serial & 0xff), sizeof(receipt.mac));
	return receipt;
}

enum smr_err rig_commit_one(struct smr_store *store, struct smr_store_change *change)
{
	assert_int_equal(smr_store_commit(store, change, 1), SMR_OK);
	return change->err;
}

void rig_offer(struct smr_store *store, uint64_t n)
{
	uint8_t room[RIG_EVIDENCE_LEN];
	struct smr_store_change change = rig_change(store, n);

	change.state = SMR_ROW_OFFERED;
	change.lineage = change.ctr;
	change.keep_evidence = true;
	change.evidence = rig_evidence(n, change.ctr, room);
	memset(change.e, 0xe0, sizeof(change.e));
	memset(change.q, 0xd0, sizeof(change.q));
	assert_int_equal(rig_commit_one(store, &change), SMR_OK);
}

void rig_install(struct smr_store *store, uint64_t n)
{
	struct smr_store_device device = rig_get(store, n);
	struct smr_store_change change = rig_change(store, n);

	change.state = SMR_ROW_INSTALLED;
	change.purge_x = true;
	change.receipts[0] = rig_receipt(SMR_RECEIPT_INSTALL, n, device.row.serial);
	change.receipt_count = 1;
	assert_int_equal(rig_commit_one(store, &change), SMR_OK);
}

/* ---- past the store ---- */

static size_t count_in_file(const char *path, struct smr_bytes needle, size_t piece)
{
	struct smr_blob blob;
	size_t found = 0;

	if (smr_fs_read(path, (size_t)1 << 30, &blob) != SMR_OK)
		return 0; /* no log */
	for (size_t at = 0; at + piece <= needle.len; at += piece)
		if (memmem(blob.ptr, blob.len, needle.ptr + at, piece) != NULL)
			found++;
	smr_blob_wipe(&blob);
	return found;
}

size_t rig_count_pieces(const struct rig *rig, struct smr_bytes needle, size_t piece)
{
	char log[300];

	snprintf(log, sizeof(log), "%s-wal", rig->path);
	return count_in_file(rig->path, needle, piece) + count_in_file(log, needle, piece);
}

void rig_sql(const char *path, const char *script)
{
	sqlite3 *db;
	char *problem = NULL;

	if (rig_is_pg()) {
		pg_sql(path, script);
		return;
	}
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, script, NULL, NULL, &problem) != SQLITE_OK)
		fail_msg("%s", problem);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

enum smr_err rig_open_says(const char *where, enum smr_store_mode mode, const char *words)
{
	struct smr_store *store = NULL;
	enum smr_err err = smr_store_open(where, mode, &store);

	assert_non_null(store);
	if (words != NULL && strstr(smr_store_problem(store), words) == NULL)
		fail_msg("«%s» does not say «%s»", smr_store_problem(store), words);
	smr_store_close(store);
	return err;
}
