/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcim.h"

#define INFO SMR_TEXT("samara1 mcim")
#define PSK_ID SMR_TEXT("samara1 tpm")
#define INTERVAL_MIN_S 60u
#define INTERVAL_MAX_S 31536000u
#define BINDING_MAX 80u

void smr_mcim_wipe(struct smr_mcim *mcim)
{
	smr_wipe(mcim, sizeof(*mcim));
}

static enum smr_err check(const struct smr_mcim *m)
{
	SMR_TRY(smr_imsi_check(&m->imsi));
	SMR_TRY(smr_aka_params_check(&m->aka));
	if (m->checkin_interval_s < INTERVAL_MIN_S || m->checkin_interval_s > INTERVAL_MAX_S)
		return SMR_E_MALFORMED;
	if (m->sqn_delta == 0 || m->sqn_delta > SMR_SQN_SEQ_MAX || m->sqn_age_limit > SMR_SQN_SEQ_MAX)
		return SMR_E_MALFORMED;
	return SMR_OK;
}

static void put_mcim(struct smr_writer *w, const struct smr_mcim *m)
{
	smr_put_array(w, 10);
	smr_put_bytes(w, SMR_ARRAY(m->imsi.octets));
	smr_put_uint(w, m->aka.alg);
	smr_put_bytes(w, smr_bytes_of(m->aka.k, m->aka.k_len));
	smr_put_bytes(w, smr_bytes_of(m->aka.opc, smr_aka_opc_len(m->aka.alg)));
	smr_put_uint(w, m->aka.res_len);
	smr_put_uint(w, m->aka.keccak_iterations);
	smr_put_uint(w, m->sqn_delta == SMR_SQN_DELTA_DEFAULT ? 0 : m->sqn_delta);
	smr_put_uint(w, m->sqn_age_limit);
	smr_put_uint(w, m->checkin_interval_s);
	smr_put_uint(w, m->profile);
}

static void get_secret(struct smr_reader *r, uint8_t out[32], uint8_t *len)
{
	struct smr_bytes bytes = smr_get_bytes(r, 16, 32);

	if (r->err == SMR_OK && bytes.len != 16 && bytes.len != 32)
		smr_reader_fail(r, SMR_E_MALFORMED);
	if (r->err != SMR_OK)
		return;
	memcpy(out, bytes.ptr, bytes.len);
	*len = (uint8_t)bytes.len;
}

/** Not inlined, for the same reason as activate below. */
__attribute__((noinline)) static enum smr_err get_mcim(struct smr_bytes encoded, struct smr_mcim *m)
{
	struct smr_reader r = smr_reader_init(encoded);
	uint8_t opc_len = 0;

	memset(m, 0, sizeof(*m));
	smr_get_array(&r, 10, 10);
	smr_get_fixed(&r, m->imsi.octets, sizeof(m->imsi.octets));
	m->aka.alg = (enum smr_aka_alg)smr_get_uint(&r, UINT8_MAX);
	get_secret(&r, m->aka.k, &m->aka.k_len);
	get_secret(&r, m->aka.opc, &opc_len);
	m->aka.res_len = (uint8_t)smr_get_uint(&r, UINT8_MAX);
	m->aka.keccak_iterations = (uint8_t)smr_get_uint(&r, UINT8_MAX);
	m->sqn_delta = smr_get_uint(&r, SMR_SQN_SEQ_MAX);
	m->sqn_age_limit = smr_get_uint(&r, SMR_SQN_SEQ_MAX);
	m->checkin_interval_s = (uint32_t)smr_get_uint(&r, UINT32_MAX);
	m->profile = (uint32_t)smr_get_uint(&r, UINT32_MAX);
	SMR_TRY(smr_reader_done(&r));
	/* The default has one encoding, 0. */
	if (m->sqn_delta == SMR_SQN_DELTA_DEFAULT)
		return SMR_E_MALFORMED;
	if (m->sqn_delta == 0)
		m->sqn_delta = SMR_SQN_DELTA_DEFAULT;
	if (smr_aka_opc_len(m->aka.alg) != 0 && opc_len != smr_aka_opc_len(m->aka.alg))
		return SMR_E_MALFORMED;
	return check(m);
}

/** Associated data of X: [operator point, EID, ICCID, serial]. */
static enum smr_err encode_binding(const struct smr_mcim_binding *b, struct smr_space room, struct smr_bytes *out)
{
	struct smr_writer w = smr_writer_init(room);

	smr_put_array(&w, 4);
	smr_put_bytes(&w, SMR_ARRAY(b->operator_key));
	smr_put_bytes(&w, smr_eid_bytes(&b->eid));
	smr_put_bytes(&w, smr_iccid_bytes(&b->iccid));
	smr_put_uint(&w, b->serial);
	return smr_writer_done(&w, out);
}

