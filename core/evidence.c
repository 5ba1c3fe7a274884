/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flight.h"

#define EXTRA_FAILED 1
#define EXTRA_TAMPER 2
#define EXTRA_LINEAGE 3
/* Claims: RFC 9711 sections 4.1 and 4.2.1, and one for private use (RFC 8392 section 9.1). */
#define CLAIM_NONCE 10
#define CLAIM_UEID 256
#define CLAIM_SAMARA (-65537)
/* The type octet of a UEID: as unique as random octets. */
#define UEID_RAND 0x01

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

/* The value is the claim eat_nonce; here stands what it is. */
static void put_freshness(struct smr_writer *w, const struct smr_evidence *evidence)
{
	switch (evidence->fresh_kind) {
	case SMR_FRESH_NONE:
		smr_put_null(w);
		return;
	case SMR_FRESH_BEACON:
		smr_put_array(w, 2);
		smr_put_uint(w, SMR_FRESH_BEACON);
		smr_put_uint(w, evidence->beacon.number);
		return;
	case SMR_FRESH_ATTACH:
		smr_put_array(w, 1);
		smr_put_uint(w, SMR_FRESH_ATTACH);
		return;
	}
}

static void get_freshness(struct smr_reader *r, const uint8_t nonce[SMR_BEACON_LEN], struct smr_evidence *out)
{
	size_t items = smr_get_array(r, 1, 2);

	out->fresh_kind = (enum smr_freshness_kind)smr_get_uint(r, SMR_FRESH_ATTACH);
	if (out->fresh_kind == SMR_FRESH_BEACON && items == 2) {
		out->beacon.number = (uint32_t)smr_get_uint(r, UINT32_MAX);
		memcpy(out->beacon.value, nonce, sizeof(out->beacon.value));
		if (out->beacon.number == 0) /* stands for «none», which is a null here */
			smr_reader_fail(r, SMR_E_MALFORMED);
	} else if (out->fresh_kind == SMR_FRESH_ATTACH && items == 1) {
		memcpy(out->attach_rand, nonce, sizeof(out->attach_rand));
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
	return (size_t)evidence->failed + (evidence->tamper != 0) + (evidence->lineage != 0);
}

static void put_extra(struct smr_writer *w, const struct smr_evidence *evidence)
{
	smr_put_map(w, extra_count(evidence));
	if (evidence->failed) {
		smr_put_key(w, EXTRA_FAILED);
		smr_put_array(w, 3);
		smr_put_bytes(w, smr_iccid_bytes(&evidence->failed_iccid));
		smr_put_uint(w, evidence->failed_serial);
		smr_put_uint(w, evidence->failed_reason);
	}
	if (evidence->tamper != 0) {
		smr_put_key(w, EXTRA_TAMPER);
		smr_put_uint(w, evidence->tamper);
	}
	if (evidence->lineage != 0) {
		smr_put_key(w, EXTRA_LINEAGE);
		smr_put_uint(w, evidence->lineage);
	}
}

static uint32_t get_nonzero(struct smr_reader *r)
{
	uint32_t value = (uint32_t)smr_get_uint(r, UINT32_MAX);

	if (value == 0)
		smr_reader_fail(r, SMR_E_MALFORMED);
	return value;
}

static void get_extra_member(struct smr_reader *r, int64_t key, struct smr_evidence *out)
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
		out->tamper = get_nonzero(r);
		return;
	case EXTRA_LINEAGE:
		out->lineage = get_nonzero(r);
		return;
	default:
		smr_reader_fail(r, SMR_E_MALFORMED);
	}
}

static void get_extra(struct smr_reader *r, struct smr_evidence *out)
{
	size_t pairs = smr_get_map(r, 3);
	int64_t key = SMR_KEY_NONE;

	if (pairs == 0)
		smr_reader_fail(r, SMR_E_MALFORMED);
	while (pairs-- > 0) {
		smr_get_key(r, &key);
		get_extra_member(r, key, out);
	}
}

