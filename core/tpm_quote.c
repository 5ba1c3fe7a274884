/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tpm_quote.h"

/* Constants of TPM 2.0 library, part 2. */
#define TPM_GENERATED_VALUE 0xff544347u
#define TPM_ST_ATTEST_CERTIFY 0x8017u
#define TPM_ST_ATTEST_QUOTE 0x8018u
#define TPM_RH_OWNER 0x40000001u
#define TPM_RH_ENDORSEMENT 0x4000000bu
#define TPM_ALG_SHA256 0x000bu

/* TPMS_ATTEST of a certification. */
#define CERTIFY_LEN 173u

/* TPMT_PUBLIC up to the point: ECC, SHA-256, attributes, empty authPolicy, symmetric NULL, scheme (ECDSA with SHA-256, or NULL), P-256, kdf
 * NULL. */
static const uint8_t template_d[] = {0x00, 0x23, 0x00, 0x0b, 0x00, 0x05, 0x04, 0x72, 0x00, 0x00,
				     0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10};
static const uint8_t template_t[] = {0x00, 0x23, 0x00, 0x0b, 0x00, 0x02, 0x04, 0x72, 0x00,
				     0x00, 0x00, 0x10, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10};

static void put_be16(struct smr_writer *w, uint16_t value)
{
	uint8_t octets[2];

	smr_put_be16(octets, value);
	smr_put_raw(w, SMR_ARRAY(octets));
}

static void put_be32(struct smr_writer *w, uint32_t value)
{
	uint8_t octets[4];

	smr_put_be32(octets, value);
	smr_put_raw(w, SMR_ARRAY(octets));
}

static void put_be64(struct smr_writer *w, uint64_t value)
{
	uint8_t octets[8];

	smr_put_be64(octets, value);
	smr_put_raw(w, SMR_ARRAY(octets));
}

static void put_octet(struct smr_writer *w, uint8_t value)
{
	smr_put_raw(w, smr_bytes_of(&value, 1));
}

/* A TPM2B: length and octets. */
static void put_sized(struct smr_writer *w, struct smr_bytes bytes)
{
	put_be16(w, (uint16_t)bytes.len);
	smr_put_raw(w, bytes);
}

static enum smr_err name_of(struct smr_bytes template, const uint8_t point[SMR_POINT_LEN],
			    uint8_t out[SMR_TPM_NAME_LEN])
{
	static const uint8_t length[2] = {0, 32}; /* of each coordinate */
	const struct smr_bytes parts[] = {
		template,
		SMR_ARRAY(length),
		smr_bytes_of(point + 1, 32),
		SMR_ARRAY(length),
		smr_bytes_of(point + 33, 32),
	};

	smr_put_be16(out, TPM_ALG_SHA256);
	return smr_sha256(parts, SMR_COUNT(parts), out + 2);
}

enum smr_err smr_tpm_name(const uint8_t d[SMR_POINT_LEN], uint8_t out[SMR_TPM_NAME_LEN])
{
	return name_of(SMR_ARRAY(template_d), d, out);
}

enum smr_err smr_tpm_name_t(const uint8_t t[SMR_POINT_LEN], uint8_t out[SMR_TPM_NAME_LEN])
{
	return name_of(SMR_ARRAY(template_t), t, out);
}

/* Part 1, 26.5: a primary key's parent is its hierarchy, whose name is its handle. */
static enum smr_err qualified_name(uint32_t hierarchy, const uint8_t name[SMR_TPM_NAME_LEN],
				   uint8_t out[SMR_TPM_NAME_LEN])
{
	uint8_t handle[4];
	const struct smr_bytes parts[] = {SMR_ARRAY(handle), smr_bytes_of(name, SMR_TPM_NAME_LEN)};

	smr_put_be32(handle, hierarchy);
	smr_put_be16(out, TPM_ALG_SHA256);
	return smr_sha256(parts, SMR_COUNT(parts), out + 2);
}

/* TPMS_CLOCK_INFO and firmwareVersion. */
static void put_clock(struct smr_writer *w, const struct smr_tpm_quote *quote)
{
	put_be64(w, quote->clock_ms);
	put_be32(w, quote->resets);
	put_be32(w, quote->restarts);
	put_octet(w, quote->safe);
	put_be64(w, quote->firmware);
}

