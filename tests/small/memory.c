/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/small/small.h"

static struct {
	uint8_t record[SMR_TRE_RECORD_MAX];
	size_t len;
	uint64_t counter;
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t measurement[SMR_HASH_LEN];
} memory;

static enum smr_err store(void *context, struct smr_bytes record)
{
	(void)context;
	if (record.len > sizeof(memory.record))
		return SMR_E_NO_ROOM;
	memcpy(memory.record, record.ptr, record.len);
	memory.len = record.len;
	return SMR_OK;
}

static enum smr_err load(void *context, struct smr_space *record)
{
	(void)context;
	if (memory.len == 0)
		return SMR_E_NOT_FOUND;
	if (memory.len > record->len)
		return SMR_E_NO_ROOM;
	memcpy(record->ptr, memory.record, memory.len);
	record->len = memory.len;
	return SMR_OK;
}

static enum smr_err counter_read(void *context, uint64_t *value)
{
	(void)context;
	*value = memory.counter;
	return SMR_OK;
}

static enum smr_err counter_advance(void *context, uint64_t to)
{
	(void)context;
	memory.counter = to;
	return SMR_OK;
}

static enum smr_err storage_key(void *context, uint8_t key[SMR_AEAD_KEY_LEN])
{
	(void)context;
	memcpy(key, memory.key, sizeof(memory.key));
	return SMR_OK;
}

static enum smr_err measurement(void *context, uint8_t out[SMR_HASH_LEN])
{
	(void)context;
	memcpy(out, memory.measurement, sizeof(memory.measurement));
	return SMR_OK;
}

static enum smr_err tamper(void *context, uint32_t *events)
{
	(void)context;
	*events = 0;
	return SMR_OK;
}

void memory_init(const uint8_t own[SMR_HASH_LEN])
{
	memcpy(memory.measurement, own, sizeof(memory.measurement));
	if (smr_random(memory.key, sizeof(memory.key)) != SMR_OK)
		memory.counter = 1; /* a record that never was: the engine will refuse to start */
}

const struct smr_tre_port *memory_port(void)
{
	static const struct smr_tre_port port = {
		.store = store,
		.load = load,
		.counter_read = counter_read,
		.counter_advance = counter_advance,
		.storage_key = storage_key,
		.measurement = measurement,
		.tamper = tamper,
	};

	return &port;
}
