/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <stdlib.h>

#include "server/gates.h"
#include "store/store.h"
#include "sys/fsio.h"
#include "sys/ini.h"

#define KEY(section, name, type, member, fallback, min, max, help)                                                   \
	{                                                                                                            \
		section, name, SMR_INI_##type, offsetof(struct smr_server_config, member), fallback, min, max, help, \
			NULL                                                                                         \
	}

#define CHOICE(section, name, member, fallback, choices, help)                                                   \
	{                                                                                                        \
		section, name, SMR_INI_CHOICE, offsetof(struct smr_server_config, member), fallback, 0, 0, help, \
			choices                                                                                  \
	}

static const struct smr_ini_key keys[] = {
	KEY("listen", "address", TEXT, address, "0.0.0.0", 1, 64, "IPv4 or IPv6 address to listen on"),
	KEY("listen", "port", UINT, port, "5683", 1, 65535, "UDP port (CoAP's default)"),
	KEY("listen", "threads", UINT, threads, "0", 0, 256, "worker threads; 0: one per core"),
	KEY("listen", "batch", UINT, batch, "64", 1, SMR_WORKER_BATCH_MAX,
	    "datagrams that a worker takes, looks up and answers at a time, at most"),
	KEY("listen", "receive-buffer", UINT, receive_buffer, "8388608", 65536, 1073741824,
	    "octets that wait in each worker's socket: 13,000 first contacts or 20,000 check-ins, what arrives at full "
	    "rate during a slow commit"),
	SMR_STORE_INI_KEY(struct smr_server_config, store),
	CHOICE("relay", "active", relay, "yes", "yes|no",
	       "whether this samarad relays; of several on one store only the one that has the operators' spool "
	       "should: others "
	       "write a copy of each file that waits"),
	KEY("relay", "spool", TEXT, spool, "spool", 1, 400, "directory shared with the operators' AuCs"),
	KEY("relay", "interval", DURATION, relay_interval_s, "1s", 1, 86400,
	    "how often evidence is put into files, as many as it fills"),
	KEY("relay", "batch", UINT, relay_batch, "1000", 1, 4096, "records per file at most"),
	{"tickets", "spare", SMR_INI_CHOICE, offsetof(struct smr_server_config, spare), "rare", 0, 0,
	 "spare tickets: for devices that check in less often than once a day, for all, for none", "rare|always|never"},
	KEY("pending", "stale", DURATION, stale_s, "15m", 1, 86400,
	    "when the store was not heard of for so long, check-ins are no longer answered without it"),
	KEY("flight", "send-next-key", DURATION, send_next_key_s, "24h", 0, 31536000,
	    "send the next flight key along when the current one ends within this time"),
	CHOICE("overload", "demand", demand, "auto", "auto|always|never",
	       "when a first contact has to prove its address (Echo) and show its gate MAC before it is opened; auto: "
	       "while the queue is older than the target"),
	CHOICE("overload", "gate", gate, "prefer", "prefer|require",
	       "what becomes of those without a gate MAC then; prefer: they are served last; require: they are told to "
	       "come back later"),
	KEY("overload", "target-ms", UINT, target_ms, "150", 1, 10000,
	    "milliseconds that requests may wait in the socket before the server counts as loaded; at two targets "
	    "those "
	    "without a gate MAC are sent away, at three whoever has shown nothing yet, at four everybody but "
	    "check-ins"),
	KEY("overload", "hold", DURATION, hold_s, "10s", 1, 86400, "it counts as loaded for so long after that"),
	KEY("overload", "prefix-rate", UINT, prefix_rate, "500", 1, 1000000,
	    "first contacts a second that one address prefix (/24, /56) may make while loaded before it is sent away "
	    "first"),
	KEY("overload", "gate-keys", UINT, gate_keys, "64", SMR_GATES_MIN, SMR_GATES_MAX,
	    "gate keys that are tried at most; a try costs 0.3 microseconds. Of more shipments than that, those seen "
	    "last and, with a quarter of the tries, all in turn"),
	KEY("overload", "answers", UINT, answers, "16384", 0, 1048576,
	    "answers that each worker remembers while loaded, for requests whose answer was lost; 750 octets each"),
	KEY("overload", "later-min", DURATION, later_min_s, "10s", 1, 86400, "shortest time to come back after"),
	KEY("overload", "later-max", DURATION, later_max_s, "15m", 1, 86400, "longest time to come back after"),
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
	err = smr_store_resolve(dir, &out->store);
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
