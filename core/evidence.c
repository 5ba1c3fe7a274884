/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flight.h"

#define EXTRA_FAILED 1u
#define EXTRA_TAMPER 2u

/* What d signs without sending it: E | Q. */
struct flight_points {
	uint8_t octets[2 * SMR_POINT_COMPRESSED_LEN];
};

static struct flight_points join(const uint8_t e[SMR_POINT_COMPRESSED_LEN], const uint8_t q[SMR_POINT_COMPRESSED_LEN])
{
	struct flight_points points;

	memcpy(points.octets, e, SMR_POINT_COMPRESSED_LEN);
	memcpy(points.octets + SMR_POINT_COMPRESSED_LEN, q, SMR_POINT_COMPRESSED_LEN);
	return points;
}

static void put_freshness(struct smr_writer *w, const struct smr_evidence *evidence)
{
	switch (evidence->fresh_kind) {
	case SMR_FRESH_NONE:
		smr_put_null(w);
		return;
	case SMR_FRESH_BEACON:
		smr_put_array(w, 3);
		smr_put_uint(w, SMR_FRESH_BEACON);
		smr_put_uint(w, evidence->beacon.number);
		smr_put_bytes(w, SMR_ARRAY(evidence->beacon.value));
		return;
	case SMR_FRESH_ATTACH:
		smr_put_array(w, 2);
		smr_put_uint(w, SMR_FRESH_ATTACH);
		smr_put_bytes(w, SMR_ARRAY(evidence->attach_rand));
		return;
	}
}

static void get_freshness(struct smr_reader *r, struct smr_evidence *out)
{
	size_t items;

	if (smr_get_null(r))
		return;
	items = smr_get_array(r, 2, 3);
	out->fresh_kind = (enum smr_freshness_kind)smr_get_uint(r, SMR_FRESH_ATTACH);
	if (out->fresh_kind == SMR_FRESH_BEACON && items == 3) {
		out->beacon.number = (uint32_t)smr_get_uint(r, UINT32_MAX);
		smr_get_fixed(r, out->beacon.value, sizeof(out->beacon.value));
		if (out->beacon.number == 0) /* stands for «none», which is a null here */
			smr_reader_fail(r, SMR_E_MALFORMED);
	} else if (out->fresh_kind == SMR_FRESH_ATTACH && items == 2) {
		smr_get_fixed(r, out->attach_rand, sizeof(out->attach_rand));
	} else {
		smr_reader_fail(r, SMR_E_MALFORMED);
	}
}

static void put_have(struct smr_writer *w, const struct smr_evidence *evidence)
{
	if (!evidence->have) {
		smr_put_null(w);
		return;
	}
	smr_put_array(w, 2);
	smr_put_bytes(w, smr_iccid_bytes(&evidence->have_iccid));
	smr_put_uint(w, evidence->have_serial);
}

static void get_have(struct smr_reader *r, struct smr_evidence *out)
{
	if (smr_get_null(r))
		return;
	out->have = true;
	smr_get_array(r, 2, 2);
	smr_get_fixed(r, out->have_iccid.octets, sizeof(out->have_iccid.octets));
	out->have_serial = smr_get_uint(r, UINT64_MAX);
}

static size_t extra_count(const struct smr_evidence *evidence)
{
	return (size_t)evidence->failed + (evidence->tamper != 0);
}

static void put_extra(struct smr_writer *w, const struct smr_evidence *evidence)
{
	smr_put_map(w, extra_count(evidence));
	if (evidence->failed) {
		smr_put_uint(w, EXTRA_FAILED);
		smr_put_array(w, 3);
		smr_put_bytes(w, smr_iccid_bytes(&evidence->failed_iccid));
		smr_put_uint(w, evidence->failed_serial);
		smr_put_uint(w, evidence->failed_reason);
	}
	if (evidence->tamper != 0) {
		smr_put_uint(w, EXTRA_TAMPER);
		smr_put_uint(w, evidence->tamper);
	}
}

