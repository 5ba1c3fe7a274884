/* SPDX-License-Identifier: Apache-2.0 */
#include "core/aka/aka.h"

#include "core/aka/milenage.h"
#include "core/aka/tuak.h"

#define AK_LEN SMR_SQN_LEN
#define MAC_LEN 8u
#define SEPARATION_BIT 0x80u

/* AUTN = SQN xor AK | AMF | MAC-A and AUTS = SQN_MS xor AK* | MAC-S */
enum autn_offset { AUTN_SQN = 0, AUTN_AMF = 6, AUTN_MAC = 8 };
enum auts_offset { AUTS_SQN = 0, AUTS_MAC = 6 };

/* TS 33.102 clause 6.3.3: a dummy value, because AMF does not travel with AUTS. */
static const uint8_t resync_amf[2] = {0, 0};

/* What f2 to f5 yield. Secret. */
struct keys {
	uint8_t res[SMR_AKA_RES_MAX];
	uint8_t ck[16];
	uint8_t ik[16];
	uint8_t ak[AK_LEN];
};

uint8_t smr_aka_opc_len(enum smr_aka_alg alg)
{
	switch (alg) {
	case SMR_AKA_MILENAGE:
		return SMR_MILENAGE_OPC_LEN;
	case SMR_AKA_TUAK:
		return SMR_TUAK_TOPC_LEN;
	default:
		return 0;
	}
}

static bool fits_milenage(const struct smr_aka_params *params)
{
	return params->k_len == SMR_MILENAGE_K_LEN && params->res_len >= 4 && params->res_len <= 8 &&
	       params->keccak_iterations == 1;
}

static bool fits_tuak(const struct smr_aka_params *params)
{
	return (params->k_len == 16 || params->k_len == 32) &&
	       (params->res_len == 4 || params->res_len == 8 || params->res_len == 16) &&
	       params->keccak_iterations != 0;
}

enum smr_err smr_aka_params_check(const struct smr_aka_params *params)
{
	switch (params->alg) {
	case SMR_AKA_MILENAGE:
		return fits_milenage(params) ? SMR_OK : SMR_E_MALFORMED;
	case SMR_AKA_TUAK:
		return fits_tuak(params) ? SMR_OK : SMR_E_MALFORMED;
	default:
		return SMR_E_UNSUPPORTED;
	}
}

void smr_aka_params_wipe(struct smr_aka_params *params)
{
	SMR_WIPE(*params);
}

/* ---- the five functions by algorithm; parameters are checked ---- */

static struct smr_milenage_key milenage_key(const struct smr_aka_params *params)
{
	return (struct smr_milenage_key){params->k, params->opc};
}

static struct smr_tuak_key tuak_key(const struct smr_aka_params *params)
{
	return (struct smr_tuak_key){smr_bytes_of(params->k, params->k_len), params->opc, params->keccak_iterations};
}

static enum smr_err f1(const struct smr_aka_params *params, const uint8_t rand[16], const uint8_t sqn[6],
		       const uint8_t amf[2], uint8_t mac[MAC_LEN])
{
	if (params->alg == SMR_AKA_TUAK) {
		struct smr_tuak_key key = tuak_key(params);

		return smr_tuak_f1(&key, rand, sqn, amf, (struct smr_space){mac, MAC_LEN});
	}
	struct smr_milenage_key key = milenage_key(params);

	return smr_milenage_f1(&key, rand, sqn, amf, mac);
}

static enum smr_err f1star(const struct smr_aka_params *params, const uint8_t rand[16], const uint8_t sqn[6],
			   uint8_t mac[MAC_LEN])
{
	if (params->alg == SMR_AKA_TUAK) {
		struct smr_tuak_key key = tuak_key(params);

		return smr_tuak_f1star(&key, rand, sqn, resync_amf, (struct smr_space){mac, MAC_LEN});
	}
	struct smr_milenage_key key = milenage_key(params);

	return smr_milenage_f1star(&key, rand, sqn, resync_amf, mac);
}