static void put_own_claims(struct smr_writer *w, const struct smr_evidence *evidence)
{
	size_t extra = extra_count(evidence);

	smr_put_array(w, extra == 0 ? 4 : 5);
	smr_put_uint(w, evidence->ctr);
	smr_put_bytes(w, SMR_ARRAY(evidence->measurement));
	put_freshness(w, evidence);
	put_have(w, evidence);
	if (extra != 0)
		put_extra(w, evidence);
}

/* @p nonce  NULL: there was none. */
static void get_own_claims(struct smr_reader *r, const uint8_t *nonce, struct smr_evidence *out)
{
	size_t items = smr_get_array(r, 4, 5);

	out->ctr = (uint32_t)smr_get_uint(r, UINT32_MAX);
	smr_get_fixed(r, out->measurement, sizeof(out->measurement));
	if (nonce != NULL)
		get_freshness(r, nonce, out);
	else if (!smr_get_null(r))
		smr_reader_fail(r, SMR_E_MALFORMED);
	get_have(r, out);
	if (items == 5)
		get_extra(r, out);
}

void smr_put_ev(struct smr_writer *w, const struct smr_evidence *evidence)
{
	static const uint8_t ueid[] = {0x51, UEID_RAND}; /* 17 octets */
	const uint8_t *nonce =
		evidence->fresh_kind == SMR_FRESH_BEACON ? evidence->beacon.value : evidence->attach_rand;
	bool fresh = evidence->fresh_kind != SMR_FRESH_NONE;

	smr_put_map(w, fresh ? 3 : 2);
	if (fresh) {
		smr_put_key(w, CLAIM_NONCE);
		smr_put_bytes(w, smr_bytes_of(nonce, SMR_BEACON_LEN));
	}
	smr_put_key(w, CLAIM_UEID);
	smr_put_raw(w, SMR_ARRAY(ueid));
	smr_put_raw(w, smr_eid_bytes(&evidence->eid));
	smr_put_key(w, CLAIM_SAMARA);
	put_own_claims(w, evidence);
}

/* The next claim is this one. */
static void need_claim(struct smr_reader *r, int64_t *key, int64_t claim)
{
	smr_get_key(r, key);
	if (*key != claim)
		smr_reader_fail(r, SMR_E_MALFORMED);
}

/* The check digits of the EID are not looked at: an EID that nobody enrolled is not found, whatever its digits. */
static void get_ueid(struct smr_reader *r, struct smr_eid *out)
{
	uint8_t ueid[1 + sizeof(out->octets)];

	smr_get_fixed(r, ueid, sizeof(ueid));
	if (ueid[0] != UEID_RAND)
		smr_reader_fail(r, SMR_E_MALFORMED);
	memcpy(out->octets, ueid + 1, sizeof(out->octets));
}

void smr_get_ev(struct smr_reader *r, struct smr_evidence *out)
{
	uint8_t nonce[SMR_BEACON_LEN];
	int64_t key = SMR_KEY_NONE;
	size_t claims;

	memset(out, 0, sizeof(*out));
	claims = smr_get_map(r, 3);
	if (claims == 3) {
		need_claim(r, &key, CLAIM_NONCE);
		smr_get_fixed(r, nonce, sizeof(nonce));
	} else if (claims != 2) {
		smr_reader_fail(r, SMR_E_MALFORMED);
	}
	need_claim(r, &key, CLAIM_UEID);
	get_ueid(r, &out->eid);
	need_claim(r, &key, CLAIM_SAMARA);
	get_own_claims(r, claims == 3 ? nonce : NULL, out);
}

/* ---- what attests it ---- */

#define SIGNED_ITEMS 4u
#define QUOTED_ITEMS 3u

void smr_put_attested(struct smr_writer *w, struct smr_bytes ev, const struct smr_attestation *attestation)
{
	if (!attestation->quoted) {
		smr_put_signed(w, ev, attestation->sig);
		return;
	}
	smr_put_array(w, QUOTED_ITEMS);
	smr_put_bytes(w, ev);
	smr_put_tpm_quote(w, &attestation->quote);
	smr_put_bytes(w, SMR_ARRAY(attestation->sig));
}

