/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/port.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/kdf.h"
#include "sys/fsio.h"
#include "sys/keyfile.h"
#include "sys/text.h"

#define COUNTER_VALUE_LEN 8u
#define COUNTER_LEN (COUNTER_VALUE_LEN + SMR_HASH_LEN)
#define TAMPER_MAX 16u

/* ---- record ---- */

static enum smr_err store_record(void *context, struct smr_bytes record)
{
	const struct smr_tre_linux *port = context;

	return smr_fs_write(port->record_path, record, 0600);
}

static enum smr_err load_record(void *context, struct smr_space *record)
{
	const struct smr_tre_linux *port = context;
	struct smr_blob blob;
	enum smr_err err = smr_fs_read(port->record_path, record->len, &blob);

	if (err != SMR_OK)
		return err == SMR_E_TOO_MANY ? SMR_E_TAMPERED : err;
	if (blob.len > 0)
		memcpy(record->ptr, blob.ptr, blob.len);
	record->len = blob.len;
	smr_blob_wipe(&blob);
	return SMR_OK;
}

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

/* ---- key, measurement, tamper line ---- */

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

/* Whatever stands there in place of a number is an event of its own: nobody who respects the line writes it. */
static enum smr_err read_tamper(void *context, uint32_t *events)
{
	const struct smr_tre_linux *port = context;
	uint64_t value = 0;
	struct smr_blob blob;
	enum smr_err err = smr_fs_read(port->tamper_path, TAMPER_MAX, &blob);

	if (err == SMR_E_NOT_FOUND) {
		*events = 0;
		return SMR_OK;
	}
	if (err == SMR_OK) {
		if (blob.len > 0 && blob.ptr[blob.len - 1] == '\n')
			blob.ptr[--blob.len] = '\0';
		/* A NUL inside would hide what follows. */
		err = strlen((const char *)blob.ptr) == blob.len
			      ? smr_parse_uint((const char *)blob.ptr, 0, UINT32_MAX, &value)
			      : SMR_E_MALFORMED;
		smr_blob_wipe(&blob);
	} else if (smr_err_class(err) == SMR_CLASS_LIMIT && err != SMR_E_TOO_MANY) {
		return err; /* our own trouble in reading is no event: it would be latched for good */
	}
	*events = err == SMR_OK ? (uint32_t)value : SMR_TRE_LINUX_TAMPER_FILE;
	return SMR_OK;
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

static enum smr_err take_directory(const char *dir, struct smr_problem *problem)
{
	struct stat st;
	enum smr_err err = smr_fs_exists(dir) ? SMR_OK : smr_fs_mkdir(dir, 0700);

	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: cannot be made: %s", dir, strerror(errno));
	if (stat(dir, &st) != 0)
		/* uncovered: somebody removes it between two calls */
		return smr_problem(problem, smr_fs_err(errno), "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return smr_problem(problem, SMR_E_REFUSED, "%s: it is no directory", dir);
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return smr_problem(problem, SMR_E_REFUSED,
				   "%s: it has to belong to user %u alone: chown it and chmod it to 0700", dir,
				   (unsigned)geteuid());
	return SMR_OK;
}

static bool join_paths(struct smr_tre_linux *port, const char *dir)
{
	port->record_path = smr_fs_join(dir, "record");
	port->counter_path = smr_fs_join(dir, "counter");
	port->key_path = smr_fs_join(dir, "storage.key");
	port->tamper_path = smr_fs_join(dir, "tamper");
	return port->record_path != NULL && port->counter_path != NULL && port->key_path != NULL &&
	       port->tamper_path != NULL;
}

/* Without a key: is there nothing else either, but perhaps the counter at 0 of a first start that was cut short? */
static bool is_unused(const struct smr_tre_linux *port)
{
	uint64_t value = 0;
	bool genuine = false;
	enum smr_err err;

	if (smr_fs_exists(port->record_path))
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

	*linux_port = (struct smr_tre_linux){.lock_fd = -1};
	memcpy(linux_port->measurement, measurement, SMR_HASH_LEN);
	SMR_TRY(take_directory(dir, problem));
	err = smr_fs_lock(dir, "lock", &linux_port->lock_fd);
	if (err == SMR_E_BUSY)
		return smr_problem(problem, err, "%s: another samara-tre works there; one directory is one TRE", dir);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s/lock: %s", dir, strerror(errno));
	smr_fs_remove_leftovers(dir, "");
	if (!join_paths(linux_port, dir))
		/* uncovered: out of memory */
		err = smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	else
		err = take_key(linux_port, problem);
	if (err != SMR_OK)
		smr_tre_linux_close(linux_port);
	return err;
}

void smr_tre_linux_close(struct smr_tre_linux *linux_port)
{
	free(linux_port->record_path);
	free(linux_port->counter_path);
	free(linux_port->key_path);
	free(linux_port->tamper_path);
	if (linux_port->lock_fd >= 0)
		(void)close(linux_port->lock_fd);
	smr_wipe(linux_port, sizeof(*linux_port));
	linux_port->lock_fd = -1;
}
