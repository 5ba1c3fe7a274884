/* SPDX-License-Identifier: Apache-2.0 */
/* The durable state as CBOR. The layout has a version; a TRE reads every version up to its own. */
#include "tre/state.h"

#define RECORD_VERSION 2u /* 1: of a pending check-in two keys of 32 octets, of an earlier key schedule */

static void put_blob(struct smr_writer *w, const void *ptr, size_t len)
{
	smr_put_bytes(w, smr_bytes_of(ptr, len));
}

/** Bytes of variable length into a fixed array. */
static void get_blob(struct smr_reader *r, uint8_t *out, size_t room, size_t *len)
{
	struct smr_bytes bytes = smr_get_bytes(r, 0, room);

	*len = bytes.len;
	if (bytes.len)
		memcpy(out, bytes.ptr, bytes.len);
}

static uint32_t get_u32(struct smr_reader *r)
{
	return (uint32_t)smr_get_uint(r, UINT32_MAX);
}

static void put_enrolment(struct smr_writer *w, const struct smr_tre_durable *s)
{
	smr_put_array(w, 17);
	smr_put_bool(w, s->has_keys);
	smr_put_bool(w, s->enrolled);
	smr_put_bytes(w, smr_eid_bytes(&s->eid));
	put_blob(w, s->d, s->keys_in_platform ? 0 : sizeof(s->d));
	put_blob(w, s->t, s->keys_in_platform ? 0 : sizeof(s->t));
	put_blob(w, s->certificate, s->certificate_len);
	put_blob(w, s->shipment.octets, sizeof(s->shipment.octets));
	put_blob(w, s->ro_root, sizeof(s->ro_root));
	smr_put_uint(w, s->shelf.number);
	put_blob(w, s->shelf.point, sizeof(s->shelf.point));
	smr_put_bool(w, s->owner_bound);
	put_blob(w, s->owner, sizeof(s->owner));
	smr_put_uint(w, s->order_serial);
	smr_put_array(w, s->anchor_count);
	for (size_t i = 0; i < s->anchor_count; i++)
		put_blob(w, s->anchors[i], sizeof(s->anchors[i]));
	smr_put_bool(w, s->has_gate);
	put_blob(w, s->gate, sizeof(s->gate));
	smr_put_uint(w, s->tamper);
}

/** d and t: both there, or both empty. */
static void get_keys(struct smr_reader *r, struct smr_tre_durable *s)
{
	size_t d_len = 0;
	size_t t_len = 0;

	get_blob(r, s->d, sizeof(s->d), &d_len);
	get_blob(r, s->t, sizeof(s->t), &t_len);
	s->keys_in_platform = d_len == 0;
	if (t_len != d_len || (d_len != 0 && d_len != sizeof(s->d)))
		smr_reader_fail(r, SMR_E_MALFORMED);
}

static void get_enrolment(struct smr_reader *r, struct smr_tre_durable *s)
{
	smr_get_array(r, 17, 17);
	s->has_keys = smr_get_bool(r);
	s->enrolled = smr_get_bool(r);
	smr_get_fixed(r, s->eid.octets, sizeof(s->eid.octets));
	get_keys(r, s);
	get_blob(r, s->certificate, sizeof(s->certificate), &s->certificate_len);
	smr_get_fixed(r, s->shipment.octets, sizeof(s->shipment.octets));
	smr_get_fixed(r, s->ro_root, sizeof(s->ro_root));
	s->shelf.number = get_u32(r);
	smr_get_fixed(r, s->shelf.point, sizeof(s->shelf.point));
	s->owner_bound = smr_get_bool(r);
	smr_get_fixed(r, s->owner, sizeof(s->owner));
	s->order_serial = smr_get_uint(r, UINT64_MAX);
	s->anchor_count = smr_get_array(r, 0, SMR_TRE_ANCHORS_MAX);
	for (size_t i = 0; i < s->anchor_count; i++)
		smr_get_fixed(r, s->anchors[i], sizeof(s->anchors[i]));
	s->has_gate = smr_get_bool(r);
	smr_get_fixed(r, s->gate, sizeof(s->gate));
	s->tamper = get_u32(r);
}

static void put_sqn(struct smr_writer *w, const struct smr_sqn *sqn)
{
	smr_put_array(w, SMR_COUNT(sqn->seq) + 3);
	smr_put_uint(w, sqn->delta);
	smr_put_uint(w, sqn->age_limit);
	smr_put_uint(w, sqn->highest);
	for (size_t i = 0; i < SMR_COUNT(sqn->seq); i++)
		smr_put_uint(w, sqn->seq[i]);
}

static void get_sqn(struct smr_reader *r, struct smr_sqn *sqn)
{
	smr_get_array(r, SMR_COUNT(sqn->seq) + 3, SMR_COUNT(sqn->seq) + 3);
	sqn->delta = smr_get_uint(r, UINT64_MAX);
	sqn->age_limit = smr_get_uint(r, UINT64_MAX);
	sqn->highest = smr_get_uint(r, UINT64_MAX);
	for (size_t i = 0; i < SMR_COUNT(sqn->seq); i++)
		sqn->seq[i] = smr_get_uint(r, UINT64_MAX);
}