static enum smr_err f5star(const struct smr_aka_params *params, const uint8_t rand[16], uint8_t ak[AK_LEN])
{
	if (params->alg == SMR_AKA_TUAK) {
		struct smr_tuak_key key = tuak_key(params);

		return smr_tuak_f5star(&key, rand, ak);
	}
	struct smr_milenage_key key = milenage_key(params);

	return smr_milenage_f5star(&key, rand, ak);
}

static enum smr_err f2345_milenage(const struct smr_aka_params *params, const uint8_t rand[16], struct keys *keys)
{
	struct smr_milenage_key key = milenage_key(params);
	struct smr_milenage_output out;
	enum smr_err err = smr_milenage_f2345(&key, rand, &out);

	memcpy(keys->res, out.res, params->res_len);
	memcpy(keys->ck, out.ck, sizeof(keys->ck));
	memcpy(keys->ik, out.ik, sizeof(keys->ik));
	memcpy(keys->ak, out.ak, sizeof(keys->ak));
	SMR_WIPE(out);
	return err;
}

static enum smr_err f2345_tuak(const struct smr_aka_params *params, const uint8_t rand[16], struct keys *keys)
{
	struct smr_tuak_key key = tuak_key(params);
	struct smr_tuak_output out = {.res_len = params->res_len, .ck_len = 16, .ik_len = 16};
	enum smr_err err = smr_tuak_f2345(&key, rand, &out);

	memcpy(keys->res, out.res, params->res_len);
	memcpy(keys->ck, out.ck, sizeof(keys->ck));
	memcpy(keys->ik, out.ik, sizeof(keys->ik));
	memcpy(keys->ak, out.ak, sizeof(keys->ak));
	SMR_WIPE(out);
	return err;
}

/* On an error the keys are all zero: the algorithms wipe what they failed to fill. */
static enum smr_err f2345(const struct smr_aka_params *params, const uint8_t rand[16], struct keys *keys)
{
	memset(keys, 0, sizeof(*keys));
	return params->alg == SMR_AKA_TUAK ? f2345_tuak(params, rand, keys) : f2345_milenage(params, rand, keys);
}

static void conceal(uint8_t out[SMR_SQN_LEN], const uint8_t sqn[SMR_SQN_LEN], const uint8_t ak[AK_LEN])
{
	for (size_t i = 0; i < SMR_SQN_LEN; i++)
		out[i] = sqn[i] ^ ak[i];
}

/* ---- AuC ---- */

static enum smr_err fill_vector(const struct smr_aka_params *params, const uint8_t sqn[SMR_SQN_LEN],
				const uint8_t amf[2], const struct keys *keys, struct smr_aka_vector *out)
{
	conceal(out->autn + AUTN_SQN, sqn, keys->ak);
	memcpy(out->autn + AUTN_AMF, amf, 2);
	memcpy(out->res, keys->res, sizeof(out->res));
	out->res_len = params->res_len;
	memcpy(out->ck, keys->ck, sizeof(out->ck));
	memcpy(out->ik, keys->ik, sizeof(out->ik));
	return f1(params, out->rand, sqn, amf, out->autn + AUTN_MAC);
}

enum smr_err smr_aka_vector(const struct smr_aka_params *params, const uint8_t rand[SMR_AKA_RAND_LEN], uint64_t sqn,
			    const uint8_t amf[2], struct smr_aka_vector *out)
{
	uint8_t sqn_octets[SMR_SQN_LEN];
	struct keys keys;
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	SMR_TRY(smr_aka_params_check(params));
	if (sqn > SMR_SQN_MAX)
		return SMR_E_INVALID;
	smr_sqn_put(sqn_octets, sqn);
	memcpy(out->rand, rand, sizeof(out->rand));
	err = f2345(params, rand, &keys);
	if (err == SMR_OK)
		err = fill_vector(params, sqn_octets, amf, &keys, out);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	SMR_WIPE(keys);
	SMR_WIPE(sqn_octets);
	return err;
}

static enum smr_err check_mac(enum smr_err computed, const uint8_t ours[MAC_LEN], const uint8_t theirs[MAC_LEN])
{
	SMR_TRY(computed);
	return smr_equal_ct(ours, theirs, MAC_LEN) ? SMR_OK : SMR_E_MAC;
}

