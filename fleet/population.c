/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/population.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/kdf.h"
#include "file/formats.h"

/* ---- from the seed ---- */

static enum smr_err derive(const struct smr_population *population, const char *label, uint64_t row, uint8_t attempt,
			   struct smr_space out)
{
	uint8_t number[9];
	struct smr_bytes context = SMR_ARRAY(number);

	smr_put_be64(number, row);
	number[8] = attempt;
	return smr_kdf(SMR_ARRAY(population->seed), label, &context, 1, out);
}

/* One draw in 2^32 is no scalar: then the next one is tried. */
static enum smr_err derive_key(const struct smr_population *population, const char *label, uint64_t row,
			       struct smr_privkey *out, uint8_t point[SMR_POINT_COMPRESSED_LEN])
{
	uint8_t scalar[SMR_SCALAR_LEN];
	enum smr_err err = SMR_E_BAD_POINT;

	for (uint8_t attempt = 0; err == SMR_E_BAD_POINT && attempt < 8; attempt++) {
		err = derive(population, label, row, attempt, (struct smr_space){scalar, sizeof(scalar)});
		if (err == SMR_OK)
			err = smr_privkey_import(out, scalar);
	}
	SMR_WIPE(scalar);
	if (err == SMR_OK)
		smr_point_compress(out->point, point);
	return err;
}

static enum smr_err derive_point(const struct smr_population *population, const char *label,
				 uint8_t point[SMR_POINT_COMPRESSED_LEN])
{
	struct smr_privkey key = {0};
	enum smr_err err = derive_key(population, label, 0, &key, point);

	smr_privkey_wipe(&key);
	return err;
}

static enum smr_err derive_parties(struct smr_population *p)
{
	SMR_TRY(derive_key(p, "fleet supplier", 0, &p->supplier, p->supplier_point));
	SMR_TRY(derive_key(p, "fleet operator", 0, &p->operator_key, p->operator_point));
	SMR_TRY(derive_point(p, "fleet auc sign", p->auc_sign));
	SMR_TRY(derive_point(p, "fleet auc kem", p->auc_kem));
	SMR_TRY(derive_point(p, "fleet nobody", p->nobody));
	SMR_TRY(smr_key_id_of(p->operator_key.point, &p->operator_id));
	return smr_shipment_id_of(p->supplier_point, SMR_POPULATION_SHIPMENT, &p->shipment);
}

enum smr_err smr_population_init(struct smr_population *population, const uint8_t seed[SMR_POPULATION_SEED_LEN])
{
	uint8_t tag[4];
	enum smr_err err;

	memset(population, 0, sizeof(*population));
	memcpy(population->seed, seed, sizeof(population->seed));
	err = derive_parties(population);
	if (err == SMR_OK)
		err = derive(population, "fleet gate", 0, 0,
			     (struct smr_space){population->gate, sizeof(population->gate)});
	if (err == SMR_OK)
		err = derive(population, "fleet storage", 0, 0,
			     (struct smr_space){population->storage_key, sizeof(population->storage_key)});
	if (err == SMR_OK)
		err = derive(population, "fleet software", 0, 0,
			     (struct smr_space){population->measurement, sizeof(population->measurement)});
	if (err == SMR_OK)
		err = derive(population, "fleet tag", 0, 0, (struct smr_space){tag, sizeof(tag)});
	if (err != SMR_OK)
		smr_population_wipe(population);
	else
		population->tag = smr_get_be32(tag) % 100000000u;
	return err;
}

void smr_population_wipe(struct smr_population *population)
{
	smr_privkey_wipe(&population->supplier);
	smr_privkey_wipe(&population->operator_key);
	SMR_WIPE(*population);
}

/* ---- names ---- */

enum smr_err smr_population_eid(const struct smr_population *population, uint64_t row, struct smr_eid *eid)
{
	char digits[40];

	if (row >= SMR_POPULATION_ROWS_MAX)
		return SMR_E_INVALID;
	(void)snprintf(digits, sizeof(digits), "89044032%08" PRIu32 "%014" PRIu64, population->tag, row);
	return smr_eid_make(smr_bytes_of(digits, 30), eid);
}

enum smr_err smr_population_iccid(uint64_t row, struct smr_iccid *iccid)
{
	char digits[32];

