/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hpke.h"
#include "core/kdf.h"

/* Suite identifiers, RFC 9180 sections 4.1 and 5.1: "KEM" | kem_id, and "HPKE" | kem_id | kdf_id | aead_id. */
static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x10};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x01};

#define VERSION SMR_TEXT("HPKE-v1")
#define MODE_BASE 0x00u
#define MODE_PSK 0x01u

static const struct smr_hpke_psk no_psk; /* default_psk and default_psk_id of section 5.1: empty */

struct shared_secret {
	uint8_t octets[SMR_HASH_LEN];
};

struct message_key {
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t nonce[SMR_AEAD_NONCE_LEN];
};

/* key_schedule_context of section 5.1: public. */
struct schedule_context {
	uint8_t mode;
	uint8_t psk_id_hash[SMR_HASH_LEN];
	uint8_t info_hash[SMR_HASH_LEN];
};

static void wipe_secret(struct shared_secret *secret)
{
	SMR_WIPE(*secret);
}

static void wipe_message_key(struct message_key *key)
{
	SMR_WIPE(*key);
}

/* LabeledExtract(salt, label, ikm), section 4. */
static enum smr_err labeled_extract(struct smr_bytes salt, struct smr_bytes suite, struct smr_bytes label,
				    struct smr_bytes ikm, uint8_t out[SMR_HASH_LEN])
{
	const struct smr_bytes parts[] = {VERSION, suite, label, ikm};

	return smr_hkdf_extract(salt, parts, SMR_COUNT(parts), out);
}

/* LabeledExpand(prk, label, info, L), section 4, with info in two halves. */
static enum smr_err labeled_expand(const struct shared_secret *prk, struct smr_bytes suite, struct smr_bytes label,
				   const struct smr_bytes info[2], struct smr_space out)
{
	uint8_t length[2];
	const struct smr_bytes parts[] = {SMR_ARRAY(length), VERSION, suite, label, info[0], info[1]};

	smr_put_be16(length, (uint16_t)out.len);
	return smr_hkdf_expand(SMR_ARRAY(prk->octets), parts, SMR_COUNT(parts), out);
}

/* Both ends of DHKEM, section 4.1: ExtractAndExpand(dh, enc | pkRm). */
static enum smr_err kem_secret(const struct smr_agreer *own, const struct smr_pubkey *peer,
			       const uint8_t enc[SMR_POINT_LEN], const uint8_t recipient[SMR_POINT_LEN],
			       struct shared_secret *out)
{
	__attribute__((cleanup(wipe_secret))) struct shared_secret dh;
	__attribute__((cleanup(wipe_secret))) struct shared_secret prk;
	const struct smr_bytes kem_context[2] = {smr_bytes_of(enc, SMR_POINT_LEN),
						 smr_bytes_of(recipient, SMR_POINT_LEN)};
	const struct smr_space room = {out->octets, sizeof(out->octets)};

	_Static_assert(SMR_DH_LEN == SMR_HASH_LEN, "a DH result fits a shared_secret");
	SMR_TRY(smr_agree(own, peer, dh.octets));
	SMR_TRY(labeled_extract(SMR_NONE, SMR_ARRAY(kem_suite), SMR_TEXT("eae_prk"), SMR_ARRAY(dh.octets), prk.octets));
	return labeled_expand(&prk, SMR_ARRAY(kem_suite), SMR_TEXT("shared_secret"), kem_context, room);
}

static enum smr_err schedule_context(const struct smr_hpke_psk *psk, struct smr_bytes info,
				     struct schedule_context *out)
{
	const struct smr_bytes suite = SMR_ARRAY(hpke_suite);

	_Static_assert(sizeof(struct schedule_context) == 1 + 2 * SMR_HASH_LEN, "it is hashed as it lies in memory");
	out->mode = (uint8_t)(psk == &no_psk ? MODE_BASE : MODE_PSK);
	SMR_TRY(labeled_extract(SMR_NONE, suite, SMR_TEXT("psk_id_hash"), psk->id, out->psk_id_hash));
	return labeled_extract(SMR_NONE, suite, SMR_TEXT("info_hash"), info, out->info_hash);
}

/* KeySchedule of section 5.1, as far as one message needs it: at sequence number 0 the nonce is base_nonce itself
 * (section 5.2). */
static enum smr_err key_schedule(const struct shared_secret *shared, const struct smr_hpke_psk *psk,
				 struct smr_bytes info, struct message_key *out)
{
	const struct smr_bytes suite = SMR_ARRAY(hpke_suite);
	const struct smr_space key = {out->key, sizeof(out->key)};
	const struct smr_space nonce = {out->nonce, sizeof(out->nonce)};
	__attribute__((cleanup(wipe_secret))) struct shared_secret secret;
	struct schedule_context ctx;
	const struct smr_bytes ctx_parts[2] = {smr_bytes_of(&ctx, sizeof(ctx)), SMR_NONE};