static void get_quoted(struct smr_reader *r, struct smr_attested *out)
{
	smr_get_array(r, QUOTED_ITEMS, QUOTED_ITEMS);
	out->ev = smr_get_bytes(r, 0, SIZE_MAX);
	smr_get_tpm_quote(r, &out->attestation.quote);
	smr_get_fixed(r, out->attestation.sig, sizeof(out->attestation.sig));
}

static void get_signed(struct smr_reader *r, struct smr_attested *out)
{
	struct smr_signed object = smr_get_signed(r);

	out->ev = object.payload;
	if (r->err == SMR_OK)
		memcpy(out->attestation.sig, object.signature.ptr, sizeof(out->attestation.sig));
}

void smr_get_attested(struct smr_reader *r, struct smr_attested *out)
{
	struct smr_reader ahead = *r;
	size_t start = r->pos;

	memset(out, 0, sizeof(*out));
	out->attestation.quoted = smr_get_array(&ahead, QUOTED_ITEMS, SIGNED_ITEMS) == QUOTED_ITEMS;
	if (out->attestation.quoted)
		get_quoted(r, out);
	else
		get_signed(r, out);
	out->whole = smr_bytes_of(r->in + start, r->pos - start);
}

enum smr_err smr_evidence_hash(struct smr_bytes ev_payload, const uint8_t e[SMR_POINT_COMPRESSED_LEN],
			       const uint8_t q[SMR_POINT_COMPRESSED_LEN], uint8_t out[SMR_HASH_LEN])
{
	struct flight_points points = join(e, q);

	return smr_cose_hash(SMR_LABEL_EVIDENCE, SMR_ARRAY(points.octets), ev_payload, out);
}

/* @p hash  of ev: that which d signed, or had quoted. */
static enum smr_err verify(const struct smr_attestation *attestation, const uint8_t hash[SMR_HASH_LEN],
			   const uint8_t measurement[SMR_HASH_LEN], const struct smr_pubkey *d,
			   enum smr_platform platform)
{
	if (attestation->quoted != (platform == SMR_PLATFORM_TPM))
		return SMR_E_SIGNATURE;
	if (attestation->quoted)
		return smr_tpm_quote_verify(d, &attestation->quote, hash, measurement, attestation->sig);
	return smr_ecdsa_verify(d, hash, attestation->sig);
}

enum smr_err smr_evidence_verify(const struct smr_m1 *m1, const struct smr_pubkey *d, enum smr_platform platform)
{
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(smr_evidence_hash(m1->attested.ev, m1->e, m1->q, hash));
	return verify(&m1->attested.attestation, hash, m1->evidence.measurement, d, platform);
}

enum smr_err smr_evidence_state(const struct smr_evidence *evidence, enum smr_platform platform,
				const struct smr_tpm_quote *quote, uint8_t out[SMR_HASH_LEN])
{
	if (platform == SMR_PLATFORM_TPM)
		return smr_tpm_state(quote->pcrs, evidence->measurement, out);
	memcpy(out, evidence->measurement, SMR_HASH_LEN);
	return SMR_OK;
}

enum smr_err smr_evidence_verify_relayed(struct smr_bytes encoded, const uint8_t e[SMR_POINT_COMPRESSED_LEN],
					 const uint8_t q[SMR_POINT_COMPRESSED_LEN], const struct smr_pubkey *d,
					 enum smr_platform platform, struct smr_relayed *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_attested attested;
	struct smr_relayed relayed;

	smr_get_attested(&r, &attested);
	SMR_TRY(smr_reader_done(&r));
	r = smr_reader_init(attested.ev);
	smr_get_ev(&r, &relayed.evidence);
	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(smr_evidence_hash(attested.ev, e, q, relayed.hash_ev));
	SMR_TRY(verify(&attested.attestation, relayed.hash_ev, relayed.evidence.measurement, d, platform));
	relayed.quote = attested.attestation.quote;
	*out = relayed;
	return SMR_OK;
}
