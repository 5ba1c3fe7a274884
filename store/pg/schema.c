/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema, its version, and the way up from older versions (docs/decisions/0016-postgresql.md).
 *
 * `bucket` (first 12 bits of SHA-256 of the EID, of the ICCID in `iccid`) is part of every key of the tables that grow
 * with the devices: they are distributed by it on a cluster. The other tables are small, and copied to every node.
 * - `device` holds what contacts need, and nothing in it that contacts change is in an index: an update stays on its
 *   page as long as there is room, which the fill factor leaves.
 * - `package` is deleted when it is purged; `evidence` stays where it was put, and the relay names it.
 * - Numbers are compared in C where they use all 64 bits.
 */

#include "store/pg/local.h"

#define PRESENT_VERSION 6u
#define APPLICATION_ID 1397576257u /* «SMRA» */
#define UPGRADE_MS 3600000u	   /* for one statement: an index over all devices takes minutes */
#define LOCK_NUMBER "1397576257"   /* of the advisory lock against two upgrades at once */

static const char *const version_1[] = {
	"CREATE TABLE meta (name text PRIMARY KEY, value int8 NOT NULL)",
	/* writer: its row is the lock of whoever writes and is no contact */
	"INSERT INTO meta VALUES ('application', 1397576257), ('schema', 1), ('sequence', 1), ('journal', 0), "
	"('writer', 0)",
	"CREATE TABLE party (role text NOT NULL, sign bytea NOT NULL, name text NOT NULL, kem bytea, "
	"PRIMARY KEY (role, sign))",
	"CREATE TABLE loaded (sender bytea NOT NULL, type int8 NOT NULL, number int8 NOT NULL, "
	"PRIMARY KEY (sender, type, number))",
	"CREATE TABLE shipment (number int8 PRIMARY KEY, id bytea NOT NULL UNIQUE, supplier bytea NOT NULL, "
	"owner bytea, gate bytea, file_number int8 NOT NULL)",
	"CREATE TABLE reference (supplier bytea NOT NULL, measurement bytea NOT NULL, version text NOT NULL, "
	"PRIMARY KEY (supplier, measurement))",
	"CREATE TABLE operator (number int8 PRIMARY KEY, id bytea NOT NULL UNIQUE, role text NOT NULL, "
	"name text NOT NULL, sign bytea NOT NULL, kem bytea, relay_number int8 NOT NULL DEFAULT 0, "
	"relay_last int8 NOT NULL DEFAULT 0, relay_reserved int8 NOT NULL DEFAULT 0)",
	"CREATE TABLE relay_file (operator int8 NOT NULL, number int8 NOT NULL, after int8 NOT NULL, "
	"last int8 NOT NULL, PRIMARY KEY (operator, number))",
	"CREATE TABLE flight_key (number int8 PRIMARY KEY, kind int8 NOT NULL, q bytea NOT NULL, "
	"not_before int8 NOT NULL, not_after int8 NOT NULL, scalar bytea NOT NULL, encoded bytea NOT NULL)",
	"CREATE TABLE ticket_key (id int8 PRIMARY KEY, key bytea NOT NULL)",
	"CREATE TABLE ticket_class (number int8 PRIMARY KEY, up_to_s int8 NOT NULL, epoch_s int8 NOT NULL, "
	"lifetime int8 NOT NULL, retired int2 NOT NULL)",
	"INSERT INTO ticket_class VALUES (0, 86400, 86400, 30, 0), (1, 3600, 21600, 28, 0), "
	"(2, 604800, 604800, 26, 0), (3, 4294967295, 2592000, 24, 0)",
	"CREATE TABLE journal (slot int8 PRIMARY KEY, entry int8 NOT NULL, bucket int4 NOT NULL, eid bytea NOT NULL)",
	/* distributed from here on */
	"CREATE TABLE device (revision int8 NOT NULL, ctr int8 NOT NULL, lineage int8 NOT NULL, operator int8, "
	"serial int8, evidence int8, shipment int8, interval_s int8, bucket int4 NOT NULL, state int2 NOT NULL, "
	"revoked int2 NOT NULL, has_x int2 NOT NULL, eid bytea NOT NULL, hash bytea NOT NULL, iccid bytea, d bytea, "
	"sealed_for bytea, PRIMARY KEY (bucket, eid)) WITH (fillfactor = 80)",
	"CREATE TABLE package (bucket int4 NOT NULL, eid bytea NOT NULL, x bytea NOT NULL, w bytea NOT NULL, "
	"\"order\" bytea, PRIMARY KEY (bucket, eid))",
	"CREATE TABLE evidence (number int8 NOT NULL, bucket int4 NOT NULL, eid bytea NOT NULL, "
	"evidence bytea NOT NULL, e bytea NOT NULL, q bytea NOT NULL, PRIMARY KEY (bucket, eid, number))",
	"CREATE TABLE command (bucket int4 NOT NULL, eid bytea NOT NULL, iccid bytea NOT NULL, "
	"operator int8 NOT NULL, serial int8 NOT NULL, pending int2 NOT NULL, command bytea, result int8, "
	"PRIMARY KEY (bucket, eid, iccid))",
	"CREATE SEQUENCE relay_seq",
	"CREATE TABLE relay (seq int8 NOT NULL, operator int8 NOT NULL, serial int8 NOT NULL, result int8 NOT NULL, "
	"evidence int8, bucket int4 NOT NULL, kind int2 NOT NULL, eid bytea NOT NULL, iccid bytea NOT NULL, "
	"mac bytea NOT NULL, PRIMARY KEY (operator, seq, bucket))",
	"CREATE TABLE reenrolment (bucket int4 NOT NULL, eid bytea NOT NULL, shipment int8 NOT NULL, "
	"d bytea NOT NULL, PRIMARY KEY (bucket, eid))",
	"CREATE TABLE iccid (operator int8 NOT NULL, bucket int4 NOT NULL, iccid bytea NOT NULL, "
	"eid bytea NOT NULL, PRIMARY KEY (bucket, operator, iccid))",
	NULL};