	if (row >= SMR_POPULATION_ROWS_MAX)
		return SMR_E_INVALID;
	(void)snprintf(digits, sizeof(digits), "898820%012" PRIu64, row);
	SMR_TRY(smr_luhn_digit(smr_bytes_of(digits, 18), &digits[18]));
	return smr_iccid_parse(smr_bytes_of(digits, 19), iccid);
}

uint64_t smr_population_serial(uint64_t row)
{
	return row + 1;
}

static enum smr_err imsi_of(uint64_t row, struct smr_imsi *imsi)
{
	char digits[32];

	(void)snprintf(digits, sizeof(digits), "00101%010" PRIu64, row);
	return smr_imsi_parse(smr_bytes_of(digits, 15), imsi);
}

/* ---- a device ---- */

static enum smr_err subscribe(const struct smr_population *population, uint64_t row, struct smr_mcim *mcim)
{
	uint8_t keys[32];

	memset(mcim, 0, sizeof(*mcim));
	SMR_TRY(imsi_of(row, &mcim->imsi));
	SMR_TRY(derive(population, "fleet k", row, 0, (struct smr_space){keys, sizeof(keys)}));
	mcim->aka.alg = SMR_AKA_MILENAGE;
	mcim->aka.k_len = 16;
	memcpy(mcim->aka.k, keys, 16);
	memcpy(mcim->aka.opc, keys + 16, 16);
	SMR_WIPE(keys);
	mcim->aka.res_len = SMR_AKA_RES_DEFAULT;
	mcim->aka.keccak_iterations = 1;
	mcim->sqn_delta = UINT64_C(1) << 28;
	mcim->checkin_interval_s = SMR_POPULATION_INTERVAL_S;
	return SMR_OK;
}

enum smr_err smr_population_device(const struct smr_population *population, uint64_t row,
				   struct smr_population_device *out)
{
	enum smr_err err;

	memset(out, 0, sizeof(*out));
	out->serial = smr_population_serial(row);
	err = smr_population_eid(population, row, &out->eid);
	if (err == SMR_OK)
		err = smr_population_iccid(row, &out->iccid);
	if (err == SMR_OK)
		err = derive_key(population, "fleet d", row, &out->d, out->d_point);
	if (err == SMR_OK)
		err = derive_key(population, "fleet t", row, &out->t, out->t_point);
	if (err == SMR_OK)
		err = subscribe(population, row, &out->mcim);
	if (err != SMR_OK)
		smr_population_device_wipe(out);
	return err;
}

void smr_population_device_wipe(struct smr_population_device *device)
{
	smr_privkey_wipe(&device->d);
	smr_privkey_wipe(&device->t);
	SMR_WIPE(*device);
}

enum smr_err smr_population_certify(const struct smr_population *population, const struct smr_population_device *device,
				    struct smr_space *certificate)
{
	struct smr_certificate content = {.eid = device->eid, .shipment = population->shipment};
	struct smr_writer w = smr_writer_init(*certificate);
	struct smr_bytes encoded;

	memcpy(content.d, device->d_point, sizeof(content.d));
	memcpy(content.t, device->t_point, sizeof(content.t));
	SMR_TRY(smr_certificate_sign(&w, &population->supplier, &content));
	SMR_TRY(smr_writer_done(&w, &encoded));
	certificate->len = encoded.len;
	return SMR_OK;
}

enum smr_err smr_population_seal(const struct smr_population *population, const struct smr_population_device *device,
				 struct smr_space *x, uint8_t w[SMR_SIG_LEN])
{
	struct smr_mcim_binding binding = {.eid = device->eid, .iccid = device->iccid, .serial = device->serial};
	struct smr_pubkey t = {0};
	enum smr_err err = smr_pubkey_import(&t, SMR_ARRAY(device->t.point));

	memcpy(binding.operator_key, population->operator_point, sizeof(binding.operator_key));
	if (err == SMR_OK)
		err = smr_mcim_seal(&t, &binding, &device->mcim, x);
	smr_pubkey_wipe(&t);
	if (err == SMR_OK)
		err = smr_w_sign(&population->operator_key, &binding, smr_bytes_of(x->ptr, x->len), SMR_NONE, w);
	return err;
}