static enum smr_err seal(const struct smr_privkey *ephemeral, const struct smr_pubkey *t,
			 const struct smr_hpke_psk *psk, const struct smr_mcim_binding *binding,
			 const struct smr_mcim *mcim, struct smr_space *out)
{
	uint8_t plain[SMR_MCIM_PLAIN_MAX];
	uint8_t ad_room[BINDING_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){plain, sizeof(plain)});
	struct smr_bytes encoded;
	struct smr_bytes ad;
	enum smr_err err;

	SMR_TRY(check(mcim));
	SMR_TRY(encode_binding(binding, (struct smr_space){ad_room, sizeof(ad_room)}, &ad));
	put_mcim(&w, mcim);
	err = smr_writer_done(&w, &encoded);
	if (err == SMR_OK)
		err = smr_hpke_seal_with(ephemeral, t, psk, INFO, ad, encoded, out);
	SMR_WIPE(plain);
	return err;
}

enum smr_err smr_mcim_seal(const struct smr_pubkey *t, const struct smr_mcim_binding *binding,
			   const struct smr_mcim *mcim, struct smr_space *x)
{
	__attribute__((cleanup(smr_privkey_wipe))) struct smr_privkey ephemeral = {0};

	SMR_TRY(smr_privkey_generate(&ephemeral));
	return seal(&ephemeral, t, NULL, binding, mcim, x);
}

/** A pre-shared key, and what has its credential under the ephemeral key that seals too. */
static enum smr_err make_psk(const struct smr_privkey *ephemeral, const struct smr_pubkey *t,
			     const struct smr_pubkey *ek, uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN],
			     uint8_t part[SMR_TPM_PROTECTED_LEN])
{
	uint8_t name[SMR_TPM_NAME_LEN];

	SMR_TRY(smr_tpm_name_t(t->point, name));
	SMR_TRY(smr_random(secret, SMR_TPM_CREDENTIAL_SECRET_LEN));
	return smr_tpm_credential_protect(ephemeral, ek, name, secret, part);
}

enum smr_err smr_mcim_seal_to_tpm(const struct smr_pubkey *t, const struct smr_pubkey *ek,
				  const struct smr_mcim_binding *binding, const struct smr_mcim *mcim,
				  struct smr_space *x)
{
	__attribute__((cleanup(smr_privkey_wipe))) struct smr_privkey ephemeral = {0};
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN];
	const struct smr_hpke_psk psk = {SMR_ARRAY(secret), PSK_ID};
	uint8_t part[SMR_TPM_PROTECTED_LEN];
	const size_t before =
		SMR_X_FOR_TPM_HEAD - SMR_POINT_LEN; /* the uncompressed enc ends where the ciphertext begins */
	struct smr_space sealed;
	enum smr_err err;

	if (x->len < SMR_X_FOR_TPM_HEAD)
		return SMR_E_NO_ROOM;
	sealed = (struct smr_space){x->ptr + before, x->len - before};
	SMR_TRY(smr_privkey_generate(&ephemeral));
	err = make_psk(&ephemeral, t, ek, secret, part);
	if (err == SMR_OK)
		err = seal(&ephemeral, t, &psk, binding, mcim, &sealed);
	SMR_WIPE(secret);
	if (err != SMR_OK)
		return err;
	smr_point_compress(ephemeral.point, x->ptr);
	memcpy(x->ptr + SMR_POINT_COMPRESSED_LEN, part, sizeof(part));
	x->len = before + sealed.len;
	return SMR_OK;
}

static enum smr_err open_sealed(const struct smr_agreer *t, const struct smr_pubkey *enc,
				const struct smr_hpke_psk *psk, const struct smr_mcim_binding *binding,
				struct smr_bytes cipher, struct smr_mcim *out)
{
	uint8_t plain[SMR_MCIM_PLAIN_MAX];
	uint8_t ad_room[BINDING_MAX];
	struct smr_space room = {plain, sizeof(plain)};
	struct smr_bytes ad;
	enum smr_err err;

	if (cipher.len > SMR_MCIM_PLAIN_MAX + SMR_AEAD_TAG_LEN)
		return SMR_E_MALFORMED;
	SMR_TRY(encode_binding(binding, (struct smr_space){ad_room, sizeof(ad_room)}, &ad));
	err = smr_hpke_open_with(t, enc, psk, INFO, ad, cipher, &room);
	if (err == SMR_OK)
		err = get_mcim(smr_bytes_of(room.ptr, room.len), out);
	SMR_WIPE(plain);
	return err;
}

/** Have the platform give the pre-shared key out. Not inlined: its room is free again when t agrees. */
__attribute__((noinline)) static enum smr_err activate(const struct smr_agreer *t, const struct smr_pubkey *enc,
						       struct smr_bytes x,
						       uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	uint8_t credential[SMR_TPM_CREDENTIAL_LEN];

	if (t->activate == NULL)
		return SMR_E_UNSUPPORTED;
	smr_tpm_credential_lay_out(enc->point, x.ptr + SMR_POINT_COMPRESSED_LEN, credential);
	return t->activate(t->context, SMR_OWN_T, SMR_ARRAY(credential), secret);
}

