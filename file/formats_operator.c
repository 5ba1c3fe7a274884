/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sends: batches to the RO (3), subscriptions to its AuC (4), commands to the RO (5). */
#include "file/formats_local.h"

#include "file/card.h"

#define SQN_MAX 0xffffffffffffu /* 48 bits */

/* ---- batch ---- */

void smr_put_batch_about(struct smr_writer *w, struct smr_bytes auc_card)
{
	smr_put_array(w, 1);
	smr_put_bytes(w, auc_card);
}

enum smr_err smr_get_batch_about(struct smr_bytes encoded, struct smr_bytes *auc_card)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_bytes card;

	(void)smr_get_array(&r, 1, 1);
	card = smr_get_bytes(&r, 1, SMR_CARD_MAX);
	SMR_TRY(smr_reader_done(&r));
	*auc_card = card;
	return SMR_OK;
}

void smr_put_batch_record(struct smr_writer *w, const struct smr_batch_record *record)
{
	bool has_interval = record->interval_s != 0;

	smr_put_array(w, has_interval ? 4 : record->has_shipment ? 3 : 2);
	smr_put_bytes(w, smr_eid_bytes(&record->eid));
	smr_put_package(w, &record->package);
	if (record->has_shipment)
		smr_put_bytes(w, SMR_ARRAY(record->shipment.octets));
	else if (has_interval)
		smr_put_null(w);
	if (has_interval)
		smr_put_uint(w, record->interval_s);
}

/* 0 would be a second way to say nothing. */
static uint32_t get_interval(struct smr_reader *r)
{
	uint32_t interval_s = (uint32_t)smr_get_uint(r, UINT32_MAX);

	if (interval_s == 0)
		smr_reader_fail(r, SMR_E_MALFORMED);
	return interval_s;
}

enum smr_err smr_get_batch_record(struct smr_bytes encoded, struct smr_batch_record *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_batch_record record = {0};
	size_t count = smr_get_array(&r, 2, 4);

	smr_get_eid(&r, &record.eid);
	smr_get_package(&r, &record.package);
	record.has_shipment =
		count == 3 || (count == 4 && !smr_get_null(&r)); /* null says that only an interval follows */
	if (record.has_shipment)
		smr_get_fixed(&r, record.shipment.octets, sizeof(record.shipment.octets));
	if (count > 3)
		record.interval_s = get_interval(&r);
	SMR_TRY(smr_reader_done(&r));
	*out = record;
	return SMR_OK;
}

/* ---- subscriptions ---- */

#define SHORT_COUNT 4
#define FULL_COUNT 15 /* and the platform */

static void put_addition(struct smr_writer *w, const struct smr_subscription_record *record)
{
	const struct smr_aka_params *aka = &record->aka;

	smr_put_bytes(w, SMR_ARRAY(record->imsi.octets));
	smr_put_uint(w, (uint64_t)aka->alg);
	smr_put_bytes(w, smr_bytes_of(aka->k, aka->k_len));
	smr_put_bytes(w, smr_bytes_of(aka->opc, smr_aka_opc_len(aka->alg)));
	smr_put_uint(w, aka->res_len);
	smr_put_uint(w, aka->keccak_iterations);
	smr_put_bytes(w, SMR_ARRAY(record->amf));
	smr_put_uint(w, record->sqn);
	smr_put_bytes(w, SMR_ARRAY(record->d));
	smr_put_bytes(w, SMR_ARRAY(record->hash_x));
	smr_put_bytes(w, SMR_ARRAY(record->supplier));
	smr_put_platform(w, record->platform);
}

void smr_put_subscription_record(struct smr_writer *w, const struct smr_subscription_record *record)
{
	bool addition = record->action == SMR_SUBSCRIPTION_ADD;

	smr_put_array(w, addition ? FULL_COUNT + (record->platform != SMR_PLATFORM_SOFTWARE) : SHORT_COUNT);
	smr_put_uint(w, (uint64_t)record->action);
	smr_put_subject(w, &record->eid, &record->iccid, record->serial);
	if (addition)
		put_addition(w, record);
}