/* TPML_PCR_SELECTION with one selection: its octet n has PCRs 8n to 8n + 7, lowest bit first. */
static void put_selection(struct smr_writer *w, uint32_t pcrs)
{
	put_be32(w, 1);
	put_be16(w, TPM_ALG_SHA256);
	put_octet(w, SMR_TPM_PCRS / 8);
	for (unsigned shift = 0; shift < SMR_TPM_PCRS; shift += 8)
		put_octet(w, (uint8_t)(pcrs >> shift));
}

/* What every TPMS_ATTEST by @p d begins with. */
static enum smr_err put_head(struct smr_writer *w, uint16_t type, const uint8_t d[SMR_POINT_LEN],
			     const uint8_t extra[SMR_HASH_LEN], const struct smr_tpm_quote *said)
{
	uint8_t name[SMR_TPM_NAME_LEN];
	uint8_t signer[SMR_TPM_NAME_LEN];

	SMR_TRY(smr_tpm_name(d, name));
	SMR_TRY(qualified_name(TPM_RH_ENDORSEMENT, name, signer));
	put_be32(w, TPM_GENERATED_VALUE);
	put_be16(w, type);
	put_sized(w, SMR_ARRAY(signer));
	put_sized(w, smr_bytes_of(extra, SMR_HASH_LEN));
	put_clock(w, said);
	return SMR_OK;
}

enum smr_err smr_tpm_attest_rebuild(const uint8_t d[SMR_POINT_LEN], const struct smr_tpm_quote *quote,
				    const uint8_t extra[SMR_HASH_LEN], const uint8_t pcr_digest[SMR_HASH_LEN],
				    uint8_t out[SMR_TPM_ATTEST_LEN])
{
	struct smr_writer w = smr_writer_init((struct smr_space){out, SMR_TPM_ATTEST_LEN});

	if (quote->pcrs >> SMR_TPM_PCRS != 0)
		return SMR_E_INVALID;
	SMR_TRY(put_head(&w, TPM_ST_ATTEST_QUOTE, d, extra, quote));
	put_selection(&w, quote->pcrs);
	put_sized(&w, smr_bytes_of(pcr_digest, SMR_HASH_LEN));
	return smr_writer_done(&w, NULL);
}

enum smr_err smr_tpm_attest_hash(const uint8_t d[SMR_POINT_LEN], const struct smr_tpm_quote *quote,
				 const uint8_t extra[SMR_HASH_LEN], const uint8_t pcr_digest[SMR_HASH_LEN],
				 uint8_t out[SMR_HASH_LEN])
{
	uint8_t attest[SMR_TPM_ATTEST_LEN];
	const struct smr_bytes whole = SMR_ARRAY(attest);

	SMR_TRY(smr_tpm_attest_rebuild(d, quote, extra, pcr_digest, attest));
	return smr_sha256(&whole, 1, out);
}

enum smr_err smr_tpm_quote_verify(const struct smr_pubkey *d, const struct smr_tpm_quote *quote,
				  const uint8_t extra[SMR_HASH_LEN], const uint8_t pcr_digest[SMR_HASH_LEN],
				  const uint8_t sig[SMR_SIG_LEN])
{
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(smr_tpm_attest_hash(d->point, quote, extra, pcr_digest, hash));
	return smr_ecdsa_verify(d, hash, sig);
}

/* TPMS_CERTIFY_INFO: name and qualified name of what is certified. */
static enum smr_err put_certified(struct smr_writer *w, const uint8_t t[SMR_POINT_LEN])
{
	uint8_t name[SMR_TPM_NAME_LEN];
	uint8_t qualified[SMR_TPM_NAME_LEN];

	SMR_TRY(smr_tpm_name_t(t, name));
	SMR_TRY(qualified_name(TPM_RH_OWNER, name, qualified));
	put_sized(w, SMR_ARRAY(name));
	put_sized(w, SMR_ARRAY(qualified));
	return SMR_OK;
}

