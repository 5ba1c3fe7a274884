/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/port.h"

#include <stdlib.h>

#include "core/kdf.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"

#define COUNTER_VALUE_LEN 8u
#define COUNTER_LEN (COUNTER_VALUE_LEN + SMR_HASH_LEN)

/* ---- counter ---- */

/* The MAC ties the counter to its storage key: neither an edited file nor that of another directory passes. */
static enum smr_err counter_mac(const struct smr_tre_linux *port, const uint8_t value[COUNTER_VALUE_LEN],
				uint8_t mac[SMR_HASH_LEN])
{
	uint8_t key[SMR_HASH_LEN];
	struct smr_bytes part = {value, COUNTER_VALUE_LEN};
	enum smr_err err = smr_kdf(SMR_ARRAY(port->key), "tre-counter", NULL, 0, (struct smr_space){key, sizeof(key)});

	if (err == SMR_OK)
		err = smr_hmac_sha256(SMR_ARRAY(key), &part, 1, mac);
	SMR_WIPE(key);
	return err;
}

static enum smr_err write_counter(const struct smr_tre_linux *port, uint64_t value)
{
	uint8_t content[COUNTER_LEN];

	smr_put_be64(content, value);
	SMR_TRY(counter_mac(port, content, content + COUNTER_VALUE_LEN));
	return smr_fs_write(port->counter_path, SMR_ARRAY(content), 0600);
}

/* Value as it stands in the file, and whether its MAC holds. */
static enum smr_err read_counter_file(const struct smr_tre_linux *port, uint64_t *value, bool *genuine)
{
	uint8_t mac[SMR_HASH_LEN];
	struct smr_blob blob;
	enum smr_err err = smr_fs_read(port->counter_path, COUNTER_LEN, &blob);

	if (err != SMR_OK)
		return err == SMR_E_TOO_MANY ? SMR_E_TAMPERED : err;
	if (blob.len != COUNTER_LEN) {
		smr_blob_wipe(&blob);
		return SMR_E_TAMPERED;
	}
	err = counter_mac(port, blob.ptr, mac);
	*value = smr_get_be64(blob.ptr);
	*genuine = err == SMR_OK && smr_equal_ct(mac, blob.ptr + COUNTER_VALUE_LEN, sizeof(mac));
	smr_blob_wipe(&blob);
	return err;
}

static enum smr_err read_counter(void *context, uint64_t *value)
{
	struct smr_tre_linux *port = context;
	uint64_t found = 0;
	bool genuine = false;
	enum smr_err err;

	SMR_TRY(port->key_health);
	err = read_counter_file(port, &found, &genuine);
	/* It was made together with the key: that it is missing is no beginning. */
	if (err == SMR_E_NOT_FOUND || (err == SMR_OK && !genuine))
		return SMR_E_TAMPERED;
	SMR_TRY(err);
	if (found < port->counter)
		return SMR_E_TAMPERED;
	port->counter = found;
	*value = found;
	return SMR_OK;
}

static enum smr_err advance_counter(void *context, uint64_t to)
{
	struct smr_tre_linux *port = context;
	uint64_t now = 0;

	SMR_TRY(read_counter(port, &now));
	if (to < now)
		return SMR_E_INVALID;
	if (to == now)
		return SMR_OK;
	SMR_TRY(write_counter(port, to));
	port->counter = to;
	return SMR_OK;
}

/* ---- key, measurement, what the place does ---- */

static enum smr_err give_storage_key(void *context, uint8_t key[SMR_AEAD_KEY_LEN])
{
	const struct smr_tre_linux *port = context;

	SMR_TRY(port->key_health);
	memcpy(key, port->key, SMR_AEAD_KEY_LEN);
	return SMR_OK;
}

static enum smr_err give_measurement(void *context, uint8_t out[SMR_HASH_LEN])
{
	const struct smr_tre_linux *port = context;

	memcpy(out, port->measurement, SMR_HASH_LEN);
	return SMR_OK;
}

static enum smr_err store_record(void *context, struct smr_bytes record)
{
	return smr_tre_place_store(&((const struct smr_tre_linux *)context)->place, record);
}

static enum smr_err load_record(void *context, struct smr_space *record)
{
	return smr_tre_place_load(&((const struct smr_tre_linux *)context)->place, record);
}

static enum smr_err read_tamper(void *context, uint32_t *events)
{
	return smr_tre_place_tamper(&((const struct smr_tre_linux *)context)->place, events);
}

struct smr_tre_port smr_tre_linux_port(struct smr_tre_linux *linux_port)
{
	return (struct smr_tre_port){
		.context = linux_port,
		.store = store_record,
		.load = load_record,
		.counter_read = read_counter,
		.counter_advance = advance_counter,
		.storage_key = give_storage_key,
		.measurement = give_measurement,
		.tamper = read_tamper,
	};
}

/* ---- life ---- */

static bool join_paths(struct smr_tre_linux *port, const char *dir)
{
	port->counter_path = smr_fs_join(dir, "counter");
	port->key_path = smr_fs_join(dir, "storage.key");
	return port->counter_path != NULL && port->key_path != NULL;
}

/* Without a key: is there nothing else either, but perhaps the counter at 0 of a first start that was cut short? */
static bool is_unused(const struct smr_tre_linux *port)
{
	uint64_t value = 0;
	bool genuine = false;
	enum smr_err err;

	if (smr_fs_exists(port->place.record_path))
		return false;
	err = read_counter_file(port, &value, &genuine);
	return err == SMR_E_NOT_FOUND || (err == SMR_OK && value == 0);
}

/* The key comes last: with it the directory counts as made, and a counter has to be there. */
static enum smr_err make_first(struct smr_tre_linux *port, struct smr_problem *problem)
{
	enum smr_err err = smr_random(port->key, sizeof(port->key));

	if (err == SMR_OK)
		err = write_counter(port, 0);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s", port->counter_path, smr_err_text(err));
	return smr_secretfile_create(port->key_path, SMR_ARRAY(port->key), problem);
}

static enum smr_err take_key(struct smr_tre_linux *port, struct smr_problem *problem)
{
	enum smr_err err =
		smr_secretfile_load(port->key_path, (struct smr_space){port->key, sizeof(port->key)}, problem);

	if (err == SMR_E_NOT_FOUND && is_unused(port))
		return make_first(port, problem);
	if (err == SMR_E_NOT_FOUND || err == SMR_E_MALFORMED) {
		port->key_health = SMR_E_TAMPERED;
		return SMR_OK;
	}
	return err;
}

enum smr_err smr_tre_linux_open(struct smr_tre_linux *linux_port, const char *dir,
				const uint8_t measurement[SMR_HASH_LEN], struct smr_problem *problem)
{
	enum smr_err err;

	*linux_port = (struct smr_tre_linux){0};
	memcpy(linux_port->measurement, measurement, SMR_HASH_LEN);
	err = smr_tre_place_open(&linux_port->place, dir, problem);
	if (err == SMR_OK && !join_paths(linux_port, dir))
		/* uncovered: out of memory */
		err = smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	if (err == SMR_OK)
		err = take_key(linux_port, problem);
	if (err != SMR_OK)
		smr_tre_linux_close(linux_port);
	return err;
}

void smr_tre_linux_close(struct smr_tre_linux *linux_port)
{
	smr_tre_place_close(&linux_port->place);
	free(linux_port->counter_path);
	free(linux_port->key_path);
	smr_wipe(linux_port, sizeof(*linux_port));
	linux_port->place.lock_fd = -1;
}