static void put_mcim(struct smr_writer *w, const struct smr_tre_mcim *m)
{
	if (!m->used) {
		smr_put_null(w);
		return;
	}
	smr_put_array(w, 16);
	put_blob(w, m->operator_key, sizeof(m->operator_key));
	smr_put_bytes(w, smr_iccid_bytes(&m->iccid));
	smr_put_uint(w, m->serial);
	smr_put_uint(w, m->state);
	put_blob(w, m->content.imsi.octets, sizeof(m->content.imsi.octets));
	smr_put_uint(w, m->content.aka.alg);
	put_blob(w, m->content.aka.k, m->content.aka.k_len);
	put_blob(w, m->content.aka.opc, sizeof(m->content.aka.opc));
	smr_put_uint(w, m->content.aka.res_len);
	smr_put_uint(w, m->content.aka.keccak_iterations);
	smr_put_uint(w, m->content.checkin_interval_s);
	smr_put_uint(w, m->content.profile);
	smr_put_uint(w, m->content.sqn_delta);
	put_sqn(w, &m->sqn);
	put_blob(w, m->hash_x, sizeof(m->hash_x));
	put_blob(w, m->hash_ev, sizeof(m->hash_ev));
}

static void get_mcim(struct smr_reader *r, struct smr_tre_mcim *m)
{
	size_t k_len = 0;

	if (smr_get_null(r))
		return;
	smr_get_array(r, 16, 16);
	m->used = true;
	smr_get_fixed(r, m->operator_key, sizeof(m->operator_key));
	smr_get_fixed(r, m->iccid.octets, sizeof(m->iccid.octets));
	m->serial = smr_get_uint(r, UINT64_MAX);
	m->state = (enum smr_mcim_state)smr_get_uint(r, SMR_MCIM_SUSPENDED);
	smr_get_fixed(r, m->content.imsi.octets, sizeof(m->content.imsi.octets));
	m->content.aka.alg = (enum smr_aka_alg)smr_get_uint(r, SMR_AKA_TUAK);
	get_blob(r, m->content.aka.k, sizeof(m->content.aka.k), &k_len);
	m->content.aka.k_len = (uint8_t)k_len;
	smr_get_fixed(r, m->content.aka.opc, sizeof(m->content.aka.opc));
	m->content.aka.res_len = (uint8_t)smr_get_uint(r, UINT8_MAX);
	m->content.aka.keccak_iterations = (uint8_t)smr_get_uint(r, UINT8_MAX);
	m->content.checkin_interval_s = get_u32(r);
	m->content.profile = get_u32(r);
	m->content.sqn_delta = smr_get_uint(r, UINT64_MAX);
	get_sqn(r, &m->sqn);
	m->content.sqn_age_limit = m->sqn.age_limit;
	smr_get_fixed(r, m->hash_x, sizeof(m->hash_x));
	smr_get_fixed(r, m->hash_ev, sizeof(m->hash_ev));
	if (smr_sqn_check(&m->sqn) != SMR_OK || smr_aka_params_check(&m->content.aka) != SMR_OK)
		smr_reader_fail(r, SMR_E_MALFORMED);
}

static void put_contact(struct smr_writer *w, const struct smr_tre_contact *c)
{
	smr_put_array(w, 2);
	put_blob(w, c->rk, sizeof(c->rk));
	put_blob(w, c->ticket, c->ticket_len);
}

static void get_contact(struct smr_reader *r, struct smr_tre_contact *c)
{
	smr_get_array(r, 2, 2);
	smr_get_fixed(r, c->rk, sizeof(c->rk));
	get_blob(r, c->ticket, sizeof(c->ticket), &c->ticket_len);
}

static void put_checkin(struct smr_writer *w, const struct smr_tre_durable *s)
{
	const struct smr_tre_pending *p = &s->pending;

	smr_put_array(w, s->lineage != 0 ? 10 : 9);
	put_contact(w, &s->contact);
	put_contact(w, &s->spare);
	put_blob(w, s->contact_state, sizeof(s->contact_state));
	smr_put_uint(w, s->lineage_count);
	put_blob(w, p->c1, p->c1_len);
	put_blob(w, p->kept.response_key, sizeof(p->kept.response_key));
	put_blob(w, p->kept.next, sizeof(p->kept.next));
	smr_put_uint(w, p->resends);
	smr_put_uint(w, p->receipts);
	if (s->lineage != 0)
		smr_put_uint(w, s->lineage);
}

static void get_kept(struct smr_reader *r, uint32_t version, struct smr_tre_pending *p)
{
	if (version == RECORD_VERSION) {
		smr_get_fixed(r, p->kept.response_key, sizeof(p->kept.response_key));
		smr_get_fixed(r, p->kept.next, sizeof(p->kept.next));
		return;
	}
	(void)smr_get_bytes(r, SMR_HASH_LEN, SMR_HASH_LEN);
	(void)smr_get_bytes(r, SMR_HASH_LEN, SMR_HASH_LEN);
}

