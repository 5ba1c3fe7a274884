/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file auc_rig.h
 * An AuC's database in a directory of its own (scratch.h), a subscription in it, and the device that proves its installation.
 */
#ifndef SMR_TESTS_UNIT_AUC_RIG_H
#define SMR_TESTS_UNIT_AUC_RIG_H

#include "players.h"

#include <sqlite3.h>

#include "auc/db.h"
#include "sys/fsio.h"
#include "sys/log.h"

#define AUC_DB "auc.db"
#define AUC_SERIAL 40u
#define AUC_D 11u /* numbers of keys, see players.h */
#define AUC_SUPPLIER 12u

static const uint8_t auc_master[SMR_AUC_MASTER_LEN] = "master key 16 by";

static inline struct smr_auc_db *auc_open(void)
{
	struct smr_problem problem = {{0}};
	struct smr_auc_db *db = NULL;

	if (smr_auc_db_open(AUC_DB, auc_master, true, &db, &problem) != SMR_OK)
		fail_msg("%s", problem.text);
	return db;
}

/** Subscription @p n: its identities and keys follow from the number. */
static inline struct smr_subscription_record auc_record(unsigned n, uint64_t serial)
{
	struct smr_subscription_record r = {
		.action = SMR_SUBSCRIPTION_ADD, .serial = serial, .amf = {0x80, 0}, .sqn = 32};
	char text[32];
	char digit;

	player_eid(&r.eid);
	(void)snprintf(text, sizeof(text), "894900000000000%03u", n);
	assert_int_equal(smr_luhn_digit(smr_bytes_of(text, 18), &digit), SMR_OK);
	text[18] = digit;
	assert_int_equal(smr_iccid_parse(smr_bytes_of(text, 19), &r.iccid), SMR_OK);
	(void)snprintf(text, sizeof(text), "001010000000%03u", n);
	assert_int_equal(smr_imsi_parse(smr_bytes_of(text, 15), &r.imsi), SMR_OK);
	r.aka = (struct smr_aka_params){.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1};
	memcpy(r.aka.k, "this is the key ", 16);
	r.aka.k[15] = (uint8_t)n;
	memcpy(r.aka.opc, "and this is opc ", 16);
	r.aka.opc[15] = (uint8_t)n;
	player_point(r.d, AUC_D);
	player_point(r.supplier, AUC_SUPPLIER);
	memset(r.hash_x, 0x30 + (int)n, sizeof(r.hash_x));
	return r;
}

static inline void auc_add(struct smr_auc_db *db, const struct smr_subscription_record *record)
{
	assert_int_equal(smr_auc_db_add(db, record), SMR_OK);
}

static inline struct smr_auc_subscription auc_get(struct smr_auc_db *db, const struct smr_subscription_record *record)
{
	struct smr_auc_subscription s;

	assert_int_equal(smr_auc_db_by_iccid(db, &record->iccid, &s), SMR_OK);
	return s;
}