	SMR_TRY(schedule_context(psk, info, &ctx));
	SMR_TRY(labeled_extract(SMR_ARRAY(shared->octets), suite, SMR_TEXT("secret"), psk->psk, secret.octets));
	SMR_TRY(labeled_expand(&secret, suite, SMR_TEXT("key"), ctx_parts, key));
	return labeled_expand(&secret, suite, SMR_TEXT("base_nonce"), ctx_parts, nonce);
}

static enum smr_err message_key(const struct smr_agreer *own, const struct smr_pubkey *peer,
				const uint8_t enc[SMR_POINT_LEN], const uint8_t recipient[SMR_POINT_LEN],
				const struct smr_hpke_psk *psk, struct smr_bytes info, struct message_key *out)
{
	__attribute__((cleanup(wipe_secret))) struct shared_secret shared;

	/* VerifyPSKInputs of section 5.1, and section 9.5: a short one could be guessed. */
	if (psk != NULL && (psk->psk.len < SMR_HPKE_PSK_MIN || psk->id.len == 0))
		return SMR_E_INVALID;
	SMR_TRY(kem_secret(own, peer, enc, recipient, &shared));
	return key_schedule(&shared, psk == NULL ? &no_psk : psk, info, out);
}

enum smr_err smr_hpke_seal_with(const struct smr_privkey *ephemeral, const struct smr_pubkey *to,
				const struct smr_hpke_psk *psk, struct smr_bytes info, struct smr_bytes ad,
				struct smr_bytes plain, struct smr_space *out)
{
	const struct smr_agreer own = {.key = ephemeral};
	__attribute__((cleanup(wipe_message_key))) struct message_key mk;

	/* Subtracted on the side that cannot wrap: the first test makes the second's difference non-negative. */
	if (out->len < SMR_HPKE_OVERHEAD || out->len - SMR_HPKE_OVERHEAD < plain.len)
		return SMR_E_NO_ROOM;
	SMR_TRY(message_key(&own, to, ephemeral->point, to->point, psk, info, &mk));
	SMR_TRY(smr_aead_seal(mk.key, mk.nonce, ad, plain, out->ptr + SMR_POINT_LEN));
	memcpy(out->ptr, ephemeral->point, SMR_POINT_LEN);
	out->len = plain.len + SMR_HPKE_OVERHEAD;
	return SMR_OK;
}

enum smr_err smr_hpke_seal(const struct smr_pubkey *to, struct smr_bytes info, struct smr_bytes ad,
			   struct smr_bytes plain, struct smr_space *out)
{
	__attribute__((cleanup(smr_privkey_wipe))) struct smr_privkey ephemeral = {0};

	if (out->len < SMR_HPKE_OVERHEAD || out->len - SMR_HPKE_OVERHEAD < plain.len)
		return SMR_E_NO_ROOM; /* before a key is spent on it */
	SMR_TRY(smr_privkey_generate(&ephemeral));
	return smr_hpke_seal_with(&ephemeral, to, NULL, info, ad, plain, out);
}

enum smr_err smr_hpke_open_with(const struct smr_agreer *own, const struct smr_pubkey *enc,
				const struct smr_hpke_psk *psk, struct smr_bytes info, struct smr_bytes ad,
				struct smr_bytes cipher, struct smr_space *out)
{
	__attribute__((cleanup(wipe_message_key))) struct message_key mk;

	if (cipher.len < SMR_AEAD_TAG_LEN)
		return SMR_E_UNOPENED;
	if (out->len < cipher.len - SMR_AEAD_TAG_LEN)
		return SMR_E_NO_ROOM;
	SMR_TRY(message_key(own, enc, enc->point, smr_agreer_point(own), psk, info, &mk));
	SMR_TRY(smr_aead_open(mk.key, mk.nonce, ad, cipher, out->ptr));
	out->len = cipher.len - SMR_AEAD_TAG_LEN;
	return SMR_OK;
}

enum smr_err smr_hpke_open(const struct smr_agreer *own, struct smr_bytes info, struct smr_bytes ad,
			   struct smr_bytes sealed, struct smr_space *out)
{
	__attribute__((cleanup(smr_pubkey_wipe))) struct smr_pubkey enc = {0};

	if (sealed.len < SMR_HPKE_OVERHEAD)
		return SMR_E_UNOPENED;
	if (out->len < sealed.len - SMR_HPKE_OVERHEAD)
		return SMR_E_NO_ROOM;
	SMR_TRY(smr_pubkey_import(&enc, smr_bytes_of(sealed.ptr, SMR_POINT_LEN)));
	return smr_hpke_open_with(own, &enc, NULL, info, ad,
				  smr_bytes_of(sealed.ptr + SMR_POINT_LEN, sealed.len - SMR_POINT_LEN), out);
}