static void get_checkin(struct smr_reader *r, uint32_t version, struct smr_tre_durable *s)
{
	struct smr_tre_pending *p = &s->pending;
	size_t items = smr_get_array(r, 9, 10);

	get_contact(r, &s->contact);
	get_contact(r, &s->spare);
	smr_get_fixed(r, s->contact_state, sizeof(s->contact_state));
	s->lineage_count = get_u32(r);
	get_blob(r, p->c1, sizeof(p->c1), &p->c1_len);
	get_kept(r, version, p);
	p->resends = get_u32(r);
	p->receipts = get_u32(r);
	s->lineage = items == 10 ? get_u32(r) : 0;
	if (items == 10 && s->lineage == 0)
		smr_reader_fail(r, SMR_E_MALFORMED); /* one form for each state */
	if (version != RECORD_VERSION)
		smr_tre_drop_contact(s); /* no server understands it any more: the next contact is a flight */
}

static void put_memory(struct smr_writer *w, const struct smr_tre_durable *s)
{
	smr_put_array(w, 11);
	smr_put_uint(w, s->ctr);
	smr_put_uint(w, s->epoch.number);
	put_blob(w, s->epoch.point, sizeof(s->epoch.point));
	smr_put_uint(w, s->beacon.number);
	put_blob(w, s->beacon.value, sizeof(s->beacon.value));
	smr_put_bool(w, s->failed);
	smr_put_bytes(w, smr_iccid_bytes(&s->failed_iccid));
	smr_put_uint(w, s->failed_serial);
	smr_put_uint(w, s->failed_reason);
	smr_put_array(w, s->operator_count * 3);
	for (size_t i = 0; i < s->operator_count; i++) {
		put_blob(w, s->operators[i].key, sizeof(s->operators[i].key));
		smr_put_uint(w, s->operators[i].mcim_serial);
		smr_put_uint(w, s->operators[i].command_serial);
	}
	smr_put_array(w, s->receipt_count);
	for (size_t i = 0; i < s->receipt_count; i++)
		smr_put_receipt(w, &s->receipts[i]);
}

static void get_memory(struct smr_reader *r, struct smr_tre_durable *s)
{
	smr_get_array(r, 11, 11);
	s->ctr = get_u32(r);
	s->epoch.number = get_u32(r);
	smr_get_fixed(r, s->epoch.point, sizeof(s->epoch.point));
	s->beacon.number = get_u32(r);
	smr_get_fixed(r, s->beacon.value, sizeof(s->beacon.value));
	s->failed = smr_get_bool(r);
	smr_get_fixed(r, s->failed_iccid.octets, sizeof(s->failed_iccid.octets));
	s->failed_serial = smr_get_uint(r, UINT64_MAX);
	s->failed_reason = get_u32(r);
	s->operator_count = smr_get_array(r, 0, 3 * SMR_TRE_ANCHORS_MAX) / 3;
	for (size_t i = 0; i < s->operator_count; i++) {
		smr_get_fixed(r, s->operators[i].key, sizeof(s->operators[i].key));
		s->operators[i].mcim_serial = smr_get_uint(r, UINT64_MAX);
		s->operators[i].command_serial = smr_get_uint(r, UINT64_MAX);
	}
	s->receipt_count = smr_get_array(r, 0, SMR_TRE_RECEIPTS_MAX);
	for (size_t i = 0; i < s->receipt_count; i++)
		smr_get_receipt(r, &s->receipts[i]);
}

enum smr_err smr_tre_record_encode(const struct smr_tre_durable *state, struct smr_space room, struct smr_bytes *out)
{
	struct smr_writer w = smr_writer_init(room);

	smr_put_array(&w, 5);
	smr_put_uint(&w, RECORD_VERSION);
	put_enrolment(&w, state);
	put_memory(&w, state);
	put_checkin(&w, state);
	smr_put_array(&w, SMR_TRE_MCIMS_MAX);
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++)
		put_mcim(&w, &state->mcims[i]);
	return smr_writer_done(&w, out);
}

enum smr_err smr_tre_record_decode(struct smr_bytes encoded, struct smr_tre_durable *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	uint32_t version;
	size_t mcims;
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	smr_get_array(&r, 5, 5);
	version = get_u32(&r);
	if (version == 0 || version > RECORD_VERSION)
		smr_reader_fail(&r, SMR_E_UNSUPPORTED);
	get_enrolment(&r, out);
	get_memory(&r, out);
	get_checkin(&r, version, out);
	mcims = smr_get_array(&r, 1, SMR_TRE_MCIMS_MAX); /* fewer: written when the limit was lower */
	for (size_t i = 0; i < mcims && r.err == SMR_OK; i++)
		get_mcim(&r, &out->mcims[i]);
	err = smr_reader_done(&r);
	if (err != SMR_OK)
		smr_wipe(out, sizeof(*out));
	return err;
}