static inline void auc_sql(const char *script)
{
	sqlite3 *db;
	char *problem = NULL;

	assert_int_equal(sqlite3_open(AUC_DB, &db), SQLITE_OK);
	if (sqlite3_exec(db, script, NULL, NULL, &problem) != SQLITE_OK)
		fail_msg("%s", problem);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/** A number from the database, past its interface. */
static inline int64_t auc_number(const char *query)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	int64_t value;

	assert_int_equal(sqlite3_open(AUC_DB, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

static inline bool auc_file_has(const char *path, struct smr_bytes needle)
{
	struct smr_blob blob;
	bool found;

	if (smr_fs_read(path, (size_t)1 << 26, &blob) != SMR_OK)
		return false;
	found = memmem(blob.ptr, blob.len, needle.ptr, needle.len) != NULL;
	smr_blob_wipe(&blob);
	return found;
}

/* ---- the device ---- */

struct auc_proof {
	struct smr_evidence ev;
	uint8_t encoded[SMR_EVIDENCE_MAX];
	struct smr_evidence_record record;
	uint8_t hash_ev[SMR_HASH_LEN];
};

/** Sign proof->ev with key number @p d, and put everything into the record. */
static inline void auc_sign(struct auc_proof *proof, const struct smr_subscription_record *s, uint8_t d)
{
	uint8_t payload[SMR_EV_MAX];
	uint8_t points[2 * SMR_POINT_COMPRESSED_LEN];
	struct smr_writer w = smr_writer_init((struct smr_space){payload, sizeof(payload)});
	struct smr_evidence_record *r = &proof->record;
	struct smr_privkey key;
	struct smr_bytes ev;

	player_point(r->e, 21);
	player_point(r->q, 22);
	memcpy(points, r->e, sizeof(r->e));
	memcpy(points + sizeof(r->e), r->q, sizeof(r->q));
	smr_put_ev(&w, &proof->ev);
	assert_int_equal(smr_writer_done(&w, &ev), SMR_OK);
	player_key(&key, d);
	w = smr_writer_init((struct smr_space){proof->encoded, sizeof(proof->encoded)});
	assert_int_equal(smr_cose_sign(&w, &key, SMR_LABEL_EVIDENCE, SMR_ARRAY(points), ev), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &r->evidence), SMR_OK);
	assert_int_equal(smr_evidence_hash(ev, r->e, r->q, proof->hash_ev), SMR_OK);
	smr_privkey_wipe(&key);
	r->eid = s->eid;
	r->iccid = s->iccid;
	r->serial = s->serial;
	r->receipt = (struct smr_receipt){.kind = SMR_RECEIPT_INSTALL, .iccid = s->iccid, .serial = s->serial};
	assert_int_equal(smr_receipt_install_mac(smr_bytes_of(s->aka.k, s->aka.k_len), &s->eid, &s->iccid, s->serial,
						 s->hash_x, proof->hash_ev, r->receipt.mac),
			 SMR_OK);
}

/** The same evidence, quoted by that key over @p pcrs instead of signed. */
static inline void auc_quote(struct auc_proof *proof, uint8_t d, uint32_t pcrs)
{
	struct smr_attestation attestation = {.quoted = true, .quote = {.clock_ms = 5, .resets = 1, .pcrs = pcrs}};
	uint8_t payload[SMR_EV_MAX];
	uint8_t attest[SMR_HASH_LEN];
	struct smr_writer w = smr_writer_init((struct smr_space){payload, sizeof(payload)});
	struct smr_privkey key;
	struct smr_bytes ev;

	smr_put_ev(&w, &proof->ev);
	assert_int_equal(smr_writer_done(&w, &ev), SMR_OK);
	player_key(&key, d);
	assert_int_equal(
		smr_tpm_attest_hash(key.point, &attestation.quote, proof->hash_ev, proof->ev.measurement, attest),
		SMR_OK);
	assert_int_equal(smr_ecdsa_sign(&key, attest, attestation.sig), SMR_OK);
	w = smr_writer_init((struct smr_space){proof->encoded, sizeof(proof->encoded)});
	smr_put_attested(&w, ev, &attestation);
	assert_int_equal(smr_writer_done(&w, &proof->record.evidence), SMR_OK);
	smr_privkey_wipe(&key);
}

/** Evidence and receipt that the AuC has to accept once the measurement (all 4d) is approved. */
static inline void auc_prove(struct auc_proof *proof, const struct smr_subscription_record *s)
{
	memset(proof, 0, sizeof(*proof));
	proof->ev.eid = s->eid;
	proof->ev.ctr = 1;
	memset(proof->ev.measurement, 0x4d, sizeof(proof->ev.measurement));
	auc_sign(proof, s, AUC_D);
}

static inline struct smr_evidence_record auc_command_receipt(const struct smr_subscription_record *s, uint64_t serial,
							     enum smr_mcim_state state, uint32_t result)
{
	struct smr_evidence_record r = {.eid = s->eid, .iccid = s->iccid, .serial = serial};

	r.receipt = (struct smr_receipt){
		.kind = SMR_RECEIPT_COMMAND, .iccid = s->iccid, .serial = serial, .result = result};
	assert_int_equal(smr_receipt_command_mac(smr_bytes_of(s->aka.k, s->aka.k_len), &s->eid, &s->iccid, serial,
						 state, result, r.receipt.mac),
			 SMR_OK);
	return r;
}

static inline void auc_approve_measurement(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN],
					   const uint8_t measurement[SMR_HASH_LEN])
{
	struct smr_reference_record reference = {.version = "1.0"};

	memcpy(reference.measurement, measurement, sizeof(reference.measurement));
	assert_int_equal(smr_auc_db_add_reference(db, supplier, &reference), SMR_OK);
}

static inline void auc_approve(struct smr_auc_db *db, const uint8_t supplier[SMR_POINT_COMPRESSED_LEN])
{
	uint8_t measurement[SMR_HASH_LEN];

	memset(measurement, 0x4d, sizeof(measurement));
	auc_approve_measurement(db, supplier, measurement);
}

#endif
