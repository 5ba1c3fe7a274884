/* SPDX-License-Identifier: Apache-2.0 */
#include "core/answer.h"
#include "core/kdf.h"
#include "core/sealed.h"

/*
 * k2 = Extract(hash(M1), e·Q | e·F); k2' and rk_0 come from it under labels of their own, k2 itself encrypts nothing
 * (design section 2). e·F is what forward secrecy (S2) rests on, e·Q and hash(M1) bind the answer to this request (S4).
 */
static enum smr_err derive(const uint8_t hash_m1[SMR_HASH_LEN], const uint8_t dh_eq[SMR_DH_LEN],
			   const struct smr_secret *dh_ef, const uint8_t f[SMR_POINT_LEN],
			   uint8_t key[SMR_AEAD_KEY_LEN], uint8_t rk[SMR_RK_LEN])
{
	const struct smr_bytes ikm[] = {smr_bytes_of(dh_eq, SMR_DH_LEN), smr_bytes_of(dh_ef->octets, SMR_DH_LEN)};
	uint8_t compressed[SMR_POINT_COMPRESSED_LEN];
	const struct smr_bytes context = SMR_ARRAY(compressed);
	SMR_SECRET k2;

	smr_point_compress(f, compressed);
	SMR_TRY(smr_hkdf_extract(smr_bytes_of(hash_m1, SMR_HASH_LEN), ikm, SMR_COUNT(ikm), k2.octets));
	SMR_TRY(smr_kdf(SMR_ARRAY(k2.octets), "m2", &context, 1, (struct smr_space){key, SMR_AEAD_KEY_LEN}));
	return smr_kdf(SMR_ARRAY(k2.octets), "rk", &context, 1, (struct smr_space){rk, SMR_RK_LEN});
}

/* ---- server ---- */

static enum smr_err fresh_keys(const struct smr_m1 *m1, struct smr_m2_keys *keys)
{
	__attribute__((cleanup(smr_privkey_wipe))) struct smr_privkey f = {0};
	SMR_SECRET dh_ef;

	SMR_TRY(smr_privkey_generate(&f));
	SMR_TRY(smr_ecdh(&f, &m1->e_key, dh_ef.octets));
	memcpy(keys->f, f.point, sizeof(keys->f));
	return derive(m1->hash_m1, m1->dh_eq, &dh_ef, f.point, keys->m2, keys->rk);
}

enum smr_err smr_m2_keys(const struct smr_m1 *m1, struct smr_m2_keys *keys)
{
	enum smr_err err = fresh_keys(m1, keys);

	if (err != SMR_OK)
		SMR_WIPE(*keys);
	return err;
}

static void put_package(struct smr_writer *w, const void *content)
{
	smr_put_package(w, content);
}

static void put_plain(struct smr_writer *w, const void *content)
{
	const struct smr_m2 *m2 = content;
	const struct smr_answer answer = {m2->refusal, m2->ticket, m2->beacon, m2->flight_key, m2->spare_ticket};

	smr_put_answer(w, &answer, m2->has_package ? put_package : NULL, &m2->package);
}

enum smr_err smr_m2_seal(const struct smr_m2_keys *keys, const struct smr_m2 *m2, struct smr_space *out)
{
	struct smr_writer w = smr_writer_init(*out);
	struct smr_bytes message;

	smr_put_array(&w, 2);
	smr_put_bytes(&w, SMR_ARRAY(keys->f));
	SMR_TRY(smr_put_sealed(&w, keys->m2, smr_nonce_zero, SMR_ARRAY(keys->f), put_plain, m2));
	SMR_TRY(smr_writer_done(&w, &message));
	out->len = message.len;
	return SMR_OK;
}

/* ---- device ---- */

static enum smr_err agree(const struct smr_flight *flight, struct smr_bytes f, struct smr_secret *key,
			  uint8_t rk[SMR_RK_LEN])
{
	__attribute__((cleanup(smr_pubkey_wipe))) struct smr_pubkey f_key = {0};
	SMR_SECRET dh_ef;

	SMR_TRY(smr_pubkey_import(&f_key, f));
	SMR_TRY(smr_ecdh(&flight->e, &f_key, dh_ef.octets));
	return derive(flight->hash_m1, flight->dh_eq, &dh_ef, f_key.point, key->octets, rk);
}

static void get_package(struct smr_reader *r, void *content)
{
	struct smr_m2 *m2 = content;

	m2->has_package = true;
	smr_get_package(r, &m2->package);
}

static enum smr_err read_plain(struct smr_bytes plain, struct smr_m2 *m2)
{
	struct smr_reader r = smr_reader_init(plain);
	struct smr_answer answer;

	smr_get_answer(&r, &answer, get_package, m2);
	m2->refusal = answer.refusal;
	m2->ticket = answer.ticket;
	m2->beacon = answer.beacon;
	m2->flight_key = answer.flight_key;
	m2->spare_ticket = answer.spare_ticket;
	return smr_reader_done(&r);
}

static enum smr_err open_m2(const struct smr_flight *flight, struct smr_bytes datagram, struct smr_space scratch,
			    struct smr_m2 *m2, uint8_t rk[SMR_RK_LEN])
{
	struct smr_reader r = smr_reader_init(datagram);
	struct smr_bytes f, sealed, plain;
	enum smr_err err;
	SMR_SECRET key;

	smr_get_array(&r, 2, 2);
	f = smr_get_bytes(&r, SMR_POINT_LEN, SMR_POINT_LEN);
	sealed = smr_get_bytes(&r, SMR_AEAD_TAG_LEN, SMR_M2_MAX);
	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(agree(flight, f, &key, rk));
	SMR_TRY(smr_open_sealed(key.octets, smr_nonce_zero, f, sealed, scratch, &plain));
	err = read_plain(plain, m2);
	if (err != SMR_OK)
		smr_wipe(scratch.ptr, plain.len);
	return err;
}

enum smr_err smr_m2_open(const struct smr_flight *flight, struct smr_bytes datagram, struct smr_space scratch,
			 struct smr_m2 *m2, uint8_t rk[SMR_RK_LEN])
{
	enum smr_err err;

	memset(m2, 0, sizeof(*m2));
	err = open_m2(flight, datagram, scratch, m2, rk);
	if (err != SMR_OK)
		SMR_WIPE(*m2);
	if (err != SMR_OK || m2->refusal != SMR_REFUSAL_NONE)
		smr_wipe(rk, SMR_RK_LEN); /* no ticket, no use for its key */
	return err;
}
