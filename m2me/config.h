/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file config.h
 * The configuration file of an M2ME: one file for samara-launch and samara-m2me, one table for both, so that each
 * accepts what belongs to the other.
 *
 * Relative paths count from the directory of the file itself. What of it goes into the measurement is what is the same
 * on every device of a model and matters to security: see smr_m2me_config_canonical.
 */
#ifndef SMR_M2ME_CONFIG_H
#define SMR_M2ME_CONFIG_H

#include "sys/ini.h"

#define SMR_M2ME_CANONICAL_MAX 1024u /* octets of the canonical rendering */

/** Values of `certificate`, in the order of its choices. */
enum smr_m2me_certificate {
	SMR_M2ME_CERTIFICATE_AUTO =
		0, /* by reference first, with certificate when the server does not know the device */
	SMR_M2ME_CERTIFICATE_ALWAYS = 1,
	SMR_M2ME_CERTIFICATE_NEVER = 2
};

struct smr_m2me_config {
	/* [launch] */
	uint64_t tre_user; /* 0: who starts samara-launch; so for the other three */
	uint64_t tre_group;
	uint64_t agent_user;
	uint64_t agent_group;
	char *tre_dir;
	char *tre_socket;
	char *tre_binary;   /* "": beside samara-launch */
	char *agent_binary; /* "": beside samara-launch */
	struct smr_ini_list measure;
	/* [tre] */
	char *boot_log;
	char *tpm; /* «device:/dev/tpmrm0» or the like; "": none */
	/* [server] */
	char *address; /* coap://HOST:PORT */
	/* [agent] */
	char *state;
	unsigned certificate; /* enum smr_m2me_certificate */
	uint64_t interval_s;  /* 0: the MCIM's policy */
	uint64_t attach_timeout_s;
	char *bind; /* "": any address */
	uint64_t ack_timeout_s;
	uint64_t max_retransmit;
	uint64_t pause_min_ms;
	uint64_t pause_max_s;
	/* [sim] */
	struct smr_ini_list control;
};

/** The table, for smr_ini_help. */
extern const struct smr_ini_key smr_m2me_config_keys[];
extern const size_t smr_m2me_config_key_count;

/**
 * Load and make all paths absolute. Release with smr_m2me_config_wipe after SMR_OK.
 * @return the errors of smr_ini_load; SMR_E_NO_MEMORY.
 */
enum smr_err smr_m2me_config_load(const char *path, struct smr_m2me_config *out,
				  struct smr_problem *problem) SMR_MUST_USE;
void smr_m2me_config_wipe(struct smr_m2me_config *config);

/** Write it as a configuration file that loads to the same values. SMR_E_IO. */
enum smr_err smr_m2me_config_write(const struct smr_m2me_config *config, FILE *out) SMR_MUST_USE;

/**
 * What is measured: «section.key=value\n» for server.address, agent.certificate, agent.interval and
 * agent.attach-timeout, in this order, durations in seconds. Users, paths and control sockets differ from device to
 * device without changing what the software may do, and so do the local address and waiting times; they are left out, or no two devices would measure alike.
 * @param out  [in,out] room of SMR_M2ME_CANONICAL_MAX; not NUL-terminated. SMR_E_NO_ROOM.
 */
enum smr_err smr_m2me_config_canonical(const struct smr_m2me_config *config, struct smr_space *out) SMR_MUST_USE;

#endif