enum smr_err smr_aka_auts_open(const struct smr_aka_params *params, const uint8_t rand[SMR_AKA_RAND_LEN],
			       const uint8_t auts[SMR_AKA_AUTS_LEN], uint64_t *sqn_ms)
{
	uint8_t sqn[SMR_SQN_LEN];
	uint8_t ak[AK_LEN];
	uint8_t mac[MAC_LEN];
	enum smr_err err;

	*sqn_ms = 0;
	SMR_TRY(smr_aka_params_check(params));
	err = f5star(params, rand, ak);
	conceal(sqn, auts + AUTS_SQN, ak);
	if (err == SMR_OK)
		err = check_mac(f1star(params, rand, sqn, mac), mac, auts + AUTS_MAC);
	if (err == SMR_OK)
		*sqn_ms = smr_sqn_get(sqn);
	SMR_WIPE(ak);
	SMR_WIPE(mac);
	SMR_WIPE(sqn);
	return err;
}

/* ---- USIM ---- */

/* Keys and SQN of a challenge, if it is from the AuC. */
static enum smr_err open_autn(const struct smr_aka_params *params, const uint8_t rand[16], const uint8_t autn[16],
			      struct keys *keys, uint8_t sqn[SMR_SQN_LEN])
{
	uint8_t mac[MAC_LEN];
	enum smr_err err;

	SMR_TRY(f2345(params, rand, keys));
	conceal(sqn, autn + AUTN_SQN, keys->ak);
	err = check_mac(f1(params, rand, sqn, autn + AUTN_AMF, mac), mac, autn + AUTN_MAC);
	/* After a mismatch this is the MAC that the forger lacked. */
	SMR_WIPE(mac);
	return err;
}

static enum smr_err make_auts(const struct smr_aka_params *params, const struct smr_sqn *array, const uint8_t rand[16],
			      uint8_t auts[SMR_AKA_AUTS_LEN])
{
	uint8_t sqn[SMR_SQN_LEN];
	uint8_t ak[AK_LEN];
	enum smr_err err;

	smr_sqn_put(sqn, smr_sqn_ms(array));
	err = f5star(params, rand, ak);
	conceal(auts + AUTS_SQN, sqn, ak);
	if (err == SMR_OK)
		err = f1star(params, rand, sqn, auts + AUTS_MAC);
	if (err != SMR_OK)
		smr_wipe(auts, SMR_AKA_AUTS_LEN);
	SMR_WIPE(ak);
	SMR_WIPE(sqn);
	return err;
}

static void fill_result(const struct smr_aka_params *params, const uint8_t autn[16], const struct keys *keys,
			struct smr_aka_result *result)
{
	memcpy(result->res, keys->res, sizeof(result->res));
	result->res_len = params->res_len;
	memcpy(result->ck, keys->ck, sizeof(result->ck));
	memcpy(result->ik, keys->ik, sizeof(result->ik));
	memcpy(result->amf, autn + AUTN_AMF, sizeof(result->amf));
	result->separation = (result->amf[0] & SEPARATION_BIT) != 0;
}

enum smr_err smr_aka_authenticate(const struct smr_aka_params *params, struct smr_sqn *array,
				  const uint8_t rand[SMR_AKA_RAND_LEN], const uint8_t autn[SMR_AKA_AUTN_LEN],
				  struct smr_aka_result *result)
{
	uint8_t sqn[SMR_SQN_LEN];
	struct keys keys;
	enum smr_err err;

	SMR_WIPE(*result);
	SMR_TRY(smr_aka_params_check(params));
	err = open_autn(params, rand, autn, &keys, sqn);
	if (err == SMR_OK) {
		err = smr_sqn_accept(array, smr_sqn_get(sqn));
		if (err == SMR_OK) {
			fill_result(params, autn, &keys, result);
		} else {
			enum smr_err failed = make_auts(params, array, rand, result->auts);

			if (failed != SMR_OK)
				err = failed;
		}
	}
	SMR_WIPE(keys);
	SMR_WIPE(sqn);
	return err;
}
