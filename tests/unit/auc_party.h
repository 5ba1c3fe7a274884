/* SPDX-License-Identifier: Apache-2.0 */
/** @file auc_party.h  The parties around an AuC in one directory, and files between them. Include after auc_rig.h. */
#ifndef SMR_TESTS_UNIT_AUC_PARTY_H
#define SMR_TESTS_UNIT_AUC_PARTY_H

#include "file/party.h"

struct parties {
	struct smr_party auc, sho, ro, supplier, stranger;
	struct smr_key_id operator_id;
};

static inline void parties_make(struct parties *p)
{
	struct smr_problem problem;

	assert_int_equal(smr_party_create("auc", "auc", "AuC", true, &p->auc, &problem), SMR_OK);
	assert_int_equal(smr_party_create("sho", "sho", "SHO", false, &p->sho, &problem), SMR_OK);
	assert_int_equal(smr_party_create("ro", "ro", "RO", true, &p->ro, &problem), SMR_OK);
	assert_int_equal(smr_party_create("supplier", "supplier", "S", false, &p->supplier, &problem), SMR_OK);
	assert_int_equal(smr_party_create("stranger", "sho", "X", true, &p->stranger, &problem), SMR_OK);
	assert_int_equal(smr_party_trust(&p->auc, &p->sho.card, &problem), SMR_OK);
	assert_int_equal(smr_party_trust(&p->auc, &p->ro.card, &problem), SMR_OK);
	assert_int_equal(smr_party_trust(&p->auc, &p->supplier.card, &problem), SMR_OK);
	assert_int_equal(smr_key_id_of(p->sho.sign.point, &p->operator_id), SMR_OK);
}

static inline void parties_close(struct parties *p)
{
	smr_party_close(&p->auc);
	smr_party_close(&p->sho);
	smr_party_close(&p->ro);
	smr_party_close(&p->supplier);
	smr_party_close(&p->stranger);
}

/** Begin a file; sealed to @p to unless NULL. */
static inline struct smr_file_writer *file_begin(const char *path, enum smr_file_type type, uint64_t number,
						 const struct smr_party *from, const struct smr_party *to,
						 struct smr_bytes about)
{
	struct smr_file_writer *file = NULL;
	struct smr_pubkey kem = {0};

	if (to != NULL)
		assert_int_equal(smr_pubkey_import(&kem, SMR_ARRAY(to->card.kem)), SMR_OK);
	assert_int_equal(smr_file_create(path, type, number, &from->sign, about, to ? &kem : NULL, &file), SMR_OK);
	smr_pubkey_wipe(&kem);
	return file;
}

static inline struct smr_bytes empty_about(void)
{
	static const uint8_t empty[] = {0x80};

	return SMR_ARRAY(empty);
}

static inline void file_subscription(struct smr_file_writer *file, const struct smr_subscription_record *record)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	smr_put_subscription_record(&w, record);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	assert_int_equal(smr_file_put(file, encoded), SMR_OK);
}

static inline void file_reference(struct smr_file_writer *file, uint8_t fill)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_reference_record record = {.version = "1"};
	struct smr_bytes encoded;

	memset(record.measurement, fill, sizeof(record.measurement));
	smr_put_reference_record(&w, &record);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	assert_int_equal(smr_file_put(file, encoded), SMR_OK);
}

static inline void file_evidence(struct smr_file_writer *file, const struct smr_evidence_record *record)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	smr_put_evidence_record(&w, record);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	assert_int_equal(smr_file_put(file, encoded), SMR_OK);
}

static inline void file_end(struct smr_file_writer *file)
{
	assert_int_equal(smr_file_commit(file), SMR_OK);
}

#endif