static void get_extra_member(struct smr_reader *r, uint64_t key, struct smr_evidence *out)
{
	switch (key) {
	case EXTRA_FAILED:
		out->failed = true;
		smr_get_array(r, 3, 3);
		smr_get_fixed(r, out->failed_iccid.octets, sizeof(out->failed_iccid.octets));
		out->failed_serial = smr_get_uint(r, UINT64_MAX);
		out->failed_reason = (uint32_t)smr_get_uint(r, UINT32_MAX);
		return;
	case EXTRA_TAMPER:
		out->tamper = (uint32_t)smr_get_uint(r, UINT32_MAX);
		if (out->tamper == 0)
			smr_reader_fail(r, SMR_E_MALFORMED);
		return;
	default:
		smr_reader_fail(r, SMR_E_MALFORMED);
	}
}

static void get_extra(struct smr_reader *r, struct smr_evidence *out)
{
	size_t pairs = smr_get_map(r, 2);
	uint64_t key = UINT64_MAX;

	if (pairs == 0)
		smr_reader_fail(r, SMR_E_MALFORMED);
	while (pairs-- > 0) {
		smr_get_key(r, &key);
		get_extra_member(r, key, out);
	}
}

void smr_put_ev(struct smr_writer *w, const struct smr_evidence *evidence)
{
	size_t extra = extra_count(evidence);

	smr_put_array(w, extra == 0 ? 5 : 6);
	smr_put_bytes(w, smr_eid_bytes(&evidence->eid));
	smr_put_uint(w, evidence->ctr);
	smr_put_bytes(w, SMR_ARRAY(evidence->measurement));
	put_freshness(w, evidence);
	put_have(w, evidence);
	if (extra != 0)
		put_extra(w, evidence);
}

void smr_get_ev(struct smr_reader *r, struct smr_evidence *out)
{
	size_t items;

	memset(out, 0, sizeof(*out));
	items = smr_get_array(r, 5, 6);
	/* The check digits of the EID are not looked at: an EID that nobody enrolled is not found, whatever its digits. */
	smr_get_fixed(r, out->eid.octets, sizeof(out->eid.octets));
	out->ctr = (uint32_t)smr_get_uint(r, UINT32_MAX);
	smr_get_fixed(r, out->measurement, sizeof(out->measurement));
	get_freshness(r, out);
	get_have(r, out);
	if (items == 6)
		get_extra(r, out);
}

enum smr_err smr_evidence_hash(struct smr_bytes ev_payload, const uint8_t e[SMR_POINT_COMPRESSED_LEN],
			       const uint8_t q[SMR_POINT_COMPRESSED_LEN], uint8_t out[SMR_HASH_LEN])
{
	struct flight_points points = join(e, q);

	return smr_cose_hash(SMR_LABEL_EVIDENCE, SMR_ARRAY(points.octets), ev_payload, out);
}

enum smr_err smr_evidence_verify(const struct smr_m1 *m1, const struct smr_pubkey *d)
{
	struct flight_points points = join(m1->e, m1->q);

	return smr_cose_verify(&m1->signed_ev, d, SMR_LABEL_EVIDENCE, SMR_ARRAY(points.octets));
}

enum smr_err smr_evidence_verify_relayed(struct smr_bytes encoded, const uint8_t e[SMR_POINT_COMPRESSED_LEN],
					 const uint8_t q[SMR_POINT_COMPRESSED_LEN], const struct smr_pubkey *d,
					 struct smr_evidence *out, uint8_t hash_ev[SMR_HASH_LEN])
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);
	struct smr_evidence evidence;
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(smr_reader_done(&r));
	/* Not smr_cose_verify: the hash is wanted too and need not be computed twice. */
	SMR_TRY(smr_evidence_hash(object.payload, e, q, hash));
	SMR_TRY(smr_ecdsa_verify(d, hash, object.signature.ptr));
	r = smr_reader_init(object.payload);
	smr_get_ev(&r, &evidence);
	SMR_TRY(smr_reader_done(&r));
	*out = evidence;
	memcpy(hash_ev, hash, sizeof(hash));
	return SMR_OK;
}
