/* SPDX-License-Identifier: Apache-2.0 */
#include "core/aka/keys.h"

#include "core/kdf.h"

/* FC values of the derivations: TS 33.402 A.2, TS 33.501 A.2 to A.9. */
enum fc {
	FC_CK_IK_PRIME = 0x20,
	FC_ALGORITHM_KEY = 0x69,
	FC_KAUSF = 0x6a,
	FC_RES_STAR = 0x6b,
	FC_KSEAF = 0x6c,
	FC_KAMF = 0x6d,
	FC_KGNB = 0x6e
};

#define PARAMETERS_MAX 3u
#define PARAMETER_LEN_MAX 65535u

/* The KDF of TS 33.220 annex B: FC | P0 | L0 | P1 | L1 … */
static enum smr_err derive(struct smr_bytes key, enum fc fc, const struct smr_bytes *parameters, size_t count,
			   uint8_t out[SMR_HASH_LEN])
{
	uint8_t fc_octet = (uint8_t)fc;
	uint8_t lengths[PARAMETERS_MAX][2];
	struct smr_bytes parts[1 + 2 * PARAMETERS_MAX];
	enum smr_err err;

	smr_wipe(out, SMR_HASH_LEN);
	parts[0] = smr_bytes_of(&fc_octet, 1);
	for (size_t i = 0; i < count; i++) {
		if (parameters[i].len > PARAMETER_LEN_MAX)
			return SMR_E_INVALID;
		smr_put_be16(lengths[i], (uint16_t)parameters[i].len);
		parts[1 + 2 * i] = parameters[i];
		parts[2 + 2 * i] = SMR_ARRAY(lengths[i]);
	}
	err = smr_hmac_sha256(key, parts, 1 + 2 * count, out);
	if (err != SMR_OK)
		smr_wipe(out, SMR_HASH_LEN);
	return err;
}

/* With the key CK | IK. */
static enum smr_err derive_from_pair(const uint8_t ck[16], const uint8_t ik[16], enum fc fc,
				     const struct smr_bytes *parameters, size_t count, uint8_t out[SMR_HASH_LEN])
{
	uint8_t key[32];
	enum smr_err err;

	memcpy(key, ck, 16);
	memcpy(key + 16, ik, 16);
	err = derive(SMR_ARRAY(key), fc, parameters, count, out);
	SMR_WIPE(key);
	return err;
}

/* ---- EAP-AKA' ---- */

enum smr_err smr_aka_prime_derive(const uint8_t ck[16], const uint8_t ik[16], struct smr_bytes network_name,
				  const uint8_t sqn_xor_ak[SMR_SQN_XOR_AK_LEN], uint8_t ck_prime[16],
				  uint8_t ik_prime[16])
{
	const struct smr_bytes parameters[] = {network_name, smr_bytes_of(sqn_xor_ak, SMR_SQN_XOR_AK_LEN)};
	uint8_t both[SMR_HASH_LEN];
	enum smr_err err = derive_from_pair(ck, ik, FC_CK_IK_PRIME, parameters, SMR_COUNT(parameters), both);

	/* On an error `both` is zero, and so are the outputs. */
	memcpy(ck_prime, both, 16);
	memcpy(ik_prime, both + 16, 16);
	SMR_WIPE(both);
	return err;
}

static void cut(const uint8_t mk[sizeof(struct smr_aka_prime_keys)], struct smr_aka_prime_keys *out)
{
	memcpy(out->k_encr, mk, 16);
	memcpy(out->k_aut, mk + 16, 32);
	memcpy(out->k_re, mk + 48, 32);
	memcpy(out->msk, mk + 80, 64);
	memcpy(out->emsk, mk + 144, 64);
}

enum smr_err smr_aka_prime_expand(const uint8_t ck_prime[16], const uint8_t ik_prime[16], struct smr_bytes identity,
				  struct smr_aka_prime_keys *out)
{
	const struct smr_bytes seed[] = {SMR_TEXT("EAP-AKA'"), identity};
	uint8_t mk[sizeof(*out)];
	uint8_t key[32];
	enum smr_err err;

	memcpy(key, ik_prime, 16); /* IK' first, other than in the KDF above */
	memcpy(key + 16, ck_prime, 16);
	/* PRF' (RFC 9048 section 3.4.1) is HKDF-Expand: T1 = HMAC(K, S | 1), Tn = HMAC(K, Tn-1 | S | n). */
	err = smr_hkdf_expand(SMR_ARRAY(key), seed, SMR_COUNT(seed), (struct smr_space){mk, sizeof(mk)});
	if (err == SMR_OK)
		cut(mk, out);
	else
		SMR_WIPE(*out);
	SMR_WIPE(mk);
	SMR_WIPE(key);
	return err;
}

/* ---- 5G ---- */

static bool are_digits(struct smr_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	}
	return true;
}