enum smr_err smr_tpm_certify_verify(const struct smr_pubkey *d, const uint8_t t[SMR_POINT_LEN],
				    const struct smr_tpm_quote *said, const uint8_t extra[SMR_HASH_LEN],
				    const uint8_t sig[SMR_SIG_LEN])
{
	uint8_t attest[CERTIFY_LEN];
	uint8_t hash[SMR_HASH_LEN];
	struct smr_writer w = smr_writer_init((struct smr_space){attest, sizeof(attest)});
	struct smr_bytes whole;

	SMR_TRY(put_head(&w, TPM_ST_ATTEST_CERTIFY, d->point, extra, said));
	SMR_TRY(put_certified(&w, t));
	SMR_TRY(smr_writer_done(&w, &whole));
	SMR_TRY(smr_sha256(&whole, 1, hash));
	return smr_ecdsa_verify(d, hash, sig);
}

enum smr_err smr_tpm_state(uint32_t pcrs, const uint8_t digest[SMR_HASH_LEN], uint8_t out[SMR_HASH_LEN])
{
	uint8_t set[4];
	const struct smr_bytes parts[] = {SMR_TEXT("samara1 pcrs"), SMR_ARRAY(set), smr_bytes_of(digest, SMR_HASH_LEN)};

	smr_put_be32(set, pcrs);
	return smr_sha256(parts, SMR_COUNT(parts), out);
}

void smr_put_tpm_quote(struct smr_writer *w, const struct smr_tpm_quote *quote)
{
	smr_put_array(w, 6);
	smr_put_uint(w, quote->clock_ms);
	smr_put_uint(w, quote->resets);
	smr_put_uint(w, quote->restarts);
	smr_put_bool(w, quote->safe);
	smr_put_uint(w, quote->firmware);
	smr_put_uint(w, quote->pcrs);
}

void smr_get_tpm_quote(struct smr_reader *r, struct smr_tpm_quote *out)
{
	smr_get_array(r, 6, 6);
	out->clock_ms = smr_get_uint(r, UINT64_MAX);
	out->resets = (uint32_t)smr_get_uint(r, UINT32_MAX);
	out->restarts = (uint32_t)smr_get_uint(r, UINT32_MAX);
	out->safe = smr_get_bool(r);
	out->firmware = smr_get_uint(r, UINT64_MAX);
	out->pcrs = (uint32_t)smr_get_uint(r, ((uint64_t)1 << SMR_TPM_PCRS) - 1);
}

/* ---- boot log ---- */

/* The value of one PCR after those of the events that name it (part 1, 17.2: new = H(old | digest)). */
static enum smr_err replay_one(const struct smr_tpm_event *events, size_t count, uint8_t pcr,
			       uint8_t value[SMR_HASH_LEN])
{
	memset(value, 0, SMR_HASH_LEN);
	for (size_t i = 0; i < count; i++) {
		const struct smr_bytes parts[] = {smr_bytes_of(value, SMR_HASH_LEN), SMR_ARRAY(events[i].digest)};

		if (events[i].pcr == pcr)
			SMR_TRY(smr_sha256(parts, SMR_COUNT(parts), value));
	}
	return SMR_OK;
}

enum smr_err smr_tpm_log_replay(const struct smr_tpm_event *events, size_t count, uint32_t *pcrs,
				uint8_t digest[SMR_HASH_LEN])
{
	uint8_t values[SMR_TPM_STATIC_PCRS][SMR_HASH_LEN];
	uint32_t named = 0;
	size_t used = 0;
	struct smr_bytes all;

	for (size_t i = 0; i < count; i++) {
		if (events[i].pcr >= SMR_TPM_STATIC_PCRS)
			return SMR_E_INVALID;
		named |= (uint32_t)1 << events[i].pcr;
	}
	if (named == 0)
		return SMR_E_INVALID;
	for (uint8_t pcr = 0; pcr < SMR_TPM_STATIC_PCRS; pcr++) {
		if (named >> pcr & 1)
			SMR_TRY(replay_one(events, count, pcr, values[used++]));
	}
	all = smr_bytes_of(values, used * SMR_HASH_LEN);
	SMR_TRY(smr_sha256(&all, 1, digest));
	*pcrs = named;
	return SMR_OK;
}