/* Package keys. X under another name: a program that does not know of them must not take it for what it was. */
static const char *const version_2[] = {
	"CREATE TABLE package_key (epoch int8 PRIMARY KEY, since int8 NOT NULL, tag bytea NOT NULL)",
	"ALTER TABLE package RENAME COLUMN x TO sealed_x",
	/* what is there is in clear, epoch 0, until it is encrypted (packages.c) */
	"ALTER TABLE package ADD COLUMN epoch int8 NOT NULL DEFAULT 0",
	"ALTER TABLE package ALTER COLUMN epoch DROP DEFAULT", NULL};

/* platform: how the devices of a shipment attest */
static const char *const version_3[] = {"ALTER TABLE shipment ADD COLUMN platform int2 NOT NULL DEFAULT 0", NULL};

/* what the row remembers of its device's TPM (struct smr_tpm_memory), NULL: nothing; the boot log that an approved measurement comes from, NULL:
 * software, or loaded before */
static const char *const version_4[] = {"ALTER TABLE device ADD COLUMN tpm_state bytea",
					"ALTER TABLE reference ADD COLUMN log bytea", NULL};

static const char note_waiting[] =
	"UPDATE package p SET waits = 1 FROM device d WHERE d.bucket = p.bucket AND d.eid = p.eid AND d.state = 1 "
	"AND d.lineage <> 0";

/* What is asked about all devices reads a few rows, however many there are. Nothing of `device` that contacts change is in an
 * index: a package notes by itself (waits) that it was put there for a device that checks in already. */
static const char *const version_5[] = {"ALTER TABLE package ADD COLUMN waits int2 NOT NULL DEFAULT 0",
					"ALTER TABLE package ALTER COLUMN waits DROP DEFAULT",
					note_waiting,
					"CREATE INDEX package_waits ON package (eid) WHERE waits <> 0",
					"CREATE INDEX package_epoch ON package (bucket, epoch)",
					"CREATE INDEX command_pending ON command (eid) WHERE pending <> 0",
					"CREATE INDEX device_revoked ON device (eid) WHERE revoked <> 0",
					NULL};

/* How far the walk under an epoch has come (packages.c), and what it goes along. */
static const char *const version_6[] = {"ALTER TABLE package_key ADD COLUMN walk_bucket int4 NOT NULL DEFAULT 0, "
					"ADD COLUMN walk_epoch int8 NOT NULL DEFAULT 0, "
					"ADD COLUMN walk_eid bytea NOT NULL DEFAULT '', "
					"ADD COLUMN walk_left int2 NOT NULL DEFAULT 0",
					"DROP INDEX package_epoch",
					"CREATE INDEX package_epoch ON package (bucket, epoch, eid)", NULL};