static void get_aka(struct smr_reader *r, struct smr_aka_params *aka)
{
	struct smr_bytes k;
	struct smr_bytes opc;

	aka->alg = (enum smr_aka_alg)smr_get_uint(r, UINT8_MAX);
	k = smr_get_bytes(r, 16, sizeof(aka->k));
	opc = smr_get_bytes(r, 16, sizeof(aka->opc));
	aka->res_len = (uint8_t)smr_get_uint(r, UINT8_MAX);
	aka->keccak_iterations = (uint8_t)smr_get_uint(r, UINT8_MAX);
	if (r->err != SMR_OK)
		return;
	memcpy(aka->k, k.ptr, k.len);
	aka->k_len = (uint8_t)k.len;
	memcpy(aka->opc, opc.ptr, opc.len);
	if (opc.len != smr_aka_opc_len(aka->alg))
		smr_reader_fail(r, smr_aka_opc_len(aka->alg) == 0 ? SMR_E_UNSUPPORTED : SMR_E_MALFORMED);
	else if (smr_aka_params_check(aka) != SMR_OK)
		smr_reader_fail(r, smr_aka_params_check(aka));
}

static void get_addition(struct smr_reader *r, bool has_platform, struct smr_subscription_record *record)
{
	smr_get_fixed(r, record->imsi.octets, sizeof(record->imsi.octets));
	if (r->err == SMR_OK && smr_imsi_check(&record->imsi) != SMR_OK)
		smr_reader_fail(r, SMR_E_MALFORMED);
	get_aka(r, &record->aka);
	smr_get_fixed(r, record->amf, sizeof(record->amf));
	record->sqn = smr_get_uint(r, SQN_MAX);
	smr_get_point(r, record->d);
	smr_get_fixed(r, record->hash_x, sizeof(record->hash_x));
	smr_get_point(r, record->supplier);
	record->platform = smr_get_platform(r, has_platform);
}

static enum smr_err get_subscription(struct smr_bytes encoded, struct smr_subscription_record *record)
{
	struct smr_reader r = smr_reader_init(encoded);
	size_t count = smr_get_array(&r, SHORT_COUNT, FULL_COUNT + 1);
	bool addition;

	record->action = (enum smr_subscription_action)smr_get_uint(&r, SMR_SUBSCRIPTION_WITHDRAW);
	smr_get_subject(&r, &record->eid, &record->iccid, &record->serial);
	addition = record->action == SMR_SUBSCRIPTION_ADD;
	if (addition)
		get_addition(&r, count > FULL_COUNT, record);
	SMR_TRY(smr_reader_done(&r));
	if (record->action < SMR_SUBSCRIPTION_ADD || !(addition ? count >= FULL_COUNT : count == SHORT_COUNT))
		return SMR_E_MALFORMED;
	return SMR_OK;
}

enum smr_err smr_get_subscription_record(struct smr_bytes encoded, struct smr_subscription_record *out)
{
	struct smr_subscription_record record = {0};
	enum smr_err err = get_subscription(encoded, &record);

	if (err == SMR_OK)
		*out = record;
	smr_subscription_record_wipe(&record);
	return err;
}

void smr_subscription_record_wipe(struct smr_subscription_record *record)
{
	SMR_WIPE(*record);
}

/* ---- commands ---- */

void smr_put_command_record(struct smr_writer *w, const struct smr_command_record *record)
{
	smr_put_array(w, 4);
	smr_put_subject(w, &record->eid, &record->iccid, record->serial);
	if (record->command.len > 0)
		smr_put_bytes(w, record->command);
	else
		smr_put_null(w);
}

enum smr_err smr_get_command_record(struct smr_bytes encoded, struct smr_command_record *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_command_record record = {0};

	(void)smr_get_array(&r, 4, 4);
	smr_get_subject(&r, &record.eid, &record.iccid, &record.serial);
	if (!smr_get_null(&r))
		record.command = smr_get_bytes(&r, 1, SMR_COMMAND_MAX);
	SMR_TRY(smr_reader_done(&r));
	*out = record;
	return SMR_OK;
}