static enum smr_err open_x(const struct smr_agreer *t, const struct smr_mcim_binding *binding, struct smr_bytes x,
			   struct smr_mcim *out)
{
	__attribute__((cleanup(smr_pubkey_wipe))) struct smr_pubkey enc = {0};
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN];
	const struct smr_hpke_psk psk = {SMR_ARRAY(secret), PSK_ID};
	bool in_tpm = x.len != 0 && x.ptr[0] != 0x04;
	size_t head = in_tpm ? SMR_X_FOR_TPM_HEAD : SMR_POINT_LEN;
	enum smr_err err;

	if (x.len < head + SMR_AEAD_TAG_LEN)
		return SMR_E_UNOPENED;
	SMR_TRY(smr_pubkey_import(&enc, smr_bytes_of(x.ptr, in_tpm ? SMR_POINT_COMPRESSED_LEN : SMR_POINT_LEN)));
	err = in_tpm ? activate(t, &enc, x, secret) : SMR_OK;
	if (err == SMR_OK)
		err = open_sealed(t, &enc, in_tpm ? &psk : NULL, binding, smr_bytes_of(x.ptr + head, x.len - head),
				  out);
	SMR_WIPE(secret);
	return err;
}

enum smr_err smr_mcim_open(const struct smr_agreer *t, const struct smr_mcim_binding *binding, struct smr_bytes x,
			   struct smr_mcim *out)
{
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	if (x.len > SMR_X_MAX)
		return SMR_E_MALFORMED;
	err = open_x(t, binding, x, out);
	if (err != SMR_OK)
		smr_mcim_wipe(out);
	return err;
}

/* ---- W ---- */

static enum smr_err encode_w(const struct smr_mcim_binding *b, struct smr_bytes x, struct smr_bytes order,
			     struct smr_space room, struct smr_bytes *out)
{
	struct smr_writer w = smr_writer_init(room);
	uint8_t hash[SMR_HASH_LEN];

	smr_put_array(&w, 5);
	smr_put_bytes(&w, smr_eid_bytes(&b->eid));
	smr_put_bytes(&w, smr_iccid_bytes(&b->iccid));
	smr_put_uint(&w, b->serial);
	SMR_TRY(smr_sha256(&x, 1, hash));
	smr_put_bytes(&w, SMR_ARRAY(hash));
	if (order.len == 0) {
		smr_put_null(&w);
	} else {
		SMR_TRY(smr_order_hash(order, hash));
		smr_put_bytes(&w, SMR_ARRAY(hash));
	}
	return smr_writer_done(&w, out);
}

enum smr_err smr_w_sign(const struct smr_privkey *operator_key, const struct smr_mcim_binding *binding,
			struct smr_bytes x, struct smr_bytes order, uint8_t w[SMR_SIG_LEN])
{
	uint8_t room[128];
	struct smr_bytes payload;

	SMR_TRY(encode_w(binding, x, order, (struct smr_space){room, sizeof(room)}, &payload));
	return smr_cose_sign_detached(operator_key, SMR_LABEL_MCIM, SMR_NONE, payload, w);
}

enum smr_err smr_w_verify(const struct smr_pubkey *operator_key, const struct smr_mcim_binding *binding,
			  struct smr_bytes x, struct smr_bytes order, const uint8_t w[SMR_SIG_LEN])
{
	uint8_t room[128];
	struct smr_bytes payload;

	SMR_TRY(encode_w(binding, x, order, (struct smr_space){room, sizeof(room)}, &payload));
	return smr_cose_verify_detached(operator_key, SMR_LABEL_MCIM, SMR_NONE, payload, w);
}

/* ---- package ---- */

void smr_put_package(struct smr_writer *w, const struct smr_package *package)
{
	smr_put_array(w, 6);
	smr_put_bytes(w, SMR_ARRAY(package->operator_id.octets));
	smr_put_bytes(w, smr_iccid_bytes(&package->iccid));
	smr_put_uint(w, package->serial);
	smr_put_bytes(w, package->x);
	smr_put_bytes(w, SMR_ARRAY(package->w));
	if (package->order.len)
		smr_put_bytes(w, package->order);
	else
		smr_put_null(w);
}

void smr_get_package(struct smr_reader *r, struct smr_package *out)
{
	memset(out, 0, sizeof(*out));
	smr_get_array(r, 6, 6);
	smr_get_fixed(r, out->operator_id.octets, sizeof(out->operator_id.octets));
	smr_get_fixed(r, out->iccid.octets, sizeof(out->iccid.octets));
	if (r->err == SMR_OK && smr_iccid_check(&out->iccid) != SMR_OK)
		smr_reader_fail(r, SMR_E_MALFORMED);
	out->serial = smr_get_uint(r, UINT64_MAX);
	out->x = smr_get_bytes(r, SMR_HPKE_OVERHEAD + 1, SMR_X_MAX);
	smr_get_fixed(r, out->w, sizeof(out->w));
	if (!smr_get_null(r))
		out->order = smr_get_bytes(r, 1, SMR_ORDER_MAX);
}
