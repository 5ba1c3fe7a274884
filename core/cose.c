/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cose.h"

/* Protected header {1: -7} as the encoded byte string's content, and as the byte string itself. */
static const uint8_t protected_header[] = {0xa1, 0x01, 0x26};
static const uint8_t framing[] = {0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0};
/* Sig_structure up to external_aad (RFC 9052 section 4.4): ["Signature1", protected, … */
static const uint8_t sig_head[] = {0x84, 0x6a, 'S', 'i', 'g',  'n',  'a',  't',
				   'u',	 'r',  'e', '1', 0x43, 0xa1, 0x01, 0x26};

static const uint8_t end_of_label[1] = {0};

/** Head of a byte string of @p len octets, into @p room. */
static struct smr_bytes string_head(uint8_t room[9], size_t len)
{
	uint8_t uint_head[9];
	struct smr_writer w = smr_writer_init((struct smr_space){uint_head, sizeof(uint_head)});

	/* A length is encoded like an unsigned integer, with another major type (2) in the first octet. */
	smr_put_uint(&w, len);
	memcpy(room, uint_head, w.len);
	room[0] |= 0x40;
	return smr_bytes_of(room, w.len);
}

enum smr_err smr_cose_hash(const char *label, struct smr_bytes extra, struct smr_bytes payload,
			   uint8_t out[SMR_HASH_LEN])
{
	uint8_t aad_head[9];
	uint8_t payload_head[9];
	const struct smr_bytes name = smr_text_of(label);
	const struct smr_bytes parts[] = {
		SMR_ARRAY(sig_head),
		string_head(aad_head, name.len + sizeof(end_of_label) + extra.len),
		name,
		SMR_ARRAY(end_of_label),
		extra,
		string_head(payload_head, payload.len),
		payload,
	};

	return smr_sha256(parts, SMR_COUNT(parts), out);
}

enum smr_err smr_cose_sign_detached(const struct smr_privkey *key, const char *label, struct smr_bytes extra,
				    struct smr_bytes payload, uint8_t sig[SMR_SIG_LEN])
{
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(smr_cose_hash(label, extra, payload, hash));
	return smr_ecdsa_sign(key, hash, sig);
}

enum smr_err smr_cose_verify_detached(const struct smr_pubkey *key, const char *label, struct smr_bytes extra,
				      struct smr_bytes payload, const uint8_t sig[SMR_SIG_LEN])
{
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(smr_cose_hash(label, extra, payload, hash));
	return smr_ecdsa_verify(key, hash, sig);
}

enum smr_err smr_cose_sign(struct smr_writer *w, const struct smr_privkey *key, const char *label,
			   struct smr_bytes extra, struct smr_bytes payload)
{
	uint8_t *sig;

	smr_put_raw(w, SMR_ARRAY(framing));
	smr_put_bytes(w, payload);
	sig = smr_put_bytes_room(w, SMR_SIG_LEN);
	if (sig == NULL) /* an error before, no room, or only counting: no signature is spent on it */
		return w->err;
	w->err = smr_cose_sign_detached(key, label, extra, payload, sig);
	return w->err;
}

void smr_put_signed(struct smr_writer *w, struct smr_bytes payload, const uint8_t sig[SMR_SIG_LEN])
{
	smr_put_raw(w, SMR_ARRAY(framing));
	smr_put_bytes(w, payload);
	smr_put_bytes(w, smr_bytes_of(sig, SMR_SIG_LEN));
}

struct smr_signed smr_get_signed(struct smr_reader *r)
{
	struct smr_signed out = {SMR_NONE, SMR_NONE, SMR_NONE};
	size_t start = r->pos;
	struct smr_bytes header;

	smr_get_array(r, 4, 4);
	header = smr_get_bytes(r, sizeof(protected_header), sizeof(protected_header));
	if (r->err == SMR_OK && !smr_bytes_equal(header, SMR_ARRAY(protected_header)))
		smr_reader_fail(r, SMR_E_UNSUPPORTED);
	smr_get_map(r, 0);
	out.payload = smr_get_bytes(r, 0, SIZE_MAX);
	out.signature = smr_get_bytes(r, SMR_SIG_LEN, SMR_SIG_LEN);
	if (r->err != SMR_OK)
		return (struct smr_signed){SMR_NONE, SMR_NONE, SMR_NONE};
	out.whole = smr_bytes_of(r->in + start, r->pos - start);
	return out;
}

enum smr_err smr_cose_verify(const struct smr_signed *object, const struct smr_pubkey *key, const char *label,
			     struct smr_bytes extra)
{
	if (object->signature.len != SMR_SIG_LEN)
		return SMR_E_SIGNATURE;
	return smr_cose_verify_detached(key, label, extra, object->payload, object->signature.ptr);
}
