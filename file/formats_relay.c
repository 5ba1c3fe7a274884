/* SPDX-License-Identifier: Apache-2.0 */
/* Between the RO and the operator's AuC: evidence and receipts (6), acknowledgements (7). */
#include "file/formats_local.h"

void smr_put_relay_about(struct smr_writer *w, const struct smr_key_id *operator_id, uint64_t of, bool has_of)
{
	smr_put_array(w, has_of ? 2 : 1);
	smr_put_bytes(w, SMR_ARRAY(operator_id->octets));
	if (has_of)
		smr_put_uint(w, of);
}

enum smr_err smr_get_relay_about(struct smr_bytes encoded, bool has_of, struct smr_key_id *operator_id, uint64_t *of)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_key_id id;
	size_t count = has_of ? 2 : 1;
	uint64_t number = 0;

	(void)smr_get_array(&r, count, count);
	smr_get_fixed(&r, id.octets, sizeof(id.octets));
	if (has_of)
		number = smr_get_uint(&r, UINT64_MAX);
	SMR_TRY(smr_reader_done(&r));
	*operator_id = id;
	if (has_of)
		*of = number;
	return SMR_OK;
}

void smr_put_evidence_record(struct smr_writer *w, const struct smr_evidence_record *record)
{
	bool has = record->evidence.len > 0;

	smr_put_array(w, 7);
	smr_put_subject(w, &record->eid, &record->iccid, record->serial);
	if (has)
		smr_put_bytes(w, record->evidence);
	else
		smr_put_null(w);
	smr_put_point_or_null(w, has, record->e);
	smr_put_point_or_null(w, has, record->q);
	if (record->receipt.kind == SMR_RECEIPT_NONE)
		smr_put_null(w);
	else
		smr_put_receipt(w, &record->receipt);
}

enum smr_err smr_get_evidence_record(struct smr_bytes encoded, struct smr_evidence_record *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_evidence_record record = {0};
	bool has_evidence;
	bool has_e;
	bool has_q;

	(void)smr_get_array(&r, 7, 7);
	smr_get_subject(&r, &record.eid, &record.iccid, &record.serial);
	has_evidence = !smr_get_null(&r);
	if (has_evidence)
		record.evidence = smr_get_bytes(&r, 1, SMR_EVIDENCE_MAX);
	smr_get_point_or_null(&r, &has_e, record.e);
	smr_get_point_or_null(&r, &has_q, record.q);
	if (smr_get_null(&r))
		record.receipt = (struct smr_receipt){.kind = SMR_RECEIPT_NONE};
	else
		smr_get_receipt(&r, &record.receipt);
	SMR_TRY(smr_reader_done(&r));
	if (has_e != has_evidence || has_q != has_evidence)
		return SMR_E_MALFORMED;
	if (record.receipt.kind == SMR_RECEIPT_NONE && !has_evidence)
		return SMR_E_MALFORMED; /* it would say nothing */
	*out = record;
	return SMR_OK;
}

void smr_put_ack_record(struct smr_writer *w, const struct smr_ack_record *record)
{
	smr_put_array(w, 5);
	smr_put_subject(w, &record->eid, &record->iccid, record->serial);
	smr_put_uint(w, (uint64_t)record->kind);
	smr_put_uint(w, (uint64_t)record->verdict);
}

enum smr_err smr_get_ack_record(struct smr_bytes encoded, struct smr_ack_record *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_ack_record record = {0};

	(void)smr_get_array(&r, 5, 5);
	smr_get_subject(&r, &record.eid, &record.iccid, &record.serial);
	record.kind = (enum smr_receipt_kind)smr_get_uint(&r, SMR_RECEIPT_NONE);
	record.verdict = (enum smr_ack_verdict)smr_get_uint(&r, SMR_ACK_REJECTED);
	SMR_TRY(smr_reader_done(&r));
	if (record.kind < SMR_RECEIPT_INSTALL)
		return SMR_E_MALFORMED;
	*out = record;
	return SMR_OK;
}