/* upgrades[n] takes a store from version n to n + 1, inside one transaction with those that follow. */
static const char *const *const upgrades[PRESENT_VERSION] = {version_1, version_2, version_3,
							     version_4, version_5, version_6};

static enum smr_err take_number(void *context, PGresult **result)
{
	uint64_t *out = context;

	*out = PQntuples(*result) == 1 ? smr_pg_int(*result, 0, 0) : 0;
	return SMR_OK;
}

/* Once per handle: not worth keeping prepared. */
static enum smr_err run_within(struct smr_pg *pg, uint64_t timeout_ms, const char *text, uint64_t *out)
{
	uint32_t once = 0;

	smr_pg_params_clear(&pg->params);
	SMR_TRY(smr_pg_queue(pg, &once, text, 0, 0));
	return smr_pg_wait(pg, timeout_ms, out != NULL ? take_number : NULL, out);
}

static enum smr_err run(struct smr_pg *pg, const char *text, uint64_t *out)
{
	return run_within(pg, SMR_PG_OTHER_MS, text, out);
}

/* Version 0: there is nothing of ours. */
static enum smr_err read_version(struct smr_pg *pg, uint64_t *version)
{
	uint64_t application;
	uint64_t there;

	*version = 0;
	SMR_TRY(run(pg, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('meta')", &there));
	if (there == 0)
		return SMR_OK;
	SMR_TRY(run(pg, "SELECT value FROM meta WHERE name = 'application'", &application));
	if (application != APPLICATION_ID)
		return smr_store_say(&pg->base, SMR_E_MALFORMED, "this data base is not a store of Samara");
	return run(pg, "SELECT value FROM meta WHERE name = 'schema'", version);
}

static enum smr_err judge_version(struct smr_pg *pg, uint64_t version)
{
	enum smr_store_mode mode = pg->base.mode;

	if (version > PRESENT_VERSION)
		return smr_store_say(
			&pg->base, SMR_E_UNSUPPORTED,
			"the store has schema version %llu, this program knows up to %u: use a newer program",
			(unsigned long long)version, PRESENT_VERSION);
	if (version == 0 && mode != SMR_STORE_CREATE)
		return smr_store_say(&pg->base, SMR_E_NOT_FOUND, "there is no store in this data base");
	if (version < PRESENT_VERSION && mode == SMR_STORE_READ)
		return smr_store_say(
			&pg->base, SMR_E_UNSUPPORTED,
			"the store has the older schema version %llu: open it once for writing to upgrade it",
			(unsigned long long)version);
	return SMR_OK;
}

static enum smr_err apply(struct smr_pg *pg, const char *const *script)
{
	for (; *script != NULL; script++)
		SMR_TRY(run_within(pg, UPGRADE_MS, *script, NULL));
	return SMR_OK;
}

static enum smr_err upgrade(struct smr_pg *pg)
{
	struct smr_query q;
	uint64_t version;

	SMR_TRY(run(pg, "SELECT pg_advisory_xact_lock(" LOCK_NUMBER ")", NULL));
	/* Again, now that nobody else can be upgrading. */
	SMR_TRY(read_version(pg, &version));
	SMR_TRY(judge_version(pg, version));
	if (version == PRESENT_VERSION)
		return SMR_OK;
	for (uint64_t v = version; v < PRESENT_VERSION; v++)
		SMR_TRY(apply(pg, upgrades[v]));
	q = smr_query_begin(&pg->base, SMR_SQL_META_SET);
	smr_query_text(&q, "schema");
	smr_query_int(&q, PRESENT_VERSION);
	return smr_query_run(&q);
}

static enum smr_err upgrade_in_transaction(struct smr_pg *pg)
{
	enum smr_err err;

	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_BEGIN_WRITE));
	SMR_TRY(smr_pg_queue_plain(pg, SMR_SQL_PATIENCE)); /* with somebody else who is upgrading */
	pg->in_transaction = true;
	err = upgrade(pg);
	if (err == SMR_OK)
		return smr_pg_commit_transaction(&pg->base);
	smr_pg_roll_back(&pg->base);
	return err;
}

enum smr_err smr_pg_settle(struct smr_pg *pg)
{
	uint64_t version;

	SMR_TRY(read_version(pg, &version));
	SMR_TRY(judge_version(pg, version));
	return version == PRESENT_VERSION ? SMR_OK : upgrade_in_transaction(pg);
}
