/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pg/local.h"

#define BUCKET_BITS 12

void smr_pg_params_clear(struct smr_pg_params *params)
{
	params->count = 0;
}

void smr_pg_put_param(struct smr_pg_params *params, Oid type, const void *ptr, size_t len)
{
	int n = params->count++;

	params->values[n] = ptr;
	params->lengths[n] = (int)len;
	params->formats[n] = 1;
	params->types[n] = type;
}

void smr_pg_put_bytes(struct smr_pg_params *params, const void *ptr, size_t len)
{
	smr_pg_put_param(params, SMR_PG_BYTEA, ptr, len);
}

void smr_pg_put_null(struct smr_pg_params *params, Oid type)
{
	smr_pg_put_param(params, type, NULL, 0);
}

static size_t width_of(Oid type)
{
	return type == SMR_PG_INT8 ? 8 : type == SMR_PG_INT4 ? 4 : 2;
}

void smr_pg_put_int(struct smr_pg_params *params, Oid type, uint64_t value)
{
	uint8_t *octets = params->numbers[params->count];
	size_t width = width_of(type);

	smr_put_be64(octets, value);
	smr_pg_put_param(params, type, octets + 8 - width, width);
}

void smr_pg_put_ref(struct smr_pg_params *params, uint64_t number)
{
	if (number != 0)
		smr_pg_put_int(params, SMR_PG_INT8, number);
	else
		smr_pg_put_null(params, SMR_PG_INT8);
}

void smr_pg_params_save(const struct smr_pg_params *params, struct smr_pg_query_params *kept)
{
	size_t count = (size_t)params->count;

	kept->count = params->count;
	memcpy(kept->values, params->values, count * sizeof(kept->values[0]));
	memcpy(kept->lengths, params->lengths, count * sizeof(kept->lengths[0]));
	memcpy(kept->numbers, params->numbers, count * sizeof(kept->numbers[0]));
	memcpy(kept->types, params->types, count * sizeof(kept->types[0]));
}

void smr_pg_params_restore(struct smr_pg_params *params, const struct smr_pg_query_params *kept)
{
	size_t count = (size_t)kept->count;

	params->count = kept->count;
	memcpy(params->values, kept->values, count * sizeof(kept->values[0]));
	memcpy(params->lengths, kept->lengths, count * sizeof(kept->lengths[0]));
	memcpy(params->numbers, kept->numbers, count * sizeof(kept->numbers[0]));
	memcpy(params->types, kept->types, count * sizeof(kept->types[0]));
}

enum smr_err smr_pg_bucket(const void *ptr, size_t len, uint32_t *bucket)
{
	struct smr_bytes part = smr_bytes_of(ptr, len);
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(smr_sha256(&part, 1, hash));
	*bucket = smr_get_be32(hash) >> (32 - BUCKET_BITS);
	return SMR_OK;
}
