/* SPDX-License-Identifier: Apache-2.0 */
#include "core/aka/milenage.h"

#define BLOCK_LEN SMR_AES_BLOCK_LEN

/* One of OUT1..OUT5 of TS 35.206 clause 4.1. All default rotations are whole octets, and c1..c5 differ in the last. */
struct row {
	size_t rotate; /* octets to the left: r / 8 */
	uint8_t constant;
};
static const struct row out1 = {8, 0};
static const struct row out2 = {0, 1};
static const struct row out3 = {4, 2};
static const struct row out4 = {8, 4};
static const struct row out5 = {12, 8};

static void xor_into(uint8_t block[BLOCK_LEN], const uint8_t mask[BLOCK_LEN])
{
	for (size_t i = 0; i < BLOCK_LEN; i++)
		block[i] ^= mask[i];
}

/* TEMP = E_K(RAND xor OPc) */
static enum smr_err make_temp(const struct smr_milenage_key *key, const uint8_t rand[16], uint8_t temp[BLOCK_LEN])
{
	memcpy(temp, rand, BLOCK_LEN);
	xor_into(temp, key->opc);
	return smr_aes128_encrypt(key->k, temp, temp);
}

/* out = E_K(mask xor rot(in xor OPc, r) xor c) xor OPc; only OUT1 has a mask. */
static enum smr_err make_row(const struct smr_milenage_key *key, const struct row *row, const uint8_t in[BLOCK_LEN],
			     const uint8_t *mask, uint8_t out[BLOCK_LEN])
{
	for (size_t i = 0; i < BLOCK_LEN; i++) {
		size_t from = (i + row->rotate) % BLOCK_LEN;

		out[i] = in[from] ^ key->opc[from];
	}
	if (mask != NULL)
		xor_into(out, mask);
	out[BLOCK_LEN - 1] ^= row->constant;
	SMR_TRY(smr_aes128_encrypt(key->k, out, out));
	xor_into(out, key->opc);
	return SMR_OK;
}

enum smr_err smr_milenage_opc(const uint8_t k[SMR_MILENAGE_K_LEN], const uint8_t op[16],
			      uint8_t opc[SMR_MILENAGE_OPC_LEN])
{
	uint8_t block[BLOCK_LEN];
	enum smr_err err = smr_aes128_encrypt(k, op, block);

	if (err == SMR_OK) {
		xor_into(block, op);
		memcpy(opc, block, BLOCK_LEN);
	} else {
		smr_wipe(opc, BLOCK_LEN);
	}
	SMR_WIPE(block);
	return err;
}

/* OUT1: MAC-A and MAC-S side by side. */
static enum smr_err make_macs(const struct smr_milenage_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			      const uint8_t amf[2], uint8_t macs[BLOCK_LEN])
{
	uint8_t temp[BLOCK_LEN];
	uint8_t in1[BLOCK_LEN];
	enum smr_err err;

	for (size_t half = 0; half < BLOCK_LEN; half += 8) {
		memcpy(in1 + half, sqn, 6);
		memcpy(in1 + half + 6, amf, 2);
	}
	err = make_temp(key, rand, temp);
	if (err == SMR_OK)
		err = make_row(key, &out1, in1, temp, macs);
	SMR_WIPE(temp);
	SMR_WIPE(in1);
	return err;
}

static enum smr_err take_mac(const struct smr_milenage_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			     const uint8_t amf[2], size_t offset, uint8_t mac[8])
{
	uint8_t macs[BLOCK_LEN];
	enum smr_err err = make_macs(key, rand, sqn, amf, macs);

	if (err == SMR_OK)
		memcpy(mac, macs + offset, 8);
	else
		smr_wipe(mac, 8);
	SMR_WIPE(macs);
	return err;
}

enum smr_err smr_milenage_f1(const struct smr_milenage_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			     const uint8_t amf[2], uint8_t mac_a[8])
{
	return take_mac(key, rand, sqn, amf, 0, mac_a);
}

enum smr_err smr_milenage_f1star(const struct smr_milenage_key *key, const uint8_t rand[16], const uint8_t sqn[6],
				 const uint8_t amf[2], uint8_t mac_s[8])
{
	return take_mac(key, rand, sqn, amf, 8, mac_s);
}

/* OUT2 carries AK in front and RES behind. */
static enum smr_err fill_output(const struct smr_milenage_key *key, const uint8_t temp[BLOCK_LEN],
				struct smr_milenage_output *out)
{
	uint8_t block[BLOCK_LEN];
	enum smr_err err = make_row(key, &out2, temp, NULL, block);

	memcpy(out->ak, block, sizeof(out->ak));
	memcpy(out->res, block + 8, sizeof(out->res));
	SMR_WIPE(block);
	SMR_TRY(err);
	SMR_TRY(make_row(key, &out3, temp, NULL, out->ck));
	return make_row(key, &out4, temp, NULL, out->ik);
}

enum smr_err smr_milenage_f2345(const struct smr_milenage_key *key, const uint8_t rand[16],
				struct smr_milenage_output *out)
{
	uint8_t temp[BLOCK_LEN];
	enum smr_err err = make_temp(key, rand, temp);

	if (err == SMR_OK)
		err = fill_output(key, temp, out);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	SMR_WIPE(temp);
	return err;
}

enum smr_err smr_milenage_f5star(const struct smr_milenage_key *key, const uint8_t rand[16], uint8_t ak[6])
{
	uint8_t temp[BLOCK_LEN];
	uint8_t block[BLOCK_LEN];
	enum smr_err err = make_temp(key, rand, temp);

	if (err == SMR_OK)
		err = make_row(key, &out5, temp, NULL, block);
	if (err == SMR_OK)
		memcpy(ak, block, 6);
	else
		smr_wipe(ak, 6);
	SMR_WIPE(temp);
	SMR_WIPE(block);
	return err;
}

static void fold(const struct smr_milenage_output *from, enum smr_gsm_sres way, struct smr_gsm_triplet *out)
{
	for (size_t i = 0; i < 4; i++)
		out->sres[i] = way == SMR_GSM_SRES_1 ? from->res[i] ^ from->res[i + 4] : from->res[i];
	for (size_t i = 0; i < 8; i++)
		out->kc[i] = from->ck[i] ^ from->ck[i + 8] ^ from->ik[i] ^ from->ik[i + 8];
}

enum smr_err smr_milenage_gsm(const struct smr_milenage_key *key, const uint8_t rand[16], enum smr_gsm_sres way,
			      struct smr_gsm_triplet *out)
{
	struct smr_milenage_output full;
	enum smr_err err;

	SMR_WIPE(*out);
	if (way != SMR_GSM_SRES_1 && way != SMR_GSM_SRES_2)
		return SMR_E_INVALID;
	err = smr_milenage_f2345(key, rand, &full);
	if (err == SMR_OK)
		fold(&full, way, out);
	SMR_WIPE(full);
	return err;
}