enum smr_err smr_5g_snn(struct smr_bytes mcc, struct smr_bytes mnc, uint8_t out[SMR_5G_SNN_LEN])
{
	static const char form[] = "5G:mnc000.mcc000.3gppnetwork.org";
	enum { MNC_AT = 6, MCC_AT = 13 };

	_Static_assert(sizeof(form) - 1 == SMR_5G_SNN_LEN, "the form has the length of its result");
	smr_wipe(out, SMR_5G_SNN_LEN);
	if (mcc.len != 3 || (mnc.len != 2 && mnc.len != 3) || !are_digits(mcc) || !are_digits(mnc))
		return SMR_E_INVALID;
	memcpy(out, form, SMR_5G_SNN_LEN);
	memcpy(out + MNC_AT + (3 - mnc.len), mnc.ptr, mnc.len);
	memcpy(out + MCC_AT, mcc.ptr, mcc.len);
	return SMR_OK;
}

enum smr_err smr_5g_kausf(const uint8_t ck[16], const uint8_t ik[16], struct smr_bytes snn,
			  const uint8_t sqn_xor_ak[SMR_SQN_XOR_AK_LEN], uint8_t kausf[32])
{
	const struct smr_bytes parameters[] = {snn, smr_bytes_of(sqn_xor_ak, SMR_SQN_XOR_AK_LEN)};

	return derive_from_pair(ck, ik, FC_KAUSF, parameters, SMR_COUNT(parameters), kausf);
}

/* «The least significant 128 bits»: the last 16 octets. */
static void take_low(uint8_t full[SMR_HASH_LEN], uint8_t out[16])
{
	memcpy(out, full + 16, 16);
	smr_wipe(full, SMR_HASH_LEN);
}

enum smr_err smr_5g_res_star(const uint8_t ck[16], const uint8_t ik[16], struct smr_bytes snn, const uint8_t rand[16],
			     struct smr_bytes res, uint8_t res_star[16])
{
	const struct smr_bytes parameters[] = {snn, smr_bytes_of(rand, 16), res};
	uint8_t full[SMR_HASH_LEN];
	enum smr_err err;

	if (res.len < 4 || res.len > 16) {
		smr_wipe(res_star, 16);
		return SMR_E_INVALID;
	}
	err = derive_from_pair(ck, ik, FC_RES_STAR, parameters, SMR_COUNT(parameters), full);
	take_low(full, res_star);
	return err;
}

enum smr_err smr_5g_hres_star(const uint8_t rand[16], const uint8_t res_star[16], uint8_t hres_star[16])
{
	const struct smr_bytes parts[] = {smr_bytes_of(rand, 16), smr_bytes_of(res_star, 16)};
	uint8_t full[SMR_HASH_LEN];
	enum smr_err err = smr_sha256(parts, SMR_COUNT(parts), full);

	if (err != SMR_OK)
		SMR_WIPE(full);
	take_low(full, hres_star);
	return err;
}

enum smr_err smr_5g_kseaf(const uint8_t kausf[32], struct smr_bytes snn, uint8_t kseaf[32])
{
	return derive(smr_bytes_of(kausf, 32), FC_KSEAF, &snn, 1, kseaf);
}

enum smr_err smr_5g_kamf(const uint8_t kseaf[32], struct smr_bytes supi, struct smr_bytes abba, uint8_t kamf[32])
{
	const struct smr_bytes parameters[] = {supi, abba};

	return derive(smr_bytes_of(kseaf, 32), FC_KAMF, parameters, SMR_COUNT(parameters), kamf);
}

enum smr_err smr_5g_algorithm_key(const uint8_t key[32], enum smr_5g_key_type type, uint8_t algorithm, uint8_t out[16])
{
	const uint8_t type_octet = (uint8_t)type;
	const struct smr_bytes parameters[] = {smr_bytes_of(&type_octet, 1), smr_bytes_of(&algorithm, 1)};
	uint8_t full[SMR_HASH_LEN];
	enum smr_err err;

	if (type < SMR_5G_NAS_ENC || type > SMR_5G_UP_INT || algorithm > 15) {
		smr_wipe(out, 16);
		return SMR_E_INVALID;
	}
	err = derive(smr_bytes_of(key, 32), FC_ALGORITHM_KEY, parameters, SMR_COUNT(parameters), full);
	take_low(full, out);
	return err;
}

enum smr_err smr_5g_kgnb(const uint8_t kamf[32], uint32_t uplink_nas_count, enum smr_5g_access access, uint8_t kgnb[32])
{
	const uint8_t access_octet = (uint8_t)access;
	uint8_t count[4];
	const struct smr_bytes parameters[] = {SMR_ARRAY(count), smr_bytes_of(&access_octet, 1)};

	if (access != SMR_5G_ACCESS_3GPP && access != SMR_5G_ACCESS_NON_3GPP) {
		smr_wipe(kgnb, 32);
		return SMR_E_INVALID;
	}
	smr_put_be32(count, uplink_nas_count);
	return derive(smr_bytes_of(kamf, 32), FC_KGNB, parameters, SMR_COUNT(parameters), kgnb);
}
