/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <stdlib.h>

#include "sys/fsio.h"
#include "sys/ini.h"

#define KEY(section, name, type, member, fallback, min, max, help)                                                   \
	{                                                                                                            \
		section, name, SMR_INI_##type, offsetof(struct smr_server_config, member), fallback, min, max, help, \
			NULL                                                                                         \
	}

static const struct smr_ini_key keys[] = {
	KEY("listen", "address", TEXT, address, "0.0.0.0", 1, 64, "IPv4 or IPv6 address to listen on"),
	KEY("listen", "port", UINT, port, "5683", 1, 65535, "UDP port (CoAP's default)"),
	KEY("listen", "threads", UINT, threads, "0", 0, 256, "worker threads; 0: one per core"),
	KEY("listen", "batch", UINT, batch, "64", 1, SMR_WORKER_BATCH_MAX,
	    "datagrams that a worker takes, looks up and answers at a time, at most"),
	KEY("store", "path", TEXT, store, "samara.db", 1, 400, "SQLite file of the store"),
	KEY("relay", "spool", TEXT, spool, "spool", 1, 400, "directory shared with the operators' AuCs"),
	KEY("relay", "interval", DURATION, relay_interval_s, "1s", 1, 86400, "how often evidence is put into files"),
	KEY("relay", "batch", UINT, relay_batch, "1000", 1, 4096, "records per file at most"),
	KEY("pending", "stale", DURATION, stale_s, "15m", 1, 86400,
	    "when the store was not heard of for so long, check-ins are no longer answered without it"),
	KEY("flight", "send-next-key", DURATION, send_next_key_s, "24h", 0, 31536000,
	    "send the next flight key along when the current one ends within this time"),
	KEY("status", "socket", TEXT, status_socket, "samarad.sock", 1, 400,
	    "counters as JSON, one line per connection"),
};

/** Paths of the configuration are relative to the RO's directory. */
static enum smr_err resolve(const char *dir, char **path)
{
	char *full = smr_fs_join(dir, *path);

	if (full == NULL)
		return SMR_E_NO_MEMORY;
	free(*path);
	*path = full;
	return SMR_OK;
}

enum smr_err smr_server_config_load(const char *path, const char *dir, struct smr_server_config *out,
				    struct smr_problem *problem)
{
	enum smr_err err;

	SMR_TRY(smr_ini_load(path, keys, SMR_COUNT(keys), out, problem));
	err = resolve(dir, &out->store);
	if (err == SMR_OK)
		err = resolve(dir, &out->spool);
	if (err == SMR_OK)
		err = resolve(dir, &out->status_socket);
	if (err != SMR_OK)
		smr_server_config_wipe(out);
	return err;
}

void smr_server_config_wipe(struct smr_server_config *config)
{
	smr_ini_wipe(keys, SMR_COUNT(keys), config);
}

void smr_server_config_help(FILE *out)
{
	smr_ini_help(out, keys, SMR_COUNT(keys));
}
